"""A message at which the server ends the stream is given up after a while, and no other one is."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from support.account import PEER_PN, Account
from waport.client.policy import MALFORMED, UNEXPLAINED, Cause, Close, close_for_stream_error
from waport.client.suspects import LIMIT, SuspiciousEnd, judge
from waport.stanza.login import StreamError
from waport.store import QueuedSend

END = Close(Cause.LOST, "closed by the server", suspicion=UNEXPLAINED)
BAD = Close(Cause.LOST, "stream error 0", suspicion=MALFORMED)


def row(name: str, created_ms: int = 0) -> QueuedSend:
    return QueuedSend(name, PEER_PN, b"", created_ms, 0)


A, B = row("a"), row("b")


class Court:
    """The ends of one account's connections; every one of them is judged in a job of its own."""

    def __init__(self, account: Account) -> None:
        self._account = account

    async def judge(
        self,
        close: Close | None,
        waiting: Sequence[QueuedSend],
        at_ms: int = 1,
        excused: Sequence[str] = (),
    ) -> QueuedSend | None:
        end = SuspiciousEnd.of(close, at_ms, excused)
        if end is None:
            return None
        verdict: QueuedSend | None = await self._account.write(
            lambda store: judge(store, end, waiting)
        )
        return verdict


@pytest.fixture
def court(account: Account) -> Court:
    return Court(account)


@pytest.mark.parametrize(("close", "times"), [(END, LIMIT), (BAD, LIMIT // MALFORMED)])
async def test_the_first_without_an_answer_is_given_up_in_the_end(
    court: Court, close: Close, times: int
) -> None:
    for number in range(times):
        assert await court.judge(close, [A, B]) == (A if number == times - 1 else None)


async def test_an_answer_between_clears_a_message(court: Court) -> None:
    for number in range(4 * LIMIT):
        assert await court.judge(END, [A, B] if number % 2 else [B]) is None


async def test_ends_that_say_nothing_of_messages_do_not_count(court: Court) -> None:
    for _ in range(3 * LIMIT):
        for close in (None, Close(Cause.LOST, "network"), Close(Cause.DEAD), Close(Cause.STOPPED)):
            assert await court.judge(close, [A]) is None
        assert await court.judge(END, []) is None


async def test_who_was_not_sent_or_has_an_answer_is_no_suspect(court: Court) -> None:
    for number in range(LIMIT):
        assert await court.judge(END, [A, row("late", 6)], 5, ["a"]) is None
        assert await court.judge(END, [A, B], 5, ["a"]) is None, number


def test_what_the_server_says_at_the_end_counts_accordingly() -> None:
    def suspicion(code: int, *, malformed: bool = False) -> int:
        return close_for_stream_error(StreamError(code, None, None, malformed, "")).suspicion

    assert suspicion(0, malformed=True) == MALFORMED
    assert (suspicion(503), suspicion(0)) == (UNEXPLAINED, UNEXPLAINED)
    assert (suspicion(515), suspicion(401), suspicion(429)) == (0, 0, 0)
