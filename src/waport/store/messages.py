"""The messages of every chat, in order, each once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    case,
    delete,
    exists,
    literal_column,
    select,
    tuple_,
    update,
)
from sqlalchemy.sql import ClauseElement

from ..errors import CorruptRecord
from ..model import Ack, Message, MessageKey, MessageKind
from ..wire import Jid
from .rows import Repository, jid_column, parse_jid
from .schema import messages as table
from .schema import retries
from .statements import Connection, InsertFactory, Row, Statement, row_values

_OWN: ColumnElement[str] = literal_column("''")
_PLACEHOLDER: ColumnElement[str] = literal_column(f"'{MessageKind.CIPHERTEXT.value}'")

_COLUMNS = tuple(
    table.c[name]
    for name in (
        "chat",
        "id",
        "author",
        "sender",
        "timestamp",
        "content",
        "kind",
        "push_name",
        "ack",
        "seq",
        "pending",
    )
)


def _chat(table: FromClause, name: str = "chat") -> ColumnElement[bool]:
    return and_(
        table.c.session_id == bindparam("session_id"),
        table.c.chat == bindparam(name),
    )


def _named(*columns: str) -> Select[Any]:
    """The message that a chat and an id mean.

    Authors choose ids, so two messages can share one. The own message goes first, then the one
    that was here first: nobody takes an id away by using it again.
    """
    named = table.alias("named")
    return (
        select(*(named.c[column] for column in columns))
        .where(_chat(named), named.c.id == bindparam("id"))
        .order_by(named.c.author != _OWN, named.c.seq)
        .limit(1)
    )


def _add(insert_into: InsertFactory) -> ClauseElement:
    row = insert_into(table).values(row_values(table))
    return row.on_conflict_do_nothing().returning(table.c.seq)


_ADD = Statement(_add)
_NEW_ACK = bindparam("new_ack", type_=Integer)
_FILL_PLACEHOLDER = Statement(
    update(table)
    .where(
        _chat(table),
        table.c.id == bindparam("id"),
        table.c.author == bindparam("author"),
        table.c.kind == _PLACEHOLDER,
    )
    .values(
        {
            "sender": bindparam("sender"),
            "content": bindparam("content"),
            "kind": bindparam("kind"),
            "push_name": bindparam("push_name"),
            "ack": case((table.c.ack < _NEW_ACK, _NEW_ACK), else_=table.c.ack),
            "pending": bindparam("pending"),
        }
    )
    .returning(*_COLUMNS)
)

_GET = Statement(_named(*(column.name for column in _COLUMNS)))
_FIND = Statement(
    select(*_COLUMNS)
    .where(table.c.session_id == bindparam("session_id"), table.c.id == bindparam("id"))
    .order_by(table.c.seq.desc())
    .limit(1)
)
_NEWEST_FIRST = (
    select(*_COLUMNS)
    .where(_chat(table), table.c.kind != MessageKind.ADD_ON.value)
    .order_by(table.c.timestamp.desc(), table.c.seq.desc())
    .limit(bindparam("limit"))
)
_PAGE = Statement(_NEWEST_FIRST)
_PAGE_BEFORE = Statement(
    _NEWEST_FIRST.where(
        tuple_(table.c.timestamp, table.c.seq)
        < tuple_(
            bindparam("timestamp", type_=table.c.timestamp.type),
            bindparam("seq", type_=table.c.seq.type),
        )
    )
)
_PLACE = Statement(_named("timestamp", "seq"))


def _set_ack(allowed: ColumnElement[bool]) -> Statement:
    return Statement(
        update(table)
        .where(table.c.seq == _named("seq").scalar_subquery(), allowed)
        .values(ack=_NEW_ACK, pending=bindparam("pending"))
        .returning(*_COLUMNS)
    )


_RAISE_ACK = _set_ack(table.c.ack < _NEW_ACK)
_FAIL = _set_ack(table.c.ack.between(Ack.PENDING.value, Ack.SERVER.value))
_SET_PENDING = Statement(
    update(table)
    .where(table.c.seq == _named("seq").scalar_subquery())
    .values(pending=bindparam("pending"))
)

_OLD, _NEW = bindparam("old", type_=Text), bindparam("new", type_=Text)


def _renamed(column: ColumnElement[str]) -> ColumnElement[str]:
    """In a private chat the chat is the other person, whose address changes along with it."""
    return case((column == _OLD, _NEW), else_=column)


def _twin(chat: str, matches: Callable[[FromClause], ColumnElement[bool]]) -> ColumnElement[bool]:
    """Whether the same message stands in the chat of that name too."""
    twin = table.alias("twin")
    return exists().where(_chat(twin, chat), twin.c.id == table.c.id, matches(twin))


_TWIN_RETRIES = retries.alias("twin")
_RENAME = [
    # What can be read wins over a placeholder; otherwise the chat's own copy stays.
    Statement(
        delete(table).where(
            _chat(table, "new"),
            table.c.kind == _PLACEHOLDER,
            _twin(
                "old",
                lambda twin: and_(
                    _renamed(twin.c.author) == table.c.author, twin.c.kind != _PLACEHOLDER
                ),
            ),
        )
    ),
    Statement(
        delete(table).where(
            _chat(table, "old"),
            _twin("new", lambda twin: twin.c.author == _renamed(table.c.author)),
        )
    ),
    Statement(
        delete(retries).where(
            _chat(retries, "old"),
            exists().where(
                _chat(_TWIN_RETRIES, "new"),
                _TWIN_RETRIES.c.id == retries.c.id,
                _TWIN_RETRIES.c.device == retries.c.device,
            ),
        )
    ),
    Statement(update(retries).where(_chat(retries, "old")).values(chat=_NEW)),
    Statement(
        update(table)
        .where(_chat(table, "old"))
        .values(chat=_NEW, sender=_renamed(table.c.sender), author=_renamed(table.c.author))
    ),
]


def _bump_retry(insert_into: InsertFactory) -> ClauseElement:
    row = insert_into(retries).values(row_values(retries))
    return row.on_conflict_do_update(
        index_elements=["session_id", "chat", "id", "device"],
        set_={"count": retries.c.count + 1, "updated_ms": row.excluded.updated_ms},
    ).returning(retries.c.count)


_BUMP_RETRY = Statement(_bump_retry)


class Messages(Repository):
    """The messages of this session."""

    __slots__ = ("_now_ms",)

    def __init__(self, db: Connection, session_id: str, now_ms: Callable[[], int]) -> None:
        super().__init__(db, session_id)
        self._now_ms = now_ms

    def add(self, message: Message) -> Message | None:
        """Store a message unless it is here already.

        A message is named by chat, id and author; the own account is one author whatever address
        it has. A placeholder (`MessageKind.CIPHERTEXT`) is filled by the message that it stands
        for, and keeps its place: number, timestamp, and the ack if that is further.

        Returns:
            the message as it is stored now, with its number; None if nothing was new.
        """
        key = message.key
        sender = jid_column(key.sender)
        values: dict[str, Any] = {
            "session_id": self._session_id,
            "chat": jid_column(key.chat),
            "id": key.id,
            "author": "" if key.from_me else sender,
            "sender": sender,
            "timestamp": message.timestamp,
            "kind": message.kind.value,
            "content": message.content,
            "push_name": message.push_name,
            "ack": message.ack.value,
            "pending": message.pending,
        }
        row = self._db.one(_ADD, **values)
        if row is not None:
            return Message(
                key,
                message.timestamp,
                message.content,
                message.kind,
                message.push_name,
                message.ack,
                row[0],
                message.pending,
            )
        if message.kind is MessageKind.CIPHERTEXT:
            return None
        return _message_or_none(
            self._db.one(_FILL_PLACEHOLDER, **values, new_ack=message.ack.value)
        )

    def get(self, chat: Jid, message_id: str) -> Message | None:
        """A message by chat and id; of several that share an id the own, then the oldest."""
        return _message_or_none(self._db.one(_GET, **self._name(chat, message_id)))

    def find(self, message_id: str) -> Message | None:
        """A message by its id alone; of several the one that was stored last."""
        return _message_or_none(self._db.one(_FIND, session_id=self._session_id, id=message_id))

    def page(self, chat: Jid, limit: int, before_id: str | None = None) -> list[Message]:
        """Up to `limit` messages of a chat, newest first; add-ons are none.

        Args:
            before_id: only messages older than this one; ignored if the chat has no such message.
        """
        where = {"session_id": self._session_id, "chat": jid_column(chat)}
        place = None if before_id is None else self._db.one(_PLACE, **where, id=before_id)
        if place is None:
            rows = self._db.all(_PAGE, **where, limit=limit)
        else:
            timestamp, seq = place
            rows = self._db.all(_PAGE_BEFORE, **where, limit=limit, timestamp=timestamp, seq=seq)
        return [_message(row) for row in rows]

    def last(self, chat: Jid) -> Message | None:
        """The newest message of a chat."""
        page = self.page(chat, 1)
        return page[0] if page else None

    def set_ack(self, chat: Jid, message_id: str, ack: Ack) -> Message | None:
        """Raise a message's ack; it never falls.

        The one step down is to `ERROR`, as long as no receipt has come. Any answer of the server
        also ends `pending`.

        Returns:
            the message as it is now, or None if nothing changed.
        """
        return _message_or_none(
            self._db.one(
                _FAIL if ack is Ack.ERROR else _RAISE_ACK,
                **self._name(chat, message_id),
                new_ack=ack.value,
                pending=False,
            )
        )

    def set_pending(self, chat: Jid, message_id: str, pending: bool) -> None:
        """Say whether an own message still waits for the server."""
        self._db.change(_SET_PENDING, **self._name(chat, message_id), pending=pending)

    def rename_chat(self, old: Jid, new: Jid) -> None:
        """Move every message of a chat to another address, as when a LID's number is learnt.

        Messages that are under both addresses are kept once.
        """
        if old == new:
            return
        names = {"session_id": self._session_id, "old": jid_column(old), "new": jid_column(new)}
        for statement in _RENAME:
            self._db.change(statement, **names)

    def bump_retry(self, chat: Jid, message_id: str, device: str) -> int:
        """Count one more retry of a message by a device; how many there were, this one included.

        Counts live as long as nothing prunes them (`Database.prune`).
        """
        (count,) = self._db.single(
            _BUMP_RETRY,
            **self._name(chat, message_id),
            device=device,
            count=1,
            updated_ms=self._now_ms(),
        )
        return int(count)

    def _name(self, chat: Jid, message_id: str) -> dict[str, Any]:
        return {"session_id": self._session_id, "chat": jid_column(chat), "id": message_id}


def _message_or_none(row: Row | None) -> Message | None:
    return None if row is None else _message(row)


def _message(row: Row) -> Message:
    chat, message_id, author, sender, timestamp, content, kind, push_name, ack, seq, pending = row
    try:
        return Message(
            MessageKey(parse_jid(chat), message_id, author == "", parse_jid(sender)),
            timestamp,
            content,
            MessageKind(kind),
            push_name,
            Ack(ack),
            seq,
            bool(pending),
        )
    except ValueError as exc:
        raise CorruptRecord(f"stored message {seq} cannot be read") from exc
