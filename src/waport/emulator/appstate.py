"""App-state cryptography as the phone does it: mutations, patches, LTHash and their MACs.

The emulator's own code, on purpose: if it shared the client's, a mistake in one would be hidden by
the same mistake in the other.

Source: docs/protocol/app-state.md.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from google.protobuf.message import DecodeError as ProtobufDecodeError

from ..crypto import RandomBytes, aes_cbc_decrypt, aes_cbc_encrypt, equal, hkdf, hmac_sha256
from ..errors import CryptoError, DecodeError, DecryptError, DecryptFailure, ProtocolError
from ..proto import pb

COLLECTIONS = (
    "critical_block",
    "critical_unblock_low",
    "regular_high",
    "regular_low",
    "regular",
)
"""Every collection there is, in the order in which a client fetches them."""

Operation = Literal["SET", "REMOVE"]

_OPERATION_BYTE: Mapping[Operation, bytes] = {"SET": b"\x01", "REMOVE": b"\x02"}
_OPERATION_NUMBER: Mapping[Operation, pb.SyncdMutation.SyncdOperation] = {
    "SET": pb.SyncdMutation.SET,
    "REMOVE": pb.SyncdMutation.REMOVE,
}
_MAC_LENGTH = 32
_IV_LENGTH = 16
_LTHASH_LENGTH = 128


@dataclass(frozen=True, slots=True)
class SyncKey:
    """A key that the phone shares with its companions.

    Attributes:
        id: 6 bytes: device id (2, big endian) and epoch (4, big endian).
        data: 32 bytes.
        timestamp_ms: when it was made.
    """

    id: bytes
    data: bytes
    timestamp_ms: int

    @classmethod
    def create(
        cls, epoch: int, timestamp_ms: int, random_bytes: RandomBytes = os.urandom
    ) -> SyncKey:
        """A fresh key of device 0."""
        return cls(bytes(2) + epoch.to_bytes(4, "big"), random_bytes(32), timestamp_ms)


@dataclass(frozen=True, slots=True)
class MutationKeys:
    """What one sync key expands to; five keys of 32 bytes."""

    index: bytes
    value_encryption: bytes
    value_mac: bytes
    snapshot_mac: bytes
    patch_mac: bytes


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change in clear.

    Attributes:
        operation: SET, or REMOVE (of which only the timestamp in `value` counts).
        index: the action's name and what it is about, such as
            ("pin_v1", "15550001111@s.whatsapp.net").
        value: the action, with its timestamp in milliseconds.
        version: the action's own version number.
    """

    operation: Operation
    index: tuple[str, ...]
    value: pb.SyncActionValue
    version: int


@dataclass(frozen=True, slots=True)
class Replica:
    """A collection as one device knows it: what the next patch is checked against.

    Attributes:
        version: of the last patch that went in.
        lthash: 128 bytes over all current records.
        value_macs: index MAC to value MAC of every current record.
    """

    version: int = 0
    lthash: bytes = bytes(_LTHASH_LENGTH)
    value_macs: Mapping[bytes, bytes] = field(default_factory=dict)


@lru_cache(maxsize=64)
def expand_key(data: bytes) -> MutationKeys:
    """Derive the five working keys of a sync key."""
    block = hkdf(data, b"", b"WhatsApp Mutation Keys", 160)
    return MutationKeys(*(block[start : start + 32] for start in range(0, 160, 32)))


def index_mac(keys: MutationKeys, index: bytes) -> bytes:
    """The blinded name of a record, 32 bytes."""
    return hmac_sha256(keys.index, index)


def value_mac(keys: MutationKeys, key_id: bytes, operation: Operation, body: bytes) -> bytes:
    """The MAC of an encrypted value (IV and ciphertext), 32 bytes."""
    associated = _OPERATION_BYTE[operation] + key_id
    message = associated + body + len(associated).to_bytes(8, "big")
    return hmac.digest(keys.value_mac, message, "sha512")[:_MAC_LENGTH]


