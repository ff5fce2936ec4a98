"""Counts how each operation of the two older servers is served: `make conformance`.

native: by a route of its own. adapted: by a route of another name, fields and answer translated.
impossible: it needs a browser, and says so. missing: not at all.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from waport.api.legacy import legacy_operations
from waport.api.routers import ALL, callback_example
from waport.api.routes import Operation
from waport.config import Settings

KINDS = ("native", "adapted", "impossible", "missing")
IMPOSSIBLE = frozenset({("GET", "/session/getPageScreenshot/{sessionId}")})
PAGES = frozenset({"/docs", "/api-docs", "/openapi.json", "/dashboard", "/ws", "/ws/{sessionId}"})
"""What is served beside the routes."""


@dataclass(frozen=True)
class Row:
    """One operation of the older servers.

    Attributes:
        seed: the server that this one replaces has it.
        wwebjs: the older one has it.
        required: fields that its callers must give.
    """

    method: str
    path: str
    group: str
    seed: bool
    wwebjs: bool
    required: tuple[str, ...]


def rows() -> list[Row]:
    """All operations of both servers."""
    table = json.loads((Path(__file__).parent / "coverage.json").read_text())
    return [
        Row(
            row["method"],
            row["path"],
            row["group"],
            row["seed"],
            row["wwebjs"],
            tuple(row["required_body"]),
        )
        for row in table
    ]


def served() -> dict[tuple[str, str], Operation]:
    """All operations of this server, by method and path."""
    own = [operation for routes in ALL for operation in routes.operations]
    own += callback_example.routes.operations
    both = [*own, *legacy_operations(own, Settings())]
    return {(operation.method, operation.path): operation for operation in both}


def kind_of(row: Row, operations: dict[tuple[str, str], Operation]) -> str:
    """How an operation is served."""
    if (row.method, row.path) in IMPOSSIBLE:
        return "impossible"
    if row.path in PAGES or row.group == "ws":
        return "native"
    found = operations.get((row.method, row.path))
    if found is None:
        return "missing"
    return "native" if found.dialect is None else "adapted"


def counts() -> dict[str, Counter[str]]:
    """How many operations of each group are served in which way."""
    operations = served()
    table: dict[str, Counter[str]] = {}
    for row in rows():
        table.setdefault(row.group, Counter())[kind_of(row, operations)] += 1
    return table


def as_table() -> str:
    """The counts as a table for people."""
    lines = [
        "| Group | " + " | ".join(KINDS) + " | all |",
        "|---|" + "---|" * (len(KINDS) + 1),
    ]
    total: Counter[str] = Counter()
    for group, found in counts().items():
        total += found
        figures = " | ".join(str(found[kind]) for kind in KINDS)
        lines.append(f"| {group} | {figures} | {found.total()} |")
    figures = " | ".join(str(total[kind]) for kind in KINDS)
    lines.append(f"| all | {figures} | {total.total()} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(as_table())
