"""Many phone numbers with their hidden ids, kept without holding up whoever else writes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

from ..store import Database, UnitOfWork
from ..wire import Jid
from .encryption import learn_mapping

PAIRS_STEP: Final = 40
"""Pairs that are kept in one transaction: each that is news takes about a millisecond."""

Pair = tuple[Jid, Jid]
"""A phone number and a hidden id, both bare."""


async def learn_many(database: Database, session_id: str, pairs: Iterable[Pair]) -> None:
    """Keep pairs in steps; a pair takes the place of an older one."""
    listed = list(dict.fromkeys(pairs))
    news = await database.read(session_id, lambda store: unknown(store, listed))
    for start in range(0, len(news), PAIRS_STEP):
        step = news[start : start + PAIRS_STEP]
        await database.write(session_id, partial(learn_mappings, pairs=step))


def learn_mappings(store: UnitOfWork, pairs: Iterable[Pair]) -> None:
    """Keep pairs; which of them are news is asked for all of them at once."""
    for pn, lid in unknown(store, list(pairs)):
        learn_mapping(store, pn, lid)


def unknown(store: UnitOfWork, pairs: list[Pair]) -> list[Pair]:
    """Those of some pairs that are not known."""
    known = store.addresses.lids_of(pn for pn, _ in pairs)
    return [(pn, lid) for pn, lid in pairs if known.get(pn) != lid]
