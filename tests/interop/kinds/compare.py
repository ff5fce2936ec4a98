"""Comparing message contents as protobufs."""

from __future__ import annotations

import dataclasses
from typing import Any

from google.protobuf.json_format import MessageToDict

from interop.kinds.case import OurFile, Ours
from waport.model.contents import Audio, Content, Document, Image, Sticker, Video
from waport.proto import pb
from waport.wire import Jid

SENDER_KEYS = ("senderKeyDistributionMessage", "fastRatchetKeySenderKeyDistributionMessage")
"""Members that come along with the first message of a device in a group."""

WRAPPERS = frozenset(
    described.name
    for described in pb.Message.DESCRIPTOR.fields
    if described.message_type is not None and described.message_type.name == "FutureProofMessage"
)


def without_keys(message: pb.Message) -> pb.Message:
    """A content without the sender keys that came along."""
    content = pb.Message()
    content.CopyFrom(message)
    for name in SENDER_KEYS:
        content.ClearField(name)
    return content


def assert_same(found: pb.Message, sent: pb.Message) -> None:
    """Two contents are equal field by field, with wrappers and all that stands beside."""
    found, sent = without_keys(found), without_keys(sent)
    assert MessageToDict(found) == MessageToDict(sent)
    assert found == sent  # fields that the schema lacks as well


def innermost(message: pb.Message) -> pb.Message:
    """What is inside the wrappers that only say how a content is to be shown."""
    for described, part in message.ListFields():
        if described.name in WRAPPERS:
            return innermost(part.message)
    return message


def assert_has(message: pb.Message, expected: pb.Message) -> None:
    """A content has all fields of another one, with the same values."""
    assert lacking(innermost(message), expected) == []


def lacking(found: Any, expected: Any, path: str = "") -> list[str]:
    """The fields of a protobuf that another one has not, or has with another value."""
    faults: list[str] = []
    for described, value in expected.ListFields():
        name = f"{path}{described.name}"
        other = getattr(found, described.name)
        if described.message_type is None:
            if other != value:
                faults.append(f"{name} is {other!r}, not {value!r}")
        elif described.is_repeated:
            if len(other) != len(value):
                faults.append(f"{name} has {len(other)} parts, not {len(value)}")
            for index, (left, right) in enumerate(zip(other, value, strict=False)):
                faults += lacking(left, right, f"{name}[{index}].")
        elif not found.HasField(described.name):
            faults.append(f"there is no {name}")
        else:
            faults += lacking(other, value, f"{name}.")
    return faults


def assert_means(content: Content, form: Ours | OurFile) -> None:
    """A content that Baileys sent is read as the value that we would send.

    They may differ in what is computed from a file, in fields beyond the value's, in the context,
    and in the time of sending.
    """
    match form:
        case Ours(wanted):
            assert _bare(content) == _bare(wanted)
        case OurFile():
            assert isinstance(content, Image | Video | Audio | Document | Sticker)


def _bare(value: Any) -> Any:
    """A value without what may differ, and so all inside it."""
    if isinstance(value, tuple):
        return tuple(_bare(item) for item in value)
    if not dataclasses.is_dataclass(value) or isinstance(value, Jid):
        return value
    told = {
        field.name: _bare(getattr(value, field.name))
        for field in dataclasses.fields(value)
        if field.name not in ("context", "extra", "set_at")
    }
    return type(value).__name__, told


def media_part(message: pb.Message) -> Any:
    """The member of a content that describes a file."""
    for _, part in innermost(message).ListFields():
        if "fileSha256" in getattr(part, "DESCRIPTOR", part).fields_by_name:
            return part
    raise AssertionError("the content has no file")
