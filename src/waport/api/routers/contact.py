"""One person: what they show, and whether they are blocked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

from ...model import About
from ..addresses import is_reachable
from ..contact_list import shown_or_none
from ..deps import ConnectedClient, request_body
from ..people import blockable, numbered, picture_url
from ..routes import Routes
from ..schemas.contact import (
    AboutAnswer,
    ChangedAnswer,
    ContactIdRequest,
    CountryCodeAnswer,
    FormattedNumberAnswer,
    IsBlockedAnswer,
    PictureUrlAnswer,
)
from ..schemas.group import CommonGroupsAnswer
from .client_chats import common_groups

routes = Routes("Contact")

_UNKNOWN: Final = ((404, "contact_not_found"),)

Body = Annotated[ContactIdRequest, request_body(ContactIdRequest)]


@routes.post("/contact/getAbout/{sessionId}")
async def get_about(client: ConnectedClient, body: Body) -> AboutAnswer:
    """Get somebody's about text."""
    about = None
    if body.contact.is_user and is_reachable(body.contact):
        about = await shown_or_none(client.contacts.about(body.contact))
    text = None if about is None else about.text
    return {"success": True, "about": text, "setAt": _set_at(about), "result": text}


@routes.post("/contact/getProfilePicUrl/{sessionId}")
async def get_contact_profile_pic_url(client: ConnectedClient, body: Body) -> PictureUrlAnswer:
    """Get where somebody's picture can be fetched."""
    url = await shown_or_none(picture_url(client, body.contact))
    return {"success": True, "profilePicUrl": url, "result": url}


@routes.post("/contact/block/{sessionId}", errors=_UNKNOWN)
async def block(client: ConnectedClient, body: Body) -> ChangedAnswer:
    """Block somebody: what they send arrives no more."""
    with blockable(body.contact):
        await client.contacts.block(body.contact)
    return {"success": True, "message": "Contact blocked", "result": True}


@routes.post("/contact/unblock/{sessionId}", errors=_UNKNOWN)
async def unblock(client: ConnectedClient, body: Body) -> ChangedAnswer:
    """Block somebody no longer."""
    with blockable(body.contact):
        await client.contacts.unblock(body.contact)
    return {"success": True, "message": "Contact unblocked", "result": True}


@routes.post("/contact/isBlocked/{sessionId}")
async def is_blocked(client: ConnectedClient, body: Body) -> IsBlockedAnswer:
    """Tell whether somebody is blocked, by number or by hidden id."""
    may_be = body.contact.is_user and is_reachable(body.contact)
    found = may_be and await client.contacts.is_blocked(body.contact)
    return {"success": True, "isBlocked": found}


@routes.post("/contact/getCommonGroups/{sessionId}")
async def get_contact_common_groups(client: ConnectedClient, body: Body) -> CommonGroupsAnswer:
    """List the groups in which both the account and a contact are."""
    return await common_groups(client, body.contact)


@routes.post("/contact/getFormattedNumber/{sessionId}")
async def get_formatted_number(client: ConnectedClient, body: Body) -> FormattedNumberAnswer:
    """Write somebody's number: its digits alone, and as its country does."""
    with numbered(body.contact, "contactId"):
        text = await client.contacts.formatted_number(body.contact)
    digits = "".join(char for char in text if char.isdigit())
    return {"success": True, "formattedNumber": f"+{digits}", "result": text}


@routes.post("/contact/getCountryCode/{sessionId}")
async def get_country_code(client: ConnectedClient, body: Body) -> CountryCodeAnswer:
    """Get the country code of somebody's number."""
    with numbered(body.contact, "contactId"):
        code = await client.contacts.country_code(body.contact)
    return {"success": True, "countryCode": code, "result": code}


def _set_at(about: About | None) -> str | None:
    if about is None or not about.set_at:
        return None
    moment = datetime.fromtimestamp(about.set_at, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
