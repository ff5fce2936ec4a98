"""Chats."""

from __future__ import annotations

from typing import Annotated, Final

from starlette.responses import Response

from ...events import stanza_id
from ...model import Message
from ...wire import Jid
from ..deps import ConnectedClient, request_body
from ..message_list import messages_answer
from ..ports import ClientPort
from ..routes import Routes
from ..schemas.chat import MAX_SEARCHED, FetchMessagesRequest, MessagesAnswer, SearchOptions

routes = Routes("Chat")

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 500
"""Messages of one answer, and of one page of a search."""


@routes.post("/chat/fetchMessages/{sessionId}", answer=MessagesAnswer)
async def fetch_messages(
    client: ConnectedClient,
    body: Annotated[FetchMessagesRequest, request_body(FetchMessagesRequest)],
) -> Response:
    """Read the stored messages of a chat."""
    messages: list[Message]
    if body.search is not None and body.limit is None and body.before is None:
        messages = await _search(client, body.chat, body.search)
        messages.reverse()
    else:
        limit = min(max(body.limit or DEFAULT_LIMIT, 1), MAX_LIMIT)
        before = None if body.before is None else stanza_id(body.before)
        messages = list(await client.messages.fetch(body.chat, limit, before))
    reacted = await client.messages.reacted(messages)
    return await messages_answer(messages, client.own_jid, reacted)


async def _search(client: ClientPort, chat: Jid, options: SearchOptions) -> list[Message]:
    """The newest messages that fit, newest first; reads no further back than it must."""
    wanted = options.wanted
    found: list[Message] = []
    before: str | None = None
    looked_at = 0
    while looked_at < MAX_SEARCHED:
        # Without filters every message fits: no more is read than is asked for.
        left = MAX_SEARCHED if options.has_filters else wanted - len(found)
        size = min(left, MAX_SEARCHED - looked_at, MAX_LIMIT)
        page = await client.messages.fetch(chat, size, before)
        for message in page:
            if options.is_past(message):
                return found
            if options.fits(message):
                found.append(message)
                if len(found) == wanted:
                    return found
        looked_at += len(page)
        if len(page) < size or page[-1].key.id == before:
            break
        before = page[-1].key.id
    return found