def lthash(base: bytes, subtract: Iterable[bytes], add: Iterable[bytes]) -> bytes:
    """The homomorphic hash after records left and came, 128 bytes.

    Args:
        base: the hash before, 128 bytes.
        subtract: value MACs of the records that are gone.
        add: value MACs of the records that are new.
    """
    lanes = _lanes(base)
    for mac in subtract:
        lanes = [(a - b) & 0xFFFF for a, b in zip(lanes, _item(mac), strict=True)]
    for mac in add:
        lanes = [(a + b) & 0xFFFF for a, b in zip(lanes, _item(mac), strict=True)]
    return b"".join(lane.to_bytes(2, "little") for lane in lanes)


def _item(mac: bytes) -> list[int]:
    return _lanes(hkdf(mac, b"", b"WhatsApp Patch Integrity", _LTHASH_LENGTH))


def _lanes(state: bytes) -> list[int]:
    return [int.from_bytes(state[at : at + 2], "little") for at in range(0, _LTHASH_LENGTH, 2)]


def snapshot_mac(keys: MutationKeys, state: bytes, version: int, collection: str) -> bytes:
    """The MAC of a collection's whole state, 32 bytes."""
    return hmac_sha256(keys.snapshot_mac, state + version.to_bytes(8, "big") + collection.encode())


def patch_mac(
    keys: MutationKeys, snapshot: bytes, macs: Iterable[bytes], version: int, collection: str
) -> bytes:
    """The MAC of one patch: of the state after it, its value MACs in order, version and name."""
    message = snapshot + b"".join(macs) + version.to_bytes(8, "big") + collection.encode()
    return hmac_sha256(keys.patch_mac, message)


def encrypt_mutation(
    mutation: Mutation, key: SyncKey, random_bytes: RandomBytes = os.urandom
) -> pb.SyncdMutation:
    """Seal one mutation."""
    keys = expand_key(key.data)
    index = json.dumps(list(mutation.index), ensure_ascii=False, separators=(",", ":")).encode()
    data = pb.SyncActionData(
        index=index, value=mutation.value, padding=b"", version=mutation.version
    ).SerializeToString()
    iv = random_bytes(_IV_LENGTH)
    body = iv + aes_cbc_encrypt(keys.value_encryption, iv, data)
    return pb.SyncdMutation(
        operation=_OPERATION_NUMBER[mutation.operation],
        record=pb.SyncdRecord(
            index=pb.SyncdIndex(blob=index_mac(keys, index)),
            value=pb.SyncdValue(blob=body + value_mac(keys, key.id, mutation.operation, body)),
            keyId=pb.KeyId(id=key.id),
        ),
    )


def decrypt_mutation(mutation: pb.SyncdMutation, keys: Mapping[bytes, SyncKey]) -> Mutation:
    """Open one mutation.

    Raises:
        DecryptError: its key is not known (`INVALID_KEY_ID`).
        CryptoError: one of its MACs is wrong.
        DecodeError: what is inside is no sync action.
    """
    data = decrypt_data(mutation, keys)
    try:
        index = json.loads(data.index)
    except (ValueError, RecursionError) as exc:
        raise DecodeError("no sync action") from exc
    if not isinstance(index, list) or not index or not all(isinstance(x, str) for x in index):
        raise DecodeError("the index of a mutation is no list of texts")
    return Mutation(_operation(mutation), tuple(index), data.value, data.version)


def decrypt_data(mutation: pb.SyncdMutation, keys: Mapping[bytes, SyncKey]) -> pb.SyncActionData:
    """Open one mutation, whatever its index may be.

    Raises:
        DecryptError, CryptoError, DecodeError: as `decrypt_mutation`.
    """
    operation = _operation(mutation)
    key_id = mutation.record.keyId.id
    work = expand_key(_key(keys, key_id).data)
    blob = mutation.record.value.blob
    body, mac = blob[:-_MAC_LENGTH], blob[-_MAC_LENGTH:]
    if len(body) < 2 * _IV_LENGTH or len(body) % 16:
        raise CryptoError("an app-state value is too short or no whole number of blocks")
    if not equal(mac, value_mac(work, key_id, operation, body)):
        raise CryptoError("the value MAC of a mutation is wrong")
    plain = aes_cbc_decrypt(work.value_encryption, body[:_IV_LENGTH], body[_IV_LENGTH:])
    try:
        data = pb.SyncActionData.FromString(plain)
    except ProtobufDecodeError as exc:
        raise DecodeError("no sync action") from exc
    if not equal(mutation.record.index.blob, index_mac(work, data.index)):
        raise CryptoError("the index MAC of a mutation is wrong")
    return data


