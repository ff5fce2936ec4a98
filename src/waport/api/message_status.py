"""The JSON of how far a message of ours has come."""

from __future__ import annotations

from typing import Final

from ..client.message_status import MessageStatus
from ..client.receipt_times import ReceiptTimes
from ..events import jid_text, message_id_json
from ..model import Ack
from ..wire import Jid
from .schemas.message_status import MessageStatusJson, RecipientJson, StateWord

_WORDS: Final[dict[Ack, StateWord]] = {
    Ack.ERROR: "failed",
    Ack.PENDING: "pending",
    Ack.SERVER: "server",
    Ack.DELIVERED: "delivered",
    Ack.READ: "read",
    Ack.PLAYED: "played",
}


def status_json(status: MessageStatus) -> MessageStatusJson:
    """A message's status, and that of everybody whom it is for."""
    message = status.message
    shape: MessageStatusJson = {
        "id": message_id_json(message.key),
        "state": _WORDS[message.ack],
        "ack": int(message.ack),
        "timestamp": message.timestamp,
        "isOverdue": message.pending,
        "error": None,
        "recipients": [_recipient(person, times) for person, times in status.people],
    }
    if message.ack is Ack.ERROR:
        shape["error"] = {"code": message.refusal, "text": status.error_text}
    return shape


def _recipient(person: Jid, times: ReceiptTimes) -> RecipientJson:
    return {
        "id": jid_text(person),
        "state": _WORDS[times.level],
        "deliveredAt": times.delivered_at,
        "readAt": times.read_at,
        "playedAt": times.played_at,
    }
