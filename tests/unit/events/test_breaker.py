"""Who may post to a receiver that does not answer, and when."""

from __future__ import annotations

import pytest

from waport.events.breaker import WITNESSES, Attempt, Breaker, backoff_s


def breaker(jitter: float = 1.0) -> Breaker:
    return Breaker(1.0, lambda: jitter)


def begin(it: Breaker, now: float, event_id: int) -> Attempt:
    attempt = it.begin(now, event_id)
    assert attempt is not None
    return attempt


def down(it: Breaker, now: float = 0.0) -> None:
    """Several events fail together."""
    attempts = [(begin(it, now, event_id), event_id) for event_id in range(1, WITNESSES + 1)]
    for attempt, event_id in attempts:
        assert it.failed(attempt, event_id, now)


@pytest.mark.parametrize(
    ("failures", "shortest", "longest"), [(1, 0.5, 1), (2, 1, 2), (5, 8, 16), (31, 300, 600)]
)
def test_delays_double_up_to_ten_minutes(failures: int, shortest: float, longest: float) -> None:
    assert backoff_s(failures, 1.0, lambda: 0.0) == shortest
    assert backoff_s(failures, 1.0, lambda: 1.0) == longest


def test_posts_that_fail_together_are_one_failure() -> None:
    it = breaker()
    down(it)
    assert it.failures == 1
    assert it.retry_at == 1.0
    assert it.down_since == 0.0


def test_while_it_is_down_one_probe_leaves_at_a_time() -> None:
    it = breaker()
    down(it)
    assert it.begin(0.99, 50) is None
    probe = begin(it, 1.0, 50)
    assert not it.admits(5.0)
    assert it.begin(5.0, 51) is None
    assert it.failed(probe, 50, 5.0)
    assert (it.failures, it.retry_at, it.down_since) == (2, 7.0, 0.0)
    it.abandon(begin(it, 7.0, 50))
    assert it.admits(7.0)  # one that did not happen leaves its place


def test_an_answer_to_the_probe_lets_everything_through() -> None:
    it = breaker()
    down(it)
    it.answered(begin(it, 1.0, 1), 1)
    assert (it.failures, it.retry_at, it.down_since) == (0, None, None)
    for event_id in range(10, 20):
        begin(it, 1.0, event_id)


def test_an_answer_from_before_it_went_down_does_not_count() -> None:
    it = breaker()
    early = begin(it, 0.0, 10)
    down(it)
    it.answered(early, 10)
    assert not it.admits(0.5)


def test_a_failure_from_before_it_came_back_does_not_count() -> None:
    it = breaker()
    late = begin(it, 0.0, 10)
    down(it)
    it.answered(begin(it, 1.0, 1), 1)
    it.failed(late, 10, 1.5)
    assert it.admits(1.5)


def test_new_events_may_try_while_hardly_any_has_failed() -> None:
    it = breaker()
    it.failed(begin(it, 0.0, 1), 1, 0.0)
    assert it.begin(0.5, 1) is None
    for event_id in range(2, WITNESSES + 1):
        witness = begin(it, 0.5, event_id)
        assert it.begin(0.5, 99) is None
        assert it.failed(witness, event_id, 0.5)
    assert it.begin(0.5, 99) is None
    assert not it.wants_witnesses


def test_an_event_that_fails_while_others_are_answered_is_judged_alone_from_then_on() -> None:
    it = breaker()
    assert it.failed(begin(it, 0.0, 1), 1, 0.0)
    it.answered(begin(it, 0.0, 2), 2)
    assert it.admits(0.0)
    for _ in range(3):
        assert not it.failed(begin(it, 0.0, 1), 1, 0.0)
        assert it.admits(0.0)
    it.answered(begin(it, 0.0, 1), 1)
    assert it.failed(begin(it, 0.0, 1), 1, 0.0)


def test_what_is_remembered_of_events_is_bounded() -> None:
    it = breaker()
    for event_id in range(5000):
        it.failed(Attempt(0), event_id, 0.0)
        it.forget(event_id - 10)
    assert len(it._suspects) <= 10
    for event_id in range(5000):
        it.failed(Attempt(0), event_id, 0.0)
    assert len(it._suspects) == 1000
