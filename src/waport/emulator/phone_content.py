"""What a phone's stanza says about the message inside, which the server cannot read.

The emulator's own tables, on purpose: the client has others, and each is checked against the other.

Source: docs/protocol/messages.md, "Sending".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..proto import pb
from ..wire import Node

_MAX_WRAPPERS = 5

_TYPES: Mapping[str, str] = {
    "reactionMessage": "reaction",
    "encReactionMessage": "reaction",
    "eventMessage": "event",
    "encEventResponseMessage": "event",
    "pollCreationMessage": "poll",
    "pollCreationMessageV2": "poll",
    "pollCreationMessageV3": "poll",
    "pollCreationMessageV5": "poll",
    "pollUpdateMessage": "poll",
    "conversation": "text",
    "protocolMessage": "text",
    "keepInChatMessage": "text",
    "pinInChatMessage": "text",
    "interactiveMessage": "text",
    "templateButtonReplyMessage": "text",
    "requestPhoneNumberMessage": "text",
    "encCommentMessage": "text",
    "albumMessage": "text",
    "pollResultSnapshotMessage": "text",
    "pollResultSnapshotMessageV3": "text",
    "newsletterAdminInviteMessage": "text",
    "newsletterFollowerInviteMessageV2": "text",
    "messageHistoryNotice": "text",
    "sendPaymentMessage": "text",
    "requestPaymentMessage": "text",
    "declinePaymentRequestMessage": "text",
    "cancelPaymentRequestMessage": "text",
    "paymentInviteMessage": "text",
    "invoiceMessage": "text",
}
_SECRET_TYPES = {
    pb.SecretEncryptedMessage.EVENT_EDIT: "event",
    pb.SecretEncryptedMessage.POLL_EDIT: "poll",
    pb.SecretEncryptedMessage.POLL_ADD_OPTION: "poll",
}
"""What a change that only readers of its target can read is called; all others are texts."""
_MEDIA_TYPES: Mapping[str, str] = {
    "imageMessage": "image",
    "videoMessage": "video",
    "ptvMessage": "ptv",
    "audioMessage": "audio",
    "documentMessage": "document",
    "stickerMessage": "sticker",
    "stickerPackMessage": "sticker_pack",
    "locationMessage": "location",
    "liveLocationMessage": "livelocation",
    "contactMessage": "vcard",
    "contactsArrayMessage": "contact_array",
    "extendedTextMessage": "url",
    "groupInviteMessage": "url",
    "listMessage": "list",
    "listResponseMessage": "list_response",
    "buttonsResponseMessage": "buttons_response",
    "orderMessage": "order",
    "productMessage": "product",
    "interactiveResponseMessage": "native_flow_response",
}
_META: Mapping[str, Mapping[str, str]] = {
    "pollCreationMessage": {"polltype": "creation"},
    "pollCreationMessageV2": {"polltype": "creation"},
    "pollCreationMessageV3": {"polltype": "creation"},
    "pollCreationMessageV5": {"polltype": "creation"},
    "pollUpdateMessage": {"polltype": "vote"},
    "eventMessage": {"event_type": "creation"},
    "encEventResponseMessage": {"event_type": "response"},
}
_FLOW = Node("native_flow", {"v": "9", "name": "mixed"})
_BUSINESS: Mapping[str, Node] = {
    "buttonsMessage": Node("buttons"),
    "listMessage": Node("list", {"type": "product_list", "v": "2"}),
    "interactiveMessage": Node("interactive", {"type": "native_flow", "v": "1"}, [_FLOW]),
}
"""What stands in `<biz>` beside buttons and lists."""

_HIDDEN = frozenset(
    {
        "reactionMessage",
        "encReactionMessage",
        "pinInChatMessage",
        "keepInChatMessage",
        "encEventResponseMessage",
        "pollUpdateMessage",
        "secretEncryptedMessage",
        "messageHistoryNotice",
        "conditionalRevealMessage",
    }
)
_HIDDEN_REQUESTS = frozenset(
    {
        pb.ProtocolMessage.EPHEMERAL_SYNC_RESPONSE,
        pb.ProtocolMessage.REQUEST_WELCOME_MESSAGE,
        pb.ProtocolMessage.GROUP_MEMBER_LABEL_CHANGE,
    }
)
_VIEW_ONCE = frozenset({"viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension"})
_EDIT, _PIN, _REVOKE, _ADMIN_REVOKE = "1", "2", "7", "8"


@dataclass(frozen=True, slots=True)
class Traits:
    """What the stanza shows.

    Attributes:
        attrs: of `<message>`: its type, and `edit` for a change of another message.
        enc: further ones of every `<enc>`.
        children: nodes beside the ciphertexts.
    """

    attrs: Mapping[str, str]
    enc: Mapping[str, str]
    children: tuple[Node, ...]


def traits(message: pb.Message) -> Traits:
    """Read them off a message."""
    inner = unwrap(message)
    name = _kind(inner)
    kind, media = _TYPES.get(name, "media"), _media_type(inner, name)
    if name == "extendedTextMessage" and not inner.extendedTextMessage.matchedText:
        kind, media = "text", None
    if name == "secretEncryptedMessage":
        kind = _SECRET_TYPES.get(inner.secretEncryptedMessage.secretEncType, "text")
    edit = _edit(message, inner)
    attrs = {"type": kind}
    if edit is not None:
        attrs["edit"] = edit
    enc: dict[str, str] = {}
    if kind == "media" and media is not None:
        enc["mediatype"] = media
    is_hidden = name in _HIDDEN or (
        inner.HasField("protocolMessage") and inner.protocolMessage.type in _HIDDEN_REQUESTS
    )
    if (is_hidden or edit == _EDIT) and edit not in (_REVOKE, _ADMIN_REVOKE):
        enc["decrypt-fail"] = "hide"
    meta = _meta(message, inner, name)
    children = [] if meta is None else [Node("meta", {**meta})]
    if name in _BUSINESS:
        children.append(Node("biz", {}, [_BUSINESS[name]]))
    return Traits(attrs, enc, tuple(children))


def is_reaction(message: pb.Message) -> bool:
    """Whether it is a reaction, or takes one back."""
    return traits(message).attrs["type"] == "reaction"


def media_type(message: pb.Message) -> str | None:
    """The `mediatype` of the content; None for what has no file and is nothing of the like."""
    return traits(message).enc.get("mediatype")


def _meta(message: pb.Message, inner: pb.Message, name: str) -> Mapping[str, str] | None:
    if name == "secretEncryptedMessage":
        kind = inner.secretEncryptedMessage.secretEncType
        is_event = kind == pb.SecretEncryptedMessage.EVENT_EDIT
        return {"event_type": "edit"} if is_event else None
    if any(described.name in _VIEW_ONCE for described, _ in message.ListFields()):
        return {"view_once": "true"}
    return _META.get(name)


def unwrap(message: pb.Message) -> pb.Message:
    """The content inside view-once, disappearing and like envelopes."""
    for _ in range(_MAX_WRAPPERS):
        if message.HasField("deviceSentMessage"):
            message = message.deviceSentMessage.message
            continue
        inner = next(
            (
                value.message
                for _described, value in message.ListFields()
                if isinstance(value, pb.FutureProofMessage)
            ),
            None,
        )
        if inner is None:
            break
        message = inner
    return message


def _kind(message: pb.Message) -> str:
    names = (described.name for described, _value in message.ListFields())
    aside = ("messageContextInfo", "senderKeyDistributionMessage")
    return next((name for name in names if name not in aside), "")


def _media_type(message: pb.Message, name: str) -> str | None:
    if name == "videoMessage" and message.videoMessage.gifPlayback:
        return "gif"
    if name == "audioMessage" and message.audioMessage.ptt:
        return "ptt"
    if name == "locationMessage" and message.locationMessage.isLive:
        return "livelocation"
    return _MEDIA_TYPES.get(name)


def _edit(message: pb.Message, inner: pb.Message) -> str | None:
    if inner.HasField("protocolMessage"):
        request = inner.protocolMessage
        if request.type == pb.ProtocolMessage.MESSAGE_EDIT:
            return _EDIT
        if request.type == pb.ProtocolMessage.REVOKE and request.HasField("key"):
            return _REVOKE if request.key.fromMe else _ADMIN_REVOKE
    if message.HasField("editedMessage"):
        return _EDIT
    if inner.HasField("secretEncryptedMessage"):
        return _EDIT
    if inner.HasField("pinInChatMessage"):
        return _PIN
    if inner.HasField("keepInChatMessage"):
        keep = inner.keepInChatMessage
        is_undo = keep.keepType == pb.UNDO_KEEP_FOR_ALL
        return _REVOKE if is_undo and keep.key.fromMe else None
    if inner.HasField("reactionMessage") and not inner.reactionMessage.text:
        return _REVOKE
    return None
