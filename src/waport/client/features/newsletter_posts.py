"""What is posted in channels: lists of posts, their numbers and counters, views, own reactions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from ...errors import InvalidInput
from ...model import Message, MessageKey
from ...model.newsletter import KnownPost, OwnReaction
from ...stanza.newsletter_posts import (
    MAX_VIEWED,
    FetchOwnReactions,
    FetchPosts,
    FetchPostUpdates,
    view_receipt,
)
from ...stanza.newsletters import check_channel
from ...store import Database, UnitOfWork
from ...wire import Jid
from ..clock import SYSTEM_CLOCK, Clock
from ..newsletters import keep_own_reactions, take_posts
from ..post_watch import PostWatch
from ..queries import Queries
from ..unread import mark_read
from ..work import EventSink, Work
from ..work_job import in_work

T = TypeVar("T")

MAX_SEEN = 5_000
"""Posts of one channel that are told to be seen at once."""


class NewsletterPosts:
    """The posts of channels. `client.messages` sends, edits, takes back and reacts.

    Every method raises as those of `Newsletters`.

    Attributes:
        watch: live counters.
    """

    def __init__(
        self,
        database: Database,
        session_id: str,
        queries: Queries,
        sink: EventSink,
        watch: PostWatch,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._sink = sink
        self._clock = clock
        self.watch = watch

    async def fetch(
        self,
        channel: Jid,
        limit: int = 50,
        *,
        before: int | None = None,
        after: int | None = None,
    ) -> list[Message]:
        """Ask for posts of a channel, followed or not, and keep them; the older ones first.

        Args:
            limit: 1 to 300.
            before: only posts with a lower number; `known` tells the numbers.
            after: only posts with a higher number, the lowest of them.
        """
        check_channel(channel)
        query = FetchPosts(channel, limit, before, after)
        posts = await self._queries.run(query, again=True)
        return await self._job(lambda work: take_posts(work, channel, posts))

    async def updates(
        self, channel: Jid, limit: int = 100, *, since: int | None = None
    ) -> list[Message]:
        """Ask what has changed about posts: counters, edits, what was taken back.

        Args:
            since: Unix seconds.

        Returns:
            the posts that are stored here; `known` tells the counters.
        """
        check_channel(channel)
        query = FetchPostUpdates(channel, limit, since)
        posts = await self._queries.run(query, again=True)
        return await self._job(lambda work: take_posts(work, channel, posts))

    async def known(self, channel: Jid, message_id: str) -> KnownPost | None:
        """The number and the counters of a stored post."""
        return await self._read(lambda store: store.newsletters.post_of(channel, message_id))

    async def message(self, channel: Jid, server_id: int) -> Message | None:
        """The stored message of a post by its number; asked for where it is not here."""
        check_channel(channel)

        def job(store: UnitOfWork) -> Message | None:
            known = store.newsletters.post(channel, server_id)
            if known is None or not known.message_id:
                return None
            return store.messages.get(channel, known.message_id)

        found = await self._read(job)
        if found is None and server_id > 0:
            await self.fetch(channel, 1, after=server_id - 1)
            found = await self._read(job)
        return found

    async def own_reactions(self, channel: Jid | None = None) -> tuple[OwnReaction, ...]:
        """Our own reactions, as the server knows them; those to stored posts are kept."""
        if channel is not None:
            check_channel(channel)
        reactions = await self._queries.run(FetchOwnReactions(channel), again=True)
        await self._job(lambda work: keep_own_reactions(work, reactions))
        return reactions

    async def mark_viewed(self, channel: Jid, server_ids: Iterable[int]) -> int:
        """Tell that posts were seen; how many were told.

        Raises:
            ConnectionClosed: there is no connection; nothing was told.
        """
        check_channel(channel)
        numbers = list(dict.fromkeys(server_ids))
        if any(number <= 0 for number in numbers):
            raise InvalidInput("the number of a post is positive")
        link = self._queries.link
        for at in range(0, len(numbers), MAX_VIEWED):
            part = numbers[at : at + MAX_VIEWED]
            link.send(view_receipt(channel, self._queries.next_id(), part))
        return len(numbers)

    async def send_seen(self, channel: Jid) -> int:
        """Mark a channel as read, and tell that its unread posts were seen; how many there were.

        Raises:
            ConnectionClosed: there is no connection; everything is as before.
        """
        check_channel(channel)

        def look(store: UnitOfWork) -> tuple[int, list[MessageKey], list[int]]:
            chat = store.chats.get(channel)
            count = 0 if chat is None else chat.unread
            keys = store.messages.unread(channel, min(count, MAX_SEEN)) if count else []
            return count, keys, store.newsletters.numbers_of(channel, (key.id for key in keys))

        count, keys, numbers = await self._read(look)
        if numbers:
            # Before the channel counts as read: a receipt that is lost can then be sent again.
            await self.mark_viewed(channel, numbers)

        await self._job(lambda work: mark_read(work, channel, keys, count))
        return len(numbers)

    # --- at the bottom -----------------------------------------------------------------------

    async def _read(self, job: Callable[[UnitOfWork], T]) -> T:
        return await self._database.read(self._session_id, job)

    async def _job(self, job: Callable[[Work], T]) -> T:
        now = int(self._clock.unix())
        return await in_work(self._database, self._session_id, self._sink, now, job)
