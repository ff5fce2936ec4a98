"""A group before and after a change: values in, values out.

Source: docs/protocol/queries.md, "Group notifications".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..model.group import Group, GroupChange, GroupChangeKind, GroupMember, MemberRole
from ..stanza.group_changes import FLAG_SWITCHES, NoticePart
from ..wire import Jid

_Kind = GroupChangeKind


def updated(group: Group, change: GroupChange, *, by: GroupMember | None, at: int) -> Group:
    """The group after a change; the same one where the change concerns nothing that is kept.

    Args:
        by: who made it.
        at: when, Unix seconds.
    """
    author = None if by is None else by.pn or by.jid
    match change.kind:
        case _Kind.ADD:
            return _with_members(group, change, at)
        case _Kind.REMOVE | _Kind.LEAVE:
            return _without_members(group, change)
        case _Kind.PROMOTE | _Kind.COMMUNITY_PROMOTE:
            return _with_roles(group, change, _promoted)
        case _Kind.DEMOTE | _Kind.COMMUNITY_DEMOTE:
            return _with_roles(group, change, lambda _: MemberRole.MEMBER)
        case _Kind.CHANGE_NUMBER:
            return _renumbered(group, change, by)
        case _Kind.SUBJECT:
            return replace(group, subject=change.text, subject_at=at, subject_by=author)
        case _Kind.DESCRIPTION:
            return _described(group, change, author, at)
        case _Kind.ANNOUNCEMENT:
            return replace(group, is_announcement=change.enabled)
        case _Kind.LOCKED:
            return replace(group, is_locked=change.enabled)
        case _Kind.EPHEMERAL:
            return replace(group, expiration_s=change.number)
        case _Kind.MEMBER_ADD_MODE:
            return replace(group, only_admins_add=change.enabled)
        case _Kind.MEMBER_LINK_MODE:
            return replace(group, only_admins_link=change.enabled)
        case _Kind.HISTORY_MODE:
            return replace(group, only_admins_share_history=change.enabled)
        case _Kind.APPROVAL_MODE:
            return replace(group, needs_approval=change.enabled)
        case _Kind.SUSPENDED:
            return replace(group, is_suspended=change.enabled)
        case _Kind.LINK if change.text == "parent_group":
            return replace(group, parent=change.groups[0])
        case _Kind.UNLINK if change.text == "parent_group":
            return replace(group, parent=None)
        case _Kind.DELETE:
            return replace(group, is_left=True)
        case _Kind.OTHER:
            return _flagged(group, change.text)
    return group


def concerned(change: GroupChange) -> frozenset[Jid]:
    """Every address of whom a change concerns."""
    return frozenset((*change.members, *(pn for pn in change.pns if pn is not None)))


def _is_among(member: GroupMember, people: frozenset[Jid]) -> bool:
    return member.jid in people or member.pn in people or member.lid in people


def _with_members(group: Group, change: GroupChange, at: int) -> Group:
    present = {jid for m in group.members for jid in (m.jid, m.pn, m.lid) if jid is not None}
    pns = (*change.pns, *(None,) * len(change.members))
    new = tuple(
        GroupMember(jid, jid if jid.is_pn else pn, jid if jid.is_lid else None, since=at)
        for jid, pn in zip(change.members, pns, strict=False)
        if jid not in present and pn not in present
    )
    return replace(group, members=group.members + new, size=group.size + len(new))


def _without_members(group: Group, change: GroupChange) -> Group:
    people = concerned(change)
    members = tuple(member for member in group.members if not _is_among(member, people))
    gone = len(group.members) - len(members)
    return replace(group, members=members, size=max(group.size - gone, len(members)))


def _with_roles(
    group: Group, change: GroupChange, role_after: Callable[[MemberRole], MemberRole]
) -> Group:
    people = concerned(change)
    members = tuple(
        replace(member, role=role_after(member.role)) if _is_among(member, people) else member
        for member in group.members
    )
    return replace(group, members=members)


def _promoted(role: MemberRole) -> MemberRole:
    return MemberRole.ADMIN if role is MemberRole.MEMBER else role


def _renumbered(group: Group, change: GroupChange, by: GroupMember | None) -> Group:
    """The author is the member who had the address that is named."""
    if by is None or len(change.members) != 1 or group.member(by.jid) is not None:
        return group
    people = concerned(change)
    members = tuple(
        replace(by, role=member.role, label=member.label, since=member.since)
        if _is_among(member, people)
        else member
        for member in group.members
    )
    return replace(group, members=members)


def _described(group: Group, change: GroupChange, author: Jid | None, at: int) -> Group:
    return replace(
        group,
        description=change.text,
        description_id=change.detail,
        description_at=at if change.text else 0,
        description_by=author if change.text else None,
    )


def _flagged(group: Group, tag: str) -> Group:
    if tag not in FLAG_SWITCHES:
        return group
    flag, is_on = FLAG_SWITCHES[tag]
    flags = {*group.flags, flag} if is_on else {*group.flags} - {flag}
    return replace(group, flags=tuple(sorted(flags)))


# --- versions ------------------------------------------------------------------------------------


def is_older(group: Group, other: Group) -> bool:
    """Whether one description of a group was made before another one."""
    return _is_before(group.participants_version, other.participants_version) or _is_before(
        group.info_version, other.info_version
    )


def is_known(group: Group, part: NoticePart) -> bool:
    """Whether a group is described as it was after a change, or later."""
    ours = _version(group, part)
    return bool(part.version) and (part.version == ours or _is_before(part.version, ours))


def leaves_gap(group: Group, part: NoticePart) -> bool:
    """Whether a change was made to another state of the group than we know."""
    ours = _version(group, part)
    return bool(ours and part.previous_version) and part.previous_version != ours


def with_version(group: Group, part: NoticePart) -> Group:
    """The group at the version that a change has led to, if that was said."""
    if not part.version:
        return group
    if part.is_of_members:
        return replace(group, participants_version=part.version)
    return replace(group, info_version=part.version)


def _version(group: Group, part: NoticePart) -> str:
    return group.participants_version if part.is_of_members else group.info_version


def _is_before(version: str, other: str) -> bool:
    """Versions are rising decimal numbers; others cannot be compared."""
    if not (_is_number(version) and _is_number(other)):
        return False
    return int(version) < int(other)


def _is_number(version: str) -> bool:
    return version.isascii() and version.isdigit() and len(version) <= 40
