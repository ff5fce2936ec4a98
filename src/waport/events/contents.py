"""What a message's content is called outside, and what its text is.

One row per branch of the protobuf `Message`. Two servers with different names for some contents
are imitated: `type` keeps the older one's for polls, live locations and events, and the other
name is told beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ..proto import as_text, pb
from ..stanza.content import MAX_WRAPPERS
from ..stanza.contents.context import NO_CONTENT
from ..stanza.contents.fields import enum_number
from ..stanza.contents.members import BY_NAME, WRAPPERS

# What an own other device wrote comes in a wrapper of its own.
_WRAPPERS: Final = WRAPPERS | {"deviceSentMessage"}
_NO_CONTEXT: Final = pb.ContextInfo()
_READ: Final = frozenset(BY_NAME) | {"conversation", "protocolMessage"}
"""The branches that are read into values."""


@dataclass(frozen=True, slots=True)
class Content:
    """The innermost content of a message.

    Attributes:
        name: the branch of `Message` that is set; empty when none is.
        part: its value: a protobuf, or the text of `conversation`.
        message: the `Message` that holds it, all wrappers taken off.
        is_ephemeral: a wrapper or the context says that it disappears.
    """

    name: str
    part: Any
    message: pb.Message
    is_ephemeral: bool

    @property
    def context(self) -> pb.ContextInfo:
        """Quote, mentions and forwarding; empty where the content has none."""
        return getattr(self.part, "contextInfo", _NO_CONTEXT)

    @property
    def is_read(self) -> bool:
        """Whether its kind is one that this code knows the meaning of."""
        return self.name in _READ


def find_content(message: pb.Message) -> Content:
    """Take all wrappers off a message and name what is inside."""
    is_ephemeral = False
    # One more for `deviceSentMessage`, which is not counted among them.
    for _ in range(MAX_WRAPPERS + 2):
        name, part = _branch(message)
        if name not in _WRAPPERS:
            expires = getattr(part, "contextInfo", _NO_CONTEXT).expiration > 0
            return Content(name, part, message, is_ephemeral or expires)
        is_ephemeral = is_ephemeral or name == "ephemeralMessage"
        message = part.message
    return Content("", None, pb.Message(), is_ephemeral)


def _branch(message: pb.Message) -> tuple[str, Any]:
    first: tuple[str, Any] = ("", None)
    for field, value in message.ListFields():
        if field.name in _WRAPPERS:
            return field.name, value
        if not first[0] and field.name not in NO_CONTENT:
            first = field.name, value
    return first


@dataclass(frozen=True, slots=True)
class ContentKind:
    """The outside names of one branch.

    Attributes:
        type: the type name at the root.
        body: dotted path of the field that is the body; empty when there is none.
        wwebjs_type: the other server's type name, where it differs.
        has_media: the branch describes a file.
    """

    type: str
    body: str = ""
    wwebjs_type: str = ""
    has_media: bool = False


_POLL: Final = ContentKind("poll", "name", "poll_creation")
_NATIVE_FLOW: Final = ContentKind("native_flow", "body.text")
_VOICE: Final = ContentKind("ptt", has_media=True)
REVOKED: Final = ContentKind("revoked")
_UNKNOWN: Final = ContentKind("chat")
_KINDS: Final = {
    "conversation": ContentKind("chat"),
    "extendedTextMessage": ContentKind("chat", "text"),
    "imageMessage": ContentKind("image", "caption", has_media=True),
    "videoMessage": ContentKind("video", "caption", has_media=True),
    "ptvMessage": ContentKind("ptv", has_media=True),
    "audioMessage": ContentKind("audio", has_media=True),
    "documentMessage": ContentKind("document", "fileName", has_media=True),
    "stickerMessage": ContentKind("sticker", has_media=True),
    "locationMessage": ContentKind("location"),
    "liveLocationMessage": ContentKind("live_location", wwebjs_type="location"),
    "contactMessage": ContentKind("vcard", "vcard"),
    "contactsArrayMessage": ContentKind("multi_vcard"),
    "pollCreationMessage": _POLL,
    "pollCreationMessageV2": _POLL,
    "pollCreationMessageV3": _POLL,
    "pollCreationMessageV5": _POLL,
    "pollCreationMessageV6": _POLL,
    "eventMessage": ContentKind("chat", "name", "event_creation"),
    "groupInviteMessage": ContentKind("groups_v4_invite", "caption"),
    "listMessage": ContentKind("list", "description"),
    "listResponseMessage": ContentKind("list_response", "title"),
    "buttonsMessage": ContentKind("chat", "contentText"),
    "buttonsResponseMessage": ContentKind("buttons_response", "selectedDisplayText"),
    "templateButtonReplyMessage": ContentKind("template_button_reply", "selectedDisplayText"),
    "interactiveMessage": ContentKind("interactive", "body.text"),
    "orderMessage": ContentKind("order", "message"),
    "productMessage": ContentKind("product", "product.title"),
    "sendPaymentMessage": ContentKind("payment", "noteMessage.extendedTextMessage.text"),
    "requestPaymentMessage": ContentKind("payment", "noteMessage.extendedTextMessage.text"),
    "albumMessage": ContentKind("album"),
    "reactionMessage": ContentKind("reaction", "text"),
    "callLogMesssage": ContentKind("call_log"),
}


def content_kind(content: Content) -> ContentKind:
    """The row of a content; what is unknown counts as a chat message without text."""
    part = content.part
    match content.name:
        case "audioMessage" if part.ptt:
            return _VOICE
        case "interactiveMessage" if part.HasField("nativeFlowMessage"):
            return _NATIVE_FLOW
        case "protocolMessage" if is_revoke(part):
            return REVOKED
    return _KINDS.get(content.name, _UNKNOWN)


def is_revoke(protocol: pb.ProtocolMessage) -> bool:
    """Whether a protocol message takes another message back: one without a type does not."""
    return enum_number(protocol, "type") == pb.ProtocolMessage.REVOKE


def body_of(content: Content, kind: ContentKind) -> str:
    """The text that stands for the message."""
    if content.name == "conversation":
        return as_text(content.part)
    value = content.part
    for name in kind.body.split(".") if kind.body else ():
        value = getattr(value, name)
    return as_text(value) if isinstance(value, str | bytes) else ""


def caption_of(content: Content, kind: ContentKind) -> str:
    """What a reader sees as text: the body, or a file's caption. Links are looked for in it."""
    return as_text(getattr(content.part, "caption", "")) or body_of(content, kind)
