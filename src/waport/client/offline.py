"""The backlog: what waited at the server is pulled in batches.

Source: docs/protocol/messages.md, "Offline queue" and "Receipts".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ..errors import ConnectionClosed
from ..model import BacklogProgress
from ..stanza.login import offline_batch
from ..stanza.receipt import MAX_RECEIPT_IDS, receipt
from ..wire import Node
from .background import Background
from .clock import SYSTEM_CLOCK, Clock
from .link import Link

log = logging.getLogger(__name__)

BATCH = 200
BATCH_PAUSE_S = 0.1
"""From the first stanza of a batch to the request for the next."""

SILENCE_S = 60.0
"""After so long without a stanza of it the backlog counts as finished."""

MAX_HELD = 1024
"""Receipts that are held back; more leave at once, so that a long backlog makes headway even over
a connection that keeps breaking."""

_Group = tuple[str, str, str]  # to, participant, type


class OfflineQueue:
    """Asks for the backlog until the server says that it is empty.

    Until then delivery receipts are collected: one can speak of many messages. If the connection
    ends before they leave, the server repeats the messages, and they are answered then.

    Args:
        background: runs what waits.
        report: is told how far it has come: at its begin, with each full batch, at its end.
        clock: the time.
    """

    def __init__(
        self,
        background: Background,
        report: Callable[[BacklogProgress], None],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._background = background
        self._report = report
        self._clock = clock
        self._announced = 0
        self._told = 0
        self._link: Link | None = None
        self._seen = 0
        self._asking: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._held: dict[_Group, dict[str, Node]] = {}
        self._count = 0

    def on_preview(self, link: Link, node: Node) -> None:
        """`<offline_preview>`: how much there is."""
        count = node.get_int("count", 0) or 0
        if count <= 0 or self._link is not None:
            return
        log.info("%d stanzas waited while we were away", count)
        self._link = link
        self._announced, self._seen, self._told = count, 0, 0
        self._report(BacklogProgress(0))
        self._watching = self._background.spawn(self._watch(), "end of the backlog", essential=True)
        self._ask(link)

    def on_stanza(self, link: Link, node: Node) -> None:
        """A stanza came; the first one of a batch leads to the next request."""
        if self._link is not link or "offline" not in node.attrs:
            return
        self._seen += 1
        if self._seen % BATCH == 0:
            self._tell(min(99, 100 * self._seen // self._announced))
        if self._asking is None:
            self._asking = self._background.spawn(
                self._ask_again(link), "next of the backlog", essential=True
            )

    def _tell(self, percent: int) -> None:
        if percent > self._told:
            self._told = percent
            self._report(BacklogProgress(percent))

    async def _ask_again(self, link: Link) -> None:
        await self._clock.sleep(BATCH_PAUSE_S)
        self._asking = None
        self._ask(link)

    @staticmethod
    def _ask(link: Link) -> None:
        try:
            link.send(offline_batch(BATCH))
        except ConnectionClosed:
            log.debug("the connection closed during the backlog")

    async def _watch(self) -> None:
        seen = -1
        while seen != self._seen:
            seen = self._seen
            await self._clock.sleep(SILENCE_S)
        log.warning("the backlog did not end properly")
        self._watching = None
        self.finish()

    def hold(self, reply: Node) -> bool:
        """Keep a delivery receipt back while the backlog comes; False for everything else."""
        kind = reply.get("type", "")
        if self._link is None or reply.tag != "receipt" or kind not in ("", "inactive"):
            return False
        group = (reply.attr("to"), reply.get("participant", ""), kind)
        self._held.setdefault(group, {})[reply.attr("id")] = reply
        self._count += 1
        if self._count >= MAX_HELD:
            self._release(self._link)
        return True

    def finish(self) -> None:
        """`<offline>`: the backlog is here and handled; what was collected leaves."""
        if self._link is not None:
            self._release(self._link)
            self._tell(100)
        self.stop()

    def _release(self, link: Link) -> None:
        held, self._held, self._count = self._held, {}, 0
        try:
            for by_id in held.values():
                receipts = list(by_id.values())
                for start in range(0, len(receipts), MAX_RECEIPT_IDS):
                    link.send(_joined(receipts[start : start + MAX_RECEIPT_IDS]))
        except ConnectionClosed:
            log.debug("the connection closed before the receipts left")

    def stop(self) -> None:
        """The connection is gone, or the backlog is at its end."""
        self._link = None
        self._held.clear()
        self._count = 0
        for task in (self._asking, self._watching):
            if task is not None:
                task.cancel()
        self._asking = self._watching = None


def _joined(receipts: list[Node]) -> Node:
    """One receipt for the messages of several, which agree in all but the id."""
    first = receipts[0]
    return receipt(
        first.jid("to"),
        [node.attr("id") for node in receipts],
        first.get("type", ""),
        participant=first.get_jid("participant"),
    )
