"""The operations of the API document, and what every answer to them must be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

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

from waport.api.openapi import build_document
from waport.api.routers import ALL

MAX_EXAMPLES: Final = 3
"""Requests for each operation that follow the document, and as many that do not."""

Ask = Callable[[schemathesis.Case], Any]
"""Puts a request to a server; its answer."""


def operations() -> list[Any]:
    """All operations of the document."""
    document = build_document([each for routes in ALL for each in routes.operations], "")
    return [found.ok() for found in schemathesis.openapi.from_dict(document).get_all_operations()]


def check_operation(operation: Any, mode: GenerationMode, ask: Ask) -> None:
    """Put requests that follow the document, or break its rules; it tells the answers, too."""
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
        case.validate_response(
            ask(case),
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
