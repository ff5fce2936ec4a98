"""Protobuf JSON: equal to the library's, save for whole numbers and secrets."""

from __future__ import annotations

import json
import math

import pytest
from google.protobuf.json_format import MessageToDict

from waport.events.rawdata import compact_json, protobuf_json
from waport.proto import pb

SAMPLES = [
    pb.Message(),
    pb.Message(conversation="grüße 🙂"),
    pb.Message(
        imageMessage=pb.ImageMessage(
            url="u", mediaKey=b"\x00\xff", fileLength=2**63, height=5, viewOnce=False
        )
    ),
    pb.Message(
        locationMessage=pb.LocationMessage(
            degreesLatitude=1.5, degreesLongitude=-0.1, speedInMps=0.1
        )
    ),
    pb.Message(
        extendedTextMessage=pb.ExtendedTextMessage(
            text="t",
            font=pb.ExtendedTextMessage.FontType.SYSTEM_BOLD,
            contextInfo=pb.ContextInfo(
                mentionedJid=["a", "b"], quotedMessage=pb.Message(conversation="q")
            ),
        )
    ),
    pb.WebMessageInfo(messageTimestamp=1700000000, status=pb.WebMessageInfo.Status.READ),
]


@pytest.mark.parametrize("message", SAMPLES)
def test_it_is_the_librarys_json(message: pb.Message) -> None:
    assert protobuf_json(message) == MessageToDict(message)


def test_whole_numbers_have_no_fraction() -> None:
    place = pb.LocationMessage(degreesLatitude=37.0, degreesLongitude=1e300, speedInMps=2.0)
    assert json.dumps(protobuf_json(place)) == (
        '{"degreesLatitude": 37, "degreesLongitude": 1e+300, "speedInMps": 2}'
    )


@pytest.mark.parametrize(
    ("number", "text"), [(math.inf, "Infinity"), (-math.inf, "-Infinity"), (math.nan, "NaN")]
)
def test_numbers_that_json_lacks_are_text(number: float, text: str) -> None:
    place = pb.LocationMessage(degreesLatitude=number, speedInMps=number)
    assert protobuf_json(place) == {"degreesLatitude": text, "speedInMps": text}


def test_an_enum_value_of_the_future_stays_a_number() -> None:
    raw = pb.ExtendedTextMessage(text="t").SerializeToString() + b"\x48\x63"
    assert protobuf_json(pb.ExtendedTextMessage.FromString(raw)).get("font", 99) == 99


def test_compact_json_writes_every_character_as_itself() -> None:
    assert compact_json({"a": ["ä", 1]}) == '{"a":["ä",1]}'


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_compact_json_refuses_what_json_has_no_word_for(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        compact_json({"a": number})


def test_a_text_that_is_no_utf8_is_mended() -> None:
    # Lengths stay, so the message parses; what it says is nobody's text.
    sample = pb.Message(
        conversation="ok?",
        extendedTextMessage=pb.ExtendedTextMessage(
            text="ok?", contextInfo=pb.ContextInfo(mentionedJid=["ok?"])
        ),
    )
    message = pb.Message.FromString(sample.SerializeToString().replace(b"ok?", b"ok\xff"))
    shape = protobuf_json(message)
    assert shape["conversation"] == "ok\ufffd"
    assert json.loads(compact_json(shape))["extendedTextMessage"] == {
        "text": "ok\ufffd",
        "contextInfo": {"mentionedJid": ["ok\ufffd"]},
    }
