"""The recorded message paddings (payload.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from waport.errors import DecryptError, DecryptFailure
from waport.signal import unpad

CASES: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("payload.json").read_text(encoding="utf-8")
)["padding"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["padded"][-8:] or "empty")
def test_padding_is_removed_or_refused_as_recorded(case: dict[str, Any]) -> None:
    padded = bytes.fromhex(case["padded"])
    if case["expect"] == "accept":
        assert unpad(padded).hex() == case["plain"]
    else:
        with pytest.raises(DecryptError) as refusal:
            unpad(padded)
        assert refusal.value.reason is DecryptFailure.CORRUPT_PLAINTEXT
