from __future__ import annotations

import asyncio

import pytest

from support.account import (
    NOW,
    OWN_LID,
    OWN_PN,
    PEER_LID,
    PEER_PN,
    SESSION,
    Account,
    Peer,
    stanza,
    text,
)
from support.handlers import handle_message, on_notification
from support.server import FakeServer
from waport.client.devices import Devices
from waport.client.handlers.receipt import receipt_handler
from waport.client.prekeys import PreKeys
from waport.client.queries import Queries
from waport.client.receipt_times import ReceiptTimes, times_of
from waport.client.retries import Retries
from waport.errors import StanzaError
from waport.model import (
    Ack,
    AckChanged,
    AddOnKind,
    DeviceList,
    Group,
    Message,
    MessageKey,
    MessageKind,
    UnreadChanged,
)
from waport.proto import pb
from waport.stanza.prekeys import key_node, signed_key_node
from waport.store import UnitOfWork
from waport.wire import Jid, Node


class Desk:
    """A receipt handler with everything behind it."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.queries = Queries(5)
        self.peer = Peer(PEER_PN)
        self.own_phone = Peer(OWN_PN.with_device(0))
        lids = {PEER_PN: PEER_LID, OWN_PN.bare: OWN_LID.bare}
        self.server = FakeServer(self.queries, [self.peer, self.own_phone], lids)
        devices = Devices(account.database, SESSION, self.queries)
        self.retries = Retries(account.database, SESSION, self.queries, devices)

    async def receive(self, node: Node) -> list[Node]:
        work = await self.account.handle(receipt_handler(self.retries), node)
        for follow_up in work.follow_ups:
            await follow_up()
        return work.replies

    async def sent(self, message_id: str, words: str = "hello") -> None:
        content = pb.Message()
        content.extendedTextMessage.text = words
        message = Message(
            key=MessageKey(PEER_PN, message_id, from_me=True, sender=OWN_PN.bare),
            timestamp=NOW,
            content=content.SerializeToString(),
            kind=MessageKind.TEXT,
            ack=Ack.SERVER,
        )
        await self.account.write(lambda store: store.messages.add(message))


@pytest.fixture
def desk(account: Account) -> Desk:
    return Desk(account)


def receipt(message_id: str, kind: str | None = None, source: Jid = PEER_LID, *more: str) -> Node:
    node = Node("receipt", {"id": message_id, "from": source, "t": str(NOW)})
    if kind is not None:
        node.attrs["type"] = kind
    if more:
        node.content = [Node("list", {}, [Node("item", {"id": name}) for name in more])]
    return node


async def test_receipts_of_a_person_are_kept_with_their_times(desk: Desk) -> None:
    await desk.sent("M1")
    for kind, time in ((None, NOW - 50), ("read", NOW - 20), (None, NOW - 10), ("played", NOW + 9)):
        node = receipt("M1", kind)
        node.attrs["t"] = str(time)
        await desk.receive(node)
    stored = await desk.account.read(lambda s: s.messages.get(PEER_PN, "M1"))
    (kept,) = await desk.account.read(lambda s: s.add_ons.of(stored.key, AddOnKind.RECEIPT))
    # Nothing was played in the future.
    assert times_of(kept) == ReceiptTimes(Ack.PLAYED, NOW - 50, NOW - 20, NOW)
    assert kept.sender == PEER_PN


async def test_acks_rise_with_the_receipts_and_never_fall(desk: Desk) -> None:
    await desk.sent("M1")
    for kind, level in ((None, 2), ("read", 3), (None, 3), ("played", 4), ("read", 4)):
        (ack,) = await desk.receive(receipt("M1", kind))
        assert (ack.tag, ack.get("class"), ack.get("type")) == ("ack", "receipt", kind)
        stored = await desk.account.read(lambda store: store.messages.get(PEER_PN, "M1"))
        assert stored.ack == level
    events = [event for event in desk.account.sink.recorded if isinstance(event, AckChanged)]
    assert [event.ack for event in events] == [2, 3, 4]


async def test_one_receipt_may_name_many_messages(desk: Desk) -> None:
    for name in ("M1", "M2", "M3"):
        await desk.sent(name)
    await desk.receive(receipt("M1", "read", PEER_PN, "M2", "M3", "unknown"))
    page = await desk.account.read(lambda store: store.messages.page(PEER_PN, 10))
    assert {message.ack for message in page} == {Ack.READ}


async def test_a_receipt_for_what_we_never_sent_changes_nothing(
    desk: Desk, account: Account, peer: Peer
) -> None:
    await account.handle(handle_message, stanza(peer.encrypt(text("hi")), "IN1"))
    account.sink.recorded.clear()
    await desk.receive(receipt("IN1", "read"))
    await desk.receive(receipt("nothing", "read"))
    assert account.sink.recorded == []


async def test_reading_on_an_own_device_empties_the_unread_count(
    desk: Desk, account: Account, peer: Peer
) -> None:
    await account.handle(handle_message, stanza(peer.encrypt(text("hi")), "IN1"))
    node = receipt("IN1", "read", OWN_LID.with_device(0))
    node.attrs["recipient"] = PEER_LID
    await desk.receive(node)
    chat = await account.read(lambda store: store.chats.get(PEER_PN))
    assert chat.unread == 0
    assert [each for each in account.sink.recorded if isinstance(each, UnreadChanged)] == [
        UnreadChanged(chat, 0)
    ]
    event = account.sink.recorded[-1]
    assert isinstance(event, AckChanged)
    assert (event.ack, event.message.key.from_me) == (Ack.READ, False)


@pytest.mark.parametrize("missing", ["id", "from"])
async def test_a_receipt_must_say_whose_and_for_what(desk: Desk, missing: str) -> None:
    node = receipt("M1")
    del node.attrs[missing]
    with pytest.raises(StanzaError):
        await desk.receive(node)


def retry(
    message_id: str, count: int, peer: Peer, source: Jid = PEER_LID, *, keys: bool = False
) -> Node:
    node = receipt(message_id, "retry", source)
    content = [
        Node("retry", {"v": "1", "count": str(count), "id": message_id, "t": str(NOW)}),
        Node("registration", {}, peer.registration_id.to_bytes(4, "big")),
    ]
    if keys:
        one_time = next(iter(peer.pre_keys.values()))
        content.append(
            Node(
                "keys",
                {},
                [
                    Node("type", {}, b"\x05"),
                    Node("identity", {}, peer.identity.public),
                    key_node(one_time),
                    signed_key_node(peer.signed_pre_key),
                ],
            )
        )
    node.content = content  # type: ignore[assignment]
    return node


async def test_a_device_that_could_not_read_a_message_gets_it_again(desk: Desk) -> None:
    await desk.sent("M1", "once more")
    assert await desk.receive(retry("M1", 1, desk.peer)) == []
    (node,) = desk.server.messages
    assert (node.get("id"), node.jid("to"), node.get("device_fanout")) == ("M1", PEER_LID, "false")
    enc = node.child("enc")
    assert enc.get("count") == "1"
    assert desk.peer.decrypt(enc).extendedTextMessage.text == "once more"


async def test_keys_in_a_retry_receipt_begin_a_new_session_without_a_question(
    desk: Desk,
) -> None:
    await desk.sent("M1")
    await desk.receive(retry("M1", 2, desk.peer, keys=True))
    assert desk.server.asked == []
    enc = desk.server.messages[0].child("enc")
    assert enc.get("type") == "pkmsg"
    assert desk.peer.decrypt(enc).extendedTextMessage.text == "hello"


async def test_keys_with_a_wrong_signature_are_refused_and_nothing_is_sent(desk: Desk) -> None:
    await desk.sent("M1")
    desk.peer.signed_pre_key = Peer(PEER_PN).signed_pre_key
    await desk.receive(retry("M1", 2, desk.peer, keys=True))
    assert desk.server.messages == []
    assert await desk.account.read(lambda s: s.signal.session(PEER_LID.signal_address)) is None


async def test_another_registration_id_means_a_new_session(desk: Desk) -> None:
    await desk.sent("M1")
    await desk.receive(retry("M1", 1, desk.peer))
    before = await desk.account.read(lambda s: s.signal.session(PEER_LID.signal_address))
    desk.peer.registration_id = 4712
    desk.peer.record = None
    await desk.receive(retry("M1", 1, desk.peer))
    after = await desk.account.read(lambda s: s.signal.session(PEER_LID.signal_address))
    assert before != after
    assert desk.server.messages[1].child("enc").get("type") == "pkmsg"
    assert (
        desk.peer.decrypt(desk.server.messages[1].child("enc")).extendedTextMessage.text == "hello"
    )


async def test_our_own_phone_gets_the_form_that_own_devices_get(desk: Desk) -> None:
    await desk.sent("M1")
    node = retry("M1", 1, desk.own_phone, OWN_LID.with_device(0))
    node.attrs["recipient"] = PEER_LID
    await desk.receive(node)
    (again,) = desk.server.messages
    assert again.jid("recipient") == PEER_LID
    content = desk.own_phone.decrypt(again.child("enc"))
    assert content.deviceSentMessage.message.extendedTextMessage.text == "hello"


@pytest.mark.parametrize(
    ("message_id", "count", "source"),
    [
        ("unknown", 1, PEER_LID),
        ("M1", 5, PEER_LID),
        ("M1", 0, PEER_LID),
        ("M1", 1, Jid("100000000000009", "lid")),
        ("M1", 1, OWN_LID),
    ],
)
async def test_strangers_and_impatient_devices_get_nothing(
    desk: Desk, message_id: str, count: int, source: Jid
) -> None:
    await desk.sent("M1")
    await desk.receive(retry(message_id, count, desk.peer, source))
    assert desk.server.messages == []


async def test_after_ten_requests_a_device_gets_nothing_more(desk: Desk) -> None:
    await desk.sent("M1")
    for _ in range(13):
        await desk.receive(retry("M1", 1, desk.peer))
    assert len(desk.server.messages) == 10


@pytest.mark.parametrize("drop", ["retry", "registration"])
async def test_a_malformed_retry_is_refused(desk: Desk, drop: str) -> None:
    node = retry("M1", 1, desk.peer)
    assert isinstance(node.content, list)
    node.content = [child for child in node.content if child.tag != drop]
    with pytest.raises(StanzaError):
        await desk.receive(node)


async def notify(account: Account, node: Node, queries: Queries | None = None) -> list[Node]:
    queries = queries or Queries(5)
    pre_keys = PreKeys(account.database, SESSION, queries)
    work = await account.handle(on_notification(account, pre_keys, queries), node)
    await asyncio.gather(*(follow_up() for follow_up in work.follow_ups))
    return work.replies


async def test_a_removed_device_loses_its_session_and_the_list_is_asked_anew(
    account: Account,
) -> None:
    companion = PEER_LID.with_device(4)

    def prepare(store: object) -> None:
        store.signal.put_session(companion.signal_address, b"record")  # type: ignore[attr-defined]
        store.addresses.put_devices(DeviceList(PEER_PN, (0, 4), 1, 1, NOW))  # type: ignore[attr-defined]

    await account.write(prepare)
    device = Node("device", {"jid": PEER_PN.with_device(4)})
    node = Node(
        "notification",
        {"type": "devices", "from": PEER_PN, "id": "N1"},
        [Node("remove", {}, [device])],
    )
    (ack,) = await notify(account, node)
    assert (ack.get("class"), ack.get("type")) == ("notification", "devices")
    assert await account.read(lambda s: s.signal.session(companion.signal_address)) is None
    assert await account.read(lambda s: s.addresses.devices(PEER_PN)) is None


async def test_a_person_who_registered_anew_loses_all_sessions(account: Account) -> None:
    address = PEER_LID.signal_address
    await account.write(lambda s: s.signal.put_session(address, b"record"))
    node = Node(
        "notification",
        {"type": "encrypt", "from": PEER_PN, "id": "N1"},
        [Node("identity")],
    )
    await notify(account, node)
    assert await account.read(lambda s: s.signal.session(address)) is None


async def test_unknown_notifications_are_acked(account: Account) -> None:
    node = Node("notification", {"type": "brand_new", "from": PEER_PN, "id": "N9"})
    (ack,) = await notify(account, node)
    assert (ack.get("id"), ack.get("type")) == ("N9", "brand_new")


async def test_a_group_whose_row_makes_no_sense_holds_up_nothing(
    desk: Desk, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    group = Jid("120363000000000001", "g.us")
    key = MessageKey(group, "3EB0A1", True, OWN_PN.bare)

    def job(store: UnitOfWork) -> None:
        store.groups.put(Group(group))
        store.groups._db.run("UPDATE groups SET data = '{'")
        store.messages.add(Message(key, NOW, b"", MessageKind.TEXT, ack=Ack.SERVER))

    await account.write(job)
    attrs = {"id": "3EB0A1", "from": group, "participant": PEER_LID}
    replies = await desk.receive(Node("receipt", attrs))
    assert [reply.tag for reply in replies] == ["ack"]
    assert "cannot be read" in caplog.text
    found = await account.read(lambda store: store.messages.get_exact(key))
    assert found.ack is Ack.DELIVERED
