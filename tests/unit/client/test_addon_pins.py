"""Pins, kept messages, timers of chats, labels of members."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

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
from waport.client.work import Work
from waport.model import (
    AddOn,
    AddOnKind,
    ChatTimerChanged,
    DomainEvent,
    Group,
    MessageKey,
    MessagePinned,
    TimerSetting,
)
from waport.model.contents import (
    ChatTimer,
    Content,
    Edit,
    EncryptedComment,
    EncryptedEdit,
    EncryptedReaction,
    EventResponse,
    Keep,
    KeepAction,
    MemberLabel,
    MessageInfo,
    Pin,
    PinAction,
    PollVote,
    Reaction,
    Revoke,
    Sealed,
    SharingLimit,
    Text,
)
from waport.wire import STATUS, Jid

DAY_S = 86_400
M1 = key_in(PEER_PN, "M1", PEER_PN)
IN_GROUP = key_in(GROUP, "M1", PEER_PN)


@pytest.fixture
def talk(account: Account) -> Conversation:
    return Conversation(account)


async def pin(
    talk: Conversation,
    action: PinAction = PinAction.PIN,
    *,
    at: int = NOW,
    sender: Jid = PEER_LID,
    chat: Jid | None = None,
) -> list[DomainEvent]:
    target = mine("M1") if sender == PEER_LID else yours("M1", PEER_LID)
    content = Pin(target, action, DAY_S, timestamp_ms=NOW * 1000)
    info = MessageInfo(add_on_duration_s=DAY_S)
    return await talk.add(content, sender=sender, chat=chat, timestamp=at, info=info)


async def is_pinned(talk: Conversation, key: MessageKey = M1, now: int = NOW) -> bool:
    found = await talk.account.read(lambda store: addons.pin_of(store, key, now))
    return found is not None


# --- pins ----------------------------------------------------------------------------------------


async def test_both_sides_of_a_private_chat_pin(talk: Conversation) -> None:
    await talk.post(Text("hello"))
    (event,) = await pin(talk)
    assert event == MessagePinned(M1, PEER_PN, True, DAY_S, NOW)
    (event,) = await pin(talk, PinAction.UNPIN, at=NOW + 1, sender=OWN_LID, chat=PEER_LID)
    assert event == MessagePinned(M1, OWN_PN.bare, False, 0, NOW + 1)


async def test_a_pin_ends_by_itself(talk: Conversation) -> None:
    await talk.post(Text("hello"))
    assert not await is_pinned(talk)
    await pin(talk)
    assert await is_pinned(talk, now=NOW + DAY_S - 1)
    assert not await is_pinned(talk, now=NOW + DAY_S)


async def test_the_latest_pin_or_unpin_of_all_people_counts(talk: Conversation) -> None:
    await talk.know(group_of())
    await talk.post(Text("hello"), chat=GROUP)
    await pin(talk, at=NOW + 5, chat=GROUP)
    assert await pin(talk, PinAction.UNPIN, at=NOW + 4, sender=ANN_LID, chat=GROUP) == []
    assert await is_pinned(talk, IN_GROUP)
    # Within one second the order of arrival decides.
    assert await pin(talk, PinAction.UNPIN, at=NOW + 5, sender=ANN_LID, chat=GROUP)
    assert not await is_pinned(talk, IN_GROUP)
    assert await pin(talk, at=NOW + 5, chat=GROUP)
    assert await is_pinned(talk, IN_GROUP)


@pytest.mark.parametrize(
    ("group", "who", "may"),
    [
        (group_of(), PEER_LID, True),
        (group_of(is_locked=True), PEER_LID, False),
        (group_of(is_locked=True), ANN_LID, True),
        (group_of(()), PEER_LID, False),
        (None, PEER_LID, True),
    ],
)
async def test_the_groups_settings_say_who_pins(
    talk: Conversation, group: Group | None, who: Jid, may: bool
) -> None:
    await talk.know(group)
    await talk.post(Text("hello"), chat=GROUP)
    assert bool(await pin(talk, sender=who, chat=GROUP)) is may
    assert await is_pinned(talk, IN_GROUP) is may


async def test_a_pin_may_come_before_its_message_but_not_after_its_revoke(
    talk: Conversation,
) -> None:
    assert await pin(talk)
    await talk.add(Revoke(mine("M1")))
    assert await pin(talk, at=NOW + 1) == []
    assert not await is_pinned(talk)


async def test_neither_pin_nor_unpin_has_no_effect(talk: Conversation) -> None:
    await talk.post(Text("hello"))
    assert await pin(talk, PinAction.UNKNOWN) == []


# --- kept messages -------------------------------------------------------------------------------


async def test_a_message_is_kept_and_given_up_again(talk: Conversation) -> None:
    await talk.post(Text("hello"))

    async def kept() -> list[bool]:
        found: list[AddOn] = await talk.account.read(
            lambda store: store.add_ons.of(M1, AddOnKind.KEEP)
        )
        return [bool(each.data) for each in found]

    assert await talk.add(Keep(mine("M1"))) == []
    assert await kept() == [True]
    await talk.add(Keep(mine("M1"), KeepAction.UNKNOWN), timestamp=NOW + 1)
    assert await kept() == [True]
    await talk.add(Keep(mine("M1"), KeepAction.UNDO), timestamp=NOW + 2)
    assert await kept() == [False]


# --- timers --------------------------------------------------------------------------------------


async def timer(talk: Conversation, chat: Jid = PEER_PN) -> TimerSetting:
    found: TimerSetting = await talk.account.read(lambda store: store.chats.timer(chat))
    return found


async def test_a_private_chats_timer_is_set_by_both_sides(talk: Conversation) -> None:
    (event,) = await talk.add(ChatTimer(DAY_S, NOW - 3))
    assert event == ChatTimerChanged(PEER_PN, DAY_S, PEER_PN, NOW)
    assert await timer(talk) == TimerSetting(DAY_S, NOW - 3)
    (event,) = await talk.add(
        ChatTimer(0, NOW + 1), sender=OWN_LID, chat=PEER_LID, timestamp=NOW + 1
    )
    assert event == ChatTimerChanged(PEER_PN, 0, OWN_PN.bare, NOW + 1)


async def test_an_older_setting_has_no_effect(talk: Conversation) -> None:
    await talk.add(ChatTimer(DAY_S, NOW))
    assert await talk.add(ChatTimer(0, NOW - 1)) == []
    assert await timer(talk) == TimerSetting(DAY_S, NOW)


@pytest.mark.parametrize("claimed", [0, 2**62])
async def test_a_setting_is_no_younger_than_the_server_says(
    talk: Conversation, claimed: int
) -> None:
    await talk.add(ChatTimer(DAY_S, claimed))
    assert await timer(talk) == TimerSetting(DAY_S, NOW)


@pytest.mark.parametrize("chat", [GROUP, STATUS])
async def test_no_message_sets_the_timer_of_other_chats(talk: Conversation, chat: Jid) -> None:
    assert await talk.add(ChatTimer(DAY_S, NOW), chat=chat) == []
    assert await timer(talk, chat) == TimerSetting()


# --- labels --------------------------------------------------------------------------------------


async def labels(talk: Conversation) -> dict[Jid | None, str]:
    group = await talk.account.read(lambda store: store.groups.get(GROUP))
    assert isinstance(group, Group)
    return {member.pn: member.label for member in group.members if member.label}


async def test_a_member_labels_itself(talk: Conversation) -> None:
    await talk.know(group_of())
    await talk.add(MemberLabel("Boss"), sender=ANN_LID.with_device(3), chat=GROUP)
    await talk.add(MemberLabel("Me"), sender=OWN_LID, chat=GROUP)
    assert await labels(talk) == {ANN_PN: "Boss", OWN_PN.bare: "Me"}
    await talk.add(MemberLabel(""), sender=ANN_LID, chat=GROUP)
    await talk.add(MemberLabel("x" * 300), sender=OWN_LID, chat=GROUP)
    assert await labels(talk) == {OWN_PN.bare: "Me"}


async def test_a_label_elsewhere_has_no_effect(talk: Conversation) -> None:
    await talk.know(replace(group_of(()), fetched_at=NOW))
    assert await talk.add(MemberLabel("Boss"), chat=GROUP) == []
    assert await talk.add(MemberLabel("Boss")) == []
    assert await labels(talk) == {}


# --- what is an add-on ---------------------------------------------------------------------------

_ADD_ONS: tuple[Content, ...] = (
    Reaction(mine("M1"), "👍"),
    EncryptedReaction(mine("M1"), Sealed()),
    EncryptedComment(mine("M1"), Sealed()),
    EncryptedEdit(mine("M1"), Sealed()),
    Edit(mine("M1"), Text("x")),
    Revoke(mine("M1")),
    PollVote(mine("M1"), Sealed()),
    EventResponse(mine("M1"), Sealed()),
    Pin(mine("M1")),
    Keep(mine("M1")),
    ChatTimer(0),
    MemberLabel(""),
    SharingLimit(True),
)


def test_what_speaks_of_another_message_or_the_chat_is_an_add_on() -> None:
    kinds = {type(content) for content in _ADD_ONS}
    assert all(addons.is_add_on(content) for content in _ADD_ONS)
    for kind in get_args(Content):
        assert addons.is_add_on(object.__new__(kind)) is (kind in kinds)


async def test_what_has_no_effect_is_only_kept(talk: Conversation) -> None:
    await talk.post(Text("hello"))
    for content in (EncryptedComment(mine("M1"), Sealed()), SharingLimit(True)):
        assert await talk.add(content) == []


async def test_without_a_place_in_the_store_nothing_waits(talk: Conversation) -> None:
    def job(work: Work) -> None:
        content = Edit(mine("M9"), Text("x"), 1)
        key = key_in(PEER_PN, "E9", PEER_PN)
        addons.apply(work, addons.Arrival(key, PEER_LID, PEER_LID, content, NOW, None))
        assert work.store.add_ons.take_waiting(PEER_PN, "M9") == []

    await talk.run(job)
