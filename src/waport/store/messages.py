"""The messages of every chat, in order, each once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Integer,
    bindparam,
    case,
    delete,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.sql import ClauseElement

from ..model import Ack, Message, MessageKey, MessageKind
from ..wire import Jid
from . import chat_messages
from .add_ons import drop_add_ons
from .message_names import rename_author, rename_chat
from .message_rows import (
    COLUMNS,
    PLACEHOLDER,
    REVOKED,
    author_column,
    exact,
    in_chat,
    is_listed,
    message_or_none,
    message_values,
    named,
    read_message,
)
from .retries import BUMP_RETRY, FORGET_RETRIES
from .rows import Repository, jid_column
from .schema import messages as table
from .statements import Connection, InsertFactory, Statement, row_values


def _add(insert_into: InsertFactory) -> ClauseElement:
    row = insert_into(table).values(row_values(table))
    return row.on_conflict_do_nothing().returning(table.c.seq)


_ADD = Statement(_add)
_NEW_ACK = bindparam("new_ack", type_=Integer)
_FILL_PLACEHOLDER = Statement(
    update(table)
    .where(
        exact(),
        table.c.kind == PLACEHOLDER,
    )
    .values(
        {
            "sender": bindparam("sender"),
            "content": bindparam("content"),
            "kind": bindparam("kind"),
            "push_name": bindparam("push_name"),
            "ack": case((table.c.ack < _NEW_ACK, _NEW_ACK), else_=table.c.ack),
            "pending": bindparam("pending"),
            "edited_ms": bindparam("edited_ms"),
            "edit_id": bindparam("edit_id"),
            "starred": or_(table.c.starred, bindparam("starred", type_=Boolean)),
        }
    )
    .returning(*COLUMNS)
)

_GET = Statement(named(*(column.name for column in COLUMNS)))
_GET_EXACT = Statement(select(*COLUMNS).where(exact()))
_FIND = Statement(
    select(*COLUMNS)
    .where(table.c.session_id == bindparam("session_id"), table.c.id == bindparam("id"))
    .order_by(table.c.seq.desc())
    .limit(1)
)
_NEWEST_FIRST = (
    select(*COLUMNS)
    .where(in_chat(table), is_listed(table))
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
_PLACE = Statement(named("timestamp", "seq"))
_NOTICES = Statement(
    select(*COLUMNS)
    .where(in_chat(table), table.c.kind == MessageKind.STUB.value)
    .order_by(table.c.timestamp.desc(), table.c.seq.desc())
    .limit(bindparam("limit"))
)


def _set_ack(allowed: ColumnElement[bool]) -> Statement:
    return Statement(
        update(table)
        .where(table.c.seq == named("seq").scalar_subquery(), allowed)
        .values(ack=_NEW_ACK, pending=bindparam("pending"), refusal=bindparam("refusal"))
        .returning(*COLUMNS)
    )


_RAISE_ACK = _set_ack(table.c.ack < _NEW_ACK)
_FAIL = _set_ack(table.c.ack.between(Ack.PENDING.value, Ack.SERVER.value))
_SET_PENDING = Statement(
    update(table)
    .where(table.c.seq == named("seq").scalar_subquery())
    .values(pending=bindparam("pending"))
)

_EDITABLE = table.c.kind.in_(
    [literal_column(f"'{kind.value}'") for kind in (MessageKind.TEXT, MessageKind.OTHER)]
)
_EDITED_MS = bindparam("new_edited_ms", type_=BigInteger)
_EDIT = Statement(
    update(table)
    .where(exact(), _EDITABLE, table.c.edited_ms <= _EDITED_MS)
    .values(content=bindparam("content"), edited_ms=_EDITED_MS, edit_id=bindparam("edit_id"))
    .returning(*COLUMNS)
)
_REVOKE = Statement(
    update(table)
    .where(exact(), or_(_EDITABLE, table.c.kind == PLACEHOLDER))
    .values(kind=REVOKED, content=bindparam("content"))
    .returning(*COLUMNS)
)
_STARRED = bindparam("new_starred", type_=Boolean)
_STAR = Statement(
    update(table)
    .where(table.c.seq == named("seq").scalar_subquery(), table.c.starred != _STARRED)
    .values(starred=_STARRED)
    .returning(*COLUMNS)
)
_DELETE = Statement(
    delete(table).where(table.c.seq == named("seq").scalar_subquery()).returning(*COLUMNS)
)


def add_message(db: Connection, session_id: str, message: Message) -> Message | None:
    """As `Messages.add`."""
    values = {"session_id": session_id, **message_values(message)}
    row = db.one(_ADD, **values)
    if row is not None:
        return replace(message, seq=row[0])
    if message.kind is MessageKind.CIPHERTEXT:
        return None
    return message_or_none(db.one(_FILL_PLACEHOLDER, **values, new_ack=message.ack.value))


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
        return add_message(self._db, self._session_id, message)

    def get(self, chat: Jid, message_id: str) -> Message | None:
        """A message by chat and id; of several that share an id the own, then the oldest."""
        return message_or_none(self._db.one(_GET, **self._name(chat, message_id)))

    def find(self, message_id: str) -> Message | None:
        """A message by its id alone; of several the one that was stored last."""
        return message_or_none(self._db.one(_FIND, session_id=self._session_id, id=message_id))

    def page(self, chat: Jid, limit: int, before_id: str | None = None) -> list[Message]:
        """Up to `limit` messages of a chat, newest first; add-ons and stubs are none.

        Args:
            before_id: only messages older than this one; ignored if the chat has no such message.
        """
        where = {"session_id": self._session_id, "chat": jid_column(chat)}
        found = None if before_id is None else self._db.one(_PLACE, **where, id=before_id)
        return self.page_behind(chat, limit, None if found is None else (found[0], found[1]))

    def page_behind(self, chat: Jid, limit: int, place: tuple[int, int] | None) -> list[Message]:
        """Likewise, behind a place: a timestamp and a number; None for the newest."""
        where = {"session_id": self._session_id, "chat": jid_column(chat)}
        if place is None:
            rows = self._db.all(_PAGE, **where, limit=limit)
        else:
            timestamp, seq = place
            rows = self._db.all(_PAGE_BEFORE, **where, limit=limit, timestamp=timestamp, seq=seq)
        return [read_message(row) for row in rows]

    def notices(self, chat: Jid, limit: int) -> list[Message]:
        """Up to `limit` notices of a chat, newest first."""
        where = {"session_id": self._session_id, "chat": jid_column(chat)}
        return [read_message(row) for row in self._db.all(_NOTICES, **where, limit=limit)]

    def last(self, chat: Jid) -> Message | None:
        """The newest message of a chat."""
        page = self.page(chat, 1)
        return page[0] if page else None

    def set_ack(self, chat: Jid, message_id: str, ack: Ack, refusal: int = 0) -> Message | None:
        """Raise a message's ack; it never falls.

        The one step down is to `ERROR`, as long as no receipt has come. Any answer of the server
        also ends `pending`.

        Args:
            refusal: the code that goes with `ERROR`.

        Returns:
            the message as it is now, or None if nothing changed.
        """
        return message_or_none(
            self._db.one(
                _FAIL if ack is Ack.ERROR else _RAISE_ACK,
                **self._name(chat, message_id),
                new_ack=ack.value,
                pending=False,
                refusal=refusal if ack is Ack.ERROR else 0,
            )
        )

    def set_pending(self, chat: Jid, message_id: str, pending: bool) -> None:
        """Say whether an own message still waits for the server."""
        self._db.change(_SET_PENDING, **self._name(chat, message_id), pending=pending)

    def get_exact(self, key: MessageKey) -> Message | None:
        """The message of this chat, id and author."""
        return message_or_none(self._db.one(_GET_EXACT, **self._exactly(key)))

    # --- changes ---

    def edit(self, key: MessageKey, content: bytes, edited_ms: int, edit_id: str) -> Message | None:
        """Give a message another content, unless a later edit has done so already.

        Args:
            key: chat, id and author must all match.
            edited_ms: when it was edited, Unix milliseconds; of two edits at one time the later
                call counts.
            edit_id: the stanza id of the edit.

        Returns:
            the message as it is now; None if there is none, it is not one that can be edited (an
            add-on, a placeholder, a revoked one), or it was edited later than that.
        """
        return message_or_none(
            self._db.one(
                _EDIT,
                **self._exactly(key),
                content=content,
                new_edited_ms=edited_ms,
                edit_id=edit_id,
            )
        )

    def revoke(self, key: MessageKey, content: bytes) -> Message | None:
        """Leave nothing of a message but that it was taken back. It keeps its time and place.

        Whatever comes later under its key is known, and changes nothing.

        Args:
            key: chat, id and author must all match.
            content: of the revoking message.

        Returns:
            what is left of it; None if there is none, it is revoked already, or it is an add-on.
        """
        return message_or_none(self._db.one(_REVOKE, **self._exactly(key), content=content))

    def star(self, chat: Jid, message_id: str, starred: bool) -> Message | None:
        """Star a message or take the star away; the message as it is now, None if it is as before.

        Of several that share an id the own is meant, then the oldest.
        """
        return message_or_none(
            self._db.one(_STAR, **self._name(chat, message_id), new_starred=starred)
        )

    def delete(self, chat: Jid, message_id: str) -> Message | None:
        """Remove a message with its add-ons and retry counts; what it was, None if there is none.

        Of several that share an id the own is meant, then the oldest.
        """
        message = message_or_none(self._db.one(_DELETE, **self._name(chat, message_id)))
        if message is not None:
            drop_add_ons(self._db, self._session_id, message.key)
            self._db.change(FORGET_RETRIES, **self._name(chat, message_id))
        return message

    def rename_chat(self, old: Jid, new: Jid) -> None:
        """Move every message of a private chat to another address of the same person.

        Messages that are under both addresses are kept once.
        """
        rename_chat(self._db, self._session_id, old, new)

    def rename_author(self, old: Jid, new: Jid) -> None:
        """Give what a LID wrote, in groups and broadcasts, to its number.

        Messages that are under both addresses are kept once. Where there is none of the LID this
        costs one look into an index.

        Raises:
            InvalidInput: `old` is no LID.
        """
        rename_author(self._db, self._session_id, old, new)

    # --- all of a chat ---

    def unread(self, chat: Jid, limit: int) -> list[MessageKey]:
        """The newest messages that others wrote and that were not read yet, the newest first."""
        return chat_messages.unread(self._db, self._session_id, chat, limit)

    def mark_read(self, keys: Iterable[MessageKey]) -> None:
        """Raise the ack of messages of others to read; chat, id and author must match."""
        chat_messages.mark_read(self._db, self._session_id, keys)

    def newest(self, chat: Jid) -> int:
        """The number of the message of a chat that was stored last; 0 when there is none."""
        return chat_messages.newest(self._db, self._session_id, chat)

    def clear(
        self,
        chat: Jid,
        up_to: int,
        *,
        until: int = chat_messages.END_OF_TIME,
        keep_starred: bool = False,
        limit: int = 1000,
    ) -> int:
        """Remove messages of a chat with all that belongs to them, a bounded number at a time.

        Args:
            up_to: the highest number to remove.
            until: the latest timestamp to remove, Unix seconds.
            keep_starred: starred messages stay.

        Returns:
            how many were removed; fewer than `limit` when none is left.
        """
        return chat_messages.clear(
            self._db,
            self._session_id,
            chat,
            up_to,
            until=until,
            keep_starred=keep_starred,
            limit=limit,
        )

    # --- retries ---

    def bump_retry(self, chat: Jid, message_id: str, device: str) -> int:
        """Count one more retry of a message by a device; how many there were, this one included.

        Counts live as long as nothing prunes them (`Database.prune`).
        """
        (count,) = self._db.single(
            BUMP_RETRY,
            **self._name(chat, message_id),
            device=device,
            count=1,
            updated_ms=self._now_ms(),
        )
        return int(count)

    def _name(self, chat: Jid, message_id: str) -> dict[str, Any]:
        return {"session_id": self._session_id, "chat": jid_column(chat), "id": message_id}

    def _exactly(self, key: MessageKey) -> dict[str, Any]:
        return {**self._name(key.chat, key.id), "author": author_column(key)}
