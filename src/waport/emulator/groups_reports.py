"""Messages that members of a group report to its admins.

Source: docs/protocol/queries.md, "Small queries".
"""

from __future__ import annotations

from ..wire import Node
from .accounts import Directory
from .delivery import Deliveries
from .groups import Group
from .groups_nodes import GroupNodes
from .replies import Asker, Refusal, result

_MAX_ID = 128
_MAX_REPORTS = 1_000  # of one group


class GroupReports:
    """Keeps the reports of each group, and shows them to its admins."""

    def __init__(self, directory: Directory, deliveries: Deliveries, nodes: GroupNodes) -> None:
        self._directory = directory
        self._deliveries = deliveries
        self._nodes = nodes
        # Group -> message id -> number of the reporter -> when, unix seconds.
        self._kept: dict[str, dict[str, dict[str, int]]] = {}

    async def report(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        """Set `<reports><report message_id/></reports>`: report messages."""
        if "allow_admin_reports" not in group.flags:
            raise Refusal(405)
        kept = self._kept.setdefault(group.user, {})
        for node in child.children("report"):
            message_id = node.attr("message_id")
            if len(message_id) > _MAX_ID or len(kept) >= _MAX_REPORTS:
                raise Refusal(400)
            reporters = kept.setdefault(message_id, {})
            reporters[asker.account.number] = int(self._deliveries.now())
        return result(iq)

    async def all(self, asker: Asker, group: Group, iq: Node, child: Node) -> Node:
        """Get `<reports/>`: what was reported; for admins."""
        if not group.is_admin(asker.account.number):
            raise Refusal(401)
        nodes = [
            Node(
                "report",
                {"message_id": message_id},
                [
                    self._nodes.listed(group, number, "reporter", timestamp=str(t))
                    for number, t in reporters.items()
                ],
            )
            for message_id, reporters in self._kept.get(group.user, {}).items()
        ]
        return result(iq, Node("reports", {}, nodes))
