"""Every kind of content, written and read."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, get_args

import pytest

from support.contents import GROUP, IMAGE, JPEG, KEY, OWN_KEY, PERSON, SAMPLES, file
from waport.errors import DecodeError, InvalidInput
from waport.model.contents import (
    Association,
    AssociationKind,
    Audio,
    Buttons,
    ChatTimer,
    Contact,
    Content,
    Edit,
    Event,
    Image,
    Location,
    MessageInfo,
    Poll,
    Protocol,
    Reaction,
    Revoke,
    Template,
    Text,
    Unknown,
    Video,
)
from waport.proto import pb
from waport.stanza.contents import Wrapper, decode, encode, read_message, write_message
from waport.stanza.contents.codec import DecodedMessage
from waport.stanza.contents.fields import MAX_ITEMS
from waport.stanza.contents.members import MEMBERS


@pytest.mark.parametrize("name", SAMPLES)
def test_a_content_is_read_as_it_was_written(name: str) -> None:
    content = SAMPLES[name]
    message = pb.Message.FromString(encode(content).SerializeToString())
    assert decode(message) == content


def test_there_is_a_sample_of_every_kind() -> None:
    assert {type(content) for content in SAMPLES.values()} == set(get_args(Content))


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_tables_name_attributes_and_fields_that_exist(member: Any) -> None:
    described = pb.Message.DESCRIPTOR.fields_by_name[member.name]
    assert described.message_type is member.spec.proto.DESCRIPTOR
    attributes = {each.name for each in fields(member.spec.value)}
    held = {each.attr for each in member.spec.fields}
    assert held <= attributes
    assert set(member.marks) <= attributes
    for each in member.spec.fields:
        assert set(each.names) <= set(described.message_type.fields_by_name)


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("text", "extendedTextMessage"),
        ("plain text", "conversation"),
        ("text with a group", "groupMentionedMessage"),
        ("image seen once", "viewOnceMessageV2"),
        ("voice note heard once", "viewOnceMessageV2Extension"),
        ("video note", "ptvMessage"),
        ("document", "documentMessage"),
        ("document with caption", "documentWithCaptionMessage"),
        ("lottie sticker", "lottieStickerMessage"),
        ("poll, one choice", "pollCreationMessageV3"),
        ("poll, any number", "pollCreationMessage"),
        ("poll in an announcement group", "pollCreationMessageV2"),
        ("quiz", "pollCreationMessageV5"),
        ("channel invite", "newsletterFollowerInviteMessageV2"),
    ],
)
def test_a_content_stands_in_its_member(name: str, member: str) -> None:
    message = encode(SAMPLES[name])
    assert [described.name for described, _ in message.ListFields()] == [member]


def test_what_is_empty_but_means_something_is_written() -> None:
    taken_back = encode(Reaction(KEY, "")).reactionMessage
    assert taken_back.HasField("text")
    assert taken_back.key.HasField("fromMe")
    assert encode(ChatTimer(0)).protocolMessage.HasField("ephemeralExpiration")
    assert encode(Revoke(OWN_KEY)).protocolMessage.HasField("type")
    assert encode(Poll("q", ("a", "b"), 0)).pollCreationMessage.HasField("selectableOptionsCount")


def test_secret_and_album_stand_outside_the_wrappers() -> None:
    album = Association(AssociationKind.MEDIA_ALBUM, OWN_KEY, 1)
    info = MessageInfo(bytes(range(32)), 2, association=album)
    message = encode(SAMPLES["image seen once"], info)
    assert message.messageContextInfo.messageSecret == bytes(range(32))
    assert not message.viewOnceMessageV2.message.HasField("messageContextInfo")
    assert read_message(message).info == info


def test_a_pin_says_how_long_it_holds_beside_itself() -> None:
    message = encode(SAMPLES["pin"], MessageInfo(bytes(32)))
    assert message.messageContextInfo.messageAddOnDurationInSecs == 604_800


def test_the_innermost_secret_counts_and_every_level_is_kept() -> None:
    message = pb.Message()
    message.messageContextInfo.messageSecret = b"outer"
    message.ephemeralMessage.message.messageContextInfo.messageSecret = b"inner"
    message.ephemeralMessage.message.conversation = "hi"
    decoded = read_message(message)
    assert decoded.info.secret == b"inner"
    assert decoded.is_ephemeral
    assert write_message(decoded) == message


def test_an_outer_secret_belongs_to_the_content_inside() -> None:
    message = pb.Message()
    message.messageContextInfo.messageSecret = b"outer"
    message.viewOnceMessage.message.imageMessage.caption = "x"
    decoded = read_message(message)
    assert decoded.info.secret == b"outer"
    assert isinstance(decoded.content, Image)
    assert decoded.content.view_once
    message.viewOnceMessage.message.imageMessage.viewOnce = True
    assert write_message(decoded) == message


def test_both_forms_of_an_edit_are_an_edit() -> None:
    edit = SAMPLES["edit"]
    wrapped = pb.Message()
    wrapped.editedMessage.message.CopyFrom(encode(edit))
    assert decode(wrapped) == edit
    assert read_message(wrapped).is_in("editedMessage")


def test_an_edit_inside_an_edit_is_no_edit() -> None:
    inner = encode(Edit(OWN_KEY, Text("x")))
    message = pb.Message()
    message.protocolMessage.type = pb.ProtocolMessage.MESSAGE_EDIT
    message.protocolMessage.editedMessage.CopyFrom(inner)
    content = decode(message)
    assert isinstance(content, Edit)
    assert content.content == Unknown("protocolMessage", inner.SerializeToString())


def test_a_type_that_the_schema_does_not_know_is_no_revoke() -> None:
    message = pb.Message.FromString(b"\x62\x09\x0a\x04\x1a\x02id\x10\x8f\x4e")
    content = decode(message)
    assert isinstance(content, Protocol)
    assert content.type == 9999
    assert write_message(read_message(message)) == message


def test_fields_without_attribute_survive_a_change_of_another() -> None:
    message = pb.Message()
    message.imageMessage.caption = "old"
    message.imageMessage.scansSidecar = b"scans"
    message.imageMessage.MergeFromString(b"\xfa\x3e\x02hi")
    content = decode(message)
    assert isinstance(content, Image)
    written = encode(replace(content, file=JPEG, caption="new")).imageMessage
    assert written.caption == "new"
    assert written.scansSidecar == b"scans"
    assert written.SerializeToString().endswith(b"\xfa\x3e\x02hi")


def test_what_is_no_address_or_no_text_is_kept_though_not_shown() -> None:
    message = pb.Message()
    message.extendedTextMessage.text = "x"
    context = message.extendedTextMessage.contextInfo
    context.mentionedJid.extend(["no address", str(PERSON)])
    message.extendedTextMessage.MergeFromString(b"\x32\x02\xff\xfe")
    content = decode(message)
    assert isinstance(content, Text)
    assert content.context.mentions == (PERSON,)
    assert write_message(read_message(message)) == message


def test_a_place_that_is_no_number_reads_as_zero() -> None:
    message = pb.Message()
    message.locationMessage.degreesLatitude = float("nan")
    message.locationMessage.degreesLongitude = float("inf")
    content = decode(message)
    assert isinstance(content, Location)
    assert (content.latitude, content.longitude) == (0.0, 0.0)
    assert write_message(read_message(message)) == message


def test_keys_for_a_group_are_no_content_and_no_part_of_an_unknown_one() -> None:
    message = pb.Message()
    message.senderKeyDistributionMessage.groupId = str(GROUP)
    assert decode(message) == Unknown()
    message.callLogMesssage.isVideo = True
    content = decode(message)
    assert isinstance(content, Unknown)
    assert content.name == "callLogMesssage"
    assert not pb.Message.FromString(content.raw).HasField("senderKeyDistributionMessage")
    assert write_message(read_message(message)) == message


def test_a_template_in_the_older_form_is_read_and_kept() -> None:
    message = pb.Message()
    message.templateMessage.hydratedFourRowTemplate.hydratedContentText = "b"
    message.templateMessage.hydratedFourRowTemplate.hydratedFooterText = "f"
    decoded = read_message(message)
    assert isinstance(decoded.content, Template)
    assert (decoded.content.body, decoded.content.footer) == ("b", "f")
    assert write_message(decoded) == message
    changed = replace(decoded, content=replace(decoded.content, footer="g"))
    written = write_message(changed).templateMessage.hydratedTemplate
    assert (written.hydratedContentText, written.hydratedFooterText) == ("b", "g")


def test_a_huge_list_is_read_in_part_and_kept_whole() -> None:
    message = pb.Message()
    poll = message.pollCreationMessage
    for number in range(MAX_ITEMS + 5):
        poll.options.add().optionName = str(number)
    decoded = read_message(message)
    assert isinstance(decoded.content, Poll)
    assert len(decoded.content.options) == MAX_ITEMS
    assert len(write_message(decoded).pollCreationMessage.options) == MAX_ITEMS + 5


def test_five_wrappers_are_read_and_six_are_refused() -> None:
    message = pb.Message(conversation="deep")
    for _ in range(5):
        outer = pb.Message()
        outer.ephemeralMessage.message.CopyFrom(message)
        message = outer
    assert decode(message) == Text("deep", is_plain=True)
    outer = pb.Message()
    outer.ephemeralMessage.message.CopyFrom(message)
    with pytest.raises(DecodeError):
        decode(outer)


def test_a_message_for_own_devices_is_not_opened_here() -> None:
    message = pb.Message()
    message.deviceSentMessage.message.conversation = "not for you"
    content = decode(message)
    assert isinstance(content, Unknown)
    assert content.name == "deviceSentMessage"


@pytest.mark.parametrize(
    "content",
    [
        Text("\ud800"),
        Image(replace(JPEG, length=5), width=-1),
        Image(JPEG, height=2**40),
        Video(file("video/mp4"), gif_source=77),
        Contact(5, "BEGIN:VCARD"),  # type: ignore[arg-type]
        Event("e", starts_at=2**70),
        Buttons("b", media=Audio(JPEG)),  # type: ignore[arg-type]
        replace(IMAGE, extra=b"\xff"),
        Unknown("", b"\xff"),
        "hi",
    ],
    ids=str,
)
def test_values_that_do_not_fit_are_refused(content: Any) -> None:
    with pytest.raises(InvalidInput):
        encode(content)


def test_a_wrapper_of_another_name_is_refused() -> None:
    with pytest.raises(InvalidInput):
        write_message(DecodedMessage(Text("x"), wrappers=(Wrapper("imageMessage"),)))


def test_keys_and_secrets_do_not_show_in_logs() -> None:
    shown = repr(read_message(encode(IMAGE, MessageInfo(b"S" * 32)))) + repr(SAMPLES["order"])
    assert "kkkk" not in shown
    assert "SSSS" not in shown
    assert "tok" not in shown
