"""The account's app state: fetched, kept, and written, one exchange with the server after another.

What is to be done stands in the store (news, broken collections, own changes, requests to the
phone), so that it goes on where it stopped after a reconnect or a restart.

Source: docs/protocol/app-state.md, "Syncing".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from ..appstate import BlobReference, Collection
from ..appstate.actions import PendingMutation
from ..crashpoints import crash_point
from ..errors import ConnectionClosed, MissingKeys, QueryError, QueryTimeout, StanzaError
from ..stanza.appstate import SyncCollections
from ..store import Database, UnitOfWork
from . import app_state_jobs as jobs
from .app_state_answers import FAILURES, Answers
from .app_state_effects import Effects
from .app_state_jobs import Outcome, Plan
from .app_state_keys import ASK_AGAIN_S, KeyRequests
from .app_state_recovery import PhoneAnswer, Recoveries
from .app_state_snapshots import Download, Snapshots
from .app_state_troubles import Troubles
from .background import Background
from .clock import SYSTEM_CLOCK, Clock
from .peer import Peer
from .queries import Queries
from .work import EventSink

log = logging.getLogger(__name__)

T = TypeVar("T")

KEYS_TIMEOUT_S = 29.0
"""How long the phone has after a login to share its keys unasked."""

MakeChanges = Callable[[UnitOfWork, int], Sequence[PendingMutation]]
"""What to change; runs in the transaction that keeps it."""

Upload = Callable[[bytes], Awaitable[BlobReference]]
"""Puts a file of the app state onto the media hosts."""


class AppStateSync:
    """Keeps the collections of one account; one exchange at a time.

    Args:
        peer: speaks with the phone.
        download: fetches a file of the app state from the media hosts.
        upload: puts one there.
        announce: tells the server the account's name, once it has changed.

    Attributes:
        keys: asks for keys, and answers those who ask us.
        recoveries: asks the phone for its copies of collections.
    """

    def __init__(
        self,
        database: Database,
        session_id: str,
        queries: Queries,
        background: Background,
        sink: EventSink,
        peer: Peer,
        *,
        download: Download,
        upload: Upload,
        announce: Callable[[], Awaitable[None]],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._background = background
        self._sink = sink
        self._upload = upload
        self._announce = announce
        self._clock = clock
        self._troubles = Troubles(clock)
        snapshots = Snapshots(database, session_id, sink, download)
        self._answers = Answers(
            database, session_id, sink, snapshots, download, self._troubles, self._follow_up
        )
        self.keys = KeyRequests(database, session_id, peer, clock)
        self.recoveries = Recoveries(database, session_id, peer, snapshots, clock)
        self._news = asyncio.Event()
        self._keys_came = asyncio.Event()
        self._exchanged = asyncio.Event()
        self._last_ms = 0
        self._is_running = False
        self._is_open = False
        self._blocked: set[Collection] = set()
        self._waking: asyncio.Task[None] | None = None
        self._wake_at = 0.0

    # --- occasions ---------------------------------------------------------------------------

    async def resume(self) -> None:
        """After a login: fetch what is missing or new, and write what is to be written."""
        self._troubles.clear()
        self._answers.clear()
        self._blocked.clear()
        self._keys_came.clear()
        if not await self._read(lambda store: store.sync_keys.all()):
            # The phone shares its keys after the first login, without being asked.
            await self._clock.wait(self._keys_came, KEYS_TIMEOUT_S)
        self._is_open = True
        await self._run()

    def pause(self) -> None:
        """The connection is gone."""
        self._is_open = False

    async def refresh(self) -> None:
        """There is something new."""
        self._troubles.forgive()
        self._news.set()
        if self._is_open:
            await self._run()

    async def keys_shared(self) -> None:
        """The phone has said something about keys: go on with what waited for them."""
        self._blocked.clear()
        self._keys_came.set()
        await self.refresh()

    async def fetch_all(self) -> None:
        """The server says that anything may be new: fetch all collections."""

        def job(store: UnitOfWork) -> None:
            for collection in Collection:
                store.app_state.note_news(collection)

        await self._write(job)
        await self.refresh()

    async def write(self, make: MakeChanges) -> None:
        """Make changes of ours: they are kept and take effect here at once, in one transaction.

        The server gets them as soon as it can be, also after a reconnect or a restart.

        Args:
            make: what to change; gets the time of the change, Unix milliseconds.

        Raises:
            StoreError: nothing is changed.
            Exception: whatever `make` raises; nothing is changed either.
        """
        # Of two changes of one record the later counts: no two of ours are made at one time.
        at_ms = self._last_ms = max(int(self._clock.unix() * 1000), self._last_ms + 1)
        outcome = await self._write(
            lambda store: jobs.write_changes(store, self._sink, make(store, at_ms))
        )
        crash_point("app_state.kept")
        await self._follow_up(outcome)
        self._news.set()
        if self._is_open:
            # Nobody else comes back to it. Where a sync runs already this ends at once.
            self._background.spawn(self.refresh(), "app state", essential=True)

    @property
    def next_exchange(self) -> asyncio.Event:
        """Set when the next exchange with the server has come to its end."""
        return self._exchanged

    async def settle(self) -> None:
        """Wait until the server has every change of ours."""
        while True:
            exchanged = self._exchanged
            if not await self._read(lambda store: store.app_state.has_pending()):
                return
            await exchanged.wait()

    # --- the loop ----------------------------------------------------------------------------

    async def _run(self) -> None:
        if self._is_running:
            return
        self._is_running = True
        try:
            await self._clear_rest()
            while await self._step():
                pass
        except ConnectionClosed:
            log.debug("the connection ended during a sync; the next login goes on")
        finally:
            self._is_running = False

    async def _step(self) -> bool:
        """Do what is due, or wait for it; False when nothing is left to be done."""
        self._news.clear()
        while (copy := self.recoveries.next_answer()) is not None:
            await self._take_copy(copy)
        ready = [
            each
            for each in Collection
            if each not in self._blocked and self._troubles.is_over(each)
        ]
        plans = await self._read(lambda store: jobs.make_plan(store, ready))
        if plans:
            await self._exchange(plans)
            return True
        for each in ready:
            self._troubles.end(each)  # nothing is to be done about it any more
        wait_s = await self.recoveries.ask_next()
        if wait_s is not None:
            self._wake_in(wait_s)
        pause = self._troubles.pause_s()
        if pause is None:
            return self._news.is_set()
        await self._clock.wait(self._news, pause)
        return True

    def _wake_in(self, seconds: float) -> None:
        """Look again after a while, if the connection lasts so long."""
        at = self._clock.monotonic() + seconds
        if self._waking is not None and not self._waking.done():
            if self._wake_at <= at:
                return
            self._waking.cancel()

        async def wake() -> None:
            await self._clock.sleep(seconds)
            self._waking = None
            await self.keys_shared()

        self._wake_at = at
        self._waking = self._background.spawn(wake(), "app state, later")

    async def _exchange(self, plans: Sequence[Plan]) -> None:
        plans = [plan for plan in [await self._ready(each) for each in plans] if plan is not None]
        if not plans:
            return
        try:
            answers = await self._queries.run(SyncCollections([plan.request for plan in plans]))
        except (QueryError, QueryTimeout, StanzaError) as exc:
            log.warning("the app state was not synced: %s", exc)
            for plan in plans:
                self._troubles.note(plan.collection)
            return
        crash_point("app_state.answered")
        for plan, answer in zip(plans, answers, strict=True):
            try:
                await self._answers.take(plan, answer)
            except MissingKeys as exc:
                await self._block(plan.collection, exc)
            except FAILURES as exc:
                log.warning("%s was not synced: %s", plan.collection, exc)
                await self._answers.recover(plan, exc)
        exchanged, self._exchanged = self._exchanged, asyncio.Event()
        exchanged.set()

    async def _ready(self, plan: Plan) -> Plan | None:
        """The plan with its file uploaded, if it needs one; None if that fails."""
        if plan.upload is None or plan.request.patch is not None:
            return plan
        try:
            blob = await self._upload(plan.upload.blob())
        except ConnectionClosed:
            raise
        except FAILURES as exc:
            log.warning("the changes of %s were not uploaded: %s", plan.collection, exc)
            self._troubles.note(plan.collection)
            return None
        return replace(plan, request=replace(plan.request, patch=plan.upload.patch(blob)))

    async def _block(self, collection: Collection, missing: MissingKeys) -> None:
        """Leave a collection alone until its keys have come, or the phone has given a copy."""
        self._blocked.add(collection)
        log.info("%s waits for keys", collection)
        if await self.keys.ask(missing.key_ids):
            self._wake_in(ASK_AGAIN_S)
        else:
            await self._write(lambda store: jobs.want_copy(store, collection))

    async def _take_copy(self, copy: PhoneAnswer) -> None:
        try:
            outcome = await self.recoveries.take(copy)
        except MissingKeys as exc:
            await self.keys.ask(exc.key_ids)
        except FAILURES as exc:
            log.warning("the phone's copy of %s is no good: %s", copy.collection, exc)
        else:
            await self._follow_up(outcome)
            self._blocked.discard(copy.collection)
            self._troubles.end(copy.collection)
            self._answers.clear()
            await self._write(lambda store: store.app_state.note_news(copy.collection))

    # --- what follows ------------------------------------------------------------------------

    async def _follow_up(self, outcome: Outcome) -> None:
        if outcome.frames:
            self._sink.publish(self._session_id, outcome.frames)
        if outcome.has_rest:
            await self._clear_rest()
        if outcome.is_renamed:
            try:
                await self._announce()
            except ConnectionClosed:
                log.debug("the new name is announced with the next login")

    async def _clear_rest(self) -> None:
        while not await self._write(lambda store: Effects(store, lambda _: None).clear_rest()):
            pass

    async def _read(self, job: Callable[[UnitOfWork], T]) -> T:
        return await self._database.read(self._session_id, job)

    async def _write(self, job: Callable[[UnitOfWork], T]) -> T:
        return await self._database.write(self._session_id, job)
