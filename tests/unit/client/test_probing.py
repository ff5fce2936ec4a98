"""Files that are to be sent: what is found out about them, and what hostile ones can't do."""

from __future__ import annotations

import asyncio
import io
import math
import random
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from support.files import film, moving, picture, png_that_claims, sound, webp_that_claims
from waport.client import probe_av, probing
from waport.client.probe_files import MAX_READ, BoundedFile, ProbeStopped
from waport.client.probing import (
    AudioDetails,
    ImageDetails,
    VideoDetails,
    probe_audio,
    probe_image,
    probe_video,
    read_image,
)
from waport.errors import MediaError


def without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "has_av", lambda: False)


# --- images --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "mimetype"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("WEBP", "image/webp"),
        ("GIF", "image/gif"),
        ("BMP", "image/bmp"),
    ],
)
async def test_an_image_tells_its_size_and_gets_a_thumbnail(kind: str, mimetype: str) -> None:
    details = await probe_image(picture(kind))
    assert (details.mimetype, details.width, details.height) == (mimetype, 200, 100)
    assert not details.is_animated
    assert details.thumbnail is not None
    with Image.open(io.BytesIO(details.thumbnail)) as small:
        assert (small.format, small.size) == ("JPEG", (100, 50))


async def test_an_image_on_disk_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(picture("PNG"))
    assert (await probe_image(tmp_path / "x", side=20)).width == 200


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
async def test_every_kind_of_pixel_makes_a_thumbnail(mode: str) -> None:
    details = await probe_image(picture("TIFF" if mode == "X" else _kind_for(mode), mode=mode))
    assert details.thumbnail is not None


def _kind_for(mode: str) -> str:
    return "JPEG" if mode == "CMYK" else "PNG"


async def test_what_is_transparent_becomes_white() -> None:
    details = await probe_image(picture("PNG", mode="RGBA"))
    assert details.thumbnail is not None
    with Image.open(io.BytesIO(details.thumbnail)) as small:
        assert small.getpixel((5, 5)) == (255, 255, 255)


async def test_a_small_image_is_not_blown_up() -> None:
    details = await probe_image(picture("PNG", (30, 20)))
    assert details.thumbnail is not None
    with Image.open(io.BytesIO(details.thumbnail)) as small:
        assert small.size == (30, 20)


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_a_picture_is_turned_as_the_camera_was_held(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    details = await probe_image(picture("JPEG", exif=exif))
    expected = (100, 200) if orientation >= 5 else (200, 100)
    assert (details.width, details.height) == expected
    assert details.thumbnail is not None
    with Image.open(io.BytesIO(details.thumbnail)) as small:
        assert (small.width > small.height) == (expected[0] > expected[1])


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "PNG"])
async def test_a_moving_picture_is_noticed(kind: str) -> None:
    assert (await probe_image(moving(kind))).is_animated


async def test_two_pictures_of_one_camera_shot_do_not_move() -> None:
    details = await probe_image(moving("MPO"))
    assert (details.mimetype, details.is_animated) == ("image/jpeg", False)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"%PDF-1.7",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"RIFF\x10\0\0\0WEBPVP8X" + bytes(30),
        b"RIFF\x10\0\0\0WAVEfmt " + bytes(30),
    ],
    ids=["empty", "text", "svg", "eps", "pdf", "png", "jpeg", "webp", "wav"],
)
async def test_what_is_no_image_is_an_error(data: bytes) -> None:
    with pytest.raises(MediaError):
        await probe_image(data)


@pytest.mark.parametrize(
    ("head", "mimetype"),
    [
        (b"\0\0\0\x18ftypheic", "image/heic"),
        (b"\0\0\0\x18ftypavif", "image/avif"),
        (b"II*\0", "image/tiff"),
    ],
)
async def test_an_image_that_we_do_not_open_is_named(head: bytes, mimetype: str) -> None:
    assert await probe_image(head + bytes(40)) == ImageDetails(mimetype)


@pytest.mark.parametrize(
    "bomb",
    [
        png_that_claims(100_000, 100_000),
        png_that_claims(20_000, 20_000),
        webp_that_claims(16_000, 16_000),
    ],
    ids=["huge png", "large png", "webp"],
)
async def test_an_image_bomb_is_an_error(bomb: bytes) -> None:
    with pytest.raises(MediaError, match="pixels"):
        await probe_image(bomb)


async def test_a_large_image_is_measured_but_not_decoded() -> None:
    details = await probe_image(png_that_claims(8000, 5000))
    assert details == ImageDetails("image/png", 8000, 5000)


async def test_a_large_photo_is_decoded_small() -> None:
    details = await probe_image(picture("JPEG", (8000, 5000), "L"))
    assert (details.width, details.height) == (8000, 5000)
    assert details.thumbnail is not None


async def test_a_large_progressive_photo_is_not_decoded() -> None:
    # Its coefficients would all be kept, at any size.
    details = await probe_image(picture("JPEG", (8000, 5000), "L", progressive=True))
    assert (details.width, details.thumbnail) == (8000, None)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
