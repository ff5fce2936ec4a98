"""Which route a path means: segments split first, fixed ones in any letter case.

Rules: one trailing slash is allowed, doubled slashes mean nothing, and a percent-encoded slash
never adds a segment, since parameters are decoded only after the split.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from ..sessions import SESSION_ID
from .errors import HttpError
from .head import decode_segment

SESSION_PARAMETER: Final = "sessionId"

_READ_METHODS: Final = frozenset({"GET"})

RouteT = TypeVar("RouteT")


@dataclass(slots=True)
class PathEntry(Generic[RouteT]):
    """Everything under one path template.

    Attributes:
        parameters: the names in braces, from left to right.
        routes: the routes by method, `HEAD` included where it is answered.
    """

    parameters: tuple[str, ...]
    routes: dict[str, RouteT] = field(default_factory=dict)

    @property
    def allow(self) -> str:
        """The methods, as the `Allow` header lists them."""
        return ",".join(self.routes)


@dataclass(slots=True)
class _Node(Generic[RouteT]):
    fixed: dict[str, _Node[RouteT]] = field(default_factory=dict)
    parameter: _Node[RouteT] | None = None
    entry: PathEntry[RouteT] | None = None


class PathTable(Generic[RouteT]):
    """All paths of the server; a look-up costs a few dictionary steps however many there are."""

    def __init__(self) -> None:
        self._root: _Node[RouteT] = _Node()

    def add(self, template: str, method: str, route: RouteT, *, changes_state: bool) -> None:
        """Add a route.

        Args:
            template: such as `/session/start/{sessionId}`.
            method: GET, POST, DELETE, ...
            route: what the look-up gives back.
            changes_state: a GET that does something; `HEAD` is not answered for it.
        """
        node = self._root
        parameters: list[str] = []
        for segment in template.removeprefix("/").split("/"):
            if segment.startswith("{"):
                parameters.append(segment.strip("{}"))
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.fixed.setdefault(segment.lower(), _Node())
        if node.entry is None:
            node.entry = PathEntry(tuple(parameters))
        node.entry.routes[method] = route
        if method in _READ_METHODS and not changes_state:
            node.entry.routes["HEAD"] = route

    def find(self, raw_path: str) -> tuple[PathEntry[RouteT], list[str]] | None:
        """The entry of an undecoded path, and its undecoded parameters; None if there is none."""
        if not raw_path.startswith("/"):
            return None
        segments = raw_path[1:].split("/")
        if len(segments) > 1 and not segments[-1]:
            segments.pop()
        values: list[str] = []
        entry = _walk(self._root, segments, 0, values)
        return None if entry is None else (entry, values)


def _walk(
    node: _Node[RouteT], segments: list[str], depth: int, values: list[str]
) -> PathEntry[RouteT] | None:
    if depth == len(segments):
        return node.entry
    segment = segments[depth]
    below = node.fixed.get(segment.lower())
    if below is not None:
        entry = _walk(below, segments, depth + 1, values)
        if entry is not None:
            return entry
    if node.parameter is None or not segment:
        return None
    values.append(segment)
    entry = _walk(node.parameter, segments, depth + 1, values)
    if entry is None:
        values.pop()
    return entry


def read_parameters(names: tuple[str, ...], raw_values: list[str]) -> Mapping[str, str]:
    """Decode path parameters and check the session id among them.

    Raises:
        HttpError: 400 for broken percent-encoding, 422 for a session id that may not be one.
    """
    values: dict[str, str] = {}
    for name, raw in zip(names, raw_values, strict=True):
        value = decode_segment(raw)
        if value is None:
            raise HttpError(400, "bad_request", f"Failed to decode param '{raw}'")
        if name == SESSION_PARAMETER and SESSION_ID.fullmatch(value) is None:
            raise HttpError(422, "validation_error", "Session should be alphanumerical or -")
        values[name] = value
    return values
