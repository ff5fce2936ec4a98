"""What a phone does with files, and what the admin API makes of that."""

from __future__ import annotations

from typing import Any

import pytest

from waport.crypto import aes_gcm_encrypt
from waport.emulator.phone_media import OutgoingFile, retry_key
from waport.errors import InvalidInput, MediaError, NotFound
from waport.media import open_retry_answer, seal_retry_request
from waport.media.retry import SealedRetry
from waport.proto import pb
from waport.wire import Jid, Node

ALICE, BOB = "15550001111", "15550002222"
BOB_JID = Jid(BOB, "s.whatsapp.net")
FILE = b"any bytes" * 100


@pytest.fixture
async def companion(alice: Any, link_companion: Any) -> Any:
    return link_companion(alice)


async def sent_part(server: Any, alice: Any, bob: Any, file: OutgoingFile) -> tuple[str, Any]:
    """Alice sends Bob a file; the message's id, and the message as Bob got it."""
    sent = await alice.send_file(bob.owner.own.pn, file)
    await server.quiet()
    (received,) = bob.messages()
    return sent.id, received.message


@pytest.mark.parametrize(
    ("mimetype", "kind", "field", "media_type"),
    [
        ("image/png", None, "imageMessage", "image"),
        ("image/webp", None, "stickerMessage", "sticker"),
        ("image/webp", "image", "imageMessage", "image"),
        ("video/mp4", None, "videoMessage", "video"),
        ("video/mp4", "gif", "videoMessage", "gif"),
        ("video/mp4", "ptv", "ptvMessage", "ptv"),
        ("audio/mpeg", None, "audioMessage", "audio"),
        ("audio/ogg; codecs=opus", None, "audioMessage", "ptt"),
        ("audio/ogg", None, "audioMessage", "audio"),
        ("text/html", None, "documentMessage", "document"),
        ("image/png", "document", "documentMessage", "document"),
    ],
)
async def test_a_file_arrives_as_what_it_is(
    server: Any,
    alice: Any,
    bob: Any,
    mimetype: str,
    kind: str | None,
    field: str,
    media_type: str,
) -> None:
    file = OutgoingFile(FILE, mimetype, kind=kind)
    name, message = await sent_part(server, alice, bob, file)
    assert message.HasField(field)
    assert len(message.messageContextInfo.messageSecret) == 32
    (stanza,) = server.stanzas("message", alice.owner.own.pn)
    assert stanza.get("type") == "media"
    encs = [entry.child("enc") for entry in stanza.child("participants").children()]
    assert {enc.get("mediatype") for enc in encs} == {media_type}
    for phone in (alice, bob):
        fetched = await phone.fetch_file(name)
        assert (fetched.data, fetched.mimetype) == (FILE, mimetype)


async def test_a_caption_goes_where_there_is_room_for_one(
    server: Any, alice: Any, bob: Any
) -> None:
    document = OutgoingFile(FILE, "text/plain", caption="below", name="paper.txt")
    name, message = await sent_part(server, alice, bob, document)
    inner = message.documentWithCaptionMessage.message.documentMessage
    assert (inner.caption, inner.fileName) == ("below", "paper.txt")
    assert (await bob.fetch_file(name)).data == FILE
    for mimetype in ("audio/mpeg", "image/webp"):
        with pytest.raises(InvalidInput):
            await alice.send_file(BOB_JID, OutgoingFile(FILE, mimetype, caption="below"))


async def test_a_kind_that_there_is_not_is_refused(alice: Any) -> None:
    with pytest.raises(InvalidInput):
        await alice.send_file(BOB_JID, OutgoingFile(FILE, "image/png", kind="hologram"))


@pytest.mark.parametrize("spoil", ["fileSha256", "fileEncSha256", "mediaKey", "fileLength"])
async def test_a_file_that_is_not_what_its_message_says_is_refused(
    server: Any, alice: Any, bob: Any, spoil: str
) -> None:
    name, message = await sent_part(server, alice, bob, OutgoingFile(FILE, "image/png"))
    setattr(message.imageMessage, spoil, 1 if spoil == "fileLength" else bytes(32))
    with pytest.raises(MediaError):
        await bob.fetch_file(name)


