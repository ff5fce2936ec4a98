"""Files through the emulator's media host: its phones check them with code of their own."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.account import SESSION, RecordingSink
from support.client import Versions
from support.files import film, moving, picture, sound
from waport.client import Client, ClientConfig
from waport.client.config import MediaConfig
from waport.client.media_contents import MediaOptions
from waport.client.media_hosts import MediaGone
from waport.emulator import Emulator, EmulatorOptions
from waport.emulator.accounts import Account
from waport.emulator.phone import Phone
from waport.emulator.phone_media import OutgoingFile
from waport.emulator.policy import MediaFault
from waport.errors import MediaError
from waport.model import Ack, AckChanged, Message, MessageAdded, QrReady, Ready
from waport.store import Database

FILE = bytes(range(256)) * 2000


@dataclass
class World:
    """A linked client, its own phone, and a friend's."""

    emulator: Emulator
    client: Client
    sink: RecordingSink
    own: Account
    own_phone: Phone
    friend: Account
    phone: Phone
    folder: Path

    async def received(self, file: OutgoingFile) -> Message:
        """A file of the friend, as the client has stored its message."""
        count = len(self.sink.of(MessageAdded))
        await self.phone.send_file(self.own.jid, file)
        return (await self.sink.until(MessageAdded, count + 1)).message

    async def sent(self, source: bytes | Path, **options: Any) -> Message:
        """A file of ours, once the friend's phone has its message."""
        made = await self.client.media.content(source, MediaOptions(**options))
        return await self.client.messages.send(self.friend.jid, made.content)

    async def shown(self, message: Message) -> bytes:
        """What the friend's phone makes of a file, with all its checks passed."""
        count = 0
        while True:
            count += 1
            change = await self.sink.until(AckChanged, count)
            if change.message.key == message.key and change.ack is Ack.DELIVERED:
                return (await self.phone.fetch_file(message.key.id)).data


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with Emulator(EmulatorOptions()) as emulator:
        database = await Database.open(f"sqlite:///{tmp_path}/waport.db")
        own = await emulator.create_account(None, "Own")
        friend = await emulator.create_account(None, "Friend")
        sink = RecordingSink()
        config = ClientConfig(
            websocket_url=emulator.ws_url,
            noise_root_key=emulator.root_key,
            tls=ssl.create_default_context(cafile=emulator.ca_file),
            media=MediaConfig(folder=tmp_path / "temporary"),
        )
        client = Client(database, SESSION, config, sink, Versions())  # type: ignore[arg-type]
        running = asyncio.create_task(client.run())
        qr = await sink.until(QrReady)
        await emulator.phone_of(own).pair_by_qr(qr.text)
        await sink.until(Ready)
        yield World(
            emulator,
            client,
            sink,
            own,
            emulator.phone_of(own),
            friend,
            emulator.phone_of(friend),
            tmp_path,
        )
        client.stop()
        await running
        await database.close()
        assert list((tmp_path / "temporary").glob("*")) == []


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (picture("PNG"), {"caption": "look"}),
        (picture("JPEG"), {"view_once": True}),
        (film(), {"mimetype": "video/mp4"}),
        (film(), {"as_gif": True}),
        (film(), {"as_video_note": True}),
        (sound("mp3", "libmp3lame"), {"mimetype": "audio/mpeg"}),
        (sound("ogg", "libopus"), {"as_voice": True}),
        (FILE, {"file_name": "paper.bin", "caption": "read"}),
        (picture("WEBP"), {"as_sticker": True}),
    ],
    ids=["picture", "once", "film", "gif", "note", "sound", "voice", "document", "sticker"],
)
async def test_a_file_that_we_send_is_shown_by_another_phone(
    world: World, data: bytes, options: dict[str, Any]
) -> None:
    message = await world.sent(data, **options)
    assert await world.shown(message) == data
    # Our own message brings it back, too.
    assert await world.client.media.download_bytes(message, 10_000_000) == data


async def test_a_large_file_goes_both_ways_by_its_hash(world: World) -> None:
    source, target = world.folder / "source", world.folder / "target"
    source.write_bytes(bytes(6 * 1024 * 1024) + FILE)
    message = await world.sent(source, file_name="large.bin")
    digest = await world.client.media.download(message, target)
    assert digest.file_sha256 == hashlib.sha256(source.read_bytes()).digest()
    assert target.read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    "file",
    [
        OutgoingFile(picture("PNG"), "image/png", caption="look"),
        OutgoingFile(FILE, "video/mp4"),
        OutgoingFile(FILE, "video/mp4", kind="ptv"),
        OutgoingFile(FILE, "audio/ogg; codecs=opus"),
        OutgoingFile(FILE, "application/pdf", caption="read", name="paper.pdf"),
        OutgoingFile(moving("WEBP"), "image/webp"),
    ],
    ids=["picture", "film", "note", "voice", "document", "sticker"],
)
async def test_a_file_that_a_phone_sends_can_be_had(world: World, file: OutgoingFile) -> None:
    message = await world.received(file)
    async with world.client.media.open_download(message) as opened:
        assert opened.path.read_bytes() == file.data
        assert opened.mimetype == file.mimetype
        assert opened.file_name == (file.name or "")


async def test_a_file_that_has_expired_is_uploaded_again_by_our_phone(world: World) -> None:
    message = await world.received(OutgoingFile(FILE, "image/png"))
    assert world.emulator.faults.expire_media() == 1
    assert await world.client.media.download_bytes(message, 1_000_000) == FILE
    # The place is remembered, and when that one has expired the phone is asked again.
    asked = len(world.emulator.media_files())
    assert await world.client.media.download_bytes(message, 1_000_000) == FILE
    assert len(world.emulator.media_files()) == asked
    world.emulator.faults.expire_media()
    assert await world.client.media.download_bytes(message, 1_000_000) == FILE


async def test_a_file_that_the_phone_has_no_more_is_gone(world: World) -> None:
    message = await world.received(OutgoingFile(FILE, "image/png"))
    world.emulator.faults.expire_media(forget=True)
    with pytest.raises(MediaGone, match="the phone does not have it any more"):
        await world.client.media.download_bytes(message, 1_000_000)


async def test_an_upload_token_that_was_revoked_is_renewed(world: World) -> None:
    await world.sent(FILE)
    world.emulator.faults.revoke_media_tokens()
    message = await world.sent(FILE + b"2")
    assert await world.shown(message) == FILE + b"2"


@pytest.mark.parametrize("on", ["upload", "download"])
async def test_a_file_that_the_media_host_damages_is_refused(world: World, on: Any) -> None:
    fault = MediaFault(on, corrupt=True)
    target = world.folder / "target"
    if on == "upload":
        world.emulator.faults.disturb_media(fault)
    message = await world.sent(FILE)
    if on == "download":
        world.emulator.faults.disturb_media(fault)
    with pytest.raises(MediaError, match="fileEncSha256"):
        await world.client.media.download(message, target)
    assert not target.exists()
    if on == "download":  # once was an accident
        await world.client.media.download(message, target)
        assert target.read_bytes() == FILE
