"""The GraphQL queries about groups.

Source: docs/protocol/queries.md, "Groups" and "Communities".
"""

from __future__ import annotations

from collections.abc import Mapping

from ..wire import Node
from .accounts import Directory
from .delivery import Deliveries
from .groups import MODES, Group
from .groups_communities import Communities
from .groups_nodes import GroupNews
from .mex import Operation, Variables
from .replies import Asker, Refusal

_UPDATED = ("member_link_mode", "member_share_group_history_mode")


class GroupMex:
    """Carries out the queries about groups."""

    def __init__(
        self,
        directory: Directory,
        deliveries: Deliveries,
        news: GroupNews,
        communities: Communities,
    ) -> None:
        self._book = directory.groups
        self._deliveries = deliveries
        self._news = news
        self._communities = communities

    def operations(self) -> Mapping[str, Operation]:
        """By the names of `mex_table`."""
        return {
            "UpdateGroupProperty": self._update,
            "FetchAllSubgroups": self._all_sub_groups,
            "FetchGroupInviteCode": self._code,
        }

    def _named(self, asker: Asker, variables: Variables, name: str) -> Group:
        group = self._book.find(variables.jid(name))
        if group is None:
            raise Refusal(404)
        if asker.account.number not in group.members:
            raise Refusal(403)
        return group

    async def _update(self, asker: Asker, variables: Variables) -> object:
        group = self._named(asker, variables, "group_id")
        if not group.is_admin(asker.account.number):
            raise Refusal(401)
        update = variables.part("update")
        for name in _UPDATED:
            value = (update.optional_text(name) or "").lower()
            if not value or group.modes[name] == value:
                continue
            group.modes[name] = self._mode(name, value)
            child = Node(name, {**group.next_info()}, value.encode())
            self._news.tell(group, asker.account, child)
        self._deliveries.changed()
        return {"id": str(group.jid), "state": "ACTIVE"}

    @staticmethod
    def _mode(name: str, value: str) -> str:
        if value not in MODES[name]:
            raise Refusal(400)
        return value

    async def _all_sub_groups(self, asker: Asker, variables: Variables) -> object:
        parent = self._named(asker, variables, "group_id")
        groups = self._communities.visible(parent, asker.account.number)
        shown = {group.place: _as_json(group) for group in groups if group.place == "default"}
        edges = [{"node": _as_json(group)} for group in groups if group.place != "default"]
        return {
            "id": str(parent.jid),
            "default_sub_group": shown.get("default"),
            "sub_groups": {"edges": edges},
        }

    async def _code(self, asker: Asker, variables: Variables) -> object:
        group = self._named(asker, variables, "id")
        if group.modes["member_link_mode"] == "admin_link" and not group.is_admin(
            asker.account.number
        ):
            raise Refusal(401)
        return {"id": str(group.jid), "invite_code": group.code}


def _as_json(group: Group) -> dict[str, object]:
    return {
        "id": str(group.jid),
        "subject": {"value": group.subject, "creation_time": str(group.subject_t)},
        "creation_time": str(group.created),
        "total_participants_count": len(group.members),
        "properties": {
            "general_chat": group.place == "general",
            "hidden_group": group.is_hidden,
            "membership_approval_mode_enabled": group.approval,
        },
    }
