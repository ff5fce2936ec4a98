"""The keys of one device: identity, signed pre-key, one-time pre-keys, and what a peer publishes.

Source: docs/protocol/signal.md, "Keys".
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from ..crypto import KeyPair, RandomBytes, sign, typed, verify
from ..errors import CryptoError, InvalidInput

MAX_KEY_ID = 0xFFFFFF
"""Key ids travel as three bytes; 0 is no id."""

MAX_REGISTRATION_ID = 0x3FFF
"""Registration ids are 14-bit numbers; 0 means unknown."""


def next_key_id(key_id: int) -> int:
    """The id after `key_id`: after 16777215 comes 1."""
    return key_id % MAX_KEY_ID + 1


def encode_id(key_id: int) -> bytes:
    """A pre-key id as it stands in stanzas: three bytes, big endian.

    Raises:
        InvalidInput: not in 1..16777215.
    """
    _check_key_id(key_id)
    return key_id.to_bytes(3, "big")


def generate_registration_id(random_bytes: RandomBytes = os.urandom) -> int:
    """A random registration id, 1..16383; never 0, which means "unknown" in the repair rules."""
    return int.from_bytes(random_bytes(2), "big") % MAX_REGISTRATION_ID + 1


@dataclass(frozen=True, slots=True)
class LocalIdentity:
    """Who we are towards every peer.

    Attributes:
        identity: the identity key pair, one per link.
        registration_id: 1..16383.
    """

    identity: KeyPair
    registration_id: int


@dataclass(frozen=True, slots=True)
class PreKey:
    """A one-time pre-key of ours: whoever starts a session with it uses it up."""

    id: int
    pair: KeyPair


@dataclass(frozen=True, slots=True)
class SignedPreKey:
    """A medium-term pre-key of ours.

    Attributes:
        id: 1..16777215.
        pair: the key pair.
        signature: 64 bytes, XEdDSA by the identity key over the typed (33-byte) public key.
    """

    id: int
    pair: KeyPair
    signature: bytes

    @classmethod
    def create(
        cls, identity: KeyPair, key_id: int, random_bytes: RandomBytes = os.urandom
    ) -> SignedPreKey:
        """A fresh signed pre-key.

        Raises:
            InvalidInput: the id is not in 1..16777215.
        """
        _check_key_id(key_id)
        pair = KeyPair.generate(random_bytes)
        return cls(key_id, pair, sign(identity.private, typed(pair.public), random_bytes))


@dataclass(frozen=True, slots=True)
class PreKeyBundle:
    """What a peer's device publishes so that others can start a session with it.

    Attributes:
        registration_id: of the device; 0 when unknown.
        identity: its identity public key, 32 bytes.
        signed_pre_key_id: 0..16777215.
        signed_pre_key: public key, 32 bytes.
        signature: 64 bytes, of the typed signed pre-key by the identity key.
        pre_key_id: id of the one-time pre-key; None when the server had none left.
        pre_key: its public key, 32 bytes; None exactly when `pre_key_id` is.
    """

    registration_id: int
    identity: bytes
    signed_pre_key_id: int
    signed_pre_key: bytes
    signature: bytes
    pre_key_id: int | None = None
    pre_key: bytes | None = None

    def verify(self) -> None:
        """Check ids, lengths and the signature; no session may be made before.

        Raises:
            CryptoError: something does not hold.

        Source: docs/protocol/signal.md, "Verification before use".
        """
        if (self.pre_key_id is None) != (self.pre_key is None):
            raise CryptoError("the one-time pre-key of a bundle needs both id and key")
        if len(self.identity) != 32 or len(self.signed_pre_key) != 32:
            raise CryptoError("the keys of a bundle have 32 bytes")
        if self.pre_key is not None and len(self.pre_key) != 32:
            raise CryptoError("the keys of a bundle have 32 bytes")
        if not 0 <= self.signed_pre_key_id <= MAX_KEY_ID:
            raise CryptoError("the signed pre-key id of a bundle has 24 bits")
        if self.pre_key_id is not None and not 0 <= self.pre_key_id <= MAX_KEY_ID:
            raise CryptoError("the one-time pre-key id of a bundle has 24 bits")
        if not 0 <= self.registration_id <= 0xFFFFFFFF:
            raise CryptoError("the registration id of a bundle has 32 bits")
        if not verify(self.identity, typed(self.signed_pre_key), self.signature):
            raise CryptoError("the signature of the signed pre-key is wrong")


def generate_pre_keys(
    start_id: int, count: int, random_bytes: RandomBytes = os.urandom
) -> list[PreKey]:
    """Fresh one-time pre-keys with consecutive ids from `start_id`; after 16777215 comes 1.

    Raises:
        InvalidInput: `start_id` is not in 1..16777215, or so many that an id would repeat.
    """
    return [PreKey(key_id, KeyPair.generate(random_bytes)) for key_id in _ids(start_id, count)]


def _ids(start_id: int, count: int) -> Iterator[int]:
    _check_key_id(start_id)
    if not 0 <= count <= MAX_KEY_ID:
        raise InvalidInput("that many key ids do not exist")
    return ((start_id - 1 + step) % MAX_KEY_ID + 1 for step in range(count))


def _check_key_id(key_id: int) -> None:
    if not 1 <= key_id <= MAX_KEY_ID:
        raise InvalidInput(f"pre-key ids are 1..{MAX_KEY_ID}, not {key_id}")
