from __future__ import annotations

from collections.abc import Callable

import pytest

from support.appstate import CHAT, GROUP, chat, message, mutation, pin, removal, up_to
from waport.appstate import Mutation, Operation, rebase, settle
from waport.appstate.actions import (
    Action,
    ArchiveChat,
    ClearChat,
    DeleteChat,
    DeleteMessageForMe,
    MarkChatRead,
    MessageRange,
    MessageRef,
    RangeMessage,
    read_action,
)
from waport.proto import pb

OLD, NEW = up_to(100, "A"), up_to(200, "B")
LEFT = MessageRange(100, 0, (message("A", 100), message("A2", 300)))
RIGHT = MessageRange(200, 0, (message("B", 200), message("B2", 250)))


def archive(archived: bool, messages: MessageRange, at: int) -> Mutation:
    return mutation(ArchiveChat(CHAT, archived, messages), at=at)


# --- by time -------------------------------------------------------------------------------------


def test_the_later_of_two_counts_and_of_equal_ones_the_others() -> None:
    assert settle(pin(at=1), pin(at=2)) == pin(at=2)
    own = pin(at=3)
    assert settle(own, pin(at=2)) is own
    theirs = pin(pinned=False, at=3)
    assert settle(own, theirs) is theirs


def test_removals_are_settled_by_time_too() -> None:
    own, theirs = removal(at=3), pin(at=2)
    assert settle(own, theirs) is own
    assert settle(theirs, own) is own
    late = pin(at=4)
    assert settle(own, late) is late
    # Of a removal the range is not looked at.
    gone = mutation(ArchiveChat(CHAT, True, OLD), at=9, operation=Operation.REMOVE)
    assert settle(archive(True, NEW, 8), gone) is gone


def test_what_cannot_be_read_is_settled_by_time() -> None:
    own = Mutation(Operation.SET, b"no list", b"", 1, 5)
    theirs = Mutation(Operation.SET, b"no list", b"", 1, 4)
    assert settle(own, theirs) is own


# --- by range ------------------------------------------------------------------------------------


@pytest.mark.parametrize("own_at", [1, 3])
def test_a_range_that_covers_the_other_counts_whenever_it_was_made(own_at: int) -> None:
    wide, narrow = archive(False, NEW, own_at), archive(True, OLD, 2)
    assert settle(wide, narrow) is wide
    assert settle(narrow, wide) is wide


def test_equal_ranges_are_settled_by_time() -> None:
    early, late = archive(True, NEW, 1), archive(False, NEW, 2)
    assert settle(early, late) is late
    assert settle(late, early) is late


@pytest.mark.parametrize("kind", [ArchiveChat, MarkChatRead])
@pytest.mark.parametrize(("own_at", "their_at"), [(1, 2), (2, 1), (2, 2)])
def test_ranges_that_overlap_are_merged(
    kind: type[ArchiveChat] | type[MarkChatRead], own_at: int, their_at: int
) -> None:
    own = mutation(kind(CHAT, True, LEFT), at=own_at)
    theirs = mutation(kind(CHAT, False, RIGHT), at=their_at)
    merged = settle(own, theirs)
    union = MessageRange(200, 0, (message("B", 200), message("B2", 250), message("A2", 300)))
    assert read_action(merged) == kind(CHAT, own_at > their_at, union)
    assert merged.timestamp_ms == 2
    assert merged.index == own.index == theirs.index


@pytest.mark.parametrize(
    "action",
    [
        lambda messages: ClearChat(CHAT, False, True, messages),
        lambda messages: DeleteChat(CHAT, True, messages),
    ],
)
def test_deletions_are_settled_by_range(action: Callable[[MessageRange], Action]) -> None:
    wide, narrow = mutation(action(NEW), at=1), mutation(action(OLD), at=2)
    assert settle(narrow, wide) is wide
    merged = settle(mutation(action(LEFT), at=1), mutation(action(RIGHT), at=2))
    union = MessageRange(200, 0, (message("B", 200), message("B2", 250), message("A2", 300)))
    assert read_action(merged) == action(union)


