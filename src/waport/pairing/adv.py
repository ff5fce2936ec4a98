"""Signed device identities (ADV): proof that an account's primary device wanted a companion.

The account key is the Signal identity of the phone. It signs the identity of each companion, and
the companion signs back. Every signed text begins with two bytes that say what it is.

Source: docs/protocol/pairing.md, "Checking pair-success"; signal.md, "Verification before use".
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import DecodeError as ProtobufError
from google.protobuf.message import Message

from ..crypto import KeyPair, RandomBytes, equal, hmac_sha256, sign, verify
from ..errors import CryptoError, DecodeError, PairingError
from ..proto import pb

MAX_CONTAINER_BYTES = 500
"""The largest pairing identity that is read; a real one has about 155 bytes."""

MAX_IDENTITY_BYTES = 4096
MAX_KEY_INDEX_LIST_BYTES = 64 * 1024

# What a signature is about: the first two bytes of everything that ADV signs.
# Source: docs/protocol/pairing.md, "Signature prefixes".
ACCOUNT_SIGNS_DEVICE = b"\x06\x00"
DEVICE_SIGNS_BACK = b"\x06\x01"
ACCOUNT_SIGNS_KEY_INDEXES = b"\x06\x02"
ACCOUNT_SIGNS_HOSTED_DEVICE = b"\x06\x05"
HOSTED_DEVICE_SIGNS_BACK = b"\x06\x06"
HOSTED_ACCOUNT_SIGNS_KEY_INDEXES = b"\x06\x07"

_M = TypeVar("_M", bound=Message)


# --- our own pairing -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PairedIdentity:
    """Our device identity, checked and signed.

    Attributes:
        account: ADVSignedDeviceIdentity with account key and our signature; kept for ever, since
            the first message to a new peer carries it.
        reply: the same without the account key; goes into `pair-device-sign`.
        key_index: our index in the account's list of live devices; also part of the answer.
        account_key: the phone's identity key, 32 bytes; trusted from now on.
    """

    account: bytes
    reply: bytes
    key_index: int
    account_key: bytes


def verify_pair_success(
    container: bytes,
    adv_secret: bytes,
    identity: KeyPair,
    random_bytes: RandomBytes = os.urandom,
) -> PairedIdentity:
    """Check the identity that the phone made for us, and sign it.

    Args:
        container: ADVSignedDeviceIdentityHMAC, the content of `device-identity`.
        adv_secret: the newest secret shared with the phone, 32 bytes.
        identity: our own identity key pair.
        random_bytes: gives the nonce of the signature.
    Raises:
        PairingError: 401 when the MAC or the account's signature does not hold, 500 when the
            identity cannot be read. Nothing may be stored then.

    Source: docs/protocol/pairing.md, "Checking pair-success".
    """
    if not 1 <= len(container) <= MAX_CONTAINER_BYTES:
        raise pairing_failed(f"device identity of {len(container)} bytes")
    try:
        outer = _parse(pb.ADVSignedDeviceIdentityHMAC, container)
    except DecodeError as exc:
        raise pairing_failed("device identity container is not protobuf") from exc
    is_hosted_account = outer.accountType == pb.ADVEncryptionType.HOSTED
    mac_prefix = ACCOUNT_SIGNS_HOSTED_DEVICE if is_hosted_account else b""
    if not equal(hmac_sha256(adv_secret, mac_prefix + outer.details), outer.hmac):
        raise _not_authorized("hmac mismatch")
    try:
        signed = _parse(pb.ADVSignedDeviceIdentity, outer.details)
        details = _parse(pb.ADVDeviceIdentity, signed.details)
    except DecodeError as exc:
        raise pairing_failed("device identity is not protobuf") from exc

    account_key = signed.accountSignatureKey
    if len(account_key) != 32:
        raise _not_authorized("account key is not 32 bytes")
    if len(signed.accountSignature) != 64:
        raise _not_authorized("account signature is not 64 bytes")
    is_hosted_device = details.deviceType == pb.ADVEncryptionType.HOSTED
    prefix = ACCOUNT_SIGNS_HOSTED_DEVICE if is_hosted_device else ACCOUNT_SIGNS_DEVICE
    covered = signed.details + identity.public
    if not verify(account_key, prefix + covered, signed.accountSignature):
        raise _not_authorized("account signature mismatch")
    if not details.HasField("keyIndex"):
        raise pairing_failed("device identity has no key index")

    # Hosted or not, a companion of our kind signs with the ordinary prefix.
    device_signature = sign(
        identity.private, DEVICE_SIGNS_BACK + covered + account_key, random_bytes
    )
    account = pb.ADVSignedDeviceIdentity(
        details=signed.details,
        accountSignatureKey=account_key,
        accountSignature=signed.accountSignature,
        deviceSignature=device_signature,
    ).SerializeToString()
    return PairedIdentity(
        account=account,
        reply=without_account_key(account),
        key_index=details.keyIndex,
        account_key=account_key,
    )


def without_account_key(account: bytes) -> bytes:
    """An ADVSignedDeviceIdentity less the account key, as other parties get it.

    Raises:
        DecodeError: the bytes are no such identity.
    """
    signed = _parse(pb.ADVSignedDeviceIdentity, account)
    signed.ClearField("accountSignatureKey")
    return signed.SerializeToString()


def pairing_failed(detail: str) -> PairingError:
    """The refusal of a pairing that we cannot read or keep."""
    return PairingError(500, "internal-error", detail)


def _not_authorized(detail: str) -> PairingError:
    return PairingError(401, "not-authorized", detail)


# --- other people's devices ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeviceIdentityCheck:
    """What is known of a companion after its device identity was looked at.

    Attributes:
        is_verified: both signatures hold. False only when no account key is known at all: the
            identity may be used then, but that should be logged.
        account_key: the account key that both signatures hold under; None when not verified.
        is_account_key_new: the identity brought an account key that differs from the one we knew.
            To the caller that is a changed identity of the account's device 0.
        raw_id: the account's random number.
        key_index: the device's index in the account's key index list.
    """

    is_verified: bool
    account_key: bytes | None
    is_account_key_new: bool
    raw_id: int
    key_index: int


def verify_device_identity(
    device_identity: bytes, identity: bytes, account_key: bytes | None
) -> DeviceIdentityCheck:
    """Check that an account vouches for a companion's identity key, and the companion for both.

    Args:
        device_identity: ADVSignedDeviceIdentity, from a key bundle or a first message.
        identity: the companion's identity key as fetched, 32 bytes.
        account_key: the stored identity key of the account's device 0, 32 bytes, or None. Used
            when the identity does not bring the account key itself.
    Raises:
        DecodeError: not protobuf, or oversized.
        CryptoError: a signature is missing or does not hold, or a key has the wrong length. The
            bundle or message must be refused.

    Source: docs/protocol/signal.md, "Verification before use".
    """
    if len(device_identity) > MAX_IDENTITY_BYTES:
        raise DecodeError("device identity is too long")
    signed = _parse(pb.ADVSignedDeviceIdentity, device_identity)
    details = _parse(pb.ADVDeviceIdentity, signed.details)
    if not signed.details:
        raise DecodeError("device identity without details")
    for name, length, expected in (
        ("identity key", len(identity), 32),
        ("account signature", len(signed.accountSignature), 64),
        ("device signature", len(signed.deviceSignature), 64),
    ):
        if length != expected:
            raise CryptoError(f"{name} is not {expected} bytes")
    key = signed.accountSignatureKey if signed.HasField("accountSignatureKey") else account_key
    if key is not None:
        if len(key) != 32:
            raise CryptoError("account key is not 32 bytes")
        _verify_both(signed, details, identity, key)
    return DeviceIdentityCheck(
        is_verified=key is not None,
        account_key=key,
        is_account_key_new=key is not None and account_key is not None and key != account_key,
        raw_id=details.rawId,
        key_index=details.keyIndex,
    )


def _verify_both(
    signed: pb.ADVSignedDeviceIdentity,
    details: pb.ADVDeviceIdentity,
    identity: bytes,
    account_key: bytes,
) -> None:
    account_prefixes = [ACCOUNT_SIGNS_DEVICE]
    device_prefixes = [DEVICE_SIGNS_BACK]
    if pb.ADVEncryptionType.HOSTED in (details.deviceType, details.accountType):
        # Clients disagree on when the hosted prefixes apply, so both are possible here.
        account_prefixes.append(ACCOUNT_SIGNS_HOSTED_DEVICE)
        device_prefixes.append(HOSTED_DEVICE_SIGNS_BACK)
    covered = signed.details + identity
    if not any(verify(account_key, p + covered, signed.accountSignature) for p in account_prefixes):
        raise CryptoError("account signature of a device identity does not hold")
    covered += account_key
    if not any(verify(identity, p + covered, signed.deviceSignature) for p in device_prefixes):
        raise CryptoError("device signature of a device identity does not hold")


# --- key index lists -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeyIndexList:
    """Which companions of an account are live, as the account itself says.

    Attributes:
        raw_id: the account's random number; another one means that the account registered anew.
        timestamp: Unix seconds; a list older than the stored one must not be used.
        current_index: the newest index when the list was made.
        valid_indexes: the indexes of live devices.
        is_hosted: the list is that of a hosted account.
    """

    raw_id: int
    timestamp: int
    current_index: int
    valid_indexes: frozenset[int]
    is_hosted: bool = False

    def is_valid_index(self, index: int | None) -> bool:
        """Whether a companion with this `key-index` may get messages; one without may not.

        An index above the list's own newest belongs to a device that was linked later.

        Source: docs/protocol/messages.md, "Filter rules".
        """
        return index is not None and (index in self.valid_indexes or index > self.current_index)


def parse_key_index_list(data: bytes) -> KeyIndexList:
    """Read an ADVSignedKeyIndexList without checking its signature.

    Raises:
        DecodeError: not protobuf, oversized, or without raw id or timestamp.
    """
    return _key_index_list(_signed_key_index_list(data))


def verify_key_index_list(data: bytes, account_key: bytes) -> bool:
    """Whether the account signed an ADVSignedKeyIndexList.

    Args:
        data: the same bytes that `parse_key_index_list` reads.
        account_key: the identity key of the account's device 0, 32 bytes.
    Raises:
        DecodeError: as `parse_key_index_list`.

    Source: docs/protocol/messages.md, "Filter rules": a failure is only logged.
    """
    signed = _signed_key_index_list(data)
    is_hosted = _key_index_list(signed).is_hosted
    prefix = HOSTED_ACCOUNT_SIGNS_KEY_INDEXES if is_hosted else ACCOUNT_SIGNS_KEY_INDEXES
    return verify(account_key, prefix + signed.details, signed.accountSignature)


def _signed_key_index_list(data: bytes) -> pb.ADVSignedKeyIndexList:
    if len(data) > MAX_KEY_INDEX_LIST_BYTES:
        raise DecodeError("key index list is too long")
    return _parse(pb.ADVSignedKeyIndexList, data)


def _key_index_list(signed: pb.ADVSignedKeyIndexList) -> KeyIndexList:
    details = _parse(pb.ADVKeyIndexList, signed.details)
    # Without these an empty list would let every companion pass.
    if not details.HasField("rawId") or not details.HasField("timestamp"):
        raise DecodeError("key index list without raw id or timestamp")
    return KeyIndexList(
        raw_id=details.rawId,
        timestamp=details.timestamp,
        current_index=details.currentIndex,
        valid_indexes=frozenset(details.validIndexes),
        is_hosted=details.accountType == pb.ADVEncryptionType.HOSTED,
    )


def _parse(kind: type[_M], data: bytes) -> _M:
    try:
        return kind.FromString(data)
    except ProtobufError as exc:
        raise DecodeError(f"not a valid {kind.DESCRIPTOR.name}") from exc
