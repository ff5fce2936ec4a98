"""Reactions, plain and encrypted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, Account
from support.addons import (
    ANN_LID,
    ANN_PN,
    GROUP,
    SECRET,
    Conversation,
    group_of,
    key_in,
    mine,
    original,
    yours,
)
from waport.client import addons
from waport.model import AddOn, MessageKey, MessageKind, ReactionChanged
from waport.model.contents import EncryptedReaction, Poll, Reaction, Sealed, TargetKey, Text
from waport.stanza.addons import seal_reaction
from waport.wire import STATUS, Jid

NOW_MS = NOW * 1000
STRANGER = Jid("100000000000009", "lid")
M1 = key_in(PEER_PN, "M1", PEER_PN)


@pytest.fixture
def talk(account: Account) -> Conversation:
    return Conversation(account)


async def standing(talk: Conversation, key: MessageKey = M1) -> list[tuple[str, Jid]]:
    found: list[AddOn] = await talk.account.read(lambda store: addons.reactions(store, key))
    return [(each.data.decode(), each.sender) for each in found]


async def test_a_reaction_is_kept_and_told(talk: Conversation) -> None:
    await talk.post(Text("hello"))
    (event,) = await talk.add(Reaction(mine("M1"), "👍", NOW_MS + 5), message_id="R1")
    assert event == ReactionChanged(M1, key_in(PEER_PN, "R1", PEER_PN), "👍", NOW_MS + 5)
    assert await standing(talk) == [("👍", PEER_PN)]


async def test_a_reaction_to_what_we_wrote_names_our_message(talk: Conversation) -> None:
    await talk.post(Text("ours"), sender=OWN_PN, chat=PEER_LID)
    (event,) = await talk.add(Reaction(yours("M1"), "👍"))
    assert isinstance(event, ReactionChanged)
    assert event.target == key_in(PEER_PN, "M1", OWN_PN)
    assert not event.is_orphan


async def test_an_own_reaction_goes_the_same_way(talk: Conversation) -> None:
    await talk.post(Text("hello"))
    target = TargetKey("M1", PEER_LID, from_me=False)
    (event,) = await talk.add(Reaction(target, "🙂"), sender=OWN_LID, chat=PEER_LID)
    assert isinstance(event, ReactionChanged)
    assert (event.target, event.key.from_me, event.key.sender) == (M1, True, OWN_PN.bare)
    assert await standing(talk) == [("🙂", OWN_PN.bare)]


async def test_the_newest_reaction_of_a_person_stands(talk: Conversation) -> None:
    await talk.post(Text("hello"))
    await talk.add(Reaction(mine("M1"), "👍", NOW_MS))
    await talk.add(Reaction(mine("M1"), "🎉", NOW_MS + 2))
    assert await talk.add(Reaction(mine("M1"), "👎", NOW_MS + 1)) == []
    assert await standing(talk) == [("🎉", PEER_PN)]


async def test_an_empty_text_takes_a_reaction_back(talk: Conversation) -> None:
    await talk.post(Text("hello"))
    await talk.add(Reaction(mine("M1"), "👍", NOW_MS))
    (event,) = await talk.add(Reaction(mine("M1"), "", NOW_MS + 1))
    assert isinstance(event, ReactionChanged)
    assert event.text == ""
    assert await standing(talk) == []


async def test_a_reaction_without_a_time_has_the_servers(talk: Conversation) -> None:
    await talk.post(Text("hello"))
    for claimed in (0, -5):
        (event,) = await talk.add(Reaction(mine("M1"), "👍", claimed), timestamp=NOW + 3)
        assert isinstance(event, ReactionChanged)
        assert event.timestamp_ms == NOW_MS + 3000


async def test_a_reaction_may_come_before_its_message(talk: Conversation) -> None:
    (event,) = await talk.add(Reaction(mine("M1"), "👍"))
    assert isinstance(event, ReactionChanged)
    assert event.is_orphan
    assert await talk.post(Text("late")) == []
    assert await standing(talk) == [("👍", PEER_PN)]


async def test_a_reaction_to_a_message_that_cannot_be_read_is_no_orphan(
    talk: Conversation,
) -> None:
    await talk.post(Text(""), kind=MessageKind.CIPHERTEXT)
    (event,) = await talk.add(Reaction(mine("M1"), "👍"))
    assert isinstance(event, ReactionChanged)
    assert not event.is_orphan


@pytest.mark.parametrize(
    "reaction",
    [
        Reaction(mine(""), "👍"),
        Reaction(mine("M1\n"), "👍"),
        Reaction(mine("M1" * 200), "👍"),
        Reaction(mine("M1"), "👍" * 65),
    ],
)
async def test_a_reaction_that_makes_no_sense_has_no_effect(
    talk: Conversation, reaction: Reaction
) -> None:
    await talk.post(Text("hello"))
    assert await talk.add(reaction) == []
    assert await standing(talk) == []


async def test_nothing_is_added_to_what_is_no_message(talk: Conversation) -> None:
    await talk.post(Reaction(mine("M0"), "👍"), kind=MessageKind.ADD_ON)
    assert await talk.add(Reaction(mine("M1"), "👍")) == []


async def test_members_of_a_group_react_and_others_do_not(talk: Conversation) -> None:
    await talk.know(group_of())
    await talk.post(Text("hello"), chat=GROUP)
    (event,) = await talk.add(
        Reaction(yours("M1", PEER_LID), "👍"), sender=ANN_LID.with_device(2), chat=GROUP
    )
    assert isinstance(event, ReactionChanged)
    assert event.target == key_in(GROUP, "M1", PEER_PN)
    assert event.key.sender == ANN_PN
    assert await talk.add(Reaction(yours("M1", PEER_LID), "👎"), sender=STRANGER, chat=GROUP) == []


@pytest.mark.parametrize("is_known", [True, False])
async def test_whoever_writes_into_a_group_is_a_member_while_its_list_is_uncertain(
    talk: Conversation, is_known: bool
) -> None:
    await talk.know(replace(group_of(), fetched_at=0) if is_known else None)
    reaction = Reaction(yours("M1", PEER_LID), "👍")
    assert len(await talk.add(reaction, sender=STRANGER, chat=GROUP)) == 1


async def test_a_reaction_in_a_group_without_an_author_has_no_effect(talk: Conversation) -> None:
    await talk.post(Text("hello"), chat=GROUP)
    assert await talk.add(Reaction(yours("M1"), "👍"), chat=GROUP) == []


async def test_a_status_is_reacted_to_from_a_private_chat(talk: Conversation) -> None:
    await talk.post(Text("my day"), sender=OWN_PN, chat=STATUS)
    target = TargetKey("M1", STATUS, from_me=False, participant=OWN_LID.bare)
    (event,) = await talk.add(Reaction(target, "❤"))
    assert isinstance(event, ReactionChanged)
    assert event.target == key_in(STATUS, "M1", OWN_PN)
    assert not event.is_orphan


async def test_learning_a_number_makes_one_person_of_two_addresses(talk: Conversation) -> None:
    await talk.post(Text("hello"), sender=ANN_LID, chat=GROUP)
    await talk.add(Reaction(mine("M1"), "👍", NOW_MS), sender=ANN_LID, chat=GROUP)
    await talk.know()
    await talk.account.write(lambda store: store.messages.rename_author(ANN_LID, ANN_PN))
    await talk.account.write(lambda store: store.add_ons.rename(ANN_LID, ANN_PN))
    await talk.add(Reaction(mine("M1"), "🎉", NOW_MS + 1), sender=ANN_LID, chat=GROUP)
    assert await standing(talk, key_in(GROUP, "M1", ANN_PN)) == [("🎉", ANN_PN)]


# --- encrypted -----------------------------------------------------------------------------------


def sealed_by(sender: Jid, text: str = "🔒", author: Jid = PEER_LID) -> EncryptedReaction:
    reaction = Reaction(yours("M1", PEER_LID), text, NOW_MS)
    return seal_reaction(reaction, original("M1", author), [sender])


@pytest.mark.parametrize("pair", [(PEER_LID, ANN_LID), (PEER_PN, ANN_PN), (PEER_LID, ANN_PN)])
async def test_an_encrypted_reaction_opens_whatever_addresses_its_key_names(
    talk: Conversation, pair: tuple[Jid, Jid]
) -> None:
    author, sender = pair
    await talk.know()
    await talk.post(Text("hello"), chat=GROUP)
    (event,) = await talk.add(sealed_by(sender, author=author), sender=ANN_LID, chat=GROUP)
    assert isinstance(event, ReactionChanged)
    assert (event.text, event.key.sender) == ("🔒", ANN_PN)


async def test_an_encrypted_reaction_waits_for_its_message(talk: Conversation) -> None:
    await talk.know()
    assert await talk.add(sealed_by(ANN_LID), sender=ANN_LID, chat=GROUP) == []
    (event,) = await talk.post(Text("late"), chat=GROUP)
    assert isinstance(event, ReactionChanged)
    assert not event.is_orphan
    assert await standing(talk, key_in(GROUP, "M1", PEER_PN)) == [("🔒", ANN_PN)]


async def test_a_reaction_under_another_secret_is_dropped_alone(talk: Conversation) -> None:
    await talk.know()
    await talk.post(Text("hello"), chat=GROUP, secret=SECRET[::-1])
    assert await talk.add(sealed_by(ANN_LID), sender=ANN_LID, chat=GROUP) == []
    (event,) = await talk.add(Reaction(yours("M1", PEER_LID), "👍"), sender=ANN_LID, chat=GROUP)
    assert isinstance(event, ReactionChanged)


@pytest.mark.parametrize("secret", [b"", b"short"])
async def test_nothing_encrypted_belongs_to_a_message_without_a_secret(
    talk: Conversation, secret: bytes
) -> None:
    await talk.know()
    await talk.post(Text("hello"), chat=GROUP, secret=secret)
    assert await talk.add(sealed_by(ANN_LID), sender=ANN_LID, chat=GROUP) == []


async def test_an_add_on_with_a_bad_iv_is_dropped(talk: Conversation) -> None:
    await talk.know()
    await talk.post(Poll("?", ("a", "b")), chat=GROUP)
    bad = EncryptedReaction(yours("M1", PEER_LID), Sealed(b"short", bytes(40)))
    assert await talk.add(bad, sender=ANN_LID, chat=GROUP) == []
