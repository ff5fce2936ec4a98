from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from support.appstate import (
    KEY_ID,
    KEYS,
    LOW,
    OTHER_ID,
    RING,
    Replica,
    chat,
    pin,
    removal,
    served,
)
from waport.appstate import (
    EMPTY_HASH,
    MAX_RECORDS,
    MAX_VERSION,
    BlobReference,
    Collection,
    CollectionState,
    KeyRing,
    Mutation,
    Patch,
    SealedRecord,
    advance,
    apply_patch,
    following,
    load_external,
    parse_patch,
    patch_mac,
    seal_mutation,
    snapshot_mac,
    update_lthash,
    write_blob_reference,
)
from waport.errors import DecodeError, MacMismatch, MissingKeys, VersionGap
from waport.proto import pb

FILE = BlobReference(bytes(32), "/v/t62/x", b"\1" * 32, b"\2" * 32, 700, "h")


def sealed(mutation: Mutation, key_id: bytes = KEY_ID) -> SealedRecord:
    return seal_mutation(mutation, key_id, RING.expand(key_id))


def patch_of(
    *records: SealedRecord, base: CollectionState | None = None, key_id: bytes = KEY_ID
) -> Patch:
    """An authentic patch of records that stand in no collection yet."""
    after = advance(base or CollectionState(), records, {}.get).state
    own = RING.expand(key_id)
    snapshot = snapshot_mac(own, LOW, after)
    macs = [record.value_mac for record in records]
    return Patch(
        after.version,
        records,
        None,
        snapshot,
        patch_mac(own, LOW, after.version, snapshot, macs),
        key_id,
    )


def changed(data: bytes, change: Callable[[pb.SyncdPatch], object]) -> bytes:
    patch = pb.SyncdPatch.FromString(data)
    change(patch)
    return patch.SerializeToString()


# --- the collection after a patch ----------------------------------------------------------------


def test_a_set_adds_and_the_next_one_replaces() -> None:
    replica = Replica()
    first = replica.apply(Replica().write(pin()))
    (index,) = first.changes
    mac = first.changes[index]
    assert mac is not None
    assert replica.state == CollectionState(1, update_lthash(EMPTY_HASH, add=[mac]))
    second = replica.apply(served(replica.build(pin(pinned=False))))
    assert list(second.changes) == [index]
    new = second.changes[index]
    assert new is not None
    assert replica.state == CollectionState(2, update_lthash(EMPTY_HASH, add=[new]))


def test_a_removal_subtracts_what_was_there() -> None:
    replica = Replica()
    replica.write(pin(), pin(chat(1)))
    applied = replica.apply(served(replica.build(removal())))
    assert list(applied.changes.values()) == [None]
    assert applied.unknown_removals == 0
    assert replica.state.lthash == update_lthash(EMPTY_HASH, add=replica.value_macs.values())
    assert len(replica.value_macs) == 1


def test_a_removal_of_nothing_changes_no_hash_and_is_told() -> None:
    replica = Replica()
    applied = replica.apply(served(replica.build(removal())))
    assert replica.state == CollectionState(1, EMPTY_HASH)
    assert applied.unknown_removals == 1
    assert applied.agrees
    assert replica.value_macs == {}


def test_earlier_mutations_of_the_same_patch_count() -> None:
    pins = [sealed(pin(at=at)) for at in (1, 2, 3)]
    for records, left in (
        (pins, pins[2:]),
        ([pins[0], sealed(removal())], []),
        ([pins[0], sealed(removal()), pins[1]], [pins[1]]),
        ([sealed(removal()), pins[0]], [pins[0]]),
    ):
        after = advance(CollectionState(), records, {}.get)
        assert after.state.lthash == update_lthash(
            EMPTY_HASH, add=[record.value_mac for record in left]
        )
        assert after.changes == {
            pins[0].index_mac: left[0].value_mac if left else None,
        }


def test_only_removals_without_a_record_are_unknown() -> None:
    records = [sealed(pin()), sealed(removal()), sealed(removal()), sealed(removal(chat(1)))]
    assert advance(CollectionState(), records, {}.get).unknown_removals == 2


def test_the_order_of_a_patchs_mutations_is_kept() -> None:
    mutations = [pin(chat(number), at=number) for number in range(20)]
    applied = Replica().apply(Replica().write(*mutations))
    assert list(applied.mutations) == mutations
    assert list(applied.effects) == mutations


def test_an_empty_patch_only_counts() -> None:
    applied = Replica().apply(patch_of())
    assert (applied.state, applied.changes) == (CollectionState(1, EMPTY_HASH), {})


# --- effects -------------------------------------------------------------------------------------


def test_the_last_of_several_sets_has_the_effect() -> None:
    applied = Replica().apply(
        patch_of(sealed(pin(at=1)), sealed(pin(chat(1))), sealed(pin(pinned=False, at=2)))
    )
    assert len(applied.mutations) == 3
    assert applied.effects == (pin(chat(1)), pin(pinned=False, at=2))


