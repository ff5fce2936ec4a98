"""Keys that let programs use the accounts, and what each may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Scope(Enum):
    """A kind of thing that a key may be for."""

    READ = "read"
    """Reading what is stored and what WhatsApp tells; events."""
    SEND = "send"
    """Acting in an account's name: messages, chats, groups, contacts."""
    MANAGE = "manage"
    """Starting, linking and ending sessions; the account's profile; keys."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key, without the secret that its holder sends.

    Attributes:
        id: names it in the API; no secret.
        name: for people.
        scopes: what it is for; none contains another.
        sessions: the accounts that it is for; None: all.
        created_ms: Unix milliseconds.
    """

    id: str
    name: str
    scopes: frozenset[Scope]
    sessions: frozenset[str] | None
    created_ms: int

    def may(self, scope: Scope) -> bool:
        """Whether it is for this, in the sessions that it is for."""
        return scope in self.scopes

    def sees(self, session_id: str) -> bool:
        """Whether it is for this session."""
        return self.sessions is None or session_id in self.sessions

    @property
    def is_full_manager(self) -> bool:
        """Whether it may make and revoke keys."""
        return self.sessions is None and Scope.MANAGE in self.scopes

    def covers(self, other: ApiKey) -> bool:
        """Whether it may do everything that the other one may."""
        if not other.scopes <= self.scopes:
            return False
        if self.sessions is None:
            return True
        return other.sessions is not None and other.sessions <= self.sessions
