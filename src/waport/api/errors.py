"""Which error becomes which HTTP answer: the only place that knows both.

An error's own text reaches the caller only where this table says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..client.compose import NoSuchMessage
from ..client.media_contents import UnusableFile
from ..client.media_hosts import MediaTooLarge
from ..client.media_references import NoMedia
from ..client.outbound_errors import BodyTooLarge, OutboundError, UrlRefused
from ..errors import (
    ConnectionClosed,
    InvalidInput,
    MediaError,
    MessageRefused,
    PairingError,
    PasskeyNotRequested,
    ProtocolError,
    QrNotAvailable,
    QueryError,
    QueryTimeout,
    SessionAlreadyConnected,
    SessionNotConnected,
    SessionNotFound,
    WhatsAppError,
)


@dataclass(frozen=True, slots=True)
class Problem:
    """An error answer.

    Attributes:
        status: HTTP status.
        code: the machine's word, `message` in the envelope; None repeats the text.
        text: for people, `error` in the envelope.
        headers: that go with the answer.
        shape: the whole JSON, where it is not the envelope.
    """

    status: int
    code: str | None
    text: str
    headers: tuple[tuple[str, str], ...] = ()
    shape: Mapping[str, object] | None = None

    def envelope(self) -> Mapping[str, object]:
        """The JSON of the answer."""
        if self.shape is not None:
            return self.shape
        return {"success": False, "error": self.text, "message": self.code or self.text}


class HttpError(Exception):
    """A request that the HTTP layer itself refuses; it never leaves `api`."""

    def __init__(
        self,
        status: int,
        code: str | None,
        text: str,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(text)
        self.problem = Problem(status, code, text, headers)


class InvalidRequest(InvalidInput):
    """A field of the request is unusable. The text is the contract's, and the caller reads it."""


INTERNAL: Final = Problem(500, "internal_error", "Internal server error")
INVALID: Final = Problem(400, "validation_error", "Invalid input")
"""For what the rooms below refuse: their own words are for the log."""


MESSAGE_NOT_FOUND: Final = Problem(
    404,
    "message_not_found",
    "Message not found in local store. "
    "Ensure it was synced or received after this session started.",
)


def _invalid(exc: WhatsAppError) -> Problem:
    """What the caller gave, in our own words."""
    return Problem(400, "validation_error", str(exc))


def _told(exc: WhatsAppError) -> Problem:
    """What another server or a file did, in our own words."""
    return Problem(500, None, str(exc))


def _refused_by_whatsapp(exc: QueryError) -> Problem:
    return Problem(500, None, exc.text or str(exc.code))


def _refused_message(exc: MessageRefused) -> Problem:
    """Our words for what WhatsApp says by a number, and the number."""
    return Problem(500, None, f"{exc.text} (error {exc.code})")


PROBLEMS: Final[Mapping[type[WhatsAppError], Callable[[Any], Problem]]] = {
    InvalidRequest: _invalid,
    InvalidInput: lambda _: INVALID,
    NoSuchMessage: lambda _: MESSAGE_NOT_FOUND,
    SessionNotFound: lambda exc: Problem(
        404, "session_not_found", f"Session not found: {exc.session_id}"
    ),
    SessionNotConnected: lambda exc: Problem(
        400, "session_not_connected", f"Session not connected: {exc.session_id}"
    ),
    SessionAlreadyConnected: lambda exc: Problem(
        400, "session_already_connected", f"Session already connected: {exc.session_id}"
    ),
    QrNotAvailable: lambda _: Problem(404, "qr_not_available", "QR code not available"),
    PasskeyNotRequested: lambda _: Problem(
        404, "passkey_not_requested", "No passkey is asked for now"
    ),
    QueryError: _refused_by_whatsapp,
    MessageRefused: _refused_message,
    QueryTimeout: lambda _: Problem(500, None, "Timed Out"),
    ConnectionClosed: lambda _: Problem(500, None, "Connection Closed"),
    UnusableFile: _invalid,
    MediaTooLarge: _invalid,
    NoMedia: lambda _: Problem(
        400, "validation_error", "Message does not contain downloadable media"
    ),
    MediaError: _told,
    UrlRefused: _invalid,
    BodyTooLarge: _invalid,
    OutboundError: _told,
    PairingError: lambda _: Problem(500, None, "Failed to request pairing code"),
    # Not ours to mend, so it must not look like a fault of ours.
    ProtocolError: lambda _: Problem(500, None, "WhatsApp's answer makes no sense"),
    WhatsAppError: lambda _: INTERNAL,
}
"""One row per branch of the hierarchy; the nearest one along an error's bases counts."""


def describe(exc: WhatsAppError | HttpError) -> Problem:
    """The answer to an error."""
    if isinstance(exc, HttpError):
        return exc.problem
    row = next(PROBLEMS[cls] for cls in type(exc).__mro__ if cls in PROBLEMS)
    return row(exc)


def route_not_found(method: str, raw_path: str) -> HttpError:
    """No route of that path and method. `raw_path` is as it was sent, without the query."""
    return HttpError(404, "not_found", f"Route not found: {method} {raw_path}")


def forbidden() -> HttpError:
    """Without a key: the request comes from elsewhere, or was made by a page from elsewhere."""
    return HttpError(403, "forbidden", "Forbidden host or origin")


def contact_not_found() -> HttpError:
    """The person is not on WhatsApp."""
    return HttpError(404, "contact_not_found", "Contact not found")


def group_not_found() -> HttpError:
    """The group does not exist, or the account is not in it."""
    return HttpError(404, "group_not_found", "Group not found")


def chat_not_found() -> HttpError:
    """There is no such chat, as far as is known."""
    return HttpError(404, "chat_not_found", "Chat not found")
