"""How an action's attributes stand in the texts of an index.

Source: docs/protocol/app-state.md, "Actions".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...wire import Jid
from .base import MessageRef
from .fields import Unreadable, parse_address
from .ranges import message_id, participant_of


@dataclass(frozen=True, slots=True)
class Part:
    """One attribute and the texts of the index that hold it.

    Attributes:
        attr: its name in the action; empty for texts that are always the same.
        width: how many texts.
        read: from these texts; raises only `Unreadable`.
        write: into them; raises ValueError or TypeError for what does not fit.
    """

    attr: str
    width: int
    read: Callable[[Sequence[str]], Any]
    write: Callable[[Any], Sequence[str]]


def jid_part(attr: str) -> Part:
    """The address of a person or a chat."""
    return Part(
        attr, 1, lambda parts: parse_address(parts[0]), lambda value: [_address_text(value)]
    )


def text_part(attr: str) -> Part:
    """Any text but an empty one."""

    def read(parts: Sequence[str]) -> str:
        if not parts[0]:
            raise Unreadable("an empty text in an index")
        return parts[0]

    def write(value: Any) -> Sequence[str]:
        if not isinstance(value, str) or not value:
            raise ValueError(f"{attr} is empty")
        return [value]

    return Part(attr, 1, read, write)


def flag_part(attr: str) -> Part:
    """A truth value, `1` or `0`."""
    return Part(attr, 1, lambda parts: _flag(parts[0]), lambda value: ["1" if value else "0"])


def number_part(attr: str) -> Part:
    """A small whole number as decimal text."""

    def read(parts: Sequence[str]) -> int:
        digits = parts[0]
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 9):
            raise Unreadable("no number in an index")
        return int(digits)

    def write(value: Any) -> Sequence[str]:
        if not 0 <= value < 10**9:
            raise ValueError(f"{attr} is out of range")
        return [str(int(value))]

    return Part(attr, 1, read, write)


def message_part(attr: str) -> Part:
    """A message, in four texts: chat, id, from me, author (`0` for none)."""

    def read(parts: Sequence[str]) -> MessageRef:
        chat, name, from_me, participant = parts
        if not name:
            raise Unreadable("a message without an id")
        author = None if participant == "0" else parse_address(participant)
        return MessageRef(parse_address(chat), name, _flag(from_me), author)

    def write(value: Any) -> Sequence[str]:
        author = participant_of(value)
        return [
            _address_text(value.chat),
            message_id(value),
            "1" if value.from_me else "0",
            "0" if author is None else str(author),
        ]

    return Part(attr, 4, read, write)


def constant_parts(*values: str) -> Part:
    """Texts that every writer puts there; nobody looks at them."""
    return Part("", len(values), lambda _: None, lambda _: values)


def _flag(value: str) -> bool:
    if value not in ("0", "1"):
        raise Unreadable("no truth value in an index")
    return value == "1"


def _address_text(jid: Jid) -> str:
    if jid.is_server:
        raise ValueError("the address of a server")
    return str(jid.bare)
