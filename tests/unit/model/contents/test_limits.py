"""What is refused before it is sent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.contents import GROUP, IMAGE, JPEG, KEY, OTHER, SAMPLES, file
from waport.errors import InvalidInput
from waport.model.contents import (
    Album,
    Audio,
    ChannelInvite,
    ChatTimer,
    Contact,
    Contacts,
    Content,
    Context,
    Document,
    Edit,
    Event,
    GroupInvite,
    Image,
    Limits,
    LinkPreview,
    LiveLocation,
    Location,
    Pin,
    PinAction,
    Poll,
    Quote,
    Reaction,
    Revoke,
    Sticker,
    TargetKey,
    Text,
    Video,
    check_content,
)
from waport.model.contents.limits import MAX_CAPTION, MAX_STICKER_BYTES, MAX_TEXT
from waport.wire import Jid

VOICE = file("audio/ogg; codecs=opus")
LONG = "x" * (MAX_CAPTION + 1)
NO_TARGET = TargetKey("")

REFUSED: dict[str, Content] = {
    "a text of 65,537 characters": Text("x" * (MAX_TEXT + 1)),
    "a text of 100,000 characters": Text("x" * 100_000),
    "a preview of no link": Text("x", LinkPreview("")),
    "a preview of a link that is not in the text": Text("x", LinkPreview("https://example.com")),
    "a quote of no message": Text("x", context=Context(quote=Quote(""))),
    "a long caption of a picture": replace(IMAGE, caption=LONG),
    "a long caption of a film": Video(JPEG, LONG),
    "a long caption of a document": Document(JPEG, caption=LONG),
    "a file without type": Image(replace(JPEG, mimetype="")),
    "a file that was not uploaded": Image(replace(JPEG, url="", direct_path="")),
    "a media key of 31 bytes": Image(replace(JPEG, media_key=bytes(31))),
    "a hash of 20 bytes": Image(replace(JPEG, sha256=bytes(20))),
    "an encrypted file without hash": Image(replace(JPEG, enc_sha256=b"")),
    "a picture of 5 GB": Image(replace(JPEG, length=5 * 1024**3)),
    "a document of 5 GB": Document(replace(JPEG, length=5 * 1024**3)),
    "a file of negative length": Image(replace(JPEG, length=-1)),
    "a large sticker": Sticker(replace(file("image/webp"), length=MAX_STICKER_BYTES + 1)),
    "a sticker that is a JPEG": Sticker(JPEG),
    "a voice note that is an MP3": Audio(file("audio/mpeg"), is_voice=True),
    "a waveform of 63 points": Audio(VOICE, 1, True, bytes(63)),
    "a waveform above 100": Audio(VOICE, 1, True, bytes(63) + b"\x65"),
    "an album of one": Album(1),
    "a contact without card": Contact("A", ""),
    "no contacts": Contacts("0", ()),
    "a contact without card among others": Contacts("2", (Contact("A", "x"), Contact("B", ""))),
    "a latitude of 91": Location(91, 0),
    "a longitude of -181": Location(0, -181),
    "a place that is no number": Location(float("nan"), 0),
    "a place that is a text": Location("1", 0),  # type: ignore[arg-type]
    "a live place at infinity": LiveLocation(0, float("inf")),
    "an invitation to a person": GroupInvite(OTHER, "code"),
    "an invitation to nowhere": GroupInvite(None, "code"),
    "an invitation without code": GroupInvite(GROUP, ""),
    "an invitation to what is no channel": ChannelInvite(GROUP),
    "an invitation to a channel of too many words": ChannelInvite(
        Jid("120363000000000002", "newsletter"), caption="x" * 1025
    ),
    "a poll without question": Poll("", ("a", "b")),
    "a poll of one answer": Poll("q", ("a",)),
    "a poll of 13 answers": Poll("q", tuple("abcdefghijklm")),
    "a poll with an empty answer": Poll("q", ("a", "")),
    "a poll with an answer twice": Poll("q", ("a", "a")),
    "a poll where three of two can be chosen": Poll("q", ("a", "b"), 3),
    "a quiz without right answer": Poll("q", ("a", "b"), is_quiz=True, correct="c"),
    "an event without name": Event("", starts_at=1),
    "an event without start": Event("e"),
    "an event that ends before": Event("e", starts_at=2, ends_at=1),
    "an event nowhere on earth": Event("e", starts_at=1, location=Location(91, 0)),
    "a reaction that is a text": Reaction(KEY, "x" * 33),
    "a reaction to nothing": Reaction(NO_TARGET, "x"),
    "a revoke of nothing": Revoke(NO_TARGET),
    "an edit to a long text": Edit(KEY, Text("x" * (MAX_TEXT + 1))),
    "an edit of nothing": Edit(NO_TARGET, Text("x")),
    "a pin for ever": Pin(KEY),
    "a pin for an hour": Pin(KEY, duration_s=3600),
    "an unpin for a day": Pin(KEY, PinAction.UNPIN, 86_400),
    "a timer of an hour": ChatTimer(3600),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        check_content(REFUSED[name])


@pytest.mark.parametrize("name", SAMPLES)
def test_good_contents_pass(name: str) -> None:
    check_content(SAMPLES[name])


def test_the_very_limits_pass() -> None:
    check_content(Text("x" * MAX_TEXT))
    check_content(replace(IMAGE, caption="x" * MAX_CAPTION))
    check_content(Poll("q", tuple("abcdefghijkl"), 12))
    check_content(Location(-90, 180))


def test_a_channels_file_has_no_key() -> None:
    check_content(Image(replace(JPEG, media_key=b"", enc_sha256=b"")))


def test_limits_can_be_changed() -> None:
    check_content(Text("x" * 70_000), Limits(text=70_000))
    with pytest.raises(InvalidInput):
        check_content(Text("xxxx"), Limits(text=3))
