from __future__ import annotations

import time
from dataclasses import replace

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, Account, Peer
from support.groups import CAROL_LID, CAROL_PN, GROUP, Member, group
from support.handlers import asked_phone, handle_message
from waport.client.work import Work
from waport.model import MessageAdded, MessageKind, MessageUndecryptable, ReactionChanged
from waport.proto import pb
from waport.signal import create_sender_key, distribution_message
from waport.wire import STATUS, Jid, Node


def text(words: str) -> pb.Message:
    return pb.Message(conversation=words)


def replies(work: Work) -> list[tuple[str, str | None]]:
    return [(reply.tag, reply.get("type")) for reply in work.replies]


RETRIED = [("receipt", "retry"), ("ack", None)]


@pytest.fixture
def bob(account: Account, peer: Peer) -> Member:
    return Member(peer)


@pytest.fixture(autouse=True)
async def known_group(account: Account) -> None:
    await account.write(lambda store: store.groups.put(group(fetched_at=int(time.time()))))
    asked_phone.clear()


async def shown(account: Account, chat: Jid = GROUP) -> list[str]:
    page = await account.read(lambda store: store.messages.page(chat, 20))
    return [message.text for message in reversed(page)]


async def test_a_key_and_a_message_come_in_one_stanza(account: Account, bob: Member) -> None:
    work = await account.handle(handle_message, bob.write(text("hello"), "M1", with_key=True))
    (reply,) = work.replies
    assert (reply.tag, reply.jid("to"), reply.jid("participant")) == ("receipt", GROUP, PEER_LID)
    (event,) = account.sink.recorded
    assert isinstance(event, MessageAdded)
    key = event.message.key
    assert (key.chat, key.sender, key.from_me) == (GROUP, PEER_PN, False)
    assert await shown(account) == ["hello"]


async def test_the_key_reads_on_and_messages_may_be_missed(account: Account, bob: Member) -> None:
    await account.handle(handle_message, bob.write(text("one"), "M1", with_key=True))
    missed = bob.write(text("two"), "M2", with_key=False)
    await account.handle(handle_message, bob.write(text("three"), "M3", with_key=False))
    await account.handle(handle_message, missed)
    assert await shown(account) == ["one", "three", "two"]


async def test_a_message_without_a_key_is_asked_for_and_keeps_its_place(
    account: Account, bob: Member
) -> None:
    node = bob.write(text("hello"), "M1", with_key=False)
    work = await account.handle(handle_message, node)
    assert replies(work) == RETRIED
    retry = work.replies[0]
    assert (retry.jid("to"), retry.jid("participant")) == (GROUP, PEER_LID)
    assert retry.find("keys") is not None
    (event,) = account.sink.recorded
    assert isinstance(event, MessageUndecryptable)
    assert event.message.kind is MessageKind.CIPHERTEXT
    assert [(key.id, at_once) for key, at_once in asked_phone] == [("M1", False)]


async def test_what_is_sent_again_takes_its_place_and_brings_the_key(
    account: Account, bob: Member
) -> None:
    await account.handle(handle_message, bob.write(text("lost"), "M1", with_key=False))
    content = text("lost")
    told = content.senderKeyDistributionMessage
    told.groupId = str(GROUP)
    told.axolotlSenderKeyDistributionMessage = distribution_message(bob.own)
    ciphertext = bob.peer.encrypt(content.SerializeToString())
    enc = Node("enc", {"v": "2", "type": ciphertext.type, "count": "1"}, ciphertext.body)
    attrs = {"from": GROUP, "participant": PEER_LID, "id": "M1", "t": str(NOW)}
    work = await account.handle(handle_message, Node("message", attrs, [enc]))  # type: ignore[arg-type]
    assert replies(work) == [("receipt", None)]
    await account.handle(handle_message, bob.write(text("next"), "M2", with_key=False))
    assert await shown(account) == ["lost", "next"]
    added = [event for event in account.sink.recorded if isinstance(event, MessageAdded)]
    assert [event.message.text for event in added] == ["lost", "next"]


async def test_a_failed_key_part_is_asked_for_once_and_the_rest_left_alone(
    account: Account, bob: Member
) -> None:
    node = bob.write(text("hello"), "M1", with_key=True)
    node.children("enc")[0].content = b"\x33garbage garbage"
    work = await account.handle(handle_message, node)
    assert replies(work) == RETRIED


