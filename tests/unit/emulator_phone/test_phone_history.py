"""The old chats of a phone: made up, sent in pieces, asked for."""

from __future__ import annotations

import hashlib
import os
import zlib
from typing import Any

import httpx
import pytest

from waport.crypto import aes_cbc_decrypt, hkdf, hmac_sha256
from waport.emulator.history_data import Person, make_history
from waport.emulator.link import MediaPlace
from waport.emulator.phone_devices import OwnAddress
from waport.emulator.phone_habits import Habits
from waport.emulator.phone_history import HistoryPlan, PhoneHistory
from waport.proto import pb
from waport.wire import Jid

NOW = 1_700_000_000
OWN = OwnAddress(Jid("15550001111", "s.whatsapp.net"), Jid("100000000000001", "lid"))
COMPANION = OWN.pn.with_device(1)


class Media:
    """A media host that keeps what it is given."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    async def upload(self, kind: str, body: bytes) -> MediaPlace:
        assert kind == "md-msg-hist"
        path = f"/file/{len(self.files)}"
        self.files[path] = body
        return MediaPlace(f"https://host{path}", path)

    def upload_again(self, kind: str, sha256: bytes) -> MediaPlace | None:
        raise AssertionError("nothing is uploaded again")

    async def download(self, direct_path: str) -> bytes:
        return self.files[direct_path]


class Scene:
    def __init__(self) -> None:
        self.media, self.habits = Media(), Habits()
        self.sent: list[pb.ProtocolMessage] = []
        self.history = PhoneHistory(
            self.media, OWN, self._send, self.habits, lambda: float(NOW), os.urandom
        )

    async def _send(self, companion: Jid, message: pb.ProtocolMessage) -> str:
        assert companion == COMPANION
        self.sent.append(message)
        return f"ID{len(self.sent)}"

    def pieces(self) -> list[pb.HistorySync]:
        """What was sent, opened as a companion opens it."""
        return [self.open(message.historySyncNotification) for message in self.sent]

    def open(self, notice: pb.HistorySyncNotification) -> pb.HistorySync:
        data = notice.initialHistBootstrapInlinePayload
        if not data:
            sealed = self.media.files[notice.directPath]
            assert hashlib.sha256(sealed).digest() == notice.fileEncSha256
            keys = hkdf(notice.mediaKey, b"", b"WhatsApp History Keys", 112)
            body, mac = sealed[:-10], sealed[-10:]
            assert hmac_sha256(keys[48:80], keys[:16] + body)[:10] == mac
            data = aes_cbc_decrypt(keys[16:48], keys[:16], body)
        assert hashlib.sha256(data).digest() == notice.fileSha256
        assert len(data) == notice.fileLength
        return pb.HistorySync.FromString(zlib.decompress(data))

    async def ask(self, **request: Any) -> list[pb.ProtocolMessage]:
        """What the phone sends for a request."""
        before = len(self.sent)
        asked = pb.PeerDataOperationRequestMessage(**request)
        assert await self.history.answer(COMPANION, "REQ", asked)
        return self.sent[before:]


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    await scene.history.send_all([COMPANION], HistoryPlan(20, 600, chunk=200, older=5))
    return scene


def test_a_seed_gives_the_same_history_again() -> None:
    owner = Person(OWN.pn, OWN.lid, "")
    first, again, other = (make_history(owner, 12, 100, seed, NOW) for seed in (3, 3, 4))
    assert [chat.part(0, 99) for chat in first.chats] == [chat.part(0, 99) for chat in again.chats]
    assert first.chats[0].messages[0].key.id != other.chats[0].messages[0].key.id
    assert sum(len(chat.messages) for chat in first.chats) == 100


async def test_pieces_come_in_the_order_of_a_phone(scene: Scene) -> None:
    kinds = [message.historySyncNotification.syncType for message in scene.sent]
    assert kinds[:4] == [pb.INITIAL_BOOTSTRAP, pb.PUSH_NAME, pb.INITIAL_STATUS_V3, 5]
    assert set(kinds[4:]) == {pb.RECENT}
    recent = [piece for piece in scene.pieces() if piece.syncType == pb.HistorySync.RECENT]
    assert [piece.chunkOrder for piece in recent] == list(range(1, len(recent) + 1))
    assert recent[-1].progress == 100
    sent = [
        message.message.key.id
        for piece in recent
        for chat in piece.conversations
        for message in chat.messages
    ]
    assert sent == [
        message.key.id for chat in scene.history.chats for message in chat.messages[:-5]
    ]


async def test_older_messages_come_on_demand_until_there_are_none(scene: Scene) -> None:
    chat = scene.history.chats[0]
    ids = [message.key.id for message in chat.messages]
    for oldest, count, end in ((-6, 3, 2), (-3, 3, 1), (-1, 3, 1)):
        wanted = {"chatJid": chat.jid, "oldestMsgId": ids[oldest], "onDemandMsgCount": count}
        (answer,) = await scene.ask(
            peerDataOperationRequestType="HISTORY_SYNC_ON_DEMAND",
            historySyncOnDemandRequest=wanted,
        )
        notice = answer.historySyncNotification
        assert notice.peerDataRequestSessionId == "REQ"
        (part,) = scene.open(notice).conversations
        start = len(ids) + oldest + 1
        assert [each.message.key.id for each in part.messages] == ids[start : start + count]
        assert part.endOfHistoryTransferType == end


async def test_a_piece_is_sent_once_more(scene: Scene) -> None:
    retry = {"syncType": "RECENT", "chunkOrder": 2, "chunkNotificationId": "OLD"}
    (again,) = await scene.ask(
        peerDataOperationRequestType="HISTORY_SYNC_CHUNK_RETRY", historySyncChunkRetryRequest=retry
    )
    assert again.historySyncNotification.originalMessageId == "OLD"
    recent = [piece for piece in scene.pieces() if piece.syncType == pb.HistorySync.RECENT]
    assert scene.open(again.historySyncNotification) == recent[1]


@pytest.mark.parametrize(
    ("kind", "code"), [("HISTORY_SYNC_CHUNK_RETRY", 2), ("FULL_HISTORY_SYNC_ON_DEMAND", 2)]
)
async def test_a_phone_that_refuses_says_so_by_a_code(scene: Scene, kind: str, code: int) -> None:
    scene.habits.change({"history": "refuse"})
    (answer,) = await scene.ask(peerDataOperationRequestType=kind)
    response = answer.peerDataOperationRequestResponseMessage
    assert response.stanzaId == "REQ"
    (result,) = response.peerDataOperationResult
    codes = (
        result.historySyncChunkRetryResponse.responseCode,
        result.fullHistorySyncOnDemandRequestResponse.responseCode,
    )
    assert code in codes
    scene.habits.change({"history": "ignore"})
    assert await scene.ask(peerDataOperationRequestType=kind) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"fault": "flood"}, 400),
        ({"chats": -1}, 400),
        ({"messages": 10**9}, 400),
        ({"device": 7}, 404),
    ],
)
async def test_the_admin_api_refuses_what_makes_no_sense(
    http: httpx.AsyncClient, people: list[dict[str, str]], body: dict[str, object], status: int
) -> None:
    answer = await http.post(f"/accounts/{people[0]['phone']}/history", json=body)
    assert (answer.status_code, "error" in answer.json()) == (status, True)


async def test_the_admin_api_shows_what_the_phone_has(
    http: httpx.AsyncClient, people: list[dict[str, str]]
) -> None:
    path = f"/accounts/{people[0]['phone']}/history"
    assert (await http.get(path)).json() == {"chats": [], "people": []}
    assert (await http.post(path, json={"chats": 3, "messages": 30})).status_code == 200
    shown = (await http.get(path)).json()
    assert [len(chat["ids"]) for chat in shown["chats"]] == [10, 10, 10]
    assert {"jid", "lid", "name"} == set(shown["people"][0])
