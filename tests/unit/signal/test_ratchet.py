from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from waport.crypto import hmac_sha256
from waport.errors import CryptoError, DecryptError, DecryptFailure
from waport.proto import pb
from waport.signal.chains import chain_step, unpack_chains
from waport.signal.messages import (
    MAX_COUNTER,
    SignalMessage,
    parse_signal_message,
    signal_message_head,
)
from waport.signal.ratchet import message_keys, seal, unseal
from waport.signal.records import SessionState

if TYPE_CHECKING:
    from .conftest import Device, Dice


def current(device: Device) -> SessionState:
    state = device.record.current
    assert state is not None
    return state


def forged(state: SessionState, ciphertext: bytes) -> SignalMessage:
    """A message with the right MAC around any ciphertext, as only the sender can make it."""
    seed, _ = chain_step(state.sending.chain_key)
    _, mac_key, _ = message_keys(seed)
    sending = state.sending
    head = signal_message_head(sending.public, sending.next_counter, 0, ciphertext)
    parties = state.parties
    identities = b"\x05" + parties.local_identity + b"\x05" + parties.remote_identity
    return parse_signal_message(head + hmac_sha256(mac_key, identities + head)[:8])


def test_a_chain_counts_from_0_and_previous_counter_names_its_last_message(
    talking: tuple[Device, Device],
) -> None:
    alice, bob = talking
    fields = []
    for number_sent in (3, 1, 2):
        for _ in range(number_sent):
            ciphertext = alice.send(b"text")
            message = pb.SignalMessage.FromString(ciphertext.body[1:-8])
            fields.append((message.counter, message.previousCounter))
            bob.receive(ciphertext)
        alice.receive(bob.send(b"turn"))
    # The first chain had one message (counter 0), the second three (0, 1, 2), the third one.
    assert fields == [(0, 0), (1, 0), (2, 0), (0, 2), (0, 0), (1, 0)]


def test_every_turn_brings_a_fresh_ratchet_key(talking: tuple[Device, Device]) -> None:
    alice, bob = talking
    keys = set()
    for _ in range(5):
        keys.add(parse_signal_message(alice.send(b"a").body).ratchet_key)
        bob.receive(alice.send(b"a"))
        keys.add(parse_signal_message(bob.send(b"b").body).ratchet_key)
        alice.receive(bob.send(b"b"))
    assert len(keys) == 10


def test_five_receiving_chains_are_kept(talking: tuple[Device, Device]) -> None:
    alice, bob = talking
    for _ in range(8):
        bob.receive(alice.send(b"a"))
        alice.receive(bob.send(b"b"))
    assert len(unpack_chains(current(alice).receiving)) == 5


def test_a_new_key_pair_is_made_only_for_an_authentic_message(
    talking: tuple[Device, Device],
) -> None:
    alice, bob = talking
    message = parse_signal_message(alice.send(b"turn").body)
    bob.dice.rolls = 0
    with pytest.raises(DecryptError):
        unseal(current(bob), message._replace(mac=bytes(8)), random_bytes=bob.dice)
    assert bob.dice.rolls == 0
    unseal(current(bob), message, random_bytes=bob.dice)
    assert bob.dice.rolls == 1


def test_wrong_cbc_padding_under_a_right_mac_is_an_invalid_message(
    talking: tuple[Device, Device],
) -> None:
    alice, bob = talking
    for ciphertext in (b"", b"no whole block", bytes(16)):
        with pytest.raises(DecryptError) as refusal:
            unseal(current(bob), forged(current(alice), ciphertext))
        assert refusal.value.reason is DecryptFailure.INVALID_MESSAGE


def test_the_mac_names_sender_and_receiver(talking: tuple[Device, Device]) -> None:
    alice, bob = talking
    message = parse_signal_message(alice.send(b"text").body)
    state = current(bob)
    other = state.parties._replace(remote_identity=bob.local.identity.public)
    with pytest.raises(DecryptError) as refusal:
        unseal(state._replace(parties=other), message)
    assert refusal.value.reason is DecryptFailure.BAD_MAC


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31)], ids=["zero", "one"])
def test_a_low_order_ratchet_key_is_an_invalid_key(
    talking: tuple[Device, Device], point: bytes
) -> None:
    alice, bob = talking
    message = parse_signal_message(alice.send(b"text").body)._replace(ratchet_key=point)
    with pytest.raises(DecryptError) as refusal:
        unseal(current(bob), message)
    assert refusal.value.reason is DecryptFailure.INVALID_KEY


def test_sealing_leaves_the_state_it_was_given(talking: tuple[Device, Device]) -> None:
    state = current(talking[0])
    first, second = seal(state, b"text"), seal(state, b"text")
    assert first == second
    assert first[0].sending.next_counter == state.sending.next_counter + 1


def test_a_chain_without_counters_left_refuses_to_send(talking: tuple[Device, Device]) -> None:
    state = current(talking[0])
    state = state._replace(sending=state.sending._replace(next_counter=MAX_COUNTER))
    state, _ = seal(state, b"the last one")
    with pytest.raises(CryptoError):
        seal(state, b"one too many")


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 127, 128, 5000])
def test_plaintexts_of_every_length_arrive(talking: tuple[Device, Device], length: int) -> None:
    alice, bob = talking
    assert bob.receive(alice.send(bytes(length))) == bytes(length)


def test_randomness_comes_from_the_parameter_alone(
    talking: tuple[Device, Device], make_dice: type[Dice]
) -> None:
    alice, bob = talking
    message = parse_signal_message(alice.send(b"turn").body)
    results = [unseal(current(bob), message, random_bytes=make_dice("same")) for _ in range(2)]
    assert results[0] == results[1]
