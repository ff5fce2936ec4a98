"""Tables between values and protobufs.

A `Field` is one attribute of a value and where it stands in a protobuf; a `Spec` is all of them
for one kind of value. Reading keeps what no attribute holds, or none holds exactly, in the
value's `extra`; writing begins from `extra` and changes only what differs. So a value that was
read is written back as it came, whatever its sender put into it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from dataclasses import replace as replace_attributes
from enum import IntEnum
from functools import cache
from itertools import islice
from typing import Any, Final, Generic, TypeVar

from google.protobuf.message import DecodeError as ProtobufError
from google.protobuf.message import Message as Protobuf
from google.protobuf.unknown_fields import UnknownFieldSet

from ...errors import InvalidInput
from ...proto import as_text
from ...wire import Jid

V = TypeVar("V")

MAX_ITEMS: Final = 2048
"""Items read of one list; a group has 1024 members. What is beyond is kept unread."""

MAX_UNKNOWN: Final = 1024
"""Unknown fields looked at in search of a number."""


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute and where it stands.

    Attributes:
        attr: its name in the value.
        names: the protobuf's fields that hold it.
        read: from the protobuf; never fails.
        write: into the protobuf; raises ValueError or TypeError for what does not fit.
        is_required: it is written even where it says nothing.
    """

    attr: str
    names: tuple[str, ...]
    read: Callable[[Any], Any]
    write: Callable[[Any, Any], None]
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class Spec(Generic[V]):
    """How one kind of value stands in one kind of protobuf.

    Attributes:
        value: the value's class.
        proto: the protobuf's class.
        fields: the attributes.
        derive: sets fields of the protobuf that follow from the others.
    """

    value: type[V]
    proto: type[Protobuf]
    fields: Sequence[Field]
    derive: Callable[[Any], None] | None = None

    def read(self, part: Any) -> V:
        """The value that stands in a protobuf."""
        value = self.value(**{each.attr: each.read(part) for each in self.fields})
        kind: Any = self.value
        if "extra" not in _attributes(kind):
            return value
        exact = self.proto()
        self.write(exact, value)
        if exact == part:
            return value
        rest = self.proto()
        rest.CopyFrom(part)
        for described, item in exact.ListFields():
            name = described.name
            if _holds(part, described) and getattr(part, name) == item:
                rest.ClearField(name)
        changed: Any = value
        done: V = replace_attributes(changed, extra=rest.SerializePartialToString())
        return done

    def write(self, part: Any, value: V) -> None:
        """Put a value into a protobuf.

        Raises:
            InvalidInput: an attribute does not fit into its field.
        """
        extra = getattr(value, "extra", b"")
        if extra:
            parse_into(part, extra)
        write_fields(self.fields, part, value)
        if self.derive is not None:
            self.derive(part)


def write_fields(specs: Sequence[Field], part: Any, value: Any) -> None:
    """Write those attributes of a value that the protobuf does not hold yet."""
    for each in specs:
        wanted = getattr(value, each.attr)
        if each.read(part) == wanted and not (each.is_required and _lacks(part, each)):
            continue
        try:
            each.write(part, wanted)
        except (ValueError, TypeError) as exc:
            kind = type(value).__name__
            raise InvalidInput(f"{each.attr} of the {kind} does not fit: {exc}") from exc


def derived(name: str, find: Callable[[Any], Any]) -> Callable[[Any], None]:
    """For `Spec.derive`: a field that follows from the others, unless its sender set it."""

    def derive(part: Any) -> None:
        if not part.HasField(name):
            setattr(part, name, find(part))

    return derive


def always(name: str, constant: Any) -> Callable[[Any], None]:
    """For `Spec.derive`: a field that has the same value in all values of the kind."""
    return derived(name, lambda _: constant)


def parse_into(part: Any, data: bytes) -> None:
    """Merge serialized fields into a protobuf.

    Raises:
        InvalidInput: it is no protobuf of that kind.
    """
    try:
        part.MergeFromString(data)
    except (ProtobufError, TypeError) as exc:
        raise InvalidInput("the kept fields are no protobuf") from exc


@cache
def _attributes(value: type[Any]) -> frozenset[str]:
    return frozenset(each.name for each in fields(value))


def _holds(part: Any, described: Any) -> bool:
    return bool(described.is_repeated or part.HasField(described.name))


def _lacks(part: Any, each: Field) -> bool:
    return not any(part.HasField(name) for name in each.names)


# --- single values -------------------------------------------------------------------------------


def _readable(value: Any) -> Any:
    """A scalar; no infinities, which neither JSON nor maps know."""
    if isinstance(value, float) and not math.isfinite(value):
        return 0.0
    return value


def text(attr: str, name: str, *, is_required: bool = False) -> Field:
    """A text; empty when absent."""

    def write(part: Any, value: Any) -> None:
        if value or is_required:
            setattr(part, name, value)
        else:
            part.ClearField(name)

    return Field(attr, (name,), lambda part: as_text(getattr(part, name)), write, is_required)


def scalar(attr: str, name: str, *, is_required: bool = False) -> Field:
    """A number, a truth value or bytes; zero, false or empty when absent."""

    def write(part: Any, value: Any) -> None:
        if value or is_required:
            setattr(part, name, value)
        else:
            part.ClearField(name)

    return Field(attr, (name,), lambda part: _readable(getattr(part, name)), write, is_required)


