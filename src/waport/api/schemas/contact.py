"""People, and what the account shows of itself."""

from __future__ import annotations

from typing import Final, Literal, NotRequired

from typing_extensions import TypedDict

from ...events import ContactJson, IdJson, LabelJson
from ...wire import Jid
from ..errors import InvalidRequest
from ..fields import Kind, body, optional, required
from ..kinds import ADDRESS, INTEGER, PHONE_NUMBER, TEXT
from .common import CURSOR_NOTE, MessageAnswer, PageEnvelope, SuccessEnvelope

_SOMEBODY: Final = "15551234567@c.us"


@body
class ContactIdRequest:
    """Who."""

    contact: Jid = required("contactId", ADDRESS, example=_SOMEBODY)


@body
class RegisteredUserRequest:
    """Of whom to tell whether they have an account."""

    contact: Jid = required("contactId", ADDRESS, also=("number",), example=_SOMEBODY)


@body
class NumberRequest:
    """A phone number with its country code, or an id."""

    number: str = required("number", PHONE_NUMBER, example="15551234567")


@body
class SetStatusRequest:
    """The about text of the account."""

    status: str = required("status", TEXT, example="Busy")


@body
class SetDisplayNameRequest:
    """The name that others see."""

    name: str = required("displayName", TEXT, example="Shop")


PRESENCES: Final = ("available", "unavailable", "composing", "recording", "paused")


def _presence(value: object, name: str) -> str:
    word = TEXT.read(value, name)
    if word not in PRESENCES:
        raise InvalidRequest(f"{name} must be one of {', '.join(PRESENCES)}")
    return word


@body
class SendPresenceUpdateRequest:
    """What others see the account do."""

    presence: str = required(
        "presence", Kind(_presence, {"type": "string", "enum": list(PRESENCES)})
    )
    chat: Jid | None = optional(
        "chatId",
        ADDRESS,
        default=None,
        note="Where it types or records; without it nobody sees that.",
    )


@body
class GetContactsRequest:
    """Which people are listed; all of them when left out."""

    limit: int | None = optional("limit", INTEGER, default=None, note="Of a page: 1 to 500.")
    cursor: str | None = optional("cursor", TEXT, default=None, note=CURSOR_NOTE)


class ContactsAnswer(PageEnvelope, TypedDict):
    """People, by number."""

    contacts: list[ContactJson]


class RegisteredAnswer(SuccessEnvelope, TypedDict):
    """Whether there is an account, under both its names."""

    isRegistered: bool
    result: bool


class NumberIdAnswer(SuccessEnvelope, TypedDict):
    """The account of a number, under both its names; null when it has none."""

    numberId: IdJson | None
    result: IdJson | None


class PictureUrlAnswer(SuccessEnvelope, TypedDict):
    """Where a picture can be fetched for some time; null when there is none to be seen."""

    profilePicUrl: str | None
    result: str | None


class BlockedContactsAnswer(SuccessEnvelope, TypedDict):
    """Who is blocked."""

    blockedContacts: list[ContactJson]


class ClientInfoJson(TypedDict):
    """The account; `me` is the same as `wid`."""

    pushname: str
    wid: IdJson
    me: IdJson
    platform: str
    lid: NotRequired[str]


class ClientInfoAnswer(SuccessEnvelope, TypedDict):
    """The account."""

    info: ClientInfoJson


class AllLabelsAnswer(SuccessEnvelope, TypedDict):
    """All labels of the account."""

    labels: list[LabelJson]


class ChangedAnswer(MessageAnswer):
    """Done."""

    result: Literal[True]


class AboutAnswer(SuccessEnvelope, TypedDict):
    """An about text, and when it was set (ISO 8601); null when there is none to be seen."""

    about: str | None
    setAt: str | None
    result: str | None


class IsBlockedAnswer(SuccessEnvelope, TypedDict):
    """Whether somebody is blocked."""

    isBlocked: bool


class FormattedNumberAnswer(SuccessEnvelope, TypedDict):
    """A number: its digits after a plus, and as its country writes it."""

    formattedNumber: str
    result: str


class CountryCodeAnswer(SuccessEnvelope, TypedDict):
    """The country code of a number, under both its names."""

    countryCode: str
    result: str
