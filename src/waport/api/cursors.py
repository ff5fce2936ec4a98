"""Places in lists, as callers carry them from page to page: text that only this server reads.

A place is that of an item in the order of its list, not a count: what comes or goes meanwhile
shifts nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..model import Chat, Contact
from .errors import InvalidRequest

MAX_CURSOR: Final = 4096
"""Characters of a cursor."""
MAX_PAGE: Final = 500
"""Items of a page."""
DEFAULT_PAGE: Final = 50
_MAX_TOP: Final = 20

Place = tuple[int, str]


def page_size(limit: int | None) -> int:
    """How many items a page has."""
    return min(max(DEFAULT_PAGE if limit is None else limit, 1), MAX_PAGE)


@dataclass(frozen=True, slots=True)
class MessagePlace:
    """Behind this message older ones follow.

    Attributes:
        timestamp, seq: of the message.
    """

    timestamp: int
    seq: int

    @property
    def text(self) -> str:
        """The cursor."""
        return _pack("m", self.timestamp, self.seq)

    @classmethod
    def read(cls, cursor: str) -> MessagePlace | None:
        """The place of a cursor; None at the beginning.

        Raises:
            InvalidRequest: it is no cursor of messages.
        """
        match _unpack(cursor):
            case None:
                return None
            case ["m", int(timestamp), int(seq)] if _fits(timestamp, seq):
                return cls(timestamp, seq)
        raise _not_ours()


def page_of_contacts(
    contacts: Sequence[Contact], cursor: str, size: int
) -> tuple[list[Contact], str | None]:
    """A page of people, and the cursor of the next one.

    Args:
        contacts: all of them, sorted by the user part of their addresses.

    Raises:
        InvalidRequest: it is no cursor of people.
    """
    match _unpack(cursor):
        case None:
            behind = None
        case ["p", str(user), str(server)]:
            behind = (user, server)
        case _:
            raise _not_ours()
    ordered = sorted(contacts, key=_name)
    left = [each for each in ordered if behind is None or _name(each) > behind]
    page = left[:size]
    return page, _pack("p", *_name(page[-1])) if len(left) > size else None


def _name(contact: Contact) -> tuple[str, str]:
    return contact.jid.user, contact.jid.server


def page_of_chats(chats: Sequence[Chat], cursor: str, size: int) -> tuple[list[Chat], str | None]:
    """A page of chats, and the cursor of the next one.

    The latest come first. A chat in which something happens meanwhile moves to the top of the list,
    out of reach of what follows: behind the last one those chats are listed, the latest last, so
    that none is missed. One that was listed before comes again then.

    Raises:
        InvalidRequest: it is no cursor of chats.
    """
    match _unpack(cursor):
        case None:
            top = max((chat.timestamp for chat in chats), default=0)
            named = sorted(str(chat.jid) for chat in chats if chat.timestamp == top)
            run = _Run(False, (top + 1, ""), top, tuple(named[:_MAX_TOP]))
        case ["c", bool(is_up), int(at), str(jid), int(top), list(named)] if (
            _fits(at, top) and len(named) <= _MAX_TOP and all(isinstance(e, str) for e in named)
        ):
            run = _Run(is_up, (at, jid), top, tuple(named))
        case _:
            raise _not_ours()
    page: list[Chat] = []
    if not run.is_up:
        left = sorted((c for c in chats if run.is_below(c)), key=_place, reverse=True)
        page = left[:size]
        if len(left) > size:
            return page, run.at(page[-1]).text
        run = _Run(True, (run.top, ""), run.top, run.named)
    moved = sorted((chat for chat in chats if run.is_above(chat)), key=_place)
    more = moved[: size - len(page)]
    if len(moved) == len(more):
        return page + more, None
    return page + more, (run.at(more[-1]) if more else run).text


@dataclass(frozen=True, slots=True)
class _Run:
    """How far a list of chats was read.

    Attributes:
        is_up: those are listed that have moved.
        place: of the chat that was listed last.
        top: the time of the first chat when the list was begun.
        named: the chats of that time then.
    """

    is_up: bool
    place: Place
    top: int
    named: tuple[str, ...]

    def is_below(self, chat: Chat) -> bool:
        """Whether a chat is still to come on the way down."""
        return _place(chat) < self.place and (chat.timestamp < self.top or self._was_top(chat))

    def is_above(self, chat: Chat) -> bool:
        """Whether a chat has moved to the top since, and is still to come."""
        has_moved = chat.timestamp > self.top or (
            chat.timestamp == self.top and not self._was_top(chat)
        )
        return has_moved and _place(chat) > self.place

    def at(self, chat: Chat) -> _Run:
        """The same run, one chat listed more."""
        return _Run(self.is_up, _place(chat), self.top, self.named)

    @property
    def text(self) -> str:
        """The cursor."""
        return _pack("c", self.is_up, *self.place, self.top, list(self.named))

    def _was_top(self, chat: Chat) -> bool:
        return str(chat.jid) in self.named


def _place(chat: Chat) -> Place:
    return chat.timestamp, str(chat.jid)


def _pack(*parts: object) -> str:
    text = json.dumps(parts, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode("ascii").rstrip("=")


def _unpack(cursor: str) -> object:
    """The parts of a cursor; None for an empty one."""
    if not cursor:
        return None
    if len(cursor) > MAX_CURSOR or not cursor.isascii():
        raise _not_ours()
    try:
        return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        raise _not_ours() from None


def _fits(*numbers: int) -> bool:
    """Whether these are whole numbers that a database can hold."""
    return all(type(number) is int and abs(number) < 2**63 for number in numbers)


def _not_ours() -> InvalidRequest:
    return InvalidRequest("cursor must be the next of an answer of this route, or empty")
