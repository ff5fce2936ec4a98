"""One connection to WhatsApp, from the WebSocket's opening to its close."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, Protocol

from ..connection import (
    Connection,
    ConnectionEvent,
    Dead,
    FrameDropped,
    HandshakeCompleted,
    KeepAliveDue,
    NodeReceived,
    StreamEnded,
)
from ..crashpoints import crash_point
from ..errors import CertificateError, ConnectionClosed, WhatsAppError
from ..wire import Node
from .clock import SYSTEM_CLOCK, Clock
from .config import ClientConfig
from .policy import UNEXPLAINED, Cause, Close
from .transport import Transport

log = logging.getLogger(__name__)

TIMER_CHECK_S = 5.0
"""Longest pause between looks at the deadlines; sending and receiving may bring them closer."""

CLOCK_JUMP_S = 30.0
"""When the calendar has moved so much more than the time that passed, the machine has slept, and
the connection must prove anew that it lives."""

GOODBYE_TIMEOUT_S = 2.0

LARGE: Final = 4096
"""Bytes, in however many WebSocket messages, from which on they are taken apart in a thread. A list
of all groups may have a hundred kilobytes, deflated, and takes half a second, in which nobody else
could do anything."""

# Threads of its own: files that are encrypted must not hold up what comes in.
_POOL = ThreadPoolExecutor(max_workers=2, thread_name_prefix="waport-link")


class Carrier(Protocol):
    """What a link needs of its transport; `Transport` is the real one."""

    async def send(self, data: bytes) -> None:
        """Send one binary message; raises ConnectionClosed."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The binary messages that come in, until the other side closes."""
        ...

    async def close(self) -> None:
        """Close; waits a moment at most."""
        ...


OpenCarrier = Callable[[ClientConfig], Awaitable[Carrier]]
"""Connects; raises ConnectionClosed."""


