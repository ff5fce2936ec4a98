"""App state as another implementation writes it: keys, MACs, patches, snapshots, uploads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict

from support.appstate import Replica
from waport.appstate import (
    Collection,
    CollectionState,
    KeyRing,
    Mutation,
    MutationKeys,
    Operation,
    Patch,
    SealedRecord,
    advance,
    apply_patch,
    apply_snapshot,
    build_patch,
    expand_sync_key,
    index_mac,
    index_parts,
    index_text,
    load_external,
    mutation_data,
    parse_patch,
    parse_snapshot,
    patch_mac,
    read_key_share,
    seal_mutation,
    snapshot_mac,
    update_lthash,
    value_mac,
    write_key_share,
)
from waport.appstate.actions import (
    Action,
    SaveContact,
    StarMessage,
    UnknownAction,
    read_action,
    write_action,
)
from waport.errors import AppStateError, InvalidInput, MissingKeys
from waport.media import MediaKind, decrypt_media
from waport.proto import pb
from waport.stanza.appstate import CollectionRequest, SyncCollections
from waport.wire import decode_stanza

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parent / "appstate.json").read_text(encoding="utf-8")
)


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


KEYS = {raw(key["id"]): raw(key["key_data"]) for key in VECTORS["sync_keys"]}
RING = KeyRing(KEYS)
PATCHES = [
    (collection["name"], patch)
    for collection in VECTORS["collections"]
    for patch in collection["patches"]
]
MUTATIONS = [mutation for _, patch in PATCHES for mutation in patch["mutations"]]
ACCEPTED = [case for case in VECTORS["snapshots"] if case["expect"] == "accept"]
REJECTED = [case for case in VECTORS["snapshots"] if case["expect"] == "reject"]


def state_of(case: dict[str, Any]) -> CollectionState:
    return CollectionState(case["version"], raw(case["hash"]))


def mutation_of(case: dict[str, Any]) -> Mutation:
    value = ParseDict(case["action"], pb.SyncActionValue())
    return Mutation(
        Operation[case["operation"]],
        index_text(case["index"]),
        value.SerializeToString(),
        case["action_version"],
        value.timestamp,
    )


def agree(mutation: Mutation, case: dict[str, Any]) -> None:
    """The mutation is the one that the vector tells of."""
    assert mutation.operation.name == case["operation"]
    assert list(index_parts(mutation.index)) == case["index"]
    assert mutation.version == case["action_version"]
    assert str(mutation.timestamp_ms) == case["action"]["timestamp"]
    value = pb.SyncActionValue.FromString(mutation.value)
    assert MessageToDict(value, preserving_proto_field_name=True) == case["action"]
    assert mutation_data(mutation).hex() == case["data"]


def follow(replica: Replica, patch: Patch) -> tuple[Mutation, ...]:
    applied = replica.apply(patch, RING)
    assert applied.agrees
    return applied.mutations


@pytest.mark.parametrize("case", VECTORS["key_expansion"], ids=lambda case: case["key_data"][:8])
def test_a_sync_key_expands(case: dict[str, str]) -> None:
    keys = expand_sync_key(raw(case["key_data"]))
    assert keys.index.hex() == case["index_key"]
    assert keys.value_encryption.hex() == case["value_encryption_key"]
    assert keys.value_mac.hex() == case["value_mac_key"]
    assert keys.snapshot_mac.hex() == case["snapshot_mac_key"]
    assert keys.patch_mac.hex() == case["patch_mac_key"]


def test_a_key_share_is_read_and_written() -> None:
    share = read_key_share(pb.AppStateSyncKeyShare.FromString(raw(VECTORS["key_share"])))
    assert {key.id: key.data for key in share.keys} == KEYS
    assert (share.unknown, share.unusable) == ((), 0)
    assert write_key_share(share.keys).SerializeToString().hex() == VECTORS["key_share"]


@pytest.mark.parametrize("case", VECTORS["index_mac"], ids=lambda case: case["mac"][:8])
def test_an_index_has_a_mac(case: dict[str, str]) -> None:
    keys = MutationKeys(raw(case["key"]), b"", b"", b"", b"")
    assert index_mac(keys, case["index"].encode()).hex() == case["mac"]
    assert index_text(index_parts(case["index"].encode())).decode() == case["index"]


@pytest.mark.parametrize("case", VECTORS["value_mac"], ids=lambda case: case["mac"][:8])
def test_a_value_has_a_mac(case: dict[str, str]) -> None:
    keys = MutationKeys(b"", b"", raw(case["key"]), b"", b"")
    mac = value_mac(keys, raw(case["key_id"]), Operation[case["operation"]], raw(case["data"]))
    assert mac.hex() == case["mac"]


@pytest.mark.parametrize("case", VECTORS["lthash"], ids=lambda case: case["result"][:8])
def test_the_hash_sums_up(case: dict[str, Any]) -> None:
    result = update_lthash(
        raw(case["base"]),
        add=[raw(mac) for mac in case["add"]],
        subtract=[raw(mac) for mac in case["subtract"]],
    )
    assert result.hex() == case["result"]


@pytest.mark.parametrize("case", VECTORS["collections"], ids=lambda case: case["name"])
def test_a_collection_is_followed_patch_by_patch(case: dict[str, Any]) -> None:
    replica = Replica(Collection(case["name"]))
    for step in case["patches"]:
        patch = parse_patch(raw(step["patch"]))
        mutations = follow(replica, patch)
        for mutation, expected in zip(mutations, step["mutations"], strict=True):
            agree(mutation, expected)
        for record, expected in zip(patch.records, step["mutations"], strict=True):
            assert record.index_mac.hex() == expected["index_mac"]
            assert record.value_mac.hex() == expected["value_mac"]
            assert record.key_id.hex() == expected["key_id"]
        assert patch.snapshot_mac.hex() == step["snapshot_mac"]
        assert patch.patch_mac.hex() == step["patch_mac"]
        assert patch.key_id.hex() == step["key_id"]
        assert replica.state == state_of(step["state_after"])


@pytest.mark.parametrize("case", VECTORS["collections"], ids=lambda case: case["name"])
def test_a_collection_is_written_patch_by_patch(case: dict[str, Any]) -> None:
    """With the same IVs, each record, hash and MAC is the same."""
    replica = Replica(Collection(case["name"]))
    for step in case["patches"]:
        sent = parse_patch(raw(step["patch"]))
        records = [
            sealed(mutation_of(each), original)
            for each, original in zip(step["mutations"], sent.records, strict=True)
        ]
        after = advance(replica.state, records, replica.value_macs.get)
        replica.keep(after.state, after.changes)
        own = RING.expand(sent.key_id)
        macs = [record.value_mac for record in records]
        snapshot = snapshot_mac(own, replica.collection, after.state)
        assert tuple(records) == sent.records
        assert snapshot == sent.snapshot_mac
        assert patch_mac(own, replica.collection, sent.version, snapshot, macs) == sent.patch_mac


def sealed(mutation: Mutation, original: SealedRecord) -> SealedRecord:
    iv = original.blob[:16]
    return seal_mutation(mutation, original.key_id, RING.expand(original.key_id), lambda _: iv)


@pytest.mark.parametrize("case", MUTATIONS, ids=lambda case: "-".join(case["index"])[:40])
def test_each_mutation_is_an_action_and_back(case: dict[str, Any]) -> None:
    mutation = mutation_of(case)
    action = read_action(mutation)
    assert not isinstance(action, UnknownAction)
    if isinstance(action, StarMessage) and action.message.needs_participant:
        # This writer leaves the author out, which other clients do not take.
        with pytest.raises(InvalidInput):
            write_action(action, timestamp_ms=mutation.timestamp_ms)
        return
    written = write_action(
        action, timestamp_ms=mutation.timestamp_ms, operation=mutation.operation
    ).mutation
    assert written.index == mutation.index
    assert written.version == mutation.version
    assert read_action(written) == action
    if mutation.operation is Operation.SET and not _says_less(action):
        assert written.value == mutation.value


def _says_less(action: Action) -> bool:
    """This writer leaves `saveOnPrimaryAddressbook` out when it is false; we write it."""
    return isinstance(action, SaveContact) and not action.on_phone


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case["name"])
def test_a_snapshot_is_taken(case: dict[str, Any]) -> None:
    snapshot = parse_snapshot(raw(case["snapshot"]))
    assert snapshot.key_id.hex() == case["key_id"]
    applied = apply_snapshot(Collection(case["name"]), snapshot, RING)
    assert applied.state == state_of(case["state_after"])
    found = {
        record.index_mac: mutation
        for record, mutation in zip(snapshot.records, applied.mutations, strict=True)
    }
    assert found.keys() == applied.value_macs.keys()
    assert len(found) == len(case["mutations"])
    for expected in case["mutations"]:
        index = raw(expected["index_mac"])
        agree(found[index], expected)
        assert applied.value_macs[index].hex() == expected["value_mac"]


@pytest.mark.parametrize("case", REJECTED, ids=lambda case: case["case"])
def test_a_bad_snapshot_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(AppStateError):
        apply_snapshot(Collection(case["name"]), parse_snapshot(raw(case["snapshot"])), RING)


@pytest.mark.parametrize("case", VECTORS["rejected_patches"], ids=lambda case: case["name"])
def test_a_bad_patch_is_refused(case: dict[str, Any]) -> None:
    macs = {raw(index): raw(mac) for index, mac in case["state"]["index_value_macs"].items()}
    before = dict(macs)
    wanted = MissingKeys if case["expect"] == "missing_key" else AppStateError
    with pytest.raises(wanted) as refusal:
        apply_patch(
            Collection(case["collection"]),
            state_of(case["state"]),
            parse_patch(raw(case["patch"])),
            RING,
            macs.get,
        )
    assert isinstance(refusal.value, MissingKeys) == (case["expect"] == "missing_key")
    assert macs == before


def test_a_servers_answer_is_followed() -> None:
    case = next(case for case in VECTORS["extra"] if "frame" in case)
    collection = Collection(case["collection"])
    query = SyncCollections([CollectionRequest(collection)])
    (answer,) = query.parse(decode_stanza(raw(case["frame"])))
    assert (answer.collection, answer.error, answer.has_more) == (collection, None, False)
    assert answer.version == case["state_after"]["version"]
    replica = Replica(collection)
    mutations = [
        mutation for data in answer.patches for mutation in follow(replica, parse_patch(data))
    ]
    for mutation, expected in zip(mutations, case["mutations"], strict=True):
        agree(mutation, expected)
    assert replica.state == state_of(case["state_after"])


def test_mutations_in_a_file_are_loaded() -> None:
    case = next(case for case in VECTORS["extra"] if "external_blob" in case)
    patch = parse_patch(raw(case["patch"]))
    assert patch.external is not None
    assert patch.external.file_size == len(raw(case["external_blob_encrypted"]))
    blob = decrypt_media(
        raw(case["external_blob_encrypted"]),
        patch.external.media_key,
        MediaKind.APP_STATE,
        file_enc_sha256=patch.external.file_enc_sha256,
        file_sha256=patch.external.file_sha256,
    )
    assert blob.hex() == case["external_blob"]
    replica = Replica(Collection(case["collection"]))
    mutations = follow(replica, load_external(patch, blob))
    for mutation, expected in zip(mutations, case["mutations"], strict=True):
        agree(mutation, expected)
    assert replica.state == state_of(case["state_after"])


def test_uploads_are_built_byte_for_byte() -> None:
    replicas: dict[str, Replica] = {}
    for case in VECTORS["uploads"]:
        name = case["collection"]
        replica = replicas.setdefault(name, Replica(Collection(name)))
        assert replica.state == state_of(case["state_before"])
        assert replica.state.version == case["base_version"]
        mutation = mutation_of(case)
        written = write_action(read_action(mutation), timestamp_ms=mutation.timestamp_ms)
        assert written.collection == name
        assert written.mutation == mutation
        upload = build_patch(
            written.collection,
            replica.state,
            [written.mutation],
            RING,
            raw(case["key_id"]),
            replica.value_macs.get,
            lambda _, iv=case["iv"]: raw(iv),
        )
        assert upload.patch().hex() == case["upload"]
        assert upload.state == state_of(case["state_after"])
        replica.keep(upload.state, upload.changes)
