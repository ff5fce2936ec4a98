"""The limits of patience."""

from __future__ import annotations

from dataclasses import replace

import pytest

from waport.events.giving_up import PATIENCE_S, POISON_MS, POISON_TRIES, GivingUp
from waport.store import Delivery

HOUR_MS = 3_600_000
NOW_MS = 1_000 * HOUR_MS
FRESH = Delivery(7, "a", "chat", "message", "{}", NOW_MS - 1000)
OLD = replace(FRESH, created_ms=NOW_MS - 72 * HOUR_MS - 1)
REFUSED = replace(FRESH, refusals=POISON_TRIES - 1, refused_ms=NOW_MS - POISON_MS)


def limits(max_age_s: float = 72 * 3600.0) -> GivingUp:
    return GivingUp(None, max_age_s)  # type: ignore[arg-type]


def test_an_event_is_too_old_beyond_its_age_and_not_right_after_the_start() -> None:
    it = limits()
    it.started_at = 100.0
    assert it.is_too_old(OLD, NOW_MS, 100.0 + PATIENCE_S)
    assert not it.is_too_old(OLD, NOW_MS, 99.0 + PATIENCE_S)
    assert not it.is_too_old(OLD, NOW_MS - 2, 100.0 + PATIENCE_S)
    assert not limits(73 * 3600.0).is_too_old(OLD, NOW_MS, 100.0 + PATIENCE_S)


@pytest.mark.parametrize("status", [400, 401, 404, 413, 422])
def test_an_event_is_poison_when_a_working_receiver_refuses_it_again_and_again(status: int) -> None:
    it = limits()
    taken_ms = REFUSED.refused_ms + 1
    assert it.is_poison(REFUSED, status, NOW_MS, taken_ms)
    assert not it.is_poison(REFUSED, status, NOW_MS, REFUSED.refused_ms)
    assert not it.is_poison(REFUSED, status, NOW_MS - 1, taken_ms)
    assert not it.is_poison(replace(REFUSED, refusals=18), status, NOW_MS, taken_ms)


@pytest.mark.parametrize("status", [None, 302, 408, 425, 429, 500, 503])
def test_other_answers_never_make_poison(status: int | None) -> None:
    assert not limits().is_poison(REFUSED, status, NOW_MS, NOW_MS)
