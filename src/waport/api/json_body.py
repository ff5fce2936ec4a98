"""JSON as it is accepted from outside: strict, bounded, and without lone surrogates."""

from __future__ import annotations

import json
import math
import re
from typing import Final, NoReturn

from .errors import HttpError

MAX_DEPTH: Final = 64
MAX_INTEGER_DIGITS: Final = 400
MAX_VALUES: Final = 200_000
"""Values of a body. Counted by the marks before them, be they inside of texts: no text that can
be sent holds so many, nor does base64."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_STEP: Final = 65_536  # of a text, so that no single call holds up the other threads

JsonTop = dict[str, object] | list[object]


def invalid_json() -> HttpError:
    """The one answer to every JSON that is not accepted."""
    return HttpError(400, "invalid_json", "Invalid JSON body")


def parse_json(text: str) -> JsonTop:
    """Parse a body; nothing at all counts as an empty object.

    Raises:
        HttpError: `invalid_json`, for anything but an object or array within the bounds.
    """
    if not text:
        return {}
    if len(text) > MAX_VALUES and sum(map(text.count, "[{,")) > MAX_VALUES:
        raise invalid_json()
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise invalid_json() from None
    if not isinstance(value, dict | list):
        raise invalid_json()
    # Few brackets can't nest deeply; most bodies are spared the walk.
    if text.count("{") + text.count("[") > MAX_DEPTH and _is_too_deep(value):
        raise invalid_json()
    if "\\ud" in text or "\\uD" in text:
        return _without_surrogates(value)
    return value


def _parse_int(digits: str) -> int:
    if len(digits) > MAX_INTEGER_DIGITS:
        raise ValueError("too many digits")
    return int(digits)


def _parse_float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("out of range")
    return number


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


_DECODER: Final = json.JSONDecoder(
    parse_int=_parse_int, parse_float=_parse_float, parse_constant=_refuse_constant
)


def _is_too_deep(value: object) -> bool:
    """Whether containers nest deeper than `MAX_DEPTH`; walks level by level, not by recursion."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for container in level
            for item in (container.values() if isinstance(container, dict) else container)  # type: ignore[attr-defined]
            if isinstance(item, dict | list)
        ]
        if not level:
            return False
    return True


def _without_surrogates(value: JsonTop) -> JsonTop:
    clean = _clean(value)
    assert isinstance(clean, dict | list)
    return clean


def _clean(value: object) -> object:
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return value


def _clean_text(text: str) -> str:
    if text.isascii():
        return text
    # The parser joined the halves that belong together: what is left is alone.
    steps = range(0, len(text), _STEP)
    return "".join(_SURROGATE.sub("\ufffd", text[at : at + _STEP]) for at in steps)
