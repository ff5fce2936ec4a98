"""What the API needs of the rooms below it, and nothing more; the tests put fakes here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..model import Message, SessionState
from ..wire import Jid


class ClientPort(Protocol):
    """An account that is logged in."""

    @property
    def own_jid(self) -> Jid:
        """The account, bare, by phone number."""
        ...

    async def send_text(
        self, chat: Jid, text: str, *, mentions: Sequence[Jid] = (), quoted_id: str | None = None
    ) -> Message:
        """Send a text; NotFound when there is no such recipient."""
        ...

    async def fetch_messages(
        self, chat: Jid, limit: int, before: str | None = None
    ) -> Sequence[Message]:
        """Stored messages, newest first; from the one before `before`, where that is known."""
        ...


class SessionManager(Protocol):
    """All accounts of this server."""

    async def start(self, session_id: str) -> None: ...

    async def stop(self, session_id: str) -> None: ...

    async def restart(self, session_id: str) -> None: ...

    async def terminate(self, session_id: str) -> None: ...

    async def logout(self, session_id: str) -> None: ...

    def state(self, session_id: str) -> SessionState | None:
        """Where a session stands; None when it is not started."""
        ...

    def list(self) -> Sequence[tuple[str, SessionState]]:
        """The started sessions, in the order of their start."""
        ...

    def qr(self, session_id: str) -> str:
        """The QR text; SessionNotFound or QrNotAvailable when there is none."""
        ...

    async def request_pairing_code(self, session_id: str, phone: str) -> str: ...

    def client(self, session_id: str) -> ClientPort:
        """A logged-in account; SessionNotFound or SessionNotConnected when it is none."""
        ...
