from __future__ import annotations

import pytest

from support.appstate import CHAT, message, up_to
from waport.appstate.actions import (
    ArchiveChat,
    LockChat,
    MessageRange,
    MuteChat,
    PinChat,
    with_side_effects,
)


@pytest.mark.parametrize(
    ("wide", "narrow", "covers"),
    [
        (up_to(100), up_to(100), True),
        (up_to(100), up_to(500), True),  # an empty range has nothing that could stick out
        (up_to(200, "B"), up_to(100, "A"), True),
        (up_to(100, "A"), up_to(200, "B"), False),
        (up_to(100, "A"), up_to(100, "A"), True),
        (up_to(100, "A"), up_to(100, "B"), False),  # of the same second, but not named
        (up_to(100, "A", "B"), up_to(100, "B"), True),
        (up_to(100, "A"), MessageRange(50, 0, (message("A", None),)), True),
        (up_to(100, "A"), MessageRange(50, 0, (message("B", None),)), False),
    ],
)
def test_a_range_covers_what_is_older_or_named(
    wide: MessageRange, narrow: MessageRange, covers: bool
) -> None:
    assert wide.covers(narrow) is covers


def test_a_union_names_the_newest_messages_of_both() -> None:
    left = MessageRange(100, 150, (message("A", 100), message("C", 200)))
    right = MessageRange(200, 0, (message("B", 200), message("C", 250), message("D", None)))
    union = left.union(right)
    assert union == MessageRange(200, 0, (message("C", 250), message("B", 200)))
    assert union.covers(left)
    assert left.union(MessageRange(120)) == MessageRange(120, 150, (message("C", 200),))


NEWEST = up_to(100, "A")


def test_no_chat_is_pinned_and_archived() -> None:
    unpinned, shown = PinChat(CHAT, False), ArchiveChat(CHAT, False, NEWEST)
    archived, pinned = ArchiveChat(CHAT, True, NEWEST), PinChat(CHAT, True)
    locked = LockChat(CHAT, True)
    assert with_side_effects(archived, NEWEST) == (archived, unpinned)
    assert with_side_effects(pinned, NEWEST) == (pinned, shown)
    assert with_side_effects(locked, NEWEST) == (locked, shown, unpinned)


@pytest.mark.parametrize(
    "action",
    [ArchiveChat(CHAT, False, NEWEST), PinChat(CHAT), LockChat(CHAT), MuteChat(CHAT, True)],
)
def test_other_actions_stand_alone(action: PinChat) -> None:
    assert with_side_effects(action, NEWEST) == (action,)
