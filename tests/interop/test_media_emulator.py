"""Real Baileys clients, and phones, exchange files through the emulator's media host."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .conftest import Admin, Launch

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("media")]

# Baileys makes neither thumbnails nor durations in this environment; it is given both. The
# thumbnail is no picture: nobody looks at it.
THUMBNAIL = base64.b64encode(b"\xff\xd8\xff thumbnail").decode()

CONTENTS: Mapping[str, Mapping[str, Any]] = {
    "image": {"jpegThumbnail": THUMBNAIL, "caption": "a picture"},
    "video": {"jpegThumbnail": THUMBNAIL, "seconds": 3, "caption": "a film"},
    "audio": {"seconds": 2, "mimetype": "audio/mp4"},
    "document": {"mimetype": "application/pdf", "fileName": "a paper.pdf"},
    "sticker": {"mimetype": "image/webp"},
}
EXTRAS: Mapping[str, Mapping[str, Any]] = {
    "gif": {"field": "video", "jpegThumbnail": THUMBNAIL, "seconds": 1, "gifPlayback": True},
    "ptv": {"field": "video", "jpegThumbnail": THUMBNAIL, "seconds": 1, "ptv": True},
    "ptt": {"field": "audio", "seconds": 1, "ptt": True, "waveform": ""},
}


def content(kind: str, path: Path) -> dict[str, Any]:
    """What Baileys is told to send."""
    told = {"field": kind, **(CONTENTS.get(kind) or EXTRAS[kind])}
    return {told.pop("field"): {"url": str(path)}, **told}


def make_file(folder: Path, kind: str, size: int = 100_000) -> tuple[Path, str, bytes]:
    """A file of any bytes: its path, its SHA-256, and what is in it."""
    data = (hashlib.sha256(kind.encode()).digest() * (size // 32 + 1))[:size]
    path = folder / f"{kind}.bin"
    path.write_bytes(data)
    return path, hashlib.sha256(data).hexdigest(), data


@pytest.mark.parametrize("kind", [*CONTENTS, *EXTRAS])
async def test_a_file_goes_from_baileys_to_baileys_and_to_both_phones(
    admin: Admin, baileys: Launch, unique_name: str, tmp_path: Path, kind: str
) -> None:
    a, b = await baileys(f"{unique_name} a"), await baileys(f"{unique_name} b")
    ours, theirs = [await admin.account_of((await x.me())["id"]) for x in (a, b)]
    path, sha256, data = make_file(tmp_path, kind)

    name = await a.send(theirs["lid"], content(kind, path))
    received = await b.wait_message(name)
    assert await b.download(received) == (sha256, len(data))
    for account in (ours, theirs):  # the sender's phone has a copy, the receiver's the message
        file = await phone_file(admin, account, name)
        assert file == data
    (shown,) = (await admin.get(f"/accounts/{theirs['jid']}/messages"))["messages"]
    (field,) = [name for name in shown["message"] if name.endswith("Message")]
    assert shown["message"][field]["fileSha256"] == base64.b64encode(bytes.fromhex(sha256)).decode()


async def phone_file(admin: Admin, account: Mapping[str, Any], name: str) -> bytes:
    """The file of a message as the account's phone shows it, with all checks passed."""
    response = await admin.http.get(f"/accounts/{account['jid']}/messages/{name}/file")
    assert response.is_success, response.text
    return response.content


@pytest.mark.parametrize(
    ("mimetype", "more", "field"),
    [
        ("image/jpeg", {"caption": "from the phone"}, "imageMessage"),
        ("video/mp4", {}, "videoMessage"),
        ("video/mp4", {"kind": "gif"}, "videoMessage"),
        ("video/mp4", {"kind": "ptv"}, "ptvMessage"),
        ("audio/mpeg", {}, "audioMessage"),
        ("audio/ogg; codecs=opus", {}, "audioMessage"),
        ("application/pdf", {"filename": "paper.pdf"}, "documentMessage"),
        ("text/plain", {"caption": "below a paper"}, "documentWithCaptionMessage"),
        ("image/webp", {}, "stickerMessage"),
    ],
)
async def test_a_file_goes_from_a_phone_to_baileys_and_to_the_phones_own_companion(
    admin: Admin,
    baileys: Launch,
    unique_name: str,
    mimetype: str,
    more: Mapping[str, str],
    field: str,
) -> None:
    client = await baileys(f"{unique_name} client")
    own = await baileys(f"{unique_name} sender")
    theirs, sender = [await admin.account_of((await x.me())["id"]) for x in (client, own)]
    data = mimetype.encode() * 5000

    body = {"to": theirs["jid"], "mimetype": mimetype, **more}
    body["file"] = base64.b64encode(data).decode()
    sent = await admin.post(f"/accounts/{sender['jid']}/send", body)
    for companion in (client, own):
        received = await companion.wait_message(sent["id"])
        assert field in received.raw["message"]
        expected = (hashlib.sha256(data).hexdigest(), len(data))
        assert await companion.download(received) == expected
    assert received.from_me


