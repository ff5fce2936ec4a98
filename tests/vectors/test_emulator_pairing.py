"""The phone's side of linking against the published vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from waport.crypto import KeyPair, pbkdf2_sha256
from waport.emulator import link_code
from waport.emulator.phone_pairing import parse_qr
from waport.errors import CryptoError

VECTORS: dict[str, Any] = json.loads(
    Path(__file__).with_name("pairing.json").read_text(encoding="utf-8")
)


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


@pytest.mark.parametrize("entry", VECTORS["qr"])
@pytest.mark.parametrize("prefixed", [True, False])
def test_a_qr_text_is_read(entry: dict[str, str], prefixed: bool) -> None:
    text = entry["qr"] if prefixed else entry["qr"].rpartition("#")[2]
    code = parse_qr(text)
    assert code.ref == entry["ref"]
    assert code.noise_public == raw(entry["noise_public"])
    assert code.identity_public == raw(entry["identity_public"])
    assert code.adv_secret == raw(entry["adv_secret"])


@pytest.mark.parametrize("entry", VECTORS["pairing_code"])
def test_the_code_unwraps_the_companions_key(entry: dict[str, Any]) -> None:
    companion = link_code.unwrap(entry["code"], raw(entry["hello"]["wrapped"]))
    assert companion.hex() == entry["companion_ephemeral"]["public"]


@pytest.mark.parametrize("entry", VECTORS["pairing_code"])
def test_the_phones_key_is_wrapped_byte_for_byte(entry: dict[str, Any]) -> None:
    told = entry["notification"]
    draws = iter([raw(told["salt"]), raw(told["iv"])])
    wrapped = link_code.wrap(
        entry["code"], raw(entry["primary_ephemeral"]["public"]), lambda _length: next(draws)
    )
    assert wrapped.hex() == told["wrapped"]
    assert pbkdf2_sha256(entry["code"].encode(), raw(told["salt"]), 131_072, 32) == raw(told["key"])


@pytest.mark.parametrize("entry", VECTORS["pairing_code"])
def test_the_bundle_opens_to_the_shared_secret(entry: dict[str, Any]) -> None:
    opened = link_code.open_bundle(
        raw(entry["finish"]["wrapped_bundle"]),
        KeyPair.from_private(raw(entry["primary_identity"]["private"])),
        KeyPair.from_private(raw(entry["primary_ephemeral"]["private"])),
        raw(entry["companion_ephemeral"]["public"]),
        raw(entry["identity"]["public"]),
    )
    assert opened.adv_secret.hex() == entry["finish"]["adv_secret"]


def test_a_bundle_of_another_ephemeral_does_not_open() -> None:
    entry = VECTORS["pairing_code"][0]
    with pytest.raises(CryptoError):
        link_code.open_bundle(
            raw(entry["finish"]["wrapped_bundle"]),
            KeyPair.from_private(raw(entry["primary_identity"]["private"])),
            KeyPair.from_private(raw(entry["primary_ephemeral"]["private"])),
            raw(entry["identity"]["public"]),
            raw(entry["identity"]["public"]),
        )


@pytest.mark.parametrize("entry", VECTORS["code_text"])
def test_every_code_is_one_that_may_be_typed(entry: dict[str, str]) -> None:
    shown = f"{entry['code'][:4]}-{entry['code'][4:]}".lower()
    assert link_code.normalise(shown) == entry["code"]
