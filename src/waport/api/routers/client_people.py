"""The people of an account, and whom it blocks."""

from __future__ import annotations

from typing import Annotated, Final

from starlette.responses import Response

from ...events import id_json
from ..contact_list import known_contacts, one_contact, shaper, shown_or_none
from ..cursors import page_of_contacts, page_size
from ..deps import ConnectedClient, request_body
from ..list_answer import ListAnswer
from ..people import blockable, number_jid, picture_url
from ..routes import Routes
from ..schemas.chat import ContactAnswer
from ..schemas.contact import (
    BlockedContactsAnswer,
    ChangedAnswer,
    ContactIdRequest,
    ContactsAnswer,
    GetContactsRequest,
    NumberIdAnswer,
    NumberRequest,
    PictureUrlAnswer,
    RegisteredAnswer,
    RegisteredUserRequest,
)

routes = Routes("Client")

_UNKNOWN: Final = ((404, "contact_not_found"),)

Body = Annotated[ContactIdRequest, request_body(ContactIdRequest)]


@routes.post("/client/getContacts/{sessionId}", answer=ContactsAnswer)
async def get_contacts(
    client: ConnectedClient,
    body: Annotated[GetContactsRequest, request_body(GetContactsRequest)],
) -> Response:
    """List everybody who is known."""
    contacts = await client.contacts.all()
    listed = sorted(
        (each for each in contacts if each.jid.is_user or each.jid.is_newsletter),
        key=lambda each: each.jid.user,
    )
    if body.limit is None and body.cursor is None:
        return ListAnswer("contacts", listed, await shaper(client))
    page, following = page_of_contacts(listed, body.cursor or "", page_size(body.limit))
    return ListAnswer("contacts", page, await shaper(client)).page(following)


@routes.post("/client/getContactById/{sessionId}", errors=_UNKNOWN)
async def get_contact_by_id(client: ConnectedClient, body: Body) -> ContactAnswer:
    """Get a person, group or channel; strangers are asked for."""
    return {"success": True, "contact": await one_contact(client, body.contact)}


@routes.post("/client/isRegisteredUser/{sessionId}")
async def is_registered_user(
    client: ConnectedClient,
    body: Annotated[RegisteredUserRequest, request_body(RegisteredUserRequest)],
) -> RegisteredAnswer:
    """Tell whether a number has an account."""
    found = body.contact.is_user and await client.contacts.is_registered(body.contact)
    return {"success": True, "isRegistered": found, "result": found}


@routes.post("/client/getNumberId/{sessionId}")
async def get_number_id(
    client: ConnectedClient,
    body: Annotated[NumberRequest, request_body(NumberRequest)],
) -> NumberIdAnswer:
    """Get the id of a number's account."""
    asked = number_jid(body.number)
    jid = None if asked is None else await client.contacts.number_id(asked)
    shape = None if jid is None else id_json(jid)
    return {"success": True, "numberId": shape, "result": shape}


@routes.post("/client/getProfilePicUrl/{sessionId}")
async def get_profile_pic_url(client: ConnectedClient, body: Body) -> PictureUrlAnswer:
    """Get where somebody's picture can be fetched."""
    url = await shown_or_none(picture_url(client, body.contact))
    return {"success": True, "profilePicUrl": url, "result": url}


@routes.post("/client/getBlockedContacts/{sessionId}")
async def get_blocked_contacts(client: ConnectedClient) -> BlockedContactsAnswer:
    """List who is blocked."""
    people = [user.jid for user in await client.contacts.blocked()]
    return {"success": True, "blockedContacts": await known_contacts(client, people)}


@routes.post("/client/blockContact/{sessionId}", errors=_UNKNOWN)
async def block_contact(client: ConnectedClient, body: Body) -> ChangedAnswer:
    """Block somebody: what they send arrives no more."""
    with blockable(body.contact):
        await client.contacts.block(body.contact)
    return {"success": True, "message": "Contact blocked", "result": True}


@routes.post("/client/unblockContact/{sessionId}", errors=_UNKNOWN)
async def unblock_contact(client: ConnectedClient, body: Body) -> ChangedAnswer:
    """Block somebody no longer."""
    with blockable(body.contact):
        await client.contacts.unblock(body.contact)
    return {"success": True, "message": "Contact unblocked", "result": True}
