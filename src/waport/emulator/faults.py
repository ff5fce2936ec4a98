"""Trouble to order: closed sockets, refused logins, lost acks, stanzas out of the blue."""

from __future__ import annotations

from ..errors import NotFound
from ..wire import AttrValue, Jid, Node
from .accounts import Account, Device, Directory
from .delivery import Deliveries
from .notifications import Notifier
from .policy import PendingFaults


class Faults:
    """Disturbs devices, named by PN or LID with the device number.

    Every method raises NotFound when there is no such device, and InvalidInput when the text is no
    JID.
    """

    def __init__(
        self,
        directory: Directory,
        deliveries: Deliveries,
        notifier: Notifier,
        pending: PendingFaults,
    ) -> None:
        self._directory = directory
        self._deliveries = deliveries
        self._notifier = notifier
        self._pending = pending

    def cut_off(self, address: Jid | str) -> None:
        """Close a device's socket without a word."""
        _, device = self._find(address)
        if device.session is not None:
            device.session.abort()

    def end_stream(self, address: Jid | str, code: int | None, *children: Node) -> None:
        """Send a device `<stream:error>` and close its connection."""
        _, device = self._find(address)
        attrs: dict[str, AttrValue] = {} if code is None else {"code": str(code)}
        if device.session is not None:
            device.session.end(Node("stream:error", attrs, list(children) or None))

    def refuse_next_login(self, address: Jid | str, reason: int) -> None:
        """Answer the next login of a device with `<failure reason=...>`."""
        account, device = self._find(address)
        self._pending.next_login[account.address(lid=False, device=device.id)] = reason

    def lose_acks(self, address: Jid | str, count: int = 1) -> None:
        """Do not send the next message acks to a device; its messages are delivered anyhow."""
        account, device = self._find(address)
        self._pending.lost_acks[account.address(lid=False, device=device.id)] += count

    def send(self, address: Jid | str, node: Node) -> None:
        """Send any stanza to a device that is connected."""
        _, device = self._find(address)
        if device.session is not None:
            device.session.send(node)

    def post(self, address: Jid | str, node: Node) -> None:
        """Queue any message, receipt or notification for a device until it acknowledges it."""
        account, device = self._find(address)
        self._deliveries.post(account, device, node)

    def mark_dirty(self, account: Account, kind: str) -> None:
        """Tell an account's companions to fetch a kind of data again."""
        self._notifier.dirty(account, kind)

    def _find(self, address: Jid | str) -> tuple[Account, Device]:
        jid = Jid.parse(address) if isinstance(address, str) else address
        found = self._directory.device(jid)
        if found is None:
            raise NotFound(404, "no such device")
        return found
