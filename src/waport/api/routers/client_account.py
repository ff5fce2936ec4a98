"""The account itself: who it is, what it shows, its labels."""

from __future__ import annotations

from typing import Annotated

from ...client.features.settings import MAX_NAME
from ...errors import ConnectionClosed
from ...events import id_json, jid_text, label_json
from ...stanza.profile import MAX_ABOUT
from ...wire import Jid
from ..deps import ConnectedClient, request_body
from ..errors import HttpError, InvalidRequest
from ..ports import ClientPort
from ..recipients import check_heard
from ..routes import Routes
from ..schemas.common import MessageAnswer, done
from ..schemas.contact import (
    AllLabelsAnswer,
    ChangedAnswer,
    ClientInfoAnswer,
    ClientInfoJson,
    SendPresenceUpdateRequest,
    SetDisplayNameRequest,
    SetStatusRequest,
)

routes = Routes("Client")


@routes.post("/client/getInfo/{sessionId}", errors=((404, "Client info not available"),))
async def get_client_info(client: ConnectedClient) -> ClientInfoAnswer:
    """Tell whose account it is."""
    return {"success": True, "info": await client_info(client)}


async def client_info(client: ClientPort) -> ClientInfoJson:
    """The account.

    Raises:
        HttpError: 404, it was unlinked meanwhile.
    """
    try:
        own = await client.profile.own()
    except ConnectionClosed as exc:
        raise HttpError(404, None, "Client info not available") from exc
    wid = id_json(own.jid)
    shape: ClientInfoJson = {
        "pushname": own.push_name,
        "wid": wid,
        "me": wid,
        "platform": own.platform,
    }
    if own.lid is not None:
        shape["lid"] = jid_text(own.lid)
    return shape


@routes.post("/client/getLabels/{sessionId}")
async def get_labels(client: ConnectedClient) -> AllLabelsAnswer:
    """List the labels that there are."""
    labels = await client.settings.labels()
    return {"success": True, "labels": [label_json(label) for label in labels]}


@routes.post("/client/setStatus/{sessionId}")
async def set_status(
    client: ConnectedClient,
    body: Annotated[SetStatusRequest, request_body(SetStatusRequest)],
) -> MessageAnswer:
    """Set the about text."""
    if len(body.status) > MAX_ABOUT:
        raise InvalidRequest(f"status must be a string of at most {MAX_ABOUT} characters")
    await client.profile.set_about(body.status)
    return done("Status updated")


@routes.post("/client/setDisplayName/{sessionId}")
async def set_display_name(
    client: ConnectedClient,
    body: Annotated[SetDisplayNameRequest, request_body(SetDisplayNameRequest)],
) -> ChangedAnswer:
    """Set the name that others see."""
    if not 1 <= len(body.name.strip()) <= MAX_NAME:
        raise InvalidRequest(f"displayName must be a string of 1 to {MAX_NAME} characters")
    await client.settings.set_push_name(body.name)
    return {"success": True, "message": "Display name updated", "result": True}


@routes.post("/client/sendPresenceUpdate/{sessionId}")
async def send_presence_update(
    client: ConnectedClient,
    body: Annotated[SendPresenceUpdateRequest, request_body(SendPresenceUpdateRequest)],
) -> MessageAnswer:
    """Be online or offline, or show in a chat that the account types or records."""
    await show_presence(client, body.presence, body.chat)
    return done("Presence updated")


async def show_presence(client: ClientPort, word: str, chat: Jid | None) -> None:
    """Show what the account does; what is done in no chat is shown to nobody.

    Raises:
        HttpError, InvalidRequest: it is no chat whose people see that.
        WhatsAppError: there is no connection.
    """
    if word == "available":
        await client.presence.available()
    elif word == "unavailable":
        await client.presence.unavailable()
    elif chat is not None:
        check_heard(chat, "chatId")
        show = getattr(client.presence, word)
        await show(chat)
