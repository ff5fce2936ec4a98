"""Snapshots: all records of a collection at one version.

Source: docs/protocol/app-state.md, "Snapshots".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError as ProtobufError

from ..crypto import equal
from ..errors import DecodeError, MacMismatch
from ..proto import pb
from .codec import MAC_SIZE, Mutation, SealedRecord, open_record, read_record
from .keys import KEY_ID_SIZE, KeyRing, key_epoch
from .lthash import update_lthash
from .macs import snapshot_mac
from .state import MAX_RECORDS, MAX_VERSION, Collection, CollectionState


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot as it came; nothing of it is verified.

    Attributes:
        version: of the collection.
        records: all of them.
        mac: 32 bytes.
        key_id: of the sync key of that MAC; records may have others.
    """

    version: int
    records: tuple[SealedRecord, ...] = field(repr=False)
    mac: bytes
    key_id: bytes


@dataclass(frozen=True, slots=True)
class AppliedSnapshot:
    """A verified snapshot: what takes the place of all that was known of the collection.

    Attributes:
        state: the collection now.
        value_macs: by index MAC, of every record.
        mutations: every record in clear.
        effects: those of them that count. Of two records of one index, sealed with different keys,
            only the newer does.
    """

    state: CollectionState
    value_macs: Mapping[bytes, bytes] = field(repr=False)
    mutations: tuple[Mutation, ...]
    effects: tuple[Mutation, ...] = field(repr=False)


def parse_snapshot(data: bytes) -> Snapshot:
    """Read a snapshot's file, which is given in clear.

    Raises:
        DecodeError: no `SyncdSnapshot`; no version, MAC or key; more than `MAX_RECORDS`.
        MacMismatch: a value is too short to hold a MAC.
    """
    try:
        snapshot = pb.SyncdSnapshot.FromString(data)
    except ProtobufError as exc:
        raise DecodeError("no app-state snapshot") from exc
    if not 1 <= snapshot.version.version <= MAX_VERSION:
        raise DecodeError("a snapshot without a version")
    if len(snapshot.mac) != MAC_SIZE or len(snapshot.keyId.id) != KEY_ID_SIZE:
        raise DecodeError("a snapshot without a MAC or a sync key")
    if len(snapshot.records) > MAX_RECORDS:
        raise DecodeError("too many records in a snapshot")
    records = tuple([read_record(record) for record in snapshot.records])
    return Snapshot(snapshot.version.version, records, snapshot.mac, snapshot.keyId.id)


def apply_snapshot(collection: Collection, snapshot: Snapshot, keys: KeyRing) -> AppliedSnapshot:
    """Verify a snapshot and open it. Takes some 30 ms for 1000 records: use a thread.

    Raises:
        MissingKeys: names all keys that it needs and that are not there.
        MacMismatch: a MAC is wrong.
        DecodeError: a record is none, or comes twice.
    """
    records = snapshot.records
    keys.require([snapshot.key_id, *{record.key_id for record in records}])
    value_macs = {record.index_mac: record.value_mac for record in records}
    if len(value_macs) != len(records):
        raise DecodeError("a snapshot holds a record twice")
    state = CollectionState(
        snapshot.version, update_lthash(CollectionState().lthash, add=value_macs.values())
    )
    if not equal(snapshot.mac, snapshot_mac(keys.expand(snapshot.key_id), collection, state)):
        raise MacMismatch("snapshot")
    mutations = tuple([open_record(record, keys.expand(record.key_id)) for record in records])
    epochs = (key_epoch(record.key_id) for record in records)
    effects = newest_of_each(zip(mutations, epochs, strict=True))
    return AppliedSnapshot(state, value_macs, mutations, effects)


def newest_of_each(mutations: Iterable[tuple[Mutation, int]]) -> tuple[Mutation, ...]:
    """The newest mutation of each index.

    Args:
        mutations: each with the epoch of its key, which decides between two of one time.
    """
    newest: dict[bytes, tuple[tuple[int, int], Mutation]] = {}
    for mutation, epoch in mutations:
        age = (mutation.timestamp_ms, epoch)
        known = newest.get(mutation.index)
        if known is None or known[0] < age:
            newest[mutation.index] = (age, mutation)
    return tuple([mutation for _, mutation in newest.values()])
