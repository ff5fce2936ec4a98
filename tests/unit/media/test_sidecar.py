from __future__ import annotations

import hmac
import os

import pytest

from waport.media import Sidecar, sidecar
from waport.media.sidecar import OVERLAP, WINDOW

KEY = bytes(range(32))


def window_mac(data: bytes) -> bytes:
    return hmac.digest(KEY, data, "sha256")[:10]


@pytest.mark.parametrize(
    "length",
    [26, WINDOW - 1, WINDOW, WINDOW + 1, WINDOW + 16, WINDOW + 17, 3 * WINDOW, 3 * WINDOW + 500],
)
def test_windows_overlap_by_one_block(length: int) -> None:
    data = os.urandom(length)
    expected = b"".join(
        window_mac(data[start : start + WINDOW + OVERLAP]) for start in range(0, length, WINDOW)
    )
    assert sidecar([data], KEY) == expected


@pytest.mark.parametrize("size", [1000, WINDOW, WINDOW + 16, 100_000])
def test_the_size_of_pieces_makes_no_difference(size: int) -> None:
    data = os.urandom(300_000)
    given = [data[start : start + size] for start in range(0, len(data), size)]
    assert sidecar(given, KEY) == sidecar([data], KEY)


def test_a_file_of_four_and_a_half_windows_has_fifty_bytes() -> None:
    assert len(sidecar([bytes(WINDOW * 9 // 2)], KEY)) == 50


def test_nothing_has_an_empty_sidecar() -> None:
    assert Sidecar(KEY).finish() == b""
