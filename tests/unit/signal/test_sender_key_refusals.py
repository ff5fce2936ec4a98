"""Group messages that are refused, why, and that nothing changes by it."""

from __future__ import annotations

import pytest

from waport.crypto import KeyPair, aes_cbc_encrypt
from waport.errors import DecryptError, DecryptFailure
from waport.signal import unpad
from waport.signal.messages import MAX_COUNTER
from waport.signal.sender_key import sender_message_keys
from waport.signal.sender_records import SenderKeyState

from .conftest import Member, Sender


def test_a_message_without_any_key_is_refused(sender: Sender) -> None:
    assert Member().reason_of_refusal(sender.send(b"text")) is DecryptFailure.NO_SESSION


def test_an_unknown_chain_id_is_refused_though_the_signature_is_right(
    sender: Sender, member: Member
) -> None:
    body = sender.send(b"text")
    other = sender.changed(body, id=sender.state.chain_id ^ 1)
    assert member.reason_of_refusal(other) is DecryptFailure.NO_SESSION
    assert member.read(body) == b"text"


@pytest.mark.parametrize("position", [1, 3, 20, -65, -64, -33, -32, -2, -1])
def test_any_changed_bit_is_noticed(sender: Sender, member: Member, position: int) -> None:
    true = sender.send(b"text")
    body = bytearray(true)
    body[position] ^= 1
    assert member.reason_of_refusal(bytes(body)) in (
        DecryptFailure.INVALID_SIGNATURE,
        DecryptFailure.INVALID_MESSAGE,
        DecryptFailure.NO_SESSION,
    )
    assert member.read(true) == b"text"


def test_a_signature_by_another_key_is_refused(sender: Sender, member: Member) -> None:
    true = sender.send(b"text")
    forged = sender.signed(true[:-64], KeyPair.generate(sender.dice).private)
    assert member.reason_of_refusal(forged) is DecryptFailure.INVALID_SIGNATURE
    assert member.read(true) == b"text"


@pytest.mark.parametrize("iteration", [0, 1, 2, 2002, 2003, MAX_COUNTER])
def test_the_signature_is_checked_before_any_step(
    sender: Sender, member: Member, iteration: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        member.read(sender.send(b"text"))
    true = sender.send(b"text")
    forged = sender.changed(true, iteration=iteration)[:-64] + true[-64:]
    if iteration == 2:
        forged = forged[:-1] + bytes((forged[-1] ^ 1,))
    with monkeypatch.context() as patched:
        patched.setattr(SenderKeyState, "take", lambda *_: pytest.fail("a step"))
        assert member.reason_of_refusal(forged) is DecryptFailure.INVALID_SIGNATURE
    assert member.read(true) == b"text"


def test_a_message_is_read_once(sender: Sender, member: Member) -> None:
    first, second, third = (sender.send(b"text") for _ in range(3))
    member.read(first)
    assert member.reason_of_refusal(first) is DecryptFailure.DUPLICATE
    member.read(third)
    member.read(second)
    for body in (first, second, third):
        assert member.reason_of_refusal(body) is DecryptFailure.DUPLICATE


@pytest.mark.parametrize("max_jump", [0, 5, 2000])
def test_a_jump_may_be_as_far_as_the_limit(sender: Sender, member: Member, max_jump: int) -> None:
    first = sender.send(b"first")
    sender.skip(max_jump)
    too_far = sender.send(b"too far")
    assert member.reason_of_refusal(too_far, max_jump) is DecryptFailure.FUTURE_MESSAGE
    assert member.read(first, max_jump) == b"first"
    assert member.read(too_far, max_jump) == b"too far"


def test_two_jumps_together_keep_the_newest_2000_seeds(sender: Sender, member: Member) -> None:
    bodies = {0: sender.send(b"0"), 1: sender.send(b"1")}
    sender.skip(1498)
    bodies[1500] = sender.send(b"1500")
    sender.skip(1499)
    bodies[3000] = sender.send(b"3000")
    told_early = Member(member.stored)
    member.read(bodies[1500])
    assert member.read(bodies[1]) == b"1"
    member.read(bodies[3000])
    record = member.record
    assert record is not None
    assert len(record.states[0].skipped) == 2000 * 36
    assert member.reason_of_refusal(bodies[0]) is DecryptFailure.DUPLICATE
    assert told_early.read(bodies[0]) == b"0"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", DecryptFailure.INVALID_MESSAGE),
        (b"\x33" * 64, DecryptFailure.INVALID_MESSAGE),
        (b"\x33" * 65, DecryptFailure.INVALID_MESSAGE),
        (b"\x23" + bytes(99), DecryptFailure.UNSUPPORTED_VERSION),
        (b"\x43" + bytes(99), DecryptFailure.UNSUPPORTED_VERSION),
        (b"\x33" + b"\xff" * 99, DecryptFailure.INVALID_MESSAGE),
    ],
    ids=["empty", "64 bytes", "65 bytes", "version 2", "version 4", "no protobuf"],
)
def test_a_body_that_is_no_message_is_refused(
    member: Member, body: bytes, reason: DecryptFailure
) -> None:
    assert member.reason_of_refusal(body) is reason
    assert Member().reason_of_refusal(body) is reason


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"iteration": None},
        {"iteration": 0xFFFFFFFF},
        {"ciphertext": None},
        {"ciphertext": b""},
        {"ciphertext": bytes(15)},
        {"ciphertext": bytes(16)},
    ],
    ids=str,
)
def test_an_authentic_message_that_is_unusable_is_refused(
    sender: Sender, member: Member, changes: dict[str, object]
) -> None:
    true = sender.send(b"text")
    body = sender.changed(true, **changes)
    assert member.reason_of_refusal(body) is DecryptFailure.INVALID_MESSAGE
    assert member.read(true) == b"text"


@pytest.mark.parametrize("filling", [b"\x00" * 16, b"\x11" * 16, b"x" * 14 + b"\x03\x02"])
def test_wrong_cbc_padding_uses_nothing_up(sender: Sender, member: Member, filling: bytes) -> None:
    seed, _ = sender.state.take(0, 0)
    whole = aes_cbc_encrypt(*sender_message_keys(seed), filling)
    true = sender.send(b"text")
    body = sender.changed(true, ciphertext=whole[:16])
    assert member.reason_of_refusal(body) is DecryptFailure.INVALID_MESSAGE
    assert member.read(true) == b"text"


def test_wrong_message_padding_comes_after_the_key_is_used_up(
    sender: Sender, member: Member
) -> None:
    body = sender.send(b"no padding\x00")
    padded = member.read(body)
    with pytest.raises(DecryptError) as refusal:
        unpad(padded)
    assert refusal.value.reason is DecryptFailure.CORRUPT_PLAINTEXT
    assert member.reason_of_refusal(body) is DecryptFailure.DUPLICATE


def test_a_refused_forgery_leaves_the_seed_of_a_late_message(
    sender: Sender, member: Member
) -> None:
    late, newer = sender.send(b"late"), sender.send(b"newer")
    member.read(newer)
    body = sender.changed(late, ciphertext=bytes(16))
    assert member.reason_of_refusal(body) is DecryptFailure.INVALID_MESSAGE
    assert member.read(late) == b"late"
