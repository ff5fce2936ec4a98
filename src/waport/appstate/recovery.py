"""The phone's own copy of a collection, for when the server's leads nowhere any more.

Source: docs/protocol/app-state.md, "Recovery".
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Final

from google.protobuf.message import DecodeError as ProtobufError

from ..crypto import equal
from ..errors import DecodeError, MacMismatch
from ..proto import pb
from .blobs import MAX_BLOB_SIZE
from .codec import MAC_SIZE, Mutation, Operation, index_mac
from .keys import KEY_ID_SIZE, KeyRing, key_epoch
from .lthash import EMPTY_HASH, HASH_SIZE, update_lthash
from .snapshots import AppliedSnapshot, newest_of_each
from .state import MAX_RECORDS, MAX_VERSION, Collection, CollectionState

_GZIP: Final = zlib.MAX_WBITS | 16


@dataclass(frozen=True, slots=True)
class PlainRecord:
    """A record in clear, as the phone gives it.

    Attributes:
        mutation: what it says.
        key_id: of the sync key that the server's record is sealed with, 6 bytes.
        value_mac: of the server's record, 32 bytes.
    """

    mutation: Mutation
    key_id: bytes
    value_mac: bytes


@dataclass(frozen=True, slots=True)
class CollectionCopy:
    """A whole collection, as the phone knows it.

    Attributes:
        collection: which.
        version: that it stands for.
        records: all of them.
        lthash: over them, 128 bytes.
    """

    collection: Collection
    version: int
    records: tuple[PlainRecord, ...] = field(repr=False)
    lthash: bytes = field(repr=False)


def parse_copy(data: bytes, *, is_compressed: bool) -> CollectionCopy:
    """Read the phone's copy. Takes long for a large one: use a thread.

    Raises:
        DecodeError: no `SyncdSnapshotRecovery`, no gzip, or far too large; no version, hash or
            collection; a record without a key or MAC; more than `MAX_RECORDS`.
    """
    if is_compressed:
        data = _inflated(data)
    try:
        copy = pb.SyncdSnapshotRecovery.FromString(data)
        collection = Collection(copy.collectionName)
    except (ProtobufError, ValueError) as exc:
        raise DecodeError("no copy of an app-state collection") from exc
    if not 0 <= copy.version.version <= MAX_VERSION:
        raise DecodeError("a copy of a collection without a version")
    if len(copy.collectionLthash) != HASH_SIZE:
        raise DecodeError("a copy of a collection without a hash")
    if len(copy.mutationRecords) > MAX_RECORDS:
        raise DecodeError("too many records in a copy of a collection")
    records = tuple([_record(record) for record in copy.mutationRecords])
    return CollectionCopy(collection, copy.version.version, records, copy.collectionLthash)


def apply_copy(copy: CollectionCopy, keys: KeyRing) -> AppliedSnapshot:
    """Check a copy against its own hash, and find the names of its records.

    The phone is believed in what it says; the hash tells whether we count as it does.

    Raises:
        MissingKeys: names all keys that it needs and that are not there.
        MacMismatch: its records have another hash than it says, or one comes twice.
    """
    keys.require({record.key_id for record in copy.records})
    value_macs = {
        index_mac(keys.expand(record.key_id), record.mutation.index): record.value_mac
        for record in copy.records
    }
    lthash = update_lthash(EMPTY_HASH, add=value_macs.values())
    if len(value_macs) != len(copy.records) or not equal(lthash, copy.lthash):
        raise MacMismatch("recovery")
    effects = newest_of_each((record.mutation, key_epoch(record.key_id)) for record in copy.records)
    state = CollectionState(copy.version, lthash)
    mutations = tuple([record.mutation for record in copy.records])
    return AppliedSnapshot(state, value_macs, mutations, effects)


def _record(record: pb.SyncdPlainTextRecord) -> PlainRecord:
    if len(record.keyId) != KEY_ID_SIZE or len(record.mac) != MAC_SIZE:
        raise DecodeError("a record without a key or a MAC")
    data = record.value
    mutation = Mutation(
        Operation.SET,
        data.index,
        data.value.SerializeToString(),
        data.version,
        data.value.timestamp,
    )
    return PlainRecord(mutation, record.keyId, record.mac)


def _inflated(data: bytes) -> bytes:
    inflater = zlib.decompressobj(_GZIP)
    try:
        plain = inflater.decompress(data, MAX_BLOB_SIZE)
    except zlib.error as exc:
        raise DecodeError("the copy of a collection is no gzip") from exc
    if inflater.unconsumed_tail or not inflater.eof:
        raise DecodeError("the copy of a collection is cut short, or far too large")
    return plain