def without_range(archived: bool, at: int) -> Mutation:
    """What another program writes, which leaves the range out."""
    value = pb.SyncActionValue(timestamp=at)
    value.archiveChatAction.archived = archived
    return Mutation(Operation.SET, archive(True, OLD, 1).index, value.SerializeToString(), 3, at)


def test_without_a_range_the_time_decides() -> None:
    own, theirs = archive(True, NEW, 3), without_range(False, 2)
    assert settle(own, theirs) is own
    late = without_range(False, 4)
    assert settle(own, late) is late


def test_a_range_that_nobody_may_write_is_not_merged() -> None:
    """The other device names a message of a group without its author."""
    value = pb.SyncActionValue(timestamp=2)
    value.archiveChatAction.archived = True
    covered = value.archiveChatAction.messageRange
    covered.lastMessageTimestamp = 200
    item = covered.messages.add(timestamp=300)
    item.key.remoteJid, item.key.id, item.key.fromMe = str(GROUP), "X", False
    theirs = Mutation(Operation.SET, archive(True, OLD, 1).index, value.SerializeToString(), 3, 2)
    anonymous = RangeMessage(MessageRef(GROUP, "X", False), 300)
    assert read_action(theirs) == ArchiveChat(CHAT, True, MessageRange(200, 0, (anonymous,)))
    assert settle(archive(True, LEFT, 1), theirs) is theirs


# --- deleting a message --------------------------------------------------------------------------


@pytest.mark.parametrize("at", [1, 3])
def test_deleting_the_file_too_counts_more(at: int) -> None:
    ref = MessageRef(CHAT, "3EB0AA", True)

    def deletion(delete_media: bool, at: int) -> Mutation:
        return mutation(DeleteMessageForMe(ref, delete_media, 100), at=at)

    own = deletion(True, at)
    assert settle(own, deletion(False, 2)) is own
    theirs = deletion(True, 2)
    assert settle(deletion(False, at), theirs) is theirs
    assert settle(own, theirs) is theirs


# --- all of them ---------------------------------------------------------------------------------


def test_changes_of_other_things_go_on() -> None:
    ours, theirs = (pin(chat(1)), pin(chat(2))), (pin(chat(3)), pin(chat(4)))
    rebased = rebase(ours, theirs)
    assert (rebased.pending, rebased.effects, rebased.dropped) == (ours, theirs, ())


def test_each_change_has_its_own_verdict() -> None:
    late, early, merged = pin(chat(1), at=9), pin(chat(2), at=1), archive(True, LEFT, 5)
    downloaded = (
        pin(chat(1), False, at=5),
        pin(chat(2), False, at=5),
        pin(chat(3), at=5),
        archive(False, RIGHT, 6),
    )
    rebased = rebase((late, early, merged), downloaded)
    union = settle(merged, downloaded[3])
    assert rebased.pending == (late, union)
    assert rebased.effects == (downloaded[1], downloaded[2], union)
    assert rebased.dropped == (early,)


def test_what_was_dropped_meets_no_second_verdict() -> None:
    first, second = pin(at=5), pin(pinned=False, at=2)
    rebased = rebase([pin(at=3)], [first, second])
    assert (rebased.pending, rebased.effects) == ((), (first, second))
    assert len(rebased.dropped) == 1


@pytest.mark.parametrize("action", [ArchiveChat(CHAT, True, NEW), MarkChatRead(CHAT, True, NEW)])
def test_the_same_change_on_both_sides_is_the_others(action: Action) -> None:
    both = mutation(action, at=4)
    rebased = rebase([both], [mutation(action, at=4)])
    assert (rebased.pending, len(rebased.effects), rebased.dropped) == ((), 1, (both,))
