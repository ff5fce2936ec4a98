"""Chats."""

from __future__ import annotations

from typing import Annotated, Final

from ...events import message_json, stanza_id
from ...model import Message
from ...wire import Jid
from ..deps import ConnectedClient, body_of
from ..ports import ClientPort
from ..routes import Routes
from ..schemas.chat import FetchMessagesRequest, MessagesAnswer, SearchOptions

routes = Routes("Chat")

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 500
MAX_SEARCHED: Final = 20_000
"""Stored messages that one search looks at; an endless limit ends there."""


@routes.post("/chat/fetchMessages/{sessionId}")
async def fetch_messages(
    client: ConnectedClient,
    body: Annotated[FetchMessagesRequest, body_of(FetchMessagesRequest)],
) -> MessagesAnswer:
    """Read the stored messages of a chat."""
    messages: list[Message]
    if body.search is not None and body.limit is None and body.before is None:
        messages = await _search(client, body.chat, body.search)
        messages.reverse()
    else:
        limit = min(max(body.limit or DEFAULT_LIMIT, 1), MAX_LIMIT)
        before = None if body.before is None else stanza_id(body.before)
        messages = list(await client.fetch_messages(body.chat, limit, before))
    own = client.own_jid
    return {"success": True, "messages": [message_json(message, own) for message in messages]}


async def _search(client: ClientPort, chat: Jid, options: SearchOptions) -> list[Message]:
    """The newest messages that fit, newest first."""
    limit = options.limit if options.limit is not None and options.limit > 0 else MAX_SEARCHED
    found: list[Message] = []
    before: str | None = None
    looked_at = 0
    while looked_at < MAX_SEARCHED:
        page = await client.fetch_messages(chat, MAX_LIMIT, before)
        for message in page:
            if options.fits(message):
                found.append(message)
                if len(found) == limit:
                    return found
        looked_at += len(page)
        if len(page) < MAX_LIMIT or page[-1].key.id == before:
            break
        before = page[-1].key.id
    return found
