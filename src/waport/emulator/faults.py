"""Trouble to order: closed sockets, refused logins, lost acks, unasked stanzas, damaged files."""

from __future__ import annotations

from ..errors import NotFound
from ..wire import AttrValue, Jid, Node
from .accounts import Account, Device, Directory
from .delivery import Deliveries
from .media import MediaHost
from .media_store import name_in
from .notifications import Notifier
from .policy import MediaFault, PendingFaults


class Faults:
    """Disturbs devices, named by PN or LID with the device number.

    Every method that takes an address raises NotFound when there is no such device, and
    InvalidInput when the text is no JID.
    """

    def __init__(
        self,
        directory: Directory,
        deliveries: Deliveries,
        notifier: Notifier,
        pending: PendingFaults,
        media: MediaHost,
    ) -> None:
        self._directory = directory
        self._deliveries = deliveries
        self._notifier = notifier
        self._pending = pending
        self._media = media

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

    def disturb_media(self, fault: MediaFault) -> None:
        """Let something go wrong with the next uploads or downloads of files."""
        self._pending.media.append(fault)

    def expire_media(self, path: str | None = None, *, forget: bool = False) -> int:
        """End paths of files.

        Args:
            path: a direct path or URL path, with or without its query; None means all of them.
            forget: no phone has the file any more either.

        Returns:
            how many paths have ended.
        Raises:
            NotFound: there is no such path.
        """
        store = self._media.store
        if path is None:
            files = store.files()
        else:
            file = store.find(name_in(path) or "")
            if file is None:
                raise NotFound(404, "no such file")
            files = [file]
        for file in files:
            store.expire(file)
            if forget:
                store.forget(file.sha256)
        return sum(not file.is_gone for file in files)

    def revoke_media_tokens(self) -> None:
        """Refuse every upload until the client has asked for the media hosts again."""
        self._media.conn.revoke()

    def _find(self, address: Jid | str) -> tuple[Account, Device]:
        jid = Jid.parse(address) if isinstance(address, str) else address
        found = self._directory.device(jid)
        if found is None:
            raise NotFound(404, "no such device")
        return found
