"""Sessions."""

from __future__ import annotations

from typing import ClassVar, Literal

from typing_extensions import TypedDict

from ..fields import body, required
from ..kinds import PHONE_NUMBER
from .common import SuccessEnvelope

StatusWord = Literal[
    "STOPPED", "INITIALIZING", "QR_RECEIVED", "PAIRING", "CONNECTED", "DISCONNECTED"
]
StateWord = Literal["connecting", "qr", "pairing", "connected", "disconnected"]


class StatusAnswer(SuccessEnvelope):
    """Where a session stands; one that is not started is `STOPPED`."""

    state: StatusWord


class SessionJson(TypedDict):
    """A started session."""

    sessionId: str
    status: StateWord


class SessionsAnswer(SuccessEnvelope):
    """The started sessions, in the order of their start."""

    sessions: list[SessionJson]


class QrAnswer(SuccessEnvelope):
    """The text of the QR code to show."""

    qr: str


class PairingCodeAnswer(SuccessEnvelope, TypedDict):
    """A code of 8 characters to type on the phone."""

    pairingCode: str


@body
class PairingCodeRequest:
    """Which phone is to be linked."""

    missing: ClassVar[str] = "Phone number is required"

    phone: str = required(
        "phoneNumber",
        PHONE_NUMBER,
        note="International number; everything but digits is dropped.",
        example="12025550108",
    )
