from __future__ import annotations

import pytest

from waport.errors import DecodeError, InvalidInput
from waport.model import MessageKind
from waport.proto import pb
from waport.stanza.content import (
    MAX_WRAPPERS,
    add_quote,
    device_sent,
    kind_of,
    open_device_sent,
    parse_content,
    text_content,
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
    assert kind_of(message) is MessageKind.TEXT


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


def test_what_changes_or_announces_something_is_no_message_of_its_own() -> None:
    key = pb.Message()
    key.senderKeyDistributionMessage.groupId = "x"
    revoke = pb.Message()
    revoke.protocolMessage.type = pb.ProtocolMessage.REVOKE
    revoke.messageContextInfo.messageSecret = bytes(32)
    share = pb.Message()
    share.protocolMessage.type = pb.ProtocolMessage.APP_STATE_SYNC_KEY_SHARE
    vote = pb.Message()
    vote.pollUpdateMessage.senderTimestampMs = 1
    nameless = pb.Message()
    nameless.protocolMessage.SetInParent()
    for message in (key, share, nameless):
        assert kind_of(message) is None
    for message in (revoke, vote):
        assert kind_of(message) is MessageKind.ADD_ON
    key.conversation = "and a text"
    assert kind_of(key) is MessageKind.TEXT
    assert kind_of(pb.Message()) is MessageKind.OTHER


def test_a_text_has_its_limit_its_secret_and_its_mentions() -> None:
    message = text_content("@1555", [PEER], secret=b"s" * 32)
    assert message.extendedTextMessage.contextInfo.mentionedJid == [str(PEER)]
    assert message.messageContextInfo.messageSecret == b"s" * 32
    assert text_content("x" * 65536, secret=b"").extendedTextMessage.text == "x" * 65536
    with pytest.raises(InvalidInput):
        text_content("x" * 65537, secret=b"")


def test_a_quote_carries_neither_secret_nor_an_older_quote() -> None:
    first = text_content("first", secret=b"s" * 32)
    add_quote(first, text_content("zero", secret=b""), "Z", PEER)
    second = text_content("second", secret=b"t" * 32)
    add_quote(second, first, "A", PEER)
    context = second.extendedTextMessage.contextInfo
    assert (context.stanzaId, context.participant) == ("A", str(PEER))
    assert context.quotedMessage.extendedTextMessage.text == "first"
    assert not context.quotedMessage.HasField("messageContextInfo")
    assert not context.quotedMessage.extendedTextMessage.HasField("contextInfo")


def test_the_form_for_own_devices_has_the_secret_inside_and_outside() -> None:
    message = text_content("hello", secret=b"s" * 32)
    own = device_sent(message, PEER)
    assert own.messageContextInfo.messageSecret == b"s" * 32
    opened = open_device_sent(own)
    assert (opened.message, opened.destination) == (message, str(PEER))
    own.deviceSentMessage.message.ClearField("messageContextInfo")
    assert open_device_sent(own).message == message
    assert open_device_sent(message).destination is None
