"""The accounts as a key of named sessions sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from ..model import ApiKey, SessionState
from .ports import SessionManager


class _Seen:
    """Everything of the manager; of lists only what the key is for."""

    def __init__(self, sessions: SessionManager, caller: ApiKey) -> None:
        self._sessions = sessions
        self._caller = caller

    def list(self) -> Sequence[tuple[str, SessionState]]:
        return [row for row in self._sessions.list() if self._caller.sees(row[0])]

    async def known(self) -> Sequence[str]:
        known = await cast(Any, self._sessions).known()
        return [session_id for session_id in known if self._caller.sees(session_id)]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sessions, name)


def seen_by(caller: ApiKey, sessions: SessionManager) -> SessionManager:
    """The sessions for this caller's routes.

    Single sessions are not judged here: the gateway has looked at those that a path names.
    """
    return sessions if caller.sessions is None else cast(SessionManager, _Seen(sessions, caller))
