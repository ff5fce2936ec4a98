"""What the phone sends of its old chats, and what it answers when more of them is asked for.

The emulator's own code, on purpose: if it shared the client's, a mistake in one would be hidden by
the same mistake in the other.

Source: docs/protocol/app-state.md, "History sync".
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from ..crypto import RandomBytes, sha256
from ..errors import InvalidInput
from ..proto import pb
from ..wire import Jid
from .history_data import MadeHistory, OldChat, Person, make_history
from .link import MediaLink
from .phone_devices import OwnAddress
from .phone_habits import Habits
from .phone_media import FileKind, seal_file

FaultKind = Literal["truncate", "bomb", "hash", "gone", "twice", "bad_message", "unknown_type"]

FAULTS: Sequence[FaultKind] = get_args(FaultKind)

_FILES = FileKind("", "WhatsApp History Keys", "md-msg-hist")
_FIRST_CHATS, _FIRST_MESSAGES = 50, 5
_INLINE = 24_000  # bytes of a deflated piece that travels inside its notice
_UNKNOWN_TYPE = 99
_BOMB = 80 << 20
_ALL_SENT, _MORE, _ALL_ON_DEMAND, _MORE_ON_DEMAND = 1, 0, 1, 2

SendPeer = Callable[[Jid, pb.ProtocolMessage], Awaitable[str]]
"""Sends a companion something for its machinery; the message's id."""


