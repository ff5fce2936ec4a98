"""Files on their way to and from media hosts, over TLS on this machine."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import pytest_asyncio
from starlette.responses import RedirectResponse, Response

from support.media_host import InstantClock, MediaStore
from support.web_host import Asked, WebHost, cut_off, endless, stalled, web_host
from waport.client.media_hosts import (
    MediaGone,
    MediaHosts,
    MediaReference,
    MediaTooLarge,
    TransferFailed,
)
from waport.client.media_http import MediaHttp, Timeouts
from waport.client.media_transfer import RESUME_FROM, TRIES, Limits, MediaTransfer
from waport.errors import ConnectionClosed, MediaError, StanzaError
from waport.media import MediaKind, decrypt_media, encrypt_media, upload_token
from waport.stanza.media import MediaConn, MediaHost

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = bytes(range(32))
ENCRYPTED_KINDS = [kind for kind in MediaKind if kind.is_encrypted]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[WebHost]]:
    folder = tmp_path_factory.mktemp("tls")
    async with web_host(folder) as first, web_host(folder) as second:
        yield [first, second]


class Scene:
    """An account with two media hosts."""

    def __init__(self, servers: list[WebHost], folder: Path) -> None:
        for server in servers:
            server.reset()
        self.first, self.second = servers
        self.folder = folder
        self.clock = InstantClock()
        self.store = MediaStore()
        self.first.answer = self.second.answer = self.store.answer
        self.conns = 0
        self.auths: list[str] = []
        self.hosts = (MediaHost(self.first.name), MediaHost(self.second.name))
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.http = MediaHttp(
            tls=self.first.client_tls, timeouts=Timeouts(connect_s=5, idle_s=0.3, base_s=5)
        )
        self.transfer = self.with_limits(Limits())

    def with_limits(self, limits: Limits) -> MediaTransfer:
        return MediaTransfer(
            MediaHosts(self.ask, self.clock),
            self.http,
            folder=self.temporary,
            limits=limits,
            clock=self.clock,
        )

    async def ask(self) -> MediaConn:
        self.conns += 1
        auth = self.auths.pop(0) if self.auths else "good"
        return MediaConn(auth, 300, 21600, self.hosts)

    def put(self, plaintext: bytes, kind: MediaKind = MediaKind.IMAGE) -> MediaReference:
        """A file that the hosts have."""
        encrypted, digest = encrypt_media(plaintext, KEY, kind)
        path = f"/v/{upload_token(digest.file_enc_sha256)}"
        self.store.files[path] = encrypted
        return MediaReference(
            kind,
            path,
            media_key=KEY,
            file_sha256=digest.file_sha256,
            file_enc_sha256=digest.file_enc_sha256,
            file_length=digest.file_length,
        )

    def asked(self) -> list[int]:
        """Requests at the first and at the second host."""
        return [len(self.first.asked), len(self.second.asked)]


@pytest_asyncio.fixture(loop_scope="module")
async def scene(servers: list[WebHost], tmp_path: Path) -> AsyncIterator[Scene]:
    scene = Scene(servers, tmp_path)
    yield scene
    await scene.transfer.close()
    assert list(scene.temporary.iterdir()) == []


# --- upload --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ENCRYPTED_KINDS, ids=lambda kind: kind.value)
async def test_what_is_uploaded_can_be_read_with_its_key(scene: Scene, kind: MediaKind) -> None:
    sent = await scene.transfer.upload(b"hello media", kind)
    (asked,) = scene.first.asked
    assert sent.media_key is not None
    assert sent.file_enc_sha256 is not None
    assert asked.path == f"{kind.upload_path}/{upload_token(sent.file_enc_sha256)}"
    plaintext = decrypt_media(
        asked.body,
        sent.media_key,
        kind,
        file_enc_sha256=sent.file_enc_sha256,
        file_sha256=sent.file_sha256,
        file_length=sent.file_length,
    )
    assert plaintext == b"hello media"
    assert sent.direct_path.startswith("/v/")
    assert sent.url == f"https://mmg.whatsapp.net{sent.direct_path}"
    assert asked.headers["origin"] == "https://web.whatsapp.com"
    assert int(asked.headers["content-length"]) == len(asked.body)


async def test_each_upload_has_a_key_of_its_own(scene: Scene) -> None:
    first = await scene.transfer.upload(b"x", MediaKind.IMAGE)
    second = await scene.transfer.upload(b"x", MediaKind.IMAGE)
    assert first.media_key != second.media_key
    assert "media_key" not in repr(first)


@pytest.mark.parametrize("size", [0, 1, 16, 1_000_000, RESUME_FROM + 12_345])
async def test_a_file_goes_out_and_comes_back(scene: Scene, size: int) -> None:
    source = scene.folder / "source"
    source.write_bytes(os.urandom(size))
    sent = await scene.transfer.upload(source, MediaKind.DOCUMENT)
    assert sent.file_length == size
    target = scene.folder / "target"
    reference = MediaReference(
        MediaKind.DOCUMENT,
        sent.direct_path,
        None,
        sent.media_key,
        sent.file_sha256,
        sent.file_enc_sha256,
        sent.file_length,
    )
    await scene.transfer.download(reference, target)
    assert target.read_bytes() == source.read_bytes()


async def test_the_sidecar_comes_when_asked_for(scene: Scene) -> None:
    sent = await scene.transfer.upload(bytes(200_000), MediaKind.VIDEO, with_sidecar=True)
    assert sent.sidecar is not None
    assert len(sent.sidecar) == 40
    assert (await scene.transfer.upload(b"", MediaKind.VIDEO)).sidecar is None


async def test_a_file_over_the_limit_is_not_sent(scene: Scene) -> None:
    source = scene.folder / "source"
    source.write_bytes(bytes(1001))
    small = scene.with_limits(Limits(upload=1000))
    for given in (source, bytes(1001)):
        with pytest.raises(MediaTooLarge) as refusal:
            await small.upload(given, MediaKind.IMAGE)
        assert refusal.value.limit == 1000
        with pytest.raises(MediaTooLarge):
            await small.upload_plain(given, MediaKind.IMAGE)
    assert scene.asked() == [0, 0]
    await small.upload(bytes(1000), MediaKind.IMAGE)


async def test_an_unreadable_source_is_not_sent(scene: Scene) -> None:
    with pytest.raises(FileNotFoundError):
        await scene.transfer.upload(scene.folder / "nothing", MediaKind.IMAGE)
    assert scene.asked() == [0, 0]


@pytest.mark.parametrize(
    "failure",
    [
        lambda: Response(status_code=500),
        lambda: Response(status_code=413),
        lambda: Response(status_code=429),
        lambda: RedirectResponse("https://127.0.0.1:1/"),
        lambda: Response(b"no json"),
        lambda: Response(b"[]"),
        lambda: Response(b'{"url": "https://x"}'),
        lambda: Response(b'{"direct_path": "https://evil.example/x"}'),
        lambda: Response(b'{"direct_path": "//evil.example/x"}'),
        lambda: Response(b"[" * 100_000),
        lambda: endless(bytes(1000)),
        lambda: cut_off(b"{", 100),
        lambda: stalled(b"{", 100),
    ],
)
async def test_the_next_host_is_tried(scene: Scene, failure: Callable[[], Response]) -> None:
    scene.first.answer = lambda _: failure()
    await scene.transfer.upload(b"x", MediaKind.IMAGE)
    assert scene.asked() == [1, 1]
    assert scene.clock.slept == []


async def test_a_host_that_is_not_there_is_passed_over(scene: Scene) -> None:
    scene.hosts = (MediaHost("127.0.0.1:1"), *scene.hosts)
    await scene.transfer.upload(b"x", MediaKind.IMAGE)
    assert scene.asked() == [1, 0]


async def test_a_host_with_another_certificate_gets_nothing(scene: Scene) -> None:
    scene.http = MediaHttp()
    with pytest.raises(TransferFailed):
        await scene.with_limits(Limits()).upload(b"x", MediaKind.IMAGE)
    await scene.http.close()
    assert scene.asked() == [0, 0]


async def test_hosts_that_do_not_take_a_kind_are_passed_over(scene: Scene) -> None:
    scene.hosts = (
        MediaHost(scene.first.name, upload=frozenset(["video"])),
        MediaHost(scene.second.name, upload=frozenset(["image", "video"])),
    )
    await scene.transfer.upload(b"x", MediaKind.STICKER)
    assert scene.asked() == [0, 1]
    with pytest.raises(TransferFailed):
        await scene.transfer.upload(b"x", MediaKind.DOCUMENT)


async def test_failures_that_may_pass_are_tried_again_with_pauses(scene: Scene) -> None:
    scene.first.answer = scene.second.answer = lambda _: Response(status_code=503)
    with pytest.raises(TransferFailed) as failure:
        await scene.transfer.upload(b"x", MediaKind.IMAGE)
    assert failure.value.status == 503
    assert scene.asked() == [3, 3]
    assert scene.clock.slept == [1.0, 2.0]


async def test_refusals_that_stay_are_not_repeated(scene: Scene) -> None:
    scene.first.answer = scene.second.answer = lambda _: Response(status_code=415)
    with pytest.raises(TransferFailed) as failure:
        await scene.transfer.upload(b"x", MediaKind.IMAGE)
    assert failure.value.status == 415
    assert scene.asked() == [1, 1]


async def test_an_old_token_is_renewed_once(scene: Scene) -> None:
    scene.auths = ["old"]
    await scene.transfer.upload(b"x", MediaKind.IMAGE)
    assert scene.conns == 2
    assert scene.asked() == [2, 0]


@pytest.mark.parametrize("status", [401, 403])
async def test_a_second_refusal_is_final(scene: Scene, status: int) -> None:
    scene.first.answer = lambda _: Response(status_code=status)
    with pytest.raises(TransferFailed) as failure:
        await scene.transfer.upload(b"x", MediaKind.IMAGE)
    assert failure.value.status == status
    assert (scene.conns, scene.asked()) == (2, [2, 0])


async def test_the_token_is_escaped_in_urls(scene: Scene) -> None:
    scene.store.auth = "a&b=c/d+e"
    scene.auths = [scene.store.auth]
    await scene.transfer.upload(b"x", MediaKind.IMAGE)
    assert scene.asked() == [1, 0]


async def test_without_hosts_nothing_is_sent(scene: Scene) -> None:
    async def closed() -> MediaConn:
        raise ConnectionClosed("closed")

    transfer = MediaTransfer(MediaHosts(closed), scene.http, folder=scene.temporary)
    with pytest.raises(ConnectionClosed):
        await transfer.upload(b"x", MediaKind.IMAGE)


async def test_a_cancelled_upload_leaves_nothing_behind(scene: Scene) -> None:
    came, release = asyncio.Event(), asyncio.Event()

    async def never(asked: Asked) -> Response:
        came.set()
        await release.wait()
        return Response()

    scene.first.answer = never
    scene.http = MediaHttp(tls=scene.first.client_tls)
    task = asyncio.create_task(
        scene.with_limits(Limits()).upload(bytes(2_000_000), MediaKind.IMAGE)
    )
    await came.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()
    await scene.http.close()


# --- resuming an upload --------------------------------------------------------------------------


def large() -> bytes:
    return bytes(RESUME_FROM)


async def test_a_small_file_is_sent_without_a_question(scene: Scene) -> None:
    await scene.transfer.upload(bytes(RESUME_FROM - 100), MediaKind.IMAGE)
    assert ["resume" in asked.query for asked in scene.first.asked] == [False]


async def test_a_large_file_is_asked_about_first(scene: Scene) -> None:
    sent = await scene.transfer.upload(large(), MediaKind.VIDEO)
    probe, post = scene.first.asked
    assert (probe.method, probe.body) == ("POST", b"")
    assert probe.query.endswith("&resume=1")
    assert "file_offset" not in post.query
    assert sent.file_length == RESUME_FROM


async def test_only_what_is_missing_is_sent(scene: Scene) -> None:
    held = 1_000_000

    def answer(asked: Asked) -> Response:
        if "resume" in asked.query:
            return Response(json.dumps({"resume": held}))
        return scene.store.done("T")

    scene.first.answer = answer
    await scene.transfer.upload(large(), MediaKind.VIDEO)
    post = scene.first.asked[1]
    assert post.query.endswith(f"&file_offset={held}")
    assert len(post.body) == RESUME_FROM + 26 - held


async def test_a_file_that_is_there_already_is_not_sent(scene: Scene) -> None:
    scene.first.answer = lambda _: scene.store.done("T", {"resume": "complete"})
    sent = await scene.transfer.upload(large(), MediaKind.VIDEO)
    assert scene.asked() == [1, 0]
    assert sent.direct_path.startswith("/v/T")


@pytest.mark.parametrize("claim", [RESUME_FROM * 2, -5, "7", None, True, 1.5, {"x": 1}], ids=str)
async def test_a_senseless_offset_means_the_beginning(scene: Scene, claim: object) -> None:
    def answer(asked: Asked) -> Response:
        if "resume" in asked.query:
            return Response(json.dumps({"resume": claim}))
        return scene.store.answer(asked)

    scene.first.answer = answer
    await scene.transfer.upload(large(), MediaKind.VIDEO)
    assert len(scene.first.asked[1].body) == RESUME_FROM + 26


async def test_a_host_that_knows_no_such_question_gets_the_file(scene: Scene) -> None:
    scene.first.answer = lambda asked: (
        Response(status_code=405) if "resume" in asked.query else scene.store.answer(asked)
    )
    await scene.transfer.upload(large(), MediaKind.VIDEO)
    assert scene.asked() == [2, 0]


# --- newsletters and other plain files -----------------------------------------------------------


async def test_a_newsletter_gets_the_file_as_it_is(scene: Scene) -> None:
    sent = await scene.transfer.upload_plain(b"for all", MediaKind.IMAGE)
    (asked,) = scene.first.asked
    assert asked.body == b"for all"
    token = upload_token(hashlib.sha256(b"for all").digest())
    assert asked.path == f"/newsletter/newsletter-image/{token}"
    assert (sent.handle, sent.object_id) == ("H", "O")
    assert (sent.media_key, sent.file_enc_sha256, sent.file_length) == (None, None, 7)


async def test_kinds_that_are_never_encrypted_have_paths_of_their_own(scene: Scene) -> None:
    await scene.transfer.upload_plain(b"x", MediaKind.PRODUCT_IMAGE)
    await scene.transfer.upload_plain(b"x", MediaKind.COVER_PHOTO)
    assert scene.first.asked[0].path.startswith("/product/image/")
    assert scene.first.asked[1].path.startswith("/pps/biz-cover-photo/")
    with pytest.raises(MediaError):
        await scene.transfer.upload(b"x", MediaKind.PRODUCT_IMAGE)


async def test_a_plain_file_from_disk_comes_back(scene: Scene) -> None:
    source, target = scene.folder / "source", scene.folder / "target"
    source.write_bytes(os.urandom(300_000))
    sent = await scene.transfer.upload_plain(source, MediaKind.VIDEO)
    reference = MediaReference(
        MediaKind.VIDEO, sent.direct_path, file_sha256=sent.file_sha256, file_length=300_000
    )
    digest = await scene.transfer.download(reference, target)
    assert target.read_bytes() == source.read_bytes()
    assert digest.file_sha256 == sent.file_sha256
    assert "hash=" not in scene.first.asked[-1].query


async def test_a_plain_file_with_a_wrong_hash_is_refused(scene: Scene) -> None:
    scene.store.files["/v/x"] = b"other"
    reference = MediaReference(MediaKind.IMAGE, "/v/x", file_sha256=bytes(32))
    with pytest.raises(MediaError, match="fileSha256"):
        await scene.transfer.download_bytes(reference, 100)


# --- download ------------------------------------------------------------------------------------


async def test_a_download_names_hash_and_type(scene: Scene) -> None:
    reference = scene.put(b"hello", MediaKind.VOICE)
    assert await scene.transfer.download_bytes(reference, 100) == b"hello"
    query = parse_qs(scene.first.asked[0].query, keep_blank_values=True)
    assert query["mms-type"] == ["audio"]
    assert query["__wa-mms"] == [""]
    assert reference.file_enc_sha256 is not None
    assert query["hash"][0].rstrip("=") == upload_token(reference.file_enc_sha256)


async def test_a_direct_path_with_a_query_keeps_it(scene: Scene) -> None:
    reference = scene.put(b"hello")
    reference = replace(reference, direct_path=f"{reference.direct_path}?ccb=11&oh=2")
    await scene.transfer.download_bytes(reference, 100)
    assert scene.first.asked[0].query.startswith("ccb=11&oh=2&hash=")


@pytest.mark.parametrize(
    "failure",
    [
        lambda: Response(status_code=500),
        lambda: Response(status_code=429),
        lambda: Response(status_code=416),
        lambda: Response(status_code=418),
        lambda: RedirectResponse("http://169.254.169.254/latest"),
        lambda: Response(b"something else altogether"),
        lambda: Response(b""),
        lambda: cut_off(b"half", 8),
        lambda: stalled(b"half", 8),
    ],
)
async def test_a_host_that_fails_is_followed_by_the_next(
    scene: Scene, failure: Callable[[], Response]
) -> None:
    reference = scene.put(b"hello")
    scene.first.answer = lambda _: failure()
    assert await scene.transfer.download_bytes(reference, 100) == b"hello"
    assert scene.asked() == [1, 1]


async def test_five_tries_are_enough(scene: Scene) -> None:
    reference = scene.put(b"hello")
    scene.first.answer = scene.second.answer = lambda _: Response(status_code=503)
    with pytest.raises(TransferFailed) as failure:
        await scene.transfer.download_bytes(reference, 100)
    assert failure.value.status == 503
    assert sum(scene.asked()) == TRIES
    assert scene.clock.slept == [1.0, 2.0]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_a_file_that_is_gone_is_asked_for_once_more(scene: Scene, status: int) -> None:
    reference = scene.put(b"hello")
    scene.first.answer = lambda _: Response(status_code=status)
    with pytest.raises(MediaGone) as gone:
        await scene.transfer.download_bytes(reference, 100)
    assert gone.value.status == status
    # The other host is not asked: the reference itself is refused.
    assert (scene.conns, scene.asked()) == (2, [2, 0])


async def test_new_hosts_may_know_the_file(scene: Scene) -> None:
    reference = scene.put(b"hello")
    scene.first.answer = lambda _: Response(status_code=403)
    both = scene.hosts
    scene.hosts = both[:1]
    transfer = scene.transfer
    await transfer._hosts.current()
    scene.hosts = both[1:]
    assert await transfer.download_bytes(reference, 100) == b"hello"
    assert scene.asked() == [1, 1]


def tampered(encrypted: bytes) -> bytes:
    return bytes((encrypted[0] ^ 1,)) + encrypted[1:]


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (lambda body: tampered(body), "fileEncSha256"),
        (lambda body: body[:-1], "fileEncSha256"),
        (lambda body: b"", "fileEncSha256"),
    ],
)
async def test_a_file_that_fails_a_check_is_asked_of_one_other_host(
    scene: Scene, spoil: Callable[[bytes], bytes], check: str
) -> None:
    reference = scene.put(bytes(100))
    for path, body in scene.store.files.items():
        scene.store.files[path] = spoil(body)
    with pytest.raises(MediaError, match=check):
        await scene.transfer.download_bytes(reference, 1000)
    assert scene.asked() == [1, 1]


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (lambda body: tampered(body), "MAC"),
        (lambda body: body[:-1] + bytes((body[-1] ^ 1,)), "MAC"),
        (lambda body: body[:10], "shorter"),
        (lambda body: b"", "shorter"),
    ],
)
async def test_a_forged_file_with_a_right_hash_is_refused(
    scene: Scene, spoil: Callable[[bytes], bytes], check: str
) -> None:
    reference = scene.put(bytes(100))
    assert reference.direct_path is not None
    body = spoil(scene.store.files[reference.direct_path])
    scene.store.files[reference.direct_path] = body
    reference = replace(reference, file_enc_sha256=hashlib.sha256(body).digest())
    with pytest.raises(MediaError, match=check):
        await scene.transfer.download(reference, scene.folder / "target")
    assert not (scene.folder / "target").exists()
    assert [path.name for path in scene.folder.iterdir()] == ["temporary"]


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"file_sha256": bytes(32)}, "fileSha256"),
        ({"file_sha256": None, "file_length": 7}, "fileLength"),
        ({"media_key": bytes(32)}, "MAC"),
        ({"media_key": bytes(31)}, "32 bytes"),
        ({"kind": MediaKind.AUDIO}, "MAC"),
    ],
)
async def test_a_reference_that_does_not_fit_its_file_is_refused(
    scene: Scene, change: dict[str, object], check: str
) -> None:
    reference = replace(scene.put(bytes(100)), **change)  # type: ignore[arg-type]
    target = scene.folder / "target"
    target.write_bytes(b"what was here before")
    with pytest.raises(MediaError, match=check):
        await scene.transfer.download(reference, target)
    assert target.read_bytes() == b"what was here before"


async def test_a_wrong_length_is_no_reason_to_refuse_a_file_with_the_right_hash(
    scene: Scene,
) -> None:
    reference = replace(scene.put(b"hello"), file_length=99)
    assert await scene.transfer.download_bytes(reference, 100) == b"hello"


async def test_a_message_without_hashes_is_still_checked_by_its_mac(scene: Scene) -> None:
    reference = replace(scene.put(b"hello"), file_enc_sha256=None, file_sha256=None)
    assert await scene.transfer.download_bytes(reference, 100) == b"hello"


@pytest.mark.parametrize(
    "answer",
    [
        lambda: Response(bytes(200_000)),
        lambda: cut_off(b"", 5_000_000_000),
        lambda: endless(bytes(5000)),
    ],
)
async def test_a_file_over_the_limit_is_not_received(
    scene: Scene, answer: Callable[[], Response]
) -> None:
    reference = scene.put(b"hello")
    scene.first.answer = lambda _: answer()
    with pytest.raises(MediaTooLarge) as refusal:
        await scene.transfer.download_bytes(reference, 50_000)
    assert refusal.value.limit >= 50_000
    assert scene.asked() == [1, 0]


async def test_a_claimed_length_over_the_limit_is_not_even_asked_for(scene: Scene) -> None:
    reference = replace(scene.put(b"hello"), file_length=2_000_000)
    with pytest.raises(MediaTooLarge):
        await scene.with_limits(Limits(download=1_000_000)).download(
            reference, scene.folder / "target"
        )
    assert scene.asked() == [0, 0]


async def test_a_file_of_exactly_the_limit_is_received(scene: Scene) -> None:
    assert len(await scene.transfer.download_bytes(scene.put(bytes(1000)), 1000)) == 1000


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/x",
        "//evil.example/x",
        "v/x",
        "@evil.example/x",
        "/v/x\r\nHost: evil",
        "/v/x y",
        "/v\\x",
        "/v/x#y",
        "/v/ü",
        "/" + "x" * 5000,
    ],
)
async def test_a_direct_path_that_is_none_is_refused(scene: Scene, path: str) -> None:
    with pytest.raises(MediaError):
        await scene.transfer.download_bytes(replace(scene.put(b"x"), direct_path=path), 100)
    assert scene.asked() == [0, 0]


@pytest.mark.parametrize(
    "url",
    [
        "http://mmg.whatsapp.net/v/x",
        "https://evil.example/v/x",
        "https://mmg.whatsapp.net.evil.example/v/x",
        "https://evilwhatsapp.net/v/x",
        "https://user@mmg.whatsapp.net/v/x",
        "https://mmg.whatsapp.net:8443/v/x",
        "https://127.0.0.1/v/x",
        "https://169.254.169.254/v/x",
        "https://[::1/v/x",
        "https://mmg.whatsapp.net:x/v/x",
        "ftp://mmg.whatsapp.net/v/x",
        "file:///etc/passwd",
        "/v/x",
    ],
)
async def test_a_url_outside_of_the_media_hosts_is_refused(scene: Scene, url: str) -> None:
    reference = replace(scene.put(b"x"), direct_path=None, url=url)
    with pytest.raises(MediaError):
        await scene.transfer.download_bytes(reference, 100)
    assert scene.asked() == [0, 0]


async def test_a_url_on_a_media_host_serves_without_a_direct_path(scene: Scene) -> None:
    reference = scene.put(b"hello")
    url = f"https://{scene.second.name}{reference.direct_path}"
    reference = replace(reference, direct_path=None, url=url)
    assert await scene.transfer.download_bytes(reference, 100) == b"hello"
    assert scene.asked() == [0, 1]


async def test_a_message_that_names_no_place_is_an_error(scene: Scene) -> None:
    with pytest.raises(MediaError):
        await scene.transfer.download_bytes(replace(scene.put(b"x"), direct_path=None), 100)


async def test_hosts_that_do_not_give_a_kind_are_passed_over(scene: Scene) -> None:
    scene.hosts = (
        MediaHost(scene.first.name, download=frozenset(["video"])),
        MediaHost(scene.second.name),
    )
    await scene.transfer.download_bytes(scene.put(b"hello"), 100)
    assert scene.asked() == [0, 1]


async def test_a_cancelled_download_leaves_nothing_behind(scene: Scene) -> None:
    came = asyncio.Event()

    async def never(asked: Asked) -> Response:
        came.set()
        return stalled(bytes(2_000_000), 3_000_000)

    reference = scene.put(b"hello")
    scene.first.answer = never
    scene.http = MediaHttp(tls=scene.first.client_tls)
    target = scene.folder / "target"
    task = asyncio.create_task(scene.with_limits(Limits()).download(reference, target))
    await came.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await scene.http.close()
    assert not target.exists()


# --- hosts ---------------------------------------------------------------------------------------


async def test_hosts_are_remembered_as_long_as_the_shorter_life(scene: Scene) -> None:
    hosts = MediaHosts(scene.ask, scene.clock)
    await hosts.current()
    scene.clock.now = 299
    await hosts.current()
    assert scene.conns == 1
    scene.clock.now = 300
    await hosts.current()
    assert scene.conns == 2


async def test_many_ask_once(scene: Scene) -> None:
    hosts = MediaHosts(scene.ask, scene.clock)
    conns = await asyncio.gather(*(hosts.current() for _ in range(5)))
    assert scene.conns == 1
    await asyncio.gather(*(hosts.renew(conns[0]) for _ in range(5)))
    assert scene.conns == 2


@pytest.mark.parametrize("failure", [ConnectionClosed("closed"), StanzaError("iq", "bad")], ids=str)
async def test_a_download_falls_back_to_the_well_known_host(
    scene: Scene, failure: Exception
) -> None:
    async def closed() -> MediaConn:
        raise failure

    hosts = MediaHosts(closed, scene.clock)
    conn = await hosts.for_download()
    assert [host.hostname for host in conn.hosts] == ["mmg.whatsapp.net"]
    assert await hosts.for_download(conn) is conn
    with pytest.raises(type(failure)):
        await hosts.current()
