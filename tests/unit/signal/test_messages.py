from __future__ import annotations

import pytest

from waport.errors import DecryptError, DecryptFailure
from waport.proto import pb
from waport.signal.messages import (
    MAX_COUNTER,
    encode_pre_key_message,
    parse_pre_key_message,
    parse_signal_message,
    signal_message_head,
)

KEY = bytes(range(32))
TYPED = b"\x05" + KEY
MAC = b"12345678"
HEAD = signal_message_head(KEY, 3, 2, b"ciphertext")


def signal_message(**changes: object) -> bytes:
    fields: dict[str, object] = {"ratchetKey": TYPED, "counter": 3, "ciphertext": b"text"}
    fields.update(changes)
    kept = {name: value for name, value in fields.items() if value is not None}
    return b"\x33" + pb.SignalMessage(**kept).SerializeToString() + MAC


def pre_key_message(**changes: object) -> bytes:
    fields: dict[str, object] = {
        "preKeyId": 7,
        "baseKey": TYPED,
        "identityKey": TYPED[:1] + KEY[::-1],
        "message": HEAD + MAC,
        "registrationId": 99,
        "signedPreKeyId": 4,
    }
    fields.update(changes)
    kept = {name: value for name, value in fields.items() if value is not None}
    return b"\x33" + pb.PreKeySignalMessage(**kept).SerializeToString()


def reason_of_refusal(data: bytes, *, pre_key: bool = False) -> DecryptFailure:
    with pytest.raises(DecryptError) as refusal:
        (parse_pre_key_message if pre_key else parse_signal_message)(data)
    return refusal.value.reason


def test_a_parsed_message_has_what_was_encoded() -> None:
    message = parse_signal_message(HEAD + MAC)
    assert message == (KEY, 3, b"ciphertext", HEAD, MAC)


@pytest.mark.parametrize("counter", [0, 1, 127, 128, 300, 2**21, MAX_COUNTER])
def test_the_protobuf_runtime_reads_what_we_write(counter: int) -> None:
    head = signal_message_head(KEY, counter, counter // 2, bytes(counter % 1000))
    theirs = pb.SignalMessage.FromString(head[1:])
    assert theirs.ratchetKey == TYPED
    assert (theirs.counter, theirs.previousCounter) == (counter, counter // 2)
    assert theirs.HasField("counter")
    assert theirs.HasField("previousCounter")
    assert theirs.ciphertext == bytes(counter % 1000)
    assert head[1:] == theirs.SerializeToString()
    assert parse_signal_message(head + MAC).counter == counter


@pytest.mark.parametrize("pre_key_id", [None, 0, 7, 0xFFFFFF])
def test_a_pre_key_message_comes_back_as_it_was_encoded(pre_key_id: int | None) -> None:
    body = encode_pre_key_message(pre_key_id, 400, KEY, KEY[::-1], 16383, HEAD + MAC)
    theirs = pb.PreKeySignalMessage.FromString(body[1:])
    assert theirs.HasField("preKeyId") is (pre_key_id is not None)
    assert body[1:] == theirs.SerializeToString()
    parsed = parse_pre_key_message(body)
    assert parsed[:5] == (pre_key_id, 400, KEY, KEY[::-1], 16383)
    assert parsed.message == parse_signal_message(HEAD + MAC)


def test_fields_may_come_in_any_order_with_unknown_ones_between() -> None:
    body = (
        b"\x33"
        + b"\x22\x02no"
        + b"\x50\x80\x80\x01"  # field 10, a number
        + b"\x22\x04text"  # the last one counts
        + b"\x59" + bytes(8)  # field 11, eight bytes
        + b"\x10\x05"
        + b"\x65" + bytes(4)  # field 12, four bytes
        + b"\x12\x01x"  # field 2 as bytes is another field than the counter
        + b"\xa2\x06\x00"  # field 100, empty
        + b"\x0a\x21" + TYPED
    )  # fmt: skip
    message = parse_signal_message(body + MAC)
    assert (message.ratchet_key, message.counter, message.ciphertext) == (KEY, 5, b"text")


def test_the_low_nibble_of_the_version_is_ignored() -> None:
    assert parse_signal_message(b"\x3f" + HEAD[1:] + MAC).counter == 3
    assert parse_pre_key_message(b"\x34" + pre_key_message()[1:]).registration_id == 99


@pytest.mark.parametrize("version", [0x03, 0x23, 0x43, 0x44, 0xFF])
def test_another_version_is_unsupported(version: int) -> None:
    first = bytes((version,))
    assert reason_of_refusal(first + HEAD[1:] + MAC) is DecryptFailure.UNSUPPORTED_VERSION
    outer = first + pre_key_message()[1:]
    assert reason_of_refusal(outer, pre_key=True) is DecryptFailure.UNSUPPORTED_VERSION
    inner = pre_key_message(message=first + HEAD[1:] + MAC)
    assert reason_of_refusal(inner, pre_key=True) is DecryptFailure.UNSUPPORTED_VERSION


@pytest.mark.parametrize("length", range(9))
def test_a_message_shorter_than_9_bytes_is_invalid(length: int) -> None:
    assert reason_of_refusal(b"\x33" * length) is DecryptFailure.INVALID_MESSAGE


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (signal_message(ratchetKey=None), DecryptFailure.INVALID_MESSAGE),
        (signal_message(ratchetKey=KEY), DecryptFailure.INVALID_MESSAGE),
        (signal_message(ratchetKey=TYPED + b"\0"), DecryptFailure.INVALID_MESSAGE),
        (signal_message(ratchetKey=b"\x06" + KEY), DecryptFailure.INVALID_KEY),
        (signal_message(counter=None), DecryptFailure.INVALID_MESSAGE),
        (signal_message(counter=MAX_COUNTER + 1), DecryptFailure.INVALID_MESSAGE),
        (signal_message(ciphertext=None), DecryptFailure.INVALID_MESSAGE),
        (b"\x33" + MAC, DecryptFailure.INVALID_MESSAGE),
    ],
)
def test_a_message_lacking_something_is_refused(data: bytes, reason: DecryptFailure) -> None:
    assert reason_of_refusal(data) is reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"baseKey": None}, DecryptFailure.INVALID_MESSAGE),
        ({"baseKey": KEY}, DecryptFailure.INVALID_MESSAGE),
        ({"baseKey": b"\x00" + KEY}, DecryptFailure.INVALID_KEY),
        ({"identityKey": None}, DecryptFailure.INVALID_MESSAGE),
        ({"identityKey": b"\x07" + KEY}, DecryptFailure.INVALID_KEY),
        ({"message": None}, DecryptFailure.INVALID_MESSAGE),
        ({"message": b""}, DecryptFailure.INVALID_MESSAGE),
        ({"message": b"\x33" + MAC}, DecryptFailure.INVALID_MESSAGE),
        ({"signedPreKeyId": None}, DecryptFailure.INVALID_MESSAGE),
    ],
    ids=str,
)
def test_a_pre_key_message_lacking_something_is_refused(
    change: dict[str, object], reason: DecryptFailure
) -> None:
    assert reason_of_refusal(pre_key_message(**change), pre_key=True) is reason


