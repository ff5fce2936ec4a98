"""Stickers: what becomes of a picture, and what hostile ones can't do."""

from __future__ import annotations

import io
import json
import random
from itertools import pairwise

import pytest
from PIL import Image

from support.files import gif_that_grows, picture, webp_that_claims
from waport.client import stickers
from waport.client.media_hosts import MediaTooLarge
from waport.client.riff import with_exif
from waport.client.stickers import StickerFile, StickerPack, make_sticker
from waport.errors import InvalidInput, MediaError

MAX = 1024 * 1024


def opened(sticker: StickerFile) -> Image.Image:
    assert isinstance(sticker.source, bytes)
    return Image.open(io.BytesIO(sticker.source))


def animation(
    kind: str, count: int, size: tuple[int, int] = (40, 40), duration: int | list[int] = 50
) -> bytes:
    out = io.BytesIO()
    shades = [(n * 97 % 256, n * 61 % 256, n * 31 % 256) for n in range(count)]
    frames = [Image.new("RGB", size, shade) for shade in shades]
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=duration, loop=0)
    return out.getvalue()


def noise(size: int = 512) -> Image.Image:
    return Image.frombytes("RGB", (size, size), random.Random(1).randbytes(size * size * 3))


@pytest.mark.parametrize("size", [(200, 100), (100, 200), (3000, 1500), (10, 5)])
async def test_a_picture_is_fitted_into_a_transparent_square(size: tuple[int, int]) -> None:
    out = io.BytesIO()
    Image.new("RGB", size, "red").save(out, "PNG")
    made = await make_sticker(out.getvalue(), None, MAX)
    assert (made.width, made.height, made.is_animated) == (512, 512, False)
    with opened(made) as image:
        assert (image.format, image.size) == ("WEBP", (512, 512))
        shown = image.convert("RGBA")
    corner, middle = shown.getpixel((0, 0)), shown.getpixel((256, 256))
    assert isinstance(corner, tuple)
    assert isinstance(middle, tuple)
    assert corner[3] == 0
    assert middle[0] > 200
    assert middle[3] == 255


async def test_a_photo_is_turned_as_the_camera_was_held() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    made = await make_sticker(picture("JPEG", (200, 100), exif=exif), None, MAX)
    with opened(made) as image:
        shown = image.convert("RGBA")
    left, top = shown.getpixel((10, 256)), shown.getpixel((256, 10))
    assert isinstance(left, tuple)
    assert isinstance(top, tuple)
    assert (left[3], top[3]) == (0, 255)


async def test_a_busy_picture_is_made_small_by_quality() -> None:
    out = io.BytesIO()
    noise().save(out, "PNG")
    made = await make_sticker(out.getvalue(), None, MAX)
    assert isinstance(made.source, bytes)
    assert len(made.source) < 150_000


@pytest.mark.parametrize("kind", ["GIF", "PNG"])
async def test_an_animation_stays_one_with_its_times(kind: str) -> None:
    made = await make_sticker(animation(kind, 3, duration=[40, 200, 1000]), None, MAX)
    assert made.is_animated
    with opened(made) as image:
        assert image.size == (512, 512)
        assert getattr(image, "n_frames", 1) == 3
        times = []
        for number in range(3):
            image.seek(number)
            image.load()
            times.append(image.info["duration"])
    assert times == [40, 200, 1000]


async def test_of_a_long_animation_pictures_are_left_out_but_no_time() -> None:
    made = await make_sticker(animation("GIF", 150), None, MAX)
    with opened(made) as image:
        count = getattr(image, "n_frames", 1)
        total = 0
        for number in range(count):
            image.seek(number)
            image.load()
            total += image.info["duration"]
    assert 30 <= count <= stickers.MAX_FRAMES
    assert total == 150 * 50


async def test_frames_without_a_time_get_the_usual_one() -> None:
    made = await make_sticker(animation("GIF", 2, duration=0), None, MAX)
    with opened(made) as image:
        image.seek(1)
        image.load()
        assert image.info["duration"] == 100


async def test_an_animation_in_which_nothing_moves_is_none() -> None:
    out = io.BytesIO()
    frames = [Image.new("RGB", (40, 40), shade) for shade in ("#808080", "#818080")]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    made = await make_sticker(out.getvalue(), None, MAX)
    with opened(made) as image:
        assert getattr(image, "is_animated", False) is made.is_animated is False


