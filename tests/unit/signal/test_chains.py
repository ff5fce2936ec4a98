from __future__ import annotations

import pytest

from waport.errors import CorruptRecord, DecryptError, DecryptFailure
from waport.signal.chains import (
    MAX_RECEIVING_CHAINS,
    MAX_SKIPPED_KEYS,
    ReceivingChain,
    add_chain,
    chain_step,
    find_chain,
    unpack_chain,
    unpack_chains,
)


def new_chain(number: int = 1) -> ReceivingChain:
    return ReceivingChain(bytes((number,)) * 32, bytes((number + 100,)) * 32, 0, b"")


def seeds_of(chain: ReceivingChain, count: int) -> list[bytes]:
    seeds = []
    chain_key = chain.chain_key
    for _ in range(count):
        seed, chain_key = chain_step(chain_key)
        seeds.append(seed)
    return seeds


def reason_of_refusal(chain: ReceivingChain, counter: int, max_jump: int = 2000) -> DecryptFailure:
    with pytest.raises(DecryptError) as refusal:
        chain.take(counter, max_jump)
    return refusal.value.reason


def test_keys_in_any_order_are_those_of_the_chain() -> None:
    chain = new_chain()
    seeds = seeds_of(chain, 8)
    for counter in (0, 3, 1, 7, 6, 2, 4, 5):
        seed, chain = chain.take(counter, 2000)
        assert seed == seeds[counter]
    assert chain.skipped == b""
    assert chain.next_counter == 8


def test_a_key_is_given_out_once() -> None:
    chain = new_chain()
    for counter in (4, 2):
        _, chain = chain.take(counter, 2000)
    for counter in (4, 2):
        assert reason_of_refusal(chain, counter) is DecryptFailure.DUPLICATE
    assert chain.skipped_counters() == [0, 1, 3]


def test_taking_a_key_leaves_the_chain_that_was_asked_as_it_was() -> None:
    chain = new_chain()
    before = chain.pack()
    chain.take(5, 2000)
    assert chain.pack() == before


@pytest.mark.parametrize("max_jump", [0, 5, 2000])
def test_the_limit_is_the_number_of_skipped_messages(max_jump: int) -> None:
    chain = new_chain()
    assert reason_of_refusal(chain, max_jump + 1, max_jump) is DecryptFailure.FUTURE_MESSAGE
    _, chain = chain.take(max_jump, max_jump)
    assert reason_of_refusal(chain, 2 * max_jump + 2, max_jump) is DecryptFailure.FUTURE_MESSAGE
    _, chain = chain.take(2 * max_jump + 1, max_jump)
    assert chain.next_counter == 2 * max_jump + 2


def test_two_jumps_together_keep_the_newest_2000_keys() -> None:
    chain = new_chain()
    seeds = seeds_of(chain, 3001)
    _, chain = chain.take(1500, 2000)
    _, chain = chain.take(3000, 2000)
    kept = chain.skipped_counters()
    assert len(kept) == MAX_SKIPPED_KEYS
    assert kept == [*range(999, 1500), *range(1501, 3000)]
    assert chain.take(999, 2000)[0] == seeds[999]
    assert chain.take(2999, 2000)[0] == seeds[2999]
    assert reason_of_refusal(chain, 998) is DecryptFailure.DUPLICATE


def test_one_jump_above_2000_keeps_the_newest_2000_keys() -> None:
    chain = new_chain()
    seeds = seeds_of(chain, 2601)
    seed, chain = chain.take(2600, 25000)
    assert seed == seeds[2600]
    assert chain.skipped_counters() == list(range(600, 2600))
    assert chain.take(600, 0)[0] == seeds[600]


def test_chains_are_found_by_ratchet_key_newest_first() -> None:
    chains = b""
    for number in range(1, 4):
        _, chain = new_chain(number).take(number, 2000)
        chains = add_chain(chains, chain)
    assert [chain.ratchet_key[0] for chain in unpack_chains(chains)] == [3, 2, 1]
    place = find_chain(chains, bytes((2,)) * 32)
    assert place is not None
    chain = unpack_chain(chains, *place)
    assert (chain.next_counter, chain.skipped_counters()) == (3, [0, 1])
    assert find_chain(chains, bytes((9,)) * 32) is None


def test_the_sixth_chain_pushes_out_the_oldest() -> None:
    chains = b""
    for number in range(1, MAX_RECEIVING_CHAINS + 3):
        chains = add_chain(chains, new_chain(number))
    assert [chain.ratchet_key[0] for chain in unpack_chains(chains)] == [7, 6, 5, 4, 3]


def test_cut_chains_are_a_corrupt_record() -> None:
    _, chain = new_chain().take(3, 2000)
    packed = chain.pack()
    for end in range(1, len(packed)):
        with pytest.raises(CorruptRecord):
            find_chain(packed[:end], chain.ratchet_key)
        with pytest.raises(CorruptRecord):
            unpack_chains(packed[:end])
        with pytest.raises(CorruptRecord):
            add_chain(packed[:end], new_chain())


def test_a_chain_does_not_show_its_keys() -> None:
    _, chain = new_chain().take(2, 2000)
    shown = repr(chain)
    assert chain.chain_key.hex() not in shown
    assert repr(chain.chain_key) not in shown
    assert repr(chain.skipped) not in shown