def test_an_empty_pre_key_message_is_invalid() -> None:
    assert reason_of_refusal(b"", pre_key=True) is DecryptFailure.INVALID_MESSAGE


@pytest.mark.parametrize("tag", [b"\x08", b"\x28", b"\x30"])
def test_an_id_above_32_bits_is_invalid(tag: bytes) -> None:
    body = pre_key_message() + tag + b"\x80\x80\x80\x80\x10"
    assert reason_of_refusal(body, pre_key=True) is DecryptFailure.INVALID_MESSAGE


def test_a_missing_registration_id_is_unknown() -> None:
    assert parse_pre_key_message(pre_key_message(registrationId=None)).registration_id == 0


@pytest.mark.parametrize(
    "broken",
    [
        b"\x22",  # no length
        b"\x22\x05text",  # shorter than its length
        b"\x22\xff\xff\xff\xff\xff\xff\xff\xff\x7fx",  # absurd length
        b"\x10\x80",  # a number that does not end
        b"\x10" + b"\xff" * 10 + b"\x01",  # more than ten bytes
        b"\x51" + bytes(7),  # eight bytes, one missing
        b"\x55" + bytes(3),
        b"\x0b",  # groups
        b"\x0c",
        b"\x0e",  # wire types that do not exist
        b"\x0f",
        b"\x02\x00",  # field number 0
        b"\xff\xff\xff\xff\x7f\x00",  # field number above 29 bits
        b"\x80",
    ],
    ids=bytes.hex,
)
def test_a_broken_protobuf_is_invalid(broken: bytes) -> None:
    assert reason_of_refusal(HEAD + broken + MAC) is DecryptFailure.INVALID_MESSAGE
    body = pre_key_message() + broken
    assert reason_of_refusal(body, pre_key=True) is DecryptFailure.INVALID_MESSAGE
