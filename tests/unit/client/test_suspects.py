"""A message at which the server ends the stream is given up after a while, and no other one is."""

from __future__ import annotations

import pytest

from support.account import PEER_PN
from waport.client.policy import MALFORMED, UNEXPLAINED, Cause, Close, close_for_stream_error
from waport.client.suspects import LIMIT, Suspects
from waport.stanza.login import StreamError
from waport.store import QueuedSend

END = Close(Cause.LOST, "closed by the server", suspicion=UNEXPLAINED)
BAD = Close(Cause.LOST, "stream error 0", suspicion=MALFORMED)


def row(name: str, created_ms: int = 0) -> QueuedSend:
    return QueuedSend(name, PEER_PN, b"", created_ms, 0)


A, B = row("a"), row("b")


@pytest.mark.parametrize(("close", "times"), [(END, LIMIT), (BAD, LIMIT // MALFORMED)])
def test_the_first_without_an_answer_is_given_up_in_the_end(close: Close, times: int) -> None:
    suspects = Suspects()
    for number in range(times):
        suspects.ended(close, 1, ())
        assert suspects.judge([A, B]) == (A if number == times - 1 else None)


def test_an_answer_between_clears_a_message() -> None:
    suspects = Suspects()
    for number in range(4 * LIMIT):
        suspects.ended(END, 1, ())
        assert suspects.judge([A, B] if number % 2 else [B]) is None


def test_ends_that_say_nothing_of_messages_do_not_count() -> None:
    suspects = Suspects()
    for _ in range(3 * LIMIT):
        for close in (None, Close(Cause.LOST, "network"), Close(Cause.DEAD), Close(Cause.STOPPED)):
            suspects.ended(close, 1, ())
            assert suspects.judge([A]) is None
        suspects.ended(END, 1, ())
        assert suspects.judge([]) is None


def test_who_was_not_sent_or_has_an_answer_is_no_suspect() -> None:
    suspects = Suspects()
    for number in range(LIMIT):
        suspects.ended(END, 5, ["a"])
        assert suspects.judge([A, row("late", 6)]) is None
        suspects.ended(END, 5, ["a"])
        assert suspects.judge([A, B]) is None, number


def test_what_the_server_says_at_the_end_counts_accordingly() -> None:
    def suspicion(code: int, *, malformed: bool = False) -> int:
        return close_for_stream_error(StreamError(code, None, None, malformed, "")).suspicion

    assert suspicion(0, malformed=True) == MALFORMED
    assert (suspicion(503), suspicion(0)) == (UNEXPLAINED, UNEXPLAINED)
    assert (suspicion(515), suspicion(401), suspicion(429)) == (0, 0, 0)
