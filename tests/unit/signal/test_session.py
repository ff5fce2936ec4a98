"""Conversations that go as they should: order, loss, new sessions, both sides at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from waport.errors import CryptoError, DecryptError, DecryptFailure
from waport.signal import (
    MAX_JUMP_OWN_DEVICE,
    Ciphertext,
    SessionRecord,
    decrypt_pre_key_message,
    encrypt,
    pre_key_message_identity,
    start_session,
)
from waport.signal.messages import parse_pre_key_message
from waport.signal.records import decode_state

if TYPE_CHECKING:
    from .conftest import Device, MakeDevice


def reason_of_refusal(
    device: Device, ciphertext: Ciphertext, *, max_jump: int = 2000
) -> DecryptFailure:
    """Why `device` refuses this; everything it stores must stay as it was, to the bit."""
    before = device.stored, dict(device.one_time)
    with pytest.raises(DecryptError) as refusal:
        device.receive(ciphertext, max_jump=max_jump)
    assert (device.stored, device.one_time) == before
    return refusal.value.reason


def test_messages_are_pkmsg_until_the_first_answer_is_read(alice: Device, bob: Device) -> None:
    alice.start(bob.bundle())
    first, second = alice.send(b"one"), alice.send(b"two")
    assert [first.type, second.type] == ["pkmsg", "pkmsg"]
    assert bob.receive(first) == b"one"
    answer = bob.send(b"answer")
    assert answer.type == "msg"
    assert alice.send(b"not read yet").type == "pkmsg"
    assert alice.receive(answer) == b"answer"
    assert alice.send(b"three").type == "msg"


def test_a_pkmsg_names_the_pre_keys_and_the_sender(alice: Device, bob: Device) -> None:
    alice.start(bob.bundle())
    message = parse_pre_key_message(alice.send(b"text").body)
    assert (message.pre_key_id, message.signed_pre_key_id) == (1, 1)
    assert message.registration_id == alice.local.registration_id
    assert message.identity == alice.local.identity.public
    assert message.base_key == alice.record.base_key


def test_the_identity_of_a_pkmsg_is_told_without_decrypting(alice: Device, bob: Device) -> None:
    alice.start(bob.bundle())
    assert pre_key_message_identity(alice.send(b"text").body) == alice.local.identity.public


def test_a_bundle_without_one_time_key_is_enough(alice: Device, bob: Device) -> None:
    alice.start(bob.bundle(one_time=False))
    ciphertext = alice.send(b"text")
    assert parse_pre_key_message(ciphertext.body).pre_key_id is None
    before = dict(bob.one_time)
    assert bob.receive(ciphertext) == b"text"
    assert bob.one_time == before
    assert alice.receive(bob.send(b"answer")) == b"answer"


def test_first_messages_may_come_out_of_order(alice: Device, bob: Device) -> None:
    alice.start(bob.bundle())
    ciphertexts = [alice.send(bytes((number,))) for number in range(4)]
    for number in (2, 0, 3, 1):
        assert bob.receive(ciphertexts[number]) == bytes((number,))
    assert len(bob.one_time) == 59


def test_messages_may_come_in_the_order_0_2_1(talking: tuple[Device, Device]) -> None:
    alice, bob = talking
    ciphertexts = [alice.send(bytes((number,))) for number in range(3)]
    for number in (0, 2, 1):
        assert bob.receive(ciphertexts[number]) == bytes((number,))


def test_a_message_is_read_once(talking: tuple[Device, Device]) -> None:
    alice, bob = talking
    ciphertexts = [alice.send(bytes((number,))) for number in range(3)]
    for number in (0, 2, 1):
        bob.receive(ciphertexts[number])
        assert reason_of_refusal(bob, ciphertexts[number]) is DecryptFailure.DUPLICATE
    bob.send(b"turn")
    for ciphertext in ciphertexts:
        assert reason_of_refusal(bob, ciphertext) is DecryptFailure.DUPLICATE


def test_a_redelivered_pkmsg_opens_no_second_session(alice: Device, bob: Device) -> None:
    alice.start(bob.bundle())
    first = alice.send(b"text")
    one_time = dict(bob.one_time)
    bob.receive(first)
    assert reason_of_refusal(bob, first) is DecryptFailure.DUPLICATE
    # As after a crash between storing the session and deleting the one-time key.
    bob.one_time = one_time
    assert reason_of_refusal(bob, first) is DecryptFailure.DUPLICATE
    bob.receive(alice.send(b"next"))
    assert bob.one_time == one_time
    assert bob.record.archived == ()


def test_the_same_base_key_again_asks_for_no_pre_key(alice: Device, bob: Device) -> None:
    alice.start(bob.bundle())
    bob.receive(alice.send(b"one"))

    def unwanted(key_id: int) -> None:
        raise AssertionError(f"pre-key {key_id} was asked for")

    result = decrypt_pre_key_message(
        bob.local,
        bob.record,
        alice.send(b"two").body,
        signed_pre_key=unwanted,
        pre_key=unwanted,
    )
    assert (result.plaintext, result.is_new_session) == (b"two", False)
    assert result.used_pre_key_id is None
    assert result.identity == alice.local.identity.public


def test_a_jump_of_2000_is_fine_and_one_of_2001_is_refused(
    talking: tuple[Device, Device],
) -> None:
    alice, bob = talking
    ciphertexts = [alice.send(b"text") for _ in range(2003)]
    bob.receive(ciphertexts[0])
    assert reason_of_refusal(bob, ciphertexts[2002]) is DecryptFailure.FUTURE_MESSAGE
    assert bob.receive(ciphertexts[2001]) == b"text"
    assert bob.receive(ciphertexts[1]) == b"text"
    assert bob.receive(ciphertexts[2002]) == b"text"


def test_a_jump_of_2000_is_fine_on_a_new_chain_too(talking: tuple[Device, Device]) -> None:
    alice, bob = talking
    ciphertexts = [alice.send(b"text") for _ in range(2002)]
    assert reason_of_refusal(bob, ciphertexts[2001]) is DecryptFailure.FUTURE_MESSAGE
    assert bob.receive(ciphertexts[2000]) == b"text"


def test_own_devices_may_be_25000_ahead(talking: tuple[Device, Device]) -> None:
    alice, bob = talking
    record = alice.record
    for _ in range(25000):
        record, _ = encrypt(record, b"")
    record, allowed = encrypt(record, b"allowed")
    record, refused = encrypt(record, b"refused")
    assert (
        reason_of_refusal(bob, refused, max_jump=MAX_JUMP_OWN_DEVICE)
        is DecryptFailure.FUTURE_MESSAGE
    )
    assert reason_of_refusal(bob, allowed) is DecryptFailure.FUTURE_MESSAGE
    assert bob.receive(allowed, max_jump=MAX_JUMP_OWN_DEVICE) == b"allowed"


def test_two_jumps_that_skip_more_than_2000_drop_the_oldest_keys(
    talking: tuple[Device, Device],
) -> None:
    alice, bob = talking
    ciphertexts = [alice.send(b"text") for _ in range(3001)]
    bob.receive(ciphertexts[1500])
    bob.receive(ciphertexts[3000])
    # 2999 counters were skipped in all, 2000 keys are kept: those from 999 on.
    assert reason_of_refusal(bob, ciphertexts[998]) is DecryptFailure.DUPLICATE
    assert bob.receive(ciphertexts[999]) == b"text"
    assert bob.receive(ciphertexts[2999]) == b"text"


def test_a_chain_is_forgotten_after_five_newer_ones(talking: tuple[Device, Device]) -> None:
    alice, bob = talking
    late = [alice.send(b"late") for _ in range(3)]
    bob.receive(late.pop())
    for _ in range(4):
        alice.receive(bob.send(b"turn"))
        bob.receive(alice.send(b"turn"))
    assert bob.receive(late.pop()) == b"late"
    alice.receive(bob.send(b"turn"))
    bob.receive(alice.send(b"turn"))
    assert reason_of_refusal(bob, late.pop()) is DecryptFailure.BAD_MAC


def test_a_new_session_leaves_the_old_one_readable(talking: tuple[Device, Device]) -> None:
    alice, bob = talking
    late = bob.send(b"on the old session")
    alice.start(bob.bundle())
    assert len(alice.record.archived) == 1
    assert alice.receive(late) == b"on the old session"


def test_an_archived_session_that_reads_becomes_the_current_one(
    talking: tuple[Device, Device],
) -> None:
    alice, bob = talking
    old = alice.record.base_key
    late = bob.send(b"on the old session")
    alice.start(bob.bundle())
    new = alice.record.base_key
    alice.receive(late)
    record = alice.record
    assert record.base_key == old
    assert [decode_state(stored).parties.base_key for stored in record.archived] == [new]
    assert alice.send(b"text").type == "msg"


def test_40_sessions_are_archived_and_the_41st_is_dropped(alice: Device, bob: Device) -> None:
    late = []
    for _ in range(42):
        alice.start(bob.bundle())
        bob.receive(alice.send(b"opens a session"))
        late.append(alice.send(b"late"))
    assert len(alice.record.archived) == len(bob.record.archived) == 40
    # Of 42 sessions bob has the current one and 40 more, so the first is gone, with its pre-keys.
    assert reason_of_refusal(bob, late[0]) is DecryptFailure.INVALID_KEY_ID
    assert bob.receive(late[1]) == b"late"
    assert len(bob.record.archived) == 40


def test_a_late_pkmsg_of_an_archived_session_is_read_there(alice: Device, bob: Device) -> None:
    alice.start(bob.bundle())
    bob.receive(alice.send(b"one"))
    late = alice.send(b"late")
    old = bob.record.base_key
    alice.start(bob.bundle())
    bob.receive(alice.send(b"new session"))
    left = dict(bob.one_time)
    assert bob.receive(late) == b"late"
    assert bob.one_time == left
    assert bob.record.base_key == old
    assert len(bob.record.archived) == 1


def test_both_sides_may_start_at_once(alice: Device, bob: Device) -> None:
    alice.start(bob.bundle())
    bob.start(alice.bundle())
    from_alice, from_bob = alice.send(b"from alice"), bob.send(b"from bob")
    assert (from_alice.type, from_bob.type) == ("pkmsg", "pkmsg")
    assert alice.receive(from_bob) == b"from bob"
    assert bob.receive(from_alice) == b"from alice"
    assert alice.record.base_key != bob.record.base_key

    # Each now sends on the session of the other; the next message that is read settles it.
    assert bob.receive(alice.send(b"text")) == b"text"
    assert alice.receive(bob.send(b"text")) == b"text"
    assert alice.record.base_key == bob.record.base_key
    for _ in range(3):
        ciphertexts = alice.send(b"a"), bob.send(b"b")
        assert [ciphertext.type for ciphertext in ciphertexts] == ["msg", "msg"]
        assert (bob.receive(ciphertexts[0]), alice.receive(ciphertexts[1])) == (b"a", b"b")
        assert alice.record.base_key == bob.record.base_key


def test_crossing_messages_after_a_double_start_are_all_read(alice: Device, bob: Device) -> None:
    alice.start(bob.bundle())
    bob.start(alice.bundle())
    for _ in range(6):
        from_alice, from_bob = alice.send(b"from alice"), bob.send(b"from bob")
        assert alice.receive(from_bob) == b"from bob"
        assert bob.receive(from_alice) == b"from alice"
    assert bob.receive(alice.send(b"one at a time")) == b"one at a time"
    assert alice.receive(bob.send(b"settles it")) == b"settles it"
    assert alice.record.base_key == bob.record.base_key


def test_a_peer_that_lost_its_state_can_start_again(talking: tuple[Device, Device]) -> None:
    alice, bob = talking
    late = alice.send(b"late")
    alice.stored = None
    alice.start(bob.bundle())
    assert bob.receive(alice.send(b"again")) == b"again"
    assert alice.receive(bob.send(b"answer")) == b"answer"
    assert bob.receive(late) == b"late"


def test_an_old_message_is_read_after_the_identity_changed(
    make_device: MakeDevice, talking: tuple[Device, Device]
) -> None:
    alice, bob = talking
    late = alice.send(b"of the old identity")
    reinstalled = make_device("alice with a new identity")
    reinstalled.start(bob.bundle())
    ciphertext = reinstalled.send(b"of the new identity")
    result = decrypt_pre_key_message(
        bob.local,
        bob.record,
        ciphertext.body,
        signed_pre_key={1: bob.signed.pair}.get,
        pre_key=bob.one_time.get,
    )
    assert result.identity == reinstalled.local.identity.public != alice.local.identity.public
    assert result.record.remote_identity == result.identity
    bob.stored = result.record.dump()
    assert bob.receive(late) == b"of the old identity"


def test_a_closed_record_still_reads_but_does_not_send(talking: tuple[Device, Device]) -> None:
    alice, bob = talking
    late = bob.send(b"late")
    alice.stored = alice.record.closed().dump()
    with pytest.raises(CryptoError):
        alice.send(b"text")
    assert alice.receive(late) == b"late"
    assert alice.record.is_usable
    assert alice.record.archived == ()


def test_a_session_starts_on_top_of_a_closed_record(talking: tuple[Device, Device]) -> None:
    alice, bob = talking
    closed = alice.record.closed()
    record = start_session(alice.local, bob.bundle(), closed)
    assert record.is_usable
    assert record.archived == closed.archived


def test_what_goes_in_is_left_alone(talking: tuple[Device, Device]) -> None:
    alice, bob = talking
    record = alice.record
    before = record.dump()
    encrypt(record, b"text")
    start_session(alice.local, bob.bundle(), record)
    record.closed()
    assert record.dump() == before
    assert record == SessionRecord.load(before)
