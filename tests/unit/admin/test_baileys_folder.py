"""Reading a folder of Baileys' multi-file auth state, whatever is in it."""

from __future__ import annotations

import base64
import copy
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waport.admin.baileys_folder import read_auth_folder
from waport.admin.baileys_values import data
from waport.cli import main
from waport.crypto import KeyPair, typed
from waport.errors import InvalidInput
from waport.signal.chains import unpack_chains
from waport.signal.records import PendingPreKey, SessionRecord
from waport.signal.sender_records import SenderKeyRecord
from waport.wire import Jid

GROUP = Jid.parse("120363000000000001@g.us")


def b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def buffer(value: bytes) -> dict[str, Any]:
    return {"type": "Buffer", "data": b64(value)}


def pair(keys: KeyPair) -> dict[str, Any]:
    return {"private": buffer(keys.private), "public": buffer(keys.public)}


IDENTITY, NOISE, SIGNED, RATCHET, PEER, SIGNER = (KeyPair.generate() for _ in range(6))
CREDS: dict[str, Any] = {
    "noiseKey": pair(NOISE),
    "signedIdentityKey": pair(IDENTITY),
    "signedPreKey": {"keyPair": pair(SIGNED), "signature": buffer(bytes(64)), "keyId": 1},
    "registrationId": 4711,
    "advSecretKey": b64(bytes(range(32))),
    "nextPreKeyId": 31,
    "firstUnuploadedPreKeyId": 31,
    "me": {"id": "15551230000:7@s.whatsapp.net", "lid": "1000001:7@lid", "name": "Ärger"},
    "account": {
        "details": b64(b"details"),
        "accountSignatureKey": b64(bytes(32)),
        "accountSignature": buffer(bytes(64)),
        "deviceSignature": b64(bytes(64)),
    },
    "platform": "android",
    "routingInfo": buffer(b"\x08\x01"),
}
SESSION: dict[str, Any] = {
    "version": "v1",
    "_sessions": {
        "old": {},
        "new": {
            "registrationId": 99,
            "currentRatchet": {
                "ephemeralKeyPair": {
                    "pubKey": b64(typed(RATCHET.public)),
                    "privKey": b64(RATCHET.private),
                },
                "lastRemoteEphemeralKey": b64(typed(PEER.public)),
                "previousCounter": 4,
                "rootKey": b64(b"r" * 32),
            },
            "indexInfo": {
                "baseKey": b64(typed(b"b" * 32)),
                "baseKeyType": 1,
                "closed": -1,
                "used": 20,
                "created": 1,
                "remoteIdentityKey": b64(typed(PEER.public)),
            },
            "_chains": {
                b64(typed(b"1" * 32)): {
                    "chainKey": {"counter": 8},
                    "chainType": 2,
                    "messageKeys": {"7": b64(b"s" * 32), "3": b64(b"t" * 32)},
                },
                b64(typed(PEER.public)): {
                    "chainKey": {"counter": 2, "key": b64(b"c" * 32)},
                    "chainType": 2,
                    "messageKeys": {},
                },
                b64(typed(RATCHET.public)): {
                    "chainKey": {"counter": -1, "key": b64(b"k" * 32)},
                    "chainType": 1,
                    "messageKeys": {},
                },
            },
            "pendingPreKey": {"signedKeyId": 5, "preKeyId": 6, "baseKey": b64(b"x")},
        },
    },
}
SESSION["_sessions"]["old"] = copy.deepcopy(SESSION["_sessions"]["new"])
SESSION["_sessions"]["old"]["indexInfo"] |= {"closed": 12, "used": 10, "baseKey": b64(b"o" * 32)}
SENDER_KEY = [
    {
        "senderKeyId": number,
        "senderChainKey": {"iteration": 3, "seed": {"type": "Buffer", "data": list(b"i" * 32)}},
        "senderSigningKey": {
            "public": buffer(typed(SIGNER.public)),
            "private": buffer(SIGNER.private if number == 2 else b""),
        },
        "senderMessageKeys": [{"iteration": 1, "seed": buffer(b"m" * 32)}],
    }
    for number in (1, 2)
]
FILES: dict[str, Any] = {
    "creds.json": CREDS,
    "session-15550001111.2.json": SESSION,
    "session-1000002_1.0.json": SESSION,
    "sender-key-120363000000000001@g.us--15550001111--2.json": buffer(
        json.dumps(SENDER_KEY).encode()
    ),
    "pre-key-7.json": pair(RATCHET),
    "pre-key-31.json": pair(PEER),
    "app-state-sync-key-AAAA__w==.json": {
        "keyData": b64(b"d" * 32),
        "timestamp": "1700000000000",
        "fingerprint": {},
    },
    "lid-mapping-15550001111.json": "1000002",
    "lid-mapping-1000002_reverse.json": "15550001111",
    "device-list-15550001111.json": ["0", "2"],
    "tctoken-15550001111.json": {},
}


