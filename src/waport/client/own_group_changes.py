"""Changes of ours in groups: kept as soon as the server has confirmed them."""

from __future__ import annotations

from collections.abc import Iterable

from ..model.group import Group, GroupChange, GroupChangeKind, GroupMember, ParticipantResult
from ..store import UnitOfWork
from ..wire import Jid
from .group_people import numbered, numbered_results
from .groups import change_group, own_of


def apply_own_changes(
    store: UnitOfWork, jid: Jid, before: Group | None, changes: Iterable[GroupChange], now: int
) -> None:
    """Take in what the server has confirmed, ahead of its notification, which says it again.

    Args:
        before: the group when the server was asked. If notifications have changed it since then,
            they have told this change, too.
    """
    group = store.groups.get(jid)
    if group is None or before is None or _versions(group) != _versions(before):
        return
    own = own_of(store)
    by = GroupMember((own.lid or own.pn).bare, own.pn.bare)
    for change in changes:
        group = change_group(store, own, group, numbered(store, change), by=by, at=now)
    store.groups.put(group)


def keep_results(
    store: UnitOfWork,
    before: Group,
    kind: GroupChangeKind,
    results: Iterable[ParticipantResult],
    now: int,
) -> tuple[ParticipantResult, ...]:
    """Take in what became of people; the results with the phone numbers that we know.

    Args:
        before: the group when the server was asked.
        kind: what was done to those for whom it was done.
    """
    known = numbered_results(store, results)
    done = [result for result in known if result.is_done]
    if done:
        change = GroupChange(kind, tuple(r.jid for r in done), tuple(r.pn for r in done))
        apply_own_changes(store, before.jid, before, [change], now)
    return known


def _versions(group: Group) -> tuple[str, str]:
    return group.participants_version, group.info_version
