"""How far a message has come."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from ...events import MessageIdJson
from .common import SuccessEnvelope

StateWord = Literal["failed", "pending", "server", "delivered", "read", "played"]


class RefusalJson(TypedDict):
    """Why a message has failed: WhatsApp's code, 0 where it is not known, and what it means."""

    code: int
    text: str


class RecipientJson(TypedDict):
    """How far a message came with somebody; Unix seconds, null where it did not come so far."""

    id: str
    state: StateWord
    deliveredAt: int | None
    readAt: int | None
    playedAt: int | None


class MessageStatusJson(TypedDict):
    """How far an own message has come: `ack` is `state` as a number, the lowest of all recipients.

    `isOverdue`: the server has not answered in time; the message is sent again until it does.
    """

    id: MessageIdJson
    state: StateWord
    ack: int
    timestamp: int
    isOverdue: bool
    error: RefusalJson | None
    recipients: list[RecipientJson]


class MessageStatusAnswer(SuccessEnvelope):
    """The status of a message."""

    status: MessageStatusJson
