"""Counting votes."""

from __future__ import annotations

import pytest

from waport.errors import DecodeError
from waport.model.contents import Ballot, Poll
from waport.stanza.addons import option_hash
from waport.stanza.tally import chosen_options, tally
from waport.wire import Jid

ANNA, BEN = Jid("1001", "lid"), Jid("1002", "lid")
POLL = Poll("q", ("a", "b", "c"), selectable=2)


def ballot(voter: Jid, at: int, *names: str) -> Ballot:
    return Ballot(voter, tuple(option_hash(name) for name in names), at)


def counted(*ballots: Ballot, poll: Poll = POLL) -> dict[str, tuple[Jid, ...]]:
    return {option.name: option.voters for option in tally(poll, ballots)}


def test_nobody_voted() -> None:
    assert counted() == {"a": (), "b": (), "c": ()}


def test_every_choice_counts() -> None:
    votes = tally(POLL, [ballot(ANNA, 1, "a", "b"), ballot(BEN, 2, "b")])
    assert [(option.name, option.votes) for option in votes] == [("a", 1), ("b", 2), ("c", 0)]


def test_the_latest_vote_of_a_person_counts_whatever_came_last() -> None:
    assert counted(ballot(ANNA, 5, "a"), ballot(ANNA, 3, "b"))["a"] == (ANNA,)
    assert counted(ballot(ANNA, 3, "a"), ballot(ANNA, 5, "b"))["a"] == ()


def test_of_two_votes_of_one_age_the_later_counts() -> None:
    assert counted(ballot(ANNA, 5, "a"), ballot(ANNA, 5, "b")) == {"a": (), "b": (ANNA,), "c": ()}


def test_an_empty_vote_takes_the_one_before_back() -> None:
    assert counted(ballot(ANNA, 1, "a"), ballot(ANNA, 2))["a"] == ()


def test_devices_of_a_person_vote_for_the_person() -> None:
    assert counted(ballot(ANNA.with_device(1), 1, "a"), ballot(ANNA.with_device(2), 2, "b")) == {
        "a": (),
        "b": (ANNA,),
        "c": (),
    }


def test_hashes_of_no_answer_are_left_out() -> None:
    assert chosen_options(POLL, [option_hash("x"), option_hash("b"), b"", bytes(32)]) == ("b",)


def test_a_vote_for_too_much_does_not_count_and_replaces_nothing() -> None:
    with pytest.raises(DecodeError):
        chosen_options(POLL, [option_hash(name) for name in "abc"])
    assert counted(ballot(ANNA, 1, "c"), ballot(ANNA, 2, "a", "b", "c"))["c"] == (ANNA,)


def test_any_number_may_be_chosen_where_the_poll_says_so() -> None:
    poll = Poll("q", ("a", "b", "c"), selectable=0)
    assert counted(ballot(ANNA, 1, "a", "b", "c"), poll=poll)["c"] == (ANNA,)
