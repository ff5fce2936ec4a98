"""What an account does."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from ...events import message_json
from .. import outgoing
from ..deps import ConnectedClient, request_body
from ..message_names import find_status
from ..message_status import status_json
from ..routes import Routes
from ..schemas.client import SendMessageRequest, SentMessageAnswer
from ..schemas.message_status import MessageStatusAnswer

routes = Routes("Client")


@routes.post(
    "/client/sendMessage/{sessionId}",
    takes_file=True,
    errors=(
        (404, "contact_not_found"),
        (404, "group_not_found"),
        (404, "chat_not_found"),
        (404, "message_not_found"),
    ),
)
async def send_message(
    client: ConnectedClient,
    body: Annotated[SendMessageRequest, request_body(SendMessageRequest)],
) -> SentMessageAnswer:
    """Send a message."""
    message = await outgoing.send_message(client, body)
    return {"success": True, "message": message_json(message, client.own_jid)}


@routes.get("/client/messageStatus/{sessionId}/{messageId}", errors=((404, "message_not_found"),))
async def get_message_status(
    client: ConnectedClient, message_id: Annotated[str, Path(alias="messageId")]
) -> MessageStatusAnswer:
    """Tell how far an own message has come."""
    return {"success": True, "status": status_json(await find_status(client, message_id))}
