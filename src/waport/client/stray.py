"""Information about the stream that means nothing here: kept as unread notifications are."""

from __future__ import annotations

from ..store import Database
from ..wire import Node
from .background import Background
from .clock import SYSTEM_CLOCK, Clock
from .handlers.notices import Unread
from .work import EventSink
from .work_job import in_work


class StrayNodes:
    """Takes the children of `<ib>` that nobody can read."""

    def __init__(
        self,
        database: Database,
        session_id: str,
        sink: EventSink,
        background: Background,
        unread: Unread,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._sink = sink
        self._background = background
        self._unread = unread
        self._clock = clock

    def keep(self, node: Node, kind: str) -> None:
        """Keep a stanza after it was handled; before the account is linked it is only logged."""
        self._unread.log_once(kind)
        self._background.spawn(self._keep(node, kind), "unread stanza")

    async def _keep(self, node: Node, kind: str) -> None:
        await in_work(
            self._database,
            self._session_id,
            self._sink,
            int(self._clock.unix()),
            lambda work: self._unread.keep(work, node, kind),
        )
