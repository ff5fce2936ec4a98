from __future__ import annotations

import asyncio

import pytest

from support.client import BACKOFF, ClientWorld
from support.whatsapp import PairingPhone, Wire, pair_success
from waport.model import (
    LinkState,
    QrReady,
    SessionState,
)
from waport.pairing import FIRST_QR_LIFE_S, NEXT_QR_LIFE_S, parse_qr
from waport.wire import SERVER, Jid, Node

STRANGER = Jid("15550009999", "s.whatsapp.net")


def refs(world: ClientWorld) -> list[str]:
    return [parse_qr(event.text).ref for event in world.sink.of(QrReady)]


def notification(kind: str, *children: Node, source: Jid = SERVER, name: str = "55") -> Node:
    return Node("notification", {"from": source, "id": name, "type": kind}, list(children))


REFRESH = Node("companion_reg_refresh")


async def unchanged(world: ClientWorld, secret: bytes) -> None:
    credentials = await world.credentials()
    assert credentials is not None
    assert (credentials.state, credentials.adv_secret) == (LinkState.NEW, secret)


# --- QR codes ------------------------------------------------------------------------------------


async def test_a_registration_carries_the_stored_keys(world: ClientWorld, wire: Wire) -> None:
    data = wire.payload.devicePairingData
    credentials = await world.credentials()
    assert credentials is not None
    assert data.eIdent == credentials.identity.public
    assert int.from_bytes(data.eRegid, "big") == credentials.registration_id
    assert not wire.payload.HasField("pushName")
    parts = parse_qr(world.client.linking.qr or "")
    assert parts.noise_public == credentials.noise.public
    assert parts.adv_secret == credentials.adv_secret


async def test_the_first_code_lives_longer_and_the_last_one_ends_the_round(
    world: ClientWorld, wire: Wire
) -> None:
    assert world.client.state is SessionState.QR
    await world.pass_by(FIRST_QR_LIFE_S)
    await world.pass_by(NEXT_QR_LIFE_S)
    assert refs(world) == ["ref1", "ref2"]
    # At once, with the same keys.
    again = await world.whatsapp.accept()
    assert again.payload.devicePairingData == wire.payload.devicePairingData
    await world.settled()
    assert world.words()[-2:] == ["TIMEOUT", "OPENING"]


async def test_a_second_offer_takes_the_place_of_the_first(world: ClientWorld, wire: Wire) -> None:
    wire.offer_refs(b"other1", b"other2")
    await world.sink.until(QrReady, 2)
    await world.pass_by(FIRST_QR_LIFE_S)
    await world.pass_by(NEXT_QR_LIFE_S)
    await wire.closed()
    assert refs(world) == ["ref1", "other1", "other2"]


@pytest.mark.parametrize("offered", [(), (b"",), (b"\xff\xfe",), (bytes(2000),)])
async def test_an_offer_without_usable_refs_is_answered_and_given_up(
    world: ClientWorld, offered: tuple[bytes, ...]
) -> None:
    world.start()
    wire = await world.whatsapp.accept()
    wire.offer_refs(*offered)
    (reply,) = await wire.closed()
    assert (reply.tag, reply.get("type")) == ("iq", "result")
    assert world.sink.of(QrReady) == []
    await world.clock.sleeping(*BACKOFF)


async def test_unusable_refs_are_skipped(world: ClientWorld) -> None:
    world.start()
    wire = await world.whatsapp.accept()
    wire.offer_refs(b"", b"good,with comma", b"\xff")
    await world.sink.until(QrReady)
    assert refs(world) == ["good,with comma"]


async def test_offers_that_are_not_the_servers_are_ignored(world: ClientWorld) -> None:
    world.start()
    wire = await world.whatsapp.accept()
    wire.offer_refs(b"ref", source=STRANGER)
    node = pair_success(b"x")
    node.attrs["from"] = STRANGER
    wire.say(node)
    node = pair_success(b"x")
    del node.attrs["from"]
    wire.say(node)
    wire.say(Node("iq", {"from": SERVER, "id": "p", "type": "get", "xmlns": "urn:xmpp:ping"}))
    assert (await wire.hear()).get("id") == "p"
    assert world.sink.of(QrReady) == []


