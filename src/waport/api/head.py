"""The head of a request: what is decided from before a byte of the body is read."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_to_bytes

_SINGLE: Final = frozenset(
    {
        b"host",
        b"content-type",
        b"content-length",
        b"content-encoding",
        b"transfer-encoding",
        b"expect",
        b"origin",
        b"sec-fetch-site",
        b"access-control-request-method",
        b"access-control-request-headers",
        b"x-forwarded-for",
        b"x-forwarded-proto",
    }
)


@dataclass(slots=True)
class RequestHead:
    """The headers that matter to the HTTP layer.

    Attributes:
        keys: every `x-api-key` header.
        repeat_keys: every `idempotency-key` header.
        values: the other headers of interest; of a repeated one the last counts.
    """

    keys: list[bytes] = field(default_factory=list)
    repeat_keys: list[bytes] = field(default_factory=list)
    values: dict[bytes, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]]) -> RequestHead:
        """Pick the headers of interest; their names are in lower case already."""
        head = cls()
        for name, value in headers:
            if name == b"x-api-key":
                head.keys.append(value)
            elif name == b"idempotency-key":
                head.repeat_keys.append(value)
            elif name in _SINGLE:
                head.values[name] = value
        return head

    def text(self, name: bytes) -> str:
        """A header as text, without blanks around it; empty when absent."""
        return self.values.get(name, b"").decode("latin-1").strip()

    @property
    def has_body(self) -> bool:
        """Whether the request announces a body, be it an empty one."""
        return b"transfer-encoding" in self.values or b"content-length" in self.values

    @property
    def content_length(self) -> int | None:
        """The announced length; None when there is none or it is unreadable."""
        text = self.text(b"content-length")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def keys_match(given: bytes, expected: str) -> bool:
    """Compare keys as bytes, in a time that tells nothing."""
    return hmac.compare_digest(given, expected.encode())


def decode_segment(raw: str) -> str | None:
    """A path segment without its percent-encoding; None if that is broken or no UTF-8."""
    if "%" not in raw:
        return raw
    for start, char in enumerate(raw):
        if char == "%" and not _is_hex(raw[start + 1 : start + 3]):
            return None
    try:
        return unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        return None


def _is_hex(text: str) -> bool:
    return len(text) == 2 and all(char in "0123456789abcdefABCDEF" for char in text)
