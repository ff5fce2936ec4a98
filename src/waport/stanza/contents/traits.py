"""What of a content shows outside the encryption: stanza type, media type, edit mark, meta node.

The tables work on protobufs rather than values, so that a stored message of any kind can be sent
again.

Source: docs/protocol/messages.md, "Stanza type and media type" and "edit and decrypt-fail".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from ...errors import DecodeError
from ...proto import as_text, pb
from ...wire import AttrValue, Jid, Node
from ..content import MAX_WRAPPERS
from .context import NO_CONTENT
from .fields import enum_number, parse_jid
from .members import VIEW_ONCE, WRAPPERS


class EditMark(StrEnum):
    """The `edit` attribute of a `<message>`."""

    EDIT = "1"
    PIN = "2"
    CHANNEL_EDIT = "3"
    AUTHOR_REVOKE = "7"
    ADMIN_REVOKE = "8"


_REVOKES: Final = frozenset((EditMark.AUTHOR_REVOKE, EditMark.ADMIN_REVOKE))


@dataclass(frozen=True, slots=True)
class Traits:
    """How the stanza of a content looks.

    Attributes:
        type: of `<message>`.
        media_type: of every `<enc>` that holds the content; None for none.
        edit: of `<message>`; None for none.
        hide: every `<enc>` gets `decrypt-fail="hide"`: nobody is shown that it can't be read.
        meta: the attributes of its `<meta>`; empty for no such node.
    """

    type: str
    media_type: str | None = None
    edit: EditMark | None = None
    hide: bool = False
    meta: Mapping[str, AttrValue] | None = None

    @property
    def nodes(self) -> list[Node]:
        """The `<meta>` node, if there is one."""
        return [Node("meta", dict(self.meta))] if self.meta else []


@dataclass(frozen=True, slots=True)
class _Inner:
    """A content without wrappers: its member, that member's value, and the wrappers' names."""

    name: str
    part: Any
    wrappers: frozenset[str]
    message: pb.Message


def traits(message: pb.Message, *, status_setting: str | None = None) -> Traits:
    """How the stanza of a content looks.

    Args:
        status_setting: who sees a status post: contacts, allowlist or denylist. For posts only;
            the server refuses it on reactions and revokes.

    Raises:
        DecodeError: the content is wrapped deeper than any real message.
    """
    inner = _unwrap(message)
    media_type = _media_type(inner)
    edit = _edit(inner)
    kind = _type(inner, media_type)
    meta = _meta(inner) | _thread(message)
    if status_setting is not None:
        meta["status_setting"] = status_setting
    return Traits(
        kind,
        media_type if kind == "media" else None,
        edit,
        # The server drops revokes that are hidden.
        _is_hidden(inner) and edit not in _REVOKES,
        meta or None,
    )


def _unwrap(message: pb.Message) -> _Inner:
    wrappers: list[str] = []
    while True:
        members = [pair for pair in message.ListFields() if pair[0].name not in NO_CONTENT]
        around = next((pair for pair in members if pair[0].name in WRAPPERS), None)
        if around is None:
            break
        if len(wrappers) == MAX_WRAPPERS:
            raise DecodeError("message content is wrapped too often")
        wrappers.append(around[0].name)
        message = around[1].message
    name, part = (members[0][0].name, members[0][1]) if members else ("", None)
    return _Inner(name, part, frozenset(wrappers), message)


# --- type and media type -------------------------------------------------------------------------

_TYPES: Final = {
    "reactionMessage": "reaction",
    "encReactionMessage": "reaction",
    "eventMessage": "event",
    "encEventResponseMessage": "event",
    "pollCreationMessage": "poll",
    "pollCreationMessageV2": "poll",
    "pollCreationMessageV3": "poll",
    "pollCreationMessageV5": "poll",
    "pollCreationMessageV6": "poll",
    "pollUpdateMessage": "poll",
    "pollAddOptionMessage": "poll",
}

_SECRET_TYPES: Final = {
    pb.SecretEncryptedMessage.EVENT_EDIT: "event",
    pb.SecretEncryptedMessage.POLL_EDIT: "poll",
    pb.SecretEncryptedMessage.POLL_ADD_OPTION: "poll",
}

_MEDIA_TYPES: Final[Mapping[str, Callable[[Any], str | None]]] = {
    "imageMessage": lambda _: "image",
    "videoMessage": lambda part: "gif" if part.gifPlayback else "video",
    "ptvMessage": lambda _: "ptv",
    "audioMessage": lambda part: "ptt" if part.ptt else "audio",
    "documentMessage": lambda _: "document",
    "stickerMessage": lambda _: "sticker",
    "stickerPackMessage": lambda _: "sticker_pack",
    "locationMessage": lambda part: "livelocation" if part.isLive else "location",
    "liveLocationMessage": lambda _: "livelocation",
    "contactMessage": lambda _: "vcard",
    "contactsArrayMessage": lambda _: "contact_array",
    "extendedTextMessage": lambda part: "url" if part.matchedText else None,
    "groupInviteMessage": lambda _: "url",
    "listMessage": lambda _: "list",
    "listResponseMessage": lambda _: "list_response",
    "buttonsResponseMessage": lambda _: "buttons_response",
    "orderMessage": lambda _: "order",
    "productMessage": lambda _: "product",
    "interactiveResponseMessage": lambda _: "native_flow_response",
    "messageHistoryBundle": lambda _: "group_history",
}


def _media_type(inner: _Inner) -> str | None:
    find = _MEDIA_TYPES.get(inner.name)
    return None if find is None else find(inner.part)


def _type(inner: _Inner, media_type: str | None) -> str:
    if "editedMessage" in inner.wrappers:
        return "text"
    if inner.name == "secretEncryptedMessage":
        return _SECRET_TYPES.get(inner.part.secretEncType, "text")
    # Without a media type the server drops a stanza of type media, so that such contents are text.
    return _TYPES.get(inner.name) or ("text" if media_type is None else "media")


# --- edits ---------------------------------------------------------------------------------------

_SECRET_EDITS: Final = frozenset(
    (
        pb.SecretEncryptedMessage.EVENT_EDIT,
        pb.SecretEncryptedMessage.MESSAGE_EDIT,
        pb.SecretEncryptedMessage.POLL_EDIT,
        pb.SecretEncryptedMessage.POLL_ADD_OPTION,
    )
)

_HIDDEN: Final = frozenset(
    (
        "reactionMessage",
        "encReactionMessage",
        "pinInChatMessage",
        "keepInChatMessage",
        "encEventResponseMessage",
        "pollUpdateMessage",
        "messageHistoryNotice",
        "conditionalRevealMessage",
    )
)

_HIDDEN_PROTOCOL: Final = frozenset(
    (
        pb.ProtocolMessage.MESSAGE_EDIT,
        pb.ProtocolMessage.EPHEMERAL_SYNC_RESPONSE,
        pb.ProtocolMessage.REQUEST_WELCOME_MESSAGE,
        pb.ProtocolMessage.GROUP_MEMBER_LABEL_CHANGE,
    )
)


def _edit(inner: _Inner) -> EditMark | None:
    part = inner.part
    match inner.name:
        case "protocolMessage":
            kind = enum_number(part, "type")
            if kind == pb.ProtocolMessage.REVOKE:
                return EditMark.AUTHOR_REVOKE if part.key.fromMe else EditMark.ADMIN_REVOKE
            return EditMark.EDIT if kind == pb.ProtocolMessage.MESSAGE_EDIT else None
        case "reactionMessage":
            return None if part.text else EditMark.AUTHOR_REVOKE
        case "keepInChatMessage":
            is_undone = part.keepType == pb.UNDO_KEEP_FOR_ALL and part.key.fromMe
            return EditMark.AUTHOR_REVOKE if is_undone else None
        case "pinInChatMessage":
            return EditMark.PIN
        case "secretEncryptedMessage":
            return EditMark.EDIT if part.secretEncType in _SECRET_EDITS else None
    return None


def _is_hidden(inner: _Inner) -> bool:
    if inner.name == "protocolMessage":
        return enum_number(inner.part, "type") in _HIDDEN_PROTOCOL
    if inner.name == "secretEncryptedMessage":
        return inner.part.secretEncType in _SECRET_EDITS
    return inner.name in _HIDDEN


# --- meta ----------------------------------------------------------------------------------------


def _meta(inner: _Inner) -> dict[str, AttrValue]:
    meta = _meta_of(inner)
    if inner.wrappers & VIEW_ONCE or getattr(inner.part, "viewOnce", False):
        meta["view_once"] = "true"
    return meta


def _meta_of(inner: _Inner) -> dict[str, AttrValue]:
    """What the kind of content asks for."""
    part = inner.part
    match inner.name:
        case "pollUpdateMessage":
            return {"polltype": "vote"}
        case "eventMessage":
            return {"event_type": "creation"}
        case "encEventResponseMessage":
            return {"event_type": "response"}
        case "secretEncryptedMessage":
            is_event = part.secretEncType == pb.SecretEncryptedMessage.EVENT_EDIT
            return {"event_type": "edit"} if is_event else {}
        case "protocolMessage":
            if enum_number(part, "type") != pb.ProtocolMessage.GROUP_MEMBER_LABEL_CHANGE:
                return {}
            reason = "user_update" if part.memberLabel.label else "user_delete"
            return {"appdata": "member_tag", "tag_reason": reason}
    is_poll = inner.name.startswith("pollCreationMessage")
    return {"polltype": "creation"} if is_poll else {}


def _thread(message: pb.Message) -> dict[str, AttrValue]:
    """The thread that a message belongs to."""
    for thread in message.messageContextInfo.threadId[:1]:
        key = thread.threadKey
        if key.id:
            author = parse_jid(key.participant)
            sender: dict[str, AttrValue] = {}
            if author is not None:
                sender["thread_msg_sender_jid"] = author
            return {"thread_msg_id": as_text(key.id), **sender}
    return {}


# --- buttons -------------------------------------------------------------------------------------


def business_nodes(message: pb.Message, *, to: Jid, now: int) -> list[Node]:
    """The `<biz>` and `<bot>` nodes beside buttons, lists and native flows.

    Args:
        to: the chat.
        now: Unix seconds.

    Raises:
        DecodeError: the content is wrapped deeper than any real message.
    """
    inner = _unwrap(message)
    if inner.name == "buttonsMessage":
        return [Node("biz", {}, [Node("buttons")])]
    if inner.name == "listMessage":
        return [Node("biz", {}, [Node("list", {"type": "product_list", "v": "2"})])]
    if inner.name == "interactiveMessage" and inner.part.HasField("nativeFlowMessage"):
        return _native_flow(to, now)
    return []


def _native_flow(to: Jid, now: int) -> list[Node]:
    flow = Node("native_flow", {"v": "9", "name": "mixed"})
    content = [
        Node("interactive", {"type": "native_flow", "v": "1"}, [flow]),
        Node("quality_control", {"source_type": "third_party"}),
    ]
    about: dict[str, AttrValue] = {
        "actual_actors": "2",
        "host_storage": "2",
        "privacy_mode_ts": str(now),
    }
    nodes = [Node("biz", about, content)]
    if to.is_user:
        nodes.append(Node("bot", {"biz_bot": "1"}))
    return nodes
