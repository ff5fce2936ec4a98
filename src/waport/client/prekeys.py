"""Keeping the server supplied with our keys: one-time keys, and a signed one that is not too old.

Source: docs/protocol/signal.md, "Upload", "Digest" and "Rotation".
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from enum import Enum, auto
from functools import partial

from ..errors import NotFound, QueryError, QueryTimeout, StanzaError, StoreError
from ..model import Credentials
from ..signal import MAX_KEY_ID, PreKey, SignedPreKey, generate_pre_keys, next_key_id
from ..stanza.prekeys import (
    CountPreKeys,
    FetchDigest,
    KeyDigest,
    RotateSignedPreKey,
    UploadPreKeys,
    key_checksum,
)
from ..store import Database, UnitOfWork
from .clock import SYSTEM_CLOCK, Clock
from .policy import Backoff
from .queries import Queries

log = logging.getLogger(__name__)

FIRST_UPLOAD = 812
REFILL = 50
LOW = 5
"""Fewer keys than this at the server ask for a refill (docs/protocol/signal.md, "Upload")."""

ATTEMPTS = 4
MAX_UPLOADS = 3
"""Uploads in a row, if the server says each time that it wants still more."""

ROTATION_AGE_S = 27 * 24 * 3600
"""A signed pre-key of that age is replaced."""

ROTATION_CHECK_S = 24 * 3600
"""How often its age is looked at, and a rotation that failed is tried again."""

OLD_SIGNED_KEYS = 2
"""Replaced signed pre-keys that are kept, for messages that were made with them."""

_NOT_TAKEN = frozenset((406, 409))
"""Answers to a rotation after which that very key is of no use."""


class _Finding(Enum):
    """What the server's digest says of our keys."""

    AGREES = auto()
    ROTATED = auto()
    """It has the key that a rotation without an answer brought."""
    OUTDATED = auto()
    """It has an old registration id or signed pre-key: to be uploaded again."""
    FOREIGN = auto()
    """It has another identity key: nothing that we upload would help."""


def take_pre_keys(
    store: UnitOfWork, credentials: Credentials, count: int, *, uploaded: bool = False
) -> tuple[Credentials, list[PreKey]]:
    """Make and store fresh one-time keys; their ids are never given out twice.

    Args:
        uploaded: they never go to the server's pool (they travel in a retry receipt).
    """
    keys = generate_pre_keys(credentials.next_pre_key_id, count)
    credentials = replace(credentials, next_pre_key_id=next_key_id(keys[-1].id))
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
            await self._fill(FIRST_UPLOAD if count == 0 else REFILL)

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

    async def verify(self) -> None:
        """Compare the server's keys of ours with our own, and upload them again if they are gone
        or old.

        Raises:
            QueryError, QueryTimeout, ConnectionClosed, StanzaError: it could not be found out.
        """
        async with self._lock:
            try:
                digest = await self._queries.run(FetchDigest())
            except NotFound:
                log.warning("the server has no keys of ours; they are uploaded again")
                await self._fill(FIRST_UPLOAD)
                return
            match await self._database.read(
                self._session_id, lambda store: _compare(store, digest)
            ):
                case _Finding.ROTATED:
                    await self._database.write(
                        self._session_id, lambda store: _promote(store, digest.signed_pre_key_id)
                    )
                case _Finding.OUTDATED:
                    log.warning("the server has old keys of ours; they are uploaded again")
                    await self._fill(LOW)
                case _Finding.FOREIGN:
                    log.error("the server has another identity key for this device")
                case _Finding.AGREES:
                    pass

    async def rotate(self) -> None:
        """Replace the signed pre-key if it is old, or if an earlier try to do so has not ended.

        The new key is on disk before the request leaves, and it is the same one again if the
        answer got lost. The old one is kept for a while.

        Raises:
            QueryError, QueryTimeout, ConnectionClosed: not replaced.
        """
        async with self._lock:
            staged = await self._database.write(
                self._session_id, partial(_stage, now_ms=int(self._clock.unix() * 1000))
            )
            if staged is None:
                return
            key_id = staged.id
            try:
                await self._queries.run(RotateSignedPreKey(staged))
            except QueryError as exc:
                if exc.code in _NOT_TAKEN:
                    await self._database.write(
                        self._session_id, lambda store: store.signal.delete_signed_pre_key(key_id)
                    )
                raise
            await self._database.write(self._session_id, lambda store: _promote(store, key_id))
            log.info("replaced the signed pre-key")

    async def watch(self) -> None:
        """Verify, then rotate in time, for as long as the connection lasts.

        Raises:
            ConnectionClosed: it ended.
        """
        try:
            await self.verify()
        except (QueryError, QueryTimeout, StanzaError) as exc:
            log.warning("keys not verified: %s", exc)
        while True:
            try:
                await self.rotate()
            except (QueryError, QueryTimeout) as exc:
                log.warning("signed pre-key not replaced: %s", exc)
            await self._clock.sleep(ROTATION_CHECK_S)

    async def _fill(self, amount: int) -> None:
        for _ in range(MAX_UPLOADS):
            if not await self._upload(amount):
                return
            amount = REFILL

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


