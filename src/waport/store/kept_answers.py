"""Requests that may come again, and the answers that are kept for them. They belong to the server,
not to one of its sessions."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, select, update

from .schema import kept_answers as table
from .statements import Connection, Statement, put_row

_PRUNE_STEP = 1000
"""Rows that go in one job."""


@dataclass(frozen=True, slots=True)
class KeptRequest:
    """A request as it is remembered.

    Attributes:
        fingerprint: of its body.
        created_ms: when it first came, Unix milliseconds.
        status: of the answer; None: there is none yet.
        answer: as it was given to `keep_answer`; None: it was too long.
        is_repeat: it was here before.
    """

    fingerprint: bytes
    created_ms: int
    status: int | None = None
    answer: bytes | None = None
    is_repeat: bool = False


_GET = Statement(
    select(table.c.fingerprint, table.c.created_ms, table.c.status, table.c.answer).where(
        table.c.digest == bindparam("digest"), table.c.created_ms > bindparam("expired_ms")
    )
)
_PUT = put_row(table)
_KEEP = Statement(
    update(table)
    .where(table.c.digest == bindparam("of"))
    .values(status=bindparam("status"), answer=bindparam("answer"))
)
_FORGET = Statement(delete(table).where(table.c.digest == bindparam("digest")))
_PRUNE = Statement(
    delete(table).where(
        table.c.digest.in_(
            select(table.c.digest)
            .where(table.c.created_ms <= bindparam("expired_ms"))
            .limit(bindparam("limit"))
        )
    )
)


def claim_request(
    db: Connection, digest: bytes, fingerprint: bytes, now_ms: int, expired_ms: int
) -> KeptRequest:
    """The request as it was remembered; one that is new, or old enough, is remembered from now on.

    Args:
        digest: of caller, path and key.
        fingerprint: of the body that it came with now.
        now_ms: Unix milliseconds.
        expired_ms: what came then or before is forgotten.
    """
    row = db.one(_GET, digest=digest, expired_ms=expired_ms)
    if row is not None:
        known, created_ms, status, answer = row
        kept = None if answer is None else bytes(answer)
        return KeptRequest(bytes(known), int(created_ms), status, kept, is_repeat=True)
    db.change(
        _PUT,
        digest=digest,
        fingerprint=fingerprint,
        created_ms=now_ms,
        status=None,
        answer=None,
    )
    return KeptRequest(fingerprint, now_ms)


def keep_answer(db: Connection, digest: bytes, status: int, answer: bytes | None) -> None:
    """Keep the answer to a remembered request; None where it is too long."""
    db.change(_KEEP, of=digest, status=status, answer=answer)


def forget_request(db: Connection, digest: bytes) -> None:
    """Remember a request no longer: nothing came of it."""
    db.change(_FORGET, digest=digest)


def prune_requests(db: Connection, expired_ms: int) -> int:
    """Forget some of the requests that came then or before; how many, 0 when none is left."""
    return db.change(_PRUNE, expired_ms=expired_ms, limit=_PRUNE_STEP)
