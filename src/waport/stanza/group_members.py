"""Who is in a group: making one, adding, removing, promoting, join requests.

Source: docs/protocol/queries.md, "Groups".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ..errors import InvalidInput, query_error
from ..model.group import (
    PLAIN_GROUP,
    CommunityOptions,
    CreatedGroup,
    Group,
    GroupMember,
    GroupOptions,
    JoinRequest,
    MemberAction,
    ParticipantResult,
)
from ..wire import GROUP_SERVER, AttrValue, Jid, Node
from .group_settings import (
    approval_element,
    check_description,
    check_subject,
    check_timer,
    description_element,
    history_element,
    member_add_element,
    member_link_element,
)
from .groups import (
    MAX_MEMBERS,
    XMLNS,
    bounded,
    group_address,
    group_or_none,
    parse_group,
    person_or_none,
    read_member,
    word,
)
from .query import Query, iq_get, iq_set

MAX_REQUESTS = 20_000
"""Join requests in one answer."""

_MAX_TIME = 2**42
_DONE = 200


Tokens = Mapping[Jid, bytes]
"""Privacy tokens by the address that a person has in a question."""

NO_TOKENS: Final[Tokens] = {}


def _participants(
    people: tuple[GroupMember, ...], *, with_number: bool, tokens: Tokens = NO_TOKENS
) -> list[Node]:
    nodes = []
    for person in people:
        attrs: dict[str, AttrValue] = {"jid": person.jid}
        if with_number and person.jid.is_lid and person.pn is not None:
            attrs["phone_number"] = person.pn
        token = tokens.get(person.jid)
        nodes.append(Node("participant", attrs, [Node("privacy", {}, token)] if token else None))
    return nodes


def _check_people(people: tuple[GroupMember, ...]) -> None:
    if not people:
        raise InvalidInput("name at least one participant")
    if len(people) > MAX_MEMBERS:
        raise InvalidInput(f"name at most {MAX_MEMBERS} participants at once")


# --- results -------------------------------------------------------------------------------------


def read_results(node: Node) -> tuple[ParticipantResult, ...]:
    """What came of each `<participant>`; those that name nobody are left out.

    Source: docs/protocol/queries.md, "Questions".
    """
    results = (_result(child) for child in node.children("participant")[:MAX_MEMBERS])
    return tuple(result for result in results if result is not None)


def _result(node: Node) -> ParticipantResult | None:
    person = read_member(node)
    if person is None:
        return None
    code = _code(node)
    request = node.find("membership_approval_request")
    if request is not None and code == _DONE:
        code = _code(request)
    invited = node.find("add_request")
    return ParticipantResult(
        person.jid,
        person.pn,
        code,
        is_requested=request is not None and code == _DONE,
        invite_code=word(invited, "code"),
        invite_expiration=0 if invited is None else bounded(invited, "expiration", _MAX_TIME),
    )


def _code(node: Node) -> int:
    """The `error` of one participant: 200 without one, 0 when it is no number."""
    return _DONE if "error" not in node.attrs else bounded(node, "error", 9999)


@dataclass(frozen=True, slots=True)
class ChangeParticipants(Query[tuple[ParticipantResult, ...]]):
    """Add, remove, promote or demote people; each of them may fail alone.

    Args:
        people: at least one; the number counts only beside a LID, and only for adding.
        tokens: the privacy tokens that people gave us, by the address used here; for adding.
        everywhere: of a community: whoever is removed leaves all its groups.
    """

    group: Jid
    action: MemberAction
    people: tuple[GroupMember, ...]
    tokens: Tokens = field(default_factory=dict)
    everywhere: bool = False

    def __post_init__(self) -> None:
        """Raises InvalidInput when there is nobody, or too many at once."""
        _check_people(self.people)

    def request(self) -> Node:
        """`<add>`, `<remove>`, `<promote>` or `<demote>`, to the group."""
        nodes = _participants(
            self.people, with_number=self.action is MemberAction.ADD, tokens=self.tokens
        )
        attrs: dict[str, AttrValue] = {"linked_groups": "true"} if self.everywhere else {}
        return iq_set(XMLNS, Node(self.action.value, attrs, nodes), to=self.group)

    def parse(self, reply: Node) -> tuple[ParticipantResult, ...]:
        """What came of each.

        Raises:
            StanzaError: the answer speaks of something else.
        """
        return read_results(reply.child(self.action.value))


# --- making a group ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CreateGroup(Query[CreatedGroup]):
    """Make a group; asked again with the same key it is made only once.

    Args:
        subject: 1 to 100 characters.
        people: who is to be in it beside us; may be nobody.
        key: chosen by us, never the same for two groups.
        description_id: a fresh id; needed with a description.
        tokens: as in `ChangeParticipants`.
    """

    subject: str
    people: tuple[GroupMember, ...]
    key: str
    options: GroupOptions = PLAIN_GROUP
    description_id: str = ""
    tokens: Tokens = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises InvalidInput when a text is too long, or there are too many people."""
        check_subject(self.subject)
        check_description(self.options.description)
        check_timer(self.options.expiration_s)
        if self.people:
            _check_people(self.people)
        if self.options.description and not self.description_id:
            raise InvalidInput("a description needs an id")
        if self.options.community is not None and (self.options.parent or self.options.is_hidden):
            raise InvalidInput("a community does not belong to another one")

    def request(self) -> Node:
        """`<create subject key>` with the people and what is to be set from the start."""
        options = self.options
        children = _participants(self.people, with_number=True, tokens=self.tokens)
        if options.description:
            children.append(description_element(options.description, self.description_id, ""))
        if options.is_locked:
            children.append(Node("locked"))
        if options.is_announcement:
            children.append(Node("announcement"))
        if options.expiration_s:
            children.append(Node("ephemeral", {"expiration": str(options.expiration_s)}))
        if options.needs_approval:
            children.append(approval_element(True))
        for element, only_admins in (
            (member_add_element, options.only_admins_add),
            (member_link_element, options.only_admins_link),
            (history_element, options.only_admins_share_history),
        ):
            if only_admins is not None:
                children.append(element(only_admins))
        if options.limits_forwarding:
            children.append(Node("no_frequently_forwarded"))
        if options.parent is not None:
            children.append(Node("linked_parent", {"jid": options.parent}))
        if options.is_hidden:
            children.append(Node("hidden_group"))
        children += _community_elements(options.community)
        create = Node("create", {"subject": self.subject, "key": self.key}, children or None)
        return iq_set(XMLNS, create, to=GROUP_SERVER)

    def parse(self, reply: Node) -> CreatedGroup:
        """The group, and what came of everybody who was to be in it.

        Raises:
            StanzaError: the answer names no group.
        """
        node = reply.child("group")
        if "id" not in node.attrs:
            return CreatedGroup(Group(group_address(node)), is_repeated=True)
        group = parse_group(node)
        makers = {
            jid.bare
            for jid in (node.get_jid("creator"), node.get_jid("creator_pn"))
            if jid is not None
        }
        results = tuple(
            result for result in read_results(node) if not makers & {result.jid, result.pn}
        )
        return CreatedGroup(group, results)


