"""What people added to messages, and the messages that still wait for what they speak of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, or_, select
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.sql import ClauseElement

from ..model import AddOn, AddOnKind, Message, MessageKey
from ..wire import Jid
from .add_on_names import move_chat, rename_add_ons
from .devices import Devices
from .message_rows import COLUMNS, OWN, author_column, in_chat, read_message
from .rows import Repository, jid_column, parse_jid
from .schema import add_ons as table
from .schema import messages
from .schema import waiting_add_ons as waiting
from .statements import Connection, InsertFactory, Row, Statement, put_row, row_values

MAX_WAITING = 1000
"""Messages of one session that may wait for what they speak of; the oldest go."""

_COLUMNS = [c for c in table.columns if c.name not in ("position", "session_id")]
_KEY = ["session_id", "chat", "target_id", "target_author", "kind", "author"]


def _put_newer(insert_into: InsertFactory) -> Insert:
    row = insert_into(table).values(row_values(table))
    return row.on_conflict_do_update(
        index_elements=_KEY,
        set_={c.name: row.excluded[c.name] for c in _COLUMNS if c.name not in _KEY},
        where=table.c.timestamp_ms <= row.excluded.timestamp_ms,
    )


def _put(insert_into: InsertFactory) -> ClauseElement:
    return _put_newer(insert_into).returning(table.c.position)


_TO_TARGET = and_(
    in_chat(table),
    table.c.target_id == bindparam("target_id"),
    table.c.target_author == bindparam("target_author"),
)
_OF_KIND = and_(_TO_TARGET, table.c.kind == bindparam("kind"))
_PUT = Statement(_put)
_PUT_NEWER = Statement(_put_newer)
# The row of that author comes before the own one.
_GET = Statement(
    select(*_COLUMNS)
    .where(_OF_KIND, or_(table.c.author == bindparam("author"), table.c.author == OWN))
    .order_by(table.c.author.desc())
    .limit(1)
)
_COUNT = Statement(
    select(func.count())
    .select_from(table)
    .where(_OF_KIND, table.c.data >= bindparam("at_least", type_=table.c.data.type))
)
_OF = Statement(select(*_COLUMNS).where(_OF_KIND).order_by(table.c.position))
_DROP = Statement(delete(table).where(_TO_TARGET))

_IN_SESSION = waiting.c.session_id == bindparam("session_id")
_WAITING = and_(in_chat(waiting), waiting.c.target_id == bindparam("target_id"))
_WAIT = put_row(waiting)
_KEEP_NEWEST = Statement(
    delete(waiting).where(
        _IN_SESSION,
        waiting.c.message_seq
        <= select(waiting.c.message_seq)
        .where(_IN_SESSION)
        .order_by(waiting.c.message_seq.desc())
        .offset(MAX_WAITING)
        .limit(1)
        .scalar_subquery(),
    )
)
_WAITING_MESSAGES = Statement(
    select(*COLUMNS)
    .join_from(waiting, messages, messages.c.seq == waiting.c.message_seq)
    .where(_WAITING)
    .order_by(waiting.c.message_seq)
)
_TAKE = Statement(delete(waiting).where(_WAITING))
_PRUNE_WAITING = Statement(delete(waiting).where(waiting.c.created_ms < bindparam("before_ms")))


class AddOns(Repository):
    """The reactions, votes, answers and pins of this session's messages."""

    __slots__ = ("_now_ms",)

    def __init__(self, db: Connection, session_id: str, now_ms: Callable[[], int]) -> None:
        super().__init__(db, session_id)
        self._now_ms = now_ms

    def put(self, add_on: AddOn) -> bool:
        """Store an add-on in place of the one that this person had for the message, if any.

        The own account, whose messages are `from_me`, is one person whatever address it has.

        Returns:
            False if the stored one is younger, by its own time; nothing has changed then.
        """
        return self._db.one(_PUT, **self._values(add_on)) is not None

    def put_many(self, add_ons: Iterable[AddOn]) -> None:
        """Store add-ons as `put` does, without asking what was news."""
        self._db.many(_PUT_NEWER, map(self._values, add_ons))

    def _values(self, add_on: AddOn) -> dict[str, Any]:
        key = add_on.key
        sender = jid_column(add_on.sender)
        # The key of a receipt is our message's: the receipt itself is somebody else's.
        is_own = key.from_me and add_on.kind is not AddOnKind.RECEIPT
        return {
            **self._kind(add_on.target, add_on.kind),
            "target_sender": jid_column(add_on.target.sender),
            "author": "" if is_own else sender,
            "sender": sender,
            "key_chat": jid_column(key.chat),
            "key_id": key.id,
            "data": add_on.data,
            "timestamp_ms": add_on.timestamp_ms,
        }

    def get(self, target: MessageKey, kind: AddOnKind, sender: Jid) -> AddOn | None:
        """What a person added to a message; the own account by phone number or LID."""
        row = self._db.one(_GET, **self._kind(target, kind), author=jid_column(sender))
        add_on = None if row is None else _add_on(row)
        if add_on is None or add_on.sender == sender or self._is_own(sender):
            return add_on
        return None

    def of(self, target: MessageKey, kind: AddOnKind) -> list[AddOn]:
        """What everybody added to a message, in the order in which they first did."""
        return [_add_on(row) for row in self._db.all(_OF, **self._kind(target, kind))]

    def count(self, target: MessageKey, kind: AddOnKind, at_least: bytes = b"") -> int:
        """How many people added to a message.

        Args:
            at_least: leave out those whose data is less, byte by byte.
        """
        (count,) = self._db.single(_COUNT, **self._kind(target, kind), at_least=at_least)
        return int(count)

    def drop(self, target: MessageKey) -> None:
        """Forget everything that was added to a message."""
        drop_add_ons(self._db, self._session_id, target)

    def rename(self, old: Jid, new: Jid) -> None:
        """Name a person by their number from now on, in all chats; what waits goes along.

        Of two add-ons that are one person's now the newer is kept. Where there is nothing of the
        LID this costs one look into the indexes.

        Raises:
            InvalidInput: `old` is no LID.
        """
        rename_add_ons(self._db, self._session_id, old, new)

    def move_chat(self, old: Jid, new: Jid) -> None:
        """Move everything of a private chat to another address of the same person."""
        move_chat(self._db, self._session_id, old, new)

    # --- waiting for a message ---

    def wait(self, chat: Jid, target_id: str, seq: int) -> None:
        """Remember that a stored message speaks of one which is not here yet.

        At most `MAX_WAITING` are remembered.

        Args:
            seq: the number of the message that waits.
        """
        self._db.change(
            _WAIT,
            session_id=self._session_id,
            message_seq=seq,
            chat=jid_column(chat),
            target_id=target_id,
            created_ms=self._now_ms(),
        )
        self._db.change(_KEEP_NEWEST, session_id=self._session_id)

    def take_waiting(self, chat: Jid, target_id: str) -> list[Message]:
        """The messages that waited for this one, in order of arrival. They wait no more."""
        where = {
            "session_id": self._session_id,
            "chat": jid_column(chat),
            "target_id": target_id,
        }
        # Asked for every message that is stored, and nearly always in vain.
        rows = self._db.all(_WAITING_MESSAGES, **where)
        if rows:
            self._db.change(_TAKE, **where)
        return [read_message(row) for row in rows]

    def _is_own(self, sender: Jid) -> bool:
        own = Devices(self._db, self._session_id).get()
        return own is not None and sender.bare in [
            jid.bare for jid in (own.pn, own.lid) if jid is not None
        ]

    def _kind(self, target: MessageKey, kind: AddOnKind) -> dict[str, Any]:
        return {**_target(self._session_id, target), "kind": kind.value}


def drop_add_ons(db: Connection, session_id: str, target: MessageKey) -> None:
    """Forget everything that was added to a message."""
    db.change(_DROP, **_target(session_id, target))


def prune_waiting(db: Connection, before_ms: int) -> None:
    """Give up waiting for messages that were spoken of before that time and never came."""
    db.change(_PRUNE_WAITING, before_ms=before_ms)


def _target(session_id: str, target: MessageKey) -> dict[str, Any]:
    return {
        "session_id": session_id,
        "chat": jid_column(target.chat),
        "target_id": target.id,
        "target_author": author_column(target),
    }


def _add_on(row: Row) -> AddOn:
    chat, target_id, target_author, target_sender, kind, author, sender, *rest = row
    key_chat, key_id, data, timestamp_ms = rest
    who = parse_jid(sender)
    target = MessageKey(parse_jid(chat), target_id, target_author == "", parse_jid(target_sender))
    if kind == AddOnKind.RECEIPT.value:
        key = target
    else:
        key = MessageKey(parse_jid(key_chat), key_id, author == "", who)
    return AddOn(target, AddOnKind(kind), who, key, data, timestamp_ms)
