"""What clients get to see of groups: addresses of people, metadata, and news of changes.

Source: docs/protocol/queries.md, "Groups" and "Group notifications".
"""

from __future__ import annotations

from collections.abc import Iterable

from ..wire import AttrValue, Jid, Node
from .accounts import Account, Directory
from .delivery import Deliveries
from .groups import Group
from .notifications import Notifier


class GroupNodes:
    """Names people and describes groups, each in the addressing mode of the group."""

    def __init__(self, directory: Directory, deliveries: Deliveries) -> None:
        self._directory = directory
        self._policy = deliveries.policy

    def account(self, number: str) -> Account:
        """The account of a member, or of a former one; accounts never go."""
        (account,) = self._directory.select((number,))
        return account

    def address(self, group: Group, number: str) -> Jid:
        """A member's bare address in this group."""
        return self.account(number).address(lid=group.is_lid)

    def shows_number(self, number: str) -> bool:
        """Whether others in a LID group get to see this phone number."""
        return number not in self._policy.hidden_numbers

    def named(self, group: Group, number: str, name: str) -> dict[str, AttrValue]:
        """A person as an attribute, with the phone number beside a LID."""
        account = self.account(number)
        attrs: dict[str, AttrValue] = {name: account.address(lid=group.is_lid)}
        if group.is_lid and self.shows_number(number):
            attrs[f"{name}_pn"] = account.jid
        return attrs

    def listed(self, group: Group, number: str, tag: str = "participant", **attrs: str) -> Node:
        """A person as an element: `jid`, and the other address where it is shown."""
        account = self.account(number)
        shown: dict[str, AttrValue] = {"jid": account.address(lid=group.is_lid)}
        if not group.is_lid:
            shown["lid"] = account.lid
        elif self.shows_number(number):
            shown["phone_number"] = account.jid
        return Node(tag, {**shown, **attrs})

    def members(self, group: Group, numbers: Iterable[str]) -> list[Node]:
        """Members with their roles."""
        nodes = []
        for number in numbers:
            member = group.members[number]
            role = {"type": member.role} if member.role else {}
            nodes.append(self.listed(group, number, join_time=str(member.joined), **role))
        return nodes

    def metadata(
        self,
        group: Group,
        numbers: Iterable[str] | None = None,
        *,
        with_description: bool = True,
        extra: Iterable[Node] = (),
    ) -> Node:
        """`<group>` with everything about a group.

        Args:
            group: which one.
            numbers: the members to list; None for all of them.
            with_description: whether the description is of interest.
            extra: further elements, at the end.
        """
        attrs: dict[str, AttrValue] = {
            "id": group.user,
            "creation": str(group.created),
            **self.named(group, group.creator, "creator"),
            "subject": group.subject,
            "s_t": str(group.subject_t),
            **self.named(group, group.subject_by, "s_o"),
            "size": str(len(group.members)),
            "addressing_mode": group.mode,
            "p_v_id": str(group.members_version),
            "a_v_id": str(group.info_version),
        }
        children = []
        if with_description and group.description is not None:
            children.append(self.description(group))
        children += [Node(flag) for flag in sorted(group.flags)]
        if group.timer:
            children.append(Node("ephemeral", {"expiration": str(group.timer)}))
        if group.approval:
            children.append(approval_node("on"))
        children += [Node(name, {}, value.encode()) for name, value in group.modes.items()]
        children += community_nodes(group)
        children += self.members(group, group.members if numbers is None else numbers)
        return Node("group", attrs, [*children, *extra])

    def description(self, group: Group) -> Node:
        """`<description>` as the metadata has it; there must be one."""
        description = group.description
        assert description is not None
        return Node(
            "description",
            {
                "id": description.id,
                **self.named(group, description.author, "participant"),
                "t": str(description.t),
            },
            [Node("body", {}, description.text.encode())],
        )


class GroupNews:
    """Tells members what has changed."""

    def __init__(
        self, directory: Directory, deliveries: Deliveries, notifier: Notifier, nodes: GroupNodes
    ) -> None:
        self._directory = directory
        self._deliveries = deliveries
        self._notifier = notifier
        self._nodes = nodes

    def tell(self, group: Group, actor: Account, child: Node, *, also: Iterable[str] = ()) -> None:
        """A `w:gp2` to all devices of all members, those of the actor included.

        Args:
            group: where something has changed.
            actor: who changed it.
            child: what has changed.
            also: numbers of others who have to hear of it.
        """
        self.tell_only(group, actor, child, to=(*group.members, *also))

    def tell_only(self, group: Group, actor: Account, child: Node, *, to: Iterable[str]) -> None:
        """A `w:gp2` to all devices of some people, named by number."""
        node = self._notification(group, actor, child)
        for account in self._directory.select(to):
            self._deliveries.post_all(account, node)
        self._deliveries.changed()

    def welcome(
        self, group: Group, actor: Account, numbers: Iterable[str], **attrs: AttrValue
    ) -> None:
        """Give the full metadata to people who are new in a group."""
        create = Node("create", attrs, [self._nodes.metadata(group)])
        self.tell_only(group, actor, create, to=numbers)

    def created(self, group: Group, asking: tuple[Account, int]) -> None:
        """A new group: the metadata for all devices of all members but the one that made it."""
        account, device_id = asking
        attrs: dict[str, AttrValue] = {"type": "new", "key": group.key}
        create = Node("create", attrs, [self._nodes.metadata(group)])
        node = self._notification(group, account, create)
        for member in self._directory.select(group.members):
            skip = member.devices.get(device_id) if member is account else None
            self._deliveries.post_all(member, node, skip=skip)
        self._deliveries.changed()

    def picture(self, group: Group, actor: Account, child: Node) -> None:
        """A `picture` notification to all devices of all members."""
        attrs = self._nodes.named(group, actor.number, "participant")
        node = self._notifier.notification("picture", group.jid, child, **attrs)
        for account in self._directory.select(group.members):
            self._deliveries.post_all(account, node)
        self._deliveries.changed()

    def _notification(self, group: Group, actor: Account, child: Node) -> Node:
        return self._notifier.notification(
            "w:gp2",
            group.jid,
            child,
            **self._nodes.named(group, actor.number, "participant"),
            notify=actor.name,
            addressing_mode=group.mode,
        )


def approval_node(state: str) -> Node:
    """`<membership_approval_mode>`: "on" or "off"."""
    return Node("membership_approval_mode", {}, [Node("group_join", {"state": state})])


def community_nodes(group: Group) -> list[Node]:
    """What a group is to a community."""
    nodes = []
    if group.place == "parent":
        mode: dict[str, AttrValue] = {}
        if group.approval:
            mode["default_membership_approval_mode"] = "request_required"
        nodes.append(Node("parent", mode))
    if group.parent_jid is not None:
        nodes.append(Node("linked_parent", {"jid": group.parent_jid}))
    if group.place == "default":
        nodes.append(Node("default_sub_group"))
    if group.place == "general":
        nodes.append(Node("general_chat"))
    if group.is_hidden:
        nodes.append(Node("hidden_group"))
    return nodes
