"""Profile pictures: squares out of whatever is given, and nothing that is no picture."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from waport.client import pictures, probing
from waport.client.pictures import SIDE, profile_picture
from waport.errors import InvalidInput

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.size, image.mode) == ("JPEG", (SIDE, SIDE), "RGB")
    return image


def is_near(image: Image.Image, at: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    shown = image.getpixel(at)
    assert isinstance(shown, tuple)
    return all(abs(a - b) < 16 for a, b in zip(shown, colour, strict=True))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
@pytest.mark.parametrize("size", [(300, 100), (100, 300), (1, 1), (2000, 1400)])
async def test_the_middle_of_every_kind_of_picture_becomes_a_square(
    kind: str, size: tuple[int, int]
) -> None:
    opened(await profile_picture(saved(Image.new("RGB", size, RED), kind)))


async def test_the_sides_of_a_wide_picture_are_cut_off(tmp_path: Path) -> None:
    wide = Image.new("RGB", (900, 300), RED)
    wide.paste(Image.new("RGB", (300, 300), BLUE), (300, 0))
    file = tmp_path / "wide.png"
    file.write_bytes(saved(wide, "PNG"))
    square = opened(await profile_picture(file))
    assert all(is_near(square, at, BLUE) for at in ((5, 5), (SIDE - 6, SIDE - 6), (320, 320)))


async def test_a_picture_is_turned_as_the_camera_was_held() -> None:
    image = Image.new("RGB", (400, 400), RED)
    image.paste(Image.new("RGB", (400, 200), BLUE), (0, 0))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    square = opened(await profile_picture(saved(image, "JPEG", exif=exif)))
    assert is_near(square, (320, 20), RED)
    assert is_near(square, (320, SIDE - 20), BLUE)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
async def test_what_is_transparent_becomes_white(mode: str) -> None:
    image = Image.new("RGBA", (50, 50), (255, 0, 0, 0)).convert(mode)
    options = {"transparency": 0} if mode == "P" else {}
    square = opened(await profile_picture(saved(image, "PNG", **options)))
    assert is_near(square, (320, 320), WHITE)


async def test_a_large_photograph_is_decoded_to_a_smaller_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pictures, "MAX_DECODED_PIXELS", 3_000_000)
    photograph = saved(Image.new("RGB", (4000, 3000), RED), "JPEG")
    opened(await profile_picture(photograph))
    with pytest.raises(InvalidInput, match="pixels"):
        await profile_picture(saved(Image.new("RGB", (4000, 3000), RED), "PNG"))


def png_bomb() -> bytes:
    """A few bytes that claim 60 000 times 60 000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no picture at all",
        b"%PDF-1.7",
        b"\xff\xd8\xff\xe0" + bytes(100),
        saved(Image.new("RGB", (64, 64), RED), "PNG")[:80],
        saved(Image.effect_noise((200, 200), 80), "JPEG")[:400],
        saved(Image.new("RGB", (64, 64), RED), "TIFF"),
        png_bomb(),
        b"RIFF\x00\x00\x00\x00WEBPVP8X" + bytes(8) + b"\xff" * 6 + bytes(20),
    ],
    ids=["empty", "text", "pdf", "stub", "cut png", "cut jpeg", "tiff", "bomb", "webp bomb"],
)
async def test_what_is_no_usable_picture_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        await profile_picture(data)


async def test_a_file_beyond_the_limit_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_SOURCE", 100)
    with pytest.raises(InvalidInput, match="large"):
        await profile_picture(saved(Image.new("RGB", (64, 64), RED), "BMP"))


async def test_a_picture_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "WORK_S", -1.0)
    with pytest.raises(InvalidInput, match="long"):
        await profile_picture(saved(Image.new("RGB", (64, 64), RED), "PNG"))
