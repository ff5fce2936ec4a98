"""A WhatsApp account inside a program of your own, without the server.

`from waport import Client` gives this class; README shows a bot that uses it.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import qrcode

from .client import Client as LinkedDevice
from .client import ClientConfig, Close, VersionSource
from .client.features.business import Business
from .client.features.calls import Calls
from .client.features.chats import Chats
from .client.features.communities import Communities
from .client.features.contacts import Contacts
from .client.features.group_joining import GroupJoining
from .client.features.group_rules import GroupRules
from .client.features.groups import Groups
from .client.features.history import History
from .client.features.media import Media
from .client.features.messages import Messages
from .client.features.newsletters import Newsletters
from .client.features.presence import Presence
from .client.features.privacy import Privacy
from .client.features.profile import Profile
from .client.features.server import Server
from .client.features.settings import Settings
from .client.passkeys import Passkeys
from .config.values import MIN_SECRET
from .errors import ConnectionClosed, InvalidInput
from .model import DomainEvent, QrReady, Ready, SessionState
from .store import Database, Secrets, UnitOfWork
from .wire import Jid

log = logging.getLogger(__name__)

SESSION = "main"
"""The account's name in its database."""

MAX_WAITING = 100_000
"""Events that wait for `events()`; the oldest go when nobody takes them."""


class _Queue:
    """Keeps the events of one account for whoever asks for them."""

    def __init__(self) -> None:
        self._events: deque[DomainEvent] = deque()
        self._news = asyncio.Event()
        self._is_closed = False
        self._dropped = 0

    def record(
        self, work: UnitOfWork, event: DomainEvent, own: Jid | None
    ) -> Sequence[DomainEvent]:
        """The events to publish after the commit: this one."""
        del work, own
        return [event]

    def publish(self, session_id: str, frames: Sequence[DomainEvent]) -> None:
        """After the commit, on the event loop."""
        del session_id
        for event in frames:
            if len(self._events) >= MAX_WAITING:
                self._drop_oldest()
            self._events.append(event)
        self._news.set()

    def _drop_oldest(self) -> None:
        self._events.popleft()
        if not self._dropped:
            log.warning("nobody takes the events; the oldest ones are dropped")
        self._dropped += 1

    def close(self) -> None:
        """No event comes any more."""
        self._is_closed = True
        self._news.set()

    async def get(self) -> DomainEvent | None:
        """The next event; None at the end."""
        while not self._events:
            if self._is_closed:
                return None
            self._news.clear()
            await self._news.wait()
        return self._events.popleft()

    def put_back(self, events: Sequence[DomainEvent]) -> None:
        """Have events once more that were taken, ahead of all others."""
        self._events.extendleft(reversed(events))
        self._news.set()


