"""What a group is called, what it says of itself, and who may do what in it.

Source: docs/protocol/queries.md, "Groups".
"""

from __future__ import annotations

from ..wire import AttrValue, Node
from .delivery import Deliveries
from .groups import FLAGS, MODES, Description, Group
from .groups_nodes import GroupNews, GroupNodes, approval_node
from .replies import Asker, Refusal, result

MAX_SUBJECT = 100
MAX_DESCRIPTION = 2048
_MAX_ID = 128

SWITCHES = {
    **{on: (on, True) for on in FLAGS},
    **{off: (on, False) for on, off in FLAGS.items()},
}
"""Which flag an element switches, and whether on or off."""


def read_subject(text: str) -> str:
    """Check a name; Refusal (406) when it is empty or too long."""
    if not 0 < len(text) <= MAX_SUBJECT:
        raise Refusal(406)
    return text


def read_description(child: Node, author: str, t: int) -> Description | None:
    """Read `<description>`; None when it takes the text away."""
    if child.get("delete") == "true" or child.find("delete") is not None:
        return None
    name, body = child.attr("id"), child.child("body").text
    if not 0 < len(name) <= _MAX_ID or len(body) > MAX_DESCRIPTION:
        raise Refusal(406)
    return Description(name, body, author, t) if body else None


def read_timer(child: Node) -> int:
    """Read `<ephemeral>` or `<not_ephemeral>`: seconds, 0 for off."""
    seconds = child.int_attr("expiration") if child.tag == "ephemeral" else 0
    if not 0 <= seconds < 2**32:
        raise Refusal(400)
    return seconds


def read_approval(child: Node) -> bool:
    """Read `<membership_approval_mode>`."""
    state = child.child("group_join").attr("state")
    if state not in ("on", "off"):
        raise Refusal(400)
    return state == "on"


def read_mode(child: Node) -> str:
    """Read one of MODES; Refusal (400) when the value does not belong to it."""
    value = child.text
    if value not in MODES[child.tag]:
        raise Refusal(400)
    return value


class GroupSettings:
    """Answers the IQs that change a group's properties; whatever changes is told to all members."""

    def __init__(self, deliveries: Deliveries, nodes: GroupNodes, news: GroupNews) -> None:
        self._deliveries = deliveries
        self._nodes = nodes
        self._news = news

    async def subject(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        """`<subject>`: the name."""
        self._need_editor(asker, group)
        subject = read_subject(child.text if child.content is not None else "")
        group.subject, group.subject_by = subject, asker.account.number
        group.subject_t = int(self._deliveries.now())
        attrs: dict[str, AttrValue] = {
            "subject": subject,
            "s_t": str(group.subject_t),
            **self._nodes.named(group, group.subject_by, "s_o"),
        }
        return self._changed(asker, group, iq, Node("subject", attrs))

    async def description(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        """`<description>`: 409 unless `prev` is the id of the text that it replaces."""
        self._need_editor(asker, group)
        known = group.description.id if group.description is not None else None
        if child.get("prev") != known:
            raise Refusal(409)
        t = int(self._deliveries.now())
        group.description = read_description(child, asker.account.number, t)
        if group.description is None:
            attrs: dict[str, AttrValue] = {"id": child.attrs["id"]} if "id" in child.attrs else {}
            return self._changed(asker, group, iq, Node("description", attrs, [Node("delete")]))
        return self._changed(asker, group, iq, self._nodes.description(group))

    async def switch(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        """One of the elements of FLAGS."""
        self._need_admin(asker, group)
        flag, wanted = SWITCHES[child.tag]
        if wanted == (flag in group.flags):
            return result(iq)
        (group.flags.add if wanted else group.flags.remove)(flag)
        return self._changed(asker, group, iq, Node(child.tag))

    async def mode(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        """One of the elements of MODES."""
        self._need_admin(asker, group)
        value = read_mode(child)
        if group.modes[child.tag] == value:
            return result(iq)
        group.modes[child.tag] = value
        return self._changed(asker, group, iq, Node(child.tag, {}, value.encode()))

    async def timer(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        """`<ephemeral>`, `<not_ephemeral>`: when new messages disappear."""
        self._need_editor(asker, group)
        seconds = read_timer(child)
        if group.timer == seconds:
            return result(iq)
        group.timer = seconds
        if not seconds:
            return self._changed(asker, group, iq, Node("not_ephemeral"))
        return self._changed(asker, group, iq, Node("ephemeral", {"expiration": str(group.timer)}))

    async def approval(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        """`<membership_approval_mode>`: whether an admin has to let people in."""
        self._need_admin(asker, group)
        wanted = read_approval(child)
        if wanted == group.approval:
            return result(iq)
        group.approval = wanted
        return self._changed(asker, group, iq, approval_node("on" if wanted else "off"))

    def _changed(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        news = Node(child.tag, {**child.attrs, **group.next_info()}, child.content)
        self._news.tell(group, asker.account, news)
        return result(iq)

    def _need_admin(self, asker: Asker, group: Group) -> None:
        if not group.is_admin(asker.account.number):
            raise Refusal(401)

    def _need_editor(self, asker: Asker, group: Group) -> None:
        if not group.may_edit(asker.account.number):
            raise Refusal(401)
