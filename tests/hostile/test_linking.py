"""Damaged handshakes and damaged steps of linking; what can be signed and sealed again, is."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from fuzz.mutate import mutate
from support.whatsapp import INTERMEDIATE, ROOT, STATIC, PairingPhone, pair_success
from waport.connection import Connection, HandshakeCompleted
from waport.crypto import KeyPair, hmac_sha256, sign
from waport.errors import WhatsAppError
from waport.model import SessionState
from waport.noise import FrameReader, IntroReader, ServerHandshake, build_chain, encode_frame
from waport.pairing import parse_qr
from waport.proto import pb
from waport.store import UnitOfWork
from waport.wire import SERVER, Jid, Node

from .corpus import pushed
from .damage import NodeDamage, damage_message
from .scene import Scene, open_scene
from .watch import Growth, no_faults

MAX_GROWTH = 20_000
HANDSHAKES = 400
STEPS = 400
NOW = 1_700_000_000
LINKING = ("link_code_companion_reg", "companion_reg_refresh", "crsc_continuation")


# --- the handshake -------------------------------------------------------------------------------


def chain(chosen: random.Random) -> bytes:
    """A damaged chain of certificates, at times signed anew by the right keys."""
    good = pb.CertChain.FromString(
        build_chain(ROOT, INTERMEDIATE, STATIC.public, 1_600_000_000, 4_000_000_000)
    )
    if chosen.random() < 0.6:
        for certificate, details, signer in (
            (good.leaf, pb.CertChain.NoiseCertificate.Details, INTERMEDIATE),
            (good.intermediate, pb.CertChain.NoiseCertificate.Details, ROOT),
        ):
            if chosen.random() < 0.6:
                inside = details.FromString(certificate.details)
                certificate.details = damage_message(inside, chosen)
                certificate.signature = sign(signer.private, certificate.details)
        return good.SerializeToString()
    return damage_message(good, chosen)


def shake(chosen: random.Random) -> bool:
    """One damaged handshake; whether the client took it."""
    connection = Connection(
        static=KeyPair.from_private(bytes((7,)) * 32), payload=b"hello", root_key=ROOT.public
    )
    connection.start(0)
    (first,) = connection.data_to_send()
    rest = IntroReader().feed(first)
    assert rest is not None
    (hello,) = FrameReader().feed(rest)
    answer = ServerHandshake(STATIC, chain(chosen)).receive_client_hello(hello)
    if chosen.random() < 0.3:
        answer = damage_message(pb.HandshakeMessage.FromString(answer), chosen)
    data = encode_frame(answer)
    if chosen.random() < 0.1:
        data = mutate(data, chosen)
    try:
        events = connection.receive_data(data, now=0, unix_now=NOW)
    except WhatsAppError:
        assert not connection.is_open
        return False
    return any(isinstance(event, HandshakeCompleted) for event in events)


def test_a_damaged_handshake_ends_in_an_error_of_ours(
    record_property: Callable[[str, object], None],
) -> None:
    growth = Growth()
    with no_faults():
        for _ in range(3):
            chosen = random.Random(51)
            taken = sum(shake(chosen) for _ in range(HANDSHAKES))
            growth.mark()
    # Some damages are to what nobody has to look at.
    assert taken < HANDSHAKES / 4
    assert growth.last < 2000, growth.marks
    record_property("hostile", ("handshakes", 3 * HANDSHAKES))


# --- linking -------------------------------------------------------------------------------------


def container(qr: str, chosen: random.Random) -> bytes:
    """The signed identity with a damage in one of its layers; the outer ones are made anew."""
    phone = PairingPhone()
    parts = parse_qr(qr)
    whole = pb.ADVSignedDeviceIdentityHMAC.FromString(phone.container(qr))
    signed = pb.ADVSignedDeviceIdentity.FromString(whole.details)
    layer = chosen.randrange(3)
    if layer == 0:
        inner = pb.ADVDeviceIdentity.FromString(signed.details)
        signed.details = damage_message(inner, chosen)
        covered = b"\x06\x00" + signed.details + parts.identity_public
        signed.accountSignature = sign(phone.account.private, covered)
    whole.details = damage_message(signed, chosen) if layer == 1 else signed.SerializeToString()
    whole.hmac = hmac_sha256(parts.adv_secret, whole.details)
    return damage_message(whole, chosen) if layer == 2 else whole.SerializeToString()


async def start_over(scene: Scene) -> None:
    """A client that is not linked and shows a QR code."""
    await scene.end()

    def forget(store: UnitOfWork) -> None:
        if store.devices.get() is not None:
            store.devices.delete_session()

    await scene.database.write("main", forget)
    await scene.begin()
    await show_qr(scene)


async def show_qr(scene: Scene) -> str:
    """Have the client show a QR code; its text."""
    scene.wire.offer_refs(*(f"ref{scene.fresh_id()}".encode() for _ in range(6)))
    assert await scene.is_alive()
    qr = scene.client.linking.qr
    assert qr is not None
    return qr


def step(qr: str, damage: NodeDamage, chosen: random.Random) -> bytes:
    """One damaged step."""
    refs = [Node("ref", {}, f"ref{number}".encode()) for number in range(6)]
    offer = Node(
        "iq",
        {"from": SERVER, "type": "set", "id": "900", "xmlns": "md"},
        [Node("pair-device", {}, list(refs))],
    )
    match chosen.randrange(4):
        case 0:
            return damage.stanza(offer)
        case 1:
            return damage.stanza(pair_success(container(qr, chosen)))
        case 2:
            return damage.stanza(pair_success(PairingPhone().container(qr)))
        case _:
            kinds = [
                node
                for node in pushed()
                if node.get("type") in LINKING or "passkey" in str(node.get("type"))
            ]
            return damage.stanza(chosen.choice(kinds))


async def test_damaged_steps_of_linking_leave_a_client_that_can_be_linked(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    chosen = random.Random(52)
    damage = NodeDamage(chosen, pushed())
    async with open_scene(tmp_path, 53) as scene:
        await start_over(scene)
        qr = await show_qr(scene)
        for number in range(STEPS):
            scene.wire.say_bytes(step(qr, damage, chosen))
            is_alive = await scene.is_alive()
            if not is_alive or scene.client.state is not SessionState.QR or number % 40 == 39:
                await start_over(scene)
                qr = await show_qr(scene)
                scene.counts["begun anew"] += 1
        await start_over(scene)
        qr = await show_qr(scene)
        scene.wire.say(pair_success(PairingPhone().container(qr)))
        assert await scene.is_alive()
        credentials = await scene.credentials()
        assert credentials is not None
        assert credentials.pn == Jid("15550001111", "s.whatsapp.net", 1)
    record_property("hostile", ("steps of linking", STEPS))
