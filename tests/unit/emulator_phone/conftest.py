"""A server in miniature: routes stanzas between phones and hand-made companions."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from support.mini_media import MiniMedia
from waport.crypto import sign
from waport.emulator.accounts import Account, Directory
from waport.emulator.admin import admin_routes
from waport.emulator.phone import Phone
from waport.emulator.phone_creation import create_phone
from waport.emulator.phone_keys import retry_keys
from waport.emulator.phone_signal import PhoneSignal
from waport.errors import NotFound
from waport.proto import pb
from waport.wire import SERVER, Jid, Node, decode_stanza, encode_stanza

NOW = 1_700_000_000
ALICE, BOB = "15550001111", "15550002222"


@dataclass
class Person:
    number: str
    name: str
    lid_user: str

    @property
    def jid(self) -> Jid:
        return Jid(self.number, "s.whatsapp.net")

    @property
    def lid(self) -> Jid:
        return Jid(self.lid_user, "lid")


@dataclass
class Keys:
    """What one device has uploaded."""

    registration: bytes
    identity: bytes
    signed: Node
    one_time: OrderedDict[bytes, bytes] = field(default_factory=OrderedDict)
    device_identity: bytes | None = None
    key_index: int | None = None


Deliver = Callable[[Node], Awaitable[None]]


class MiniServer:
    """Just enough of a server; keeps what it saw for the tests to look at."""

    def __init__(self) -> None:
        self.media = MiniMedia()
        self.people: list[Person] = []
        self.keys: dict[tuple[str, int], Keys] = {}
        self.devices: dict[tuple[str, int], Deliver] = {}
        self.key_index_lists: dict[str, Node] = {}
        self.sent: list[tuple[Jid, Node]] = []
        self.asked: list[tuple[Jid, Node]] = []
        self.tamper: Callable[[Jid, Node], Node | None] = lambda _device, node: node
        self.answers: Callable[[Jid, Node], Node | None] = lambda _device, _iq: None
        self._queue: asyncio.Queue[tuple[Deliver, Node]] = asyncio.Queue()

    async def pump(self) -> None:
        while True:
            deliver, node = await self._queue.get()
            await deliver(decode_stanza(encode_stanza(node)))
            self._queue.task_done()

    async def quiet(self) -> None:
        """Wait until nothing is on its way."""
        await self._queue.join()

    def find(self, jid: Jid) -> Person | None:
        return next((p for p in self.people if jid.bare in (p.jid, p.lid)), None)

    def stanzas(self, tag: str, sender: Jid) -> list[Node]:
        """What a device has sent, of one kind."""
        return [node for jid, node in self.sent if node.tag == tag and jid == sender]

    def link(self, person: Person, device: int = 0) -> Link:
        return Link(self, person, device)

    # --- stanzas ---------------------------------------------------------------------------------

    def take(self, person: Person, device: int, node: Node) -> None:
        sender = person.jid.with_device(device)
        self.sent.append((sender, node))
        if node.tag == "message":
            self._route_message(person, device, node)
        elif node.tag == "receipt":
            self._route_receipt(person, device, node)

    def _route_message(self, person: Person, device: int, node: Node) -> None:
        to = node.jid("to")
        peer = self.find(to)
        ack = {"class": "message", "id": node.attr("id"), "from": to, "t": str(NOW)}
        if peer is None:
            self.post(person, device, Node("ack", {**ack, "error": "404"}))
            return
        bare = [Node("to", {"jid": to}, node.children("enc"))] if node.find("enc") else []
        listed = node.find("participants")
        for entry in [*bare, *(listed.children("to") if listed else [])]:
            target = entry.jid("jid")
            owner = self.find(target)
            assert owner is not None
            lid = to.is_lid
            own = owner is person
            attrs = {k: v for k, v in node.attrs.items() if k in ("id", "type", "category")}
            attrs["from"] = (person.lid if lid else person.jid).with_device(device)
            attrs["t"] = str(NOW)
            if not own:
                attrs["notify"] = person.name
                other = (person.jid if lid else person.lid).with_device(device)
                attrs["sender_pn" if lid else "sender_lid"] = other
            elif node.get("category") != "peer":
                attrs["recipient"] = node.get_jid("recipient") or to.bare
            content = entry.children("enc")
            identity = node.find("device-identity")
            if identity is not None:
                content = [*content, identity]
            self.post(owner, target.device, Node("message", attrs, content))
        self.post(person, device, Node("ack", dict(ack)))

    def _route_receipt(self, person: Person, device: int, node: Node) -> None:
        to = node.jid("to")
        owner = self.find(to)
        assert owner is not None
        if node.get("type") == "sender" or (owner is person and node.get("type") != "retry"):
            return
        kept = {k: v for k, v in node.attrs.items() if k not in ("to", "recipient")}
        source = (person.lid if to.is_lid else person.jid).with_device(device)
        self.post(owner, to.device, Node("receipt", {**kept, "from": source}, node.content))

    def post(self, person: Person, device: int, node: Node) -> None:
        target = person.jid.with_device(device)
        changed = self.tamper(target, node)
        deliver = self.devices.get((person.number, device))
        if changed is not None and deliver is not None:
            self._queue.put_nowait((deliver, changed))

    def notify(self, person: Person, kind: str, child: Node, source: Jid = SERVER) -> None:
        attrs = {"from": source, "type": kind, "id": f"n{len(self.sent)}", "t": str(NOW)}
        self.post(person, 0, Node("notification", dict(attrs), [child]))

    # --- IQs -------------------------------------------------------------------------------------

    def answer(self, person: Person, device: int, iq: Node) -> Node:
        sender = person.jid.with_device(device)
        self.asked.append((sender, iq))
        ready = self.answers(sender, iq)
        if ready is not None:
            return ready
        space = iq.attr("xmlns")
        if space == "encrypt" and iq.attr("type") == "set":
            self._upload(person, device, iq)
            return result()
        if space == "encrypt":
            users = [self._bundle(user.jid("jid")) for user in iq.child("key").children()]
            return result(Node("list", {}, users))
        if space == "usync":
            users = [self._user(u.jid("jid")) for u in iq.child("usync").child("list").children()]
            return result(Node("usync", {}, [Node("list", {}, users)]))
        if space == "md" and (listed := iq.find("key-index-list")) is not None:
            self.key_index_lists[person.number] = listed
            return result()
        return refusal(501)

    def _upload(self, person: Person, device: int, iq: Node) -> None:
        old = self.keys.get((person.number, device))
        keys = Keys(iq.child("registration").data, iq.child("identity").data, iq.child("skey"))
        if old is not None:
            keys.one_time = old.one_time
            keys.device_identity, keys.key_index = old.device_identity, old.key_index
        for key in iq.child("list").children("key"):
            keys.one_time[key.child("id").data] = key.child("value").data
        self.keys[person.number, device] = keys

    def _bundle(self, jid: Jid) -> Node:
        person = self.find(jid)
        keys = self.keys.get((person.number, jid.device)) if person else None
        if keys is None:
            return Node("user", {"jid": jid}, [Node("error", {"code": "406"})])
        children = [
            Node("registration", {}, keys.registration),
            Node("type", {}, b"\x05"),
            Node("identity", {}, keys.identity),
            keys.signed,
        ]
        if keys.one_time:
            key_id, value = keys.one_time.popitem(last=False)
            parts = [Node("id", {}, key_id), Node("value", {}, value)]
            children.append(Node("key", {}, parts))
        if keys.device_identity is not None:
            children.append(Node("device-identity", {}, keys.device_identity))
        return Node("user", {"jid": jid}, children)

    def _user(self, jid: Jid) -> Node:
        person = self.find(jid)
        if person is None:
            error = Node("error", {"code": "404"})
            return Node("user", {"jid": jid}, [Node("devices", {}, [error])])
        listed = [Node("device", {"id": "0"})]
        for (number, device), keys in self.keys.items():
            if number == person.number and device:
                listed.append(Node("device", {"id": str(device), "key-index": str(keys.key_index)}))
        children = [Node("device-list", {}, listed)]
        if len(listed) > 1 and person.number in self.key_index_lists:
            children.append(self.key_index_lists[person.number])
        return Node(
            "user", {"jid": jid}, [Node("devices", {}, children), Node("lid", {"val": person.lid})]
        )


@dataclass
class Link:
    server: MiniServer
    person: Person
    device: int

    async def query(self, node: Node) -> Node:
        seen = decode_stanza(encode_stanza(node))
        answer = self.server.answer(self.person, self.device, seen)
        return decode_stanza(encode_stanza(answer))

    async def send(self, node: Node) -> None:
        self.server.take(self.person, self.device, decode_stanza(encode_stanza(node)))


class Companion:
    """Device 1 of a person, by hand: decrypts what it gets and sends what a test tells it to."""

    def __init__(self, server: MiniServer, person: Person, phone: Phone) -> None:
        self.server = server
        self.person = person
        self.jid = person.jid.with_device(1)
        self.signal = PhoneSignal.create(frozenset((person.jid, person.lid)))
        self.signal.learn(person.jid, person.lid)
        self.received: list[tuple[Node, pb.Message]] = []
        self.stanzas: list[Node] = []
        identity = self.signal.local.identity
        account = phone._signal.local.identity
        account_state = phone.linker.account
        account_state.last_index += 1
        account_state.live[1] = account_state.last_index
        details = pb.ADVDeviceIdentity(
            rawId=account_state.raw_id, timestamp=NOW, keyIndex=account_state.last_index
        ).SerializeToString()
        self.device_identity = pb.ADVSignedDeviceIdentity(
            details=details,
            accountSignatureKey=account.public,
            accountSignature=sign(account.private, b"\x06\x00" + details + identity.public),
            deviceSignature=sign(
                identity.private, b"\x06\x01" + details + identity.public + account.public
            ),
        )
        (key,) = self.signal.make_pre_keys(1)
        keys = retry_keys(self.signal.local, self.signal.signed_pre_key, key)
        stored = pb.ADVSignedDeviceIdentity()
        stored.CopyFrom(self.device_identity)
        stored.ClearField("accountSignatureKey")
        server.keys[person.number, 1] = Keys(
            self.signal.local.registration_id.to_bytes(4, "big"),
            identity.public,
            keys.child("skey"),
            OrderedDict({keys.child("key").child("id").data: key.pair.public}),
            stored.SerializeToString(),
            account_state.last_index,
        )
        valid = pb.ADVKeyIndexList(
            rawId=account_state.raw_id,
            timestamp=NOW,
            currentIndex=account_state.last_index,
            validIndexes=[0, account_state.last_index],
        ).SerializeToString()
        signed = pb.ADVSignedKeyIndexList(
            details=valid, accountSignature=sign(account.private, b"\x06\x02" + valid)
        )
        server.key_index_lists[person.number] = Node(
            "key-index-list", {"ts": str(NOW)}, signed.SerializeToString()
        )
        server.devices[person.number, 1] = self.deliver

    async def deliver(self, node: Node) -> None:
        self.stanzas.append(node)
        if node.tag == "message":
            enc = node.child("enc")
            sender = node.jid("from")
            plain = self.signal.decrypt(sender, enc.attr("type"), enc.data, None)
            self.received.append((node, pb.Message.FromString(plain)))

    async def send(
        self, node: Node, to: Jid, message: pb.Message, identity: bytes | None = None
    ) -> None:
        """Encrypt a message for one device and put it into `node` as a bare `<enc>`."""
        sealed = self.signal.encrypt(to, message.SerializeToString())
        node.content = [Node("enc", {"v": "2", "type": sealed.type}, sealed.body)]
        if sealed.type == "pkmsg":
            data = self.device_identity.SerializeToString() if identity is None else identity
            node.content.append(Node("device-identity", {}, data))
        await self.server.link(self.person, 1).send(node)


def result(*children: Node) -> Node:
    return Node("iq", {"type": "result", "from": SERVER}, list(children) or None)


def refusal(code: int) -> Node:
    return Node(
        "iq", {"type": "error", "from": SERVER}, [Node("error", {"code": str(code), "text": "no"})]
    )


@pytest.fixture
async def server() -> AsyncIterator[MiniServer]:
    mini = MiniServer()
    pump = asyncio.create_task(mini.pump())
    yield mini
    pump.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await pump


MakePhone = Callable[..., Awaitable[Phone]]


@pytest.fixture
def make_phone(server: MiniServer) -> MakePhone:
    async def make(number: str, name: str, lid: str | None = None) -> Phone:
        drawn = str(10**14 + int(hashlib.sha256(number.encode()).hexdigest(), 16) % 10**13)
        person = Person(number, name, lid or drawn)
        server.people.append(person)
        return await switch_on(server, person)

    return make


async def unheard(_name: str, _version: int, _device: int) -> None:
    """Nobody else is there to hear of a new version."""


async def switch_on(
    server: MiniServer, person: Person, state: dict[str, object] | None = None
) -> Phone:
    phone = await create_phone(
        person,
        server.link(person),
        server.media,
        state,
        announce=unheard,
        clock=lambda: NOW,
    )
    server.devices[person.number, 0] = phone.deliver
    return phone


@pytest.fixture
def restart(server: MiniServer) -> Callable[[Phone, dict[str, object]], Awaitable[Phone]]:
    async def again(phone: Phone, state: dict[str, object]) -> Phone:
        person = server.find(phone.owner.own.pn)
        assert person is not None
        return await switch_on(server, person, state)

    return again


@pytest.fixture
def link_companion(server: MiniServer) -> Callable[[Phone], Companion]:
    def link(phone: Phone) -> Companion:
        person = server.find(phone.owner.own.pn)
        assert person is not None
        return Companion(server, person, phone)

    return link


@pytest.fixture
async def alice(make_phone: MakePhone) -> Phone:
    return await make_phone("15550001111", "Alice")


@pytest.fixture
async def bob(make_phone: MakePhone) -> Phone:
    return await make_phone("15550002222", "Bob")


# --- the admin API -------------------------------------------------------------------------------


class FakeServer:
    """What the admin API asks a server for."""

    def __init__(self, make_phone: Callable[..., Awaitable[Any]]) -> None:
        self.directory = Directory()
        self.phones: dict[str, Any] = {}
        self.waiting: dict[str, Account] = {}
        self.unlinked: list[tuple[str, int | None]] = []
        self._make_phone = make_phone

    def info(self) -> dict[str, object]:
        return {
            "ws_url": "ws://127.0.0.1:1/ws/chat",
            "admin_url": "http://127.0.0.1:1/admin",
            "noise_root_key": "ab" * 32,
            "ca_file": None,
        }

    async def create_account(self, phone: str | None, name: str | None) -> Account:
        account = self.directory.create(phone, name)
        self.phones[account.number] = await self._make_phone(
            account.number, account.name, account.lid_user
        )
        return account

    def phone_of(self, account: Account) -> Any:
        return self.phones[account.number]

    async def account_for_ref(self, ref: str) -> Account:
        if ref not in self.waiting:
            raise NotFound(404, "nobody waits with that QR code")
        return self.waiting[ref]

    async def unlink(self, account: Account, device: int | None) -> list[int]:
        self.unlinked.append((account.number, device))
        return [1, 2] if device is None else [device]

    def arrivals(self, message_id: str | None) -> list[dict[str, object]]:
        return [
            {"id": name, "from": "x", "sha256": "00", "duplicate": False}
            for name in ("A", "B")
            if message_id in (None, name)
        ]


@pytest.fixture
def fake(make_phone: Any) -> FakeServer:
    return FakeServer(make_phone)


@pytest.fixture
async def http(fake: FakeServer) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=list(admin_routes(fake)))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator/admin") as client:
        yield client


@pytest.fixture
async def people(http: httpx.AsyncClient) -> list[dict[str, str]]:
    made = []
    for phone, name in ((ALICE, "Alice"), (BOB, "Bob")):
        answer = await http.post("/accounts", json={"phone": phone, "name": name})
        assert answer.status_code == 201
        made.append(answer.json())
    return made
