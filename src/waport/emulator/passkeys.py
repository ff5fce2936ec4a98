"""Accounts that demand a passkey of whoever links a device: the server's part.

Source: docs/protocol/pairing.md, "Passkey". How the real server speaks with the phone meanwhile is
not known; here it passes on what the companion sends, and back.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from ..crypto import RandomBytes
from ..wire import SERVER, Node
from .accounts import Account
from .delivery import Deliveries
from .notifications import Notifier
from .registration import WaitingCompanion, WaitingRoom
from .replies import Refusal, result

PASSKEY_REQUIRED = 428
"""How the emulator tells the phone that its upload has to wait for a passkey."""

RP_ID = "whatsapp.com"
ORIGIN = "https://web.whatsapp.com"
TIMEOUT_MS = 120_000

_FORWARDED = ("companion_nonce", "encrypted_pairing_request")
_USER_PRESENT_AND_VERIFIED = 0x05


def b64(data: bytes) -> str:
    """base64url without padding, as WebAuthn has it."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unb64(value: object) -> bytes:
    if not isinstance(value, str):
        raise Refusal(400)
    try:
        return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except (binascii.Error, ValueError) as exc:
        raise Refusal(400) from exc


@dataclass(slots=True)
class Passkey:
    """An account's passkey: the public half is the server's, the other its owner's."""

    credential_id: bytes
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    def assertion(self, options: Mapping[str, object]) -> dict[str, object]:
        """What the owner's authenticator answers."""
        client = {"type": "webauthn.get", "challenge": options.get("challenge"), "origin": ORIGIN}
        data = json.dumps(client, separators=(",", ":")).encode()
        told = (
            hashlib.sha256(RP_ID.encode()).digest() + bytes([_USER_PRESENT_AND_VERIFIED]) + bytes(4)
        )
        signed = told + hashlib.sha256(data).digest()
        signature = self.key.sign(signed, ec.ECDSA(hashes.SHA256()))
        return {
            "id": b64(self.credential_id),
            "rawId": b64(self.credential_id),
            "type": "public-key",
            "response": {
                "clientDataJSON": b64(data),
                "authenticatorData": b64(told),
                "signature": b64(signature),
                "userHandle": None,
            },
        }

    def check(self, credential_id: bytes, assertion: bytes, challenge: str) -> None:
        """Check an assertion.

        Raises:
            Refusal: 400 it is none, 403 it is not of this passkey or for this challenge.
        """
        try:
            whole = json.loads(assertion)
            response = whole["response"]
            data, told = _unb64(response["clientDataJSON"]), _unb64(response["authenticatorData"])
            signature, client = _unb64(response["signature"]), json.loads(data)
        except (ValueError, KeyError, TypeError, RecursionError) as exc:
            raise Refusal(400) from exc
        if credential_id != self.credential_id or client.get("challenge") != challenge:
            raise Refusal(403)
        try:
            self.key.public_key().verify(
                signature, told + hashlib.sha256(data).digest(), ec.ECDSA(hashes.SHA256())
            )
        except InvalidSignature as exc:
            raise Refusal(403) from exc


@dataclass(slots=True)
class _Demand:
    """A companion that has to bring a passkey before it is linked."""

    account: Account
    options: dict[str, object]
    ref: str = ""
    is_met: bool = False


