"""What is refused, with which reason, and that nothing changes by it (docs/protocol/signal.md)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from waport.crypto import KeyPair
from waport.errors import CorruptRecord, CryptoError, DecryptError, DecryptFailure
from waport.proto import pb
from waport.signal import Ciphertext, SessionRecord, decrypt_message, start_session

if TYPE_CHECKING:
    from .conftest import Device

ZERO_KEY = b"\x05" + bytes(32)


def reason_of_refusal(device: Device, kind: str, body: bytes) -> DecryptFailure:
    """Why `device` refuses this; everything it stores must stay as it was, to the bit."""
    before = device.stored, dict(device.one_time)
    device.dice.rolls = 0
    with pytest.raises(DecryptError) as refusal:
        device.receive(Ciphertext("msg" if kind == "msg" else "pkmsg", body))
    assert (device.stored, device.one_time) == before
    assert device.dice.rolls == 0, "a refused message must not cost a key pair"
    return refusal.value.reason


def changed_msg(body: bytes, **changes: object) -> bytes:
    message = pb.SignalMessage.FromString(body[1:-8])
    for name, value in changes.items():
        if value is None:
            message.ClearField(name)
        else:
            setattr(message, name, value)
    return body[:1] + message.SerializeToString() + body[-8:]


def changed_pkmsg(body: bytes, **changes: object) -> bytes:
    message = pb.PreKeySignalMessage.FromString(body[1:])
    for name, value in changes.items():
        if value is None:
            message.ClearField(name)
        else:
            setattr(message, name, value)
    return body[:1] + message.SerializeToString()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ratchetKey": None}, DecryptFailure.INVALID_MESSAGE),
        ({"ratchetKey": b"\x05" + bytes(31)}, DecryptFailure.INVALID_MESSAGE),
        ({"ratchetKey": b"\x01" + bytes(32)}, DecryptFailure.INVALID_KEY),
        ({"ratchetKey": ZERO_KEY}, DecryptFailure.INVALID_KEY),
        ({"ratchetKey": b"\x05" + bytes((9,)) + bytes(31)}, DecryptFailure.BAD_MAC),
        ({"counter": None}, DecryptFailure.INVALID_MESSAGE),
        ({"counter": 1}, DecryptFailure.BAD_MAC),
        ({"counter": 2000}, DecryptFailure.BAD_MAC),
        ({"counter": 2001}, DecryptFailure.FUTURE_MESSAGE),
        ({"counter": 0xFFFFFFFE}, DecryptFailure.FUTURE_MESSAGE),
        ({"counter": 0xFFFFFFFF}, DecryptFailure.INVALID_MESSAGE),
        ({"previousCounter": 7}, DecryptFailure.BAD_MAC),
        ({"ciphertext": None}, DecryptFailure.INVALID_MESSAGE),
        ({"ciphertext": b""}, DecryptFailure.BAD_MAC),
        ({"ciphertext": bytes(16)}, DecryptFailure.BAD_MAC),
    ],
    ids=str,
)
def test_a_changed_msg_is_refused_and_the_true_one_is_read_after_it(
    talking: tuple[Device, Device], changes: dict[str, object], reason: DecryptFailure
) -> None:
    alice, bob = talking
    true = alice.send(b"text")
    assert reason_of_refusal(bob, "msg", changed_msg(true.body, **changes)) is reason
    assert bob.receive(true) == b"text"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", DecryptFailure.INVALID_MESSAGE),
        (b"\x33" * 8, DecryptFailure.INVALID_MESSAGE),
        (b"\x33" * 9, DecryptFailure.INVALID_MESSAGE),
        (b"\x23" + bytes(60), DecryptFailure.UNSUPPORTED_VERSION),
        (b"\x44" + bytes(60), DecryptFailure.UNSUPPORTED_VERSION),
        (b"\x33" + b"\xff" * 60, DecryptFailure.INVALID_MESSAGE),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["msg", "pkmsg"])
def test_a_body_that_is_no_message_is_refused(
    talking: tuple[Device, Device], kind: str, body: bytes, reason: DecryptFailure
) -> None:
    assert reason_of_refusal(talking[1], kind, body) is reason


@pytest.mark.parametrize("position", range(-8, 0))
def test_every_byte_of_the_mac_counts(talking: tuple[Device, Device], position: int) -> None:
    alice, bob = talking
    true = alice.send(b"text")
    body = bytearray(true.body)
    body[position] ^= 1
    assert reason_of_refusal(bob, "msg", bytes(body)) is DecryptFailure.BAD_MAC
    assert bob.receive(true) == b"text"


def test_a_bad_mac_is_told_after_all_sessions_were_tried(
    talking: tuple[Device, Device],
) -> None:
    alice, bob = talking
    true = alice.send(b"text")
    for _ in range(3):
        bob.start(alice.bundle())
    body = true.body[:-1] + bytes((true.body[-1] ^ 1,))
    assert reason_of_refusal(bob, "msg", body) is DecryptFailure.BAD_MAC
    assert bob.receive(true) == b"text"


def test_a_duplicate_of_an_archived_session_is_a_duplicate(
    talking: tuple[Device, Device],
) -> None:
    alice, bob = talking
    true = alice.send(b"text")
    bob.receive(true)
    for _ in range(3):
        bob.start(alice.bundle())
    assert reason_of_refusal(bob, "msg", true.body) is DecryptFailure.DUPLICATE


def test_a_forged_jump_leaves_no_skipped_keys(talking: tuple[Device, Device]) -> None:
    alice, bob = talking
    bob.receive(alice.send(b"text"))
    true = alice.send(b"text")
    size = len(bob.record.dump())
    assert reason_of_refusal(bob, "msg", changed_msg(true.body, counter=1500)) is (
        DecryptFailure.BAD_MAC
    )
    assert len(bob.record.dump()) == size


def test_a_forged_late_message_leaves_the_skipped_key(talking: tuple[Device, Device]) -> None:
    alice, bob = talking
    late, newer = alice.send(b"late"), alice.send(b"newer")
    bob.receive(newer)
    body = changed_msg(late.body, ciphertext=bytes(16))
    assert reason_of_refusal(bob, "msg", body) is DecryptFailure.BAD_MAC
    assert bob.receive(late) == b"late"


def test_a_msg_without_a_session_is_refused(talking: tuple[Device, Device]) -> None:
    alice, bob = talking
    true = alice.send(b"text")
    bob.stored = None
    assert reason_of_refusal(bob, "msg", true.body) is DecryptFailure.NO_SESSION


def test_a_msg_of_a_session_that_the_record_does_not_hold_is_refused(
    talking: tuple[Device, Device],
) -> None:
    alice, bob = talking
    true = alice.send(b"text")
    bob.stored = None
    bob.start(alice.bundle())
    assert reason_of_refusal(bob, "msg", true.body) is DecryptFailure.BAD_MAC


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"preKeyId": 999}, DecryptFailure.INVALID_KEY_ID),
        ({"preKeyId": 2}, DecryptFailure.BAD_MAC),
        ({"preKeyId": None}, DecryptFailure.BAD_MAC),
        ({"signedPreKeyId": 999}, DecryptFailure.INVALID_KEY_ID),
        ({"signedPreKeyId": None}, DecryptFailure.INVALID_MESSAGE),
        ({"baseKey": None}, DecryptFailure.INVALID_MESSAGE),
        ({"baseKey": b"\x04" + bytes(32)}, DecryptFailure.INVALID_KEY),
        ({"baseKey": ZERO_KEY}, DecryptFailure.INVALID_KEY),
        ({"baseKey": b"\x05" + bytes((9,)) + bytes(31)}, DecryptFailure.BAD_MAC),
        ({"identityKey": None}, DecryptFailure.INVALID_MESSAGE),
        ({"identityKey": ZERO_KEY}, DecryptFailure.INVALID_KEY),
        ({"identityKey": b"\x05" + bytes((9,)) + bytes(31)}, DecryptFailure.BAD_MAC),
        ({"message": None}, DecryptFailure.INVALID_MESSAGE),
        ({"message": b"\x33" * 9}, DecryptFailure.INVALID_MESSAGE),
        ({"message": b"\x44" * 60}, DecryptFailure.UNSUPPORTED_VERSION),
    ],
    ids=str,
)
@pytest.mark.parametrize("with_session", [False, True], ids=["no session", "another session"])
def test_a_changed_pkmsg_is_refused_and_the_true_one_is_read_after_it(
    talking: tuple[Device, Device],
    with_session: bool,
    changes: dict[str, object],
    reason: DecryptFailure,
) -> None:
    alice, bob = talking
    if not with_session:
        bob.stored = None
    alice.start(bob.bundle())
    true = alice.send(b"text")
    if changes == {"preKeyId": 2}:
        changes = {"preKeyId": max(bob.one_time)}
    assert reason_of_refusal(bob, "pkmsg", changed_pkmsg(true.body, **changes)) is reason
    assert bob.receive(true) == b"text"


def test_a_bad_message_inside_a_pkmsg_opens_no_session_and_keeps_the_one_time_key(
    alice: Device, bob: Device
) -> None:
    alice.start(bob.bundle())
    true = alice.send(b"text")
    inner = pb.PreKeySignalMessage.FromString(true.body[1:]).message
    far = changed_msg(inner, counter=5000)
    body = changed_pkmsg(true.body, message=far)
    assert reason_of_refusal(bob, "pkmsg", body) is DecryptFailure.FUTURE_MESSAGE
    body = changed_pkmsg(true.body, message=inner[:-1] + bytes((inner[-1] ^ 1,)))
    assert reason_of_refusal(bob, "pkmsg", body) is DecryptFailure.BAD_MAC
    assert bob.stored is None
    assert bob.receive(true) == b"text"


def test_a_pkmsg_of_a_known_session_cannot_claim_another_identity(
    alice: Device, bob: Device
) -> None:
    alice.start(bob.bundle())
    bob.receive(alice.send(b"one"))
    true = alice.send(b"two")
    other = b"\x05" + KeyPair.generate(alice.dice).public
    body = changed_pkmsg(true.body, identityKey=other)
    # It is taken for a new session, whose one-time key is gone already.
    assert reason_of_refusal(bob, "pkmsg", body) is DecryptFailure.INVALID_KEY_ID
    assert bob.receive(true) == b"two"


def test_a_bundle_with_a_wrong_signature_makes_no_session(alice: Device, bob: Device) -> None:
    bundle = dataclasses.replace(bob.bundle(), signature=bytes(64))
    with pytest.raises(CryptoError):
        start_session(alice.local, bundle, random_bytes=alice.dice)


def test_a_bundle_with_a_low_order_one_time_key_makes_no_session(
    alice: Device, bob: Device
) -> None:
    bundle = dataclasses.replace(bob.bundle(), pre_key=bytes(32))
    with pytest.raises(CryptoError):
        start_session(alice.local, bundle, random_bytes=alice.dice)


def test_a_broken_archived_session_is_a_corrupt_record(talking: tuple[Device, Device]) -> None:
    alice, bob = talking
    true = alice.send(b"text")
    record = SessionRecord(None, (b"\0" * 10,))
    assert SessionRecord.load(record.dump()) == record
    with pytest.raises(CorruptRecord):
        decrypt_message(record, true.body)
    assert bob.receive(true) == b"text"
