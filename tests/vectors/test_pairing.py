"""The linking vectors: signed identities, QR texts and pairing codes of another implementation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from waport.crypto import KeyPair, verify
from waport.errors import PairingError, StanzaError
from waport.pairing import (
    DeviceProfile,
    PendingCode,
    PrimaryHello,
    accept_primary_hello,
    answer_primary_hello,
    companion_finish,
    companion_hello,
    encode_code,
    pair_success_reply,
    parse_link_code_notification,
    parse_pair_success,
    parse_qr,
    qr_text,
    unwrap_ephemeral,
    verify_device_identity,
    verify_pair_success,
    without_account_key,
    wrap_ephemeral,
)
from waport.proto import pb
from waport.wire import Jid, Node, decode_stanza, encode_stanza

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parent / "pairing.json").read_text(encoding="utf-8")
)
PAIR_SUCCESS = VECTORS["pair_success"]
ACCEPTED = [case for case in PAIR_SUCCESS if case["expect"] == "accept"]
REJECTED = [case for case in PAIR_SUCCESS if case["expect"] == "reject"]
CODES = VECTORS["pairing_code"]


def named(cases: list[dict[str, Any]]) -> Any:
    return pytest.mark.parametrize(
        "case", cases, ids=lambda case: case.get("name", case.get("code"))
    )


def pair(case: dict[str, str]) -> KeyPair:
    return KeyPair(bytes.fromhex(case["private"]), bytes.fromhex(case["public"]))


def random_from(*parts: str) -> Callable[[int], bytes]:
    """Hands out the recorded bytes; a wrong order or length fails the test."""
    queue = [bytes.fromhex(part) for part in parts]

    def read(size: int) -> bytes:
        part = queue.pop(0)
        assert len(part) == size
        return part

    return read


def comparable(node: Node) -> Any:
    """A node as plain lists: the same for a decoded one and for one that we built."""
    content = node.content
    if isinstance(content, list):
        content = [comparable(child) for child in content]
    return [node.tag, {name: str(value) for name, value in node.attrs.items()}, content]


def recorded(node: dict[str, Any]) -> Any:
    """The same form of a node in the vectors."""
    content = node["content"]
    if content is not None:
        kind = content["kind"]
        if kind == "nodes":
            content = [recorded(item) for item in content["items"]]
        elif kind == "bytes":
            content = bytes.fromhex(content["hex"])
        else:
            assert kind == "string"
            content = content["value"].encode()
    attrs = {name: value.removeprefix("@") for name, value in node["attrs"]}
    return [node["tag"], attrs, content]


# --- pair-success --------------------------------------------------------------------------------


@named(ACCEPTED)
def test_good_pair_success_is_verified_signed_and_answered(case: dict[str, Any]) -> None:
    stanza = decode_stanza(bytes.fromhex(case["frame"]))
    assert comparable(stanza) == recorded(case["stanza"])

    success = parse_pair_success(stanza)
    expected = case["result"]
    assert success.identity.hex() == case["device_identity_container"]
    assert str(success.pn) == expected["jid"]
    assert str(success.lid) == expected["lid"]
    assert success.platform == expected["platform"]
    assert (success.business_name or None) == expected["business_name"]

    identity = pair(case["identity"])
    paired = verify_pair_success(success.identity, bytes.fromhex(case["adv_secret"]), identity)
    assert str(paired.key_index) == expected["key_index"]
    assert "05" + paired.account_key.hex() == expected["account_identity_key"]

    account = pb.ADVSignedDeviceIdentity.FromString(paired.account)
    assert account.details.hex() == case["details"]
    assert account.accountSignature.hex() == case["account_signature"]
    signed = bytes.fromhex(case["device_signature"]["message"])
    assert verify(identity.public, signed, account.deviceSignature)

    # Put the recorded signature, made with another nonce, in the place of ours.
    signature = bytes.fromhex(case["device_signature"]["signature"])
    assert verify(identity.public, signed, signature)
    stored = paired.account.replace(account.deviceSignature, signature)
    assert stored.hex() == case["stored_device_identity"]
    assert without_account_key(stored).hex() == case["message_device_identity_without_key"]
    reply = paired.reply.replace(account.deviceSignature, signature)
    assert reply.hex() == case["reply_device_identity"]

    answer = pair_success_reply(success.request_id, paired)
    answer.child("pair-device-sign").child("device-identity").content = reply
    assert comparable(answer) == recorded(case["reply"])


@named(ACCEPTED)
def test_stored_identity_passes_the_check_of_other_peoples_devices(case: dict[str, Any]) -> None:
    identity = bytes.fromhex(case["identity"]["public"])
    account_key = bytes.fromhex(case["account_key"]["public"])
    stored = bytes.fromhex(case["stored_device_identity"])
    sent = bytes.fromhex(case["message_device_identity_without_key"])

    assert verify_device_identity(stored, identity, None).account_key == account_key
    check = verify_device_identity(sent, identity, account_key)
    assert check.is_verified
    assert str(check.key_index) == case["result"]["key_index"]
    assert not verify_device_identity(sent, identity, None).is_verified


@named(REJECTED)
def test_bad_pair_success_is_refused(case: dict[str, Any]) -> None:
    stanza = decode_stanza(bytes.fromhex(case["frame"]))
    assert comparable(stanza) == recorded(case["stanza"])
    with pytest.raises(PairingError) as caught:
        verify_pair_success(
            parse_pair_success(stanza).identity,
            bytes.fromhex(case["adv_secret"]),
            pair(case["identity"]),
        )
    is_unreadable = case["reason"] == "missing node"
    assert caught.value.code == (500 if is_unreadable else 401)
    assert caught.value.text == ("internal-error" if is_unreadable else "not-authorized")


# --- QR ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", VECTORS["qr"], ids=lambda case: case["browser"])
def test_qr_text_is_made_and_read(case: dict[str, str]) -> None:
    keys = [bytes.fromhex(case[name]) for name in ("noise_public", "identity_public", "adv_secret")]
    profile = DeviceProfile(os_name=case["os"], browser=case["browser"])
    assert profile.client_type == case["client_type"]
    assert qr_text(case["ref"], *keys, profile.client_type) == case["qr"]

    parts = parse_qr(case["qr"])
    assert parts.ref == case["ref"]
    assert [parts.noise_public, parts.identity_public, parts.adv_secret] == keys
    assert parts.client_type == case["client_type"]


# --- pairing codes -------------------------------------------------------------------------------


@pytest.mark.parametrize("case", VECTORS["code_text"], ids=lambda case: case["code"])
def test_five_bytes_make_the_code(case: dict[str, str]) -> None:
    assert encode_code(bytes.fromhex(case["bytes"])) == case["code"]


def pending_code(case: dict[str, Any], ref: bytes = b"") -> PendingCode:
    return PendingCode(case["phone"], case["code"], pair(case["companion_ephemeral"]), 0.0, ref)


@named(CODES)
def test_companion_hello_wraps_the_ephemeral_key(case: dict[str, Any]) -> None:
    hello = case["hello"]
    pending = pending_code(case)
    wrapped = wrap_ephemeral(
        pending.ephemeral.public, case["code"], random_from(hello["salt"], hello["iv"])
    )
    assert wrapped.hex() == hello["wrapped"]

    noise_public = bytes.fromhex(case["noise"]["public"])
    profile = DeviceProfile(os_name="Mac OS", browser="Chrome")
    request_id = dict(hello["node"]["attrs"])["id"]
    node = companion_hello(
        pending, wrapped, noise_public, profile.client_type, profile.display_name, request_id
    )
    nonce = node.child("link_code_companion_reg").child("link_code_pairing_nonce")
    assert nonce.content == b"\x00"
    nonce.content = b"0"  # as the implementation that made the vectors sends it
    assert comparable(node) == recorded(hello["node"])
    assert decode_stanza(encode_stanza(node)) == node


@named(CODES)
def test_primary_hello_gives_the_bundle_and_the_secret(case: dict[str, Any]) -> None:
    finish = case["finish"]
    notification = decode_stanza(bytes.fromhex(case["notification"]["frame"]))
    assert comparable(notification) == recorded(case["notification"]["node"])

    hello = parse_link_code_notification(notification)
    assert isinstance(hello, PrimaryHello)
    assert hello.wrapped_ephemeral.hex() == case["notification"]["wrapped"]
    assert hello.identity.hex() == case["primary_identity"]["public"]
    opened = unwrap_ephemeral(hello.wrapped_ephemeral, case["code"])
    assert opened.hex() == case["primary_ephemeral"]["public"]

    identity = pair(case["identity"])
    pending = accept_primary_hello(pending_code(case, hello.ref), hello, now=179.0)
    answer = answer_primary_hello(
        pending,
        hello,
        identity,
        random_from(finish["random"], finish["bundle_salt"], finish["bundle_iv"]),
    )
    assert answer.bundle.hex() == finish["wrapped_bundle"]
    assert answer.adv_secret.hex() == finish["adv_secret"]

    request_id = dict(finish["node"]["attrs"])["id"]
    node = companion_finish(pending, answer, identity.public, request_id)
    assert comparable(node) == recorded(finish["node"])
    assert decode_stanza(encode_stanza(node)) == node
    assert node.child("link_code_companion_reg").jid("jid") == Jid(case["phone"], "s.whatsapp.net")


@named(CODES)
def test_answer_for_another_code_is_refused(case: dict[str, Any]) -> None:
    hello = parse_link_code_notification(
        decode_stanza(bytes.fromhex(case["notification"]["frame"]))
    )
    assert isinstance(hello, PrimaryHello)
    with pytest.raises(StanzaError):
        accept_primary_hello(pending_code(case, b"another ref"), hello, now=0.0)
