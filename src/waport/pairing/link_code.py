"""Linking with a code of eight characters that the user types on the phone.

Both sides wrap a fresh public key with the code, agree on a secret, and so get the same secret
that a QR code would have carried. What follows is the same `pair-success`.

A wrong code can not be noticed here: the wrapping has no tag, so the agreed secret is simply
another one, the phone can not open the bundle and stays silent.

`wrap_ephemeral`, `unwrap_ephemeral` and `answer_primary_hello` stretch the code by 131,072 rounds
of PBKDF2 (some 30 to 100 ms): run them in a worker thread, never on the event loop.

Source: docs/protocol/pairing.md, "Pairing with a phone number (code)".
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

from ..crypto import (
    KeyPair,
    RandomBytes,
    aes_ctr,
    aes_gcm_encrypt,
    agree,
    hkdf,
    pbkdf2_sha256,
)
from ..errors import CryptoError, InvalidInput, StanzaError
from ..wire import SERVER, AttrValue, Jid, Node
from .code_text import generate_code, normalise_code, normalise_phone

# Source of the numbers and labels: docs/protocol/pairing.md, "Constants".
CODE_LIFE_S = 180
MAX_HELLOS = 3
FINISH_TIMEOUT_S = 30
PAIR_SUCCESS_TIMEOUT_S = 60

_ROUNDS = 131_072
_WRAPPED_BYTES = 80
_MAX_REF_BYTES = 1024
_BUNDLE_INFO = b"link_code_pairing_key_bundle_encryption_key"
_SECRET_INFO = b"adv_secret"
_NONCE = b"\x00"
_TAG = "link_code_companion_reg"


# --- the code that waits for the phone -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PendingCode:
    """A code that the user may type on the phone.

    Attributes:
        phone: digits of the account's number.
        code: eight characters, without the dash.
        ephemeral: our key pair for this code alone.
        created_at: seconds on the clock that later gives `now`.
        ref: the server's name for this code; empty until it answered companion_hello. The code
            must not be shown before.
        hellos: how many answers of the phone were accepted so far.
    """

    phone: str
    code: str = field(repr=False)
    ephemeral: KeyPair
    created_at: float
    ref: bytes = b""
    hellos: int = 0

    def with_ref(self, ref: bytes) -> PendingCode:
        """The same code after the server named it."""
        return replace(self, ref=ref)

    def is_expired(self, now: float) -> bool:
        """Whether the phone's answer would come too late."""
        return now - self.created_at >= CODE_LIFE_S


def create_code(
    phone: str,
    now: float,
    *,
    code: str | None = None,
    random_bytes: RandomBytes = os.urandom,
) -> PendingCode:
    """A new code with its own ephemeral key pair.

    Args:
        phone: the account's phone number, in any spelling.
        now: seconds.
        code: the caller's own choice, weaker than a random one; random if None.
        random_bytes: gives 32 bytes for the key pair, then 5 for the code.
    Raises:
        InvalidInput: as `normalise_phone` and `normalise_code`.
    """
    digits = normalise_phone(phone)
    chosen = None if code is None else normalise_code(code)
    ephemeral = KeyPair.generate(random_bytes)
    return PendingCode(digits, chosen or generate_code(random_bytes), ephemeral, now)


def wrap_ephemeral(public: bytes, code: str, random_bytes: RandomBytes = os.urandom) -> bytes:
    """Hide a public key with the code: salt (32), iv (16), ciphertext (32). Slow.

    Args:
        public: 32 bytes.
        code: eight characters, without the dash.
        random_bytes: gives 32 bytes for the salt, then 16 for the iv.
    Raises:
        CryptoError: the key is not 32 bytes.
    """
    if len(public) != 32:
        raise CryptoError("a public key has 32 bytes")
    salt, iv = random_bytes(32), random_bytes(16)
    return salt + iv + aes_ctr(_code_key(code, salt), iv, public)


