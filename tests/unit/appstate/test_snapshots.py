from __future__ import annotations

from collections.abc import Callable

import pytest

from support.appstate import KEY_ID, KEYS, LOW, OTHER_ID, RING, Replica, chat, pin, removal
from waport.appstate import (
    EMPTY_HASH,
    MAX_VERSION,
    Collection,
    CollectionState,
    KeyRing,
    SealedRecord,
    apply_snapshot,
    parse_snapshot,
    seal_mutation,
    snapshot_mac,
    update_lthash,
)
from waport.errors import DecodeError, MacMismatch, MissingKeys
from waport.proto import pb


def snapshot_of(*records: SealedRecord, version: int = 9, key_id: bytes = KEY_ID) -> bytes:
    """An authentic snapshot."""
    lthash = update_lthash(EMPTY_HASH, add=[record.value_mac for record in records])
    snapshot = pb.SyncdSnapshot(
        mac=snapshot_mac(RING.expand(key_id), LOW, CollectionState(version, lthash))
    )
    snapshot.version.version = version
    snapshot.keyId.id = key_id
    for record in records:
        added = snapshot.records.add()
        added.index.blob = record.index_mac
        added.value.blob = record.blob
        added.keyId.id = record.key_id
    return snapshot.SerializeToString()


def sealed(
    number: int, *, key_id: bytes = KEY_ID, pinned: bool = True, at: int = 5
) -> SealedRecord:
    return seal_mutation(pin(chat(number), pinned, at=at), key_id, RING.expand(key_id))


RECORDS = (sealed(0), sealed(1), sealed(2, key_id=OTHER_ID))


def test_a_snapshot_gives_the_whole_collection() -> None:
    applied = apply_snapshot(LOW, parse_snapshot(snapshot_of(*RECORDS)), RING)
    assert applied.state.version == 9
    assert applied.value_macs == {record.index_mac: record.value_mac for record in RECORDS}
    assert applied.mutations == tuple(pin(chat(number), at=5) for number in range(3))
    assert applied.effects == applied.mutations


def test_the_next_patch_follows_a_snapshot() -> None:
    author = Replica()
    upload = author.build(pin(chat(0)), pin(chat(1)))
    author.keep(upload.state, upload.changes)
    applied = apply_snapshot(LOW, parse_snapshot(snapshot_of(*upload.records, version=1)), RING)
    assert applied.state == author.state
    ours = Replica(state=applied.state, value_macs=dict(applied.value_macs))
    assert ours.apply(author.write(removal(chat(1)), pin(chat(0), False))).agrees
    assert ours.state == author.state


def test_an_empty_snapshot_is_one() -> None:
    applied = apply_snapshot(LOW, parse_snapshot(snapshot_of()), RING)
    assert (applied.state, applied.mutations) == (CollectionState(9, EMPTY_HASH), ())


@pytest.mark.parametrize(
    ("old_at", "new_at", "counts"), [(5, 6, "new"), (6, 5, "old"), (5, 5, "new")]
)
def test_of_two_records_of_one_index_the_newer_counts(
    old_at: int, new_at: int, counts: str
) -> None:
    """The key was changed in between; both records are in the hash."""
    old = sealed(0, at=old_at)
    new = sealed(0, key_id=OTHER_ID, pinned=False, at=new_at)
    for records in ((old, new), (new, old)):
        applied = apply_snapshot(LOW, parse_snapshot(snapshot_of(*records)), RING)
        assert len(applied.value_macs) == len(applied.mutations) == 2
        expected = pin(chat(0), counts == "old", at=old_at if counts == "old" else new_at)
        assert applied.effects == (expected,)


def changed(change: Callable[[pb.SyncdSnapshot], object]) -> bytes:
    snapshot = pb.SyncdSnapshot.FromString(snapshot_of(*RECORDS))
    change(snapshot)
    return snapshot.SerializeToString()


def flip(snapshot: pb.SyncdSnapshot) -> None:
    blob = bytearray(snapshot.records[1].value.blob)
    blob[3] ^= 1
    snapshot.records[1].value.blob = bytes(blob)


@pytest.mark.parametrize(
    ("change", "which"),
    [
        (lambda each: setattr(each, "mac", bytes(32)), "snapshot"),
        (lambda each: setattr(each.version, "version", 10), "snapshot"),
        (lambda each: each.records.pop(), "snapshot"),
        (lambda each: setattr(each.keyId, "id", OTHER_ID), "snapshot"),
        (lambda each: setattr(each.records[0].index, "blob", b"\1" * 32), "index"),
        (flip, "value"),
    ],
)
def test_a_changed_snapshot_is_refused(
    change: Callable[[pb.SyncdSnapshot], object], which: str
) -> None:
    with pytest.raises(MacMismatch) as refusal:
        apply_snapshot(LOW, parse_snapshot(changed(change)), RING)
    assert refusal.value.which == which


def test_a_snapshot_belongs_to_its_collection() -> None:
    with pytest.raises(MacMismatch):
        apply_snapshot(Collection.REGULAR, parse_snapshot(snapshot_of(*RECORDS)), RING)


@pytest.mark.parametrize(
    "change",
    [
        lambda each: each.ClearField("version"),
        lambda each: setattr(each.version, "version", MAX_VERSION + 1),
        lambda each: each.ClearField("mac"),
        lambda each: each.ClearField("keyId"),
        lambda each: each.records[0].ClearField("keyId"),
    ],
)
def test_a_snapshot_that_lacks_something_is_refused(
    change: Callable[[pb.SyncdSnapshot], object],
) -> None:
    with pytest.raises(DecodeError):
        parse_snapshot(changed(change))


@pytest.mark.parametrize("data", [b"", b"\xff\xff", b"\x12\x09", b"plain text"])
def test_bytes_that_are_no_snapshot_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        parse_snapshot(data)


def test_a_record_that_comes_twice_is_refused() -> None:
    with pytest.raises(DecodeError):
        apply_snapshot(LOW, parse_snapshot(snapshot_of(RECORDS[0], RECORDS[0])), RING)


def test_every_missing_key_is_named() -> None:
    with pytest.raises(MissingKeys) as missing:
        apply_snapshot(LOW, parse_snapshot(snapshot_of(*RECORDS)), KeyRing({}))
    assert missing.value.key_ids == (KEY_ID, OTHER_ID)
    with pytest.raises(MissingKeys) as one:
        apply_snapshot(LOW, parse_snapshot(snapshot_of(*RECORDS)), KeyRing({KEY_ID: KEYS[KEY_ID]}))
    assert one.value.key_ids == (OTHER_ID,)
