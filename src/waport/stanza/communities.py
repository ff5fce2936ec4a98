"""Communities: putting groups together, and the groups and people inside.

Source: docs/protocol/queries.md, "Communities".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import InvalidInput, StanzaError, query_error
from ..model.community import LinkResult, SubGroup
from ..model.group import (
    Group,
    GroupMember,
    Joined,
    MemberAction,
    ParticipantResult,
)
from ..wire import AttrValue, Jid, Node
from .group_members import read_results
from .groups import (
    MAX_GROUPS,
    MAX_MEMBERS,
    XMLNS,
    bounded,
    group_address,
    parse_preview,
    read_members,
    shown_person,
    text_of,
)
from .json_values import JsonObject
from .query import Query, iq_get, iq_set

MAX_LINKED = 256
"""Groups that are linked by one question; a community takes a hundred."""

_MAX_TIME = 2**42
_MAX_TEXT = 65_536
_DONE = 200


# --- groups in and out ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LinkGroups(Query[tuple[LinkResult, ...]]):
    """Put groups into a community; each of them may fail alone.

    Args:
        groups: at least one.
        hidden: they are shown to their members alone.
    """

    parent: Jid
    groups: tuple[Jid, ...]
    hidden: bool = False

    def __post_init__(self) -> None:
        """Raises InvalidInput when there is none, or there are too many."""
        if not 0 < len(self.groups) <= MAX_LINKED:
            raise InvalidInput(f"link 1 to {MAX_LINKED} groups at once")

    def request(self) -> Node:
        """`<links><link link_type="sub_group">`, to the community."""
        inside = [Node("hidden_group")] if self.hidden else None
        groups = [Node("group", {"jid": group}, inside) for group in self.groups]
        link = Node("link", {"link_type": "sub_group"}, groups)
        return iq_set(XMLNS, Node("links", {}, [link]), to=self.parent)

    def parse(self, reply: Node) -> tuple[LinkResult, ...]:
        """What came of each; those that the answer does not name were linked.

        Raises:
            QueryError: the server refused all of it.
        """
        told: dict[Jid, LinkResult] = {}
        links = reply.find("links")
        for link in [] if links is None else links.children("link"):
            if "error" in link.attrs and link.get("error") != str(_DONE):
                raise query_error(link.get_int("error", 0), "link refused")
            for node in link.children("group")[:MAX_LINKED]:
                result = _link_result(node)
                if result is not None:
                    told[result.group] = result
        return tuple(told.get(group, LinkResult(group)) for group in self.groups)


@dataclass(frozen=True, slots=True)
class UnlinkGroup(Query[LinkResult]):
    """Take a group out of a community.

    Args:
        remove_orphans: members of the community who are in no other group of it leave it, too.
    """

    parent: Jid
    group: Jid
    remove_orphans: bool = False

    def request(self) -> Node:
        """`<unlink unlink_type="sub_group">`, to the community."""
        attrs: dict[str, AttrValue] = {"jid": self.group}
        if self.remove_orphans:
            attrs["remove_orphaned_members"] = "true"
        unlink = Node("unlink", {"unlink_type": "sub_group"}, [Node("group", attrs)])
        return iq_set(XMLNS, unlink, to=self.parent)

    def parse(self, reply: Node) -> LinkResult:
        """What came of it."""
        unlink = reply.find("unlink")
        for node in [] if unlink is None else unlink.children("group")[:MAX_LINKED]:
            result = _link_result(node)
            if result is not None and result.group == self.group:
                return result
        return LinkResult(self.group)


def _link_result(node: Node) -> LinkResult | None:
    try:
        group = group_address(node)
    except StanzaError:
        return None
    code = _DONE if "error" not in node.attrs else bounded(node, "error", 9999)
    behind = tuple(result for result in read_results(node) if result.code != _DONE)
    return LinkResult(group, code, behind)


@dataclass(frozen=True, slots=True)
class DissolveCommunity(Query[None]):
    """End a community; its groups stay, but for the announcement group."""

    parent: Jid

    def request(self) -> Node:
        """`<delete_parent/>`, to the community."""
        return iq_set(XMLNS, Node("delete_parent"), to=self.parent)

    def parse(self, reply: Node) -> None:
        """The result is empty."""


# --- what is inside ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FetchSubGroups(Query[tuple[SubGroup, ...]]):
    """The groups of a community that we may see."""

    parent: Jid

    def request(self) -> Node:
        """`<sub_groups/>`, of the community."""
        return iq_get(XMLNS, Node("sub_groups"), to=self.parent)

    def parse(self, reply: Node) -> tuple[SubGroup, ...]:
        """The groups; those that cannot be read are left out.

        Raises:
            StanzaError: there is no list.
        """
        nodes = reply.child("sub_groups").children("group")[:MAX_GROUPS]
        return _each_once(_sub_group(node) for node in nodes)


def _sub_group(node: Node) -> SubGroup | None:
    try:
        jid = group_address(node)
    except StanzaError:
        return None
    tags = {child.tag for child in node.children()}
    is_default = "default_sub_group" in tags or node.get("default_sub_group") in ("true", "1")
    return SubGroup(
        jid,
        (node.get("subject") or "")[:_MAX_TEXT],
        bounded(node, "s_t", _MAX_TIME),
        bounded(node, "creation", _MAX_TIME),
        shown_person(node, "creator"),
        bounded(node, "size", MAX_MEMBERS * 10),
        is_default=is_default,
        is_general="general_chat" in tags,
        is_hidden="hidden_group" in tags,
        needs_approval="membership_approval_mode" in tags,
    )


def read_sub_groups(found: JsonObject) -> tuple[SubGroup, ...]:
    """The groups of a community as GraphQL tells them."""
    default = _json_sub_group(found.part("default_sub_group"), is_default=True)
    edges = found.part("sub_groups").parts("edges")[:MAX_GROUPS]
    others = (_json_sub_group(edge.part("node"), is_default=False) for edge in edges)
    return _each_once((default, *others))


def _json_sub_group(found: JsonObject, *, is_default: bool) -> SubGroup | None:
    jid = found.jid("id")
    if jid is None or not jid.is_group:
        return None
    subject = found.part("subject")
    properties = found.part("properties")
    return SubGroup(
        jid,
        subject.text("value") or found.text("subject"),
        subject.number("creation_time"),
        found.number("creation_time"),
        size=found.number("total_participants_count"),
        is_default=is_default,
        is_general=properties.flag("general_chat"),
        is_hidden=properties.flag("hidden_group"),
        needs_approval=properties.flag("membership_approval_mode_enabled"),
    )


def _each_once(found: Iterable[SubGroup | None]) -> tuple[SubGroup, ...]:
    groups: dict[Jid, SubGroup] = {}
    for group in found:
        if group is not None:
            groups.setdefault(group.jid, group)
    return tuple(groups.values())


@dataclass(frozen=True, slots=True)
class FetchLinkedGroup(Query[Group]):
    """A group of a community that we are not in, or the community of a group that we are in.

    Args:
        of: a community, or a group of one.
        group: which other one to describe.
        is_parent: it is the community.
    """

    of: Jid
    group: Jid
    is_parent: bool = False

    def request(self) -> Node:
        """`<query_linked type jid/>`."""
        kind = "parent_group" if self.is_parent else "sub_group"
        return iq_get(XMLNS, Node("query_linked", {"type": kind, "jid": self.group}), to=self.of)

    def parse(self, reply: Node) -> Group:
        """The group; of its members only some are named.

        Raises:
            StanzaError: it is none, or another one.
        """
        linked = reply.child("linked_group")
        group = parse_preview(linked.child("group"))
        if group.jid != self.group:
            raise StanzaError(linked.tag, "another group than was asked for")
        return group


@dataclass(frozen=True, slots=True)
class JoinLinkedGroup(Query[Joined]):
    """Join a group of a community that we are in."""

    parent: Jid
    group: Jid

    def request(self) -> Node:
        """`<join_linked_group jid/>`, to the community."""
        attrs: dict[str, AttrValue] = {"jid": self.group, "type": "sub_group"}
        return iq_set(XMLNS, Node("join_linked_group", attrs), to=self.parent)

    def parse(self, reply: Node) -> Joined:
        """Whether an admin has to agree."""
        waiting = reply.find("membership_approval_request")
        return Joined(self.group, is_requested=waiting is not None)


@dataclass(frozen=True, slots=True)
class FetchLinkedParticipants(Query[tuple[GroupMember, ...]]):
    """Everybody who is in some group of a community."""

    parent: Jid

    def request(self) -> Node:
        """`<linked_groups_participants/>`, of the community."""
        return iq_get(XMLNS, Node("linked_groups_participants"), to=self.parent)

    def parse(self, reply: Node) -> tuple[GroupMember, ...]:
        """The people, each once, whether they are listed together or by group.

        Raises:
            StanzaError: there is no list, or it is longer than any real one.
        """
        listing = reply.child("linked_groups_participants")
        nodes = [*listing.children("participant")]
        for group in listing.children("group")[:MAX_GROUPS]:
            nodes += group.children("participant")
        return read_members(listing.tag, nodes)


# --- people --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChangeCommunityAdmins(Query[tuple[ParticipantResult, ...]]):
    """Make members of a community its admins, or no longer; each may fail alone.

    Args:
        action: PROMOTE or DEMOTE.
    """

    parent: Jid
    action: MemberAction
    people: tuple[GroupMember, ...]

    def __post_init__(self) -> None:
        """Raises InvalidInput for another action, or when there is nobody or too many."""
        if self.action not in (MemberAction.PROMOTE, MemberAction.DEMOTE):
            raise InvalidInput("admins are made or unmade")
        if not 0 < len(self.people) <= MAX_MEMBERS:
            raise InvalidInput("name at least one participant")

    def request(self) -> Node:
        """`<admin><promote>` or `<admin><demote>`, to the community."""
        named = [Node("participant", {"jid": person.jid}) for person in self.people]
        verb = Node(self.action.value, {}, named)
        return iq_set(XMLNS, Node("admin", {}, [verb]), to=self.parent)

    def parse(self, reply: Node) -> tuple[ParticipantResult, ...]:
        """What came of each.

        Raises:
            StanzaError: the answer speaks of something else.
        """
        return read_results(reply.child("admin").child(self.action.value))


# --- suggestions ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SuggestGroup(Query[None]):
    """Suggest a group of ours to the admins of a community."""

    parent: Jid
    group: Jid

    def request(self) -> Node:
        """`<sub_group_suggestion jid/>`, to the community."""
        return iq_set(XMLNS, Node("sub_group_suggestion", {"jid": self.group}), to=self.parent)

    def parse(self, reply: Node) -> None:
        """Nothing, if it worked.

        Raises:
            QueryError: the server refused this group.
        """
        told = reply.find("sub_group_suggestion")
        if told is not None and "error" in told.attrs:
            raise query_error(told.get_int("error", 0), "suggestion refused")


@dataclass(frozen=True, slots=True)
class DecideSuggestion(Query[None]):
    """Take a suggested group into a community, or refuse it, or withdraw an own suggestion.

    Args:
        verb: "approve", "reject" or "cancel".
        creator: who suggested it.
    """

    parent: Jid
    group: Jid
    creator: Jid
    verb: str

    def __post_init__(self) -> None:
        """Raises InvalidInput for another verb."""
        if self.verb not in ("approve", "reject", "cancel"):
            raise InvalidInput("a suggestion is approved, rejected or cancelled")

    def request(self) -> Node:
        """`<sub_group_suggestions_action>`, to the community."""
        attrs: dict[str, AttrValue] = {"jid": self.group, "creator": self.creator.bare}
        verb = Node(self.verb, {}, [Node("sub_group_suggestion", attrs)])
        return iq_set(XMLNS, Node("sub_group_suggestions_action", {}, [verb]), to=self.parent)

    def parse(self, reply: Node) -> None:
        """Nothing, if it worked.

        Raises:
            QueryError: the server refused it.
        """
        action = reply.find("sub_group_suggestions_action")
        for verb in [] if action is None else action.children(self.verb):
            for told in verb.children("sub_group_suggestion"):
                if "error" in told.attrs:
                    raise query_error(told.get_int("error", 0), text_of(told) or "refused")