def test_a_removal_after_a_set_has_the_effect() -> None:
    applied = Replica().apply(patch_of(sealed(pin()), sealed(removal())))
    assert applied.effects == (removal(),)


def test_clearing_an_old_keys_record_away_has_no_effect() -> None:
    """So a device writes a record anew after the sync key has changed."""
    replica = Replica()
    replica.write(pin(), key_id=KEY_ID)
    applied = replica.apply(served(replica.build(pin(pinned=False), key_id=OTHER_ID)))
    assert [mutation.operation.name for mutation in applied.mutations] == ["REMOVE", "SET"]
    assert applied.effects == (pin(pinned=False),)
    assert len(replica.value_macs) == 1


def test_clearing_it_away_later_has_no_effect_either() -> None:
    old, new = sealed(pin()), sealed(pin(pinned=False), OTHER_ID)
    replica = Replica()
    replica.apply(patch_of(old, new))
    after = advance(replica.state, [sealed(removal())], replica.value_macs.get).state
    snapshot = snapshot_mac(RING.expand(KEY_ID), LOW, after)
    gone = sealed(removal())
    mac = patch_mac(RING.expand(KEY_ID), LOW, 2, snapshot, [gone.value_mac])
    applied = replica.apply(Patch(2, (gone,), None, snapshot, mac, KEY_ID))
    assert applied.agrees
    assert applied.effects == ()
    assert replica.value_macs == {new.index_mac: new.value_mac}


def test_a_set_that_does_not_last_has_no_effect() -> None:
    """What stays is the record under the other key."""
    replica = Replica()
    replica.write(pin(), key_id=OTHER_ID)
    base = replica.state
    records = (sealed(pin(pinned=False)), sealed(removal()))
    after = advance(base, records, replica.value_macs.get).state
    own = RING.expand(KEY_ID)
    snapshot = snapshot_mac(own, LOW, after)
    mac = patch_mac(own, LOW, 2, snapshot, [record.value_mac for record in records])
    applied = replica.apply(Patch(2, records, None, snapshot, mac, KEY_ID))
    assert len(applied.mutations) == 2
    assert applied.effects == ()
    assert after.lthash == base.lthash


# --- refusals ------------------------------------------------------------------------------------


def test_what_is_refused_leaves_no_trace() -> None:
    replica = Replica()
    replica.write(pin())
    before = (replica.state, dict(replica.value_macs))
    patch = served(replica.build(pin(pinned=False)))
    for change in (
        lambda each: setattr(each, "patchMac", bytes(32)),
        lambda each: setattr(each, "snapshotMac", bytes(32)),
        lambda each: each.mutations.add().CopyFrom(each.mutations[0]),
        lambda each: each.ClearField("mutations"),
        lambda each: setattr(each.version, "version", 3),
        lambda each: setattr(each.keyId, "id", OTHER_ID),
    ):
        with pytest.raises((MacMismatch, VersionGap)):
            replica.apply(changed(patch, change))
        assert (replica.state, replica.value_macs) == before
    assert replica.apply(patch).agrees


def test_a_patch_belongs_to_its_collection() -> None:
    patch = parse_patch(Replica().write(pin()))
    for collection in Collection:
        if collection is not LOW:
            with pytest.raises(MacMismatch) as refusal:
                apply_patch(collection, CollectionState(), patch, RING, {}.get)
            assert refusal.value.which == "patch"


def test_a_bad_record_in_an_authentic_patch_refuses_all_of_it() -> None:
    good, bad = sealed(pin(chat(1))), sealed(pin())
    tampered = bytearray(bad.blob)
    tampered[20] ^= 1
    for records, which in (
        ((good, replace(bad, blob=bytes(tampered))), "value"),
        ((replace(bad, index_mac=b"\7" * 32), good), "index"),
    ):
        with pytest.raises(MacMismatch) as refusal:
            apply_patch(LOW, CollectionState(), patch_of(*records), RING, {}.get)
        assert refusal.value.which == which


def test_reordered_mutations_are_refused() -> None:
    patch = patch_of(sealed(pin()), sealed(pin(chat(1))))
    with pytest.raises(MacMismatch) as refusal:
        Replica().apply(replace(patch, records=patch.records[::-1]))
    assert refusal.value.which == "patch"


def test_another_hash_than_the_authors_is_told_and_nothing_else() -> None:
    """The author has a record that we have missed."""
    author = Replica()
    author.write(pin(chat(9)))
    ours = Replica(state=CollectionState(1, EMPTY_HASH))
    applied = ours.apply(author.write(pin()))
    assert not applied.agrees
    assert applied.mutations == (pin(),)
    assert ours.state.version == 2
    assert not ours.apply(author.write(pin(chat(2)))).agrees


