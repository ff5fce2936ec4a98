"""Who is in a group: making one, adding, removing, promoting, join requests.

Source: docs/protocol/queries.md, "Groups".
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidInput
from ..model.group import (
    PLAIN_GROUP,
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
    member_add_element,
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


def _participants(people: tuple[GroupMember, ...], *, with_number: bool) -> list[Node]:
    nodes = []
    for person in people:
        attrs: dict[str, AttrValue] = {"jid": person.jid}
        if with_number and person.jid.is_lid and person.pn is not None:
            attrs["phone_number"] = person.pn
        nodes.append(Node("participant", attrs))
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
    """

    group: Jid
    action: MemberAction
    people: tuple[GroupMember, ...]

    def __post_init__(self) -> None:
        """Raises InvalidInput when there is nobody, or too many at once."""
        _check_people(self.people)

    def request(self) -> Node:
        """`<add>`, `<remove>`, `<promote>` or `<demote>`, to the group."""
        nodes = _participants(self.people, with_number=self.action is MemberAction.ADD)
        return iq_set(XMLNS, Node(self.action.value, {}, nodes), to=self.group)

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
    """

    subject: str
    people: tuple[GroupMember, ...]
    key: str
    options: GroupOptions = PLAIN_GROUP
    description_id: str = ""

    def __post_init__(self) -> None:
        """Raises InvalidInput when a text is too long, or there are too many people."""
        check_subject(self.subject)
        check_description(self.options.description)
        check_timer(self.options.expiration_s)
        if self.people:
            _check_people(self.people)
        if self.options.description and not self.description_id:
            raise InvalidInput("a description needs an id")

    def request(self) -> Node:
        """`<create subject key>` with the people and what is to be set from the start."""
        options = self.options
        children = _participants(self.people, with_number=True)
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
        if options.only_admins_add is not None:
            children.append(member_add_element(options.only_admins_add))
        if options.parent is not None:
            children.append(Node("linked_parent", {"jid": options.parent}))
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
