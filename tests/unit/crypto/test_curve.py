from __future__ import annotations

import pytest

from waport.crypto import KeyPair, agree, clamp, sign, typed, untyped, verify
from waport.errors import CryptoError


def secret(number: int, size: int = 32) -> bytes:
    return bytes((number,)) * size


@pytest.mark.parametrize(
    ("scalar", "u", "result"),
    [
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
    ],
)
def test_agreement_gives_the_vectors_of_rfc_7748(scalar: str, u: str, result: str) -> None:
    assert agree(bytes.fromhex(scalar), bytes.fromhex(u)).hex() == result


def test_a_thousand_agreements_give_the_iterated_vector_of_rfc_7748() -> None:
    scalar = u = b"\x09" + bytes(31)
    for _ in range(1000):
        scalar, u = agree(scalar, u), scalar
    assert scalar.hex() == "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"


def test_a_key_exchange_gives_the_vector_of_rfc_7748() -> None:
    alice = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
    bob = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    alice_pair, bob_pair = KeyPair.from_private(alice), KeyPair.from_private(bob)
    assert alice_pair.public.hex() == (
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    )
    assert bob_pair.public.hex() == (
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    )
    shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
    assert agree(alice, bob_pair.public).hex() == shared
    assert agree(bob_pair.private, alice_pair.public).hex() == shared


@pytest.mark.parametrize(
    "point",
    [
        "00" * 32,
        "01" + "00" * 31,
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    ],
)
def test_agreement_with_a_low_order_point_is_refused(point: str) -> None:
    with pytest.raises(CryptoError, match="low-order"):
        agree(secret(7), bytes.fromhex(point))


@pytest.mark.parametrize(("private", "public"), [(31, 32), (33, 32), (32, 31), (32, 33), (0, 0)])
def test_agreement_refuses_keys_of_another_length(private: int, public: int) -> None:
    with pytest.raises(CryptoError):
        agree(secret(9, private), secret(9, public))


def test_a_private_key_is_clamped() -> None:
    assert clamp(b"\xff" * 32) == b"\xf8" + b"\xff" * 30 + b"\x7f"
    assert clamp(bytes(32)) == bytes(31) + b"\x40"
    assert KeyPair.from_private(b"\xff" * 32).private == clamp(b"\xff" * 32)
    with pytest.raises(CryptoError):
        clamp(bytes(31))


def test_a_pair_comes_from_the_given_randomness_and_hides_its_secret() -> None:
    pair = KeyPair.generate(lambda size: secret(5, size))
    assert pair == KeyPair.from_private(secret(5))
    assert pair.private.hex() not in repr(pair)
    assert pair.public.hex() in repr(pair)


def test_a_typed_key_carries_05_and_no_other_type_is_accepted() -> None:
    key = secret(8)
    assert typed(key) == b"\x05" + key
    assert untyped(typed(key)) == key
    for bad in (b"", key, b"\x04" + key, typed(key) + b"\0"):
        with pytest.raises(CryptoError):
            untyped(bad)


@pytest.mark.parametrize("number", range(8))
@pytest.mark.parametrize("message", [b"", b"message", bytes(1000)])
def test_a_signature_verifies_under_its_own_key_and_message_only(
    number: int, message: bytes
) -> None:
    pair = KeyPair.from_private(secret(number))
    signature = sign(pair.private, message)
    assert len(signature) == 64
    assert verify(pair.public, message, signature)
    assert not verify(pair.public, message + b"x", signature)
    assert not verify(KeyPair.from_private(secret(100)).public, message, signature)


def test_both_signs_of_a_public_key_occur_and_travel_in_the_signature() -> None:
    signs = set()
    for number in range(16):
        pair = KeyPair.from_private(secret(number))
        signature = sign(pair.private, b"message")
        flipped = signature[:63] + bytes((signature[63] ^ 0x80,))
        assert verify(pair.public, b"message", signature)
        assert not verify(pair.public, b"message", flipped)
        signs.add(signature[63] & 0x80)
    assert signs == {0, 0x80}


def test_signatures_depend_on_randomness_but_not_on_it_alone() -> None:
    first = sign(secret(1), b"one", lambda size: secret(0, size))
    assert first == sign(secret(1), b"one", lambda size: secret(0, size))
    assert first[:32] != sign(secret(1), b"two", lambda size: secret(0, size))[:32]
    assert first[:32] != sign(secret(1), b"one", lambda size: secret(1, size))[:32]


def test_every_changed_bit_of_a_signature_is_noticed() -> None:
    pair = KeyPair.from_private(secret(3))
    signature = sign(pair.private, b"message")
    for bit in range(512):
        changed = bytearray(signature)
        changed[bit // 8] ^= 1 << bit % 8
        assert not verify(pair.public, b"message", bytes(changed))


@pytest.mark.parametrize("size", [0, 63, 65])
def test_a_signature_of_another_length_is_refused(size: int) -> None:
    assert not verify(secret(9), b"message", bytes(size))


def test_a_public_key_that_is_no_key_verifies_nothing() -> None:
    signature = sign(secret(3), b"message")
    minus_one = b"\xec" + b"\xff" * 30 + b"\x7f"
    for public in (b"", bytes(31), bytes(33), bytes(32), minus_one, b"\xff" * 32):
        assert not verify(public, b"message", signature)
