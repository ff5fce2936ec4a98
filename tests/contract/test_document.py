"""Requests made out of the API document: what it promises is what is answered, and nothing breaks.

The requests follow the document, or break its rules; the server answers over a fake account.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis.generation import GenerationMode

from support.fake_server import KEY, FakeSessions
from waport.api import create_app
from waport.config import Settings
from waport.events import EventHub
from waport.model import SessionState

from .conftest import fill
from .document import check_operation, operations

ELSEWHERE = ("/events", "/webhooks", "/ws")
"""What begins so needs a database (`test_document_events`), or is no question with an answer."""


def _app(folder: Path) -> Any:
    sessions = FakeSessions(states={"on": SessionState.CONNECTED, "qr": SessionState.QR})
    fill(sessions.account)
    own = {"API_KEY": KEY, "SESSIONS_PATH": str(folder / "sessions")}
    return create_app(Settings.load(folder / "empty.env", own), sessions, EventHub())


OPERATIONS = [each for each in operations() if not each.path.startswith(ELSEWHERE)]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The server that the document describes."""
    folder = tmp_path_factory.mktemp("document")
    (folder / "empty.env").touch()
    return _app(folder)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_the_server_answers_as_the_document_says(
    app: Any, operation: Any, mode: GenerationMode
) -> None:
    def ask(case: schemathesis.Case) -> Any:
        if "sessionId" in (case.path_parameters or {}):
            case.path_parameters["sessionId"] = "on"
        return case.call(app=app, headers={"x-api-key": KEY}, base_url="http://test")

    check_operation(operation, mode, ask)
