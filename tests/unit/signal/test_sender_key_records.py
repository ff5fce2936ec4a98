from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import pytest

from waport.errors import CorruptRecord, DecryptError, DecryptFailure
from waport.signal import SenderKeyRecord, create_sender_key
from waport.signal.chains import chain_step
from waport.signal.sender_records import MAX_SENDER_KEY_STATES, SenderKeyState

if TYPE_CHECKING:
    from .conftest import Dice


def state_of(number: int) -> SenderKeyState:
    return SenderKeyState(number, 7, bytes((number,)) * 32, bytes((number + 100,)) * 32)


def with_checksum(body: bytes) -> bytes:
    return body + zlib.crc32(body).to_bytes(4, "big")


@pytest.fixture
def own(make_dice: type[Dice]) -> SenderKeyRecord:
    return create_sender_key(make_dice("own"))


@pytest.fixture
def stored(own: SenderKeyRecord) -> bytes:
    """A record with an own state, one with skipped seeds, and a plain one."""
    _, skipping = state_of(1).take(10, 2000)
    return SenderKeyRecord((*own.states, skipping, state_of(2))).dump()


def test_a_record_comes_back_as_it_was_dumped(own: SenderKeyRecord, stored: bytes) -> None:
    record = SenderKeyRecord.load(stored)
    assert record.dump() == stored
    first, second, third = record.states
    assert first == own.states[0]
    assert (second.iteration, len(second.skipped)) == (11, 3 * 36)
    assert third == state_of(2)


def test_a_record_is_small(own: SenderKeyRecord) -> None:
    assert len(SenderKeyRecord((state_of(1),)).dump()) == 81
    assert len(own.dump()) == 113


def test_a_full_record_comes_back() -> None:
    states = []
    for number in range(MAX_SENDER_KEY_STATES):
        _, state = state_of(number).take(2007, 2000)
        states.append(state)
    record = SenderKeyRecord(tuple(states))
    assert len(record.dump()) < 2000 * 36 * MAX_SENDER_KEY_STATES + 500
    assert SenderKeyRecord.load(record.dump()) == record


def test_seeds_in_any_order_are_those_of_the_chain() -> None:
    state = state_of(3)
    seeds = {}
    chain_key = state.chain_key
    for iteration in range(7, 15):
        seeds[iteration], chain_key = chain_step(chain_key)
    for iteration in (7, 10, 8, 14, 13, 9, 11, 12):
        seed, state = state.take(iteration, 2000)
        assert seed == seeds[iteration]
    assert (state.iteration, state.skipped) == (15, b"")


def test_taking_a_seed_keeps_who_the_state_is_of(own: SenderKeyRecord) -> None:
    _, state = own.states[0].take(3, 2000)
    before = own.states[0]
    assert (state.chain_id, state.signing_public, state.signing_private) == (
        before.chain_id,
        before.signing_public,
        before.signing_private,
    )


@pytest.mark.parametrize(
    ("iteration", "reason"),
    [
        (6, DecryptFailure.DUPLICATE),
        (0, DecryptFailure.DUPLICATE),
        (2008, DecryptFailure.FUTURE_MESSAGE),
        (0xFFFFFFFE, DecryptFailure.FUTURE_MESSAGE),
    ],
)
def test_an_iteration_out_of_reach_is_refused(iteration: int, reason: DecryptFailure) -> None:
    with pytest.raises(DecryptError) as refusal:
        state_of(1).take(iteration, 2000)
    assert refusal.value.reason is reason


def test_states_are_found_by_chain_id() -> None:
    record = SenderKeyRecord((state_of(1), state_of(2)))
    assert record.find(2) == state_of(2)
    assert record.chain_id == 1
    with pytest.raises(DecryptError) as refusal:
        record.find(3)
    assert refusal.value.reason is DecryptFailure.NO_SESSION


def test_an_added_state_is_the_newest_and_the_only_one_of_its_chain() -> None:
    record = SenderKeyRecord(tuple(state_of(number) for number in range(5)))
    assert [state.chain_id for state in record.added(state_of(9)).states] == [9, 0, 1, 2, 3]
    again = record.added(state_of(3)._replace(iteration=0))
    assert [(state.chain_id, state.iteration) for state in again.states] == [
        (3, 0),
        (0, 7),
        (1, 7),
        (2, 7),
        (4, 7),
    ]


def test_a_replaced_state_keeps_its_place() -> None:
    record = SenderKeyRecord(tuple(state_of(number) for number in range(3)))
    after = record.replaced(state_of(1)._replace(iteration=8))
    assert [(state.chain_id, state.iteration) for state in after.states] == [
        (0, 7),
        (1, 8),
        (2, 7),
    ]


def test_a_truncated_record_is_corrupt(stored: bytes) -> None:
    for end in range(len(stored)):
        with pytest.raises(CorruptRecord):
            SenderKeyRecord.load(stored[:end])
        with pytest.raises(CorruptRecord):
            SenderKeyRecord.load(with_checksum(stored[: min(end, len(stored) - 5)]))
    for data in (stored + b"\0", with_checksum(stored[:-4] + b"\0")):
        with pytest.raises(CorruptRecord):
            SenderKeyRecord.load(data)


def test_any_changed_byte_makes_a_record_corrupt(stored: bytes) -> None:
    for position in range(len(stored)):
        changed = bytearray(stored)
        changed[position] ^= 0x10
        with pytest.raises(CorruptRecord):
            SenderKeyRecord.load(bytes(changed))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x01",
        b"\x01\x00",  # no state
        b"\x02\x01" + bytes(75),  # a later version
        b"\x01\x01",  # announced but not there
        b"\x01\x01" + bytes(74),
        b"\x01\x01" + bytes(76),  # bytes behind the last state
        b"\x01\x02" + bytes(75),
        b"\x01\x06" + bytes(75 * 6),  # more states than the limit
        b"\x01\x01" + bytes(8) + b"\x01" + bytes(66),  # own, but without its private key
        b"\x01\x01" + bytes(8) + b"\x02" + bytes(66) + bytes(64),
        b"\x01\x01" + bytes(73) + b"\x00\x01" + bytes(35),
        b"\x01\x01" + bytes(73) + b"\x07\xd1" + bytes(36 * 2001),  # more seeds than the limit
    ],
    ids=lambda body: f"{body[:3].hex()} {len(body)}",
)
def test_a_record_that_does_not_add_up_is_corrupt(body: bytes) -> None:
    with pytest.raises(CorruptRecord):
        SenderKeyRecord.load(with_checksum(body))


def test_no_secret_shows_in_a_record(stored: bytes) -> None:
    record = SenderKeyRecord.load(stored)
    shown = repr(record)
    for state in record.states:
        for secret in (state.chain_key, state.signing_private, state.skipped):
            if secret:
                assert secret.hex() not in shown
                assert repr(secret) not in shown
    assert record.states[0].signing_public.hex() in shown
