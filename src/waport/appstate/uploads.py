"""Patches of our own: built, and built again when another device was first.

Source: docs/protocol/app-state.md, "Patches" and "Conflicts".
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from ..crypto import RandomBytes
from ..errors import InvalidInput
from ..proto import pb
from .blobs import BlobReference, write_blob_reference
from .codec import (
    Mutation,
    Operation,
    SealedRecord,
    removal_of,
    seal_mutation,
    write_mutation,
)
from .keys import KeyRing
from .macs import patch_mac, snapshot_mac
from .patches import Changes, advance, keys_of_record
from .state import MAX_RECORDS, Collection, CollectionState, FindValueMac

MAX_INLINE: Final = 100
"""Mutations that travel inside a patch; more of them go into a file."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A patch of ours.

    Attributes:
        collection: that it changes.
        base: what it builds on; the server takes it only on top of that version.
        state: the collection once the server has taken it. Never sooner.
        changes: the records that differ then.
        mutations: what it writes, in clear.
        records: the same, sealed, and the removals of older records that they replace.
        snapshot_mac: 32 bytes.
        patch_mac: 32 bytes.
        key_id: of the sync key that everything is sealed with.
    """

    collection: Collection
    base: CollectionState
    state: CollectionState
    changes: Changes = field(repr=False)
    mutations: tuple[Mutation, ...]
    records: tuple[SealedRecord, ...] = field(repr=False)
    snapshot_mac: bytes
    patch_mac: bytes
    key_id: bytes

    @property
    def needs_blob(self) -> bool:
        """Whether its mutations must be uploaded as a file before it."""
        return len(self.records) > MAX_INLINE

    def blob(self) -> bytes:
        """Its mutations as the content of that file, in clear."""
        mutations = pb.SyncdMutations()
        for record in self.records:
            write_mutation(record, mutations.mutations.add())
        return mutations.SerializeToString()

    def patch(self, blob: BlobReference | None = None) -> bytes:
        """The content of `<patch>`; it has no version, which the server writes in.

        Args:
            blob: where the mutations lie; without one they travel inside.

        Raises:
            InvalidInput: there are too many of them for that.
        """
        patch = pb.SyncdPatch(snapshotMac=self.snapshot_mac, patchMac=self.patch_mac)
        patch.keyId.id = self.key_id
        if blob is not None:
            write_blob_reference(blob, patch.externalMutations)
            return patch.SerializeToString()
        if self.needs_blob:
            raise InvalidInput(f"more than {MAX_INLINE} mutations go into a file")
        for record in self.records:
            write_mutation(record, patch.mutations.add())
        return patch.SerializeToString()


def latest_only(mutations: Iterable[Mutation]) -> tuple[Mutation, ...]:
    """Without those that a later one about the same replaces: no patch may set a record twice."""
    latest: dict[bytes, Mutation] = {}
    for mutation in mutations:
        latest.pop(mutation.index, None)
        latest[mutation.index] = mutation
    return tuple(latest.values())


def build_patch(
    collection: Collection,
    base: CollectionState,
    mutations: Iterable[Mutation],
    keys: KeyRing,
    key_id: bytes,
    find_value_mac: FindValueMac,
    random_bytes: RandomBytes = os.urandom,
) -> Upload:
    """Seal mutations into the patch that follows `base`.

    Args:
        mutations: of two about the same the later one counts.
        key_id: see `KeyRing.writing_key`.
        find_value_mac: looks up the records of `base`. Those that are replaced, but sealed with
            another key, are removed by the same patch.

    Raises:
        MissingKeys: that key is not known.
        InvalidInput: no mutations, far too many, or one that cannot be written.
    """
    written = latest_only(mutations)
    if not 1 <= len(written) <= MAX_RECORDS:
        raise InvalidInput(f"a patch has 1 to {MAX_RECORDS} mutations")
    own = keys.expand(key_id)
    records = tuple(
        [
            seal_mutation(mutation, each_key, keys.expand(each_key), random_bytes)
            for mutation, each_key in _with_removals(written, keys, key_id, find_value_mac)
        ]
    )
    after = advance(base, records, find_value_mac)
    snapshot = snapshot_mac(own, collection, after.state)
    macs = [record.value_mac for record in records]
    return Upload(
        collection=collection,
        base=base,
        state=after.state,
        changes=after.changes,
        mutations=written,
        records=records,
        snapshot_mac=snapshot,
        patch_mac=patch_mac(own, collection, after.state.version, snapshot, macs),
        key_id=key_id,
    )


def _with_removals(
    mutations: Sequence[Mutation], keys: KeyRing, key_id: bytes, find_value_mac: FindValueMac
) -> list[tuple[Mutation, bytes]]:
    """Mutations and the keys to seal them with.

    A removal reaches a record only under the record's own key. What is set anew under another key
    has to be removed under the old one, for it would stay beside the new one.
    """
    sealed: list[tuple[Mutation, bytes]] = []
    cleared: list[tuple[Mutation, bytes]] = []
    for mutation in mutations:
        kept = keys_of_record(mutation.index, keys, find_value_mac)
        if mutation.operation is Operation.REMOVE:
            sealed.extend((mutation, each) for each in kept or [key_id])
        else:
            sealed.append((mutation, key_id))
            removal = removal_of(mutation)
            cleared.extend((removal, each) for each in kept if each != key_id)
    # Whoever takes them one after the other ends with what is set.
    return cleared + sealed
