"""The age of the event log under a calendar that jumps."""

from __future__ import annotations

import pytest

from support.clock import FakeClock
from waport.api.log_age import JUMP_S, LogAge

KEEP_S = 7 * 24 * 3600.0
YEAR_S = 365 * 24 * 3600.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def age(clock: FakeClock) -> LogAge:
    return LogAge(KEEP_S, clock=clock.unix, monotonic=clock.monotonic)


def usual(clock: FakeClock) -> int:
    return int((clock.unix() - KEEP_S) * 1000)


def test_events_go_when_they_are_old(clock: FakeClock, age: LogAge) -> None:
    assert age.before_ms() == usual(clock)
    clock.advance(3600)
    clock.set_calendar(JUMP_S / 2)
    assert age.before_ms() == usual(clock)


def test_none_goes_for_its_age_after_the_calendar_was_set_forward(
    clock: FakeClock, age: LogAge
) -> None:
    clock.set_calendar(YEAR_S)
    assert age.before_ms() == 0
    clock.advance(KEEP_S - 1)
    assert age.before_ms() == 0
    clock.advance(1)
    assert age.before_ms() == usual(clock)


def test_a_calendar_that_is_set_back_only_keeps_them_for_longer(
    clock: FakeClock, age: LogAge
) -> None:
    before = age.before_ms()
    clock.set_calendar(-YEAR_S)
    assert age.before_ms() == usual(clock) < before
