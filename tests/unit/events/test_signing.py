"""Signatures of webhooks: HMAC checked by the library of Standard Webhooks, ed25519 by its key."""

from __future__ import annotations

import base64
import time

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from waport.errors import InvalidInput
from waport.events.signing import Signer, new_secret

BODY = '{"sessionId":"a","dataType":"qr","data":{"qr":"grüße"}}'


def test_hmac_is_verified_by_the_library() -> None:
    secret, now = new_secret("hmac"), int(time.time())
    signer = Signer(secret)
    assert (signer.signing, signer.public_key) == ("hmac", None)
    headers = {"webhook-id": "evt_1", "webhook-timestamp": str(now)}
    headers["webhook-signature"] = signer.sign("evt_1", now, BODY)
    assert Webhook(secret).verify(BODY, headers)["dataType"] == "qr"
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret("hmac")).verify(BODY, headers)


def test_ed25519_is_verified_by_the_public_key() -> None:
    signer = Signer(new_secret("ed25519"))
    assert signer.signing == "ed25519"
    assert signer.public_key is not None
    assert signer.public_key.startswith("whpk_")
    raw = base64.b64decode(signer.public_key.removeprefix("whpk_"))
    version, _, signature = signer.sign("evt_1", 7, BODY).partition(",")
    assert version == "v1a"
    public, signed = Ed25519PublicKey.from_public_bytes(raw), base64.b64decode(signature)
    public.verify(signed, f"evt_1.7.{BODY}".encode())
    with pytest.raises(InvalidSignature):
        public.verify(signed, f"evt_1.8.{BODY}".encode())


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_!!!!",
        "whsec_" + base64.b64encode(bytes(15)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        "whsk_" + base64.b64encode(bytes(31)).decode(),
        "whsk_" + base64.b64encode(bytes(64)).decode(),
        "whsec_ä",
    ],
)
def test_what_is_no_secret_is_refused(secret: str) -> None:
    with pytest.raises(InvalidInput):
        Signer(secret)
