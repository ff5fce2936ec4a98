"""Privacy settings: who sees what of the account."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from ...errors import Conflict, InvalidInput
from ...model.privacy import EXCEPT, Exclusions, PrivacySettings
from ...stanza.privacy import (
    ChangeExclusions,
    FetchExclusions,
    FetchPrivacy,
    SetPrivacy,
    check_setting,
)
from ...store import Database, UnitOfWork
from ...wire import Jid
from ..blocklist import blocked_user
from ..queries import Queries

_Person = tuple[Jid | None, Jid | None]


class Privacy:
    """The privacy settings of one account; `waport.model.privacy` names them.

    Every method raises what the question may end in: QueryError, QueryTimeout, ConnectionClosed,
    StanzaError; and InvalidInput for a setting or a value that there is not.
    """

    def __init__(self, database: Database, session_id: str, queries: Queries) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._known: PrivacySettings | None = None
        self._sends_read_receipts = True
        self._is_watched = False
        self._epoch = 0
        self._lock = asyncio.Lock()

    async def settings(self, *, fresh: bool = False) -> PrivacySettings:
        """All settings, asked for once; after a change elsewhere the server tells to ask anew.

        Args:
            fresh: ask the server in any case.
        """
        async with self._lock:
            if self._known is not None and not fresh:
                return self._known
            epoch = self._epoch
            settings = await self._queries.run(FetchPrivacy(), again=True)
            self._sends_read_receipts = settings.sends_read_receipts
            # What changed while we asked may be missing in the answer.
            self._known = settings if epoch == self._epoch else None
            return settings

    async def set(self, name: str, value: str) -> str:
        """Change a setting; the value that it has now."""
        try:
            told = await self._queries.run(SetPrivacy(name, value), again=True)
        finally:
            self._forget()
        # Of a change that is made here, the server tells the other devices alone.
        if name == "readreceipts":
            self._sends_read_receipts = told != "none"
        return told

    async def sends_read_receipts(self) -> bool:
        """Whether others are told when their messages were read."""
        return (await self.settings()).sends_read_receipts

    @property
    def read_receipt(self) -> str:
        """The kind of receipt for a message that was read, by the settings last heard of.

        Without read receipts the own devices alone are told.
        """
        return "read" if self._sends_read_receipts else "read-self"

    async def exclusions(self, name: str) -> Exclusions:
        """The contacts to whom a setting does not apply, if its value is `contact_blacklist`."""
        return await self._queries.run(FetchExclusions(name), again=True)

    async def set_exclusions(self, name: str, people: Iterable[Jid]) -> str:
        """Apply a setting to all contacts but these; the value that it has now."""
        check_setting(name, EXCEPT)
        wanted = await self._people(people)
        try:
            try:
                return await self._exclude(name, wanted)
            except Conflict:
                # Another device has changed the list since we asked for it.
                return await self._exclude(name, wanted)
        finally:
            self._forget()

    async def _exclude(self, name: str, wanted: list[_Person]) -> str:
        held = await self.exclusions(name)
        change = ChangeExclusions(
            name,
            held.dhash,
            added=[who for who in wanted if not _is_among(who, held.people)],
            removed=[who for who in held.people if not _is_among(who, wanted)],
        )
        return await self._queries.run(change)

    async def _people(self, people: Iterable[Jid]) -> list[_Person]:
        asked = list(people)

        def job(store: UnitOfWork) -> list[_Person]:
            found: dict[_Person, None] = {}
            for jid in asked:
                if not (jid.bare.is_pn or jid.bare.is_lid):
                    raise InvalidInput("only people are excluded")
                user = blocked_user(store, jid)
                found[user.pn, user.lid] = None
            return list(found)

        return await self._database.read(self._session_id, job)

    async def watch(self) -> None:
        """From now on `read_receipt` is kept true: ask now, and after every change elsewhere."""
        self._is_watched = True
        await self.settings()

    async def on_changed(self) -> None:
        """The server says that another device has changed a setting."""
        self._forget()
        if self._is_watched:
            await self.settings()

    def _forget(self) -> None:
        self._known = None
        self._epoch += 1


def _is_among(who: _Person, people: Iterable[_Person]) -> bool:
    return any(
        mine is not None and mine == other
        for pair in people
        for mine, other in zip(who, pair, strict=True)
    )
