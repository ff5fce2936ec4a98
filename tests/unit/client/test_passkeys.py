"""The passkey step of linking: asked, answered, compared, and given up, over a scripted server."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from support.client import ClientWorld
from support.whatsapp import PairingPhone, Wire, pair_success
from waport.client.passkeys import ANSWER_TIMEOUT_S, PAIR_SUCCESS_TIMEOUT_S
from waport.crypto import KeyPair, aes_gcm_decrypt, agree, hkdf, hmac_sha256, sha256
from waport.errors import InvalidInput, NotAuthorized, PasskeyNotRequested
from waport.model import AuthFailure, LinkState, PasskeyChanged, PasskeyStage, SessionState
from waport.pairing import passkey
from waport.proto import pb
from waport.wire import SERVER, Jid, Node

CHALLENGE = "Y2hhbGxlbmdl"
OPTIONS = {"challenge": CHALLENGE, "rpId": "whatsapp.com"}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def assertion(challenge: str = CHALLENGE) -> dict[str, Any]:
    client = json.dumps({"type": "webauthn.get", "challenge": challenge}).encode()
    response = {
        "clientDataJSON": b64(client),
        "authenticatorData": b64(b"data"),
        "signature": b64(b"signature"),
    }
    return {"id": b64(b"id"), "rawId": b64(b"id"), "type": "public-key", "response": response}


def demand(*children: Node, kind: str = "passkey_prologue_request", source: Any = SERVER) -> Node:
    return Node("notification", {"from": source, "id": "N", "type": kind}, list(children))


def options(**more: Any) -> Node:
    return Node("passkey_request_options", {}, json.dumps({**OPTIONS, **more}).encode())


async def secret_of(world: ClientWorld) -> bytes:
    credentials = await world.credentials()
    assert credentials is not None
    return credentials.adv_secret


async def asked(world: ClientWorld, wire: Wire, **more: Any) -> None:
    """The server demands a passkey, and the challenge is out."""
    wire.say(demand(options(**more)))
    ack = await wire.hear("ack", id="N")
    assert ack.get("type") == "passkey_prologue_request"
    await world.sink.until(PasskeyChanged)


async def answered(world: ClientWorld, wire: Wire) -> tuple[Node, asyncio.Task[None]]:
    """The challenge is answered; the prologue, which the server has not taken yet."""
    answering = asyncio.create_task(world.client.linking.passkeys.answer(assertion()))
    question = await wire.hear("iq", type="get")
    assert question.find("ref") is not None
    wire.answer(question, Node("ref", {}, b"2@REF"))
    return await wire.hear("iq", type="set"), answering


class Phone:
    """Answers a prologue as a phone does."""

    def __init__(self, prologue: Node) -> None:
        children = prologue.child("passkey_prologue")
        self.payload = children.child("prologue_payload").data
        self.proof = children.find("pairing_handoff_proof")
        told = pb.ProloguePayload.FromString(self.payload)
        self.identity = told.companionEphemeralIdentity
        self.commitment = told.commitment.hash
        self.companion = pb.CompanionEphemeralIdentity.FromString(self.identity)
        self.pair, self.nonce = KeyPair.generate(), b"n" * 32

    def continuation(self) -> Node:
        own = pb.PrimaryEphemeralIdentity(publicKey=self.pair.public, nonce=self.nonce)
        child = Node("primary_ephemeral_identity", {}, own.SerializeToString())
        return demand(child, kind="crsc_continuation")

    def check(self, nonce: bytes) -> str:
        assert sha256(self.identity + nonce) == self.commitment
        digest = sha256(nonce + self.pair.public)
        return passkey.encode_code(bytes(a ^ b for a, b in zip(b"n" * 5, digest[:5], strict=True)))

    def open(self, request: Node) -> pb.PairingRequest:
        shared = agree(self.pair.private, self.companion.publicKey)
        salt = f"Companion Pairing {self.companion.deviceType} with ref 2@REF".encode()
        key = hkdf(shared, salt, b"Pairing Information Encryption Key", 32)
        data = request.child("encrypted_pairing_request").data
        sealed = pb.EncryptedPairingRequest.FromString(data)
        opened = aes_gcm_decrypt(key, sealed.iv, sealed.encryptedPayload)
        return pb.PairingRequest.FromString(opened)


async def test_who_proves_the_link_before_compares_no_codes(world: ClientWorld, wire: Wire) -> None:
    before = await secret_of(world)
    await asked(world, wire)
    assert world.client.state is SessionState.PAIRING
    assert world.client.linking.qr is None
    state = world.client.linking.passkeys.state
    assert state is not None
    assert (state.stage, state.options) == (PasskeyStage.CHALLENGE, OPTIONS)
    assert await secret_of(world) != before
    prologue, answering = await answered(world, wire)
    phone = Phone(prologue)
    assert phone.proof is not None
    assert phone.proof.data == hmac_sha256(passkey.handoff_key(before), phone.payload)
    wire.answer(prologue)
    await answering
    wire.say(phone.continuation())
    revealed = await wire.hear("iq", type="set")
    phone.check(revealed.child("companion_nonce").data)
    wire.answer(revealed)
    sealed = await wire.hear("iq", type="set")
    request = phone.open(sealed)
    credentials = await world.credentials()
    assert credentials is not None
    assert request.companionPublicKey == credentials.noise.public
    assert request.companionIdentityKey == credentials.identity.public
    assert request.advSecret == credentials.adv_secret
    wire.answer(sealed)
    signer = PairingPhone()
    wire.say(pair_success(signer.sign(request.companionIdentityKey, request.advSecret)))
    await wire.hear("iq", type="result")
    linked = await world.credentials()
    assert linked is not None
    assert linked.state is LinkState.LINKED
    assert world.client.linking.passkeys.state is None
    stages = [event.state.stage.value for event in world.sink.of(PasskeyChanged)]
    assert stages == ["challenge", "waiting", "linking"]


async def test_an_old_link_proves_nothing_and_the_codes_are_compared(
    world: ClientWorld, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passkey, "HANDOFF_LIFE_S", 0.0)
    await asked(world, wire)
    prologue, answering = await answered(world, wire)
    phone = Phone(prologue)
    assert phone.proof is None
    # The phone may be quicker than the server's answer.
    wire.say(phone.continuation())
    revealed = await wire.hear("iq", type="set")
    code = phone.check(revealed.child("companion_nonce").data)
    wire.answer(prologue)
    await answering
    passkeys = world.client.linking.passkeys
    with pytest.raises(PasskeyNotRequested):
        await passkeys.confirm()
    wire.answer(revealed)
    shown = (await world.sink.until(PasskeyChanged, 3)).state
    assert (shown.stage, shown.code) == (PasskeyStage.CONFIRM, f"{code[:4]}-{code[4:]}")
    confirming = asyncio.create_task(passkeys.confirm())
    sealed = await wire.hear("iq", type="set")
    assert phone.open(sealed).advSecret == await secret_of(world)
    wire.answer(sealed)
    await confirming
    assert passkeys.state is not None
    assert passkeys.state.stage is PasskeyStage.LINKING
    await world.pass_by(PAIR_SUCCESS_TIMEOUT_S)
    failure = await world.sink.until(AuthFailure)
    assert failure.message == "the phone did not finish linking in time"
    assert passkeys.state is None


async def test_a_refused_assertion_may_be_followed_by_another(
    world: ClientWorld, wire: Wire
) -> None:
    passkeys = world.client.linking.passkeys
    with pytest.raises(PasskeyNotRequested):
        await passkeys.answer(assertion())
    await asked(world, wire)
    with pytest.raises(InvalidInput):
        await passkeys.answer(assertion("b3RoZXI"))
    prologue, answering = await answered(world, wire)
    wire.refuse(prologue, 403)
    with pytest.raises(NotAuthorized):
        await answering
    assert passkeys.state is not None
    assert passkeys.state.stage is PasskeyStage.CHALLENGE
    again, answering = await answered(world, wire)
    assert Phone(again).identity != Phone(prologue).identity
    wire.answer(again)
    await answering


async def test_options_that_did_not_come_along_are_asked_for(
    world: ClientWorld, wire: Wire
) -> None:
    wire.say(demand())
    question = await wire.hear("iq", type="get")
    wire.answer(question, options())
    assert (await world.sink.until(PasskeyChanged)).state.options == OPTIONS


async def test_options_that_nobody_gives_end_the_attempt(world: ClientWorld, wire: Wire) -> None:
    wire.say(demand(Node("passkey_request_options", {}, b"{")))
    wire.refuse(await wire.hear("iq", type="get"), 404)
    assert "passkey" in (await world.sink.until(AuthFailure)).message
    await wire.closed()


@pytest.mark.parametrize(("told", "limit_s"), [(None, ANSWER_TIMEOUT_S), (42_000, 42.0)])
async def test_nobody_is_waited_for_without_end(
    world: ClientWorld, wire: Wire, told: Any, limit_s: float
) -> None:
    await asked(world, wire, **({} if told is None else {"timeout": told}))
    await world.pass_by(limit_s)
    failure = await world.sink.until(AuthFailure)
    assert failure.message == "nobody answered with the passkey in time"
    await wire.closed()
    assert world.client.linking.passkeys.state is None


async def test_steps_out_of_turn_change_nothing(world: ClientWorld, wire: Wire) -> None:
    before = await secret_of(world)
    wire.say(demand(options(), source=Jid("15550001111", "s.whatsapp.net")))
    await wire.hear("ack", id="N")
    wire.say(demand(Node("primary_ephemeral_identity", {}, b"x"), kind="crsc_continuation"))
    ack = await wire.hear("ack", id="N")
    assert ack.get("type") == "crsc_continuation"
    assert await world.sink.until(AuthFailure)
    assert await secret_of(world) == before
    assert world.client.linking.qr is not None
    assert world.sink.of(PasskeyChanged) == []


async def test_a_broken_answer_of_the_phone_is_told_and_may_be_repeated(
    world: ClientWorld, wire: Wire
) -> None:
    await asked(world, wire)
    prologue, answering = await answered(world, wire)
    wire.answer(prologue)
    await answering
    short = pb.PrimaryEphemeralIdentity(publicKey=b"k" * 31, nonce=b"n" * 32).SerializeToString()
    wire.say(demand(Node("primary_ephemeral_identity", {}, short), kind="crsc_continuation"))
    await wire.hear("ack", id="N")
    await world.sink.until(AuthFailure)
    wire.say(Phone(prologue).continuation())
    revealed = await wire.hear("iq", type="set")
    assert revealed.find("companion_nonce") is not None


async def test_a_linked_device_brings_no_passkey(world: ClientWorld) -> None:
    await world.link()
    world.start()
    wire = await world.log_in()
    before = await secret_of(world)
    wire.say(demand(options()))
    await wire.hear("ack", id="N")
    assert await secret_of(world) == before
    assert world.client.linking.passkeys.state is None
