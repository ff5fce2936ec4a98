"""The account's app state: fetched, kept, and written, one exchange with the server after another.

What is to be done stands in the store (news, broken collections, own changes), so that it goes on
where it stopped after a reconnect or a restart.

Source: docs/protocol/app-state.md, "Syncing".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from ..appstate import (
    Collection,
    CollectionState,
    Patch,
    following,
    load_external,
    parse_patch,
)
from ..appstate.actions import PendingMutation
from ..crashpoints import crash_point
from ..errors import (
    AppStateError,
    ConnectionClosed,
    DecodeError,
    MacMismatch,
    MediaError,
    MissingKeys,
    QueryError,
    QueryTimeout,
    StanzaError,
    VersionGap,
    WhatsAppError,
)
from ..stanza.appstate import CollectionAnswer, CollectionError, SyncCollections
from ..store import Database, UnitOfWork
from ..store.app_state import StoredCollection
from . import app_state_jobs as jobs
from .app_state_effects import Effects
from .app_state_jobs import Outcome, Plan
from .app_state_keys import KeyRequests
from .app_state_snapshots import Download, Snapshots
from .app_state_troubles import Troubles
from .background import Background
from .clock import SYSTEM_CLOCK, Clock
from .queries import Queries
from .threads import in_thread
from .work import EventSink

log = logging.getLogger(__name__)

T = TypeVar("T")

KEYS_TIMEOUT_S = 29.0
"""How long the phone has after a login to share its keys unasked."""

MakeChanges = Callable[[UnitOfWork, int], Sequence[PendingMutation]]
"""What to change; runs in the transaction that keeps it."""


class _Refused(WhatsAppError):
    """The server refused what was asked about one collection."""

    def __init__(self, error: CollectionError) -> None:
        super().__init__(f"{error.code} {error.text}".strip())
        self.error = error


class _Stuck(WhatsAppError):
    """An answer that leads nowhere."""


_FAILURES = (
    AppStateError,
    DecodeError,
    StanzaError,
    MediaError,
    QueryError,
    QueryTimeout,
    OSError,
    _Refused,
    _Stuck,
)


class AppStateSync:
    """Keeps the collections of one account; one exchange at a time.

    Args:
        download: fetches a file of the app state from the media hosts.
        requests: asks the own devices for missing keys.
        announce: tells the server the account's name, once it has changed.
    """

    def __init__(
        self,
        database: Database,
        session_id: str,
        queries: Queries,
        background: Background,
        sink: EventSink,
        *,
        download: Download,
        requests: KeyRequests,
        announce: Callable[[], Awaitable[None]],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._background = background
        self._sink = sink
        self._download = download
        self._snapshots = Snapshots(database, session_id, sink, download)
        self._requests = requests
        self._announce = announce
        self._clock = clock
        self._news = asyncio.Event()
        self._keys_came = asyncio.Event()
        self._exchanged = asyncio.Event()
        self._last_ms = 0
        self._is_running = False
        self._is_open = False
        self._blocked: set[Collection] = set()
        self._troubles = Troubles(clock)
        self._gaps: set[Collection] = set()

    # --- occasions ---------------------------------------------------------------------------

    async def resume(self) -> None:
        """After a login: fetch what is missing or new, and write what is to be written."""
        self._troubles.clear()
        self._gaps.clear()
        self._blocked.clear()
        self._keys_came.clear()
        if not await self._read(lambda store: store.app_state.keys()):
            # The phone shares its keys after the first login, without being asked.
            await self._clock.wait(self._keys_came, KEYS_TIMEOUT_S)
        self._is_open = True
        await self._run()

    def pause(self) -> None:
        """The connection is gone."""
        self._is_open = False

    async def refresh(self) -> None:
        """There is something new, or keys have come."""
        self._troubles.forgive()
        self._news.set()
        if self._is_open:
            await self._run()

    async def keys_shared(self) -> None:
        """New keys are in the store: go on with what waited for them."""
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
            self._background.spawn(self.refresh(), "app state")

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
        pause = self._troubles.pause_s()
        if pause is None:
            return self._news.is_set()
        await self._clock.wait(self._news, pause)
        return True

    async def _exchange(self, plans: Sequence[Plan]) -> None:
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
                await self._take(plan, answer)
            except MissingKeys as exc:
                self._blocked.add(plan.collection)
                await self._requests.ask(exc.key_ids)
            except _FAILURES as exc:
                log.warning("%s was not synced: %s", plan.collection, exc)
                await self._recover(plan, exc)
        exchanged, self._exchanged = self._exchanged, asyncio.Event()
        exchanged.set()

    async def _recover(self, plan: Plan, failure: Exception) -> None:
        """Decide what to ask for after an answer that could not be used."""
        collection = plan.collection
        self._troubles.note(collection)
        is_snapshot = plan.request.wants_snapshot
        if isinstance(failure, VersionGap) and collection not in self._gaps:
            self._gaps.add(collection)  # at first from our version; then a snapshot
        elif isinstance(failure, MacMismatch | VersionGap) or (
            isinstance(failure, _Refused) and failure.error.is_fatal
        ):
            # A snapshot that is wrong itself helps nobody: patches may still go on.
            await self._write(lambda store: jobs.set_broken(store, collection, not is_snapshot))

    # --- answers -----------------------------------------------------------------------------

    async def _take(self, plan: Plan, answer: CollectionAnswer) -> None:
        """Take an answer in.

        Raises:
            MissingKeys, and what `_FAILURES` names.
        """
        error = answer.error
        if error is not None and not error.is_conflict:
            raise _Refused(error)
        if plan.upload is not None and error is None:
            await self._uploaded(plan, answer)
            return
        stored = plan.stored
        if answer.snapshot is not None:
            outcome = await self._snapshots.take(plan.collection, stored, answer.snapshot)
            await self._follow_up(outcome)
            stored = outcome.stored
        patches = await in_thread(lambda: [parse_patch(data) for data in answer.patches])
        if plan.request.wants_snapshot and answer.snapshot is None:
            stored = await self._begin_anew(plan, answer, patches)
        for patch in following(stored.state, patches):
            stored = await self._take_patch(plan.collection, stored, patch)
        await self._taken(plan, answer, stored.state)

    async def _taken(self, plan: Plan, answer: CollectionAnswer, state: CollectionState) -> None:
        collection = plan.collection
        has_moved = plan.request.wants_snapshot or state.version > plan.stored.state.version
        if answer.error is not None:
            # Somebody was first: our patch is built anew. Not for ever, and not in a hurry.
            self._troubles.note(collection, at_once=has_moved)
            if not has_moved or answer.has_more:
                await self._write(lambda store: store.app_state.note_news(collection))
            return
        if answer.has_more:
            if not has_moved:
                raise _Stuck("the server announces more, but gives nothing")
            return
        if answer.version is not None and answer.version > state.version:
            raise VersionGap(state.version + 1, answer.version)
        await self._write(lambda store: jobs.finish(store, plan))
        self._gaps.discard(collection)
        if not await self._read(lambda store: store.app_state.pending(collection)):
            self._troubles.end(collection)

    async def _uploaded(self, plan: Plan, answer: CollectionAnswer) -> None:
        upload = plan.upload
        assert upload is not None  # the caller has looked
        if answer.version not in (None, upload.state.version) or answer.patches:
            # It went on top of something else than we know: what that is, a fetch tells.
            self._troubles.note(plan.collection, at_once=True)
            await self._write(lambda store: store.app_state.note_news(plan.collection))
            return
        await self._write(lambda store: jobs.keep_upload(store, plan, upload))
        crash_point("app_state.uploaded")
        self._troubles.end(plan.collection)

    async def _take_patch(
        self, collection: Collection, stored: StoredCollection, patch: Patch
    ) -> StoredCollection:
        if patch.external is not None:
            data = await self._download(patch.external)
            patch = await in_thread(load_external, patch, data)
        applied = await self._read(lambda store: jobs.open_patch(store, collection, stored, patch))
        outcome = await self._write(
            lambda store: jobs.keep_patch(
                store, self._sink, collection, applied, is_silent=not stored.is_synced
            )
        )
        crash_point("app_state.patched")
        await self._follow_up(outcome)
        return outcome.stored

    async def _begin_anew(
        self, plan: Plan, answer: CollectionAnswer, patches: Sequence[Patch]
    ) -> StoredCollection:
        """The server has answered the wish for a snapshot by its patches, or by nothing."""
        new = following(CollectionState(), patches)
        if not new and answer.version:
            raise _Stuck("neither a snapshot nor patches")
        if new and new[0].version != 1:
            raise VersionGap(1, new[0].version)
        anew = await self._write(lambda store: jobs.begin_anew(store, plan.collection))
        await self._snapshots.drop_others(plan.collection, anew.generation)
        return anew

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
