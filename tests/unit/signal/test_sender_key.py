"""Group messages that are sent and read."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from waport.crypto import KeyPair, verify
from waport.errors import CryptoError, DecryptFailure
from waport.proto import pb
from waport.signal import (
    SenderKeyRecord,
    create_sender_key,
    distribution_message,
    encrypt_group,
    pad,
)
from waport.signal.messages import MAX_COUNTER
from waport.signal.sender_key import sender_message_keys

from .conftest import Member, Sender


def test_a_fresh_key_is_drawn_and_starts_at_zero() -> None:
    drawn = []

    def ones(size: int) -> bytes:
        drawn.append(size)
        return b"\xff" * size

    (state,) = create_sender_key(ones).states
    assert drawn == [4, 32, 32]
    assert (state.chain_id, state.iteration, state.chain_key) == (0x7FFFFFFF, 0, b"\xff" * 32)
    pair = KeyPair.from_private(b"\xff" * 32)
    assert (state.signing_private, state.signing_public) == (pair.private, pair.public)
    assert create_sender_key() != create_sender_key()


def test_messages_are_read_in_order(sender: Sender, member: Member) -> None:
    for number in range(5):
        text = pad(b"text %d" % number, sender.dice)
        assert member.read(sender.send(text)) == text
    assert sender.state.iteration == 5


def test_iterations_are_consecutive_and_written_even_when_zero(sender: Sender) -> None:
    seen = [pb.SenderKeyMessage.FromString(sender.send(b"x")[1:-64]) for _ in range(3)]
    assert [message.iteration for message in seen] == [0, 1, 2]
    assert all(message.HasField("iteration") for message in seen)
    assert {message.id for message in seen} == {sender.state.chain_id}


def test_the_signature_covers_the_version_byte_and_the_protobuf(sender: Sender) -> None:
    body = sender.send(b"text")
    assert body[:1] == b"\x33"
    assert verify(sender.state.signing_public, body[:-64], body[-64:])


def test_encrypting_leaves_the_record_that_was_passed(sender: Sender) -> None:
    record = sender.record
    before = record.dump()
    after, _ = encrypt_group(record, b"text", sender.dice)
    assert record.dump() == before
    assert after.states[0].iteration == 1
    assert after.states[0].chain_key != record.states[0].chain_key


@pytest.mark.parametrize("order", [(0, 2, 1), (3, 2, 1, 0), (1, 3, 0, 2), (4, 0, 3, 1, 2)])
def test_messages_are_read_in_any_order(
    sender: Sender, member: Member, order: Iterable[int]
) -> None:
    bodies = [sender.send(b"text %d" % number) for number in range(5)]
    for number in order:
        assert member.read(bodies[number]) == b"text %d" % number


def test_a_sender_that_counts_by_two_is_read(sender: Sender, member: Member) -> None:
    for number in range(4):
        assert member.read(sender.send(b"%d" % number)) == b"%d" % number
        sender.skip(1)


def test_what_was_told_before_encrypting_reads_that_message(sender: Sender) -> None:
    sender.send(b"before")
    told = sender.tell()
    body = sender.send(b"with it")
    late = Member()
    late.hear(told)
    assert late.read(body) == b"with it"


def test_who_joins_late_cannot_read_back(sender: Sender) -> None:
    earlier = sender.send(b"before")
    late = Member()
    late.hear(sender.tell())
    assert late.reason_of_refusal(earlier) is DecryptFailure.DUPLICATE
    assert late.read(sender.send(b"after")) == b"after"


def test_who_was_not_told_the_new_key_cannot_read_on(sender: Sender, member: Member) -> None:
    staying = Member(member.stored)
    sender.rotate()
    staying.hear(sender.tell())
    body = sender.send(b"without you")
    assert member.reason_of_refusal(body) is DecryptFailure.NO_SESSION
    assert staying.read(body) == b"without you"


def test_a_late_message_of_the_key_before_is_read(sender: Sender, member: Member) -> None:
    late = sender.send(b"late")
    sender.rotate()
    member.hear(sender.tell())
    assert member.read(sender.send(b"new key")) == b"new key"
    assert member.read(late) == b"late"


def test_an_empty_plaintext_is_read(sender: Sender, member: Member) -> None:
    assert member.read(sender.send(b"")) == b""


def test_the_minor_version_and_unknown_fields_do_not_matter(sender: Sender, member: Member) -> None:
    body = sender.send(b"text")
    assert member.read(sender.signed(b"\x34" + body[1:-64] + b"\xa2\x06\x01x")) == b"text"


def test_the_iv_stands_before_the_cipher_key() -> None:
    cipher_key, iv = sender_message_keys(bytes(32))
    assert (len(cipher_key), len(iv)) == (32, 16)


def test_only_the_sender_can_use_its_key(member: Member) -> None:
    assert member.record is not None
    with pytest.raises(CryptoError):
        encrypt_group(member.record, b"text")
    with pytest.raises(CryptoError):
        distribution_message(member.record)


def test_a_used_up_chain_sends_no_more(sender: Sender, member: Member) -> None:
    last = sender.state._replace(iteration=MAX_COUNTER)
    sender.stored = SenderKeyRecord((last,)).dump()
    told = Member()
    told.hear(sender.tell())
    body = sender.send(b"the last one")
    assert told.read(body) == b"the last one"
    with pytest.raises(CryptoError):
        sender.send(b"one more")
    told_nothing = Member()
    told_nothing.hear(sender.tell())
    assert told_nothing.reason_of_refusal(body) is DecryptFailure.DUPLICATE
