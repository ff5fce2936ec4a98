"""Who is calling: the operator's key, keys that were made over the API, or nobody."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from ..crypto import sha256
from ..model import ApiKey, Scope
from .errors import HttpError, InvalidRequest
from .head import keys_match

OPERATOR: Final = ApiKey("", "API_KEY", frozenset(Scope), None, 0)
"""Whoever has `API_KEY`; and everybody where no key exists."""
MAX_KEYS: Final = 1000
"""Keys that may exist at a time."""
MAX_NAME: Final = 100
"""Characters of a key's name."""
MAX_SESSIONS: Final = 1000
"""Sessions that one key may name."""

_PREFIX: Final = "wpk_"
_SECRET_BYTES: Final = 32


class KeyStore(Protocol):
    """Where keys are kept; `Database` is the real one."""

    async def api_keys(self) -> Mapping[bytes, ApiKey]:
        """All of them by the SHA-256 of their secrets."""
        ...

    async def add_api_key(self, key: ApiKey, digest: bytes) -> None: ...

    async def delete_api_key(self, key_id: str) -> bool: ...


class NoKeys:
    """For a server that keeps no keys."""

    async def api_keys(self) -> Mapping[bytes, ApiKey]:
        return {}

    async def add_api_key(self, key: ApiKey, digest: bytes) -> None:
        return None

    async def delete_api_key(self, key_id: str) -> bool:
        return False


class KeyRing:
    """All keys that open this server.

    A secret has 256 random bits, so that its plain hash tells nothing about it, and what a look-up
    by that hash takes does not either.

    Args:
        operator_key: `API_KEY`; empty: there is none.
        store: keeps the other keys.
        clock_ms: Unix milliseconds.
    """

    def __init__(
        self,
        operator_key: str,
        store: KeyStore | None = None,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._operator_key = operator_key
        self._store = store or NoKeys()
        self._clock_ms = clock_ms
        self._keys: dict[bytes, ApiKey] = {}
        self._listeners: dict[str, set[Callable[[], None]]] = {}
        # Changes take turns: what one has checked is true until it is done.
        self._changing = asyncio.Lock()

    async def load(self) -> None:
        """Read the stored keys.

        Raises:
            StoreError: they can't be read.
        """
        self._keys = dict(await self._store.api_keys())

    @property
    def is_open(self) -> bool:
        """Whether there is no key at all, so that none is asked for."""
        return not self._operator_key and not self._keys

    @property
    def keys(self) -> Sequence[ApiKey]:
        """The stored keys, the oldest first."""
        return list(self._keys.values())

    def holder(self, given: Sequence[bytes]) -> ApiKey | None:
        """Whose keys these are; None: nobody's. More than one are a wrong key.

        Args:
            given: as they came.
        """
        if self.is_open:
            return OPERATOR
        if len(given) != 1:
            return None
        if self._operator_key and keys_match(given[0], self._operator_key):
            return OPERATOR
        return self._keys.get(sha256(given[0]))

    async def make(
        self,
        name: str,
        scopes: frozenset[Scope],
        sessions: frozenset[str] | None,
        maker: ApiKey | None = None,
    ) -> tuple[ApiKey, str]:
        """Make a key; gives the secret too, which is told this one time.

        Args:
            maker: whose request it is; None: whoever has the database.

        Raises:
            InvalidRequest: there are too many, or nobody could manage keys any more.
            HttpError: 403, the maker may not do as much itself; 401, it opens nothing
                any more.
            StoreError: it was not stored.
        """
        key = ApiKey(secrets.token_hex(8), name, scopes, sessions, self._clock_ms())
        if maker is not None and not maker.covers(key):
            raise HttpError(403, "forbidden", "A key can't make one that may do more")
        secret = _PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
        digest = sha256(secret.encode())
        async with self._changing:
            if maker is not None and not self._opens(maker):
                raise HttpError(401, "unauthorized", "Invalid API key")
            if len(self._keys) >= MAX_KEYS:
                raise InvalidRequest(f"there are {MAX_KEYS} keys already")
            was_open = self.is_open
            if was_open and not key.is_full_manager:
                raise InvalidRequest(
                    "without API_KEY the first key must have the scope manage and all sessions"
                )
            await self._store.add_api_key(key, digest)
            self._keys[digest] = key
        if was_open:
            self._tell(OPERATOR.id)  # whoever listens without a key needs one now
        return key, secret

    async def revoke(self, key_id: str) -> None:
        """Remove a key; it opens nothing from now on, and what it had open is closed.

        Raises:
            HttpError: 404, there is no such key.
            InvalidRequest: it is the last one that can manage the others.
            StoreError: it was not removed, and works on.
        """
        async with self._changing:
            digest = next((d for d, key in self._keys.items() if key.id == key_id), None)
            if digest is None:
                raise HttpError(404, "api_key_not_found", "API key not found")
            others = [key for key in self._keys.values() if key.id != key_id]
            if others and not self._operator_key and not any(k.is_full_manager for k in others):
                raise InvalidRequest("without API_KEY the last key that manages keys goes last")
            await self._store.delete_api_key(key_id)
            self._keys.pop(digest, None)
        self._tell(key_id)

    def _tell(self, key_id: str) -> None:
        for listener in tuple(self._listeners.get(key_id, ())):
            listener()

    def _opens(self, key: ApiKey) -> bool:
        if key.id == OPERATOR.id:
            return bool(self._operator_key) or self.is_open
        return any(each.id == key.id for each in self._keys.values())

    def on_revoked(self, key: ApiKey, listener: Callable[[], None]) -> Callable[[], None]:
        """Have something called once the key opens nothing any more; gives what takes that back.

        That is when it is revoked, and for no key at all when the first one is made. Of a key that
        opens nothing already, since it was revoked after its holder was let in, it is called now.
        """
        if not self._opens(key):
            listener()
        listeners = self._listeners.setdefault(key.id, set())
        listeners.add(listener)

        def forget() -> None:
            listeners.discard(listener)
            if not listeners and self._listeners.get(key.id) is listeners:
                del self._listeners[key.id]

        return forget
