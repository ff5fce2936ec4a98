"""Who may call when there is no key: this machine's own programs and pages.

Listening on loopback is not enough. A browser on this machine carries out what any page asks of
it: that page's scripts and pictures can reach loopback, under a name of the page's own (DNS
rebinding) even as if from the same site. What the browser says of the request tells them apart.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from ..config import Settings, is_loopback
from ..events import Closing
from .head import RequestHead

FORBIDDEN: Final = Closing(1008, "Forbidden host or origin")
"""How an event socket from elsewhere is closed."""


class LocalCallers:
    """Tells requests that were made on purpose on this machine.

    Args:
        origins: pages from elsewhere that may call too. "*" counts for nothing here: it would
            give the accounts to every page.
    """

    def __init__(self, origins: tuple[str, ...]) -> None:
        self._origins = frozenset(origin.encode("latin-1", "replace") for origin in origins) - {
            b"*"
        }

    def admits(self, head: RequestHead, *, changes_state: bool) -> bool:
        """Whether to let a request in.

        Args:
            changes_state: even pictures and links of other sites, which say no origin, must not
                ask for it.
        """
        if not _is_local(head.values.get(b"host", b"")):
            return False
        origin = head.values.get(b"origin")
        if origin is not None:
            return origin in self._origins or _is_local_origin(origin)
        return not (changes_state and head.values.get(b"sec-fetch-site") == b"cross-site")


def local_callers(settings: Settings) -> LocalCallers | None:
    """The rule for this server; None when a key or the operator's word stands in for it."""
    if settings.api_key or settings.allow_unauthenticated:
        return None
    return LocalCallers(settings.allowed_origins)


def _is_local_origin(origin: bytes) -> bool:
    scheme, mark, rest = origin.partition(b"://")
    return mark != b"" and scheme in (b"http", b"https") and _is_local(rest)


@lru_cache(maxsize=256)
def _is_local(address: bytes) -> bool:
    """Whether `host` or `host:port` is loopback."""
    text = address.decode("latin-1").strip()
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        if not bracket or ":" not in host:
            return False
        has_port = port.startswith(":")
        port = port[1:] if has_port else port
        return is_loopback(host) and (port.isdigit() if has_port else not port)
    host, colon, port = text.partition(":")
    return is_loopback(host) and (port.isdigit() if colon else True)
