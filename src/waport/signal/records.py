"""The state of pairwise sessions as frozen values, and its stored form.

A record holds what is known of one remote device: the current session and up to 40 archived ones.
Only the current one is decoded; the others stay bytes until a message asks for them, because a
record is read and written once for every message.

Stored form, version 1, all numbers big endian::

    record:   01 | has current | archived count | states | CRC-32
    states:   length u32 | state, for each, newest first
    state:    flags | keys and numbers of fixed length | receiving chains, see chains.py

The CRC tells a damaged record from a sound one; it is no protection against someone who can write
to the database. Source of contents and limits: docs/protocol/signal.md, "Session record".
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import CorruptRecord
from .chains import unpack_chains

MAX_ARCHIVED_STATES = 40

_FORMAT = 1
_PENDING = 1
_PENDING_ONE_TIME = 2
_FLAGS = (0, _PENDING, _PENDING | _PENDING_ONE_TIME)
_FIXED = struct.Struct(">B32s32s32s32s32s32s32sIIIIII")
_LENGTH = struct.Struct(">I")


class SendingChain(NamedTuple):
    """Our own chain: ratchet key pair and chain key (32 bytes each), next message's counter."""

    private: bytes
    public: bytes
    chain_key: bytes
    next_counter: int

    def __repr__(self) -> str:
        return f"SendingChain(public={self.public.hex()}, next_counter={self.next_counter})"


class PendingPreKey(NamedTuple):
    """The peer's pre-keys that a session we opened was made with; told until the peer answers."""

    pre_key_id: int | None
    signed_pre_key_id: int


class Parties(NamedTuple):
    """Who a session connects; fixed from its first moment.

    Attributes:
        local_identity: our identity public key, 32 bytes.
        remote_identity: the peer's.
        base_key: the base public key of whoever opened the session; it identifies the session.
        local_registration_id: ours.
        remote_registration_id: the peer's; 0 when unknown.
    """

    local_identity: bytes
    remote_identity: bytes
    base_key: bytes
    local_registration_id: int
    remote_registration_id: int


class SessionState(NamedTuple):
    """One double-ratchet session.

    Attributes:
        parties: who is connected.
        root_key: 32 bytes.
        sending: our chain.
        receiving: the peer's chains, packed, newest first: see chains.py.
        previous_counter: the last counter used in the sending chain before this one.
        pending: present until the first message of the peer was decrypted.
    """

    parties: Parties
    root_key: bytes
    sending: SendingChain
    receiving: bytes
    previous_counter: int
    pending: PendingPreKey | None

    def __repr__(self) -> str:
        return (
            f"SessionState({self.parties!r}, {self.sending!r},"
            f" receiving={unpack_chains(self.receiving)!r}, pending={self.pending!r})"
        )


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """Everything that is stored about the sessions with one remote device.

    Attributes:
        current: the session that is used for sending; None when only archived ones are left.
        archived: older sessions in stored form, newest first; late messages are read with them.
    """

    current: SessionState | None
    archived: tuple[bytes, ...] = ()

    @classmethod
    def load(cls, data: bytes) -> SessionRecord:
        """Read the stored form.

        Raises:
            CorruptRecord: truncated, damaged, or of an unknown version.
        """
        end = len(data) - 4
        if end < 3 or data[0] != _FORMAT:
            raise CorruptRecord("a session record of no known version")
        if zlib.crc32(data[:end]) != int.from_bytes(data[end:], "big"):
            raise CorruptRecord("the checksum of a session record is wrong")
        has_current, count = data[1], data[2]
        if has_current > 1 or count > MAX_ARCHIVED_STATES or has_current + count == 0:
            raise CorruptRecord("a session record with an impossible number of states")
        states = []
        position = 3
        for _ in range(has_current + count):
            start = position + 4
            if start > end:
                raise CorruptRecord("a session record is too short")
            position = start + int.from_bytes(data[start - 4 : start], "big")
            states.append(data[start:position])
        if position != end:
            raise CorruptRecord("the lengths in a session record do not add up")
        if not has_current:
            return cls(None, tuple(states))
        return cls(decode_state(states[0]), tuple(states[1:]))

    def dump(self) -> bytes:
        """The stored form, for `load`."""
        current = self.current
        states = self.archived if current is None else (encode_state(current), *self.archived)
        parts = [bytes((_FORMAT, current is not None, len(self.archived)))]
        for state in states:
            parts.append(_LENGTH.pack(len(state)))
            parts.append(state)
        body = b"".join(parts)
        return body + _LENGTH.pack(zlib.crc32(body))

    @property
    def is_usable(self) -> bool:
        """Whether there is a session to send on."""
        return self.current is not None

    @property
    def remote_registration_id(self) -> int:
        """The registration id of the peer's device; 0 when unknown."""
        return self._newest.parties.remote_registration_id

    @property
    def remote_identity(self) -> bytes:
        """The identity public key of the peer's device, 32 bytes."""
        return self._newest.parties.remote_identity

    @property
    def base_key(self) -> bytes:
        """The base public key that the newest session was opened with, 32 bytes."""
        return self._newest.parties.base_key

    @property
    def _newest(self) -> SessionState:
        return self.current or decode_state(self.archived[0])

    def closed(self) -> SessionRecord:
        """The record without a current session: it still reads, but sending needs a new session."""
        return self if self.current is None else SessionRecord(None, self._archive_with_current())

    def opened(self, state: SessionState) -> SessionRecord:
        """The record with a new current session; the present one is archived."""
        return SessionRecord(state, self._archive_with_current())

    def promoted(self, position: int, state: SessionState) -> SessionRecord:
        """The record with an archived session, now in `state`, as the current one."""
        rest = self.archived[:position] + self.archived[position + 1 :]
        return SessionRecord(state, SessionRecord(self.current, rest)._archive_with_current())

    def _archive_with_current(self) -> tuple[bytes, ...]:
        """The archive once the current session is put in front of it."""
        if self.current is None:
            return self.archived
        return (encode_state(self.current), *self.archived[: MAX_ARCHIVED_STATES - 1])


