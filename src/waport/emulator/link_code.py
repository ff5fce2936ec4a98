"""The phone's arithmetic of linking with an eight-character code.

Source: docs/protocol/pairing.md, "Pairing with a phone number" and "Phone side".
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..crypto import (
    KeyPair,
    RandomBytes,
    aes_ctr,
    aes_gcm_decrypt,
    agree,
    hkdf,
    pbkdf2_sha256,
)
from ..errors import CryptoError, InvalidInput

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTVWXYZ"
CODE_LENGTH = 8
WRAPPED_LENGTH = 80

_ROUNDS = 131_072
_SALT = 32
_CTR_IV = 16
_GCM_IV = 12
_BUNDLE_LENGTH = _SALT + _GCM_IV + 3 * 32 + 16


@dataclass(frozen=True, slots=True)
class OpenedBundle:
    """What the companion's key bundle held.

    Attributes:
        companion_identity: 32 bytes.
        adv_secret: 32 bytes that phone and companion share from now on.
    """

    companion_identity: bytes
    adv_secret: bytes


def normalise(code: str) -> str:
    """A code as it goes into the arithmetic: no dash, no spaces, upper case.

    Raises:
        InvalidInput: not eight characters of the alphabet.
    """
    plain = "".join(code.replace("-", "").split()).upper()
    if len(plain) != CODE_LENGTH or any(letter not in ALPHABET for letter in plain):
        raise InvalidInput(f"a code has {CODE_LENGTH} characters of {ALPHABET}")
    return plain


def encode(data: bytes) -> str:
    """Five bytes as eight characters, five bits each."""
    number = int.from_bytes(data[:5], "big")
    return "".join(ALPHABET[number >> shift & 31] for shift in range(35, -1, -5))


def unwrap(code: str, wrapped: bytes) -> bytes:
    """The ephemeral public key that the companion wrapped with the code. Slow on purpose.

    A wrong code gives another key, not an error.

    Raises:
        CryptoError: not 80 bytes.
    """
    if len(wrapped) != WRAPPED_LENGTH:
        raise CryptoError(f"a wrapped key has {WRAPPED_LENGTH} bytes")
    key = pbkdf2_sha256(code.encode(), wrapped[:_SALT], _ROUNDS, 32)
    return aes_ctr(key, wrapped[_SALT : _SALT + _CTR_IV], wrapped[_SALT + _CTR_IV :])


def wrap(code: str, public: bytes, random_bytes: RandomBytes = os.urandom) -> bytes:
    """Wrap our ephemeral public key with the code; 80 bytes. Slow on purpose."""
    salt, iv = random_bytes(_SALT), random_bytes(_CTR_IV)
    key = pbkdf2_sha256(code.encode(), salt, _ROUNDS, 32)
    return salt + iv + aes_ctr(key, iv, public)


def open_bundle(
    bundle: bytes,
    identity: KeyPair,
    ephemeral: KeyPair,
    companion_ephemeral: bytes,
    companion_identity: bytes,
) -> OpenedBundle:
    """Open the companion's key bundle.

    Args:
        bundle: 156 bytes.
        identity: the phone's identity key.
        ephemeral: the pair whose public half the phone sent.
        companion_ephemeral: what `unwrap` gave.
        companion_identity: as sent beside the bundle, 32 bytes.

    Raises:
        CryptoError: the code was wrong, or the bundle is not for this phone and companion.
    """
    if len(bundle) != _BUNDLE_LENGTH:
        raise CryptoError(f"a key bundle has {_BUNDLE_LENGTH} bytes")
    salt, rest = bundle[:_SALT], bundle[_SALT:]
    shared = agree(ephemeral.private, companion_ephemeral)
    key = hkdf(shared, salt, b"link_code_pairing_key_bundle_encryption_key", 32)
    plain = aes_gcm_decrypt(key, rest[:_GCM_IV], rest[_GCM_IV:])
    if plain[:32] != companion_identity or plain[32:64] != identity.public:
        raise CryptoError("the key bundle names other identities")
    secret = shared + agree(identity.private, companion_identity) + plain[64:]
    return OpenedBundle(companion_identity, hkdf(secret, b"", b"adv_secret", 32))
