"""Notifications that answer our requests for a file (type `mediaretry`).

Source: docs/protocol/messages.md, "Media retry".
"""

from __future__ import annotations

from ...stanza.media import parse_media_retry
from ...wire import Node
from ..media_retries import MediaRetries
from ..work import Work


def handle_media_retry(work: Work, node: Node, retries: MediaRetries) -> None:
    """Wake whoever waits for this file, once the notification is settled; the caller acks it.

    Raises:
        StanzaError: the notification says not what it is about, or nothing about it.
    """
    answer = parse_media_retry(node)

    async def resolve() -> None:
        retries.resolve(answer)

    work.later(resolve)
