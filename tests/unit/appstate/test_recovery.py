"""The phone's own copy of a collection."""

from __future__ import annotations

import gzip
from dataclasses import replace

import pytest

from support.appstate import CHAT, KEY_ID, KEYS, NOW_MS, OTHER_ID, RING, Replica, chat, pin
from waport.appstate import (
    Collection,
    CollectionState,
    KeyRing,
    apply_copy,
    index_mac,
    parse_copy,
)
from waport.errors import DecodeError, MacMismatch, MissingKeys
from waport.proto import pb

LOW = Collection.REGULAR_LOW


def copy_of(replica: Replica, *written: tuple[bytes, list[object]]) -> pb.SyncdSnapshotRecovery:
    """What a phone gives that has these records.

    Args:
        written: the mutations by the key that they are sealed with.
    """
    copy = pb.SyncdSnapshotRecovery(collectionName=replica.collection.value)
    copy.version.version = replica.state.version
    copy.collectionLthash = replica.state.lthash
    for key_id, mutations in written:
        for each in mutations:
            name = index_mac(RING.expand(key_id), each.index)  # type: ignore[attr-defined]
            record = copy.mutationRecords.add(keyId=key_id, mac=replica.value_macs[name])
            record.value.index = each.index  # type: ignore[attr-defined]
            record.value.value.MergeFromString(each.value)  # type: ignore[attr-defined]
            record.value.version = each.version  # type: ignore[attr-defined]
    return copy


@pytest.fixture
def replica() -> Replica:
    replica = Replica()
    replica.write(pin(chat(1)), pin(chat(2)))
    replica.write(pin(chat(3)), key_id=OTHER_ID)
    return replica


@pytest.fixture
def copy(replica: Replica) -> pb.SyncdSnapshotRecovery:
    return copy_of(replica, (KEY_ID, [pin(chat(1)), pin(chat(2))]), (OTHER_ID, [pin(chat(3))]))


@pytest.mark.parametrize("is_compressed", [True, False])
def test_a_copy_is_all_that_there_is(
    replica: Replica, copy: pb.SyncdSnapshotRecovery, is_compressed: bool
) -> None:
    data = copy.SerializeToString()
    data = gzip.compress(data) if is_compressed else data
    applied = apply_copy(parse_copy(data, is_compressed=is_compressed), RING)
    assert applied.state == replica.state
    assert applied.value_macs == replica.value_macs
    assert applied.effects == (pin(chat(1)), pin(chat(2)), pin(chat(3)))


def test_of_two_records_of_one_index_the_newer_counts() -> None:
    replica = Replica()
    replica.write(pin(CHAT, at=NOW_MS))
    newer = pin(CHAT, False, at=NOW_MS + 1)
    replica.value_macs = dict(replica.value_macs)
    upload = Replica(LOW, replica.state).build(newer, key_id=OTHER_ID)
    replica.keep(upload.state, upload.changes)
    copy = copy_of(replica, (KEY_ID, [pin(CHAT, at=NOW_MS)]), (OTHER_ID, [newer]))
    applied = apply_copy(parse_copy(copy.SerializeToString(), is_compressed=False), RING)
    assert applied.effects == (newer,)
    assert len(applied.mutations) == 2


def test_an_empty_copy_has_an_empty_hash() -> None:
    copy = copy_of(Replica())
    applied = apply_copy(parse_copy(copy.SerializeToString(), is_compressed=False), RING)
    assert applied.state == CollectionState()
    assert applied.effects == ()


def test_another_hash_than_that_of_the_records_is_refused(copy: pb.SyncdSnapshotRecovery) -> None:
    parsed = parse_copy(copy.SerializeToString(), is_compressed=False)
    with pytest.raises(MacMismatch, match="recovery"):
        apply_copy(replace(parsed, lthash=bytes(128)), RING)
    with pytest.raises(MacMismatch):
        apply_copy(replace(parsed, records=parsed.records[:-1]), RING)
    with pytest.raises(MacMismatch):
        apply_copy(replace(parsed, records=(*parsed.records, parsed.records[0])), RING)


def test_keys_that_are_missing_are_named(copy: pb.SyncdSnapshotRecovery) -> None:
    parsed = parse_copy(copy.SerializeToString(), is_compressed=False)
    with pytest.raises(MissingKeys) as caught:
        apply_copy(parsed, KeyRing({KEY_ID: KEYS[KEY_ID]}))
    assert caught.value.key_ids == (OTHER_ID,)


def test_nonsense_is_refused(copy: pb.SyncdSnapshotRecovery) -> None:
    good = copy.SerializeToString()
    packed = gzip.compress(good)
    for data in (b"", b"\xff", packed, gzip.compress(b"\xff")):
        with pytest.raises(DecodeError):
            parse_copy(data, is_compressed=False)
    for data in (b"", good, packed[:-1], packed[:20]):
        with pytest.raises(DecodeError):
            parse_copy(data, is_compressed=True)
    for field, value in (
        ("collectionName", "nonsense"),
        ("collectionLthash", bytes(127)),
    ):
        bad = pb.SyncdSnapshotRecovery.FromString(good)
        setattr(bad, field, value)
        with pytest.raises(DecodeError):
            parse_copy(bad.SerializeToString(), is_compressed=False)
    for field, value in (("keyId", b"short"), ("mac", bytes(31))):
        bad = pb.SyncdSnapshotRecovery.FromString(good)
        setattr(bad.mutationRecords[0], field, value)
        with pytest.raises(DecodeError):
            parse_copy(bad.SerializeToString(), is_compressed=False)
    bad = pb.SyncdSnapshotRecovery.FromString(good)
    bad.version.version = 2**60
    with pytest.raises(DecodeError):
        parse_copy(bad.SerializeToString(), is_compressed=False)


def test_a_bomb_is_not_blown_up() -> None:
    packed = gzip.compress(bytes(65 * 1024 * 1024), 1)
    with pytest.raises(DecodeError, match="too large"):
        parse_copy(packed, is_compressed=True)
