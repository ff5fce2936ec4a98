"""`account_sync` notifications: another own device changed something of the account.

Source: docs/protocol/queries.md, "Other notifications".
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from ...model import AccountChanged, DefaultTimerChanged
from ...stanza.notices import parse_timer
from ...stanza.receipt import ack
from ...wire import Node
from ..work import Work
from .notices import Unread

MAX_CHILDREN = 64
MAX_PUSH_NAME = 100

_KNOWN = frozenset(
    (
        "devices",
        "picture",
        "privacy",
        "category",
        "blocklist",
        "status",
        "text_status",
        "username",
        "disappearing_mode",
    )
)


def account_sync_handler(
    privacy_changed: Callable[[], Coroutine[Any, Any, None]], unread: Unread
) -> Callable[[Work, Node], None]:
    """A handler for notifications of type `account_sync`.

    The block list, the about text, the picture and the default timer are asked for when they are
    wanted, so that they are new is only told.

    Args:
        privacy_changed: called after the commit when privacy settings did.
        unread: takes what nobody knows.
    """

    def handle_account_sync(work: Work, node: Node) -> None:
        tags = list(dict.fromkeys(child.tag for child in node.children()[:MAX_CHILDREN]))
        if "devices" in tags:
            work.store.addresses.forget_devices(work.own.pn.bare)
        if "privacy" in tags or "category" in tags:
            work.later(privacy_changed)
        timer = parse_timer(node)
        if timer is not None:
            work.emit(DefaultTimerChanged(work.own.pn.bare, timer))
        for tag in tags:
            if tag in _KNOWN:
                work.emit(AccountChanged(tag))
        _take_push_name(work, node)
        if not tags or any(tag not in _KNOWN for tag in tags):
            unread.keep(work, node)
        work.reply(ack(node))

    return handle_account_sync


def _take_push_name(work: Work, node: Node) -> None:
    """The own name as another device has changed it."""
    name = (node.get("pushname") or "").strip()
    credentials = work.store.devices.get()
    if credentials is None or not 0 < len(name) <= MAX_PUSH_NAME or not name.isprintable():
        return
    if name != credentials.push_name:
        work.store.devices.save(replace(credentials, push_name=name))
        work.emit(AccountChanged("pushname"))
