"""Our side of the group measurement: an account in a process of its own, told what to send.

`python -m benchmarks.group_ours OPTIONS` prints `{"qr"}`, and `{"ready"}` once it is linked and
knows the groups. Each line `{"to", "text"}` of its input is answered by `{"id", "wall_s", "cpu_s"}`
once the server has acknowledged the message. The other side is node/groups.mjs.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Mapping
from typing import Any

from waport import Client
from waport.client import ClientConfig
from waport.model import Ack, QrReady, Ready
from waport.pairing import DEFAULT_VERSION
from waport.wire import Jid


async def run(options: Mapping[str, Any]) -> None:
    """Link, then send what is asked for until the input ends.

    Args:
        options: `url`, `root_key`, `ca_file` of the emulator; `folder` for the database; `groups`.
    """
    config = ClientConfig(
        websocket_url=options["url"],
        noise_root_key=bytes.fromhex(options["root_key"]),
        tls=ssl.create_default_context(cafile=options["ca_file"]),
        version=DEFAULT_VERSION,
        send_ack_timeout_s=60.0,
    )
    async with Client(f"{options['folder']}/ours.db", config) as client:
        async for event in client.events():
            if isinstance(event, QrReady):
                _say({"qr": event.text})
            if isinstance(event, Ready):
                break
        for group in options["groups"]:
            await client.groups.info(Jid.parse(group))
        _say({"ready": True})
        while line := await asyncio.to_thread(sys.stdin.readline):
            _say(await _send(client, json.loads(line)))


async def _send(client: Client, asked: Mapping[str, str]) -> Mapping[str, object]:
    began, cpu = time.perf_counter(), time.process_time()
    message = await client.messages.send_text(Jid.parse(asked["to"]), asked["text"])
    took = {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}
    if message.ack is not Ack.SERVER:
        return {"error": "no ack"}
    return {"id": message.key.id, **took}


def _say(value: Mapping[str, object]) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    asyncio.run(run(json.loads(sys.argv[1])))
