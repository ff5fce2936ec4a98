"""Ways into a group by one's own will: the invite link, personal invitations, join requests.

Source: docs/protocol/queries.md, "Groups".
"""

from __future__ import annotations

from ..wire import AttrValue, Jid, Node
from .accounts import Account, Directory
from .delivery import Deliveries
from .groups import Group, JoinRequest, is_code
from .groups_members import FULL, UNKNOWN, Membership
from .groups_nodes import GroupNews, GroupNodes
from .replies import Asker, Refusal, result

_BY_LINK = "invite_link"
_INVITED = "invite"
_REASONS = {_BY_LINK: _INVITED, "non_admin_add": None}


class GroupInvites:
    """Answers the IQs about invite codes, personal invitations and join requests."""

    def __init__(
        self,
        directory: Directory,
        deliveries: Deliveries,
        nodes: GroupNodes,
        news: GroupNews,
        membership: Membership,
    ) -> None:
        self._directory = directory
        self._deliveries = deliveries
        self._nodes = nodes
        self._news = news
        self._membership = membership

    # --- the link --------------------------------------------------------------------------------

    async def code(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        """Get `<invite/>` of a group: its code."""
        if group.modes["member_link_mode"] == "admin_link":
            _need_admin(asker, group)
        return result(iq, Node("invite", {"code": group.code}))

    async def reset(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        """Set `<invite/>` of a group: another code."""
        _need_admin(asker, group)
        self._directory.groups.reset_code(group)
        news = Node("invite", {"code": group.code, **group.next_info()})
        self._news.tell(group, asker.account, news)
        return result(iq, Node("invite", {"code": group.code}))

    async def info(self, asker: Asker, iq: Node, child: Node) -> Node:
        """Get `<invite code/>`: what group it is. Of the members only the admins are listed."""
        group = self._by_code(child.attr("code"), malformed=406)
        return result(iq, self._nodes.metadata(group, group.admins()))

    async def join(self, asker: Asker, iq: Node, child: Node) -> Node:
        """Set `<invite code/>`: join."""
        account = asker.account
        group = self._by_code(child.attr("code"), malformed=400)
        if account.number in group.removed:
            raise Refusal(401)
        if not self._come_in(group, account):
            return result(iq, Node("membership_approval_request", {"jid": group.jid}))
        return result(iq, Node("group", {"jid": group.jid}))

    def _by_code(self, code: str, *, malformed: int) -> Group:
        if not is_code(code):
            raise Refusal(malformed)
        group = self._directory.groups.by_code(code)
        if group is None:
            raise Refusal(404)
        if group.code != code:
            raise Refusal(410)
        return group

    def _come_in(self, group: Group, account: Account) -> bool:
        """Join, or ask to; False when an admin has to agree first."""
        number = account.number
        if number in group.members:
            raise Refusal(304)
        if self._membership.is_full(group):
            raise Refusal(FULL)
        if group.approval:
            if number not in group.requests:
                request = JoinRequest(_BY_LINK, int(self._deliveries.now()))
                self._membership.request(group, account, number, request)
            return False
        self._membership.enter(group, number)
        self._membership.announce(group, account, [number], _INVITED)
        return True

    # --- personal invitations --------------------------------------------------------------------

    def invited(self, group: Group, account: Account, named: Node) -> bool:
        """Whether an element names the invitation that this account has, still good."""
        invitation = group.invitations.get(account.number)
        admin = named.get_jid("admin")
        inviter = self._directory.by_jid(admin.bare) if admin is not None else None
        return (
            invitation is not None
            and inviter is not None
            and inviter.number == invitation.admin
            and named.get("code") == invitation.code
            and invitation.expiration > self._deliveries.now()
        )

    async def accept(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        """`<accept code expiration admin/>`: join by a personal invitation."""
        if asker.account.number in group.members:
            raise Refusal(304)
        if not self.invited(group, asker.account, child):
            raise Refusal(410)
        if not self._come_in(group, asker.account):
            return result(iq, Node("membership_approval_request", {"jid": group.jid}))
        return result(iq)

    async def revoke(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        """`<revoke>`: take personal invitations back; by admins and whoever has invited."""
        answers, ended = [], []
        for participant in child.children("participant"):
            jid = participant.jid("jid").bare
            account = self._directory.by_jid(jid)
            invitation = group.invitations.get(account.number) if account is not None else None
            if account is None or invitation is None:
                answers.append(_failed(jid, UNKNOWN))
                continue
            if asker.account.number != invitation.admin:
                _need_admin(asker, group)
            del group.invitations[account.number]
            ended.append(self._nodes.listed(group, account.number))
        if ended:
            self._news.tell(group, asker.account, Node("revoke", {}, ended))
        return result(iq, Node("revoke", {}, [*ended, *answers]))

    # --- join requests ---------------------------------------------------------------------------

    async def requests(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        """Get `<membership_approval_requests/>`: who waits."""
        _need_admin(asker, group)
        waiting = []
        for number, request in group.requests.items():
            node = self._nodes.listed(group, number, "membership_approval_request")
            node.attrs["request_method"] = request.method
            node.attrs["request_time"] = str(request.t)
            if request.requestor:
                node.attrs["requestor"] = self._nodes.address(group, request.requestor)
            waiting.append(node)
        return result(iq, Node(child.tag, {}, waiting))

    async def decide(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        """`<membership_requests_action>` with `<approve>` or `<reject>`."""
        _need_admin(asker, group)
        verbs = [v for v in child.children() if v.tag in ("approve", "reject")]
        if not verbs:
            raise Refusal(400)
        answers = [self._decide(asker.account, group, verb) for verb in verbs]
        self._deliveries.changed()
        return result(iq, Node(child.tag, {}, answers))

    def _decide(self, admin: Account, group: Group, verb: Node) -> Node:
        answers: list[Node] = []
        refused: list[str] = []
        for participant in verb.children("participant"):
            jid = participant.jid("jid").bare
            account = self._directory.by_jid(jid)
            request = group.requests.get(account.number) if account is not None else None
            if account is None or request is None:
                answers.append(_failed(jid, UNKNOWN))
            elif verb.tag == "reject":
                del group.requests[account.number]
                refused.append(account.number)
                answers.append(self._nodes.listed(group, account.number))
            elif self._membership.is_full(group):
                answers.append(self._nodes.listed(group, account.number, error=str(FULL)))
            else:
                self._membership.enter(group, account.number)
                reason = _REASONS.get(request.method)
                self._membership.announce(group, admin, [account.number], reason)
                answers.append(self._nodes.listed(group, account.number))
        self._tell_revoked(group, admin, refused)
        return Node(verb.tag, {}, answers)

    async def cancel(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        """`<cancel_membership_requests>`: withdraw one's own request."""
        answers, ended = [], []
        for participant in child.children("participant"):
            jid = participant.jid("jid").bare
            account = self._directory.by_jid(jid)
            if account is not asker.account:
                answers.append(_failed(jid, 401))
            elif group.requests.pop(account.number, None) is None:
                answers.append(_failed(jid, UNKNOWN))
            else:
                ended.append(account.number)
                answers.append(self._nodes.listed(group, account.number))
        self._tell_revoked(group, asker.account, ended)
        return result(iq, Node(child.tag, {}, answers))

    def _tell_revoked(self, group: Group, actor: Account, numbers: list[str]) -> None:
        """Admins hear that requests are off the list; by whom says how they ended."""
        if numbers:
            listed = [self._nodes.listed(group, number) for number in numbers]
            child = Node("revoked_membership_requests", {}, listed)
            self._news.tell_only(group, actor, child, to=group.admins())


def _need_admin(asker: Asker, group: Group) -> None:
    if not group.is_admin(asker.account.number):
        raise Refusal(401)


def _failed(jid: Jid, code: int) -> Node:
    attrs: dict[str, AttrValue] = {"jid": jid, "error": str(code)}
    return Node("participant", attrs)
