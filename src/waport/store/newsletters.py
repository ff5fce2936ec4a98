"""What is known of each channel, and which message each of its posts is."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, get_type_hints

from sqlalchemy import and_, bindparam, case, delete, select
from sqlalchemy.sql import ClauseElement

from ..errors import CorruptRecord, InvalidInput
from ..model.newsletter import KnownPost, Newsletter, PostCounts
from ..wire import Jid
from .rows import Repository, jid_column
from .schema import newsletter_posts as posts
from .schema import newsletters as table
from .statements import InsertFactory, Row, Statement, put_row, row_values

_IN_SESSION = table.c.session_id == bindparam("session_id")
_ONE = and_(_IN_SESSION, table.c.jid == bindparam("jid"))
_GET = Statement(select(table.c.jid, table.c.data).where(_ONE))
_ALL = Statement(select(table.c.jid, table.c.data).where(_IN_SESSION).order_by(table.c.jid))
_PUT = put_row(table)
_DELETE = Statement(delete(table).where(_ONE))

_IN_CHANNEL = and_(posts.c.session_id == bindparam("session_id"), posts.c.jid == bindparam("jid"))
_POST_COLUMNS = (posts.c.server_id, posts.c.message_id, posts.c.counts)
_BY_NUMBER = Statement(
    select(*_POST_COLUMNS).where(_IN_CHANNEL, posts.c.server_id == bindparam("server_id"))
)
_BY_ID = Statement(
    select(*_POST_COLUMNS)
    .where(_IN_CHANNEL, posts.c.message_id == bindparam("message_id"))
    .order_by(posts.c.server_id.desc())
    .limit(1)
)


def _name_post(insert_into: InsertFactory) -> ClauseElement:
    row = insert_into(posts).values(row_values(posts))
    return row.on_conflict_do_update(
        index_elements=["session_id", "jid", "server_id"],
        set_={"message_id": row.excluded.message_id},
    )


def _count_post(insert_into: InsertFactory) -> ClauseElement:
    row = insert_into(posts).values(row_values(posts))
    named = row.excluded.message_id != ""
    return row.on_conflict_do_update(
        index_elements=["session_id", "jid", "server_id"],
        set_={
            "counts": row.excluded.counts,
            "message_id": case((named, row.excluded.message_id), else_=posts.c.message_id),
        },
    )


_NAME_POST = Statement(_name_post)
_COUNT_POST = Statement(_count_post)
_FORGET_POSTS = Statement(delete(posts).where(_IN_CHANNEL))

_FIELDS = {
    name: kind for name, kind in get_type_hints(Newsletter).items() if kind in (str, int, bool)
}
_COUNTERS = ("views", "forwards", "responses")
_TALLIES = ("reactions", "votes")


class Newsletters(Repository):
    """The channels of this session."""

    __slots__ = ()

    def get(self, jid: Jid) -> Newsletter | None:
        """One channel.

        Raises:
            CorruptRecord: the row cannot be read.
        """
        row = self._db.one(_GET, **self._channel(jid))
        return None if row is None else _read(*row)

    def all(self) -> list[Newsletter]:
        """Every channel that is known, by address.

        Raises:
            CorruptRecord: a row cannot be read.
        """
        return [_read(*row) for row in self._db.all(_ALL, session_id=self._session_id)]

    def put(self, newsletter: Newsletter) -> None:
        """Store a channel in place of what was known of it.

        Raises:
            InvalidInput: its address cannot be stored.
        """
        data = {name: getattr(newsletter, name) for name in _FIELDS}
        text = json.dumps(data, separators=(",", ":"))
        self._db.change(_PUT, **self._channel(newsletter.jid), data=text)

    def delete(self, jid: Jid) -> None:
        """Forget a channel with the numbers of its posts, if it is known."""
        self._db.change(_DELETE, **self._channel(jid))
        self._db.change(_FORGET_POSTS, **self._channel(jid))

    # --- posts ---

    def post(self, channel: Jid, server_id: int) -> KnownPost | None:
        """A post by its number."""
        row = self._db.one(_BY_NUMBER, **self._channel(channel), server_id=server_id)
        return None if row is None else _known(channel, row)

    def post_of(self, channel: Jid, message_id: str) -> KnownPost | None:
        """The post that a message is."""
        row = self._db.one(_BY_ID, **self._channel(channel), message_id=message_id)
        return None if row is None else _known(channel, row)

    def name_post(self, channel: Jid, server_id: int, message_id: str) -> None:
        """Remember which message a post is."""
        self._db.change(
            _NAME_POST,
            **self._channel(channel),
            server_id=server_id,
            message_id=message_id,
            counts="{}",
        )

    def count_post(self, post: KnownPost) -> bool:
        """Keep the counters of a post; False when they are as before."""
        known = self.post(post.channel, post.server_id)
        if known is not None and known.counts == post.counts:
            if post.message_id and not known.message_id:
                self.name_post(post.channel, post.server_id, post.message_id)
            return False
        self._db.change(
            _COUNT_POST,
            **self._channel(post.channel),
            server_id=post.server_id,
            message_id=post.message_id,
            counts=_write_counts(post.counts),
        )
        return True

    def numbers_of(self, channel: Jid, message_ids: Iterable[str]) -> list[int]:
        """The numbers of messages that are posts; others are left out."""
        found = (self.post_of(channel, message_id) for message_id in message_ids)
        return [post.server_id for post in found if post is not None]

    def _channel(self, jid: Jid) -> dict[str, Any]:
        return {"session_id": self._session_id, "jid": jid_column(jid)}


def _read(jid: str, data: str) -> Newsletter:
    try:
        found = json.loads(data)
        values = {
            name: _typed(found[name], kind) for name, kind in _FIELDS.items() if name in found
        }
        return Newsletter(Jid.parse(jid), **values)
    except (ValueError, TypeError, LookupError, RecursionError, InvalidInput) as exc:
        raise CorruptRecord("a stored channel cannot be read") from exc


def _known(channel: Jid, row: Row) -> KnownPost:
    server_id, message_id, counts = row
    try:
        found = json.loads(counts)
        values: dict[str, Any] = {
            name: _typed(found[name], int) for name in _COUNTERS if name in found
        }
        values |= {
            name: {code: _typed(count, int) for code, count in _typed(found[name], dict).items()}
            for name in _TALLIES
            if name in found
        }
        return KnownPost(channel, int(server_id), message_id, PostCounts(**values))
    except (ValueError, TypeError, LookupError, RecursionError) as exc:
        raise CorruptRecord("the counters of a post cannot be read") from exc


def _write_counts(counts: PostCounts) -> str:
    data: dict[str, object] = {
        name: value for name in _COUNTERS if (value := getattr(counts, name))
    }
    data |= {name: dict(value) for name in _TALLIES if (value := getattr(counts, name))}
    return json.dumps(data, separators=(",", ":"))


def _typed(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError
    return value
