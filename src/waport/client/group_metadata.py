"""What groups are like: kept in the store, asked for when that is missing or old."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar
from weakref import WeakValueDictionary

from ..errors import (
    InvalidInput,
    NotAuthorized,
    QueryError,
    QueryTimeout,
    RateLimited,
    WhatsAppError,
)
from ..model.group import GROUP_AGE_S, Group
from ..stanza.group_leaving import AcknowledgeGroup
from ..stanza.groups import FetchAllGroups, FetchGroup, FetchGroups, read_groups
from ..store import Database, UnitOfWork
from ..wire import Jid
from .clock import SYSTEM_CLOCK, Clock
from .groups import (
    NOT_OURS,
    leave_unlisted,
    mark_left,
    shown_pairs,
    store_group,
    store_groups,
)
from .mappings import learn_many
from .queries import Queries
from .threads import in_thread

log = logging.getLogger(__name__)

T = TypeVar("T")

REFETCH_DELAY_S = 2.0
"""What is to be asked for again waits so long for others, so that all are asked for once."""

REFETCH_AGE_S = 60
"""A group that was asked for so short a time ago is not asked for again on a mere suspicion."""

TRUST_S = 600
"""How long an old list of members will do while the server does not answer."""

MEMBERS_STEP = 400
"""Members, about, whose groups are kept in one transaction."""

MANY = 8
"""So many groups are asked for one by one; more of them by one question for all of them."""


class GroupMetadata:
    """The groups of one account."""

    def __init__(
        self, database: Database, session_id: str, queries: Queries, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._clock = clock
        self._locks: WeakValueDictionary[Jid, asyncio.Lock] = WeakValueDictionary()
        self._due: dict[Jid, None] = {}

    def _now(self) -> int:
        return int(self._clock.unix())

    # --- one group ---------------------------------------------------------------------------

    async def stored(self, jid: Jid) -> Group | None:
        """A group as it is stored."""
        return await self._database.read(self._session_id, lambda store: store.groups.get(jid))

    async def info(self, jid: Jid, *, fresh: bool = False) -> Group:
        """A group, as stored or as the server describes it now.

        The server is asked for a group that is not known, is known in part, or was asked for half
        a day ago. One that we have left is as we knew it.

        Args:
            fresh: ask in any case.

        Raises:
            InvalidInput: it is no group's address.
            NotFound, NotAuthorized: there is no such group, or we are no member and never were.
            QueryError, QueryTimeout, ConnectionClosed, StanzaError: the question failed.
        """
        async with self._lock(jid):
            known = await self.stored(jid)
            if known is None or fresh:
                return await self._ask(jid)
            if not known.is_due(self._now()) or (known.is_left and known.fetched_at):
                return known
            try:
                return await self._ask(jid)
            except QueryError as exc:
                if exc.code not in NOT_OURS:
                    raise
                return await self.stored(jid) or known

    async def ensure(self, jids: Iterable[Jid]) -> None:
        """Have at hand what a message to these groups needs.

        A list of members that is merely old will do when the server does not answer now.

        Raises:
            InvalidInput: one is no group's address.
            NotFound, NotAuthorized: there is no such group, or we are no member.
            QueryError, QueryTimeout, ConnectionClosed, StanzaError: the question failed.
        """
        for jid in jids:
            async with self._lock(jid):
                await self._ensure(jid)

    async def _ensure(self, jid: Jid) -> None:
        known = await self.stored(jid)
        if known is not None and not known.is_due(self._now()):
            if known.is_left:
                raise NotAuthorized(403, "not a member of this group")
            return
        try:
            await self._ask(jid)
        except (RateLimited, QueryTimeout):
            if known is None or known.is_truncated or known.is_left or not known.fetched_at:
                raise
            log.warning("a group could not be asked for; its members are those of hours ago")
            now = self._now()
            await self._write(lambda store: _trust_again(store, jid, now))

    async def _ask(self, jid: Jid) -> Group:
        group = await self._ask_once(jid)
        # A notification has overtaken the answer; what was asked for after it, it can't.
        return group if group.fetched_at else await self._ask_once(jid)

    async def _ask_once(self, jid: Jid) -> Group:
        now = self._now()
        try:
            group = await self._queries.run(FetchGroup(jid), again=True)
        except QueryError as exc:
            if exc.code in NOT_OURS:
                await self._write(lambda store: mark_left(store, jid, now))
            raise
        await self._learn([group])
        return await self._write(lambda store: store_group(store, replace(group, fetched_at=now)))

    async def several(self, jids: Iterable[Jid]) -> list[Group]:
        """Ask for several groups at once and keep what comes; others are left out.

        Raises:
            InvalidInput: there is none, there are more than 10 000, or one is no group.
            QueryError, QueryTimeout, ConnectionClosed, StanzaError: the question failed.
        """
        asked = tuple(dict.fromkeys(jids))
        if not all(jid.is_group for jid in asked):
            raise InvalidInput("a group's address reads 120363...@g.us")
        now = self._now()
        answer = await self._queries.run(FetchGroups(asked), again=True)
        listing = await in_thread(read_groups, answer)
        wanted = frozenset(asked)
        return await self._keep([group for group in listing.groups if group.jid in wanted], now)

    async def acknowledge(self, jid: Jid) -> None:
        """Tell the server that we know of a new group.

        Raises:
            QueryError, QueryTimeout, ConnectionClosed, StanzaError: the server did not take it; it
                tells of the group once more.
        """
        await self._queries.run(AcknowledgeGroup(jid))

    # --- all of them -------------------------------------------------------------------------

    async def all(self) -> list[Group]:
        """Ask for all groups that we are in.

        Groups that we were in, and that are not among them, we have left.

        Raises:
            QueryError, QueryTimeout, ConnectionClosed, StanzaError: the question failed.
        """
        now = self._now()
        before = await self._database.read(self._session_id, lambda store: store.groups.all())
        answer = await self._queries.run(FetchAllGroups(), again=True)
        listing = await in_thread(read_groups, answer)
        stored = await self._keep(listing.groups, now)
        if listing.is_complete:
            await self._write(lambda store: leave_unlisted(store, listing, before, now))
        return stored

    async def listed(self) -> list[Group]:
        """Every known group, those that we have left among them.

        The server is asked which there are; if it does not answer, they are those that are stored.
        """
        try:
            await self.all()
        except WhatsAppError as exc:
            log.info("the groups are listed as stored: %s", type(exc).__name__)
        return await self._database.read(self._session_id, lambda store: store.groups.all())

    # --- again -------------------------------------------------------------------------------

    async def refetch(self, jid: Jid) -> None:
        """Ask for a group soon, together with others that are named meanwhile.

        Raises:
            QueryError, QueryTimeout, ConnectionClosed, StanzaError: a question failed; the groups
                are asked for when they are needed.
        """
        is_first = not self._due
        self._due[jid] = None
        if not is_first:
            return
        try:
            await self._clock.sleep(REFETCH_DELAY_S)
        finally:
            due, self._due = self._due, {}
        if len(due) > MANY:
            await self.all()
            return
        for group in due:
            await self._refetch(group)

    async def _refetch(self, jid: Jid) -> None:
        async with self._lock(jid):
            known, now = await self.stored(jid), self._now()
            is_good = known is not None and not known.is_due(now)
            if known is not None and is_good and now - known.fetched_at < REFETCH_AGE_S:
                return
            try:
                await self._ask(jid)
            except QueryError as exc:
                if exc.code not in NOT_OURS:
                    raise
                log.info("a group is not ours to ask for: %s", exc)

    # --- the store ---------------------------------------------------------------------------

    def _lock(self, jid: Jid) -> asyncio.Lock:
        if not jid.is_group:
            raise InvalidInput("a group's address reads 120363...@g.us")
        return self._locks.setdefault(jid, asyncio.Lock())

    async def _keep(self, groups: Sequence[Group], now: int) -> list[Group]:
        """Keep groups as the server has described them, in steps; as they are stored."""
        await self._learn(groups)
        stored: list[Group] = []
        for some in _steps(groups):
            stored += await self._write(partial(store_groups, groups=some, now=now))
        return stored

    async def _learn(self, groups: Iterable[Group]) -> None:
        """Keep who is who first: that takes longer than all the rest."""
        await learn_many(self._database, self._session_id, shown_pairs(groups))

    async def _write(self, job: Callable[[UnitOfWork], T]) -> T:
        return await self._database.write(self._session_id, job)


def _steps(groups: Iterable[Group]) -> Iterator[list[Group]]:
    """Groups that are kept in one transaction."""
    step: list[Group] = []
    count = 0
    for group in groups:
        step.append(group)
        count += len(group.members)
        if count >= MEMBERS_STEP:
            yield step
            step, count = [], 0
    if step:
        yield step


def _trust_again(store: UnitOfWork, jid: Jid, now: int) -> None:
    """Go on for a while with what is known of a group."""
    group = store.groups.get(jid)
    if group is not None and group.fetched_at:
        store.groups.put(replace(group, fetched_at=now - GROUP_AGE_S + TRUST_S))
