"""An account's pre-keys, and a server that says what a test wants."""

from __future__ import annotations

from typing import Any

from waport.client.prekeys import PreKeys
from waport.client.queries import Queries
from waport.wire import SERVER, Node

from .account import SESSION, Account
from .clock import FakeClock
from .link import FakeLink


class KeyDesk:
    """The keys of an account, and the server's side of a connection."""

    def __init__(self, account: Account, timeout_s: float = 5) -> None:
        self.account = account
        self.clock = FakeClock()
        self.link: Any = FakeLink()
        self.queries = Queries(timeout_s)
        self.queries.attach(self.link)
        self.pre_keys = PreKeys(account.database, SESSION, self.queries, self.clock)

    async def question(self) -> Node:
        """The client's next stanza."""
        node: Node = (await self.link.has_sent(1)).pop()
        return node

    def answer(self, question: Node, *children: Node) -> None:
        """The result of a question."""
        attrs: dict[str, Any] = {"from": SERVER, "id": question.attr("id"), "type": "result"}
        self.queries.resolve(Node("iq", attrs, list(children) or None))

    def refuse(self, question: Node, code: int) -> None:
        """An error for a question."""
        attrs: dict[str, Any] = {"from": SERVER, "id": question.attr("id"), "type": "error"}
        self.queries.resolve(Node("iq", attrs, [Node("error", {"code": str(code)})]))

    async def count(self, number: int) -> None:
        """Answer the question how many one-time keys there are."""
        question = await self.question()
        assert question.find("count") is not None
        self.answer(question, Node("count", {"value": str(number)}))

    async def upload(self) -> Node:
        """The upload that comes next."""
        question = await self.question()
        assert question.find("skey") is not None
        return question

    async def unuploaded(self) -> list[int]:
        """The one-time keys that the server may not have."""
        keys = await self.account.read(lambda store: store.signal.unuploaded_pre_keys(1000))
        return [key.id for key in keys]


def uploaded_ids(upload: Node) -> list[int]:
    """The ids of the one-time keys in an upload."""
    keys = upload.child("list").children("key")
    return [int.from_bytes(key.child("id").data, "big") for key in keys]
