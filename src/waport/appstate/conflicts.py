"""What becomes of our own changes when another device changed the same first.

Source: docs/protocol/app-state.md, "Conflicts".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..errors import InvalidInput
from .actions import (
    ArchiveChat,
    ClearChat,
    DeleteChat,
    DeleteMessageForMe,
    MarkChatRead,
    read_action,
    write_action,
)
from .codec import Mutation, Operation

_RangeAction = ArchiveChat | MarkChatRead | ClearChat | DeleteChat


@dataclass(frozen=True, slots=True)
class Rebased:
    """Our changes on top of another device's.

    Attributes:
        pending: what is still to be uploaded, in order.
        effects: those mutations of the other device that count, in order; where both were merged,
            the merged one in its place. The rest is outdone by `pending`.
        dropped: our changes that are outdone; merged ones are not among them.
    """

    pending: tuple[Mutation, ...]
    effects: tuple[Mutation, ...]
    dropped: tuple[Mutation, ...]


def rebase(pending: Iterable[Mutation], downloaded: Iterable[Mutation]) -> Rebased:
    """Settle our pending changes with those that came in between.

    Args:
        pending: ours, at most one for each index.
        downloaded: the mutations of the patches that were applied, in order.
    """
    ours = {mutation.index: mutation for mutation in pending}
    effects: list[Mutation] = []
    dropped: list[Mutation] = []
    for theirs in downloaded:
        own = ours.get(theirs.index)
        if own is None:
            effects.append(theirs)
            continue
        winner = settle(own, theirs)
        if winner is own:
            continue
        effects.append(winner)
        if winner is theirs:
            dropped.append(ours.pop(theirs.index))
        else:
            ours[theirs.index] = winner
    return Rebased(tuple(ours.values()), tuple(effects), tuple(dropped))


def settle(own: Mutation, theirs: Mutation) -> Mutation:
    """Which of two changes of one record counts: either of them, or one that is merged of both."""
    later = theirs if theirs.timestamp_ms >= own.timestamp_ms else own
    if own.operation is Operation.REMOVE or theirs.operation is Operation.REMOVE:
        return later
    ours, others = read_action(own), read_action(theirs)
    if isinstance(ours, DeleteMessageForMe) and isinstance(others, DeleteMessageForMe):
        return own if ours.delete_media and not others.delete_media else theirs
    if isinstance(ours, _RangeAction) and isinstance(others, _RangeAction):
        return _by_range(own, ours, theirs, others, later)
    return later


def _by_range(
    own: Mutation, ours: _RangeAction, theirs: Mutation, others: _RangeAction, later: Mutation
) -> Mutation:
    """Of actions on all messages up to a time, the one that covers the other."""
    if ours.messages is None or others.messages is None:
        return later
    we_cover = ours.messages.covers(others.messages)
    they_cover = others.messages.covers(ours.messages)
    if we_cover or they_cover:
        if we_cover and they_cover:
            return later
        return own if we_cover else theirs
    newest = others if later is theirs else ours
    merged = replace(newest, messages=others.messages.union(ours.messages))
    try:
        return write_action(merged, timestamp_ms=later.timestamp_ms).mutation
    except InvalidInput:
        # The other device named a message in a way that nobody may write.
        return later
