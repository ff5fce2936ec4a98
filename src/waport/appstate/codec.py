"""One mutation: in clear, and as the record that the server keeps.

Source: docs/protocol/app-state.md, "Mutations".
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, Final

from google.protobuf.message import DecodeError as ProtobufError
from google.protobuf.unknown_fields import UnknownFieldSet

from ..crypto import RandomBytes, aes_cbc_decrypt, aes_cbc_encrypt, equal, hmac_sha256
from ..errors import CryptoError, DecodeError, InvalidInput, MacMismatch
from ..proto import pb
from .keys import KEY_ID_SIZE, MutationKeys

MAC_SIZE: Final = 32
IV_SIZE: Final = 16
_MIN_BLOB: Final = IV_SIZE + 16 + MAC_SIZE

MAX_INDEX: Final = 4096
"""Bytes of an index that is written, or read as a list."""

MAX_PARTS: Final = 16
"""Texts in an index; the longest known has six."""

_OPERATION_FIELD: Final = pb.SyncdMutation.DESCRIPTOR.fields_by_name["operation"].number


class Operation(IntEnum):
    """What a mutation does with its record."""

    SET = 0
    REMOVE = 1


_OPERATIONS: Final = {
    Operation.SET: pb.SyncdMutation.SET,
    Operation.REMOVE: pb.SyncdMutation.REMOVE,
}


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change, in clear.

    Attributes:
        operation: set the record, or remove it.
        index: what the record is about: a JSON list of texts, as it is written (`index_parts`
            reads it). Two mutations are about the same only if these bytes are equal.
        value: a serialized `SyncActionValue`; of a removal only its timestamp counts.
        version: of the action, not of the collection.
        timestamp_ms: when the change was made; the same stands in `value`.
    """

    operation: Operation
    index: bytes = field(repr=False)
    value: bytes = field(repr=False)
    version: int
    timestamp_ms: int


def removal_of(mutation: Mutation) -> Mutation:
    """The mutation that takes the record away, made at the same time."""
    value = pb.SyncActionValue(timestamp=mutation.timestamp_ms).SerializeToString()
    return replace(mutation, operation=Operation.REMOVE, value=value)


@dataclass(frozen=True, slots=True)
class SealedRecord:
    """One mutation as the server keeps it.

    Attributes:
        operation: SET for every record of a snapshot.
        index_mac: 32 bytes; names the record.
        blob: IV, ciphertext and value MAC.
        key_id: of the sync key that it is sealed with, 6 bytes.
    """

    operation: Operation
    index_mac: bytes
    blob: bytes = field(repr=False)
    key_id: bytes

    @property
    def value_mac(self) -> bytes:
        """The MAC at the blob's end, 32 bytes."""
        return self.blob[-MAC_SIZE:]


# --- indexes -------------------------------------------------------------------------------------


