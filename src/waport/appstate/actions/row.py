"""One row of the table of actions."""

from __future__ import annotations

from dataclasses import dataclass

from ..state import Collection
from .base import Action
from .fields import Field
from .indexes import Part


@dataclass(frozen=True, slots=True)
class Row:
    """One action.

    Attributes:
        name: the first text of its index.
        collection: where it is written; readers take it from anywhere.
        version: of the action; 0 where it was never published.
        kind: its value's class.
        index: the texts after the name.
        member: of `SyncActionValue`; empty for an action that says all in its index.
        fields: the attributes in that member.
        is_written: whether this program may write it.
    """

    name: str
    collection: Collection
    version: int
    kind: type[Action]
    index: tuple[Part, ...] = ()
    member: str = ""
    fields: tuple[Field, ...] = ()
    is_written: bool = True
