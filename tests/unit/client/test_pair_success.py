from __future__ import annotations

from typing import Any

import pytest

from support.account import OWN_LID, OWN_PN
from support.client import BACKOFF, ClientWorld
from support.whatsapp import PairingPhone, Wire, pair_success, stream_error
from waport.client.linking import RESTART_TIMEOUT_S
from waport.errors import StoreError
from waport.model import AuthFailure, CredentialsSaved, LinkState
from waport.pairing import FIRST_QR_LIFE_S, parse_qr
from waport.store import UnitOfWork
from waport.wire import SERVER, Node


async def test_a_scan_links_the_account_and_515_logs_in(world: ClientWorld, wire: Wire) -> None:
    phone = PairingPhone()
    wire.say(pair_success(phone.container(world.client.linking.qr or "")))
    reply = await wire.hear("iq", id="901")
    identity = reply.child("pair-device-sign").child("device-identity")
    assert (reply.get("type"), identity.get("key-index")) == ("result", "1")
    await world.sink.until(CredentialsSaved)
    credentials = await world.credentials()
    assert credentials is not None
    assert (credentials.pn, credentials.lid) == (OWN_PN, OWN_LID)
    assert credentials.state is LinkState.LINKED
    known = await world.read(
        lambda store: store.signal.identity(OWN_LID.with_device(0).signal_address)
    )
    assert known == phone.account.public
    wire.say(stream_error(code="515"))
    again = await world.whatsapp.accept()
    assert (again.payload.username, again.payload.device) == (int(OWN_PN.user), 1)
    # 812 keys at first, before anything else.
    again.say(Node("success", {"t": "1800000000"}))
    again.answer(await again.hear(), Node("count", {"value": "0"}))
    upload = await again.hear()
    assert len(upload.child("list").children("key")) == 812
    assert "TIMEOUT" not in world.words()


async def test_routing_info_that_came_while_linking_is_kept(world: ClientWorld, wire: Wire) -> None:
    info = Node("edge_routing", {}, [Node("routing_info", {}, b"\x08\x0d")])
    wire.say(Node("ib", {"from": SERVER}, [info]))
    wire.say(pair_success(PairingPhone().container(world.client.linking.qr or "")))
    await wire.hear("iq", id="901")
    credentials = await world.credentials()
    assert credentials is not None
    assert credentials.routing_info == b"\x08\x0d"


async def test_no_qr_code_is_shown_after_the_scan(world: ClientWorld, wire: Wire) -> None:
    wire.say(pair_success(PairingPhone().container(world.client.linking.qr or "")))
    await wire.hear("iq", id="901")
    await world.clock.sleeping(RESTART_TIMEOUT_S)
    assert FIRST_QR_LIFE_S not in world.clock.asked()
    assert world.client.linking.qr is None


@pytest.mark.parametrize("how", ["silence", "hang up", "stream error"])
async def test_without_515_the_new_link_logs_in_all_the_same(
    world: ClientWorld, wire: Wire, how: str
) -> None:
    wire.say(pair_success(PairingPhone().container(world.client.linking.qr or "")))
    await wire.hear("iq", id="901")
    if how == "silence":
        await world.pass_by(RESTART_TIMEOUT_S)
    elif how == "hang up":
        wire.hang_up()
    else:
        wire.say(stream_error(code="503"))
    again = await world.whatsapp.accept()
    assert again.payload.username == int(OWN_PN.user)


async def test_a_second_pair_success_is_ignored(world: ClientWorld, wire: Wire) -> None:
    node = pair_success(PairingPhone().container(world.client.linking.qr or ""))
    wire.say(node)
    wire.say(node)
    await wire.hear("iq", id="901")
    wire.say(Node("iq", {"from": SERVER, "id": "p", "type": "get", "xmlns": "urn:xmpp:ping"}))
    assert (await wire.hear()).get("id") == "p"
    assert len(world.sink.of(CredentialsSaved)) == 1


def without(node: Node, tag: str) -> Node:
    success = node.child("pair-success")
    success.content = [child for child in success.children() if child.tag != tag]
    return node


