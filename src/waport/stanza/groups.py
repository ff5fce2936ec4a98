"""Groups as the server describes them, and the questions that bring such descriptions.

Source: docs/protocol/queries.md, "Groups".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..errors import InvalidInput, StanzaError
from ..model.group import AddressingMode, Group, GroupInvitation, GroupMember, MemberRole
from ..wire import GROUP_SERVER, AttrValue, Jid, Node
from .query import Query, iq_get

XMLNS = "w:g2"

MAX_MEMBERS = 20_000
"""Members that a group can have in what we read; real groups have a few thousand at most."""

MAX_GROUPS = 10_000
"""Groups in one answer."""

_MAX_TEXT = 65_536
_MAX_WORD = 256
_MAX_FLAGS = 64
_MAX_TIME = 2**42
_MAX_TIMER = 2**32 - 1

_OWN_FIELDS = frozenset(
    (
        "description",
        "announcement",
        "locked",
        "ephemeral",
        "membership_approval_mode",
        "member_add_mode",
        "member_link_mode",
        "member_share_group_history_mode",
        "parent",
        "linked_parent",
        "default_sub_group",
        "suspended",
    )
)
"""Elements that have a field of their own in `Group`; other empty ones are its flags."""

# An address that its own text does not name could not be kept.
_GROUP_USER = re.compile(r"[A-Za-z0-9-]{1,128}")
_PERSON_USER = re.compile(r"[A-Za-z0-9]{1,64}")

_ROLES = {role.value: role for role in MemberRole}


# --- reading -------------------------------------------------------------------------------------


def parse_group(node: Node, *, addressing: AddressingMode | None = None) -> Group:
    """Read a `<group>`.

    Members that are no addresses, and those who could not be added, are left out.

    Args:
        node: the element.
        addressing: how its members are named if neither it nor they say.

    Raises:
        StanzaError: it does not say which group it is, or has more members than any real group.

    Source: docs/protocol/queries.md, "Metadata".
    """
    jid = group_address(node)
    listed: list[Node] = []
    parts: dict[str, Node] = {}
    for child in node.children():
        if child.tag == "participant":
            listed.append(child)
        else:
            parts.setdefault(child.tag, child)
    members = read_members(
        node.tag, (child for child in listed if child.get("error", "200") == "200")
    )
    size = bounded(node, "size", MAX_MEMBERS * 10) or len(members)
    description = parts.get("description")
    if description is not None and "error" in description.attrs:
        description = None
    ephemeral, parent = parts.get("ephemeral"), parts.get("linked_parent")
    return Group(
        jid,
        subject=(node.get("subject") or "")[:_MAX_TEXT],
        subject_at=bounded(node, "s_t", _MAX_TIME),
        subject_by=shown_person(node, "s_o"),
        created_at=bounded(node, "creation", _MAX_TIME),
        creator=shown_person(node, "creator"),
        description=body_of(description),
        description_id=word(description, "id"),
        description_at=0 if description is None else bounded(description, "t", _MAX_TIME),
        description_by=None if description is None else shown_person(description, "participant"),
        addressing=_addressing(node, members, addressing),
        members=members,
        size=size,
        is_announcement="announcement" in parts,
        is_locked="locked" in parts,
        expiration_s=0 if ephemeral is None else bounded(ephemeral, "expiration", _MAX_TIMER),
        needs_approval=_needs_approval(parts.get("membership_approval_mode")),
        only_admins_add=text_of(parts.get("member_add_mode")) == "admin_add",
        only_admins_link=text_of(parts.get("member_link_mode")) == "admin_link",
        only_admins_share_history=(
            text_of(parts.get("member_share_group_history_mode")) == "admin_share"
        ),
        is_community="parent" in parts,
        parent=None if parent is None else group_or_none(parent.get_jid("jid")),
        is_default_subgroup="default_sub_group" in parts,
        needs_ack=node.get("ack") == "false",
        flags=_flags(parts),
        is_suspended="suspended" in parts,
        is_truncated=node.get("truncated") == "true" or (size > 0 and not members),
        participants_version=word(node, "p_v_id"),
        info_version=word(node, "a_v_id"),
    )


@dataclass(frozen=True, slots=True)
class GroupListing:
    """What an answer about several groups says.

    Attributes:
        groups: those that could be read.
        is_complete: there are no others.
    """

    groups: tuple[Group, ...]
    is_complete: bool


def read_groups(listing: Node) -> GroupListing:
    """Read `<groups>`; one that cannot be read, or that the server refused, is left out alone.

    Raises:
        StanzaError: there are more than anybody has.
    """
    nodes = listing.children("group")
    if len(nodes) > MAX_GROUPS:
        raise StanzaError(listing.tag, "too many groups")
    groups = []
    for node in nodes:
        try:
            if "error" not in node.attrs:
                groups.append(parse_group(node))
        except StanzaError:
            continue
    return GroupListing(tuple(groups), len(groups) == len(nodes))


def group_address(node: Node) -> Jid:
    """The address of a `<group>`: its `id`, with or without the server, or its `jid`.

    Raises:
        StanzaError: there is none, or it is not a group's.
    """
    name = "id" if "id" in node.attrs else "jid"
    text = node.attr(name)
    jid = group_or_none(node.get_jid(name) if "@" in text else Jid(text, GROUP_SERVER.server))
    if jid is None:
        raise StanzaError(node.tag, f"attribute {name} names no group")
    return jid


def group_or_none(jid: Jid | None) -> Jid | None:
    """A group's address; None for anything else."""
    if jid is None or not jid.is_group or jid.device or _GROUP_USER.fullmatch(jid.user) is None:
        return None
    return jid


