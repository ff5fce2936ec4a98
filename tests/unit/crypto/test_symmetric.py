"""The published vectors of each standard; whatever replaces a primitive must still give them."""

from __future__ import annotations

import pytest

from waport.crypto import (
    aes_cbc_decrypt,
    aes_cbc_encrypt,
    aes_ctr,
    aes_gcm_decrypt,
    aes_gcm_encrypt,
    equal,
    hkdf,
    hmac_sha256,
    pbkdf2_sha256,
    sha256,
)
from waport.errors import CryptoError

AES_KEY = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
AES_BLOCK = bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")


@pytest.mark.parametrize(
    ("ikm", "salt", "info", "length", "okm"),
    [
        pytest.param(
            b"\x0b" * 22,
            bytes(range(0x0D)),
            bytes(range(0xF0, 0xFA)),
            42,
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
            id="A.1",
        ),
        pytest.param(
            bytes(range(0x50)),
            bytes(range(0x60, 0xB0)),
            bytes(range(0xB0, 0x100)),
            82,
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
            "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
            "cc30c58179ec3e87c14c01d5c1f3434f1d87",
            id="A.2",
        ),
        pytest.param(
            b"\x0b" * 22,
            b"",
            b"",
            42,
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
            id="A.3",
        ),
    ],
)
def test_hkdf_gives_the_vectors_of_rfc_5869(
    ikm: bytes, salt: bytes, info: bytes, length: int, okm: str
) -> None:
    assert hkdf(ikm, salt, info, length).hex() == okm


def test_hkdf_output_of_any_length_is_a_prefix_of_the_longer_ones() -> None:
    longest = hkdf(b"ikm", b"salt", b"info", 8160)
    assert len(longest) == 8160
    for length in (1, 31, 32, 33, 64, 112):
        assert hkdf(b"ikm", b"salt", b"info", length) == longest[:length]


def test_hmac_gives_the_vectors_of_rfc_4231() -> None:
    assert hmac_sha256(b"\x0b" * 20, b"Hi There").hex() == (
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    )
    assert hmac_sha256(b"Jefe", b"what do ya want for nothing?").hex() == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_sha256_gives_the_vector_of_fips_180() -> None:
    assert sha256(b"abc").hex() == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_pbkdf2_gives_the_vector_of_rfc_7914() -> None:
    assert pbkdf2_sha256(b"passwd", b"salt", 1, 64).hex() == (
        "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
        "49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783"
    )


def test_aes_cbc_gives_the_vector_of_sp_800_38a() -> None:
    iv = bytes(range(16))
    ciphertext = aes_cbc_encrypt(AES_KEY, iv, AES_BLOCK)
    assert ciphertext[:16].hex() == "f58c4c04d6e5f1ba779eabfb5f7bfbd6"
    assert len(ciphertext) == 32
    assert aes_cbc_decrypt(AES_KEY, iv, ciphertext) == AES_BLOCK


def test_aes_ctr_gives_the_vector_of_sp_800_38a() -> None:
    counter = bytes(range(0xF0, 0x100))
    assert aes_ctr(AES_KEY, counter, AES_BLOCK).hex() == "601ec313775789a5b7a7f504bbf3d228"


def test_aes_gcm_gives_test_case_14_of_its_specification() -> None:
    sealed = aes_gcm_encrypt(bytes(32), bytes(12), bytes(16))
    assert sealed.hex() == "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"
    assert aes_gcm_decrypt(bytes(32), bytes(12), sealed) == bytes(16)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 32])
def test_aes_cbc_opens_what_it_sealed(size: int) -> None:
    sealed = aes_cbc_encrypt(AES_KEY, bytes(16), bytes(size))
    assert len(sealed) == size // 16 * 16 + 16
    assert aes_cbc_decrypt(AES_KEY, bytes(16), sealed) == bytes(size)


@pytest.mark.parametrize("ciphertext", [b"", bytes(15), bytes(17), bytes(16)])
def test_aes_cbc_refuses_broken_blocks_and_padding(ciphertext: bytes) -> None:
    with pytest.raises(CryptoError):
        aes_cbc_decrypt(AES_KEY, bytes(16), ciphertext)


def test_aes_gcm_refuses_any_change() -> None:
    sealed = aes_gcm_encrypt(AES_KEY, bytes(12), b"text", b"context")
    for bad in (b"", sealed[:15], sealed[:-1], sealed[:-1] + bytes((sealed[-1] ^ 1,))):
        with pytest.raises(CryptoError):
            aes_gcm_decrypt(AES_KEY, bytes(12), bad, b"context")
    with pytest.raises(CryptoError):
        aes_gcm_decrypt(AES_KEY, bytes(12), sealed, b"another context")


def test_equal_compares_content_and_length() -> None:
    assert equal(b"same", b"same")
    assert not equal(b"same", b"game")
    assert not equal(b"same", b"sam")
