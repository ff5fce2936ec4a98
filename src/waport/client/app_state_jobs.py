"""The steps of a sync that read or change the store, each inside one transaction.

Source: docs/protocol/app-state.md, "Patches", "Snapshots" and "Conflicts".
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ..appstate import (
    AppliedPatch,
    Collection,
    CollectionState,
    KeyRing,
    Mutation,
    Patch,
    Upload,
    apply_patch,
    build_patch,
    rebase,
)
from ..appstate.actions import KeyExpiration, PendingMutation, read_action
from ..appstate.keys import NOTHING_EXPIRED
from ..errors import (
    AppStateError,
    DecodeError,
    MacMismatch,
    MissingKeys,
    StoreError,
    WhatsAppError,
)
from ..model import DomainEvent
from ..stanza.appstate import CollectionRequest
from ..store import UnitOfWork
from ..store.app_state_values import RecoveryRequest, StoredCollection
from .app_state_effects import Effects
from .work import EventSink

log = logging.getLogger(__name__)

MAX_WRITTEN = 1000
"""Changes of ours in one patch; what is over goes into the next one."""

MAX_AT_ONCE = 200
"""Records of patches that are verified and kept in one transaction."""

MAX_FAILURES = 2
"""Failures in a row after which the phone is asked for its copy of a collection."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be asked about one collection.

    Attributes:
        stored: the collection when that was decided.
        request: the question.
        upload: our patch in it, if it has one.
        positions: of the changes that the patch writes.
    """

    stored: StoredCollection
    request: CollectionRequest
    upload: Upload | None = None
    positions: tuple[int, ...] = ()

    @property
    def collection(self) -> Collection:
        """The collection it is about."""
        return self.request.collection


@dataclass(slots=True)
class Outcome:
    """What a step did.

    Attributes:
        stored: the collection now, where the step is about one.
        frames: what the event sink returned.
        is_renamed: the account has another name now.
        has_rest: a chat is not cleared to its end.
    """

    stored: StoredCollection = field(default_factory=StoredCollection)
    frames: list[Any] = field(default_factory=list)
    is_renamed: bool = False
    has_rest: bool = False

    def add(self, step: Outcome) -> None:
        """What another step did, after this."""
        self.stored = step.stored
        self.frames.extend(step.frames)
        self.is_renamed = self.is_renamed or step.is_renamed
        self.has_rest = self.has_rest or step.has_rest


def make_plan(store: UnitOfWork, collections: Iterable[Collection]) -> list[Plan]:
    """What has to be asked about these collections: fetched first, then written."""
    keys = store.sync_keys.ring()
    plans: list[Plan] = []
    for collection in collections:
        stored = store.app_state.collection(collection)
        if stored.is_broken or stored.news or not stored.is_synced:
            plans.append(_fetch(collection, stored))
            continue
        if stored.is_diverged:
            continue  # what we would write on top of it, nobody could check
        try:
            plan = _write(store, collection, stored, keys)
        except MissingKeys:
            log.warning("%s can't be written without a key; the phone has to share one", collection)
        else:
            plans.extend([] if plan is None else [plan])
    return plans


def _fetch(collection: Collection, stored: StoredCollection) -> Plan:
    version = stored.state.version
    wants_snapshot = stored.is_broken or (not stored.is_synced and not version)
    return Plan(stored, CollectionRequest(collection, version, wants_snapshot))


def _write(
    store: UnitOfWork, collection: Collection, stored: StoredCollection, keys: KeyRing
) -> Plan | None:
    pending = store.app_state.pending(collection)[:MAX_WRITTEN]
    if not pending:
        return None
    key_id = keys.writing_key(_expired_epoch(store))
    find = partial(store.app_state.value_mac, collection, stored.generation)
    mutations = [each.mutation for each in pending]
    upload = build_patch(collection, stored.state, mutations, keys, key_id, find)
    # With its mutations in a file, that has to be uploaded first.
    patch = None if upload.needs_blob else upload.patch()
    request = CollectionRequest(collection, stored.state.version, patch=patch)
    return Plan(stored, request, upload, tuple(each.position for each in pending))


def _expired_epoch(store: UnitOfWork) -> int:
    actions = [read_action(each.mutation) for each in store.app_state.kept("sentinel")]
    epochs = [each.expired_epoch for each in actions if isinstance(each, KeyExpiration)]
    return max(epochs, default=NOTHING_EXPIRED)


def open_patch(
    store: UnitOfWork, collection: Collection, stored: StoredCollection, patch: Patch
) -> AppliedPatch:
    """Verify the patch that follows, and open it; changes nothing.

    Raises:
        VersionGap, MissingKeys, MacMismatch, DecodeError: as `apply_patch`.
    """
    return _opened(store, collection, stored, patch, store.sync_keys.ring())


def _opened(
    store: UnitOfWork,
    collection: Collection,
    stored: StoredCollection,
    patch: Patch,
    keys: KeyRing,
) -> AppliedPatch:
    find = partial(store.app_state.value_mac, collection, stored.generation)
    failure: AppStateError | None = None
    for variant in keys.variants():
        try:
            return apply_patch(collection, stored.state, patch, variant, find)
        except MacMismatch as exc:
            failure = failure or exc
    assert failure is not None  # there is one variant at least
    raise failure


def take_patches(
    store: UnitOfWork,
    sink: EventSink,
    collection: Collection,
    stored: StoredCollection,
    patches: Sequence[Patch],
) -> tuple[Outcome, WhatsAppError | None]:
    """Verify and keep patches that follow each other, as far as they are good.

    Returns:
        what they did, and why the first bad one was refused.
    """
    total, keys = Outcome(stored), store.sync_keys.ring()
    for patch in patches:
        try:
            applied = _opened(store, collection, total.stored, patch, keys)
        except (AppStateError, DecodeError) as exc:
            return total, exc
        is_silent = not stored.is_synced
        total.add(keep_patch(store, sink, collection, applied, is_silent=is_silent))
    return total, None


def keep_patch(
    store: UnitOfWork,
    sink: EventSink,
    collection: Collection,
    applied: AppliedPatch,
    *,
    is_silent: bool,
) -> Outcome:
    """Keep a patch with all that it does.

    Args:
        is_silent: no events tell of it.
    """
    outcome = keep_effects(store, sink, collection, applied.effects, is_silent=is_silent)
    stored = outcome.stored
    store.app_state.put_value_macs(collection, stored.generation, applied.changes)
    diverges = stored.is_synced and not stored.is_diverged and not applied.agrees
    if diverges:
        log.warning("another device knows %s differently; asking for all of it", collection)
    outcome.stored = replace(
        stored,
        state=applied.state,
        is_broken=stored.is_broken or diverges,
        # While all of it is being fetched, only how that ends counts.
        is_diverged=diverges or (stored.is_diverged if stored.is_synced else not applied.agrees),
    )
    store.app_state.put_collection(collection, outcome.stored)
    return outcome


def keep_effects(
    store: UnitOfWork,
    sink: EventSink,
    collection: Collection,
    mutations: Sequence[Mutation],
    *,
    is_silent: bool,
) -> Outcome:
    """Do what records say, but for those that a change of ours outdoes."""
    outcome = Outcome(store.app_state.collection(collection))
    pending = store.app_state.pending(collection)
    rebased = rebase([each.mutation for each in pending], mutations)
    left = {mutation.index: mutation for mutation in rebased.pending}
    for each in pending:
        now = left.get(each.mutation.index)
        if now is None:
            store.app_state.drop_pending([each.position])
        elif now is not each.mutation:
            store.app_state.add_pending(collection, now)
    apply_effects(store, sink, collection, rebased.effects, outcome, is_silent=is_silent)
    return outcome


def apply_effects(
    store: UnitOfWork,
    sink: EventSink,
    collection: Collection,
    mutations: Iterable[Mutation],
    outcome: Outcome,
    *,
    is_silent: bool = False,
    is_own: bool = False,
) -> None:
    """Do what records say, and note in `outcome` what follows from it.

    Args:
        is_silent: no events tell of it.
        is_own: they are changes of ours, which count whatever was there.
    """
    credentials = store.devices.get()
    if credentials is None or credentials.pn is None:
        raise StoreError("the credentials are gone")
    own = credentials.pn.bare

    def emit(event: DomainEvent) -> None:
        if not is_silent:
            outcome.frames.extend(sink.record(store, event, own))

    effects = Effects(store, emit)
    for mutation in mutations:
        if store.app_state.note_applied(collection, mutation) or is_own:
            effects.apply(mutation)
    outcome.is_renamed = outcome.is_renamed or effects.is_renamed
    outcome.has_rest = outcome.has_rest or effects.has_rest


def write_changes(
    store: UnitOfWork, sink: EventSink, changes: Sequence[PendingMutation]
) -> Outcome:
    """Keep changes of ours until the server has them, and do what they say at once."""
    outcome = Outcome()
    for change in changes:
        store.app_state.add_pending(change.collection, change.mutation)
        mutations = [change.mutation]
        apply_effects(store, sink, change.collection, mutations, outcome, is_own=True)
    return outcome


def begin_anew(store: UnitOfWork, collection: Collection) -> StoredCollection:
    """Forget a collection's records: its patches come from the first one on."""
    stored = store.app_state.collection(collection)
    anew = replace(
        stored,
        state=CollectionState(),
        generation=stored.generation + 1,
        is_synced=False,
        is_broken=False,
        is_diverged=False,
    )
    store.app_state.put_collection(collection, anew)
    return anew