async def test_a_message_without_a_file_has_none(server: Any, alice: Any, bob: Any) -> None:
    sent = await alice.send_text(BOB_JID, "text")
    await server.quiet()
    for name in (sent.id, "unknown"):
        with pytest.raises(NotFound):
            await bob.fetch_file(name)
    name, _ = (await alice.send_file(BOB_JID, OutgoingFile(FILE, "image/png"))).id, None
    await server.quiet()
    server.media.files.clear()
    with pytest.raises(NotFound):
        await bob.fetch_file(name)


# --- media retries -------------------------------------------------------------------------------


async def ask(alice: Any, companion: Any, name: str, sealed: SealedRetry | None) -> Node:
    """The phone's answer to a `server-error` receipt."""
    inner = [
        Node("enc_p", {}, sealed.ciphertext if sealed else b""),
        Node("enc_iv", {}, sealed.iv if sealed else b""),
    ]
    subject = Node("rmr", {"jid": BOB_JID, "from_me": "false"})
    attrs = {"id": name, "from": companion.jid, "type": "server-error"}
    await alice.deliver(Node("receipt", dict(attrs), [Node("encrypt", {}, inner), subject]))
    ack, answer = [node for jid, node in companion.server.sent if jid == alice.owner.own.pn][-2:]
    assert (ack.tag, ack.get("class"), answer.tag) == ("ack", "receipt", "notification")
    assert (answer.get("type"), answer.get("id")) == ("mediaretry", name)
    assert answer.jid("to") == companion.jid
    assert answer.child("rmr").attrs == subject.attrs
    return answer


@pytest.fixture
async def picture(server: Any, alice: Any, bob: Any) -> tuple[str, bytes]:
    """A message with a file that Alice got from Bob: its id and its media key."""
    sent = await bob.send_file(alice.owner.own.pn, OutgoingFile(FILE, "image/png"))
    await server.quiet()
    return sent.id, alice.messages()[-1].message.imageMessage.mediaKey


async def test_a_phone_uploads_a_file_again(
    server: Any, alice: Any, companion: Any, picture: tuple[str, bytes]
) -> None:
    name, key = picture
    answer = await ask(alice, companion, name, seal_retry_request(key, name))
    inner = answer.child("encrypt")
    sealed = SealedRetry(inner.child("enc_p").data, inner.child("enc_iv").data)
    assert open_retry_answer(key, name, sealed).direct_path == "/v/image/again?ccb=1"


async def test_a_phone_without_the_file_or_the_message_says_so(
    server: Any, alice: Any, bob: Any, companion: Any, picture: tuple[str, bytes]
) -> None:
    name, key = picture
    server.media.again = False
    text = await bob.send_text(alice.owner.own.pn, "no file")
    await server.quiet()
    for asked in (name, text.id, "unknown"):
        answer = await ask(alice, companion, asked, seal_retry_request(key, asked))
        assert answer.child("error").get("code") == "2"


async def test_a_request_that_cannot_be_read_is_answered_by_an_error(
    alice: Any, companion: Any, picture: tuple[str, bytes]
) -> None:
    name, key = picture
    other = aes_gcm_encrypt(
        retry_key(key),
        bytes(12),
        pb.ServerErrorReceipt(stanzaId="other").SerializeToString(),
        name.encode(),
    )
    garbage = aes_gcm_encrypt(retry_key(key), bytes(12), b"\xff", name.encode())
    for sealed in (
        None,
        seal_retry_request(bytes(32), name),
        seal_retry_request(key, "other"),
        SealedRetry(other, bytes(12)),
        SealedRetry(garbage, bytes(12)),
        SealedRetry(other, bytes(5)),
    ):
        answer = await ask(alice, companion, name, sealed)
        assert answer.child("error").get("code") == "3"
