"""Our side of the history measurement: an account in a process of its own.

`python -m benchmarks.history_ours OPTIONS` prints `{"qr"}`, `{"ready"}` once it is linked,
`{"percent"}` for each piece of history that is stored, `{"live"}` with the text of a live message.
A line of its input is answered by `{"chats", "people"}`, what it has of both. The other side is
node/history.mjs.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections.abc import Mapping
from typing import Any

from waport import Client
from waport.client import ClientConfig
from waport.model import HistoryProgress, MessageAdded, QrReady, Ready
from waport.pairing import DEFAULT_VERSION


async def run(options: Mapping[str, Any]) -> None:
    """Link, take in what comes, and tell of it until the input ends.

    Args:
        options: `url`, `root_key`, `ca_file` of the emulator; `folder` for the database.
    """
    config = ClientConfig(
        websocket_url=options["url"],
        noise_root_key=bytes.fromhex(options["root_key"]),
        tls=ssl.create_default_context(cafile=options["ca_file"]),
        version=DEFAULT_VERSION,
    )
    async with Client(f"{options['folder']}/ours.db", config) as client:
        answering = asyncio.create_task(_answer(client))
        async for event in client.events():
            if isinstance(event, QrReady):
                _say({"qr": event.text})
            elif isinstance(event, Ready):
                _say({"ready": True})
            elif isinstance(event, HistoryProgress):
                _say({"percent": event.percent})
            elif isinstance(event, MessageAdded):
                _say({"live": event.message.text})
        await answering


async def _answer(client: Client) -> None:
    while await asyncio.to_thread(sys.stdin.readline):
        chats = await client.chats.all()
        people = await client.contacts.all()
        _say(
            {
                "chats": [
                    [str(each.chat.jid), each.chat.unread, each.chat.timestamp, each.chat.name]
                    for each in chats
                ],
                "people": {str(each.jid): each.name for each in people},
            }
        )


def _say(value: Mapping[str, object]) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    asyncio.run(run(json.loads(sys.argv[1])))
