"""The client payload vectors, made by another implementation with its own choices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from waport.pairing import (
    ClientVersion,
    DeviceProfile,
    build_hash,
    login_payload,
    registration_payload,
)
from waport.pairing.payload import big_endian
from waport.proto import pb
from waport.wire import Jid

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parent / "payload.json").read_text(encoding="utf-8")
)
PAYLOADS = VECTORS["client_payload"]
LOGINS = [case for case in PAYLOADS if case["kind"] == "login"]
REGISTRATIONS = [case for case in PAYLOADS if case["kind"] == "registration"]


def as_the_package_sends(payload: bytes, config: dict[str, Any]) -> bytes:
    """Our payload with the two optional fields changed that the package fills in otherwise."""
    message = pb.ClientPayload.FromString(payload)
    assert message.userAgent.HasField("manufacturer")
    assert message.userAgent.manufacturer == ""
    message.userAgent.ClearField("manufacturer")
    os_name, browser, _ = config["browser"]
    if browser == "Desktop" and config["syncFullHistory"]:
        platforms = pb.ClientPayload.WebInfo.WebSubPlatform
        message.webInfo.webSubPlatform = {
            "Mac OS": platforms.DARWIN,
            "Windows": platforms.WIN32,
        }[os_name]
    return message.SerializeToString()


@pytest.mark.parametrize("case", LOGINS, ids=lambda case: case["input"]["jid"])
def test_login_payload_matches(case: dict[str, Any]) -> None:
    jid = Jid.parse(case["input"]["jid"])
    config = case["input"]["config"]
    payload = login_payload(
        user=jid.user,
        device=jid.device,
        version=ClientVersion(*config["version"]),
        push_name=config.get("pushName"),
        country=config["countryCode"],
    )
    assert as_the_package_sends(payload, config).hex() == case["bytes"]


@pytest.mark.parametrize("case", REGISTRATIONS, ids=lambda case: case["input"]["build_hash_of"])
def test_registration_payload_matches(case: dict[str, Any]) -> None:
    given = case["input"]
    config = given["config"]
    version = ClientVersion(*config["version"])
    assert str(version) == given["build_hash_of"]
    payload = registration_payload(
        registration_id=given["registration_id"],
        identity_public=bytes.fromhex(given["identity"]["public"]),
        signed_pre_key_id=given["signed_pre_key"]["id"],
        signed_pre_key_public=bytes.fromhex(given["signed_pre_key"]["public"]),
        signed_pre_key_signature=bytes.fromhex(given["signed_pre_key"]["signature"]),
        version=version,
        device_props=bytes.fromhex(case["device_props"]["bytes"]),
        push_name=config.get("pushName"),
        country=config["countryCode"],
    )
    assert as_the_package_sends(payload, config).hex() == case["bytes"]
    registered = pb.ClientPayload.FromString(payload).devicePairingData
    assert registered.buildHash == build_hash(version)


@pytest.mark.parametrize("case", REGISTRATIONS, ids=lambda case: case["input"]["build_hash_of"])
def test_device_props_differ_only_in_choices_of_our_own(case: dict[str, Any]) -> None:
    os_name, browser, _ = case["input"]["config"]["browser"]
    ours = pb.DeviceProps.FromString(
        DeviceProfile(
            os_name=os_name,
            browser=browser,
            os_version=(10, 15, 7),
            wants_full_history=case["input"]["config"]["syncFullHistory"],
        ).device_props()
    )
    theirs = pb.DeviceProps.FromString(bytes.fromhex(case["device_props"]["bytes"]))
    history = ours.historySyncConfig
    for ours_alone in ("thumbnailSyncDaysLimit", "supportManusHistory", "supportHatchHistory"):
        assert history.HasField(ours_alone)
        history.ClearField(ours_alone)
    # We read call logs and the history of groups, the package does not.
    history.supportCallLogHistory = False
    history.supportGroupHistory = False
    assert ours.SerializeToString() == theirs.SerializeToString()


@pytest.mark.parametrize("case", VECTORS["big_endian"], ids=lambda case: case["bytes"])
def test_numbers_are_big_endian(case: dict[str, Any]) -> None:
    assert big_endian(case["number"], case["width"]).hex() == case["bytes"]