async def test_a_cut_off_image_gives_what_it_can(kind: str) -> None:
    out = io.BytesIO()
    Image.frombytes("RGB", (300, 300), random.Random(1).randbytes(270_000)).save(out, kind)
    half = out.getvalue()[: len(out.getvalue()) // 2]
    try:
        details = await probe_image(half)
    except MediaError:
        return
    assert (details.width, details.height) == (300, 300)


# --- sound ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("container", "codec", "mimetype"),
    [
        ("ogg", "libopus", "audio/ogg"),
        ("mp3", "libmp3lame", "audio/mpeg"),
        ("mp4", "aac", "audio/mp4"),
        ("wav", "pcm_s16le", "audio/wav"),
        ("flac", "flac", "audio/flac"),
        ("webm", "libopus", "audio/webm"),
        ("aiff", "pcm_s16be", "audio/aiff"),
    ],
)
async def test_a_sound_tells_its_length(container: str, codec: str, mimetype: str) -> None:
    details = await probe_audio(sound(container, codec))
    assert (details.mimetype, details.seconds) == (mimetype, 3)
    assert details.is_voice == (container == "ogg")
    assert details.waveform is None


@pytest.mark.parametrize(
    ("container", "codec", "seconds"),
    [
        ("ogg", "libopus", 3),
        ("mp3", "libmp3lame", 3),
        ("mp4", "aac", 3),
        ("wav", "pcm_s16le", 3),
        ("flac", "flac", 3),
        ("webm", "libopus", None),
    ],
)
async def test_most_sounds_do_so_without_the_extra(
    container: str, codec: str, seconds: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_extra(monkeypatch)
    details = await probe_audio(sound(container, codec), with_waveform=True)
    assert (details.seconds, details.waveform) == (seconds, None)


async def test_a_voice_note_has_sixty_four_points_that_follow_its_loudness() -> None:
    details = await probe_audio(sound("ogg", "libopus"), with_waveform=True)
    assert details.waveform is not None
    assert len(details.waveform) == 64
    assert max(details.waveform) == 100
    assert list(details.waveform[::8]) == sorted(details.waveform[::8])


async def test_a_sound_of_absurd_rate_is_not_decoded() -> None:
    wav = bytearray(sound("wav", "pcm_s16le", 0.1))
    wav[24:28] = struct.pack("<I", 889_200_000)
    details = await probe_audio(bytes(wav), with_waveform=True)
    assert (details.mimetype, details.waveform) == ("audio/wav", None)


def test_a_short_note_has_sixty_four_points_too() -> None:
    assert probe_av.waveform([5]) == bytes((100,)) * 64
    assert len(probe_av.waveform([1, 2, 3])) == 64


def test_silence_is_flat() -> None:
    assert probe_av.waveform([0] * 100) == bytes(64)


async def test_the_shortest_sound_plays_a_second() -> None:
    assert (await probe_audio(sound("ogg", "libopus", 0.1))).seconds == 1


async def test_only_opus_in_ogg_is_a_voice_note() -> None:
    ogg = bytearray(sound("ogg", "libopus", 0.1))
    ogg[ogg.index(b"OpusHead") : ogg.index(b"OpusHead") + 8] = b"Speex   "
    assert not (await probe_audio(bytes(ogg))).is_voice


async def test_a_voice_note_without_an_end_has_no_length(monkeypatch: pytest.MonkeyPatch) -> None:
    without_extra(monkeypatch)
    ogg = sound("ogg", "libopus", 1)
    first_page_only = ogg[: ogg.index(b"OpusTags")]
    assert await probe_audio(first_page_only) == AudioDetails("audio/ogg", None, True)


async def test_pages_of_another_stream_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    without_extra(monkeypatch)
    ogg = sound("ogg", "libopus", 2)
    foreign = b"OggS\0\4" + (10**12).to_bytes(8, "little") + b"\xff\xff\xff\xff" + bytes(9)
    assert (await probe_audio(ogg + foreign)).seconds == 2


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello, this is text",
        picture("PNG"),
        picture("JPEG"),
        b"#EXTM3U\n#EXTINF:1,\nhttp://169.254.169.254/x.ts\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"\xff\xff\xff\xff" * 20,
    ],
    ids=["empty", "text", "png", "jpeg", "playlist", "concat", "ones"],
)
async def test_what_is_no_sound_is_an_error(data: bytes) -> None:
    with pytest.raises(MediaError):
        await probe_audio(data, with_waveform=True)
    with pytest.raises(MediaError):
        await probe_video(data)


@pytest.mark.parametrize(
    "head",
    [
        b"OggS",
        b"ID3\x04\0\0",
        b"fLaC",
        b"\x1aE\xdf\xa3",
        b"\0\0\0\x18ftypM4A ",
        b"caff",
    ],
)
async def test_a_container_without_content_is_unknown(head: bytes) -> None:
    details = await probe_audio(head + bytes(60), with_waveform=True)
    assert details.mimetype is not None
    assert (details.seconds, details.waveform, details.is_voice) == (None, None, False)


