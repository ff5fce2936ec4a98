"""Polls and events, and the answers to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from ...wire import Jid
from .cards import Location
from .context import NO_CONTEXT, Context
from .keys import Sealed, TargetKey


class PollVersion(IntEnum):
    """Which member of `pb.Message` a poll stands in."""

    V1 = 1
    V2 = 2
    V3 = 3
    V5 = 5
    V6 = 6


@dataclass(frozen=True, slots=True)
class Poll:
    """A question with answers to choose from. Votes need the message's secret.

    Attributes:
        name: the question.
        options: the answers, 2 to 12, all different.
        selectable: how many may be chosen, 0 for any number.
        is_quiz: one answer is right.
        correct: the right answer of a quiz.
        ends_at: when voting ends, as its sender wrote it; 0 for never.
        hides_names: nobody sees who voted for what.
        allows_options: members may add answers.
        version: the form; None means the usual one (`usual_version`). V2 is for announcement
            groups of communities.
    """

    name: str
    options: tuple[str, ...]
    selectable: int = 1
    is_quiz: bool = False
    correct: str = ""
    ends_at: int = 0
    hides_names: bool = False
    allows_options: bool = False
    version: PollVersion | None = None
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)

    @property
    def usual_version(self) -> PollVersion:
        """V5 for a quiz and for newer options, V3 for one choice, V1 for several."""
        newer = (self.correct, self.ends_at, self.hides_names, self.allows_options)
        if self.is_quiz or any(newer):
            return PollVersion.V5
        return PollVersion.V3 if self.selectable == 1 else PollVersion.V1


@dataclass(frozen=True, slots=True)
class PollVote:
    """A vote, encrypted. It holds all that the voter has chosen; none takes the vote back.

    Attributes:
        poll: the poll.
        sealed: see `stanza.addons.open_vote`.
        timestamp_ms: when it was cast, Unix milliseconds; the latest of a person counts.
    """

    poll: TargetKey
    sealed: Sealed
    timestamp_ms: int = 0
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class OptionCount:
    """How many votes an answer has."""

    name: str
    votes: int


@dataclass(frozen=True, slots=True)
class PollResults:
    """A poll's result, as forwarded or shown in a channel."""

    name: str
    counts: tuple[OptionCount, ...]
    is_quiz: bool = False
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that is to happen. Answers need the message's secret.

    Attributes:
        name, description: what.
        starts_at, ends_at: Unix seconds; 0 when open.
        location: where.
        join_link: of its call.
        is_call: it is a call.
        is_canceled: it will not happen.
        extra_guests: people may bring others.
        has_reminder: members are reminded.
        reminder_s: how long before.
    """

    name: str
    description: str = ""
    starts_at: int = 0
    ends_at: int = 0
    location: Location | None = None
    join_link: str = ""
    is_call: bool = False
    is_canceled: bool = False
    extra_guests: bool = False
    has_reminder: bool = False
    reminder_s: int = 0
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class EventResponse:
    """An answer to an event, encrypted (see `stanza.addons.open_event_response`)."""

    event: TargetKey
    sealed: Sealed
    extra: bytes = field(default=b"", repr=False, kw_only=True)


class Attendance(IntEnum):
    """What somebody answers to an event."""

    UNKNOWN = 0
    GOING = 1
    NOT_GOING = 2
    MAYBE = 3


@dataclass(frozen=True, slots=True)
class EventAnswer:
    """An answer to an event, opened.

    Attributes:
        attendance: whether they come.
        timestamp_ms: Unix milliseconds; the latest of a person counts.
        extra_guests: how many others they bring.
    """

    attendance: Attendance
    timestamp_ms: int
    extra_guests: int = 0


@dataclass(frozen=True, slots=True)
class Ballot:
    """One person's vote, opened.

    Attributes:
        voter: bare.
        choices: SHA-256 of each chosen answer.
        timestamp_ms: Unix milliseconds; the latest of a person counts.
    """

    voter: Jid
    choices: tuple[bytes, ...]
    timestamp_ms: int
