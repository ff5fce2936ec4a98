"""Linking to an account that demands a passkey: what is carried, and the keys that come of it.

The assertion itself comes from a real authenticator of the account's owner; nothing here signs for
anybody.

Source: docs/protocol/pairing.md, "Passkey".
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError as ProtobufError

from ..crypto import (
    KeyPair,
    RandomBytes,
    aes_gcm_encrypt,
    agree,
    hkdf,
    hmac_sha256,
    sha256,
)
from ..errors import InvalidInput, StanzaError
from ..proto import pb
from ..wire import SERVER, Node
from .code_text import encode_code

HANDOFF_LIFE_S = 300.0
"""How long a key of the link that is being replaced proves anything."""

MAX_OPTIONS = 64 * 1024
MAX_ASSERTION = 64 * 1024

NONCE_SIZE = 32
_KEY_SIZE = 32
_IV_SIZE = 12
_HANDOFF_INFO = b"shortcake-passkey-handoff-v1"
_KEY_INFO = b"Pairing Information Encryption Key"
_MAX_REF = 1024
_MAX_CREDENTIAL = 1024
_MAX_TIMEOUT_MS = 3_600_000
_RESPONSE = ("clientDataJSON", "authenticatorData", "signature")


@dataclass(frozen=True, slots=True)
class PasskeyRequest:
    """What an authenticator is to be asked, as WebAuthn's `PublicKeyCredentialRequestOptions`.

    Attributes:
        options: the JSON object as it came; bytes are base64url without padding.
        challenge: from it, in that form.
        timeout_s: how long the server waits, where it says so.
    """

    options: Mapping[str, object] = field(repr=False)
    challenge: str = field(repr=False)
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Assertion:
    """What an authenticator answered.

    Attributes:
        credential_id: the raw id of the passkey.
        text: the whole answer as JSON.
    """

    credential_id: bytes = field(repr=False)
    text: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Prologue:
    """A companion that has committed itself and waits for the phone.

    Attributes:
        ephemeral: made for this once.
        nonce: revealed only when the phone has answered.
        ref: the server's name for this attempt.
        device_type: as the device presents itself.
        is_handoff: a former link was proved, so that nobody has to compare codes.
    """

    ephemeral: KeyPair = field(repr=False)
    nonce: bytes = field(repr=False)
    ref: str
    device_type: pb.DeviceProps.PlatformType
    is_handoff: bool = False

    @property
    def identity(self) -> bytes:
        """The serialized `CompanionEphemeralIdentity`."""
        identity = pb.CompanionEphemeralIdentity(
            publicKey=self.ephemeral.public, deviceType=self.device_type, ref=self.ref
        )
        return identity.SerializeToString(deterministic=True)

    @property
    def payload(self) -> bytes:
        """The serialized `ProloguePayload`: the identity, and the commitment to the nonce."""
        identity = self.identity
        payload = pb.ProloguePayload(companionEphemeralIdentity=identity)
        payload.commitment.hash = sha256(identity + self.nonce)
        return payload.SerializeToString(deterministic=True)


@dataclass(frozen=True, slots=True)
class Continuation:
    """What the phone's answer gives.

    Attributes:
        code: for the user to compare with the phone's, `XXXX-XXXX`.
        key: encrypts the keys of this device.
    """

    code: str
    key: bytes = field(repr=False)


def handoff_key(adv_secret: bytes) -> bytes:
    """What proves that this device knows the secret of the link that is being replaced."""
    return hkdf(adv_secret, b"", _HANDOFF_INFO, _KEY_SIZE)


# --- the request ---------------------------------------------------------------------------------


def parse_request(content: object) -> PasskeyRequest:
    """Read `<passkey_request_options>`.

    Raises:
        StanzaError: it is no JSON object with a challenge.
    """
    if not isinstance(content, bytes) or len(content) > MAX_OPTIONS:
        raise StanzaError("passkey_request_options", "no options")
    try:
        options = json.loads(content)
        # They go on to callers: no NaN, no infinity, no half of a character.
        json.dumps(options, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as exc:
        raise StanzaError("passkey_request_options", "the options are no JSON") from exc
    if isinstance(options, dict) and isinstance(options.get("publicKey"), dict):
        options = options["publicKey"]
    challenge = options.get("challenge") if isinstance(options, dict) else None
    if not isinstance(challenge, str) or not _bytes_of(challenge):
        raise StanzaError("passkey_request_options", "there is no challenge")
    timeout = options.get("timeout")
    is_time = isinstance(timeout, int) and not isinstance(timeout, bool)
    known = is_time and 0 < timeout <= _MAX_TIMEOUT_MS
    return PasskeyRequest(options, challenge, timeout / 1000 if known else None)


def request_options_iq() -> Node:
    """Asks for options that did not come along."""
    return _md("get", Node("passkey_request_options"))


def ref_iq() -> Node:
    """Asks for the name of this attempt."""
    return _md("get", Node("ref"))


def parse_ref(reply: Node) -> str:
    """The answer to `ref_iq`.

    Raises:
        StanzaError: there is none.
    """
    ref = reply.child("ref").text
    if not 0 < len(ref) <= _MAX_REF:
        raise StanzaError("ref", "it is empty or too long")
    return ref


# --- the assertion -------------------------------------------------------------------------------


def check_assertion(value: object, request: PasskeyRequest) -> Assertion:
    """Check that an answer of an authenticator is whole, and is one to this request.

    Args:
        value: `id`, `rawId`, `type` and `response` with `clientDataJSON`, `authenticatorData`,
            `signature` and perhaps `userHandle`; bytes are base64url.

    Raises:
        InvalidInput: it is not.
    """
    if not isinstance(value, Mapping) or value.get("type") != "public-key":
        raise InvalidInput("the assertion is no public-key credential")
    response = value.get("response")
    if not isinstance(response, Mapping):
        raise InvalidInput("the assertion has no response")
    raw_id = _needed(value, "rawId")
    if value.get("id") not in (None, value["rawId"]) or len(raw_id) > _MAX_CREDENTIAL:
        raise InvalidInput("id and rawId of the assertion differ, or are too long")
    client_data = _client_data(_needed(response, "clientDataJSON"))
    for name in _RESPONSE:
        _needed(response, name)
    user = response.get("userHandle")
    if user is not None and not isinstance(user, str):
        raise InvalidInput("userHandle is no text")
    if client_data.get("type") != "webauthn.get":
        raise InvalidInput("the assertion is none of a login")
    answered = client_data.get("challenge")
    if not isinstance(answered, str) or _bytes_of(answered) != _bytes_of(request.challenge):
        raise InvalidInput("the assertion answers another challenge")
    kept = {name: response[name] for name in _RESPONSE}
    whole = {
        "id": value["rawId"],
        "rawId": value["rawId"],
        "type": "public-key",
        "response": {**kept, "userHandle": user},
    }
    text = json.dumps(whole, separators=(",", ":")).encode()
    if len(text) > MAX_ASSERTION:
        raise InvalidInput("the assertion is too long")
    return Assertion(raw_id, text)


def _client_data(data: bytes) -> Mapping[str, object]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise InvalidInput("clientDataJSON is no JSON") from exc
    if not isinstance(value, dict):
        raise InvalidInput("clientDataJSON is no JSON object")
    return value


def _needed(values: Mapping[object, object], name: str) -> bytes:
    value = values.get(name)
    data = _bytes_of(value) if isinstance(value, str) else b""
    if not data:
        raise InvalidInput(f"{name} of the assertion is no base64url")
    return data


def _bytes_of(text: str) -> bytes:
    """The bytes of base64url, padded or not; empty for anything else."""
    bare = text.rstrip("=")
    if len(bare) > MAX_ASSERTION or not bare.isascii():
        return b""
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""


# --- the steps -----------------------------------------------------------------------------------


def begin(
    ref: str,
    device_type: pb.DeviceProps.PlatformType,
    *,
    is_handoff: bool = False,
    random_bytes: RandomBytes = os.urandom,
) -> Prologue:
    """Fresh values for one attempt."""
    ephemeral = KeyPair.generate(random_bytes)
    return Prologue(ephemeral, random_bytes(NONCE_SIZE), ref, device_type, is_handoff)


def prologue_iq(prologue: Prologue, assertion: Assertion, handoff: bytes | None) -> Node:
    """Hands in the assertion and the commitment.

    Args:
        handoff: the key of the link that is being replaced, while it is good.
    """
    payload = prologue.payload
    children = [
        Node("credential_id", {}, assertion.credential_id),
        Node("webauthn_assertion", {}, assertion.text),
        Node("prologue_payload", {}, payload),
    ]
    if handoff is not None:
        children.append(Node("pairing_handoff_proof", {}, hmac_sha256(handoff, payload)))
    return _md("set", Node("passkey_prologue", {}, children))


def parse_continuation(node: Node) -> tuple[bytes, bytes]:
    """The phone's public key and nonce in a `crsc_continuation` notification.

    Raises:
        StanzaError: they are not there, or not 32 bytes each.
    """
    try:
        identity = pb.PrimaryEphemeralIdentity.FromString(
            node.child("primary_ephemeral_identity").data
        )
    except ProtobufError as exc:
        raise StanzaError("primary_ephemeral_identity", "no identity") from exc
    if len(identity.publicKey) != _KEY_SIZE or len(identity.nonce) != NONCE_SIZE:
        raise StanzaError("primary_ephemeral_identity", "key or nonce is not 32 bytes")
    return identity.publicKey, identity.nonce


def proceed(prologue: Prologue, phone_public: bytes, phone_nonce: bytes) -> Continuation:
    """What follows from the phone's answer.

    Raises:
        CryptoError: the phone's key is no usable point.
    """
    shared = agree(prologue.ephemeral.private, phone_public)
    salt = f"Companion Pairing {int(prologue.device_type)} with ref {prologue.ref}".encode()
    digest = sha256(prologue.nonce + phone_public)
    mixed = bytes(one ^ other for one, other in zip(phone_nonce[:5], digest[:5], strict=True))
    code = encode_code(mixed)
    return Continuation(f"{code[:4]}-{code[4:]}", hkdf(shared, salt, _KEY_INFO, _KEY_SIZE))


def nonce_iq(prologue: Prologue) -> Node:
    """Reveals the nonce."""
    return _md("set", Node("companion_nonce", {}, prologue.nonce))


def pairing_request_iq(
    key: bytes,
    noise_public: bytes,
    identity_public: bytes,
    adv_secret: bytes,
    random_bytes: RandomBytes = os.urandom,
) -> Node:
    """Hands the phone the keys of this device, encrypted for it alone."""
    request = pb.PairingRequest(
        companionPublicKey=noise_public,
        companionIdentityKey=identity_public,
        advSecret=adv_secret,
    )
    iv = random_bytes(_IV_SIZE)
    sealed = pb.EncryptedPairingRequest(
        encryptedPayload=aes_gcm_encrypt(key, iv, request.SerializeToString()), iv=iv
    )
    return _md("set", Node("encrypted_pairing_request", {}, sealed.SerializeToString()))


def _md(kind: str, child: Node) -> Node:
    return Node("iq", {"to": SERVER, "type": kind, "xmlns": "md"}, [child])
