"""The server's part in linking by code."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from waport.emulator import Emulator
from waport.wire import Jid, Node

Linked = Callable[..., Awaitable[Any]]


async def hello(client: Any, make_iq: Any, jid: Jid, **changes: bytes) -> Node:
    values = {
        "link_code_pairing_wrapped_companion_ephemeral_pub": b"w" * 80,
        "companion_server_auth_key_pub": client.noise.public,
        "companion_platform_id": b"1",
        "companion_platform_display": b"Chrome (Linux)",
        "link_code_pairing_nonce": b"\x00",
        **changes,
    }
    children = [Node(tag, {}, value) for tag, value in values.items()]
    attrs = {"jid": jid, "stage": "companion_hello", "should_show_push_notification": "true"}
    reg = Node("link_code_companion_reg", attrs, children)
    return await client.query(make_iq("set", "md", reg))


async def test_the_stages_of_a_pairing_code_are_passed_on(
    emulator: Emulator, client_of: Any, make_iq: Any
) -> None:
    account = await emulator.create_account("15550001111", "Alice")
    client = client_of(emulator)
    await client.refs()
    # What Baileys says before it is anybody must not end the connection.
    await client.send(Node("presence", {"name": "~"}))
    answer = await hello(client, make_iq, account.jid)
    ref = answer.child("link_code_companion_reg").child("link_code_pairing_ref").text
    assert emulator.waiting_ref(ref)

    typing = asyncio.create_task(emulator.phone_of(account).enter_code("ABCD1234"))
    notice = await client.expect("notification")
    assert (notice.get("type"), str(notice.jid("from"))) == (
        "link_code_companion_reg",
        "s.whatsapp.net",
    )
    told = notice.child("link_code_companion_reg")
    assert told.get("stage") == "primary_hello"
    assert [child.tag for child in told.children()] == [
        "link_code_pairing_ref",
        "link_code_pairing_wrapped_primary_ephemeral_pub",
        "primary_identity_pub",
    ]
    assert told.child("link_code_pairing_ref").text == ref

    finish = Node(
        "link_code_companion_reg",
        {"jid": account.jid, "stage": "companion_finish"},
        [
            Node("link_code_pairing_wrapped_key_bundle", {}, bytes(156)),
            Node("companion_identity_public", {}, client.identity.public),
            Node("link_code_pairing_ref", {}, ref.encode()),
        ],
    )
    assert (await client.query(make_iq("set", "md", finish))).get("type") == "result"
    with pytest.raises(Exception, match="wrong"):
        await typing


@pytest.mark.parametrize(
    ("jid", "changes", "code"),
    [
        ("15559990000@s.whatsapp.net", {}, "404"),
        ("15550001111@s.whatsapp.net", {"companion_platform_display": b"Firefox"}, "400"),
        ("15550001111@s.whatsapp.net", {"companion_server_auth_key_pub": bytes(32)}, "400"),
    ],
)
async def test_a_hello_that_makes_no_sense_is_refused(
    emulator: Emulator,
    client_of: Any,
    make_iq: Any,
    jid: str,
    changes: dict[str, bytes],
    code: str,
) -> None:
    await emulator.create_account("15550001111", "Alice")
    client = client_of(emulator)
    await client.refs()
    answer = await hello(client, make_iq, Jid.parse(jid), **changes)
    assert answer.child("error").get("code") == code


async def test_too_many_codes_are_refused(emulator: Emulator, client_of: Any, make_iq: Any) -> None:
    account = await emulator.create_account("15550001111", "Alice")
    client = client_of(emulator)
    await client.refs()
    codes = [await hello(client, make_iq, account.jid) for _ in range(11)]
    assert [answer.get("type") for answer in codes] == ["result"] * 10 + ["error"]


async def test_a_waiting_connection_may_ask_little(
    emulator: Emulator, client_of: Any, make_iq: Any
) -> None:
    client = client_of(emulator)
    await client.refs()
    assert (await client.query(make_iq("get", "w:p"))).get("type") == "result"
    answer = await client.query(make_iq("get", "privacy", Node("privacy")))
    assert answer.child("error").get("code") == "401"
    reg = Node("link_code_companion_reg", {"stage": "get_country_code"})
    answer = await client.query(make_iq("get", "md", reg))
    country = answer.child("link_code_companion_reg").child("country_code")
    assert country.get("iso") == "US"


async def test_the_phone_can_have_the_secret_of_a_qr_renewed(
    emulator: Emulator, client_of: Any, make_iq: Any
) -> None:
    client = client_of(emulator, push_name="Alice")
    refs = await client.refs()
    account = await emulator.account_for_ref(refs[0])
    rotate = Node("pair-device-rotate-qr", {}, [Node("ref", {}, refs[0].encode())])
    link = emulator.phone_of(account).linker._link
    assert (await link.query(make_iq("set", "md", rotate))).get("type") == "result"
    notice = await client.expect("notification")
    assert notice.get("type") == "companion_reg_refresh"
