"""Raw bytes: at the server's port, on its event sockets, and from receivers of webhooks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from fuzz.mutate import mutate
from support.fake_server import KEY, FakeSessions
from waport.api import create_app
from waport.api.http_server import HttpServer
from waport.config import Settings
from waport.events import EventHub
from waport.events.webhook_sender import Outcome, WebhookSender
from waport.model import SessionState
from waport.store import Delivery

from .watch import Growth, no_faults, others

MAX_GROWTH = 5000
REQUESTS = 200
SOCKETS = 150
ANSWERS = 250
WAIT_S = 20.0


# --- the server ----------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[int, EventHub]]:
    """A server on a free port."""
    (folder / "none.env").touch()
    environ = {
        "API_KEY": KEY,
        "SESSIONS_PATH": str(folder / "sessions"),
        "PORT": "0",
        "HOST": "127.0.0.1",
    }
    settings = Settings.load(folder / "none.env", environ)
    sessions = FakeSessions({"on": SessionState.CONNECTED, "qr": SessionState.QR})
    hub = EventHub()
    server = HttpServer(settings, create_app(settings, sessions, hub), hub)
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    port: int = server.servers[0].sockets[0].getsockname()[1]
    ticking = asyncio.create_task(server.main_loop())
    try:
        yield port, hub
    finally:
        server.should_exit = True
        await ticking
        await server.shutdown()


async def talk(port: int, data: bytes) -> bytes:
    """Send bytes and end; all that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionError):
        writer.write(data)
        await writer.drain()
        writer.write_eof()
    answer = b""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(WAIT_S):
            answer = await reader.read(1_000_000)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return answer


def http(method: str, path: str, body: bytes = b"", *headers: str) -> bytes:
    """A request as it should be."""
    lines = [f"{method} {path} HTTP/1.1", "Host: test", f"x-api-key: {KEY}", *headers]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def requests() -> list[bytes]:
    """Good ones of every form."""
    body = json.dumps({"chatId": "15559990000@c.us", "content": "hi"}).encode()
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    form = b"--x\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\nhi\r\n--x--\r\n"
    return [
        http("GET", "/ping"),
        http("GET", "/session/status/on"),
        http("GET", "/client/getChats/on?limit=5") + http("GET", "/ping"),
        http("POST", "/client/sendMessage/on", body),
        http("POST", "/chat/fetchMessages/on", body, "Expect: 100-continue"),
        http("POST", "/client/sendMessage/on", b"", "Transfer-Encoding: chunked") + chunked,
        http(
            "POST",
            "/client/sendMessage/on",
            b"",
            "Content-Type: multipart/form-data; boundary=x",
            f"Content-Length: {len(form)}",
        )
        + form,
        http("HEAD", "/ping", b"", "Accept: " + "a" * 3000),
        http("OPTIONS", "/ping", b"", "Origin: http://a", "Access-Control-Request-Method: GET"),
    ]


UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
QUERIES = (
    f"apiKey={KEY}",
    f"apiKey={KEY}&sessionId=on",
    f"apiKey={KEY}&sessionId=",
    f"apiKey={KEY}&after=-1",
    f"apiKey={KEY}&after=" + "9" * 40,
    "apiKey=%00%FF",
    "apiKey=" + "x" * 2000,
    "&&&=&",
    f"apiKey={KEY}&sessionId=%E0%A4%A&sessionId=b",
)


def frame(opcode: int, data: bytes, *, is_last: bool = True) -> bytes:
    """A frame of a client."""
    mask = b"\x01\x02\x03\x04"
    head = bytes((opcode | (0x80 if is_last else 0),))
    if len(data) < 126:
        head += bytes((0x80 | len(data),))
    else:
        head += b"\xff" + struct.pack(">Q", len(data))
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))


def socket_talk(chosen: random.Random) -> bytes:
    """An upgrade and some frames, damaged here or there."""
    path = f"/ws{chosen.choice(('', '', '', '/on', '/%', '/../x'))}?{chosen.choice(QUERIES)}"
    upgrade = http("GET", path, b"", *UPGRADE)
    frames = b"".join(
        chosen.choice(
            (
                frame(1, b"ping"),
                frame(2, b"ping"),
                frame(1, chosen.randbytes(20)),
                frame(1, b"a" * 70_000 if chosen.random() < 0.1 else b"a" * 300),
                frame(1, b"pi", is_last=False) + frame(0, b"ng"),
                frame(9, b"x"),
                frame(8, struct.pack(">H", chosen.choice((1000, 1005, 4999, 0)))),
                frame(3, b"reserved"),
                b"\x81\x05plain",
                b"\xc1\x80\0\0\0\0",
            )
        )
        for _ in range(4)
    )
    if chosen.random() < 0.3:
        return mutate(upgrade, chosen) + frames
    return upgrade + (mutate(frames, chosen) if chosen.random() < 0.6 else frames)


async def test_bytes_at_the_port_and_on_event_sockets_harm_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    growth, before = Growth(), others()
    with no_faults():
        async with running(tmp_path) as (port, hub):
            for _ in range(3):
                chosen = random.Random(71)
                for _ in range(REQUESTS):
                    answer = await talk(port, mutate(chosen.choice(requests()), chosen))
                    assert not answer.startswith(b"HTTP/1.1 500"), answer
                for _ in range(SOCKETS):
                    await talk(port, socket_talk(chosen))
                assert (await talk(port, http("GET", "/ping"))).startswith(b"HTTP/1.1 200")
                growth.mark()
            await asyncio.sleep(0)
            async with asyncio.timeout(WAIT_S):
                await hub.close()
        assert others() - before == set()
    assert growth.last < MAX_GROWTH, growth.marks
    record_property("hostile", ("raw requests", 3 * REQUESTS))
    record_property("hostile", ("event sockets", 3 * SOCKETS))


# --- receivers of webhooks -----------------------------------------------------------------------


GOOD_ANSWERS = (
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 307 X\r\nlocation: http://[::1\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 429 X\r\nretry-after: 99999999999999999999\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 503 X\r\nretry-after: Fri, 31 Dec 9999 23:59:59 GMT\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nx: " + b"a" * 70_000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"".join(b"h%d: x\r\n" % number for number in range(500)) + b"\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999\r\n\r\n" + b"a" * 100_000,
    b"HTTP/0.9 200\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00",
)


async def test_answers_of_receivers_are_verdicts_whatever_they_are(
    record_property: Callable[[str, object], None],
) -> None:
    growth, before = Growth(), others()
    chosen = random.Random(72)
    is_slow = False

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            answer = chosen.choice(GOOD_ANSWERS)
            if chosen.random() < 0.7:
                answer = mutate(answer, chosen)
            if is_slow:
                for byte in answer[:200]:
                    writer.write(bytes((byte,)))
                    await writer.drain()
            else:
                writer.write(answer)
                await writer.drain()
            writer.write_eof()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    with no_faults():
        for _ in range(3):
            chosen.seed(73)
            async with WebhookSender(timeout_s=2) as sender:
                for number in range(ANSWERS):
                    is_slow = number % 10 == 0
                    outcome = await sender.send(url, Delivery(number, "on", "", "qr", "{}", 0))
                    assert isinstance(outcome, Outcome)
                    assert 0 <= outcome.wait_s <= 6 * 3600
            growth.mark()
        server.close()
        await server.wait_closed()
        async with asyncio.timeout(WAIT_S):
            while others() - before:
                await asyncio.wait(others() - before)
    assert growth.last < MAX_GROWTH, growth.marks
    record_property("hostile", ("answers of receivers", 3 * ANSWERS))
