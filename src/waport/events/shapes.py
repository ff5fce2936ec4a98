"""The JSON of a message, as responses and events carry it.

The keys of the server that this one replaces come first, then those of the older one, so that
readers of both find theirs. In groups `from` is the group and `author` the sender; own addresses
never show a device.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NotRequired

from typing_extensions import TypedDict

from ..model import Ack, Message, MessageKey, MessageKind
from ..proto import as_text
from ..wire import Jid
from .contents import (
    REVOKED,
    Content,
    ContentKind,
    body_of,
    caption_of,
    content_kind,
    find_content,
)
from .extras import (
    ContentJson,
    GroupMentionJson,
    content_json,
    group_mentions,
    vcards,
    wire_text,
)
from .ids import MessageIdJson, jid_text, message_id_json, names_author
from .links import LinkJson, find_links
from .rawdata import JsonObject, protobuf_json, unread_fields

_CIPHERTEXT: Final = ContentKind("ciphertext")
_NOTICE: Final = ContentKind("gp2")
_STATUS: Final[dict[Ack, str]] = {
    Ack.ERROR: "ERROR",
    Ack.PENDING: "PENDING",
    Ack.SERVER: "SERVER_ACK",
    Ack.DELIVERED: "DELIVERY_ACK",
    Ack.READ: "READ",
    Ack.PLAYED: "PLAYED",
}

_Base = TypedDict(
    "_Base",
    {
        "id": MessageIdJson,
        "body": str,
        "type": str,
        "timestamp": int,
        "from": str,
        "to": str,
        "author": NotRequired[str],
        "isForwarded": bool,
        "forwardingScore": int,
        "isStatus": bool,
        "isStarred": bool,
        "broadcast": bool,
        "fromMe": bool,
        "hasQuotedMsg": bool,
        "hasMedia": bool,
        "hasReaction": bool,
        "ack": int,
        "mentionedIds": list[str],
        "groupMentions": list[GroupMentionJson],
        "links": list[LinkJson],
        "deviceType": str,
        "vCards": list[str],
        "isGif": bool,
        "isEphemeral": NotRequired[bool],
        "latestEditSenderTimestampMs": NotRequired[int],
        "latestEditMsgKey": NotRequired[MessageIdJson],
        "wwebjsType": NotRequired[str],
        "_data": JsonObject,
    },
)


class MessageJson(_Base, ContentJson):
    """A message.

    `_data` is the raw WebMessageInfo; own new messages carry `_data.status`. A content of a kind
    that is not known here, with fields that have no name here, stands whole in `_data.rawMessage`:
    the serialized `Message` in base64.
    """


def message_json(message: Message, own: Jid, *, has_reaction: bool = False) -> MessageJson:
    """The JSON of a message.

    Args:
        message: as stored; its content may be of any kind.
        own: the account's address.
        has_reaction: somebody's reaction to it stands.
    """
    key = message.key
    content = find_content(message.proto())
    kind = _kind_of(message, content)
    context = content.context
    me = jid_text(own)
    chat = jid_text(key.chat)
    sender = jid_text(key.sender)
    base: _Base = {
        "id": message_id_json(key),
        "body": body_of(content, kind),
        "type": kind.type,
        "timestamp": message.timestamp,
        "from": me if key.from_me else chat if key.chat.is_group else sender,
        "to": chat if key.from_me else me,
        "isForwarded": context.isForwarded,
        "forwardingScore": context.forwardingScore,
        "isStatus": key.chat.is_status,
        "isStarred": message.starred,
        "broadcast": key.chat.is_broadcast,
        "fromMe": key.from_me,
        "hasQuotedMsg": context.HasField("quotedMessage"),
        "hasMedia": kind.has_media and bool(content.part.directPath or content.part.url),
        "hasReaction": has_reaction and kind is not REVOKED,
        "ack": int(message.ack),
        "mentionedIds": [wire_text(jid) for jid in context.mentionedJid],
        "groupMentions": group_mentions(context),
        "links": find_links(caption_of(content, kind)),
        "deviceType": device_type(key.id),
        "vCards": vcards(content),
        "isGif": content.name == "videoMessage" and content.part.gifPlayback,
        "_data": raw_json(message, content),
    }
    if names_author(key.chat):
        base["author"] = sender
    if content.is_ephemeral:
        base["isEphemeral"] = True
    if message.edited_ms:
        base["latestEditSenderTimestampMs"] = message.edited_ms
        # Whoever wrote the message also wrote the edit.
        base["latestEditMsgKey"] = message_id_json(replace(key, id=message.edit_id))
    if kind.wwebjs_type:
        base["wwebjsType"] = kind.wwebjs_type
    extras = content_json(content)
    if content.name == "groupInviteMessage":
        extras["inviteV4"] = {
            "inviteCode": as_text(content.part.inviteCode),
            "inviteCodeExp": content.part.inviteExpiration,
            "groupId": wire_text(content.part.groupJid),
            "groupName": as_text(content.part.groupName),
            "fromId": sender,
            "toId": base["to"],
        }
    return {**base, **extras}


def _kind_of(message: Message, content: Content) -> ContentKind:
    if message.kind is MessageKind.CIPHERTEXT:
        return _CIPHERTEXT
    if message.kind is MessageKind.STUB:
        return _NOTICE
    return REVOKED if message.kind is MessageKind.REVOKED else content_kind(content)


def raw_key(key: MessageKey) -> JsonObject:
    """The key of a message in protobuf JSON."""
    raw: JsonObject = {"remoteJid": str(key.chat), "fromMe": key.from_me, "id": key.id}
    if names_author(key.chat):
        raw["participant"] = str(key.sender)
    return raw


def raw_json(message: Message, content: Content) -> JsonObject:
    """The WebMessageInfo of a message in protobuf JSON; it parses back as one.

    The time of a received message is a number, that of an own one text. `rawMessage` is no part
    of a WebMessageInfo; see `MessageJson`.
    """
    key = message.key
    raw: JsonObject = {"key": raw_key(key)}
    if content.name:
        raw["message"] = protobuf_json(content.message)
    if not content.is_read and (unread := unread_fields(content.message)):
        raw["rawMessage"] = unread
    raw["messageTimestamp"] = str(message.timestamp) if key.from_me else message.timestamp
    if key.from_me:
        raw["status"] = _STATUS[message.ack]
    notice = message.notice
    if notice is not None:
        raw["messageStubType"] = notice.name
        raw["messageStubParameters"] = list(notice.parameters)
    if message.push_name:
        raw["pushName"] = message.push_name
    return raw


def device_type(message_id: str) -> str:
    """What kind of device wrote a message, judged by its id."""
    if len(message_id) > 21:
        return "android"
    return "ios" if message_id.startswith("3A") else "web"
