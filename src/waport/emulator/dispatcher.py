"""What logged-in devices send, by tag; the same for sockets and for the phone in this process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ..errors import InvalidInput, StanzaError
from ..wire import Node
from .accounts import Account, Device
from .calls import CallRouter
from .delivery import Deliveries, DeviceSession
from .media_retry import MediaRetries
from .messages import MessageRouter
from .presence import Presences
from .queries import Queries
from .receipts import ReceiptRouter
from .replies import Asker, refuse
from .troubles import QueryFault, Troubles

_log = logging.getLogger(__name__)

OnActive = Callable[[Account, Device], None]
"""Called when a companion has asked for its stanzas."""


class Dispatcher:
    """Sends each stanza of a device to the part that deals with it, in the order of arrival."""

    def __init__(
        self,
        deliveries: Deliveries,
        *,
        queries: Queries,
        messages: MessageRouter,
        receipts: ReceiptRouter,
        presences: Presences,
        media_retries: MediaRetries,
        calls: CallRouter,
        troubles: Troubles,
        on_active: OnActive,
    ) -> None:
        self._deliveries = deliveries
        self._troubles = troubles
        self._queries = queries
        self._messages = messages
        self._receipts = receipts
        self._presences = presences
        self._media_retries = media_retries
        self._calls = calls
        self._on_active = on_active

    async def answer(self, account: Account, device: Device, iq: Node) -> Node:
        """The answer to an IQ of type get or set."""
        return await self._queries.answer(Asker(account, device), iq)

    async def receive(
        self,
        account: Account,
        device: Device,
        session: DeviceSession,
        node: Node,
        raw: bytes | None = None,
    ) -> None:
        """Take one stanza of a connected device.

        Args:
            account: the device's.
            device: that sent it.
            session: the login through which it came.
            node: the stanza.
            raw: its bytes as they came in.
        """
        if node.tag == "iq":
            # An answer to something that the server asked is of no interest to it, but proves life.
            if node.get("type") in ("result", "error"):
                return
            fault = self._troubles.take_query(account, device, node)
            if fault is None:
                session.send(await self.answer(account, device, node))
            else:
                await self._answer_badly(account, device, session, node, fault)
            if node.get("xmlns") == "passive":
                self._switch(account, device, session, node)
            return
        self.receive_stanza(account, device, node, raw)

    async def _answer_badly(
        self,
        account: Account,
        device: Device,
        session: DeviceSession,
        iq: Node,
        fault: QueryFault,
    ) -> None:
        if fault.code is None:
            answer = await self.answer(account, device, iq)
        else:
            answer = refuse(iq, fault.code, fault.backoff)
        if fault.is_misnamed:
            answer = Node("iq", {**answer.attrs, "id": "no-such-id"}, answer.content)
        times = 0 if fault.is_lost else 2 if fault.is_twice else 1
        for _ in range(times):
            if fault.delay_s:
                loop = asyncio.get_running_loop()
                loop.call_later(fault.delay_s, session.send, answer)
            else:
                session.send(answer)

    def receive_stanza(
        self, account: Account, device: Device, node: Node, raw: bytes | None = None
    ) -> None:
        """Take one stanza that is no IQ. A malformed one is logged and dropped alone."""
        try:
            self._handle(account, device, node, raw)
        except (StanzaError, InvalidInput) as exc:
            _log.info("dropped a malformed <%s>: %s", node.tag, exc)

    def _handle(self, account: Account, device: Device, node: Node, raw: bytes | None) -> None:
        if node.tag == "message":
            self._messages.handle(account, device, node, raw)
        elif node.tag == "receipt":
            self._receipts.handle(account, device, node)
        elif node.tag == "ack":
            if device.mailbox.settle_by_ack(node, self._receipts.same_user):
                self._deliveries.changed()
        elif node.tag == "presence":
            self._presences.handle(account, device, node)
        elif node.tag == "chatstate":
            self._presences.chatstate(account, device, node)
        elif node.tag == "ib":
            batch = node.find("offline_batch")
            if batch is not None and device.session is not None:
                device.session.request_batch(batch.int_attr("count"))
        elif node.tag == "notification":
            self._media_retries.handle(account, device, node)
        elif node.tag == "call":
            self._calls.handle(account, device, node)
        else:
            _log.info("dropped a stanza of unknown kind: <%s>", node.tag)

    def _switch(self, account: Account, device: Device, session: DeviceSession, iq: Node) -> None:
        if iq.find("active") is not None:
            session.activate()
            self._on_active(account, device)
        elif iq.find("passive") is not None:
            session.hold()
