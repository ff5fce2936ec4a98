from __future__ import annotations

import random

import pytest

from waport.appstate import EMPTY_HASH, HASH_SIZE, update_lthash
from waport.crypto import hkdf
from waport.errors import InvalidInput

MACS = [bytes((number,)) * 32 for number in range(6)]


def lanes(state: bytes) -> list[int]:
    return [int.from_bytes(state[at : at + 2], "little") for at in range(0, HASH_SIZE, 2)]


def lane_by_lane(state: bytes, mac: bytes, sign: int) -> list[int]:
    item = hkdf(mac, b"", b"WhatsApp Patch Integrity", HASH_SIZE)
    return [(a + sign * b) % 65536 for a, b in zip(lanes(state), lanes(item), strict=True)]


@pytest.mark.parametrize("base", [EMPTY_HASH, b"\xff" * HASH_SIZE, bytes(range(HASH_SIZE))])
def test_each_lane_counts_for_itself_modulo_65536(base: bytes) -> None:
    for mac in MACS:
        assert lanes(update_lthash(base, add=[mac])) == lane_by_lane(base, mac, 1)
        assert lanes(update_lthash(base, subtract=[mac])) == lane_by_lane(base, mac, -1)


def test_any_order_gives_the_same_hash() -> None:
    expected = update_lthash(EMPTY_HASH, add=MACS, subtract=MACS[:2])
    for seed in range(5):
        state = EMPTY_HASH
        steps = [("add", mac) for mac in MACS] + [("subtract", mac) for mac in MACS[:2]]
        random.Random(seed).shuffle(steps)
        for name, mac in steps:
            state = update_lthash(state, **{name: [mac]})
        assert state == expected


def test_what_entered_and_left_leaves_no_trace() -> None:
    assert update_lthash(EMPTY_HASH, add=MACS, subtract=reversed(MACS)) == EMPTY_HASH


def test_more_items_than_a_lane_counts_do_not_spill_over() -> None:
    """The lanes of 70 000 equal items wrap around more than once."""
    item = lanes(update_lthash(EMPTY_HASH, add=MACS[:1]))
    state = update_lthash(EMPTY_HASH, add=(MACS[0] for _ in range(70_000)))
    assert lanes(state) == [lane * 70_000 % 65536 for lane in item]


@pytest.mark.parametrize("size", [0, 127, 129])
def test_a_hash_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(InvalidInput):
        update_lthash(bytes(size), add=MACS)
