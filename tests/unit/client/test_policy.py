from __future__ import annotations

import pytest

from waport.client.policy import (
    ACTIONS,
    Backoff,
    Cause,
    Retry,
    close_for_failure,
    close_for_stream_error,
)
from waport.stanza.login import parse_failure, parse_stream_error
from waport.wire import Node


def failure(**attrs: str) -> Cause:
    return close_for_failure(parse_failure(Node("failure", dict(attrs)))).cause


def stream_error(*children: Node, **attrs: str) -> Cause:
    node = Node("stream:error", dict(attrs), list(children))
    return close_for_stream_error(parse_stream_error(node)).cause


def test_every_cause_has_an_action() -> None:
    assert set(ACTIONS) == set(Cause)


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("401", Cause.LOGGED_OUT),
        ("403", Cause.LOGGED_OUT),
        ("406", Cause.LOGGED_OUT),
        ("405", Cause.OUTDATED),
        ("500", Cause.LOST),
        ("503", Cause.LOST),
        ("400", Cause.REFUSED),
        ("409", Cause.REFUSED),
        ("418", Cause.REFUSED),
        ("599", Cause.REFUSED),
        ("x", Cause.REFUSED),
    ],
)
def test_a_login_failure_leads_to_its_cause(reason: str, cause: Cause) -> None:
    assert failure(reason=reason) is cause


def test_a_failure_without_reason_keeps_the_session() -> None:
    assert failure() is Cause.REFUSED
    assert not ACTIONS[Cause.REFUSED].forget


def test_a_ban_is_waited_out_only_if_its_length_is_known() -> None:
    assert failure(reason="402", code="101", expire="3600") is Cause.BANNED
    assert failure(reason="402", code="101") is Cause.REFUSED
    assert failure(reason="402", code="101", expire="0") is Cause.REFUSED
    assert failure(reason="402", expire="3600") is Cause.REFUSED
    assert ACTIONS[Cause.BANNED].retry is Retry.AFTER_WAIT


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("515", Cause.RESTART),
        ("401", Cause.LOGGED_OUT),
        ("516", Cause.LOGGED_OUT),
        ("409", Cause.REPLACED),
        ("440", Cause.REPLACED),
        ("429", Cause.RATE_LIMITED),
        ("500", Cause.LOST),
        ("503", Cause.LOST),
        ("599", Cause.LOST),
        ("", Cause.LOST),
    ],
)
def test_a_stream_error_leads_to_its_cause(code: str, cause: Cause) -> None:
    assert stream_error(code=code) is cause


def test_the_conflict_outweighs_the_code() -> None:
    removed = Node("conflict", {"type": "device_removed"})
    replaced = Node("conflict", {"type": "replaced"})
    other = Node("conflict", {"type": "something"})
    assert stream_error(removed) is Cause.LOGGED_OUT
    assert stream_error(removed, code="440") is Cause.LOGGED_OUT
    assert stream_error(replaced, code="401") is Cause.REPLACED
    assert stream_error(other, code="401") is Cause.REFUSED


def test_an_end_keeps_the_servers_own_words() -> None:
    close = close_for_failure(parse_failure(Node("failure", {"reason": "403", "vt": "once"})))
    assert close.raw == '<failure reason="403" vt="once"/>'
    assert "once" not in close.detail
    error = Node("stream:error", {"code": "577"}, [Node("brand-new")])
    assert "<brand-new/>" in close_for_stream_error(parse_stream_error(error)).raw


def test_only_a_logout_forgets_and_only_a_takeover_gives_way() -> None:
    assert [cause for cause in Cause if ACTIONS[cause].forget] == [Cause.LOGGED_OUT]
    assert ACTIONS[Cause.REPLACED].retry is Retry.NEVER
    assert ACTIONS[Cause.RESTART].retry is Retry.NOW


def test_delays_double_up_to_the_cap_with_jitter() -> None:
    middle = Backoff(3, 300, lambda n: b"\x80" * n)
    delays = [middle.next_delay() for _ in range(10)]
    assert delays[0] == pytest.approx(3, rel=0.01)
    assert delays[3] == pytest.approx(24, rel=0.01)
    assert delays[-1] == pytest.approx(300, rel=0.01)
    lowest, highest = Backoff(10, 10, lambda n: bytes(n)), Backoff(10, 10, lambda n: b"\xff" * n)
    assert lowest.next_delay() == pytest.approx(8)
    assert highest.next_delay() == pytest.approx(12)


def test_a_stable_login_starts_the_delays_anew() -> None:
    backoff = Backoff(3, 300, lambda n: b"\x80" * n)
    for _ in range(5):
        backoff.next_delay()
    backoff.reset()
    assert backoff.next_delay() == pytest.approx(3, rel=0.01)


def test_years_of_failures_do_not_overflow() -> None:
    backoff = Backoff(3, 300)
    backoff.failures = 10**9
    assert backoff.next_delay() <= 360
