"""Questions to the server: ids, waiters, time-outs."""

from __future__ import annotations

import asyncio
import os
from typing import TypeVar

from ..crypto import RandomBytes
from ..errors import ConnectionClosed, QueryTimeout, StanzaError
from ..stanza.ids import tag_prefix
from ..stanza.message import MessageAck
from ..stanza.query import Query, check_reply
from ..wire import Node
from .clock import SYSTEM_CLOCK, Clock
from .link import Link

T = TypeVar("T")

RELOGIN_TIMEOUT_S = 5.0
"""How long a question that may be asked again waits for the next login."""


class Queries:
    """Carries IQs over whatever connection is open now.

    The prefix and the counter outlive a connection, so a late answer never meets a new question.
    """

    def __init__(
        self,
        timeout_s: float,
        random_bytes: RandomBytes = os.urandom,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._timeout_s = timeout_s
        self._clock = clock
        self._prefix = tag_prefix(random_bytes)
        self._count = 0
        self._link: Link | None = None
        self._logged_in = asyncio.Event()
        self._will_retry = True
        self._waiters: dict[str, asyncio.Future[Node]] = {}
        self._acks: dict[str, asyncio.Future[MessageAck]] = {}

    def attach(self, link: Link) -> None:
        """From now on, ask over this connection."""
        self._link = link

    def log_in(self) -> None:
        """The account may be used over the present connection."""
        self._logged_in.set()

    def detach(self, reason: str, *, will_retry: bool = True) -> None:
        """The connection is gone: every question that waits fails.

        Args:
            will_retry: another connection is to come.
        """
        self._link = None
        self._logged_in.clear()
        self._will_retry = will_retry
        waiters, self._waiters = self._waiters, {}
        for waiter in waiters.values():
            if not waiter.done():
                waiter.set_exception(ConnectionClosed(reason, will_retry=will_retry))

    @property
    def link(self) -> Link:
        """The open connection.

        Raises:
            ConnectionClosed: there is none.
        """
        if self._link is None:
            raise ConnectionClosed("not connected", will_retry=self._will_retry)
        return self._link

    def next_id(self) -> str:
        """A fresh id for an IQ, also usable as a usync sid."""
        self._count += 1
        return f"{self._prefix}{self._count}"

    async def run(
        self, query: Query[T], timeout_s: float | None = None, *, again: bool = False
    ) -> T:
        """Ask and wait.

        Args:
            timeout_s: for the answer, instead of the usual time.
            again: if the connection goes down meanwhile, or is down, wait a little for the next
                login and ask once more, under the same id.

        Raises:
            QueryError: the server refused.
            QueryTimeout: no answer in time.
            ConnectionClosed: the connection is down, or went down meanwhile.
            StanzaError: the answer is malformed.

        Source: docs/protocol/transport.md, "IQ" and "Reconnect policy".
        """
        node = query.request()
        node.attrs = {"id": self.next_id(), **node.attrs}
        try:
            reply = await self._ask(node, timeout_s or self._timeout_s)
        except ConnectionClosed as exc:
            if not (again and exc.will_retry):
                raise
            if not await self._clock.wait(self._logged_in, RELOGIN_TIMEOUT_S):
                raise
            reply = await self._ask(node, timeout_s or self._timeout_s)
        if reply.tag != ("iq" if node.tag == "iq" else "ack"):
            raise StanzaError(reply.tag, f"answers an {node.tag}")
        check_reply(reply)
        return query.parse(reply)

    async def _ask(self, node: Node, timeout_s: float) -> Node:
        query_id = node.attr("id")
        waiter: asyncio.Future[Node] = asyncio.get_running_loop().create_future()
        # Before the send: an answer may come within the same turn of the loop.
        self._waiters[query_id] = waiter
        try:
            self.link.send(node)
            async with asyncio.timeout(timeout_s):
                return await waiter
        except TimeoutError as exc:
            raise QueryTimeout(f"no answer to {node.get('xmlns')}") from exc
        finally:
            self._waiters.pop(query_id, None)

    def resolve(self, node: Node) -> bool:
        """Hand an answer to whoever waits for its id; False when nobody does."""
        waiter = self._waiters.get(node.get("id") or "")
        if waiter is None or waiter.done():
            return False
        waiter.set_result(node)
        return True

    def expect_ack(self, message_id: str) -> asyncio.Future[MessageAck]:
        """A future for the server's ack of a message; it outlives reconnects."""
        future = self._acks.get(message_id)
        if future is None:
            future = asyncio.get_running_loop().create_future()
            self._acks[message_id] = future
        return future

    def expects_ack(self, message_id: str) -> bool:
        """Whether somebody waits for the ack of a message."""
        return message_id in self._acks

    def forget_ack(self, message_id: str, future: asyncio.Future[MessageAck]) -> None:
        """Nobody waits for this ack any more.

        Args:
            future: as `expect_ack` gave it; one that others have asked for since stays.
        """
        if self._acks.get(message_id) is future:
            del self._acks[message_id]

    def resolve_ack(self, ack: MessageAck) -> None:
        """Hand an ack to whoever waits for it."""
        future = self._acks.pop(ack.id, None)
        if future is not None and not future.done():
            future.set_result(ack)
