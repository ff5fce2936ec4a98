"""Cryptographic primitives only, over vetted libraries."""

from .curve import KeyPair, RandomBytes, agree, clamp, sign, typed, untyped, verify
from .symmetric import (
    AesGcm,
    aes_cbc_decrypt,
    aes_cbc_encrypt,
    aes_ctr,
    aes_gcm_decrypt,
    aes_gcm_encrypt,
    equal,
    hkdf,
    hkdf_blocks,
    hmac_sha256,
    hmac_sha256_pair,
    pbkdf2_sha256,
    sha256,
)

__all__ = [
    "AesGcm",
    "KeyPair",
    "RandomBytes",
    "aes_cbc_decrypt",
    "aes_cbc_encrypt",
    "aes_ctr",
    "aes_gcm_decrypt",
    "aes_gcm_encrypt",
    "agree",
    "clamp",
    "equal",
    "hkdf",
    "hkdf_blocks",
    "hmac_sha256",
    "hmac_sha256_pair",
    "pbkdf2_sha256",
    "sha256",
    "sign",
    "typed",
    "untyped",
    "verify",
]