def build_patch(
    collection: str,
    replica: Replica,
    mutations: Sequence[Mutation],
    key: SyncKey,
    random_bytes: RandomBytes = os.urandom,
    *,
    diverged: bool = False,
) -> tuple[pb.SyncdPatch, Replica]:
    """Seal mutations into the patch that follows `replica`.

    Args:
        diverged: say that all records have another hash than they do.

    Returns:
        the patch as it is uploaded (without a version), and the collection after it.
    """
    sealed = [encrypt_mutation(mutation, key, random_bytes) for mutation in mutations]
    after = _advance(replica, sealed)
    keys = expand_key(key.data)
    said = bytes(_LTHASH_LENGTH) if diverged else after.lthash
    snapshot = snapshot_mac(keys, said, after.version, collection)
    macs = [_value_mac_of(mutation) for mutation in sealed]
    patch = pb.SyncdPatch(
        mutations=sealed,
        snapshotMac=snapshot,
        patchMac=patch_mac(keys, snapshot, macs, after.version, collection),
        keyId=pb.KeyId(id=key.id),
    )
    return patch, after


def apply_patch(
    collection: str,
    replica: Replica,
    patch: pb.SyncdPatch,
    keys: Mapping[bytes, SyncKey],
    *,
    diverged: bool = False,
) -> tuple[Replica, list[Mutation]]:
    """Verify the patch that follows `replica` and open it.

    Args:
        diverged: its author is known to have had another idea of all records.

    Raises:
        ProtocolError: it does not follow, or its mutations are elsewhere.
        DecryptError: a key is not known (`INVALID_KEY_ID`).
        CryptoError: a MAC is wrong.
        DecodeError: a mutation is no sync action.
    """
    version = patch.version.version
    if version != replica.version + 1:
        raise ProtocolError(f"{collection}: version {version} does not follow {replica.version}")
    if patch.HasField("externalMutations"):
        raise ProtocolError(f"{collection}: external mutations are not inline")
    work = expand_key(_key(keys, patch.keyId.id).data)
    macs = [_value_mac_of(mutation) for mutation in patch.mutations]
    if not equal(patch.patchMac, patch_mac(work, patch.snapshotMac, macs, version, collection)):
        raise CryptoError(f"{collection}: the patch MAC is wrong")
    mutations = [decrypt_mutation(mutation, keys) for mutation in patch.mutations]
    after = _advance(replica, patch.mutations)
    expected = snapshot_mac(work, after.lthash, version, collection)
    if not diverged and not equal(patch.snapshotMac, expected):
        raise CryptoError(f"{collection}: the snapshot MAC is wrong")
    return after, mutations


def _advance(replica: Replica, mutations: Iterable[pb.SyncdMutation]) -> Replica:
    """The collection after these mutations; earlier ones of the same patch count."""
    macs = dict(replica.value_macs)
    gone: list[bytes] = []
    new: list[bytes] = []
    for mutation in mutations:
        index = mutation.record.index.blob
        old = macs.pop(index, None)
        if old is not None:
            gone.append(old)
        if _operation(mutation) == "SET":
            macs[index] = _value_mac_of(mutation)
            new.append(macs[index])
    return Replica(replica.version + 1, lthash(replica.lthash, gone, new), macs)


def _operation(mutation: pb.SyncdMutation) -> Operation:
    return "REMOVE" if mutation.operation == pb.SyncdMutation.REMOVE else "SET"


def _value_mac_of(mutation: pb.SyncdMutation) -> bytes:
    return mutation.record.value.blob[-_MAC_LENGTH:]


def _key(keys: Mapping[bytes, SyncKey], key_id: bytes) -> SyncKey:
    try:
        return keys[key_id]
    except KeyError as exc:
        message = f"app-state key {key_id.hex()} is not known"
        raise DecryptError(DecryptFailure.INVALID_KEY_ID, message) from exc
