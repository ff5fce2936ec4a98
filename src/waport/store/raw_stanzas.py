"""Stanzas that were acknowledged and mean nothing to this program, for whoever can read them."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import bindparam, delete, select
from sqlalchemy.sql import ClauseElement

from ..errors import CorruptRecord, DecodeError, InvalidInput
from ..wire import Node, decode_node, encode_node
from .rows import Repository
from .schema import raw_stanzas as table
from .statements import InsertFactory, Statement, row_values

KEPT = 200
"""Stanzas that are kept of a session; the oldest go first."""

MAX_SIZE = 64 * 1024
"""Bytes of a stanza that is kept."""

MAX_NAME = 128
"""Characters of a kind, and of an id."""

_IN_SESSION = table.c.session_id == bindparam("session_id")


def _add(insert_into: InsertFactory) -> ClauseElement:
    row = insert_into(table).values(row_values(table))
    # The server sends one again until it has our ack.
    return row.on_conflict_do_nothing().returning(table.c.seq)


_ADD = Statement(_add)
_LATEST = Statement(
    select(table.c.kind, table.c.stanza, table.c.received_at)
    .where(_IN_SESSION)
    .order_by(table.c.seq.desc())
    .limit(bindparam("limit"))
)
_PRUNE = Statement(
    delete(table).where(
        _IN_SESSION,
        table.c.seq
        <= select(table.c.seq)
        .where(_IN_SESSION)
        .order_by(table.c.seq.desc())
        .limit(1)
        .offset(bindparam("kept"))
        .scalar_subquery(),
    )
)


@dataclass(frozen=True, slots=True)
class RawStanza:
    """A stanza as it came.

    Attributes:
        kind: the type of a notification, or `ib` and the tag of a child.
        node: the stanza.
        received_at: Unix seconds.
    """

    kind: str
    node: Node
    received_at: int


class RawStanzas(Repository):
    """The latest unread stanzas of this session."""

    __slots__ = ()

    def add(self, kind: str, node: Node, received_at: int) -> bool:
        """Keep a stanza; False when it is here already, or larger than any that is kept."""
        try:
            stanza = encode_node(node)
        except InvalidInput:
            return False
        if len(stanza) > MAX_SIZE:
            return False
        added = self._db.one(
            _ADD,
            session_id=self._session_id,
            kind=kind[:MAX_NAME],
            # What has no id is told apart by its content.
            stanza_id=(node.get("id") or sha256(stanza).hexdigest())[:MAX_NAME],
            stanza=stanza,
            received_at=received_at,
        )
        self._db.change(_PRUNE, session_id=self._session_id, kept=KEPT)
        return added is not None

    def latest(self, limit: int = KEPT) -> list[RawStanza]:
        """Those that came last, the latest first.

        Raises:
            CorruptRecord: a stored one cannot be read.
        """
        rows = self._db.all(_LATEST, session_id=self._session_id, limit=limit)
        try:
            return [RawStanza(kind, decode_node(bytes(data)), at) for kind, data, at in rows]
        except DecodeError as exc:
            raise CorruptRecord("a kept stanza cannot be read") from exc