async def test_a_key_of_another_group_is_ignored_and_the_message_read(
    account: Account, bob: Member
) -> None:
    await account.handle(handle_message, bob.write(text("one"), "M1", with_key=True))
    other = Member(bob.peer, own=create_sender_key())
    content = text("two")
    content.senderKeyDistributionMessage.groupId = "120363000000000009@g.us"
    content.senderKeyDistributionMessage.axolotlSenderKeyDistributionMessage = distribution_message(
        other.own
    )
    await account.handle(handle_message, bob.write(content, "M2", with_key=False))
    await account.handle(handle_message, bob.write(text("three"), "M3", with_key=False))
    assert await shown(account) == ["one", "two", "three"]


async def test_a_damaged_signature_is_refused_and_changes_nothing(
    account: Account, bob: Member
) -> None:
    await account.handle(handle_message, bob.write(text("one"), "M1", with_key=True))
    node = bob.write(text("two"), "M2", with_key=False)
    enc = node.child("enc")
    good = enc.data
    enc.content = good[:-1] + bytes([good[-1] ^ 1])
    address = PEER_LID.signal_address
    before = await account.read(lambda s: s.sender_keys.get(GROUP, address))
    assert replies(await account.handle(handle_message, node)) == RETRIED
    assert await account.read(lambda s: s.sender_keys.get(GROUP, address)) == before
    enc.content = good
    await account.handle(handle_message, node)
    assert await shown(account) == ["one", "two"]


async def test_a_message_that_comes_again_is_answered_and_told_once(
    account: Account, bob: Member
) -> None:
    node = bob.write(text("hello"), "M1", with_key=True)
    await account.handle(handle_message, node)
    work = await account.handle(handle_message, node)
    assert replies(work) == [("receipt", None)]
    assert len(account.sink.recorded) == 1


async def test_a_message_under_the_number_uses_the_key_of_the_hidden_id(
    account: Account, bob: Member
) -> None:
    await account.handle(handle_message, bob.write(text("one"), "M1", with_key=True))
    node = bob.write(text("two"), "M2", with_key=False, participant=PEER_PN)
    await account.handle(handle_message, node)
    assert await shown(account) == ["one", "two"]


async def test_what_an_own_device_wrote_is_ours(account: Account) -> None:
    phone = Member(Peer(OWN_PN.with_device(0)))
    phone.peer.open(account.bundle())
    node = phone.write(
        text("from my phone"), "M1", with_key=True, participant=OWN_LID.with_device(0)
    )
    work = await account.handle(handle_message, node)
    assert replies(work) == [("receipt", "sender")]
    (event,) = account.sink.recorded
    assert isinstance(event, MessageAdded)
    assert (event.message.key.from_me, event.message.key.sender) == (True, OWN_PN.bare)


async def test_a_status_post_is_read_like_a_group_message(account: Account, bob: Member) -> None:
    node = bob.write(text("my day"), "M1", with_key=True, source=STATUS)
    work = await account.handle(handle_message, node)
    (reply,) = work.replies
    assert (reply.jid("to"), reply.jid("participant")) == (STATUS, PEER_LID)
    assert await shown(account, STATUS) == ["my day"]


async def test_a_status_stanza_is_taken_and_acked_under_its_own_class(
    account: Account, bob: Member
) -> None:
    node = bob.write(text("my day"), "M1", with_key=True, source=STATUS)
    work = await account.handle(handle_message, Node("status", node.attrs, node.content))
    (reply,) = work.replies
    assert (reply.tag, reply.get("class")) == ("ack", "status")
    assert await shown(account, STATUS) == ["my day"]


async def test_withheld_content_is_asked_of_the_phone_at_once(account: Account) -> None:
    attrs = {"from": GROUP, "participant": PEER_LID, "id": "M1", "t": str(NOW)}
    node = Node("message", attrs, [Node("unavailable", {"type": "view_once"})])  # type: ignore[arg-type]
    work = await account.handle(handle_message, node)
    assert replies(work) == [("ack", None)]
    ((key, at_once),) = asked_phone
    assert (key.chat, key.id, key.sender, at_once) == (GROUP, "M1", PEER_LID, True)


