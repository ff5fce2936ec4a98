"""The passkey step: what is read, refused and computed; published values."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from waport.crypto import KeyPair, aes_gcm_decrypt, agree, hkdf, hmac_sha256
from waport.errors import CryptoError, InvalidInput, StanzaError
from waport.pairing import passkey
from waport.pairing.passkey import PasskeyRequest, Prologue
from waport.proto import pb
from waport.wire import Node

COMPANION = "00f56a753953e0e6347739ee81cd1b5a9f8ad4c2fb5e2b7178a0010bde30046d"
PHONE = "23d0e0b0d738f00165d9b66abcb7eb4a2734e28332f698646bf5350ec4d22c70"
CHROME, DESKTOP = pb.DeviceProps.PlatformType.CHROME, pb.DeviceProps.PlatformType.DESKTOP
NONCE = bytes.fromhex("39b6bd4f2bfa336bf00c37bed108afda082f6fe23601bf8b81d71d4bed28f1c3")
PHONE_NONCE = bytes.fromhex("1dec295b57addb0c1369f60e2e7d05bc4a4c83164627f6c703aa7e8f12d42779")
IDENTITY = f"0a20{COMPANION}10011a053240524546"
SHARED = "761a6d414e917b4ed1de031a998c94e9743eff3ea723e8c8fd83bad0b39d5e46"
KEY = "80aed6b5bfcc8321f8b3f72cc8ad51fd311be19bd963ebd1e1f6eba9fb6deb8f"
SECRET = bytes.fromhex("0a526a90a85596dcb3669fd86963422969edbbf7c4752492d780b78e6355d4ee")


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


CHALLENGE = b64(b"challenge bytes")
REQUEST = PasskeyRequest({"challenge": CHALLENGE}, CHALLENGE)


def assertion(**changes: Any) -> dict[str, Any]:
    client = {"type": "webauthn.get", "challenge": CHALLENGE, "origin": "https://web.whatsapp.com"}
    client |= changes.pop("client", {})
    response = {
        "clientDataJSON": b64(json.dumps(client).encode()),
        "authenticatorData": b64(b"data"),
        "signature": b64(b"signature"),
        "userHandle": None,
        **(changes.pop("response", {}) or {}),
    }
    whole = {"id": b64(b"cred"), "rawId": b64(b"cred"), "type": "public-key", "response": response}
    return {**whole, **changes}


# --- values --------------------------------------------------------------------------------------


def published() -> Prologue:
    # Only the public halves are published; the private one plays no part in what is committed.
    return Prologue(KeyPair(bytes(32), bytes.fromhex(COMPANION)), NONCE, "2@REF", CHROME)


def test_identity_and_commitment_are_the_published_ones() -> None:
    prologue = published()
    assert prologue.identity.hex() == IDENTITY
    payload = pb.ProloguePayload.FromString(prologue.payload)
    assert payload.companionEphemeralIdentity.hex() == IDENTITY
    assert payload.commitment.hash.hex() == (
        "4ea373679eacb19c7d320a235237768dc47cf16a249334f7bd80542a19a05df8"
    )


def test_key_and_code_are_the_published_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passkey, "agree", lambda *_: bytes.fromhex(SHARED))
    found = passkey.proceed(published(), bytes.fromhex(PHONE), PHONE_NONCE)
    assert (found.key.hex(), found.code) == (KEY, "VWLR-8JQL")


def test_the_handoff_is_the_published_one() -> None:
    key = passkey.handoff_key(SECRET)
    assert key.hex() == "737e4b4ae7dc67fe22cd5ae308e17bfef9f7d76738e46c74591336d96e69505f"
    proof = hmac_sha256(key, published().payload)
    assert proof.hex() == "5cdc9dbaf3066da7ff9f311a2f3c1a14712ab02481ab296d3f3f192846c76204"


def test_a_phone_with_its_own_key_comes_to_the_same() -> None:
    phone = KeyPair.generate()
    prologue = passkey.begin("2@A", DESKTOP)
    found = passkey.proceed(prologue, phone.public, PHONE_NONCE)
    shared = agree(phone.private, prologue.ephemeral.public)
    salt = b"Companion Pairing 7 with ref 2@A"
    key = hkdf(shared, salt, b"Pairing Information Encryption Key", 32)
    assert found.key == key
    iq = passkey.pairing_request_iq(found.key, b"n" * 32, b"i" * 32, b"s" * 32)
    sealed = pb.EncryptedPairingRequest.FromString(iq.child("encrypted_pairing_request").data)
    opened = aes_gcm_decrypt(key, sealed.iv, sealed.encryptedPayload)
    request = pb.PairingRequest.FromString(opened)
    assert (request.companionPublicKey, request.companionIdentityKey, request.advSecret) == (
        b"n" * 32,
        b"i" * 32,
        b"s" * 32,
    )
    with pytest.raises(CryptoError):
        passkey.proceed(prologue, bytes(32), PHONE_NONCE)


# --- what is read --------------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: {"publicKey": x}])
def test_options_are_read_wrapped_or_bare(wrap: Any) -> None:
    options = {"challenge": CHALLENGE, "timeout": 60000, "rpId": "whatsapp.com"}
    request = passkey.parse_request(json.dumps(wrap(options)).encode())
    assert (request.options, request.challenge, request.timeout_s) == (options, CHALLENGE, 60.0)


@pytest.mark.parametrize(
    "content",
    [
        None,
        [Node("x")],
        b"",
        b"{",
        b"[" * 100_000,
        b"[]",
        b"{}",
        b'{"challenge": 1}',
        b'{"challenge": ""}',
        b'{"challenge": "$$"}',
        b'{"challenge": "QQ"' + b" " * passkey.MAX_OPTIONS + b"}",
        # What could not be told to anybody as JSON.
        b'{"challenge": "QQ", "timeout": NaN}',
        b'{"challenge": "QQ", "timeout": 1e999}',
        b'{"challenge": "QQ", "rpId": "\\ud800"}',
    ],
)
def test_other_options_are_none(content: Any) -> None:
    with pytest.raises(StanzaError):
        passkey.parse_request(content)


@pytest.mark.parametrize("timeout", [0, -1, True, "60000", 10**9, None])
def test_a_strange_timeout_is_none(timeout: Any) -> None:
    data = json.dumps({"challenge": CHALLENGE, "timeout": timeout}).encode()
    assert passkey.parse_request(data).timeout_s is None


def test_an_assertion_is_handed_on_as_json() -> None:
    made = passkey.check_assertion(assertion(extra="left out"), REQUEST)
    assert made.credential_id == b"cred"
    assert json.loads(made.text) == assertion()
    padded = assertion(rawId=b64(b"cred") + "==", id=b64(b"cred") + "==")
    assert passkey.check_assertion(padded, REQUEST).credential_id == b"cred"


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        assertion(type="password"),
        {**assertion(), "response": None},
        assertion(rawId=""),
        assertion(rawId=5),
        assertion(id="other"),
        assertion(rawId=b64(bytes(2000)), id=None),
        assertion(response={"signature": ""}),
        assertion(response={"authenticatorData": None}),
        assertion(response={"clientDataJSON": b64(b"[]")}),
        assertion(response={"clientDataJSON": b64(b"{")}),
        assertion(response={"userHandle": 5}),
        assertion(response={"signature": b64(bytes(60_000))}),
        assertion(client={"type": "webauthn.create"}),
        assertion(client={"challenge": b64(b"another")}),
        assertion(client={"challenge": None}),
    ],
)
def test_an_assertion_that_is_none_or_for_another_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput):
        passkey.check_assertion(value, REQUEST)


def test_the_prologue_names_its_parts() -> None:
    prologue, made = passkey.begin("2@A", CHROME), passkey.check_assertion(assertion(), REQUEST)
    plain = passkey.prologue_iq(prologue, made, None).child("passkey_prologue")
    assert [child.tag for child in plain.children()] == [
        "credential_id",
        "webauthn_assertion",
        "prologue_payload",
    ]
    proved = passkey.prologue_iq(prologue, made, b"k" * 32).child("passkey_prologue")
    assert proved.child("pairing_handoff_proof").data == hmac_sha256(b"k" * 32, prologue.payload)


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"\xff",
        pb.PrimaryEphemeralIdentity(publicKey=b"k" * 32).SerializeToString(),
        pb.PrimaryEphemeralIdentity(publicKey=b"k" * 31, nonce=b"n" * 32).SerializeToString(),
    ],
)
def test_an_answer_of_the_phone_has_two_values_of_32_bytes(content: Any) -> None:
    node = Node("notification", {}, [Node("primary_ephemeral_identity", {}, content)])
    with pytest.raises(StanzaError):
        passkey.parse_continuation(node)
    with pytest.raises(StanzaError):
        passkey.parse_continuation(Node("notification"))


def test_the_ref_is_a_text() -> None:
    assert passkey.parse_ref(Node("iq", {}, [Node("ref", {}, b"2@X")])) == "2@X"
    for bad in (b"", b"x" * 2000, b"\xff", None):
        with pytest.raises(StanzaError):
            passkey.parse_ref(Node("iq", {}, [Node("ref", {}, bad)]))