def choice(attr: str, name: str, kind: type[IntEnum], *, is_required: bool = False) -> Field:
    """A value of an enumeration, its number 0 when absent or unknown."""
    absent = kind(0)

    def read(part: Any) -> IntEnum:
        if not part.HasField(name):
            return absent
        try:
            return kind(getattr(part, name))
        except ValueError:
            return absent

    def write(part: Any, value: Any) -> None:
        if value or is_required:
            setattr(part, name, int(value))
        else:
            part.ClearField(name)

    return Field(attr, (name,), read, write, is_required)


def flag(attr: str, name: str, on: int) -> Field:
    """A truth value that is written as a number."""

    def write(part: Any, value: Any) -> None:
        if value:
            setattr(part, name, on)
        else:
            part.ClearField(name)

    return Field(attr, (name,), lambda part: getattr(part, name) == on, write)


def enum_number(part: Any, name: str) -> int | None:
    """The number of an enumeration even if the schema doesn't know it; None when absent."""
    if part.HasField(name):
        return int(getattr(part, name))
    number = part.DESCRIPTOR.fields_by_name[name].number
    found = None
    unknowns: Any = UnknownFieldSet(part)
    for unknown in islice(unknowns, MAX_UNKNOWN):
        if unknown.field_number == number and unknown.wire_type == 0:
            # Enumerations are signed; an unknown field shows the bits.
            found = (unknown.data & 0xFFFFFFFF ^ 0x80000000) - 0x80000000
    return found


# --- addresses -----------------------------------------------------------------------------------


def parse_jid(value: Any) -> Jid | None:
    """The address that a text names, None when it names none."""
    try:
        return Jid.parse(as_text(value)) if value else None
    except InvalidInput:
        return None


def address(attr: str, name: str) -> Field:
    """An address; None when absent or unreadable."""

    def write(part: Any, value: Any) -> None:
        if value is None:
            part.ClearField(name)
        else:
            setattr(part, name, str(value))

    return Field(attr, (name,), lambda part: parse_jid(getattr(part, name)), write)


def addresses(attr: str, name: str) -> Field:
    """A list of addresses, without the unreadable ones."""

    def read(part: Any) -> tuple[Jid, ...]:
        parsed = (parse_jid(item) for item in getattr(part, name)[:MAX_ITEMS])
        return tuple(jid for jid in parsed if jid is not None)

    def write(part: Any, value: Any) -> None:
        part.ClearField(name)
        getattr(part, name).extend(str(jid) for jid in value)

    return Field(attr, (name,), read, write)


# --- values inside values ------------------------------------------------------------------------


def nested(attr: str, name: str, spec: Spec[Any], *, absent: Any = None) -> Field:
    """A value in a protobuf of its own; `absent` when that is not there."""

    def read(part: Any) -> Any:
        return spec.read(getattr(part, name)) if part.HasField(name) else absent

    def write(part: Any, value: Any) -> None:
        part.ClearField(name)
        if value != absent:
            inner = getattr(part, name)
            inner.SetInParent()
            spec.write(inner, value)

    return Field(attr, (name,), read, write)


def many(attr: str, name: str, spec: Spec[Any]) -> Field:
    """A list of values, each in a protobuf of its own."""

    def read(part: Any) -> tuple[Any, ...]:
        return tuple(spec.read(item) for item in getattr(part, name)[:MAX_ITEMS])

    def write(part: Any, value: Any) -> None:
        part.ClearField(name)
        for item in value:
            spec.write(getattr(part, name).add(), item)

    return Field(attr, (name,), read, write)


def within(name: str, inner: Field) -> Field:
    """An attribute that stands in a protobuf inside this one, without a value of its own."""

    def read(part: Any) -> Any:
        return inner.read(getattr(part, name))

    def write(part: Any, value: Any) -> None:
        holder = getattr(part, name)
        holder.SetInParent()
        inner.write(holder, value)

    return Field(inner.attr, (name,), read, write, inner.is_required)


def texts(attr: str, name: str, inner: str) -> Field:
    """A list of texts, each the only thing of interest in a protobuf of its own."""

    def read(part: Any) -> tuple[str, ...]:
        return tuple(as_text(getattr(item, inner)) for item in getattr(part, name)[:MAX_ITEMS])

    def write(part: Any, value: Any) -> None:
        part.ClearField(name)
        for item in value:
            setattr(getattr(part, name).add(), inner, item)

    return Field(attr, (name,), read, write)


def group(attr: str, value_class: type[Any], members: Sequence[Field], key: str = "") -> Field:
    """A value whose attributes stand in the same protobuf as their neighbours.

    Args:
        key: the attribute without which there is no such value (None); by default there always is.
    """
    names = tuple(name for member in members for name in member.names)

    def read(part: Any) -> Any:
        value = value_class(**{member.attr: member.read(part) for member in members})
        return value if not key or getattr(value, key) else None

    def write(part: Any, value: Any) -> None:
        if value is None:
            for name in names:
                part.ClearField(name)
        else:
            write_fields(members, part, value)

    return Field(attr, names, read, write)


def one_of(attr: str, specs: Mapping[str, Spec[Any]]) -> Field:
    """A value of several classes, each in a field of its own; None when none is set."""

    def read(part: Any) -> Any:
        for name, spec in specs.items():
            if part.HasField(name):
                return spec.read(getattr(part, name))
        return None

    def write(part: Any, value: Any) -> None:
        for name in specs:
            part.ClearField(name)
        for name, spec in specs.items():
            if isinstance(value, spec.value):
                inner = getattr(part, name)
                inner.SetInParent()
                spec.write(inner, value)
                return
        if value is not None:
            raise TypeError(f"{type(value).__name__} has no place here")

    return Field(attr, tuple(specs), read, write)
