"""Getting messages out: committed in the order of the calls, sent as committed, followed until the
server has them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ..crashpoints import crash_point
from ..errors import (
    ConnectionClosed,
    CryptoError,
    InvalidInput,
    QueryTimeout,
    StoreError,
    WhatsAppError,
)
from ..model import Ack, AckChanged, Message
from ..stanza.contents import read_message
from ..stanza.ids import is_message_id
from ..stanza.message import MessageAck
from ..stanza.prekeys import BundleAnswer
from ..store import Database, QueuedSend, UnitOfWork
from ..wire import Jid
from .clock import SYSTEM_CLOCK, Clock
from .compose import Composed, NoSuchMessage, Scene
from .config import ClientConfig
from .devices import Devices, UseBundles
from .fanout import NeedDevices, NeedGroup, canonical, chat_of
from .late_sends import LateSends
from .link import Link
from .new_sessions import BEGUN_PER_JOB, NeedBundles, begin_ahead
from .outgoing import Draft, Found, Need, Outcome, Prepared, Unreachable, prepare
from .outgoing_posts import is_change
from .peer import without_old
from .queries import Queries
from .refusals import ADDRESSING_CHANGED, UNREADABLE, refusal
from .send_lanes import Lane, Lanes, end_turn
from .suspects import SuspiciousEnd, judge
from .told import Told
from .work import EventSink, own_addresses

log = logging.getLogger(__name__)

MAX_ROUNDS = 6
"""How often a send tries, asking in between for what is missing, before it gives up."""

FetchGroup = Callable[[Jid], Awaitable[object]]
"""Asks for a group's metadata and stores it; raises QueryError."""


@dataclass(frozen=True, slots=True)
class _NotYet:
    """A message before this one in the same chat could not be encrypted at once."""