def write(folder: Path, files: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, value in files.items():
        text = value if isinstance(value, bytes) else json.dumps(value).encode()
        (folder / name).write_bytes(text)
    return folder


def test_everything_in_a_folder_is_read(tmp_path: Path) -> None:
    found = read_auth_folder(write(tmp_path / "auth", FILES))
    assert found.unreadable == []
    own = found.credentials
    assert (own.noise, own.identity, own.signed_pre_key.pair) == (NOISE, IDENTITY, SIGNED)
    assert str(own.pn) == "15551230000:7@s.whatsapp.net"
    assert str(own.lid) == "1000001:7@lid"
    assert (own.registration_id, own.next_pre_key_id, own.push_name) == (4711, 31, "Ärger")
    assert own.routing_info == b"\x08\x01"
    assert [key.id for key in found.pre_keys if key.id < found.uploaded_below] == [7]
    assert [str(jid) for jid in found.mappings[0]] == ["15550001111@s.whatsapp.net", "1000002@lid"]
    assert [(key.id, key.data, key.timestamp_ms) for key in found.sync_keys] == [
        (b"\x00\x00\x00\xff", b"d" * 32, 1_700_000_000_000)
    ]
    assert set(found.sessions) == {"15550001111.2", "1000002_1.0"}
    assert found.identities["15550001111.2"] == PEER.public

    record = SessionRecord.load(found.sessions["15550001111.2"])
    state = record.current
    assert state is not None
    assert state.sending == (RATCHET.private, RATCHET.public, b"k" * 32, 0)
    assert state.parties == (IDENTITY.public, PEER.public, b"b" * 32, 4711, 99)
    assert (state.root_key, state.previous_counter) == (b"r" * 32, 4)
    assert state.pending == PendingPreKey(6, 5)
    newest, oldest = unpack_chains(state.receiving)
    assert (newest.ratchet_key, newest.chain_key, newest.next_counter) == (
        PEER.public,
        b"c" * 32,
        3,
    )
    assert (oldest.next_counter, oldest.skipped_counters()) == (9, [3, 7])
    assert len(record.archived) == 1

    keys = SenderKeyRecord.load(found.sender_keys[GROUP, "15550001111.2"])
    assert [state.chain_id for state in keys.states] == [2, 1]
    assert keys.states[0].signing_private == SIGNER.private
    assert (keys.states[1].signing_private, keys.states[1].iteration) == (b"", 3)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b"\xff\xfe",
        b"null",
        b"{}",
        json.dumps({"_sessions": {}, "version": "v1"}).encode(),
        json.dumps({"type": "Buffer", "data": [300]}).encode(),
    ],
)
def test_a_damaged_file_is_left_out_and_named(tmp_path: Path, value: bytes) -> None:
    damaged = [name for name in FILES if name.startswith(("session-", "sender-", "pre-", "app-"))]
    folder = write(tmp_path / "auth", FILES | dict.fromkeys(damaged, value))
    found = read_auth_folder(folder)
    assert sorted(found.unreadable) == sorted(damaged)
    assert (found.sessions, found.sender_keys, found.pre_keys, found.sync_keys) == ({}, {}, [], [])


@pytest.mark.parametrize(
    "change",
    [
        {"me": None},
        {"me": {"id": "15551230000@s.whatsapp.net"}},
        {"me": {"id": "1000001:7@lid"}},
        {"me": {"id": 7}},
        {"account": None},
        {"account": {"details": "?"}},
        {"noiseKey": {"private": buffer(NOISE.private), "public": buffer(PEER.public)}},
        {"signedIdentityKey": {"private": buffer(b"short"), "public": buffer(b"short")}},
        {"registrationId": -1},
        {"nextPreKeyId": True},
        {"advSecretKey": None},
    ],
)
def test_credentials_that_are_of_no_use_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        read_auth_folder(write(tmp_path / "auth", {"creds.json": CREDS | change}))


def test_a_folder_without_credentials_is_refused_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings_file = tmp_path / "settings.env"
    settings_file.write_text(f"SESSIONS_PATH={tmp_path / 'sessions'}\n")
    rest = ["--session", "main", "--env-file", str(settings_file)]
    assert main(["import", str(tmp_path), *rest]) == 2
    assert "no creds.json" in capsys.readouterr().err
    assert not (tmp_path / "sessions").exists()
    folder = write(tmp_path / "auth", FILES)
    assert main(["import", str(folder), "--session", "../main", *rest[2:]]) == 2
    assert main(["import", str(folder), *rest]) == 0
    told = capsys.readouterr().out
    assert "2 sessions, 1 sender keys, 2 pre-keys, 1 app state keys, 1 hidden ids" in told
    assert "15551230000" not in told
    assert main(["import", str(folder), *rest]) == 1
    assert "has credentials already" in capsys.readouterr().err


def _mutated(value: Any, chance: random.Random) -> Any:
    """The value with something in it replaced."""
    odd = [None, -1, 2**70, "", "=", [], {}, True, 0.5, b64(b"x" * 33), {"type": "Buffer"}]
    if isinstance(value, dict) and value and chance.random() < 0.9:
        name = chance.choice(sorted(value))
        return value | {name: _mutated(value[name], chance)}
    if isinstance(value, list) and value and chance.random() < 0.9:
        place = chance.randrange(len(value))
        return [*value[:place], _mutated(value[place], chance), *value[place + 1 :]]
    return chance.choice(odd)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(sorted(FILES)))
def test_whatever_a_file_holds_nothing_else_escapes(seed: int, name: str) -> None:
    files = FILES | {name: _mutated(FILES[name], random.Random(seed))}
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = read_auth_folder(write(Path(folder), files))
        except InvalidInput:
            assert name == "creds.json"
        else:
            for record in found.sessions.values():
                SessionRecord.load(record)
            for record in found.sender_keys.values():
                SenderKeyRecord.load(record)


def test_bytes_are_read_in_every_spelling() -> None:
    assert data(b64(b"abc")) == data(buffer(b"abc")) == b"abc"
    assert data({"type": "Buffer", "data": [97, 98, 99]}) == b"abc"
    assert data({"0": 97, "1": 98, "2": 99}) == b"abc"
    for wrong in (None, 7, [256], {"0": "a"}, "a", {"data": 32}, {"data": 10**12}, {"data": {}}):
        with pytest.raises(InvalidInput):
            data(wrong)