async def test_an_offer_to_link_is_ignored_by_a_linked_device(world: ClientWorld) -> None:
    linked = await world.link()
    wire = await world.log_in()
    wire.offer_refs(b"ref")
    wire.say(pair_success(b"x"))
    wire.say(notification("companion_reg_refresh", REFRESH))
    await wire.hear("ack", id="55")
    credentials = await world.credentials()
    assert credentials is not None
    assert (credentials.identity, credentials.adv_secret) == (linked.identity, linked.adv_secret)
    assert world.sink.of(QrReady) == []


async def test_other_stanzas_before_the_link_are_acked_without_an_own_address(
    world: ClientWorld, wire: Wire
) -> None:
    wire.say(notification("server_sync", name="1"))
    wire.say(Node("message", {"from": STRANGER, "id": "2", "type": "text"}))
    wire.say(Node("receipt", {"from": STRANGER, "id": "3", "type": "read"}))
    for name, kind in (("1", "notification"), ("2", "message"), ("3", "receipt")):
        ack = await wire.hear()
        assert (ack.tag, ack.get("id"), ack.get("class")) == ("ack", name, kind)
        assert "from" not in ack.attrs


# --- another secret ------------------------------------------------------------------------------


async def test_a_refresh_renews_the_code_that_is_shown_and_not_its_time(
    world: ClientWorld, wire: Wire
) -> None:
    before = parse_qr(world.client.linking.qr or "")
    asked = world.clock.asked()
    wire.say(notification("companion_reg_refresh", REFRESH))
    ack = await wire.hear("ack", id="55")
    assert (ack.get("class"), ack.get("type")) == ("notification", "companion_reg_refresh")
    event = await world.sink.until(QrReady, 2)
    parts = parse_qr(event.text)
    assert (parts.ref, parts.adv_secret != before.adv_secret) == ("ref1", True)
    await unchanged(world, parts.adv_secret)
    assert world.clock.asked() == asked


@pytest.mark.parametrize(
    ("children", "source"), [((), SERVER), ((Node("other"),), SERVER), ((REFRESH,), STRANGER)]
)
async def test_a_refresh_without_its_child_or_from_a_stranger_is_only_acked(
    world: ClientWorld, wire: Wire, children: tuple[Node, ...], source: Jid
) -> None:
    secret = parse_qr(world.client.linking.qr or "").adv_secret
    wire.say(notification("companion_reg_refresh", *children, source=source))
    await wire.hear("ack", id="55")
    await unchanged(world, secret)


async def test_the_newest_secret_counts_even_after_the_scan(world: ClientWorld, wire: Wire) -> None:
    phone = PairingPhone()
    old = world.client.linking.qr or ""
    wire.say(notification("companion_reg_refresh", Node("pair-device-rotate-qr")))
    event = await world.sink.until(QrReady, 2)
    wire.say(pair_success(phone.container(old)))
    refusal = await wire.hear("iq", type="error")
    assert refusal.child("error").get("code") == "401"
    assert event.text != old


async def test_a_secret_never_undoes_a_link(world: ClientWorld, wire: Wire) -> None:
    wire.say(pair_success(PairingPhone().container(world.client.linking.qr or "")))
    await wire.hear("iq", id="901")
    await world.client.linking._store_secret(bytes(32))
    credentials = await world.credentials()
    assert credentials is not None
    assert credentials.state is LinkState.LINKED


async def test_stopping_while_a_code_is_shown_leaves_no_half_account(
    world: ClientWorld, wire: Wire
) -> None:
    await world.stop()
    assert world.client.linking.qr is None
    assert world.clock.asked() == []
    credentials = await world.credentials()
    assert credentials is not None
    assert (credentials.state, credentials.pn) == (LinkState.NEW, None)
    await asyncio.wait_for(wire.closed(), 5)
