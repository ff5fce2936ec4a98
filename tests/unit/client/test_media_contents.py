"""From files to contents: what is found out, what is uploaded, and what is refused before that."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image as Picture

from support.files import film, moving, picture, png_that_claims, sound, webp_that_claims
from support.media_host import InstantClock, MediaStore
from support.web_host import WebHost, web_host
from waport.client import probing
from waport.client.media_contents import (
    LOTTIE,
    MadeMedia,
    MediaContents,
    MediaOptions,
    UnusableFile,
)
from waport.client.media_hosts import MediaHosts, MediaTooLarge
from waport.client.media_http import MediaHttp
from waport.client.media_references import media_reference
from waport.client.media_transfer import MediaTransfer
from waport.client.stickers import StickerPack
from waport.errors import InvalidInput, MediaError
from waport.model.contents import Audio, Document, Image, Limits, Sticker, Video
from waport.stanza.contents import decode, encode
from waport.stanza.media import MediaConn, MediaHost

pytestmark = pytest.mark.asyncio(loop_scope="module")

PNG, JPEG, MP4 = picture("PNG"), picture("JPEG"), film()
VOICE, MP3 = sound("ogg", "libopus"), sound("mp3", "libmp3lame")
TEXT = b"hello, this is a text\n"
VOICE_TYPE = "audio/ogg; codecs=opus"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WebHost]:
    async with web_host(tmp_path_factory.mktemp("tls")) as host:
        yield host


class Scene:
    """An account with one media host."""

    def __init__(self, server: WebHost, folder: Path) -> None:
        server.reset()
        self.server = server
        self.store = MediaStore()
        server.answer = self.store.answer
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        clock = InstantClock()
        self.transfer = MediaTransfer(
            MediaHosts(self._ask, clock),
            MediaHttp(tls=server.client_tls),
            folder=self.temporary,
            clock=clock,
        )
        self.contents = MediaContents(self.transfer)

    async def _ask(self) -> MediaConn:
        return MediaConn("good", 300, 300, (MediaHost(self.server.name),))

    async def make(self, source: bytes | Path, **options: Any) -> MadeMedia:
        return await self.contents.make(source, MediaOptions(**options))

    async def plain(self, made: MadeMedia) -> bytes:
        """The uploaded file, as whoever gets the message reads it."""
        received = decode(encode(made.content))
        return await self.transfer.download_bytes(media_reference(received), 10_000_000)


@pytest_asyncio.fixture(loop_scope="module")
async def scene(server: WebHost, tmp_path: Path) -> AsyncIterator[Scene]:
    scene = Scene(server, tmp_path)
    yield scene
    await scene.transfer.close()
    assert list(scene.temporary.iterdir()) == []


# --- pictures ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "mimetype"),
    [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp"), ("GIF", "image/gif")],
)
async def test_a_picture_says_what_it_is_and_shows_itself(
    scene: Scene, kind: str, mimetype: str
) -> None:
    data = picture(kind)
    made = await scene.make(data, mimetype=mimetype, caption="look", file_name="x")
    image = made.content
    assert isinstance(image, Image)
    assert (image.file.mimetype, image.width, image.height) == (mimetype, 200, 100)
    assert image.caption == "look"
    assert not image.view_once
    with Picture.open(io.BytesIO(image.thumbnail)) as small:
        assert (small.format, small.size) == ("JPEG", (100, 50))
    assert image.file.length == len(data)
    assert image.file.key_timestamp > 1_700_000_000
    assert scene.server.asked[0].path.startswith("/mms/image/")
    assert await scene.plain(made) == data


@pytest.mark.parametrize("claimed", ["image/jpg", "IMAGE/JPEG; q=1", "image/x-whatever"])
async def test_a_picture_is_named_by_its_content_not_by_its_claim(
    scene: Scene, claimed: str
) -> None:
    made = await scene.make(PNG, mimetype=claimed)
    assert made.content.file.mimetype == "image/png"


async def test_a_file_on_disk_is_sent_like_one_in_memory(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "own.png"
    path.write_bytes(PNG)
    made = await scene.make(path, view_once=True)
    assert isinstance(made.content, Image)
    assert made.content.view_once
    assert encode(made.content).HasField("viewOnceMessageV2")
    assert await scene.plain(made) == PNG


async def test_what_the_caller_says_of_size_and_length_counts(scene: Scene) -> None:
    made = await scene.make(MP4, mimetype="video/mp4", seconds=77, width=10, height=20)
    assert isinstance(made.content, Video)
    assert (made.content.seconds, made.content.width, made.content.height) == (77, 10, 20)


# --- films ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "is_gif", "is_note", "caption", "kind"),
    [
        ({}, False, False, "look", "video"),
        ({"as_gif": True}, True, False, "look", "gif"),
        ({"as_video_note": True}, False, True, "", "ptv"),
        ({"as_voice": True}, False, False, "look", "video"),
    ],
)
async def test_a_film_is_sent_as_it_is_meant(
    scene: Scene,
    options: dict[str, Any],
    is_gif: bool,
    is_note: bool,
    caption: str,
    kind: str,
) -> None:
    made = await scene.make(MP4, mimetype="video/mp4", caption="look", **options)
    video = made.content
    assert isinstance(video, Video)
    assert (video.is_gif, video.is_note, video.caption) == (is_gif, is_note, caption)
    assert (video.width, video.height, video.seconds) == (320, 240, 2)
    assert video.thumbnail.startswith(b"\xff\xd8")
    assert len(video.sidecar) == 10
    assert media_reference(video).kind.value == kind
    assert scene.server.asked[0].path.startswith("/mms/video/")
    assert await scene.plain(made) == MP4


async def test_a_container_of_two_names_keeps_the_one_that_it_was_given(scene: Scene) -> None:
    made = await scene.make(film("matroska", "mpeg4"), mimetype="video/x-matroska")
    assert made.content.file.mimetype == "video/x-matroska"
    made = await scene.make(MP4, mimetype="video/x-m4v")
    assert made.content.file.mimetype == "video/mp4"


# --- sounds --------------------------------------------------------------------------------------


async def test_a_sound_tells_its_length(scene: Scene) -> None:
    made = await scene.make(MP3, mimetype="audio/mp3", caption="not for sounds")
    audio = made.content
    assert isinstance(audio, Audio)
    assert (audio.file.mimetype, audio.seconds, audio.is_voice) == ("audio/mpeg", 3, False)
    assert audio.waveform == b""
    assert scene.server.asked[0].path.startswith("/mms/audio/")
    assert await scene.plain(made) == MP3


@pytest.mark.parametrize("mimetype", ["audio/ogg", "audio/ogg; codecs=opus", "application/ogg"])
async def test_a_voice_note_has_a_waveform(scene: Scene, mimetype: str) -> None:
    made = await scene.make(VOICE, mimetype=mimetype, as_voice=True, view_once=True)
    audio = made.content
    assert isinstance(audio, Audio)
    assert (audio.file.mimetype, audio.seconds, audio.is_voice) == (VOICE_TYPE, 3, True)
    assert len(audio.waveform) == 64
    assert max(audio.waveform) == 100
    assert audio.view_once
    assert await scene.plain(made) == VOICE


async def test_opus_is_also_sent_as_a_plain_sound(scene: Scene) -> None:
    made = await scene.make(VOICE, mimetype="audio/ogg")
    assert isinstance(made.content, Audio)
    assert not made.content.is_voice
    assert made.content.file.mimetype == VOICE_TYPE


@pytest.mark.parametrize(
    ("data", "mimetype"),
    [
        (MP3, "audio/mpeg"),
        (sound("wav", "pcm_s16le"), "audio/wav"),
        (sound("mp4", "aac"), "audio/mp4"),
    ],
    ids=["mp3", "wav", "m4a"],
)
async def test_a_voice_note_is_made_of_other_sounds(
    scene: Scene, data: bytes, mimetype: str
) -> None:
    made = await scene.make(data, mimetype=mimetype, as_voice=True)
    audio = made.content
    assert isinstance(audio, Audio)
    assert (audio.file.mimetype, audio.seconds, audio.is_voice) == (VOICE_TYPE, 3, True)
    assert max(audio.waveform) == 100
    details = await probing.probe_audio(await scene.plain(made), with_waveform=True)
    assert details.is_voice
    assert details.waveform == audio.waveform


async def test_what_can_be_no_voice_note_is_refused_in_clear_words(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = MP3[:40] + bytes(2000)
    with pytest.raises(UnusableFile, match="the file cannot be made a voice note"):
        await scene.make(broken, mimetype="audio/mpeg", as_voice=True)
    monkeypatch.setattr(probing, "has_av", lambda: False)
    with pytest.raises(UnusableFile, match="a voice note must be an Ogg file with Opus in it"):
        await scene.make(MP3, mimetype="audio/mpeg", as_voice=True)
    assert scene.server.asked == []


async def test_without_the_extra_everything_is_sent_with_less_to_show(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "has_av", lambda: False)
    video = (await scene.make(MP4, mimetype="video/mp4")).content
    assert isinstance(video, Video)
    assert (video.seconds, video.width, video.thumbnail) == (2, 0, b"")
    voice = (await scene.make(VOICE, as_voice=True)).content
    assert isinstance(voice, Audio)
    assert (voice.seconds, voice.is_voice, voice.waveform) == (3, True, b"")
    image = (await scene.make(PNG)).content
    assert isinstance(image, Image)
    assert image.thumbnail
    assert isinstance((await scene.make(moving("GIF"), as_sticker=True)).content, Sticker)


# --- documents -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "mimetype", "name", "told", "shown"),
    [
        (TEXT, "text/plain", "notes.txt", "text/plain", "notes.txt"),
        (TEXT, "Application/X-Thing; v=1", "", "application/x-thing", "file"),
        (TEXT, None, "notes.txt", "text/plain", "notes.txt"),
        (TEXT, None, "", "application/octet-stream", "file.bin"),
        (b"%PDF-1.7 ...", None, "", "application/pdf", "file.pdf"),
        (b"PK\x03\x04 ...", None, "", "application/zip", "file.zip"),
        (b"PK\x03\x04 ...", None, "a.docx", None, "a.docx"),
        (TEXT, "text/plain", "../../etc/passwd", "text/plain", "passwd"),
        (TEXT, "text/plain", "C:\\x\\a\u202etxt.exe", "text/plain", "atxt.exe"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", "", None, "file.svg"),
    ],
)
async def test_any_other_file_is_a_document(
    scene: Scene, data: bytes, mimetype: str | None, name: str, told: str | None, shown: str
) -> None:
    made = await scene.make(data, mimetype=mimetype, file_name=name, caption="read", view_once=True)
    document = made.content
    assert isinstance(document, Document)
    if told is not None:
        assert document.file.mimetype == told
    assert (document.file_name, document.title, document.caption) == (shown, shown, "read")
    assert document.thumbnail == b""
    assert await scene.plain(made) == data


@pytest.mark.parametrize(
    ("data", "mimetype"), [(PNG, "image/png"), (MP4, "video/mp4"), (MP3, "audio/mpeg")]
)
async def test_whatever_it_is_a_file_can_be_sent_as_a_document(
    scene: Scene, data: bytes, mimetype: str
) -> None:
    made = await scene.make(data, mimetype=mimetype, as_document=True)
    document = made.content
    assert isinstance(document, Document)
    assert document.file.mimetype == mimetype
    assert bool(document.thumbnail) is not mimetype.startswith("audio")
    assert scene.server.asked[0].path.startswith("/mms/document/")


@pytest.mark.parametrize("mimetype", ["image/png", "video/mp4", "audio/mpeg"])
async def test_a_document_need_not_be_what_it_says(scene: Scene, mimetype: str) -> None:
    for data in (TEXT, png_that_claims(100_000, 100_000)):
        made = await scene.make(data, mimetype=mimetype, as_document=True)
        assert isinstance(made.content, Document)
        assert made.content.thumbnail == b""


# --- what it is when nobody says -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "name", "kind", "mimetype"),
    [
        (PNG, "x.txt", Image, "image/png"),
        (JPEG, "", Image, "image/jpeg"),
        (picture("WEBP"), "", Image, "image/webp"),
        (moving("GIF"), "", Image, "image/gif"),
        (b"\0\0\0\x18ftypheic" + bytes(90), "", Image, "image/heic"),
        (MP4, "", Video, "video/mp4"),
        (film("webm", "libvpx"), "", Video, "video/webm"),
        (VOICE, "", Audio, VOICE_TYPE),
        (MP3, "", Audio, "audio/mpeg"),
        (MP3[MP3.index(b"\xff\xfb") :], "", Audio, "audio/mpeg"),
        (sound("mp4", "aac").replace(b"ftypisom", b"ftypM4A ", 1), "", Audio, "audio/mp4"),
        (sound("wav", "pcm_s16le"), "", Audio, "audio/wav"),
        ("a text in another coding".encode("utf-16"), "", Document, "application/octet-stream"),
    ],
)
async def test_its_content_tells_what_a_file_is(
    scene: Scene, data: bytes, name: str, kind: type, mimetype: str
) -> None:
    made = await scene.make(data, file_name=name)
    assert type(made.content) is kind
    assert made.content.file.mimetype == mimetype


# --- stickers ------------------------------------------------------------------------------------


async def test_a_webp_is_a_sticker_as_it_is(scene: Scene) -> None:
    data = picture("WEBP", (300, 200))
    made = await scene.make(data, mimetype="image/webp", as_sticker=True, caption="none")
    sticker = made.content
    assert isinstance(sticker, Sticker)
    assert (sticker.file.mimetype, sticker.width, sticker.height) == ("image/webp", 300, 200)
    assert not sticker.is_animated
    assert scene.server.asked[0].path.startswith("/mms/image/")
    assert await scene.plain(made) == data
    animated = (await scene.make(moving("WEBP"), as_sticker=True)).content
    assert isinstance(animated, Sticker)
    assert animated.is_animated


@pytest.mark.parametrize("data", [PNG, JPEG], ids=["png", "jpeg"])
async def test_a_picture_becomes_a_sticker(scene: Scene, data: bytes) -> None:
    made = await scene.make(data, as_sticker=True)
    sticker = made.content
    assert isinstance(sticker, Sticker)
    assert (sticker.file.mimetype, sticker.width, sticker.height) == ("image/webp", 512, 512)
    with Picture.open(io.BytesIO(await scene.plain(made))) as shown:
        assert (shown.format, shown.size) == ("WEBP", (512, 512))


async def test_a_lottie_sticker_goes_as_it_is(scene: Scene) -> None:
    made = await scene.make(b"PK\x03\x04 lottie", mimetype=LOTTIE, as_sticker=True)
    assert isinstance(made.content, Sticker)
    assert made.content.is_lottie
    assert encode(made.content).HasField("lottieStickerMessage")
    assert await scene.plain(made) == b"PK\x03\x04 lottie"


async def test_a_sticker_tells_its_pack(scene: Scene) -> None:
    pack = StickerPack("Cats", "Me", ("😺",))
    for data in (PNG, picture("WEBP", (512, 512))):
        made = await scene.make(data, as_sticker=True, sticker_pack=pack)
        assert b'"sticker-pack-name": "Cats"' in await scene.plain(made)


@pytest.mark.parametrize("data", [TEXT, MP4, MP3], ids=["text", "film", "sound"])
async def test_a_sticker_is_made_of_pictures_only(scene: Scene, data: bytes) -> None:
    with pytest.raises(UnusableFile, match="sticker"):
        await scene.make(data, as_sticker=True)
    assert scene.server.asked == []


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "mimetype", "options", "words"),
    [
        (TEXT, "audio/mpeg", {}, "not an audio file"),
        (PNG, "audio/ogg", {"as_voice": True}, "not an audio file"),
        (TEXT, "image/png", {}, "not an image"),
        (MP3, "image/png", {}, "not an image"),
        (TEXT, "video/mp4", {}, "not a video file"),
        (png_that_claims(100_000, 100_000), "image/png", {}, "too many pixels"),
        (webp_that_claims(16_000, 16_000), "image/webp", {}, "too many pixels"),
        (png_that_claims(100_000, 100_000), "image/png", {"as_sticker": True}, "too many pixels"),
        (png_that_claims(8_000, 5_000), "image/png", {"as_sticker": True}, "too many pixels"),
        (webp_that_claims(16_000, 16_000), "image/webp", {"as_sticker": True}, "too many pixels"),
    ],
)
async def test_a_file_that_is_not_what_it_is_sent_as_is_refused_before_the_upload(
    scene: Scene, data: bytes, mimetype: str, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UnusableFile, match=words) as refusal:
        await scene.make(data, mimetype=mimetype, **options)
    assert isinstance(refusal.value, InvalidInput)
    assert isinstance(refusal.value, MediaError)
    assert scene.server.asked == []


@pytest.mark.parametrize("mimetype", ["", "image", "image/", "/png", "a b/c", "image/png\r\nX: y"])
async def test_a_mimetype_that_is_none_is_refused(scene: Scene, mimetype: str) -> None:
    with pytest.raises(InvalidInput):
        await scene.make(PNG, mimetype=mimetype)


async def test_an_empty_file_is_refused(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "own").touch()
    for source in (b"", tmp_path / "own"):
        with pytest.raises(InvalidInput, match="empty"):
            await scene.make(source)


@pytest.mark.parametrize(
    ("data", "options", "limit"),
    [
        (PNG, {}, {"media_bytes": len(PNG) - 1}),
        (MP4, {}, {"media_bytes": len(MP4) - 1}),
        (MP3, {}, {"media_bytes": len(MP3) - 1}),
        (TEXT, {}, {"document_bytes": len(TEXT) - 1}),
        (PNG, {"as_document": True}, {"document_bytes": len(PNG) - 1}),
        (picture("WEBP"), {"as_sticker": True}, {"sticker_bytes": 50}),
        (PNG, {"as_sticker": True}, {"sticker_bytes": 50}),
        (PNG, {"as_sticker": True, "sticker_pack": StickerPack()}, {"sticker_bytes": 50}),
        (b"PK", {"as_sticker": True, "mimetype": LOTTIE}, {"sticker_bytes": 1}),
    ],
)
async def test_a_file_over_the_limit_of_its_kind_is_refused_before_the_upload(
    scene: Scene, data: bytes, options: dict[str, Any], limit: dict[str, int]
) -> None:
    contents = MediaContents(scene.transfer, limits=replace(Limits(), **limit))
    with pytest.raises(MediaTooLarge) as refusal:
        await contents.make(data, MediaOptions(**options))
    assert refusal.value.limit in limit.values()
    assert scene.server.asked == []


@pytest.mark.parametrize(
    "options", [{"seconds": -1}, {"width": 2**31}, {"height": -5}, {"caption": "x" * 1025}]
)
async def test_what_no_message_can_say_is_refused_before_the_upload(
    scene: Scene, options: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput):
        await scene.make(PNG, **options)
    assert scene.server.asked == []


async def test_a_caption_that_is_not_shown_may_be_as_long_as_it_likes(scene: Scene) -> None:
    made = await scene.make(VOICE, as_voice=True, caption="x" * 5000)
    assert isinstance(made.content, Audio)


async def test_a_sticker_that_cannot_be_made_in_time_is_refused(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "WORK_S", -1.0)
    with pytest.raises(UnusableFile, match="too long"):
        await scene.make(PNG, as_sticker=True)


async def test_a_missing_file_is_the_callers_error(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await scene.make(tmp_path / "nothing")


# --- channels ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "options", "folder"),
    [
        (PNG, {}, "image"),
        (MP4, {}, "video"),
        (VOICE, {"as_voice": True}, "audio"),
        (TEXT, {}, "document"),
        (picture("WEBP"), {"as_sticker": True}, "image"),
    ],
)
async def test_a_channel_gets_the_file_in_clear_and_its_handle(
    scene: Scene, data: bytes, options: dict[str, Any], folder: str
) -> None:
    made = await scene.make(data, channel=True, **options)
    (asked,) = scene.server.asked
    assert asked.path.startswith(f"/newsletter/newsletter-{folder}/")
    assert asked.body == data
    assert made.handle == "H"
    file = made.content.file
    assert (file.media_key, file.enc_sha256, file.key_timestamp) == (b"", b"", 0)
    assert await scene.plain(made) == data
