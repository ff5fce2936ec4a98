"""Domain events as the frames that webhooks and event sockets carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from ..errors import InvalidInput
from ..model import (
    AckChanged,
    Authenticated,
    AuthFailure,
    CredentialsSaved,
    Disconnected,
    DomainEvent,
    Message,
    MessageAdded,
    MessageUndecryptable,
    PairingCodeReady,
    QrReady,
    Ready,
    StateChanged,
)
from ..wire import Jid
from .ids import jid_text
from .rawdata import compact_json
from .shapes import MessageJson, message_json

SESSION_LANE = ""
"""The lane of events about the session itself."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One event as it goes out.

    Attributes:
        kind: the event's name, `dataType` outside.
        lane: frames of one session and lane keep their order: the chat, or `SESSION_LANE`.
        data: the payload.
        text: the payload as JSON, made once.
    """

    kind: str
    lane: str
    data: Mapping[str, object] = field(repr=False)
    text: str = field(repr=False)

    @classmethod
    def of(cls, kind: str, data: Mapping[str, object], lane: str = SESSION_LANE) -> Frame:
        """A frame whose text is the JSON of its data."""
        return cls(kind, lane, data, compact_json(data))


KINDS: Mapping[type[DomainEvent], tuple[str, ...]] = {
    QrReady: ("qr",),
    PairingCodeReady: ("code",),
    Authenticated: ("authenticated",),
    Ready: ("ready",),
    AuthFailure: ("auth_failure",),
    StateChanged: ("change_state",),
    Disconnected: ("disconnected",),
    CredentialsSaved: ("remote_session_saved",),
    MessageAdded: ("message_create", "message"),
    MessageUndecryptable: ("message_ciphertext",),
    AckChanged: ("message_ack",),
}
"""The kinds of frame that an event may become; making them is not cheap."""


def render(event: DomainEvent, own: Jid | None = None) -> list[Frame]:
    """The frames of an event, in the order in which they leave.

    Args:
        event: what happened.
        own: the account's address; needed for events about messages.
    Raises:
        InvalidInput: a message event without the account's address.
    """
    match event:
        case QrReady(text):
            return [Frame.of("qr", {"qr": text})]
        case PairingCodeReady(code):
            return [Frame.of("code", {"code": code})]
        case Authenticated():
            return [Frame.of("authenticated", {})]
        case Ready(jid, push_name):
            return [Frame.of("ready", {"id": jid_text(jid), "pushname": push_name or None})]
        case AuthFailure(message=text):
            return [Frame.of("auth_failure", {"message": text})]
        case StateChanged(state):
            return [Frame.of("change_state", {"state": state})]
        case Disconnected(reason):
            return [Frame.of("disconnected", {"reason": reason})]
        case CredentialsSaved():
            return [Frame.of("remote_session_saved", {})]
        case MessageAdded(message):
            return _added(message, own)
        case MessageUndecryptable(message):
            return [_about(message, "message_ciphertext", _shape(message, own))]
        case AckChanged():
            return [_ack_changed(event, own)]
    assert_never(event)


def _shape(message: Message, own: Jid | None) -> MessageJson:
    if own is None:
        raise InvalidInput("an event about a message needs the account's own address")
    return message_json(message, own)


def _about(message: Message, kind: str, data: Mapping[str, object]) -> Frame:
    return Frame.of(kind, data, lane=str(message.key.chat))


def _added(message: Message, own: Jid | None) -> list[Frame]:
    created = _about(message, "message_create", _shape(message, own))
    if message.key.from_me:
        return [created]
    return [created, Frame("message", created.lane, created.data, created.text)]


def _ack_changed(event: AckChanged, own: Jid | None) -> Frame:
    message = event.message.with_ack(event.ack)
    data: dict[str, object] = {"message": _shape(message, own), "ack": int(event.ack)}
    if event.participant is not None:
        data["participant"] = jid_text(event.participant)
    return _about(message, "message_ack", data)
