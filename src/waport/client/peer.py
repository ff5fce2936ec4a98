"""Messages to the own phone, or another own device, which no other device gets.

Source: docs/protocol/messages.md, "Peer messages".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from ..errors import SessionError
from ..proto import pb
from ..stanza.ids import message_id
from ..stanza.peer import (
    PushPriority,
    build_peer_message,
    is_peer_message,
    is_privacy_sensitive,
    push_priority,
)
from ..stanza.prekeys import BundleAnswer
from ..store import Database, QueuedSend, UnitOfWork
from ..wire import Jid, decode_stanza, encode_stanza
from .clock import SYSTEM_CLOCK, Clock
from .devices import Devices
from .encryption import check_bundle, encrypt_for, has_session, install_bundle
from .queries import Queries

log = logging.getLogger(__name__)

MAX_AGE_S: Final = 14 * 24 * 3600
"""A request that the server has not acknowledged by then is sent no more: nobody waits for its
answer, and one that the server never answers must not be sent at every login for ever."""

MakeContent = Callable[[UnitOfWork], pb.Message | None]
"""Runs in the transaction that encrypts; None when there is nothing to say after all."""

Note = Callable[[UnitOfWork, str], None]
"""Runs in the same transaction; gets the message's id."""

Transmit = Callable[[bytes], None]
"""Sends a stanza that stands in the send queue, as soon as what stands there may leave."""


@dataclass(frozen=True, slots=True)
class _NeedBundle:
    """The device's key bundle must be asked for first."""

    device: Jid


@dataclass(frozen=True, slots=True)
class _Letter:
    """What is to be sent; see `Peer.send_made`."""

    make: MakeContent
    priority: PushPriority | None
    device: int
    note: Note | None


@dataclass(frozen=True, slots=True)
class _Queued:
    """A message that is committed: its id, and its bytes."""

    id: str
    stanza: bytes


def without_old(store: UnitOfWork, waiting: Iterable[QueuedSend], now_ms: int) -> list[QueuedSend]:
    """What waits for the server, without requests that are too old: those are given up."""
    kept = []
    for row in waiting:
        is_old = now_ms - row.created_ms > MAX_AGE_S * 1000
        if is_old and is_peer_message(decode_stanza(row.stanza)):
            log.warning("a request to the phone that the server never acknowledged is given up")
            store.send_queue.done(row.message_id)
        else:
            kept.append(row)
    return kept


class Peer:
    """Sends messages to the own phone, one by one.

    The advanced session and the message are committed before it leaves. It stays in the send queue
    until the server has it: after a crash or an end of the connection the next login sends the same
    bytes again (sending.py). Answers come as messages of the phone, whoever waits for them.
    """

    def __init__(
        self,
        database: Database,
        session_id: str,
        queries: Queries,
        devices: Devices,
        transmit: Transmit,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._devices = devices
        self._transmit = transmit
        self._clock = clock

    async def send(self, content: pb.Message, *, priority: PushPriority | None = None) -> str:
        """Send a content to the phone.

        Args:
            content: a `protocolMessage`.
            priority: how hard the server tries to wake the phone; None goes by the content.

        Returns:
            The message's id, which the phone's answer names.

        Raises:
            CryptoError: the phone has no usable keys.
            SessionError: the account is not linked.
            QueryError, QueryTimeout: the phone's keys could not be asked for.
            ConnectionClosed: there is no connection; nothing is kept.
            StoreError: it could not be stored.
        """
        sent = await self.send_made(lambda _: content, priority=priority)
        assert sent is not None  # there was a content
        return sent

    async def send_made(
        self,
        make: MakeContent,
        *,
        priority: PushPriority | None = None,
        device: int = 0,
        note: Note | None = None,
    ) -> str | None:
        """Send what `make` finds to be sent, if anything; what it changes is committed with it.

        Args:
            device: the number of the own device that gets it; the phone's is 0.
            note: remembers the message's id.

        Returns:
            The message's id; None when there was nothing to say.

        Raises:
            As `send`, and whatever `make` raises.
        """
        # Before anything is changed: without a connection nothing could leave.
        _ = self._queries.link
        answer: BundleAnswer | None = None
        letter = _Letter(make, priority, device, note)
        while isinstance(outcome := await self._attempt(letter, answer), _NeedBundle):
            answers = await self._devices.bundles([outcome.device])
            answer = answers.get(outcome.device, BundleAnswer(None, None, 0))
        return None if outcome is None else outcome.id

    def _attempt(
        self, letter: _Letter, answer: BundleAnswer | None
    ) -> asyncio.Future[_Queued | _NeedBundle | None]:
        future = self._database.submit(
            self._session_id, lambda store: self._prepare(store, letter, answer)
        )
        # What is committed leaves at once, even if the caller has given up.
        future.add_done_callback(self._on_outcome)
        return asyncio.shield(future)

    def _on_outcome(self, future: asyncio.Future[_Queued | _NeedBundle | None]) -> None:
        if future.cancelled() or future.exception() is not None:
            return  # the caller is told
        outcome = future.result()
        if isinstance(outcome, _Queued):
            self._transmit(outcome.stanza)

    def _prepare(
        self, store: UnitOfWork, letter: _Letter, answer: BundleAnswer | None
    ) -> _Queued | _NeedBundle | None:
        credentials = store.devices.get()
        if credentials is None or credentials.pn is None:
            raise SessionError(store.session_id, "not linked")
        device = (credentials.lid or credentials.pn).with_device(letter.device)
        if not has_session(store, device):
            if answer is None:
                return _NeedBundle(device)
            install_bundle(store, credentials, device, check_bundle(store, device, answer))
        content = letter.make(store)
        if content is None:
            return None
        now = int(self._clock.unix())
        name = message_id(credentials.pn.user, now)
        if letter.note is not None:
            letter.note(store, name)
        node = build_peer_message(
            name,
            credentials.pn.with_device(letter.device) if letter.device else credentials.pn.bare,
            encrypt_for(store, device, content.SerializeToString()),
            device_identity=credentials.account,
            priority=letter.priority or push_priority(content),
            privacy_sensitive=is_privacy_sensitive(content),
        )
        stanza = encode_stanza(node)
        store.send_queue.add(name, credentials.pn.bare, stanza, now * 1000)
        return _Queued(name, stanza)
