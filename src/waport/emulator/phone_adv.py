"""The phone's side of device identities: it vouches for its companions, and checks other people's.

Source: docs/protocol/pairing.md, "Phone side: building the identity"; docs/protocol/signal.md,
"Verification before use".
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import lru_cache

from google.protobuf.message import DecodeError as ProtobufDecodeError

from ..crypto import KeyPair, RandomBytes, hmac_sha256, sign, verify
from ..errors import CryptoError
from ..proto import pb
from .saved import Saved

_ACCOUNT_PREFIX = b"\x06\x00"
_DEVICE_PREFIX = b"\x06\x01"
_KEY_INDEX_PREFIX = b"\x06\x02"
_HOSTED_ACCOUNT_PREFIX = b"\x06\x05"
_HOSTED_DEVICE_PREFIX = b"\x06\x06"


@dataclass(slots=True)
class AdvAccount:
    """What the phone remembers of the devices it has vouched for.

    Attributes:
        raw_id: random 32-bit number of the account.
        last_index: the highest key index ever given out; 0 is the phone's own.
        live: device number to key index of every linked companion.
        timestamp: of the last key index list, unix seconds; it never runs backwards.
    """

    raw_id: int
    last_index: int = 0
    live: dict[int, int] = field(default_factory=dict)
    timestamp: int = 0

    @classmethod
    def create(cls, random_bytes: RandomBytes = os.urandom) -> AdvAccount:
        """A new account without companions."""
        return cls(int.from_bytes(random_bytes(4), "big"))

    def dump(self) -> dict[str, object]:
        """The account as JSON values."""
        return {
            "raw_id": self.raw_id,
            "last_index": self.last_index,
            "timestamp": self.timestamp,
            "live": [{"device": device, "index": index} for device, index in self.live.items()],
        }

    @classmethod
    def load(cls, saved: Saved) -> AdvAccount:
        """The inverse of `dump`; CorruptRecord when it is something else."""
        live = {item.number("device"): item.number("index") for item in saved.parts("live")}
        return cls(
            saved.number("raw_id"), saved.number("last_index"), live, saved.number("timestamp")
        )


@dataclass(frozen=True, slots=True)
class DeviceClaim:
    """What the phone uploads to vouch for one companion.

    Attributes:
        key_index: given to the companion.
        container: ADVSignedDeviceIdentityHMAC.
        key_index_list: ADVSignedKeyIndexList that already counts the new companion.
        timestamp: of the list, unix seconds.
    """

    key_index: int
    container: bytes
    key_index_list: bytes
    timestamp: int


def vouch(
    account: AdvAccount,
    identity: KeyPair,
    companion_identity: bytes,
    adv_secret: bytes,
    now: int,
    random_bytes: RandomBytes = os.urandom,
) -> DeviceClaim:
    """Build the identity of a new companion. Its index is used up, also if linking fails later.

    Args:
        account: counted up by one index.
        identity: the account's, that is the phone's own, identity key.
        companion_identity: 32 bytes, from the QR text or the key bundle.
        adv_secret: 32 bytes that only companion and phone know.
        now: unix seconds.
        random_bytes: for the signatures.
    """
    account.last_index += 1
    key_index = account.last_index
    details = pb.ADVDeviceIdentity(
        rawId=account.raw_id, timestamp=now, keyIndex=key_index
    ).SerializeToString()
    signed = pb.ADVSignedDeviceIdentity(
        details=details,
        accountSignatureKey=identity.public,
        accountSignature=sign(
            identity.private, _ACCOUNT_PREFIX + details + companion_identity, random_bytes
        ),
    ).SerializeToString()
    container = pb.ADVSignedDeviceIdentityHMAC(
        details=signed, hmac=hmac_sha256(adv_secret, signed)
    ).SerializeToString()
    index_list, timestamp = key_index_list(account, identity, now, key_index, random_bytes)
    return DeviceClaim(key_index, container, index_list, timestamp)


@dataclass(frozen=True, slots=True)
class LinkedIdentity:
    """A companion that account and companion have both signed for.

    Attributes:
        device_identity: ADVSignedDeviceIdentity without the account signature key.
        key_index: given to the companion.
        key_index_list: ADVSignedKeyIndexList that counts it.
        timestamp: of the list, unix seconds.
    """

    device_identity: bytes
    key_index: int
    key_index_list: bytes
    timestamp: int


def vouch_for(
    account: AdvAccount,
    identity: KeyPair,
    companion: KeyPair,
    now: int,
    random_bytes: RandomBytes = os.urandom,
) -> LinkedIdentity:
    """Sign for a companion whose keys are at hand; see `vouch`."""
    claim = vouch(account, identity, companion.public, random_bytes(32), now, random_bytes)
    sealed = pb.ADVSignedDeviceIdentityHMAC.FromString(claim.container)
    signed = pb.ADVSignedDeviceIdentity.FromString(sealed.details)
    message = _DEVICE_PREFIX + signed.details + companion.public + identity.public
    signed.deviceSignature = sign(companion.private, message, random_bytes)
    signed.ClearField("accountSignatureKey")
    return LinkedIdentity(
        signed.SerializeToString(), claim.key_index, claim.key_index_list, claim.timestamp
    )


def key_index_list(
    account: AdvAccount,
    identity: KeyPair,
    now: int,
    new_index: int | None = None,
    random_bytes: RandomBytes = os.urandom,
) -> tuple[bytes, int]:
    """The signed list of valid key indexes.

    Args:
        account: its timestamp moves on.
        identity: the account's identity key.
        now: unix seconds.
        new_index: an index that is not live yet but counts already.
        random_bytes: for the signature.

    Returns:
        ADVSignedKeyIndexList bytes, and the timestamp in them.
    """
    account.timestamp = max(account.timestamp, now)
    valid = {0, *account.live.values()}
    if new_index is not None:
        valid.add(new_index)
    details = pb.ADVKeyIndexList(
        rawId=account.raw_id,
        timestamp=account.timestamp,
        currentIndex=account.last_index,
        validIndexes=sorted(valid),
    ).SerializeToString()
    signature = sign(identity.private, _KEY_INDEX_PREFIX + details, random_bytes)
    signed = pb.ADVSignedKeyIndexList(details=details, accountSignature=signature)
    return signed.SerializeToString(), account.timestamp


def check_device_identity(data: bytes, identity: bytes, account_key: bytes | None) -> bytes | None:
    """Check that an account vouches for a companion and the companion agrees.

    Args:
        data: ADVSignedDeviceIdentity.
        identity: the companion's identity key, 32 bytes, from its bundle or first message.
        account_key: the identity key of the account's device 0, when it is known.

    Returns:
        the account key that was used; None when none is known, and nothing could be checked.

    Raises:
        CryptoError: a signature is wrong, or the account key is not the known one.
    """
    try:
        signed = pb.ADVSignedDeviceIdentity.FromString(data)
        details = pb.ADVDeviceIdentity.FromString(signed.details)
    except ProtobufDecodeError as exc:
        raise CryptoError("the device identity cannot be read") from exc
    key = signed.accountSignatureKey or account_key
    if not key:
        return None
    if account_key is not None and key != account_key:
        raise CryptoError("the device identity names another account key")
    hosted = details.deviceType == pb.HOSTED
    account_prefix = _HOSTED_ACCOUNT_PREFIX if hosted else _ACCOUNT_PREFIX
    device_prefix = _HOSTED_DEVICE_PREFIX if hosted else _DEVICE_PREFIX
    if not verify(key, account_prefix + signed.details + identity, signed.accountSignature):
        raise CryptoError("the account signature of the device identity is wrong")
    message = device_prefix + signed.details + identity + key
    if not verify(identity, message, signed.deviceSignature):
        raise CryptoError("the device signature of the device identity is wrong")
    return key


@lru_cache(maxsize=256)
def check_key_index_list(data: bytes, account_key: bytes | None) -> pb.ADVKeyIndexList:
    """Read a signed key index list, and verify it when the account key is known.

    The result is shared between calls: do not change it.

    Raises:
        CryptoError: it cannot be read, or the signature is wrong.
    """
    try:
        signed = pb.ADVSignedKeyIndexList.FromString(data)
        details = pb.ADVKeyIndexList.FromString(signed.details)
    except ProtobufDecodeError as exc:
        raise CryptoError("the key index list cannot be read") from exc
    message = _KEY_INDEX_PREFIX + signed.details
    if account_key is not None and not verify(account_key, message, signed.accountSignature):
        raise CryptoError("the signature of the key index list is wrong")
    return details
