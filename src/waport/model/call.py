"""Calls: what is told of them, never their sound."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..wire import Jid


class CallStatus(StrEnum):
    """How far a call has come, in the words of the `call` event.

    `TIMEOUT` ends a call that nobody took, `TERMINATE` any other.
    """

    OFFER = "offer"
    RINGING = "ringing"
    ACCEPT = "accept"
    REJECT = "reject"
    TIMEOUT = "timeout"
    TERMINATE = "terminate"

    @property
    def rank(self) -> int:
        """Rises as a call goes on; what comes late does not turn it back."""
        return _RANKS[self]

    @property
    def is_over(self) -> bool:
        """Nothing follows."""
        return self.rank == _OVER


_OVER = 3
_RANKS = {
    CallStatus.OFFER: 0,
    CallStatus.RINGING: 1,
    CallStatus.ACCEPT: 2,
    CallStatus.REJECT: _OVER,
    CallStatus.TIMEOUT: _OVER,
    CallStatus.TERMINATE: _OVER,
}


@dataclass(frozen=True, slots=True)
class Call:
    """A call, as far as it has come.

    Attributes:
        id: chosen by the caller.
        creator: the caller's device, as the server names it.
        caller: the caller, bare, by phone number where that is known.
        status: how far it has come.
        timestamp: of the offer, Unix seconds; of the first news if the offer was not seen.
        is_video: with a picture; None when the offer was not seen.
        group: the group that is called, if it is one.
        is_group: more than two take part; None when the offer was not seen.
        participants: who is called in a group, bare, as far as the offer names them.
        is_offline: it came while this device was away.
    """

    id: str
    creator: Jid
    caller: Jid
    status: CallStatus
    timestamp: int
    is_video: bool | None = None
    group: Jid | None = None
    is_group: bool | None = None
    participants: tuple[Jid, ...] = ()
    is_offline: bool = False

    @property
    def chat(self) -> Jid:
        """The chat in which the call is shown."""
        return self.group or self.caller


@dataclass(frozen=True, slots=True)
class CallLink:
    """What is known of a link that others call through.

    Attributes:
        token: the last part of the link.
        is_video: with a picture.
        creator: who made it, bare; None when not told.
        has_waiting_room: the creator lets people in.
    """

    token: str
    is_video: bool
    creator: Jid | None = None
    has_waiting_room: bool = False

    @property
    def url(self) -> str:
        """The link itself."""
        return f"https://call.whatsapp.com/{'video' if self.is_video else 'voice'}/{self.token}"
