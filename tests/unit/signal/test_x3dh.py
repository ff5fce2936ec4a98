from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from waport.crypto import agree, hkdf
from waport.errors import CryptoError
from waport.signal.chains import unpack_chains
from waport.signal.x3dh import open_incoming, open_outgoing

if TYPE_CHECKING:
    from .conftest import Device


@pytest.mark.parametrize("one_time", [True, False])
def test_both_sides_agree_on_the_first_chain(alice: Device, bob: Device, one_time: bool) -> None:
    bundle = bob.bundle(one_time=one_time)
    ours = open_outgoing(alice.local, bundle, alice.dice)
    theirs = open_incoming(
        bob.local,
        alice.local.identity.public,
        alice.local.registration_id,
        ours.parties.base_key,
        bob.signed.pair,
        bob.one_time[bundle.pre_key_id] if bundle.pre_key_id is not None else None,
    )
    (chain,) = unpack_chains(ours.receiving)
    assert chain.ratchet_key == bob.signed.pair.public
    assert chain.chain_key == theirs.sending.chain_key
    assert (chain.next_counter, theirs.sending.next_counter) == (0, 0)
    assert (theirs.sending.private, theirs.sending.public) == (
        bob.signed.pair.private,
        bob.signed.pair.public,
    )
    assert theirs.receiving == b""
    assert theirs.pending is None

    # The starter is one step further: its own ratchet key with the signed pre-key.
    secret = agree(bob.signed.pair.private, ours.sending.public)
    stepped = hkdf(secret, theirs.root_key, b"WhisperRatchet", 64)
    assert stepped == ours.root_key + ours.sending.chain_key


def test_a_session_knows_its_parties(alice: Device, bob: Device) -> None:
    ours = open_outgoing(alice.local, bob.bundle(), alice.dice)
    assert ours.parties.local_identity == alice.local.identity.public
    assert ours.parties.remote_identity == bob.local.identity.public
    assert ours.parties.local_registration_id == alice.local.registration_id
    assert ours.parties.remote_registration_id == bob.local.registration_id
    assert ours.pending == (1, 1)


def test_leaving_the_one_time_key_out_gives_another_secret(alice: Device, bob: Device) -> None:
    ours = open_outgoing(alice.local, bob.bundle(), alice.dice)
    (chain,) = unpack_chains(ours.receiving)
    theirs = open_incoming(
        bob.local, alice.local.identity.public, 0, ours.parties.base_key, bob.signed.pair, None
    )
    assert chain.chain_key != theirs.sending.chain_key


@pytest.mark.parametrize("low_order", ["identity", "base_key"])
def test_a_low_order_key_of_the_starter_is_refused(
    alice: Device, bob: Device, low_order: str
) -> None:
    keys = {"identity": alice.local.identity.public, "base_key": alice.signed.pair.public}
    keys[low_order] = bytes(32)
    with pytest.raises(CryptoError):
        open_incoming(bob.local, keys["identity"], 0, keys["base_key"], bob.signed.pair, None)
