"""The one error hierarchy, named for what the caller can do about an error.

Errors carry data rather than prose. Lower rooms know nothing of HTTP: the mapping to status codes
stands in `api/errors.py` alone.
"""

from __future__ import annotations

from enum import IntEnum


class WhatsAppError(Exception):
    """Root of every error that waport raises on purpose."""


class InvalidInput(WhatsAppError):
    """An argument of the caller is unusable: fix the call."""


# --- the peer broke the protocol -----------------------------------------------------------------


class ProtocolError(WhatsAppError):
    """The peer sent something that the protocol does not allow."""


class DecodeError(ProtocolError):
    """Bytes that are no valid frame, node, JID or protobuf.

    Attributes:
        offset: where in the input the decoder stopped, or -1 when that means nothing.
    """

    def __init__(self, message: str, offset: int = -1) -> None:
        super().__init__(message if offset < 0 else f"{message} (at byte {offset})")
        self.offset = offset


class HandshakeError(ProtocolError):
    """The Noise handshake failed; the connection is of no use."""


class CertificateError(HandshakeError):
    """A check of the server's certificate chain failed.

    Attributes:
        check: which check, in the words of docs/protocol ("root signature", "leaf key", ...).
    """

    def __init__(self, check: str, message: str = "") -> None:
        super().__init__(
            f"certificate check failed: {check}" + (f" ({message})" if message else "")
        )
        self.check = check


class StanzaError(ProtocolError):
    """A well-formed node lacks something that its kind requires.

    Attributes:
        tag: the tag of the node.
    """

    def __init__(self, tag: str, message: str) -> None:
        super().__init__(f"<{tag}>: {message}")
        self.tag = tag


class MexError(ProtocolError):
    """An answer or a notification in JSON (GraphQL) cannot be read.

    Attributes:
        raw: its text, cut to what a person can read; for whoever looks into it, not for logs.
    """

    def __init__(self, message: str, raw: str = "") -> None:
        super().__init__(f"unusable JSON: {message}")
        self.raw = raw


class PairingError(ProtocolError):
    """Linking failed; nothing was stored.

    Attributes:
        code: what the server is told (401 or 500).
        text: the error text on the wire.
        detail: what exactly failed, for our own events.
    """

    def __init__(self, code: int, text: str, detail: str) -> None:
        super().__init__(f"pairing refused: {detail}")
        self.code = code
        self.text = text
        self.detail = detail


# --- cryptography --------------------------------------------------------------------------------


class CryptoError(WhatsAppError):
    """Key material or a ciphertext is unusable."""


class DecryptFailure(IntEnum):
    """Why an end-to-end ciphertext could not be read.

    The values are the `error` numbers of retry receipts (docs/protocol/messages.md). `DUPLICATE`
    and `CORRUPT_PLAINTEXT` never travel: they are answered by an ack.
    """

    UNKNOWN = 0
    NO_SESSION = 1
    INVALID_KEY = 2
    INVALID_KEY_ID = 3
    INVALID_MESSAGE = 4
    INVALID_SIGNATURE = 5
    FUTURE_MESSAGE = 6
    BAD_MAC = 7
    INVALID_SESSION = 8
    INVALID_MESSAGE_KEY = 9
    UNKNOWN_COMPANION = 11
    DEVICE_IDENTITY = 12
    UNSUPPORTED_VERSION = 100
    DUPLICATE = 101
    CORRUPT_PLAINTEXT = 102


class DecryptError(CryptoError):
    """A ciphertext was refused; the state it was tried with is unchanged.

    Attributes:
        reason: the cause, which also decides how the sender is answered.
    """

    def __init__(self, reason: DecryptFailure, message: str = "") -> None:
        super().__init__(message or reason.name.lower().replace("_", " "))
        self.reason = reason


class MediaError(CryptoError):
    """A media file or its key failed a check."""


# --- app state -----------------------------------------------------------------------------------


class AppStateError(ProtocolError):
    """A patch or a snapshot of the app state was refused; what was known before still stands."""


class MacMismatch(AppStateError):
    """A MAC is not that of its content.

    Attributes:
        which: "value", "index", "patch" or "snapshot".
    """

    def __init__(self, which: str) -> None:
        super().__init__(f"the {which} MAC is wrong")
        self.which = which