def unwrap_ephemeral(wrapped: bytes, code: str) -> bytes:
    """The public key that `wrap_ephemeral` hid, 32 bytes. Slow.

    Another code gives another key, and no error.

    Raises:
        CryptoError: not 80 bytes.
    """
    if len(wrapped) != _WRAPPED_BYTES:
        raise CryptoError("a wrapped key has 80 bytes")
    salt, iv, ciphertext = wrapped[:32], wrapped[32:48], wrapped[48:]
    return aes_ctr(_code_key(code, salt), iv, ciphertext)


def _code_key(code: str, salt: bytes) -> bytes:
    return pbkdf2_sha256(code.encode(), salt, _ROUNDS, 32)


# --- asking for the code -------------------------------------------------------------------------


def companion_hello(
    pending: PendingCode,
    wrapped: bytes,
    noise_public: bytes,
    client_type: str,
    display_name: str,
    request_id: str = "",
    *,
    show_notification: bool = True,
) -> Node:
    """The request that tells the server and the phone of a new code.

    Args:
        pending: the code.
        wrapped: `wrap_ephemeral` of the code's ephemeral public key, 80 bytes.
        noise_public: our static Noise key, 32 bytes.
        client_type: as in a QR text.
        display_name: `Browser (OS)`, 1 to 100 characters; the server refuses names it doubts.
        request_id: left out if empty.
        show_notification: the phone shows that a device wants to be linked.
    Raises:
        InvalidInput: the display name is empty or too long.

    Source: docs/protocol/pairing.md, "companion_hello".
    """
    if not 1 <= len(display_name) <= 100:
        raise InvalidInput("a display name has 1 to 100 characters")
    return _request(
        request_id,
        pending,
        {
            "stage": "companion_hello",
            "should_show_push_notification": str(show_notification).lower(),
        },
        [
            Node("link_code_pairing_wrapped_companion_ephemeral_pub", {}, wrapped),
            Node("companion_server_auth_key_pub", {}, noise_public),
            Node("companion_platform_id", {}, client_type.encode()),
            Node("companion_platform_display", {}, display_name.encode()),
            Node("link_code_pairing_nonce", {}, _NONCE),
        ],
    )


def parse_companion_hello_reply(reply: Node) -> bytes:
    """The ref by which the server knows the code.

    Raises:
        StanzaError: the reply brings no ref; the code must not be shown.
    """
    return _ref(reply.child(_TAG))


# --- the phone's answer --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PrimaryHello:
    """The user typed a code on the phone.

    Attributes:
        ref: the server's name for the code that was meant.
        wrapped_ephemeral: the phone's ephemeral key, wrapped with the code, 80 bytes.
        identity: the phone's identity key, 32 bytes.
    """

    ref: bytes
    wrapped_ephemeral: bytes
    identity: bytes


@dataclass(frozen=True, slots=True)
class RefreshCode:
    """The code of this ref is dead.

    Attributes:
        ref: the server's name for the code.
        by_hand: the user must ask for a new code; otherwise one is made at once.
    """

    ref: bytes
    by_hand: bool


@dataclass(frozen=True, slots=True)
class UnknownStage:
    """A step that we do not know; it is acknowledged and passed over."""

    stage: str


def parse_link_code_notification(notification: Node) -> PrimaryHello | RefreshCode | UnknownStage:
    """Read a `link_code_companion_reg` notification.

    Raises:
        StanzaError: a child is missing or has the wrong length. It is acknowledged and passed
            over; no state may change.

    Source: docs/protocol/pairing.md, "primary_hello", "refresh_code".
    """
    node = notification.child(_TAG)
    stage = node.attr("stage")
    if stage == "refresh_code":
        return RefreshCode(_ref(node), node.get("force_manual_refresh") == "true")
    if stage != "primary_hello":
        return UnknownStage(stage)
    return PrimaryHello(
        ref=_ref(node),
        wrapped_ephemeral=_exactly(
            node, "link_code_pairing_wrapped_primary_ephemeral_pub", _WRAPPED_BYTES
        ),
        identity=_exactly(node, "primary_identity_pub", 32),
    )


