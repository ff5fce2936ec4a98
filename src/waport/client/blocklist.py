"""The account's block list: kept in memory, and asked for by the hash of what is held.

Source: docs/protocol/queries.md, "Blocklist".
"""

from __future__ import annotations

import asyncio

from ..errors import Conflict, InvalidInput
from ..model import BlockedUser
from ..stanza.blocklist import BlockedUsers, ChangeBlockList, FetchBlockList
from ..store import Database, UnitOfWork
from ..wire import Jid
from .mappings import learn_many
from .queries import Queries


class BlockList:
    """Whom the account has blocked.

    Nothing has to be done when another device changes it: the next question or change names an old
    hash then, and the server answers with the whole list.
    """

    def __init__(self, database: Database, session_id: str, queries: Queries) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._known = BlockedUsers("")
        self._lock = asyncio.Lock()

    async def get(self) -> tuple[BlockedUser, ...]:
        """Who is blocked, with all addresses that we know.

        Raises:
            QueryError, QueryTimeout, ConnectionClosed, StanzaError: the question failed.
        """
        async with self._lock:
            await self._refresh()
            known = self._known.users
        return await self._database.read(
            self._session_id, lambda store: tuple(_completed(store, user) for user in known)
        )

    async def change(self, user: BlockedUser, *, block: bool) -> None:
        """Block somebody, or no longer.

        Raises:
            QueryError, QueryTimeout, ConnectionClosed, StanzaError: it is not known to be done.
        """
        async with self._lock:
            try:
                await self._change(user, block)
            except Conflict:
                # The list that we hold is old: once more with the present one.
                self._known = BlockedUsers("")
                await self._refresh()
                await self._change(user, block)

    async def _change(self, user: BlockedUser, block: bool) -> None:
        held = self._known
        answer = await self._queries.run(ChangeBlockList(block, user.pn, user.lid, held.dhash))
        if answer.whole is not None:
            await self._keep(answer.whole)
        elif not (held.dhash and answer.dhash):
            # There is nothing to apply the change to, or no name for the outcome.
            self._known = BlockedUsers("")
        else:
            others = tuple(other for other in held.users if not _is_same(other, user))
            self._known = BlockedUsers(answer.dhash, (*others, user) if block else others)

    async def _refresh(self) -> None:
        listed = await self._queries.run(FetchBlockList(self._known.dhash))
        if listed is not None:
            await self._keep(listed)

    async def _keep(self, listed: BlockedUsers) -> None:
        self._known = listed
        pairs = [
            (user.pn, user.lid)
            for user in listed.users
            if user.pn is not None and user.lid is not None
        ]
        await learn_many(self._database, self._session_id, pairs)


def blocked_user(store: UnitOfWork, jid: Jid) -> BlockedUser:
    """A person with both addresses, as far as they are known.

    Raises:
        InvalidInput: it is no person.
    """
    bare = jid.bare
    if not (bare.is_pn or bare.is_lid):
        raise InvalidInput("only people are blocked")
    if bare.is_lid:
        return BlockedUser(store.addresses.pn_of(bare), bare)
    return BlockedUser(bare, store.addresses.lid_of(bare))


def is_blocked(listed: tuple[BlockedUser, ...], user: BlockedUser) -> bool:
    """Whether a person is on the list, under whatever address."""
    return any(_is_same(other, user) for other in listed)


def _completed(store: UnitOfWork, user: BlockedUser) -> BlockedUser:
    return blocked_user(store, user.jid) if user.pn is None or user.lid is None else user


def _is_same(one: BlockedUser, other: BlockedUser) -> bool:
    by_number = one.pn is not None and one.pn == other.pn
    return by_number or (one.lid is not None and one.lid == other.lid)
