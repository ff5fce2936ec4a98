"""The backlog: what waited at the server is pulled in batches (docs/protocol/messages.md)."""

from __future__ import annotations

import asyncio
import logging

from ..errors import ConnectionClosed
from ..stanza.login import offline_batch
from ..wire import Node
from .link import Link

log = logging.getLogger(__name__)

BATCH = 200
BATCH_PAUSE_S = 0.1
"""From the first stanza of a batch to the request for the next."""


class OfflineQueue:
    """Asks for the backlog until the server says that it is empty."""

    def __init__(self) -> None:
        self._owed = False
        self._asking: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """A new connection."""
        self.stop()

    def on_preview(self, link: Link, node: Node) -> None:
        """`<offline_preview>`: how much there is."""
        count = node.get_int("count", 0) or 0
        if count > 0:
            log.info("%d stanzas waited while we were away", count)
            self._owed = True
            self._ask(link)

    def on_stanza(self, link: Link, node: Node) -> None:
        """A stanza came; the first one of a batch leads to the next request."""
        if self._owed and self._asking is None and "offline" in node.attrs:
            loop = asyncio.get_running_loop()
            self._asking = loop.call_later(BATCH_PAUSE_S, self._ask_again, link)

    def _ask_again(self, link: Link) -> None:
        self._asking = None
        if self._owed:
            self._ask(link)

    @staticmethod
    def _ask(link: Link) -> None:
        try:
            link.send(offline_batch(BATCH))
        except ConnectionClosed:
            log.debug("the connection closed during the backlog")

    def stop(self) -> None:
        """`<offline>`, or the connection is gone."""
        self._owed = False
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None
