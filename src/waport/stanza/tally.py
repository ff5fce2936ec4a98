"""Counting the votes of a poll.

Source: docs/protocol/messages.md, "Add-on crypto".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import DecodeError
from ..model.contents import Ballot, Poll
from ..wire import Jid
from .addons import option_hash


@dataclass(frozen=True, slots=True)
class OptionTally:
    """Who chose an answer.

    Attributes:
        name: the answer.
        voters: bare, in the order of their first vote.
    """

    name: str
    voters: tuple[Jid, ...]

    @property
    def votes(self) -> int:
        """How many chose it."""
        return len(self.voters)


def chosen_options(poll: Poll, choices: Sequence[bytes]) -> tuple[str, ...]:
    """The answers that a vote chooses, in the poll's order; hashes of no answer are left out.

    Raises:
        DecodeError: more than the poll allows; such a vote does not count.
    """
    wanted = set(choices)
    names = tuple(name for name in poll.options if option_hash(name) in wanted)
    if poll.selectable and len(names) > poll.selectable:
        raise DecodeError("the vote chooses more than the poll allows")
    return names


def tally(poll: Poll, ballots: Iterable[Ballot]) -> tuple[OptionTally, ...]:
    """Count a poll: the latest valid vote of each person, for every answer in the poll's order.

    Args:
        ballots: in the order of arrival; of two of the same age the later one counts.
    """
    latest: dict[Jid, tuple[int, tuple[str, ...]]] = {}
    for ballot in ballots:
        voter = ballot.voter.bare
        known = latest.get(voter)
        if known is not None and ballot.timestamp_ms < known[0]:
            continue
        try:
            latest[voter] = (ballot.timestamp_ms, chosen_options(poll, ballot.choices))
        except DecodeError:
            continue
    return tuple(
        OptionTally(name, tuple(voter for voter, (_, names) in latest.items() if name in names))
        for name in poll.options
    )
