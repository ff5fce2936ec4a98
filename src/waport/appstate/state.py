"""What is kept of a collection.

Source: docs/protocol/app-state.md, "Collections".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .lthash import EMPTY_HASH

MAX_VERSION: Final = 2**53
"""More patches than any collection has; a version fits into every database and into JSON."""

MAX_RECORDS: Final = 262_144
"""Records of one snapshot and mutations of one patch that are looked at."""


class Collection(StrEnum):
    """Every collection there is, in the order in which they are fetched."""

    CRITICAL_BLOCK = "critical_block"
    CRITICAL_UNBLOCK_LOW = "critical_unblock_low"
    REGULAR_HIGH = "regular_high"
    REGULAR_LOW = "regular_low"
    REGULAR = "regular"


@dataclass(frozen=True, slots=True)
class CollectionState:
    """A collection as this device knows it; what the next patch is checked against.

    To it belongs the value MAC of every current record by its index MAC, which only whoever keeps
    them can look up (`FindValueMac`).

    Attributes:
        version: of the last patch that went in; 0 before the first.
        lthash: 128 bytes over all current records.
    """

    version: int = 0
    lthash: bytes = EMPTY_HASH


FindValueMac = Callable[[bytes], bytes | None]
"""The value MAC (32 bytes) of the current record with that index MAC, None when there is none."""
