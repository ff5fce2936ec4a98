"""Rules of groups beyond the usual settings: links, history, forwarding, reports to admins."""

from __future__ import annotations

import logging

from ...errors import MexError, QueryError, query_error
from ...model.group import GroupChange, GroupChangeKind, MessageReport
from ...stanza.group_settings import (
    FetchReports,
    GroupSwitch,
    ReportMessage,
    SetMode,
    SetSwitch,
    history_element,
    member_link_element,
    switch_tag,
)
from ...store import Database
from ...wire import Jid, Node
from ..clock import SYSTEM_CLOCK, Clock
from ..group_arguments import check_group
from ..mex import Mex
from ..own_group_changes import apply_own_changes
from ..queries import Queries

log = logging.getLogger(__name__)

_ACTIVE = "ACTIVE"

_UNKNOWN_QUERY = frozenset((0, 400, 501))
"""Refusals which say that the server does not know the query by its id."""


class GroupRules:
    """Rules of the account's groups; for admins.

    Every method raises as those of `Groups`, and MexError for an unusable answer.
    """

    def __init__(
        self,
        database: Database,
        session_id: str,
        queries: Queries,
        mex: Mex,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._mex = mex
        self._clock = clock

    async def set_link_mode(self, group: Jid, only_admins: bool) -> None:
        """Show the invite link to admins alone, or to everybody."""
        text = "admin_link" if only_admins else "all_member_link"
        change = GroupChange(GroupChangeKind.MEMBER_LINK_MODE, text=text, enabled=only_admins)
        await self._set_mode(group, member_link_element(only_admins), change)

    async def set_history_mode(self, group: Jid, only_admins: bool) -> None:
        """Let only admins give new members what was written before, or everybody."""
        text = "admin_share" if only_admins else "all_member_share"
        change = GroupChange(GroupChangeKind.HISTORY_MODE, text=text, enabled=only_admins)
        await self._set_mode(group, history_element(only_admins), change)

    async def set_switch(self, group: Jid, switch: GroupSwitch, is_on: bool) -> None:
        """Turn a switch on or off: the limit on forwarding, reports to admins, groups that members
        put into a community, history for new members.
        """
        check_group(group)
        before = await self._database.read(self._session_id, lambda store: store.groups.get(group))
        await self._queries.run(SetSwitch(group, switch, is_on))
        tag = switch_tag(switch, is_on)
        change = GroupChange(GroupChangeKind.OTHER, text=tag, enabled=is_on)
        now = int(self._clock.unix())
        await self._database.write(
            self._session_id, lambda store: apply_own_changes(store, group, before, [change], now)
        )

    async def report(self, group: Jid, message_id: str) -> None:
        """Report a message to the admins of its group."""
        check_group(group)
        await self._queries.run(ReportMessage(group, message_id), again=True)

    async def reports(self, group: Jid) -> tuple[MessageReport, ...]:
        """The messages that members reported."""
        check_group(group)
        return await self._queries.run(FetchReports(group), again=True)

    async def _set_mode(self, group: Jid, element: Node, change: GroupChange) -> None:
        """The web client sets these by GraphQL; where the server does not know that, by an IQ."""
        check_group(group)
        before = await self._database.read(self._session_id, lambda store: store.groups.get(group))
        variables = {"group_id": str(group), "update": {element.tag: change.text.upper()}}
        try:
            found = await self._mex.ask("UpdateGroupProperty", variables, again=True)
        except (QueryError, MexError) as exc:
            if isinstance(exc, QueryError) and exc.code not in _UNKNOWN_QUERY:
                raise
            log.info("a group's mode is set by an IQ: %s", type(exc).__name__)
            await self._queries.run(SetMode(group, element), again=True)
        else:
            state = found.text("state")
            if state not in ("", _ACTIVE):
                raise query_error(405, f"the group is {state[:64]}")
        now = int(self._clock.unix())
        await self._database.write(
            self._session_id, lambda store: apply_own_changes(store, group, before, [change], now)
        )
