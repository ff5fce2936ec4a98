"""kill -9 at every named point, under load: the short form of `make crash`."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest

from crash.campaign import Campaign
from support.postgres import postgres_server
from waport.crashpoints import POINTS

pytestmark = pytest.mark.e2e

KILLS = 20


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_nothing_is_lost_or_doubled_when_the_server_dies_at_each_point(
    tmp_path: Path, database: str
) -> None:
    seed = random.SystemRandom().randrange(10**6)  # other moments each time, on purpose
    print("seed", seed)
    with contextlib.ExitStack() as stack:
        url = None
        if database == "postgresql":
            url = stack.enter_context(stack.enter_context(postgres_server()).database())
        campaign = Campaign(
            tmp_path,
            max(KILLS, len(POINTS)),
            seed,
            max_passes=4,
            pace=2,
            database_url=url,
            tell=print,
        )
        figures = await campaign.run()
    print("\n".join(figures.lines()))
    assert campaign.never_hit == []
    assert figures.is_clean
