"""When a message came how far with one person: the data of a stored receipt."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from ..model import Ack, AddOn

_TIMES: Final = struct.Struct(">3I")
_LEVELS: Final = (Ack.DELIVERED, Ack.READ, Ack.PLAYED)
_MAX_TIME: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class ReceiptTimes:
    """How far a message came with one person, and when.

    Attributes:
        level: as far as it came.
        delivered_at, read_at, played_at: Unix seconds; None when it did not come so far. What was
            never told by itself has the time of the next step.
    """

    level: Ack
    delivered_at: int | None
    read_at: int | None
    played_at: int | None


def times_of(receipt: AddOn) -> ReceiptTimes | None:
    """What a stored receipt says; None when it says nothing.

    One from before the times were kept has that of its latest step for all of them.
    """
    if not receipt.data:
        return None
    level = Ack(receipt.data[0]) if receipt.data[0] in _LEVELS else Ack.SERVER
    known: tuple[int, ...] = (0, 0, 0)
    if len(receipt.data) == 1 + _TIMES.size:
        known = _TIMES.unpack(receipt.data[1:])
    later = receipt.timestamp_ms // 1000
    times: list[int | None] = []
    for step, time in zip(reversed(_LEVELS), reversed(known), strict=True):
        if level < step:
            times.append(None)
            continue
        later = time or later
        times.append(later)
    played_at, read_at, delivered_at = times
    return ReceiptTimes(level, delivered_at, read_at, played_at)


def raised(known: AddOn | None, level: Ack, time: int) -> bytes | None:
    """The data of a receipt that came one step further; None when it had come so far already.

    Args:
        known: the person's receipt until now.
        level: the step.
        time: when, Unix seconds.
    """
    if level not in _LEVELS:
        return None
    times = [0, 0, 0]
    if known is not None and known.data:
        if known.data[0] >= level:
            return None
        if len(known.data) == 1 + _TIMES.size:
            times = list(_TIMES.unpack(known.data[1:]))
        elif known.data[0] in _LEVELS:
            times[_LEVELS.index(Ack(known.data[0]))] = min(known.timestamp_ms // 1000, _MAX_TIME)
    times[_LEVELS.index(level)] = min(max(time, 1), _MAX_TIME)
    return bytes([level]) + _TIMES.pack(*times)
