"""From a mailbox to a connected device: the login's state, the offline queue, what follows live.

Source: docs/protocol/messages.md, "Offline queue".
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from ..wire import SERVER, Node
from .accounts import Account, Device
from .mailbox import Letter
from .policy import Policy
from .troubles import Parcel, Troubles

Clock = Callable[[], float]
"""Unix seconds."""

_PREVIEW_KINDS = ("message", "receipt", "notification", "call", "appdata")


class Outlet(Protocol):
    """The way to one connected device; keeps the order of what it is given."""

    def send(self, node: Node) -> None:
        """Pass a stanza on, some time soon. Once closed, stanzas are silently dropped."""
        ...

    def close(self, last: Node | None = None) -> None:
        """Send what is waiting, then `last`, then close the connection."""
        ...

    def abort(self) -> None:
        """Close the connection at once; what is waiting is not sent."""
        ...


class _Phase(Enum):
    HELD = auto()  # logged in, queue held back until <active/>
    REPLAYING = auto()
    LIVE = auto()


class DeviceSession:
    """One login of one device.

    Args:
        device: whose mailbox is emptied.
        outlet: the connection.
        pull: the offline queue waits for `<offline_batch>` requests.
        policy: batch size and waiting time.
        on_live: called when the queue is through, to send what is not queued.
    """

    def __init__(
        self,
        device: Device,
        outlet: Outlet,
        *,
        pull: bool,
        policy: Policy,
        on_live: Callable[[], None],
    ) -> None:
        self._device = device
        self._outlet = outlet
        self._pull = pull
        self._policy = policy
        self._on_live = on_live
        self._phase = _Phase.HELD
        self._sent_seq = 0
        self._owed: deque[Letter] = deque()
        self._announced = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_live(self) -> bool:
        """Whether new stanzas go out at once."""
        return self._phase is _Phase.LIVE

    def send(self, node: Node) -> None:
        """Send a stanza that is never repeated: an answer, an ack, a presence."""
        self._outlet.send(node)

    def posted(self, letter: Letter) -> None:
        """A letter was put into the mailbox."""
        if self._phase is _Phase.LIVE:
            self._send_letter(letter.node, letter.seq)

    def activate(self) -> None:
        """The client wants its stanzas (`<active/>`): the queue first, then whatever comes."""
        if self._phase is not _Phase.HELD:
            return
        self._phase = _Phase.REPLAYING
        self._owed = deque(x for x in self._device.mailbox if x.seq > self._sent_seq)
        self._announced = len(self._owed)
        for kind, since in self._device.dirty.items():
            self._outlet.send(_ib(Node("dirty", {"type": kind, "timestamp": str(since)})))
        self._outlet.send(_ib(_preview(self._owed)))
        self.request_batch(self._policy.first_batch if self._pull else self._announced)

    def hold(self) -> None:
        """The client wants no stanzas for now (`<passive/>`)."""
        self._cancel_timer()
        self._phase = _Phase.HELD

    def request_batch(self, count: int) -> None:
        """Send the next stanzas of the offline queue, and its end marker after the last."""
        if self._phase is not _Phase.REPLAYING:
            return
        self._cancel_timer()
        while count > 0 and self._owed:
            letter = self._owed.popleft()
            if letter.seq not in self._device.mailbox:
                continue
            count -= 1
            marker = str(self._announced - len(self._owed) - 1)
            node = letter.node
            queued = Node(node.tag, {**node.attrs, "offline": marker}, node.content)
            self._send_letter(queued, letter.seq)
        if self._owed:
            self._timer = asyncio.get_running_loop().call_later(
                self._policy.batch_wait_s, self.request_batch, len(self._owed)
            )
        else:
            self._finish_replay()

    def end(self, last: Node | None = None) -> None:
        """Close the connection after `last`. The mailbox keeps what was not acknowledged."""
        self.detach()
        self._outlet.close(last)

    def abort(self) -> None:
        """Cut the connection off."""
        self.detach()
        self._outlet.abort()

    def detach(self) -> None:
        """The connection is gone or goes."""
        self._cancel_timer()
        self._phase = _Phase.HELD
        if self._device.session is self:
            self._device.session = None

    def _finish_replay(self) -> None:
        self._outlet.send(_ib(Node("offline", {"count": str(self._announced)})))
        self._phase = _Phase.LIVE
        for letter in self._device.mailbox:
            if letter.seq > self._sent_seq:
                self._send_letter(letter.node, letter.seq)
        self._on_live()

    def _send_letter(self, node: Node, seq: int) -> None:
        self._sent_seq = seq
        self._outlet.send(node)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


@dataclass(frozen=True, slots=True)
class _Fleeting:
    node: Node
    expires: float | None  # unix seconds


class Deliveries:
    """Puts stanzas into mailboxes and through to whoever is connected.

    Args:
        policy: how long a chatstate is worth delivering.
        troubles: what is to happen to stanzas on their way.
        now: the time.
        changed: called whenever something is posted or settled that a restart must keep.
    """

    def __init__(
        self,
        policy: Policy,
        troubles: Troubles,
        now: Clock = time.time,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.policy = policy
        self._troubles = troubles
        self.now = now
        self.changed = changed
        self._fleeting: dict[tuple[str, int], dict[str, _Fleeting]] = {}

    @property
    def t(self) -> str:
        """The time as stanzas carry it: unix seconds."""
        return str(int(self.now()))

    def post(self, account: Account, device: Device, node: Node, *, own_copy: bool = False) -> None:
        """Queue a stanza for a device until it acknowledges it, and send it if it can be sent."""
        if device.id not in account.devices:
            return
        for parcel in self._troubles.on_delivery(account, device, Parcel(node, own_copy)):
            letter = device.mailbox.post(parcel.node, own_copy=parcel.own_copy)
            if device.session is not None:
                device.session.posted(letter)
        self.changed()

    def post_all(self, account: Account, node: Node, *, skip: Device | None = None) -> None:
        """Queue a stanza for every device of an account, but not for `skip`."""
        for device in list(account.devices.values()):
            if device is not skip:
                self.post(account, device, node)

    def show(
        self,
        account: Account,
        device: Device,
        key: str,
        node: Node,
        *,
        life_s: float | None = None,
    ) -> None:
        """Send a stanza that nobody acknowledges: a presence or chatstate.

        Args:
            account: of the device.
            device: that is to see it.
            key: while the device is not live, only the newest stanza of one key is kept.
            node: the stanza.
            life_s: seconds for which it is of interest; None: as long as the connection lasts.
        """
        if device.session is not None and device.session.is_live:
            device.session.send(node)
            return
        waiting = self._fleeting.setdefault((account.number, device.id), {})
        waiting.pop(key, None)
        waiting[key] = _Fleeting(node, None if life_s is None else self.now() + life_s)

    def open_session(
        self, account: Account, device: Device, outlet: Outlet, *, pull: bool
    ) -> DeviceSession:
        """Attach a connection to a device that has none."""

        place = (account.number, device.id)
        # What was meant for a connection that is gone is not for this one.
        kept = {k: v for k, v in self._fleeting.pop(place, {}).items() if v.expires is not None}
        if kept:
            self._fleeting[place] = kept

        def flush() -> None:
            for fleeting in self._fleeting.pop(place, {}).values():
                if fleeting.expires is None or fleeting.expires >= self.now():
                    outlet.send(fleeting.node)

        wanted = pull if self.policy.pull is None else self.policy.pull
        session = DeviceSession(device, outlet, pull=wanted, policy=self.policy, on_live=flush)
        device.session = session
        return session


def _ib(child: Node) -> Node:
    return Node("ib", {"from": SERVER}, [child])


def _preview(owed: deque[Letter]) -> Node:
    counts = Counter(letter.node.tag for letter in owed)
    kinds = {kind: str(counts[kind]) for kind in _PREVIEW_KINDS}
    return Node("offline_preview", {"count": str(len(owed)), **kinds})