class Link:
    """Moves bytes between a transport and a sans-IO `Connection`; it has no rules of its own.

    Args:
        config: where to connect to.
        connection: fresh, not started.
        on_node: gets each node in order; the reader waits for it, which is the backpressure.
        on_open: called once the handshake is done.
        on_keep_alive: called when the server should be pinged.
        on_dropped: called when a frame was genuine but held no stanza.
        open_carrier: opens what carries the bytes.
        clock: the time, for keep-alive and death.
    """

    def __init__(
        self,
        config: ClientConfig,
        connection: Connection,
        *,
        on_node: Callable[[Link, Node], Awaitable[None]],
        on_open: Callable[[Link], None],
        on_keep_alive: Callable[[], None],
        on_dropped: Callable[[FrameDropped], None] = lambda _: None,
        open_carrier: OpenCarrier = Transport.open,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._config = config
        self._connection = connection
        self._on_node = on_node
        self._on_open = on_open
        self._on_keep_alive = on_keep_alive
        self._on_dropped = on_dropped
        self._open_carrier = open_carrier
        self._clock = clock
        self._unsent: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self.was_open = False
        self.received_at: float | None = None
        """When something came last, Unix seconds."""
        self._closed: asyncio.Future[Close] = asyncio.get_running_loop().create_future()

    @property
    def is_open(self) -> bool:
        """Whether nodes can be sent."""
        return self._connection.is_open and not self._closed.done()

    @property
    def ended(self) -> Close | None:
        """How it ended; None while it has not."""
        return self._closed.result() if self._closed.done() else None

    def send(self, node: Node) -> None:
        """Encrypt a node and queue it; frames leave in the order of these calls.

        Raises:
            ConnectionClosed: the connection is not open.
            InvalidInput: the node can't be encoded; nothing was queued.
        """
        self._require_open()
        self._connection.send_node(node, self._now())
        self._wake.set()

    def send_stanza(self, stanza: bytes) -> None:
        """The same for a stanza that is encoded already."""
        self._require_open()
        self._connection.send_stanza(stanza, self._now())
        self._wake.set()

    def _require_open(self) -> None:
        if self._closed.done():
            raise ConnectionClosed(self._closed.result().detail or "closed")

    def close(self, close: Close) -> None:
        """End this connection; the first reason given counts."""
        if not self._closed.done():
            self._closed.set_result(close)

    async def run(self) -> Close:
        """Connect, pump until something ends it, and say what did."""
        try:
            carrier = await self._connect()
        except ConnectionClosed as exc:
            self.close(Close(Cause.LOST if exc.will_retry else Cause.REFUSED, exc.reason))
            carrier = None
        if carrier is None:
            return self._closed.result()
        try:
            self._connection.start(self._now())
            self._wake.set()
            async with asyncio.TaskGroup() as tasks:
                pumps = [
                    tasks.create_task(self._read(carrier)),
                    tasks.create_task(self._write(carrier)),
                    tasks.create_task(self._watch_timers()),
                ]
                # Shielded: cancelling the runner must not mark the future as cancelled.
                await asyncio.shield(self._closed)
                for pump in pumps:
                    pump.cancel()
        finally:
            await self._say_goodbye(carrier)
        return self._closed.result()

    async def _connect(self) -> Carrier | None:
        """Open the carrier; None when this link was closed while it was being opened."""
        opening = asyncio.ensure_future(self._open_carrier(self._config))
        try:
            await asyncio.wait((opening, self._closed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            is_open = opening.done()
            if not is_open:
                opening.cancel()
                await asyncio.gather(opening, return_exceptions=True)
        return opening.result() if is_open else None

    async def _say_goodbye(self, carrier: Carrier) -> None:
        """Send what is queued (an ack, perhaps), then close the socket."""
        self.close(Close(Cause.STOPPED, "stopped"))
        try:
            async with asyncio.timeout(GOODBYE_TIMEOUT_S):
                await self._flush(carrier)
                await carrier.close()
        except (ConnectionClosed, TimeoutError):
            log.debug("the socket was gone before the goodbye")

    async def _flush(self, carrier: Carrier) -> None:
        """Send what waits. Each frame is taken out first: none may leave twice, or out of turn,
        since the server counts them."""
        self._unsent.extend(self._connection.data_to_send())
        while self._unsent:
            await carrier.send(self._unsent.popleft())
            crash_point("link.sent")

    def _now(self) -> float:
        return self._clock.monotonic()

    async def _read(self, carrier: Carrier) -> None:
        try:
            async for data in carrier:
                for event in await self._take_apart(data):
                    if self._closed.done():
                        return
                    await self._handle(event)
                self._wake.set()
        except CertificateError as exc:
            self.close(Close(Cause.UNTRUSTED, str(exc)))
        except WhatsAppError as exc:
            self.close(Close(Cause.LOST, str(exc)))
        self.close(Close(Cause.LOST, "closed by the server", suspicion=UNEXPLAINED))

    async def _take_apart(self, data: bytes) -> list[ConnectionEvent]:
        """What came of some bytes.

        Sending goes on while a thread is at it: the two directions of a `Connection` share nothing
        but their end.
        """
        unix_now = self.received_at = self._clock.unix()
        take = partial(self._connection.receive_data, data, now=self._now(), unix_now=int(unix_now))
        if self._connection.pending + len(data) < LARGE:
            return take()
        return await asyncio.get_running_loop().run_in_executor(_POOL, take)

    async def _handle(self, event: ConnectionEvent) -> None:
        match event:
            case NodeReceived(node):
                await self._on_node(self, node)
            case HandshakeCompleted():
                self.was_open = True
                self._on_open(self)
            case FrameDropped(reason):
                log.warning("dropped a frame: %s", reason)
                log.debug("it has %d bytes and begins with %s", event.size, event.prefix)
                self._on_dropped(event)
            case KeepAliveDue():
                self._on_keep_alive()
            case Dead(reason):
                self.close(Close(Cause.DEAD, reason))
            case StreamEnded():
                self.close(Close(Cause.LOST, "stream ended", suspicion=UNEXPLAINED))

    async def _write(self, carrier: Carrier) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._flush(carrier)
        except ConnectionClosed as exc:
            self.close(Close(Cause.LOST, exc.reason))

    async def _watch_timers(self) -> None:
        offset = self._clock_offset()
        while True:
            deadline = self._connection.next_deadline()
            until = TIMER_CHECK_S if deadline is None else deadline - self._now()
            await self._clock.sleep(min(max(until, 0.01), TIMER_CHECK_S))
            events = self._connection.check_timers(self._now())
            if abs(self._clock_offset() - offset) > CLOCK_JUMP_S:
                offset = self._clock_offset()
                events += self._connection.doubt(self._now())
            for event in events:
                await self._handle(event)
            self._wake.set()

    def _clock_offset(self) -> float:
        return self._clock.unix() - self._clock.monotonic()
