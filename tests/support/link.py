"""Stands in for a `Link`: keeps what is sent and how it was closed."""

from __future__ import annotations

import asyncio

from waport.client.policy import Close
from waport.errors import ConnectionClosed
from waport.wire import Node, encode_stanza

from .clock import TIMEOUT_S


class FakeLink:
    """A link without a connection."""

    def __init__(self) -> None:
        self.sent: list[Node] = []
        self.closes: list[Close] = []
        self._news = asyncio.Event()

    @property
    def is_open(self) -> bool:
        return not self.closes

    def send(self, node: Node) -> None:
        if self.closes:
            raise ConnectionClosed("closed")
        encode_stanza(node)
        self.sent.append(node)
        self._news.set()

    def close(self, close: Close) -> None:
        self.closes.append(close)
        self._news.set()

    async def has_sent(self, count: int) -> list[Node]:
        """Wait until so many stanzas were sent."""
        async with asyncio.timeout(TIMEOUT_S):
            while len(self.sent) < count:
                self._news.clear()
                await self._news.wait()
        return self.sent
