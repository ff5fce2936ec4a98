"""Protobuf JSON: equal to the library's, save for whole numbers and secrets."""

from __future__ import annotations

import json
import math

import pytest
from google.protobuf.json_format import MessageToDict

from waport.events.links import find_links, is_suspicious
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


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("no link", []),
        ("see https://a.example/x?y=1.", ["https://a.example/x?y=1"]),
        ("(http://a.example)", ["http://a.example"]),
        ("http://a.example/(b)", ["http://a.example/(b)"]),
        ("WWW.a.example, and http://b.example!", ["WWW.a.example", "http://b.example"]),
        ("*https://a.example*", ["https://a.example"]),
    ],
)
def test_links_are_found_without_what_follows_them(text: str, links: list[str]) -> None:
    assert [link["link"] for link in find_links(text)] == links


def test_links_are_bounded() -> None:
    assert len(find_links("http://a.example " * 500)) == 100


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://example.org", False),
        ("https://bücher.example", False),
        ("https://пример.example", False),
        ("https://p\u0430ypal.example", True),  # a Cyrillic letter among Latin ones
        ("https://日本ひらカナ.example", False),
        ("http://[broken", True),
    ],
)
def test_a_host_of_mixed_alphabets_is_suspicious(link: str, expected: bool) -> None:
    assert is_suspicious(link) is expected
