"""The two ends of the link between the server and a phone that lives in the same process.

A companion reaches the server over a socket, with the Noise handshake. The simulated phone, device
0 of its account, needs neither: it hands its stanzas over directly. Everything above that is the
same for both.
"""

from __future__ import annotations

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


class PhoneDevice(Protocol):
    """What the phone offers the server."""

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
