"""The phone's history: announced, fetched, taken in step by step, and told as handled.

What is announced stands in the store before the announcement is acked, and how far it is stands
there too, so that it goes on where it stopped after a reconnect or a restart. Live traffic goes on
meanwhile: each step is a short transaction of its own.

Source: docs/protocol/app-state.md, "History sync".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from ..errors import (
    ConnectionClosed,
    DecodeError,
    InvalidInput,
    MediaError,
    QueryError,
    QueryTimeout,
    StanzaError,
    StoreError,
    WhatsAppError,
)
from ..model import HistoryProgress, OlderHistory
from ..proto import pb
from ..stanza.history import (
    COUNTED,
    FullAnswer,
    Notice,
    RetryAnswer,
    SyncType,
    chunk_retry_request,
    handled,
    is_known,
    load_notice,
    parse_answer,
    parse_notice,
)
from ..stanza.peer import parse_mapping_sync
from ..store import Database, UnitOfWork
from ..store.history import NoticeState, StoredNotice
from .clock import SYSTEM_CLOCK, Clock
from .history_intake import ALL_DONE, Intake
from .history_requests import HistoryRequests
from .media_files import Source
from .media_hosts import TransferFailed
from .peer import Peer
from .queries import Queries
from .work import EventSink, Work, own_addresses

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_ATTEMPTS: Final = 4
"""How often a piece may turn out to be unusable; then it is kept as it came."""

ANSWER_S: Final = 60.0
"""How long the phone has to send a piece again."""

AGAIN_S: Final = 2.0
"""The pause before a piece is fetched again that was unusable for the first time."""

MAX_PAUSE_S: Final = 300.0
"""The longest pause while the media hosts can't be reached."""

_ORDER: Final = (
    SyncType.ADDRESSES,
    SyncType.INITIAL_BOOTSTRAP,
    SyncType.PUSH_NAME,
    SyncType.ON_DEMAND,
    SyncType.INITIAL_STATUS_V3,
    SyncType.NON_BLOCKING_DATA,
    SyncType.RECENT,
)
"""What is taken in first; within a kind, what was announced first."""

_PASSING = (
    QueryError,
    QueryTimeout,
    StanzaError,
    TransferFailed,
    OSError,
    # One piece that meets a damaged row must not hold up all others.
    StoreError,
)
"""Failures that say nothing about the piece itself."""

OpenBlob = Callable[[Notice], AbstractAsyncContextManager[Path]]
"""Fetches a piece from the media hosts."""


