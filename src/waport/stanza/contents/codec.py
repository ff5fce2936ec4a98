"""Message contents as values, both ways.

`encode` makes the `pb.Message` of a new message; `decode` reads any. Nothing is lost on the way:
`write_message(read_message(message))` has everything that `message` had.

Source: docs/protocol/messages.md, "Content" and "Wrappers".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...errors import DecodeError, InvalidInput
from ...model.contents import (
    LIMITS,
    NO_INFO,
    Audio,
    Content,
    Context,
    Document,
    Edit,
    Image,
    Limits,
    MessageInfo,
    Pin,
    Poll,
    Protocol,
    Sticker,
    Text,
    Unknown,
    Video,
    check_content,
)
from ...proto import pb
from ..content import MAX_WRAPPERS
from . import changes, plain
from .context import MESSAGE_INFO, NO_CONTENT, target
from .fields import Field, Spec, always, enum_number, parse_into, scalar, write_fields
from .members import BY_NAME, MEMBERS, VIEW_ONCE, WRAPPERS, Member


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A wrapper around a content.

    Attributes:
        name: its member of `pb.Message`.
        rest: what stands beside the content in it, as a serialized protobuf.
    """

    name: str
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class DecodedMessage:
    """All of a message.

    Attributes:
        content: what it says.
        info: its secret and association; the innermost one found.
        wrappers: what was around the content, outermost first.
        rest: what stands beside the content, such as sender keys; a serialized protobuf.
        info_depth: how many of the wrappers are around `info`.
    """

    content: Content
    info: MessageInfo = NO_INFO
    wrappers: tuple[Wrapper, ...] = ()
    rest: bytes = field(default=b"", repr=False)
    info_depth: int = 0

    def is_in(self, name: str) -> bool:
        """Whether a wrapper of that name is around the content."""
        return any(wrapper.name == name for wrapper in self.wrappers)

    @property
    def is_ephemeral(self) -> bool:
        """Its sender's chat had a timer."""
        context = getattr(self.content, "context", None)
        timed = isinstance(context, Context) and context.expiration_s > 0
        return timed or self.is_in("ephemeralMessage")


_PROTOCOL = "protocolMessage"


def _edited_content() -> Field:
    """The new content of an edited message."""

    def read(part: Any) -> Content:
        try:
            return read_message(part.editedMessage, may_edit=False).content
        except DecodeError:
            return Unknown("", part.editedMessage.SerializePartialToString())

    def write(part: Any, value: Any) -> None:
        part.ClearField("editedMessage")
        if value != Unknown():
            part.editedMessage.CopyFrom(_natural(value, NO_INFO))

    return Field("content", ("editedMessage",), read, write)


_EDIT = Spec(
    Edit,
    pb.ProtocolMessage,
    (target("target", "key"), _edited_content(), scalar("timestamp_ms", "timestampMs")),
    always("type", pb.ProtocolMessage.MESSAGE_EDIT),
)

_PROTOCOL_SPECS: Mapping[int | None, Spec[Any]] = {
    pb.ProtocolMessage.REVOKE: changes.REVOKE,
    pb.ProtocolMessage.EPHEMERAL_SETTING: changes.CHAT_TIMER,
    pb.ProtocolMessage.MESSAGE_EDIT: _EDIT,
    pb.ProtocolMessage.GROUP_MEMBER_LABEL_CHANGE: changes.MEMBER_LABEL,
    pb.ProtocolMessage.LIMIT_SHARING: changes.SHARING_LIMIT,
}
_PROTOCOL_CLASSES = {spec.value: spec for spec in _PROTOCOL_SPECS.values()}


# --- reading -------------------------------------------------------------------------------------


def decode(message: pb.Message) -> Content:
    """What a message says, without its wrappers.

    Raises:
        DecodeError: it is wrapped deeper than any real message.
    """
    return read_message(message).content


def read_message(message: pb.Message, *, may_edit: bool = True) -> DecodedMessage:
    """All that a message holds.

    Args:
        may_edit: False for the content of an edit, which is no edit again.

    Raises:
        DecodeError: it is wrapped deeper than any real message.
    """
    levels = [message]
    names: list[str] = []
    while (name := _wrapper_of(levels[-1])) is not None:
        if len(names) == MAX_WRAPPERS:
            raise DecodeError("message content is wrapped too often")
        names.append(name)
        levels.append(getattr(levels[-1], name).message)
    info, depth = NO_INFO, 0
    for level in range(len(names), -1, -1):
        if levels[level].HasField("messageContextInfo"):
            info, depth = MESSAGE_INFO.read(levels[level].messageContextInfo), level
            break
    # One that says nothing stays where it is.
    taken = depth if info != NO_INFO else None
    wrappers = []
    for level, name in enumerate(names):
        around = _copy(levels[level], without_info=level == taken)
        getattr(around, name).ClearField("message")
        if not getattr(around, name).ByteSize():
            around.ClearField(name)
        wrappers.append(Wrapper(name, around.SerializePartialToString()))
    rest = _copy(levels[-1], without_info=len(names) == taken)
    content = _take(rest, may_edit=may_edit)
    if isinstance(content, Pin):
        content = replace(content, duration_s=info.add_on_duration_s)
    if not VIEW_ONCE.isdisjoint(names) and isinstance(content, Image | Video | Audio):
        content = replace(content, view_once=True)
    return DecodedMessage(content, info, tuple(wrappers), rest.SerializePartialToString(), depth)


def _wrapper_of(message: pb.Message) -> str | None:
    for described, _ in message.ListFields():
        if described.name in WRAPPERS:
            return described.name
    return None


