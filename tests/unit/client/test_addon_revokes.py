"""Revokes: who may, and what is left."""

from __future__ import annotations

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, Account
from support.addons import (
    ANN_LID,
    ANN_PN,
    GROUP,
    Conversation,
    group_of,
    key_in,
    mine,
    yours,
)
from waport.client import addons
from waport.model import (
    DomainEvent,
    Group,
    Message,
    MessageKind,
    MessageRevoked,
    ReactionChanged,
)
from waport.model.contents import (
    Edit,
    Reaction,
    Revoke,
    TargetKey,
    Text,
)
from waport.proto import pb
from waport.stanza.contents import read_message
from waport.wire import STATUS

NOW_MS = NOW * 1000


@pytest.fixture
def talk(account: Account) -> Conversation:
    return Conversation(account)


def only_revoke(events: list[DomainEvent]) -> MessageRevoked:
    (event,) = events
    assert isinstance(event, MessageRevoked)
    return event


def tombstone_of(message: Message) -> pb.MessageKey:
    assert message.kind is MessageKind.REVOKED
    protocol = message.proto().protocolMessage
    assert protocol.HasField("type")
    assert protocol.type == pb.ProtocolMessage.REVOKE
    assert message.proto() == pb.Message(protocolMessage=protocol)
    return protocol.key


async def test_a_revoke_leaves_a_tombstone_and_tells_what_was_there(talk: Conversation) -> None:
    await talk.post(Text("secret words"))
    event = only_revoke(await talk.add(Revoke(mine("M1"))))
    assert (event.original.text if event.original else None, event.by) == ("secret words", PEER_PN)
    assert event.message == await talk.message()
    assert tombstone_of(event.message) == pb.MessageKey(
        remoteJid=str(PEER_PN), fromMe=False, id="M1"
    )


async def test_a_second_revoke_tells_nothing(talk: Conversation) -> None:
    await talk.post(Text("hello"))
    await talk.add(Revoke(mine("M1")))
    assert await talk.add(Revoke(mine("M1"))) == []


async def test_a_revoke_before_its_message_is_remembered(talk: Conversation) -> None:
    event = only_revoke(await talk.add(Revoke(mine("M1")), timestamp=NOW + 9))
    assert event.original is None
    assert event.message.key == key_in(PEER_PN, "M1", PEER_PN)
    assert event.message.timestamp == NOW + 9
    tombstone_of(event.message)

    late = Message(event.message.key, NOW, b"", MessageKind.TEXT)
    assert await talk.account.write(lambda store: store.messages.add(late)) is None
    assert await talk.add(Edit(mine("M1"), Text("x"), NOW * 1000)) == []
    assert await talk.add(Reaction(mine("M1"), "👍")) == []


async def test_a_revoked_message_that_could_not_be_read_never_came(talk: Conversation) -> None:
    await talk.post(Text(""), kind=MessageKind.CIPHERTEXT)
    event = only_revoke(await talk.add(Revoke(mine("M1"))))
    assert event.original is None
    tombstone_of(await talk.message())


async def test_what_was_added_goes_with_the_message(talk: Conversation) -> None:
    await talk.post(Text("hello"))
    (reaction,) = await talk.add(Reaction(mine("M1"), "👍"))
    assert isinstance(reaction, ReactionChanged)
    await talk.add(Revoke(mine("M1")))
    target = reaction.target
    assert await talk.account.read(lambda store: addons.reactions(store, target)) == []


async def test_an_own_revoke_goes_the_same_way(talk: Conversation) -> None:
    await talk.post(Text("ours"), sender=OWN_PN, chat=PEER_LID)
    event = only_revoke(await talk.add(Revoke(mine("M1")), sender=OWN_LID, chat=PEER_LID))
    assert event.by == OWN_PN.bare
    assert tombstone_of(event.message).fromMe


async def test_nobody_revokes_others_messages_in_a_private_chat(talk: Conversation) -> None:
    await talk.post(Text("ours"), "M1", sender=OWN_PN, chat=PEER_LID)
    await talk.post(Text("theirs"), "M2")
    assert await talk.add(Revoke(yours("M1"))) == []
    theirs = TargetKey("M2", PEER_LID, from_me=False)
    assert await talk.add(Revoke(theirs), sender=OWN_LID, chat=PEER_LID) == []
    assert (await talk.message("M1", sender=OWN_PN)).text == "ours"
    assert (await talk.message("M2")).text == "theirs"


async def test_an_admin_revokes_others_messages_in_a_group(talk: Conversation) -> None:
    await talk.know(group_of())
    await talk.post(Text("rude"), chat=GROUP)
    event = only_revoke(await talk.add(Revoke(yours("M1", PEER_LID)), sender=ANN_LID, chat=GROUP))
    assert (event.message.key, event.by) == (key_in(GROUP, "M1", PEER_PN), ANN_PN)
    assert tombstone_of(event.message).participant == str(PEER_PN)


@pytest.mark.parametrize("group", [group_of(), None])
async def test_who_is_not_known_as_an_admin_revokes_only_own_messages(
    talk: Conversation, group: Group | None
) -> None:
    await talk.know(group)
    await talk.post(Text("polite"), sender=ANN_LID, chat=GROUP)
    assert await talk.add(Revoke(yours("M1", ANN_LID)), chat=GROUP) == []
    event = only_revoke(await talk.add(Revoke(mine("M1")), sender=ANN_LID, chat=GROUP))
    assert event.by == ANN_PN


async def test_own_devices_are_believed_as_admins(talk: Conversation) -> None:
    await talk.post(Text("rude"), chat=GROUP)
    revoke = Revoke(TargetKey("M1", GROUP, False, PEER_LID))
    event = only_revoke(await talk.add(revoke, sender=OWN_LID.with_device(0), chat=GROUP))
    assert event.by == OWN_PN.bare


async def test_a_status_is_revoked_by_its_author_alone(talk: Conversation) -> None:
    await talk.know()
    await talk.post(Text("my day"), chat=STATUS)
    named = TargetKey("M1", STATUS, False, PEER_LID)
    assert await talk.add(Revoke(named), sender=ANN_LID, chat=STATUS) == []
    event = only_revoke(await talk.add(Revoke(TargetKey("M1", STATUS, True)), chat=STATUS))
    assert event.message.key == key_in(STATUS, "M1", PEER_PN)


async def test_a_protocol_message_without_a_type_revokes_nothing(talk: Conversation) -> None:
    await talk.post(Text("hello"))
    message = pb.Message(protocolMessage=pb.ProtocolMessage(key=pb.MessageKey(id="M1")))
    content = read_message(message).content
    assert not addons.is_add_on(content)
    assert await talk.add(content) == []
    assert (await talk.message()).text == "hello"