class VersionGap(AppStateError):
    """A patch does not follow what is known.

    Attributes:
        expected: the version that would have followed.
        version: the patch's own.
    """

    def __init__(self, expected: int, version: int) -> None:
        super().__init__(f"version {version} came where {expected} was due")
        self.expected = expected
        self.version = version


class MissingKeys(AppStateError):
    """Sync keys have to come before this can be read or written.

    Attributes:
        key_ids: those that are named but not known; empty when there is none to write with.
    """

    def __init__(self, key_ids: tuple[bytes, ...] = ()) -> None:
        super().__init__(f"app-state keys are missing: {len(key_ids)} named")
        self.key_ids = key_ids


# --- the server's answers ------------------------------------------------------------------------


class QueryError(WhatsAppError):
    """The server refused a question.

    Attributes:
        code: WhatsApp's error code (0 when it gave none).
        text: WhatsApp's error text, such as "item-not-found".
        backoff_s: seconds to wait before asking again, if the server said so.
    """

    def __init__(self, code: int, text: str, backoff_s: int | None = None) -> None:
        super().__init__(f"{code} {text}".strip())
        self.code = code
        self.text = text
        self.backoff_s = backoff_s


class NotAuthorized(QueryError):
    """401 or 403."""


class NotFound(QueryError):
    """404."""


class Conflict(QueryError):
    """409."""


class RateLimited(QueryError):
    """429."""


_QUERY_ERRORS: dict[int, type[QueryError]] = {
    401: NotAuthorized,
    403: NotAuthorized,
    404: NotFound,
    409: Conflict,
    429: RateLimited,
}


def query_error(code: int, text: str, backoff_s: int | None = None) -> QueryError:
    """The error for a refusal by the server, of the class that fits its code."""
    return _QUERY_ERRORS.get(code, QueryError)(code, text, backoff_s)


class MessageRefused(QueryError):
    """The server did not take a message; it has failed and is not sent again by itself.

    The text is for the person who sent it. Which code is which class stands in
    `client/refusals.py`.
    """


class WritingForbidden(MessageRefused, NotAuthorized):
    """401 or 403: no member of the group, or not allowed to write there."""


class ChatNotFound(MessageRefused, NotFound):
    """404: nobody is registered there, or there is no such group."""


class AddressingChanged(MessageRefused):
    """421: the group names its members in another way by now."""


class SendingTooFast(MessageRefused, RateLimited):
    """429: wait before the next message."""


class AccountRestricted(MessageRefused):
    """463: the account may not write to people who have not written to it."""


class NewChatLimit(MessageRefused):
    """475: the account has opened too many new chats."""


class StanzaRefused(MessageRefused):
    """479: the stanza has parts that do not belong there; a mistake of ours."""


class ServerTrouble(MessageRefused):
    """500 or 503: the server could not take the message now."""


class QueryTimeout(WhatsAppError):
    """No answer came in time; whether the request took effect is unknown."""


class ConnectionClosed(WhatsAppError):
    """The link to WhatsApp is down.

    Attributes:
        reason: a short word for logs and events.
        will_retry: whether the client is connecting again by itself.
    """

    def __init__(self, reason: str, *, will_retry: bool = True) -> None:
        super().__init__(f"connection closed: {reason}")
        self.reason = reason
        self.will_retry = will_retry


# --- stored state --------------------------------------------------------------------------------


class StoreError(WhatsAppError):
    """The database refused a read or a write; what it held before is still there."""


class CorruptRecord(StoreError):
    """A stored record cannot be read. It is kept, never replaced by a fresh one."""


class StaleLease(StoreError):
    """Another process owns this session by now; the write was refused."""


# --- sessions ------------------------------------------------------------------------------------


class SessionError(WhatsAppError):
    """Something about one account that this server runs.

    Attributes:
        session_id: the id in the API's paths.
    """

    def __init__(self, session_id: str, message: str | None = None) -> None:
        super().__init__(message or f"session {session_id}")
        self.session_id = session_id


class SessionNotFound(SessionError):
    """No session of that id is started."""


class SessionNotConnected(SessionError):
    """The session is started but not logged in."""


class SessionAlreadyConnected(SessionError):
    """The call only makes sense before the account is linked."""


class QrNotAvailable(SessionError):
    """There is no QR code to show now."""


class PasskeyNotRequested(SessionError):
    """Linking waits for no passkey, or not for this step of it."""
