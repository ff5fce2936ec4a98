"""Recorded groups (senderkey.json) and the worked example of the protocol page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from waport.crypto import KeyPair, RandomBytes, sha256, verify
from waport.errors import DecryptError, DecryptFailure
from waport.proto import pb
from waport.signal import (
    SenderKeyRecord,
    accept_distribution,
    create_sender_key,
    decrypt_group,
    distribution_message,
    encrypt_group,
    parse_distribution,
)
from waport.signal.chains import chain_step
from waport.signal.sender_key import sender_message_keys

VECTORS: dict[str, Any] = json.loads(
    Path(__file__).with_name("senderkey.json").read_text(encoding="utf-8")
)
GROUPS: list[dict[str, Any]] = VECTORS["groups"]

REASONS = {
    "duplicate": DecryptFailure.DUPLICATE,
    "duplicate of a late message": DecryptFailure.DUPLICATE,
    "older than the distribution message": DecryptFailure.DUPLICATE,
    "signature changed": DecryptFailure.INVALID_SIGNATURE,
    "ciphertext changed": DecryptFailure.INVALID_SIGNATURE,
    "signed by another key": DecryptFailure.INVALID_SIGNATURE,
    "cut": DecryptFailure.INVALID_MESSAGE,
    "unknown key id (signature itself is right)": DecryptFailure.NO_SESSION,
    "too far in the future": DecryptFailure.FUTURE_MESSAGE,
}


def distribution_of(group: dict[str, Any]) -> bytes:
    return bytes.fromhex(group["distribution_message"])


def told(group: dict[str, Any]) -> bytes:
    """What a receiver has stored after the distribution message."""
    return accept_distribution(None, parse_distribution(distribution_of(group))).dump()


def draws(*values: bytes) -> RandomBytes:
    left = list(values)

    def draw(size: int) -> bytes:
        value = left.pop(0)
        assert len(value) == size
        return value

    return draw


def sender_of(group: dict[str, Any]) -> SenderKeyRecord:
    """The sender at iteration 0, made of the recorded random numbers."""
    state = group["sender_state"]
    record = create_sender_key(
        draws(
            state["key_id"].to_bytes(4, "big"),
            bytes.fromhex(state["chain_key"]),
            bytes.fromhex(state["signing_key"]["private"]),
        )
    )
    assert record.states[0].signing_public.hex() == state["signing_key"]["public"]
    return record


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group["name"])
def test_a_distribution_message_reads_as_recorded(group: dict[str, Any]) -> None:
    fields = group["distribution_fields"]
    for data in (distribution_of(group), distribution_of(group)[1:]):
        distribution = parse_distribution(data)
        assert distribution.chain_id == fields["key_id"]
        assert distribution.iteration == fields["iteration"]
        assert distribution.chain_key.hex() == fields["chain_key"]
        assert distribution.signing_key.hex() == fields["signing_public"]


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group["name"])
def test_a_receiver_replays_every_event(group: dict[str, Any]) -> None:
    stored = told(group)
    for event in group["events"]:
        body = bytes.fromhex(event["message"])
        before = stored
        if event["expect"] == "reject":
            with pytest.raises(DecryptError) as refusal:
                decrypt_group(SenderKeyRecord.load(stored), body)
            assert refusal.value.reason is REASONS[event["reason"]]
            assert stored == before
        else:
            record, plaintext = decrypt_group(SenderKeyRecord.load(stored), body)
            assert plaintext.hex() == event["plaintext"]
            stored = record.dump()
        # The same distribution message again does not set the chain back.
        known = SenderKeyRecord.load(stored)
        assert accept_distribution(known, parse_distribution(distribution_of(group))) is known


@pytest.mark.parametrize(
    "group",
    [group for group in GROUPS if "sender_state" in group],
    ids=lambda group: group["name"],
)
def test_a_sender_makes_the_recorded_messages(group: dict[str, Any]) -> None:
    own = sender_of(group)
    known = {event["iteration"]: event for event in group["events"] if event["expect"] == "accept"}
    assert known
    told_at = group["distribution_fields"]["iteration"]
    for iteration in range(max(known) + 1):
        if iteration == told_at:
            assert distribution_message(own) == distribution_of(group)
        event = known.get(iteration)
        plaintext = b"" if event is None else bytes.fromhex(event["plaintext"])
        own, body = encrypt_group(own, plaintext, lambda size: bytes(size))
        if event is not None:
            recorded = bytes.fromhex(event["message"])
            # The signature may hold a random nonce.
            assert body[:-64] == recorded[:-64]
            assert verify(own.states[0].signing_public, body[:-64], body[-64:])
            assert verify(own.states[0].signing_public, recorded[:-64], recorded[-64:])


def test_chain_keys_give_the_recorded_message_keys() -> None:
    checked = 0
    for event in (event for group in GROUPS for event in group["events"] if event.get("keys")):
        keys = event["keys"]
        seed, _ = chain_step(bytes.fromhex(keys["chain_key"]))
        assert seed.hex() == keys["seed"]
        assert [key.hex() for key in sender_message_keys(seed)] == [keys["cipher_key"], keys["iv"]]
        checked += 1
    assert checked > 20


SKDM = (
    "3308b96010001a20bd6dddbab6b6f2076d64e23e7b8c51b424d46f0baa45b52483dd6996e14486e1222105dc601ce775"
    "562e6ef0249a94deef2a283fa68d952eb3a945d26487f5eb7f0767"
)
SKMSG = (
    "3308b96010001a10602def2a900d232fcdf97b41db185287fa3e3b20130fe25d2da0cf9e991df28265f0fbaad00a39eb"
    "b90e6324757489e8c495a13707a37ebbfd68f5700639df6c11d1d97cd421d2cf111264da2768190b"
)


def test_the_worked_example_comes_out_byte_for_byte() -> None:
    own = create_sender_key(
        draws((12345).to_bytes(4, "big"), sha256(b"group chain"), sha256(b"group signing"))
    )
    assert own.states[0].signing_private == KeyPair.from_private(sha256(b"group signing")).private
    assert distribution_message(own).hex() == SKDM
    plaintext = bytes.fromhex("0a02686904040404")
    after, body = encrypt_group(own, plaintext, lambda size: bytes(size))
    assert body.hex() == SKMSG
    assert after.states[0].chain_key.hex() == (
        "451991dda389efbe71b9fba0c3de9fe675160b1231ab63fca6e14195fbd84220"
    )
    seed, _ = chain_step(own.states[0].chain_key)
    assert [key.hex() for key in sender_message_keys(seed)] == [
        "e3b1cfdadf0c9d1d767b11575e84e5db032431527491335cd12750c6b8f8c652",
        "b17d3013ea801c27e3c92387a9c23b62",
    ]
    member = accept_distribution(None, parse_distribution(bytes.fromhex(SKDM)))
    assert decrypt_group(member, body)[1] == plaintext
    assert pb.SenderKeyMessage.FromString(body[1:-64]).id == 12345
