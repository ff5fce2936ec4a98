"""WhatsApp's end of a connection, without a socket: a test says what the server does."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from waport.client import ClientConfig
from waport.crypto import KeyPair, hmac_sha256, sign
from waport.errors import ConnectionClosed
from waport.noise import FrameReader, IntroReader, ServerHandshake, build_chain, encode_frame
from waport.pairing import ClientVersion, parse_qr
from waport.proto import pb
from waport.wire import SERVER, Jid, Node, decode_stanza, encode_stanza

from .clock import TIMEOUT_S

ROOT = KeyPair.from_private(b"\x11" * 32)
INTERMEDIATE = KeyPair.from_private(b"\x12" * 32)
STATIC = KeyPair.from_private(b"\x13" * 32)
VERSION = ClientVersion(2, 3000, 1045649367)


class Wire:
    """One connection: a carrier for the client, and the server's hands on the other end."""

    def __init__(self) -> None:
        self._to_client: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._from_client: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._reader = FrameReader()
        self._frames: deque[bytes] = deque()
        chain = build_chain(ROOT, INTERMEDIATE, STATIC.public, 1_600_000_000, 4_000_000_000)
        self._handshake = ServerHandshake(STATIC, chain)
        self.intro = b""
        self.payload = pb.ClientPayload()
        self.is_open = True
        self.gate: Callable[[], Awaitable[None]] | None = None
        """Awaited within each send of the client."""

    # --- the client's side -------------------------------------------------------------------

    async def send(self, data: bytes) -> None:
        if not self.is_open:
            raise ConnectionClosed("socket closed")
        self._from_client.put_nowait(data)
        if self.gate is not None:
            await self.gate()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (data := await self._to_client.get()) is not None:
            yield data

    async def close(self) -> None:
        self.is_open = False
        self._from_client.put_nowait(None)

    # --- the server's side -------------------------------------------------------------------

    async def shake_hands(self) -> Wire:
        self.intro = await self._data()
        rest = IntroReader().feed(self.intro)
        assert rest is not None
        (hello,) = FrameReader().feed(rest)
        self.send_raw(encode_frame(self._handshake.receive_client_hello(hello)))
        finish = self._handshake.receive_client_finish(await self._frame())
        self.payload = pb.ClientPayload.FromString(finish.payload)
        return self

    def send_raw(self, data: bytes) -> None:
        self._to_client.put_nowait(data)

    def say(self, node: Node) -> None:
        """Send a stanza to the client."""
        self.say_bytes(encode_stanza(node))

    def say_bytes(self, stanza: bytes) -> None:
        """Send what may be no stanza, well encrypted."""
        self.send_raw(encode_frame(self._handshake.transport.encrypt(stanza)))

    def hang_up(self) -> None:
        """Close the socket without a word."""
        self.is_open = False
        self._to_client.put_nowait(None)

    async def hear(self, tag: str | None = None, **attrs: str) -> Node:
        """The client's next stanza; with a description, the next that fits, others are skipped."""
        while True:
            node = decode_stanza(self._handshake.transport.decrypt(await self._frame()))
            if node.tag == "iq" and node.find("digest") is not None:
                # Whether the server has our keys is another test's business.
                self.refuse(node, 503)
                continue
            fits = all(node.get(name) == value for name, value in attrs.items())
            if (tag is None or node.tag == tag) and fits:
                return node

    async def closed(self) -> list[Node]:
        """Wait until the client has closed; what it said before."""
        said = []
        while True:
            try:
                said.append(await self.hear())
            except EOFError:
                return said

    def answer(self, request: Node, *children: Node) -> None:
        """The result of a question of the client."""
        attrs: dict[str, Any] = {"from": SERVER, "type": "result", "id": request.attr("id")}
        self.say(Node("iq", attrs, list(children) or None))

    def refuse(self, request: Node, code: int) -> None:
        """An error for a question of the client."""
        error = Node("error", {"code": str(code), "text": "no"})
        self.say(Node("iq", {"from": SERVER, "type": "error", "id": request.attr("id")}, [error]))

    async def log_in(self, *, keys: int = 100) -> None:
        """Accept the login and see it through."""
        self.say(Node("success", {"t": "1800000000", "lid": Jid("100000000000001", "lid", 1)}))
        count = await self.hear("iq", xmlns="encrypt")
        self.answer(count, Node("count", {"value": str(keys)}))
        self.answer(await self.hear("iq", xmlns="passive"))
        await self.hear("ib")

    def offer_refs(self, *refs: bytes, source: Jid = SERVER) -> None:
        """What a registration is answered by."""
        children = [Node("ref", {}, ref) for ref in refs]
        attrs: dict[str, Any] = {"from": source, "type": "set", "id": "900", "xmlns": "md"}
        self.say(Node("iq", attrs, [Node("pair-device", {}, children)]))

    async def _data(self) -> bytes:
        async with asyncio.timeout(TIMEOUT_S):
            data = await self._from_client.get()
        if data is None:
            self._from_client.put_nowait(None)
            raise EOFError
        return data

    async def _frame(self) -> bytes:
        while not self._frames:
            self._frames.extend(self._reader.feed(await self._data()))
        return self._frames.popleft()


