"""The emulator: WhatsApp's server and any number of phones in one process.

`Emulator` is the whole, for tests and demos in the same process; `run` is the command.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType

from starlette.websockets import WebSocket

from ..crypto import RandomBytes
from ..errors import NotFound
from ..noise import ServerHandshake
from .accounts import Account, Directory
from .admin import admin_routes
from .connection import ClientConnection
from .delivery import Clock
from .faults import Faults
from .groups_pictures import group_picture_route
from .listener import Listener
from .media_store import MediaStore, StoredFile
from .newsletters_lists import newsletter_picture_route
from .passkeys import Passkeys
from .phone import Phone
from .policy import Policy
from .restrictions import Restrictions
from .snapshot import dump_accounts
from .state import IN_MEMORY, Autosave, StateFolder
from .web import SOCKET_PATH, build_app
from .wiring import NewsletterParts, Parts, wire


@dataclass(frozen=True, slots=True)
class EmulatorOptions:
    """What the command line says.

    Attributes:
        host: the address to listen on.
        port: 0 takes a free one.
        state: the state folder, or `:memory:`.
        plain: announce the WebSocket without TLS; the port answers both in any case.
        chatstate_ttl: seconds after which a chatstate is not delivered any more.
        group: name of a group of its own for every new account.
    """

    host: str = "127.0.0.1"
    port: int = 0
    state: str = IN_MEMORY
    plain: bool = False
    chatstate_ttl: float = 3.0
    group: str | None = None


class Emulator:
    """A running server; use it as an asynchronous context manager.

    Args:
        options: what the command line would say.
        now: the time.
        random_bytes: for keys, references and numbers.

    Attributes:
        options: as given.
        policy: what tests may change while it runs.
        directory: all accounts.
    """

    def __init__(
        self,
        options: EmulatorOptions | None = None,
        *,
        now: Clock = time.time,
        random_bytes: RandomBytes = os.urandom,
    ) -> None:
        self.options = options or EmulatorOptions()
        self.policy = Policy(chatstate_ttl_s=self.options.chatstate_ttl)
        self.directory = Directory(random_bytes)
        self._now = now
        self._random_bytes = random_bytes
        self._creating = asyncio.Lock()
        self._folder: StateFolder | None = None
        self._listener: Listener | None = None
        self._autosave: Autosave | None = None
        self._wired: Parts | None = None
        self._port = 0

    # --- lifetime --------------------------------------------------------------------------------

    async def __aenter__(self) -> Emulator:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open the port and switch on the phones of saved accounts.

        Raises:
            OSError: the port or the state folder is not to be had.
            CorruptRecord: the state folder cannot be read; it is left as it is.
        """
        folder = self._folder = StateFolder(self.options.state)
        try:
            folder.load(self.directory)
            host = _reachable(self.options.host)
            self._listener = Listener(folder.tls.server_context(host))
            self._port = self._listener.bind(self.options.host, self.options.port)
            self._wired = wire(
                self.directory,
                self.policy,
                MediaStore(folder.media_folder, self.policy, self._random_bytes),
                authority=self._authority,
                web_url=self.web_url,
                cut_off=self._listener.cut_off,
                now=self._now,
                changed=self._changed,
                random_bytes=self._random_bytes,
            )
            for account in self.directory:
                await self._parts.phones.switch_on(account, self._parts.dispatcher)
            if folder.is_kept:
                self._autosave = Autosave(lambda: dump_accounts(self.directory), folder.write)
            routes = [*admin_routes(self), *self._parts.media.routes()]
            routes.append(group_picture_route(self.directory))
            routes.append(newsletter_picture_route(self.directory))
            self._listener.start(build_app(self._serve, self.directory, self.policy, routes))
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close every connection, save, and free the port.

        Raises:
            OSError: the state cannot be saved.
        """
        if self._listener is not None:
            await self._listener.stop()
        if self._wired is not None:
            await self._wired.phones.stop()
        try:
            if self._autosave is not None:
                await self._autosave.close()
        finally:
            if self._folder is not None:
                self._folder.remove()

    # --- where it is -----------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._port

    @property
    def ws_url(self) -> str:
        """Where clients connect to."""
        return f"{'ws' if self.options.plain else 'wss'}://{self._authority}{SOCKET_PATH}"

    @property
    def web_url(self) -> str:
        """Where clients read the current version from; `/sw.js` is below it."""
        return f"{'http' if self.options.plain else 'https'}://{self._authority}"

    @property
    def admin_url(self) -> str:
        """The root of the admin API."""
        return f"{self.web_url}/admin"

    @property
    def root_key(self) -> bytes:
        """The public key that the Noise certificates lead back to, 32 bytes."""
        return self._kept.noise.root.public

    @property
    def ca_file(self) -> str | None:
        """The TLS authority's certificate, PEM; None when the WebSocket is announced as plain."""
        return None if self.options.plain else str(self._kept.tls.ca_file)

    def info(self) -> Mapping[str, object]:
        """What the command prints when it is ready."""
        return {
            "ws_url": self.ws_url,
            "admin_url": self.admin_url,
            "noise_root_key": self.root_key.hex(),
            "ca_file": self.ca_file,
        }

    # --- accounts and phones ---------------------------------------------------------------------

    async def create_account(self, phone: str | None = None, name: str | None = None) -> Account:
        """Make an account and switch its phone on.

        Args:
            phone: its number; drawn from the name, or at random, when None.
            name: its push name; the number when None.
        Raises:
            InvalidInput: no phone number, or one that is taken.
        """
        async with self._creating:
            return await self._create(phone, name)

    def phone_of(self, account: Account) -> Phone:
        """The account's phone.

        Raises:
            NotFound: it is not switched on.
        """
        return self._parts.phones.of(account)

    def waiting_ref(self, ref: str) -> bool:
        """Whether a companion waits with this QR or pairing code reference."""
        return self._parts.waiting.find(ref) is not None

    async def account_for_ref(self, ref: str) -> Account:
        """Whose phone is to scan the QR with this reference; the account is made if need be.

        The push name of the registration decides: the same name is the same phone.

        Raises:
            NotFound: nobody waits with it.
        """
        companion = self._parts.waiting.find(ref)
        if companion is None:
            raise NotFound(404, "nobody waits with that QR code")
        name = companion.registration.push_name
        # Two scans at the same time for one name must not make two accounts.
        async with self._creating:
            known = self.directory.by_name(name) if name else None
            return known or await self._create(None, name)

    async def unlink(self, account: Account, device: int | None = None) -> list[int]:
        """Have the phone remove one companion, or all of them.

        Returns:
            the numbers of those removed.
        Raises:
            QueryError: the server refused it (404: no such companion).
        """
        gone = [x.id for x in account.companions() if device in (None, x.id)]
        if gone or device is not None:
            await self.phone_of(account).linker.unlink(device)
        return gone

    def arrivals(self, message_id: str | None = None) -> Iterable[Mapping[str, object]]:
        """The message stanzas that came in, before repetitions were dropped; oldest first."""
        return [
            {
                "id": arrival.id,
                "from": str(arrival.sender),
                "sha256": arrival.sha256,
                "duplicate": arrival.duplicate,
            }
            for arrival in self._parts.messages.arrivals
            if message_id is None or arrival.id == message_id
        ]

    def media_files(self) -> list[StoredFile]:
        """The files of the media host, oldest first; those that have expired too."""
        return self._parts.media.store.files()

    def ca_certificate(self) -> bytes:
        """The TLS authority, PEM; with a plain WebSocket too, since files come by https anyhow."""
        return self._kept.tls.ca_file.read_bytes()

    @property
    def faults(self) -> Faults:
        """Trouble to order."""
        return self._parts.faults

    @property
    def restrictions(self) -> Restrictions:
        """Who may begin chats with strangers, and who wants none."""
        return self._parts.restrictions

    @property
    def passkeys(self) -> Passkeys:
        """Which accounts demand a passkey of new devices."""
        return self._parts.passkeys

    @property
    def newsletters(self) -> NewsletterParts:
        """What has to do with channels; they themselves are in the directory."""
        return self._parts.newsletters

    # --- inside ----------------------------------------------------------------------------------

    async def _create(self, number: str | None, name: str | None) -> Account:
        account = self.directory.create(number, name)
        await self._parts.phones.switch_on(account, self._parts.dispatcher)
        if self.options.group is not None:
            self._parts.groups.found(account, self.options.group)
        self._changed()
        return account

    async def _serve(self, websocket: WebSocket) -> None:
        noise = self._kept.noise
        chain = noise.chain(int(self._now()))
        handshake = ServerHandshake(noise.static, chain, self._random_bytes)
        await ClientConnection(websocket, handshake, self._parts.gate).run()

    def _changed(self) -> None:
        if self._autosave is not None:
            self._autosave.changed()

    @property
    def _parts(self) -> Parts:
        if self._wired is None:
            raise RuntimeError("the emulator is not running")
        return self._wired

    @property
    def _kept(self) -> StateFolder:
        if self._folder is None:
            raise RuntimeError("the emulator is not running")
        return self._folder

    @property
    def _authority(self) -> str:
        host = _reachable(self.options.host)
        return f"[{host}]:{self._port}" if ":" in host else f"{host}:{self._port}"


async def run(options: EmulatorOptions) -> None:
    """The command: print one JSON line when ready, then serve until SIGTERM or SIGINT.

    Raises:
        OSError: the port or the state folder is not to be had.
        CorruptRecord: the state folder cannot be read.
    """
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, ended.set)
    try:
        async with Emulator(options) as emulator:
            sys.stdout.write(json.dumps(emulator.info()) + "\n")
            sys.stdout.flush()
            await ended.wait()
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _reachable(host: str) -> str:
    """The address to name to clients on this machine."""
    return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
