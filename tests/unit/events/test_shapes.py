"""The JSON of a message: keys, addresses, types, `_data`."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from waport.events import compact_json, message_json
from waport.events.ids import stanza_id
from waport.model import Ack, MessageKind
from waport.proto import pb
from waport.wire import Jid

OWN = Jid("15550001111", "s.whatsapp.net", 7)
GROUP = Jid("120363000000000001", "g.us")
ANN = Jid("15551112222", "s.whatsapp.net")
CONTEXT = pb.ContextInfo(
    isForwarded=True,
    forwardingScore=2,
    mentionedJid=["15551112222@s.whatsapp.net", "1@lid", "nobody"],
    quotedMessage=pb.Message(conversation="before"),
    groupMentions=[pb.GroupMention(groupJid="1203@g.us", groupSubject="Team")],
)


def test_an_incoming_text_has_the_contracts_keys_in_order(make_message: Any) -> None:
    message = make_message(pb.Message(conversation="hi"), kind=MessageKind.TEXT, push_name="Bob")
    shape = message_json(message, OWN)
    expected = {
        "id": {
            "_serialized": "false_15559990000@c.us_AAA1",
            "fromMe": False,
            "remote": "15559990000@c.us",
            "id": "AAA1",
        },
        "body": "hi",
        "type": "chat",
        "timestamp": 1700000100,
        "from": "15559990000@c.us",
        "to": "15550001111@c.us",
        "isForwarded": False,
        "forwardingScore": 0,
        "isStatus": False,
        "isStarred": False,
        "broadcast": False,
        "fromMe": False,
        "hasQuotedMsg": False,
        "hasMedia": False,
        "hasReaction": False,
        "ack": 0,
        "mentionedIds": [],
        "groupMentions": [],
        "links": [],
    }
    assert {key: shape[key] for key in expected} == expected  # type: ignore[literal-required]
    assert list(shape)[: len(expected)] == list(expected)
    assert shape["_data"] == {
        "key": {"remoteJid": "15559990000@s.whatsapp.net", "fromMe": False, "id": "AAA1"},
        "message": {"conversation": "hi"},
        "messageTimestamp": 1700000100,
        "pushName": "Bob",
    }


def test_in_groups_from_is_the_group_and_author_the_sender(make_message: Any) -> None:
    message = make_message(pb.Message(conversation="hi"), chat=GROUP, sender=ANN)
    shape = message_json(message, OWN)
    assert shape["from"] == "120363000000000001@g.us"
    assert shape["author"] == "15551112222@c.us"
    assert shape["to"] == "15550001111@c.us"
    assert shape["id"]["_serialized"] == "false_120363000000000001@g.us_AAA1"
    assert shape["id"]["participant"] == "15551112222@c.us"
    assert shape["_data"]["key"] == {
        "remoteJid": "120363000000000001@g.us",
        "fromMe": False,
        "id": "AAA1",
        "participant": "15551112222@s.whatsapp.net",
    }


def test_an_own_message_goes_from_the_account_to_the_chat(make_message: Any) -> None:
    message = make_message(pb.Message(conversation="hi"), from_me=True, ack=Ack.READ)
    shape = message_json(message, OWN)
    assert (shape["from"], shape["to"]) == ("15550001111@c.us", "15559990000@c.us")
    assert shape["ack"] == 3
    assert shape["_data"]["messageTimestamp"] == "1700000100"
    assert shape["_data"]["status"] == "READ"
    assert "author" not in shape


def test_a_status_has_an_author_and_comes_from_them(make_message: Any) -> None:
    message = make_message(
        pb.Message(conversation="hi"), chat=Jid("status", "broadcast"), sender=ANN
    )
    shape = message_json(message, OWN)
    assert shape["isStatus"]
    assert shape["broadcast"]
    assert (shape["from"], shape["author"]) == ("15551112222@c.us", "15551112222@c.us")


FILE = {"url": "https://mmg.example/f", "directPath": "/f", "mediaKey": b"\x01" * 32}

KINDS: list[tuple[pb.Message, str, str, str | None]] = [
    (pb.Message(conversation="a"), "chat", "a", None),
    (pb.Message(extendedTextMessage=pb.ExtendedTextMessage(text="b")), "chat", "b", None),
    (pb.Message(imageMessage=pb.ImageMessage(caption="c", **FILE)), "image", "c", None),
    (pb.Message(videoMessage=pb.VideoMessage(caption="d", **FILE)), "video", "d", None),
    (pb.Message(ptvMessage=pb.VideoMessage(**FILE)), "ptv", "", None),
    (pb.Message(audioMessage=pb.AudioMessage(**FILE)), "audio", "", None),
    (pb.Message(audioMessage=pb.AudioMessage(ptt=True, **FILE)), "ptt", "", None),
    (
        pb.Message(documentMessage=pb.DocumentMessage(fileName="f.pdf", caption="no", **FILE)),
        "document",
        "f.pdf",
        None,
    ),
    (pb.Message(stickerMessage=pb.StickerMessage(**FILE)), "sticker", "", None),
    (pb.Message(locationMessage=pb.LocationMessage(name="n")), "location", "", None),
    (pb.Message(liveLocationMessage=pb.LiveLocationMessage()), "live_location", "", "location"),
    (pb.Message(contactMessage=pb.ContactMessage(vcard="BEGIN")), "vcard", "BEGIN", None),
    (pb.Message(contactsArrayMessage=pb.ContactsArrayMessage()), "multi_vcard", "", None),
    (
        pb.Message(pollCreationMessageV3=pb.PollCreationMessage(name="p")),
        "poll",
        "p",
        "poll_creation",
    ),
    (pb.Message(eventMessage=pb.EventMessage(name="e")), "chat", "e", "event_creation"),
    (
        pb.Message(groupInviteMessage=pb.GroupInviteMessage(caption="j")),
        "groups_v4_invite",
        "j",
        None,
    ),
    (pb.Message(listMessage=pb.ListMessage(description="l")), "list", "l", None),
    (
        pb.Message(listResponseMessage=pb.ListResponseMessage(title="r")),
        "list_response",
        "r",
        None,
    ),
    (pb.Message(buttonsMessage=pb.ButtonsMessage(contentText="t")), "chat", "t", None),
    (
        pb.Message(buttonsResponseMessage=pb.ButtonsResponseMessage(selectedDisplayText="s")),
        "buttons_response",
        "s",
        None,
    ),
    (
        pb.Message(
            templateButtonReplyMessage=pb.TemplateButtonReplyMessage(selectedDisplayText="s")
        ),
        "template_button_reply",
        "s",
        None,
    ),
    (
        pb.Message(
            interactiveMessage=pb.InteractiveMessage(body=pb.InteractiveMessage.Body(text="i"))
        ),
        "interactive",
        "i",
        None,
    ),
    (
        pb.Message(
            interactiveMessage=pb.InteractiveMessage(
                body=pb.InteractiveMessage.Body(text="i"),
                nativeFlowMessage=pb.InteractiveMessage.NativeFlowMessage(),
            )
        ),
        "native_flow",
        "i",
        None,
    ),
    (pb.Message(orderMessage=pb.OrderMessage(message="o")), "order", "o", None),
    (
        pb.Message(
            productMessage=pb.ProductMessage(product=pb.ProductMessage.ProductSnapshot(title="x"))
        ),
        "product",
        "x",
        None,
    ),
    (pb.Message(requestPaymentMessage=pb.RequestPaymentMessage()), "payment", "", None),
    (pb.Message(albumMessage=pb.AlbumMessage()), "album", "", None),
    (pb.Message(reactionMessage=pb.ReactionMessage(text="👍")), "reaction", "👍", None),
    (pb.Message(protocolMessage=pb.ProtocolMessage(type=0)), "revoked", "", None),
    (pb.Message(protocolMessage=pb.ProtocolMessage(type=14)), "chat", "", None),
    (pb.Message(pollUpdateMessage=pb.PollUpdateMessage()), "chat", "", None),
    (pb.Message(), "chat", "", None),
]


@pytest.mark.parametrize(("content", "kind", "body", "other"), KINDS)
def test_each_content_has_its_type_and_body(
    make_message: Any, content: pb.Message, kind: str, body: str, other: str | None
) -> None:
    shape = message_json(make_message(content), OWN)
    assert (shape["type"], shape["body"], shape.get("wwebjsType")) == (kind, body, other)
    # Whatever it is, it can be written.
    json.dumps(shape, allow_nan=False)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda m: pb.Message(deviceSentMessage=pb.DeviceSentMessage(message=m)),
        lambda m: pb.Message(ephemeralMessage=pb.FutureProofMessage(message=m)),
        lambda m: pb.Message(viewOnceMessage=pb.FutureProofMessage(message=m)),
        lambda m: pb.Message(viewOnceMessageV2=pb.FutureProofMessage(message=m)),
        lambda m: pb.Message(viewOnceMessageV2Extension=pb.FutureProofMessage(message=m)),
        lambda m: pb.Message(documentWithCaptionMessage=pb.FutureProofMessage(message=m)),
        lambda m: pb.Message(editedMessage=pb.FutureProofMessage(message=m)),
        lambda m: pb.Message(botInvokeMessage=pb.FutureProofMessage(message=m)),
        lambda m: pb.Message(groupMentionedMessage=pb.FutureProofMessage(message=m)),
        lambda m: pb.Message(associatedChildMessage=pb.FutureProofMessage(message=m)),
    ],
)
def test_wrappers_are_opened(make_message: Any, wrap: Any) -> None:
    inner = pb.Message(imageMessage=pb.ImageMessage(caption="c", **FILE))
    shape = message_json(make_message(wrap(wrap(inner))), OWN)
    assert (shape["type"], shape["body"]) == ("image", "c")
    assert shape["_data"]["message"]["imageMessage"]["caption"] == "c"  # type: ignore[index,call-overload]


def test_endless_wrappers_end(make_message: Any) -> None:
    content = pb.Message(conversation="deep")
    for _ in range(30):
        content = pb.Message(ephemeralMessage=pb.FutureProofMessage(message=content))
    shape = message_json(make_message(content), OWN)
    assert (shape["type"], shape["body"]) == ("chat", "")


def test_a_placeholder_is_a_ciphertext_without_content(make_message: Any) -> None:
    shape = message_json(make_message(pb.Message(), kind=MessageKind.CIPHERTEXT), OWN)
    assert (shape["type"], shape["body"]) == ("ciphertext", "")
    assert "message" not in shape["_data"]


def test_the_context_is_told(make_message: Any) -> None:
    text = pb.ExtendedTextMessage(text="x", contextInfo=CONTEXT)
    shape = message_json(make_message(pb.Message(extendedTextMessage=text)), OWN)
    assert shape["isForwarded"]
    assert shape["forwardingScore"] == 2
    assert shape["hasQuotedMsg"]
    assert shape["mentionedIds"] == ["15551112222@c.us", "1@lid", "nobody"]
    assert shape["groupMentions"] == [
        {
            "groupSubject": "Team",
            "groupJid": {"_serialized": "1203@g.us", "user": "1203", "server": "g.us"},
        }
    ]


def test_ephemeral_messages_say_so(make_message: Any) -> None:
    inner = pb.Message(conversation="x")
    wrapped = pb.Message(ephemeralMessage=pb.FutureProofMessage(message=inner))
    assert message_json(make_message(wrapped), OWN)["isEphemeral"]
    text = pb.ExtendedTextMessage(text="x", contextInfo=pb.ContextInfo(expiration=86400))
    assert message_json(make_message(pb.Message(extendedTextMessage=text)), OWN)["isEphemeral"]
    assert "isEphemeral" not in message_json(make_message(inner), OWN)


def test_media_has_its_key_and_duration(make_message: Any) -> None:
    content = pb.Message(videoMessage=pb.VideoMessage(seconds=7, gifPlayback=True, **FILE))
    shape = message_json(make_message(content), OWN)
    assert shape["hasMedia"]
    assert shape["isGif"]
    assert shape["duration"] == "7"
    assert shape["mediaKey"] == "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
    assert not message_json(make_message(pb.Message(imageMessage=pb.ImageMessage())), OWN)[
        "hasMedia"
    ]


def test_a_poll_has_its_options_and_secret(make_message: Any) -> None:
    poll = pb.PollCreationMessage(name="Lunch?", selectableOptionsCount=1)
    poll.options.add(optionName="Yes")
    poll.options.add(optionName="No")
    content = pb.Message(
        pollCreationMessageV3=poll,
        messageContextInfo=pb.MessageContextInfo(messageSecret=b"\x05" * 32),
    )
    shape = message_json(make_message(content), OWN)
    assert shape["pollName"] == "Lunch?"
    assert shape["pollOptions"] == [{"name": "Yes", "localId": 0}, {"name": "No", "localId": 1}]
    assert shape["allowMultipleAnswers"] is False
    assert shape["messageSecret"] == [5] * 32
    poll.selectableOptionsCount = 0
    shape = message_json(make_message(pb.Message(pollCreationMessage=poll)), OWN)
    assert shape["allowMultipleAnswers"] is True


def test_a_place_has_whole_numbers_without_a_fraction(make_message: Any) -> None:
    place = pb.LocationMessage(
        degreesLatitude=37.0, degreesLongitude=-122.25, name="Pier", address="Road 1"
    )
    shape = message_json(make_message(pb.Message(locationMessage=place)), OWN)
    assert json.dumps(shape["location"]) == (
        '{"latitude": 37, "longitude": -122.25, "description": "Pier\\nRoad 1", '
        '"name": "Pier", "address": "Road 1"}'
    )


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_a_place_that_is_nowhere_has_no_coordinates(make_message: Any, number: float) -> None:
    place = pb.LocationMessage(degreesLatitude=number, degreesLongitude=number, name="Pier")
    shape = message_json(make_message(pb.Message(locationMessage=place)), OWN)
    assert shape["location"] == {
        "latitude": None,
        "longitude": None,
        "description": "Pier",
        "name": "Pier",
    }
    compact_json(shape)


def test_texts_that_are_no_utf8_are_mended_wherever_they_stand(make_message: Any) -> None:
    image = pb.ImageMessage(
        caption="http://ok?",
        contextInfo=pb.ContextInfo(
            mentionedJid=["ok?"],
            groupMentions=[pb.GroupMention(groupJid="1203@g.us", groupSubject="ok?")],
        ),
        **FILE,
    )
    raw = pb.Message(imageMessage=image).SerializeToString().replace(b"ok?", b"ok\xff")
    shape = message_json(make_message(pb.Message.FromString(raw)), OWN)
    assert shape["body"] == "http://ok\ufffd"
    assert shape["links"] == [{"link": "http://ok\ufffd", "isSuspicious": False}]
    assert shape["mentionedIds"] == ["ok\ufffd"]
    assert shape["groupMentions"][0]["groupSubject"] == "ok\ufffd"
    raw = pb.Message(conversation="ok?").SerializeToString().replace(b"ok?", b"ok\xff")
    assert message_json(make_message(pb.Message.FromString(raw)), OWN)["body"] == "ok\ufffd"


def test_cards_invites_buttons_and_products_have_their_fields(make_message: Any) -> None:
    cards = pb.ContactsArrayMessage(
        contacts=[pb.ContactMessage(vcard="A"), pb.ContactMessage(vcard="B")]
    )
    shape = message_json(make_message(pb.Message(contactsArrayMessage=cards)), OWN)
    assert shape["vCards"] == ["A", "B"]
    invite = pb.GroupInviteMessage(
        groupJid="1203@g.us", inviteCode="C", inviteExpiration=9, groupName="G"
    )
    shape = message_json(make_message(pb.Message(groupInviteMessage=invite)), OWN)
    assert shape["inviteV4"] == {
        "inviteCode": "C",
        "inviteCodeExp": 9,
        "groupId": "1203@g.us",
        "groupName": "G",
        "fromId": "15559990000@c.us",
        "toId": "15550001111@c.us",
    }
    reply = pb.ListResponseMessage(
        singleSelectReply=pb.ListResponseMessage.SingleSelectReply(selectedRowId="row")
    )
    shape = message_json(make_message(pb.Message(listResponseMessage=reply)), OWN)
    assert shape["selectedRowId"] == "row"
    order = pb.OrderMessage(orderId="5", token="t")
    shape = message_json(make_message(pb.Message(orderMessage=order)), OWN)
    assert (shape["orderId"], shape["token"]) == ("5", "t")


@pytest.mark.parametrize(
    ("message_id", "device"),
    [("3EB0" + "A" * 18, "android"), ("3EB0" + "A" * 16, "web"), ("3A" + "B" * 18, "ios")],
)
def test_the_device_is_read_off_the_id(make_message: Any, message_id: str, device: str) -> None:
    message = make_message(pb.Message(conversation="x"), message_id=message_id)
    assert message_json(message, OWN)["deviceType"] == device


def test_key_material_never_shows(make_message: Any) -> None:
    content = pb.Message(
        conversation="hi",
        senderKeyDistributionMessage=pb.SenderKeyDistributionMessage(
            groupId="g", axolotlSenderKeyDistributionMessage=b"SECRET"
        ),
        protocolMessage=pb.ProtocolMessage(
            appStateSyncKeyShare=pb.AppStateSyncKeyShare(
                keys=[pb.AppStateSyncKey(keyData=pb.AppStateSyncKeyData(keyData=b"SECRET"))]
            ),
            historySyncNotification=pb.HistorySyncNotification(mediaKey=b"SECRET"),
        ),
    )
    shape = message_json(make_message(content), OWN)
    text = json.dumps(shape)
    assert "U0VDUkVU" not in text
    assert shape["body"] == "hi"


def test_raw_data_reads_back_as_the_same_protobuf(make_message: Any) -> None:
    content = pb.Message(
        imageMessage=pb.ImageMessage(
            caption="c", fileLength=2**40, width=3, contextInfo=CONTEXT, **FILE
        ),
        messageContextInfo=pb.MessageContextInfo(messageSecret=b"\xff" * 32),
    )
    shape = message_json(make_message(content, from_me=True, ack=Ack.SERVER), OWN)
    info = ParseDict(json.loads(json.dumps(shape["_data"])), pb.WebMessageInfo())
    assert info.message == content
    assert info.key.id == "AAA1"
    assert info.status == pb.WebMessageInfo.Status.SERVER_ACK
    assert shape["_data"]["message"]["imageMessage"]["fileLength"] == str(2**40)  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ("AAA1", "AAA1"),
        ("false_15559990000@c.us_AAA1", "AAA1"),
        ("true_120363@g.us_AAA1_15551112222@c.us", "AAA1"),
        ("15559990000@s.whatsapp.net_AAA1", "AAA1"),
        ("false_15559990000@c.us_A_B", "A_B"),
        ("A_B", "A_B"),
        ("", ""),
        ("false_x", "false_x"),
    ],
)
def test_a_message_id_is_read_in_every_spelling(text: str, raw: str) -> None:
    assert stanza_id(text) == raw
