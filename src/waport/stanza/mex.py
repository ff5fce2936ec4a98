"""GraphQL queries ("MEX"), which travel as JSON in an IQ of `w:mex`; and what comes by itself.

Source: docs/protocol/newsletters.md, "GraphQL".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import MexError, StanzaError, query_error
from ..wire import Node
from .json_values import JsonObject, raw_text, read_json
from .query import Query, iq_get

MAX_PROBLEMS = 64
"""Errors of one answer that are looked at."""

_MAX_WORDS = 512
_MAX_CODE = 9999


@dataclass(frozen=True, slots=True)
class MexProblem:
    """One entry of an answer's errors.

    Attributes:
        code: HTTP-like; 0 when it gives none.
        text: what the server says.
        is_summary: it speaks of the whole answer.
        is_retryable: the same question may be answered later.
    """

    code: int
    text: str
    is_summary: bool = False
    is_retryable: bool = False

    @property
    def is_fatal(self) -> bool:
        """The data beside it are not to be relied on."""
        return self.is_summary or bool(self.code)


@dataclass(frozen=True, slots=True)
class MexAnswer:
    """An answer: data, and perhaps errors about parts of it."""

    data: JsonObject
    problems: tuple[MexProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class MexQuery(Query[bytes]):
    """One GraphQL query; `read_answer` reads the answer, which may take a while.

    Args:
        query_id: decimal digits, see `mex_table`.
        variables: what is JSON.
    """

    query_id: str
    variables: Mapping[str, object] = field(default_factory=dict)

    def request(self) -> Node:
        """`<query query_id>` with the variables as JSON."""
        body = json.dumps({"variables": self.variables}, separators=(",", ":")).encode()
        return iq_get("w:mex", Node("query", {"query_id": self.query_id}, body))

    def parse(self, reply: Node) -> bytes:
        """The JSON text.

        Raises:
            MexError: it is in a form that is not JSON.
            StanzaError: there is none.
        """
        result = reply.child("result")
        form = result.get("format")
        if form not in (None, "json"):
            raise MexError(f"the form {form[:_MAX_WORDS]} is not known", raw_text(result.data))
        return result.data


def read_answer(body: bytes) -> MexAnswer:
    """Read an answer; errors that do not concern all of it are given beside the data.

    Raises:
        QueryError: the server refused.
        MexError: it is no JSON, too large, or there are neither data nor errors.
    """
    answer = read_json(body)
    problems = tuple(_problem(entry) for entry in answer.parts("errors")[:MAX_PROBLEMS])
    data = answer.part("data")
    fatal = next((problem for problem in problems if problem.is_fatal), None)
    if fatal is None and problems and "data" not in answer:
        fatal = problems[0]
    if fatal is not None:
        raise query_error(fatal.code, fatal.text)
    if "data" not in answer:
        raise MexError("there are no data", raw_text(body))
    return MexAnswer(data, problems)


def _problem(entry: JsonObject) -> MexProblem:
    more = entry.part("extensions")
    code = more.number("error_code")
    return MexProblem(
        code if code <= _MAX_CODE else 0,
        entry.text("message")[:_MAX_WORDS] or "unknown",
        more.flag("is_summary"),
        more.flag("is_retryable"),
    )


@dataclass(frozen=True, slots=True)
class MexNotice:
    """What a `mex` notification says.

    Attributes:
        operation: its name in the web client.
        data: below the root, whatever that is called; of the older form the update itself.
        text: the JSON text as it came, cut.
    """

    operation: str
    data: JsonObject
    text: str


def parse_mex_notification(node: Node) -> tuple[MexNotice, ...]:
    """Read a notification of type `mex`: `<update op_name>`, or `<mex>` in the older form.

    Raises:
        MexError: what is inside is no JSON.
        StanzaError: there is nothing inside.
    """
    notices: list[MexNotice] = []
    for child in node.children():
        if child.tag == "update":
            body = read_json(child.data)
            notices.append(_notice(child.get("op_name", ""), body.part("data"), child.data))
        elif child.tag == "mex":
            body = read_json(child.data)
            operation = body.text("operation")
            notices += [
                _notice(operation, update, child.data, is_flat=True)
                for update in body.parts("updates")
            ]
    if not notices:
        raise StanzaError(node.tag, "no update inside")
    return tuple(notices)


def _notice(operation: str, data: JsonObject, raw: bytes, *, is_flat: bool = False) -> MexNotice:
    inner = data
    if not is_flat:
        inner = next((data.part(name) for name in data if data.part(name)), data)
    return MexNotice(operation[:_MAX_WORDS], inner, raw_text(raw))
