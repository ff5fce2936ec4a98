"""The emulator's app-state code against the published vectors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict

from waport.emulator import appstate
from waport.emulator.appstate import Mutation, MutationKeys, Replica, SyncKey
from waport.errors import CryptoError, DecryptError, ProtocolError
from waport.proto import pb

VECTORS: dict[str, Any] = json.loads(
    Path(__file__).with_name("appstate.json").read_text(encoding="utf-8")
)
KEYS = {
    bytes.fromhex(key["id"]): SyncKey(
        bytes.fromhex(key["id"]), bytes.fromhex(key["key_data"]), timestamp_ms=0
    )
    for key in VECTORS["sync_keys"]
}


def names(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["name"] for entry in entries]


def parse(patch: str) -> pb.SyncdPatch:
    return pb.SyncdPatch.FromString(bytes.fromhex(patch))


def replica(state: dict[str, Any]) -> Replica:
    macs = state.get("index_value_macs", {})
    return Replica(
        state["version"],
        bytes.fromhex(state["hash"]),
        {bytes.fromhex(index): bytes.fromhex(value) for index, value in macs.items()},
    )


@pytest.mark.parametrize("entry", VECTORS["key_expansion"])
def test_a_sync_key_expands_to_its_five_keys(entry: dict[str, str]) -> None:
    keys = appstate.expand_key(bytes.fromhex(entry["key_data"]))
    assert keys.index.hex() == entry["index_key"]
    assert keys.value_encryption.hex() == entry["value_encryption_key"]
    assert keys.value_mac.hex() == entry["value_mac_key"]
    assert keys.snapshot_mac.hex() == entry["snapshot_mac_key"]
    assert keys.patch_mac.hex() == entry["patch_mac_key"]


@pytest.mark.parametrize("entry", VECTORS["index_mac"])
def test_an_index_is_blinded(entry: dict[str, str]) -> None:
    keys = MutationKeys(bytes.fromhex(entry["key"]), b"", b"", b"", b"")
    assert appstate.index_mac(keys, entry["index"].encode()).hex() == entry["mac"]


@pytest.mark.parametrize("entry", VECTORS["value_mac"])
def test_a_value_mac_covers_operation_key_and_ciphertext(entry: dict[str, Any]) -> None:
    keys = MutationKeys(b"", b"", bytes.fromhex(entry["key"]), b"", b"")
    mac = appstate.value_mac(
        keys, bytes.fromhex(entry["key_id"]), entry["operation"], bytes.fromhex(entry["data"])
    )
    assert mac.hex() == entry["mac"]


@pytest.mark.parametrize("entry", VECTORS["lthash"])
def test_the_hash_adds_and_subtracts(entry: dict[str, Any]) -> None:
    result = appstate.lthash(
        bytes.fromhex(entry["base"]),
        [bytes.fromhex(mac) for mac in entry["subtract"]],
        [bytes.fromhex(mac) for mac in entry["add"]],
    )
    assert result.hex() == entry["result"]


@pytest.mark.parametrize("collection", VECTORS["collections"], ids=names(VECTORS["collections"]))
def test_every_patch_of_a_collection_verifies_and_opens(collection: dict[str, Any]) -> None:
    state = Replica()
    for entry in collection["patches"]:
        state, mutations = appstate.apply_patch(
            collection["name"], state, parse(entry["patch"]), KEYS
        )
        assert state.version == entry["state_after"]["version"]
        assert state.lthash.hex() == entry["state_after"]["hash"]
        assert len(mutations) == len(entry["mutations"])
        for mutation, expected in zip(mutations, entry["mutations"], strict=True):
            assert mutation.operation == expected["operation"]
            assert list(mutation.index) == expected["index"]
            assert mutation.version == expected["action_version"]
            shown = MessageToDict(mutation.value, preserving_proto_field_name=True)
            assert shown == expected["action"]


@pytest.mark.parametrize("collection", VECTORS["collections"], ids=names(VECTORS["collections"]))
def test_a_patch_built_again_with_the_same_ivs_has_the_same_bytes(
    collection: dict[str, Any],
) -> None:
    state = Replica()
    for entry in collection["patches"]:
        sent = parse(entry["patch"])
        if {bytes.fromhex(m["key_id"]) for m in entry["mutations"]} != {sent.keyId.id}:
            state, _ = appstate.apply_patch(collection["name"], state, sent, KEYS)
            continue
        mutations = [
            Mutation(
                m["operation"],
                tuple(m["index"]),
                ParseDict(m["action"], pb.SyncActionValue()),
                m["action_version"],
            )
            for m in entry["mutations"]
        ]
        ivs = iter([m.record.value.blob[:16] for m in sent.mutations])
        patch, state = appstate.build_patch(
            collection["name"], state, mutations, KEYS[sent.keyId.id], draws(ivs)
        )
        assert patch.snapshotMac.hex() == entry["snapshot_mac"]
        assert patch.patchMac.hex() == entry["patch_mac"]
        patch.version.version = entry["version"]
        assert patch == sent


@pytest.mark.parametrize(
    "entry", VECTORS["rejected_patches"], ids=names(VECTORS["rejected_patches"])
)
def test_a_bad_patch_is_refused(entry: dict[str, Any]) -> None:
    wanted = DecryptError if entry["expect"] == "missing_key" else (CryptoError, ProtocolError)
    with pytest.raises(wanted):
        appstate.apply_patch(
            entry["collection"], replica(entry["state"]), parse(entry["patch"]), KEYS
        )


def test_uploads_are_built_byte_for_byte() -> None:
    states: dict[str, Replica] = {}
    for entry in VECTORS["uploads"]:
        name = entry["collection"]
        before = states.get(name, replica(entry["state_before"]))
        assert before.lthash.hex() == entry["state_before"]["hash"]
        mutation = Mutation(
            entry["operation"],
            tuple(entry["index"]),
            ParseDict(entry["action"], pb.SyncActionValue()),
            entry["action_version"],
        )
        key = KEYS[bytes.fromhex(entry["key_id"])]
        iv = iter([bytes.fromhex(entry["iv"])])
        patch, states[name] = appstate.build_patch(name, before, [mutation], key, draws(iv))
        assert patch.SerializeToString().hex() == entry["upload"]
        assert states[name].lthash.hex() == entry["state_after"]["hash"]


def draws(values: Iterator[bytes]) -> Any:
    return lambda _length: next(values)