@pytest.mark.parametrize(("have", "come"), [(0, 2), (5, 4), (5, 5), (5, 7)])
def test_only_the_next_version_is_taken(have: int, come: int) -> None:
    base = CollectionState(come - 1, EMPTY_HASH)
    patch = patch_of(sealed(pin()), base=base)
    with pytest.raises(VersionGap) as gap:
        apply_patch(LOW, CollectionState(have, EMPTY_HASH), patch, RING, {}.get)
    assert (gap.value.expected, gap.value.version) == (have + 1, come)


def test_every_missing_key_is_named_before_anything_else() -> None:
    unknown = b"\0\0\0\0\0\x09"
    patch = patch_of(sealed(pin()), replace(sealed(pin(chat(1)), OTHER_ID), key_id=unknown))
    with pytest.raises(MissingKeys) as missing:
        apply_patch(LOW, CollectionState(), patch, KeyRing({OTHER_ID: KEYS[OTHER_ID]}), {}.get)
    assert set(missing.value.key_ids) == {KEY_ID, unknown}


def test_records_of_one_patch_may_have_different_keys() -> None:
    patch = patch_of(sealed(pin()), sealed(pin(chat(1)), OTHER_ID), key_id=OTHER_ID)
    assert Replica().apply(patch).mutations == (pin(), pin(chat(1)))


# --- reading -------------------------------------------------------------------------------------


def test_a_patch_is_read_as_it_was_written() -> None:
    upload = Replica().build(pin(), pin(chat(1)))
    assert parse_patch(served(upload)) == Patch(
        1, upload.records, None, upload.snapshot_mac, upload.patch_mac, KEY_ID
    )


def test_a_patch_that_lacks_something_is_refused() -> None:
    patch = Replica().write(pin())
    changes: list[Callable[[pb.SyncdPatch], object]] = [
        lambda each: each.ClearField("version"),
        lambda each: setattr(each.version, "version", 0),
        lambda each: setattr(each.version, "version", MAX_VERSION + 1),
        lambda each: each.ClearField("snapshotMac"),
        lambda each: each.ClearField("patchMac"),
        lambda each: setattr(each, "patchMac", bytes(31)),
        lambda each: each.ClearField("keyId"),
        lambda each: setattr(each.exitCode, "code", 5),
        lambda each: write_blob_reference(FILE, each.externalMutations),
        lambda each: each.mutations[0].ClearField("record"),
    ]
    for change in changes:
        with pytest.raises(DecodeError):
            parse_patch(changed(patch, change))


@pytest.mark.parametrize("data", [b"", b"\xff", b"\x0a\x05", b"\x12\x02\x08", b"text"])
def test_bytes_that_are_no_patch_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        parse_patch(data)
    if data:
        with pytest.raises(DecodeError):
            load_external(patch_of(), data)


def test_an_exit_code_of_0_is_no_failure() -> None:
    patch = changed(Replica().write(pin()), lambda each: setattr(each.exitCode, "code", 0))
    assert Replica().apply(patch).agrees


def test_too_many_mutations_are_refused() -> None:
    many = pb.SyncdMutations()
    part = pb.SyncdMutations(mutations=[pb.SyncdMutation()] * 4096)
    for _ in range(MAX_RECORDS // 4096):
        many.MergeFrom(part)
    many.mutations.add()
    with pytest.raises(DecodeError, match="too many"):
        load_external(patch_of(), many.SerializeToString())


# --- mutations in a file -------------------------------------------------------------------------


def external() -> tuple[Patch, bytes]:
    """A patch whose mutations lie in a file, and that file."""
    upload = Replica().build(*(pin(chat(number)) for number in range(120)))
    patch = pb.SyncdPatch.FromString(upload.patch(FILE))
    patch.version.version = 1
    return parse_patch(patch.SerializeToString()), upload.blob()


def test_mutations_come_out_of_a_file() -> None:
    patch, blob = external()
    assert patch.external == FILE
    assert patch.records == ()
    loaded = load_external(patch, blob)
    assert loaded.external is None
    assert len(Replica().apply(loaded).mutations) == 120


def test_a_patch_is_not_applied_without_its_file() -> None:
    patch, _ = external()
    with pytest.raises(DecodeError):
        Replica().apply(patch)


def test_another_file_is_noticed() -> None:
    patch, _ = external()
    with pytest.raises(MacMismatch):
        Replica().apply(load_external(patch, b""))


# --- several -------------------------------------------------------------------------------------


def test_patches_are_sorted_and_old_ones_left_out() -> None:
    author = Replica()
    patches = [parse_patch(author.write(pin(chat(number)))) for number in range(5)]
    shuffled = [patches[3], patches[0], patches[2], patches[2], patches[1], patches[4]]
    assert following(CollectionState(), shuffled) == patches
    assert following(CollectionState(2, EMPTY_HASH), shuffled) == patches[2:]
    assert following(author.state, shuffled) == []
