from __future__ import annotations

import pytest

from support.appstate import (
    KEY_ID,
    OTHER_ID,
    RING,
    Replica,
    chat,
    pin,
    removal,
    served,
)
from waport.appstate import (
    MAX_INLINE,
    BlobReference,
    CollectionState,
    Operation,
    build_patch,
    index_mac,
    latest_only,
)
from waport.errors import InvalidInput, MissingKeys
from waport.proto import pb

FILE = BlobReference(bytes(32), "/v/t62/x", b"\1" * 32, b"\2" * 32, 700, "h")


def test_a_patch_goes_out_without_a_version() -> None:
    patch = pb.SyncdPatch.FromString(Replica().build(pin()).patch())
    assert [field.name for field, _ in patch.ListFields()] == [
        "mutations",
        "snapshotMac",
        "patchMac",
        "keyId",
    ]


def test_others_take_what_we_build_and_reach_our_state() -> None:
    ours, other = Replica(), Replica()
    for mutations in ([pin()], [pin(pinned=False), pin(chat(1))], [removal()], [pin()]):
        upload = ours.build(*mutations)
        applied = other.apply(served(upload))
        assert applied.agrees
        assert applied.mutations == upload.mutations == tuple(mutations)
        assert (applied.state, applied.changes) == (upload.state, upload.changes)
        ours.keep(upload.state, upload.changes)


def test_building_changes_nothing() -> None:
    replica = Replica()
    replica.write(pin())
    before = (replica.state, dict(replica.value_macs))
    upload = replica.build(pin(pinned=False))
    assert (replica.state, replica.value_macs) == before
    assert upload.base == replica.state
    assert upload.state.version == replica.state.version + 1


def test_after_a_conflict_the_same_is_built_anew() -> None:
    ours, other = Replica(), Replica()
    refused = ours.build(pin())
    winner = other.write(pin(chat(1)))
    ours.apply(winner)
    upload = ours.build(*refused.mutations)
    assert upload.base.version == 1
    assert other.apply(served(upload)).agrees


def test_no_record_is_set_twice_in_a_patch() -> None:
    mutations = [pin(at=1), pin(chat(1)), pin(pinned=False, at=2), removal(chat(1)), pin(at=3)]
    upload = Replica().build(*mutations)
    assert upload.mutations == (removal(chat(1)), pin(at=3))
    assert latest_only(mutations) == upload.mutations
    assert len({record.index_mac for record in upload.records}) == len(upload.records)


def test_what_is_set_under_a_new_key_is_removed_under_the_old_one() -> None:
    replica = Replica()
    replica.write(pin(), key_id=KEY_ID)
    upload = replica.build(pin(pinned=False), pin(chat(1)), key_id=OTHER_ID)
    assert [(record.operation, record.key_id) for record in upload.records] == [
        (Operation.REMOVE, KEY_ID),
        (Operation.SET, OTHER_ID),
        (Operation.SET, OTHER_ID),
    ]
    assert upload.records[0].index_mac == index_mac(RING.expand(KEY_ID), pin().index)
    other = Replica(state=replica.state, value_macs=dict(replica.value_macs))
    assert other.apply(served(upload)).agrees
    assert len(other.value_macs) == 2


def test_a_removal_is_sealed_with_the_records_own_key() -> None:
    replica = Replica()
    replica.write(pin(), key_id=KEY_ID)
    upload = replica.build(removal(), key_id=OTHER_ID)
    (record,) = upload.records
    assert record.key_id == KEY_ID
    assert upload.key_id == OTHER_ID
    assert upload.state.lthash == CollectionState().lthash


def test_a_removal_of_nothing_is_sealed_with_the_writing_key() -> None:
    (record,) = Replica().build(removal(), key_id=OTHER_ID).records
    assert record.key_id == OTHER_ID


def test_many_mutations_need_a_file() -> None:
    few = Replica().build(*(pin(chat(number)) for number in range(MAX_INLINE)))
    many = Replica().build(*(pin(chat(number)) for number in range(MAX_INLINE + 1)))
    assert not few.needs_blob
    assert len(pb.SyncdPatch.FromString(few.patch()).mutations) == MAX_INLINE
    assert many.needs_blob
    with pytest.raises(InvalidInput):
        many.patch()
    patch = pb.SyncdPatch.FromString(many.patch(FILE))
    assert not patch.mutations
    assert patch.externalMutations.directPath == FILE.direct_path
    assert len(pb.SyncdMutations.FromString(many.blob()).mutations) == MAX_INLINE + 1


def test_nothing_is_no_patch() -> None:
    with pytest.raises(InvalidInput):
        Replica().build()


def test_a_key_that_is_not_known_writes_nothing() -> None:
    with pytest.raises(MissingKeys):
        Replica().build(pin(), key_id=b"abcdef")


def test_randomness_is_a_parameter() -> None:
    replica = Replica()
    first, second = (
        build_patch(
            replica.collection,
            replica.state,
            [pin()],
            RING,
            KEY_ID,
            replica.value_macs.get,
            lambda size: b"\5" * size,
        )
        for _ in range(2)
    )
    assert first == second
    assert first.records[0].blob[:16] == b"\5" * 16
