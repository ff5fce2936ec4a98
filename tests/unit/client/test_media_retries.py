"""Files that the media hosts have forgotten: our own phone is asked to upload them again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from support.account import OWN_PN, PEER_LID, PEER_PN
from support.media_account import FILE, KEY, RETRY_S, MediaScene, media_scene, message
from support.web_host import WebHost, web_host
from waport.client.handlers.media_retry import handle_media_retry
from waport.client.media_hosts import MediaGone
from waport.crypto import aes_gcm_decrypt, aes_gcm_encrypt
from waport.errors import ConnectionClosed, MediaError, StanzaError
from waport.media import MediaKind, encrypt_media, retry_key
from waport.model import AddressingMode, Group
from waport.model.contents import Image, MediaFile
from waport.proto import pb
from waport.stanza.media import MediaRetryNotification, SealedRetry, parse_media_retry
from waport.wire import Jid, Node

pytestmark = pytest.mark.asyncio(loop_scope="module")

GROUP = Jid("120363000000000001", "g.us")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WebHost]:
    async with web_host(tmp_path_factory.mktemp("tls")) as host:
        yield host


@pytest_asyncio.fixture(loop_scope="module")
async def scene(server: WebHost, tmp_path: Path) -> AsyncIterator[MediaScene]:
    async with media_scene(server, tmp_path) as scene:
        yield scene


# --- asking the phone ----------------------------------------------------------------------------


def answer_to(asked: Node, result: int, path: str = "", **changes: Any) -> Node:
    """The phone's answer."""
    name = changes.get("name", asked.attr("id"))
    plain = pb.MediaRetryNotification(stanzaId=name, result=result)
    if path:
        plain.directPath = path
    iv = bytes(12)
    key = retry_key(changes.get("key", KEY))
    body = aes_gcm_encrypt(key, iv, plain.SerializeToString(), name.encode())
    inner = Node("encrypt", {}, [Node("enc_p", {}, body), Node("enc_iv", {}, iv)])
    return notification(asked, inner)


def notification(asked: Node, *children: Node) -> Node:
    attrs: dict[str, Any] = {"type": "mediaretry", "id": asked.attr("id"), "from": OWN_PN.bare}
    return Node("notification", attrs, [asked.child("rmr"), *children])


def resolve(scene: MediaScene, node: Node) -> None:
    scene.media.retries.resolve(parse_media_retry(node))


SUCCESS = pb.MediaRetryNotification.SUCCESS


async def test_a_file_that_is_gone_is_uploaded_again_by_the_phone(
    scene: MediaScene, tmp_path: Path
) -> None:
    received = message(Image(scene.put()))
    (encrypted,) = scene.lose().values()
    target = tmp_path / "target"
    downloading = asyncio.create_task(scene.media.download(received, target))
    asked = await scene.link.told()
    assert (asked.tag, asked.get("type"), asked.jid("to")) == (
        "receipt",
        "server-error",
        OWN_PN.bare,
    )
    assert asked.attr("id") == "3EB0AA"
    rmr = asked.child("rmr")
    assert (rmr.jid("jid"), rmr.get("from_me"), rmr.get("participant")) == (PEER_LID, "false", None)
    sealed = asked.child("encrypt")
    plain = aes_gcm_decrypt(
        retry_key(KEY), sealed.child("enc_iv").data, sealed.child("enc_p").data, b"3EB0AA"
    )
    assert pb.ServerErrorReceipt.FromString(plain).stanzaId == "3EB0AA"

    scene.store.files["/v/again"] = encrypted
    resolve(scene, answer_to(asked, SUCCESS, "/v/again?ccb=1"))
    await downloading
    assert target.read_bytes() == FILE
    # The new place is remembered: the phone is not asked for the next download.
    assert await scene.media.download_bytes(received, 100_000) == FILE
    assert len(scene.link.sent) == 1


