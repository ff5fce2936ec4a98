"""What an account does."""

from __future__ import annotations

from typing import Annotated

from ...errors import InvalidInput, NotAuthorized, NotFound
from ...events import message_json
from ..addresses import is_reachable
from ..deps import ConnectedClient, body_of
from ..errors import contact_not_found, group_not_found
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
    body: Annotated[SendMessageRequest, body_of(SendMessageRequest)],
) -> SentMessageAnswer:
    """Send a message."""
    if body.content_type != "string":
        raise InvalidInput(f"Unsupported content type: {body.content_type[:_MAX_ECHO]}")
    text, options = body.text, body.options
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
