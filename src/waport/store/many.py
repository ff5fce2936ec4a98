"""One question about many rows, for a statement that is compiled once.

A list of any length can't be bound to such a statement. So the values go in chunks of one size, and
what the last chunk lacks is filled up with a value that is in it already.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, bindparam

T = TypeVar("T")

CHUNK = 64
"""Values that are asked for at a time."""

_NAMES = tuple(f"value_{place}" for place in range(CHUNK))


def is_one_of(column: Column[Any]) -> ColumnElement[bool]:
    """The column holds one of the values that `chunks` makes parameters of."""
    return column.in_([bindparam(name, type_=column.type) for name in _NAMES])


def chunks(values: Iterable[T]) -> Iterator[dict[str, T]]:
    """The parameters for `is_one_of`, as often as it takes; every value once."""
    distinct = list(dict.fromkeys(values))
    for start in range(0, len(distinct), CHUNK):
        chunk = distinct[start : start + CHUNK]
        chunk += chunk[-1:] * (CHUNK - len(chunk))
        yield dict(zip(_NAMES, chunk, strict=True))
