"""One question about many rows, for a statement that is compiled once.

A list of any length can't be bound to such a statement. So the values go in chunks of one size, and
what the last chunk lacks is filled up with NULL, which is equal to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeVar

from sqlalchemy import CTE, Column, ColumnElement, Text, bindparam, column, values

T = TypeVar("T")

CHUNK: Final = 64
"""Values that are asked for at a time."""

_NAMES = tuple(f"value_{place}" for place in range(CHUNK))


def is_one_of(asked: Column[Any]) -> ColumnElement[bool]:
    """The column holds one of the values that `chunks` makes parameters of.

    Only for the second column of a primary key: SQLite reads all rows of a session when it has the
    choice between that and asking another index so often. There, join `asked_texts`.
    """
    return asked.in_([bindparam(name, type_=asked.type) for name in _NAMES])


def asked_texts() -> CTE:
    """The values that `chunks` makes parameters of, as a table with the column `value`.

    Put it on the left of an outer join: then each of its rows is looked up by the other's index.
    """
    rows = [(bindparam(name, type_=Text()),) for name in _NAMES]
    return values(column("value", Text), name="asked").data(rows).cte("asked")


def chunks(asked: Iterable[T]) -> Iterator[dict[str, T | None]]:
    """The parameters of such a statement, as often as it takes; every value once."""
    distinct: list[T | None] = list(dict.fromkeys(asked))
    for start in range(0, len(distinct), CHUNK):
        chunk = distinct[start : start + CHUNK]
        chunk += [None] * (CHUNK - len(chunk))
        yield dict(zip(_NAMES, chunk, strict=True))
