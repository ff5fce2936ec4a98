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

from ..crashpoints import crash_point
from ..errors import ConnectionClosed, InvalidInput, StanzaError, StoreError, WhatsAppError
from ..stanza.message import MessageAck, parse_message_ack
from ..stanza.receipt import ack
from ..store import Database, UnitOfWork
from ..wire import Node
from .background import Background
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
    """A stanza whose transaction is on its way."""

    link: Link
    node: Node
    done: asyncio.Future[Work]


Action = Callable[[], None]
"""Something to do in its turn behind the stanzas that came before."""


class Dispatcher:
    """Routes the nodes of one client.

    Args:
        work_handlers, loop_handlers: tables by tag.
        hold: takes a reply that may wait, and says whether it did.
        on_message_ack: takes the server's answer to a message of ours; what follows a refusal,
            it decides.
        seen_receipt: the kind of receipt for incoming messages that count as read at once.
    """

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
        hold: Callable[[Node], bool] = lambda _: False,
        on_message_ack: Callable[[Work, MessageAck], None] = lambda *_: None,
        seen_receipt: Callable[[], str] = lambda: "",
    ) -> None:
        self._on_message_ack = on_message_ack
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._sink = sink
        self._background = background
        self._work_handlers = work_handlers
        self._loop_handlers = loop_handlers
        self._hold = hold
        self._seen_receipt = seen_receipt
        self._room = asyncio.Semaphore(MAX_IN_FLIGHT)
        self._in_flight: asyncio.Queue[_InFlight | Action] = asyncio.Queue()
        self.linked = False
        self.available = False
        self.announce: FollowUp = _nothing

    async def on_node(self, link: Link, node: Node) -> None:
        """Take in one node; called in the order of arrival.

        Raises:
            ConnectionClosed: this connection ended meanwhile.
            StoreError: the store takes nothing more. What was not acked comes again.
        """
        tag = node.tag
        if tag == "iq" and node.get("type") not in ("get", "set"):
            self._queries.resolve(node)
        elif tag == "ack":
            await self._on_ack(link, node)
        elif (loop_handler := self._loop_handlers.get(tag)) is not None:
            await self._run_loop_handler(loop_handler, link, node)
        else:
            await self.submit(link, node)

    async def submit(self, link: Link, node: Node) -> None:
        """Hand a stanza to its work handler; without one it is acked if it has to be."""
        handler = self._work_handlers.get(node.tag)
        if handler is not None and self.linked:
            await self._submit(link, node, handler)
        elif node.tag in _ACKED_TAGS:
            _answer(link, node)
        elif node.tag not in _QUIET_TAGS:
            log.warning("unexpected stanza <%s>", node.tag)

    async def _run_loop_handler(self, handler: LoopHandler, link: Link, node: Node) -> None:
        try:
            await handler(link, node)
        except StanzaError as exc:
            log.warning("ignored a stanza: %s", exc)
            if node.tag in _ACKED_TAGS:
                _answer(link, node)
        except (ConnectionClosed, StoreError):
            raise
        except Exception:  # one bad stanza must not end the connection
            log.exception("could not handle a <%s>", node.tag)
            if node.tag in _ACKED_TAGS:
                _answer(link, node, NACK_UNHANDLED)

    async def _on_ack(self, link: Link, node: Node) -> None:
        if self._queries.resolve(node):
            return
        if node.get("class") != "message" or "id" not in node.attrs:
            return
        answer = parse_message_ack(node)
        crash_point("send.acked")
        if self.linked:
            await self._submit(link, node, lambda work, _: self._on_message_ack(work, answer))
        if not answer.error:
            # After the store was given it: whoever is told finds there what the ack has changed.
            self._queries.resolve_ack(answer)

    async def _submit(self, link: Link, node: Node, handler: WorkHandler) -> None:
        # Room first: between the two lines after it nothing may get lost.
        await self._room.acquire()
        try:
            done = self._database.submit(self._session_id, partial(self._work, handler, node))
        except BaseException:
            self._room.release()
            raise
        self._in_flight.put_nowait(_InFlight(link, node, done))

    async def then(self, action: Action) -> None:
        """Do something once all that came before is committed and answered."""
        await self._room.acquire()
        self._in_flight.put_nowait(action)

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
            seen_receipt=self._seen_receipt(),
            announce=self.announce,
        )
        handler(work, node)
        crash_point("receive.handled")
        return work

    async def complete(self) -> None:
        """Follow up commits, in order, for ever; the runner owns this task."""
        while True:
            entry = await self._in_flight.get()
            try:
                if isinstance(entry, _InFlight):
                    await self._follow_up(entry)
                else:
                    entry()
            except Exception:  # the stanzas behind this one must not wait for ever
                log.exception("a follow-up failed")
            finally:
                self._in_flight.task_done()
                self._room.release()

    async def drain(self) -> None:
        """Wait until everything that was handed in is committed and followed up."""
        await self._in_flight.join()

    async def _follow_up(self, entry: _InFlight) -> None:
        node = entry.node
        try:
            work = await entry.done
        except StanzaError as exc:
            log.warning("refused a stanza: %s", exc)
            _answer(entry.link, node, NACK_UNPARSABLE)
        except StoreError as exc:
            # Not acked, so the server sends it again after the reconnect.
            log.error("could not store a <%s>: %s", node.tag, exc)
            entry.link.close(Close(Cause.LOST, "store failed"))
        except WhatsAppError as exc:
            log.warning("could not handle a <%s>: %s", node.tag, exc)
            _answer(entry.link, node, NACK_UNHANDLED)
        except Exception:  # one bad stanza must not end the session
            log.exception("could not handle a <%s>", node.tag)
            _answer(entry.link, node, NACK_UNHANDLED)
        else:
            crash_point("receive.committed")
            for reply in work.replies:
                if not self._hold(reply):
                    _send(entry.link, reply)
            crash_point("receive.answered")
            # What follows an answer to a message of ours nobody else comes back to: whoever sent it
            # is told of a refusal, and what is to go out once more does. We send only so much.
            is_essential = node.tag == "ack"
            for follow_up in work.follow_ups:
                name = f"follow-up of <{node.tag}>"
                self._background.spawn(follow_up(), name, essential=is_essential)
            if work.frames:
                self._sink.publish(self._session_id, work.frames)


async def _nothing() -> None:
    """Until a client says how it announces itself."""


def _answer(link: Link, node: Node, error: int | None = None) -> None:
    """Ack a stanza, or refuse it; one that does not say who it is and whence can't be answered."""
    if node.tag == "ack" or "id" not in node.attrs:
        return
    if node.tag == "message" and "from" not in node.attrs:
        return
    # A status that is refused blocks the whole queue: it gets a plain ack.
    source = node.get_jid("from")
    if source is not None and source.is_status:
        error = None
    _send(link, ack(node, error=error))


def _send(link: Link, node: Node) -> None:
    try:
        link.send(node)
    except ConnectionClosed:
        log.debug("the connection closed before a <%s> left", node.tag)
    except InvalidInput as exc:
        log.warning("a <%s> can't be sent: %s", node.tag, exc)