def read_members(tag: str, nodes: Iterable[Node]) -> tuple[GroupMember, ...]:
    """Read `<participant>` elements, each address once.

    Raises:
        StanzaError: there are more than any group has.
    """
    members: dict[Jid, GroupMember] = {}
    for node in nodes:
        member = read_member(node)
        if member is not None:
            members.setdefault(member.jid, member)
    if len(members) > MAX_MEMBERS:
        raise StanzaError(tag, "too many participants")
    return tuple(members.values())


def read_member(node: Node) -> GroupMember | None:
    """A person with both addresses where they are shown; None when it is no address."""
    jid = person_or_none(node.get_jid("jid"))
    if jid is None:
        return None
    pn = jid if jid.is_pn else _of_kind(node.get_jid("phone_number"), lid=False)
    lid = jid if jid.is_lid else _of_kind(node.get_jid("lid"), lid=True)
    role = _ROLES.get(node.get("type") or "", MemberRole.MEMBER)
    return GroupMember(jid, pn, lid, role, word(node, "participant_label"))


def person_or_none(jid: Jid | None) -> Jid | None:
    """A member's address, bare; None for what cannot be in a group. Bots can."""
    if jid is None or not (jid.is_user or jid.server == "bot"):
        return None
    return jid.bare if _PERSON_USER.fullmatch(jid.user) is not None else None


def shown_person(node: Node, name: str) -> Jid | None:
    """A person named by an attribute, by phone number where `<name>_pn` shows it; bare."""
    return _of_kind(node.get_jid(f"{name}_pn"), lid=False) or person_or_none(node.get_jid(name))


def mapping_of(node: Node, name: str) -> tuple[Jid, Jid] | None:
    """The number and hidden id of a person who is named by `<name>` and `<name>_pn`."""
    pn = _of_kind(node.get_jid(f"{name}_pn"), lid=False)
    lid = _of_kind(node.get_jid(name), lid=True)
    return (pn, lid) if pn is not None and lid is not None else None


def _of_kind(jid: Jid | None, *, lid: bool) -> Jid | None:
    person = person_or_none(jid)
    if person is None:
        return None
    return person if (person.is_lid if lid else person.is_pn) else None


def _addressing(
    node: Node, members: tuple[GroupMember, ...], default: AddressingMode | None
) -> AddressingMode:
    told = node.get("addressing_mode")
    if told in ("lid", "pn"):
        return AddressingMode(told)
    if any(member.jid.is_lid for member in members):
        return AddressingMode.LID
    if any(member.jid.is_pn for member in members):
        return AddressingMode.PN
    return default or AddressingMode.LID


def _needs_approval(mode: Node | None) -> bool:
    if mode is None:
        return False
    join = mode.find("group_join")
    return join is None or join.get("state") != "off"


