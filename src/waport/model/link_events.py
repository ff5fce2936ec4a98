"""Domain events about the link to WhatsApp: how far linking and logging in have come."""

from __future__ import annotations

from dataclasses import dataclass

from ..wire import Jid
from .passkey import PasskeyState


@dataclass(frozen=True, slots=True)
class QrReady:
    """A QR code to show; it replaces the one before."""

    text: str


@dataclass(frozen=True, slots=True)
class PairingCodeReady:
    """A code to type on the phone, 8 characters without a dash."""

    code: str


@dataclass(frozen=True, slots=True)
class PasskeyChanged:
    """Linking to this account needs a passkey; how far that has come."""

    state: PasskeyState


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The server accepted the login."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The account can be used. `jid` is the own account, bare, by phone number."""

    jid: Jid
    push_name: str


@dataclass(frozen=True, slots=True)
class AuthFailure:
    """Linking or logging in was refused."""

    message: str


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The session's state in WhatsApp's words (`CONNECTED`, `OPENING`, `UNPAIRED`, ...)."""

    state: str


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The link is gone for good or for long.

    `reason` is one of logged_out, connection_lost, connection_replaced, banned, client_outdated.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class CredentialsSaved:
    """The account's credentials were stored for the first time after linking."""