def _credentials(store: UnitOfWork) -> Credentials:
    credentials = store.devices.get()
    if credentials is None:
        raise StoreError("the credentials are gone")
    return credentials


def _prepare_upload(store: UnitOfWork, count: int) -> tuple[UploadPreKeys, list[int]]:
    credentials = _credentials(store)
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


def _compare(store: UnitOfWork, digest: KeyDigest) -> _Finding:
    """Hold the server's digest against what is stored."""
    credentials = _credentials(store)
    if digest.identity != credentials.identity.public:
        return _Finding.FOREIGN
    current = credentials.signed_pre_key
    staged = store.signal.signed_pre_key(next_key_id(current.id))
    if staged is not None and _is_key(digest, staged):
        return _Finding.ROTATED
    if digest.registration_id != credentials.registration_id or not _is_key(digest, current):
        return _Finding.OUTDATED
    _look_at_pre_keys(store, digest, credentials)
    return _Finding.AGREES


def _is_key(digest: KeyDigest, key: SignedPreKey) -> bool:
    told = (digest.signed_pre_key_id, digest.signed_pre_key, digest.signature)
    return told == (key.id, key.pair.public, key.signature)


def _look_at_pre_keys(store: UnitOfWork, digest: KeyDigest, credentials: Credentials) -> None:
    """Say so if one-time keys differ. New ones would not take the old ones' place."""
    known = store.signal.public_pre_keys(digest.pre_key_ids)
    missing = sum(key_id not in known for key_id in digest.pre_key_ids)
    if missing:
        log.warning("the server gives out %d one-time keys that are not here", missing)
        return
    keys = (known[key_id] for key_id in digest.pre_key_ids)
    expected = key_checksum(credentials.identity.public, credentials.signed_pre_key, keys)
    if digest.checksum and digest.checksum != expected:
        log.warning("the server's one-time keys differ from ours")


def _stage(store: UnitOfWork, now_ms: int) -> SignedPreKey | None:
    """The signed pre-key to go on to; None while the current one is young enough."""
    credentials = _credentials(store)
    current = credentials.signed_pre_key
    staged = store.signal.signed_pre_key(next_key_id(current.id))
    if staged is not None:
        return staged
    made_ms = store.signal.signed_pre_key_times().get(current.id)
    if made_ms is None:
        store.signal.put_signed_pre_key(current)
        return None
    if now_ms - made_ms < ROTATION_AGE_S * 1000:
        return None
    staged = SignedPreKey.create(credentials.identity, next_key_id(current.id))
    store.signal.put_signed_pre_key(staged)
    return staged


def _promote(store: UnitOfWork, key_id: int) -> None:
    """The server has the staged key: it is the current one now, and the oldest ones go."""
    key = store.signal.signed_pre_key(key_id)
    if key is None:
        raise StoreError("the staged signed pre-key is gone")
    store.devices.save(replace(_credentials(store), signed_pre_key=key))
    kept = {key_id}
    for _ in range(OLD_SIGNED_KEYS):
        key_id = _key_id_before(key_id)
        kept.add(key_id)
    for old in store.signal.signed_pre_key_times().keys() - kept:
        store.signal.delete_signed_pre_key(old)


def _key_id_before(key_id: int) -> int:
    return key_id - 1 or MAX_KEY_ID
