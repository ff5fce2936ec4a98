"""The IQs of `w:g2`: who may ask what, new groups, metadata, leaving.

Source: docs/protocol/queries.md, "Groups".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from ..errors import InvalidInput
from ..wire import AttrValue, Jid, Node
from .accounts import Account, Directory
from .delivery import Deliveries
from .groups import FLAGS, MODES, AddressingMode, Group
from .groups_communities import Communities
from .groups_invites import GroupInvites
from .groups_members import Membership, named_people
from .groups_nodes import GroupNews, GroupNodes
from .groups_reports import GroupReports
from .groups_settings import (
    GroupSettings,
    read_approval,
    read_description,
    read_mode,
    read_subject,
    read_timer,
)
from .replies import Asker, Refusal, result

_MAX_ASKED = 10_000
_MAX_KEY = 128
_MAX_GROUPS = 10_000  # of one account

_Service = Callable[[Asker, Node, Node], Awaitable[Node]]
_OfGroup = Callable[[Asker, Group, Node, Node], Awaitable[Node]]


class Groups:
    """Answers the IQs of `w:g2`, and makes groups."""

    def __init__(
        self, directory: Directory, deliveries: Deliveries, nodes: GroupNodes, news: GroupNews
    ) -> None:
        self._directory = directory
        self._book = directory.groups
        self._deliveries = deliveries
        self._nodes = nodes
        self._news = news
        self._membership = membership = Membership(directory, deliveries, nodes, news)
        self._invites = invites = GroupInvites(directory, deliveries, nodes, news, membership)
        settings = GroupSettings(deliveries, nodes, news)
        self.communities = communities = Communities(directory, deliveries, nodes, news, membership)
        membership.on_join = communities.joined
        reports = GroupReports(directory, deliveries, nodes)
        self._service: Mapping[tuple[str, str], _Service] = {
            ("set", "create"): self._create,
            ("get", "participating"): self._participating,
            ("get", "query"): self._query_many,
            ("set", "leave"): self._leave,
            ("get", "invite"): invites.info,
            ("set", "invite"): invites.join,
        }
        self._of_group: Mapping[tuple[str, str], _OfGroup] = {
            ("get", "query"): self._query,
            ("set", "ack"): self._acknowledge,
            ("set", "add"): membership.add,
            ("set", "remove"): self._remove,
            ("set", "promote"): membership.promote,
            ("set", "demote"): membership.demote,
            ("set", "subject"): settings.subject,
            ("set", "description"): settings.description,
            ("set", "ephemeral"): settings.timer,
            ("set", "not_ephemeral"): settings.timer,
            ("set", "membership_approval_mode"): settings.approval,
            **{("set", tag): settings.switch for pair in FLAGS.items() for tag in pair},
            **{("set", tag): settings.mode for tag in MODES},
            ("get", "invite"): invites.code,
            ("set", "invite"): invites.reset,
            ("set", "revoke"): invites.revoke,
            ("set", "links"): communities.link,
            ("set", "unlink"): communities.unlink,
            ("set", "delete_parent"): communities.dissolve,
            ("get", "sub_groups"): communities.sub_groups,
            ("get", "query_linked"): communities.query,
            ("set", "join_linked_group"): communities.join,
            ("get", "linked_groups_participants"): communities.participants,
            ("set", "admin"): communities.admins,
            ("set", "reports"): reports.report,
            ("get", "reports"): reports.all,
            ("get", "membership_approval_requests"): invites.requests,
            ("set", "membership_requests_action"): invites.decide,
        }
        self._of_stranger: Mapping[tuple[str, str], _OfGroup] = {
            ("get", "query"): self._query_invited,
            ("set", "accept"): invites.accept,
            ("set", "cancel_membership_requests"): invites.cancel,
        }

    async def answer(self, asker: Asker, iq: Node) -> Node:
        """Answer one IQ.

        Raises:
            StanzaError: a child or attribute is missing.
            Refusal: 404 there is no such group, 403 the asker is no member, 401 it is no admin,
                400 nobody asks so; and what single questions are refused for.
        """
        children = iq.children()
        if not children:
            raise Refusal(400)
        question = (iq.get("type", ""), children[0].tag)
        to = iq.get_jid("to")
        if to is None or not to.user:
            service = self._service.get(question)
            if service is None:
                raise Refusal(400)
            return await service(asker, iq, children[0])
        group = self._book.find(to)
        if group is None:
            raise Refusal(404)
        if asker.account.number not in group.members or question not in self._of_group:
            stranger = self._of_stranger.get(question)
            if stranger is not None:
                return await stranger(asker, group, iq, children[0])
            raise Refusal(400 if question not in self._of_group else 403)
        return await self._of_group[question](asker, group, iq, children[0])

    def found(self, account: Account, subject: str) -> Group:
        """Make a group that nobody has asked for; its only member is the account."""
        mode = self._deliveries.policy.addressing_mode
        group = self._book.create(account.number, subject, int(self._deliveries.now()), mode)
        self._news.welcome(group, account, [account.number], type="new")
        return group

    # --- new groups ------------------------------------------------------------------------------

    async def _create(self, asker: Asker, iq: Node, child: Node) -> Node:
        account = asker.account
        subject, key = read_subject(child.attr("subject")), child.get("key", "")
        if len(key) > _MAX_KEY:
            raise Refusal(400)
        known = self._book.created(account.number, key)
        if known is not None:
            return result(iq, Node("group", {"jid": known.jid}))
        people = named_people(child.children("participant"))
        if len(people) >= self._deliveries.policy.max_members:
            raise Refusal(419)
        if len(self._book.of(account.number)) >= _MAX_GROUPS:
            raise Refusal(429)
        properties = self._read_properties(account, child)
        parent = self.communities.check_new(account, child)
        t = int(self._deliveries.now())
        group = self._book.create(account.number, subject, t, self._mode(child), key)
        properties(group)
        own = (account.jid, account.lid)
        others = [jid for jid in people if jid not in own]
        answers = self._membership.admit(group, account, others)
        if child.find("parent") is not None:
            self.communities.found(group, account, child)
        if parent is not None:
            hidden = child.find("hidden_group") is not None
            self.communities.put_in(group, parent, account, hidden=hidden)
        self._news.created(group, (account, asker.device.id))
        failed = [node for node in answers if "error" in node.attrs]
        metadata = self._nodes.metadata(group, extra=failed)
        return result(iq, Node("group", {**metadata.attrs, "key": key}, metadata.content))

    def _mode(self, child: Node) -> AddressingMode:
        wished = child.find("addressing_mode_override")
        mode = wished.attr("mode") if wished is not None else None
        if mode is None:
            is_lid = child.find("created_as_lid") is not None
            return "lid" if is_lid else self._deliveries.policy.addressing_mode
        if mode not in ("lid", "pn"):
            raise Refusal(400)
        return "lid" if mode == "lid" else "pn"

    def _read_properties(self, account: Account, child: Node) -> Callable[[Group], None]:
        """What `<create>` says beside the members; nothing is made if a part of it is wrong."""
        flags = {node.tag for node in child.children() if node.tag in FLAGS}
        modes = {node.tag: read_mode(node) for node in child.children() if node.tag in MODES}
        timer, approval = child.find("ephemeral"), child.find("membership_approval_mode")
        seconds = read_timer(timer) if timer is not None else 0
        approved = approval is not None and read_approval(approval)
        described = child.find("description")
        t = int(self._deliveries.now())
        text = read_description(described, account.number, t) if described is not None else None

        def apply(group: Group) -> None:
            group.flags, group.timer, group.approval = flags, seconds, approved
            group.modes.update(modes)
            group.description = text

        return apply

    # --- metadata --------------------------------------------------------------------------------

    async def _query(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        return result(iq, self._nodes.metadata(group))

    async def _query_invited(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        invitation = child.find("add_request")
        if invitation is None or not self._invites.invited(group, asker.account, invitation):
            raise Refusal(403)
        return result(iq, self._nodes.metadata(group, group.admins()))

    async def _query_many(self, asker: Asker, iq: Node, child: Node) -> Node:
        asked = child.children("group")
        if not 0 < len(asked) <= _MAX_ASKED:
            raise Refusal(400)
        answers = []
        for node in asked:
            jid = _group_jid(node, "jid")
            group = self._book.find(jid)
            if group is None or asker.account.number not in group.members:
                attrs: dict[str, AttrValue] = {"id": jid.user}
                attrs["error"] = "404" if group is None else "403"
                answers.append(Node("group", attrs))
            else:
                answers.append(self._nodes.metadata(group))
        return result(iq, Node("groups", {}, answers))

    async def _participating(self, asker: Asker, iq: Node, child: Node) -> Node:
        groups = [
            self._nodes.metadata(
                group,
                None if child.find("participants") is not None else [],
                with_description=child.find("description") is not None,
            )
            for group in self._book.of(asker.account.number)
        ]
        # Communities are asked for in the same words; clients look for either list.
        return result(iq, Node("groups", {}, groups), Node("communities", {}, []))

    async def _remove(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        if child.get("linked_groups") == "true" and group.place == "parent":
            return await self.communities.remove(asker, group, iq, child)
        return await self._membership.remove(asker, group, iq, child)

    async def _acknowledge(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        return result(iq)

    # --- leaving ---------------------------------------------------------------------------------

    async def _leave(self, asker: Asker, iq: Node, child: Node) -> Node:
        answers = []
        for node in child.children("community"):
            jid = _group_jid(node, "id")
            parent = self._book.find(jid)
            named: dict[str, AttrValue] = {"id": jid}
            if parent is None or asker.account.number not in parent.members:
                named["error"] = "404" if parent is None else "403"
            else:
                self.communities.leave(asker.account, parent)
            answers.append(Node("community", named))
        for node in child.children("group"):
            jid = _group_jid(node, "id")
            group = self._book.find(jid)
            attrs: dict[str, AttrValue] = {"id": jid}
            if group is None:
                attrs["error"] = "404"
            elif asker.account.number not in group.members:
                attrs["error"] = "403"
            else:
                self._membership.leave(asker.account, group)
            answers.append(Node("group", attrs))
        if not answers:
            raise Refusal(400)
        return result(iq, Node("leave", {}, answers))


def _group_jid(node: Node, name: str) -> Jid:
    """A group named by its JID, or by the part before the `@g.us`."""
    jid = node.get_jid(name)
    if jid is None:
        jid = Jid(node.attr(name), "g.us")
    if not jid.is_group:
        raise InvalidInput("no group")
    return jid
