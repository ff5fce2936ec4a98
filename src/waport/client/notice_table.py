"""Which notification goes where: the table of one client.

Source: docs/protocol/queries.md, "Other notifications".
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from ..stanza.receipt import ack
from ..wire import Jid, Node
from .handlers.account_sync import account_sync_handler
from .handlers.app_state import server_sync_handler
from .handlers.business import handle_business
from .handlers.contacts import handle_about, handle_contacts, picture_handler
from .handlers.media_retry import handle_media_retry
from .handlers.newsletters import handle_post_notification, mex_handler
from .handlers.notices import Unread, handle_timer, registration_handler, server_handler
from .handlers.notification import Handler
from .handlers.tokens import handle_privacy_token
from .media_retries import MediaRetries
from .work import Work

Refresh = Callable[[], Coroutine[Any, Any, None]]


def notification_table(
    unread: Unread,
    *,
    of_groups: Handler,
    retries: MediaRetries,
    privacy_changed: Refresh,
    properties_changed: Refresh,
    refresh_app_state: Refresh,
    refetch_channel: Callable[[Jid], Coroutine[Any, Any, None]],
) -> Mapping[str, Handler]:
    """The handlers by type; `devices` and `encrypt` are the notification handler's own."""

    def media_retry(work: Work, node: Node) -> None:
        handle_media_retry(work, node, retries)
        work.reply(ack(node))

    return {
        "account_sync": account_sync_handler(privacy_changed, unread),
        "business": handle_business,
        "contacts": handle_contacts,
        "disappearing_mode": handle_timer,
        "mediaretry": media_retry,
        "mex": mex_handler(refetch_channel),
        "newsletter": handle_post_notification,
        "picture": picture_handler(of_groups),
        "privacy_token": handle_privacy_token,
        "registration": registration_handler(unread),
        "server": server_handler(unread, properties_changed),
        "server_sync": server_sync_handler(refresh_app_state),
        "status": handle_about,
        "w:gp2": of_groups,
    }
