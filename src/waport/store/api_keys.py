"""API keys. They belong to the server, not to one of its sessions."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import bindparam, delete, select

from ..errors import CorruptRecord
from ..model import ApiKey, Scope
from .schema import api_keys
from .statements import Connection, Statement, add_row

_ALL = Statement(
    select(
        api_keys.c.id,
        api_keys.c.name,
        api_keys.c.digest,
        api_keys.c.scopes,
        api_keys.c.sessions,
        api_keys.c.created_ms,
    ).order_by(api_keys.c.created_ms, api_keys.c.id)
)
_ADD = add_row(api_keys)
_DELETE = Statement(delete(api_keys).where(api_keys.c.id == bindparam("id")))


def all_api_keys(db: Connection) -> dict[bytes, ApiKey]:
    """Every key by the SHA-256 of its secret, the oldest first.

    Raises:
        CorruptRecord: a row can't be read.
    """
    try:
        return {
            bytes(digest): ApiKey(
                key_id,
                name,
                frozenset(Scope(word) for word in json.loads(scopes)),
                None if sessions is None else frozenset(map(str, json.loads(sessions))),
                int(created_ms),
            )
            for key_id, name, digest, scopes, sessions, created_ms in db.all(_ALL)
        }
    except (ValueError, TypeError) as exc:
        raise CorruptRecord("a stored API key cannot be read") from exc


def add_api_key(db: Connection, key: ApiKey, digest: bytes) -> None:
    """Store a new key.

    Raises:
        StoreError: there is one of that id or secret already.
    """
    db.change(_ADD, **_columns(key), digest=digest)


def delete_api_key(db: Connection, key_id: str) -> bool:
    """Remove a key. Whether there was one."""
    return db.change(_DELETE, id=key_id) > 0


def _columns(key: ApiKey) -> Mapping[str, object]:
    sessions = None if key.sessions is None else json.dumps(sorted(key.sessions))
    return {
        "id": key.id,
        "name": key.name,
        "scopes": json.dumps(sorted(scope.value for scope in key.scopes)),
        "sessions": sessions,
        "created_ms": key.created_ms,
    }
