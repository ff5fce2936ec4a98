"""Frozen values that every upper room speaks."""

from .device import Credentials, DeviceList, LinkState
from .events import (
    AckChanged,
    Authenticated,
    AuthFailure,
    CredentialsSaved,
    Disconnected,
    DomainEvent,
    MessageAdded,
    MessageUndecryptable,
    PairingCodeReady,
    QrReady,
    Ready,
    StateChanged,
)
from .message import Ack, Message, MessageKey, MessageKind

__all__ = [
    "Ack",
    "AckChanged",
    "AuthFailure",
    "Authenticated",
    "Credentials",
    "CredentialsSaved",
    "DeviceList",
    "Disconnected",
    "DomainEvent",
    "LinkState",
    "Message",
    "MessageAdded",
    "MessageKey",
    "MessageKind",
    "MessageUndecryptable",
    "PairingCodeReady",
    "QrReady",
    "Ready",
    "StateChanged",
]
