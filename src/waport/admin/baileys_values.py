"""Values in the files of Baileys' multi-file auth state: JSON with bytes in several spellings."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..crypto import KeyPair
from ..errors import InvalidInput

MAX_FILE: Final = 16 * 2**20
"""Bytes of one file; a session with all its skipped keys has far less."""

Json = Any


def read_json(path: Path) -> Json:
    """The value in a file.

    Raises:
        InvalidInput: it can't be read; the text names the file and nothing that is in it.
    """
    try:
        if path.stat().st_size > MAX_FILE:
            raise InvalidInput(f"{path.name} is too large")
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as exc:
        raise InvalidInput(f"{path.name} can't be read") from exc


def fields(value: Json) -> Mapping[str, Json]:
    """A JSON object.

    Raises:
        InvalidInput: it is none.
    """
    if not isinstance(value, dict):
        raise InvalidInput("an object is missing")
    return value


def number(value: Json, most: int = 2**32 - 1) -> int:
    """A whole number that is not negative.

    Raises:
        InvalidInput: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise InvalidInput("a number is missing")
    return value


def text(value: Json) -> str:
    """Text; "" for what is none."""
    return value if isinstance(value, str) else ""


def data(value: Json) -> bytes:
    """Bytes: base64, `{"type": "Buffer", "data": base64 or numbers}`, or an object of numbers.

    Raises:
        InvalidInput: none of these.
    """
    try:
        if isinstance(value, str):
            return base64.b64decode(value, validate=True)
        if isinstance(value, dict):
            value = value["data"] if "data" in value else list(value.values())
            return _none() if isinstance(value, dict) else data(value)
        return bytes(value) if isinstance(value, list) else _none()
    except (binascii.Error, ValueError, TypeError, OverflowError) as exc:
        raise InvalidInput("bytes can't be read") from exc


def _none() -> bytes:
    raise InvalidInput("bytes are missing")


def key(value: Json) -> bytes:
    """A public or private key of 32 bytes, without the type byte that some of them have.

    Raises:
        InvalidInput: it is none.
    """
    found = data(value)
    if len(found) == 33 and found[0] == 5:
        found = found[1:]
    if len(found) != 32:
        raise InvalidInput("a key of another length")
    return found


def key_pair(value: Json) -> KeyPair:
    """A key pair whose halves fit.

    Raises:
        InvalidInput: they don't.
    """
    halves = fields(value)
    pair = KeyPair.from_private(key(halves.get("private", halves.get("privKey"))))
    if pair.public != key(halves.get("public", halves.get("pubKey"))):
        raise InvalidInput("the halves of a key pair do not fit")
    return pair
