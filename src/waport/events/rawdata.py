"""Protobuf messages as JSON values: the form of `_data`.

Bytes become base64, enums their names, 64-bit integers text; whole numbers have no fraction. Keys
of the account never come out.
"""

from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Callable
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message as Protobuf
from pydantic import JsonValue

from ..proto import as_text

JsonObject = dict[str, JsonValue]

KEY_MATERIAL: Final = frozenset(
    {
        "senderKeyDistributionMessage",
        "fastRatchetKeySenderKeyDistributionMessage",
        "groupRootKeyShare",
        "rootSecretDistributeMessage",
        "appStateSyncKeyShare",
        "appStateSyncKeyRequest",
        "historySyncNotification",
    }
)
"""Fields that carry keys of the account or of a group's senders; they stay inside."""


def compact_json(value: object) -> str:
    """JSON without blanks, with every character as itself.

    Raises:
        ValueError: a number is not finite; JSON has none such.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def unread_fields(message: Protobuf) -> str:
    """A whole message as base64, if it has fields that `protobuf_json` can't show; else empty."""
    known = type(message)()
    known.CopyFrom(message)
    known.DiscardUnknownFields()
    if known.ByteSize() == message.ByteSize():
        return ""
    shown = type(message)()
    shown.CopyFrom(message)
    _clear_keys(shown)
    return _base64(shown.SerializePartialToString())


def _clear_keys(message: Protobuf) -> None:
    for field, value in message.ListFields():
        if field.json_name in KEY_MATERIAL:
            message.ClearField(field.name)
        elif field.type in _NESTED and _map_value(field) is None:
            for part in value if field.is_repeated else (value,):
                _clear_keys(part)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def whole(value: float) -> int | float:
    """A finite number, without a fraction where it has none."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def finite(value: float) -> int | float | None:
    """A number for JSON; None for what JSON lacks."""
    return whole(value) if math.isfinite(value) else None


def _double(value: float) -> JsonValue:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return whole(value)


def _float(value: float) -> JsonValue:
    """The shortest number that means the same 32-bit float."""
    if not math.isfinite(value):
        return _double(value)
    for digits in range(6, 9):
        short = float(f"{value:.{digits}g}")
        if struct.unpack("<f", struct.pack("<f", short))[0] == value:
            return _double(short)
    return _double(float(f"{value:.9g}"))


_PLAIN: Final[dict[int, Callable[[Any], JsonValue]]] = {
    FieldDescriptor.TYPE_STRING: as_text,
    FieldDescriptor.TYPE_BYTES: _base64,
    FieldDescriptor.TYPE_DOUBLE: _double,
    FieldDescriptor.TYPE_FLOAT: _float,
    FieldDescriptor.TYPE_INT64: str,
    FieldDescriptor.TYPE_UINT64: str,
    FieldDescriptor.TYPE_SINT64: str,
    FieldDescriptor.TYPE_FIXED64: str,
    FieldDescriptor.TYPE_SFIXED64: str,
}
_NESTED: Final = (FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_GROUP)


def protobuf_json(message: Protobuf) -> JsonObject:
    """A protobuf as a JSON object with the fields that are set, under their camelCase names."""
    out: JsonObject = {}
    for field, value in message.ListFields():
        name = field.json_name
        if name in KEY_MATERIAL:
            continue
        if not field.is_repeated:
            out[name] = _single(field, value)
        elif (entry := _map_value(field)) is not None:
            out[name] = {_key(key): _single(entry, item) for key, item in value.items()}
        else:
            out[name] = [_single(field, item) for item in value]
    return out


def _key(key: str | bytes | int) -> str:
    return str(key) if isinstance(key, int) else as_text(key)


def _map_value(field: FieldDescriptor) -> FieldDescriptor | None:
    """The type of a map's values; None when the repeated field is no map."""
    entry = field.message_type
    if entry is None or not entry.GetOptions().map_entry:
        return None
    value_field: FieldDescriptor = entry.fields_by_name["value"]
    return value_field


def _single(field: FieldDescriptor, value: Any) -> JsonValue:
    kind = field.type
    if kind in _NESTED:
        return protobuf_json(value)
    if field.enum_type is not None:
        entry = field.enum_type.values_by_number.get(value)
        return value if entry is None else entry.name
    convert = _PLAIN.get(kind)
    return value if convert is None else convert(value)
