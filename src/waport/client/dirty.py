"""Data that the server calls dirty: fetched anew, and then called clean.

Source: docs/protocol/transport.md, "ib nodes"; docs/protocol/app-state.md, "Dirty bits".
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

from ..stanza.login import CleanDirty
from ..store import Database
from ..wire import Node
from .background import Background
from .devices import forget_own_devices
from .features.privacy import Privacy
from .queries import Queries

log = logging.getLogger(__name__)

Refresh = Callable[[frozenset[str]], Awaitable[object]]
"""Fetches a kind of data anew, or forgets it; gets the tags inside, which narrow it down."""

MAX_WAITING = 32

_LATE = frozenset(("groups", "communities", "newsletter_metadata"))
"""Kinds that wait until the backlog is through, since that may tell of them, too."""


def refreshers(
    account: Refresh,
    fetch_app_state: Callable[[], Awaitable[object]],
    list_groups: Callable[[], Awaitable[object]],
    list_channels: Callable[[], Awaitable[object]],
) -> Mapping[str, Refresh]:
    """What is done about each kind."""
    return {
        "account_sync": account,
        "syncd_app_state": lambda _: fetch_app_state(),
        "groups": lambda _: list_groups(),
        "communities": lambda _: list_groups(),
        "newsletter_metadata": lambda _: list_channels(),
    }


def account_refresher(database: Database, session_id: str, privacy: Privacy) -> Refresh:
    """What is done about `account_sync`: the own devices and the privacy settings are forgotten.

    All else of the account is asked for whenever it is wanted.
    """

    async def refresh(parts: frozenset[str]) -> None:
        if not parts or "devices" in parts:
            await database.write(session_id, forget_own_devices)
        if not parts or "privacy" in parts:
            await privacy.on_changed()

    return refresh


class DirtyData:
    """What is dirty on the present connection.

    The server repeats a bit at each login until it is clean, so one that fails comes again.

    Args:
        refresh: by kind. A kind that is not here is called clean at once.
    """

    def __init__(
        self,
        queries: Queries,
        background: Background,
        refresh: Mapping[str, Refresh],
    ) -> None:
        self._queries = queries
        self._background = background
        self._refresh = refresh
        self._is_live = False
        self._waiting: list[Node] = []

    def begin(self) -> None:
        """A new login: the backlog is still to come."""
        self._is_live = False
        self._waiting.clear()

    def live(self) -> None:
        """The backlog is through."""
        self._is_live = True
        waiting, self._waiting = self._waiting, []
        for node in waiting:
            self._spawn(node)

    def take(self, node: Node) -> None:
        """A `<dirty>`; one without a kind or a time is ignored."""
        timestamp = node.get("timestamp") or ""
        if not node.get("type") or not (timestamp.isascii() and timestamp.isdigit()):
            return
        if self._is_live or node.get("type") not in _LATE:
            self._spawn(node)
        elif len(self._waiting) < MAX_WAITING:
            self._waiting.append(node)

    def _spawn(self, node: Node) -> None:
        self._background.spawn(self._clean(node), "dirty data")

    async def _clean(self, node: Node) -> None:
        kind = node.attr("type")
        refresh = self._refresh.get(kind)
        if refresh is None:
            log.info("nothing is kept of what the server calls dirty: %s", kind[:64])
        else:
            await refresh(frozenset(child.tag for child in node.children()))
        await self._queries.run(CleanDirty(kind, node.attr("timestamp")))
