"""Recorded Signal conversations (signal.json) and the worked example of the protocol page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from waport.crypto import KeyPair, RandomBytes, sha256, sign, typed
from waport.errors import DecryptError
from waport.signal import (
    Ciphertext,
    LocalIdentity,
    PreKeyBundle,
    PreKeyDecryption,
    SessionRecord,
    decrypt_message,
    decrypt_pre_key_message,
    encrypt,
    start_session,
)
from waport.signal.messages import parse_pre_key_message, parse_signal_message
from waport.signal.ratchet import chain_step, message_keys

VECTORS: dict[str, Any] = json.loads(
    Path(__file__).with_name("signal.json").read_text(encoding="utf-8")
)
CONVERSATIONS: list[dict[str, Any]] = VECTORS["conversations"]

# Their notes say that the sender may choose its session otherwise than the recorded client did, or
# that messages in between are not listed; what must hold is that every recorded message decrypts.
FREE_TO_SEND = {conversation["name"] for conversation in CONVERSATIONS if "note" in conversation}


class RecordedKeys:
    """Random bytes that are the recorded private keys, and nothing beyond them."""

    def __init__(self, *pairs: dict[str, str] | None) -> None:
        self.left = [bytes.fromhex(pair["private"]) for pair in pairs if pair is not None]

    def __call__(self, size: int) -> bytes:
        key = self.left.pop(0)
        assert len(key) == size
        return key


class Side:
    """One device with its pre-keys and the record of its peer, always in stored form."""

    def __init__(self, start: dict[str, Any]) -> None:
        self.local = LocalIdentity(pair_of(start["identity"]), start["registration_id"])
        self.signed = start["signed_pre_key"]
        self.one_time = {key["id"]: key for key in start["pre_keys"]}
        self.stored: bytes | None = None

    @property
    def record(self) -> SessionRecord | None:
        return None if self.stored is None else SessionRecord.load(self.stored)

    def bundle(self, signed_pre_key_id: int, pre_key_id: int | None) -> PreKeyBundle:
        assert signed_pre_key_id == self.signed["id"]
        return PreKeyBundle(
            self.local.registration_id,
            self.local.identity.public,
            signed_pre_key_id,
            bytes.fromhex(self.signed["public"]),
            bytes.fromhex(self.signed["signature"]),
            pre_key_id,
            None if pre_key_id is None else bytes.fromhex(self.one_time[pre_key_id]["public"]),
        )

    def signed_pair(self, key_id: int) -> KeyPair | None:
        return pair_of(self.signed) if key_id == self.signed["id"] else None

    def one_time_pair(self, key_id: int) -> KeyPair | None:
        key = self.one_time.get(key_id)
        return None if key is None else pair_of(key)

    def start(self, peer: Side, event: dict[str, Any]) -> None:
        keys = RecordedKeys(event["base_key"], event["ratchet_key"])
        bundle = peer.bundle(event["signed_pre_key_id"], event["pre_key_id"])
        self.stored = start_session(self.local, bundle, self.record, random_bytes=keys).dump()
        assert keys.left == []

    def encrypt(self, plaintext: bytes) -> Ciphertext:
        assert self.record is not None
        record, ciphertext = encrypt(self.record, plaintext)
        self.stored = record.dump()
        return ciphertext

    def decrypt(self, event: dict[str, Any], keys: RecordedKeys) -> bytes:
        body = bytes.fromhex(event["message"])
        if event["type"] == "msg":
            record, plaintext = decrypt_message(self.record, body, random_bytes=keys)
            self.stored = record.dump()
            return plaintext
        result = decrypt_pre_key_message(
            self.local,
            self.record,
            body,
            signed_pre_key=self.signed_pair,
            pre_key=self.one_time_pair,
            random_bytes=keys,
        )
        assert result.used_pre_key_id == event.get("used_pre_key_id")
        if result.used_pre_key_id is not None:
            assert result.is_new_session
            del self.one_time[result.used_pre_key_id]
        self.stored = result.record.dump()
        return result.plaintext


def pair_of(recorded: dict[str, str]) -> KeyPair:
    pair = KeyPair.from_private(bytes.fromhex(recorded["private"]))
    assert pair.public.hex() == recorded["public"]
    return pair


def sides(conversation: dict[str, Any]) -> dict[str, Side]:
    return {name: Side(start) for name, start in conversation["start"].items()}


def check_fields(event: dict[str, Any]) -> None:
    body = bytes.fromhex(event["message"])
    inner = parse_pre_key_message(body).message if event["type"] == "pkmsg" else None
    message = inner or parse_signal_message(body)
    assert message.ratchet_key.hex() == event["fields"]["ratchet_public"]
    assert message.counter == event["fields"]["counter"]


@pytest.mark.parametrize(
    "conversation",
    [conversation for conversation in CONVERSATIONS if conversation["name"] not in FREE_TO_SEND],
    ids=lambda conversation: conversation["name"],
)
def test_conversation_replays_byte_for_byte(conversation: dict[str, Any]) -> None:
    devices = sides(conversation)
    for event in conversation["events"]:
        side = devices[event["by"]]
        peer = devices["bob" if event["by"] == "alice" else "alice"]
        if event["op"] == "start_session":
            side.start(peer, event)
        elif event["op"] == "encrypt":
            ciphertext = side.encrypt(bytes.fromhex(event["plaintext"]))
            assert (ciphertext.type, ciphertext.body.hex()) == (event["type"], event["message"])
            check_fields(event)
        else:
            assert event["op"] == "decrypt"
            replay_decrypt(side, event)


def replay_decrypt(side: Side, event: dict[str, Any]) -> None:
    if event["expect"] == "reject":
        before = side.stored, dict(side.one_time)
        with pytest.raises(DecryptError):
            side.decrypt(event, RecordedKeys())
        assert (side.stored, side.one_time) == before
        return
    keys = RecordedKeys(event["new_ratchet_key"])
    assert side.decrypt(event, keys).hex() == event["plaintext"]
    assert keys.left == [], "the recorded ratchet key was not asked for"


@pytest.mark.parametrize(
    "conversation",
    [conversation for conversation in CONVERSATIONS if conversation["name"] in FREE_TO_SEND],
    ids=lambda conversation: conversation["name"],
)
@pytest.mark.parametrize("name", ["alice", "bob"])
def test_every_recorded_message_is_read_where_sending_is_free(
    conversation: dict[str, Any], name: str
) -> None:
    devices = sides(conversation)
    side, peer = devices[name], devices["bob" if name == "alice" else "alice"]
    for event in conversation["events"]:
        if event["by"] != name:
            continue
        if event["op"] == "start_session":
            side.start(peer, event)
        elif event["op"] == "forget_session":
            side.stored = None
        elif event["op"] == "decrypt":
            replay_decrypt(side, event)


@pytest.mark.parametrize(
    "conversation",
    [conversation for conversation in CONVERSATIONS if conversation["name"] in FREE_TO_SEND],
    ids=lambda conversation: conversation["name"],
)
def test_own_sending_choices_do_not_hinder_reading(conversation: dict[str, Any]) -> None:
    devices = sides(conversation)
    sent = 0
    for event in conversation["events"]:
        side = devices[event["by"]]
        if event["op"] == "start_session":
            side.start(devices["bob" if event["by"] == "alice" else "alice"], event)
        elif event["op"] == "forget_session":
            side.stored = None
        elif event["op"] == "encrypt":
            ciphertext = side.encrypt(bytes.fromhex(event["plaintext"]))
            sent += ciphertext.body.hex() == event["message"]
        else:
            replay_decrypt(side, event)
    assert sent > 0, "not even the first message came out as recorded"


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda c: c["name"])
def test_seeds_expand_to_the_recorded_message_keys(conversation: dict[str, Any]) -> None:
    for event in conversation["events"]:
        if event["op"] == "encrypt" and event["keys"]:
            keys = event["keys"]
            expected = tuple(bytes.fromhex(keys[key]) for key in ("cipher_key", "mac_key", "iv"))
            assert message_keys(bytes.fromhex(keys["seed"])) == expected


def test_chain_step_gives_the_published_keys() -> None:
    seed, chain_key = chain_step(
        bytes.fromhex("8ab72d6f4cc5ac0d387eaf463378ddb28edd07385b1cb01250c715982e7ad48f")
    )
    assert chain_key.hex() == "28e8f8fee54b801eef7c5cfb2f17f32c7b334485bbb70fac6ec10342a246d15d"
    cipher_key, mac_key, _ = message_keys(seed)
    assert cipher_key.hex() == "bf51e9d75e0e31031051f82a2491ffc084fa298b7793bd9db620056febf45217"
    assert mac_key.hex() == "c6c77d6a73a354337a56435e34607dfe48e3ace14e77314dc6abc172e7a7030b"


def test_the_worked_example_comes_out_byte_for_byte() -> None:
    alice = LocalIdentity(label("alice identity"), 1111)
    bob = LocalIdentity(label("bob identity"), 2222)
    signed, one_time = label("bob signed"), label("bob one-time")
    bundle = PreKeyBundle(
        bob.registration_id,
        bob.identity.public,
        1,
        signed.public,
        sign(bob.identity.private, typed(signed.public)),
        7,
        one_time.public,
    )
    at_alice = start_session(alice, bundle, random_bytes=labels("alice base", "alice ratchet 1"))
    at_alice, first = encrypt(at_alice, bytes.fromhex("0a02686904040404"))
    at_alice, second = encrypt(at_alice, b"second\x01")
    assert (first.type, first.body.hex()) == ("pkmsg", FIRST)
    inner = parse_pre_key_message(second.body).message
    assert inner.counter == 1
    assert inner.ciphertext.hex().startswith("0cdef4357eb61f2e")

    def read(record: SessionRecord | None, body: bytes, *keys: str) -> PreKeyDecryption:
        return decrypt_pre_key_message(
            bob,
            record,
            body,
            signed_pre_key={1: signed}.get,
            pre_key={7: one_time}.get,
            random_bytes=labels(*keys),
        )

    opened = read(None, first.body, "bob ratchet 1")
    assert opened.plaintext.hex() == "0a02686904040404"
    assert (opened.used_pre_key_id, opened.is_new_session) == (7, True)
    assert opened.identity == alice.identity.public
    assert opened.record.remote_registration_id == 1111
    at_bob, reply = encrypt(opened.record, b"reply\x01")
    assert (reply.type, reply.body.hex()) == ("msg", REPLY)

    at_alice, text = decrypt_message(at_alice, reply.body, random_bytes=labels("alice ratchet 2"))
    assert text == b"reply\x01"
    at_alice, third = encrypt(at_alice, b"third\x01")
    assert (third.type, third.body.hex()) == ("msg", THIRD)

    at_bob, text = decrypt_message(at_bob, third.body)
    assert text == b"third\x01"
    late = read(at_bob, second.body)
    assert late.plaintext == b"second\x01"
    assert (late.used_pre_key_id, late.is_new_session) == (None, False)


FIRST = (
    "330807122105456dd7658cc33b224a5682a3f843e2c985e1629d1db7490d338c6a2cd6762f6b1a2105d26e55a89604c3"
    "5812a4578b547faed8e6a96f7d8791c9870bad727c9aadb9712242330a210573117970ac7aab0083bdda0ac4971a8347"
    "05138cd0f49978247676e31087e63d100018002210a2a9fb518be8287f7577f26c732357c668841c2c16f7f75e28d708"
    "3001"
)
REPLY = (
    "330a21059b79a5b10f238ae28220636a9d675e1b9949a80dc75470f2a7882db48d2f553b100018002210175686c586b4"
    "565acf1ebe413207603dcd4aaf324e457a9e"
)
THIRD = (
    "330a2105962a5a6e4f7947373d9117fa454cfc3c049c6feda2599bb010f96300ba6b03021000180122103d95bb52e63b"
    "eaa53133a7b6283851aac4067ff0e476a84a"
)


def label(text: str) -> KeyPair:
    """The example's keys: the private key is the SHA-256 of a label, clamped."""
    return KeyPair.from_private(sha256(text.encode()))


def labels(*texts: str) -> RandomBytes:
    keys = [sha256(text.encode()) for text in texts]
    return lambda size: keys.pop(0)[:size]
