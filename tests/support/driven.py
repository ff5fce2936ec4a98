"""Which operations of the API the end-to-end tests drive, counted where their requests leave.

Every answer that a test with the mark `e2e` got is noted, in each worker, and every event that a
webhook receiver was told. A run of all end-to-end tests fails if there is an operation of either
older server that was never driven with success, or an event that never came.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

Call = tuple[str, str, int]
"""Method, path without query, status of the answer; of an event EVENT, its name, and 200."""

E2E: Final = Path(__file__).parents[1] / "e2e"
_REPORT: Final = "driven"
_PAGES: Final = frozenset({"/docs", "/api-docs", "/openapi.json", "/dashboard"})
_AT_THE_ROOT: Final = frozenset({"/ws", "/ws/{sessionId}", *_PAGES})
_EVENT: Final = "EVENT"
_BROWSER: Final = "/session/getPageScreenshot/{sessionId}"


def wanted() -> list[tuple[str, str]]:
    """Each operation of both older servers at its own place, and wwebjs-api's below `/legacy`; each
    event.
    """
    from contract.conformance import rows
    from waport.events.render import KINDS

    table = rows()
    at_root = [(row.method, row.path) for row in table]
    older = [
        (row.method, f"/legacy{row.path}")
        for row in table
        if row.wwebjs and row.path not in _AT_THE_ROOT
    ]
    events = dict.fromkeys((_EVENT, kind) for kinds in KINDS.values() for kind in kinds)
    return [*at_root, *older, *events]


def never_driven(calls: Iterable[Call]) -> list[str]:
    """The wanted operations that none of these calls drove with success, and what came instead."""
    all_calls = set(calls)
    lines = []
    for method, path in wanted():
        words = re.escape(path).replace(re.escape("{sessionId}"), "[^/]+")
        fits = re.compile(f"{words}/?", re.IGNORECASE).fullmatch
        statuses = {status for verb, at, status in all_calls if verb == method and fits(at)}
        is_driven = any(status < 300 for status in statuses)
        if path.endswith(_BROWSER):
            is_driven = 501 in statuses
        if not is_driven:
            refused = f" (only {sorted(statuses)})" if statuses else ""
            lines.append(f"{method} {path}{refused}")
    return lines


class Driven:
    """The plugin: notes calls in this process, and adds what the workers noted."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.calls: set[Call] = set()
        self.missing: list[str] = []
        self._is_e2e = False
        self._listens = False
        self._files: set[str] = set()

    def _note(self, method: str, url: str, status: int) -> None:
        if self._is_e2e:
            self.calls.add((method, urlsplit(url).path, status))

    def _listen(self) -> None:
        import httpx
        from websockets.asyncio.client import ClientConnection

        from support.waport_server import Inbox

        self._listens = True
        send, handshake = httpx.AsyncClient.send, ClientConnection.handshake

        @functools.wraps(send)
        async def sent(client: Any, request: httpx.Request, **more: Any) -> httpx.Response:
            response = await send(client, request, **more)
            self._note(request.method, str(request.url), response.status_code)
            return response

        @functools.wraps(handshake)
        async def shaken(connection: Any, *args: Any, **more: Any) -> None:
            await handshake(connection, *args, **more)
            # WhatsApp's own socket is opened without a key.
            if connection.request is not None and "apiKey=" in connection.request.path:
                self._note("GET", connection.request.path, 200)

        told = Inbox.remember

        def remembered(inbox: Inbox, event: Mapping[str, Any]) -> None:
            told(inbox, event)
            if self._is_e2e:
                self.calls.add((_EVENT, str(event["dataType"]), 200))

        Inbox.remember = remembered  # type: ignore[method-assign]
        httpx.AsyncClient.send = sent  # type: ignore[method-assign]
        ClientConnection.handshake = shaken  # type: ignore[method-assign]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._is_e2e = item.get_closest_marker("e2e") is not None
        if self._is_e2e and not self._listens:
            self._listen()
        return (yield)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        self._files = {str(item.path) for item in items}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        root = self._config.rootpath
        self._files |= {str(root / test_id.partition("::")[0]) for test_id in ids}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        report = getattr(node, "workeroutput", {}).get(_REPORT, ())
        self.calls |= {(method, path, status) for method, path, status in report}

    @property
    def _is_whole(self) -> bool:
        """All end-to-end tests were asked for, and none failed."""
        options = self._config.option
        is_picked = options.keyword or options.markexpr
        is_picked = is_picked or any("::" in name for name in self._config.args)
        files = {str(path) for path in E2E.glob("test_*.py")}
        return not is_picked and files <= self._files

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        output: dict[str, object] | None = getattr(self._config, "workeroutput", None)
        if output is not None:
            output[_REPORT] = sorted(self.calls)
            return
        if file := self._config.getoption("--driven"):
            self._add_to(file)
            self.missing = never_driven(self.calls)
        elif self._is_whole and session.exitstatus == pytest.ExitCode.OK:
            self.missing = never_driven(self.calls)
            if self.missing:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _add_to(self, file: Path) -> None:
        """For runs in portions: take in what others noted, and leave them all of it."""
        if file.exists():
            self.calls |= {tuple(call) for call in json.loads(file.read_text())}
        file.write_text(json.dumps(sorted(self.calls)))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        write: Callable[[str], None] = terminalreporter.write_line
        if self.missing:
            terminalreporter.section(
                "operations and events that no end-to-end test drove", red=True
            )
            for line in self.missing:
                write(line)
