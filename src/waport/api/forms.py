"""URL-encoded forms with nested keys: `options[caption]=x`, `participants[]=a`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote_to_bytes

from .errors import HttpError

MAX_DEPTH: Final = 32
MAX_FIELDS: Final = 1000
MAX_ESCAPES: Final = 2_000_000
"""Percent signs of a form; base64 of the largest body has fewer."""
_STEP: Final = 65_536  # bytes that are decoded in one go: each escape takes memory meanwhile
_PART: Final = re.compile(r"\[([^\[\]]*)\]")

Tree = dict[str, object]


def _too_much() -> HttpError:
    return HttpError(400, "bad_request", "Form has too many or too deeply nested fields")


def parse_form(text: str) -> dict[str, object]:
    """Parse a form; all values are text.

    A key that comes twice, or one that ends in `[]`, makes a list; so do keys that are all
    numbers, in their order.

    Raises:
        HttpError: more than 1,000 fields, nested deeper than 32, or of too many escapes.
    """
    if text.count("&") >= MAX_FIELDS or text.count("%") > MAX_ESCAPES:
        raise _too_much()
    pairs = (pair.partition("=") for pair in text.split("&") if pair)
    return nest((_decode(key), _decode(value)) for key, _, value in pairs)


def nest(pairs: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Fields by their nested keys.

    Raises:
        HttpError: more than 1,000 fields, or nested deeper than 32.
    """
    root: Tree = {}
    for count, (key, value) in enumerate(pairs):
        if count >= MAX_FIELDS:
            raise _too_much()
        _insert(root, _split_key(key), value)
    return {key: _settle(value) for key, value in root.items()}


def _decode(text: str) -> str:
    """Undo the escapes, and plus signs for blanks."""
    text = text.replace("+", " ")
    if "%" not in text:
        return text
    data = text.encode()
    out = bytearray()
    at = 0
    while at < len(data):
        end = at + _STEP
        if end < len(data):
            # An escape that the end would cut in two is left for the next step.
            cut = data.rfind(b"%", end - 2, end)
            end = cut if cut >= 0 else end
        out += unquote_to_bytes(data[at:end])
        at = end
    return out.decode("utf-8", "replace")


def _split_key(key: str) -> list[str]:
    """`a[b][c]` -> a, b, c. Brackets that don't fit the pattern belong to the name."""
    start = key.find("[")
    if start <= 0:
        return [key]
    parts = [key[:start]]
    at = start
    while match := _PART.match(key, at):
        parts.append(match[1])
        at = match.end()
        if len(parts) > MAX_DEPTH:
            raise _too_much()
    return parts if at == len(key) else [key]


def _insert(tree: Tree, parts: list[str], value: str) -> None:
    node = tree
    for part in parts[:-1]:
        name = part or str(len(node))
        below = node.get(name)
        if not isinstance(below, dict):
            below = {} if below is None else {"0": below}
            node[name] = below
        node = below
    last = parts[-1] or _free_index(node)
    known = node.get(last)
    if known is None:
        node[last] = value
    elif isinstance(known, dict):
        known[_free_index(known)] = value
    else:
        node[last] = {"0": known, "1": value}


def _free_index(node: Tree) -> str:
    index = len(node)
    while str(index) in node:
        index += 1
    return str(index)


def _settle(value: object) -> object:
    """Turn objects whose keys are all numbers into lists."""
    if not isinstance(value, dict):
        return value
    settled = {key: _settle(item) for key, item in value.items()}
    if all(key.isascii() and key.isdigit() and len(key) < 10 for key in settled):
        return [settled[key] for key in sorted(settled, key=int)]
    return settled
