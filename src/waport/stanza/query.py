"""One question to the server is one small value that knows its request and its reply."""

from __future__ import annotations

from typing import Protocol, TypeVar

from ..errors import QueryError, StanzaError, query_error
from ..wire import SERVER, AttrValue, Jid, Node

T_co = TypeVar("T_co", covariant=True)


class Query(Protocol[T_co]):
    """An IQ, or another stanza that the server answers by an ack that says more than that.

    `request` builds it without an id, `parse` reads the server's result.
    """

    def request(self) -> Node:
        """The `<iq>` to send; the shell adds the id."""
        ...

    def parse(self, reply: Node) -> T_co:
        """The value in an answer of type `result`.

        Raises:
            StanzaError: the answer lacks what it must have.
        """
        ...


def iq_get(xmlns: str, *children: Node, to: Jid = SERVER) -> Node:
    """An `<iq type="get">`."""
    return _iq("get", xmlns, children, to)


def iq_set(xmlns: str, *children: Node, to: Jid = SERVER) -> Node:
    """An `<iq type="set">`."""
    return _iq("set", xmlns, children, to)


def _iq(kind: str, xmlns: str, children: tuple[Node, ...], to: Jid) -> Node:
    return Node("iq", {"to": to, "type": kind, "xmlns": xmlns}, list(children) or None)


def iq_result(request: Node, *children: Node) -> Node:
    """Our answer to a question that the server asked."""
    attrs: dict[str, AttrValue] = {
        "to": request.get_jid("from") or SERVER,
        "type": "result",
        "id": request.attr("id"),
    }
    return Node("iq", attrs, list(children) or None)


def iq_error(request: Node, code: int, text: str) -> Node:
    """Our refusal of a question that the server asked."""
    return Node(
        "iq",
        {"to": request.get_jid("from") or SERVER, "type": "error", "id": request.attr("id")},
        [Node("error", {"code": str(code), "text": text})],
    )


def check_reply(reply: Node) -> None:
    """Raise what an answer of type `error` says, or the ack that refuses a stanza.

    Raises:
        QueryError: the server refused; code 0 when it gave none.
        StanzaError: the answer is neither a result nor an error.

    Source: docs/protocol/transport.md, "IQ".
    """
    if reply.tag == "ack":
        code = reply.get_int("error", None)
        if code is not None or "error" in reply.attrs:
            raise query_error(code or 0, reply.get("text") or "")
        return
    kind = reply.get("type")
    if kind == "result":
        return
    if kind == "error":
        raise _refusal(reply)
    raise StanzaError(reply.tag, f"an answer of type {kind}")


def _refusal(reply: Node) -> QueryError:
    error = reply.find("error")
    if error is None:
        return query_error(0, "unknown")
    return query_error(
        error.get_int("code", 0) or 0, error.get("text") or "", error.get_int("backoff", None)
    )