# --- video ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("container", "codec", "mimetype"),
    [
        ("mp4", "mpeg4", "video/mp4"),
        ("webm", "libvpx", "video/webm"),
        ("avi", "mpeg4", "video/x-msvideo"),
    ],
)
async def test_a_video_tells_its_size_and_length_and_gets_a_thumbnail(
    container: str, codec: str, mimetype: str
) -> None:
    details = await probe_video(film(container, codec))
    assert (details.mimetype, details.width, details.height) == (mimetype, 320, 240)
    assert details.seconds == 2
    assert details.thumbnail is not None
    with Image.open(io.BytesIO(details.thumbnail)) as small:
        assert (small.format, small.size) == ("JPEG", (100, 75))


async def test_a_turned_video_is_measured_as_it_is_shown() -> None:
    mp4 = film()
    # The matrix of a track header, which says how the picture is turned.
    upright = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    turned = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 240 << 16, 0, 1 << 30)
    at = mp4.rindex(upright)
    details = await probe_video(mp4[:at] + turned + mp4[at + len(turned) :])
    assert (details.width, details.height) == (240, 320)
    assert details.thumbnail is not None
    with Image.open(io.BytesIO(details.thumbnail)) as small:
        assert small.size == (75, 100)


async def test_without_the_extra_a_video_tells_its_length_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_extra(monkeypatch)
    assert await probe_video(film()) == VideoDetails("video/mp4", seconds=2)
    assert await probe_video(film("webm", "libvpx")) == VideoDetails("video/webm")


async def test_a_sound_sent_as_a_video_has_no_picture() -> None:
    assert await probe_video(sound("mp4", "aac", 0.5)) == VideoDetails("video/mp4")


async def test_a_damaged_video_is_unknown() -> None:
    whole = film()
    assert await probe_video(whole[:100]) == VideoDetails("video/mp4")


async def test_a_video_of_absurd_size_is_not_decoded() -> None:
    mp4 = bytearray(film(codec="mpeg4"))
    box = mp4.index(b"mp4v") + 28
    mp4[box : box + 4] = struct.pack(">HH", 65_000, 65_000)
    details = await probe_video(bytes(mp4))
    assert details.thumbnail is None or (details.width, details.height) == (320, 240)


# --- bounds --------------------------------------------------------------------------------------


def test_nothing_is_read_after_the_deadline() -> None:
    now = [0.0]
    file = BoundedFile(io.BytesIO(bytes(100)), 5.0, lambda: now[0])
    assert file.read(10) == bytes(10)
    now[0] = 5.1
    for late in (file.read, lambda: file.seek(0), file.check):
        with pytest.raises(ProbeStopped):
            late()


def test_a_parser_cannot_ask_for_too_much(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(MAX_READ * 2)
    with path.open("rb") as file:
        bounded = BoundedFile(file, math.inf)
        for size in (None, -1, MAX_READ + 1, 10**12):
            with pytest.raises(ProbeStopped):
                bounded.read(size)
        assert len(bounded.read(10)) == 10
        bounded.seek(MAX_READ * 3)
        assert bounded.read() == b""


def test_a_slow_image_stops() -> None:
    ticks = iter(range(1000))
    file = BoundedFile(io.BytesIO(picture("WEBP")), 1.0, lambda: float(next(ticks)))
    with pytest.raises(ProbeStopped):
        read_image(file, 100)


@pytest.mark.parametrize(
    ("probe", "unknown"),
    [
        (probe_image, ImageDetails()),
        (probe_audio, AudioDetails()),
        (probe_video, VideoDetails()),
    ],
)
async def test_a_file_that_takes_too_long_is_unknown(
    probe: Callable[[bytes], asyncio.Future[object]],
    unknown: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probing, "WORK_S", -1.0)
    assert await probe(picture("PNG")) == unknown


async def test_a_missing_file_is_the_callers_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await probe_image(tmp_path / "nothing")


@pytest.mark.parametrize("target", ["/tmp/x.ts", "file:///tmp/x.ts", "http://127.0.0.1:9/x.ts"])
def test_a_file_cannot_make_the_library_open_another(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Even if it were taken for a playlist, which the named containers rule out.
    monkeypatch.setitem(probe_av._FORMATS, "playlist", "hls")
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n"
    file = BoundedFile(io.BytesIO(playlist.encode()), math.inf)
    with pytest.raises(ProbeStopped):
        probe_av.read_seconds(file, "playlist")


def test_the_extra_is_loaded_only_when_it_is_needed() -> None:
    script = (
        "import asyncio, sys, waport.client.probing as p\n"
        "asyncio.run(p.probe_image(bytes.fromhex(sys.argv[1])))\n"
        "sys.exit('av' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, picture("PNG", (2, 2)).hex()], check=True)
