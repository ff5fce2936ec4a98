"""Makes the operations that callers of the older server use, out of the table and of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from starlette.responses import Response

from ...config import Settings
from ...events.wwebjs_shapes import as_wwebjs
from ..dialect import Dialect, Finish
from ..errors import Problem
from ..list_answer import ListAnswer
from ..routers import callback_example
from ..routes import Operation
from .answers import Change
from .paths import PATHS, LegacyPath
from .strict import strict_problem
from .strict_sessions import routes as strict_sessions

PREFIX: Final = "/legacy"
_SESSION: Final = "/{sessionId}"
_OPEN_STRICT: Final = "/ping"

Key = tuple[str, str]


def legacy_operations(operations: Iterable[Operation], settings: Settings) -> list[Operation]:
    """All operations of the older server: under `/legacy` where that is wanted, and at the root
    those whose path is not one of ours.

    Args:
        operations: all of ours.
        settings: say what is on.
    """
    return list(
        _operations(tuple(operations), settings.enable_legacy_router, settings.legacy_strict)
    )


@lru_cache(maxsize=8)
def _operations(
    operations: tuple[Operation, ...], has_prefix: bool, is_strict: bool
) -> tuple[Operation, ...]:
    ours = {(each.method, each.path): each for each in operations}
    own = {(each.method, each.path): each for each in callback_example.legacy_routes.operations}
    strict = {(each.method, each.path): each for each in strict_sessions.operations}
    made: list[Operation] = []
    for row in PATHS:
        target = _target(row, {**ours, **own})
        path = _template(row.path, target)
        if (row.method, path) not in {**ours, **own}:
            made.append(_at_root(row, target, path))
        if has_prefix:
            if is_strict:
                target = strict.get((row.method, path), target)
            made.append(_under_prefix(row, target, path, is_strict=is_strict))
    return tuple(made)


def _target(row: LegacyPath, ours: Mapping[Key, Operation]) -> Operation:
    method, _, path = (row.target or f"{row.method} {row.path}").partition(" ")
    found = ours.get((method, path)) or ours.get((method, path + _SESSION))
    if found is None:
        raise LookupError(f"no operation carries out {row.method} {row.path}")
    return found


def _template(path: str, target: Operation) -> str:
    has_session = _SESSION in target.path and _SESSION not in path
    return path + _SESSION if has_session else path


def _at_root(row: LegacyPath, target: Operation, path: str) -> Operation:
    dialect = Dialect(_reader(row), _refuser(row, "", is_strict=False))
    return target.also_at(row.method, path, dialect, _finisher(row.answer))


def _under_prefix(row: LegacyPath, target: Operation, path: str, *, is_strict: bool) -> Operation:
    dialect = Dialect(_reader(row), _refuser(row, path, is_strict=is_strict))
    changes = (*row.answer, *row.legacy_answer)
    made = target.also_at(row.method, PREFIX + path, dialect, _finisher(changes, as_wwebjs))
    return replace(made, is_open=True) if is_strict and path == _OPEN_STRICT else made


def _reader(row: LegacyPath) -> Callable[[Mapping[str, object]], Mapping[str, object]]:
    def read(fields: Mapping[str, object]) -> Mapping[str, object]:
        changed: dict[str, Any] = dict(fields)
        for step in row.body:
            step(changed)
        return changed

    return read


def _refuser(row: LegacyPath, path: str, *, is_strict: bool) -> Callable[[Problem], Problem]:
    def refuse(problem: Problem) -> Problem:
        if row.lacking and problem.code == "validation_error" and _is_lack(problem.text):
            problem = replace(problem, text=row.lacking)
        return strict_problem(path, problem) if is_strict else problem

    return refuse


def _is_lack(text: str) -> bool:
    return text.endswith((" is required", " are required"))


def _finisher(
    changes: Iterable[Change], reshape: Callable[[Any], Any] = lambda value: value
) -> Finish:
    def finish(answer: Any) -> Any:
        if isinstance(answer, ListAnswer):
            return answer.reshaped(reshape)
        if isinstance(answer, Response):
            return answer
        shape = dict(answer)
        for change in changes:
            change(shape)
        return {name: reshape(value) for name, value in shape.items()}

    return finish
