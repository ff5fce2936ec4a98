"""Damaged pieces of history and files of messages: compressed, encrypted and hashed anew."""

from __future__ import annotations

import contextlib
import json
import random
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from fuzz.mutate import mutate
from support.account import NOW, PEER_PN
from support.contents import SAMPLES
from support.files import picture
from support.history import BOB, CAROL, GROUP, HistoryScene, chat, inline, noted, piece, said
from support.media_account import MediaScene
from support.web_host import WebHost, web_host
from waport.errors import WhatsAppError
from waport.media import MediaKind
from waport.model import Message, MessageKey, MessageKind
from waport.model.contents import Audio, Content, Document, Image, MediaFile, Sticker, Video
from waport.proto import pb
from waport.stanza.contents import encode

from .damage import damage_message
from .owner import owner, pass_time
from .watch import Growth

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAX_GROWTH = 20_000
PIECES = 60
FILES = 100


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WebHost]:
    async with web_host(tmp_path_factory.mktemp("tls")) as host:
        yield host


def histories() -> list[pb.HistorySync]:
    """Pieces of every kind, with messages of every kind."""
    text = (Path(__file__).parents[1] / "vectors" / "proto.json").read_text(encoding="utf-8")
    captured = [
        pb.HistorySync.FromString(bytes.fromhex(case["bytes"]))
        for case in json.loads(text)["messages"]
        if case["type"] == "HistorySync"
    ]
    contents = [
        said(f"S{number}", message=encode(content))
        for number, content in enumerate(SAMPLES.values())
    ]
    notes = [
        noted(f"N{number}", kind, "x")
        for number, kind in enumerate(("GROUP_CREATE", "E2E_ENCRYPTED"))
    ]
    made = [
        piece("RECENT", conversations=[chat(BOB, contents[at : at + 5])], progress=50)
        for at in range(0, len(contents), 5)
    ]
    made.append(piece("FULL", conversations=[chat(GROUP, [*notes, *contents[:3]], name="Team")]))
    names = [pb.Pushname(id=str(BOB), pushname="Bob")]
    made.append(piece("PUSH_NAME", pushnames=names))
    made.append(piece("INITIAL_STATUS_V3", statusV3Messages=contents[:2]))
    return captured + [pb.HistorySync.FromString(zlib.decompress(each)) for each in made]


async def test_pieces_of_history_that_make_no_sense_hold_up_nothing(
    host: WebHost, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    growth, samples = Growth(), histories()
    for number in range(3):
        chosen = random.Random(41)
        async with owner(tmp_path / str(number)) as account:
            host.reset()
            media = MediaScene(account, host, tmp_path / str(number))
            scene = HistoryScene(account, tmp_path / str(number))
            scene._open = media.media.open_history  # type: ignore[method-assign, assignment]
            scene.new_sync()
            for _ in range(PIECES):
                deflated = zlib.compress(damage_message(chosen.choice(samples), chosen))
                if chosen.random() < 0.1:
                    deflated = mutate(deflated, chosen)
                put = media.put(deflated, MediaKind.HISTORY)
                await scene.announce(
                    pb.HistorySyncNotification(
                        syncType="RECENT",
                        directPath=put.direct_path,
                        mediaKey=put.media_key,
                        fileSha256=put.sha256,
                        fileEncSha256=put.enc_sha256,
                        fileLength=put.length,
                    )
                )
            await pass_time(scene.clock, scene.sync.resume())
            good = piece("RECENT", conversations=[chat(CAROL, [said("G1", "still here")])])
            await scene.announce(inline(good))
            await pass_time(scene.clock, scene.sync.resume())
            assert await scene.texts(CAROL) == ["still here"]
            await scene.end()
            await media.media.close()
            assert media.left() == []
        growth.mark()
    assert growth.last < MAX_GROWTH, growth.marks
    record_property("hostile", ("sealed pieces of history", 3 * PIECES))


async def fetch(scene: MediaScene, told: Message, data: bytes, opened: list[bool]) -> None:
    """Fetch a message's file, and note whether it is the right one."""
    with contextlib.suppress(WhatsAppError):
        opened.append(await scene.media.download_bytes(told, 10_000_000) == data)


async def test_files_that_make_no_sense_are_errors_of_their_own(
    host: WebHost, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    growth, tried = Growth(), 0
    opened: list[bool] = []
    for number in range(3):
        chosen = random.Random(42)
        async with owner(tmp_path / str(number)) as account:
            host.reset()
            scene = MediaScene(account, host, tmp_path / str(number))
            for _ in range(FILES):
                kind, content = chosen.choice(tuple(KINDS.items()))
                data = mutate(picture("PNG"), chosen)
                file = scene.put(data, kind)
                made = damage_message(encode(content(file)), chosen)
                if chosen.random() < 0.2:
                    path = file.direct_path
                    scene.store.files[path] = mutate(scene.store.files[path], chosen)
                tried += 1
                key = MessageKey(PEER_PN, f"F{tried}", False, PEER_PN)
                # Of a file that is gone the phone is asked, which says nothing.
                await pass_time(
                    scene.clock,
                    fetch(scene, Message(key, NOW, made, MessageKind.OTHER), data, opened),
                )
            await scene.media.close()
            assert scene.left() == []
        growth.mark()
    assert growth.last < MAX_GROWTH, growth.marks
    assert 0 < sum(opened) < tried
    record_property("hostile", ("files and their references", tried))


KINDS: Mapping[MediaKind, Callable[[MediaFile], Content]] = {
    MediaKind.IMAGE: lambda file: Image(file, "look"),
    MediaKind.VIDEO: lambda file: Video(file, seconds=3),
    MediaKind.AUDIO: lambda file: Audio(file),
    MediaKind.DOCUMENT: lambda file: Document(file, "a.pdf"),
    MediaKind.STICKER: lambda file: Sticker(replace(file, mimetype="image/webp")),
}