async def refused(world: ClientWorld, wire: Wire, node: Node, code: str) -> str:
    """The server is refused, nothing is stored, and a new connection follows."""
    before = await world.credentials()
    wire.say(node)
    (refusal,) = await wire.closed()
    error = refusal.child("error")
    text = {"401": "not-authorized", "500": "internal-error"}[code]
    assert (refusal.get("type"), error.get("code"), error.get("text")) == ("error", code, text)
    event = await world.sink.until(AuthFailure)
    await world.clock.sleeping(*BACKOFF)
    assert await world.credentials() == before
    return event.message


async def test_a_wrong_mac_is_refused_with_401(world: ClientWorld, wire: Wire) -> None:
    credentials = await world.credentials()
    assert credentials is not None
    container = PairingPhone().sign(credentials.identity.public, bytes(32))
    assert await refused(world, wire, pair_success(container), "401") == "hmac mismatch"


async def test_a_signature_for_somebody_else_is_refused_with_401(
    world: ClientWorld, wire: Wire
) -> None:
    secret = parse_qr(world.client.linking.qr or "").adv_secret
    container = PairingPhone().sign(bytes(32), secret)
    assert "signature" in await refused(world, wire, pair_success(container), "401")


@pytest.mark.parametrize("container", [b"", b"\xff\xff\xff", bytes(501)])
async def test_an_unreadable_identity_is_refused(
    world: ClientWorld, wire: Wire, container: bytes
) -> None:
    await refused(world, wire, pair_success(container), "500")


async def test_an_identity_without_index_is_refused_with_500(
    world: ClientWorld, wire: Wire
) -> None:
    container = PairingPhone().container(world.client.linking.qr or "", key_index=None)
    await refused(world, wire, pair_success(container), "500")


@pytest.mark.parametrize("tag", ["device-identity", "device"])
async def test_a_pair_success_without_its_parts_is_refused_with_500(
    world: ClientWorld, wire: Wire, tag: str
) -> None:
    container = PairingPhone().container(world.client.linking.qr or "")
    await refused(world, wire, without(pair_success(container), tag), "500")


@pytest.mark.parametrize(
    "device",
    [
        {"jid": None},
        {"jid": "nonsense"},
        {"jid": OWN_PN.with_device(0)},
        {"jid": OWN_LID},
        {"lid": OWN_PN},
        {"lid": "x"},
        {"lid": OWN_LID.with_device(0)},
    ],
)
async def test_addresses_that_are_no_companions_are_refused(
    world: ClientWorld, wire: Wire, device: dict[str, Any]
) -> None:
    container = PairingPhone().container(world.client.linking.qr or "")
    await refused(world, wire, pair_success(container, **device), "500")


async def test_a_store_that_fails_is_refused_and_nothing_is_linked(
    world: ClientWorld, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = world.database.write

    def failing(job: Any) -> Any:
        def run(store: UnitOfWork) -> Any:
            result = job(store)
            credentials = store.devices.get()
            if credentials is not None and credentials.state is LinkState.LINKED:
                raise StoreError("disk full")
            return result

        return run

    monkeypatch.setattr(world.database, "write", lambda name, job: write(name, failing(job)))
    container = PairingPhone().container(world.client.linking.qr or "")
    await refused(world, wire, pair_success(container), "500")
    assert world.sink.of(CredentialsSaved) == []


async def test_without_an_id_it_can_not_even_be_refused(world: ClientWorld, wire: Wire) -> None:
    node = pair_success(PairingPhone().container(world.client.linking.qr or ""))
    del node.attrs["id"]
    wire.say(node)
    assert await wire.closed() == []
    await world.sink.until(AuthFailure)
    credentials = await world.credentials()
    assert credentials is not None
    assert credentials.state is LinkState.NEW


async def test_an_old_server_may_leave_out_lid_and_platform(world: ClientWorld, wire: Wire) -> None:
    container = PairingPhone().container(world.client.linking.qr or "")
    wire.say(without(pair_success(container, lid=None), "platform"))
    assert (await wire.hear("iq", id="901")).get("type") == "result"
    credentials = await world.credentials()
    assert credentials is not None
    assert (credentials.pn, credentials.lid, credentials.platform) == (OWN_PN, None, "")
