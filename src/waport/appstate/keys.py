"""Sync keys: how one expands, which one writes, and how devices of an account pass them on.

Source: docs/protocol/app-state.md, "Sync keys".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from google.protobuf.message import DecodeError as ProtobufError

from ..crypto import hkdf_blocks
from ..errors import CryptoError, InvalidInput, MissingKeys
from ..proto import pb

KEY_ID_SIZE: Final = 6
"""Two bytes of the device that made the key, four of its epoch, both big endian."""

KEY_SIZE: Final = 32

MAX_SHARED_KEYS: Final = 1024
"""Keys looked at in one share or request."""

NOTHING_EXPIRED: Final = -1
"""Below every epoch."""

_INFO: Final = b"WhatsApp Mutation Keys"


@dataclass(frozen=True, slots=True)
class SyncKey:
    """A key that all devices of an account hold.

    Attributes:
        id: 6 bytes.
        data: 32 bytes.
        timestamp_ms: when it was made.
        fingerprint: what its maker says of the account's devices at that time, a serialized
            `AppStateSyncKeyFingerprint`; only passed on.
    """

    id: bytes
    data: bytes = field(repr=False)
    timestamp_ms: int = 0
    fingerprint: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class MutationKeys:
    """What one sync key expands to; five keys of 32 bytes."""

    index: bytes = field(repr=False)
    value_encryption: bytes = field(repr=False)
    value_mac: bytes = field(repr=False)
    snapshot_mac: bytes = field(repr=False)
    patch_mac: bytes = field(repr=False)


def expand_sync_key(data: bytes) -> MutationKeys:
    """Derive the five working keys of a sync key.

    Raises:
        CryptoError: the key is not 32 bytes.
    """
    if len(data) != KEY_SIZE:
        raise CryptoError("an app-state key has 32 bytes")
    return MutationKeys(*hkdf_blocks(data, b"", _INFO, 5))


def key_epoch(key_id: bytes) -> int:
    """The epoch in a key's id; later keys have a higher one."""
    return int.from_bytes(key_id[2:], "big")


class KeyRing:
    """The sync keys of one account, each expanded when it is first used.

    Args:
        keys: 32 bytes for each id.
        others: 32 other bytes for ids under which different keys were shared.
    """

    __slots__ = ("_data", "_expanded", "_others")

    def __init__(
        self, keys: Mapping[bytes, bytes], others: Mapping[bytes, bytes] | None = None
    ) -> None:
        self._data = dict(keys)
        self._others = dict(others or {})
        self._expanded: dict[bytes, MutationKeys] = {}

    def variants(self) -> Iterator[KeyRing]:
        """These keys, then with the other key of each id that has two; only to decrypt with."""
        yield self
        for key_id, data in self._others.items():
            yield KeyRing({**self._data, key_id: data})

    @property
    def ids(self) -> tuple[bytes, ...]:
        """The ids of all keys."""
        return tuple(self._data)

    def expand(self, key_id: bytes) -> MutationKeys:
        """The working keys of one sync key.

        Raises:
            MissingKeys: it is not known.
            CryptoError: what is kept of it is no key.
        """
        known = self._expanded.get(key_id)
        if known is not None:
            return known
        data = self._data.get(key_id)
        if data is None:
            raise MissingKeys((key_id,))
        self._expanded[key_id] = keys = expand_sync_key(data)
        return keys

    def require(self, key_ids: Iterable[bytes]) -> None:
        """Check that all of these are known.

        Raises:
            MissingKeys: names every one that is not, each once.
        """
        missing = tuple(key_id for key_id in dict.fromkeys(key_ids) if key_id not in self._data)
        if missing:
            raise MissingKeys(missing)

    def writing_key(self, expired_epoch: int = NOTHING_EXPIRED) -> bytes:
        """The id of the key to encrypt with: the newest, of two devices' the lower device's.

        Args:
            expired_epoch: keys up to this epoch only decrypt (see `KeyExpiration`).

        Raises:
            MissingKeys: there is none; it names none either.
        """
        usable = [
            key_id
            for key_id in self._data
            if len(key_id) == KEY_ID_SIZE and key_epoch(key_id) > expired_epoch
        ]
        if not usable:
            raise MissingKeys
        return min(usable, key=lambda key_id: (-key_epoch(key_id), key_id))


# --- what devices tell each other ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeyShare:
    """What another device of the account shared.

    Attributes:
        keys: those that can be used.
        unknown: ids of keys that this device does not have.
        unusable: how many entries were neither.
    """

    keys: tuple[SyncKey, ...]
    unknown: tuple[bytes, ...]
    unusable: int


def read_key_share(share: pb.AppStateSyncKeyShare) -> KeyShare:
    """Read a share; the entries that cannot be used are only counted."""
    keys, unknown = [], []
    entries = share.keys[:MAX_SHARED_KEYS]
    for entry in entries:
        key_id, data = entry.keyId.keyId, entry.keyData.keyData
        if len(key_id) != KEY_ID_SIZE:
            continue
        if not data:
            unknown.append(key_id)
        elif len(data) == KEY_SIZE:
            fingerprint = entry.keyData.fingerprint.SerializeToString()
            keys.append(SyncKey(key_id, data, entry.keyData.timestamp, fingerprint))
    unusable = len(share.keys) - len(keys) - len(unknown)
    return KeyShare(tuple(keys), tuple(unknown), unusable)


def write_key_share(
    keys: Iterable[SyncKey], unknown: Iterable[bytes] = ()
) -> pb.AppStateSyncKeyShare:
    """Answer a request.

    Args:
        keys: those that we have.
        unknown: ids that were asked for and that we lack.

    Raises:
        InvalidInput: a fingerprint is none.
    """
    share = pb.AppStateSyncKeyShare()
    for key in keys:
        entry = share.keys.add()
        entry.keyId.keyId = key.id
        entry.keyData.keyData = key.data
        entry.keyData.timestamp = key.timestamp_ms
        if key.fingerprint:
            try:
                entry.keyData.fingerprint.MergeFromString(key.fingerprint)
            except ProtobufError as exc:
                raise InvalidInput("the fingerprint of an app-state key is none") from exc
    for key_id in unknown:
        share.keys.add().keyId.keyId = key_id
    return share


def read_key_request(request: pb.AppStateSyncKeyRequest) -> tuple[bytes, ...]:
    """The ids that another device of the account asks for, each once."""
    asked = (entry.keyId for entry in request.keyIds[:MAX_SHARED_KEYS])
    return tuple(dict.fromkeys(key_id for key_id in asked if len(key_id) == KEY_ID_SIZE))


def write_key_request(key_ids: Iterable[bytes]) -> pb.AppStateSyncKeyRequest:
    """Ask the other devices of the account for keys."""
    request = pb.AppStateSyncKeyRequest()
    for key_id in key_ids:
        request.keyIds.add().keyId = key_id
    return request
