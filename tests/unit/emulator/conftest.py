"""A running emulator and a client written by hand, from the wire and noise rooms alone."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from waport.crypto import KeyPair, hmac_sha256, sign, typed, verify
from waport.emulator import Emulator, EmulatorOptions
from waport.noise import ClientHandshake, FrameReader, encode_frame, intro
from waport.proto import pb
from waport.signal import LocalIdentity, PreKey, SignedPreKey, generate_pre_keys
from waport.wire import SERVER, Jid, Node, decode_stanza, encode_stanza

TIMEOUT_S = 5.0


@dataclass
class RawClient:
    """A companion without any logic of its own: the test says each stanza.

    It acknowledges nothing by itself.
    """

    emulator: Emulator
    push_name: str | None = None
    revision: int = 1_045_649_367
    noise: KeyPair = field(default_factory=KeyPair.generate)
    identity: KeyPair = field(default_factory=KeyPair.generate)
    registration_id: int = 4711
    adv_secret: bytes = b"\x07" * 32
    jid: Jid | None = None
    lid: Jid | None = None

    def __post_init__(self) -> None:
        self.local = LocalIdentity(self.identity, self.registration_id)
        self.signed = SignedPreKey.create(self.identity, 1)
        self.pre_keys: list[PreKey] = []
        self.inbox: asyncio.Queue[Node | None] = asyncio.Queue()
        self.kept: list[Node] = []
        self.account_key = b""
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._count = 0

    # --- connection ---------------------------------------------------------------------------

    async def open(
        self,
        payload: bytes,
        *,
        url: str | None = None,
        prefix: bytes = b"",
        unix_now: int | None = None,
    ) -> None:
        """Connect and shake hands."""
        url = url or self.emulator.ws_url
        tls = None
        if url.startswith("wss:"):
            tls = ssl.create_default_context(cafile=self.emulator.ca_file)
        self._socket = await connect(url, ssl=tls, compression=None, max_size=2**25)
        handshake = ClientHandshake(self.noise, payload, self.emulator.root_key)
        await self._socket.send(
            prefix + (b"" if prefix else intro()) + encode_frame(handshake.client_hello())
        )
        frames = FrameReader()
        bodies: list[bytes] = []
        while not bodies:
            bodies = frames.feed(await self._socket.recv(decode=False))
        finish = handshake.receive_server_hello(bodies.pop(0), unix_now or int(time.time()))
        await self._socket.send(encode_frame(finish))
        self.cipher = handshake.transport
        self.inbox, self.kept = asyncio.Queue(), []
        self._reader = asyncio.create_task(self._read(self._socket, frames))

    async def _read(self, socket: ClientConnection, frames: FrameReader) -> None:
        try:
            async for data in socket:
                assert isinstance(data, bytes)
                for body in frames.feed(data):
                    self.inbox.put_nowait(decode_stanza(self.cipher.decrypt(body)))
        except ConnectionClosed:
            pass
        finally:
            self.inbox.put_nowait(None)

    async def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            await self._reader

    def kill(self) -> None:
        """Drop the TCP connection as a dying process does."""
        assert self._socket is not None
        self._socket.transport.abort()

    async def closed(self) -> None:
        """Wait until the server has closed the connection."""
        async with asyncio.timeout(TIMEOUT_S):
            while await self.inbox.get() is not None:
                pass

    # --- stanzas ------------------------------------------------------------------------------

    async def send(self, node: Node) -> None:
        """Send one stanza."""
        await self.send_raw(encode_stanza(node))

    async def send_raw(self, plaintext: bytes) -> None:
        """Encrypt and send any bytes as a stanza."""
        assert self._socket is not None
        await self._socket.send(encode_frame(self.cipher.encrypt(plaintext)))

    async def expect(self, tag: str, wanted: Callable[[Node], bool] = lambda _: True) -> Node:
        """The next stanza of that tag that fits; others are kept for later calls."""
        for index, node in enumerate(self.kept):
            if node.tag == tag and wanted(node):
                return self.kept.pop(index)
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                node_or_end = await self.inbox.get()
                if node_or_end is None:
                    raise AssertionError(f"closed while waiting for <{tag}>, had {self.kept}")
                if node_or_end.tag == tag and wanted(node_or_end):
                    return node_or_end
                self.kept.append(node_or_end)

    async def settled(self) -> list[Node]:
        """Everything that has come in, once the server has dealt with all that we sent."""
        await self.query(iq("get", "w:p"))
        while not self.inbox.empty():
            node = self.inbox.get_nowait()
            if node is not None:
                self.kept.append(node)
        return self.kept

    async def query(self, node: Node) -> Node:
        """Send an IQ and wait for its answer."""
        self._count += 1
        name = f"1.2-{self._count}"
        await self.send(Node("iq", {"id": name, **node.attrs}, node.content))
        return await self.expect("iq", lambda answer: answer.get("id") == name)

    # --- life of a companion ------------------------------------------------------------------

    def registration(self, **changes: Any) -> bytes:
        """The ClientPayload of a new companion."""
        payload = self._payload()
        data = payload.devicePairingData
        data.eRegid = self.registration_id.to_bytes(4, "big")
        data.eKeytype = b"\x05"
        data.eIdent = self.identity.public
        data.eSkeyId = self.signed.id.to_bytes(3, "big")
        data.eSkeyVal = self.signed.pair.public
        data.eSkeySig = self.signed.signature
        data.buildHash = hashlib.md5(f"2.3000.{self.revision}".encode()).digest()
        data.deviceProps = pb.DeviceProps(os="Linux").SerializeToString()
        if self.push_name:
            payload.pushName = self.push_name
        for name, value in changes.items():
            if value is None:
                data.ClearField(name)
            else:
                setattr(data, name, value)
        return payload.SerializeToString()

    def login(self, *, passive: bool = True, pull: bool = False) -> bytes:
        """The ClientPayload of a linked companion."""
        assert self.jid is not None
        payload = self._payload()
        payload.username = int(self.jid.user)
        payload.device = self.jid.device
        payload.passive = passive
        payload.pull = pull
        return payload.SerializeToString()

    def _payload(self) -> pb.ClientPayload:
        payload = pb.ClientPayload()
        version = payload.userAgent.appVersion
        version.primary, version.secondary, version.tertiary = 2, 3000, self.revision
        return payload

    def qr(self, ref: str) -> str:
        """The text of the QR code."""
        keys = (self.noise.public, self.identity.public, self.adv_secret)
        return ",".join([ref, *(base64.b64encode(key).decode() for key in keys), "1"])

    async def refs_at(self, unix_now: float) -> list[str]:
        """As `refs`, with another idea of the time."""
        await self.open(self.registration(), unix_now=int(unix_now))
        return await self.take_refs()

    async def refs(self) -> list[str]:
        """Register and answer pair-device; the references."""
        await self.open(self.registration())
        return await self.take_refs()

    async def take_refs(self) -> list[str]:
        """Answer pair-device; the references."""
        asked = await self.expect("iq", lambda node: node.find("pair-device") is not None)
        await self.send(Node("iq", {"to": SERVER, "type": "result", "id": asked.attr("id")}))
        return [ref.text for ref in asked.child("pair-device").children("ref")]

    async def answer_pair_success(
        self,
        change: Callable[[pb.ADVSignedDeviceIdentity], None] = lambda _: None,
        index: int | None = None,
    ) -> Node:
        """Check pair-success, sign, answer; returns the stanza that came."""
        asked = await self.expect("iq", lambda node: node.find("pair-success") is not None)
        success = asked.child("pair-success")
        container = pb.ADVSignedDeviceIdentityHMAC.FromString(success.child("device-identity").data)
        assert container.hmac == hmac_sha256(self.adv_secret, container.details)
        signed = pb.ADVSignedDeviceIdentity.FromString(container.details)
        self.account_key = signed.accountSignatureKey
        assert verify(
            self.account_key,
            b"\x06\x00" + signed.details + self.identity.public,
            signed.accountSignature,
        )
        message = b"\x06\x01" + signed.details + self.identity.public + self.account_key
        signed.deviceSignature = sign(self.identity.private, message)
        signed.ClearField("accountSignatureKey")
        change(signed)
        if index is None:
            index = pb.ADVDeviceIdentity.FromString(signed.details).keyIndex
        identity = Node("device-identity", {"key-index": str(index)}, signed.SerializeToString())
        sign_node = Node("pair-device-sign", {}, [identity])
        self.jid = success.child("device").jid("jid")
        self.lid = success.child("device").jid("lid")
        await self.send(
            Node("iq", {"to": SERVER, "type": "result", "id": asked.attr("id")}, [sign_node])
        )
        return asked

    async def log_in(
        self, *, passive: bool = True, pull: bool = False, active: bool = True
    ) -> Node:
        """Connect as a linked device; the `<success>`."""
        await self.open(self.login(passive=passive, pull=pull))
        success = await self.expect("success")
        if passive and active:
            await self.query(iq("set", "passive", Node("active")))
        return success

    async def upload(self, count: int = 10, start: int = 1) -> Node:
        """Upload one-time keys."""
        self.pre_keys = generate_pre_keys(start, count)
        return await self.query(self.upload_iq())

    def upload_iq(self) -> Node:
        """The upload of all current keys."""
        keys = [
            Node("key", {}, [_id(key.id), Node("value", {}, key.pair.public)])
            for key in self.pre_keys
        ]
        return iq(
            "set",
            "encrypt",
            Node("registration", {}, self.registration_id.to_bytes(4, "big")),
            Node("type", {}, b"\x05"),
            Node("identity", {}, self.identity.public),
            Node("list", {}, keys),
            self.skey(),
        )

    def skey(self) -> Node:
        """The signed pre-key."""
        return Node(
            "skey",
            {},
            [
                _id(self.signed.id),
                Node("value", {}, self.signed.pair.public),
                Node("signature", {}, self.signed.signature),
            ],
        )

    async def ack_all(self) -> None:
        """Acknowledge every message and notification that has come in, and forget it."""
        for node in await self.settled():
            if node.tag in ("message", "notification", "receipt"):
                await self.ack(node)
        self.kept.clear()
        await self.query(iq("get", "w:p"))

    async def ack(self, node: Node) -> None:
        """Send a plain `<ack>`."""
        attrs = {"class": node.tag, "id": node.attr("id"), "to": node.attrs["from"]}
        for name in ("type", "participant"):
            if name in node.attrs and not (name == "type" and node.tag == "message"):
                attrs[name] = node.attrs[name]
        await self.send(Node("ack", attrs))


def iq(kind: str, namespace: str, *children: Node) -> Node:
    """An IQ to the service, without an id."""
    return Node("iq", {"to": SERVER, "type": kind, "xmlns": namespace}, list(children))


def _id(number: int) -> Node:
    return Node("id", {}, number.to_bytes(3, "big"))


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """An emulator without TLS that forgets everything."""
    async with Emulator(EmulatorOptions(plain=True)) as running:
        yield running


@pytest.fixture
def make_iq() -> Callable[..., Node]:
    """Builds IQs."""
    return iq


ClientFactory = Callable[..., RawClient]


@pytest.fixture
async def client_of() -> AsyncIterator[ClientFactory]:
    """Makes raw clients, and closes them at the end."""
    made: list[RawClient] = []

    def make(emulator: Emulator, **options: Any) -> RawClient:
        made.append(RawClient(emulator, **options))
        return made[-1]

    yield make
    for client in made:
        await client.close()


@pytest.fixture
def linked(client_of: ClientFactory) -> Callable[..., Awaitable[RawClient]]:
    """Links a companion to the phone of the account with that push name, logged in and empty.

    Its mailbox is empty: the phone's greeting is acknowledged.
    """

    async def link(emulator: Emulator, name: str, *, active: bool = True) -> RawClient:
        client = client_of(emulator, push_name=name)
        await link_to(emulator, client)
        await client.log_in(active=active)
        await client.upload()
        if active:
            await client.expect("ib", lambda node: node.find("offline") is not None)
            for _ in range(2):  # key share and history
                await client.ack(await client.expect("message"))
            await client.ack_all()
        return client

    return link


@pytest.fixture
def link_only() -> Callable[[Emulator, RawClient], Awaitable[None]]:
    """Links a companion and leaves it disconnected."""
    return link_to


async def link_to(emulator: Emulator, client: RawClient) -> None:
    """Register, let the phone scan, sign, and wait for the 515."""
    refs = await client.refs()
    account = await emulator.account_for_ref(refs[0])
    scan = asyncio.create_task(emulator.phone_of(account).pair_by_qr(client.qr(refs[0])))
    await client.answer_pair_success()
    assert await scan == client.jid
    error = await client.expect("stream:error")
    assert error.get("code") == "515"
    await client.close()  # as real clients do; the server would, a little later


@pytest.fixture
def typed_key() -> Callable[[bytes], bytes]:
    """The 33-byte form of a key."""
    return typed