class WhatsApp:
    """Takes connections.

    Attributes:
        refusals: errors that the next connects meet, in order.
        is_hanging: connects take for ever.
    """

    def __init__(self) -> None:
        self._arrived: asyncio.Queue[Wire] = asyncio.Queue()
        self.connects = 0
        self.refusals: list[Exception] = []
        self.is_hanging = False

    async def open(self, config: ClientConfig) -> Wire:
        """For the client: `open_carrier`."""
        self.connects += 1
        if self.is_hanging:
            await asyncio.get_running_loop().create_future()
        if self.refusals:
            raise self.refusals.pop(0)
        wire = Wire()
        self._arrived.put_nowait(wire)
        return wire

    async def accept(self) -> Wire:
        """The next connection, past the handshake."""
        async with asyncio.timeout(TIMEOUT_S):
            wire = await self._arrived.get()
        return await wire.shake_hands()

    @staticmethod
    def config(**settings: Any) -> ClientConfig:
        return ClientConfig(noise_root_key=ROOT.public, version=VERSION, **settings)


class PairingPhone:
    """The primary device of an account, as far as linking goes."""

    def __init__(self) -> None:
        self.account = KeyPair.generate()

    def container(self, qr: str, **changes: Any) -> bytes:
        """The signed identity for the companion that shows a QR code."""
        parts = parse_qr(qr)
        return self.sign(parts.identity_public, parts.adv_secret, **changes)

    def sign(self, identity: bytes, adv_secret: bytes, *, key_index: int | None = 1) -> bytes:
        details = pb.ADVDeviceIdentity(rawId=7, timestamp=1_800_000_000)
        if key_index is not None:
            details.keyIndex = key_index
        inner = details.SerializeToString()
        signed = pb.ADVSignedDeviceIdentity(
            details=inner,
            accountSignatureKey=self.account.public,
            accountSignature=sign(self.account.private, b"\x06\x00" + inner + identity),
        ).SerializeToString()
        return pb.ADVSignedDeviceIdentityHMAC(
            details=signed, hmac=hmac_sha256(adv_secret, signed)
        ).SerializeToString()


def pair_success(container: bytes, **device: Any) -> Node:
    """What the server pushes once the phone has signed."""
    attrs: dict[str, Any] = {
        "jid": Jid("15550001111", "s.whatsapp.net", 1),
        "lid": Jid("100000000000001", "lid", 1),
        **device,
    }
    attrs = {name: value for name, value in attrs.items() if value is not None}
    success = Node(
        "pair-success",
        {},
        [
            Node("device-identity", {}, container),
            Node("device", attrs),
            Node("platform", {"name": "android"}),
        ],
    )
    return Node("iq", {"from": SERVER, "type": "set", "id": "901", "xmlns": "md"}, [success])


def failure(**attrs: str) -> Node:
    """A refused login."""
    return Node("failure", dict(attrs))


def stream_error(*children: Node, **attrs: str) -> Node:
    """The server's reason for closing."""
    return Node("stream:error", dict(attrs), list(children) or None)
