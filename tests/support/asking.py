"""A server that answers questions as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from waport.client.queries import Queries
from waport.wire import Node

Answer = list[Node] | int
"""Children of a result, or the code of a refusal."""


class Asked:
    """Stands in for a `Link` and for the server behind it.

    Attributes:
        answer: says what a question is answered by; may change.
        questions: the IQs that came.
        sent: all other stanzas that came.
    """

    def __init__(self, queries: Queries, answer: Callable[[Node], Answer]) -> None:
        self._queries = queries
        self.answer = answer
        self.questions: list[Node] = []
        self.sent: list[Node] = []
        queries.attach(self)  # type: ignore[arg-type]

    def send(self, node: Node) -> None:
        if node.tag != "iq":
            self.sent.append(node)
            return
        self.questions.append(node)
        answer = self.answer(node)
        attrs = {"id": node.attrs["id"], "type": "result"}
        if isinstance(answer, int):
            attrs["type"] = "error"
            answer = [Node("error", {"code": str(answer), "text": "no"})]
        reply = Node("iq", attrs, answer)
        asyncio.get_running_loop().call_soon(self._queries.resolve, reply)

    def hang_up(self) -> None:
        """There is no connection any more."""
        self._queries.detach("lost")