class Client:
    """An account: connects, links itself by QR code, stays connected, keeps everything.

    An async context manager. Inside it:

    - `async for event in client.events()` gives what happens (`waport.model`), until the account
      is logged out or the program leaves the context.
    - `client.messages`, `client.media`, `client.groups`, `client.contacts`, `client.chats`,
      `client.history`, `client.presence`, `client.profile` and `client.privacy` act.

    Args:
        path: the SQLite file that keeps keys and messages; or a `postgresql://` URL.
        config: where and how to connect.
        secret_key: encrypts the keys in the database; at least 32 characters made by chance.

    Raises:
        InvalidInput: the secret key is too short.
        StoreError: the file can't be used; another process that has it open is such a reason.
    """

    def __init__(
        self,
        path: str | Path = "waport.db",
        config: ClientConfig | None = None,
        *,
        secret_key: str | None = None,
    ) -> None:
        if secret_key is not None and len(secret_key) < MIN_SECRET:
            raise InvalidInput(f"a secret key has at least {MIN_SECRET} characters")
        self._secrets = Secrets(None if secret_key is None else secret_key.encode())
        self._url = _database_url(path)
        self._config = config or ClientConfig()
        self._events = _Queue()
        self._stack = AsyncExitStack()
        self._device: LinkedDevice | None = None
        self._running: asyncio.Task[Close] | None = None

    async def __aenter__(self) -> Self:
        if self._device is not None:
            raise InvalidInput("a client is entered once")
        database = await Database.open(self._url, secrets=self._secrets)
        self._stack.push_async_callback(database.close)
        config = self._config
        versions = VersionSource(
            config.web_url, pinned=config.version, tls=config.tls, proxy=config.proxy
        )
        self._device = LinkedDevice(database, SESSION, config, self._events, versions)
        self._running = asyncio.create_task(self._run(self._device), name="waport client")
        self._stack.push_async_callback(self._stop)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def _run(self, device: LinkedDevice) -> Close:
        try:
            return await device.run()
        finally:
            self._events.close()

    async def _stop(self) -> None:
        if self._running is None or self._device is None:
            return
        self._device.stop()
        await asyncio.wait((self._running,))
        failure = None if self._running.cancelled() else self._running.exception()
        if failure is not None:
            log.error("the account had stopped: %s", failure)

    # --- what happens --------------------------------------------------------------------------

    async def events(self) -> AsyncIterator[DomainEvent]:
        """What happens to the account, in order, for one reader.

        An event is told after it was committed to the database; `messages.fetch` reads what came
        while the program was away.

        Raises:
            StoreError: the stored credentials can't be read.
        """
        while (event := await self._events.get()) is not None:
            yield event
        if self._running is not None and self._running.done():
            self._running.result()

    async def ready(self) -> Ready:
        """Wait until the account can be used; QR codes before that are printed.

        Other events that come meanwhile are left for `events`.

        Raises:
            ConnectionClosed: the link ended first.
            StoreError: the stored credentials can't be read.
        """
        others: list[DomainEvent] = []
        try:
            async for event in self.events():
                match event:
                    case QrReady(text):
                        print_qr(text)
                    case Ready():
                        return event
                    case _:
                        others.append(event)
        finally:
            self._events.put_back(others)
        raise ConnectionClosed("the link ended", will_retry=False)

    @property
    def state(self) -> SessionState:
        """Where the connection stands."""
        return self._linked.state

    @property
    def jid(self) -> Jid:
        """The own account, bare, by phone number.

        Raises:
            ConnectionClosed: not linked yet.
        """
        return self._linked.own_jid

    # --- what can be done ----------------------------------------------------------------------

    @property
    def messages(self) -> Messages:
        """Sending and reading messages."""
        return self._linked.messages

    @property
    def media(self) -> Media:
        """Files: contents made of them, and downloads."""
        return self._linked.media

    @property
    def groups(self) -> Groups:
        """Groups: their members and settings."""
        return self._linked.groups

    @property
    def group_rules(self) -> GroupRules:
        """Rules of groups beyond the usual settings."""
        return self._linked.group_rules

    @property
    def group_joining(self) -> GroupJoining:
        """Requests to join groups, and personal invitations."""
        return self._linked.group_joining

    @property
    def communities(self) -> Communities:
        """Communities: their groups and people."""
        return self._linked.communities

    @property
    def business(self) -> Business:
        """Businesses: profiles, catalogues and orders, and the own ones."""
        return self._linked.business

    @property
    def calls(self) -> Calls:
        """Calls: to decline them, and the links that others call through."""
        return self._linked.calls

    @property
    def server(self) -> Server:
        """What WhatsApp offers besides: bots, terms, announcements, reports."""
        return self._linked.server

    @property
    def newsletters(self) -> Newsletters:
        """Channels: following and running them, and what is posted in them."""
        return self._linked.newsletters

    @property
    def contacts(self) -> Contacts:
        """People: who has an account, what they show, and who is blocked."""
        return self._linked.contacts

    @property
    def chats(self) -> Chats:
        """The list of chats: reading, clearing and deleting them."""
        return self._linked.chats

    @property
    def history(self) -> History:
        """Old messages: asking the phone for more of them."""
        return self._linked.history

    @property
    def presence(self) -> Presence:
        """Being online, typing, and following others."""
        return self._linked.presence

    @property
    def profile(self) -> Profile:
        """What the account shows of itself."""
        return self._linked.profile

    @property
    def privacy(self) -> Privacy:
        """Who sees what of the account."""
        return self._linked.privacy

    @property
    def settings(self) -> Settings:
        """What all devices of the account share: flags of chats, stars, names, labels."""
        return self._linked.settings

    async def pairing_code(self, phone: str) -> str:
        """Ask for a code of 8 characters to type on the phone, instead of the QR code.

        Args:
            phone: the account's number with country code.

        Raises:
            InvalidInput: that is no phone number.
            QueryError, QueryTimeout, ConnectionClosed: no code could be asked for.
        """
        return await self._linked.linking.request_code(phone)

    @property
    def passkeys(self) -> Passkeys:
        """The passkey step, which some accounts demand: its state, its answer, its confirmation."""
        return self._linked.linking.passkeys

    async def logout(self) -> None:
        """Unlink this device from the account.

        Raises:
            QueryError, QueryTimeout, ConnectionClosed: the server did not confirm; the link stays.
        """
        await self._linked.logout()

    @property
    def _linked(self) -> LinkedDevice:
        if self._device is None:
            raise InvalidInput("use the client inside `async with`")
        return self._device


def print_qr(text: str) -> None:
    """Show a QR code in the terminal, to be scanned on the phone."""
    code = qrcode.QRCode(border=1)
    code.add_data(text)
    code.print_ascii(out=sys.stdout, invert=True)


def _database_url(path: str | Path) -> str:
    if isinstance(path, str) and "://" in path:
        return path
    return f"sqlite:///{Path(path).absolute()}"
