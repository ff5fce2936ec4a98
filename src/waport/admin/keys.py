"""API keys from the command line: for the first one, and where nobody has a key any more."""

from __future__ import annotations

from collections.abc import Sequence

from ..api.fields import read_fields
from ..api.keys import KeyRing
from ..api.schemas.api_keys import MakeApiKeyRequest, api_key_json
from ..config import Settings
from ..store import Database


async def add_key(
    settings: Settings, name: str, scopes: Sequence[str], sessions: Sequence[str]
) -> list[str]:
    """Make a key; gives the lines to show, with the secret in the last one.

    Raises:
        InvalidInput: the name, a scope or a session id can't be used.
        StoreError: the database can't be opened, since the server runs for example.
    """
    asked = read_fields(
        MakeApiKeyRequest,
        {"name": name, "scopes": list(scopes), "sessions": list(sessions) or None},
    )
    database = await Database.open(settings.store_url, secrets=settings.secrets)
    try:
        ring = KeyRing(settings.api_key, database)
        await ring.load()
        key, secret = await ring.make(asked.name, asked.scopes, asked.sessions)
    finally:
        await database.close()
    return [f"{key.id}: the key is shown this one time", secret]


async def list_keys(settings: Settings) -> list[str]:
    """A line for each key.

    Raises:
        StoreError: the database can't be opened.
    """
    database = await Database.open(settings.store_url, secrets=settings.secrets)
    try:
        keys = [api_key_json(key) for key in (await database.api_keys()).values()]
    finally:
        await database.close()
    return [
        f"{key['id']}  {','.join(key['scopes'])}  "
        f"{'all sessions' if key['sessions'] is None else ','.join(key['sessions'])}  {key['name']}"
        for key in keys
    ] or ["no keys"]


async def revoke_key(settings: Settings, key_id: str) -> bool:
    """Remove a key, whatever it was for. Whether there was one.

    Raises:
        StoreError: the database can't be opened.
    """
    database = await Database.open(settings.store_url, secrets=settings.secrets)
    try:
        return await database.delete_api_key(key_id)
    finally:
        await database.close()
