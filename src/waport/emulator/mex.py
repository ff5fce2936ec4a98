"""Answers GraphQL queries, which travel as JSON in an IQ of `w:mex`.

Source: docs/protocol/newsletters.md, "GraphQL".
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence

from ..errors import InvalidInput, QueryError
from ..wire import Jid, Node
from .mex_table import QUERIES
from .replies import TEXTS, Asker, Refusal, result

_MAX_TEXT = 8 * 2**20  # a picture is a text here


class Variables:
    """The variables of a query; every reader refuses the query when they are not as they must be.

    Args:
        values: a parsed JSON object.

    Raises:
        Refusal: (400) it is something else.
    """

    def __init__(self, values: object) -> None:
        if not isinstance(values, Mapping):
            raise Refusal(400)
        self._values: Mapping[object, object] = values

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def text(self, name: str) -> str:
        """A text that must be there."""
        value = self._values.get(name)
        if not isinstance(value, str) or len(value) > _MAX_TEXT:
            raise Refusal(400)
        try:
            value.encode()
        except UnicodeEncodeError as exc:  # JSON can say half a surrogate pair
            raise Refusal(400) from exc
        return value

    def optional_text(self, name: str) -> str | None:
        """A text, or None when it is missing or null."""
        return self.text(name) if name in self else None

    def number(self, name: str, default: int, most: int) -> int:
        """A whole number from 0 up to `most`; more counts as `most`."""
        value = self._values.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise Refusal(400)
        return min(value, most)

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self._values.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise Refusal(400)
        return value

    def part(self, name: str) -> Variables:
        """An object inside."""
        return Variables(self._values.get(name))

    def jid(self, name: str) -> Jid:
        """An address."""
        try:
            return Jid.parse(self.text(name))
        except InvalidInput as exc:
            raise Refusal(400) from exc


Operation = Callable[[Asker, Variables], Awaitable[object]]
"""Carries one query out: the JSON value of the answer; may raise Refusal."""


class Mex:
    """Answers the IQs of `w:mex`.

    Args:
        operations: by the names of `mex_table`.
    """

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        self._operations = operations

    async def answer(self, asker: Asker, iq: Node) -> Node:
        """Answer one query; what goes wrong stands in the JSON of a result.

        Raises:
            StanzaError: there is no `<query query_id>`.
            Refusal: its content is no JSON object with an object of variables (400).
        """
        query = iq.child("query")
        known = QUERIES.get(query.attr("query_id"))
        variables = _variables(query)
        operation = self._operations.get(known.operation) if known is not None else None
        if known is None or operation is None:
            return _answer(iq, None, [_problem(400, "unknown operation", ())])
        try:
            found = await operation(asker, variables)
        except QueryError as refusal:
            return _answer(iq, None, [_problem(refusal.code, refusal.text, (known.root,))])
        return _answer(iq, {known.root: found}, [])


def _variables(query: Node) -> Variables:
    try:
        body = json.loads(query.data)
    except (ValueError, RecursionError) as exc:
        raise Refusal(400) from exc
    if not isinstance(body, Mapping):
        raise Refusal(400)
    return Variables(body.get("variables") or {})


def _problem(code: int, text: str, path: Sequence[str]) -> object:
    return {
        "message": text or TEXTS.get(code, "error"),
        "path": list(path),
        "extensions": {
            "error_code": code,
            "is_retryable": code in (429, 500, 503),
            "severity": "CRITICAL",
        },
    }


def _answer(iq: Node, data: object, errors: Sequence[object]) -> Node:
    body: dict[str, object] = {"data": data}
    if errors:
        body["errors"] = list(errors)
    return result(iq, Node("result", {}, to_json(body)))


def to_json(value: object) -> bytes:
    """JSON as the server writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def mex_update(
    operation: str, data: Mapping[str, object], updates: Sequence[object], *, is_legacy: bool
) -> Node:
    """The child of a `mex` notification: as clients get it now, or as they got it once."""
    if is_legacy:
        body = to_json({"operation": operation, "updates": list(updates)})
        return Node("mex", {}, body)
    return Node("update", {"op_name": operation}, to_json({"data": data}))
