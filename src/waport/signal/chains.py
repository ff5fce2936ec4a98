"""The receiving chains of a session, packed in bytes as they are stored.

A session is read and written once for every message, but a message needs one chain at most, nearly
always the newest: so chains stay packed, newest first, and only the one in question is taken out.

Layout, all numbers big endian::

    chain:    ratchet key 32 | chain key 32 | next counter u32 | skipped count u16 | skipped keys
    skipped:  counter u32 | seed 32, with rising counters

Source: docs/protocol/signal.md, "Session record", "Chain step".
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from ..crypto import hmac_sha256, hmac_sha256_pair
from ..errors import CorruptRecord, DecryptError, DecryptFailure

MAX_RECEIVING_CHAINS = 5
MAX_SKIPPED_KEYS = 2000
"""Per chain; the oldest ones are dropped."""

_HEAD = struct.Struct(">32s32sIH")
_SKIPPED = struct.Struct(">I32s")


class ReceivingChain(NamedTuple):
    """One chain of the peer.

    Attributes:
        ratchet_key: the peer's ratchet public key, 32 bytes.
        chain_key: 32 bytes.
        next_counter: of the first message that no key was made for yet.
        skipped: keys of messages that did not come yet, packed.
    """

    ratchet_key: bytes
    chain_key: bytes
    next_counter: int
    skipped: bytes

    def __repr__(self) -> str:
        return (
            f"ReceivingChain(ratchet_key={self.ratchet_key.hex()},"
            f" next_counter={self.next_counter}, skipped={self.skipped_counters()})"
        )

    def pack(self) -> bytes:
        """The stored form."""
        ratchet_key, chain_key, next_counter, skipped = self
        count = len(skipped) // _SKIPPED.size
        return _HEAD.pack(ratchet_key, chain_key, next_counter, count) + skipped

    def skipped_counters(self) -> list[int]:
        """The counters whose keys are kept."""
        return [counter for counter, _ in _SKIPPED.iter_unpack(self.skipped)]

    def take(self, counter: int, max_jump: int) -> tuple[bytes, ReceivingChain]:
        """The seed of message `counter`, and the chain once that message is read.

        Raises:
            DecryptError: `DUPLICATE` when the key was used or dropped before, `FUTURE_MESSAGE` when
                the counter is more than `max_jump` ahead.
        """
        ratchet_key, chain_key, next_counter, skipped = self
        if counter < next_counter:
            start = _find_skipped(skipped, counter)
            end = start + _SKIPPED.size
            rest = skipped[:start] + skipped[end:]
            return skipped[start + 4 : end], ReceivingChain(
                ratchet_key, chain_key, next_counter, rest
            )
        if counter - next_counter > max_jump:
            raise DecryptError(DecryptFailure.FUTURE_MESSAGE)
        if counter > next_counter:
            chain_key, skipped = _skip(chain_key, next_counter, counter, skipped)
        seed, chain_key = chain_step(chain_key)
        return seed, ReceivingChain(ratchet_key, chain_key, counter + 1, skipped)


def chain_step(chain_key: bytes) -> tuple[bytes, bytes]:
    """One step of a chain: the seed of its message's keys, and the next chain key."""
    return hmac_sha256_pair(chain_key, b"\x01", b"\x02")


def find_chain(chains: bytes, ratchet_key: bytes) -> tuple[int, int] | None:
    """Where the chain of `ratchet_key` begins and ends; None when there is none.

    Raises:
        CorruptRecord: these bytes are not chains.
    """
    start = 0
    while start < len(chains):
        end = _end_of_chain(chains, start)
        if chains.startswith(ratchet_key, start):
            return start, end
        start = end
    return None


def unpack_chain(chains: bytes, start: int, end: int) -> ReceivingChain:
    """The chain at a place that `find_chain` told."""
    ratchet_key, chain_key, next_counter, _ = _HEAD.unpack_from(chains, start)
    return ReceivingChain(ratchet_key, chain_key, next_counter, chains[start + _HEAD.size : end])


def unpack_chains(chains: bytes) -> list[ReceivingChain]:
    """All chains, newest first.

    Raises:
        CorruptRecord: these bytes are not chains.
    """
    unpacked = []
    start = 0
    while start < len(chains):
        end = _end_of_chain(chains, start)
        unpacked.append(unpack_chain(chains, start, end))
        start = end
    return unpacked


def add_chain(chains: bytes, chain: ReceivingChain) -> bytes:
    """The chains with a newest one; the sixth is dropped.

    Raises:
        CorruptRecord: these bytes are not chains.
    """
    end = 0
    for _ in range(MAX_RECEIVING_CHAINS - 1):
        if end < len(chains):
            end = _end_of_chain(chains, end)
    return chain.pack() + chains[:end]


def _end_of_chain(chains: bytes, start: int) -> int:
    head_end = start + _HEAD.size
    count = int.from_bytes(chains[head_end - 2 : head_end], "big")
    end = head_end + count * _SKIPPED.size
    if end > len(chains):
        raise CorruptRecord("a receiving chain is too short")
    return end


def _skip(chain_key: bytes, first: int, counter: int, skipped: bytes) -> tuple[bytes, bytes]:
    """Step from `first` to `counter`; the chain key there, and all keys to keep."""
    # Seeds that the limit would drop again are not even computed.
    oldest_kept = max(first, counter - MAX_SKIPPED_KEYS)
    for _ in range(first, oldest_kept):
        chain_key = hmac_sha256(chain_key, b"\x02")
    entries = [skipped]
    for number in range(oldest_kept, counter):
        seed, chain_key = chain_step(chain_key)
        entries.append(_SKIPPED.pack(number, seed))
    return chain_key, b"".join(entries)[-MAX_SKIPPED_KEYS * _SKIPPED.size :]


def _find_skipped(skipped: bytes, counter: int) -> int:
    """Where the entry of `counter` begins; halving finds it, since the counters rise."""
    size = _SKIPPED.size
    wanted = counter.to_bytes(4, "big")
    low, high = 0, len(skipped) // size
    while low < high:
        middle = (low + high) // 2
        if skipped[middle * size : middle * size + 4] < wanted:
            low = middle + 1
        else:
            high = middle
    if not skipped.startswith(wanted, low * size):
        raise DecryptError(DecryptFailure.DUPLICATE)
    return low * size
