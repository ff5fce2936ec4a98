"""Contents that this code does not know are told with all that came."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from waport.events import message_json
from waport.events.contents import find_content
from waport.model import Message
from waport.proto import pb
from waport.wire import Jid

OWN = Jid("15550001111", "s.whatsapp.net", 7)
Make = Callable[..., Message]

# A member of number 4000 that holds the two bytes "hi".
NEW = b"\x82\xfa\x01\x02hi"


def raw_of(make_message: Make, content: bytes) -> dict[str, Any]:
    shape = message_json(make_message(pb.Message.FromString(content)), OWN)
    assert (shape["type"], shape["body"]) == ("chat", "")
    return shape["_data"]


def test_a_content_of_the_future_is_told_as_it_came(make_message: Make) -> None:
    raw = raw_of(make_message, NEW)
    assert base64.b64decode(raw["rawMessage"]) == NEW
    assert "message" not in raw


def test_it_is_told_without_its_wrappers(make_message: Make) -> None:
    inner = pb.Message.FromString(NEW)
    wrapped = pb.Message(ephemeralMessage=pb.FutureProofMessage(message=inner))
    raw = raw_of(make_message, wrapped.SerializeToString())
    assert base64.b64decode(raw["rawMessage"]) == NEW


def test_new_fields_of_a_content_without_a_value_are_told(make_message: Make) -> None:
    pack = pb.StickerPackMessage(name="p").SerializeToString() + NEW
    message = pb.Message(stickerPackMessage=pb.StickerPackMessage.FromString(pack))
    raw = raw_of(make_message, message.SerializeToString())
    assert raw["message"] == {"stickerPackMessage": {"name": "p"}}
    assert pb.Message.FromString(base64.b64decode(raw["rawMessage"])) == message


@pytest.mark.parametrize(
    "content",
    [
        pb.Message(),
        pb.Message(stickerPackMessage=pb.StickerPackMessage(name="p")),
        pb.Message(protocolMessage=pb.ProtocolMessage()),
    ],
)
def test_what_json_shows_whole_is_not_told_twice(make_message: Make, content: pb.Message) -> None:
    assert "rawMessage" not in raw_of(make_message, content.SerializeToString())


def test_new_fields_of_a_known_content_are_left_out(make_message: Make) -> None:
    text = pb.Message.FromString(pb.Message(conversation="hi").SerializeToString() + NEW)
    assert "rawMessage" not in message_json(make_message(text), OWN)["_data"]


def test_raw_bytes_hold_no_keys(make_message: Make) -> None:
    message = pb.Message.FromString(NEW)
    message.senderKeyDistributionMessage.axolotlSenderKeyDistributionMessage = b"SECRET"
    message.stickerPackMessage.contextInfo.quotedMessage.protocolMessage.CopyFrom(
        pb.ProtocolMessage(
            appStateSyncKeyShare=pb.AppStateSyncKeyShare(
                keys=[pb.AppStateSyncKey(keyData=pb.AppStateSyncKeyData(keyData=b"SECRET"))]
            )
        )
    )
    raw = base64.b64decode(raw_of(make_message, message.SerializeToString())["rawMessage"])
    assert b"SECRET" not in raw
    assert NEW in raw


def test_a_wrapper_goes_before_what_stands_beside_it() -> None:
    image = pb.Message(imageMessage=pb.ImageMessage(caption="c"))
    beside = pb.Message(
        conversation="beside", viewOnceMessageV2=pb.FutureProofMessage(message=image)
    )
    assert find_content(beside).name == "imageMessage"
