"""Where answers to requests with an Idempotency-Key are kept, and the form in which they are.

Each is encrypted under a key that follows from its Idempotency-Key, of which only a hash is stored:
an answer may hold a secret that is told one time, such as a new API key.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Final, Protocol

from ..crypto import AesGcm, hkdf
from ..errors import CorruptRecord, CryptoError
from ..store import (
    Database,
    KeptRequest,
    claim_request,
    forget_request,
    keep_answer,
    prune_requests,
)
from .envelope import RawHeaders

KEPT_MS: Final = 24 * 3600 * 1000
"""How long a request is remembered."""

_NONCE_SIZE: Final = 12
_INFO: Final = b"waport kept answer 1"


class AnswerStore(Protocol):
    """Remembers requests and their answers."""

    async def claim(self, digest: bytes, fingerprint: bytes, now_ms: int) -> KeptRequest:
        """The request as it was remembered, from now on if it is new."""
        ...

    async def keep(self, digest: bytes, status: int, answer: bytes | None) -> None: ...

    async def forget(self, digest: bytes) -> None: ...


class StoredAnswers:
    """In the database: each step is on the disk before it returns.

    Every method raises StoreError when the database refuses.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, digest: bytes, fingerprint: bytes, now_ms: int) -> KeptRequest:
        """The request as it was remembered, from now on if it is new."""
        return await self._database.change(
            lambda db: claim_request(db, digest, fingerprint, now_ms, now_ms - KEPT_MS)
        )

    async def keep(self, digest: bytes, status: int, answer: bytes | None) -> None:
        """Keep the answer; None where it is too long."""
        await self._database.change(lambda db: keep_answer(db, digest, status, answer))

    async def forget(self, digest: bytes) -> None:
        """Remember the request no longer."""
        await self._database.change(lambda db: forget_request(db, digest))

    async def prune(self, now_ms: int) -> None:
        """Forget what is old, in small steps."""
        while await self._database.change(lambda db: prune_requests(db, now_ms - KEPT_MS)):
            pass


class HeldAnswers:
    """In memory, for an application without a database."""

    def __init__(self) -> None:
        self._rows: dict[bytes, KeptRequest] = {}

    async def claim(self, digest: bytes, fingerprint: bytes, now_ms: int) -> KeptRequest:
        """The request as it was remembered, from now on if it is new."""
        row = self._rows.get(digest)
        if row is None or row.created_ms <= now_ms - KEPT_MS:
            row = KeptRequest(fingerprint, now_ms)
            self._rows[digest] = KeptRequest(fingerprint, now_ms, is_repeat=True)
        return row

    async def keep(self, digest: bytes, status: int, answer: bytes | None) -> None:
        """Keep the answer; None where it is too long."""
        row = self._rows[digest]
        self._rows[digest] = KeptRequest(
            row.fingerprint, row.created_ms, status, answer, is_repeat=True
        )

    async def forget(self, digest: bytes) -> None:
        """Remember the request no longer."""
        self._rows.pop(digest, None)


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The headers and the body of an answer."""

    headers: RawHeaders
    body: bytes

    def seal(self, key: bytes) -> bytes:
        """The stored form.

        Args:
            key: the request's Idempotency-Key.
        """
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.headers]
        head = json.dumps(pairs).encode()
        nonce = os.urandom(_NONCE_SIZE)
        plain = len(head).to_bytes(4, "big") + head + self.body
        return nonce + _cipher(key).encrypt(nonce, plain)

    @classmethod
    def open(cls, key: bytes, stored: bytes) -> KeptAnswer:
        """Read the stored form.

        Raises:
            CorruptRecord: it is not what `seal` made with this key.
        """
        try:
            plain = _cipher(key).decrypt(stored[:_NONCE_SIZE], stored[_NONCE_SIZE:])
            end = 4 + int.from_bytes(plain[:4], "big")
            pairs = json.loads(plain[4:end])
            headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
        except (CryptoError, ValueError) as exc:
            raise CorruptRecord("a kept answer cannot be read") from exc
        return cls(headers, plain[end:])


def _cipher(key: bytes) -> AesGcm:
    return AesGcm(hkdf(key, b"", _INFO, 32))