@pytest.mark.parametrize(
    ("chat", "sender", "from_me", "mode", "named", "participant"),
    [
        (PEER_PN, PEER_PN, False, None, PEER_LID, None),
        (PEER_PN, OWN_PN.bare, True, None, PEER_LID, None),
        (Jid("4915551234", "s.whatsapp.net"), None, False, None, "4915551234", None),
        (GROUP, PEER_PN, False, AddressingMode.LID, GROUP, PEER_LID),
        (GROUP, PEER_PN, False, AddressingMode.PN, GROUP, PEER_PN),
        (GROUP, PEER_PN, False, None, GROUP, PEER_LID),
        (Jid("status", "broadcast"), PEER_PN, False, None, Jid("status", "broadcast"), PEER_LID),
    ],
)
async def test_the_phone_is_told_which_message_by_its_stanzas_names(
    scene: MediaScene,
    chat: Jid,
    sender: Jid | None,
    from_me: bool,
    mode: AddressingMode | None,
    named: Jid | str,
    participant: Jid | None,
) -> None:
    if mode is not None:
        await scene.account.write(lambda store: store.groups.put(Group(GROUP, addressing=mode)))
    file = scene.put()
    scene.lose()
    received = message(Image(file), chat=chat, sender=sender, from_me=from_me)
    downloading = asyncio.create_task(scene.media.download_bytes(received, 100_000))
    asked = await scene.link.told()
    rmr = asked.child("rmr")
    assert rmr.jid("jid") == named or rmr.jid("jid").user == named
    assert rmr.get("from_me") == ("true" if from_me else "false")
    assert rmr.get_jid("participant") == participant
    resolve(scene, notification(asked, Node("error", {"code": "2"})))
    with pytest.raises(MediaGone):
        await downloading


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda asked: notification(asked, Node("error", {"code": "2"})), "does not have it"),
        (lambda asked: notification(asked, Node("error", {"code": "3"})), "could not read"),
        (lambda asked: notification(asked, Node("error", {"code": "9"})), "could not upload"),
        (lambda asked: notification(asked, Node("error")), "could not upload"),
        (lambda asked: answer_to(asked, 0), "could not upload"),
        (lambda asked: answer_to(asked, 2), "does not have it"),
        (lambda asked: answer_to(asked, 3), "could not read"),
    ],
)
async def test_a_phone_that_cannot_help_ends_the_download(
    scene: MediaScene, answer: Callable[[Node], Node], words: str
) -> None:
    received = message(Image(scene.put()))
    scene.lose()
    for number in (1, 2):
        downloading = asyncio.create_task(scene.media.download_bytes(received, 100_000))
        asked = await scene.link.told(number)  # each try asks anew
        resolve(scene, answer(asked))
        with pytest.raises(MediaGone, match=words) as gone:
            await downloading
        assert gone.value.status == 404


async def test_a_phone_that_is_switched_off_is_waited_for_so_long(scene: MediaScene) -> None:
    received = message(Image(scene.put()))
    scene.lose()
    downloading = asyncio.create_task(scene.media.download_bytes(received, 100_000))
    await scene.link.told()
    await scene.clock.pass_by(RETRY_S)
    with pytest.raises(MediaGone, match="did not answer within 60 s"):
        await downloading
    assert scene.media.retries._running == {}


async def test_two_downloads_of_one_message_ask_once(scene: MediaScene) -> None:
    received = message(Image(scene.put()))
    (encrypted,) = scene.lose().values()
    first, second = (
        asyncio.create_task(scene.media.download_bytes(received, 100_000)) for _ in range(2)
    )
    asked = await scene.link.told()
    await scene.clock.sleeping(RETRY_S, count=2)
    first.cancel()  # the other one still waits
    with pytest.raises(asyncio.CancelledError):
        await first
    scene.store.files["/v/again"] = encrypted
    resolve(scene, answer_to(asked, SUCCESS, "/v/again"))
    assert await second == FILE
    assert len(scene.link.sent) == 1


async def test_answers_find_their_message_by_its_key_too(scene: MediaScene) -> None:
    """Ids are drawn by the authors: two of them may draw the same one."""
    mine = message(Image(scene.put()))
    other_key = bytes(32)
    encrypted, digest = encrypt_media(b"other", other_key, MediaKind.IMAGE)
    other = message(
        Image(
            MediaFile(
                "image/png",
                direct_path="/v/other",
                media_key=other_key,
                sha256=digest.file_sha256,
                enc_sha256=digest.file_enc_sha256,
                length=5,
            )
        ),
        chat=GROUP,
        sender=PEER_PN,
    )
    (body,) = scene.lose().values()
    downloads = [
        asyncio.create_task(scene.media.download_bytes(received, 100_000))
        for received in (mine, other)
    ]
    asked = await scene.link.told(2)
    await scene.clock.sleeping(RETRY_S, count=2)
    scene.store.files |= {"/v/a": body, "/v/b": encrypted}
    resolve(scene, answer_to(asked, SUCCESS, "/v/b", key=other_key))
    resolve(scene, answer_to(asked, SUCCESS, "/v/a"))
    assert await asyncio.gather(*downloads) == [FILE, b"other"]


