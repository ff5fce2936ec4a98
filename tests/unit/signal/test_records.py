from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import pytest

from waport.errors import CorruptRecord
from waport.signal import SessionRecord
from waport.signal.records import (
    MAX_ARCHIVED_STATES,
    decode_state,
    encode_state,
    has_base_key,
)

if TYPE_CHECKING:
    from .conftest import Device


def with_checksum(body: bytes) -> bytes:
    return body + zlib.crc32(body).to_bytes(4, "big")


def test_a_record_comes_back_as_it_was_dumped(talking: tuple[Device, Device]) -> None:
    alice, bob = talking
    bob.send(b"never arrives")
    alice.receive(bob.send(b"arrives"))
    alice.start(bob.bundle())
    record = alice.record
    assert record.current is not None
    assert record.current.pending == (2, 1)
    assert len(record.archived) == 1
    assert SessionRecord.load(record.dump()) == record


def test_a_pending_session_without_one_time_key_comes_back(alice: Device, bob: Device) -> None:
    alice.start(bob.bundle(one_time=False))
    state = alice.record.current
    assert state is not None
    assert state.pending == (None, 1)


def test_an_established_record_is_small(talking: tuple[Device, Device]) -> None:
    alice, _ = talking
    assert alice.stored is not None
    assert len(alice.stored) < 450


def test_what_others_ask_about_is_that_of_the_newest_session(
    talking: tuple[Device, Device],
) -> None:
    alice, bob = talking
    record = alice.record
    assert record.is_usable
    assert record.remote_registration_id == bob.local.registration_id
    assert record.remote_identity == bob.local.identity.public
    assert record.base_key == bob.record.base_key
    closed = record.closed()
    assert not closed.is_usable
    assert closed.remote_registration_id == bob.local.registration_id
    assert closed.remote_identity == bob.local.identity.public
    assert closed.base_key == record.base_key


def test_a_closed_record_keeps_its_session_in_the_archive(
    talking: tuple[Device, Device],
) -> None:
    closed = talking[0].record.closed()
    assert SessionRecord.load(closed.dump()) == closed
    assert closed.closed() == closed
    assert len(closed.archived) == 1


def test_the_archive_holds_40_states(talking: tuple[Device, Device]) -> None:
    record = talking[0].record
    state = record.current
    assert state is not None
    for _ in range(MAX_ARCHIVED_STATES + 5):
        record = record.opened(state)
    assert len(record.archived) == MAX_ARCHIVED_STATES
    assert SessionRecord.load(record.dump()) == record
    assert len(record.closed().archived) == MAX_ARCHIVED_STATES


def test_promotion_swaps_the_current_session_with_an_archived_one(
    talking: tuple[Device, Device],
) -> None:
    alice, bob = talking
    for _ in range(3):
        alice.start(bob.bundle())
    record = alice.record
    before = [record.base_key, *(decode_state(s).parties.base_key for s in record.archived)]
    promoted = record.promoted(1, decode_state(record.archived[1]))
    after = [promoted.base_key, *(decode_state(s).parties.base_key for s in promoted.archived)]
    assert after == [before[2], before[0], before[1], before[3]]


def test_a_base_key_is_recognised_without_decoding(talking: tuple[Device, Device]) -> None:
    alice, bob = talking
    state = alice.record.current
    assert state is not None
    stored = encode_state(state)
    assert has_base_key(stored, state.parties.base_key, bob.local.identity.public)
    assert not has_base_key(stored, state.parties.base_key, alice.local.identity.public)
    assert not has_base_key(stored, bytes(32), bob.local.identity.public)


def test_a_truncated_record_is_corrupt(talking: tuple[Device, Device]) -> None:
    stored = talking[0].stored
    assert stored is not None
    for end in range(len(stored)):
        with pytest.raises(CorruptRecord):
            SessionRecord.load(stored[:end])
    with pytest.raises(CorruptRecord):
        SessionRecord.load(stored + b"\0")


def test_any_changed_byte_makes_a_record_corrupt(talking: tuple[Device, Device]) -> None:
    stored = talking[0].stored
    assert stored is not None
    for position in range(len(stored)):
        changed = bytearray(stored)
        changed[position] ^= 0x10
        with pytest.raises(CorruptRecord):
            SessionRecord.load(bytes(changed))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x01",
        b"\x01\x00\x00",  # neither a current session nor an archive
        b"\x02\x01\x00",  # a later version
        b"\x01\x02\x00",
        b"\x01\x00\x29" + b"\x00\x00\x00\x00" * 41,  # more states than the limit
        b"\x01\x01\x00",  # announced but not there
        b"\x01\x01\x00\x00\x00\x00",
        b"\x01\x01\x00\x00\x00\x00\x00",  # an empty state
        b"\x01\x01\x00\x00\x00\x00\x05abc",
        b"\x01\x01\x00\xff\xff\xff\xff",
        b"\x01\x00\x01\x00\x00\x00\x01xy",  # bytes behind the last state
    ],
    ids=bytes.hex,
)
def test_a_record_that_does_not_add_up_is_corrupt(body: bytes) -> None:
    with pytest.raises(CorruptRecord):
        SessionRecord.load(with_checksum(body))


def test_a_state_with_unknown_flags_is_corrupt(talking: tuple[Device, Device]) -> None:
    state = talking[0].record.current
    assert state is not None
    stored = encode_state(state)
    for flags in (2, 4, 0xFF):
        with pytest.raises(CorruptRecord):
            decode_state(bytes((flags,)) + stored[1:])


def test_no_secret_shows_in_a_record(talking: tuple[Device, Device]) -> None:
    state = talking[0].record.current
    assert state is not None
    shown = repr(SessionRecord(state))
    for secret in (state.root_key, state.sending.private, state.sending.chain_key):
        assert secret.hex() not in shown
        assert repr(secret) not in shown
    assert repr(state.receiving) not in shown
