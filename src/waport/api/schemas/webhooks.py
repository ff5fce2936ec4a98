"""Webhooks."""

from __future__ import annotations

from typing import Any, Final, NotRequired

from typing_extensions import TypedDict

from ...errors import InvalidInput
from ...events import jid_text
from ...events.feed import event_id
from ...sessions import SESSION_ID
from ..addresses import is_reachable, parse_address
from ..errors import InvalidRequest
from ..fields import Kind, body, optional, required
from ..kinds import BOOLEAN, TEXT
from .common import SuccessEnvelope

MAX_LISTED: Final = 200
MAX_WORD: Final = 100
MAX_HEADERS: Final = 20
MAX_HEADER_VALUE: Final = 4096
MAX_URL: Final = 2048

_OURS: Final = frozenset(
    {
        "host",
        "content-length",
        "content-type",
        "transfer-encoding",
        "connection",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    }
)
"""Headers that are not the caller's to set."""


def _words(value: object, name: str) -> tuple[str, ...]:
    given = [value] if isinstance(value, str) else value
    listed = given if isinstance(given, list) else [None]
    words = [word for word in listed if isinstance(word, str) and 0 < len(word) <= MAX_WORD]
    if len(words) != len(listed) or len(words) > MAX_LISTED:
        raise InvalidRequest(f"{name} must be an array of strings")
    return tuple(dict.fromkeys(words))


def _chats(value: object, name: str) -> tuple[str, ...]:
    chats = [parse_address(chat) for chat in _words(value, name)]
    if not all(map(is_reachable, chats)):
        raise InvalidRequest(f"{name} must be an array of chat ids")
    return tuple(dict.fromkeys(map(jid_text, chats)))


def _headers(value: object, name: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or len(value) > MAX_HEADERS:
        raise InvalidRequest(f"{name} must be an object of strings")
    for key, text in value.items():
        is_text = isinstance(text, str) and len(text) <= MAX_HEADER_VALUE
        if not is_text or not text.isascii() or not (text.isprintable() or not text):
            raise InvalidRequest(f"{name} must be an object of strings")
        plain = key.replace("-", "").replace("_", "")
        if not (plain.isascii() and plain.isalnum()) or len(key) > MAX_WORD:
            raise InvalidRequest(f"{name} must have names of headers")
        if key.lower() in _OURS:
            raise InvalidRequest(f"{name} must not have {key.lower()}")
    # Blanks around a value are none of it, and HTTP does not send them.
    return tuple((key, text.strip()) for key, text in value.items())


def _session(value: object, name: str) -> str:
    text = TEXT.read(value, name)
    if text and SESSION_ID.fullmatch(text) is None:
        raise InvalidRequest(f"{name} must be the id of a session")
    return text


def _url(value: object, name: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_URL:
        raise InvalidRequest(f"{name} must be an http or https URL")
    return value


def _number(value: object, name: str) -> int:
    if isinstance(value, str):
        try:
            value = event_id(value)
        except InvalidInput:
            raise InvalidRequest(f"{name} must be the id of an event") from None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**46:
        raise InvalidRequest(f"{name} must be the id of an event")
    return value


def _ids(value: object, name: str) -> tuple[int, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= 1000:
        raise InvalidRequest(f"{name} must be an array of ids of events")
    return tuple(_number(each, name) for each in value)


_STRINGS: Final = {"type": "array", "items": {"type": "string"}}
WORDS: Kind[tuple[str, ...]] = Kind(_words, _STRINGS)
CHATS: Kind[tuple[str, ...]] = Kind(_chats, _STRINGS)
HEADERS: Kind[tuple[tuple[str, str], ...]] = Kind(
    _headers, {"type": "object", "additionalProperties": {"type": "string"}}
)
URL: Kind[str] = Kind(_url, {"type": "string", "format": "uri"})
EVENT: Kind[int] = Kind(_number, {"type": "string"})
EVENTS: Kind[tuple[int, ...]] = Kind(_ids, _STRINGS)


class WebhookJson(TypedDict):
    """A receiver; empty filters let everything pass. `publicKey` verifies ed25519 signatures."""

    id: str
    sessionId: str | None
    url: str
    events: list[str]
    chats: list[str]
    types: list[str]
    headers: dict[str, str]
    signing: str
    publicKey: NotRequired[str]
    enabled: bool
    disabledReason: NotRequired[str]
    createdAt: str


class WebhookAnswer(SuccessEnvelope):
    """One receiver."""

    webhook: WebhookJson


class SecretAnswer(WebhookAnswer):
    """One receiver, and what its signatures are made with; that is told this one time."""

    secret: str


class WebhooksAnswer(SuccessEnvelope):
    """The receivers, the oldest first."""

    webhooks: list[WebhookJson]


class DeadLetterJson(TypedDict):
    """An event that a receiver never took, and what came of the last try."""

    id: str
    sessionId: str
    dataType: str
    data: NotRequired[dict[str, Any]]
    timestamp: str
    attempts: int
    status: int | None
    diedAt: str


class DeadLettersAnswer(SuccessEnvelope, TypedDict):
    """Some of them in order, and the `after` of the next call."""

    deadLetters: list[DeadLetterJson]
    next: str


class ResentAnswer(SuccessEnvelope):
    """How many events are delivered again."""

    resent: int


@body
class WebhookRequest:
    """A new receiver."""

    url: str = required("url", URL, example="https://example.com/hook")
    session: str | None = optional(
        "sessionId",
        Kind(_session, TEXT.schema),
        default=None,
        note="Only this session's events; all without.",
    )
    events: tuple[str, ...] = optional("events", WORDS, default=(), example=["message"])
    chats: tuple[str, ...] = optional("chats", CHATS, default=())
    types: tuple[str, ...] = optional(
        "types", WORDS, default=(), note="Types of messages, such as chat or image."
    )
    headers: tuple[tuple[str, str], ...] = optional("headers", HEADERS, default=())
    signing: str = optional("signing", TEXT, default="hmac", note="hmac or ed25519")
    secret: str | None = optional(
        "secret", TEXT, default=None, note="whsec_ or whsk_ and base64; one is made without."
    )


@body
class WebhookChange:
    """What changes of a receiver; the rest stays."""

    url: str | None = optional("url", URL, default=None)
    events: tuple[str, ...] | None = optional("events", WORDS, default=None)
    chats: tuple[str, ...] | None = optional("chats", CHATS, default=None)
    types: tuple[str, ...] | None = optional("types", WORDS, default=None)
    headers: tuple[tuple[str, str], ...] | None = optional("headers", HEADERS, default=None)
    enabled: bool | None = optional("enabled", BOOLEAN, default=None)


@body
class RotateRequest:
    """The next secret; the one before signs for another day."""

    secret: str | None = optional("secret", TEXT, default=None, note="One is made without.")


@body
class ResendRequest:
    """Which dead letters are delivered again: some, a range of events, or all."""

    ids: tuple[int, ...] | None = optional("ids", EVENTS, default=None)
    first: int | None = optional("from", EVENT, default=None)
    last: int | None = optional("to", EVENT, default=None)
    all: bool = optional("all", BOOLEAN, default=False)
