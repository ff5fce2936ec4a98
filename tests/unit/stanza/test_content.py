from __future__ import annotations

import pytest

from waport.errors import DecodeError
from waport.proto import pb
from waport.stanza.content import (
    MAX_WRAPPERS,
    device_sent,
    open_device_sent,
    parse_content,
    unwrap,
)
from waport.wire import Jid

PEER = Jid("15550002222", "s.whatsapp.net")

WRAPPERS = [
    field.name
    for field in pb.Message.DESCRIPTOR.fields
    if field.message_type is not None and field.message_type.name == "FutureProofMessage"
]


def wrapped(content: pb.Message, *names: str) -> pb.Message:
    for name in names:
        outer = pb.Message()
        getattr(outer, name).message.CopyFrom(content)
        content = outer
    return content


@pytest.mark.parametrize("name", WRAPPERS)
def test_every_wrapper_is_looked_through(name: str) -> None:
    message = wrapped(pb.Message(conversation="hello"), name)
    message.messageContextInfo.messageSecret = bytes(32)
    assert unwrap(message).conversation == "hello"


def test_wrappers_known_to_the_sheet_are_among_them() -> None:
    assert {"spoilerMessage", "questionReplyMessage", "statusAddYours"} <= set(WRAPPERS)


def test_only_so_many_wrappers_are_taken_off() -> None:
    content = pb.Message(conversation="hello")
    assert unwrap(wrapped(content, *["ephemeralMessage"] * MAX_WRAPPERS)) == content
    with pytest.raises(DecodeError):
        unwrap(wrapped(content, *["ephemeralMessage"] * (MAX_WRAPPERS + 1)))


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\x05hi", b"\x32\xff\xff\xff\xff\x0f"])
def test_bytes_that_are_no_protobuf_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        parse_content(data)


def test_the_form_for_own_devices_has_the_secret_inside_and_outside() -> None:
    message = pb.Message(conversation="hello")
    message.messageContextInfo.messageSecret = b"s" * 32
    own = device_sent(message, PEER)
    assert own.messageContextInfo.messageSecret == b"s" * 32
    opened = open_device_sent(own)
    assert (opened.message, opened.destination) == (message, str(PEER))
    own.deviceSentMessage.message.ClearField("messageContextInfo")
    assert open_device_sent(own).message == message
    assert open_device_sent(message).destination is None
