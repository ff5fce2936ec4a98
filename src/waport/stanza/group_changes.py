"""The children of a group notification: one reader for each kind of change.

Source: docs/protocol/queries.md, "Group notifications".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from ..errors import StanzaError
from ..model.group import AddressingMode, Group, GroupChange, GroupChangeKind, GroupMember
from ..wire import Node
from .groups import group_address, parse_group, read_members, text_of, word

_MAX_TEXT = 65_536
_MAX_TIMER = 2**32 - 1
_MAX_LINKED = 1024
_MAX_TAG = 64

_MEMBER_TAGS = frozenset(("add", "remove", "leave", "promote", "demote", "modify"))
"""Children whose versions are those of the list of members."""

_PEOPLE = ("participant", "requested_user")

FLAG_SWITCHES: Final[Mapping[str, tuple[str, bool]]] = {
    "no_frequently_forwarded": ("no_frequently_forwarded", True),
    "frequently_forwarded_ok": ("no_frequently_forwarded", False),
    "allow_admin_reports": ("allow_admin_reports", True),
    "not_allow_admin_reports": ("allow_admin_reports", False),
    "group_history": ("group_history", True),
    "no_group_history": ("group_history", False),
    "allow_non_admin_sub_group_creation": ("allow_non_admin_sub_group_creation", True),
    "not_allow_non_admin_sub_group_creation": ("allow_non_admin_sub_group_creation", False),
    "growth_locked": ("growth_locked", True),
    "growth_unlocked": ("growth_locked", False),
    "limit_sharing_enabled": ("limit_sharing_enabled", True),
    "auto_add_disabled": ("auto_add_disabled", True),
    "group_safety_check": ("group_safety_check", True),
}
"""Which flag of a group a child switches, and whether on or off."""


@dataclass(frozen=True, slots=True)
class NoticePart:
    """One child of a notification.

    Attributes:
        changes: what it tells; more than one where it concerns people in different ways.
        created: the whole group, when it is new or we are new in it.
        is_of_members: the versions are those of the list of members, else those of all else.
        previous_version: what the change was made to; empty when not said.
        version: what came of it; empty when not said.
    """

    changes: tuple[GroupChange, ...]
    created: Group | None = None
    is_of_members: bool = False
    previous_version: str = ""
    version: str = ""


def read_created(child: Node, addressing: AddressingMode | None) -> NoticePart:
    """Read a `<create>`.

    Raises:
        StanzaError: it brings no group that can be read.
    """
    group = parse_group(child.child("group"), addressing=addressing)
    change = GroupChange(
        GroupChangeKind.CREATE,
        text=group.subject,
        reason=word(child, "reason"),
        detail=word(child, "type"),
    )
    return NoticePart((change,), created=group)


def read_change(child: Node, author: GroupMember | None) -> NoticePart:
    """Read any other child; one of an unknown kind is a change of kind OTHER.

    Args:
        author: who did it.

    Raises:
        StanzaError: it lacks what its kind must have.
    """
    return NoticePart(
        _READERS.get(child.tag, _other)(child, author),
        is_of_members=child.tag in _MEMBER_TAGS,
        previous_version=word(child, "prev_v_id"),
        version=word(child, "v_id"),
    )


def unreadable(child: Node) -> NoticePart:
    """What is left of a child that cannot be read."""
    return NoticePart((GroupChange(GroupChangeKind.OTHER, text=child.tag[:_MAX_TAG]),))


def people_in(child: Node) -> tuple[GroupMember, ...]:
    """Whom a child names.

    Raises:
        StanzaError: more people than any group has.
    """
    nodes = (node for node in child.children() if node.tag in _PEOPLE)
    return read_members(child.tag, nodes)


# --- people --------------------------------------------------------------------------------------

_Reader = Callable[[Node, GroupMember | None], tuple[GroupChange, ...]]


def _about(kind: GroupChangeKind, people: Iterable[GroupMember], reason: str) -> GroupChange:
    named = tuple(people)
    return GroupChange(
        kind,
        members=tuple(person.jid for person in named),
        pns=tuple(person.pn for person in named),
        reason=reason,
    )


def _named(child: Node, default: GroupMember | None = None) -> tuple[GroupMember, ...]:
    people = people_in(child) or (() if default is None else (default,))
    if not people:
        raise StanzaError(child.tag, "nobody is named")
    return people


def _by_author(
    people: Iterable[GroupMember], author: GroupMember | None
) -> tuple[list[GroupMember], list[GroupMember]]:
    """The author among some people, and the others."""
    names = () if author is None else (author.jid, author.pn)
    own: list[GroupMember] = []
    others: list[GroupMember] = []
    for person in people:
        is_author = any(name is not None and person.is_named(name) for name in names)
        (own if is_author else others).append(person)
    return own, others


def _members(kind: GroupChangeKind) -> _Reader:
    return lambda child, author: (_about(kind, _named(child), word(child, "reason")),)


def _removed(child: Node, author: GroupMember | None) -> tuple[GroupChange, ...]:
    """Whoever removes themselves has left."""
    own, others = _by_author(_named(child), author)
    kinds = ((GroupChangeKind.REMOVE, others), (GroupChangeKind.LEAVE, own))
    reason = word(child, "reason")
    return tuple(_about(kind, named, reason) for kind, named in kinds if named)


def _left(child: Node, author: GroupMember | None) -> tuple[GroupChange, ...]:
    return (_about(GroupChangeKind.LEAVE, _named(child, author), word(child, "reason")),)


def _requested(child: Node, author: GroupMember | None) -> tuple[GroupChange, ...]:
    """Somebody waits for an admin: the author, where nobody is named."""
    people, method = _named(child, author), word(child, "request_method")
    change = _about(GroupChangeKind.REQUESTS_CREATED, people, method)
    return (replace(change, detail=child.tag),)


def _unrequested(child: Node, author: GroupMember | None) -> tuple[GroupChange, ...]:
    """Requests are off the list: "revoked" by those who made them, or "rejected"."""
    own, others = _by_author(_named(child), author)
    reasons = (("rejected", others), ("revoked", own))
    kind = GroupChangeKind.REQUESTS_REVOKED
    return tuple(_about(kind, named, reason) for reason, named in reasons if named)


# --- properties ----------------------------------------------------------------------------------


def _subject(child: Node, author: GroupMember | None) -> tuple[GroupChange, ...]:
    return (GroupChange(GroupChangeKind.SUBJECT, text=child.attr("subject")[:_MAX_TEXT]),)


def _description(child: Node, author: GroupMember | None) -> tuple[GroupChange, ...]:
    body = child.find("body")
    is_gone = child.find("delete") is not None or child.get("delete") == "true"
    if body is None and not is_gone:
        raise StanzaError(child.tag, "neither a text nor its end")
    text = "" if is_gone else text_of(body)
    text_id = word(child, "id") if text else ""
    return (GroupChange(GroupChangeKind.DESCRIPTION, text=text, detail=text_id),)


def _switch(kind: GroupChangeKind, *, on: bool) -> _Reader:
    return lambda child, author: (GroupChange(kind, enabled=on),)


def _timer(child: Node, author: GroupMember | None) -> tuple[GroupChange, ...]:
    seconds = child.int_attr("expiration") if child.tag == "ephemeral" else 0
    if not 0 <= seconds <= _MAX_TIMER:
        raise StanzaError(child.tag, "the timer is out of range")
    return (GroupChange(GroupChangeKind.EPHEMERAL, enabled=seconds > 0, number=seconds),)


def _invite(child: Node, author: GroupMember | None) -> tuple[GroupChange, ...]:
    child.attr("code")
    return (GroupChange(GroupChangeKind.INVITE_CODE, text=word(child, "code")),)


def _mode(kind: GroupChangeKind, only_admins: str) -> _Reader:
    """A setting with a value, which says whether only admins may."""

    def read(child: Node, author: GroupMember | None) -> tuple[GroupChange, ...]:
        mode = child.text[:_MAX_TAG]
        return (GroupChange(kind, text=mode, enabled=mode == only_admins),)

    return read


def _approval_mode(child: Node, author: GroupMember | None) -> tuple[GroupChange, ...]:
    state = child.child("group_join").attr("state")
    if state not in ("on", "off"):
        raise StanzaError(child.tag, "an unknown state")
    return (GroupChange(GroupChangeKind.APPROVAL_MODE, enabled=state == "on"),)


def _deleted(child: Node, author: GroupMember | None) -> tuple[GroupChange, ...]:
    return (GroupChange(GroupChangeKind.DELETE, reason=word(child, "reason")),)


def _linked(child: Node, author: GroupMember | None) -> tuple[GroupChange, ...]:
    kind = GroupChangeKind.LINK if child.tag == "link" else GroupChangeKind.UNLINK
    groups = tuple(group_address(node) for node in child.children("group")[:_MAX_LINKED])
    if not groups:
        raise StanzaError(child.tag, "no group is named")
    text, reason = word(child, f"{child.tag}_type"), word(child, "unlink_reason")
    return (GroupChange(kind, text=text, reason=reason, groups=groups),)


def _other(child: Node, author: GroupMember | None) -> tuple[GroupChange, ...]:
    people = people_in(child)
    _, enabled = FLAG_SWITCHES.get(child.tag, ("", False))
    return (
        GroupChange(
            GroupChangeKind.OTHER,
            members=tuple(person.jid for person in people),
            pns=tuple(person.pn for person in people),
            text=child.tag[:_MAX_TAG],
            enabled=enabled,
            detail=text_of(child)[:_MAX_TAG],
        ),
    )


_READERS: Final[Mapping[str, _Reader]] = {
    "add": _members(GroupChangeKind.ADD),
    "remove": _removed,
    "leave": _left,
    "promote": _members(GroupChangeKind.PROMOTE),
    "demote": _members(GroupChangeKind.DEMOTE),
    "modify": _members(GroupChangeKind.CHANGE_NUMBER),
    "subject": _subject,
    "description": _description,
    "announcement": _switch(GroupChangeKind.ANNOUNCEMENT, on=True),
    "not_announcement": _switch(GroupChangeKind.ANNOUNCEMENT, on=False),
    "locked": _switch(GroupChangeKind.LOCKED, on=True),
    "unlocked": _switch(GroupChangeKind.LOCKED, on=False),
    "ephemeral": _timer,
    "not_ephemeral": _timer,
    "invite": _invite,
    "member_add_mode": _mode(GroupChangeKind.MEMBER_ADD_MODE, "admin_add"),
    "member_link_mode": _mode(GroupChangeKind.MEMBER_LINK_MODE, "admin_link"),
    "member_share_group_history_mode": _mode(GroupChangeKind.HISTORY_MODE, "admin_share"),
    "membership_approval_mode": _approval_mode,
    "created_membership_requests": _requested,
    "membership_approval_request": _requested,
    "revoked_membership_requests": _unrequested,
    "delete": _deleted,
    "link": _linked,
    "unlink": _linked,
    "linked_group_promote": _members(GroupChangeKind.COMMUNITY_PROMOTE),
    "linked_group_demote": _members(GroupChangeKind.COMMUNITY_DEMOTE),
    "suspended": _switch(GroupChangeKind.SUSPENDED, on=True),
    "unsuspended": _switch(GroupChangeKind.SUSPENDED, on=False),
}
