from __future__ import annotations

from typing import Any

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, SESSION, Account, Peer
from support.clock import FakeClock
from support.server import FakeServer
from waport.client.devices import Devices
from waport.client.handlers.receipt import receipt_handler
from waport.client.queries import Queries
from waport.client.retries import Retries
from waport.client.stuck import MAX_REMEMBERED, RECREATE_INTERVAL_S, StuckSessions
from waport.errors import ConnectionClosed, StoreError
from waport.model import Ack, AckChanged, Message, MessageKey, MessageKind
from waport.proto import pb
from waport.stanza.prekeys import key_node, signed_key_node
from waport.wire import Jid, Node

COMPANION = PEER_LID.with_device(3)


class Desk:
    """Receipts of an account that has sent `M1`."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.clock = FakeClock()
        self.queries = Queries(5)
        self.phone = Peer(PEER_PN)
        self.own_phone = Peer(OWN_PN.with_device(0))
        lids = {PEER_PN: PEER_LID, OWN_PN.bare: OWN_LID.bare}
        self.server = FakeServer(self.queries, [self.phone, self.own_phone], lids)
        devices = Devices(account.database, SESSION, self.queries)
        self.retries = Retries(account.database, SESSION, self.queries, devices, self.clock)
        self.handler = receipt_handler(self.retries)

    async def sent(self, name: str = "M1") -> None:
        content = pb.Message()
        content.extendedTextMessage.text = "hello"
        message = Message(
            key=MessageKey(PEER_PN, name, from_me=True, sender=OWN_PN.bare),
            timestamp=NOW,
            content=content.SerializeToString(),
            kind=MessageKind.TEXT,
            ack=Ack.SERVER,
        )
        await self.account.write(lambda store: store.messages.add(message))

    async def receive(self, node: Node) -> list[str]:
        """Take in a receipt; the tags of what is sent."""
        before = len(self.server.sent)
        work = await self.account.handle(self.handler, node)
        tags = [reply.tag for reply in work.replies]
        for follow_up in work.follow_ups:
            await follow_up()
        return tags + [stanza.tag for stanza in self.server.sent[before:]]

    async def record(self, device: Jid = PEER_LID) -> bytes:
        record: bytes = await self.account.read(
            lambda store: store.signal.session(device.signal_address)
        )
        return record


@pytest.fixture
async def desk(account: Account) -> Desk:
    desk = Desk(account)
    await desk.sent()
    return desk


def retry(
    count: int, peer: Peer, source: Jid = PEER_LID, *, keys: bool = False, name: str = "M1"
) -> Node:
    content = [
        Node("retry", {"v": "1", "count": str(count), "id": name, "t": str(NOW)}),
        Node("registration", {}, peer.registration_id.to_bytes(4, "big")),
    ]
    if keys:
        children = [
            Node("type", {}, b"\x05"),
            Node("identity", {}, peer.identity.public),
            key_node(next(iter(peer.pre_keys.values()))),
            signed_key_node(peer.signed_pre_key),
        ]
        content.append(Node("keys", {}, children))
    return Node("receipt", {"id": name, "from": source, "type": "retry", "t": str(NOW)}, content)


async def test_a_request_is_acked_once_it_is_answered(desk: Desk) -> None:
    assert await desk.receive(retry(1, desk.phone)) == ["message", "ack"]
    ack = desk.server.sent[-1]
    assert (ack.get("class"), ack.get("type"), ack.get("id")) == ("receipt", "retry", "M1")


@pytest.mark.parametrize(
    ("count", "source", "name"),
    [(5, PEER_LID, "M1"), (0, PEER_LID, "M1"), (1, PEER_LID, "other"), (1, OWN_LID, "M1")],
)
async def test_a_request_that_must_not_be_answered_is_acked_alone(
    desk: Desk, count: int, source: Jid, name: str
) -> None:
    assert await desk.receive(retry(count, desk.phone, source, name=name)) == ["ack"]


async def test_a_request_whose_device_has_no_bundle_is_acked_alone(desk: Desk) -> None:
    desk.server.without_bundle.add((PEER_PN, 0))
    assert await desk.receive(retry(1, desk.phone)) == ["ack"]


async def test_a_request_that_the_end_of_the_connection_cuts_off_is_not_acked(
    desk: Desk,
) -> None:
    desk.server.is_open = False
    with pytest.raises(ConnectionClosed):
        await desk.receive(retry(1, desk.phone))
    # The server repeats it.
    desk.server.is_open = True
    assert await desk.receive(retry(1, desk.phone)) == ["message", "ack"]


async def test_a_request_that_the_store_can_not_serve_is_not_acked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(session_id: str, job: Any) -> Any:
        raise StoreError("disk full")

    work = await desk.account.handle(desk.handler, retry(1, desk.phone))
    monkeypatch.setattr(desk.account.database, "write", failing)
    with pytest.raises(StoreError):
        await work.follow_ups[0]()
    assert desk.server.sent == []


async def test_a_companion_of_the_recipient_gets_its_own_copy(desk: Desk) -> None:
    companion = Peer(COMPANION)
    assert await desk.receive(retry(2, companion, COMPANION, keys=True)) == ["message", "ack"]
    node = desk.server.messages[0]
    assert node.jid("to") == COMPANION
    assert companion.decrypt(node.child("enc")).extendedTextMessage.text == "hello"
    assert node.child("device-identity").data == desk.account.credentials.account


async def test_a_session_that_stays_stuck_is_replaced(desk: Desk) -> None:
    await desk.receive(retry(1, desk.phone))
    first = await desk.record()
    await desk.receive(retry(2, desk.phone))  # once an hour: a new session
    second = await desk.record()
    assert desk.server.asked.count("encrypt") == 2
    await desk.receive(retry(2, desk.phone))
    assert desk.server.asked.count("encrypt") == 2
    await desk.receive(retry(3, desk.phone))  # still on the same base key
    assert desk.server.asked.count("encrypt") == 3
    assert first != second
    desk.clock.advance(RECREATE_INTERVAL_S)
    await desk.receive(retry(2, desk.phone))
    assert desk.server.asked.count("encrypt") == 4


async def test_an_own_device_with_new_keys_and_a_new_registration_is_refused(
    desk: Desk,
) -> None:
    source = OWN_LID.with_device(0)
    assert await desk.receive(retry(1, desk.own_phone, source)) == ["message", "ack"]
    before = await desk.record(source)
    desk.own_phone.registration_id += 1
    assert await desk.receive(retry(2, desk.own_phone, source, keys=True)) == ["ack"]
    assert await desk.record(source) == before


async def test_a_message_is_found_under_the_other_address_of_its_chat(desk: Desk) -> None:
    assert await desk.receive(retry(1, desk.phone, PEER_PN)) == ["message", "ack"]
    assert desk.server.messages[0].jid("to") == PEER_PN


async def test_a_device_that_can_not_make_use_of_a_message_has_not_got_it(desk: Desk) -> None:
    error = Node("error", {"reason": "lid", "type": "feature-incapable"})
    node = Node("receipt", {"id": "M1", "from": PEER_LID}, [error])
    assert await desk.receive(node) == ["ack"]
    assert [e for e in desk.account.sink.recorded if isinstance(e, AckChanged)] == []


@pytest.mark.parametrize("kind", ["server-error", "enc_rekey_retry", "brand-new", "sender"])
async def test_other_receipts_are_only_acked(desk: Desk, kind: str) -> None:
    node = Node("receipt", {"id": "M1", "from": PEER_LID, "type": kind})
    assert await desk.receive(node) == ["ack"]
    assert desk.account.sink.recorded == []


def test_what_is_known_of_stuck_sessions_is_bounded() -> None:
    sessions = StuckSessions(FakeClock())
    for number in range(MAX_REMEMBERED + 10):
        assert sessions.is_stuck(f"{number}.0", "A", 2, bytes(32))
    assert not sessions.is_stuck(f"{MAX_REMEMBERED}.0", "B", 2, bytes(32))
    for number in range(MAX_REMEMBERED + 10):
        sessions.is_stuck(f"{MAX_REMEMBERED}.0", f"C{number}", 2, bytes(32))
    assert sessions.size == 2 * MAX_REMEMBERED
