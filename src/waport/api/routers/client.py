"""What an account does."""

from __future__ import annotations

from typing import Annotated

from ...errors import NotAuthorized, NotFound
from ...events import message_json
from ...model.contents.limits import MAX_TEXT
from ..addresses import is_reachable
from ..deps import ConnectedClient, request_body
from ..errors import InvalidRequest, contact_not_found, group_not_found
from ..routes import Routes
from ..schemas.client import SendMessageRequest, SentMessageAnswer

routes = Routes("Client")

_MAX_ECHO = 100  # of a content type that nobody knows


@routes.post(
    "/client/sendMessage/{sessionId}",
    errors=((404, "contact_not_found"), (404, "group_not_found")),
)
async def send_message(
    client: ConnectedClient,
    body: Annotated[SendMessageRequest, request_body(SendMessageRequest)],
) -> SentMessageAnswer:
    """Send a message."""
    if body.content_type != "string":
        raise _unsupported(body.content_type)
    text, options = body.text, body.options
    if options.media is not None:
        # The text would be its caption, and nothing is sent rather than half of it.
        raise _unsupported("MessageMedia")
    if len(text) > MAX_TEXT:
        raise InvalidRequest(f"content must be a string of at most {MAX_TEXT} characters")
    if not is_reachable(body.chat):
        raise group_not_found() if body.chat.is_group else contact_not_found()
    try:
        message = await client.send_text(
            body.chat,
            text,
            mentions=[jid for jid in options.mentions if is_reachable(jid)],
            quoted_id=options.quoted_id,
        )
    except (NotFound, NotAuthorized) as exc:
        if body.chat.is_group:
            raise group_not_found() from exc
        if isinstance(exc, NotFound):
            raise contact_not_found() from exc
        raise
    return {"success": True, "message": message_json(message, client.own_jid)}


def _unsupported(content_type: str) -> InvalidRequest:
    return InvalidRequest(f"Unsupported content type: {content_type[:_MAX_ECHO]}")
