"""Sending messages and reading those that are stored."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from weakref import WeakValueDictionary

from ...errors import ConnectionClosed, CryptoError, InvalidInput, query_error
from ...model import Ack, Message, MessageKind
from ...stanza.content import text_content
from ...stanza.ids import message_id
from ...stanza.message import MessageAck
from ...stanza.prekeys import BundleAnswer
from ...store import Database, UnitOfWork
from ...wire import Jid
from ..config import ClientConfig
from ..devices import Devices
from ..fanout import NeedDevices, canonical
from ..link import Link
from ..outgoing import Draft, NeedBundles, Outcome, Prepared, Unreachable, prepare
from ..queries import Queries
from ..work import EventSink

log = logging.getLogger(__name__)

MAX_ROUNDS = 5
"""How often a send tries, asking in between for what is missing, before it gives up."""


@dataclass(frozen=True, slots=True)
class _NotYet:
    """A message before this one in the same chat could not be encrypted at once."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """One call's place in its lane: what the call behind it waits for."""

    handed_in: asyncio.Future[None]
    done: asyncio.Future[None]


@dataclass(slots=True, weakref_slot=True)
class _Lane:
    """One chat's queue: messages are committed in the order of the calls.

    Attributes:
        is_warm: the latest message found all it needed in the store. The next one is then handed
            in without waiting for the commit, since the store keeps the order. The writer thread
            takes this back as soon as a message lacks something; those behind it wait then.
        waiting: calls that wait until the one before them is done.
        last: the latest call.
    """

    is_warm: bool = False
    waiting: int = 0
    last: _Turn | None = None