@pytest.mark.parametrize(
    "forge",
    [
        lambda asked: answer_to(asked, SUCCESS, "/v/evil", key=bytes(32)),
        lambda asked: answer_to(asked, SUCCESS, "/v/evil", name="other"),
        lambda asked: answer_to(asked, SUCCESS),
        lambda asked: notification(
            asked,
            Node("encrypt", {}, [Node("enc_p", {}, bytes(99)), Node("enc_iv", {}, b"short")]),
        ),
        lambda asked: notification(
            asked,
            Node("encrypt", {}, [Node("enc_p", {}, bytes(1_000_000)), Node("enc_iv", {}, b"x")]),
        ),
        lambda asked: notification(
            Node("receipt", {"id": "unknown"}, [asked.child("rmr")]), Node("error", {"code": "2"})
        ),
    ],
    ids=["key", "message", "no path", "iv", "huge", "unknown"],
)
async def test_a_forged_answer_is_passed_over(
    scene: MediaScene, forge: Callable[[Node], Node]
) -> None:
    received = message(Image(scene.put()))
    (encrypted,) = scene.lose().values()
    downloading = asyncio.create_task(scene.media.download_bytes(received, 100_000))
    asked = await scene.link.told()
    await scene.clock.sleeping(RETRY_S)
    resolve(scene, forge(asked))
    scene.store.files["/v/again"] = encrypted
    resolve(scene, answer_to(asked, SUCCESS, "/v/again"))
    assert await downloading == FILE


@pytest.mark.parametrize("path", ["https://evil.example/x", "//evil.example/x", "/v/x y"])
async def test_a_phones_path_is_checked_like_any_other(scene: MediaScene, path: str) -> None:
    received = message(Image(scene.put()))
    scene.lose()
    downloading = asyncio.create_task(scene.media.download_bytes(received, 100_000))
    asked = await scene.link.told()
    count = len(scene.host.asked)
    resolve(scene, answer_to(asked, SUCCESS, path))
    with pytest.raises(MediaError, match="direct path"):
        await downloading
    assert len(scene.host.asked) == count


async def test_a_new_place_that_is_empty_ends_the_download(scene: MediaScene) -> None:
    received = message(Image(scene.put()))
    scene.lose()
    downloading = asyncio.create_task(scene.media.download_bytes(received, 100_000))
    resolve(scene, answer_to(await scene.link.told(), SUCCESS, "/v/again"))
    with pytest.raises(MediaGone):
        await downloading
    assert len(scene.link.sent) == 1


async def test_a_file_that_was_never_encrypted_is_not_asked_for(scene: MediaScene) -> None:
    file = MediaFile("image/png", direct_path="/v/gone", sha256=bytes(32), length=5)
    with pytest.raises(MediaGone):
        await scene.media.download_bytes(message(Image(file)), 100)
    assert scene.link.sent == []


async def test_without_a_connection_the_phone_cannot_be_asked(scene: MediaScene) -> None:
    received = message(Image(scene.put()))
    scene.lose()
    ask = scene.link.send

    def closing(node: Node) -> None:
        if node.tag != "iq":
            raise ConnectionClosed("closed")
        ask(node)

    scene.link.send = closing  # type: ignore[method-assign]
    with pytest.raises(ConnectionClosed):
        await scene.media.download_bytes(received, 100_000)
    assert scene.media.retries._running == {}


async def test_only_so_many_new_places_are_remembered(
    scene: MediaScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waport.client.media_retries.MAX_PATHS", 2)
    file = scene.put()
    messages = [message(Image(file), message_id=f"3EB0{number}") for number in range(3)]
    for number, received in enumerate(messages, 1):
        asking = asyncio.create_task(scene.media.retries.ask(received, KEY))
        resolve(scene, answer_to(await scene.link.told(number), SUCCESS, f"/v/{number}"))
        assert await asking == f"/v/{number}"
    known = [scene.media.retries.known_path(received.key) for received in messages]
    assert known == [None, "/v/2", "/v/3"]


# --- the notification ----------------------------------------------------------------------------


async def test_an_answer_reaches_whoever_waits_once_it_is_settled(scene: MediaScene) -> None:
    received = message(Image(scene.put()))
    asking = asyncio.create_task(scene.media.retries.ask(received, KEY))
    asked = await scene.link.told()
    node = answer_to(asked, SUCCESS, "/v/again")
    work = await scene.account.handle(
        lambda work, node: handle_media_retry(work, node, scene.media.retries), node
    )
    await scene.clock.sleeping(RETRY_S)
    assert not asking.done()
    (follow_up,) = work.follow_ups
    await follow_up()
    assert await asking == "/v/again"


async def test_an_answer_that_says_nothing_is_refused(scene: MediaScene) -> None:
    with pytest.raises(StanzaError):
        await scene.account.handle(
            lambda work, node: handle_media_retry(work, node, scene.media.retries),
            Node("notification", {"type": "mediaretry", "id": "3EB0AA"}),
        )


async def test_an_answer_that_nobody_waits_for_changes_nothing(scene: MediaScene) -> None:
    scene.media.retries.resolve(
        MediaRetryNotification("3EB0AA", None, SealedRetry(bytes(40), bytes(12)), 0)
    )
    scene.media.retries.resolve(MediaRetryNotification("3EB0AA", None, None, 2))