def encode_state(state: SessionState) -> bytes:
    """The stored form of one session."""
    parties, root_key, sending, receiving, previous_counter, pending = state
    flags = pre_key_id = signed_pre_key_id = 0
    if pending is not None:
        flags = _PENDING
        signed_pre_key_id = pending.signed_pre_key_id
        if pending.pre_key_id is not None:
            flags = _PENDING | _PENDING_ONE_TIME
            pre_key_id = pending.pre_key_id
    private, public, chain_key, next_counter = sending
    local_identity, remote_identity, base_key, local_id, remote_id = parties
    fixed = _FIXED.pack(
        flags,
        base_key,
        local_identity,
        remote_identity,
        root_key,
        private,
        public,
        chain_key,
        local_id,
        remote_id,
        pre_key_id,
        signed_pre_key_id,
        previous_counter,
        next_counter,
    )
    return fixed + receiving


def decode_state(data: bytes) -> SessionState:
    """Read what `encode_state` made.

    Raises:
        CorruptRecord: no such state.
    """
    try:
        (
            flags,
            base_key,
            local_identity,
            remote_identity,
            root_key,
            private,
            public,
            chain_key,
            local_id,
            remote_id,
            pre_key_id,
            signed_pre_key_id,
            previous_counter,
            next_counter,
        ) = _FIXED.unpack_from(data)
    except struct.error as exc:
        raise CorruptRecord("a session state is too short") from exc
    if flags not in _FLAGS:
        raise CorruptRecord("a session state with unknown flags")
    pending = None
    if flags:
        pending = PendingPreKey(
            pre_key_id if flags & _PENDING_ONE_TIME else None, signed_pre_key_id
        )
    return SessionState(
        Parties(local_identity, remote_identity, base_key, local_id, remote_id),
        root_key,
        SendingChain(private, public, chain_key, next_counter),
        data[_FIXED.size :],
        previous_counter,
        pending,
    )


def has_base_key(data: bytes, base_key: bytes, remote_identity: bytes) -> bool:
    """Whether a stored state belongs to this base key and peer, told without decoding it."""
    return data[1:33] == base_key and data[65:97] == remote_identity