def accept_primary_hello(
    pending: PendingCode | None, hello: PrimaryHello, now: float
) -> PendingCode:
    """Check that the phone's answer is for the code that waits; count it.

    This is quick. Keep the result before `answer_primary_hello` is started, so that the limit
    holds while that runs.

    Raises:
        StanzaError: no code waits, or it is another one, too old, or was tried too often. The
            notification is acknowledged and passed over; no state may change.
    """
    if pending is None or not pending.ref:
        raise StanzaError(_TAG, "no pairing code is waiting")
    if hello.ref != pending.ref:
        raise StanzaError(_TAG, "the answer is for another pairing code")
    if pending.is_expired(now):
        raise StanzaError(_TAG, "the pairing code is too old")
    if pending.hellos >= MAX_HELLOS:
        raise StanzaError(_TAG, "the pairing code was tried too often")
    return replace(pending, hellos=pending.hellos + 1)


@dataclass(frozen=True, slots=True)
class LinkCodeAnswer:
    """What an accepted answer of the phone leads to.

    Attributes:
        bundle: goes to the phone in companion_finish, 156 bytes.
        adv_secret: the new secret for pair-success, 32 bytes; store it before sending the bundle.
    """

    bundle: bytes
    adv_secret: bytes = field(repr=False)


def answer_primary_hello(
    pending: PendingCode,
    hello: PrimaryHello,
    identity: KeyPair,
    random_bytes: RandomBytes = os.urandom,
) -> LinkCodeAnswer:
    """Agree on the secret and wrap our identity for the phone. Slow.

    Args:
        pending: what `accept_primary_hello` returned.
        hello: the phone's answer.
        identity: our identity key pair.
        random_bytes: gives 32 bytes for the secret, then 32 for the salt and 12 for the iv of the
            bundle; fresh for every answer.
    Raises:
        CryptoError: a key of the phone is a low-order point; the code must be dropped.

    Source: docs/protocol/pairing.md, "primary_hello".
    """
    primary_ephemeral = unwrap_ephemeral(hello.wrapped_ephemeral, pending.code)
    ephemeral_shared = agree(pending.ephemeral.private, primary_ephemeral)
    identity_shared = agree(identity.private, hello.identity)
    secret, salt, iv = random_bytes(32), random_bytes(32), random_bytes(12)
    bundle_key = hkdf(ephemeral_shared, salt, _BUNDLE_INFO, 32)
    content = identity.public + hello.identity + secret
    return LinkCodeAnswer(
        bundle=salt + iv + aes_gcm_encrypt(bundle_key, iv, content),
        adv_secret=hkdf(ephemeral_shared + identity_shared + secret, b"", _SECRET_INFO, 32),
    )


def companion_finish(
    pending: PendingCode, answer: LinkCodeAnswer, identity_public: bytes, request_id: str = ""
) -> Node:
    """The request that hands our identity to the phone; `pair-success` follows its result.

    Source: docs/protocol/pairing.md, "companion_finish".
    """
    return _request(
        request_id,
        pending,
        {"stage": "companion_finish"},
        [
            Node("link_code_pairing_wrapped_key_bundle", {}, answer.bundle),
            Node("companion_identity_public", {}, identity_public),
            Node("link_code_pairing_ref", {}, pending.ref),
        ],
    )


def _request(
    request_id: str, pending: PendingCode, attrs: dict[str, AttrValue], children: list[Node]
) -> Node:
    head: dict[str, AttrValue] = {"to": SERVER, "type": "set"}
    if request_id:
        head["id"] = request_id
    head["xmlns"] = "md"
    body: dict[str, AttrValue] = {"jid": Jid(pending.phone, SERVER.server), **attrs}
    return Node("iq", head, [Node(_TAG, body, children)])


def _ref(node: Node) -> bytes:
    ref = node.child("link_code_pairing_ref").data
    if not 0 < len(ref) <= _MAX_REF_BYTES:
        raise StanzaError(node.tag, "the ref is empty or too long")
    return ref


def _exactly(node: Node, tag: str, length: int) -> bytes:
    data = node.child(tag).data
    if len(data) != length:
        raise StanzaError(tag, f"not {length} bytes")
    return data