class Sender:
    """Sends the messages of one account.

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
        *,
        fetch_group: FetchGroup,
        told: Told,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._clock = clock
        self._database = database
        self._session_id = session_id
        self._config = config
        self._queries = queries
        self._devices = devices
        self._sink = sink
        self._fetch_group = fetch_group
        self._told = told
        self._lanes = Lanes(self._kept_as)
        self._late = LateSends(self._send_waiting, clock)
        self._end: SuspiciousEnd | None = None
        self._link: Link | None = None

    # --- the connection ----------------------------------------------------------------------

    async def resume(self, link: Link) -> None:
        """After a login: send again what the server has not acknowledged, then open the gate.

        Raises:
            ConnectionClosed: the connection ended; the next login sends all of it again.
        """
        end, self._end = self._end, None
        rows, suspect = await self._pending(end)
        if suspect is not None:
            log.error("a message at which the server ends the stream is given up")
            await self._give_up(suspect.message_id, UNREADABLE)
            rows, _ = await self._pending()
        crash_point("send.resuming")
        # No await between here and the gate: what is committed later is sent later.
        for row in rows:
            link.send_stanza(row.stanza)
        self._link = link
        crash_point("send.resumed")
        if rows:
            log.info("sent %d unacknowledged messages again", len(rows))

    async def _pending(
        self, end: SuspiciousEnd | None = None
    ) -> tuple[list[QueuedSend], QueuedSend | None]:
        """What waits, and the one of it that must not be sent again after such an end."""

        now_ms = int(self._clock.unix() * 1000)

        def job(store: UnitOfWork) -> tuple[list[QueuedSend], QueuedSend | None]:
            rows = without_old(store, store.send_queue.pending(), now_ms)
            return rows, None if end is None else judge(store, end, rows)

        return await self._database.write(self._session_id, job)

    def pause(self) -> None:
        """The connection is gone; what is committed from now on waits for the next."""
        if self._link is not None:
            now_ms = int(self._clock.unix() * 1000)
            end = SuspiciousEnd.of(self._link.ended, now_ms, self._late.waiting)
            self._end = end or self._end
        self._link = None
        self._late.clear()

    # --- sending -----------------------------------------------------------------------------

    async def send(self, draft: Draft) -> Message:
        """Commit a message in its turn, send it, and wait a while for the server's ack.

        Returns:
            The stored message: acknowledged by the server, or pending if no ack came in time.

        Raises:
            InvalidInput: the content can't be sent.
            NotFound: nobody is registered there, or there is no such group.
            QueryError: the server refused the message.
            QueryTimeout, ConnectionClosed: devices, keys or the group could not be asked for.
            CryptoError: there is no device that could read it.
        """
        if not is_message_id(draft.id):
            raise InvalidInput("that is no id for a message")
        if self._queries.expects_ack(draft.id):
            raise InvalidInput("a message of this id is on its way")
        acknowledged = self._queries.expect_ack(draft.id)
        try:
            prepared = await self._commit(draft)
            return await self._settle(prepared.message, acknowledged)
        finally:
            self._queries.forget_ack(draft.id, acknowledged)

    async def follow(self, message: Message) -> Message:
        """Wait for the server's ack of a message that was committed before, as `send` does.

        Raises:
            QueryError: the server refused it, now or then.
        """
        chat, message_id = message.key.chat, message.key.id
        acknowledged = self._queries.expect_ack(message_id)
        try:
            # Behind an ack that is being taken in: no second one would come.
            waits, now = await self._database.write(
                self._session_id,
                lambda store: (
                    store.send_queue.get(message_id) is not None,
                    store.messages.get(chat, message_id),
                ),
            )
            if waits:
                return await self._settle(message, acknowledged)
        finally:
            self._queries.forget_ack(message_id, acknowledged)
        message = now or message
        if message.ack is Ack.ERROR:
            raise refusal(message.refusal, is_group=chat.is_group)
        return message

    async def again(self, chat: Jid, message_id: str) -> None:
        """Encrypt a message that still waits anew, and send it under its id.

        If that can't be done now it goes on waiting: the next login sends it, and the server's
        answer leads here once more. If it can't be done at all, the message has failed.
        """

        def compose(scene: Scene) -> Composed:
            stored = scene.store.messages.get(chat, message_id)
            if stored is None:
                raise NoSuchMessage
            decoded = read_message(stored.proto())
            return Composed(decoded.content, decoded.info)

        now = int(self._clock.unix())
        try:
            await self._commit(Draft(chat, message_id, compose, now, again=True))
        except (ConnectionClosed, QueryTimeout, StoreError) as exc:
            log.warning("a message can't be sent again now: %s", exc)
        except WhatsAppError as exc:
            log.warning("a message could not be sent again: %s", exc)
            await self._give_up(message_id, ADDRESSING_CHANGED)

    async def _give_up(self, message_id: str, code: int) -> None:
        """A message that waits has failed: that is kept and told.

        Args:
            code: what whoever waits for it is told (refusals.py).
        """

        def job(store: UnitOfWork) -> Sequence[Any]:
            queued = store.send_queue.get(message_id)
            if queued is None:
                return ()
            store.send_queue.done(message_id)
            chat = chat_of(store, queued)
            store.messages.set_pending(chat, message_id, False)
            if is_change(queued):
                return ()  # what has failed is the change, not the post
            failed = store.messages.set_ack(chat, message_id, Ack.ERROR, code)
            credentials = store.devices.get()
            if failed is None or credentials is None:
                return ()
            own = own_addresses(credentials).pn.bare
            return self._sink.record(store, AckChanged(failed, Ack.ERROR), own)

        frames = await self._database.write(self._session_id, job)
        if frames:
            self._sink.publish(self._session_id, frames)
        self._queries.resolve_ack(MessageAck(message_id, 0, code, None))

    async def later(self, message_id: str, pause_s: float) -> None:
        """Send a stanza that still waits once more, after a pause, as it is."""
        await self._late.add(message_id, pause_s)

    async def _send_waiting(self, message_id: str) -> None:
        queued = await self._database.read(
            self._session_id, lambda store: store.send_queue.get(message_id)
        )
        if queued is not None:
            self.transmit(queued.stanza)

    async def refused(self, answer: MessageAck) -> None:
        """The server does not want a message: whoever waits for it is told."""
        self._queries.resolve_ack(answer)

    async def _settle(self, message: Message, acknowledged: asyncio.Future[MessageAck]) -> Message:
        try:
            async with asyncio.timeout(self._config.send_ack_timeout_s):
                answer = await asyncio.shield(acknowledged)
        except TimeoutError:
            return await self._database.write(
                self._session_id, lambda store: _mark_pending(store, message)
            )
        if answer.error:
            raise refusal(answer.error, is_group=message.key.chat.is_group)
        return message.with_ack(Ack.SERVER)

    async def _commit(self, draft: Draft) -> Prepared:
        """Commit a message in its turn among those of the same chat."""
        lane, before, mine = await self._lanes.join(draft.chat)
        try:
            if before is not None:
                await asyncio.shield(before.handed_in)
            if lane.is_warm and not lane.waiting:
                attempt = self._attempt(draft, Found(), lane)
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
            end_turn(mine.handed_in, None if before is None else before.handed_in)
            end_turn(mine.done, None if before is None else before.done)

    async def _kept_as(self, chat: Jid) -> Jid:
        return await self._database.read(self._session_id, lambda store: canonical(store, chat))

    async def _complete(self, draft: Draft, lane: Lane) -> Prepared:
        """Ask for what is missing until the message can be encrypted."""
        found = Found()
        lane.is_warm = False
        for _ in range(MAX_ROUNDS):
            match await self._attempt(draft, found):
                case Prepared() as prepared:
                    lane.is_warm = True
                    return prepared
                case Unreachable():
                    raise CryptoError("no device of the recipient can be encrypted for")
                case NeedDevices() | NeedBundles() | NeedGroup() as need:
                    await self._ask(need, found)
        raise CryptoError("the recipient's devices keep changing")

    async def _ask(self, need: Need, found: Found) -> None:
        match need:
            case NeedGroup(group):
                await self._fetch_group(group)
            case NeedDevices(users):
                lacking = await self._devices.fetch(users)
                found.absent |= lacking.account | lacking.list
                found.strangers |= lacking.account
            case NeedBundles(devices):
                answers = await self._devices.bundles(devices, use=self._begin_ahead(devices))
                # A device without an answer has no bundle; it is not asked for twice.
                nothing = BundleAnswer(None, None, 0)
                found.bundles |= {device: answers.get(device, nothing) for device in devices}

    def _begin_ahead(self, devices: Sequence[Jid]) -> UseBundles | None:
        """Few sessions are begun together with the message; many would hold up everybody else."""
        if len(devices) <= BEGUN_PER_JOB:
            return None
        return partial(begin_ahead, self._database, self._session_id)

    def _attempt(
        self, draft: Draft, found: Found, lane: Lane | None = None
    ) -> asyncio.Future[Outcome | _NotYet]:
        """Hand a message to the store.

        Args:
            lane: where messages before this one may be on their way; None when there are none.
        """

        def job(store: UnitOfWork) -> Outcome | _NotYet:
            if lane is not None and not lane.is_warm:
                return _NotYet()
            outcome = prepare(store, draft, found, self._sink)
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
            if outcome.told is not None:
                self._told.add(outcome.message.key.id, outcome.told)
            crash_point("send.committed")
            self.transmit(outcome.stanza)
            crash_point("send.transmitted")
            if outcome.frames:
                self._sink.publish(self._session_id, outcome.frames)

    def transmit(self, stanza: bytes) -> None:
        """Send what is committed; between connections and during a login it waits for `resume`."""
        if self._link is None:
            return
        try:
            self._link.send_stanza(stanza)
        except ConnectionClosed:
            log.info("the connection closed under a message; it goes out after the next login")


def _mark_pending(store: UnitOfWork, message: Message) -> Message:
    """A message that had no ack in time; it as it is now: one may have come all the same."""
    chat = canonical(store, message.key.chat)
    if store.send_queue.get(message.key.id) is not None:
        store.messages.set_pending(chat, message.key.id, True)
    return store.messages.get(chat, message.key.id) or replace(message, pending=True)
