"""Declaring routes: one decorator says what a route is, for the server and for its document.

A route returns the typed dictionary of its answer; the decorator turns it into the response, and
the API document takes the answer's shape from the same annotation. A route that makes its response
itself names that shape as `answer`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final, get_args, get_type_hints

from fastapi.routing import APIRoute
from starlette.responses import Response

from .deps import ConnectedClient
from .dialect import Dialect, Finish
from .envelope import JsonAnswer
from .fields import specs_of
from .list_answer import ListAnswer
from .ports import ClientPort
from .who import with_addresses

Endpoint = Callable[..., Awaitable[Any]]
NO_CACHE: Final = {
    "Cache-Control": "no-cache, no-store, must-revalidate",
    "Expires": "0",
}


@dataclass(frozen=True, eq=False)
class Operation:
    """A route and what is known about it.

    Attributes:
        method: GET, POST, DELETE, ...
        path: the template, such as `/session/start/{sessionId}`.
        call: the endpoint as the framework calls it; it returns a response.
        tag: heading in the API document.
        name: unique, in camelCase.
        summary: one line.
        answer: the typed dictionary of a 200; None for answers that are no JSON.
        body: the body class; None when the body does not matter.
        changes_state: a GET that does something, so that HEAD is refused.
        is_open: needs no key.
        is_probe: not counted by the rate limit.
        is_guarded: answers for logged-in accounts only.
        takes_file: the body may be a form with a file.
        errors: (status, code) pairs beyond those that follow from the rest.
        media_type: of a 200 that is no JSON.
        is_uncached: its answers must not be kept by anybody between.
        in_document: shown in the API document.
        endpoint: what the route runs, and the types of its parameters.
        dialect: whose callers it understands, if not the usual ones.
        query: what may stand in the query: names and what they mean.
    """

    method: str
    path: str
    call: Callable[..., Awaitable[Response]]
    tag: str
    name: str
    summary: str
    answer: Any
    body: Any
    changes_state: bool
    is_open: bool
    is_probe: bool
    is_guarded: bool
    takes_file: bool
    errors: tuple[tuple[int, str], ...]
    media_type: str | None
    is_uncached: bool
    in_document: bool
    endpoint: tuple[Endpoint, dict[str, Any]]
    dialect: Dialect | None = None
    query: tuple[tuple[str, str], ...] = ()

    @functools.cached_property
    def route(self) -> APIRoute:
        """The framework's route; making hundreds takes long, so each waits for its first call."""
        return APIRoute(self.path, self.call, methods=[self.method], response_model=None)

    def also_at(
        self, method: str, path: str, dialect: Dialect, finish: Finish | None = None
    ) -> Operation:
        """The same operation under another name.

        Args:
            method: GET, POST, ...
            path: the template; its parameters have the same names.
            dialect: how its callers are understood.
            finish: makes its answer theirs.
        """
        endpoint, hints = self.endpoint
        headers = NO_CACHE if self.is_uncached else None
        return replace(
            self,
            method=method,
            path=path,
            call=_answering(endpoint, hints, headers, finish),
            changes_state=self.changes_state or (method == "GET" and self.method == "DELETE"),
            in_document=False,
            dialect=dialect,
        )

    @property
    def file_field(self) -> str:
        """The field that the file of a form becomes."""
        specs = () if self.body is None else specs_of(self.body)
        return "image" if any("image" in spec.names for _, spec in specs) else "content"


class Routes:
    """The routes of one subject, in the order of their declaration."""

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self.operations: list[Operation] = []

    def get(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        """A route that answers GET, and HEAD unless it changes state."""
        return self._add("GET", path, **options)

    def post(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        """A route that answers POST."""
        return self._add("POST", path, **options)

    def patch(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        """A route that answers PATCH."""
        return self._add("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        """A route that answers DELETE."""
        return self._add("DELETE", path, **options)

    def _add(
        self,
        method: str,
        path: str,
        *,
        changes_state: bool = False,
        is_open: bool = False,
        is_probe: bool = False,
        takes_file: bool = False,
        errors: tuple[tuple[int, str], ...] = (),
        answer: Any = None,
        media_type: str | None = None,
        is_uncached: bool = False,
        in_document: bool = True,
        query: tuple[tuple[str, str], ...] = (),
    ) -> Callable[[Endpoint], Endpoint]:
        def register(endpoint: Endpoint) -> Endpoint:
            hints = get_type_hints(endpoint, include_extras=True)
            returned = hints.pop("return", None)
            is_json = returned is not None and not _is_response(returned)
            self.operations.append(
                Operation(
                    method=method,
                    path=path,
                    call=_answering(endpoint, hints, NO_CACHE if is_uncached else None),
                    tag=self._tag,
                    name=_camel_case(endpoint.__name__),
                    summary=(inspect.getdoc(endpoint) or "").partition("\n")[0],
                    answer=returned if is_json else answer,
                    body=next(filter(None, map(_body_class, hints.values())), None),
                    changes_state=changes_state,
                    is_open=is_open,
                    is_probe=is_probe,
                    is_guarded=ConnectedClient in hints.values(),
                    takes_file=takes_file,
                    errors=errors,
                    media_type=media_type,
                    is_uncached=is_uncached,
                    in_document=in_document,
                    endpoint=(endpoint, hints),
                    query=query,
                )
            )
            return endpoint

        return register


def _answering(
    endpoint: Endpoint,
    hints: dict[str, Any],
    headers: dict[str, str] | None,
    finish: Finish | None = None,
) -> Callable[..., Awaitable[Response]]:
    """The endpoint for the framework: it returns a response, and its types are resolved."""

    client_name = next((name for name, hint in hints.items() if hint == ConnectedClient), "")

    @functools.wraps(endpoint)
    async def call(**values: Any) -> Response:
        answer = await endpoint(**values)
        if finish is not None:
            answer = finish(answer)
        client: ClientPort | None = values.get(client_name)
        if isinstance(answer, ListAnswer) and client is not None:
            return answer.naming(client.contacts.other_addresses)
        if isinstance(answer, Response):
            return answer
        if client is not None:
            answer = await with_addresses(answer, client.contacts.other_addresses)
        return JsonAnswer(answer, headers=headers)

    signature = inspect.signature(endpoint)
    parameters = [
        parameter.replace(annotation=hints[name])
        for name, parameter in signature.parameters.items()
    ]
    call.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=parameters, return_annotation=Response
    )
    return call


def _is_response(answer: Any) -> bool:
    return isinstance(answer, type) and issubclass(answer, Response)


def _body_class(hint: Any) -> Any:
    cls = next(iter(get_args(hint)), None)
    return cls if isinstance(cls, type) and _has_fields(cls) else None


def _has_fields(cls: type) -> bool:
    return hasattr(cls, "__dataclass_fields__") and bool(specs_of(cls))


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
