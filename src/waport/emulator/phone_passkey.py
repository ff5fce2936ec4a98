"""The phone's part in linking a device by passkey: it commits, compares, and opens the keys.

Source: docs/protocol/pairing.md, "Passkey".
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError as ProtobufDecodeError

from ..crypto import (
    KeyPair,
    RandomBytes,
    aes_gcm_decrypt,
    agree,
    equal,
    hkdf,
    hmac_sha256,
    sha256,
)
from ..errors import CryptoError, QueryTimeout, StanzaError
from ..proto import pb
from ..wire import SERVER, Jid, Node
from . import link_code
from .link import DeviceLink
from .phone_devices import ask

_log = logging.getLogger(__name__)

TIMEOUT_S = 150.0
"""How long the phone waits for the companion and its user."""

_KEPT = 8

PairDevice = Callable[[bytes, bytes, bytes, bytes], Awaitable[Jid]]
"""Uploads a companion: ref, its noise key, its identity key, its secret."""


@dataclass(slots=True)
class _Step:
    """One companion that brings a passkey."""

    ephemeral: KeyPair = field(repr=False)
    nonce: bytes = field(repr=False)
    companion: pb.CompanionEphemeralIdentity
    identity: bytes
    commitment: bytes
    is_handoff: bool
    key: bytes = b""


class PhonePasskeys:
    """What the phone does about passkeys.

    Args:
        link: the way to the server.
        pair: uploads a companion.

    Attributes:
        code: the one that it shows for the user to compare; empty when there is none.
    """

    def __init__(
        self,
        link: DeviceLink,
        pair: PairDevice,
        random_bytes: RandomBytes = os.urandom,
    ) -> None:
        self._link = link
        self._pair = pair
        self._random_bytes = random_bytes
        self._steps: dict[bytes, _Step] = {}
        self._secrets: list[bytes] = []
        self._waiting: list[asyncio.Future[Jid]] = []
        self.code = ""

    async def finished(self, adv_secret: bytes) -> Jid:
        """Wait until a companion that was refused for want of a passkey is linked.

        Args:
            adv_secret: what its QR code or pairing code told.

        Raises:
            QueryTimeout: nothing came of it in time.
        """
        self._secrets = [*self._secrets[-_KEPT:], adv_secret]
        future: asyncio.Future[Jid] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            return await asyncio.wait_for(future, TIMEOUT_S)
        except TimeoutError as exc:
            raise QueryTimeout("the companion did not bring its passkey") from exc
        finally:
            self._waiting.remove(future)

    async def on_notification(self, node: Node) -> None:
        """Take what the server passes on from a companion; nonsense is left alone."""
        try:
            ref = node.child("ref").data
            if (payload := node.find("prologue_payload")) is not None:
                await self._commit(ref, payload.data, node.find("pairing_handoff_proof"))
            elif (nonce := node.find("companion_nonce")) is not None:
                self._open(ref, nonce.data)
            elif (request := node.find("encrypted_pairing_request")) is not None:
                await self._link_it(ref, request.data)
        except (CryptoError, StanzaError, ProtobufDecodeError) as exc:
            _log.warning("the phone refuses a passkey step: %s", exc)

    async def _commit(self, ref: bytes, payload: bytes, proof: Node | None) -> None:
        prologue = pb.ProloguePayload.FromString(payload)
        identity = prologue.companionEphemeralIdentity
        companion = pb.CompanionEphemeralIdentity.FromString(identity)
        if len(companion.publicKey) != 32 or companion.ref.encode() != ref:
            raise StanzaError("prologue_payload", "another companion's")
        is_handoff = proof is not None and any(
            equal(hmac_sha256(_handoff_key(secret), payload), proof.data)
            for secret in self._secrets
        )
        if proof is not None and not is_handoff:
            raise StanzaError("pairing_handoff_proof", "it proves nothing")
        step = _Step(
            KeyPair.generate(self._random_bytes),
            self._random_bytes(32),
            companion,
            identity,
            prologue.commitment.hash,
            is_handoff,
        )
        self._steps[ref] = step
        own = pb.PrimaryEphemeralIdentity(publicKey=step.ephemeral.public, nonce=step.nonce)
        content = [
            Node("ref", {}, ref),
            Node("primary_ephemeral_identity", {}, own.SerializeToString()),
        ]
        await ask(self._link, Node("iq", {"type": "set", "xmlns": "md", "to": SERVER}, content))

    def _open(self, ref: bytes, nonce: bytes) -> None:
        step = self._step(ref)
        if not equal(sha256(step.identity + nonce), step.commitment):
            raise StanzaError("companion_nonce", "it is not what was committed to")
        digest = sha256(nonce + step.ephemeral.public)
        mixed = bytes(a ^ b for a, b in zip(step.nonce[:5], digest[:5], strict=True))
        code = link_code.encode(mixed)
        self.code = "" if step.is_handoff else f"{code[:4]}-{code[4:]}"
        shared = agree(step.ephemeral.private, step.companion.publicKey)
        salt = f"Companion Pairing {step.companion.deviceType} with ref {step.companion.ref}"
        step.key = hkdf(shared, salt.encode(), b"Pairing Information Encryption Key", 32)

    async def _link_it(self, ref: bytes, data: bytes) -> None:
        step = self._step(ref)
        if not step.key:
            raise StanzaError("encrypted_pairing_request", "it comes before its nonce")
        sealed = pb.EncryptedPairingRequest.FromString(data)
        opened = aes_gcm_decrypt(step.key, sealed.iv, sealed.encryptedPayload)
        request = pb.PairingRequest.FromString(opened)
        del self._steps[ref]
        self.code = ""
        device = await self._pair(
            ref, request.companionPublicKey, request.companionIdentityKey, request.advSecret
        )
        for future in self._waiting:
            if not future.done():
                future.set_result(device)

    def _step(self, ref: bytes) -> _Step:
        step = self._steps.get(ref)
        if step is None:
            raise StanzaError("notification", "nobody is at it under that ref")
        return step


def _handoff_key(adv_secret: bytes) -> bytes:
    return hkdf(adv_secret, b"", b"shortcake-passkey-handoff-v1", 32)
