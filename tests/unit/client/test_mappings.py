"""Many phone numbers with their hidden ids."""

from __future__ import annotations

from typing import Any

import pytest

from support.account import SESSION, Account
from waport.client.mappings import PAIRS_STEP, learn_many
from waport.store.statements import Connection
from waport.wire import Jid

PAIRS = [
    (Jid(str(49151 * 10**7 + n), "s.whatsapp.net"), Jid(str(2 * 10**14 + n), "lid"))
    for n in range(PAIRS_STEP + 1)
]
MOST = 16
"""Statements for one person of whom nothing else is stored."""


async def test_strangers_cost_little_and_those_who_are_known_next_to_nothing(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    for name in ("one", "all", "change"):
        ask = getattr(Connection, name)

        def counted(db: Connection, *args: Any, ask: Any = ask, **values: Any) -> Any:
            asked.append(args)
            return ask(db, *args, **values)

        monkeypatch.setattr(Connection, name, counted)
    await learn_many(account.database, SESSION, PAIRS)
    assert len(asked) <= MOST * len(PAIRS)
    asked.clear()
    await learn_many(account.database, SESSION, PAIRS)
    assert len(asked) == 1
    found = await account.read(lambda store: store.addresses.lids_of(pn for pn, _ in PAIRS))
    assert found == dict(PAIRS)