async def test_an_animation_of_huge_pictures_is_refused() -> None:
    with pytest.raises(MediaError, match="too many pixels"):
        await make_sticker(animation("GIF", 2, (3000, 2000)), None, MAX)


@pytest.mark.parametrize(("width", "height"), [(3000, 3000), (65_000, 65_000)])
async def test_an_animation_that_grows_is_refused(width: int, height: int) -> None:
    with pytest.raises(MediaError):
        await make_sticker(gif_that_grows(width, height), None, MAX)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "JPEG"])
async def test_a_damaged_picture_is_refused_or_shown_as_far_as_it_goes(kind: str) -> None:
    out = io.BytesIO()
    noise(300).save(out, kind)
    for cut in (20, 200, len(out.getvalue()) // 2):
        try:
            made = await make_sticker(out.getvalue()[:cut], None, MAX)
        except MediaError:
            continue
        assert made.width == 512


# --- the pack ------------------------------------------------------------------------------------


def pack_of(webp: bytes) -> dict[str, object]:
    """What a sticker says of its pack."""
    exif = webp[webp.rindex(b"EXIF") + 8 :]
    assert exif[:8] == b"II*\0\x08\0\0\0"
    assert exif[8:14] == b"\x01\0\x41\x57\x07\0"
    length = int.from_bytes(exif[14:18], "little")
    assert exif[18:22] == b"\x16\0\0\0"
    told: dict[str, object] = json.loads(exif[22 : 22 + length])
    return told


@pytest.mark.parametrize(
    "webp",
    [
        picture("WEBP", (512, 512)),
        picture("WEBP", (511, 33), lossless=True),
        picture("WEBP", (64, 64), "RGBA", lossless=True),
        picture("WEBP", (64, 64), exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"),
        animation("WEBP", 3),
    ],
    ids=["lossy", "lossless", "alpha", "exif", "animated"],
)
async def test_a_pack_is_written_into_any_webp_and_the_picture_stays(webp: bytes) -> None:
    made = await make_sticker(webp, StickerPack("Cats", "Zoë", ("😺", "🙀")), MAX)
    assert isinstance(made.source, bytes)
    told = pack_of(made.source)
    assert told["sticker-pack-name"] == "Cats"
    assert told["sticker-pack-publisher"] == "Zoë"
    assert told["emojis"] == ["😺", "🙀"]
    assert len(made.source) == int.from_bytes(made.source[4:8], "little") + 8
    assert made.source.count(b"EXIF") == 1
    with Image.open(io.BytesIO(webp)) as before, opened(made) as after:
        assert (before.size, getattr(before, "n_frames", 1)) == (
            after.size,
            getattr(after, "n_frames", 1),
        )
        assert before.convert("RGBA").tobytes() == after.convert("RGBA").tobytes()


async def test_a_pack_with_endless_names_is_refused() -> None:
    with pytest.raises(InvalidInput):
        await make_sticker(picture("PNG"), StickerPack("x" * 5000), MAX)


async def test_a_webp_over_the_limit_gets_no_pack() -> None:
    with pytest.raises(MediaTooLarge):
        await make_sticker(picture("WEBP"), StickerPack(), 50)


@pytest.mark.parametrize(
    "webp",
    [
        b"",
        b"RIFF",
        picture("PNG"),
        webp_that_claims(64, 64) + b"junk\xff\xff\xff\xffx",
        b"RIFF\x20\0\0\0WEBPVP8X\x02\0\0\0" + bytes(30),
        b"RIFF\x20\0\0\0WEBPVP8 \x0a\0\0\0" + bytes(30),
        webp_that_claims(64, 64) + b"ABCD\0\0\0\0" * 20_000,
    ],
    ids=["empty", "head", "png", "cut chunk", "short head", "no size", "many chunks"],
)
def test_a_damaged_webp_gets_no_pack(webp: bytes) -> None:
    with pytest.raises(MediaError):
        with_exif(webp, b"II*\0")


def test_any_cut_of_a_webp_is_refused_or_still_a_webp() -> None:
    whole = picture("WEBP", (16, 16))
    for cut in range(len(whole)):
        try:
            made = with_exif(whole[:cut], b"II*\0")
        except MediaError:
            continue
        assert made.startswith(b"RIFF")


def test_the_same_pack_has_the_same_id() -> None:
    ids = [stickers._exif(StickerPack(name)) for name in ("a", "a", "b")]
    assert [one == other for one, other in pairwise(ids)] == [True, False]
