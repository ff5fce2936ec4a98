"""Files of one account: contents of files and URLs, files of messages, and the phone's help."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from starlette.responses import RedirectResponse, Response

from support.files import picture, png_that_claims, sound
from support.media_account import FILE, MediaScene, media_scene, message
from support.web_host import WebHost, cut_off, endless, web_host
from waport.client.features.media import Media
from waport.client.media_contents import MediaOptions, UnusableFile
from waport.client.media_files import clear_scratch
from waport.client.media_hosts import MediaTooLarge, TransferFailed
from waport.client.media_references import NoMedia
from waport.client.outbound_errors import BodyTooLarge, FetchFailed, UrlRefused
from waport.errors import InvalidInput, MediaError
from waport.media import MediaKind
from waport.model.contents import Audio, Content, Document, Image, MediaFile, Sticker, Text, Video
from waport.proto import pb
from waport.stanza.contents import encode

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WebHost]:
    async with web_host(tmp_path_factory.mktemp("tls")) as host:
        yield host


@pytest_asyncio.fixture(loop_scope="module")
async def scene(server: WebHost, tmp_path: Path) -> AsyncIterator[MediaScene]:
    async with media_scene(server, tmp_path) as scene:
        yield scene


# --- to a content and back -----------------------------------------------------------------------


async def test_a_file_goes_out_and_its_message_brings_it_back(
    scene: MediaScene, tmp_path: Path
) -> None:
    source, target = tmp_path / "source.png", tmp_path / "target"
    source.write_bytes(picture("PNG"))
    made = await scene.media.content(source, MediaOptions(caption="look"))
    digest = await scene.media.download(message(made.content), target)
    assert target.read_bytes() == source.read_bytes()
    assert digest.file_sha256 == made.content.file.sha256


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda file: Image(file), MediaKind.IMAGE),
        (lambda file: Image(file, view_once=True), MediaKind.IMAGE),
        (lambda file: Video(file), MediaKind.VIDEO),
        (lambda file: Video(file, is_gif=True), MediaKind.GIF),
        (lambda file: Video(file, is_note=True), MediaKind.VIDEO_NOTE),
        (lambda file: Video(file, view_once=True), MediaKind.VIDEO),
        (lambda file: Audio(file), MediaKind.AUDIO),
        (lambda file: Audio(file, view_once=True), MediaKind.AUDIO),
        (lambda file: Document(file), MediaKind.DOCUMENT),
        (lambda file: Document(file, caption="in a wrapper"), MediaKind.DOCUMENT),
        (lambda file: Sticker(replace(file, mimetype="image/webp")), MediaKind.STICKER),
        (
            lambda file: Sticker(replace(file, mimetype="application/was"), is_lottie=True),
            MediaKind.STICKER,
        ),
    ],
)
async def test_the_file_of_every_kind_of_message_can_be_had(
    scene: MediaScene, make: Callable[[MediaFile], Content], kind: MediaKind
) -> None:
    received = message(make(scene.put(kind=kind)))
    assert await scene.media.download_bytes(received, 100_000) == FILE


async def test_a_message_of_another_client_may_give_only_a_url(scene: MediaScene) -> None:
    file = scene.put()
    file = replace(file, url=f"https://{scene.host.name}{file.direct_path}", direct_path="")
    assert await scene.media.download_bytes(message(Image(file)), 100_000) == FILE


@pytest.mark.parametrize(
    "content",
    [
        encode(Text("no file")).SerializeToString(),
        pb.Message(
            protocolMessage=pb.ProtocolMessage(type=pb.ProtocolMessage.REVOKE)
        ).SerializeToString(),
        b"",
        b"\xff\xff",
    ],
    ids=["text", "revoked", "empty", "damaged"],
)
async def test_a_message_without_a_file_says_so(
    scene: MediaScene, content: bytes, tmp_path: Path
) -> None:
    without = replace(message(Text("x")), content=content)
    with pytest.raises(NoMedia):
        await scene.media.download(without, tmp_path / "target")
    with pytest.raises(NoMedia):
        async with scene.media.open_download(without):
            pass


async def test_a_message_in_endless_wrappers_has_no_file(scene: MediaScene) -> None:
    inner = encode(Image(scene.put()))
    for _ in range(8):
        outer = pb.Message()
        outer.ephemeralMessage.message.CopyFrom(inner)
        inner = outer
    with pytest.raises(NoMedia):
        await scene.media.download_bytes(
            replace(message(Text("x")), content=inner.SerializeToString()), 10
        )


async def test_an_open_download_is_there_until_it_is_closed(scene: MediaScene) -> None:
    file = scene.put(mimetype="text/plain; charset=utf-8", kind=MediaKind.DOCUMENT)
    received = message(Document(file, file_name="../paper.txt"))
    async with scene.media.open_download(received) as opened:
        assert opened.path.read_bytes() == FILE
        assert (opened.mimetype, opened.file_name) == ("text/plain; charset=utf-8", "paper.txt")
        assert opened.size == len(FILE)
        assert opened.path.is_relative_to(scene.folder)
        assert scene.folder.stat().st_mode & 0o777 == 0o700
    assert not opened.path.exists()


async def test_what_a_message_claims_of_its_file_is_made_harmless(scene: MediaScene) -> None:
    file = scene.put(mimetype="text/html\r\nX-Evil: 1", kind=MediaKind.DOCUMENT)
    received = message(Document(file, file_name="a\r\nb\0.txt"))
    async with scene.media.open_download(received) as opened:
        assert opened.mimetype == "application/octet-stream"
        assert opened.file_name == "ab.txt"
    async with scene.media.open_download(message(Image(scene.put()))) as opened:
        assert opened.file_name == ""


async def test_an_open_download_that_fails_leaves_nothing(scene: MediaScene) -> None:
    received = message(Image(scene.put(sha256=bytes(32))))
    with pytest.raises(MediaError):
        async with scene.media.open_download(received):
            pass
    assert scene.left() == []


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda body: bytes((body[0] ^ 1,)) + body[1:], MediaError),
        (lambda body: body[:-10] + bytes(10), MediaError),
        (lambda body: body[:50], MediaError),
    ],
    ids=["content", "mac", "cut off"],
)
async def test_a_file_that_is_not_the_one_meant_is_refused(
    scene: MediaScene, spoil: Callable[[bytes], bytes], error: type[Exception], tmp_path: Path
) -> None:
    # Without the hash of the encrypted file the MAC alone decides.
    received = message(Image(scene.put()))
    for path, body in scene.store.files.items():
        scene.store.files[path] = spoil(body)
    with pytest.raises(error):
        await scene.media.download(received, tmp_path / "target")
    assert not (tmp_path / "target").exists()
    assert scene.link.sent == []


async def test_a_download_that_breaks_off_is_told(scene: MediaScene, tmp_path: Path) -> None:
    received = message(Image(scene.put()))
    scene.host.answer = lambda _: cut_off(b"half", 9000)
    downloading = asyncio.create_task(scene.media.download(received, tmp_path / "target"))
    for pause in (1.0, 2.0, 4.0, 8.0):
        await scene.clock.pass_by(pause)
    with pytest.raises(TransferFailed):
        await downloading
    assert not (tmp_path / "target").exists()


async def test_a_file_over_the_limit_is_not_fetched(scene: MediaScene, tmp_path: Path) -> None:
    small = scene.with_config(replace(scene.config, max_bytes=len(FILE) - 1))
    received = message(Image(scene.put()))
    with pytest.raises(MediaTooLarge):
        await small.download(received, tmp_path / "target")
    with pytest.raises(MediaTooLarge):
        await small.content(FILE, MediaOptions(mimetype="text/plain"))
    with pytest.raises(MediaTooLarge):
        await scene.media.download_bytes(received, 100)
    await small.close()


async def test_what_a_crash_left_is_cleared(tmp_path: Path) -> None:
    (tmp_path / "media-abc").mkdir()
    (tmp_path / "media-abc" / "file").touch()
    (tmp_path / "mine").mkdir()
    (tmp_path / "media-link").symlink_to(tmp_path / "mine")
    (tmp_path / "media-file").touch()
    clear_scratch(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["media-file", "media-link", "mine"]
    clear_scratch(tmp_path / "nothing")


# --- from a URL ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "body", "path", "kind", "mimetype"),
    [
        ("image/png", picture("PNG"), "/cat.png", Image, "image/png"),
        ("text/plain; charset=utf-8", b"words", "/a.txt", Document, "text/plain"),
        ("application/octet-stream", picture("JPEG"), "/x", Image, "image/jpeg"),
        ("binary/octet-stream", sound("mp3", "libmp3lame", 0.5), "/x", Audio, "audio/mpeg"),
        ("", b"%PDF-1.4", "/paper.pdf", Document, "application/pdf"),
        ("", b"a,b\n", "/table.csv", Document, "text/csv"),
        ("rubbish", picture("WEBP"), "/x", Image, "image/webp"),
    ],
)
async def test_a_url_gives_the_file_its_type_and_its_name(
    scene: MediaScene, header: str, body: bytes, path: str, kind: type, mimetype: str
) -> None:
    url, media = await plain_server(scene, lambda: Response(body, headers=_typed(header)))
    made = await media.from_url(url + path)
    assert type(made.content) is kind
    assert made.content.file.mimetype == mimetype
    if isinstance(made.content, Document):
        assert made.content.file_name == path.strip("/")
    assert await scene.media.download_bytes(message(made.content), 100_000) == body


def _typed(header: str) -> dict[str, str]:
    return {"content-type": header} if header else {}


async def plain_server(scene: MediaScene, answer: Callable[[], Response]) -> tuple[str, Media]:
    """The URL of a web server, and a `Media` that may fetch from it by the server's own TLS."""
    scene.serve(answer)
    outbound = scene.media._outbound
    outbound._tls = scene.host.client_tls
    return scene.host.url, scene.media


