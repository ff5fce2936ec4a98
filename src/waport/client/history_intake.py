"""A piece of history on its way from its file into the store, in steps.

What is read and decoded is read in threads, and each step is one short transaction: the connection
and whoever else writes goes on meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Final, TypeVar

from ..errors import ConnectionClosed, DecodeError, InvalidInput
from ..model import OlderHistory
from ..stanza.history_blob import Overview, Part, overview, parts
from ..store import Database, UnitOfWork
from ..store.history import StoredNotice
from ..wire import Jid
from . import history_jobs as jobs
from .addons import is_add_on
from .clock import Clock
from .history_jobs import Place
from .mappings import learn_many
from .media_files import Source, open_source
from .threads import in_thread

log = logging.getLogger(__name__)

T = TypeVar("T")

ALL_DONE: Final = 2**40
"""Stands for the number of parts of a piece that is stored as a whole."""

NAMES_STEP: Final = 200
"""Rows that are stored in one transaction."""

MESSAGES_STEP: Final = 200
"""The same of messages, about: a part of a chat is stored as a whole."""

_COMPLETE: Final = (1, 3)
"""`EndOfHistoryTransferType`: nothing is left on the phone, or nothing that it may give."""


class Intake:
    """Takes pieces in.

    Args:
        announce: tells the server the account's name, once it has changed.
    """

    def __init__(
        self,
        database: Database,
        session_id: str,
        announce: Callable[[], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._announce = announce
        self._clock = clock

    async def take(self, stored: StoredNotice, source: Source) -> OlderHistory:
        """Take a piece in, from where it was left.

        Args:
            source: the piece, deflated.

        Raises:
            DecodeError: it is cut short, too large, or no history; nothing of it is stored.
            OSError: it can't be read.
        """
        seen = await in_thread(_overview, source)
        if not stored.done:
            await self._take_overview(seen, f"{stored.sync_type}.{stored.chunk_order}")
        return await self._take_parts(stored, source)

    async def take_pairs(self, pairs: Iterable[tuple[Jid, Jid]]) -> None:
        """Keep phone numbers with their hidden ids."""
        await learn_many(self._database, self._session_id, pairs)

    async def _take_overview(self, seen: Overview, piece: str) -> None:
        await self.take_pairs(seen.pairs.items())
        is_renamed = False
        for names in _steps(seen.push_names.items(), NAMES_STEP):
            is_renamed |= await self._write(partial(_put_push_names, names))
        for contacts in _steps(seen.contacts, NAMES_STEP):
            await self._write(lambda store, some=contacts: jobs.put_contacts(store, some))  # type: ignore[misc]
        for kept in _steps(seen.kept, NAMES_STEP):
            await self._write(partial(_keep, kept, piece))
        await self._write(partial(_put_rest, seen))
        if is_renamed:
            try:
                await self._announce()
            except ConnectionClosed:
                log.debug("the new name is announced with the next login")

    async def _take_parts(self, stored: StoredNotice, source: Source) -> OlderHistory:
        """Store the chats, some parts at a time."""
        new, end = 0, -1
        number = stored.done
        file = await in_thread(open_source, source)
        try:
            reading = parts(file.read, is_add_on, skip=number)
            # Not the next one while one is being stored: two busy threads would keep the event loop
            # waiting for its turn.
            while batch := await in_thread(_next_batch, reading):
                end = next((part.chat.end for part in reversed(batch) if part.chat), end)
                place = Place(stored.position, stored.message_id, number)
                new += await self._put(batch, place)
                number += len(batch)
        finally:
            await in_thread(file.close)
        return OlderHistory(new, end in _COMPLETE)

    async def _put(self, batch: Sequence[Part], place: Place) -> int:
        now = int(self._clock.unix())
        try:
            return await self._write(lambda store: jobs.put_parts(store, batch, place, now))
        except (InvalidInput, DecodeError) as exc:
            if len(batch) > 1:
                new = 0
                for index, part in enumerate(batch):
                    new += await self._put([part], replace(place, number=place.number + index))
                return new
            # One chat that can't be stored must not cost the others.
            log.warning("a chat of the history can't be stored: %s", exc)
            await self._write(
                lambda store: store.history.set_done(place.position, place.number + 1)
            )
            return 0

    async def _write(self, job: Callable[[UnitOfWork], T]) -> T:
        return await self._database.write(self._session_id, job)


def _overview(source: Source) -> Overview:
    with open_source(source) as file:
        return overview(file.read)


def _next_batch(reading: Iterator[Part]) -> list[Part]:
    """Parts with some messages in all; none at the end."""
    batch: list[Part] = []
    count = 0
    while count < MESSAGES_STEP and (part := next(reading, None)) is not None:
        batch.append(part)
        count += len(part.messages) + 1
    return batch


def _steps(items: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    rest = iter(items)
    while step := tuple(islice(rest, size)):
        yield step


def _put_push_names(names: Sequence[tuple[Jid, str]], store: UnitOfWork) -> bool:
    return jobs.put_push_names(store, names)


def _keep(some: Sequence[tuple[str, str, bytes]], piece: str, store: UnitOfWork) -> None:
    for kind, name, data in some:
        # Other pieces have something at that place, too.
        store.history.keep(kind, f"{piece}:{name}" if name.isdigit() else name, data)


def _put_rest(seen: Overview, store: UnitOfWork) -> None:
    if seen.salt:
        store.history.keep_first("account", "salt", seen.salt)
    if seen.migrated_at:
        store.history.keep_first("account", "lid_migrated_at", str(seen.migrated_at).encode())
