"""Registration, linking, login."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from waport.crypto import KeyPair, aes_ctr, aes_gcm_encrypt, agree, hkdf, pbkdf2_sha256
from waport.emulator import Emulator, EmulatorOptions
from waport.errors import InvalidInput, NotFound, QueryError
from waport.proto import pb
from waport.wire import SERVER, Jid, Node

Linked = Callable[..., Awaitable[Any]]
LinkOnly = Callable[..., Awaitable[None]]


async def test_a_registration_gets_six_references_from_the_service(
    emulator: Emulator, client_of: Any
) -> None:
    client = client_of(emulator)
    await client.open(client.registration())
    asked = await client.expect("iq")
    # whatsmeow ignores pair-device unless the sender is the service as a JID.
    assert asked.attrs["from"] == SERVER
    assert isinstance(asked.attrs["from"], Jid)
    assert (asked.get("type"), asked.get("xmlns")) == ("set", "md")
    refs = [ref.text for ref in asked.child("pair-device").children("ref")]
    assert len(set(refs)) == 6
    assert all(emulator.waiting_ref(ref) for ref in refs)


@pytest.mark.parametrize(
    "change",
    [
        {"eRegid": b"\x01"},
        {"eKeytype": b"\x06"},
        {"eIdent": None},
        {"eSkeyId": b"\x00"},
        {"eSkeyVal": b"\x09" * 32},
        {"eSkeySig": b"\x00" * 64},
        {"buildHash": b"short"},
        {"deviceProps": None},
        {"deviceProps": b"\xff"},
    ],
)
async def test_a_registration_with_a_bad_field_is_refused(
    emulator: Emulator, client_of: Any, change: dict[str, bytes | None]
) -> None:
    client = client_of(emulator)
    await client.open(client.registration(**change))
    assert (await client.expect("failure")).get("reason") == "400"
    await client.closed()


async def test_an_outdated_client_is_refused_and_finds_a_newer_version(
    emulator: Emulator, client_of: Any
) -> None:
    emulator.policy.min_revision = 2_000_000_000
    client = client_of(emulator)
    await client.open(client.registration())
    assert (await client.expect("failure")).get("reason") == "405"
    assert emulator.policy.revision == 2_000_000_000


async def test_a_companion_is_linked_by_qr_and_logs_in(
    emulator: Emulator, client_of: Any, link_only: LinkOnly
) -> None:
    client = client_of(emulator, push_name="Alice")
    await link_only(emulator, client)
    account = emulator.directory.by_name("Alice")
    assert account is not None
    device = account.devices[1]
    assert client.jid == account.jid.with_device(1)
    assert client.lid == account.lid.with_device(1)
    assert device.noise_public == client.noise.public
    assert device.key_index == 1
    assert not pb.ADVSignedDeviceIdentity.FromString(device.device_identity).HasField(
        "accountSignatureKey"
    )
    success = await client.log_in()
    assert success.jid("lid") == client.lid
    assert int(success.attr("t")) > 0


async def test_the_same_push_name_is_the_same_phone(emulator: Emulator, linked: Linked) -> None:
    first = await linked(emulator, "Alice")
    second = await linked(emulator, "Alice")
    other = await linked(emulator, "Bob")
    assert (first.jid.device, second.jid.device) == (1, 2)
    assert first.jid.user == second.jid.user != other.jid.user


async def test_a_companion_without_a_name_gets_an_account_of_its_own(
    emulator: Emulator, client_of: Any, link_only: LinkOnly
) -> None:
    clients = [client_of(emulator), client_of(emulator)]
    for client in clients:
        await link_only(emulator, client)
    assert clients[0].jid.user != clients[1].jid.user


async def test_an_unknown_reference_is_refused(emulator: Emulator, client_of: Any) -> None:
    client = client_of(emulator)
    refs = await client.refs()
    with pytest.raises(NotFound):
        await emulator.account_for_ref("2@nobody")
    account = await emulator.create_account()
    with pytest.raises(NotFound):
        await emulator.phone_of(account).pair_by_qr(client.qr("2@nobody"))
    other = client_of(emulator)
    with pytest.raises(NotFound):
        # Somebody else's Noise key with this reference.
        await emulator.phone_of(account).pair_by_qr(other.qr(refs[0]))


async def test_a_reference_ends_with_its_connection(emulator: Emulator, client_of: Any) -> None:
    client = client_of(emulator)
    refs = await client.refs()
    await client.close()
    account = await emulator.create_account()
    with pytest.raises(NotFound):
        await emulator.phone_of(account).pair_by_qr(client.qr(refs[0]))


async def test_a_reference_expires(client_of: Any) -> None:
    now = 1_700_000_000.0
    async with Emulator(EmulatorOptions(plain=True), now=lambda: now) as emulator:
        client = client_of(emulator)
        # The certificates are of that time too; this client does not mind.
        refs = await client.refs_at(now)
        assert emulator.waiting_ref(refs[0])
        now += emulator.policy.ref_life_s + 1
        assert not emulator.waiting_ref(refs[0])
        await client.close()


async def test_a_wrong_device_signature_leaves_nothing_behind(
    emulator: Emulator, client_of: Any
) -> None:
    client = client_of(emulator, push_name="Alice")
    refs = await client.refs()
    account = await emulator.account_for_ref(refs[0])
    scan = asyncio.create_task(emulator.phone_of(account).pair_by_qr(client.qr(refs[0])))

    def spoil(identity: pb.ADVSignedDeviceIdentity) -> None:
        identity.deviceSignature = bytes(64)

    await client.answer_pair_success(spoil)
    with pytest.raises(QueryError):
        await scan
    await client.closed()
    assert set(account.devices) == {0}


async def test_another_key_index_than_was_signed_is_refused(
    emulator: Emulator, client_of: Any
) -> None:
    client = client_of(emulator, push_name="Alice")
    refs = await client.refs()
    account = await emulator.account_for_ref(refs[0])
    scan = asyncio.create_task(emulator.phone_of(account).pair_by_qr(client.qr(refs[0])))
    await client.answer_pair_success(index=7)
    with pytest.raises(QueryError):
        await scan
    assert set(account.devices) == {0}


async def test_a_companion_that_refuses_is_not_linked(emulator: Emulator, client_of: Any) -> None:
    client = client_of(emulator, push_name="Alice")
    refs = await client.refs()
    account = await emulator.account_for_ref(refs[0])
    scan = asyncio.create_task(emulator.phone_of(account).pair_by_qr(client.qr(refs[0])))
    asked = await client.expect("iq", lambda node: node.find("pair-success") is not None)
    error = Node("error", {"code": "401", "text": "not-authorized"})
    await client.send(Node("iq", {"to": SERVER, "type": "error", "id": asked.attr("id")}, [error]))
    with pytest.raises(QueryError):
        await scan
    assert set(account.devices) == {0}


async def test_a_login_with_another_noise_key_or_number_is_refused(
    emulator: Emulator, linked: Linked, client_of: Any
) -> None:
    alice = await linked(emulator, "Alice")
    thief = client_of(emulator)
    thief.jid = alice.jid
    await thief.open(thief.login())
    assert (await thief.expect("failure")).get("reason") == "401"
    await alice.close()
    for wrong in (alice.jid.with_device(9), Jid("19995550000", "s.whatsapp.net", 1)):
        alice.jid = wrong
        await alice.open(alice.login())
        assert (await alice.expect("failure")).get("reason") == "401"
        await alice.closed()


async def test_the_phone_greets_a_companion_once(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice = await linked(emulator, "Alice")
    assert [n for n in await alice.settled() if n.tag == "message"] == []
    await alice.close()
    await alice.log_in()
    await alice.expect("ib", lambda node: node.find("offline") is not None)
    assert [n for n in await alice.settled() if n.tag == "message"] == []


async def test_a_second_login_replaces_the_first(emulator: Emulator, linked: Linked) -> None:
    alice = await linked(emulator, "Alice")
    again = type(alice)(emulator, noise=alice.noise, identity=alice.identity, jid=alice.jid)
    await again.log_in()
    error = await alice.expect("stream:error")
    assert error.child("conflict").get("type") == "replaced"
    await alice.closed()
    assert (await again.query(Node("iq", {"type": "get", "xmlns": "w:p"}))).get("type") == "result"
    await again.close()


async def test_an_unlinked_companion_is_told_and_stays_out(
    emulator: Emulator, linked: Linked
) -> None:
    first, second = await linked(emulator, "Alice"), await linked(emulator, "Alice")
    await first.ack_all()
    account = emulator.directory.by_name("Alice")
    assert account is not None
    assert await emulator.unlink(account, 2) == [2]
    error = await second.expect("stream:error")
    assert (error.get("code"), error.child("conflict").get("type")) == ("401", "device_removed")
    await second.closed()
    told = await first.expect("notification", lambda node: node.get("type") == "devices")
    assert told.child("remove").child("device").jid("jid") == second.jid
    await second.open(second.login())
    assert (await second.expect("failure")).get("reason") == "401"


async def test_a_companion_can_leave_by_itself_but_not_remove_another(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    first, second = await linked(emulator, "Alice"), await linked(emulator, "Alice")

    def removal(jid: Jid) -> Node:
        attrs = {"jid": jid, "reason": "user_initiated"}
        return make_iq("set", "md", Node("remove-companion-device", attrs))

    assert (await first.query(removal(second.jid))).child("error").get("code") == "403"
    assert (await first.query(removal(first.jid))).get("type") == "result"
    await first.closed()
    account = emulator.directory.by_name("Alice")
    assert account is not None
    assert set(account.devices) == {0, 2}


async def test_a_taken_number_is_not_given_out_again(emulator: Emulator) -> None:
    await emulator.create_account("15550001111", "Alice")
    with pytest.raises(InvalidInput):
        await emulator.create_account("+1 555 000 1111")
    account = await emulator.create_account("+49 1511 2345678")
    assert account.number == "4915112345678"


# --- by code -----------------------------------------------------------------------------------


def code_key(code: str, salt: bytes) -> bytes:
    return pbkdf2_sha256(code.encode(), salt, 131_072, 32)


async def test_a_companion_is_linked_by_code(
    emulator: Emulator, client_of: Any, make_iq: Any
) -> None:
    account = await emulator.create_account("15550001111", "Alice")
    client, code, ephemeral = client_of(emulator), "ABCD1234", KeyPair.generate()
    await client.refs()
    salt, iv = os.urandom(32), os.urandom(16)
    wrapped = salt + iv + aes_ctr(code_key(code, salt), iv, ephemeral.public)
    children = [
        Node("link_code_pairing_wrapped_companion_ephemeral_pub", {}, wrapped),
        Node("companion_server_auth_key_pub", {}, client.noise.public),
        Node("companion_platform_id", {}, b"1"),
        Node("companion_platform_display", {}, b"Chrome (Linux)"),
        Node("link_code_pairing_nonce", {}, b"0"),
    ]
    hello = {"jid": account.jid, "stage": "companion_hello"}
    answer = await client.query(
        make_iq("set", "md", Node("link_code_companion_reg", hello, children))
    )
    ref = answer.child("link_code_companion_reg").child("link_code_pairing_ref")
    typing = asyncio.create_task(emulator.phone_of(account).enter_code("abcd-1234"))

    told = (await client.expect("notification")).child("link_code_companion_reg")
    primary = told.child("link_code_pairing_wrapped_primary_ephemeral_pub").data
    phone_ephemeral = aes_ctr(code_key(code, primary[:32]), primary[32:48], primary[48:])
    phone_identity = told.child("primary_identity_pub").data
    shared, secret = agree(ephemeral.private, phone_ephemeral), os.urandom(32)
    salt, iv = os.urandom(32), os.urandom(12)
    key = hkdf(shared, salt, b"link_code_pairing_key_bundle_encryption_key", 32)
    plain = client.identity.public + phone_identity + secret
    ids = agree(client.identity.private, phone_identity)
    client.adv_secret = hkdf(shared + ids + secret, b"", b"adv_secret", 32)
    children = [
        Node(
            "link_code_pairing_wrapped_key_bundle", {}, salt + iv + aes_gcm_encrypt(key, iv, plain)
        ),
        Node("companion_identity_public", {}, client.identity.public),
        ref,
    ]
    finish = {"jid": account.jid, "stage": "companion_finish"}
    answer = await client.query(
        make_iq("set", "md", Node("link_code_companion_reg", finish, children))
    )
    assert answer.get("type") == "result"
    await client.answer_pair_success()
    assert await typing == client.jid == account.jid.with_device(1)
    assert (await client.expect("stream:error")).get("code") == "515"
    assert (await client.log_in()).jid("lid") == client.lid
