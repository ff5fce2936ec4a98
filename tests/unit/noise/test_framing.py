from __future__ import annotations

import pytest

from waport.errors import DecodeError, HandshakeError, InvalidInput
from waport.noise import MAX_FRAME, PROLOGUE, FrameReader, IntroReader, encode_frame, intro

ROUTING_INFO = bytes.fromhex("080d0802")
OPENING = bytes.fromhex("45440001000004080d080257410603")


def test_a_frame_is_a_big_endian_length_and_the_body() -> None:
    assert encode_frame(b"hello") == b"\x00\x00\x05hello"
    assert encode_frame(b"") == b"\x00\x00\x00"
    assert encode_frame(bytes(0x010203))[:3] == b"\x01\x02\x03"


def test_the_longest_frame_is_encoded_and_one_byte_more_is_refused() -> None:
    assert encode_frame(bytes(MAX_FRAME))[:3] == b"\xff\xff\xff"
    with pytest.raises(InvalidInput):
        encode_frame(bytes(MAX_FRAME + 1))


def test_the_intro_names_the_protocol_and_the_dictionary() -> None:
    assert intro() == intro(None) == intro(b"") == b"WA\x06\x03" == PROLOGUE


def test_routing_info_goes_in_front_of_the_intro() -> None:
    assert intro(ROUTING_INFO) == OPENING


def test_routing_info_too_long_for_its_length_field_is_left_out() -> None:
    assert intro(bytes(MAX_FRAME + 1)) == PROLOGUE
    assert intro(bytes(MAX_FRAME)).startswith(b"ED\x00\x01\xff\xff\xff")


def test_reader_waits_for_a_whole_frame() -> None:
    frame = encode_frame(b"hello")
    for cut in range(len(frame)):
        reader = FrameReader()
        assert reader.feed(frame[:cut]) == []
        assert reader.pending == cut
        assert reader.feed(frame[cut:]) == [b"hello"]
        assert reader.pending == 0


def test_reader_returns_every_frame_of_one_message_in_order() -> None:
    reader = FrameReader()
    stream = b"".join(map(encode_frame, (b"one", b"", b"three")))
    assert reader.feed(stream + b"\x00\x00") == [b"one", b"", b"three"]
    assert reader.feed(b"\x04four" + encode_frame(b"five")) == [b"four", b"five"]


def test_reader_returns_bytes_from_a_split_frame() -> None:
    reader = FrameReader()
    reader.feed(b"\x00")
    (frame,) = reader.feed(b"\x00\x01x")
    assert type(frame) is bytes


def test_reader_accepts_a_frame_at_its_limit_and_refuses_one_above() -> None:
    assert FrameReader(max_frame=5).feed(encode_frame(b"12345")) == [b"12345"]
    with pytest.raises(DecodeError):
        FrameReader(max_frame=5).feed(encode_frame(b"123456"))


def test_reader_refuses_an_oversized_frame_before_its_body_arrives() -> None:
    with pytest.raises(DecodeError):
        FrameReader(max_frame=0xFFFF).feed(b"\x01\x00\x00")


def test_a_broken_reader_stays_broken() -> None:
    reader = FrameReader(max_frame=5)
    with pytest.raises(DecodeError):
        reader.feed(encode_frame(b"123456"))
    assert reader.pending == 0
    with pytest.raises(DecodeError):
        reader.feed(encode_frame(b"ok"))


@pytest.mark.parametrize("routing_info", [b"", ROUTING_INFO], ids=["plain", "routed"])
def test_the_intro_is_taken_off_wherever_it_is_cut(routing_info: bytes) -> None:
    opening = intro(routing_info)
    for cut in range(len(opening)):
        reader = IntroReader()
        assert reader.feed(opening[:cut]) is None
        assert reader.feed(opening[cut:] + b"rest") == b"rest"
        assert reader.routing_info == routing_info


def test_after_the_intro_the_reader_hands_bytes_through() -> None:
    reader = IntroReader()
    assert reader.feed(PROLOGUE) == b""
    assert reader.feed(b"WA more") == b"WA more"


@pytest.mark.parametrize(
    "opening",
    [
        b"GET / HTTP/1.1",
        b"WA\x05\x03",
        b"WA\x06\x02",
        b"W\x00",
        b"ED\x00\x02",
        b"EDGE",
        b"ED\x00\x01\x00\x00\x01xWB",
        b"\x00\x00\x24",
    ],
)
def test_another_opening_is_refused(opening: bytes) -> None:
    with pytest.raises(HandshakeError):
        IntroReader().feed(opening)


def test_another_opening_is_refused_at_its_first_wrong_byte() -> None:
    reader = IntroReader()
    assert reader.feed(b"W") is None
    with pytest.raises(HandshakeError):
        reader.feed(b"B")
