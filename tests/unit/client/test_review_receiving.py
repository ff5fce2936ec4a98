"""Received messages that nobody may abuse, and none of which may get lost."""

from __future__ import annotations

import time
from typing import Any

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
)
from support.group_world import GroupWorld, retry
from support.groups import CAROL_LID, CAROL_PN, GROUP, Member, group
from support.handlers import asked_phone, handle_message
from support.server import FakeServer
from waport.client.devices import Devices
from waport.client.handlers.receipt import receipt_handler
from waport.client.queries import Queries
from waport.client.retries import Retries
from waport.model import (
    Ack,
    AddOnKind,
    GroupMember,
    Message,
    MessageAdded,
    MessageEdited,
    MessageKey,
    MessageKind,
    MessagePinned,
    MessageRevoked,
)
from waport.proto import pb
from waport.signal import distribution_message
from waport.store.add_ons import AddOns
from waport.wire import STATUS, Jid, Node

CHANNEL = Jid("120363000000000077", "newsletter")


def text(words: str) -> pb.Message:
    return pb.Message(conversation=words)


@pytest.fixture
def bob(account: Account, peer: Peer) -> Member:
    return Member(peer)


@pytest.fixture(autouse=True)
async def known_group(account: Account) -> None:
    await account.write(lambda store: store.groups.put(group(fetched_at=int(time.time()))))
    asked_phone.clear()


async def keep(account: Account, key: MessageKey, words: str = "my day", at: int = NOW) -> None:
    message = Message(key, at, text(words).SerializeToString(), MessageKind.TEXT, ack=Ack.SERVER)
    await account.write(lambda store: store.messages.add(message))


async def get(account: Account, key: MessageKey) -> Message:
    found: Message = await account.read(lambda store: store.messages.get_exact(key))
    return found


def revoke(message_id: str, chat: Jid, participant: Jid) -> pb.Message:
    message = pb.Message()
    message.protocolMessage.type = pb.ProtocolMessage.REVOKE
    key = message.protocolMessage.key
    key.id, key.remoteJid, key.participant = message_id, str(chat), str(participant)
    return message


# --- trust ----------------------------------------------------------------------------------------

CAROLS_STATUS = MessageKey(STATUS, "S1", from_me=False, sender=CAROL_PN)
OUR_STATUS = MessageKey(STATUS, "S2", from_me=True, sender=OWN_PN.bare)


@pytest.mark.parametrize(
    ("key", "author"), [(CAROLS_STATUS, CAROL_LID), (OUR_STATUS, OWN_LID.bare)]
)
async def test_an_admin_of_a_group_has_no_rights_over_status_posts(
    account: Account, bob: Member, key: MessageKey, author: Jid
) -> None:
    await account.write(lambda s: s.addresses.learn(CAROL_PN, CAROL_LID))
    await keep(account, key)
    node = bob.write(revoke(key.id, STATUS, author), "M1", with_key=True)
    await account.handle(handle_message, node)
    assert (await get(account, key)).kind is MessageKind.TEXT
    assert not [e for e in account.sink.recorded if isinstance(e, MessageRevoked)]


async def test_a_status_post_can_not_be_pinned_from_a_group(account: Account, bob: Member) -> None:
    await account.write(lambda s: s.addresses.learn(CAROL_PN, CAROL_LID))
    await keep(account, CAROLS_STATUS)
    pin = pb.Message()
    key = pin.pinInChatMessage.key
    key.id, key.remoteJid, key.participant = "S1", str(STATUS), str(CAROL_LID)
    pin.pinInChatMessage.type = pb.PinInChatMessage.PIN_FOR_ALL
    await account.handle(handle_message, bob.write(pin, "M1", with_key=True))
    assert not [e for e in account.sink.recorded if isinstance(e, MessagePinned)]


async def test_an_admin_still_takes_back_what_others_wrote_in_the_group(
    account: Account, bob: Member
) -> None:
    await account.write(lambda s: s.addresses.learn(CAROL_PN, CAROL_LID))
    target = MessageKey(GROUP, "G1", from_me=False, sender=CAROL_PN)
    await keep(account, target)
    node = bob.write(revoke("G1", GROUP, CAROL_LID), "M1", with_key=True)
    await account.handle(handle_message, node)
    assert (await get(account, target)).kind is MessageKind.REVOKED


