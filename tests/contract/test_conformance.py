"""Every operation of both older servers is served, and the document says how."""

from __future__ import annotations

from pathlib import Path

from . import conformance
from .conformance import PAGES, Row, as_table, kind_of, rows, served
from .older import CALLS
from .rules import RULES

ELSEWHERE = {
    ("POST", "/localCallbackExample"),
    ("GET", "/session/qr/{sessionId}/image"),
}
"""Called by other tests."""
BY_HAND = frozenset(
    {
        "/ping",
        "/session/logout/{sessionId}",
        "/session/terminate/{sessionId}",
    }
)
"""Routes without a body, in `test_session_rules`."""


def test_nothing_is_missing() -> None:
    operations = served()
    assert [row for row in rows() if kind_of(row, operations) == "missing"] == []


def test_every_operation_is_called() -> None:
    called = {(call.method, call.path) for call in CALLS}
    called |= {("POST", f"{rule.path}/{{sessionId}}") for rule in RULES}

    def is_called(row: Row) -> bool:
        key = (row.method, row.path)
        return key in called or key in ELSEWHERE or row.path in PAGES or row.path in BY_HAND

    assert [row for row in rows() if not is_called(row)] == []


def test_required_fields_are_those_of_the_rules() -> None:
    required = {row.path: row.required for row in rows() if row.seed and row.method == "POST"}
    for rule in RULES:
        path = f"{rule.path}/{{sessionId}}"
        named = (*rule.needed, *rule.defined)
        if rule.missing.startswith("Provide either"):
            assert required[path] == ()
        else:
            assert set(required[path]) == set(named), path


def test_the_document_has_the_table_of_today() -> None:
    document = Path(conformance.__file__).parents[2] / "docs" / "compatibility.md"
    assert as_table() in document.read_text()
