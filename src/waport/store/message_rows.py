"""How a message stands in its row, and the conditions that find it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, bindparam, literal_column, select

from ..errors import CorruptRecord
from ..model import Ack, Message, MessageKey, MessageKind
from .rows import jid_column, parse_jid
from .schema import messages as table
from .statements import Row

OWN: ColumnElement[str] = literal_column("''")
PLACEHOLDER: ColumnElement[str] = literal_column(f"'{MessageKind.CIPHERTEXT.value}'")
REVOKED: ColumnElement[str] = literal_column(f"'{MessageKind.REVOKED.value}'")

COLUMNS = tuple(
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
        "edited_ms",
        "edit_id",
        "starred",
        "refusal",
    )
)


def in_chat(table: FromClause, name: str = "chat") -> ColumnElement[bool]:
    """The rows of one chat, whose parameter has this name."""
    return and_(
        table.c.session_id == bindparam("session_id"),
        table.c.chat == bindparam(name),
    )


def is_listed(table: FromClause) -> ColumnElement[bool]:
    """What lists of messages show: no add-ons and no stubs."""
    return table.c.kind.not_in(
        [literal_column(f"'{kind.value}'") for kind in (MessageKind.ADD_ON, MessageKind.STUB)]
    )


def named(*columns: str) -> Select[Any]:
    """The message that a chat and an id mean.

    Authors choose ids, so two messages can share one. The own message goes first, then the one
    that was here first: nobody takes an id away by using it again.
    """
    named = table.alias("named")
    return (
        select(*(named.c[column] for column in columns))
        .where(in_chat(named), named.c.id == bindparam("id"))
        .order_by(named.c.author != OWN, named.c.seq)
        .limit(1)
    )


def exact() -> ColumnElement[bool]:
    """The one message of a chat, an id and an author."""
    return and_(
        in_chat(table), table.c.id == bindparam("id"), table.c.author == bindparam("author")
    )


def author_column(key: MessageKey) -> str:
    """The author of a message: empty for the own account, whatever address it has."""
    return "" if key.from_me else jid_column(key.sender)


def message_values(message: Message) -> dict[str, Any]:
    """The columns of a message's row, but for the session."""
    key = message.key
    return {
        "chat": jid_column(key.chat),
        "id": key.id,
        "author": author_column(key),
        "sender": jid_column(key.sender),
        "timestamp": message.timestamp,
        "kind": message.kind.value,
        "content": message.content,
        "push_name": message.push_name,
        "ack": message.ack.value,
        "pending": message.pending,
        "edited_ms": message.edited_ms,
        "edit_id": message.edit_id,
        "starred": message.starred,
        "refusal": message.refusal,
    }


def message_or_none(row: Row | None) -> Message | None:
    """The message of a row of `COLUMNS`, if there is one.

    Raises:
        CorruptRecord: the row makes no sense.
    """
    return None if row is None else read_message(row)


def read_message(row: Row) -> Message:
    """The message of a row of `COLUMNS`.

    Raises:
        CorruptRecord: the row makes no sense.
    """
    chat, message_id, author, sender, timestamp, content, kind, push_name, ack, seq, *rest = row
    pending, edited_ms, edit_id, starred, refusal = rest
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
            edited_ms,
            edit_id,
            bool(starred),
            refusal,
        )
    except ValueError as exc:
        raise CorruptRecord(f"stored message {seq} cannot be read") from exc
