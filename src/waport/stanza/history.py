"""History of the phone: what announces it, and what is asked of the phone about it.

Source: docs/protocol/app-state.md, "History sync".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from google.protobuf.message import DecodeError as ProtobufError

from ..errors import DecodeError, InvalidInput
from ..proto import as_text, pb
from ..wire import Jid, Node
from .contents.fields import enum_number
from .receipt import receipt

MAX_CHUNK_ORDER: Final = 2**32 - 1


class SyncType(IntEnum):
    """Kinds of history, as `HistorySyncType` numbers them; the last one is ours."""

    INITIAL_BOOTSTRAP = 0
    INITIAL_STATUS_V3 = 1
    FULL = 2
    RECENT = 3
    PUSH_NAME = 4
    NON_BLOCKING_DATA = 5
    ON_DEMAND = 6
    NO_HISTORY = 7
    MESSAGE_ACCESS_STATUS = 8
    ADDRESSES = 1000
    """No history: a table of numbers and hidden ids that is too large to be taken in at once."""


COUNTED: Final = frozenset((SyncType.RECENT, SyncType.FULL, SyncType.NO_HISTORY))
"""Kinds whose progress is that of the whole; the others are complete as soon as they come."""

BARE: Final = frozenset((SyncType.NO_HISTORY, SyncType.MESSAGE_ACCESS_STATUS))
"""Kinds that consist of their announcement alone."""


@dataclass(frozen=True, slots=True)
class Notice:
    """The announcement of a piece of history.

    Attributes:
        sync_type: its kind; a number that is none of `SyncType` for one that we don't know.
        chunk_order: its place among those of its kind.
        progress: percent; None when not told.
        inline: the piece itself, deflated; empty when it lies on the media hosts.
        direct_path: where it lies.
        media_key: 32 bytes, protects it there.
        sha256, enc_sha256: of the deflated piece, and of the file.
        length: bytes of the deflated piece; None when not told.
        request_id: of the message of ours that asked for it, or of the request named inside.
    """

    sync_type: int
    chunk_order: int = 0
    progress: int | None = None
    inline: bytes = field(default=b"", repr=False)
    direct_path: str = ""
    media_key: bytes = field(default=b"", repr=False)
    sha256: bytes = b""
    enc_sha256: bytes = b""
    length: int | None = None
    request_id: str = ""

    @property
    def is_bare(self) -> bool:
        """There is nothing to be fetched."""
        return self.sync_type in BARE or not is_known(self.sync_type)


def is_known(sync_type: int) -> bool:
    """Whether we know such a kind of history."""
    return any(sync_type == known for known in SyncType)


def parse_notice(message: pb.HistorySyncNotification) -> Notice:
    """Read an announcement."""
    sync_type = enum_number(message, "syncType")
    full = message.fullHistorySyncOnDemandRequestMetadata.requestId
    return Notice(
        sync_type=SyncType.INITIAL_BOOTSTRAP if sync_type is None else sync_type,
        chunk_order=min(message.chunkOrder, MAX_CHUNK_ORDER),
        progress=min(message.progress, 100) if message.HasField("progress") else None,
        inline=message.initialHistBootstrapInlinePayload,
        direct_path=as_text(message.directPath),
        media_key=message.mediaKey,
        sha256=message.fileSha256,
        enc_sha256=message.fileEncSha256,
        length=message.fileLength if message.HasField("fileLength") else None,
        request_id=as_text(message.peerDataRequestSessionId) or as_text(full),
    )


def load_notice(data: bytes) -> Notice:
    """Read a serialized announcement.

    Raises:
        DecodeError: it is none.
    """
    try:
        return parse_notice(pb.HistorySyncNotification.FromString(data))
    except ProtobufError as exc:
        raise DecodeError("a history notice is not a protobuf") from exc


def handled(own: Jid, message_id: str) -> Node:
    """The receipt that tells the phone that a piece is stored.

    Args:
        own: the own account by phone number, bare.
        message_id: of the announcement.
    """
    return receipt(own.bare, [message_id], "hist_sync")


# --- requests ------------------------------------------------------------------------------------


class ChunkRetryFailure(IntEnum):
    """Why the phone does not send a piece again."""

    GENERATION_ERROR = 1
    CHUNK_CONSUMED = 2
    TIMEOUT = 3
    SESSION_EXHAUSTED = 4
    CHUNK_EXHAUSTED = 5
    DUPLICATED_REQUEST = 6


_LATER: Final = frozenset((ChunkRetryFailure.TIMEOUT, ChunkRetryFailure.DUPLICATED_REQUEST))

FULL_FAILURES: Final[Mapping[int, str]] = {
    1: "the request came too late",
    2: "the account does not share its history",
    3: "the phone failed",
    4: "only the phone of a business does that",
    5: "the hosting service is not connected",
    6: "the hosting service has no login time",
    7: "several providers are not set up",
}
"""`FullHistorySyncOnDemandResponseCode`, but for 0, which is success."""


def _request(request: pb.PeerDataOperationRequestMessage) -> pb.Message:
    message = pb.Message()
    message.protocolMessage.type = pb.ProtocolMessage.PEER_DATA_OPERATION_REQUEST_MESSAGE
    message.protocolMessage.peerDataOperationRequestMessage.CopyFrom(request)
    return message


def chunk_retry_request(notice: Notice, message_id: str) -> pb.Message:
    """Ask the phone to send a piece of history again.

    Args:
        message_id: of its announcement.

    Source: docs/protocol/app-state.md, "A broken chunk".
    """
    wanted = pb.PeerDataOperationRequestMessage.HistorySyncChunkRetryRequest(
        syncType=SyncType(notice.sync_type).name,
        chunkOrder=notice.chunk_order,
        chunkNotificationId=message_id,
        regenerateChunk=True,
    )
    request = pb.PeerDataOperationRequestMessage(
        peerDataOperationRequestType=pb.HISTORY_SYNC_CHUNK_RETRY,
        historySyncChunkRetryRequest=wanted,
    )
    return _request(request)


def full_history_request(request_id: str, *, since: int = 0, days: int = 0) -> pb.Message:
    """Ask the phone for all of its history anew, which comes in pieces of type FULL.

    Args:
        request_id: of our own making; the pieces name it.
        since: Unix seconds, where it should begin; 0 for the beginning.
        days: how many days from there; 0 for all.

    Raises:
        InvalidInput: a number is out of range.
    """
    if not 0 <= since < 1 << 53 or not 0 <= days < 1 << 31:
        raise InvalidInput("a history request with a number out of range")
    request = pb.PeerDataOperationRequestMessage(
        peerDataOperationRequestType=pb.FULL_HISTORY_SYNC_ON_DEMAND
    )
    wanted = request.fullHistorySyncOnDemandRequest
    wanted.requestMetadata.requestId = request_id
    wanted.historySyncConfig.SetInParent()
    if since:
        wanted.fullHistorySyncOnDemandConfig.historyFromTimestamp = since
    if days:
        wanted.fullHistorySyncOnDemandConfig.historyDurationDays = days
    return _request(request)


# --- answers -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RetryAnswer:
    """The phone will not send a piece of history again, or not now.

    Attributes:
        request_id: of the message of ours that asked.
        code: why, as `ChunkRetryFailure` numbers it.
        is_final: asking again is of no use.
    """

    request_id: str
    code: int
    is_final: bool


@dataclass(frozen=True, slots=True)
class FullAnswer:
    """What the phone says to a wish for all of its history.

    Attributes:
        message_id: of the message of ours that asked.
        failure: why not; empty when it will come.
    """

    message_id: str
    failure: str


def parse_answer(message: pb.ProtocolMessage) -> RetryAnswer | FullAnswer | None:
    """The phone's answer to a request about history; None when it is about something else."""
    response = message.peerDataOperationRequestResponseMessage
    kind = response.peerDataOperationRequestType
    asked = as_text(response.stanzaId)
    for result in response.peerDataOperationResult[:1]:
        if kind == pb.HISTORY_SYNC_CHUNK_RETRY and result.HasField("historySyncChunkRetryResponse"):
            told = result.historySyncChunkRetryResponse
            code = enum_number(told, "responseCode") or 0
            return RetryAnswer(asked, code, not (told.canRecover or code in _LATER))
        if kind == pb.FULL_HISTORY_SYNC_ON_DEMAND and result.HasField(
            "fullHistorySyncOnDemandRequestResponse"
        ):
            code = enum_number(result.fullHistorySyncOnDemandRequestResponse, "responseCode") or 0
            return FullAnswer(asked, FULL_FAILURES.get(code, "refused") if code else "")
    return None
