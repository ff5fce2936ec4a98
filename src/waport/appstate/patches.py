"""Patches: what changed between two versions of a collection.

A patch counts as a whole or not at all. Nothing here keeps anything: whoever calls stores the
state and the value MACs that come out, together with what the mutations do.

Source: docs/protocol/app-state.md, "Patches".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from google.protobuf.message import DecodeError as ProtobufError

from ..crypto import equal
from ..errors import DecodeError, MacMismatch, VersionGap
from ..proto import pb
from .blobs import BlobReference, read_blob_reference
from .codec import (
    MAC_SIZE,
    Mutation,
    Operation,
    SealedRecord,
    index_mac,
    open_record,
    read_mutation,
)
from .keys import KEY_ID_SIZE, KeyRing
from .lthash import update_lthash
from .macs import patch_mac, snapshot_mac
from .state import MAX_RECORDS, MAX_VERSION, Collection, CollectionState, FindValueMac

Changes = Mapping[bytes, bytes | None]
"""By index MAC: the value MAC of the record now, None where there is none any more."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch as it came; nothing of it is verified.

    Attributes:
        version: of the collection after it.
        records: its mutations in order; empty while they lie in a file.
        external: that file; None when they came with the patch.
        snapshot_mac: 32 bytes.
        patch_mac: 32 bytes.
        key_id: of the sync key of these two MACs; records may have others.
    """

    version: int
    records: tuple[SealedRecord, ...] = field(repr=False)
    external: BlobReference | None
    snapshot_mac: bytes
    patch_mac: bytes
    key_id: bytes


@dataclass(frozen=True, slots=True)
class AppliedPatch:
    """A verified patch and what it leads to.

    Attributes:
        state: the collection after it.
        changes: the records that it changed.
        mutations: in clear, in order.
        effects: those of them that anybody needs to act on: for each index the last one that set
            it, or a removal after which no record of it is left.
        agrees: whether our hash is the author's. When it is not, the patch is good all the same,
            but one of us has missed something before: a snapshot is due, and until then no patch
            will agree.
        unknown_removals: removals of records that we do not have.
    """

    state: CollectionState
    changes: Changes = field(repr=False)
    mutations: tuple[Mutation, ...]
    effects: tuple[Mutation, ...] = field(repr=False)
    agrees: bool
    unknown_removals: int


def parse_patch(data: bytes) -> Patch:
    """Read the content of `<patch>`.

    Raises:
        DecodeError: no `SyncdPatch`; no version, MACs or key; an author who gave up; mutations both
            inline and in a file, or more than `MAX_RECORDS`.
        MacMismatch: a value is too short to hold a MAC.
    """
    try:
        patch = pb.SyncdPatch.FromString(data)
    except ProtobufError as exc:
        raise DecodeError("no app-state patch") from exc
    if patch.exitCode.code:
        raise DecodeError(f"the author of a patch gave up with code {patch.exitCode.code}")
    if not 1 <= patch.version.version <= MAX_VERSION:
        raise DecodeError("a patch without a version")
    if len(patch.snapshotMac) != MAC_SIZE or len(patch.patchMac) != MAC_SIZE:
        raise DecodeError("a patch without MACs")
    if len(patch.keyId.id) != KEY_ID_SIZE:
        raise DecodeError("a patch names no sync key")
    external = None
    if patch.HasField("externalMutations"):
        if patch.mutations:
            raise DecodeError("the mutations of a patch are both inline and in a file")
        external = read_blob_reference(patch.externalMutations)
    return Patch(
        patch.version.version,
        _records(patch.mutations),
        external,
        patch.snapshotMac,
        patch.patchMac,
        patch.keyId.id,
    )


def load_external(patch: Patch, data: bytes) -> Patch:
    """The same patch with the mutations out of its file, which is given in clear.

    Raises:
        DecodeError: no `SyncdMutations`, or more than `MAX_RECORDS`.
        MacMismatch: a value is too short to hold a MAC.
    """
    try:
        mutations = pb.SyncdMutations.FromString(data)
    except ProtobufError as exc:
        raise DecodeError("no app-state mutations") from exc
    return replace(patch, records=_records(mutations.mutations), external=None)


def _records(mutations: Sequence[pb.SyncdMutation]) -> tuple[SealedRecord, ...]:
    if len(mutations) > MAX_RECORDS:
        raise DecodeError("too many mutations in a patch")
    return tuple([read_mutation(mutation) for mutation in mutations])


def following(state: CollectionState, patches: Iterable[Patch]) -> list[Patch]:
    """Those patches that are new, in the order of their versions; the same one comes only once."""
    new = {patch.version: patch for patch in patches if patch.version > state.version}
    return [new[version] for version in sorted(new)]


def apply_patch(
    collection: Collection,
    state: CollectionState,
    patch: Patch,
    keys: KeyRing,
    find_value_mac: FindValueMac,
) -> AppliedPatch:
    """Verify the patch that follows `state`, and open it.

    Args:
        find_value_mac: looks up the records of `state`.

    Raises:
        VersionGap: it is not the next one.
        MissingKeys: names all keys that it needs and that are not there.
        MacMismatch: a MAC is wrong (a snapshot MAC alone is reported, see `AppliedPatch.agrees`).
        DecodeError: its mutations still lie in a file, or one of them is none.
    """
    if patch.version != state.version + 1:
        raise VersionGap(state.version + 1, patch.version)
    if patch.external is not None:
        raise DecodeError("the mutations of a patch were not loaded")
    records = patch.records
    keys.require([patch.key_id, *{record.key_id for record in records}])
    own = keys.expand(patch.key_id)
    macs = [record.value_mac for record in records]
    if not equal(
        patch.patch_mac, patch_mac(own, collection, patch.version, patch.snapshot_mac, macs)
    ):
        raise MacMismatch("patch")
    mutations = tuple([open_record(record, keys.expand(record.key_id)) for record in records])
    after = advance(state, records, find_value_mac)
    agrees = equal(patch.snapshot_mac, snapshot_mac(own, collection, after.state))
    return AppliedPatch(
        after.state,
        after.changes,
        mutations,
        _effects(records, mutations, keys, overlay(after.changes, find_value_mac)),
        agrees,
        after.unknown_removals,
    )


def _effects(
    records: Sequence[SealedRecord],
    mutations: Sequence[Mutation],
    keys: KeyRing,
    find_value_mac: FindValueMac,
) -> tuple[Mutation, ...]:
    """What `AppliedPatch.effects` says; looks up the records after the patch.

    A removal may only clear away what is sealed with an older key, beside a newer record.
    """
    effects: dict[bytes, Mutation] = {}
    for record, mutation in zip(records, mutations, strict=True):
        if mutation.operation is Operation.SET:
            counts = find_value_mac(record.index_mac) == record.value_mac
        else:
            counts = not keys_of_record(mutation.index, keys, find_value_mac)
        if counts:
            effects[mutation.index] = mutation
    return tuple(effects.values())


def keys_of_record(index: bytes, keys: KeyRing, find_value_mac: FindValueMac) -> list[bytes]:
    """The ids of the keys under which a record of that index is kept: one for each is possible.

    The index MAC depends on the key, so that records under two keys do not replace each other.
    """
    return [
        key_id
        for key_id in keys.ids
        if find_value_mac(index_mac(keys.expand(key_id), index)) is not None
    ]


def overlay(changes: Changes, find_value_mac: FindValueMac) -> FindValueMac:
    """Look up records as they are after some changes."""

    def find(index: bytes) -> bytes | None:
        return changes[index] if index in changes else find_value_mac(index)

    return find


@dataclass(frozen=True, slots=True)
class Advance:
    """What records do to a collection's hash; see `AppliedPatch`."""

    state: CollectionState
    changes: Changes = field(repr=False)
    unknown_removals: int


_UNSEEN: Final = b""


def advance(
    state: CollectionState, records: Iterable[SealedRecord], find_value_mac: FindValueMac
) -> Advance:
    """The collection after these mutations, which are one patch; earlier ones of it count."""
    changes: dict[bytes, bytes | None] = {}
    added: list[bytes] = []
    gone: list[bytes] = []
    unknown = 0
    for record in records:
        index = record.index_mac
        old = changes.get(index, _UNSEEN)
        if old == _UNSEEN:
            old = find_value_mac(index)
        if old is not None:
            gone.append(old)
        if record.operation is Operation.SET:
            new = record.value_mac
            added.append(new)
            changes[index] = new
        else:
            unknown += old is None
            changes[index] = None
    lthash = update_lthash(state.lthash, add=added, subtract=gone)
    return Advance(CollectionState(state.version + 1, lthash), changes, unknown)
