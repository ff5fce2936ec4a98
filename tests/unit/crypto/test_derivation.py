"""The quick forms of HMAC and HKDF against the standard library and against each other."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from waport.crypto import hkdf, hkdf_blocks, hmac_sha256, hmac_sha256_pair
from waport.errors import CryptoError

SOME_BYTES = b"".join(hashlib.sha256(bytes((number,))).digest() for number in range(8))


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 63, 64, 65, 200])
def test_hmac_agrees_with_the_standard_library_for_keys_of_every_kind(size: int) -> None:
    key, data = SOME_BYTES[:size], SOME_BYTES
    expected = hmac.digest(key, data, "sha256")
    assert hmac_sha256(key, data) == expected
    assert hmac_sha256_pair(key, data, b"\x02") == (expected, hmac.digest(key, b"\x02", "sha256"))


@pytest.mark.parametrize("salt", [b"", SOME_BYTES[:32]])
def test_blocks_are_the_output_of_hkdf_cut_every_32_bytes(salt: bytes) -> None:
    whole = hkdf(SOME_BYTES, salt, b"info", 100)
    blocks = hkdf_blocks(SOME_BYTES, salt, b"info", 4)
    assert [len(block) for block in blocks] == [32, 32, 32, 32]
    assert b"".join(blocks)[:100] == whole


def test_no_salt_is_a_salt_of_32_zero_bytes() -> None:
    assert hkdf(SOME_BYTES, b"", b"info", 64) == hkdf(SOME_BYTES, bytes(32), b"info", 64)


def test_hkdf_gives_255_blocks_and_refuses_more() -> None:
    assert len(hkdf(b"key", b"", b"", 8160)) == 8160
    with pytest.raises(CryptoError):
        hkdf(b"key", b"", b"", 8161)