async def test_readers_are_only_believed_where_there_are_many(account: Account) -> None:
    key = MessageKey(PEER_PN, "M1", from_me=True, sender=OWN_PN.bare)
    await keep(account, key)
    readers = [Node("user", {"jid": Jid(f"1000000001{n:03}", "lid")}) for n in range(50)]
    node = Node(
        "receipt",
        {"id": "R1", "from": PEER_PN, "type": "read"},
        [Node("participants", {"key": "M1"}, readers)],
    )
    work = await account.handle(receipts(account), node)
    assert [reply.tag for reply in work.replies] == ["ack"]
    assert await account.read(lambda s: s.add_ons.of(key, AddOnKind.RECEIPT)) == []


def receipts(account: Account) -> Any:
    queries = Queries(5)
    FakeServer(queries, [], {})
    devices = Devices(account.database, SESSION, queries)
    return receipt_handler(Retries(account.database, SESSION, queries, devices))


async def test_who_left_holds_no_ack_back(account: Account) -> None:
    await account.write(lambda s: s.addresses.learn(CAROL_PN, CAROL_LID))
    key = MessageKey(GROUP, "M1", from_me=True, sender=OWN_PN.bare)
    await keep(account, key)
    handler = receipts(account)
    gone = Jid("100000000000009", "lid")
    for reader, kind in ((gone, "inactive"), (PEER_LID, "read"), (CAROL_LID, "read")):
        attrs: dict[str, Any] = {"id": "M1", "from": GROUP, "participant": reader, "type": kind}
        await account.handle(handler, Node("receipt", attrs))
    assert (await get(account, key)).ack is Ack.READ


@pytest.mark.parametrize("together", [True, False])
async def test_the_readers_of_a_large_group_are_not_all_looked_at_each_time(
    account: Account, monkeypatch: pytest.MonkeyPatch, together: bool
) -> None:
    people = [Jid(f"2000000000{n:05}", "lid") for n in range(100)]
    members = tuple(GroupMember(jid) for jid in (*people, OWN_LID.bare))
    await account.write(
        lambda s: s.groups.put(group(fetched_at=int(time.time()), members=members, size=101))
    )
    key = MessageKey(GROUP, "M1", from_me=True, sender=OWN_PN.bare)
    await keep(account, key)
    looks = 0
    look = AddOns.of

    def counted(self: AddOns, *args: Any) -> Any:
        nonlocal looks
        looks += 1
        return look(self, *args)

    monkeypatch.setattr(AddOns, "of", counted)
    handler = receipts(account)
    attrs: dict[str, Any] = {"id": "R1", "from": GROUP, "type": "read"}
    if together:
        readers = [Node("user", {"jid": jid}) for jid in people]
        listing = Node("participants", {"key": "M1"}, readers)
        await account.handle(handler, Node("receipt", attrs, [listing]))
    else:
        for jid in people:
            node = Node("receipt", {**attrs, "id": "M1", "participant": jid})
            await account.handle(handler, node)
    assert (await get(account, key)).ack is Ack.READ
    assert looks == 1


# --- numbers that fit nowhere ---------------------------------------------------------------------


@pytest.mark.parametrize("t", ["9999999999999999999", "9223372036854775807", "99999999999999"])
async def test_a_time_that_is_none_does_not_keep_a_message_out(
    account: Account, bob: Member, t: str
) -> None:
    node = bob.write(text("hello"), "M1", with_key=True)
    node.attrs["t"] = t
    work = await account.handle(handle_message, node)
    assert [reply.tag for reply in work.replies] == ["receipt"]
    (event,) = account.sink.recorded
    assert isinstance(event, MessageAdded)
    assert event.message.timestamp == NOW
    reaction = pb.Message()
    reaction.reactionMessage.key.id = "M1"
    reaction.reactionMessage.key.fromMe = True
    reaction.reactionMessage.text = "\N{FIRE}"
    reaction.reactionMessage.senderTimestampMs = 2**63 - 1
    node = bob.write(reaction, "M2", with_key=False)
    node.attrs["t"] = t
    work = await account.handle(handle_message, node)
    assert [reply.tag for reply in work.replies] == ["receipt"]


# --- places ---------------------------------------------------------------------------------------