def _copy(message: pb.Message, *, without_info: bool) -> pb.Message:
    copied = pb.Message()
    copied.CopyFrom(message)
    if without_info:
        copied.ClearField("messageContextInfo")
    return copied


def _take(message: pb.Message, *, may_edit: bool) -> Content:
    """Take the content out of a message; what stays is no part of it."""
    unknown = ""
    for described, part in message.ListFields():
        name = described.name
        if name == "conversation":
            text = plain.PLAIN_TEXT.read(message)
            # Text that is no UTF-8 stays as it was.
            if part == text:
                message.ClearField(name)
            return Text(text, is_plain=True)
        content = _read_member(name, part, may_edit=may_edit)
        if content is not None:
            message.ClearField(name)
            return content
        if name not in NO_CONTENT:
            unknown = unknown or name
    raw = _copy(message, without_info=False)
    message.Clear()
    for described, part in raw.ListFields():
        if described.name in NO_CONTENT:
            getattr(message, described.name).CopyFrom(part)
            raw.ClearField(described.name)
    return Unknown(unknown, raw.SerializePartialToString())


def _read_member(name: str, part: Any, *, may_edit: bool) -> Content | None:
    """The value of a member of `pb.Message`; None when there is none for it."""
    if name == _PROTOCOL and may_edit:
        spec = _PROTOCOL_SPECS.get(enum_number(part, "type"), changes.PROTOCOL)
        protocol: Content = spec.read(part)
        return protocol
    member = BY_NAME.get(name)
    if member is None:
        return None
    content: Any = member.spec.read(part)
    if member.marks:
        content = replace(content, **member.marks)
    if isinstance(content, Poll) and content.version == content.usual_version:
        content = replace(content, version=None)
    read: Content = content
    return read


# --- writing -------------------------------------------------------------------------------------


def encode(content: Content, info: MessageInfo = NO_INFO, *, limits: Limits = LIMITS) -> pb.Message:
    """The protobuf of a new message, with the wrappers that belong to its content.

    Args:
        info: its secret and the album it belongs to.
        limits: what the content must keep to.

    Raises:
        InvalidInput: a limit is not kept, or an attribute does not fit into its field.
    """
    check_content(content, limits)
    return _natural(content, info)


def write_message(decoded: DecodedMessage) -> pb.Message:
    """The protobuf of a message that was read, as it came.

    Raises:
        InvalidInput: an attribute does not fit into its field.
    """
    message = pb.Message()
    parse_into(message, decoded.rest)
    _put(message, decoded.content)
    depth = len(decoded.wrappers)
    _put_info(message, decoded, depth)
    for wrapper in reversed(decoded.wrappers):
        message = _wrapped(message, wrapper)
        depth -= 1
        _put_info(message, decoded, depth)
    return message


def _natural(content: Content, info: MessageInfo) -> pb.Message:
    names = _wrappers_for(content)
    return write_message(DecodedMessage(content, info, tuple(Wrapper(name) for name in names)))


def _wrappers_for(content: Content) -> list[str]:
    """The wrappers that a content is sent in, outermost first."""
    names: list[str] = []
    context = getattr(content, "context", None)
    if isinstance(context, Context) and context.group_mentions:
        names.append("groupMentionedMessage")
    match content:
        case Image(view_once=True) | Video(view_once=True):
            names.append("viewOnceMessageV2")
        case Audio(view_once=True):
            names.append("viewOnceMessageV2Extension")
        case Document() if content.caption:
            names.append("documentWithCaptionMessage")
        case Sticker(is_lottie=True):
            names.append("lottieStickerMessage")
    return names


def _wrapped(inner: pb.Message, wrapper: Wrapper) -> pb.Message:
    if wrapper.name not in WRAPPERS:
        raise InvalidInput(f"{wrapper.name} is no wrapper")
    message = pb.Message()
    parse_into(message, wrapper.rest)
    getattr(message, wrapper.name).message.CopyFrom(inner)
    return message


def _put_info(message: pb.Message, decoded: DecodedMessage, depth: int) -> None:
    if depth != decoded.info_depth:
        return
    info = decoded.info
    if isinstance(decoded.content, Pin):
        info = replace(info, add_on_duration_s=decoded.content.duration_s)
    if info != NO_INFO:
        MESSAGE_INFO.write(message.messageContextInfo, info)


def _put(message: pb.Message, content: Content) -> None:
    """Put a content into a message that has none yet."""
    if isinstance(content, Unknown):
        parse_into(message, content.raw)
        return
    if isinstance(content, Text) and _fits_plain(content):
        write_fields((plain.PLAIN_TEXT,), message, content)
        return
    protocol = _PROTOCOL_CLASSES.get(type(content))
    if isinstance(content, Protocol):
        protocol = changes.PROTOCOL
    if protocol is not None:
        message.protocolMessage.SetInParent()
        protocol.write(message.protocolMessage, content)
        return
    member = _member_for(content)
    part = getattr(message, member.name)
    part.SetInParent()
    member.spec.write(part, content)


def _fits_plain(content: Text) -> bool:
    return content.is_plain and content == Text(content.text, is_plain=True)


def _member_for(content: Content) -> Member:
    marked: Any = content
    if isinstance(content, Poll):
        marked = replace(content, version=content.version or content.usual_version)
    for member in MEMBERS:
        if member.spec.value is type(content) and all(
            getattr(marked, name) == wanted for name, wanted in member.marks.items()
        ):
            return member
    raise InvalidInput(f"{type(content).__name__} is no content")
