"""Signatures of Standard Webhooks: HMAC-SHA256 by its own library, and ed25519.

Source: the Standard Webhooks specification, "Signature scheme" and "Asymmetric signatures".
"""

from __future__ import annotations

import base64
import binascii
import secrets
from datetime import UTC, datetime
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks.webhooks import Webhook

from ..errors import InvalidInput

HMAC_PREFIX: Final = "whsec_"
PRIVATE_PREFIX: Final = "whsk_"
PUBLIC_PREFIX: Final = "whpk_"
MIN_SECRET_BYTES: Final = 16
MAX_SECRET_BYTES: Final = 64

Signing = Literal["hmac", "ed25519"]


def new_secret(signing: Signing) -> str:
    """A fresh secret of 32 random bytes."""
    prefix = HMAC_PREFIX if signing == "hmac" else PRIVATE_PREFIX
    return prefix + base64.b64encode(secrets.token_bytes(32)).decode()


class Signer:
    """Signs with one secret.

    Args:
        secret: `whsec_` and base64 of a key for HMAC, or `whsk_` and base64 of the 32 bytes of a
            private ed25519 key; the first also without its prefix.

    Raises:
        InvalidInput: it is neither.
    """

    def __init__(self, secret: str) -> None:
        self._hmac: Webhook | None = None
        self._private: Ed25519PrivateKey | None = None
        if secret.startswith(PRIVATE_PREFIX):
            seed = _decoded(secret.removeprefix(PRIVATE_PREFIX))
            if len(seed) != 32:
                raise InvalidInput("a whsk_ secret has 32 bytes")
            self._private = Ed25519PrivateKey.from_private_bytes(seed)
            return
        key = _decoded(secret.removeprefix(HMAC_PREFIX))
        if not MIN_SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES:
            raise InvalidInput(
                f"a whsec_ secret has {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes"
            )
        self._hmac = Webhook(key)

    @property
    def signing(self) -> Signing:
        """How it signs."""
        return "hmac" if self._private is None else "ed25519"

    @property
    def public_key(self) -> str | None:
        """What ed25519 signatures are verified with, `whpk_...`; None for HMAC."""
        if self._private is None:
            return None
        raw = self._private.public_key().public_bytes_raw()
        return PUBLIC_PREFIX + base64.b64encode(raw).decode()

    def sign(self, message_id: str, timestamp: int, body: str) -> str:
        """The signature of a post, with its version.

        Args:
            timestamp: Unix seconds.
        """
        if self._hmac is not None:
            moment = datetime.fromtimestamp(timestamp, UTC)
            signature: str = self._hmac.sign(message_id, moment, body)
            return signature
        assert self._private is not None  # one of the two
        signed = self._private.sign(f"{message_id}.{timestamp}.{body}".encode())
        return f"v1a,{base64.b64encode(signed).decode()}"


def _decoded(text: str) -> bytes:
    digits = text.rstrip("=")
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise InvalidInput("a secret is base64 behind whsec_ or whsk_") from exc
