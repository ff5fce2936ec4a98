"""Leaving groups and communities, and telling that a new group is known.

Source: docs/protocol/queries.md, "Questions".
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import query_error
from ..wire import GROUP_SERVER, Jid, Node
from .groups import XMLNS
from .query import Query, iq_set


@dataclass(frozen=True, slots=True)
class LeaveGroup(Query[None]):
    """Leave a group for good."""

    group: Jid

    def request(self) -> Node:
        """`<leave><group id/></leave>`."""
        leave = Node("leave", {}, [Node("group", {"id": self.group})])
        return iq_set(XMLNS, leave, to=GROUP_SERVER)

    def parse(self, reply: Node) -> None:
        """Nothing, if it worked.

        Raises:
            QueryError: the server refused for this group.
        """
        _check_left(reply, "group")


@dataclass(frozen=True, slots=True)
class LeaveCommunity(Query[None]):
    """Leave a community with all its groups."""

    parent: Jid

    def request(self) -> Node:
        """`<leave><community id/></leave>`."""
        leave = Node("leave", {}, [Node("community", {"id": self.parent})])
        return iq_set(XMLNS, leave, to=GROUP_SERVER)

    def parse(self, reply: Node) -> None:
        """Nothing, if it worked.

        Raises:
            QueryError: the server refused for this community.
        """
        _check_left(reply, "community")


@dataclass(frozen=True, slots=True)
class AcknowledgeGroup(Query[None]):
    """Tell the server that we know of a new group."""

    group: Jid

    def request(self) -> Node:
        """`<ack/>`, to the group."""
        return iq_set(XMLNS, Node("ack"), to=self.group)

    def parse(self, reply: Node) -> None:
        """The result is empty."""


def _check_left(reply: Node, tag: str) -> None:
    leave = reply.find("leave")
    for node in [] if leave is None else leave.children(tag):
        if "error" in node.attrs and node.get("error") != "200":
            raise query_error(node.get_int("error", 0) or 0, "leave refused")
