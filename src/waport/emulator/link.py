"""The two ends of the link between the server and a phone that lives in the same process.

A companion reaches the server over a socket, with the Noise handshake. The simulated phone, device
0 of its account, needs neither: it hands its stanzas over directly. Everything above that is the
same for both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..wire import Jid, Node


class DeviceLink(Protocol):
    """What the server offers a device that lives in this process."""

    async def query(self, node: Node) -> Node:
        """Ask the server one `<iq>` and return its answer, of type result or error.

        The link fills in `id` when the node has none.
        """
        ...

    async def send(self, node: Node) -> None:
        """Hand the server a stanza that is no IQ: message, receipt, ack, presence, chatstate."""
        ...


@dataclass(frozen=True, slots=True)
class MediaPlace:
    """Where an uploaded file is.

    Attributes:
        url: on one media host.
        direct_path: on all of them.
        handle: what a post of a channel calls the file.
    """

    url: str
    direct_path: str
    handle: str = ""


class MediaLink(Protocol):
    """What the media host offers a phone that lives in this process."""

    async def upload(self, kind: str, body: bytes) -> MediaPlace:
        """Store a file: encrypted, but for those of channels.

        Raises:
            MediaError: there is no room for it.
        """
        ...

    def upload_again(self, kind: str, sha256: bytes) -> MediaPlace | None:
        """Store the phone's own copy of a file once more; None when it has none any more.

        Every phone has the files of its chats. That they lie with the media host's own is a matter
        of this process.
        """
        ...

    async def download(self, direct_path: str) -> bytes:
        """Fetch an encrypted file.

        Raises:
            NotFound: it is unknown or has expired.
            MediaError: it is too large for a phone.
        """
        ...


class PhoneDevice(Protocol):
    """What the phone offers the server."""

    @property
    def token_salt(self) -> bytes:
        """The secret behind the account's salted tokens; empty when it has none.

        How the real server checks those is not known; here the phone lends it the secret.
        """
        ...

    async def deliver(self, node: Node) -> None:
        """Take the next stanza for device 0; called in order, one at a time.

        The phone acknowledges by `DeviceLink.send`, as a companion does over its socket. It must
        not wait here for something that only a later stanza brings.
        """
        ...

    async def linked(self, device: Jid) -> None:
        """Give a companion its keys and history: it has logged in for the first time."""
        ...

    async def app_state_query(self, device: int, node: Node) -> Node:
        """Answer an IQ of `w:sync:app:state` that a device of this account sent."""
        ...

    def dump(self) -> dict[str, object]:
        """The phone's state as JSON values, for the emulator's state folder."""
        ...
