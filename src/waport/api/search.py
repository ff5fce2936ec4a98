"""Looking for a text in what is stored, newest messages first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..client.threads import in_thread
from ..events import words_of
from ..model import Message
from ..wire import Jid
from .ports import ClientPort

MAX_LOOKED_AT: Final = 20_000
"""Messages of one search."""
_PAGE: Final = 500


async def search_messages(
    client: ClientPort, text: str, chat: Jid | None, skip: int, limit: int
) -> list[Message]:
    """Messages whose text or caption has a text in it, in any letter case, newest first.

    Args:
        client: whose messages.
        text: what to look for.
        chat: where; None for everywhere.
        skip: how many to leave out first.
        limit: how many at most.
    """
    chats = [chat] if chat is not None else [each.chat.jid for each in await client.chats.all()]
    wanted = text.casefold()
    found: list[Message] = []
    left = MAX_LOOKED_AT
    for where in chats:
        before: str | None = None
        while left > 0:
            page = await client.messages.fetch(where, min(_PAGE, left), before)
            if not page or page[-1].key.id == before:
                break
            left -= len(page)
            found += await in_thread(_fitting, page, wanted)
            before = page[-1].key.id
            if len(page) < _PAGE:
                break
    found.sort(key=lambda message: message.timestamp, reverse=True)
    return found[skip : skip + limit]


def _fitting(page: Sequence[Message], wanted: str) -> list[Message]:
    return [message for message in page if wanted in words_of(message).casefold()]
