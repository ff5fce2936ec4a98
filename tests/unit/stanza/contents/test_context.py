"""Quotes: what of a message stands in the answer to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.contents import GROUP, IMAGE, PERSON, SAMPLES
from waport.errors import DecodeError
from waport.model.contents import (
    Context,
    Image,
    MessageInfo,
    Text,
    Unknown,
    forwarded,
    with_context,
)
from waport.proto import pb
from waport.stanza.contents import decode, encode, quote


def test_a_quote_has_the_content_without_its_own_context_and_secret() -> None:
    original = encode(IMAGE, MessageInfo(bytes(range(32))))
    original.senderKeyDistributionMessage.groupId = str(GROUP)
    quoted = pb.Message.FromString(quote(original, "3EB0AA", PERSON.with_device(3)).content)
    assert not quoted.HasField("messageContextInfo")
    assert not quoted.HasField("senderKeyDistributionMessage")
    assert decode(quoted) == replace(IMAGE, context=Context())


def test_a_quote_names_the_author_without_device() -> None:
    made = quote(pb.Message(conversation="x"), "3EB0AA", PERSON.with_device(3), GROUP)
    assert (made.id, made.author, made.chat) == ("3EB0AA", PERSON, GROUP)


def test_a_quote_leaves_the_wrappers_out() -> None:
    original = encode(SAMPLES["image seen once"])
    quoted = pb.Message.FromString(quote(original, "3EB0AA", PERSON).content)
    assert quoted.HasField("imageMessage")


def test_a_quote_of_two_contents_has_the_first_alone() -> None:
    original = pb.Message(conversation="x")
    original.imageMessage.caption = "y"
    quoted = pb.Message.FromString(quote(original, "3EB0AA", PERSON).content)
    assert [described.name for described, _ in quoted.ListFields()] == ["conversation"]


def test_a_content_of_unknown_kind_can_be_quoted() -> None:
    quoted = pb.Message.FromString(
        quote(encode(Unknown("", b"\xfa\x3e\x02hi")), "1", PERSON).content
    )
    assert quoted.SerializeToString() == b"\xfa\x3e\x02hi"


def test_a_content_wrapped_without_end_can_not_be_quoted() -> None:
    message = pb.Message(conversation="deep")
    for _ in range(7):
        outer = pb.Message()
        outer.ephemeralMessage.message.CopyFrom(message)
        message = outer
    with pytest.raises(DecodeError):
        quote(message, "3EB0AA", PERSON)


def test_a_quoted_message_is_no_part_of_what_is_kept_beside() -> None:
    made = quote(encode(Text("before")), "3EB0AA", PERSON)
    content = decode(encode(Text("after", context=Context(quote=made))))
    assert isinstance(content, Text)
    assert content.context.quote == made
    assert content.extra == b""


def test_forwarding_drops_what_the_old_context_held_beyond_its_attributes() -> None:
    message = encode(Text("x"))
    message.extendedTextMessage.contextInfo.externalAdReply.title = "Ad"
    message.extendedTextMessage.contextInfo.forwardingScore = 3
    sent = encode(forwarded(decode(message))).extendedTextMessage
    assert not sent.contextInfo.HasField("externalAdReply")
    assert (sent.contextInfo.forwardingScore, sent.contextInfo.isForwarded) == (4, True)


def test_a_forwarded_picture_is_the_same_file() -> None:
    sent = decode(encode(forwarded(IMAGE)))
    assert isinstance(sent, Image)
    assert sent.file == IMAGE.file


def test_a_timer_can_be_put_on_a_content() -> None:
    timed = with_context(IMAGE, lambda context: replace(context, expiration_s=86_400))
    assert encode(timed).imageMessage.contextInfo.expiration == 86_400
