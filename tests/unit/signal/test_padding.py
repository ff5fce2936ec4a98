from __future__ import annotations

import pytest

from waport.errors import DecryptError, DecryptFailure
from waport.signal import pad, unpad


@pytest.mark.parametrize("drawn", range(256))
def test_every_drawn_byte_gives_1_to_15_bytes_that_come_off_again(drawn: int) -> None:
    padded = pad(b"text", lambda size: bytes((drawn,)) * size)
    assert 1 <= len(padded) - 4 <= 15
    assert unpad(padded) == b"text"


@pytest.mark.parametrize("fill", [16, 17, 200, 255])
def test_longer_padding_of_others_is_accepted(fill: int) -> None:
    assert unpad(b"text" + bytes((fill,)) * fill) == b"text"


def test_padding_may_be_all_there_is() -> None:
    assert unpad(b"\x03\x03\x03") == b""


@pytest.mark.parametrize(
    "padded", [b"", b"\x00", b"text\x00", b"\x02", b"abc\x02\x03\x03", b"\xff"]
)
def test_wrong_padding_is_corrupt_plaintext(padded: bytes) -> None:
    with pytest.raises(DecryptError) as refusal:
        unpad(padded)
    assert refusal.value.reason is DecryptFailure.CORRUPT_PLAINTEXT
