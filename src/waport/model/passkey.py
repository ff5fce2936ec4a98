"""Linking to an account that demands a passkey, as whoever runs the session sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class PasskeyStage(StrEnum):
    """What is due.

    `CHALLENGE`: the owner's authenticator has to answer. `WAITING`: the phone has to. `CONFIRM`:
    the owner compares the codes of both. `LINKING`: the phone finishes.
    """

    CHALLENGE = "challenge"
    WAITING = "waiting"
    CONFIRM = "confirm"
    LINKING = "linking"


@dataclass(frozen=True, slots=True)
class PasskeyState:
    """How far the passkey step has come.

    Attributes:
        stage: what is due.
        options: what the authenticator is to be asked, WebAuthn's
            `PublicKeyCredentialRequestOptions` as JSON; bytes are base64url.
        code: to be compared with the phone's, `XXXX-XXXX`; empty when there is none to compare.
    """

    stage: PasskeyStage
    options: Mapping[str, object] = field(default_factory=dict, repr=False)
    code: str = ""
