"""The shapes of answers to an IQ.

Source: docs/protocol/queries.md, "IQ"; docs/protocol/transport.md, "IQ".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ..errors import QueryError
from ..wire import SERVER, AttrValue, Node
from .accounts import Account, Device

TEXTS = {
    304: "already-exists",
    400: "bad-request",
    401: "not-authorized",
    403: "forbidden",
    404: "item-not-found",
    405: "not-allowed",
    406: "not-acceptable",
    408: "request-timeout",
    409: "conflict",
    410: "gone",
    413: "payload-too-large",
    419: "resource-limit",
    421: "misdirected",
    423: "locked",
    426: "upgrade-required",
    428: "precondition-required",
    429: "rate-overlimit",
    451: "unavailable-for-legal-reasons",
    500: "internal-server-error",
    501: "feature-not-implemented",
    503: "service-unavailable",
}


class Refusal(QueryError):
    """The server's side of a `QueryError`: the question is answered by an error."""

    def __init__(self, code: int) -> None:
        super().__init__(code, TEXTS[code])


@dataclass(frozen=True, slots=True)
class Asker:
    """The device that asks."""

    account: Account
    device: Device


Handler = Callable[[Asker, Node], Awaitable[Node]]
"""Answers one IQ; may raise Refusal, or StanzaError when the question is malformed."""


def result(iq: Node, *children: Node, **attrs: str) -> Node:
    """The result of an IQ, from whom the question was for."""
    return Node("iq", {**_address(iq), "type": "result", **attrs}, list(children) or None)


def refuse(iq: Node, code: int, backoff: int | None = None) -> Node:
    """The refusal of an IQ; with the seconds to wait before it is asked again, if any."""
    told = error(code)
    if backoff is not None:
        told = Node(told.tag, {**told.attrs, "backoff": str(backoff)})
    return Node("iq", {**_address(iq), "type": "error"}, [told])


def error(code: int) -> Node:
    """`<error>` with the text that belongs to the code."""
    return Node("error", {"code": str(code), "text": TEXTS.get(code, "error")})


def _address(iq: Node) -> dict[str, AttrValue]:
    attrs: dict[str, AttrValue] = {"from": iq.get_jid("to") or SERVER}
    if "id" in iq.attrs:
        attrs["id"] = iq.attrs["id"]
    return attrs
