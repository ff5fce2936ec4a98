"""Notifications that tell of something or mean nothing here: told, or kept as they came.

Source: docs/protocol/queries.md, "Other notifications".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from ...model import DefaultTimerChanged, NoticeReceived
from ...stanza.notices import parse_timer
from ...stanza.receipt import ack
from ...wire import Node
from ..fanout import canonical
from ..work import Work

log = logging.getLogger(__name__)

MAX_LOGGED_KINDS = 200
"""Kinds of stanzas that are logged; a server that invents them does not fill the log."""

_LIMIT = 64


class Unread:
    """Keeps what nothing here can act on, and says so once for each kind."""

    def __init__(self) -> None:
        self._logged: set[str] = set()

    def keep(self, work: Work, node: Node, kind: str | None = None) -> None:
        """Keep a stanza, and tell it to whoever listens; one that comes again is told no more.

        Args:
            kind: what to call it; the type of a notification if left out.
        """
        kind = kind or node.get("type") or node.tag
        what = tuple(child.tag for child in node.children()[:_LIMIT])
        if work.store.raw_stanzas.add(kind, node, work.now):
            work.emit(NoticeReceived(kind, what, node))
        self.log_once(kind)

    def log_once(self, kind: str) -> None:
        """Say that there is something of this kind, if it was not said before."""
        if kind not in self._logged and len(self._logged) < MAX_LOGGED_KINDS:
            self._logged.add(kind)
            log.info("kept a stanza that means nothing here: %s", kind[:_LIMIT])

    def handle(self, work: Work, node: Node) -> None:
        """A notification of any kind without a handler: kept and acked."""
        self.keep(work, node)
        work.reply(ack(node))


def handle_timer(work: Work, node: Node) -> None:
    """A notification of type `disappearing_mode`: a person gives new chats another timer."""
    timer, source = parse_timer(node), node.get_jid("from")
    if timer is not None and source is not None and (source.is_pn or source.is_lid):
        work.emit(DefaultTimerChanged(canonical(work.store, source), timer))
    work.reply(ack(node))


def registration_handler(unread: Unread) -> Callable[[Work, Node], None]:
    """A handler for `registration`: somebody tries to take the account over, or unlinks devices.

    The end of this link is told by the stream itself.
    """

    def handle_registration(work: Work, node: Node) -> None:
        for child in node.children()[:_LIMIT]:
            log.warning("the account's registration: %s", child.tag[:_LIMIT])
        unread.handle(work, node)

    return handle_registration


def server_handler(
    unread: Unread, properties_changed: Callable[[], Coroutine[Any, Any, None]]
) -> Callable[[Work, Node], None]:
    """A handler for `server`: its properties have changed, or it wants a log, which it gets not.

    Args:
        properties_changed: called after the commit.
    """

    def handle_server(work: Work, node: Node) -> None:
        known = {child.tag for child in node.children()[:_LIMIT]}
        if "abprops" in known:
            work.later(properties_changed)
        if known - {"abprops", "log"} or not known:
            unread.keep(work, node)
        work.reply(ack(node))

    return handle_server
