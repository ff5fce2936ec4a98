from __future__ import annotations

import json
from dataclasses import replace

import pytest

from support.appstate import KEY_ID, KEYS, NOW_MS, OTHER_ID, RING, pin, removal
from waport.appstate import (
    Mutation,
    Operation,
    SealedRecord,
    expand_sync_key,
    index_mac,
    index_parts,
    index_text,
    mutation_data,
    open_record,
    removal_of,
    seal_mutation,
    value_mac,
)
from waport.appstate.codec import MAX_INDEX, MAX_PARTS, read_mutation, write_mutation
from waport.crypto import aes_cbc_encrypt
from waport.errors import DecodeError, InvalidInput, MacMismatch
from waport.proto import pb

KEY = expand_sync_key(KEYS[KEY_ID])
INDEX = b'["pin_v1","15551234567@s.whatsapp.net"]'
VALUE_1 = (
    "000102030405060708090a0b0c0d0e0f88af5143ea857f4711a2f5144c6a7924778a001613738145fa84b6508ae7"
    "425e5b68a06fe3beb85041e201fccc4ff9c7aad63e1c8d673aa9419a2e340da1e30c992546305e2fa7bbf98810bc"
    "edda19b5a77cc32c204201cbf8932bcfdc637619"
)


def sealed(mutation: Mutation | None = None) -> SealedRecord:
    return seal_mutation(mutation or pin(), KEY_ID, KEY, lambda size: bytes(range(size)))


def authentic(plain: bytes, operation: Operation = Operation.SET, **changes: bytes) -> SealedRecord:
    """A record that its author sealed with this inside."""
    iv = bytes(16)
    body = iv + aes_cbc_encrypt(KEY.value_encryption, iv, plain)
    blob = body + value_mac(KEY, KEY_ID, operation, body)
    named = changes.get("index", INDEX)
    return SealedRecord(operation, index_mac(KEY, named), blob, KEY_ID)


# --- indexes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (["setting_locale"], b'["setting_locale"]'),
        (["a", "b"], b'["a","b"]'),
        (["", "0"], b'["","0"]'),
        (['"', "\\", "/"], b'["\\"","\\\\","/"]'),
        (["\n\t\b\f\r\x01\x7f"], b'["\\n\\t\\b\\f\\r\\u0001\x7f"]'),
        (["äß€😀"], '["äß€😀"]'.encode()),
    ],
)
def test_an_index_has_one_form(parts: list[str], text: bytes) -> None:
    assert index_text(parts) == text
    assert index_parts(text) == tuple(parts)


def test_other_forms_are_read_too() -> None:
    assert index_parts(b' [ "a" , "\\u00e4\\/" ] ') == ("a", "ä/")


@pytest.mark.parametrize(
    "index",
    [
        b"",
        b"[]",
        b"{}",
        b'{"a":"b"}',
        b'"pin_v1"',
        b"null",
        b'["a",1]',
        b'["a",null]',
        b'["a",["b"]]',
        b'["a"',
        b'["a"] x',
        b"\xff\xfe",
        b'["\xff"]',
        b'["\\ud800"]',
        b"[" * 2000,
        b"[" * 2000 + b"]" * 2000,
        b"[" + b"9" * 4000 + b"]",
        b'["' + b"a" * MAX_INDEX + b'"]',
        json.dumps(["a"] * (MAX_PARTS + 1)).encode(),
    ],
)
def test_an_index_that_is_no_list_of_texts_is_refused(index: bytes) -> None:
    with pytest.raises(DecodeError):
        index_parts(index)


@pytest.mark.parametrize("parts", [[], ["a"] * (MAX_PARTS + 1), ["a" * MAX_INDEX], ["\ud800"]])
def test_an_index_that_nobody_could_read_is_not_written(parts: list[str]) -> None:
    with pytest.raises(InvalidInput):
        index_text(parts)


def test_the_longest_index_is_written_and_read() -> None:
    parts = ("a" * (MAX_INDEX - 4),)
    assert index_parts(index_text(parts)) == parts


# --- records -------------------------------------------------------------------------------------


def test_a_known_mutation_is_sealed_byte_for_byte() -> None:
    mutation = pin()
    assert mutation.index == INDEX
    assert (
        mutation_data(mutation).hex()
        == "0a275b2270696e5f7631222c22313535353132333435363740732e77686174736170702e6e6574225d"
        "120b0880d095ffbc312a0208011a002005"
    )
    record = sealed(mutation)
    assert record.blob.hex() == VALUE_1
    assert (
        record.index_mac.hex() == "ba8f934ec83cd7023a36d9e35d30ddefa541c81440ebe08296e4f3623c72e8e7"
    )
    assert record.value_mac == record.blob[-32:]


@pytest.mark.parametrize("mutation", [pin(), pin(pinned=False), removal()])
def test_what_was_sealed_opens(mutation: Mutation) -> None:
    record = seal_mutation(mutation, OTHER_ID, RING.expand(OTHER_ID))
    assert open_record(record, RING.expand(OTHER_ID)) == mutation


def test_each_record_has_an_iv_of_its_own() -> None:
    first, second = (seal_mutation(pin(), KEY_ID, KEY) for _ in range(2))
    assert first.blob[:16] != second.blob[:16]
    assert first.index_mac == second.index_mac


