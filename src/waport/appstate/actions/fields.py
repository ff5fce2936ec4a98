"""How an action's attributes stand in a protobuf.

Writing starts from an empty protobuf and leaves out what says nothing, unless it is `always` to be
written. Truth values are by default: absent and false are not the same to every reader.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import Any, Final

from google.protobuf.message import DecodeError as ProtobufError
from google.protobuf.unknown_fields import UnknownFieldSet

from ...errors import InvalidInput
from ...proto import as_text
from ...wire import Jid

MAX_ITEMS: Final = 16_384
"""Items of a list; an action with more stays unread."""

_MAX_UNKNOWN: Final = 1024


class Unreadable(ValueError):
    """The action is not what its name demands; it stays unread."""


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute and where it stands.

    Attributes:
        attr: its name in the action.
        read: from the protobuf; raises only `Unreadable`.
        write: into an empty protobuf; raises ValueError or TypeError for what does not fit.
    """

    attr: str
    read: Callable[[Any], Any]
    write: Callable[[Any, Any], None]


def parse_address(value: Any) -> Jid:
    """An address of somebody or of a chat.

    Raises:
        Unreadable: it is none.
    """
    try:
        jid = Jid.parse(as_text(value))
    except InvalidInput as exc:
        raise Unreadable("no address") from exc
    if jid.is_server:
        raise Unreadable("the address of a server")
    return jid


def flag(attr: str, name: str, *, always: bool = True) -> Field:
    """A truth value."""

    def write(part: Any, value: Any) -> None:
        if value or always:
            setattr(part, name, value)

    return Field(attr, lambda part: bool(getattr(part, name)), write)


def maybe_flag(attr: str, name: str) -> Field:
    """A truth value, or None when it is not there."""

    def write(part: Any, value: Any) -> None:
        if value is not None:
            setattr(part, name, value)

    return Field(attr, lambda part: getattr(part, name) if part.HasField(name) else None, write)


def number(attr: str, name: str, *, always: bool = False) -> Field:
    """A whole number; 0 when it is not there."""

    def write(part: Any, value: Any) -> None:
        if value or always:
            setattr(part, name, value)

    return Field(attr, lambda part: int(getattr(part, name)), write)


def text(attr: str, name: str, *, always: bool = False) -> Field:
    """A text; empty when it is not there."""

    def write(part: Any, value: Any) -> None:
        if value or always:
            setattr(part, name, value)

    return Field(attr, lambda part: as_text(getattr(part, name)), write)


def data(attr: str, name: str) -> Field:
    """Bytes; empty when they are not there."""

    def write(part: Any, value: Any) -> None:
        if value:
            setattr(part, name, value)

    return Field(attr, lambda part: bytes(getattr(part, name)), write)


def address(attr: str, name: str) -> Field:
    """An address; None when it is not there or unreadable."""

    def read(part: Any) -> Jid | None:
        value = getattr(part, name)
        try:
            return parse_address(value) if value else None
        except Unreadable:
            return None

    def write(part: Any, value: Any) -> None:
        if value is not None:
            setattr(part, name, str(value))

    return Field(attr, read, write)


def listed(
    attr: str, name: str, read_item: Callable[[Any], Any], write_item: Callable[[Any], Any]
) -> Field:
    """A list of scalars."""

    def write(part: Any, value: Any) -> None:
        getattr(part, name).extend([write_item(item) for item in value])

    return Field(attr, lambda part: tuple(map(read_item, _items(part, name))), write)


def texts(attr: str, name: str) -> Field:
    """A list of texts."""
    return listed(attr, name, as_text, str)


def numbers(attr: str, name: str) -> Field:
    """A list of whole numbers."""
    return listed(attr, name, int, int)


def addresses(attr: str, name: str) -> Field:
    """A list of addresses; a list with one that is none is unreadable."""
    return listed(attr, name, parse_address, str)


def wrapped_addresses(attr: str, name: str, inner: str) -> Field:
    """A list of addresses, each in a protobuf of its own."""

    def read(part: Any) -> tuple[Jid, ...]:
        return tuple(parse_address(getattr(item, inner)) for item in _items(part, name))

    def write(part: Any, value: Any) -> None:
        for item in value:
            setattr(getattr(part, name).add(), inner, str(item))

    return Field(attr, read, write)


def choice(attr: str, name: str, kind: type[IntEnum], *, always: bool = False) -> Field:
    """A value of an enumeration; its number 0 when it is not there.

    A number that is not known makes the action unreadable: it must not be taken for another one.

    Args:
        always: 0 says something too, so that it is written, and an action without is unreadable.
    """

    def read(part: Any) -> IntEnum:
        _refuse_unknown(part, name)
        if part.HasField(name):
            return _member(kind, getattr(part, name))
        if always:
            raise Unreadable("a choice is missing")
        return kind(0)

    def write(part: Any, value: Any) -> None:
        if value or always:
            setattr(part, name, int(value))

    return Field(attr, read, write)


def choices(attr: str, name: str, kind: type[IntEnum]) -> Field:
    """A list of values of an enumeration."""

    def read(part: Any) -> tuple[IntEnum, ...]:
        _refuse_unknown(part, name)
        return tuple(_member(kind, item) for item in _items(part, name))

    def write(part: Any, value: Any) -> None:
        getattr(part, name).extend([int(item) for item in value])

    return Field(attr, read, write)


def serialized(attr: str, name: str) -> Field:
    """A protobuf inside this one, as bytes; empty when it is not there."""

    def read(part: Any) -> bytes:
        return _serialize(getattr(part, name)) if part.HasField(name) else b""

    def write(part: Any, value: Any) -> None:
        if value:
            _merge(getattr(part, name), value)

    return Field(attr, read, write)


def whole(attr: str) -> Field:
    """All of the protobuf, as bytes."""
    return Field(attr, _serialize, _merge)


def many(attr: str, name: str, kind: type[Any], fields: Sequence[Field]) -> Field:
    """A list of values, each in a protobuf of its own."""

    def read(part: Any) -> tuple[Any, ...]:
        return tuple(
            kind(**{each.attr: each.read(item) for each in fields}) for item in _items(part, name)
        )

    def write(part: Any, value: Any) -> None:
        for item in value:
            added = getattr(part, name).add()
            for each in fields:
                each.write(added, getattr(item, each.attr))

    return Field(attr, read, write)


def _items(part: Any, name: str) -> Any:
    items = getattr(part, name)
    if len(items) > MAX_ITEMS:
        raise Unreadable("a list is too long")
    return items


def _member(kind: type[IntEnum], value: int) -> IntEnum:
    try:
        return kind(value)
    except ValueError as exc:
        raise Unreadable("a number outside its enumeration") from exc


def _refuse_unknown(part: Any, name: str) -> None:
    """An enumeration's number that the schema does not have is kept as an unknown field."""
    wanted = part.DESCRIPTOR.fields_by_name[name].number
    unknowns: Any = UnknownFieldSet(part)
    if len(unknowns) > _MAX_UNKNOWN:
        raise Unreadable("too many unknown fields")
    if any(each.field_number == wanted for each in islice(unknowns, _MAX_UNKNOWN)):
        raise Unreadable("a number outside its enumeration")


def _serialize(part: Any) -> bytes:
    return bytes(part.SerializeToString(deterministic=True))


def _merge(part: Any, value: Any) -> None:
    part.SetInParent()
    try:
        part.MergeFromString(value)
    except ProtobufError as exc:
        raise ValueError("these bytes are no protobuf") from exc
