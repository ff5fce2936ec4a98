"""All sessions of one server: create, restore, stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any
from weakref import WeakValueDictionary

from ..client import Cause, Client, ClientConfig, Close, EventSink, VersionSource
from ..client.features.media import Media
from ..errors import (
    ConnectionClosed,
    CorruptRecord,
    SessionAlreadyConnected,
    SessionNotFound,
    StoreError,
    WhatsAppError,
)
from ..model import Disconnected, Evidence, LinkState, PasskeyState, SessionState
from ..store import Database, UnitOfWork
from .folders import SessionFolders
from .preferences import Preferences
from .session import Session

log = logging.getLogger(__name__)

UNLINK_TIMEOUT_S = 5.0
"""How long ending a session waits for WhatsApp to unlink the device."""


class SessionManager:
    """Starts, stops and finds sessions. Calls for one id take turns; those of others don't wait."""

    def __init__(
        self,
        database: Database,
        config: ClientConfig,
        sink: EventSink,
        versions: VersionSource,
        folders: SessionFolders,
    ) -> None:
        self._database = database
        self._config = config
        self._sink = sink
        self._versions = versions
        self._folders = folders
        self._preferences = Preferences(folders)
        self._sessions: dict[str, Session] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._ending: set[asyncio.Task[None]] = set()

    def _lock(self, session_id: str) -> asyncio.Lock:
        return self._locks.setdefault(session_id, asyncio.Lock())

    # --- finding -----------------------------------------------------------------------------

    def get(self, session_id: str) -> Session:
        """A started session.

        Raises:
            SessionNotFound: it is not started.
        """
        session = self._sessions.get(session_id)
        if session is None:
            raise SessionNotFound(session_id)
        return session

    def client(self, session_id: str) -> Session:
        """A session that is logged in.

        Raises:
            SessionNotFound: it is not started.
            SessionNotConnected: it is not logged in.
        """
        return self.get(session_id).require_connected()

    def state(self, session_id: str) -> SessionState | None:
        """Where a session stands, None when it is not started."""
        session = self._sessions.get(session_id)
        return None if session is None else session.state

    def evidence(self, session_id: str) -> Evidence | None:
        """What shows that a session's connection lives; None when there is none."""
        session = self._sessions.get(session_id)
        return None if session is None else session.evidence

    def list(self) -> list[tuple[str, SessionState]]:
        """All started sessions, in the order in which they were started."""
        return [(session.id, session.state) for session in self._sessions.values()]

    async def known(self) -> tuple[str, ...]:
        """All sessions, those first that are started, then those of which something is stored."""
        stored = await self._database.session_ids()
        return tuple(dict.fromkeys((*self._sessions, *stored)))

    async def choose(self, session_id: str, name: str, value: bool) -> None:
        """Keep a choice of a session that no other device knows of; see `preferences`.

        Raises:
            SessionNotFound: it is not started.
            OSError: it can't be written.
        """
        self.get(session_id)
        await self._preferences.set(session_id, name, value)

    async def choices(self, session_id: str) -> Mapping[str, bool]:
        """What was chosen for a session, by name; see `preferences`."""
        return await self._preferences.get(session_id)

    def media(self, session_id: str) -> Media:
        """The files of a session.

        Raises:
            SessionNotFound: it is not started.
            SessionNotConnected: it is not logged in.
        """
        return self.client(session_id).media

    async def web_version(self) -> str:
        """The client version that this server claims."""
        return str(await self._versions.current())

    def qr(self, session_id: str) -> str:
        """The QR code to show.

        Raises:
            SessionNotFound, QrNotAvailable: there is none.
        """
        return self.get(session_id).qr

    # --- starting and stopping ---------------------------------------------------------------

    async def restore(self) -> None:
        """Start every session that the database knows. One that can't be started stops no other."""
        await asyncio.to_thread(self._folders.clear)
        for session_id in await self._database.session_ids():
            try:
                await self.start(session_id)
            except (OSError, WhatsAppError) as exc:
                log.error("session %s was not started: %s", session_id, exc)

    async def start(self, session_id: str) -> None:
        """Start a session; one that is not connected is started anew.

        Calls at the same time share what the first of them does.

        Raises:
            InvalidInput: the id is unusable.
        """
        before = self._sessions.get(session_id)
        async with self._lock(session_id):
            session = self._sessions.get(session_id)
            if session is None or session is before or session.has_ended:
                await self._start(session_id)

    async def _start(self, session_id: str) -> Session:
        existing = self._sessions.get(session_id)
        if existing is not None:
            if existing.state is SessionState.CONNECTED:
                return existing
            await existing.stop()
        await asyncio.to_thread(self._folders.make, session_id)
        client = Client(self._database, session_id, self._config, self._sink, self._versions)
        session = Session(session_id, client, on_end=self._ended)
        self._sessions[session_id] = session
        session.start()
        return session

    async def stop(self, session_id: str) -> None:
        """Close a session's connection and forget it until it is started again.

        Raises:
            SessionNotFound: it is not started.
        """
        async with self._lock(session_id):
            session = self.get(session_id)
            await session.stop()
            self._sessions.pop(session_id, None)

    async def restart(self, session_id: str) -> None:
        """Stop and start; an unknown session is only started."""
        async with self._lock(session_id):
            session = self._sessions.pop(session_id, None)
            if session is not None:
                await session.stop()
            await self._start(session_id)

    async def terminate(self, session_id: str) -> bool | None:
        """End a session for good: unlink the device if possible, delete what is stored of it.

        Returns:
            whether WhatsApp has unlinked the device; None if it was not linked. One that is
            deleted here and stays linked there can be removed on the phone alone.
        """
        async with self._lock(session_id):
            was_linked = await self._database.read(session_id, _is_linked)
            unlinked = False
            session = self._sessions.get(session_id)
            if session is not None:
                unlinked = await self._unlink(session)
                await session.stop()
                # Removed on the phone meanwhile: then the client has forgotten them by itself.
                unlinked = unlinked or not await self._database.read(session_id, _is_linked)
            await self._erase(session_id)
            return unlinked if was_linked else None

    async def logout(self, session_id: str) -> None:
        """Unlink the device, delete what is stored of the session, and tell that it is over.

        Raises:
            SessionNotFound: it is not started.
        """
        async with self._lock(session_id):
            session = self.get(session_id)
            await self._unlink(session)
            await session.stop()
            await self._erase(session_id, Disconnected("logged_out"))

    async def _unlink(self, session: Session) -> bool:
        """Whether WhatsApp has confirmed it."""
        if session.state is not SessionState.CONNECTED:
            return False
        try:
            async with asyncio.timeout(UNLINK_TIMEOUT_S):
                await session.client.logout(silent=True)
        except (WhatsAppError, TimeoutError) as exc:
            log.warning("session %s was not unlinked: %s", session.id, type(exc).__name__)
            return False
        return True

    async def _erase(self, session_id: str, event: Disconnected | None = None) -> None:
        """Delete all that is stored of a session; the event, if any, is its last one."""
        self._sessions.pop(session_id, None)

        def job(store: UnitOfWork) -> list[Any]:
            frames = [] if event is None else list(self._sink.record(store, event, None))
            store.devices.delete_session(keep_events=True)
            return frames

        self._sink.publish(session_id, await self._database.write(session_id, job))
        # After the commit: a crash between the two leaves a folder without a session, no more.
        await asyncio.to_thread(self._folders.remove, session_id)

    def _ended(self, session: Session, close: Close) -> None:
        """A client ended by itself. After a logout there is nothing left to keep."""
        log.info("session %s ended: %s", session.id, close.detail or close.cause.name)
        if close.cause is not Cause.LOGGED_OUT or self._sessions.get(session.id) is not session:
            return
        del self._sessions[session.id]
        task = asyncio.create_task(self._clear(session.id))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _clear(self, session_id: str) -> None:
        async with self._lock(session_id):
            if session_id in self._sessions:
                return
            try:
                await self._erase(session_id)
            except (StoreError, OSError) as exc:
                log.error("session %s was not erased: %s", session_id, exc)

    async def close(self) -> None:
        """Stop everything; the sessions stay linked."""
        await asyncio.gather(*self._ending, return_exceptions=True)
        sessions, self._sessions = list(self._sessions.values()), {}
        await asyncio.gather(*(session.stop() for session in sessions))

    # --- linking -----------------------------------------------------------------------------

    def passkey(self, session_id: str) -> PasskeyState:
        """How far the passkey step of linking has come.

        Raises:
            SessionNotFound, PasskeyNotRequested: there is none.
        """
        return self.get(session_id).passkey

    async def answer_passkey(self, session_id: str, assertion: object) -> None:
        """Hand in what the owner's authenticator answered; see `Passkeys.answer`.

        Raises:
            SessionNotFound, PasskeyNotRequested, InvalidInput, QueryError, QueryTimeout,
            ConnectionClosed, StanzaError.
        """
        await self.get(session_id).client.linking.passkeys.answer(assertion)

    async def confirm_passkey(self, session_id: str) -> None:
        """The owner has seen the same code on the phone; see `Passkeys.confirm`.

        Raises:
            SessionNotFound, PasskeyNotRequested, QueryError, QueryTimeout, ConnectionClosed,
            StanzaError.
        """
        await self.get(session_id).client.linking.passkeys.confirm()

    async def request_pairing_code(
        self, session_id: str, phone: str, *, show_notification: bool = True
    ) -> str:
        """A code of 8 characters to type on the phone; unknown sessions are started first.

        Args:
            show_notification: the phone shows that a device wants to be linked.

        Raises:
            InvalidInput: the number is unusable.
            SessionAlreadyConnected: the account is linked.
            SessionNotFound: the session was ended meanwhile.
            QueryError, QueryTimeout, ConnectionClosed: WhatsApp gave no code.
        """
        async with self._lock(session_id):
            session = self._sessions.get(session_id)
            if session is None or session.has_ended:
                session = await self._start(session_id)
            elif session.state is SessionState.CONNECTED:
                raise SessionAlreadyConnected(session_id)
        try:
            return await session.client.linking.request_code(
                phone, show_notification=show_notification
            )
        except ConnectionClosed as exc:
            if self._sessions.get(session_id) is not session:
                raise SessionNotFound(session_id) from exc
            raise


def _is_linked(store: UnitOfWork) -> bool:
    """Whether there are credentials of a linked device, or such as can't be read."""
    try:
        credentials = store.devices.get()
    except CorruptRecord:
        return True
    return credentials is not None and credentials.state is LinkState.LINKED
