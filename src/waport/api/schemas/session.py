"""Sessions."""

from __future__ import annotations

from typing import ClassVar, Literal, NotRequired

from typing_extensions import TypedDict

from ...errors import InvalidInput
from ...pairing import normalise_phone
from ..errors import InvalidRequest
from ..fields import body, optional, required
from ..kinds import BOOLEAN, PHONE_NUMBER
from .common import SuccessEnvelope

StatusWord = Literal[
    "STOPPED", "INITIALIZING", "QR_RECEIVED", "PAIRING", "CONNECTED", "DISCONNECTED"
]
StateWord = Literal["connecting", "qr", "pairing", "connected", "disconnected"]


class EvidenceJson(TypedDict):
    """What shows that the connection to WhatsApp lives, Unix milliseconds each; null: not yet.

    `lastReceivedAt`: something came. `lastPongAt`: a ping was answered; one is sent after 15
    quiet seconds, and a connection on which nothing comes for another 20 is given up.
    """

    connectedAt: int | None
    lastReceivedAt: int | None
    lastPongAt: int | None


class StatusAnswer(SuccessEnvelope):
    """Where a session stands; one that is not started is `STOPPED`. `message` is a word for it."""

    state: StatusWord
    message: Literal["session_connected", "session_not_connected", "session_not_found"]
    evidence: NotRequired[EvidenceJson]


class SessionJson(TypedDict):
    """A started session."""

    sessionId: str
    status: StateWord


class SessionsAnswer(SuccessEnvelope):
    """The started sessions, in the order of their start; `result` are their ids alone."""

    sessions: list[SessionJson]
    result: list[str]


class EndedAnswer(SuccessEnvelope):
    """The session is over. `unlinked` says of one that was linked whether WhatsApp knows it; where
    it is false, the device stays in the phone's list until it is removed there."""

    message: str
    unlinked: NotRequired[bool]


class QrAnswer(SuccessEnvelope):
    """The text of the QR code to show."""

    qr: str


class PairingCodeAnswer(SuccessEnvelope, TypedDict):
    """A code of 8 characters to type on the phone, under both its names."""

    pairingCode: str
    result: str


class TerminatedAnswer(SuccessEnvelope, TypedDict):
    """Which sessions were ended for good."""

    message: str
    terminatedCount: int
    sessionIds: list[str]


class StateAnswer(SuccessEnvelope, TypedDict):
    """Where a session stands, in the words of WhatsApp Web; null for one that is not started."""

    state: str | None


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
    show_notification: bool = optional(
        "showNotification",
        BOOLEAN,
        default=True,
        note="The phone shows that a device wants to be linked.",
    )

    @property
    def digits(self) -> str:
        """The number's digits.

        Raises:
            InvalidRequest: it is no phone number.
        """
        try:
            return normalise_phone(self.phone)
        except InvalidInput as exc:
            raise InvalidRequest("phoneNumber must be a phone number") from exc
