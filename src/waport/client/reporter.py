"""Events that stand for themselves: recorded in a transaction of their own, told after it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from ..errors import StoreError
from ..model import DomainEvent
from ..store import Database
from ..wire import Jid
from .work import EventSink

log = logging.getLogger(__name__)


class Reporter:
    """Records events in the order of the calls, without making the caller wait."""

    def __init__(self, database: Database, session_id: str, sink: EventSink) -> None:
        self._database = database
        self._session_id = session_id
        self._sink = sink
        self.own: Jid | None = None

    def report(self, event: DomainEvent) -> None:
        """Append an event to the log and publish it once that is committed."""
        own = self.own
        try:
            future = self._database.submit(
                self._session_id, lambda store: self._sink.record(store, event, own)
            )
        except StoreError as exc:
            log.error("an event could not be recorded: %s", exc)
            return
        future.add_done_callback(self._publish)

    def _publish(self, future: asyncio.Future[Sequence[Any]]) -> None:
        if future.cancelled():
            return
        error = future.exception()
        if isinstance(error, StoreError):
            log.error("an event could not be recorded: %s", error)
        elif error is not None:
            log.error("an event could not be recorded", exc_info=error)
        else:
            self._sink.publish(self._session_id, future.result())
