from __future__ import annotations

import dataclasses

import pytest

from waport.crypto import KeyPair, typed, verify
from waport.errors import CryptoError, InvalidInput
from waport.signal import (
    MAX_KEY_ID,
    PreKeyBundle,
    SignedPreKey,
    encode_id,
    generate_pre_keys,
    generate_registration_id,
    next_key_id,
)


def a_bundle() -> PreKeyBundle:
    identity = KeyPair.generate()
    signed = SignedPreKey.create(identity, 5)
    return PreKeyBundle(
        77, identity.public, 5, signed.pair.public, signed.signature, 9, KeyPair.generate().public
    )


@pytest.mark.parametrize(
    ("key_id", "encoded"), [(1, "000001"), (0x123456, "123456"), (MAX_KEY_ID, "ffffff")]
)
def test_ids_travel_as_three_bytes(key_id: int, encoded: str) -> None:
    assert encode_id(key_id).hex() == encoded


@pytest.mark.parametrize("key_id", [0, -1, MAX_KEY_ID + 1])
def test_an_id_out_of_range_is_refused_everywhere(key_id: int) -> None:
    with pytest.raises(InvalidInput):
        encode_id(key_id)
    with pytest.raises(InvalidInput):
        SignedPreKey.create(KeyPair.generate(), key_id)
    with pytest.raises(InvalidInput):
        generate_pre_keys(key_id, 1)


def test_after_the_highest_id_comes_1() -> None:
    assert next_key_id(1) == 2
    assert next_key_id(MAX_KEY_ID) == 1
    keys = generate_pre_keys(MAX_KEY_ID - 1, 4)
    assert [key.id for key in keys] == [MAX_KEY_ID - 1, MAX_KEY_ID, 1, 2]


def test_one_time_keys_are_all_different() -> None:
    keys = generate_pre_keys(1, 50)
    assert len({key.pair.private for key in keys}) == 50


@pytest.mark.parametrize("count", [-1, MAX_KEY_ID + 1])
def test_no_more_keys_than_there_are_ids(count: int) -> None:
    with pytest.raises(InvalidInput):
        generate_pre_keys(1, count)


@pytest.mark.parametrize("drawn", [b"\x00\x00", b"\xff\xff", b"\x3f\xff", b"\x12\x34"])
def test_a_registration_id_has_14_bits_and_is_never_0(drawn: bytes) -> None:
    assert 1 <= generate_registration_id(lambda size: drawn) <= 0x3FFF


def test_a_signed_pre_key_is_signed_in_its_typed_form() -> None:
    identity = KeyPair.generate()
    signed = SignedPreKey.create(identity, 1)
    assert verify(identity.public, typed(signed.pair.public), signed.signature)
    assert not verify(identity.public, signed.pair.public, signed.signature)


def test_a_sound_bundle_verifies_with_and_without_one_time_key() -> None:
    bundle = a_bundle()
    bundle.verify()
    dataclasses.replace(bundle, pre_key_id=None, pre_key=None).verify()


@pytest.mark.parametrize(
    "change",
    [
        {"signature": bytes(64)},
        {"signature": b""},
        {"signature": bytes(63)},
        {"identity": bytes(31)},
        {"identity": b"\x05" + bytes(32)},
        {"identity": KeyPair.generate().public},
        {"signed_pre_key": bytes(33)},
        {"signed_pre_key": KeyPair.generate().public},
        {"pre_key": bytes(31)},
        {"pre_key": None},
        {"pre_key_id": None},
        {"pre_key_id": MAX_KEY_ID + 1},
        {"pre_key_id": -1},
        {"signed_pre_key_id": MAX_KEY_ID + 1},
        {"signed_pre_key_id": -1},
        {"registration_id": -1},
        {"registration_id": 2**32},
    ],
    ids=lambda change: "-".join(change),
)
def test_a_bundle_with_anything_wrong_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(CryptoError):
        dataclasses.replace(a_bundle(), **change).verify()


def test_a_key_does_not_show_its_secret() -> None:
    signed = SignedPreKey.create(KeyPair.generate(), 1)
    assert signed.pair.private.hex() not in repr(signed)
    assert repr(signed.pair.private) not in repr(signed)
