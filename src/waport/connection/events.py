"""What a `Connection` reports to the shell that moves its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..wire import Node


@dataclass(frozen=True, slots=True)
class HandshakeCompleted:
    """The server has proved who it is, and the link is encrypted; its first node comes next."""


@dataclass(frozen=True, slots=True)
class NodeReceived:
    """One stanza arrived, in the order in which the server sent them."""

    node: Node


@dataclass(frozen=True, slots=True)
class FrameDropped:
    """A frame was genuine but its content is no stanza; the connection goes on without it.

    The server sends what was not acked again after the next connect, so the same frame may come
    back each time: `prefix` and `size` tell whether it is the same.

    Attributes:
        reason: what the decoder found wrong.
        prefix: the first bytes of the plaintext in hex. May hold personal data: debug logs only.
        size: length of the plaintext in bytes.
        consecutive: how many frames in a row were dropped, this one included.
    """

    reason: str
    prefix: str
    size: int
    consecutive: int


@dataclass(frozen=True, slots=True)
class KeepAliveDue:
    """The line is quiet: send a ping IQ now. It is the shell's, so that ids stay in one place."""


class DeadReason(StrEnum):
    """Why a link was given up."""

    HANDSHAKE_TIMEOUT = "handshake timeout"
    SILENCE = "no answer"


@dataclass(frozen=True, slots=True)
class Dead:
    """The other side no longer answers: close the socket and connect again."""

    reason: DeadReason


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """The server says that it is about to close; nothing can be sent or received any more."""


ConnectionEvent = (
    HandshakeCompleted | NodeReceived | FrameDropped | KeepAliveDue | Dead | StreamEnded
)
