"""Polls, events, and the encrypted answers to them.

Source: docs/protocol/messages.md, "Content".
"""

from __future__ import annotations

from ...model.contents import (
    Event,
    EventResponse,
    OptionCount,
    Poll,
    PollResults,
    PollVote,
    Sealed,
)
from ...proto import pb
from .context import CONTEXT, SEALED, target
from .fields import Spec, flag, many, nested, scalar, text, texts, within
from .plain import LOCATION

POLL = Spec(
    Poll,
    pb.PollCreationMessage,
    (
        text("name", "name"),
        texts("options", "options", "optionName"),
        # 0 stands for any number, so it is written as well.
        scalar("selectable", "selectableOptionsCount", is_required=True),
        flag("is_quiz", "pollType", pb.QUIZ),
        within("correctAnswer", text("correct", "optionName")),
        scalar("ends_at", "endTime"),
        scalar("hides_names", "hideParticipantName"),
        scalar("allows_options", "allowAddOption"),
        CONTEXT,
    ),
)

_VOTE = Spec(Sealed, pb.PollEncValue, (scalar("iv", "encIv"), scalar("payload", "encPayload")))

POLL_VOTE = Spec(
    PollVote,
    pb.PollUpdateMessage,
    (
        target("poll", "pollCreationMessageKey"),
        nested("sealed", "vote", _VOTE, absent=Sealed()),
        scalar("timestamp_ms", "senderTimestampMs"),
    ),
)

_COUNT = Spec(
    OptionCount,
    pb.PollResultSnapshotMessage.PollVote,
    (text("name", "optionName"), scalar("votes", "optionVoteCount", is_required=True)),
)

POLL_RESULTS = Spec(
    PollResults,
    pb.PollResultSnapshotMessage,
    (
        text("name", "name"),
        many("counts", "pollVotes", _COUNT),
        flag("is_quiz", "pollType", pb.QUIZ),
        CONTEXT,
    ),
)

EVENT = Spec(
    Event,
    pb.EventMessage,
    (
        text("name", "name"),
        text("description", "description"),
        scalar("starts_at", "startTime"),
        scalar("ends_at", "endTime"),
        nested("location", "location", LOCATION),
        text("join_link", "joinLink"),
        scalar("is_call", "isScheduleCall"),
        scalar("is_canceled", "isCanceled"),
        scalar("extra_guests", "extraGuestsAllowed"),
        scalar("has_reminder", "hasReminder"),
        scalar("reminder_s", "reminderOffsetSec"),
        CONTEXT,
    ),
)

EVENT_RESPONSE = Spec(
    EventResponse, pb.EncEventResponseMessage, (target("event", "eventCreationMessageKey"), SEALED)
)
