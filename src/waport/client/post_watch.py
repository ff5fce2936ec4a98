"""Live counters of channels: the server tells them for a while, then wants to be asked again.

Source: docs/protocol/newsletters.md, "Live updates".
"""

from __future__ import annotations

import asyncio
import logging

from ..errors import ConnectionClosed, QueryError, QueryTimeout, RateLimited, WhatsAppError
from ..stanza.newsletter_posts import WatchPosts
from ..stanza.newsletters import check_channel
from ..wire import Jid
from .background import Background
from .clock import SYSTEM_CLOCK, Clock
from .queries import Queries

log = logging.getLogger(__name__)

MARGIN = 0.9
"""The share of the time after which the server is asked again."""

BACK_OFF_S = 60
"""After a refusal for too many questions the server is left alone for so long, at least."""

MAX_WATCHED = 64
"""Channels that can be watched at a time."""


class PostWatch:
    """The channels whose counters we hear of.

    What was watched when the connection ended is watched again after the next login.
    """

    def __init__(
        self, queries: Queries, background: Background, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._queries = queries
        self._background = background
        self._clock = clock
        self._tasks: dict[Jid, asyncio.Task[None] | None] = {}

    @property
    def channels(self) -> tuple[Jid, ...]:
        """The channels that are watched."""
        return tuple(self._tasks)

    async def begin(self, channel: Jid) -> int:
        """Watch a channel until `end`; for how many seconds the server has promised it.

        Raises:
            QueryError, QueryTimeout, ConnectionClosed, StanzaError: the server did not agree.
            QueryError (429): too many channels are watched.
        """
        check_channel(channel)
        if channel not in self._tasks and len(self._tasks) >= MAX_WATCHED:
            raise QueryError(429, "too many channels are watched")
        duration = await self._queries.run(WatchPosts(channel), again=True)
        self.end(channel)
        self._renew(channel, duration)
        return duration

    def end(self, channel: Jid) -> None:
        """Watch a channel no more."""
        task = self._tasks.pop(channel, None)
        if task is not None:
            task.cancel()

    async def resume(self) -> None:
        """After a login: watch again what was watched."""
        for channel in self.channels:
            self._renew(channel, 0)

    def _renew(self, channel: Jid, duration: int) -> None:
        work = self._keep(channel, duration)
        self._tasks[channel] = self._background.spawn(work, "watching a channel")

    async def _keep(self, channel: Jid, duration: int) -> None:
        while True:
            await self._clock.sleep(duration * MARGIN)
            try:
                duration = await self._queries.run(WatchPosts(channel))
            except ConnectionClosed:
                return  # the next login resumes it
            except QueryTimeout:
                continue
            except RateLimited:
                duration = max(duration, BACK_OFF_S)
            except WhatsAppError as exc:
                log.warning("a channel is watched no more: %s", exc)
                self._tasks.pop(channel, None)
                return
