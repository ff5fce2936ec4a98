"""The passkey step of linking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from typing_extensions import TypedDict

from ..fields import body, required
from ..kinds import OBJECT
from .common import SuccessEnvelope

StageWord = Literal["challenge", "waiting", "confirm", "linking"]


class PasskeyAnswer(SuccessEnvelope, TypedDict):
    """What is due, what the authenticator is asked, and the code to compare with the phone's.

    `publicKey` is WebAuthn's `PublicKeyCredentialRequestOptions`; its bytes are base64url.
    """

    stage: StageWord
    publicKey: dict[str, Any]
    code: str | None


@body
class PasskeyAssertion:
    """What the authenticator answered."""

    missing: ClassVar[str] = "assertion is required"

    assertion: Mapping[str, object] = required(
        "assertion",
        OBJECT,
        note="WebAuthn's PublicKeyCredential as JSON: `id`, `rawId`, `type` and `response` with "
        "`clientDataJSON`, `authenticatorData`, `signature`, `userHandle`; bytes are base64url.",
    )