def _community_elements(options: CommunityOptions | None) -> list[Node]:
    if options is None:
        return []
    attrs: dict[str, AttrValue] = {}
    if options.needs_approval:
        attrs["default_membership_approval_mode"] = "request_required"
    nodes = [Node("parent", attrs)]
    if options.members_add_groups:
        nodes.append(Node("allow_non_admin_sub_group_creation"))
    if options.with_general_chat:
        nodes.append(Node("create_general_chat"))
    return nodes


# --- join requests -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FetchJoinRequests(Query[tuple[JoinRequest, ...]]):
    """Who waits to be let into a group; for admins."""

    group: Jid

    def request(self) -> Node:
        """`<membership_approval_requests/>`, to the group."""
        return iq_get(XMLNS, Node("membership_approval_requests"), to=self.group)

    def parse(self, reply: Node) -> tuple[JoinRequest, ...]:
        """The requests; those that name nobody are left out.

        Raises:
            StanzaError: the answer speaks of something else.
        """
        listing = reply.child("membership_approval_requests")
        nodes = listing.children("membership_approval_request")[:MAX_REQUESTS]
        requests = (_join_request(node) for node in nodes)
        return tuple(request for request in requests if request is not None)


def _join_request(node: Node) -> JoinRequest | None:
    person = read_member(node)
    if person is None:
        return None
    return JoinRequest(
        person.jid,
        person.pn,
        method=word(node, "request_method"),
        requested_at=bounded(node, "request_time", _MAX_TIME),
        requestor=person_or_none(node.get_jid("requestor")),
        parent=group_or_none(node.get_jid("parent_group_jid")),
    )


@dataclass(frozen=True, slots=True)
class DecideJoinRequests(Query[tuple[ParticipantResult, ...]]):
    """Let people into a group, or not; each decision may fail alone."""

    group: Jid
    is_approved: bool
    people: tuple[GroupMember, ...]

    def __post_init__(self) -> None:
        """Raises InvalidInput when there is nobody, or too many at once."""
        _check_people(self.people)

    @property
    def _verb(self) -> str:
        return "approve" if self.is_approved else "reject"

    def request(self) -> Node:
        """`<membership_requests_action>` with `<approve>` or `<reject>`, to the group."""
        verb = Node(self._verb, {}, _participants(self.people, with_number=False))
        return iq_set(XMLNS, Node("membership_requests_action", {}, [verb]), to=self.group)

    def parse(self, reply: Node) -> tuple[ParticipantResult, ...]:
        """What came of each.

        Raises:
            StanzaError: the answer speaks of something else.
        """
        return read_results(reply.child("membership_requests_action").child(self._verb))


@dataclass(frozen=True, slots=True)
class WithdrawRequest(Query[None]):
    """Wait no more to be let into a group.

    Args:
        own: us, as the group names its members.
    """

    group: Jid
    own: Jid

    def request(self) -> Node:
        """`<cancel_membership_requests>`, to the group."""
        listed = [Node("participant", {"jid": self.own})]
        return iq_set(XMLNS, Node("cancel_membership_requests", {}, listed), to=self.group)

    def parse(self, reply: Node) -> None:
        """Nothing, if it worked.

        Raises:
            QueryError: 404: we did not wait; 401: it is not our request.
        """
        listing = reply.find("cancel_membership_requests")
        for result in () if listing is None else read_results(listing):
            if result.code != _DONE:
                raise query_error(result.code, "request not withdrawn")


@dataclass(frozen=True, slots=True)
class CancelInvitations(Query[tuple[ParticipantResult, ...]]):
    """Take personal invitations back; each may fail alone."""

    group: Jid
    people: tuple[GroupMember, ...]

    def __post_init__(self) -> None:
        """Raises InvalidInput when there is nobody, or too many at once."""
        _check_people(self.people)

    def request(self) -> Node:
        """`<revoke>`, to the group."""
        listed = _participants(self.people, with_number=False)
        return iq_set(XMLNS, Node("revoke", {}, listed), to=self.group)

    def parse(self, reply: Node) -> tuple[ParticipantResult, ...]:
        """What came of each.

        Raises:
            StanzaError: the answer speaks of something else.
        """
        return read_results(reply.child("revoke"))
