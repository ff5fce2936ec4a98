"""Fields under the names of the older server, as the ones that the routes know.

Where both spellings are given, the older server's counts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from ..schemas.chat import MAX_DURATION_S

Fields = dict[str, Any]
Step = Callable[[Fields], None]
"""Changes the fields of one request."""

_SECONDS_BELOW: Final = 10**10
"""Times below this are seconds, others milliseconds."""
_FOREVER: Final = -1


def rename(**names: str) -> Step:
    """Take fields under another name: `theirs="ours"`."""

    def step(fields: Fields) -> None:
        for theirs, ours in names.items():
            if theirs in fields:
                fields[ours] = fields[theirs]

    return step


def default(**values: object) -> Step:
    """Values of fields that are not given."""

    def step(fields: Fields) -> None:
        for name, value in values.items():
            if fields.get(name) is None:
                fields[name] = value

    return step


def fixed(**values: object) -> Step:
    """Values whatever is given."""

    def step(fields: Fields) -> None:
        fields.update(values)

    return step


def mute_until(fields: Fields) -> None:
    """A time until which a chat is muted becomes a duration; for ever without either."""
    if fields.get("duration") is not None:
        return
    until = _time_of(fields.get("unmuteDate"))
    if until is None:
        fields["duration"] = _FOREVER
    else:
        fields["duration"] = min(max(1, int(until - time.time())), MAX_DURATION_S)


def _time_of(value: object) -> float | None:
    """A time as Unix seconds: a number, numeric text, or a date; None for what is none."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return _date(str(value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    if not math.isfinite(number) or number <= 0:
        return None
    return number if number < _SECONDS_BELOW else number / 1000


def _date(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def as_reply(fields: Fields) -> None:
    """A message that answers another one."""
    if not isinstance(fields.get("contentType"), str):
        fields["contentType"] = "string"
    options = fields.get("options")
    options = dict(options) if isinstance(options, dict) else {}
    if not isinstance(options.get("quotedMessageId"), str):
        options["quotedMessageId"] = fields.get("messageId")
    fields["options"] = options


def invite_code(fields: Fields) -> None:
    """An invite code in a field of another name."""
    if not isinstance(fields.get("inviteCode"), str):
        fields["inviteCode"] = fields.get("displayName") or fields.get("chatId")


def oldest_first(fields: Fields) -> None:
    """Without the newer paging it is a search: oldest first."""
    if all(fields.get(name) is None for name in ("limit", "before", "cursor")):
        fields["searchOptions"] = fields.get("searchOptions") or {}
