"""The sender keys of one device in one group as frozen values, and their stored form.

Stored form, version 1, all numbers big endian::

    record:   01 | state count | states, newest first | CRC-32
    state:    chain id u32 | iteration u32 | is own u8 | chain key 32 | signing public key 32
              | skipped count u16 | signing private key 32, if own | skipped seeds
    skipped:  iteration u32 | seed 32, with rising iterations (as in chains.py)

The CRC tells a damaged record from a sound one; it is no protection against someone who can write
to the database. Source of contents and limits: docs/protocol/signal.md, "Sender keys".
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import CorruptRecord, DecryptError, DecryptFailure
from .chains import MAX_SKIPPED_KEYS, ReceivingChain

MAX_SENDER_KEY_STATES = 5

_FORMAT = 1
_HEAD = struct.Struct(">IIB32s32sH")
_PRIVATE_SIZE = 32
_SKIPPED_SIZE = 36
_CRC_SIZE = 4


class SenderKeyState(NamedTuple):
    """One chain of a sender.

    Attributes:
        chain_id: chosen by the sender, 32 bits; it names the chain in every message.
        iteration: of the next message that no key was made for yet.
        chain_key: 32 bytes.
        signing_public: the X25519 public key that messages are signed with, 32 bytes.
        signing_private: its private half; empty in the state of another sender.
        skipped: seeds of messages that did not come yet, packed.
    """

    chain_id: int
    iteration: int
    chain_key: bytes
    signing_public: bytes
    signing_private: bytes = b""
    skipped: bytes = b""

    def __repr__(self) -> str:
        return (
            f"SenderKeyState(chain_id={self.chain_id}, iteration={self.iteration},"
            f" signing_public={self.signing_public.hex()}, is_own={bool(self.signing_private)},"
            f" skipped={len(self.skipped) // _SKIPPED_SIZE})"
        )

    def take(self, iteration: int, max_jump: int) -> tuple[bytes, SenderKeyState]:
        """The seed of message `iteration`, and the state once that message is read.

        Raises:
            DecryptError: `DUPLICATE` when the seed was used, dropped or never ours to have,
                `FUTURE_MESSAGE` when the iteration is more than `max_jump` ahead.
        """
        chain_id, next_iteration, chain_key, public, private, skipped = self
        # A sender's chain steps and skips as a ratchet chain does; its public key signs.
        chain = ReceivingChain(public, chain_key, next_iteration, skipped)
        seed, (_, chain_key, next_iteration, skipped) = chain.take(iteration, max_jump)
        return seed, SenderKeyState(chain_id, next_iteration, chain_key, public, private, skipped)


@dataclass(frozen=True, slots=True)
class SenderKeyRecord:
    """Everything that is stored about the sender keys of one device in one group.

    Attributes:
        states: at least one and at most five, newest first. Only the newest one is sent with.
    """

    states: tuple[SenderKeyState, ...]

    @classmethod
    def load(cls, data: bytes) -> SenderKeyRecord:
        """Read the stored form.

        Raises:
            CorruptRecord: truncated, damaged, or of an unknown version.
        """
        end = len(data) - _CRC_SIZE
        if end < 2 or data[0] != _FORMAT:
            raise CorruptRecord("a sender key record of no known version")
        if zlib.crc32(data[:end]) != int.from_bytes(data[end:], "big"):
            raise CorruptRecord("the checksum of a sender key record is wrong")
        count = data[1]
        if not 1 <= count <= MAX_SENDER_KEY_STATES:
            raise CorruptRecord("a sender key record with an impossible number of states")
        states = []
        position = 2
        for _ in range(count):
            state, position = _decode_state(data, position, end)
            states.append(state)
        if position != end:
            raise CorruptRecord("the lengths in a sender key record do not add up")
        return cls(tuple(states))

    def dump(self) -> bytes:
        """The stored form, for `load`."""
        parts = [bytes((_FORMAT, len(self.states)))]
        for chain_id, iteration, chain_key, public, private, skipped in self.states:
            count = len(skipped) // _SKIPPED_SIZE
            parts.append(_HEAD.pack(chain_id, iteration, bool(private), chain_key, public, count))
            parts.append(private)
            parts.append(skipped)
        body = b"".join(parts)
        return body + zlib.crc32(body).to_bytes(_CRC_SIZE, "big")

    @property
    def chain_id(self) -> int:
        """The id of the newest chain; of an own record, the one that others must know to read us.

        An acknowledged send tells its devices this chain: if a new key has been made meanwhile,
        they do not have it.
        """
        return self.states[0].chain_id

    def find(self, chain_id: int) -> SenderKeyState:
        """The state of a chain.

        Raises:
            DecryptError: `NO_SESSION`: there is none.
        """
        for state in self.states:
            if state.chain_id == chain_id:
                return state
        raise DecryptError(DecryptFailure.NO_SESSION, "no sender key of that chain id")

    def added(self, state: SenderKeyState) -> SenderKeyRecord:
        """The record with a newest state in front, instead of one of the same chain id.

        The sixth state is dropped.
        """
        others = [other for other in self.states if other.chain_id != state.chain_id]
        return SenderKeyRecord((state, *others[: MAX_SENDER_KEY_STATES - 1]))

    def replaced(self, state: SenderKeyState) -> SenderKeyRecord:
        """The record with a state at the place of the one of the same chain id."""
        return SenderKeyRecord(
            tuple(state if other.chain_id == state.chain_id else other for other in self.states)
        )


def _decode_state(data: bytes, position: int, end: int) -> tuple[SenderKeyState, int]:
    """The state that begins at `position`, and where it ends."""
    private_at = position + _HEAD.size
    if private_at > end:
        raise CorruptRecord("a sender key state is too short")
    chain_id, iteration, is_own, chain_key, public, count = _HEAD.unpack_from(data, position)
    skipped_at = private_at + _PRIVATE_SIZE * is_own
    stop = skipped_at + _SKIPPED_SIZE * count
    if is_own > 1 or count > MAX_SKIPPED_KEYS or stop > end:
        raise CorruptRecord("a sender key state with impossible lengths")
    private, skipped = data[private_at:skipped_at], data[skipped_at:stop]
    return SenderKeyState(chain_id, iteration, chain_key, public, private, skipped), stop
