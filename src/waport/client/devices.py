"""Asking the server for device lists and key bundles, and keeping what it says."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from ..model import DeviceList
from ..stanza.prekeys import BundleAnswer, FetchBundles
from ..stanza.usync import FetchDevices, UserDevices
from ..store import Database, UnitOfWork
from ..wire import Jid
from .encryption import learn_mapping, signal_device
from .group_encryption import rotate
from .queries import Queries
from .work import own_addresses

log = logging.getLogger(__name__)

BUNDLES_PER_QUERY = 100
USERS_PER_QUERY = 100

T = TypeVar("T")

UseBundles = Callable[[Mapping[Jid, BundleAnswer]], Awaitable[None]]
"""Does something with bundles as they come."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """Users whose devices remain unknown.

    Attributes:
        account: they have no account.
        list: the server's list of their devices is unusable, and there was none before.
    """

    account: frozenset[Jid]
    list: frozenset[Jid]


class Devices:
    """Device lists and bundles of other people and of ourselves."""

    def __init__(self, database: Database, session_id: str, queries: Queries) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries

    async def fetch(self, users: Sequence[Jid]) -> Lacking:
        """Ask for the device lists of users and store them; says who has none.

        Raises:
            QueryError: refused.
            QueryTimeout, ConnectionClosed: the question failed.
        """
        found: set[Jid] = set()
        known: set[Jid] = set()

        async def ask(page: Sequence[Jid]) -> list[UserDevices]:
            query = FetchDevices(page, self._queries.next_id())
            return await self._queries.run(query, again=True)

        async def store(answers: list[UserDevices]) -> None:
            found.update(answer.user for answer in answers if answer.exists)
            now = int(time.time())
            known.update(
                await self._database.write(
                    self._session_id, lambda work: _store_answers(work, answers, now)
                )
            )

        await _in_pages(users, USERS_PER_QUERY, ask, store)
        asked = {user.bare for user in users}
        return Lacking(frozenset(asked - found), frozenset((asked & found) - known))

    async def bundles(
        self,
        devices: Sequence[Jid],
        *,
        identity_changed: bool = False,
        use: UseBundles | None = None,
    ) -> dict[Jid, BundleAnswer]:
        """The key bundles of devices; a failed entry concerns that device only.

        Args:
            use: is given what a part of them brought, while the next part is asked for.
        """
        found: dict[Jid, BundleAnswer] = {}

        async def ask(page: Sequence[Jid]) -> dict[Jid, BundleAnswer]:
            return await self._queries.run(FetchBundles(page, identity_changed), again=True)

        async def take(answers: dict[Jid, BundleAnswer]) -> None:
            found.update(answers)
            if use is not None:
                await use(answers)

        await _in_pages(devices, BUNDLES_PER_QUERY, ask, take)
        return found


async def _in_pages(
    items: Sequence[Jid],
    size: int,
    ask: Callable[[Sequence[Jid]], Awaitable[T]],
    use: Callable[[T], Coroutine[Any, Any, None]],
) -> None:
    """Ask page by page; what one page brought is put to use while the next one is asked for."""
    using: asyncio.Task[None] | None = None
    try:
        for start in range(0, len(items), size):
            answer = await ask(items[start : start + size])
            if using is not None:
                await using
            using = asyncio.create_task(use(answer))
        if using is not None:
            await using
    finally:
        if using is not None:
            using.cancel()
            await asyncio.gather(using, return_exceptions=True)


def _store_answers(work: UnitOfWork, answers: Sequence[UserDevices], now: int) -> set[Jid]:
    """Store device lists; returns the users who have one now.

    Where an answer is unusable the list before goes on, as if it had just been told: it is the best
    that is known, and asking again at once would bring the same.
    """
    known = set()
    for answer in answers:
        pn = answer.user if answer.user.is_pn else None
        if pn is not None and answer.lid is not None:
            learn_mapping(work, pn, answer.lid)
        old = work.addresses.devices(answer.user)
        devices = _accepted(old, answer, now)
        if devices is None:
            continue
        if old is not None and _re_registered(old, devices):
            for number in old.devices:
                if number:
                    forget_session(work, answer.user.with_device(number))
        work.addresses.put_devices(devices)
        known.add(answer.user)
    return known


def _accepted(old: DeviceList | None, answer: UserDevices, now: int) -> DeviceList | None:
    """The list to go on with, None when there is none."""
    if not answer.exists:
        return None
    if answer.devices is None or (old is not None and _is_replay(old, answer)):
        log.warning("a device list was unusable; the one before is kept")
        return None if old is None else replace(old, fetched_at=now)
    return DeviceList(answer.user, answer.devices, answer.raw_id, answer.timestamp, now)


def _is_replay(old: DeviceList, answer: UserDevices) -> bool:
    """A signed list older than the one we hold is not believed."""
    return (
        answer.raw_id is not None
        and answer.raw_id == old.raw_id
        and answer.timestamp < old.timestamp
    )


def _re_registered(old: DeviceList, new: DeviceList) -> bool:
    return old.raw_id is not None and new.raw_id is not None and old.raw_id != new.raw_id


def forget_session(work: UnitOfWork, device: Jid) -> None:
    """A device is gone: its session and its sender keys are of no use any more, and the keys of
    ours that it may have are replaced.

    Source: docs/protocol/signal.md, "Sender-key memory".
    """
    addresses = {device.signal_address, signal_device(work, device).signal_address}
    groups: set[Jid] = set()
    for address in addresses:
        work.signal.delete_session(address)
        work.signal.delete_identity(address)
        groups.update(work.sender_keys.forget_device(address))
    credentials = work.devices.get()
    if groups and credentials is not None:
        rotate(work, sorted(groups, key=str), own_addresses(credentials))


def forget_own_devices(store: UnitOfWork) -> None:
    """The list of our own devices is asked for anew when it is needed."""
    credentials = store.devices.get()
    if credentials is not None and credentials.pn is not None:
        store.addresses.forget_devices(credentials.pn.bare)
