"""Who belongs to a group: adding, removing, promoting, leaving, and what a join means to the rest.

Source: docs/protocol/queries.md, "Groups".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..wire import AttrValue, Jid, Node
from .accounts import Account, Directory
from .delivery import Deliveries
from .groups import ADMIN, SUPERADMIN, Group, JoinRequest, Member
from .groups_nodes import GroupNews, GroupNodes
from .privacy import may_see
from .replies import Asker, Refusal, result

BLOCKED = 401
NOT_ALLOWED = 403
UNKNOWN = 404
NOT_ACCEPTABLE = 406
ALREADY = 409
FULL = 419

_INVITATION_LIFE_S = 3 * 86_400


OnJoin = Callable[[Group, Account, Sequence[str]], None]
"""Told of people who are new in a group."""


class Membership:
    """Changes of members and their roles.

    Attributes:
        on_join: called once people have joined a group and everybody knows.
    """

    def __init__(
        self, directory: Directory, deliveries: Deliveries, nodes: GroupNodes, news: GroupNews
    ) -> None:
        self._directory = directory
        self._deliveries = deliveries
        self._nodes = nodes
        self._news = news
        self.on_join: OnJoin = lambda group, actor, numbers: None

    # --- coming ----------------------------------------------------------------------------------

    def admit(self, group: Group, adder: Account, people: Iterable[Jid]) -> list[Node]:
        """Make members of those who can be, without telling anybody yet.

        Returns:
            one `<participant>` for each of them, with `error` for those who cannot be added.
        """
        return [self._admit(group, adder, jid, self._directory.by_jid(jid)) for jid in people]

    def _admit(self, group: Group, adder: Account, jid: Jid, target: Account | None) -> Node:
        if target is None:
            return Node("participant", {"jid": jid, "error": str(UNKNOWN)})
        number = target.number
        error = self._obstacle(group, adder, target)
        if error is not None:
            return self._nodes.listed(group, number, error=str(error))
        if not may_see(adder, target, "groupadd"):
            return self._invite(group, adder, number)
        if group.approval and not group.is_admin(adder.number):
            request = JoinRequest("non_admin_add", int(self._deliveries.now()), adder.number)
            self.request(group, adder, number, request)
            node = self._nodes.listed(group, number)
            return Node(node.tag, node.attrs, [Node("membership_approval_request")])
        self.enter(group, number)
        return self._nodes.listed(group, number)

    def _obstacle(self, group: Group, adder: Account, target: Account) -> int | None:
        policy = self._deliveries.policy
        if target.number in group.members:
            return ALREADY
        if target.number in policy.add_errors:
            return policy.add_errors[target.number]
        if adder.number in target.blocked:
            return BLOCKED
        return FULL if self.is_full(group) else None

    def _invite(self, group: Group, adder: Account, number: str) -> Node:
        """Whoever may not be added can be asked: with this code, in a message."""
        now = int(self._deliveries.now())
        invitation = self._directory.groups.new_invitation(now + _INVITATION_LIFE_S, adder.number)
        group.invitations[number] = invitation
        node = self._nodes.listed(group, number, error=str(NOT_ALLOWED))
        attrs: dict[str, AttrValue] = {
            "code": invitation.code,
            "expiration": str(invitation.expiration),
        }
        return Node(node.tag, node.attrs, [Node("add_request", attrs)])

    def is_full(self, group: Group) -> bool:
        """Whether nobody more can join."""
        return len(group.members) >= self._deliveries.policy.max_members

    def enter(self, group: Group, number: str) -> None:
        """Make somebody a member, without telling anybody yet."""
        member = Member(number, "", int(self._deliveries.now()))
        self._directory.groups.join(group, member)

    def announce(
        self, group: Group, actor: Account, numbers: Sequence[str], reason: str | None = None
    ) -> None:
        """Tell the old members of the new ones, and the new ones of the group."""
        if not numbers:
            return
        why: dict[str, AttrValue] = {} if reason is None else {"reason": reason}
        added = Node(
            "add",
            {**why, **group.next_members()},
            [self._nodes.listed(group, number) for number in numbers],
        )
        old = [number for number in group.members if number not in numbers]
        self._news.tell_only(group, actor, added, to=old)
        self._news.welcome(group, actor, numbers, **why)
        self.on_join(group, actor, numbers)

    def request(self, group: Group, actor: Account, number: str, request: JoinRequest) -> None:
        """Let somebody wait for an admin, and tell the admins."""
        group.requests[number] = request
        user = self._nodes.listed(group, number, "requested_user")
        attrs: dict[str, AttrValue] = {"request_method": request.method}
        child = Node("created_membership_requests", attrs, [user])
        self._news.tell_only(group, actor, child, to=group.admins())

    # --- the four verbs --------------------------------------------------------------------------

    async def add(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        """`<add>`: by admins, or by all if the group allows it."""
        if group.modes["member_add_mode"] == "admin_add" and not group.is_admin(
            asker.account.number
        ):
            raise Refusal(401)
        before = set(group.members)
        people = named_people(_checked(child, self._deliveries))
        answers = self.admit(group, asker.account, people)
        self.announce(group, asker.account, [n for n in group.members if n not in before])
        self._deliveries.changed()
        return result(iq, Node(child.tag, {}, answers))

    async def remove(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        """`<remove>`: by admins, of anybody but who made the group."""

        def remove(member: Member) -> int | None:
            if member.role == SUPERADMIN:
                return NOT_ACCEPTABLE
            self._directory.groups.leave(group, member.number)
            group.removed.add(member.number)
            return None

        answer, gone = self._each(asker, group, child, remove)
        self._tell_gone(group, asker.account, gone)
        return result(iq, answer)

    async def promote(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        """`<promote>`: by admins."""

        def promote(member: Member) -> int | None:
            member.role = member.role or ADMIN
            return None

        return self._change_roles(asker, group, iq, child, promote)

    async def demote(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        """`<demote>`: by admins, of anybody but who made the group."""

        def demote(member: Member) -> int | None:
            if member.role == SUPERADMIN:
                return NOT_ACCEPTABLE
            member.role = ""
            return None

        return self._change_roles(asker, group, iq, child, demote)

    def _change_roles(
        self,
        asker: Asker,
        group: Group,
        iq: Node,
        child: Node,
        change: Callable[[Member], int | None],
    ) -> Node:
        before = {number: member.role for number, member in group.members.items()}
        answer, _ = self._each(asker, group, child, change)
        changed = [n for n, member in group.members.items() if member.role != before[n]]
        if changed:
            self._tell(group, asker.account, child.tag, changed)
        return result(iq, answer)

    def _each(
        self, asker: Asker, group: Group, child: Node, change: Callable[[Member], int | None]
    ) -> tuple[Node, list[str]]:
        """Apply a verb to everybody who is named; the answer, and for whom it worked."""
        if not group.is_admin(asker.account.number):
            raise Refusal(401)
        answers, done = [], []
        for jid in named_people(_checked(child, self._deliveries)):
            account = self._directory.by_jid(jid)
            member = group.members.get(account.number) if account is not None else None
            if member is None:
                answers.append(Node("participant", {"jid": jid, "error": str(UNKNOWN)}))
                continue
            error = change(member)
            failed = {} if error is None else {"error": str(error)}
            answers.append(self._nodes.listed(group, member.number, **failed))
            if error is None:
                done.append(member.number)
        return Node(child.tag, {}, answers), done

    # --- going -----------------------------------------------------------------------------------

    def leave(self, account: Account, group: Group) -> None:
        """Somebody leaves. A group never stays without an admin: the oldest member becomes one."""
        self._directory.groups.leave(group, account.number)
        self._tell_gone(group, account, [account.number])
        if group.members and not group.admins():
            heir = next(iter(group.members.values()))
            heir.role = ADMIN
            self._tell(group, account, "promote", [heir.number])

    def put_out(self, groups: Iterable[Group], number: str, actor: Account) -> None:
        """Remove somebody from several groups, whatever they are there."""
        for group in groups:
            if number in group.members:
                self._directory.groups.leave(group, number)
                self._tell_gone(group, actor, [number])

    def _tell_gone(self, group: Group, actor: Account, gone: Sequence[str]) -> None:
        if gone:
            self._tell(group, actor, "remove", gone, also=gone)

    def _tell(
        self,
        group: Group,
        actor: Account,
        verb: str,
        numbers: Iterable[str],
        also: Iterable[str] = (),
    ) -> None:
        listed = [self._nodes.listed(group, number) for number in numbers]
        child = Node(verb, {**group.next_members()}, listed)
        self._news.tell(group, actor, child, also=also)


def named_people(participants: Iterable[Node]) -> list[Jid]:
    """Whom some `<participant>` elements name, each address once."""
    return list(dict.fromkeys(node.jid("jid").bare for node in participants))


def _checked(child: Node, deliveries: Deliveries) -> list[Node]:
    """The `<participant>` elements of a verb: some, but no more than a group can have."""
    participants = child.children("participant")
    if not 0 < len(participants) <= deliveries.policy.max_members:
        raise Refusal(400)
    return participants