@pytest.mark.parametrize("kind", ["bot_unavailable_fanout", "hosted_unavailable_fanout"])
async def test_what_the_phone_would_not_give_is_not_asked_for(account: Account, kind: str) -> None:
    attrs = {"from": GROUP, "participant": PEER_LID, "id": "M1", "t": str(NOW)}
    node = Node("message", attrs, [Node("unavailable", {"type": kind})])  # type: ignore[arg-type]
    await account.handle(handle_message, node)
    assert asked_phone == []


async def test_a_reaction_acts_on_its_message_and_is_no_message(
    account: Account, bob: Member
) -> None:
    await account.handle(handle_message, bob.write(text("hello"), "M1", with_key=True))
    reaction = pb.Message()
    reaction.reactionMessage.key.id = "M1"
    reaction.reactionMessage.key.remoteJid = str(GROUP)
    reaction.reactionMessage.key.fromMe = True
    reaction.reactionMessage.text = "\N{FIRE}"
    reaction.reactionMessage.senderTimestampMs = NOW * 1000
    await account.handle(handle_message, bob.write(reaction, "M2", with_key=False))
    event = account.sink.recorded[-1]
    assert isinstance(event, ReactionChanged)
    assert (event.target.id, event.text, event.target.sender) == ("M1", "\N{FIRE}", PEER_PN)
    assert await shown(account) == ["hello"]


async def test_a_reaction_before_its_message_waits_for_it(account: Account, bob: Member) -> None:
    first = bob.write(text("hello"), "M1", with_key=True)
    await account.handle(handle_message, first)
    edit = pb.Message()
    protocol = edit.protocolMessage
    protocol.type = pb.ProtocolMessage.MESSAGE_EDIT
    protocol.key.id, protocol.key.fromMe = "M3", True
    protocol.key.remoteJid = str(GROUP)
    protocol.editedMessage.conversation = "better"
    protocol.timestampMs = NOW * 1000 + 5
    late = bob.write(text("worse"), "M3", with_key=False)
    await account.handle(handle_message, bob.write(edit, "M4", with_key=False))
    assert await shown(account) == ["hello"]
    await account.handle(handle_message, late)
    assert await shown(account) == ["hello", "better"]


async def test_names_and_numbers_of_a_group_message_are_learned(account: Account) -> None:
    carol = Member(Peer(CAROL_PN))
    carol.peer.open(account.bundle())
    node = carol.write(text("hi"), "M1", with_key=True)
    node.attrs["participant_pn"] = CAROL_PN
    await account.handle(handle_message, node)
    assert await account.read(lambda s: s.addresses.lid_of(CAROL_PN)) == CAROL_LID
    (event,) = account.sink.recorded
    assert isinstance(event, MessageAdded)
    assert event.message.key.sender == CAROL_PN


async def test_a_content_of_an_unknown_kind_is_kept_raw_and_announced(
    account: Account, bob: Member
) -> None:
    strange = pb.Message.FromString(b"\xba\x3f\x03\x0a\x01x")
    await account.handle(handle_message, bob.write(strange, "M1", with_key=True))
    (event,) = account.sink.recorded
    assert isinstance(event, MessageAdded)
    assert event.message.kind is MessageKind.OTHER
    assert event.message.content == strange.SerializeToString()


async def test_two_authors_may_use_one_id(account: Account, bob: Member) -> None:
    carol = Member(Peer(CAROL_PN))
    carol.peer.open(account.bundle())
    await account.write(lambda s: s.addresses.learn(CAROL_PN, CAROL_LID))
    await account.handle(handle_message, bob.write(text("bob"), "M1", with_key=True))
    await account.handle(handle_message, carol.write(text("carol"), "M1", with_key=True))
    assert sorted(await shown(account)) == ["bob", "carol"]


async def test_a_group_is_not_needed_to_read_in_it(account: Account, bob: Member) -> None:
    await account.write(lambda s: s.groups.delete(GROUP))
    await account.handle(handle_message, bob.write(text("hello"), "M1", with_key=True))
    assert await shown(account) == ["hello"]
    stored = await account.read(lambda s: s.messages.get(GROUP, "M1"))
    assert replace(stored, seq=0).key.chat == GROUP