@dataclass(frozen=True, slots=True)
class HistoryPlan:
    """What history a phone makes up and sends.

    Attributes:
        chats, messages: how many in all.
        seed: the same one gives the same history.
        chunk: messages in one piece, about.
        older: the oldest messages of each chat that are only sent on demand.
        fault: what goes wrong with a piece of the recent history.
        fault_chunk: with which of them, counted from 1.
        now: Unix seconds, everything is older; None for the time of sending.
    """

    chats: int
    messages: int
    seed: int = 1
    chunk: int = 5_000
    older: int = 0
    fault: FaultKind | None = None
    fault_chunk: int = 1
    now: int | None = None


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of history, before it is sent.

    Attributes:
        history: all of it.
        fault: what goes wrong with it.
    """

    history: pb.HistorySync
    fault: FaultKind | None = None


class PhoneHistory:
    """The old chats of one phone. They are not kept in the emulator's state folder.

    Args:
        media: the way to the media host.
        own: whose phone it is.
        send: sends companions what they are told.
        habits: how it treats requests.
        clock: unix seconds.
        random_bytes: for keys.
    """

    def __init__(
        self,
        media: MediaLink,
        own: OwnAddress,
        send: SendPeer,
        habits: Habits,
        clock: Callable[[], float],
        random_bytes: RandomBytes,
    ) -> None:
        self._media = media
        self._own = own
        self._send = send
        self._habits = habits
        self._clock = clock
        self._random_bytes = random_bytes
        self._made = MadeHistory()
        self._sent: dict[tuple[int, int], pb.HistorySync] = {}

    @property
    def chats(self) -> Sequence[OldChat]:
        """The old chats."""
        return self._made.chats

    @property
    def people(self) -> Sequence[Person]:
        """Whoever is named in them."""
        return self._made.people

    async def send_all(self, companions: Iterable[Jid], plan: HistoryPlan) -> int:
        """Make a history up, and send it as a phone does after linking; how many pieces.

        Raises:
            MediaError: the media host has no room.
            QueryError, CryptoError: a companion has no usable bundle.
        """
        owner = Person(self._own.pn, self._own.lid, "")
        now = int(self._clock()) if plan.now is None else plan.now
        self._made = await asyncio.to_thread(
            make_history, owner, plan.chats, plan.messages, plan.seed, now
        )
        pieces = await asyncio.to_thread(self._pieces, plan)
        told = list(companions)
        for piece in pieces:
            self._sent[piece.history.syncType, piece.history.chunkOrder] = piece.history
            # One file for all companions, as a phone would not; each gets a notice of its own.
            notice = await self._notice(piece)
            for companion in told:
                for _ in range(2 if piece.fault == "twice" else 1):
                    await self._send(companion, notice)
                if piece.fault == "unknown_type":
                    await self._send(companion, _unknown())
        return len(pieces)

    # --- pieces ----------------------------------------------------------------------------------

    def _pieces(self, plan: HistoryPlan) -> list[_Piece]:
        made = self._made
        first = pb.HistorySync(syncType=pb.HistorySync.INITIAL_BOOTSTRAP, chunkOrder=1, progress=5)
        for chat in made.chats:
            held = plan.older < len(chat.messages)
            chat.about.endOfHistoryTransferType = _MORE if plan.older and held else _ALL_SENT  # type: ignore[assignment]
        first.conversations.extend(
            chat.part(0, min(_FIRST_MESSAGES, self._sent_of(chat, plan)))
            for chat in made.chats[:_FIRST_CHATS]
        )
        for person in made.people:
            first.phoneNumberToLidMappings.add(pnJid=str(person.pn), lidJid=str(person.lid))
        first.globalSettings.disappearingModeDuration = 0
        names = pb.HistorySync(syncType=pb.HistorySync.PUSH_NAME, chunkOrder=1)
        for person in made.people:
            names.pushnames.add(id=str(person.pn), pushname=person.name)
        statuses = pb.HistorySync(syncType=pb.HistorySync.INITIAL_STATUS_V3, chunkOrder=1)
        statuses.statusV3Messages.extend(made.statuses)
        rest = pb.HistorySync(syncType=pb.HistorySync.NON_BLOCKING_DATA, chunkOrder=1)
        rest.pastParticipants.extend(made.past)
        recent = self._chunks(pb.HistorySync.RECENT, plan)
        return [
            *(_Piece(history) for history in (first, names, statuses, rest)),
            *(
                _Piece(history, plan.fault if number == plan.fault_chunk else None)
                for number, history in enumerate(recent, 1)
            ),
        ]

    @staticmethod
    def _sent_of(chat: OldChat, plan: HistoryPlan) -> int:
        """How many messages of a chat are sent unasked."""
        return max(len(chat.messages) - plan.older, 0) or len(chat.messages)

    def _chunks(
        self, kind: pb.HistorySync.HistorySyncType, plan: HistoryPlan
    ) -> list[pb.HistorySync]:
        """The chats in pieces of about the same size, each in one of them."""
        chunks = [pb.HistorySync(syncType=kind)]
        count = 0
        for chat in self._made.chats:
            sent = self._sent_of(chat, plan)
            if count and count + sent > plan.chunk:
                chunks.append(pb.HistorySync(syncType=kind))
                count = 0
            count += sent
            chunks[-1].conversations.append(chat.part(0, sent))
        for number, chunk in enumerate(chunks, 1):
            chunk.chunkOrder, chunk.progress = number, number * 100 // len(chunks)
        return chunks

    async def _notice(self, piece: _Piece) -> pb.ProtocolMessage:
        """Upload a piece, unless it is small, and make its notice."""
        history = piece.history
        key = self._random_bytes(32)
        data, sealed = await asyncio.to_thread(_seal, piece, key)
        notice = pb.HistorySyncNotification(
            syncType=pb.HistorySyncType.Name(history.syncType),
            chunkOrder=history.chunkOrder,
            fileSha256=sha256(data),
            fileLength=len(data),
        )
        if history.HasField("progress"):
            notice.progress = history.progress
        if len(data) <= _INLINE and piece.fault is None:
            notice.initialHistBootstrapInlinePayload = data
        else:
            place = await self._media.upload(_FILES.folder, sealed)
            notice.mediaKey, notice.directPath = key, place.direct_path
            notice.fileEncSha256 = bytes(32) if piece.fault == "hash" else sha256(sealed)
            if piece.fault == "gone":
                notice.directPath = "/v/t62.7118-24/0000000000000000_n.enc?oh=gone"
        return pb.ProtocolMessage(
            type=pb.ProtocolMessage.HISTORY_SYNC_NOTIFICATION, historySyncNotification=notice
        )

    # --- what companions ask ---------------------------------------------------------------------

    async def answer(
        self, companion: Jid, name: str, request: pb.PeerDataOperationRequestMessage
    ) -> bool:
        """Answer a request, if it is one about history; whether it was.

        Args:
            name: of the message that asked.

        Raises:
            MediaError: the media host has no room.
            QueryError, CryptoError: the companion has no usable bundle.
        """
        kind = request.peerDataOperationRequestType
        handlers = {
            pb.HISTORY_SYNC_ON_DEMAND: self._older,
            pb.HISTORY_SYNC_CHUNK_RETRY: self._again,
            pb.FULL_HISTORY_SYNC_ON_DEMAND: self._full,
        }
        handler = handlers.get(kind)
        if handler is None:
            return False
        if self._habits.history != "ignore":
            await handler(companion, name, request)
        return True

    async def _older(
        self, companion: Jid, name: str, request: pb.PeerDataOperationRequestMessage
    ) -> None:
        """Send what stands in a chat before a message."""
        asked = request.historySyncOnDemandRequest
        part = pb.Conversation(id=asked.chatJid, endOfHistoryTransferType=_ALL_ON_DEMAND)  # type: ignore[arg-type]
        chat = next((each for each in self._made.chats if each.jid == asked.chatJid), None)
        if chat is not None and self._habits.history == "answer":
            ids = [message.key.id for message in chat.messages]
            if asked.oldestMsgId in ids:
                start = ids.index(asked.oldestMsgId) + 1
                end = start + max(min(asked.onDemandMsgCount, 1000), 0)
                part = chat.part(start, end)
                left = _MORE_ON_DEMAND if end < len(ids) else _ALL_ON_DEMAND
                part.endOfHistoryTransferType = left  # type: ignore[assignment]
        history = pb.HistorySync(
            syncType=pb.HistorySync.ON_DEMAND, chunkOrder=1, progress=100, conversations=[part]
        )
        notice = await self._notice(_Piece(history))
        notice.historySyncNotification.peerDataRequestSessionId = name
        await self._send(companion, notice)

    async def _again(
        self, companion: Jid, name: str, request: pb.PeerDataOperationRequestMessage
    ) -> None:
        """Send a piece once more, whole this time."""
        asked = request.historySyncChunkRetryRequest
        history = self._sent.get((int(asked.syncType), asked.chunkOrder))
        if history is None or self._habits.history == "refuse":
            result = _Result()
            told = result.historySyncChunkRetryResponse
            told.syncType, told.chunkOrder = asked.syncType, asked.chunkOrder
            told.responseCode = _ChunkCode.CHUNK_CONSUMED
            await self._send(companion, _response(name, request, result))
            return
        notice = await self._notice(_Piece(history))
        notice.historySyncNotification.originalMessageId = asked.chunkNotificationId
        await self._send(companion, notice)

    async def _full(
        self, companion: Jid, name: str, request: pb.PeerDataOperationRequestMessage
    ) -> None:
        """Send everything anew."""
        metadata = request.fullHistorySyncOnDemandRequest.requestMetadata
        is_willing = self._habits.history == "answer"
        result = _Result()
        told = result.fullHistorySyncOnDemandRequestResponse
        told.requestMetadata.CopyFrom(metadata)
        told.responseCode = (
            _FullCode.REQUEST_SUCCESS if is_willing else _FullCode.DECLINED_SHARING_HISTORY
        )
        await self._send(companion, _response(name, request, result))
        if not is_willing:
            return
        count = sum(len(chat.messages) for chat in self._made.chats)
        plan = HistoryPlan(len(self._made.chats), count)
        for history in self._chunks(pb.HistorySync.FULL, plan):
            self._sent[history.syncType, history.chunkOrder] = history
            notice = await self._notice(_Piece(history))
            full = notice.historySyncNotification.fullHistorySyncOnDemandRequestMetadata
            full.CopyFrom(metadata)
            await self._send(companion, notice)


_Result = pb.PeerDataOperationRequestResponseMessage.PeerDataOperationResult
_ChunkCode = _Result.HistorySyncChunkRetryResponseCode
_FullCode = _Result.FullHistorySyncOnDemandResponseCode


def _response(
    name: str,
    request: pb.PeerDataOperationRequestMessage,
    result: pb.PeerDataOperationRequestResponseMessage.PeerDataOperationResult,
) -> pb.ProtocolMessage:
    return pb.ProtocolMessage(
        type=pb.ProtocolMessage.PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE,
        peerDataOperationRequestResponseMessage=pb.PeerDataOperationRequestResponseMessage(
            peerDataOperationRequestType=request.peerDataOperationRequestType,
            stanzaId=name,
            peerDataOperationResult=[result],
        ),
    )


def _unknown() -> pb.ProtocolMessage:
    """A notice of a kind that no client knows."""
    notice = pb.HistorySyncNotification(chunkOrder=1)
    field = pb.HistorySyncNotification.SYNCTYPE_FIELD_NUMBER
    notice.MergeFromString(_varint(field << 3) + _varint(_UNKNOWN_TYPE))
    return pb.ProtocolMessage(
        type=pb.ProtocolMessage.HISTORY_SYNC_NOTIFICATION, historySyncNotification=notice
    )


def _seal(piece: _Piece, key: bytes) -> tuple[bytes, bytes]:
    """A piece deflated, and as it is uploaded."""
    plain = piece.history.SerializeToString()
    if piece.fault == "bad_message":
        broken = pb.Conversation(id=piece.history.conversations[0].id).SerializeToString()
        broken += b"\x12\x04\xff\xff\xff\xff"
        plain += b"\x12" + _varint(len(broken)) + broken
    elif piece.fault == "bomb":
        plain = b"\x12" + _varint(_BOMB) + bytes(_BOMB)
    data = zlib.compress(plain)
    if piece.fault == "truncate":
        data = data[: len(data) // 2]
    return data, seal_file(data, key, _FILES)


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])


def fault_of(name: str) -> FaultKind:
    """What goes wrong, by name.

    Raises:
        InvalidInput: there is no such fault.
    """
    found = next((fault for fault in FAULTS if fault == name), None)
    if found is None:
        raise InvalidInput(f"fault is none of {', '.join(FAULTS)}")
    return found


def shown(history: PhoneHistory) -> dict[str, object]:
    """The old chats as JSON values: those that a companion has in the end."""
    return {
        "chats": [
            {
                "jid": chat.jid,
                "name": chat.about.name,
                "unread": chat.about.unreadCount,
                "timestamp": chat.about.conversationTimestamp,
                "ids": [message.key.id for message in chat.messages],
            }
            for chat in history.chats
        ],
        "people": [
            {"jid": str(person.pn), "lid": str(person.lid), "name": person.name}
            for person in history.people
        ],
    }
