"""The hash over a collection: a sum that records enter and leave, in any order.

Source: docs/protocol/app-state.md, "LTHash".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..crypto import hkdf_blocks
from ..errors import InvalidInput

HASH_SIZE: Final = 128
"""64 lanes of 16 bits, little endian."""

EMPTY_HASH: Final = bytes(HASH_SIZE)
"""The hash of a collection without records."""

_INFO: Final = b"WhatsApp Patch Integrity"

# The whole hash is one integer. Every second lane of it, with as much room above each: all 32 are
# added at once and nothing is carried from one into the next.
_LANES: Final = int.from_bytes(b"\xff\xff\0\0" * 32, "little")
_BORROW: Final = int.from_bytes(b"\0\0\1\0" * 32, "little")


def update_lthash(
    state: bytes, *, add: Iterable[bytes] = (), subtract: Iterable[bytes] = ()
) -> bytes:
    """The hash after some records came and others left, 128 bytes.

    Args:
        state: the hash before, 128 bytes.
        add: value MACs of the records that are new.
        subtract: value MACs of the records that are gone.

    Raises:
        InvalidInput: the hash before has another size.
    """
    if len(state) != HASH_SIZE:
        raise InvalidInput("an LTHash has 128 bytes")
    before = int.from_bytes(state, "little")
    even, odd = before & _LANES, before >> 16 & _LANES
    for mac in add:
        item = _expand(mac)
        even = even + (item & _LANES) & _LANES
        odd = odd + (item >> 16 & _LANES) & _LANES
    for mac in subtract:
        item = _expand(mac)
        even = even + _BORROW - (item & _LANES) & _LANES
        odd = odd + _BORROW - (item >> 16 & _LANES) & _LANES
    return (even | odd << 16).to_bytes(HASH_SIZE, "little")


def _expand(mac: bytes) -> int:
    return int.from_bytes(b"".join(hkdf_blocks(mac, b"", _INFO, 4)), "little")
