"""What tells of the app state: notifications, the phone's keys, and who asks for ours."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ...appstate import read_key_request, read_key_share
from ...proto import pb
from ...stanza.appstate import parse_server_sync
from ...stanza.message import IncomingMessage
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
        keys = work.store.sync_keys
        for key in found.keys:
            if not keys.put(key):
                log.warning("two different app-state keys have one id")
        for key_id in keys.missing(found.unknown):
            keys.put_request(
                key_id,
                replace(
                    keys.request(key_id),
                    is_unknown=True,
                    first_at=keys.request(key_id).first_at or work.now,
                ),
            )
        if found.unknown or found.unusable:
            log.warning(
                "of the app-state keys %d are unknown to the phone, and %d cannot be used",
                len(found.unknown),
                found.unusable,
            )
        if found.keys or found.unknown:
            work.later(keys_shared)

    return handle_key_share


Answer = Callable[[int, Sequence[bytes]], Coroutine[Any, Any, None]]
"""Gives an own device, by its number, the keys of some ids."""


def key_request_handler(
    answer: Answer,
) -> Callable[[Work, IncomingMessage, pb.AppStateSyncKeyRequest], None]:
    """A handler for another own device that asks for keys.

    Args:
        answer: gives them, after the commit; who gets no answer asks again.

    Source: docs/protocol/app-state.md, "Sync keys".
    """

    def handle_key_request(
        work: Work, incoming: IncomingMessage, request: pb.AppStateSyncKeyRequest
    ) -> None:
        wanted = read_key_request(request)
        device = incoming.sender.device
        if wanted and device != work.own.pn.device:
            work.later(partial(answer, device, wanted))

    return handle_key_request
