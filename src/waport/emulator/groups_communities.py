"""Communities: making and ending them, their groups, and who is in which.

Whoever is in a group of a community is in the community and in its announcement group, too.

Source: docs/protocol/queries.md, "Communities".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..wire import AttrValue, Jid, Node
from .accounts import Account, Directory
from .delivery import Deliveries
from .groups import ADMIN, SUPERADMIN, Group, JoinRequest, Member
from .groups_members import FULL, NOT_ALLOWED, UNKNOWN, Membership, named_people
from .groups_nodes import GroupNews, GroupNodes, community_nodes
from .replies import Asker, Refusal, result

_DEFAULT, _GENERAL, _LINKED, _PARENT = "default", "general", "linked", "parent"
_GENERAL_NAME = "General"
_MAX_LINKED = 100
_OWN_PLACES = (_DEFAULT, _GENERAL)


class Communities:
    """Answers the IQs about communities."""

    def __init__(
        self,
        directory: Directory,
        deliveries: Deliveries,
        nodes: GroupNodes,
        news: GroupNews,
        membership: Membership,
    ) -> None:
        self._directory = directory
        self._book = directory.groups
        self._deliveries = deliveries
        self._nodes = nodes
        self._news = news
        self._membership = membership

    # --- making ----------------------------------------------------------------------------------

    def check_new(self, account: Account, child: Node) -> Group | None:
        """The community that a new group is to belong to.

        Raises:
            Refusal: 404 there is none, 403 the account is no member, 401 it may not put groups in.
        """
        linked = child.find("linked_parent")
        if linked is None:
            return None
        parent = self._book.find(linked.jid("jid"))
        if parent is None or parent.place != _PARENT:
            raise Refusal(404)
        if account.number not in parent.members:
            raise Refusal(403)
        allowed = "allow_non_admin_sub_group_creation" in parent.flags
        if not parent.is_admin(account.number) and not allowed:
            raise Refusal(401)
        return parent

    def found(self, group: Group, account: Account, child: Node) -> None:
        """Make a group that was just made a community, with the groups that belong to it."""
        group.place = _PARENT
        about = child.child("parent")
        group.approval = about.get("default_membership_approval_mode") == "request_required"
        own = self._inside(group, account, group.subject, _DEFAULT)
        own.flags.add("announcement")
        self._news.welcome(own, account, own.members, type="new")
        if child.find("create_general_chat") is not None:
            general = self._inside(group, account, _GENERAL_NAME, _GENERAL)
            self._news.welcome(general, account, general.members, type="new")

    def _inside(self, parent: Group, account: Account, subject: str, place: str) -> Group:
        t = int(self._deliveries.now())
        group = self._book.create(account.number, subject, t, parent.mode)
        group.place, group.parent = place, parent.user
        return group

    def put_in(self, group: Group, parent: Group, actor: Account, *, hidden: bool) -> None:
        """A group belongs to a community from now on; its members come along."""
        group.place, group.parent, group.is_hidden = _LINKED, parent.user, hidden
        self.bring(parent, actor, group.members)
        self._tell_link(parent, group, actor, "link")

    def bring(self, parent: Group, actor: Account, numbers: Iterable[str]) -> None:
        """Make people members of a community and of what all its members are in."""
        everybody = list(numbers)
        for group in (parent, *self._of_all(parent)):
            new = [number for number in everybody if number not in group.members]
            for number in new:
                self._membership.enter(group, number)
            self._membership.announce(group, actor, new, "linked_group_join")

    def joined(self, group: Group, actor: Account, numbers: Sequence[str]) -> None:
        """People are new in a group: its community, if it has one, has them too."""
        parent = group if group.place == _PARENT else self._book.find(group.parent_jid)
        if parent is not None:
            self.bring(parent, actor, numbers)

    def _of_all(self, parent: Group) -> list[Group]:
        return [group for group in self._book.inside(parent) if group.place in _OWN_PLACES]

    def _tell_link(self, parent: Group, group: Group, actor: Account, verb: str) -> None:
        """Both sides hear of a link or its end."""
        for where, kind, other in (
            (parent, "sub_group", group),
            (group, "parent_group", parent),
        ):
            attrs: dict[str, AttrValue] = {f"{verb}_type": kind}
            if verb == "unlink":
                attrs["unlink_reason"] = "unlink_group"
            shown = Node("group", {"jid": other.jid, "subject": other.subject})
            child = Node(verb, {**attrs, **where.next_info()}, [shown])
            self._news.tell(where, actor, child)

    # --- linking ---------------------------------------------------------------------------------

    async def link(self, asker: Asker, parent: Group, iq: Node, child: Node) -> Node:
        """`<links>`: put groups into a community."""
        self._need_admin(asker, parent)
        answers = []
        for link in child.children("link"):
            if link.get("link_type") != "sub_group":
                raise Refusal(400)
            told = [self._link(asker.account, parent, node) for node in link.children("group")]
            answers.append(Node("link", {"link_type": "sub_group"}, told))
        self._deliveries.changed()
        return result(iq, Node("links", {}, answers))

    def _link(self, account: Account, parent: Group, node: Node) -> Node:
        jid = node.jid("jid")
        group = self._book.find(jid)
        attrs: dict[str, AttrValue] = {"jid": jid}
        error = self._obstacle(account, parent, group)
        if error is not None or group is None:
            return Node("group", {**attrs, "error": str(error)})
        self.put_in(group, parent, account, hidden=node.find("hidden_group") is not None)
        return Node("group", attrs)

    def _obstacle(self, account: Account, parent: Group, group: Group | None) -> int | None:
        if group is None:
            return UNKNOWN
        if account.number not in group.members:
            return NOT_ALLOWED
        if not group.is_admin(account.number):
            return 401
        if group.place == _PARENT:
            return 406
        if group.parent:
            return 409
        return FULL if len(self._book.inside(parent)) >= _MAX_LINKED else None

    async def unlink(self, asker: Asker, parent: Group, iq: Node, child: Node) -> Node:
        """`<unlink>`: take groups out of a community."""
        self._need_admin(asker, parent)
        answers = []
        for node in child.children("group"):
            jid = node.jid("jid")
            group = self._book.find(jid)
            attrs: dict[str, AttrValue] = {"jid": jid}
            if group is None or group.parent != parent.user:
                attrs["error"] = str(UNKNOWN)
            elif group.place in _OWN_PLACES:
                attrs["error"] = "406"
            else:
                self._take_out(group, parent, asker.account)
                if node.get("remove_orphaned_members") == "true":
                    self._remove_orphans(parent, group, asker.account)
            answers.append(Node("group", attrs))
        self._deliveries.changed()
        return result(iq, Node("unlink", {"unlink_type": "sub_group"}, answers))

    def _take_out(self, group: Group, parent: Group, actor: Account) -> None:
        group.place, group.parent, group.is_hidden = "", "", False
        self._tell_link(parent, group, actor, "unlink")

    def _remove_orphans(self, parent: Group, group: Group, actor: Account) -> None:
        others = [g for g in self._book.inside(parent) if g.place == _LINKED]
        for number in list(group.members):
            is_elsewhere = any(number in other.members for other in others)
            if not is_elsewhere and not parent.is_admin(number):
                self._membership.put_out((*self._of_all(parent), parent), number, actor)

    async def dissolve(self, asker: Asker, parent: Group, iq: Node, child: Node) -> Node:
        """`<delete_parent/>`: end a community."""
        if parent.members[asker.account.number].role != SUPERADMIN:
            raise Refusal(401)
        gone: dict[str, AttrValue] = {"reason": "delete_parent"}
        for group in self._book.inside(parent):
            if group.place in _OWN_PLACES:
                self._news.tell(group, asker.account, Node("delete", gone))
                self._book.forget(group)
                continue
            group.place, group.parent, group.is_hidden = "", "", False
            shown = Node("group", {"jid": parent.jid, "subject": parent.subject})
            attrs: dict[str, AttrValue] = {"unlink_type": "parent_group"}
            attrs["unlink_reason"] = "delete_parent"
            unlink = Node("unlink", {**attrs, **group.next_info()}, [shown])
            self._news.tell(group, asker.account, unlink)
        self._news.tell(parent, asker.account, Node("delete", gone))
        self._book.forget(parent)
        self._deliveries.changed()
        return result(iq)

    # --- looking ---------------------------------------------------------------------------------

    def visible(self, parent: Group, number: str) -> list[Group]:
        """The groups of a community that somebody gets to see."""
        return [
            group
            for group in self._book.inside(parent)
            if not group.is_hidden or number in group.members
        ]

    async def sub_groups(self, asker: Asker, parent: Group, iq: Node, child: Node) -> Node:
        """Get `<sub_groups/>`: the groups of a community."""
        groups = self.visible(parent, asker.account.number)
        nodes = [self._listed(group) for group in groups]
        return result(iq, Node("sub_groups", {}, nodes))

    def _listed(self, group: Group) -> Node:
        attrs: dict[str, AttrValue] = {
            "id": group.user,
            "subject": group.subject,
            "s_t": str(group.subject_t),
            "creation": str(group.created),
            **self._nodes.named(group, group.creator, "creator"),
            "size": str(len(group.members)),
        }
        children = [node for node in community_nodes(group) if node.tag != "linked_parent"]
        return Node("group", attrs, children)

    async def query(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        """Get `<query_linked type jid/>`: a linked group that the asker need not be in."""
        other = self._book.find(child.jid("jid"))
        linked = (other.parent == group.user) if other is not None else False
        if child.get("type") == "parent_group":
            linked = other is not None and group.parent == other.user
        if other is None or not linked:
            raise Refusal(404)
        if other.is_hidden and asker.account.number not in other.members:
            raise Refusal(403)
        metadata = self._nodes.metadata(other, other.admins())
        return result(iq, Node("linked_group", {"jid": other.jid}, [metadata]))

    async def participants(self, asker: Asker, parent: Group, iq: Node, child: Node) -> Node:
        """Get `<linked_groups_participants/>`: everybody in the community."""
        numbers = dict.fromkeys(parent.members)
        for group in self._book.inside(parent):
            numbers |= dict.fromkeys(group.members)
        listed = [self._nodes.listed(parent, number) for number in numbers]
        return result(iq, Node(child.tag, {}, listed))

    # --- people ----------------------------------------------------------------------------------

    async def join(self, asker: Asker, parent: Group, iq: Node, child: Node) -> Node:
        """`<join_linked_group jid/>`: join a group of the community."""
        group, number = self._book.find(child.jid("jid")), asker.account.number
        if group is None or group.parent != parent.user:
            raise Refusal(404)
        if number in group.members:
            raise Refusal(304)
        if group.is_hidden:
            raise Refusal(403)
        if self._membership.is_full(group):
            raise Refusal(FULL)
        if group.approval:
            request = JoinRequest("linked_group_join", int(self._deliveries.now()))
            self._membership.request(group, asker.account, number, request)
            return result(iq, Node("membership_approval_request", {"jid": group.jid}))
        self._membership.enter(group, number)
        self._membership.announce(group, asker.account, [number], "linked_group_join")
        self._deliveries.changed()
        return result(iq)

    async def admins(self, asker: Asker, parent: Group, iq: Node, child: Node) -> Node:
        """`<admin>` with `<promote>` or `<demote>`: the admins of a community."""
        self._need_admin(asker, parent)
        answers = []
        for verb in child.children():
            role = {"promote": ADMIN, "demote": ""}.get(verb.tag)
            if role is None:
                raise Refusal(400)
            told, done = [], []
            for jid in named_people(verb.children("participant")):
                member = self._member(parent, jid)
                if member is None or member.role == SUPERADMIN:
                    error = str(UNKNOWN if member is None else 406)
                    told.append(Node("participant", {"jid": jid, "error": error}))
                    continue
                self._set_role(parent, member.number, role)
                done.append(member.number)
                told.append(self._nodes.listed(parent, member.number))
            self._tell_roles(parent, asker.account, verb.tag, done)
            answers.append(Node(verb.tag, {}, told))
        self._deliveries.changed()
        return result(iq, Node("admin", {}, answers))

    def _member(self, parent: Group, jid: Jid) -> Member | None:
        account = self._directory.by_jid(jid)
        return parent.members.get(account.number) if account is not None else None

    def _set_role(self, parent: Group, number: str, role: str) -> None:
        for group in (parent, *self._of_all(parent)):
            if number in group.members:
                group.members[number].role = role

    def _tell_roles(self, parent: Group, actor: Account, verb: str, done: Sequence[str]) -> None:
        if done:
            listed = [self._nodes.listed(parent, number) for number in done]
            child = Node(f"linked_group_{verb}", {**parent.next_members()}, listed)
            self._news.tell(parent, actor, child)

    def leave(self, account: Account, parent: Group) -> None:
        """Somebody leaves a community with all its groups."""
        for group in (*self._book.inside(parent), parent):
            if account.number in group.members:
                self._membership.leave(account, group)

    async def remove(self, asker: Asker, parent: Group, iq: Node, child: Node) -> Node:
        """`<remove linked_groups="true">`: put people out of a community and all its groups."""
        self._need_admin(asker, parent)
        answers = []
        for jid in named_people(child.children("participant")):
            member = self._member(parent, jid)
            if member is None or member.role == SUPERADMIN:
                error = str(UNKNOWN if member is None else 406)
                answers.append(Node("participant", {"jid": jid, "error": error}))
                continue
            answers.append(self._nodes.listed(parent, member.number))
            everywhere = (*self._book.inside(parent), parent)
            self._membership.put_out(everywhere, member.number, asker.account)
        self._deliveries.changed()
        return result(iq, Node(child.tag, {}, answers))

    def _need_admin(self, asker: Asker, parent: Group) -> None:
        if parent.place != _PARENT:
            raise Refusal(400)
        if not parent.is_admin(asker.account.number):
            raise Refusal(401)
