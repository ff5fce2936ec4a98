"""What comes in, by tag: answers to their waiters, stanzas to their handlers, acks after commits.

Stanzas that change stored state are handed to the store in the order of arrival without waiting
for one another, so that many share a transaction; what follows each commit (the ack, the events,
the network work) happens in the same order.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from ..errors import ConnectionClosed, StanzaError, StoreError, WhatsAppError
from ..stanza.message import parse_message_ack
from ..stanza.receipt import ack
from ..store import Database, UnitOfWork
from ..wire import Node
from .background import Background
from .handlers.receipt import apply_message_ack
from .link import Link
from .policy import Cause, Close
from .queries import Queries
from .work import EventSink, FollowUp, Work, own_addresses

log = logging.getLogger(__name__)

WorkHandler = Callable[[Work, Node], None]
"""Runs on the store's writer thread, inside a transaction; raises to have it undone."""

LoopHandler = Callable[[Link, Node], Awaitable[None]]
"""Runs on the event loop, in turn; never waits for an answer of the server."""

MAX_IN_FLIGHT = 512
"""Stanzas between arrival and commit; the reader waits when there are more."""

_ACKED_TAGS = frozenset(("message", "receipt", "notification", "call", "status", "appdata"))
_QUIET_TAGS = frozenset(("presence", "chatstate"))

NACK_UNPARSABLE = 487
NACK_UNHANDLED = 500


@dataclass(slots=True)
class _InFlight:
    link: Link
    node: Node
    done: asyncio.Future[Work]


class Dispatcher:
    """Routes the nodes of one client. `work_handlers` and `loop_handlers` are tables by tag."""

    def __init__(
        self,
        database: Database,
        session_id: str,
        queries: Queries,
        sink: EventSink,
        background: Background,
        *,
        work_handlers: Mapping[str, WorkHandler],
        loop_handlers: Mapping[str, LoopHandler],
        mark_seen: bool = False,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._sink = sink
        self._background = background
        self._work_handlers = work_handlers
        self._loop_handlers = loop_handlers
        self._mark_seen = mark_seen
        self._in_flight: asyncio.Queue[_InFlight] = asyncio.Queue(MAX_IN_FLIGHT)
        self.linked = False
        self.available = False
        self.announce: FollowUp = _nothing

    async def on_node(self, link: Link, node: Node) -> None:
        """Take in one node; called in the order of arrival."""
        tag = node.tag
        if tag == "iq" and node.get("type") in ("result", "error"):
            self._queries.resolve(node)
        elif tag == "ack":
            await self._on_ack(link, node)
        elif (loop_handler := self._loop_handlers.get(tag)) is not None:
            await self._run_loop_handler(loop_handler, link, node)
        elif (handler := self._work_handlers.get(tag)) is not None and self.linked:
            await self._submit(link, node, handler)
        elif tag in _ACKED_TAGS:
            _send(link, ack(node))
        elif tag not in _QUIET_TAGS:
            log.warning("unexpected stanza <%s>", tag)

    async def submit(self, link: Link, node: Node) -> None:
        """Hand a stanza to its work handler; for loop handlers that only took a look."""
        handler = self._work_handlers.get(node.tag)
        if handler is not None and self.linked:
            await self._submit(link, node, handler)
        elif node.tag in _ACKED_TAGS:
            _send(link, ack(node))

    async def _run_loop_handler(self, handler: LoopHandler, link: Link, node: Node) -> None:
        try:
            await handler(link, node)
        except StanzaError as exc:
            log.warning("ignored a stanza: %s", exc)
            if node.tag in _ACKED_TAGS and "id" in node.attrs:
                _send(link, ack(node))

    async def _on_ack(self, link: Link, node: Node) -> None:
        if node.get("class") != "message" or "id" not in node.attrs:
            return
        answer = parse_message_ack(node)
        self._queries.resolve_ack(answer)
        if self.linked:
            await self._submit(link, node, lambda work, _: apply_message_ack(work, answer))

    async def _submit(self, link: Link, node: Node, handler: WorkHandler) -> None:
        job = partial(self._work, handler, node)
        future = self._database.submit(self._session_id, job)
        await self._in_flight.put(_InFlight(link, node, future))

    def _work(self, handler: WorkHandler, node: Node, store: UnitOfWork) -> Work:
        credentials = store.devices.get()
        if credentials is None:
            raise StoreError("the credentials are gone")
        work = Work(
            store=store,
            credentials=credentials,
            own=own_addresses(credentials),
            now=int(time.time()),
            sink=self._sink,
            available=self.available,
            mark_seen=self._mark_seen,
            announce=self.announce,
        )
        handler(work, node)
        return work

    async def complete(self) -> None:
        """Follow up commits, in order, for ever; the runner owns this task."""
        while True:
            entry = await self._in_flight.get()
            try:
                await self._follow_up(entry)
            finally:
                self._in_flight.task_done()

    async def drain(self) -> None:
        """Wait until everything that was handed in is committed and followed up."""
        await self._in_flight.join()

    async def _follow_up(self, entry: _InFlight) -> None:
        node = entry.node
        try:
            work = await entry.done
        except StanzaError as exc:
            log.warning("refused a stanza: %s", exc)
            _refuse(entry, NACK_UNPARSABLE)
        except StoreError as exc:
            # Not acked, so the server sends it again after the reconnect.
            log.error("could not store a <%s>: %s", node.tag, exc)
            entry.link.close(Close(Cause.LOST, "store failed"))
        except WhatsAppError as exc:
            log.warning("could not handle a <%s>: %s", node.tag, exc)
            _refuse(entry, NACK_UNHANDLED)
        except Exception:  # one bad stanza must not end the session
            log.exception("could not handle a <%s>", node.tag)
            _refuse(entry, NACK_UNHANDLED)
        else:
            for reply in work.replies:
                _send(entry.link, reply)
            if work.frames:
                self._sink.publish(self._session_id, work.frames)
            for follow_up in work.follow_ups:
                self._background.spawn(follow_up(), f"follow-up of <{node.tag}>")


async def _nothing() -> None:
    """Until a client says how it announces itself."""


def _refuse(entry: _InFlight, error: int) -> None:
    node = entry.node
    if node.tag == "ack" or "id" not in node.attrs:
        return
    # A status that is refused blocks the whole queue: it gets a plain ack.
    source = node.get_jid("from")
    is_status = source is not None and source.is_status
    _send(entry.link, ack(node, error=None if is_status else error))


def _send(link: Link, node: Node) -> None:
    try:
        link.send(node)
    except ConnectionClosed:
        log.debug("the connection closed before a <%s> left", node.tag)