def _flags(parts: dict[str, Node]) -> tuple[str, ...]:
    tags = (tag for tag, node in parts.items() if not node.content and len(tag) <= _MAX_WORD)
    return tuple(sorted(tag for tag in tags if tag not in _OWN_FIELDS)[:_MAX_FLAGS])


def bounded(node: Node, name: str, most: int) -> int:
    """A whole number from 0 to `most`; 0 for anything else."""
    value = node.get_int(name, 0) or 0
    return value if 0 <= value <= most else 0


def word(node: Node | None, name: str) -> str:
    """An attribute that is an id, a code or a name; empty without one, cut when it is no such."""
    return "" if node is None else (node.get(name) or "")[:_MAX_WORD]


def text_of(node: Node | None) -> str:
    """The text inside an element; empty without one. What is not UTF-8 is marked."""
    if node is None or not isinstance(node.content, bytes):
        return ""
    return node.content.decode(errors="replace")[:_MAX_TEXT]


def body_of(description: Node | None) -> str:
    """The text of a `<description>`; empty without one."""
    return "" if description is None else text_of(description.find("body"))


# --- questions -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FetchGroup(Query[Group]):
    """A group that we are a member of. Refused with 403 when we are not, 404 when there is none."""

    group: Jid

    def request(self) -> Node:
        """`<query request="interactive"/>`, to the group."""
        return iq_get(XMLNS, Node("query", {"request": "interactive"}), to=self.group)

    def parse(self, reply: Node) -> Group:
        """The group.

        Raises:
            StanzaError: it is none, or another one.
        """
        return _the_one(self.group, parse_group(reply.child("group")))


@dataclass(frozen=True, slots=True)
class FetchInvitedGroup(Query[Group]):
    """A group that a personal invitation leads to. The list of members is cut short."""

    invitation: GroupInvitation

    def request(self) -> Node:
        """`<query><add_request/></query>`, to the group."""
        invited = Node("add_request", invitation_attrs(self.invitation))
        query = Node("query", {"request": "interactive"}, [invited])
        return iq_get(XMLNS, query, to=self.invitation.group)

    def parse(self, reply: Node) -> Group:
        """The group.

        Raises:
            StanzaError: it is none, or another one.
        """
        return _the_one(self.invitation.group, parse_preview(reply.child("group")))


def parse_preview(node: Node) -> Group:
    """Read a `<group>` as those see it who are not in it: only some members are listed.

    Raises:
        StanzaError: as `parse_group`.
    """
    group = parse_group(node)
    return replace(group, is_truncated=group.is_truncated or len(group.members) < group.size)


def invitation_attrs(invitation: GroupInvitation) -> dict[str, AttrValue]:
    """What an element says of a personal invitation."""
    return {
        "code": invitation.code,
        "expiration": str(invitation.expiration),
        "admin": invitation.admin.bare,
    }


def _the_one(asked: Jid, group: Group) -> Group:
    if group.jid != asked:
        raise StanzaError("group", "another group than was asked for")
    return group


class FetchAllGroups(Query[Node]):
    """All groups that we are in; `read_groups` reads the answer, which may take a while."""

    def request(self) -> Node:
        """`<participating>` with members and descriptions."""
        participating = Node("participating", {}, [Node("participants"), Node("description")])
        return iq_get(XMLNS, participating, to=GROUP_SERVER)

    def parse(self, reply: Node) -> Node:
        """The `<groups>` element.

        Raises:
            StanzaError: there is none.
        """
        return reply.child("groups")


@dataclass(frozen=True, slots=True)
class FetchGroups(Query[Node]):
    """Several groups at once; `read_groups` reads the answer, which may take a while.

    Args:
        groups: 1 to 10 000.
    """

    groups: tuple[Jid, ...]

    def __post_init__(self) -> None:
        """Raises InvalidInput when there is none, or there are too many."""
        if not 0 < len(self.groups) <= MAX_GROUPS:
            raise InvalidInput(f"ask for 1 to {MAX_GROUPS} groups at once")

    def request(self) -> Node:
        """`<query><group jid/>...</query>`."""
        asked = [Node("group", {"jid": group}) for group in self.groups]
        return iq_get(XMLNS, Node("query", {}, asked), to=GROUP_SERVER)

    def parse(self, reply: Node) -> Node:
        """The `<groups>` element; those that are not ours stand in it with an error.

        Raises:
            StanzaError: there is none.
        """
        return reply.child("groups")
