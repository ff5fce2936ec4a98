"""One connection to WhatsApp as a pure state machine."""

from .connection import Connection
from .events import (
    ConnectionEvent,
    Dead,
    DeadReason,
    FrameDropped,
    HandshakeCompleted,
    KeepAliveDue,
    NodeReceived,
    StreamEnded,
)

__all__ = [
    "Connection",
    "ConnectionEvent",
    "Dead",
    "DeadReason",
    "FrameDropped",
    "HandshakeCompleted",
    "KeepAliveDue",
    "NodeReceived",
    "StreamEnded",
]
