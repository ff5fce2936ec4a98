"""The port, the handshake, frames, and connections that end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import sys
import time
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from waport.crypto import KeyPair
from waport.emulator import Emulator
from waport.noise import FrameReader, encode_frame, intro
from waport.pairing import find_client_revision
from waport.proto import pb
from waport.wire import Node, encode_node

Linked = Callable[..., Awaitable[Any]]


async def test_one_port_answers_tls_and_plain(client_of: Any) -> None:
    async with Emulator() as emulator:
        assert emulator.ws_url == f"wss://127.0.0.1:{emulator.port}/ws/chat"
        assert emulator.ca_file is not None
        trusted = ssl.create_default_context(cafile=emulator.ca_file)
        async with httpx.AsyncClient(verify=trusted) as http:
            for scheme in ("http", "https"):
                for host in ("127.0.0.1", "localhost"):
                    url = f"{scheme}://{host}:{emulator.port}/"
                    assert (await http.get(url)).status_code == 200
        for url in (emulator.ws_url, f"ws://127.0.0.1:{emulator.port}/ws/chat"):
            client = client_of(emulator)
            await client.open(client.registration(), url=url)
            assert len(await client.take_refs()) == 6
            await client.close()
        folder = Path(emulator.ca_file).parent
    assert not folder.exists()


async def test_plain_announces_no_certificate(emulator: Emulator) -> None:
    info = emulator.info()
    assert info["ws_url"] == f"ws://127.0.0.1:{emulator.port}/ws/chat"
    assert info["ca_file"] is None


async def test_the_page_names_a_version_that_is_accepted(emulator: Emulator) -> None:
    emulator.policy.min_revision = 1_999_999_999
    async with httpx.AsyncClient() as http:
        for path in ("/sw.js", "/"):
            page = (await http.get(emulator.web_url + path)).text
            assert find_client_revision(page) == 1_999_999_999


async def test_a_client_may_send_routing_info_and_cut_its_bytes_anywhere(
    emulator: Emulator, client_of: Any
) -> None:
    client = client_of(emulator)
    await client.open(client.registration(), prefix=intro(b"\x08\x0d\x08\x02"))
    assert len(await client.take_refs()) == 6


@pytest.mark.parametrize(
    "opening",
    [
        b"WA\x06\x02" + encode_frame(b"x"),
        b"GET / HTTP/1.1\r\n\r\n",
        intro() + encode_frame(b"\xff\xff\xff"),
        intro() + encode_frame(b""),
        intro() + b"\xff\xff\xff" + b"x" * 10 + encode_frame(b"\x12\x02\x0a\x00"),
    ],
)
async def test_a_bad_opening_is_answered_by_closing(emulator: Emulator, opening: bytes) -> None:
    async with connect(emulator.ws_url, compression=None) as socket:
        await socket.send(opening)
        if opening.startswith(intro() + b"\xff"):
            await socket.close()  # an unfinished frame is no mistake yet
        with pytest.raises(ConnectionClosed):
            async with asyncio.timeout(5):
                await socket.recv()


async def test_a_frame_that_fails_authentication_ends_the_connection(
    emulator: Emulator, linked: Linked
) -> None:
    alice = await linked(emulator, "Alice")
    await alice._socket.send(encode_frame(b"\x00" * 40))
    await alice.closed()


async def test_a_stanza_that_does_not_decode_is_dropped_alone(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice = await linked(emulator, "Alice")
    for broken in (b"", b"\x00", b"\x00\xf8\x05\xff", b"\x02not zlib", b"\x00\x00\x00"):
        await alice.send_raw(broken)
    await alice._socket.send("text")
    answer = await alice.query(make_iq("get", "w:p"))
    assert answer.get("type") == "result"


async def test_a_deflated_stanza_is_read(emulator: Emulator, linked: Linked) -> None:
    alice = await linked(emulator, "Alice")
    question = Node("iq", {"id": "z", "type": "get", "xmlns": "w:p"})
    await alice.send_raw(b"\x02" + zlib.compress(encode_node(question)))
    assert (await alice.expect("iq")).get("id") == "z"


@pytest.mark.parametrize(
    "node",
    [
        Node("message"),
        Node("message", {"id": "1"}),
        Node("message", {"id": "1", "to": "15550001111@s.whatsapp.net"}),
        Node("message", {"id": "1", "to": "not a jid"}, [Node("enc", {}, b"x")]),
        Node("receipt"),
        Node("receipt", {"id": "1", "to": "nobody", "type": "retry"}),
        Node("ack"),
        Node("ack", {"class": "message", "id": "unknown"}),
        Node("presence", {"type": "subscribe"}),
        Node("chatstate", {"to": "x"}),
        Node("ib", {}, [Node("offline_batch", {"count": "many"})]),
        Node("ib", {}, [Node("unified_session", {"id": "1"})]),
        Node("iq", {"id": "1", "type": "get"}),
        Node("iq"),
        Node("call"),
        Node("telepathy"),
    ],
)
async def test_a_malformed_stanza_does_not_end_the_connection(
    emulator: Emulator, linked: Linked, make_iq: Any, node: Node
) -> None:
    alice = await linked(emulator, "Alice")
    await alice.send(node)
    assert (await alice.query(make_iq("get", "w:p"))).get("type") == "result"


async def test_a_dead_connection_is_noticed_at_once(emulator: Emulator, linked: Linked) -> None:
    alice = await linked(emulator, "Alice")
    device = emulator.directory.by_name("Alice").devices[1]  # type: ignore[union-attr]
    assert device.session is not None
    start = time.monotonic()
    alice.kill()
    while device.session is not None:
        assert time.monotonic() - start < 0.1
        await asyncio.sleep(0)


async def test_a_new_connection_of_an_old_client_starts_a_little_later(
    emulator: Emulator, client_of: Any
) -> None:
    client = client_of(emulator, revision=1_015_901_307)
    start = time.monotonic()
    await client.refs()
    assert time.monotonic() - start >= emulator.policy.slow_start_s


async def test_faults_can_be_ordered(emulator: Emulator, linked: Linked) -> None:
    alice = await linked(emulator, "Alice")
    emulator.faults.end_stream(alice.jid, 503)
    assert (await alice.expect("stream:error")).get("code") == "503"
    await alice.closed()
    emulator.faults.refuse_next_login(alice.jid, 402)
    await alice.open(alice.login())
    assert (await alice.expect("failure")).get("reason") == "402"
    await alice.closed()
    await alice.log_in()
    emulator.faults.send(alice.jid, Node("xmlstreamend"))
    await alice.expect("xmlstreamend")
    emulator.faults.cut_off(alice.jid)
    await alice.closed()


async def test_the_command_prints_one_line_and_ends_on_sigterm() -> None:
    code = (
        "import asyncio; from waport.emulator import EmulatorOptions, run;"
        "asyncio.run(run(EmulatorOptions()))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, env={**os.environ}
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        info = json.loads(await process.stdout.readline())
        assert set(info) == {"ws_url", "admin_url", "noise_root_key", "ca_file"}
        assert len(bytes.fromhex(info["noise_root_key"])) == 32
        trusted = ssl.create_default_context(cafile=info["ca_file"])
        async with httpx.AsyncClient(verify=trusted) as http:
            answer = await http.get(f"{info['admin_url']}/info")
        assert answer.json() == info
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        assert await process.stdout.read() == b""
    assert not os.path.exists(info["ca_file"])  # noqa: ASYNC240


async def test_many_clients_connect_at_once(emulator: Emulator, client_of: Any) -> None:
    clients = [client_of(emulator, noise=KeyPair.generate()) for _ in range(40)]
    refs = await asyncio.gather(*(client.refs() for client in clients))
    assert len({ref for one in refs for ref in one}) == 240


async def test_host_origin_and_query_do_not_matter(emulator: Emulator) -> None:
    async with connect(
        "ws://web.whatsapp.com/ws/chat?ED=CAIICA",
        host="127.0.0.1",
        port=emulator.port,
        origin=Origin("https://web.whatsapp.com"),
        compression=None,
        proxy=None,
    ) as socket:
        hello = pb.HandshakeMessage()
        hello.clientHello.ephemeral = KeyPair.generate().public
        await socket.send(intro() + encode_frame(hello.SerializeToString()))
        async with asyncio.timeout(5):
            (answer,) = FrameReader().feed(await socket.recv(decode=False))
    assert pb.HandshakeMessage.FromString(answer).HasField("serverHello")