def test_any_changed_byte_of_a_value_is_noticed() -> None:
    record = sealed()
    for at in range(len(record.blob)):
        blob = bytearray(record.blob)
        blob[at] ^= 0x10
        with pytest.raises(MacMismatch) as refusal:
            open_record(replace(record, blob=bytes(blob)), KEY)
        assert refusal.value.which == "value"


def test_operation_key_and_index_are_part_of_it() -> None:
    record = sealed()
    for changed, which in (
        (replace(record, operation=Operation.REMOVE), "value"),
        (replace(record, key_id=OTHER_ID), "value"),
        (replace(record, index_mac=bytes(32)), "index"),
        (replace(record, index_mac=b""), "index"),
    ):
        with pytest.raises(MacMismatch) as refusal:
            open_record(changed, KEY)
        assert refusal.value.which == which
    with pytest.raises(MacMismatch):
        open_record(record, RING.expand(OTHER_ID))


@pytest.mark.parametrize("size", [0, 16, 48, 63, 65, 72, 79])
def test_a_value_of_an_impossible_size_is_refused(size: int) -> None:
    with pytest.raises(MacMismatch):
        open_record(replace(sealed(), blob=bytes(size)), KEY)


@pytest.mark.parametrize("size", [0, 15, 16, 31, 33, 47])
def test_an_impossible_size_is_refused_even_under_a_right_mac(size: int) -> None:
    body = bytes(size)
    blob = body + value_mac(KEY, KEY_ID, Operation.SET, body)
    with pytest.raises(MacMismatch):
        open_record(SealedRecord(Operation.SET, bytes(32), blob, KEY_ID), KEY)


def test_a_right_mac_over_nonsense_gives_an_error_of_ours() -> None:
    for plain in (b"\xff" * 40, b"\x0a\x7f", b"\x12\x02\x0a"):
        with pytest.raises(DecodeError):
            open_record(authentic(plain), KEY)
    body = bytes(32)
    blob = body + value_mac(KEY, KEY_ID, Operation.SET, body)
    with pytest.raises(DecodeError):
        open_record(SealedRecord(Operation.SET, bytes(32), blob, KEY_ID), KEY)


def test_an_index_that_is_no_list_still_counts() -> None:
    data = pb.SyncActionData(index=b"no list", version=3)
    data.value.timestamp = 5
    opened = open_record(authentic(data.SerializeToString(), index=b"no list"), KEY)
    assert (opened.index, opened.version, opened.timestamp_ms) == (b"no list", 3, 5)


def test_fields_that_are_not_known_are_kept() -> None:
    value = pin().value + b"\xfa\x3f\x03abc"
    mutation = replace(pin(), value=value)
    opened = open_record(sealed(mutation), KEY)
    assert b"abc" in opened.value
    assert opened == mutation


@pytest.mark.parametrize(
    "mutation", [replace(pin(), value=b"\x12\xff"), replace(pin(), version=2**31)]
)
def test_a_mutation_that_does_not_fit_is_not_sealed(mutation: Mutation) -> None:
    with pytest.raises(InvalidInput):
        sealed(mutation)


def test_a_removal_holds_the_time_alone() -> None:
    gone = removal_of(pin(at=77))
    assert (gone.operation, gone.index, gone.timestamp_ms) == (Operation.REMOVE, INDEX, 77)
    assert pb.SyncActionValue.FromString(gone.value) == pb.SyncActionValue(timestamp=77)
    assert removal_of(pin(at=77)) == removal(at=77)


def test_values_do_not_show() -> None:
    shown = repr((pin(), sealed()))
    assert "15551234567" not in shown
    assert sealed().blob[:4].hex() not in shown


# --- in protobufs --------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", list(Operation))
def test_a_record_goes_through_a_protobuf(operation: Operation) -> None:
    record = sealed(replace(pin(), operation=operation))
    written = pb.SyncdMutation()
    write_mutation(record, written)
    assert written.HasField("operation")
    assert read_mutation(pb.SyncdMutation.FromString(written.SerializeToString())) == record


def written() -> pb.SyncdMutation:
    mutation = pb.SyncdMutation()
    write_mutation(sealed(), mutation)
    return mutation


def test_an_operation_that_is_left_out_is_a_set() -> None:
    mutation = written()
    mutation.ClearField("operation")
    assert read_mutation(mutation).operation is Operation.SET


def test_an_operation_that_is_not_known_is_refused() -> None:
    mutation = written()
    mutation.ClearField("operation")
    with pytest.raises(DecodeError):
        read_mutation(pb.SyncdMutation.FromString(b"\x08\x02" + mutation.SerializeToString()))


def test_a_record_without_a_key_or_value_is_refused() -> None:
    mutation = written()
    mutation.record.keyId.id = b"12345"
    with pytest.raises(DecodeError):
        read_mutation(mutation)
    mutation = written()
    mutation.record.value.blob = bytes(63)
    with pytest.raises(MacMismatch):
        read_mutation(mutation)
    with pytest.raises(DecodeError):
        read_mutation(pb.SyncdMutation())


def test_the_time_of_a_mutation_is_that_of_its_value() -> None:
    assert pin().timestamp_ms == NOW_MS
    assert pb.SyncActionValue.FromString(pin().value).timestamp == NOW_MS
