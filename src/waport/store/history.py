"""The phone's history on its way into the store: what was announced, what is taken in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, delete, insert, select, update
from sqlalchemy.sql import ClauseElement

from ..model import ChatHistory, Message
from ..wire import Jid
from . import history_chats, history_messages
from .chat_marks import ChatMarks
from .rows import Repository, jid_column
from .schema import history_kept as kept_table
from .schema import history_notices as table
from .statements import InsertFactory, Statement, put_row, row_values

MAX_NOTICES = 2000
"""Pieces of history that may wait; real phones send some dozens."""

MAX_KEPT = 5000
"""Rows of one kind that are kept at most."""


class NoticeState(StrEnum):
    """How far a piece of history is.

    `BROKEN` waits for the phone to send it anew; `GIVEN_UP` is kept as it came, and not tried
    again.
    """

    WAITING = "waiting"
    BROKEN = "broken"
    GIVEN_UP = "given_up"


class StoredNotice(NamedTuple):
    """A piece of history that was announced.

    Attributes:
        position: its number.
        message_id: of the message that announced it.
        sync_type: the number of its kind.
        chunk_order: its place among those of its kind.
        state: how far it is.
        done: parts of it that are stored.
        attempts: how often it could not be used.
        request_id: of the message that asked the phone for it anew; empty when it was not.
    """

    position: int
    message_id: str
    sync_type: int
    chunk_order: int
    state: NoticeState
    done: int
    attempts: int
    request_id: str


_COLUMNS = [table.c[name] for name in StoredNotice._fields]
_IN_SESSION = table.c.session_id == bindparam("session_id")
_ONE = and_(_IN_SESSION, table.c.position == bindparam("at"))
_KEPT = and_(
    kept_table.c.session_id == bindparam("session_id"), kept_table.c.kind == bindparam("kind")
)


def _add(insert_into: InsertFactory) -> ClauseElement:
    return (
        insert_into(table)
        .values(row_values(table))
        .on_conflict_do_nothing()
        .returning(table.c.position)
    )


def _keep_first(insert_into: InsertFactory) -> ClauseElement:
    return insert_into(kept_table).values(row_values(kept_table)).on_conflict_do_nothing()


_ADD = Statement(_add)
_ALL = Statement(
    select(*_COLUMNS).where(_IN_SESSION).order_by(table.c.position).limit(bindparam("limit"))
)
_NOTICE = Statement(select(table.c.notice).where(_ONE))
_SET_DONE = Statement(update(table).where(_ONE).values(done=bindparam("new_done")))
_SET_STATE = Statement(
    update(table)
    .where(_ONE)
    .values(
        state=bindparam("new_state"),
        attempts=bindparam("new_attempts"),
        request_id=bindparam("new_request_id"),
    )
)
_REMOVE = Statement(delete(table).where(_ONE))
_REMOVE_BROKEN = Statement(
    delete(table).where(
        _IN_SESSION,
        table.c.sync_type == bindparam("sync_type"),
        table.c.chunk_order == bindparam("chunk_order"),
        table.c.state != bindparam("waiting"),
        table.c.position < bindparam("before"),
    )
)
_KEEP = put_row(kept_table)
_KEEP_FIRST = Statement(_keep_first)
_GET_KEPT = Statement(
    select(kept_table.c.name, kept_table.c.data)
    .where(_KEPT)
    .order_by(kept_table.c.name)
    .limit(bindparam("limit"))
)
_GET_ONE_KEPT = Statement(
    select(kept_table.c.data).where(_KEPT, kept_table.c.name == bindparam("name"))
)
_RENAME_KEPT = Statement(
    insert(kept_table).from_select(
        ["session_id", "kind", "name", "data"],
        select(
            kept_table.c.session_id,
            kept_table.c.kind,
            bindparam("new", type_=kept_table.c.name.type),
            kept_table.c.data,
        ).where(_KEPT, kept_table.c.name == bindparam("old")),
    )
)
_DROP_KEPT = Statement(delete(kept_table).where(_KEPT, kept_table.c.name == bindparam("name")))


class History(Repository):
    """The history of this session's account."""

    __slots__ = ()

    # --- what was announced ---

    def add_notice(self, message_id: str, sync_type: int, chunk_order: int, notice: bytes) -> bool:
        """Keep a piece of history that is announced; False when it was announced before.

        Args:
            message_id: of the message that announced it.
            notice: the serialized `HistorySyncNotification`.
        """
        if len(self.notices()) >= MAX_NOTICES:
            return False
        row = self._db.one(
            _ADD,
            session_id=self._session_id,
            message_id=message_id,
            sync_type=sync_type,
            chunk_order=chunk_order,
            state=NoticeState.WAITING.value,
            done=0,
            attempts=0,
            request_id="",
            notice=notice,
        )
        return row is not None

    def notices(self) -> list[StoredNotice]:
        """All pieces that are not handled, in the order in which they were announced."""
        rows = self._db.all(_ALL, session_id=self._session_id, limit=MAX_NOTICES)
        return [StoredNotice(*row)._replace(state=NoticeState(row[4])) for row in rows]

    def notice(self, position: int) -> bytes:
        """The announcement itself; empty when it is gone."""
        row = self._db.one(_NOTICE, **self._at(position))
        return b"" if row is None else bytes(row[0])

    def set_done(self, position: int, done: int) -> None:
        """So many of its parts are stored."""
        self._db.change(_SET_DONE, **self._at(position), new_done=done)

    def set_state(
        self, position: int, state: NoticeState, attempts: int, request_id: str = ""
    ) -> None:
        """Say how far a piece is."""
        self._db.change(
            _SET_STATE,
            **self._at(position),
            new_state=state.value,
            new_attempts=attempts,
            new_request_id=request_id,
        )

    def remove(self, position: int) -> None:
        """A piece is handled, and the phone knows it."""
        self._db.change(_REMOVE, **self._at(position))

    def remove_broken(self, sync_type: int, chunk_order: int, before: int) -> int:
        """Remove what could not be used of a piece that has come anew; how many there were.

        Args:
            before: the position of the new one.
        """
        return self._db.change(
            _REMOVE_BROKEN,
            session_id=self._session_id,
            sync_type=sync_type,
            chunk_order=chunk_order,
            waiting=NoticeState.WAITING.value,
            before=before,
        )

    # --- what is kept as it came ---

    def keep(self, kind: str, name: str, data: bytes) -> None:
        """Keep something, in place of what was kept under its name."""
        self._db.change(_KEEP, **self._kept(kind), name=name, data=data)

    def keep_first(self, kind: str, name: str, data: bytes) -> None:
        """Keep something unless there is something under its name."""
        self._db.change(_KEEP_FIRST, **self._kept(kind), name=name, data=data)

    def keep_many(self, kind: str, rows: Iterable[tuple[str, bytes]]) -> None:
        """Keep names with their data."""
        self._db.many(
            _KEEP, ({**self._kept(kind), "name": name, "data": data} for name, data in rows)
        )

    def kept(self, kind: str) -> dict[str, bytes]:
        """All of a kind that is kept, by name."""
        rows = self._db.all(_GET_KEPT, **self._kept(kind), limit=MAX_KEPT)
        return {name: bytes(data) for name, data in rows}

    def kept_one(self, kind: str, name: str) -> bytes | None:
        """What is kept under a name."""
        row = self._db.one(_GET_ONE_KEPT, **self._kept(kind), name=name)
        return None if row is None else bytes(row[0])

    # --- chats and messages ---

    def marks(self, chat: Jid) -> ChatMarks:
        """The bounds of what history may say of a chat."""
        return history_chats.marks(self._db, self._session_id, chat)

    def note_read(self, chat: Jid, until: int) -> None:
        """Whatever was written in a chat until then is read, also what is still to come.

        Args:
            until: Unix seconds.
        """
        history_chats.note_read(self._db, self._session_id, chat, until)

    def put_chat(self, jid: Jid, chat: ChatHistory) -> None:
        """Take in what the history says of a chat; whatever is known by later news stays.

        Args:
            jid: its address here.
        """
        history_chats.put_chat(self._db, self._session_id, jid, chat)

    def unread_ids(self, chat: Jid, until: int) -> list[str]:
        """Ids of the stored messages of a chat that are not read, up to a time (Unix seconds)."""
        return history_chats.unread_ids(self._db, self._session_id, chat, until)

    def add_messages(self, messages: Sequence[Message]) -> list[Message]:
        """Store messages, those that are not here already; placeholders are filled.

        Returns:
            those that were new, without their numbers.
        """
        return history_messages.add_messages(self._db, self._session_id, messages)

    def waited_for(self, ids: Iterable[str]) -> set[str]:
        """Those of some message ids that stored add-ons or the app state have spoken of."""
        return history_messages.waited_for(self._db, self._session_id, ids)

    def oldest(self, chat: Jid) -> Message | None:
        """The oldest message of a chat, stubs included; None when there is none."""
        return history_messages.oldest(self._db, self._session_id, chat)

    def rename(self, old: Jid, new: Jid) -> None:
        """What is kept of a chat goes along to another address of the same person."""
        names = {**self._kept("chat"), "old": jid_column(old), "new": jid_column(new)}
        if self.kept_one("chat", str(old)) is None:
            return
        if self.kept_one("chat", str(new)) is None:
            self._db.change(_RENAME_KEPT, **names)
        self._db.change(_DROP_KEPT, **self._kept("chat"), name=jid_column(old))

    def _at(self, position: int) -> dict[str, Any]:
        return {"session_id": self._session_id, "at": position}

    def _kept(self, kind: str) -> dict[str, Any]:
        return {"session_id": self._session_id, "kind": kind}