async def test_a_phone_sends_any_message_as_protobuf_json(
    admin: Admin, baileys: Launch, unique_name: str
) -> None:
    client = await baileys(f"{unique_name} client")
    theirs = await admin.account_of((await client.me())["id"])
    sender = await admin.create_account(f"{unique_name} sender")
    place = {"degreesLatitude": 52.5, "degreesLongitude": 13.25, "name": "here"}
    sent = await admin.post(
        f"/accounts/{sender['jid']}/send",
        {"to": theirs["jid"], "message": {"locationMessage": place}},
    )
    received = await client.wait_message(sent["id"])
    assert received.raw["message"]["locationMessage"] == place


async def test_a_damaged_file_has_another_hash(
    admin: Admin, baileys: Launch, unique_name: str, tmp_path: Path
) -> None:
    a, b = await baileys(f"{unique_name} a"), await baileys(f"{unique_name} b")
    theirs = await admin.account_of((await b.me())["id"])
    path, sha256, data = make_file(tmp_path, "document")
    name = await a.send(theirs["lid"], content("document", path))
    received = await b.wait_message(name)
    await admin.post(
        "/media/faults", {"on": "download", "kind": "document", "corrupt": True, "count": 1}
    )
    assert (await b.download(received))[0] != sha256
    assert await b.download(received) == (sha256, len(data))


async def test_an_upload_succeeds_after_refusals(
    admin: Admin, baileys: Launch, unique_name: str, tmp_path: Path, driver: Any
) -> None:
    a, b = await baileys(f"{unique_name} a"), await baileys(f"{unique_name} b")
    theirs = await admin.account_of((await b.me())["id"])
    path, sha256, data = make_file(tmp_path, "image")
    # Stock Baileys tries each host once, and there is one.
    await admin.post("/media/faults", {"on": "upload", "kind": "image", "status": 503})
    with pytest.raises(driver.DriverError, match="upload failed"):
        await a.send(theirs["lid"], content("image", path))
    await admin.post("/media/revoke-tokens")
    with pytest.raises(driver.DriverError, match="upload failed"):
        await a.send(theirs["lid"], content("image", path))
    name = await a.send(theirs["lid"], content("image", path))
    assert await b.download(await b.wait_message(name)) == (sha256, len(data))


async def test_an_expired_file_comes_back_when_the_phone_is_asked(
    admin: Admin, baileys: Launch, unique_name: str, tmp_path: Path, driver: Any
) -> None:
    a, b = await baileys(f"{unique_name} a"), await baileys(f"{unique_name} b")
    theirs = await admin.account_of((await b.me())["id"])
    path, sha256, data = make_file(tmp_path, "image")
    name = await a.send(theirs["lid"], content("image", path))
    received = await b.wait_message(name)
    sent = await a.wait_message(name)
    expire = {"direct_path": received.raw["message"]["imageMessage"]["directPath"]}
    assert await admin.post("/media/expire", expire) == {"expired": 1}
    for client, message in ((b, received), (a, sent)):
        with pytest.raises(driver.DriverError) as caught:
            await client.download(message)
        assert caught.value.status_code == 410
        # The receiver's phone has the file, and so has the sender's.
        assert await client.download(message, reupload=True) == (sha256, len(data))

    await admin.post("/media/expire", {**expire, "forget": True})
    with pytest.raises(driver.DriverError) as caught:
        await b.download(received, reupload=True)
    assert caught.value.status_code == 404


async def test_a_large_file_is_streamed_through(
    admin: Admin, baileys: Launch, unique_name: str, tmp_path: Path
) -> None:
    a, b = await baileys(f"{unique_name} a"), await baileys(f"{unique_name} b")
    theirs = await admin.account_of((await b.me())["id"])
    path, sha256, data = make_file(tmp_path, "document", 24 * 2**20)
    name = await a.send(theirs["lid"], content("document", path))
    assert await b.download(await b.wait_message(name)) == (sha256, len(data))
