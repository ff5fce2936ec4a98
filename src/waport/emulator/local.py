"""The phone's way to the server and back: no socket, no cipher, yet the same order and rules."""

from __future__ import annotations

import asyncio
import logging

from ..errors import MediaError, NotFound
from ..wire import Node
from .accounts import Account
from .dispatcher import Dispatcher
from .link import MediaPlace, PhoneDevice
from .media_store import HANDLE, MediaStore, StoredFile, direct_path, name_in

_log = logging.getLogger(__name__)

_MAX_DOWNLOAD = 256 * 2**20  # a phone holds its file in memory


class LocalLink:
    """A `DeviceLink` for device 0 of one account."""

    def __init__(self, account: Account, dispatcher: Dispatcher) -> None:
        self._account = account
        self._dispatcher = dispatcher
        self._count = 0

    async def query(self, node: Node) -> Node:
        """Ask the server one IQ; its answer, of type result or error."""
        self._count += 1
        iq = Node(node.tag, {"id": f"phone-{self._count}", **node.attrs}, node.content)
        return await self._dispatcher.answer(self._account, self._account.devices[0], iq)

    async def send(self, node: Node) -> None:
        """Hand the server a stanza that is no IQ."""
        self._dispatcher.receive_stanza(self._account, self._account.devices[0], node)


class LocalMedia:
    """A `MediaLink` that leads straight to the store.

    Args:
        store: the files of the media host.
        authority: `HOST:PORT` for URLs.
    """

    def __init__(self, store: MediaStore, authority: str) -> None:
        self._store = store
        self._authority = authority

    async def upload(self, kind: str, body: bytes) -> MediaPlace:
        """Store a file."""
        try:
            return self._place(await self._store.put(kind, body))
        except OSError as exc:
            raise MediaError("the media host has no room for the file") from exc

    def upload_again(self, kind: str, sha256: bytes) -> MediaPlace | None:
        """Store a file once more, if its bytes are still there."""
        file = self._store.put_again(kind, sha256.hex())
        return None if file is None else self._place(file)

    async def download(self, direct_path: str) -> bytes:
        """Fetch an encrypted file."""
        name = name_in(direct_path)
        file = None if name is None else self._store.find(name)
        if file is None or file.is_gone:
            raise NotFound(404, "the media host does not have the file")
        if file.size > _MAX_DOWNLOAD:
            raise MediaError("the file is too large for a phone")
        opened = self._store.open(file)
        try:
            return await asyncio.to_thread(opened.read, 0, file.size)
        finally:
            opened.close()

    def _place(self, file: StoredFile) -> MediaPlace:
        path = direct_path(file)
        return MediaPlace(f"https://{self._authority}{path}", path, f"{HANDLE}{file.name}")


class PhoneLine:
    """The outlet to a phone: gives it one stanza after the other."""

    def __init__(self, phone: PhoneDevice) -> None:
        self._phone = phone
        # As long as the mailbox it is filled from; the phone takes stanzas as fast as it can.
        self._stanzas: asyncio.Queue[Node] = asyncio.Queue()
        self._closed = False

    def send(self, node: Node) -> None:
        """Queue a stanza for the phone."""
        if not self._closed:
            self._stanzas.put_nowait(node)

    def close(self, last: Node | None = None) -> None:
        """Take no more stanzas; a phone has no stream that could end."""
        self._closed = True

    def abort(self) -> None:
        """As `close`."""
        self._closed = True

    async def run(self) -> None:
        """Deliver for as long as the phone is switched on."""
        while True:
            node = await self._stanzas.get()
            try:
                await self._phone.deliver(node)
            except Exception:  # noqa: BLE001 - one stanza must not switch the phone off
                _log.exception("the phone failed on a <%s>", node.tag)
