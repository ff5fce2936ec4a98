"""The states of a session, and how one follows from another: a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum, auto


class SessionState(StrEnum):
    """Where a started session stands; a session that is not started has no state."""

    CONNECTING = "connecting"
    QR = "qr"
    PAIRING = "pairing"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What shows that a connection lives; Unix seconds.

    Attributes:
        received_at: something came, whatever it was; None: nothing yet.
        logged_in_at: the login was complete; None: not yet.
        pong_at: a ping was answered; None: none had to be sent yet.
    """

    received_at: float | None
    logged_in_at: float | None
    pong_at: float | None


class Step(Enum):
    """What happens to a session."""

    CONNECT = auto()
    """A connection is being opened."""
    SHOW_QR = auto()
    SHOW_CODE = auto()
    CODE_EXPIRED = auto()
    LOG_IN = auto()
    LOSE = auto()
    """The connection ended."""


_EVERY = tuple(SessionState)

TRANSITIONS: Mapping[tuple[SessionState, Step], SessionState] = {
    **{(state, Step.CONNECT): SessionState.CONNECTING for state in _EVERY},
    **{(state, Step.LOG_IN): SessionState.CONNECTED for state in _EVERY},
    **{(state, Step.LOSE): SessionState.DISCONNECTED for state in _EVERY},
    (SessionState.CONNECTING, Step.SHOW_QR): SessionState.QR,
    (SessionState.QR, Step.SHOW_QR): SessionState.QR,
    # A QR code that is renewed must not hide the code which the user is typing.
    (SessionState.PAIRING, Step.SHOW_QR): SessionState.PAIRING,
    (SessionState.CONNECTED, Step.SHOW_QR): SessionState.CONNECTED,
    (SessionState.DISCONNECTED, Step.SHOW_QR): SessionState.DISCONNECTED,
    (SessionState.CONNECTING, Step.SHOW_CODE): SessionState.PAIRING,
    (SessionState.QR, Step.SHOW_CODE): SessionState.PAIRING,
    (SessionState.PAIRING, Step.SHOW_CODE): SessionState.PAIRING,
    (SessionState.CONNECTED, Step.SHOW_CODE): SessionState.CONNECTED,
    (SessionState.DISCONNECTED, Step.SHOW_CODE): SessionState.DISCONNECTED,
    **{(state, Step.CODE_EXPIRED): state for state in _EVERY},
    (SessionState.PAIRING, Step.CODE_EXPIRED): SessionState.QR,
}
"""The next state of every state and step."""

WA_WORDS: Mapping[SessionState, str] = {
    SessionState.CONNECTING: "OPENING",
    SessionState.QR: "UNPAIRED",
    SessionState.PAIRING: "PAIRING",
    SessionState.CONNECTED: "CONNECTED",
    SessionState.DISCONNECTED: "TIMEOUT",
}
"""What `change_state` events call the states."""
