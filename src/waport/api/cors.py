"""Cross-origin requests: off, unless the operator names the origins that may make them."""

from __future__ import annotations

from typing import Final

from .envelope import RawHeaders
from .head import RequestHead

METHODS: Final = b"GET,HEAD,POST,PATCH,DELETE"
MAX_AGE_S: Final = b"600"

_HEADERS: Final = b"x-api-key, content-type, idempotency-key"
_EXPOSED: Final = (b"access-control-expose-headers", b"idempotent-replayed")


class CrossOrigin:
    """Answers browsers on other sites.

    Args:
        origins: those that may call; "*" allows all, but then without credentials.
    """

    def __init__(self, origins: tuple[str, ...]) -> None:
        self._origins = frozenset(origin.encode("latin-1", "replace") for origin in origins)
        self._allows_all = b"*" in self._origins

    @property
    def is_on(self) -> bool:
        """Whether any origin may call."""
        return bool(self._origins)

    def headers(self, head: RequestHead) -> RawHeaders:
        """What every answer to this request carries besides; empty for foreign origins."""
        if not self._origins:
            return []
        origin = head.values.get(b"origin")
        if origin is None:
            return [(b"vary", b"Origin")]
        if origin in self._origins:
            return [
                (b"access-control-allow-origin", origin),
                (b"access-control-allow-credentials", b"true"),
                _EXPOSED,
                (b"vary", b"Origin"),
            ]
        if self._allows_all:
            return [(b"access-control-allow-origin", b"*"), _EXPOSED]
        return [(b"vary", b"Origin")]

    def preflight(self, method: str, head: RequestHead) -> RawHeaders | None:
        """The headers that answer a preflight; None if this is none from an allowed origin."""
        if method != "OPTIONS" or b"access-control-request-method" not in head.values:
            return None
        allowed = self.headers(head)
        if not any(name == b"access-control-allow-origin" for name, _ in allowed):
            return None
        asked = head.values.get(b"access-control-request-headers", _HEADERS)
        return [
            *allowed,
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", asked),
            (b"access-control-max-age", MAX_AGE_S),
        ]
