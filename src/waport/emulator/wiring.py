"""Makes the server's parts and connects them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..crypto import RandomBytes
from .accounts import Directory
from .delivery import Clock, Deliveries
from .dispatcher import Dispatcher
from .faults import Faults
from .gate import ServerGate
from .messages import MessageRouter
from .notifications import Notifier
from .pairing import Pairing
from .phones import Phones
from .policy import PendingFaults, Policy
from .prekeys import PreKeys
from .presence import Presences
from .privacy import Privacy
from .profile import Profiles
from .queries import Queries
from .receipts import ReceiptRouter
from .registration import WaitingRoom


@dataclass(frozen=True, slots=True)
class Parts:
    """What the emulator itself speaks to."""

    waiting: WaitingRoom
    messages: MessageRouter
    dispatcher: Dispatcher
    phones: Phones
    faults: Faults
    gate: ServerGate


def wire(
    directory: Directory,
    policy: Policy,
    *,
    authority: str,
    web_url: str,
    now: Clock,
    changed: Callable[[], None],
    random_bytes: RandomBytes,
) -> Parts:
    """Make all parts of one server.

    Args:
        directory: all accounts.
        policy: what tests may change.
        authority: `HOST:PORT` of the server.
        web_url: where its pages are.
        now: the time.
        changed: called after each change that a restart must keep.
        random_bytes: for keys, references and tokens.
    """
    pending = PendingFaults()
    deliveries = Deliveries(policy, now, changed)
    notifier = Notifier(directory, deliveries)
    presences = Presences(directory, deliveries)
    messages = MessageRouter(directory, deliveries, pending)
    phones = Phones(deliveries, notifier, random_bytes)
    waiting = WaitingRoom(policy, now, random_bytes)
    pairing = Pairing(directory, deliveries, notifier, waiting, policy, notifier.new_id)
    queries = Queries(
        directory,
        deliveries,
        pairing=pairing,
        pre_keys=PreKeys(directory, deliveries, notifier),
        privacy=Privacy(directory, deliveries, notifier, random_bytes),
        profiles=Profiles(directory, deliveries, notifier, lambda path: web_url + path),
        media_host=authority,
    )
    dispatcher = Dispatcher(
        deliveries,
        queries=queries,
        messages=messages,
        receipts=ReceiptRouter(directory, deliveries),
        presences=presences,
        on_active=phones.greet,
    )
    gate = ServerGate(
        directory,
        deliveries,
        policy=policy,
        faults=pending,
        waiting=waiting,
        pairing=pairing,
        dispatcher=dispatcher,
        presences=presences,
        on_active=phones.greet,
    )
    faults = Faults(directory, deliveries, notifier, pending)
    return Parts(waiting, messages, dispatcher, phones, faults, gate)
