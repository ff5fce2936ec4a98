"""Both addresses of the people in an answer; see `events.people`."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

from ..client.threads import in_thread
from ..errors import StoreError
from ..events import ADDRESSES, AddressJson, People, addresses_json, find_people
from ..wire import Jid

log = logging.getLogger(__name__)

MAX_INLINE: Final = 300
"""People of whom is told at once: about a millisecond."""

WhoIsWho = Callable[[Iterable[Jid]], Awaitable[Mapping[Jid, Jid]]]
"""The other addresses of people, where they are known."""


async def told_addresses(who: WhoIsWho | None, people: People) -> dict[str, AddressJson]:
    """What an answer says of the people in it; nothing where that can't be had."""
    if who is None or not people:
        return {}
    try:
        others = await who(set(people.values()))
        if len(people) <= MAX_INLINE:
            return addresses_json(people, others)
        return await in_thread(addresses_json, people, others)
    except StoreError as exc:
        # What the answer tells of was done all the same.
        log.error("the addresses of people were not read: %s", exc)
        return {}


async def with_addresses(answer: Mapping[str, object], who: WhoIsWho) -> Mapping[str, object]:
    """An answer with the addresses of the people in it."""
    people: People = {}
    find_people(answer, people)
    addresses = await told_addresses(who, people)
    return {**answer, ADDRESSES: addresses} if addresses else answer
