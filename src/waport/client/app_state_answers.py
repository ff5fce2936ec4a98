"""Taking in what the server answers about collections.

Source: docs/protocol/app-state.md, "Patches", "Snapshots" and "Conflicts".
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

from ..appstate import (
    Collection,
    CollectionState,
    Patch,
    following,
    load_external,
    parse_patch,
)
from ..crashpoints import crash_point
from ..errors import (
    AppStateError,
    DecodeError,
    MacMismatch,
    MediaError,
    QueryError,
    QueryTimeout,
    StanzaError,
    VersionGap,
    WhatsAppError,
)
from ..stanza.appstate import CollectionAnswer, CollectionError
from ..store import Database, UnitOfWork
from ..store.app_state_values import StoredCollection
from . import app_state_jobs as jobs
from .app_state_jobs import Outcome, Plan
from .app_state_snapshots import Download, Snapshots
from .app_state_troubles import Troubles
from .threads import in_thread
from .work import EventSink

log = logging.getLogger(__name__)

T = TypeVar("T")


class Refused(WhatsAppError):
    """The server refused what was asked about one collection."""

    def __init__(self, error: CollectionError) -> None:
        super().__init__(f"{error.code} {error.text}".strip())
        self.error = error


class Stuck(WhatsAppError):
    """An answer that leads nowhere."""


FAILURES = (
    AppStateError,
    DecodeError,
    StanzaError,
    MediaError,
    QueryError,
    QueryTimeout,
    OSError,
    Refused,
    Stuck,
)
"""What may be wrong with an answer; all of it is tried again in one way or another."""


class Answers:
    """Takes answers in, one collection after the other.

    Args:
        troubles: when to try a collection again.
        follow_up: does what follows from a step, after its commit.
    """

    def __init__(
        self,
        database: Database,
        session_id: str,
        sink: EventSink,
        snapshots: Snapshots,
        download: Download,
        troubles: Troubles,
        follow_up: Callable[[Outcome], Awaitable[None]],
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._sink = sink
        self._snapshots = snapshots
        self._download = download
        self._troubles = troubles
        self._follow_up = follow_up
        self._gaps: set[Collection] = set()

    def clear(self) -> None:
        """Begin anew with all collections."""
        self._gaps.clear()

    async def take(self, plan: Plan, answer: CollectionAnswer) -> None:
        """Take an answer in, as far as it is good.

        Raises:
            MissingKeys, and what `FAILURES` names.
        """
        error = answer.error
        if error is not None and not error.is_conflict:
            raise Refused(error)
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
        for some in _steps(following(stored.state, patches)):
            stored = await self._take_patches(plan.collection, stored, some)
        await self._taken(plan, answer, stored.state)

    async def recover(self, plan: Plan, failure: Exception) -> None:
        """Decide what to ask for after an answer that could not be used."""
        collection = plan.collection
        self._troubles.note(collection)
        if isinstance(failure, VersionGap) and collection not in self._gaps:
            self._gaps.add(collection)  # at first from our version; then a snapshot
        elif isinstance(failure, MacMismatch | VersionGap) or (
            isinstance(failure, Refused) and failure.error.is_fatal
        ):
            await self._write(lambda store: jobs.note_failure(store, collection))

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
                raise Stuck("the server announces more, but gives nothing")
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

    async def _take_patches(
        self, collection: Collection, stored: StoredCollection, patches: Sequence[Patch]
    ) -> StoredCollection:
        """Take patches in, of which only one may have its mutations in a file."""
        sink = self._sink
        if len(patches) == 1:
            (patch,) = patches
            if patch.external is not None:
                data = await self._download(patch.external)
                patch = await in_thread(load_external, patch, data)
            applied = await self._read(
                lambda store: jobs.open_patch(store, collection, stored, patch)
            )
            outcome = await self._write(
                lambda store: jobs.keep_patch(
                    store, sink, collection, applied, is_silent=not stored.is_synced
                )
            )
            crash_point("app_state.patched")
            await self._follow_up(outcome)
            return outcome.stored
        outcome, failure = await self._write(
            lambda store: jobs.take_patches(store, sink, collection, stored, patches)
        )
        crash_point("app_state.patched")
        await self._follow_up(outcome)
        if failure is not None:
            raise failure
        return outcome.stored

    async def _begin_anew(
        self, plan: Plan, answer: CollectionAnswer, patches: Sequence[Patch]
    ) -> StoredCollection:
        """The server has answered the wish for a snapshot by its patches, or by nothing."""
        new = following(CollectionState(), patches)
        if not new and answer.version:
            raise Stuck("neither a snapshot nor patches")
        if new and new[0].version != 1:
            raise VersionGap(1, new[0].version)
        anew = await self._write(lambda store: jobs.begin_anew(store, plan.collection))
        await self._snapshots.drop_others(plan.collection, anew.generation)
        return anew

    async def _read(self, job: Callable[[UnitOfWork], T]) -> T:
        return await self._database.read(self._session_id, job)

    async def _write(self, job: Callable[[UnitOfWork], T]) -> T:
        return await self._database.write(self._session_id, job)


def _steps(patches: Sequence[Patch]) -> Iterator[list[Patch]]:
    """Patches that are kept in one transaction: many small ones, or one large one alone."""
    step: list[Patch] = []
    count = 0
    for patch in patches:
        is_large = patch.external is not None or len(patch.records) > jobs.MAX_AT_ONCE
        if step and (is_large or count + len(patch.records) > jobs.MAX_AT_ONCE):
            yield step
            step, count = [], 0
        step.append(patch)
        count += len(patch.records)
        if is_large:
            yield step
            step, count = [], 0
    if step:
        yield step