class HistorySync:
    """Takes the history of one account in, one piece after the other.

    Args:
        open_blob: fetches a piece.
        requests: who waits for what was asked of the phone.
        announce: tells the server the account's name, once it has changed.
    """

    def __init__(
        self,
        database: Database,
        session_id: str,
        queries: Queries,
        peer: Peer,
        sink: EventSink,
        *,
        open_blob: OpenBlob,
        requests: HistoryRequests,
        announce: Callable[[], Awaitable[None]],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._peer = peer
        self._sink = sink
        self._open_blob = open_blob
        self._requests = requests
        self._clock = clock
        self._intake = Intake(database, session_id, announce, clock)
        self._news = asyncio.Event()
        self._due: dict[int, float] = {}
        self._pauses: dict[int, float] = {}
        self._told = 0
        self._is_running = False
        self._is_open = False

    # --- what comes, on the store's writer thread --------------------------------------------

    def take_notice(
        self, work: Work, message_id: str, notification: pb.HistorySyncNotification
    ) -> None:
        """A piece of history is announced: keep that, and begin with it after the commit."""
        notice = parse_notice(notification)
        self._keep(work, message_id, notice, notification.SerializePartialToString())

    def take_addresses(self, work: Work, message_id: str, payload: bytes) -> None:
        """A large table of numbers and hidden ids: taken in like a piece of history."""
        notification = pb.HistorySyncNotification(initialHistBootstrapInlinePayload=payload)
        notice = Notice(SyncType.ADDRESSES)
        self._keep(work, message_id, notice, notification.SerializeToString())

    def _keep(self, work: Work, message_id: str, notice: Notice, data: bytes) -> None:
        if work.store.history.add_notice(message_id, notice.sync_type, notice.chunk_order, data):
            work.later(self.refresh)
        else:
            log.warning("a piece of history was announced before, or too many wait")

    def take_answer(self, work: Work, message: pb.ProtocolMessage) -> bool:
        """The phone answers a request; whether it was one about history."""
        answer = parse_answer(message)
        if isinstance(answer, RetryAnswer):
            self._take_refusal(work.store, answer)
        elif isinstance(answer, FullAnswer):

            async def tell() -> None:
                self._requests.answered(answer)

            work.later(tell)
        return answer is not None

    def _take_refusal(self, store: UnitOfWork, answer: RetryAnswer) -> None:
        for notice in store.history.notices():
            if answer.request_id and notice.request_id == answer.request_id and answer.is_final:
                log.error("the phone can't send a piece of history again: code %d", answer.code)
                store.history.set_state(
                    notice.position, NoticeState.GIVEN_UP, notice.attempts, answer.request_id
                )

    # --- occasions ---------------------------------------------------------------------------

    async def resume(self) -> None:
        """After a login: go on with what is left."""
        self._due.clear()
        self._pauses.clear()
        self._is_open = True
        await self.refresh()

    def pause(self) -> None:
        """The connection is gone."""
        self._is_open = False

    async def refresh(self) -> None:
        """There is something to be taken in."""
        self._news.set()
        if self._is_running or not self._is_open:
            return
        self._is_running = True
        try:
            while await self._step():
                pass
        except ConnectionClosed:
            log.debug("the connection ended during the history; the next login goes on")
        finally:
            self._is_running = False

    async def _step(self) -> bool:
        """Take a piece in, or wait for the time of one; False when nothing is left."""
        self._news.clear()
        notices = [
            notice
            for notice in await self._read(lambda store: store.history.notices())
            if notice.state is not NoticeState.GIVEN_UP
        ]
        now = self._clock.monotonic()
        ready = [notice for notice in notices if self._due.get(notice.position, 0.0) <= now]
        if ready:
            await self._take(min(ready, key=_urgency))
            return True
        if not notices:
            return self._news.is_set()
        wait_s = min(self._due.get(notice.position, now) for notice in notices) - now
        await self._clock.wait(self._news, max(wait_s, 0.0))
        return True

    # --- one piece ---------------------------------------------------------------------------

    async def _take(self, stored: StoredNotice) -> None:
        data = await self._read(lambda store: store.history.notice(stored.position))
        notice = Notice(stored.sync_type)
        try:
            notice = load_notice(data)
            outcome = OlderHistory(0, False)
            if stored.done < ALL_DONE:
                outcome = await self._take_in(stored, notice, data)
            await self._finish(stored, notice, outcome)
        except ConnectionClosed:
            raise
        except _PASSING as exc:
            pause = min(self._pauses.get(stored.position, AGAIN_S / 2) * 2, MAX_PAUSE_S)
            self._pauses[stored.position] = pause
            self._due[stored.position] = self._clock.monotonic() + pause
            log.warning("a piece of history has to wait: %s", exc)
        except (MediaError, DecodeError, InvalidInput) as exc:
            await self._broken(stored, notice, exc)

    async def _take_in(self, stored: StoredNotice, notice: Notice, data: bytes) -> OlderHistory:
        if stored.sync_type == SyncType.ADDRESSES:
            await self._intake.take_pairs(parse_mapping_sync(notice.inline))
            outcome = OlderHistory(0, False)
        elif notice.is_bare:
            if not is_known(notice.sync_type):
                log.warning("history of an unknown kind %d is kept as it came", notice.sync_type)
            await self._write(lambda store: store.history.keep("notice", stored.message_id, data))
            outcome = OlderHistory(0, is_complete=True)
        else:
            async with self._source(notice) as source:
                outcome = await self._intake.take(stored, source)
        await self._write(lambda store: store.history.set_done(stored.position, ALL_DONE))
        return outcome

    @contextlib.asynccontextmanager
    async def _source(self, notice: Notice) -> AsyncIterator[Source]:
        if notice.inline:
            yield notice.inline
            return
        async with self._open_blob(notice) as path:
            yield path

    async def _finish(self, stored: StoredNotice, notice: Notice, outcome: OlderHistory) -> None:
        """Everything is stored: the phone is told, then the world, then whoever asked."""
        if stored.sync_type != SyncType.ADDRESSES:
            credentials = await self._read(lambda store: store.devices.get())
            if credentials is None or credentials.pn is None:
                raise ConnectionClosed("not linked any more", will_retry=False)
            self._queries.link.send(handled(credentials.pn.bare, stored.message_id))
        frames = await self._write(partial(self._close, stored, notice))
        if frames:
            self._sink.publish(self._session_id, frames)
        self._due.pop(stored.position, None)
        self._pauses.pop(stored.position, None)
        self._requests.came(notice.request_id, outcome)

    def _close(self, stored: StoredNotice, notice: Notice, store: UnitOfWork) -> list[Any]:
        replaced = 0
        if notice.sync_type != SyncType.ON_DEMAND:
            replaced = store.history.remove_broken(
                stored.sync_type, stored.chunk_order, stored.position
            )
        store.history.remove(stored.position)
        percent = notice.progress if notice.sync_type in COUNTED else None
        if notice.sync_type == SyncType.NO_HISTORY:
            percent = 100
        if notice.chunk_order <= 1 and notice.sync_type in COUNTED and not replaced:
            self._told = 0  # another round begins
        if percent is None or percent <= self._told:
            return []
        self._told = percent
        credentials = store.devices.get()
        own = None if credentials is None else own_addresses(credentials).pn.bare
        kind = SyncType(notice.sync_type).name
        return list(
            self._sink.record(store, HistoryProgress(percent, kind, notice.chunk_order), own)
        )

    # --- what can't be used ------------------------------------------------------------------

    async def _broken(self, stored: StoredNotice, notice: Notice, exc: WhatsAppError) -> None:
        """Fetch it once more, then ask the phone for it anew, and give up in the end."""
        attempts = stored.attempts + 1
        log.warning("a piece of history can't be used (%d): %s", attempts, exc)
        position = stored.position
        state, request_id, wait_s = NoticeState.WAITING, "", AGAIN_S
        if attempts >= MAX_ATTEMPTS or stored.sync_type == SyncType.ADDRESSES:
            state = NoticeState.GIVEN_UP
            self._requests.failed(notice.request_id, exc)
        elif attempts > 1 or notice.inline:
            state, wait_s = NoticeState.BROKEN, ANSWER_S
            try:
                request_id = await self._peer.send(chunk_retry_request(notice, stored.message_id))
            except ConnectionClosed:
                raise
            except WhatsAppError as failure:
                log.warning("the phone was not asked for a piece of history: %s", failure)
        await self._write(
            lambda store: store.history.set_state(position, state, attempts, request_id)
        )
        self._due[position] = self._clock.monotonic() + wait_s

    async def _read(self, job: Callable[[UnitOfWork], T]) -> T:
        return await self._database.read(self._session_id, job)

    async def _write(self, job: Callable[[UnitOfWork], T]) -> T:
        return await self._database.write(self._session_id, job)


def _urgency(notice: StoredNotice) -> tuple[int, int]:
    is_first = notice.sync_type in tuple(_ORDER)
    kind = _ORDER.index(SyncType(notice.sync_type)) if is_first else len(_ORDER)
    return kind, notice.position
