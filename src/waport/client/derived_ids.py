"""Message ids that follow from a request, so that making the request again sends nothing twice.

They are given out to whatever is sent inside `deriving_from`, however deep in there it is sent:
otherwise every feature that sends something on the way would have to hand them on.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from contextvars import ContextVar

from ..crypto import hmac_sha256
from ..wire import Jid

_DIGEST_SIZE = 9


class DerivedIds:
    """The ids of one request's messages.

    Args:
        seed: of this request and no other.
        is_repeat: the request was made before, so that its messages may be there already.
    """

    def __init__(self, seed: bytes, *, is_repeat: bool) -> None:
        self._seed = seed
        self._is_open = True
        self._count: Counter[Jid] = Counter()
        self.is_repeat = is_repeat

    @property
    def is_used(self) -> bool:
        """Whether any id was given out."""
        return bool(self._count)

    def next(self, chat: Jid) -> str | None:
        """The id of the next message to a chat; None once the request is over."""
        if not self._is_open:
            return None
        self._count[chat] += 1
        name = f"{chat}|{self._count[chat]}".encode()
        return "3EB0" + hmac_sha256(self._seed, name)[:_DIGEST_SIZE].hex().upper()

    def close(self) -> None:
        """Give out no more: what was started by the request and goes on is not part of it."""
        self._is_open = False


_current: ContextVar[DerivedIds | None] = ContextVar("waport_derived_ids", default=None)


def derived_ids() -> DerivedIds | None:
    """Where the ids of what is sent here come from; None: they are made up."""
    return _current.get()


@contextlib.contextmanager
def deriving_from(ids: DerivedIds) -> Iterator[None]:
    """Around the work of a request that may be made again."""
    token = _current.set(ids)
    try:
        yield
    finally:
        ids.close()
        _current.reset(token)