def take_over(
    store: UnitOfWork, collection: Collection, state: CollectionState, generation: int
) -> StoredCollection:
    """The records of a snapshot are all there: from now on they count."""
    stored = store.app_state.collection(collection)
    now = StoredCollection(
        state, generation, is_synced=stored.is_synced, news=stored.news, failures=0
    )
    store.app_state.put_collection(collection, now)
    return now


def finish(store: UnitOfWork, plan: Plan) -> None:
    """A collection has been fetched to its end; news that came meanwhile stay news."""
    collection = plan.collection
    stored = store.app_state.collection(collection)
    done = replace(stored, is_synced=True, news=max(stored.news - plan.stored.news, 0))
    if not stored.is_diverged:
        done = replace(done, failures=0, recovery=None)
    elif not stored.is_synced:
        # All of it is here, and still it is not what its authors knew.
        done = _failed(collection, done)
    store.app_state.put_collection(collection, done)


def note_failure(store: UnitOfWork, collection: Collection) -> None:
    """What the server has of a collection was no good: ask for a snapshot, then the phone."""
    stored = store.app_state.collection(collection)
    store.app_state.put_collection(collection, _failed(collection, stored))


def want_copy(store: UnitOfWork, collection: Collection) -> None:
    """Only the phone can help."""
    stored = store.app_state.collection(collection)
    if collection is not Collection.CRITICAL_BLOCK and stored.recovery is None:
        wanted = replace(stored, recovery=RecoveryRequest())
        store.app_state.put_collection(collection, wanted)


def _failed(collection: Collection, stored: StoredCollection) -> StoredCollection:
    failures = stored.failures + 1
    # Phones give no copies of that one.
    if failures < MAX_FAILURES or collection is Collection.CRITICAL_BLOCK:
        return replace(stored, failures=failures, is_broken=True)
    # Patches may still go on.
    recovery = stored.recovery or RecoveryRequest()
    return replace(stored, failures=failures, is_broken=False, recovery=recovery)


def keep_upload(store: UnitOfWork, plan: Plan, upload: Upload) -> None:
    """The server has taken our patch."""
    stored = store.app_state.collection(plan.collection)
    store.app_state.put_value_macs(plan.collection, stored.generation, upload.changes)
    store.app_state.put_collection(plan.collection, replace(stored, state=upload.state))
    store.app_state.drop_pending(plan.positions)
