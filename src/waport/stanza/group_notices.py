"""What the server tells of groups by itself.

Source: docs/protocol/queries.md, "Group notifications".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..errors import StanzaError
from ..model.group import AddressingMode, Group, GroupChange, GroupChangeKind, GroupMember
from ..wire import Jid, Node
from .group_changes import NoticePart, people_in, read_change, read_created, unreadable
from .groups import (
    MAX_GROUPS,
    bounded,
    group_address,
    group_or_none,
    mapping_of,
    person_or_none,
    shown_person,
    word,
)

MAX_PARTS = 256
"""Changes that one notification may tell of."""

_MAX_TIME = 2**42
_MAX_ID = 256


@dataclass(frozen=True, slots=True)
class GroupNotice:
    """A notification about a group.

    Attributes:
        group: which.
        author: who did it, bare, in the group's addressing; None when not said.
        author_pn: their phone number, where it is shown.
        timestamp: Unix seconds; 0 when not said.
        id: of the notification.
        push_name: what the author calls themselves; empty when not said.
        addressing: how the group names its members; None when not said.
        parts: its children.
        mappings: pairs of phone number and LID that it shows.
        is_partial: a child could not be read, so the group has to be asked for.
    """

    group: Jid
    author: Jid | None
    author_pn: Jid | None
    timestamp: int
    id: str
    push_name: str = ""
    addressing: AddressingMode | None = None
    parts: tuple[NoticePart, ...] = ()
    mappings: tuple[tuple[Jid, Jid], ...] = ()
    is_partial: bool = False

    @property
    def changes(self) -> tuple[GroupChange, ...]:
        """Everything that it tells, in order."""
        return tuple(change for part in self.parts for change in part.changes)

    @property
    def created(self) -> Group | None:
        """The group that it brings, if it brings one."""
        return next((part.created for part in self.parts if part.created is not None), None)


def parse_group_notification(node: Node) -> GroupNotice:
    """Read a notification of type `w:gp2` that comes from a group.

    A child of an unknown kind, or one that cannot be read, is a change of kind OTHER.

    Raises:
        StanzaError: it does not say from which group, has no id, or has too many children.
    """
    children = node.children()
    if len(children) > MAX_PARTS:
        raise StanzaError(node.tag, "too many changes")
    notice = _frame(node)
    author = None if notice.author is None else GroupMember(notice.author, notice.author_pn)
    parts: list[NoticePart] = []
    is_partial = False
    for child in children:
        try:
            parts.append(_part(child, notice, author))
        except StanzaError:
            is_partial = True
            parts.append(unreadable(child))
    mappings = tuple(dict.fromkeys(_mappings(node)))
    return replace(notice, parts=tuple(parts), mappings=mappings, is_partial=is_partial)


def parse_group_picture(node: Node) -> GroupNotice | None:
    """Read a notification of type `picture` that comes from a group; None when it is no change.

    Raises:
        StanzaError: it does not say from which group, or has no id.
    """
    notice = _frame(node)
    for child in node.children()[:MAX_PARTS]:
        if child.tag in ("set", "delete"):
            is_set = child.tag == "set"
            picture_id = word(child, "id") if is_set else ""
            change = GroupChange(GroupChangeKind.PICTURE, text=picture_id, enabled=is_set)
            return replace(
                notice,
                author=notice.author or person_or_none(child.get_jid("author")),
                parts=(NoticePart((change,)),),
                mappings=tuple(dict.fromkeys(_mappings(node))),
            )
    return None


def parse_dirty_groups(node: Node) -> tuple[Jid, ...]:
    """The groups that a notification of type `w:gp2` says to ask for again; mostly none."""
    listing = node.find("groups_dirty")
    found: dict[Jid, None] = {}
    for child in [] if listing is None else listing.children("group")[:MAX_GROUPS]:
        try:
            found[group_address(child)] = None
        except StanzaError:
            continue
    return tuple(found)


def _frame(node: Node) -> GroupNotice:
    """What a notification says beside its children."""
    group = group_or_none(node.get_jid("from"))
    if group is None:
        raise StanzaError(node.tag, "not from a group")
    shown = shown_person(node, "participant")
    told = node.get("addressing_mode")
    return GroupNotice(
        group,
        person_or_none(node.get_jid("participant")),
        shown if shown is not None and shown.is_pn else None,
        bounded(node, "t", _MAX_TIME),
        node.attr("id")[:_MAX_ID],
        word(node, "notify"),
        AddressingMode(told) if told in ("lid", "pn") else None,
    )


def _part(child: Node, notice: GroupNotice, author: GroupMember | None) -> NoticePart:
    if child.tag != "create":
        return read_change(child, author)
    part = read_created(child, notice.addressing)
    if part.created is None or part.created.jid != notice.group:
        raise StanzaError(child.tag, "another group than the notification's")
    return part


def _mappings(node: Node) -> Iterator[tuple[Jid, Jid]]:
    """Every pair of a number and a LID that is shown anywhere, save by the members of a group."""
    for holder, name in _named(node):
        mapping = mapping_of(holder, name)
        if mapping is not None:
            yield mapping
    for child in node.children():
        try:
            people = people_in(child)
        except StanzaError:
            continue
        for person in people:
            if person.pn is not None and person.lid is not None:
                yield person.pn, person.lid


def _named(node: Node) -> Iterator[tuple[Node, str]]:
    """Elements with the attributes in which they name a person."""
    yield node, "participant"
    for child in node.children():
        yield child, "participant"
        yield child, "s_o"
        for group in child.children("group"):
            yield group, "creator"
            yield group, "s_o"
            for description in group.children("description"):
                yield description, "participant"
