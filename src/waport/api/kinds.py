"""The types that body fields have: text, numbers, addresses, lists.

Kept kindnesses: numeric text counts as a number, the words "true" and "false" as booleans, a JSON
integer as a phone number, and one text where a list of ids is meant.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from ..wire import Jid
from .addresses import parse_address, parse_group
from .errors import InvalidRequest
from .fields import BodyT, Kind, Schema, body_schema, read_fields

T = TypeVar("T")

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_MAX_NUMBER_TEXT: Final = 400
_PHONE_NUMBERS: Final = range(10**6, 10**15)
"""Integers of 7 to 15 digits."""
MAX_ITEMS: Final = 10_000
"""Items of a list; no group has so many people."""


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} must be a string")
    return value


def _number(value: object, name: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = _to_float(value)
    elif isinstance(value, str) and len(value) <= _MAX_NUMBER_TEXT:
        text = value.strip()
        number = float(text) if _NUMBER.fullmatch(text) else math.nan
    else:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidRequest(f"{name} must be a number")
    return number


def _to_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _integer(value: object, name: str) -> int:
    """A number without its fraction."""
    return int(_number(value, name))


def _boolean(value: object, name: str) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else None
    if word == "true":
        return True
    if word == "false":
        return False
    raise InvalidRequest(f"{name} must be a boolean")


def _object(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise InvalidRequest(f"{name} must be an object")
    return value


def _anything(value: object, _: str) -> object:
    return value


def _id_text(value: object, name: str) -> str:
    """Text, or an integer that can be a phone number."""
    if isinstance(value, int) and not isinstance(value, bool) and value in _PHONE_NUMBERS:
        return str(value)
    return _text(value, name)


def _address(value: object, name: str) -> Jid:
    return parse_address(_id_text(value, name))


def _group_address(value: object, name: str) -> Jid:
    return parse_group(_text(value, name))


def _list_of(read: Callable[[object, str], T]) -> Callable[[object, str], tuple[T, ...]]:
    def read_list(value: object, name: str) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise InvalidRequest(f"{name} must be an array")
        if len(value) > MAX_ITEMS:
            raise InvalidRequest(f"{name} must be an array of at most {MAX_ITEMS} items")
        return tuple(read(item, f"{name}.{place}") for place, item in enumerate(value))

    return read_list


def _one_or_many(read: Callable[[object, str], T]) -> Callable[[object, str], tuple[T, ...]]:
    read_list = _list_of(read)

    def read_some(value: object, name: str) -> tuple[T, ...]:
        is_one = isinstance(value, str | int) and not isinstance(value, bool)
        return read_list([value] if is_one else value, name)

    return read_some


_STRING: Final[Schema] = {"type": "string"}
_IDS: Final[Schema] = {"type": "array", "items": _STRING}

TEXT: Final = Kind(_text, _STRING)
NUMBER: Final = Kind(_number, {"type": "number"})
INTEGER: Final = Kind(_integer, {"type": "integer"})
BOOLEAN: Final = Kind(_boolean, {"type": "boolean"})
OBJECT: Final = Kind(_object, {"type": "object"})
ANYTHING: Final[Kind[object]] = Kind(_anything, {})
PHONE_NUMBER: Final = Kind(_id_text, _STRING)
ADDRESS: Final = Kind(_address, _STRING)
ADDRESSES: Final = Kind(_one_or_many(_address), _IDS)
PARTICIPANTS: Final = Kind(_one_or_many(_address), _IDS, is_array=True, takes_one=True)
"""Addresses that must be given; the list may be empty."""
GROUP: Final = Kind(_group_address, _STRING)
"""The address of a group, or one that no group has."""
TEXTS: Final = Kind(_list_of(_text), _IDS, is_array=True)


def list_of(kind: Kind[T]) -> Kind[tuple[T, ...]]:
    """An array of such values."""
    return Kind(_list_of(kind.read), {"type": "array", "items": kind.schema}, is_array=True)


def nested(cls: type[BodyT]) -> Kind[BodyT]:
    """An object with fields of its own; its name stands before theirs in error texts."""

    def read(value: object, name: str) -> BodyT:
        return read_fields(cls, _object(value, name), f"{name}.")

    return Kind(read, body_schema(cls))
