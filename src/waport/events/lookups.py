"""What the frames of an event need to know besides the event."""

from __future__ import annotations

from typing import Protocol

from ..model import AddOnKind, ChatSummary, Group, MessageKey
from ..store import UnitOfWork
from ..wire import Jid


class Lookups(Protocol):
    """Looks up what is stored, as it is when the event happens."""

    @property
    def now(self) -> float:
        """Unix seconds."""
        ...

    def has_reaction(self, key: MessageKey) -> bool:
        """Whether somebody's reaction to a message stands."""
        ...

    def summary(self, chat: Jid) -> ChatSummary | None:
        """A chat with its newest message and its person; None when it is not listed."""
        ...

    def group(self, jid: Jid) -> Group | None:
        """What is known of a group."""
        ...


class NothingKnown:
    """Of an account that has nothing stored."""

    now = 0.0

    def has_reaction(self, key: MessageKey) -> bool:
        """Nobody reacted."""
        del key
        return False

    def summary(self, chat: Jid) -> ChatSummary | None:
        """There are no chats."""
        del chat
        return None

    def group(self, jid: Jid) -> Group | None:
        """There are no groups."""
        del jid
        return None


class StoreLookups:
    """Looks into an open unit of work.

    Args:
        work: of the event's session.
        now: Unix seconds.
    """

    def __init__(self, work: UnitOfWork, now: float) -> None:
        self._work = work
        self.now = now

    def has_reaction(self, key: MessageKey) -> bool:
        """Whether somebody's reaction to a message stands."""
        return any(reaction.data for reaction in self._work.add_ons.of(key, AddOnKind.REACTION))

    def summary(self, chat: Jid) -> ChatSummary | None:
        """A chat with its newest message and its person; None when it is not listed."""
        return self._work.chats.summary(chat)

    def group(self, jid: Jid) -> Group | None:
        """What is known of a group."""
        return self._work.groups.get(jid)
