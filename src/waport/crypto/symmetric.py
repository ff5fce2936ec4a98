"""Hashes, MACs, key derivation and AES modes, over one vetted library."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..errors import CryptoError

_ZERO_SALT = bytes(32)


def sha256(data: bytes) -> bytes:
    """SHA-256, 32 bytes."""
    return hashlib.sha256(data).digest()


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA256, 32 bytes."""
    return hmac.digest(key, data, "sha256")


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
    """
    prk = hmac.digest(salt or _ZERO_SALT, ikm, "sha256")
    block = hmac.digest(prk, info + b"\x01", "sha256")
    output = block
    counter = 2
    while len(output) < length:
        block = hmac.digest(prk, block + info + bytes((counter,)), "sha256")
        output += block
        counter += 1
    return output[:length]


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


def aes_cbc_encrypt(key: bytes, iv: bytes, plaintext: bytes) -> bytes:
    """AES-CBC with PKCS#7 padding."""
    fill = 16 - len(plaintext) % 16
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(plaintext + bytes((fill,)) * fill) + encryptor.finalize()


def aes_cbc_decrypt(key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    """Open what `aes_cbc_encrypt` made; authenticate the ciphertext first.

    Raises:
        CryptoError: not a whole number of blocks, or the padding is wrong.
    """
    if not ciphertext or len(ciphertext) % 16:
        raise CryptoError("not a whole number of AES blocks")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    fill = padded[-1]
    if not 1 <= fill <= 16 or padded[-fill:] != bytes((fill,)) * fill:
        raise CryptoError("CBC padding is wrong")
    return padded[:-fill]


def aes_ctr(key: bytes, counter: bytes, data: bytes) -> bytes:
    """AES-CTR, encrypting or decrypting; the counter is the whole 16-byte block, big endian."""
    encryptor = Cipher(algorithms.AES(key), modes.CTR(counter)).encryptor()
    return encryptor.update(data) + encryptor.finalize()
