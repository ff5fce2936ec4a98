"""Groups in the store: what answers and notifications of the server change there.

All of it runs in the caller's transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..errors import StoreError
from ..model.group import (
    AddressingMode,
    Group,
    GroupChange,
    GroupChangeKind,
    GroupMember,
)
from ..stanza.group_changes import NoticePart
from ..stanza.group_notices import GroupNotice
from ..stanza.groups import GroupListing
from ..stanza.message import OwnAddresses
from ..store import UnitOfWork
from ..wire import Jid
from .encryption import learn_mapping
from .fanout import canonical
from .group_encryption import rotate
from .group_notices import tell_changes
from .group_people import all_completed, completed, numbered
from .group_updates import concerned, is_known, is_older, leaves_gap, updated, with_version
from .mappings import Pair, learn_mappings
from .number_changes import change_number
from .work import Work, own_addresses

log = logging.getLogger(__name__)

NOT_OURS = frozenset((403, 404, 410))
"""Refusals which say that a group is not there, or that we are not in it."""

MAX_NOTICES = 64
"""Ids of notifications that are kept with each group."""

_GONE = (GroupChangeKind.REMOVE, GroupChangeKind.LEAVE)
_KEY_IS_OVER = (*_GONE, GroupChangeKind.CHANGE_NUMBER)


def own_of(store: UnitOfWork) -> OwnAddresses:
    """This device's addresses.

    Raises:
        StoreError: the credentials are gone.
    """
    credentials = store.devices.get()
    if credentials is None:
        raise StoreError("the credentials are gone")
    return own_addresses(credentials)


# --- what an answer of the server brings ---------------------------------------------------------


def store_group(store: UnitOfWork, group: Group) -> Group:
    """Keep a group as the server has just described it, and what follows from that.

    Its members' addresses are learned, its chat gets its name, and our sender key is thrown away
    when somebody who may have it is no member any more.

    Returns:
        the group as it is stored. If a notification has overtaken the answer, that is the group as
        it was before, with `fetched_at` 0.
    """
    group = _merged(store, group, store.groups.get(group.jid))
    store.groups.put(group)
    return group


def store_groups(store: UnitOfWork, groups: Iterable[Group], now: int) -> list[Group]:
    """Keep some groups of a listing; as they are stored, see `store_group`."""
    return [
        store_group(store, replace(group, fetched_at=0 if group.is_truncated else now))
        for group in groups
    ]


def leave_unlisted(
    store: UnitOfWork, listing: GroupListing, before: Sequence[Group], now: int
) -> None:
    """Note that we have left the groups that a whole listing of ours does not have.

    Args:
        before: the stored groups when the server was asked.
    """
    listed = {group.jid for group in listing.groups}
    for group in before:
        # What has changed since then is newer than the answer.
        is_gone = group.jid not in listed and not group.is_community
        if is_gone and store.groups.get(group.jid) == group:
            mark_left(store, group.jid, now)


def shown_pairs(groups: Iterable[Group]) -> list[Pair]:
    """The phone numbers that groups show, with the hidden ids of the same people."""
    return [
        (member.pn, member.lid)
        for group in groups
        for member in group.members
        if member.pn is not None and member.lid is not None
    ]


def mark_left(store: UnitOfWork, jid: Jid, now: int) -> Group | None:
    """Note that we are no member of a group any more; it stays, if it is known."""
    group = store.groups.get(jid)
    if group is None:
        return None
    if not group.is_left:
        rotate(store, [jid], own_of(store))
    group = replace(group, is_left=True, fetched_at=now)
    store.groups.put(group)
    return group


def _merged(store: UnitOfWork, group: Group, old: Group | None) -> Group:
    learn_mappings(store, shown_pairs([group]))
    if old is not None:
        if old.fetched_at and is_older(group, old):
            return replace(old, fetched_at=0)
        group = replace(group, notices=old.notices)
    members = all_completed(store, group.members)
    group = replace(group, members=_joined_as_before(members, () if old is None else old.members))
    _follow_members(store, group, old)
    if not group.is_community:
        store.chats.touch(group.jid, group.created_at, name=group.subject or None)
    return group


def _joined_as_before(
    members: tuple[GroupMember, ...], before: tuple[GroupMember, ...]
) -> tuple[GroupMember, ...]:
    """The members with the time at which they were seen to join; the server does not tell it."""
    joined = {name: member.since for member in before if member.since for name in member.names}
    if not joined:
        return members
    return tuple(
        replace(member, since=max(joined.get(name, 0) for name in member.names))
        for member in members
    )


# --- our sender key ------------------------------------------------------------------------------


def _follow_members(store: UnitOfWork, group: Group, old: Group | None) -> None:
    """Throw our key away if somebody has it who is no member, or if the addressing is another.

    Source: docs/protocol/signal.md, "Sender-key memory".
    """
    told = _told(store, group.jid)
    members = {name.signal_name for member in group.members for name in member.names}
    is_with_stranger = not group.is_truncated and not told <= members
    # All have to be told anew then: with the key before, nobody would know any more who has it.
    is_other = old is not None and old.addressing is not group.addressing
    if is_with_stranger or is_other:
        rotate(store, [group.jid], own_of(store))


def _follow_gone(store: UnitOfWork, own: OwnAddresses, group: Jid, change: GroupChange) -> None:
    """Throw our key away if it was told to somebody who is gone, or if we are."""
    people = concerned(change)
    names = {jid.signal_name for jid in people}
    for jid in people:
        other = store.addresses.lid_of(jid) if jid.is_pn else store.addresses.pn_of(jid)
        if other is not None:
            names.add(other.signal_name)
    if any(own.is_own(jid) for jid in people) or names & _told(store, group):
        rotate(store, [group], own)


def _told(store: UnitOfWork, group: Jid) -> set[str]:
    """The signal names of everybody who may have our key."""
    return {address.rpartition(".")[0] for address in store.sender_keys.told_devices(group)}


# --- what a notification tells -------------------------------------------------------------------


def apply_notice(work: Work, notice: GroupNotice) -> bool:
    """Take in a notification: the stored group, our sender key, the chat, and the events.

    One that was taken in before changes nothing. Of a group that was not known what the
    notification tells is kept.

    Returns:
        whether the group should be asked for: it was not known, a notification is missing, or this
        one could not be read in full.
    """
    store = work.store
    group = store.groups.get(notice.group)
    if group is None:
        group = Group(notice.group, addressing=notice.addressing or AddressingMode.LID)
    if notice.id in group.notices:
        return False
    for pn, lid in notice.mappings:
        learn_mapping(store, pn, lid)
    author = _author(work, notice)
    at = notice.timestamp or work.now
    told: list[GroupChange] = []
    renumbered: list[tuple[Group, GroupChange]] = []
    for part in notice.parts:
        before = group
        group, changes = _take_in(work, group, part, author, at)
        told += changes
        renumbered += [
            (before, each) for each in changes if each.kind is GroupChangeKind.CHANGE_NUMBER
        ]
    tell_changes(
        store,
        work.own,
        work.emit,
        told,
        group=notice.group,
        author=None if author is None else author.jid,
        at=at,
        id=notice.id,
    )
    for before, change in renumbered:
        if author is not None:
            _move_number(work, before, author, change)
    if notice.addressing not in (None, group.addressing):
        rotate(store, [notice.group], work.own)
        group = replace(group, fetched_at=0)
    if notice.is_partial:
        group = replace(group, fetched_at=0)
    group = replace(group, notices=(*group.notices, notice.id)[-MAX_NOTICES:])
    store.groups.put(group)
    return not group.fetched_at and not group.is_left


def _move_number(work: Work, before: Group, author: GroupMember, change: GroupChange) -> None:
    """The author of a change, new under that address, had the number that it names before."""
    if len(change.members) != 1 or before.member(author.jid) is not None:
        return
    (old,), (old_pn,) = change.members, change.pns
    if before.member(old) is not None and old_pn is not None and author.pn is not None:
        change_number(work, old_pn, author.pn)


def _author(work: Work, notice: GroupNotice) -> GroupMember | None:
    """Who did it, with the phone number where that is known; their push name is kept."""
    if notice.author is None:
        return None
    jid = notice.author
    number = notice.author_pn or canonical(work.store, jid)
    if work.own.is_own(jid):
        number = work.own.pn.bare
    elif notice.push_name:
        work.store.contacts.set_push_name(number, notice.push_name)
    pn = number if number.is_pn else None
    return GroupMember(jid, pn, jid if jid.is_lid else None)


def _take_in(
    work: Work, group: Group, part: NoticePart, author: GroupMember | None, at: int
) -> tuple[Group, tuple[GroupChange, ...]]:
    """Apply one child; returns the group and what is to be told."""
    if part.created is not None:
        return _take_in_created(work, group, part.created, part.changes[0], author, at)
    changes = tuple(numbered(work.store, change) for change in part.changes)
    if is_known(group, part):
        # Our key may have been told to others since the group was described.
        for change in changes:
            if change.kind in _KEY_IS_OVER:
                _follow_gone(work.store, work.own, group.jid, change)
        return group, changes
    is_gap = leaves_gap(group, part)
    for change in changes:
        group = change_group(work.store, work.own, group, change, by=author, at=at)
    group = with_version(group, part)
    return (replace(group, fetched_at=0) if is_gap else group), changes


def _take_in_created(
    work: Work,
    group: Group,
    created: Group,
    change: GroupChange,
    author: GroupMember | None,
    at: int,
) -> tuple[Group, tuple[GroupChange, ...]]:
    """We are new in a group, or the group is new itself."""
    was_member = not group.is_left and group.member(work.own.pn) is not None
    if not is_older(created, group):
        fetched_at = 0 if created.is_truncated else work.now
        group = _merged(work.store, replace(created, fetched_at=fetched_at), group)
        work.store.chats.touch(group.jid, at, name=group.subject or None)
    is_new = change.detail == "new"
    is_own_work = author is not None and work.own.is_own(author.jid)
    changes = [change] if is_new else []
    if not was_member and not (is_new and is_own_work):
        is_lid = group.addressing is AddressingMode.LID
        own = work.own.lid if is_lid and work.own.lid is not None else work.own.pn
        joined = GroupChange(
            GroupChangeKind.ADD, (own.bare,), (work.own.pn.bare,), reason=change.reason
        )
        changes.append(joined)
    return group, tuple(changes)


def change_group(
    store: UnitOfWork,
    own: OwnAddresses,
    group: Group,
    change: GroupChange,
    *,
    by: GroupMember | None,
    at: int,
) -> Group:
    """The group after a change, which is not stored yet; what else follows from it is.

    Args:
        by: who made it.
        at: when, Unix seconds.
    """
    is_ours = any(own.is_own(jid) for jid in concerned(change))
    group = updated(group, change, by=by, at=at)
    if change.kind in _KEY_IS_OVER:
        _follow_gone(store, own, group.jid, change)
    match change.kind:
        case GroupChangeKind.REMOVE | GroupChangeKind.LEAVE if is_ours:
            return replace(group, is_left=True)
        case GroupChangeKind.ADD:
            new = concerned(change)
            members = tuple(
                completed(store, member) if member.jid in new else member
                for member in group.members
            )
            group = replace(group, members=members)
            # Whoever comes back does not know who has come and gone meanwhile.
            return replace(group, is_left=False, fetched_at=0) if is_ours else group
        case GroupChangeKind.CHANGE_NUMBER:
            return replace(group, fetched_at=0)
        case GroupChangeKind.SUBJECT:
            store.chats.touch(group.jid, at, name=change.text or None)
    return group
