"""Distribution messages: read, accepted, refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from waport.crypto import KeyPair, typed
from waport.errors import DecodeError, DecryptFailure
from waport.proto import pb
from waport.signal import (
    SenderKeyDistribution,
    SenderKeyRecord,
    accept_distribution,
    parse_distribution,
)
from waport.signal.sender_records import MAX_SENDER_KEY_STATES

from .conftest import Member, Sender


def changed_distribution(data: bytes, **changes: object) -> bytes:
    message = pb.SignalSenderKeyDistributionMessage.FromString(data[1:])
    for name, value in changes.items():
        if value is None:
            message.ClearField(name)
        else:
            setattr(message, name, value)
    return data[:1] + message.SerializeToString()


def test_a_distribution_message_is_read_with_and_without_its_version_byte(
    sender: Sender,
) -> None:
    sender.send(b"text")
    state = sender.state
    expected = SenderKeyDistribution(state.chain_id, 1, state.chain_key, state.signing_public)
    assert parse_distribution(sender.tell()) == expected
    assert parse_distribution(sender.tell()[1:]) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"iteration": None},
        {"chainKey": None},
        {"chainKey": bytes(31)},
        {"chainKey": bytes(33)},
        {"signingKey": None},
        {"signingKey": bytes(32)},
        {"signingKey": b"\x05" + bytes(31)},
        {"signingKey": b"\x05" + bytes(33)},
        {"signingKey": b"\x04" + bytes(32)},
    ],
    ids=str,
)
def test_a_distribution_message_with_a_bad_key_is_refused(
    sender: Sender, changes: dict[str, object]
) -> None:
    data = changed_distribution(sender.tell(), **changes)
    for form in (data, data[1:]):
        with pytest.raises(DecodeError):
            parse_distribution(form)


@pytest.mark.parametrize("data", [b"", b"\x33", b"\x33\xff", b"\x08", b"\x44" + bytes(70)])
def test_bytes_that_are_no_distribution_message_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        parse_distribution(data)


def test_a_distribution_message_of_another_version_is_refused(sender: Sender) -> None:
    with pytest.raises(DecodeError):
        parse_distribution(b"\x44" + sender.tell()[1:])


def test_a_known_chain_with_the_same_signing_key_stays(sender: Sender, member: Member) -> None:
    told = sender.tell()
    late = sender.send(b"late")
    member.read(sender.send(b"newer"))
    record = member.record
    assert record is not None
    for distribution in (told, sender.tell()):
        assert accept_distribution(record, parse_distribution(distribution)) is record
    assert member.read(late) == b"late"


def test_a_known_chain_with_another_signing_key_is_replaced(sender: Sender, member: Member) -> None:
    member.read(sender.send(b"old"))
    true = sender.send(b"old key")
    pair = KeyPair.generate(sender.dice)
    state = sender.state._replace(
        iteration=0, signing_public=pair.public, signing_private=pair.private
    )
    sender.stored = SenderKeyRecord((state,)).dump()
    member.hear(sender.tell())
    assert member.reason_of_refusal(true) is DecryptFailure.INVALID_SIGNATURE
    assert member.read(sender.send(b"new key")) == b"new key"
    assert member.record is not None
    assert len(member.record.states) == 1


def test_a_new_chain_stands_first_and_the_sixth_is_dropped(sender: Sender, member: Member) -> None:
    bodies = [sender.send(b"0")]
    ids = [sender.state.chain_id]
    for number in range(1, MAX_SENDER_KEY_STATES + 1):
        sender.rotate()
        member.hear(sender.tell())
        bodies.append(sender.send(b"%d" % number))
        ids.append(sender.state.chain_id)
    assert member.record is not None
    assert [state.chain_id for state in member.record.states] == ids[:0:-1]
    assert member.record.chain_id == ids[-1]
    assert member.reason_of_refusal(bodies[0]) is DecryptFailure.NO_SESSION
    for number in range(1, MAX_SENDER_KEY_STATES + 1):
        assert member.read(bodies[number]) == b"%d" % number


def test_a_distribution_with_an_unusable_signing_key_reads_nothing(sender: Sender) -> None:
    # 0 and -1 are of low order or have no Edwards form: no signature fits them.
    for key in (bytes(32), (2**255 - 20).to_bytes(32, "little")):
        member = Member()
        member.hear(changed_distribution(sender.tell(), signingKey=typed(key)))
        body = sender.send(b"text")
        assert member.reason_of_refusal(body) is DecryptFailure.INVALID_SIGNATURE


def test_no_secret_shows_in_a_distribution(sender: Sender) -> None:
    distribution = parse_distribution(sender.tell())
    assert repr(distribution.chain_key) not in repr(distribution)
    assert distribution.chain_key.hex() not in repr(distribution)
    assert distribution != replace(distribution, chain_key=bytes(32))
