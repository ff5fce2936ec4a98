"""The fields of a message that only some contents have: polls, places, cards, buttons, products."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Final, NotRequired

from pydantic import JsonValue
from typing_extensions import TypedDict

from ..errors import InvalidInput
from ..proto import as_text, pb
from ..wire import Jid
from .contents import Content, is_revoke
from .ids import IdJson, id_json, jid_text
from .rawdata import finite, protobuf_json


class LocationJson(TypedDict):
    """A place; `description` joins name and address. A sender may give it no real coordinates."""

    latitude: float | None
    longitude: float | None
    description: str
    name: NotRequired[str]
    address: NotRequired[str]
    url: NotRequired[str]


class GroupInviteJson(TypedDict):
    """An invitation into a group that came as a message."""

    inviteCode: str
    inviteCodeExp: int
    groupId: str
    groupName: str
    fromId: str
    toId: str


class PollOptionJson(TypedDict):
    """One answer of a poll; `localId` is its place."""

    name: str
    localId: int


class GroupMentionJson(TypedDict):
    """A group that a text mentions."""

    groupSubject: str
    groupJid: IdJson


class ContentJson(TypedDict, total=False):
    """Keys of a Message that depend on its content."""

    mediaKey: str
    duration: str
    location: LocationJson
    inviteV4: GroupInviteJson
    orderId: str
    token: str
    title: str
    description: str
    businessOwnerJid: str
    productId: str
    dynamicReplyButtons: list[JsonValue]
    selectedButtonId: str
    selectedRowId: str
    pollName: str
    pollOptions: list[PollOptionJson]
    allowMultipleAnswers: bool
    pollInvalidated: bool
    isSentCagPollCreation: bool
    messageSecret: list[int]
    eventStartTime: int
    eventEndTime: int
    eventDescription: str
    eventLocation: LocationJson
    eventJoinLink: str
    isEventCaneled: bool
    protocolMessageKey: JsonValue


def wire_text(value: str | bytes) -> str:
    """An address from inside a protobuf in the API's form; what is no address stays as it is."""
    address = as_text(value)
    try:
        return jid_text(Jid.parse(address))
    except InvalidInput:
        return address


def location_json(part: Any) -> LocationJson:
    """A place from a location or live location message."""
    name, address, url = (as_text(getattr(part, each, "")) for each in ("name", "address", "url"))
    shape: LocationJson = {
        "latitude": finite(part.degreesLatitude),
        "longitude": finite(part.degreesLongitude),
        "description": "\n".join(filter(None, (name, address))),
    }
    if name:
        shape["name"] = name
    if address:
        shape["address"] = address
    if url:
        shape["url"] = url
    return shape


def _media(part: Any, _: pb.Message) -> ContentJson:
    shape: ContentJson = {}
    if part.mediaKey:
        shape["mediaKey"] = base64.b64encode(part.mediaKey).decode("ascii")
    if getattr(part, "seconds", 0):
        shape["duration"] = str(part.seconds)
    return shape


def _text(part: Any, _: pb.Message) -> ContentJson:
    shape: ContentJson = {}
    if part.title:
        shape["title"] = as_text(part.title)
    if part.description:
        shape["description"] = as_text(part.description)
    return shape


def _location(part: Any, _: pb.Message) -> ContentJson:
    return {"location": location_json(part)}


def _poll(part: Any, message: pb.Message) -> ContentJson:
    return {
        "pollName": as_text(part.name),
        "pollOptions": [
            {"name": as_text(option.optionName), "localId": place}
            for place, option in enumerate(part.options)
        ],
        # 0 means any number; old senders wrote the number of options instead.
        "allowMultipleAnswers": part.selectableOptionsCount != 1,
        "pollInvalidated": False,
        "isSentCagPollCreation": False,
        "messageSecret": list(message.messageContextInfo.messageSecret),
    }


def _event(part: Any, message: pb.Message) -> ContentJson:
    shape: ContentJson = {
        "isEventCaneled": part.isCanceled,
        "messageSecret": list(message.messageContextInfo.messageSecret),
    }
    if part.startTime:
        shape["eventStartTime"] = part.startTime
    if part.endTime:
        shape["eventEndTime"] = part.endTime
    if part.description:
        shape["eventDescription"] = as_text(part.description)
    if part.joinLink:
        shape["eventJoinLink"] = as_text(part.joinLink)
    if part.HasField("location"):
        shape["eventLocation"] = location_json(part.location)
    return shape


def _order(part: Any, _: pb.Message) -> ContentJson:
    return {"orderId": as_text(part.orderId), "token": as_text(part.token)}


def _product(part: Any, _: pb.Message) -> ContentJson:
    return {
        "title": as_text(part.product.title),
        "description": as_text(part.product.description),
        "businessOwnerJid": wire_text(part.businessOwnerJid),
        "productId": as_text(part.product.productId),
    }


def _list(part: Any, _: pb.Message) -> ContentJson:
    return {"title": as_text(part.title), "description": as_text(part.description)}


def _list_response(part: Any, _: pb.Message) -> ContentJson:
    return {"selectedRowId": as_text(part.singleSelectReply.selectedRowId)}


def _buttons(part: Any, _: pb.Message) -> ContentJson:
    return {"dynamicReplyButtons": [protobuf_json(button) for button in part.buttons]}


def _buttons_response(part: Any, _: pb.Message) -> ContentJson:
    return {"selectedButtonId": as_text(part.selectedButtonId)}


def _template_reply(part: Any, _: pb.Message) -> ContentJson:
    return {"selectedButtonId": as_text(part.selectedId)}


def _protocol(part: Any, _: pb.Message) -> ContentJson:
    return {"protocolMessageKey": protobuf_json(part.key)} if is_revoke(part) else {}


_EXTRAS: Final[dict[str, Callable[[Any, pb.Message], ContentJson]]] = {
    "extendedTextMessage": _text,
    "imageMessage": _media,
    "videoMessage": _media,
    "ptvMessage": _media,
    "audioMessage": _media,
    "documentMessage": _media,
    "stickerMessage": _media,
    "locationMessage": _location,
    "liveLocationMessage": _location,
    "pollCreationMessage": _poll,
    "pollCreationMessageV2": _poll,
    "pollCreationMessageV3": _poll,
    "pollCreationMessageV5": _poll,
    "pollCreationMessageV6": _poll,
    "eventMessage": _event,
    "orderMessage": _order,
    "productMessage": _product,
    "listMessage": _list,
    "listResponseMessage": _list_response,
    "buttonsMessage": _buttons,
    "buttonsResponseMessage": _buttons_response,
    "templateButtonReplyMessage": _template_reply,
    "protocolMessage": _protocol,
}


def content_json(content: Content) -> ContentJson:
    """The keys of a Message that only this content has."""
    extras = _EXTRAS.get(content.name)
    return {} if extras is None else extras(content.part, content.message)


def vcards(content: Content) -> list[str]:
    """The contact cards of a message, as vCard texts."""
    if content.name == "contactMessage":
        return [as_text(content.part.vcard)]
    if content.name == "contactsArrayMessage":
        return [as_text(contact.vcard) for contact in content.part.contacts]
    return []


def group_mentions(context: pb.ContextInfo) -> list[GroupMentionJson]:
    """The groups that a text mentions."""
    mentions: list[GroupMentionJson] = []
    for mention in context.groupMentions:
        try:
            group = Jid.parse(as_text(mention.groupJid))
        except InvalidInput:
            continue
        mentions.append({"groupSubject": as_text(mention.groupSubject), "groupJid": id_json(group)})
    return mentions
