"""Agreement and signatures of independent implementations (tests/vectors/signal.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from waport.crypto import KeyPair, agree, sign, verify

VECTORS = json.loads((Path(__file__).parent / "signal.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", VECTORS["agreement"])
def test_agreement(case: dict[str, str]) -> None:
    private = bytes.fromhex(case["private"])
    assert agree(private, bytes.fromhex(case["public"])).hex() == case["shared"]
    assert KeyPair.from_private(private).public.hex() == case["public_of_private"]


@pytest.mark.parametrize("case", VECTORS["xeddsa"], ids=lambda case: case["name"])
def test_signature(case: dict[str, Any]) -> None:
    public, message, signature = (
        bytes.fromhex(case[field]) for field in ("public", "message", "signature")
    )
    assert verify(public, message, signature) is (case["expect"] == "accept")
    if "sign_bit" in case and case["expect"] == "accept":
        assert signature[63] >> 7 == case["sign_bit"]


@pytest.mark.parametrize(
    "case",
    [case for case in VECTORS["xeddsa"] if "private" in case],
    ids=lambda case: case["name"],
)
def test_own_signature_with_the_same_key(case: dict[str, Any]) -> None:
    public, message = bytes.fromhex(case["public"]), bytes.fromhex(case["message"])
    signature = sign(bytes.fromhex(case["private"]), message)
    assert verify(public, message, signature)
    if "sign_bit" in case:
        assert signature[63] >> 7 == case["sign_bit"]
