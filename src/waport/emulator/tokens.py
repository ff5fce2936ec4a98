"""Trusted-contact tokens: proof that somebody has given an account leave to write to them.

Source: docs/protocol/queries.md, "Privacy tokens".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..crypto import equal, hmac_sha256
from ..wire import Jid, Node

BUCKET_S = 604_800
"""Seconds of one bucket of time; a token is given anew in each."""

BUCKETS = 4
"""A token is good in the bucket of its time and in the three after it."""

KEPT = 4
"""Tokens of one giver for one receiver that are remembered; clients may be late with a new one."""

_TOKEN = "tctoken"
_SALTED = "cstoken"
STRANGER_TAGS = frozenset({_TOKEN, _SALTED})
"""Elements of a message that have no business in any chat but that of two people."""


@dataclass(frozen=True, slots=True)
class TrustedToken:
    """One token, as its giver's server made it.

    Attributes:
        t: unix seconds, as the giver said.
        value: 32 bytes.
    """

    t: int
    value: bytes


def expired_before(now: float) -> int:
    """Tokens with a time before this (unix seconds) are not good any more."""
    return (int(now) // BUCKET_S - (BUCKETS - 1)) * BUCKET_S


def add_token(tokens: list[TrustedToken], token: TrustedToken) -> None:
    """Keep a new token, and forget the oldest if there are too many."""
    tokens.append(token)
    del tokens[:-KEPT]


def is_good(tokens: Iterable[TrustedToken], value: bytes, now: float) -> bool:
    """Whether one of the tokens that were given is shown, and in time."""
    limit = expired_before(now)
    return any(token.t >= limit and equal(token.value, value) for token in tokens)


def salted_token(salt: bytes, contact: Jid) -> bytes:
    """What a client shows in place of a token that it does not have: 32 bytes.

    Args:
        salt: the account's own secret, which its phone and its companions share.
        contact: the bare LID of who is written to.
    """
    return hmac_sha256(salt, str(contact.bare).encode())


def shown_token(holders: Iterable[Node | None], tag: str = _TOKEN) -> bytes | None:
    """The token in the first of these elements that holds one."""
    for holder in holders:
        node = holder.find(tag) if holder is not None else None
        if node is not None and isinstance(node.content, bytes):
            return node.content
    return None


def shown_salted_token(message: Node) -> bytes | None:
    """The `<cstoken>` of a message."""
    return shown_token([message], _SALTED)
