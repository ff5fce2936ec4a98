"""Body fields, declared once: read with the contract's error texts, and described in OpenAPI.

A body class has `required`, `defined` or `optional` fields, and becomes a frozen dataclass:

    @body
    class ReactIn:
        message_id: str = required("messageId", TEXT)
        emoji: str = defined("emoji", TEXT)

First comes the whole text for what is missing ("messageId and emoji are required"), then the types,
in the order of the attributes ("emoji must be a string").
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar, cast, dataclass_transform

from .errors import InvalidRequest

T = TypeVar("T")
D = TypeVar("D")
Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A type of field.

    Attributes:
        read: value and field name -> typed value; raises InvalidRequest with the contract's text.
        schema: the type in the API document.
        is_array: only an array counts as given.
        takes_one: one text or number that stands for an array of one counts, too.
    """

    read: Callable[[object, str], T]
    schema: Schema
    is_array: bool = False
    takes_one: bool = False


class Presence(Enum):
    """When a field counts as missing."""

    REQUIRED = "required"
    """When it is absent, null, false, 0 or empty text."""
    DEFINED = "defined"
    """When it is absent."""
    OPTIONAL = "optional"
    """Never; null means absent."""


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field: its names (the first one given counts), type and presence."""

    names: tuple[str, ...]
    kind: Kind[Any]
    presence: Presence
    default: object
    note: str
    example: object


class BodyClass(Protocol):
    """A dataclass made of fields; `missing` replaces the text about missing fields."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


BodyT = TypeVar("BodyT", bound=BodyClass)
_KEY: Final = "waport"


def _field(spec: FieldSpec) -> Any:
    if spec.presence is Presence.OPTIONAL:
        return dataclasses.field(default=spec.default, metadata={_KEY: spec})
    return dataclasses.field(metadata={_KEY: spec})


def required(
    name: str, kind: Kind[T], *, also: tuple[str, ...] = (), note: str = "", example: object = None
) -> T:
    """A field that must hold something."""
    spec = FieldSpec((name, *also), kind, Presence.REQUIRED, None, note, example)
    return cast(T, _field(spec))


def defined(
    name: str, kind: Kind[T], *, also: tuple[str, ...] = (), note: str = "", example: object = None
) -> T:
    """A field that must be there; empty values are values."""
    spec = FieldSpec((name, *also), kind, Presence.DEFINED, None, note, example)
    return cast(T, _field(spec))


def optional(
    name: str,
    kind: Kind[T],
    *,
    default: D,
    also: tuple[str, ...] = (),
    note: str = "",
    example: object = None,
) -> T | D:
    """A field that may be left out."""
    spec = FieldSpec((name, *also), kind, Presence.OPTIONAL, default, note, example)
    return cast(T | D, _field(spec))


@dataclass_transform(
    frozen_default=True, kw_only_default=True, field_specifiers=(required, defined, optional)
)
def body(cls: type[T]) -> type[T]:
    """Make a class of fields a frozen dataclass."""
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)


@lru_cache(maxsize=512)
def specs_of(cls: type[BodyClass]) -> tuple[tuple[str, FieldSpec], ...]:
    """The fields of a body class: attribute name and spec, in order."""
    return tuple(
        (field.name, field.metadata[_KEY])
        for field in dataclasses.fields(cast(Any, cls))
        if _KEY in field.metadata
    )


@lru_cache(maxsize=512)
def missing_text(cls: type[BodyClass]) -> str:
    """What is said when any field that must be given is not: always about all of them."""
    own = getattr(cls, "missing", None)
    if isinstance(own, str):
        return own
    names = [
        f"{spec.names[0]} array" if spec.kind.is_array else spec.names[0]
        for _, spec in specs_of(cls)
        if spec.presence is not Presence.OPTIONAL
    ]
    match names:
        case [] | [_]:
            return f"{''.join(names)} is required"
        case [first, second]:
            return f"{first} and {second} are required"
    return f"{', '.join(names[:-1])}, and {names[-1]} are required"


class _Absent(Enum):
    ABSENT = 0


_ABSENT: Final = _Absent.ABSENT


def _given(spec: FieldSpec, source: Mapping[str, object]) -> object:
    for name in spec.names:
        if name in source:
            return source[name]
    return _ABSENT


def _is_missing(spec: FieldSpec, value: object) -> bool:
    if spec.presence is Presence.OPTIONAL:
        return False
    if value is _ABSENT:
        return True
    if spec.presence is Presence.DEFINED:
        return False
    if spec.kind.is_array:
        is_one = isinstance(value, str | int) and not isinstance(value, bool) and bool(value)
        return not (isinstance(value, list) or (spec.kind.takes_one and is_one))
    return not is_something(value)


def is_something(value: object) -> bool:
    """Whether a value is none of what the callers' language calls false.

    An empty list or object is something there.
    """
    return value is not None and (not isinstance(value, str | bool | int | float) or bool(value))


def read_fields(cls: type[BodyT], source: Mapping[str, object], prefix: str = "") -> BodyT:
    """Read a body.

    Args:
        cls: the body class.
        source: the fields that were sent; unknown ones are ignored.
        prefix: of field names in error texts, for objects inside objects ("options.").
    Raises:
        InvalidRequest: a field is missing or of a wrong type; the text is the contract's.
    """
    specs = specs_of(cls)
    given = [(name, spec, _given(spec, source)) for name, spec in specs]
    if any(_is_missing(spec, value) for _, spec, value in given):
        raise InvalidRequest(missing_text(cls))
    values: dict[str, object] = {}
    for name, spec, value in given:
        if spec.presence is Presence.OPTIONAL and (value is _ABSENT or value is None):
            values[name] = spec.default
        else:
            values[name] = spec.kind.read(value, prefix + spec.names[0])
    return cast(Callable[..., BodyT], cls)(**values)


def body_schema(cls: type[BodyClass]) -> Schema:
    """A body class as a JSON schema."""
    properties: dict[str, Schema] = {}
    needed: list[str] = []
    for _, spec in specs_of(cls):
        schema = dict(spec.kind.schema)
        if spec.note:
            schema["description"] = spec.note
        if spec.example is not None:
            schema["example"] = spec.example
        if isinstance(spec.default, str | int | float | bool):
            schema["default"] = spec.default
        properties[spec.names[0]] = schema
        if spec.presence is not Presence.OPTIONAL:
            needed.append(spec.names[0])
    shape: Schema = {"type": "object", "properties": properties}
    if needed:
        shape["required"] = needed
    return shape
