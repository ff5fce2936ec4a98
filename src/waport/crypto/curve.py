"""Curve25519: key pairs, X25519 agreement and XEdDSA signatures.

The field and group arithmetic is libsodium's (through PyNaCl). XEdDSA is composed of its Ed25519
scalar steps, in the variant that WhatsApp uses: the sign bit of the Edwards public key travels in
the top bit of the signature's last byte (docs/protocol/signal.md, "XEdDSA").
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from nacl import bindings
from nacl.exceptions import BadSignatureError
from nacl.exceptions import RuntimeError as SodiumError

from ..errors import CryptoError

TYPE_BYTE = b"\x05"
"""Marks a Curve25519 public key wherever Signal stores a typed, 33-byte key."""

RandomBytes = Callable[[int], bytes]
"""A source of random bytes; a parameter everywhere, so that vectors replay exactly."""

_P = 2**255 - 19
_XEDDSA_PREFIX = b"\xfe" + b"\xff" * 31


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An X25519 key pair: 32-byte clamped private key, 32-byte public key without a type byte."""

    private: bytes
    public: bytes

    @classmethod
    def generate(cls, random_bytes: RandomBytes = os.urandom) -> KeyPair:
        """A fresh pair from 32 random bytes."""
        return cls.from_private(random_bytes(32))

    @classmethod
    def from_private(cls, private: bytes) -> KeyPair:
        """The pair of a private key, which is clamped first.

        Raises:
            CryptoError: the key is not 32 bytes.
        """
        clamped = clamp(private)
        return cls(clamped, bindings.crypto_scalarmult_base(clamped))

    def __repr__(self) -> str:
        return f"KeyPair(public={self.public.hex()})"


def clamp(private: bytes) -> bytes:
    """Clear and set the bits that X25519 prescribes (RFC 7748, section 5)."""
    if len(private) != 32:
        raise CryptoError("a private key has 32 bytes")
    return bytes((private[0] & 0xF8,)) + private[1:31] + bytes((private[31] & 0x7F | 0x40,))


def typed(public: bytes) -> bytes:
    """The 33-byte form of a public key: `05` and the 32 bytes."""
    return TYPE_BYTE + public


def untyped(public: bytes) -> bytes:
    """The 32 bytes of a typed public key.

    Raises:
        CryptoError: not 33 bytes, or another type than Curve25519.
    """
    if len(public) != 33 or public[0] != 5:
        raise CryptoError("a typed public key is 05 and 32 bytes")
    return public[1:]


def agree(private: bytes, public: bytes) -> bytes:
    """The X25519 shared secret, 32 bytes.

    Raises:
        CryptoError: a key has the wrong length, or the result is all zero (low-order point).
    """
    if len(private) != 32 or len(public) != 32:
        raise CryptoError("X25519 keys have 32 bytes")
    try:
        return bindings.crypto_scalarmult(private, public)
    except SodiumError as exc:
        raise CryptoError("the public key is a low-order point") from exc


def sign(private: bytes, message: bytes, random_bytes: RandomBytes = os.urandom) -> bytes:
    """An XEdDSA signature, 64 bytes.

    Args:
        private: the X25519 private key; clamped before use.
        message: what is signed.
        random_bytes: gives the 64 bytes that make the nonce unpredictable.

    Source: docs/protocol/signal.md, "XEdDSA, sign".
    """
    scalar = clamp(private)
    public, sign_bit = _edwards_public(scalar)
    nonce = bindings.crypto_core_ed25519_scalar_reduce(
        hashlib.sha512(_XEDDSA_PREFIX + scalar + message + random_bytes(64)).digest()
    )
    commitment = bindings.crypto_scalarmult_ed25519_base_noclamp(nonce)
    challenge = bindings.crypto_core_ed25519_scalar_reduce(
        hashlib.sha512(commitment + public + message).digest()
    )
    reduced = bindings.crypto_core_ed25519_scalar_reduce(scalar + bytes(32))
    response = bindings.crypto_core_ed25519_scalar_add(
        nonce, bindings.crypto_core_ed25519_scalar_mul(challenge, reduced)
    )
    return commitment + response[:31] + bytes((response[31] | sign_bit,))


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is a valid XEdDSA signature of `message`.

    Args:
        public: the signer's 32-byte X25519 public key.
        message: what was signed.
        signature: 64 bytes; any other length is no signature.

    Source: docs/protocol/signal.md, "XEdDSA, verify".
    """
    if len(signature) != 64 or len(public) != 32:
        return False
    last = signature[63]
    if last & 0x60:
        return False
    edwards = _edwards_from_montgomery(public, last & 0x80)
    if edwards is None:
        return False
    try:
        bindings.crypto_sign_open(
            signature[:63] + bytes((last & 0x7F,)) + message,
            edwards,
        )
    except (BadSignatureError, ValueError):
        return False
    return True


@lru_cache(maxsize=256)
def _edwards_public(scalar: bytes) -> tuple[bytes, int]:
    """The Edwards public key of a clamped scalar, and its sign bit (0 or 0x80)."""
    public = bindings.crypto_scalarmult_ed25519_base_noclamp(scalar)
    return public, public[31] & 0x80


@lru_cache(maxsize=4096)
def _edwards_from_montgomery(public: bytes, sign_bit: int) -> bytes | None:
    """The Ed25519 form of an X25519 public key: y = (u - 1) / (u + 1), with the given sign bit."""
    u = (int.from_bytes(public, "little") & ((1 << 255) - 1)) % _P
    if u == _P - 1:
        return None
    y = (u - 1) * pow(u + 1, -1, _P) % _P
    encoded = y.to_bytes(32, "little")
    return encoded[:31] + bytes((encoded[31] | sign_bit,))