def index_text(parts: Sequence[str]) -> bytes:
    """The index of these texts, in the one form that all devices write.

    Raises:
        InvalidInput: none or too many, or a text that has no UTF-8 form.
    """
    if not 1 <= len(parts) <= MAX_PARTS:
        raise InvalidInput(f"an index has 1 to {MAX_PARTS} texts")
    try:
        text = json.dumps(list(parts), ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as exc:
        raise InvalidInput("a text of an index has no UTF-8 form") from exc
    if len(text) > MAX_INDEX:
        raise InvalidInput(f"an index has at most {MAX_INDEX} bytes")
    return text


def index_parts(index: bytes) -> tuple[str, ...]:
    """The texts of an index: the action's name, then what it is about.

    Raises:
        DecodeError: no JSON list of texts, an empty one, or one beyond the limits.
    """
    if len(index) > MAX_INDEX:
        raise DecodeError("the index of a mutation is too long")
    try:
        parts = json.loads(index.decode())
    except (ValueError, RecursionError) as exc:
        raise DecodeError("the index of a mutation is no JSON") from exc
    if not isinstance(parts, list) or not 1 <= len(parts) <= MAX_PARTS:
        raise DecodeError("the index of a mutation is no list, or an empty one")
    if not all(isinstance(part, str) and _is_unicode(part) for part in parts):
        raise DecodeError("the index of a mutation is no list of texts")
    return tuple(parts)


def _is_unicode(text: str) -> bool:
    """Whether it has a UTF-8 form. Half a surrogate pair, escaped, is valid JSON but has none."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


# --- sealing and opening -------------------------------------------------------------------------


def index_mac(keys: MutationKeys, index: bytes) -> bytes:
    """The name of a record, which tells the server nothing; 32 bytes."""
    return hmac_sha256(keys.index, index)


def value_mac(keys: MutationKeys, key_id: bytes, operation: Operation, body: bytes) -> bytes:
    """The MAC of an encrypted value, 32 bytes.

    Args:
        body: IV and ciphertext.
    """
    head = bytes((operation + 1,)) + key_id
    message = b"".join((head, body, len(head).to_bytes(8, "big")))
    return hmac.digest(keys.value_mac, message, "sha512")[:MAC_SIZE]


def mutation_data(mutation: Mutation) -> bytes:
    """The serialized `SyncActionData` that is encrypted.

    Raises:
        InvalidInput: the value is no `SyncActionValue`, or the version no 32-bit number.
    """
    data = pb.SyncActionData(index=mutation.index, padding=b"")
    data.value.SetInParent()
    try:
        data.version = mutation.version
        data.value.MergeFromString(mutation.value)
    except (ValueError, ProtobufError) as exc:
        raise InvalidInput("a mutation's value or version does not fit") from exc
    return data.SerializeToString()


def seal_mutation(
    mutation: Mutation,
    key_id: bytes,
    keys: MutationKeys,
    random_bytes: RandomBytes = os.urandom,
) -> SealedRecord:
    """Encrypt one mutation.

    Args:
        key_id: the sync key's id, which goes into the record.
        keys: what that key expands to.

    Raises:
        InvalidInput: the mutation's value is no `SyncActionValue`.
    """
    iv = random_bytes(IV_SIZE)
    body = iv + aes_cbc_encrypt(keys.value_encryption, iv, mutation_data(mutation))
    mac = value_mac(keys, key_id, mutation.operation, body)
    return SealedRecord(mutation.operation, index_mac(keys, mutation.index), body + mac, key_id)


def open_record(record: SealedRecord, keys: MutationKeys) -> Mutation:
    """Verify and decrypt one record.

    The index is not looked into: a record whose index is no list counts like any other, it just
    has no effect.

    Args:
        keys: what the sync key of the record expands to.

    Raises:
        MacMismatch: the value or the index is not what its MAC was made for.
        DecodeError: its author put something else than a `SyncActionData` into it.
    """
    blob = record.blob
    if len(blob) < _MIN_BLOB or len(blob) % 16:
        raise MacMismatch("value")
    body = blob[:-MAC_SIZE]
    if not equal(blob[-MAC_SIZE:], value_mac(keys, record.key_id, record.operation, body)):
        raise MacMismatch("value")
    data = pb.SyncActionData()
    try:
        data.ParseFromString(aes_cbc_decrypt(keys.value_encryption, body[:IV_SIZE], body[IV_SIZE:]))
    except (CryptoError, ProtobufError) as exc:
        raise DecodeError("a mutation holds no SyncActionData") from exc
    index = data.index
    if not equal(record.index_mac, index_mac(keys, index)):
        raise MacMismatch("index")
    value = data.value
    return Mutation(
        record.operation, index, value.SerializeToString(), data.version, value.timestamp
    )


# --- records in protobufs ------------------------------------------------------------------------


def read_mutation(mutation: pb.SyncdMutation) -> SealedRecord:
    """A mutation of a patch.

    Raises:
        DecodeError: an operation that does not exist, or a part is missing.
        MacMismatch: the value is too short to hold a MAC.
    """
    if mutation.HasField("operation"):
        operation = Operation(mutation.operation)
    else:
        unknown: Any = UnknownFieldSet(mutation)
        if any(each.field_number == _OPERATION_FIELD for each in unknown):
            raise DecodeError("a mutation with an unknown operation")
        operation = Operation.SET
    return read_record(mutation.record, operation)


def read_record(record: pb.SyncdRecord, operation: Operation = Operation.SET) -> SealedRecord:
    """A record of a snapshot, or the one inside a mutation.

    Raises:
        DecodeError: it names no key.
        MacMismatch: the value is too short to hold a MAC.
    """
    key_id = record.keyId.id
    if len(key_id) != KEY_ID_SIZE:
        raise DecodeError("a record names no sync key")
    blob = record.value.blob
    if len(blob) < _MIN_BLOB:
        raise MacMismatch("value")
    return SealedRecord(operation, record.index.blob, blob, key_id)


def write_mutation(record: SealedRecord, into: pb.SyncdMutation) -> None:
    """Put a record into a mutation of a patch."""
    into.operation = _OPERATIONS[record.operation]
    into.record.index.blob = record.index_mac
    into.record.value.blob = record.blob
    into.record.keyId.id = record.key_id
