"""Message keys in the writer's view and in ours."""

from __future__ import annotations

import pytest

from waport.errors import DecodeError
from waport.model import MessageKey
from waport.model.contents import TargetKey
from waport.stanza.contents.keys import key_of, target_of
from waport.stanza.message import OwnAddresses
from waport.wire import STATUS, Jid

OWN = OwnAddresses(Jid("491700000001", "s.whatsapp.net", 4), Jid("1001", "lid", 4))
ME = OWN.pn.bare
MY_LID = Jid("1001", "lid")
PEER = Jid("491700000002", "s.whatsapp.net")
OTHER = Jid("1003", "lid")
GROUP = Jid("120363000000000000", "g.us")
CHANNEL = Jid("120363000000000009", "newsletter")


def test_in_private_the_other_sides_own_message_is_theirs() -> None:
    # They write: to you, from me. "You" is us.
    target = TargetKey("1", ME, from_me=True)
    key = key_of(target, chat=PEER, sender=PEER.with_device(2), from_me=False, own=OWN)
    assert key == MessageKey(PEER, "1", from_me=False, sender=PEER)


def test_in_private_what_is_not_theirs_is_ours() -> None:
    target = TargetKey("1", ME, from_me=False)
    key = key_of(target, chat=PEER, sender=PEER, from_me=False, own=OWN)
    assert key == MessageKey(PEER, "1", from_me=True, sender=ME)


def test_our_other_device_sees_a_private_chat_as_we_do() -> None:
    mine = key_of(TargetKey("1", PEER, True), chat=PEER, sender=OWN.pn, from_me=True, own=OWN)
    theirs = key_of(TargetKey("1", PEER, False), chat=PEER, sender=OWN.pn, from_me=True, own=OWN)
    assert mine == MessageKey(PEER, "1", from_me=True, sender=ME)
    assert theirs == MessageKey(PEER, "1", from_me=False, sender=PEER)


def test_a_note_to_ourselves_is_ours() -> None:
    key = key_of(TargetKey("1", ME, False), chat=ME, sender=OWN.pn, from_me=True, own=OWN)
    assert key == MessageKey(ME, "1", from_me=True, sender=ME)


@pytest.mark.parametrize(
    ("target", "sender", "is_mine"),
    [
        (TargetKey("1", GROUP, from_me=True), OTHER, False),
        (TargetKey("1", GROUP, from_me=False, participant=MY_LID), OTHER, True),
        (TargetKey("1", GROUP, from_me=False, participant=OTHER), PEER, False),
    ],
)
def test_in_groups_the_author_is_the_sender_or_named(
    target: TargetKey, sender: Jid, is_mine: bool
) -> None:
    key = key_of(target, chat=GROUP, sender=sender, from_me=False, own=OWN)
    assert key.from_me is is_mine
    assert key.sender == (target.participant or sender)


def test_a_key_in_a_group_without_author_is_refused() -> None:
    with pytest.raises(DecodeError):
        key_of(TargetKey("1", GROUP), chat=GROUP, sender=OTHER, from_me=False, own=OWN)


def test_a_key_without_id_is_refused() -> None:
    with pytest.raises(DecodeError):
        key_of(TargetKey(""), chat=PEER, sender=PEER, from_me=False, own=OWN)


def test_nobody_can_name_a_message_of_another_chat() -> None:
    target = TargetKey("1", GROUP, from_me=True, participant=OTHER)
    key = key_of(target, chat=PEER, sender=PEER, from_me=False, own=OWN)
    assert key.chat == PEER


def test_a_private_message_may_name_a_status_post() -> None:
    target = TargetKey("1", STATUS, from_me=False, participant=ME)
    key = key_of(target, chat=PEER, sender=PEER, from_me=False, own=OWN)
    assert key == MessageKey(STATUS, "1", from_me=True, sender=ME)


def test_a_channel_is_the_author_of_its_posts() -> None:
    key = key_of(TargetKey("1", CHANNEL), chat=CHANNEL, sender=CHANNEL, from_me=False, own=OWN)
    assert key == MessageKey(CHANNEL, "1", from_me=False, sender=CHANNEL)


def test_we_name_the_author_in_groups_and_only_if_it_is_not_us() -> None:
    theirs = MessageKey(GROUP, "1", from_me=False, sender=PEER)
    assert target_of(theirs) == TargetKey("1", GROUP, False, PEER)
    assert target_of(theirs, author=OTHER) == TargetKey("1", GROUP, False, OTHER)
    ours = MessageKey(GROUP, "1", from_me=True, sender=ME)
    assert target_of(ours) == TargetKey("1", GROUP, True, None)


def test_in_private_chat_and_direction_say_it_all() -> None:
    key = MessageKey(PEER, "1", from_me=False, sender=PEER)
    assert target_of(key) == TargetKey("1", PEER, False, None)
    assert target_of(key, chat=Jid("1002", "lid")).chat == Jid("1002", "lid")


@pytest.mark.parametrize("from_me", [True, False])
@pytest.mark.parametrize("chat", [PEER, GROUP])
def test_what_our_other_device_writes_comes_back_as_the_same_key(chat: Jid, from_me: bool) -> None:
    key = MessageKey(chat, "1", from_me, ME if from_me else PEER)
    assert key_of(target_of(key), chat=chat, sender=OWN.pn, from_me=True, own=OWN) == key
