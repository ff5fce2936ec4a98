"""What others added to a message, as it is kept: reactions, votes, answers, pins, receipts."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ..wire import Jid
from .message import MessageKey


class AddOnKind(StrEnum):
    """What was added. Of each kind a person has one for a message: the latest."""

    REACTION = "reaction"
    VOTE = "vote"
    EVENT_RESPONSE = "event_response"
    PIN = "pin"
    KEEP = "keep"
    RECEIPT = "receipt"


@dataclass(frozen=True, slots=True)
class AddOn:
    """One person's reaction, vote, answer, pin or receipt; one that was taken back stands, too.

    Attributes:
        target: the message that it was added to.
        kind: what it is.
        sender: who added it, bare, by phone number where that is known.
        key: of the message that brought it, which `sender` wrote; of a receipt, that has none,
            `target`.
        data: the emoji as UTF-8, the SHA-256 of every chosen answer one after the other, how far
            a receipt came (first the ack as one byte, see `client.receipt_times`), or the
            serialized protobuf of the rest; empty when it was taken back.
        timestamp_ms: by the sender's clock, Unix milliseconds.
    """

    target: MessageKey
    kind: AddOnKind
    sender: Jid
    key: MessageKey
    data: bytes = field(repr=False)
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class PrivacyToken:
    """The trusted-contact token that a person gave us.

    Attributes:
        user: the person's LID, or number where that is all we know; bare.
        token: travels with messages to them; empty when they gave none.
        timestamp: when it was made, Unix seconds.
        given_at: when we last gave them ours, Unix seconds; 0 for never.

    Source: docs/protocol/messages.md, "Trusted-contact token".
    """

    user: Jid
    token: bytes = field(default=b"", repr=False)
    timestamp: int = 0
    given_at: int = 0


@dataclass(frozen=True, slots=True)
class TimerSetting:
    """The timer of a chat's messages.

    Attributes:
        expiration_s: 0 when messages stay.
        set_at: Unix seconds; the latest setting counts.
    """

    expiration_s: int = 0
    set_at: int = 0
