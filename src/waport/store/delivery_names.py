"""How deliveries and their queues are named.

A queue is what one receiver has to be told of one session. Its name is the session's for the
receiver that the settings name, `<session>/<webhook number>` for a webhook of the API. A delivery's
number is its event's, with the number of the webhook above it: it says which queue it is in, and
rises with the events of that queue.
"""

from __future__ import annotations

from typing import Final

_EVENT_BITS: Final = 46
MAX_WEBHOOK: Final = 2**16 - 1
"""The highest number of a webhook: what stands above the events of a signed 64-bit number."""


def delivery_number(event_id: int, webhook: int) -> int:
    """The number of an event's delivery to one webhook; 0 for the receiver of the settings."""
    return event_id | (webhook << _EVENT_BITS)


def webhook_of(number: int) -> int:
    """The webhook whose delivery has this number."""
    return number >> _EVENT_BITS


def queue_name(session_id: str, webhook: int) -> str:
    """The name of a queue."""
    return session_id if not webhook else f"{session_id}/{webhook}"


def parts_of(queue: str) -> tuple[str, int]:
    """The session and the webhook of a queue."""
    session_id, mark, number = queue.rpartition("/")
    return (session_id, int(number)) if mark and number.isdigit() else (queue, 0)
