"""Storing a snapshot of a collection, however large, without holding up anybody.

Source: docs/protocol/app-state.md, "Snapshots".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from itertools import islice

from ..appstate import (
    AppliedSnapshot,
    BlobReference,
    Collection,
    KeyRing,
    Mutation,
    apply_snapshot,
    parse_blob_reference,
    parse_snapshot,
)
from ..errors import AppStateError, MacMismatch, VersionGap
from ..store import Database, UnitOfWork
from ..store.app_state_values import StoredCollection
from . import app_state_jobs as jobs
from .app_state_jobs import Outcome
from .threads import in_thread
from .work import EventSink

RECORDS_STEP = 1000
"""Records that are stored in one transaction."""

EFFECTS_STEP = 20
"""Records whose effects are stored in one transaction."""

Download = Callable[[BlobReference], Awaitable[bytes]]
"""Fetches a file of the app state from the media hosts."""


class Snapshots:
    """Takes snapshots in, step by step.

    The records are stored beside the old ones, under another generation, and then what they do;
    only then they count. If that is cut short it begins again: doing it twice does no harm.
    """

    def __init__(
        self, database: Database, session_id: str, sink: EventSink, download: Download
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._sink = sink
        self._download = download

    async def take(
        self, collection: Collection, stored: StoredCollection, reference: bytes
    ) -> Outcome:
        """Put a snapshot in the place of what is known of a collection; no event tells of it.

        Args:
            stored: the collection as it is.
            reference: to the snapshot's file, serialized.

        Raises:
            VersionGap: it is older than what is known.
            MissingKeys, MacMismatch, DecodeError: it is refused.
            MediaError, OSError: its file could not be fetched.
        """
        data = await self._download(parse_blob_reference(reference))
        keys = await self._database.read(self._session_id, lambda store: store.sync_keys.ring())
        snapshot = await in_thread(_open, collection, data, keys)
        if snapshot.state.version < stored.state.version and not stored.is_broken:
            raise VersionGap(stored.state.version + 1, snapshot.state.version)
        return await self.put(collection, stored, snapshot)

    async def put(
        self, collection: Collection, stored: StoredCollection, snapshot: AppliedSnapshot
    ) -> Outcome:
        """Put all records, which are verified, in the place of what is known of a collection."""
        generation = stored.generation + 1
        await self.drop_others(collection, stored.generation)
        await self._put_records(collection, generation, snapshot.value_macs)
        total = Outcome(stored)
        for start in range(0, len(snapshot.effects), EFFECTS_STEP):
            some = snapshot.effects[start : start + EFFECTS_STEP]
            outcome = await self._put_effects(collection, some)
            total.is_renamed = total.is_renamed or outcome.is_renamed
            total.has_rest = total.has_rest or outcome.has_rest
        total.stored = await self._database.write(
            self._session_id,
            lambda store: jobs.take_over(store, collection, snapshot.state, generation),
        )
        await self.drop_others(collection, generation)
        return total

    async def _put_records(
        self, collection: Collection, generation: int, value_macs: Mapping[bytes, bytes]
    ) -> None:
        def put(step: Mapping[bytes, bytes], store: UnitOfWork) -> None:
            store.app_state.put_value_macs(collection, generation, step)

        records = iter(value_macs.items())
        while step := dict(islice(records, RECORDS_STEP)):
            await self._database.write(self._session_id, partial(put, step))

    async def _put_effects(self, collection: Collection, effects: tuple[Mutation, ...]) -> Outcome:
        return await self._database.write(
            self._session_id,
            lambda store: jobs.keep_effects(store, self._sink, collection, effects, is_silent=True),
        )

    async def drop_others(self, collection: Collection, generation: int) -> None:
        """Drop the records of all generations but one."""

        def job(store: UnitOfWork) -> int:
            return store.app_state.drop_other_records(collection, generation, RECORDS_STEP)

        while await self._database.write(self._session_id, job) >= RECORDS_STEP:
            pass


def _open(collection: Collection, data: bytes, keys: KeyRing) -> AppliedSnapshot:
    snapshot = parse_snapshot(data)
    failure: AppStateError | None = None
    for variant in keys.variants():
        try:
            return apply_snapshot(collection, snapshot, variant)
        except MacMismatch as exc:
            failure = failure or exc
    assert failure is not None  # there is one variant at least
    raise failure
