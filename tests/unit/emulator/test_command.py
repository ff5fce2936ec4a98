"""The command line, and the admin API over the port as outside scripts use it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from waport import cli
from waport.emulator import Emulator, EmulatorOptions, server
from waport.wire import Node

Linked = Callable[..., Awaitable[Any]]


@pytest.fixture
async def http(emulator: Emulator) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=emulator.admin_url) as client:
        yield client


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], EmulatorOptions(port=8080)),
        (
            ["--host", "::1", "--port", "9", "--state", "/x", "--plain", "--chatstate-ttl", "0.5"],
            EmulatorOptions("::1", 9, "/x", plain=True, chatstate_ttl=0.5),
        ),
        (["--group", "Friends"], EmulatorOptions(port=8080, group="Friends")),
    ],
)
def test_every_option_reaches_the_emulator(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], expected: EmulatorOptions
) -> None:
    taken: list[EmulatorOptions] = []

    async def run(options: EmulatorOptions) -> None:
        taken.append(options)

    monkeypatch.setattr(server, "run", run)
    assert cli.main(["emulator", *arguments]) == 0
    assert taken == [expected]


async def test_options_take_effect() -> None:
    async with Emulator(EmulatorOptions(chatstate_ttl=0.25, group="Friends")) as emulator:
        assert emulator.policy.chatstate_ttl_s == 0.25
        alice, bob = [await emulator.create_account(name=name) for name in ("Alice", "Bob")]
        groups = list(emulator.directory.groups)
    assert [(group.subject, list(group.members)) for group in groups] == [
        ("Friends", [alice.number]),
        ("Friends", [bob.number]),
    ]


async def test_an_account_is_used_by_number_jid_and_hidden_id(http: httpx.AsyncClient) -> None:
    alice = (await http.post("/accounts", json={"phone": "15550001111", "name": "Alice"})).json()
    bob = (await http.post("/accounts")).json()
    assert alice["jid"] == "15550001111@s.whatsapp.net"
    for address in ("phone", "jid", "lid"):
        body = {"to": bob[address], "text": address}
        sent = await http.post(f"/accounts/{alice[address]}/send", json=body)
        assert set(sent.json()) == {"id", "timestamp"}
        answer = await http.get(f"/accounts/{bob[address]}/messages")
        latest = answer.json()["messages"][-1]
        assert (latest["text"], latest["id"]) == (address, sent.json()["id"])
        assert latest["from"] in (alice["jid"], alice["lid"])
    listed = (await http.get("/accounts")).json()["accounts"]
    assert listed == [{**alice, "devices": [0]}, {**bob, "devices": [0]}]


async def test_a_script_links_and_unlinks_a_companion(
    http: httpx.AsyncClient, emulator: Emulator, client_of: Any
) -> None:
    client = client_of(emulator, push_name="Alice")
    refs = await client.refs()
    qr = "https://wa.me/settings/linked_devices#" + client.qr(refs[0])
    scan = asyncio.create_task(http.post("/mock-phone/scan-qr", content=qr))
    await client.answer_pair_success()
    answer = await scan
    assert (answer.status_code, answer.json()) == (200, {"jid": str(client.jid)})
    await client.close()
    again = await http.post("/mock-phone/scan-qr", content=qr)
    assert (again.status_code, list(again.json())) == (404, ["error"])

    await client.log_in()
    gone = await http.post(f"/accounts/{client.jid.user}/unlink")
    assert gone.json() == {"unlinked": [1]}
    assert (await client.expect("stream:error")).get("code") == "401"
    assert (await http.post(f"/accounts/{client.jid.user}/unlink")).json() == {"unlinked": []}


async def test_the_account_of_a_qr_can_be_named(
    http: httpx.AsyncClient, emulator: Emulator, client_of: Any
) -> None:
    account = await emulator.create_account(name="Alice")
    client = client_of(emulator, push_name="Somebody else")
    refs = await client.refs()
    scan = asyncio.create_task(
        http.post(
            "/mock-phone/scan-qr",
            content=client.qr(refs[0]),
            params={"account": str(account.lid)},
        )
    )
    await client.answer_pair_success()
    assert (await scan).json() == {"jid": str(account.jid.with_device(1))}


async def test_arrivals_are_told_over_http(
    http: httpx.AsyncClient, emulator: Emulator, linked: Linked
) -> None:
    alice = await linked(emulator, "Alice")
    await alice.send(Node("message", {"id": "A1", "to": alice.jid.bare, "type": "text"}))
    await alice.settled()
    (arrival,) = (await http.get("/arrivals", params={"id": "A1"})).json()["arrivals"]
    assert set(arrival) == {"id", "from", "sha256", "duplicate"}
    assert (arrival["id"], arrival["from"]) == ("A1", str(alice.jid))
    assert (await http.get("/arrivals?id=nothing")).json() == {"arrivals": []}
