"""The list of chats: names, counts, when something last happened, and timers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import (
    Boolean,
    Select,
    and_,
    bindparam,
    case,
    delete,
    false,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.sql import ClauseElement

from ..model import Chat, ChatSummary, TimerSetting
from ..wire import Jid
from .chat_marks import MARK_COLUMNS, NO_MARKS, ChatMarks
from .contacts import CONTACT_COLUMNS, is_mapped, read_contact
from .message_rows import COLUMNS as MESSAGE_COLUMNS
from .message_rows import is_listed, read_message
from .rows import Repository, jid_column, parse_jid
from .schema import chats as table
from .schema import contacts, lid_mappings, messages
from .statements import InsertFactory, Row, Statement, put_row, row_values

_IN_SESSION = table.c.session_id == bindparam("session_id")
_ONE = and_(_IN_SESSION, table.c.jid == bindparam("jid"))
_LISTED = table.c.listed
_TIMER_COLUMNS = (table.c.expiration_s, table.c.timer_set_at)
_COLUMNS = [
    table.c[name]
    for name in (
        "jid",
        "name",
        "unread",
        "timestamp",
        "archived",
        "pinned",
        "muted_until",
        "marked_unread",
    )
]


def _touch(insert_into: InsertFactory) -> ClauseElement:
    row = insert_into(table).values(row_values(table))
    new = row.excluded
    unread = table.c.unread + bindparam("unread_delta", type_=table.c.unread.type)
    later = table.c.timestamp < new.timestamp
    return row.on_conflict_do_update(
        index_elements=["session_id", "jid"],
        set_={
            "timestamp": case((later, new.timestamp), else_=table.c.timestamp),
            "unread": case((unread < 0, 0), else_=unread),
            "name": case((bindparam("named", type_=Boolean), new.name), else_=table.c.name),
            "listed": new.listed,
        },
    )


def _set_timer(insert_into: InsertFactory) -> ClauseElement:
    row = insert_into(table).values(row_values(table))
    new = row.excluded
    return row.on_conflict_do_update(
        index_elements=["session_id", "jid"],
        set_={"expiration_s": new.expiration_s, "timer_set_at": new.timer_set_at},
        # Within one second the later one that came counts.
        where=or_(
            table.c.timer_set_at < new.timer_set_at,
            and_(
                table.c.timer_set_at == new.timer_set_at,
                table.c.expiration_s != new.expiration_s,
            ),
        ),
    ).returning(table.c.jid)


def _set_flags(insert_into: InsertFactory) -> ClauseElement:
    row = insert_into(table).values(row_values(table))
    return row.on_conflict_do_update(
        index_elements=["session_id", "jid"],
        set_={
            name: row.excluded[name] for name in ("archived", "pinned", "muted_until", "settled")
        },
    )


_GET = Statement(select(*_COLUMNS).where(_ONE, _LISTED))
_GET_ALL = Statement(select(*_COLUMNS, table.c.listed, *_TIMER_COLUMNS, *MARK_COLUMNS).where(_ONE))
_ALL = Statement(
    select(*_COLUMNS).where(_IN_SESSION, _LISTED).order_by(table.c.timestamp.desc(), table.c.jid)
)


def _with_newest() -> Select[Any]:
    """Chats beside their newest message, and beside what is known of their person."""
    shown = messages.alias("shown")
    newest = (
        select(shown.c.seq)
        .where(
            shown.c.session_id == table.c.session_id,
            shown.c.chat == table.c.jid,
            is_listed(shown),
        )
        .order_by(shown.c.timestamp.desc(), shown.c.seq.desc())
        .limit(1)
        .scalar_subquery()
    )
    is_person = and_(contacts.c.session_id == table.c.session_id, contacts.c.jid == table.c.jid)
    return (
        select(*_COLUMNS, *MESSAGE_COLUMNS, contacts.c.jid, *CONTACT_COLUMNS)
        .select_from(table)
        .outerjoin(messages, messages.c.seq == newest)
        .outerjoin(contacts, is_person)
        .outerjoin(lid_mappings, is_mapped(contacts.c.jid))
        .where(_IN_SESSION, _LISTED)
    )


_SUMMARIES = Statement(_with_newest().order_by(table.c.timestamp.desc(), table.c.jid))
_SUMMARY = Statement(_with_newest().where(table.c.jid == bindparam("jid")))
_TOUCH = Statement(_touch)
_TIMER = Statement(select(*_TIMER_COLUMNS).where(_ONE))
_SET_TIMER = Statement(_set_timer)
_SET_FLAGS = Statement(_set_flags)
_MARK_READ = Statement(update(table).where(_ONE).values(unread=0, marked_unread=false()))
_FEWER = table.c.unread - bindparam("count", type_=table.c.unread.type)
_MARK_SOME_READ = Statement(
    update(table)
    .where(_ONE)
    .values(unread=case((_FEWER < 0, 0), else_=_FEWER), marked_unread=false())
)
_MARK_UNREAD = Statement(update(table).where(_ONE, _LISTED).values(marked_unread=true()))
_UNLIST = Statement(
    update(table)
    .where(_ONE)
    .values(
        listed=false(),
        unread=0,
        marked_unread=false(),
        timestamp=0,
        archived=false(),
        pinned=false(),
        muted_until=0,
    )
)
_RENAME = Statement(update(table).where(_ONE).values(jid=bindparam("new_jid")))
_PUT = put_row(table)
_NEW = {
    "archived": False,
    "pinned": False,
    "muted_until": 0,
    "marked_unread": False,
    "expiration_s": 0,
    "timer_set_at": 0,
    **NO_MARKS._asdict(),
}
_DELETE = Statement(delete(table).where(_ONE))


class _Stored(NamedTuple):
    chat: Chat
    is_listed: bool
    timer: TimerSetting
    marks: ChatMarks


class Chats(Repository):
    """The chats of this session."""

    __slots__ = ()

    def get(self, jid: Jid) -> Chat | None:
        """One chat."""
        row = self._db.one(_GET, session_id=self._session_id, jid=jid_column(jid))
        return None if row is None else _chat(row)

    def all(self) -> list[Chat]:
        """Every chat, the one with the latest message first."""
        return [_chat(row) for row in self._db.all(_ALL, session_id=self._session_id)]

    def touch(
        self, jid: Jid, timestamp: int, unread_delta: int = 0, name: str | None = None
    ) -> None:
        """Note that something happened in a chat, which is created if need be.

        Args:
            timestamp: Unix seconds; an earlier one than is known changes nothing.
            unread_delta: added to the unread count, which never falls below 0.
            name: the chat's name; None leaves it.
        """
        self._db.change(
            _TOUCH,
            session_id=self._session_id,
            jid=jid_column(jid),
            name=name or "",
            named=name is not None,
            unread=max(unread_delta, 0),
            unread_delta=unread_delta,
            timestamp=timestamp,
            **_NEW,
            listed=True,
        )

    def summaries(self) -> list[ChatSummary]:
        """Every chat with its newest message and its person, in one question; order as in `all`."""
        rows = self._db.all(_SUMMARIES, session_id=self._session_id)
        return [_summary(row) for row in rows]

    def summary(self, jid: Jid) -> ChatSummary | None:
        """One chat, likewise."""
        row = self._db.one(_SUMMARY, session_id=self._session_id, jid=jid_column(jid))
        return None if row is None else _summary(row)

    def mark_read(self, jid: Jid, count: int | None = None) -> None:
        """Nothing in this chat is unread any more, or `count` messages less than before."""
        where = {"session_id": self._session_id, "jid": jid_column(jid)}
        if count is None:
            self._db.change(_MARK_READ, **where)
        else:
            self._db.change(_MARK_SOME_READ, **where, count=count)

    def mark_unread(self, jid: Jid) -> bool:
        """Show a chat as unread until it is read; False if there is no such chat."""
        where = {"session_id": self._session_id, "jid": jid_column(jid)}
        return self._db.change(_MARK_UNREAD, **where) > 0

    def unlist(self, jid: Jid) -> None:
        """Take a chat off the list until something happens in it; its timer goes on."""
        self._db.change(_UNLIST, session_id=self._session_id, jid=jid_column(jid))

    def set_flags(
        self,
        jid: Jid,
        *,
        archived: bool | None = None,
        pinned: bool | None = None,
        muted_until: int | None = None,
    ) -> tuple[Chat, Chat]:
        """Set some flags of a chat, for good as far as the phone's history goes.

        A chat that has nothing else yet is not listed.

        Args:
            archived, pinned: None leaves the flag.
            muted_until: Unix seconds, 0 for not muted, -1 for ever; None leaves it.

        Returns:
            the chat as it was, and as it is now.
        """
        stored = self._stored(jid)
        before = Chat(jid) if stored is None else stored.chat
        after = replace(
            before,
            archived=before.archived if archived is None else archived,
            pinned=before.pinned if pinned is None else pinned,
            muted_until=before.muted_until if muted_until is None else muted_until,
        )
        if after != before or stored is None or not stored.marks.settled:
            flags = {name: getattr(after, name) for name in ("archived", "pinned", "muted_until")}
            self._db.change(
                _SET_FLAGS,
                session_id=self._session_id,
                jid=jid_column(jid),
                name="",
                unread=0,
                timestamp=0,
                **(_NEW | flags | {"settled": True}),
                listed=False,
            )
        return before, after

    def timer(self, jid: Jid) -> TimerSetting:
        """The timer of a chat's messages; off, and set at no time, where none is known."""
        row = self._db.one(_TIMER, session_id=self._session_id, jid=jid_column(jid))
        return TimerSetting() if row is None else TimerSetting(*row)

    def set_timer(self, jid: Jid, expiration_s: int, set_at: int) -> bool:
        """Keep a setting of a chat's timer. A chat that has nothing else yet is not listed.

        Args:
            expiration_s: 0 turns it off.
            set_at: Unix seconds.

        Returns:
            False if the known setting is younger, or the same one; nothing has changed then.
        """
        if set_at <= 0:
            return False
        row = self._db.one(
            _SET_TIMER,
            session_id=self._session_id,
            jid=jid_column(jid),
            name="",
            unread=0,
            timestamp=0,
            **(_NEW | {"expiration_s": expiration_s, "timer_set_at": set_at}),
            listed=False,
        )
        return row is not None

    def rename(self, old: Jid, new: Jid) -> None:
        """Give a chat another address; if that has a chat already, both become one.

        The younger setting of the timer goes on.
        """
        if old == new:
            return
        chat, other = self._stored(old), self._stored(new)
        if chat is None:
            return
        where = {"session_id": self._session_id, "jid": jid_column(old)}
        if other is None:
            self._db.change(_RENAME, **where, new_jid=jid_column(new))
            return
        self._db.change(_DELETE, **where)
        if not chat.is_listed or not other.is_listed:
            merged = chat.chat if chat.is_listed else other.chat
        else:
            merged = _merged(chat.chat, other.chat)
        timer = max(other.timer, chat.timer, key=lambda timer: timer.set_at)
        self._db.change(
            _PUT,
            session_id=self._session_id,
            jid=jid_column(new),
            name=merged.name,
            unread=merged.unread,
            timestamp=merged.timestamp,
            archived=merged.archived,
            pinned=merged.pinned,
            muted_until=merged.muted_until,
            marked_unread=merged.marked_unread,
            expiration_s=timer.expiration_s,
            timer_set_at=timer.set_at,
            listed=chat.is_listed or other.is_listed,
            **chat.marks.joined(other.marks)._asdict(),
        )

    def _stored(self, jid: Jid) -> _Stored | None:
        row = self._db.one(_GET_ALL, session_id=self._session_id, jid=jid_column(jid))
        if row is None:
            return None
        *columns, listed, expiration_s, set_at, settled, counted, read_at, end = row
        return _Stored(
            _chat(tuple(columns)),
            bool(listed),
            TimerSetting(expiration_s, set_at),
            ChatMarks(bool(settled), bool(counted), read_at, end),
        )


def _merged(chat: Chat, into: Chat) -> Chat:
    return Chat(
        into.jid,
        into.name or chat.name,
        chat.unread + into.unread,
        max(chat.timestamp, into.timestamp),
        chat.archived and into.archived,
        chat.pinned or into.pinned,
        into.muted_until or chat.muted_until,
        chat.marked_unread or into.marked_unread,
    )


def _chat(row: Row) -> Chat:
    jid, name, unread, timestamp, archived, pinned, muted_until, marked_unread = row
    return Chat(
        parse_jid(jid),
        name,
        unread,
        timestamp,
        bool(archived),
        bool(pinned),
        muted_until,
        bool(marked_unread),
    )


def _summary(row: Row) -> ChatSummary:
    chat = row[: len(_COLUMNS)]
    message = row[len(_COLUMNS) : -len(CONTACT_COLUMNS) - 1]
    contact = row[-len(CONTACT_COLUMNS) - 1 :]
    return ChatSummary(
        _chat(chat),
        None if message[0] is None else read_message(message),
        None if contact[0] is None else read_contact(contact),
    )
