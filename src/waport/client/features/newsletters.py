"""Channels: finding, following, making and changing them, and what is posted in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from ...errors import NotFound, QueryError
from ...model import ChannelChanged
from ...model.newsletter import (
    ChannelChangeKind,
    ChannelPage,
    ChannelRole,
    DirectoryView,
    Newsletter,
    ReactionMode,
)
from ...stanza import newsletter_mex as calls
from ...stanza.newsletter_mex import MexCall
from ...stanza.newsletter_posts import TERMS, AgreeToTerms
from ...stanza.newsletters import (
    channel_code,
    check_channel,
    read_newsletter,
    read_newsletters,
    read_page,
    update_newsletter,
)
from ...store import Database, UnitOfWork
from ...wire import Jid
from ..clock import SYSTEM_CLOCK, Clock
from ..mex import Mex
from ..newsletters import (
    change_channel,
    known_channel,
    known_channels,
    mark_gone,
    mark_unfollowed,
    store_channel,
    store_channels,
)
from ..pictures import profile_picture
from ..probe_files import Source
from ..queries import Queries
from ..work import EventSink, Work
from ..work_job import in_work
from .newsletter_admins import NewsletterAdmins
from .newsletter_posts import NewsletterPosts

T = TypeVar("T")

_Kind = ChannelChangeKind


class Newsletters:
    """The channels of one account.

    Every method raises what the question to the server may end in: QueryError (NotFound for an
    unknown or deleted channel, NotAuthorized for what only its admins or its owner may), MexError
    for an unusable answer, QueryTimeout, ConnectionClosed, StanzaError; and InvalidInput for
    arguments that the server would refuse.

    What we change stands in the store as soon as the server has confirmed it, and is told by a
    `ChannelChanged`; what others change comes by notifications. Posts are sent by
    `client.messages`, which also edits them, takes them back and reacts to them.

    Attributes:
        admins: who runs a channel, and who follows it.
        posts: what is posted, and its counters.
    """

    def __init__(
        self,
        database: Database,
        session_id: str,
        queries: Queries,
        mex: Mex,
        sink: EventSink,
        admins: NewsletterAdmins,
        posts: NewsletterPosts,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._mex = mex
        self._sink = sink
        self._clock = clock
        self.admins = admins
        self.posts = posts

    # --- finding -----------------------------------------------------------------------------

    async def info(self, channel: Jid, *, fresh: bool = True) -> Newsletter:
        """A channel, followed or not. One that is known is kept.

        Args:
            fresh: False is content with what is stored.
        """
        check_channel(channel)
        known = await self._read(lambda store: known_channel(store, channel))
        if known is not None and not fresh:
            return known
        try:
            found = await self._fetch(calls.fetch(str(channel), by_invite=False))
        except NotFound:
            await self._write(lambda store: mark_gone(store, channel))
            raise
        return await self._keep(found)

    async def by_invite(self, code: str) -> Newsletter:
        """The channel that a link or its code leads to."""
        found = await self._fetch(calls.fetch(channel_code(code), by_invite=True))
        return await self._keep(found)

    async def all(self) -> list[Newsletter]:
        """Ask for all channels that we follow or run, and keep what comes."""
        before = await self._read(known_channels)
        call = calls.fetch_all()
        listed = await self._mex.ask_list(call.operation, call.variables, again=True)
        now = self._now()
        found = [replace(each, fetched_at=now) for each in read_newsletters(listed)]
        return await self._write(lambda store: store_channels(store, found, before))

    async def stored(self) -> list[Newsletter]:
        """The channels that we follow or run, as they are stored."""
        known = await self._read(known_channels)
        return [newsletter for newsletter in known if newsletter.is_followed]

    async def search(self, text: str, *, limit: int = 20, cursor: str = "") -> ChannelPage:
        """Channels with a text in their names, at most 100 on one page.

        Args:
            cursor: from the page before.
        """
        return await self._page(calls.search(text, limit, cursor))

    async def directory(
        self,
        view: DirectoryView = DirectoryView.RECOMMENDED,
        *,
        limit: int = 20,
        countries: Sequence[str] = (),
        cursor: str = "",
    ) -> ChannelPage:
        """A list of the directory, at most 100 on one page.

        Args:
            countries: codes of two letters; none for all.
            cursor: from the page before.
        """
        return await self._page(calls.directory(view, limit, countries, cursor))

    async def recommended(self, *, limit: int = 20, countries: Sequence[str] = ()) -> ChannelPage:
        """Channels that the platform recommends to this account."""
        return await self._page(calls.recommended(limit, countries))

    async def _page(self, call: MexCall) -> ChannelPage:
        return read_page(await self._mex.ask(call.operation, call.variables, again=True))

    async def _fetch(self, call: MexCall) -> Newsletter:
        found = await self._mex.ask(call.operation, call.variables, again=True)
        newsletter = replace(read_newsletter(found), fetched_at=self._now())
        if newsletter.is_gone:
            await self._write(lambda store: mark_gone(store, newsletter.jid))
            raise NotFound(404, "the channel is gone")
        return newsletter

    async def _keep(self, newsletter: Newsletter) -> Newsletter:
        """Keep what is followed or was known; strangers' channels are not collected."""

        def job(store: UnitOfWork) -> Newsletter:
            is_known = known_channel(store, newsletter.jid) is not None
            if is_known or newsletter.is_followed:
                store_channel(store, newsletter)
            return newsletter

        return await self._write(job)

    # --- following ---------------------------------------------------------------------------

    async def follow(self, channel: Jid) -> Newsletter:
        """Follow a channel; nothing happens when it is followed."""
        check_channel(channel)
        call = calls.of_channel("JoinNewsletter", channel)
        found = await self._mex.ask(call.operation, call.variables, again=True)
        followed = replace(read_newsletter(found), fetched_at=self._now())
        if not followed.name:
            followed = await self.info(channel)
        if not followed.is_followed:
            followed = replace(followed, role=ChannelRole.SUBSCRIBER)
        return await self._changed(followed, _Kind.FOLLOWED)

    async def unfollow(self, channel: Jid) -> None:
        """Follow a channel no more. NotAuthorized for its owner, who can but delete it."""
        check_channel(channel)
        call = calls.of_channel("LeaveNewsletter", channel)
        await self._mex.ask(call.operation, call.variables, again=True)
        self.posts.watch.end(channel)

        def job(work: Work) -> None:
            left = mark_unfollowed(work.store, channel)
            if left is not None:
                work.emit(ChannelChanged(left, _Kind.UNFOLLOWED))

        await self._job(job)

    async def mute(self, channel: Jid, *, followers: bool = False) -> None:
        """Hear no more of posts, or with `followers` of what followers do."""
        await self._mute(channel, followers, is_on=True)

    async def unmute(self, channel: Jid, *, followers: bool = False) -> None:
        """Hear of posts again, or with `followers` of what followers do."""
        await self._mute(channel, followers, is_on=False)

    async def _mute(self, channel: Jid, followers: bool, *, is_on: bool) -> None:
        check_channel(channel)
        call = calls.mute(channel, followers=followers, is_on=is_on)
        await self._mex.ask(call.operation, call.variables, again=True)

        def job(work: Work) -> None:
            known = known_channel(work.store, channel)
            if known is None:
                return
            muted = replace(known, is_muted=is_on)
            if followers:
                muted = replace(known, mutes_followers=is_on)
            change_channel(work, muted, _Kind.MUTED)

        await self._job(job)

    # --- running one -------------------------------------------------------------------------

    async def create(
        self, name: str, description: str = "", picture: Source | None = None
    ) -> Newsletter:
        """Make a channel; we are its owner. The terms of channels are agreed to.

        Args:
            name: 1 to 100 characters.
            description: at most 2048 characters.
            picture: of which the middle square is taken; see `Profile.set_picture`.
        """
        image = None if picture is None else await profile_picture(picture)
        call = calls.create(name, description, image)
        for notice in TERMS:
            try:
                await self._queries.run(AgreeToTerms(notice), again=True)
            except QueryError:
                continue  # the server knows the other number alone
        found = await self._mex.ask(call.operation, call.variables)
        made = replace(read_newsletter(found), fetched_at=self._now())
        if not made.is_run:
            made = replace(made, role=ChannelRole.OWNER)
        return await self._changed(made, _Kind.FOLLOWED)

    async def set_name(self, channel: Jid, name: str) -> Newsletter:
        """Name a channel: 1 to 100 characters."""
        return await self._update(channel, calls.update(channel, name=name))

    async def set_description(self, channel: Jid, text: str) -> Newsletter:
        """Describe a channel: at most 2048 characters; an empty text takes that away."""
        return await self._update(channel, calls.update(channel, description=text))

    async def set_picture(self, channel: Jid, source: Source) -> Newsletter:
        """Show a picture, of which the middle square is taken; see `Profile.set_picture`."""
        image = await profile_picture(source)
        return await self._update(channel, calls.update(channel, picture=image))

    async def remove_picture(self, channel: Jid) -> Newsletter:
        """Show no picture any more."""
        return await self._update(channel, calls.update(channel, picture=b""))

    async def set_reactions(self, channel: Jid, mode: ReactionMode) -> Newsletter:
        """Say which reactions the channel takes."""
        return await self._update(channel, calls.update(channel, reactions=mode))

    async def delete(self, channel: Jid) -> None:
        """Delete a channel for all; for its owner. What was posted stays stored here."""
        check_channel(channel)
        call = calls.of_channel("DeleteNewsletter", channel)
        await self._mex.ask(call.operation, call.variables, again=True)
        self.posts.watch.end(channel)

        def job(work: Work) -> None:
            gone = mark_gone(work.store, channel)
            if gone is not None:
                work.emit(ChannelChanged(gone, _Kind.STATE))

        await self._job(job)

    async def _update(self, channel: Jid, call: MexCall) -> Newsletter:
        check_channel(channel)
        found = await self._mex.ask(call.operation, call.variables, again=True)
        known = await self._read(lambda store: known_channel(store, channel))
        changed = update_newsletter(known or read_newsletter(found), found)
        return await self._changed(changed, _Kind.UPDATED)

    async def _changed(self, newsletter: Newsletter, kind: ChannelChangeKind) -> Newsletter:
        await self._job(lambda work: change_channel(work, newsletter, kind))
        return newsletter

    # --- at the bottom -----------------------------------------------------------------------

    async def refetch(self, channel: Jid) -> None:
        """Ask for a channel whose news could not be applied."""
        try:
            newsletter = await self.info(channel)
        except NotFound:
            return
        if newsletter.is_followed:
            await self._changed(newsletter, _Kind.UPDATED)

    async def _read(self, job: Callable[[UnitOfWork], T]) -> T:
        return await self._database.read(self._session_id, job)

    async def _write(self, job: Callable[[UnitOfWork], T]) -> T:
        return await self._database.write(self._session_id, job)

    async def _job(self, job: Callable[[Work], T]) -> T:
        return await in_work(self._database, self._session_id, self._sink, self._now(), job)

    def _now(self) -> int:
        return int(self._clock.unix())