async def test_what_the_caller_says_wins_over_the_url(scene: MediaScene) -> None:
    url, media = await plain_server(scene, lambda: Response(picture("PNG"), media_type="image/png"))
    options = MediaOptions(mimetype="application/x-thing", file_name="mine.bin", caption="c")
    made = await media.from_url(f"{url}/cat.png", options, headers={"X-Token": "t"})
    assert isinstance(made.content, Document)
    assert (made.content.file.mimetype, made.content.file_name) == (
        "application/x-thing",
        "mine.bin",
    )
    assert made.content.caption == "c"
    assert scene.host.asked[0].headers["x-token"] == "t"


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.2/x", "http://169.254.169.254/latest", "http://[::1]/", "file:///etc/passwd"],
)
async def test_a_url_that_leads_inside_is_refused(scene: MediaScene, url: str) -> None:
    with pytest.raises(UrlRefused):
        await scene.media.from_url(url)
    assert scene.host.asked == []


async def test_a_redirect_that_leads_inside_is_refused(scene: MediaScene) -> None:
    url, media = await plain_server(scene, lambda: RedirectResponse("http://127.0.0.2/secret"))
    with pytest.raises(UrlRefused):
        await media.from_url(f"{url}/x")


@pytest.mark.parametrize(
    "answer",
    [lambda: cut_off(b"", 5_000_000_000), lambda: endless(bytes(20_000))],
    ids=["announced", "streamed"],
)
async def test_a_url_of_five_gigabytes_is_refused_early(
    scene: MediaScene, answer: Callable[[], Response]
) -> None:
    url, media = await plain_server(scene, answer)
    with pytest.raises(BodyTooLarge):
        await media.from_url(f"{url}/x")
    assert len(scene.host.asked) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda: Response(status_code=404), FetchFailed),
        (lambda: cut_off(b"half", 8), FetchFailed),
        (lambda: Response(b"words", media_type="audio/mpeg"), UnusableFile),
        (
            lambda: Response(png_that_claims(100_000, 100_000), media_type="image/png"),
            UnusableFile,
        ),
        (lambda: Response(b"", media_type="image/png"), InvalidInput),
    ],
    ids=["missing", "cut off", "no sound", "bomb", "empty"],
)
async def test_a_url_that_gives_no_usable_file_sends_nothing(
    scene: MediaScene, answer: Callable[[], Response], error: type[Exception]
) -> None:
    url, media = await plain_server(scene, answer)
    with pytest.raises(error):
        await media.from_url(f"{url}/x")
    assert [asked.method for asked in scene.host.asked] == ["GET"]


async def test_previews_can_be_switched_off(scene: MediaScene) -> None:
    url, media = await plain_server(
        scene, lambda: Response("<title>t</title>", media_type="text/html")
    )
    found = await media.preview(f"see {url}/page")
    assert found is not None
    assert found.title == "t"
    silent = scene.with_config(replace(scene.config, link_preview=False))
    assert await silent.preview(f"see {url}/page") is None
    assert len(scene.host.asked) == 1
