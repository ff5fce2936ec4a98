"""Trouble to order: closed sockets, refused logins and messages, lost acks, damaged files.

Devices are named by PN or LID with the device number. Where a method speaks of the devices of an
account, the bare address means all of them.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import NotFound
from ..wire import AttrValue, Jid, Node
from .accounts import Account, Device, Directory
from .delivery import Deliveries
from .media import MediaHost
from .media_store import name_in
from .notifications import Notifier
from .pairing import Pairing
from .phone import Phone
from .policy import MediaFault, PendingFaults
from .silent import silent_companion
from .troubles import AckFault, QueryFault, StanzaFault, Target, Troubles

_NO_PHASH = "2:AAAAAAAA"


class Faults:
    """Disturbs devices.

    Every method that takes an address raises NotFound when there is no such device, and
    InvalidInput when the text is no JID.
    """

    def __init__(
        self,
        directory: Directory,
        deliveries: Deliveries,
        notifier: Notifier,
        pending: PendingFaults,
        troubles: Troubles,
        pairing: Pairing,
        media: MediaHost,
    ) -> None:
        self._directory = directory
        self._deliveries = deliveries
        self._notifier = notifier
        self._pending = pending
        self._troubles = troubles
        self._pairing = pairing
        self._media = media

    # --- connections -----------------------------------------------------------------------------

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

    # --- messages --------------------------------------------------------------------------------

    def lose_acks(self, address: Jid | str, count: int = 1) -> None:
        """Do not ack the next messages of the devices of an account; they are delivered anyhow."""
        self.disturb_acks(AckFault(self.target(address), count=count, is_lost=True))

    def nack(
        self, address: Jid | str, error: int, count: int = 1, *, chat: Jid | str | None = None
    ) -> None:
        """Refuse the next messages of the devices of an account; see `AckFault.error`.

        Args:
            address: of the sender.
            error: the code in the ack.
            count: of messages.
            chat: the only one that it is about, a person by either address.
        """
        chats = frozenset() if chat is None else self.addresses(chat)
        self.disturb_acks(AckFault(self.target(address), chats, count, error))

    def mismatch_phash(self, address: Jid | str, count: int = 1, phash: str = _NO_PHASH) -> None:
        """Say in the next acks that the sender has another idea of the devices than the server."""
        fault = AckFault(self.target(address), count=count, attrs={"phash": phash})
        self.disturb_acks(fault)

    def disturb_acks(self, fault: AckFault) -> None:
        """Let something go wrong with the acks of the next messages."""
        self._troubles.acks.append(fault)

    def disturb_stanzas(self, fault: StanzaFault) -> None:
        """Let something go wrong with the next stanzas for some devices."""
        self._troubles.stanzas.append(fault)

    def disturb_queries(self, fault: QueryFault) -> None:
        """Let something go wrong with the answers to the next questions of some devices."""
        self._troubles.queries.append(fault)

    def before_next_message(self, address: Jid | str, action: Callable[[], None]) -> None:
        """Do something in the middle of the next send of the devices of an account.

        The message has come then, and goes on afterwards.
        """
        self.before_message(self.target(address), action)

    def before_message(self, sender: Target, action: Callable[[], None]) -> None:
        """As `before_next_message`."""
        self._troubles.before_message(sender, action)

    def clear(self) -> None:
        """Forget what was ordered for acks, stanzas, questions, logins and files."""
        self._troubles.clear()
        self._pending.next_login.clear()
        self._pending.media.clear()

    def send(self, address: Jid | str, node: Node) -> None:
        """Send any stanza to a device that is connected."""
        _, device = self._find(address)
        if device.session is not None:
            device.session.send(node)

    def post(self, address: Jid | str, node: Node) -> None:
        """Queue any message, receipt or notification for a device until it acknowledges it."""
        account, device = self._find(address)
        self._deliveries.post(account, device, node)

    # --- what the server keeps -------------------------------------------------------------------

    def mark_dirty(self, account: Account, kind: str) -> None:
        """Tell an account's companions to fetch a kind of data again."""
        self._notifier.dirty(account, kind)

    def lose_pre_keys(self, address: Jid | str, *, notify: bool = False) -> int:
        """Forget the one-time keys of a device, which it may be told of.

        Returns:
            how many there were.
        """
        account, device = self._find(address)
        lost = len(device.pre_keys)
        device.pre_keys.clear()
        if notify:
            self._notifier.low_keys(account, device)
        self._deliveries.changed()
        return lost

    def add_companion(self, account: Account, phone: Phone) -> Device:
        """Link a companion that is never there, at once; everybody is told as ever.

        Raises:
            InvalidInput: there is no free device number, or the phone is linking another one.
        """
        device = silent_companion(account, phone)
        self._notifier.device_added(account, device)
        self._deliveries.changed()
        return device

    def remove_companion(self, account: Account, number: int) -> None:
        """Unlink a companion at once, if it is there; everybody is told as ever."""
        device = account.devices.get(number)
        if device is not None and number:
            self._pairing.unlink(account, device)

    # --- files -----------------------------------------------------------------------------------

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

    # --- who is meant ----------------------------------------------------------------------------

    def target(self, address: Jid | str) -> Target:
        """All devices of an account, or one companion."""
        jid = Jid.parse(address) if isinstance(address, str) else address
        account, device = self._find(jid)
        return Target(account.number, device.id if jid.device else None)

    def addresses(self, chat: Jid | str) -> frozenset[Jid]:
        """The bare addresses of a chat: both of a person's, or the one of a group."""
        jid = Jid.parse(chat) if isinstance(chat, str) else chat
        if not jid.is_user:
            return frozenset({jid.bare})
        account, _ = self._find(jid.bare)
        return frozenset({account.jid, account.lid})

    def _find(self, address: Jid | str) -> tuple[Account, Device]:
        jid = Jid.parse(address) if isinstance(address, str) else address
        found = self._directory.device(jid)
        if found is None:
            raise NotFound(404, "no such device")
        return found