class Messages:
    """Messages of one account.

    What is sent was committed before, and what was committed is sent: again after a crash or a
    reconnect, as the same bytes under the same id.
    """

    def __init__(
        self,
        database: Database,
        session_id: str,
        config: ClientConfig,
        queries: Queries,
        devices: Devices,
        sink: EventSink,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._config = config
        self._queries = queries
        self._devices = devices
        self._sink = sink
        self._lanes: WeakValueDictionary[Jid, _Lane] = WeakValueDictionary()
        self._link: Link | None = None

    # --- the connection ----------------------------------------------------------------------

    async def resume(self, link: Link) -> None:
        """After a login: send again what the server has not acknowledged, then open the gate.

        Raises:
            ConnectionClosed: the connection ended; the next login sends all of it again.
        """
        rows = await self._database.write(
            self._session_id, lambda store: store.send_queue.pending()
        )
        # No await between here and the gate: what is committed later is sent later.
        for row in rows:
            link.send_stanza(row.stanza)
        self._link = link
        if rows:
            log.info("sent %d unacknowledged messages again", len(rows))

    def pause(self) -> None:
        """The connection is gone; what is committed from now on waits for the next."""
        self._link = None

    # --- sending -----------------------------------------------------------------------------

    async def send_text(
        self,
        chat: Jid,
        text: str,
        *,
        mentions: Sequence[Jid] = (),
        quoted_id: str | None = None,
    ) -> Message:
        """Send a text to a person.

        Args:
            chat: a phone number or hidden id.
            text: at most 65536 characters.
            mentions: people named in the text.
            quoted_id: the stored message that this one answers; unknown ones are ignored.

        Returns:
            The stored message: acknowledged by the server, or pending if no ack came in time.

        Raises:
            InvalidInput: the chat is no person, or the text too long.
            NotFound: nobody is registered there.
            QueryError: the server refused the message.
            QueryTimeout, ConnectionClosed: devices or keys could not be asked for.
            CryptoError: there is no device that could read it.
        """
        if not chat.is_user:
            raise InvalidInput("texts can be sent to people only")
        content = text_content(text, mentions, secret=os.urandom(32))
        now = int(time.time())
        draft = Draft(chat, message_id(chat.user, now), content, MessageKind.TEXT, now, quoted_id)
        return await self._send(draft)

    async def _send(self, draft: Draft) -> Message:
        acknowledged = self._queries.expect_ack(draft.id)
        try:
            prepared = await self._commit(draft)
            return await self._settle(prepared.message, acknowledged)
        finally:
            self._queries.forget_ack(draft.id)

    async def _settle(self, message: Message, acknowledged: asyncio.Future[MessageAck]) -> Message:
        try:
            async with asyncio.timeout(self._config.send_ack_timeout_s):
                answer = await asyncio.shield(acknowledged)
        except TimeoutError:
            key = message.key
            await self._database.write(
                self._session_id, lambda store: _mark_pending(store, key.chat, key.id)
            )
            return replace(message, pending=True)
        if answer.error:
            raise query_error(answer.error, "message refused")
        return message.with_ack(Ack.SERVER)

    async def _commit(self, draft: Draft) -> Prepared:
        """Commit a message in its turn among those of the same chat."""
        lane = self._lanes.setdefault(draft.chat, _Lane())
        loop = asyncio.get_running_loop()
        before, mine = lane.last, _Turn(loop.create_future(), loop.create_future())
        lane.last = mine
        try:
            if before is not None:
                await asyncio.shield(before.handed_in)
            if lane.is_warm and not lane.waiting:
                attempt = self._attempt(draft, lane)
                mine.handed_in.set_result(None)
                outcome = await attempt
                if isinstance(outcome, Prepared):
                    return outcome
            lane.waiting += 1
            try:
                if before is not None:
                    await asyncio.shield(before.done)
                return await self._complete(draft, lane)
            finally:
                lane.waiting -= 1
        finally:
            _end(mine.handed_in, None if before is None else before.handed_in)
            _end(mine.done, None if before is None else before.done)

    async def _complete(self, draft: Draft, lane: _Lane) -> Prepared:
        """Ask for what is missing until the message can be encrypted."""
        bundles: dict[Jid, BundleAnswer] = {}
        lane.is_warm = False
        for _ in range(MAX_ROUNDS):
            match await self._attempt(draft, bundles=bundles):
                case Prepared() as prepared:
                    lane.is_warm = True
                    return prepared
                case Unreachable():
                    raise CryptoError("no device of the recipient can be encrypted for")
                case NeedDevices(users):
                    await self._devices.fetch(users)
                case NeedBundles(devices):
                    answers = await self._devices.bundles(devices)
                    # A device without an answer has no bundle; it is not asked for twice.
                    nothing = BundleAnswer(None, None, 0)
                    bundles |= {device: answers.get(device, nothing) for device in devices}
        raise CryptoError("the recipient's devices keep changing")

    def _attempt(
        self,
        draft: Draft,
        lane: _Lane | None = None,
        bundles: Mapping[Jid, BundleAnswer] = MappingProxyType({}),
    ) -> asyncio.Future[Outcome | _NotYet]:
        """Hand a message to the store.

        Args:
            lane: where messages before this one may be on their way; None when there are none.
        """

        def job(store: UnitOfWork) -> Outcome | _NotYet:
            if lane is not None and not lane.is_warm:
                return _NotYet()
            outcome = prepare(store, draft, bundles, self._sink)
            if lane is not None and not isinstance(outcome, Prepared):
                lane.is_warm = False
            return outcome

        future = self._database.submit(self._session_id, job)
        # What is committed leaves at once and in this order, even if the caller has given up.
        future.add_done_callback(self._on_outcome)
        return asyncio.shield(future)

    def _on_outcome(self, future: asyncio.Future[Outcome | _NotYet]) -> None:
        if future.cancelled() or future.exception() is not None:
            return  # the caller is told
        outcome = future.result()
        if isinstance(outcome, Prepared):
            self._transmit(outcome.stanza)
            if outcome.frames:
                self._sink.publish(self._session_id, outcome.frames)

    def _transmit(self, stanza: bytes) -> None:
        if self._link is None:
            return
        try:
            self._link.send_stanza(stanza)
        except ConnectionClosed:
            log.info("the connection closed under a message; it goes out after the next login")

    # --- reading -----------------------------------------------------------------------------

    async def fetch(self, chat: Jid, limit: int, before: str | None = None) -> list[Message]:
        """Stored messages of a chat, newest first.

        Args:
            limit: how many at most.
            before: the id of a message; older ones follow. An unknown id is ignored.
        """
        return await self._database.read(
            self._session_id,
            lambda store: store.messages.page(canonical(store, chat), limit, before),
        )


def _end(mine: asyncio.Future[None], before: asyncio.Future[None] | None) -> None:
    """A stage of a call is over; for those behind it not before the same stage of all before."""
    if mine.done():
        return
    if before is None or before.done():
        mine.set_result(None)
    else:
        before.add_done_callback(lambda _: mine.set_result(None))


def _mark_pending(store: UnitOfWork, chat: Jid, message: str) -> None:
    if store.send_queue.get(message) is not None:
        store.messages.set_pending(chat, message, True)
