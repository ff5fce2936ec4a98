"""What tells of the app state: notifications, and the phone's keys."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ...appstate import read_key_share
from ...proto import pb
from ...stanza.appstate import parse_server_sync
from ...stanza.receipt import ack
from ...wire import Node
from ..work import FollowUp, Work

log = logging.getLogger(__name__)


def server_sync_handler(refresh: FollowUp) -> Callable[[Work, Node], None]:
    """A handler for `<notification type="server_sync">`.

    Args:
        refresh: fetches what is new.

    Source: docs/protocol/app-state.md, "The sync IQ".
    """

    def handle_server_sync(work: Work, node: Node) -> None:
        is_news = False
        for change in parse_server_sync(node):
            stored = work.store.app_state.collection(change.collection)
            if change.version is None or change.version > stored.state.version:
                work.store.app_state.note_news(change.collection)
                is_news = True
        if is_news:
            work.later(refresh)
        work.reply(ack(node))

    return handle_server_sync


def key_share_handler(keys_shared: FollowUp) -> Callable[[Work, pb.AppStateSyncKeyShare], None]:
    """A handler for keys that an own device shares; each is sent once, so that it must be kept.

    Args:
        keys_shared: goes on with what waited for keys.

    Source: docs/protocol/app-state.md, "Sync keys".
    """

    def handle_key_share(work: Work, share: pb.AppStateSyncKeyShare) -> None:
        found = read_key_share(share)
        for key in found.keys:
            work.store.app_state.put_key(key.id, key.data, key.timestamp_ms)
        if found.unknown or found.unusable:
            log.warning(
                "of the app-state keys %d are unknown to the phone, and %d cannot be used",
                len(found.unknown),
                found.unusable,
            )
        if found.keys:
            work.later(keys_shared)

    return handle_key_share
