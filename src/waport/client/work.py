"""What a handler works with: an open unit of work, and a place to put what follows its commit."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..model import Credentials, DomainEvent
from ..stanza.message import OwnAddresses
from ..store import UnitOfWork
from ..wire import Jid, Node

FollowUp = Callable[[], Coroutine[Any, Any, None]]
"""Work that needs the network, begun after the commit."""


class EventSink(Protocol):
    """Where domain events go; the events room implements it, and a library user may."""

    def record(self, work: UnitOfWork, event: DomainEvent, own: Jid | None) -> Sequence[Any]:
        """Append what the event means to the log, in the caller's transaction.

        Runs on the store's writer thread. Returns what `publish` is to be given.
        """
        ...

    def publish(self, session_id: str, frames: Sequence[Any]) -> None:
        """After the commit, on the event loop: wake whoever delivers."""
        ...


@dataclass(slots=True)
class Work:
    """One stanza's share of a transaction.

    Everything here is undone when the handler raises; what it asks for happens after the commit.

    Attributes:
        store: the open unit of work, plain calls.
        credentials: as stored now.
        own: this device's addresses.
        now: Unix seconds.
        replies: stanzas to send after the commit, in order.
        follow_ups: network work to begin after the commit.
        frames: what the event sink returned.
        available: this device has announced itself as online.
        seen_receipt: the kind of receipt that tells that an incoming message was read at once;
            empty where that is not wanted.
        announce: announces it, once its push name is known.
    """

    store: UnitOfWork
    credentials: Credentials
    own: OwnAddresses
    now: int
    sink: EventSink
    available: bool
    seen_receipt: str
    announce: FollowUp
    replies: list[Node] = field(default_factory=list)
    follow_ups: list[FollowUp] = field(default_factory=list)
    frames: list[Any] = field(default_factory=list)

    def emit(self, event: DomainEvent) -> None:
        """Record an event in this transaction."""
        self.frames.extend(self.sink.record(self.store, event, self.own.pn.bare))

    def reply(self, node: Node) -> None:
        """Send a stanza once this transaction is committed."""
        self.replies.append(node)

    def later(self, follow_up: FollowUp) -> None:
        """Begin network work once this transaction is committed."""
        self.follow_ups.append(follow_up)


def own_addresses(credentials: Credentials) -> OwnAddresses:
    """The addresses of linked credentials.

    Raises:
        ValueError: they are not linked; a programming error.
    """
    if credentials.pn is None:
        raise ValueError("the credentials are not linked")
    return OwnAddresses(credentials.pn, credentials.lid)