async def test_a_place_that_machinery_fills_is_no_message_any_more(
    account: Account, bob: Member
) -> None:
    node = bob.write(text("x"), "M1", with_key=True)
    node.children("enc")[0].content = b"\x33garbage garbage"
    await account.handle(handle_message, node)
    machinery = pb.Message()
    machinery.protocolMessage.type = pb.ProtocolMessage.REQUEST_WELCOME_MESSAGE
    ciphertext = bob.peer.encrypt(machinery.SerializeToString())
    enc = Node("enc", {"v": "2", "type": ciphertext.type, "count": "1"}, ciphertext.body)
    attrs: dict[str, Any] = {"from": GROUP, "participant": PEER_LID, "id": "M1", "t": str(NOW)}
    await account.handle(handle_message, Node("message", attrs, [enc]))
    assert await account.read(lambda store: store.messages.page(GROUP, 5)) == []


async def test_a_message_that_the_phone_gave_still_brings_its_key(
    account: Account, bob: Member
) -> None:
    await account.handle(handle_message, bob.write(text("lost"), "M1", with_key=False))
    key = MessageKey(GROUP, "M1", from_me=False, sender=PEER_PN)
    await keep(account, key, "lost")
    content = text("lost")
    told = content.senderKeyDistributionMessage
    told.groupId = str(GROUP)
    told.axolotlSenderKeyDistributionMessage = distribution_message(bob.own)
    ciphertext = bob.peer.encrypt(content.SerializeToString())
    enc = Node("enc", {"v": "2", "type": ciphertext.type, "count": "1"}, ciphertext.body)
    attrs: dict[str, Any] = {"from": GROUP, "participant": PEER_LID, "id": "M1", "t": str(NOW)}
    work = await account.handle(handle_message, Node("message", attrs, [enc]))
    assert [(reply.tag, reply.get("type")) for reply in work.replies] == [("receipt", None)]
    await account.handle(handle_message, bob.write(text("next"), "M2", with_key=False))
    page = await account.read(lambda store: store.messages.page(GROUP, 5))
    assert [message.text for message in page] == ["next", "lost"]


async def test_a_key_does_not_stay_in_the_message_that_brought_it(
    account: Account, bob: Member
) -> None:
    content = text("hello")
    told = content.senderKeyDistributionMessage
    told.groupId = str(GROUP)
    told.axolotlSenderKeyDistributionMessage = distribution_message(bob.own)
    ciphertext = bob.peer.encrypt(content.SerializeToString())
    enc = Node("enc", {"v": "2", "type": ciphertext.type}, ciphertext.body)
    attrs: dict[str, Any] = {"from": GROUP, "participant": PEER_LID, "id": "M1", "t": str(NOW)}
    await account.handle(handle_message, Node("message", attrs, [enc]))
    (message,) = await account.read(lambda store: store.messages.page(GROUP, 5))
    assert message.text == "hello"
    assert not message.proto().HasField("senderKeyDistributionMessage")


# --- channels -------------------------------------------------------------------------------------


async def test_a_post_is_edited_as_late_as_its_channel_likes(account: Account) -> None:
    def post(words: str, at: int, **attrs: Any) -> Node:
        node = Node(
            "message",
            {"from": CHANNEL, "id": "P1", "t": str(at), "type": "text"},
            [Node("plaintext", {}, text(words).SerializeToString())],
        )
        node.attrs.update(attrs)
        return node

    await account.handle(handle_message, post("first", NOW))
    await account.handle(handle_message, post("second", NOW + 86_400, edit="3"))
    (message,) = await account.read(lambda store: store.messages.page(CHANNEL, 5))
    assert message.text == "second"
    assert [type(event) for event in account.sink.recorded] == [MessageAdded, MessageEdited]


# --- what is sent again ---------------------------------------------------------------------------


async def test_what_was_never_understood_is_not_sent_again(account: Account) -> None:
    world = GroupWorld(account)
    await world.put_group()
    await world.desk.sender.resume(world.server)  # type: ignore[arg-type]
    key = MessageKey(GROUP, "M1", from_me=True, sender=OWN_PN.bare)
    broken = Message(key, NOW, b"\xff\xff", MessageKind.CIPHERTEXT, ack=Ack.SERVER)
    await account.write(lambda store: store.messages.add(broken))
    await world.receive(retry("M1", CAROL_LID, world.carol))
    assert world.server.messages == []
