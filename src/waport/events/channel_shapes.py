"""The JSON of channels."""

from __future__ import annotations

from typing import Final, Literal, NotRequired

from typing_extensions import TypedDict

from ..model import ChatSummary
from ..model.newsletter import Newsletter
from ..wire import Jid
from .ids import IdJson, id_json
from .shapes import MessageJson, message_json

_MUTED: Final = -1


class ChannelMetadataJson(TypedDict):
    """What the server says of a channel; times are in Unix seconds."""

    id: IdJson
    createdAtTs: int
    titleUpdatedAtTs: int
    descriptionUpdatedAtTs: int
    inviteLink: str
    membershipType: str
    stateType: str
    pictureUrl: str | None
    subscribersCount: int
    reactionCodesSetting: str
    verified: bool


class ChannelJson(TypedDict):
    """A channel. `muteExpiration` is -1 when it is muted, else 0."""

    channelMetadata: ChannelMetadataJson
    id: IdJson
    name: str
    description: str
    isChannel: Literal[True]
    isGroup: Literal[False]
    isReadOnly: bool
    unreadCount: int
    timestamp: int
    isMuted: bool
    muteExpiration: int
    lastMessage: NotRequired[MessageJson]


def channel_json(channel: Newsletter, own: Jid, chat: ChatSummary | None = None) -> ChannelJson:
    """A channel.

    Args:
        channel: as the server describes it.
        own: the account's address.
        chat: what is stored of it as a chat.
    """
    shape: ChannelJson = {
        "channelMetadata": {
            "id": id_json(channel.jid),
            "createdAtTs": channel.created_at,
            "titleUpdatedAtTs": channel.name_at_us // 1_000_000,
            "descriptionUpdatedAtTs": channel.description_at_us // 1_000_000,
            "inviteLink": channel.link,
            "membershipType": str(channel.role).lower(),
            "stateType": str(channel.state).lower(),
            "pictureUrl": channel.picture_path or None,
            "subscribersCount": channel.subscribers,
            "reactionCodesSetting": str(channel.reactions).lower(),
            "verified": channel.is_verified,
        },
        "id": id_json(channel.jid),
        "name": channel.name,
        "description": channel.description,
        "isChannel": True,
        "isGroup": False,
        "isReadOnly": not channel.is_run,
        "unreadCount": 0 if chat is None else chat.chat.unread_count,
        "timestamp": channel.created_at if chat is None else chat.chat.timestamp,
        "isMuted": channel.is_muted,
        "muteExpiration": _MUTED if channel.is_muted else 0,
    }
    if chat is not None and chat.last is not None:
        shape["lastMessage"] = message_json(chat.last, own)
    return shape
