"""Frozen values that every upper room speaks."""

from .chat import Chat
from .contact import Contact
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
from .session import TRANSITIONS, WA_WORDS, SessionState, Step

__all__ = [
    "TRANSITIONS",
    "WA_WORDS",
    "Ack",
    "AckChanged",
    "AuthFailure",
    "Authenticated",
    "Chat",
    "Contact",
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
    "SessionState",
    "StateChanged",
    "Step",
]
