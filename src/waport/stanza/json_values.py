"""JSON that comes from outside: read by name and kind, and nothing of it can do harm.

A member that is missing, null or of another kind reads as empty; the caller decides what that
means.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final

from ..errors import InvalidInput, MexError
from ..wire import Jid

MAX_JSON: Final = 8 * 2**20
"""Bytes of one JSON text."""

MAX_DEPTH: Final = 64
"""Objects and lists inside each other; real answers have some twelve."""

MAX_TEXT: Final = 65_536
"""Characters of one text; more is cut."""

MAX_ITEMS: Final = 10_000
"""Items of one list that are looked at."""

_MAX_RAW: Final = 2_048
_MAX_NUMBER: Final = 2**63 - 1


class JsonObject:
    """An object of a JSON text.

    Args:
        values: as `json` reads it; anything but an object counts as an empty one.
    """

    __slots__ = ("_values",)

    def __init__(self, values: object = None) -> None:
        self._values: Mapping[str, object] = values if isinstance(values, dict) else {}

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def __bool__(self) -> bool:
        return bool(self._values)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def value(self, name: str) -> object:
        """A member as it is."""
        return self._values.get(name)

    def part(self, *path: str) -> JsonObject:
        """An object inside, by the names that lead to it."""
        found: object = self._values
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return JsonObject(found)

    def parts(self, name: str) -> list[JsonObject]:
        """The objects in a list; what is none is left out."""
        listed = self._values.get(name)
        if not isinstance(listed, list):
            return []
        return [JsonObject(item) for item in listed[:MAX_ITEMS] if isinstance(item, dict)]

    def texts(self, name: str) -> list[str]:
        """The texts in a list; what is none is left out."""
        listed = self._values.get(name)
        if not isinstance(listed, list):
            return []
        return [_text(item) for item in listed[:MAX_ITEMS] if isinstance(item, str)]

    def text(self, name: str) -> str:
        """A text, or a number as one."""
        value = self._values.get(name)
        if isinstance(value, str):
            return _text(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value) if abs(value) <= _MAX_NUMBER else ""
        return ""

    def number(self, name: str) -> int:
        """A whole number that is not negative, also one that is written as a text."""
        value = self._values.get(name)
        if isinstance(value, str):
            is_number = value.isascii() and value.isdigit() and len(value) <= 19
            value = int(value) if is_number else 0
        if isinstance(value, bool) or not isinstance(value, int):
            return 0
        return value if 0 <= value <= _MAX_NUMBER else 0

    def flag(self, name: str) -> bool:
        """True, and nothing that only looks like it."""
        return self._values.get(name) is True

    def jid(self, name: str) -> Jid | None:
        """An address; None when it is none."""
        text = self.text(name)
        try:
            return Jid.parse(text) if text else None
        except InvalidInput:
            return None


def read_json(data: bytes) -> JsonObject:
    """Read a JSON text that is an object.

    Raises:
        MexError: it is none, too long or too deep.
    """
    if len(data) > MAX_JSON:
        raise MexError("too long", raw_text(data))
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise MexError("it cannot be parsed", raw_text(data)) from exc
    if not isinstance(found, dict):
        raise MexError("it is no object", raw_text(data))
    if not _is_shallow(found):
        raise MexError("too deep", raw_text(data))
    return JsonObject(found)


def raw_text(data: bytes) -> str:
    """The beginning of a text, for a person to look at."""
    return data[:_MAX_RAW].decode(errors="replace")


def _is_shallow(root: object) -> bool:
    level: list[object] = [root]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for holder in level
            for item in (holder.values() if isinstance(holder, dict) else _items(holder))
            if isinstance(item, dict | list)
        ]
        if not level:
            return True
    return False


def _items(holder: object) -> list[object]:
    return holder if isinstance(holder, list) else []


def _text(value: str) -> str:
    # JSON can say half a surrogate pair, which no database takes.
    return value[:MAX_TEXT].encode(errors="replace").decode()
