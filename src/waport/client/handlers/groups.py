"""Notifications about groups: what changed in them, and which to ask for again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

from ...stanza.group_notices import (
    parse_dirty_groups,
    parse_group_notification,
    parse_group_picture,
)
from ...stanza.receipt import ack
from ...wire import Jid, Node
from ..groups import apply_notice
from ..work import Work

log = logging.getLogger(__name__)

Refetch = Callable[[Jid], Coroutine[Any, Any, None]]
"""Asks for a group's metadata, not at once and not twice at a time."""


def group_notification_handler(
    refetch: Refetch, acknowledge: Refetch
) -> Callable[[Work, Node], None]:
    """A handler for notifications of the types `w:gp2` and `picture`; it acks them.

    Args:
        refetch: called after the commit for groups that have to be asked for.
        acknowledge: called after the commit for new groups of which the server wants to hear that
            we know them.
    """

    def handle_group_notification(work: Work, node: Node) -> None:
        source = node.get_jid("from")
        if node.get("type") == "picture":
            if source is not None and source.is_group:
                _picture(work, node, refetch)
        elif source is not None and source.is_group:
            notice = parse_group_notification(node)
            if apply_notice(work, notice):
                work.later(partial(refetch, notice.group))
            if notice.created is not None and notice.created.needs_ack:
                work.later(partial(acknowledge, notice.group))
        else:
            _dirty(work, node, refetch)
        work.reply(ack(node))

    return handle_group_notification


def _picture(work: Work, node: Node, refetch: Refetch) -> None:
    notice = parse_group_picture(node)
    if notice is None:
        log.debug("a group's picture did not change")
    elif apply_notice(work, notice):
        work.later(partial(refetch, notice.group))


def _dirty(work: Work, node: Node, refetch: Refetch) -> None:
    """The server says that what we know of some groups is old."""
    for jid in parse_dirty_groups(node):
        group = work.store.groups.get(jid)
        if group is not None:
            work.store.groups.put(replace(group, fetched_at=0))
        work.later(partial(refetch, jid))
