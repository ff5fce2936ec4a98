"""kill -9 at every named point, under load: the short form of `make crash`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from crash.campaign import Campaign
from waport.crashpoints import POINTS

pytestmark = pytest.mark.e2e

KILLS = 20


async def test_nothing_is_lost_or_doubled_when_the_server_dies_at_each_point(
    tmp_path: Path,
) -> None:
    seed = random.SystemRandom().randrange(10**6)  # other moments each time, on purpose
    print("seed", seed)
    campaign = Campaign(tmp_path, max(KILLS, len(POINTS)), seed, max_passes=4, pace=2, tell=print)
    figures = await campaign.run()
    print("\n".join(figures.lines()))
    assert campaign.never_hit == []
    assert figures.is_clean
