"""Keeping the server supplied with our one-time keys."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from ..errors import QueryError, QueryTimeout, StoreError
from ..model import Credentials
from ..signal import PreKey, generate_pre_keys
from ..stanza.prekeys import CountPreKeys, UploadPreKeys
from ..store import Database, UnitOfWork
from .clock import SYSTEM_CLOCK, Clock
from .policy import Backoff
from .queries import Queries

log = logging.getLogger(__name__)

FIRST_UPLOAD = 812
REFILL = 50
LOW = 5
"""Fewer keys than this at the server ask for a refill (docs/protocol/signal.md, "Upload")."""

MAX_KEY_ID = 0xFFFFFF
ATTEMPTS = 4
MAX_UPLOADS = 3
"""Uploads in a row, if the server says each time that it wants still more."""


def take_pre_keys(
    store: UnitOfWork, credentials: Credentials, count: int, *, uploaded: bool = False
) -> tuple[Credentials, list[PreKey]]:
    """Make and store fresh one-time keys; their ids are never given out twice.

    Args:
        uploaded: they never go to the server's pool (they travel in a retry receipt).
    """
    keys = generate_pre_keys(credentials.next_pre_key_id, count)
    next_id = keys[-1].id % MAX_KEY_ID + 1
    credentials = replace(credentials, next_pre_key_id=next_id)
    store.devices.save(credentials)
    store.signal.add_pre_keys(keys, uploaded=uploaded)
    return credentials, keys


class PreKeys:
    """Uploads one-time keys; one upload at a time."""

    def __init__(
        self,
        database: Database,
        session_id: str,
        queries: Queries,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._clock = clock
        self._lock = asyncio.Lock()

    async def ensure(self) -> None:
        """Ask how many keys the server has, and upload more when they are few.

        Raises:
            QueryError, QueryTimeout, ConnectionClosed: the server could not be asked.
        """
        async with self._lock:
            count = await self._queries.run(CountPreKeys())
            if count >= LOW:
                return
            amount = FIRST_UPLOAD if count == 0 else REFILL
            for _ in range(MAX_UPLOADS):
                if not await self._upload(amount):
                    return
                amount = REFILL

    async def refill(self) -> None:
        """The same in the background: retried with growing delays, then left to the next login."""
        backoff = Backoff(1, 60)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self.ensure()
            except (QueryError, QueryTimeout) as exc:
                log.warning("pre-keys not uploaded (%d of %d tries): %s", attempt, ATTEMPTS, exc)
            if attempt < ATTEMPTS:
                await self._clock.sleep(backoff.next_delay())
        return None

    async def _upload(self, count: int) -> bool:
        """Upload keys; whether the server wants still more.

        They are on disk before the request leaves, and they are the same ones again if the answer
        to an earlier upload was lost.
        """
        upload, ids = await self._database.write(
            self._session_id, lambda store: _prepare_upload(store, count)
        )
        wants_more = await self._queries.run(upload)
        await self._database.write(self._session_id, lambda store: _mark_uploaded(store, ids))
        log.info("uploaded %d pre-keys", len(ids))
        return wants_more


def _prepare_upload(store: UnitOfWork, count: int) -> tuple[UploadPreKeys, list[int]]:
    credentials = store.devices.get()
    if credentials is None:
        raise StoreError("the credentials are gone")
    keys = store.signal.unuploaded_pre_keys(count)
    if len(keys) < count:
        credentials, more = take_pre_keys(store, credentials, count - len(keys))
        keys = [*keys, *more]
    upload = UploadPreKeys(
        credentials.registration_id,
        credentials.identity.public,
        credentials.signed_pre_key,
        keys,
    )
    return upload, [key.id for key in keys]


def _mark_uploaded(store: UnitOfWork, ids: list[int]) -> None:
    store.signal.mark_pre_keys_uploaded(ids)
    credentials = store.devices.get()
    if credentials is not None and not credentials.pre_keys_uploaded:
        store.devices.save(replace(credentials, pre_keys_uploaded=True))