class Passkeys:
    """Which accounts demand one, and the companions that are at it; lives as long as the server."""

    def __init__(
        self,
        deliveries: Deliveries,
        notifier: Notifier,
        waiting: WaitingRoom,
        random_bytes: RandomBytes,
        ref_life_s: Callable[[], float],
    ) -> None:
        self._deliveries = deliveries
        self._notifier = notifier
        self._waiting = waiting
        self._random_bytes = random_bytes
        self._ref_life_s = ref_life_s
        self._keys: dict[str, Passkey] = {}
        self._demanded: set[str] = set()
        self._demands: dict[WaitingCompanion, _Demand] = {}
        self.sends_options = True

    # --- for the owner of the account ------------------------------------------------------------

    def of(self, account: Account) -> Passkey:
        """The passkey of an account, made when it is first asked for."""
        known = self._keys.get(account.number)
        if known is None:
            key = ec.generate_private_key(ec.SECP256R1())
            known = self._keys[account.number] = Passkey(self._random_bytes(16), key)
        return known

    def demand(self, account: Account, *, wanted: bool) -> None:
        """Whether devices are linked to an account only with its passkey."""
        (self._demanded.add if wanted else self._demanded.discard)(account.number)

    def is_demanded(self, account: Account) -> bool:
        """Whether they are."""
        return account.number in self._demanded

    # --- while a companion is linked -------------------------------------------------------------

    def check(self, account: Account, companion: WaitingCompanion) -> None:
        """Let a companion pass that has brought its passkey; ask any other for it.

        Raises:
            Refusal: (428) the phone has to wait.
        """
        demand = self._demands.get(companion)
        if not self.is_demanded(account) or (demand is not None and demand.is_met):
            return
        passkey = self.of(account)
        allowed = {
            "id": b64(passkey.credential_id),
            "type": "public-key",
            "transports": ["internal"],
        }
        options: dict[str, object] = {
            "challenge": b64(self._random_bytes(32)),
            "timeout": TIMEOUT_MS,
            "rpId": RP_ID,
            "allowCredentials": [allowed],
            "userVerification": "required",
            "extensions": {},
        }
        self._demands[companion] = _Demand(account, options)
        content = [self._options_node(options)] if self.sends_options else []
        node = self._notifier.notification("passkey_prologue_request", SERVER, *content)
        companion.send(node)
        raise Refusal(PASSKEY_REQUIRED)

    @staticmethod
    def _options_node(options: Mapping[str, object]) -> Node:
        return Node("passkey_request_options", {}, json.dumps(options).encode())

    def answer_waiting(self, companion: WaitingCompanion, iq: Node) -> Node | None:
        """Answer an IQ of a companion that is at it; None when it is about something else.

        Raises:
            Refusal, StanzaError: it is malformed, out of turn, or the passkey is wrong.
        """
        children = iq.children()
        tag = children[0].tag if children else ""
        demand = self._demands.get(companion)
        if tag not in ("ref", "passkey_request_options", "passkey_prologue", *_FORWARDED):
            return None
        if demand is None:
            raise Refusal(403)
        if tag == "passkey_request_options":
            return result(iq, self._options_node(demand.options))
        if tag == "ref":
            demand.ref = self._waiting.new_ref(companion, self._ref_life_s())
            return result(iq, Node("ref", {}, demand.ref.encode()))
        if not demand.ref:
            raise Refusal(403)
        if tag == "passkey_prologue":
            return self._prologue(demand, iq, children[0])
        if tag == "encrypted_pairing_request":
            demand.is_met = True
        self._tell_phone(demand, children[0])
        return result(iq)

    def _prologue(self, demand: _Demand, iq: Node, prologue: Node) -> Node:
        self.of(demand.account).check(
            prologue.child("credential_id").data,
            prologue.child("webauthn_assertion").data,
            str(demand.options["challenge"]),
        )
        prologue.child("prologue_payload")
        told = ("prologue_payload", "pairing_handoff_proof")
        kept = [child for child in prologue.children() if child.tag in told]
        self._tell_phone(demand, *kept)
        return result(iq)

    def _tell_phone(self, demand: _Demand, *children: Node) -> None:
        ref = Node("ref", {}, demand.ref.encode())
        node = self._notifier.notification("passkey_step", SERVER, ref, *children)
        self._deliveries.post(demand.account, demand.account.devices[0], node)

    def answer_phone(self, account: Account, iq: Node, identity: Node) -> Node:
        """The phone's own public key and nonce, for the companion of the ref beside them.

        Raises:
            Refusal: (404) nobody waits for it.
            StanzaError: there is no ref.
        """
        ref = iq.child("ref").text
        for companion, demand in self._demands.items():
            if demand.ref == ref and demand.account is account:
                companion.send(self._notifier.notification("crsc_continuation", SERVER, identity))
                return result(iq)
        raise Refusal(404)

    def left(self, companion: WaitingCompanion) -> None:
        """A companion is linked, or gone."""
        self._demands.pop(companion, None)
