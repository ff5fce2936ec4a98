"""The reporting token: what enters it, and who gets one."""

from __future__ import annotations

import pytest

from support.contents import CONTEXT, GROUP, IMAGE, OTHER, OWN_KEY, PERSON, SAMPLES
from waport.errors import CryptoError, DecodeError
from waport.model.contents import Context, Document, MessageInfo, Text, Unknown
from waport.proto import pb
from waport.stanza.contents import encode
from waport.stanza.reporting import (
    reported_bytes,
    reporting_node,
    reporting_token,
    wants_token,
)
from waport.wire import Jid

INFO = MessageInfo(bytes(range(32)), 2)
CHANNEL = Jid("120363000000000009", "newsletter")


def test_a_text_alone_enters_whole() -> None:
    assert reported_bytes(b"\x0a\x02hi") == b"\x0a\x02hi"


def test_of_a_context_only_forwarding_enters() -> None:
    message = encode(Text("hi", context=CONTEXT), INFO)
    kept = pb.Message()
    kept.extendedTextMessage.text = "hi"
    kept.extendedTextMessage.contextInfo.isForwarded = True
    kept.extendedTextMessage.contextInfo.forwardingScore = 5
    assert reported_bytes(message.SerializeToString()) == kept.SerializeToString()


def test_a_wrapped_message_enters_by_the_same_rules() -> None:
    wrapped = encode(Document(IMAGE.file, "a.pdf", caption="see"), INFO)
    assert wrapped.HasField("documentWithCaptionMessage")
    plain = pb.Message()
    plain.documentMessage.CopyFrom(wrapped.documentWithCaptionMessage.message.documentMessage)
    around = pb.Message()
    cut = pb.Message.FromString(reported_bytes(plain.SerializeToString()))
    around.documentWithCaptionMessage.message.CopyFrom(cut)
    assert reported_bytes(wrapped.SerializeToString()) == around.SerializeToString()
    assert cut.documentMessage.caption == "see"
    assert not cut.documentMessage.HasField("title")


def test_an_edit_enters_with_its_new_content() -> None:
    message = encode(SAMPLES["edit"])
    cut = pb.Message.FromString(reported_bytes(message.SerializeToString()))
    assert cut.protocolMessage.editedMessage.extendedTextMessage.text == "fixed"
    assert cut.protocolMessage.key.id == OWN_KEY.id


def test_fields_come_in_ascending_order() -> None:
    # Field 6 before field 1, and inside it field 30 before field 1.
    assert reported_bytes(b"\x32\x06\xf0\x01\x01\x0a\x01b\x0a\x01a") == (
        b"\x0a\x01a\x32\x06\x0a\x01b\xf0\x01\x01"
    )


def test_what_is_empty_after_the_cut_is_dropped() -> None:
    message = pb.Message()
    message.imageMessage.width = 5
    assert reported_bytes(message.SerializeToString()) == b""
    assert (
        reporting_token(
            message.SerializeToString(),
            secret=bytes(32),
            message_id="1",
            sender=PERSON,
            chat=OTHER,
        )
        is None
    )


@pytest.mark.parametrize(
    "data",
    [b"\x0a\x05hi", b"\x0a", b"\xff" * 11, b"\x0f", b"\x0d\x00", b"\x09\x00", b"\x32\x02\x0a\x05"],
)
def test_what_is_no_protobuf_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        reported_bytes(data)


def test_messages_nested_without_end_are_refused() -> None:
    data = b"\x0a\x01x"
    for _ in range(40):
        inner = b"\x0a" + bytes((len(data),)) + data if len(data) < 128 else None
        if inner is None or len(inner) > 120:
            break
        data = b"\xaa\x02" + bytes((len(inner),)) + inner
    with pytest.raises(DecodeError):
        reported_bytes(data)


@pytest.mark.parametrize(
    "name", ["reaction", "encrypted reaction", "event response", "poll vote", "keep"]
)
def test_add_ons_get_no_token(name: str) -> None:
    assert not wants_token(encode(SAMPLES[name]), PERSON)


@pytest.mark.parametrize("name", ["text", "image", "poll, one choice", "edit", "image seen once"])
def test_messages_get_one(name: str) -> None:
    assert wants_token(encode(SAMPLES[name]), PERSON)


def test_channel_posts_get_none() -> None:
    message = encode(Text("x"), INFO)
    assert reporting_node(message, message_id="1", sender=PERSON, chat=CHANNEL) is None


def test_without_secret_there_is_no_token() -> None:
    for secret in (b"", b"short"):
        message = encode(Text("x"), MessageInfo(secret))
        assert reporting_node(message, message_id="1", sender=PERSON, chat=OTHER) is None
    with pytest.raises(CryptoError):
        reporting_token(b"\x0a\x01x", secret=b"", message_id="1", sender=PERSON, chat=GROUP)


def test_what_can_not_be_reported_gets_no_node() -> None:
    message = encode(Unknown("", b"\xfa\x3e\x02hi"), INFO)
    assert reporting_node(message, message_id="1", sender=PERSON, chat=OTHER) is None


def test_the_sender_enters_in_private() -> None:
    message = encode(Text("x", context=Context()), INFO)
    nodes = [
        reporting_node(message, message_id="1", sender=sender, chat=OTHER)
        for sender in (PERSON, OTHER)
    ]
    tokens = {node.child("reporting_token").data for node in nodes if node is not None}
    assert len(tokens) == 2
