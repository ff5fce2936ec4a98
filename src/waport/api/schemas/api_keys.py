"""API keys."""

from __future__ import annotations

from typing import Final, Literal

from typing_extensions import TypedDict

from ...model import ApiKey, Scope
from ...sessions import SESSION_ID
from ..errors import InvalidRequest
from ..fields import Kind, body, optional, required
from ..keys import MAX_NAME, MAX_SESSIONS
from ..kinds import TEXT, TEXTS
from .common import SuccessEnvelope

ScopeWord = Literal["read", "send", "manage"]
_SCOPES: Final = {scope.value: scope for scope in Scope}


class ApiKeyJson(TypedDict):
    """A key without its secret. `sessions` are those that it is for, null: all.

    `createdAt` is in Unix milliseconds.
    """

    id: str
    name: str
    scopes: list[ScopeWord]
    sessions: list[str] | None
    createdAt: int


class NewApiKeyJson(ApiKeyJson):
    """A key that was just made. `key` is its secret, told this one time."""

    key: str


class ApiKeysAnswer(SuccessEnvelope, TypedDict):
    """The keys, the oldest first; `API_KEY` is not among them."""

    apiKeys: list[ApiKeyJson]


class NewApiKeyAnswer(SuccessEnvelope, TypedDict):
    """The new key."""

    apiKey: NewApiKeyJson


def _read_scopes(value: object, name: str) -> frozenset[Scope]:
    words = TEXTS.read(value, name)
    if not words or any(word not in _SCOPES for word in words):
        raise InvalidRequest(f"{name} must be an array of {', '.join(_SCOPES)}")
    return frozenset(_SCOPES[word] for word in words)


def _read_sessions(value: object, name: str) -> frozenset[str]:
    ids = TEXTS.read(value, name)
    if not ids or len(ids) > MAX_SESSIONS or any(not SESSION_ID.fullmatch(i) for i in ids):
        raise InvalidRequest(f"{name} must be an array of 1 to {MAX_SESSIONS} session ids")
    return frozenset(ids)


def _read_name(value: object, name: str) -> str:
    text = TEXT.read(value, name).strip()
    if not text or len(text) > MAX_NAME or not text.isprintable():
        raise InvalidRequest(f"{name} must be printable text of 1 to {MAX_NAME} characters")
    return text


_WORDS: Final = {"type": "array", "items": {"type": "string", "enum": list(_SCOPES)}}


@body
class MakeApiKeyRequest:
    """What a new key is for."""

    name: str = required("name", Kind(_read_name, TEXT.schema), note="For people.")
    scopes: frozenset[Scope] = required(
        "scopes",
        Kind(_read_scopes, _WORDS, is_array=True),
        note="read: what is stored, and events; send: acting in an account's name; "
        "manage: sessions, profile, keys. None contains another.",
    )
    sessions: frozenset[str] | None = optional(
        "sessions",
        Kind(_read_sessions, TEXTS.schema),
        default=None,
        note="Only these sessions; all when left out.",
    )


def api_key_json(key: ApiKey) -> ApiKeyJson:
    """A key for its list."""
    return {
        "id": key.id,
        "name": key.name,
        "scopes": [scope.value for scope in Scope if scope in key.scopes],
        "sessions": None if key.sessions is None else sorted(key.sessions),
        "createdAt": key.created_ms,
    }
