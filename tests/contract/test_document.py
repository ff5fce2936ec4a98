"""Requests made out of the API document: what it promises is what is answered, and nothing breaks.

The requests follow the document, or break its rules; the server answers over a fake account.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CheckContext
from schemathesis.core.transport import Response
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from support.fake_server import KEY, FakeSessions
from waport.api import create_app
from waport.api.openapi import build_document
from waport.api.routers import ALL
from waport.config import Settings
from waport.events import EventHub
from waport.model import SessionState

from .conftest import fill

MAX_EXAMPLES = 3
"""Requests for each operation that follow the document, and as many that do not."""

ELSEWHERE = ("/events", "/webhooks", "/ws")
"""What begins so needs a database, or never ends; it has tests of its own."""


def _app(folder: Path) -> Any:
    sessions = FakeSessions(states={"on": SessionState.CONNECTED, "qr": SessionState.QR})
    fill(sessions.account)
    own = {"API_KEY": KEY, "SESSIONS_PATH": str(folder / "sessions")}
    return create_app(Settings.load(folder / "empty.env", own), sessions, EventHub())


_DOCUMENT = build_document([each for routes in ALL for each in routes.operations], "")
_SCHEMA = schemathesis.openapi.from_dict(_DOCUMENT)
OPERATIONS = [
    found.ok()
    for found in _SCHEMA.get_all_operations()
    if not found.ok().path.startswith(ELSEWHERE)
]


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
    if mode is GenerationMode.NEGATIVE and not operation.body:
        return  # without a body there are no rules to break

    @settings(
        max_examples=MAX_EXAMPLES,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: schemathesis.Case) -> None:
        if "sessionId" in (case.path_parameters or {}):
            case.path_parameters["sessionId"] = "on"
        response = case.call(app=app, headers={"x-api-key": KEY}, base_url="http://test")
        case.validate_response(
            response,
            checks=[
                nothing_breaks,
                status_code_conformance,
                content_type_conformance,
                response_schema_conformance,
            ],
        )

    run()


def nothing_breaks(ctx: CheckContext, response: Response, case: schemathesis.Case) -> None:
    """What was not foreseen would be an internal error."""
    assert b"internal_error" not in response.content
