"""Reads back what the emulator saved as JSON; a value of the wrong kind is a typed error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..errors import CorruptRecord


class Saved:
    """One JSON object of the state folder.

    Every reader raises CorruptRecord when the value is missing or of another kind.
    """

    def __init__(self, value: object, what: str) -> None:
        """Wrap a parsed JSON value.

        Args:
            value: must be an object.
            what: names it in errors.
        """
        if not isinstance(value, Mapping):
            raise CorruptRecord(f"{what} is no object")
        self._values: Mapping[object, object] = value
        self._what = what

    def _get(self, name: str) -> object:
        try:
            return self._values[name]
        except KeyError as exc:
            raise CorruptRecord(f"{self._what} has no {name}") from exc

    def text(self, name: str) -> str:
        """A text."""
        value = self._get(name)
        if not isinstance(value, str):
            raise CorruptRecord(f"{self._what}: {name} is no text")
        return value

    def number(self, name: str) -> int:
        """A whole number."""
        value = self._get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise CorruptRecord(f"{self._what}: {name} is no number")
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._get(name)
        if not isinstance(value, bool):
            raise CorruptRecord(f"{self._what}: {name} is neither true nor false")
        return value

    def data(self, name: str) -> bytes:
        """Bytes, saved as hex."""
        try:
            return bytes.fromhex(self.text(name))
        except ValueError as exc:
            raise CorruptRecord(f"{self._what}: {name} is no hex") from exc

    def part(self, name: str) -> Saved:
        """An object inside."""
        return Saved(self._get(name), f"{self._what}, {name}")

    def parts(self, name: str) -> list[Saved]:
        """A list of objects."""
        value = self._get(name)
        if not isinstance(value, list):
            raise CorruptRecord(f"{self._what}: {name} is no list")
        return [Saved(item, f"{self._what}, {name}") for item in value]

    def values(self, name: str) -> Mapping[str, object] | None:
        """An object as it is, for somebody else to read; None when null was saved."""
        if self._get(name) is None:
            return None
        inner = self.part(name)
        return {key: inner._get(key) for key in inner.names()}

    def names(self) -> Iterator[str]:
        """The names in this object, for those that work as a map."""
        for name in self._values:
            if not isinstance(name, str):
                raise CorruptRecord(f"{self._what}: a name is no text")
            yield name

    def texts(self, name: str) -> list[str]:
        """A list of texts."""
        value = self._get(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise CorruptRecord(f"{self._what}: {name} is no list of texts")
        return list(value)
