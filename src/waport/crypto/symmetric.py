"""Hashes, MACs, key derivation and AES modes, over one vetted library."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..errors import CryptoError

_sha256 = hashlib.sha256

# HMAC is composed of plain SHA-256 calls (RFC 2104, section 2): `hmac.digest` sets up a context for
# every call, which for the short inputs of a ratchet takes more time than the hashing.
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_INNER_FILL = tuple(b"\x36" * (64 - size) for size in range(65))
_OUTER_FILL = tuple(b"\x5c" * (64 - size) for size in range(65))

_COUNTERS = tuple(bytes((counter,)) for counter in range(1, 256))
_PKCS7 = tuple(bytes((fill,)) * fill for fill in range(17))


def sha256(data: bytes) -> bytes:
    """SHA-256, 32 bytes."""
    return _sha256(data).digest()


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA256, 32 bytes."""
    inner, outer = _hmac_pads(key)
    return _sha256(outer + _sha256(inner + data).digest()).digest()


def hmac_sha256_pair(key: bytes, first: bytes, second: bytes) -> tuple[bytes, bytes]:
    """HMAC-SHA256 of two inputs under one key, for less than the price of two."""
    inner, outer = _hmac_pads(key)
    return (
        _sha256(outer + _sha256(inner + first).digest()).digest(),
        _sha256(outer + _sha256(inner + second).digest()).digest(),
    )


def equal(a: bytes, b: bytes) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(a, b)


def hkdf(ikm: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """HKDF-SHA256 (RFC 5869).

    Args:
        ikm: input key material.
        salt: empty means 32 zero bytes, which gives the same result.
        info: context.
        length: how many bytes to derive, at most 8160.

    Raises:
        CryptoError: more than that is asked for.
    """
    if length > 8160:
        raise CryptoError("HKDF gives at most 8160 bytes")
    blocks = hkdf_blocks(ikm, salt, info, -(-length // 32))
    return b"".join(blocks)[:length]


def hkdf_blocks(ikm: bytes, salt: bytes, info: bytes, count: int) -> list[bytes]:
    """HKDF-SHA256 as `count` keys of 32 bytes: `hkdf` cut every 32 bytes, without the cutting."""
    prk = hmac_sha256(salt, ikm) if salt else _hmac_without_key(ikm)
    inner = prk.translate(_INNER) + _INNER_FILL[32]
    outer = prk.translate(_OUTER) + _OUTER_FILL[32]
    block = b""
    blocks = []
    for counter in _COUNTERS[:count]:
        block = _sha256(outer + _sha256(inner + block + info + counter).digest()).digest()
        blocks.append(block)
    return blocks


def _hmac_without_key(data: bytes) -> bytes:
    return _sha256(_OUTER_FILL[0] + _sha256(_INNER_FILL[0] + data).digest()).digest()


def _hmac_pads(key: bytes) -> tuple[bytes, bytes]:
    """The key block of HMAC with its inner and its outer mask, 64 bytes each."""
    size = len(key)
    if size > 64:
        key = _sha256(key).digest()
        size = 32
    return key.translate(_INNER) + _INNER_FILL[size], key.translate(_OUTER) + _OUTER_FILL[size]


def pbkdf2_sha256(password: bytes, salt: bytes, rounds: int, length: int) -> bytes:
    """PBKDF2-HMAC-SHA256 (RFC 8018). Slow on purpose: never call it on the event loop."""
    return hashlib.pbkdf2_hmac("sha256", password, salt, rounds, length)


def aes_gcm_encrypt(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes = b"") -> bytes:
    """AES-GCM; the 16-byte tag stands at the end of the result."""
    return AESGCM(key).encrypt(nonce, plaintext, aad)


def aes_gcm_decrypt(key: bytes, nonce: bytes, ciphertext: bytes, aad: bytes = b"") -> bytes:
    """Open what `aes_gcm_encrypt` made.

    Raises:
        CryptoError: the tag does not match, or the input is shorter than a tag.
    """
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, aad)
    except (InvalidTag, ValueError) as exc:
        raise CryptoError("GCM tag mismatch") from exc


class AesGcm:
    """AES-GCM under one key for many messages; used by one thread at a time."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def encrypt(self, nonce: bytes, plaintext: bytes) -> bytes:
        """As `aes_gcm_encrypt`."""
        return self._cipher.encrypt(nonce, plaintext, None)

    def decrypt(self, nonce: bytes, ciphertext: bytes) -> bytes:
        """As `aes_gcm_decrypt`.

        Raises:
            CryptoError: the tag does not match, or the input is shorter than a tag.
        """
        try:
            return self._cipher.decrypt(nonce, ciphertext, None)
        except (InvalidTag, ValueError) as exc:
            raise CryptoError("GCM tag mismatch") from exc


def aes_cbc_encrypt(key: bytes, iv: bytes, plaintext: bytes) -> bytes:
    """AES-CBC with PKCS#7 padding."""
    # The input is whole blocks, so `finalize` would have nothing to add.
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(plaintext + _PKCS7[16 - len(plaintext) % 16])


def aes_cbc_decrypt(key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    """Open what `aes_cbc_encrypt` made; authenticate the ciphertext first.

    Raises:
        CryptoError: not a whole number of blocks, or the padding is wrong.
    """
    if not ciphertext or len(ciphertext) % 16:
        raise CryptoError("not a whole number of AES blocks")
    padded = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor().update(ciphertext)
    fill = padded[-1]
    if not 1 <= fill <= 16 or not padded.endswith(_PKCS7[fill]):
        raise CryptoError("CBC padding is wrong")
    return padded[:-fill]


def aes_ctr(key: bytes, counter: bytes, data: bytes) -> bytes:
    """AES-CTR, encrypting or decrypting; the counter is the whole 16-byte block, big endian."""
    encryptor = Cipher(algorithms.AES(key), modes.CTR(counter)).encryptor()
    return encryptor.update(data) + encryptor.finalize()
