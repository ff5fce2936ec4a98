"""What only the older server has, about the account."""

from __future__ import annotations

from typing import Annotated, Final

from ...errors import NotFound
from ...events import jid_text
from ..addresses import NOBODY, is_reachable
from ..chat_list import one_chat
from ..deps import ConnectedClient, SessionId, Sessions, request_body
from ..errors import contact_not_found
from ..list_answer import ListAnswer
from ..message_list import messages_answer
from ..message_names import find_message
from ..picture_field import picture_source, showing_picture
from ..routes import Routes
from ..schemas.chat import ChatIdRequest, MessagesAnswer
from ..schemas.common import SuccessEnvelope
from ..schemas.extras import (
    AddressesAnswer,
    AddressesJson,
    CountAnswer,
    MessageIdRequest,
    ResultAnswer,
    SearchMessagesRequest,
    SetProfilePictureRequest,
    UserIdRequest,
    UserIdsRequest,
    VersionAnswer,
)
from ..search import search_messages

routes = Routes("Client")

_MAX_FOUND: Final = 500
_DONE: Final[SuccessEnvelope] = {"success": True}


@routes.get("/client/getWWebVersion/{sessionId}")
async def get_web_version(client: ConnectedClient, sessions: Sessions) -> VersionAnswer:
    """Tell the version of WhatsApp Web that this server claims to be."""
    return {"success": True, "result": await sessions.web_version()}


@routes.post("/client/resetState/{sessionId}")
async def reset_state(
    client: ConnectedClient, session_id: SessionId, sessions: Sessions
) -> SuccessEnvelope:
    """Close the connection, and open it anew."""
    await sessions.restart(session_id)
    return _DONE


# --- pictures ------------------------------------------------------------------------------------


@routes.post("/client/setProfilePicture/{sessionId}", takes_file=True)
async def set_profile_picture(
    client: ConnectedClient,
    body: Annotated[SetProfilePictureRequest, request_body(SetProfilePictureRequest)],
) -> ResultAnswer:
    """Give the account a picture."""
    source = await picture_source(body.checked, "pictureData")
    with showing_picture("pictureData"):
        await client.profile.set_picture(source)
    return {"success": True, "result": True}


@routes.delete("/client/deleteProfilePicture/{sessionId}")
async def delete_profile_picture(client: ConnectedClient) -> ResultAnswer:
    """Take the picture of the account away."""
    await client.profile.remove_picture()
    return {"success": True, "result": True}


# --- people --------------------------------------------------------------------------------------


@routes.post("/client/getContactDeviceCount/{sessionId}", errors=((404, "contact_not_found"),))
async def get_contact_device_count(
    client: ConnectedClient,
    body: Annotated[UserIdRequest, request_body(UserIdRequest)],
) -> CountAnswer:
    """Count the devices of a person."""
    if not body.user.is_user or not is_reachable(body.user):
        raise contact_not_found()
    try:
        count = await client.contacts.device_count(body.user)
    except NotFound as exc:
        raise contact_not_found() from exc
    return {"success": True, "result": count}


@routes.post("/client/getContactLidAndPhone/{sessionId}")
async def get_contact_lid_and_phone(
    client: ConnectedClient,
    body: Annotated[UserIdsRequest, request_body(UserIdsRequest)],
) -> AddressesAnswer:
    """Tell the hidden ids and numbers of people."""
    people = [jid for jid in body.users if jid.is_user and is_reachable(jid)]
    found = dict(zip(people, await client.contacts.addresses(people), strict=True))
    data: list[AddressesJson] = []
    for jid in body.users:
        pn, lid = found.get(jid, (None, None))
        shape: AddressesJson = {}
        if lid is not None:
            shape["lid"] = jid_text(lid)
        if pn is not None:
            shape["pn"] = jid_text(pn)
        data.append(shape)
    return {"success": True, "data": data}


# --- messages ------------------------------------------------------------------------------------


@routes.post("/client/searchMessages/{sessionId}", answer=MessagesAnswer)
async def search(
    client: ConnectedClient,
    body: Annotated[SearchMessagesRequest, request_body(SearchMessagesRequest)],
) -> ListAnswer:
    """Look for a text in the stored messages, newest first."""
    options = body.options
    limit = min(options.limit, _MAX_FOUND)
    found = await search_messages(
        client, body.query, options.chat, (options.page - 1) * limit, limit
    )
    reacted = await client.messages.reacted(found)
    return messages_answer(found, client.own_jid, reacted)


# --- what a browser would show -------------------------------------------------------------------


@routes.post("/client/openChatWindow/{sessionId}", errors=((404, "chat_not_found"),))
async def open_chat_window(
    client: ConnectedClient,
    body: Annotated[ChatIdRequest, request_body(ChatIdRequest)],
) -> SuccessEnvelope:
    """Check that there is such a chat; there is no window to show it in."""
    await one_chat(client, body.chat)
    return _DONE


@routes.post("/client/openChatWindowAt/{sessionId}", errors=((404, "message_not_found"),))
async def open_chat_window_at(
    client: ConnectedClient,
    body: Annotated[MessageIdRequest, request_body(MessageIdRequest)],
) -> SuccessEnvelope:
    """Check that there is such a message; there is no window to show it in."""
    await find_message(client, NOBODY, body.message_id)
    return _DONE
