"""The admin API, over a server in miniature."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

import httpx
import pytest

from waport.emulator.accounts import Account, Device
from waport.emulator.admin import MAX_BODY
from waport.errors import InvalidInput
from waport.wire import Jid, Node

ALICE, BOB = "15550001111", "15550002222"


def qr_text(ref: str = "2@ref") -> str:
    keys = [base64.b64encode(os.urandom(32)).decode() for _ in range(3)]
    return ",".join([ref, *keys, "1"])


async def test_the_server_says_where_it_is(http: httpx.AsyncClient, fake: Any) -> None:
    assert (await http.get("/info")).json() == fake.info()
    assert (await http.get("/root-key")).json() == {"root_key": "ab" * 32}


async def test_accounts_are_made_and_listed(
    http: httpx.AsyncClient, fake: Any, people: list[dict[str, str]]
) -> None:
    alice, bob = people
    assert alice["jid"] == f"{ALICE}@s.whatsapp.net"
    assert alice["lid"].endswith("@lid")
    assert (alice["phone"], alice["name"]) == (ALICE, "Alice")
    account = fake.directory.find(ALICE)
    assert account is not None
    account.devices[2] = Device(2)
    listed = (await http.get("/accounts")).json()["accounts"]
    assert listed == [{**alice, "devices": [0, 2]}, {**bob, "devices": [0]}]


async def test_an_account_needs_neither_number_nor_name(http: httpx.AsyncClient) -> None:
    answer = await http.post("/accounts")
    assert answer.status_code == 201
    assert answer.json()["phone"].isdigit()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"phone": 1}', 400),
        (b'{"phone": "12"}', 400),
        (b'{"name": ""}', 400),
        (b'{"name": "half \\ud83d"}', 400),
        (b"[]", 400),
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b"\xff", 400),
        (f'{{"phone": "{ALICE}"}}'.encode(), 409),
        (b" " * (MAX_BODY + 1), 413),
    ],
)
async def test_a_bad_account_is_refused(
    http: httpx.AsyncClient, people: list[dict[str, str]], body: bytes, status: int
) -> None:
    answer = await http.post("/accounts", content=body)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]


@pytest.mark.parametrize("kind", ["phone", "jid", "lid"])
async def test_a_text_is_sent_and_read(
    http: httpx.AsyncClient, server: Any, people: list[dict[str, str]], kind: str
) -> None:
    alice, bob = people
    sent = await http.post(
        f"/accounts/{alice[kind]}/send", json={"to": bob[kind], "text": "hello", "id": "MY-ID"}
    )
    assert sent.status_code == 200
    assert sent.json() == {"id": "MY-ID", "timestamp": 1_700_000_000}
    await server.quiet()
    (message,) = (await http.get(f"/accounts/{bob[kind]}/messages")).json()["messages"]
    assert (message["seq"], message["id"], message["text"]) == (1, "MY-ID", "hello")
    assert message["participant"] is None
    assert message["message"]["conversation"] == "hello"
    assert (await http.get(f"/accounts/{BOB}/messages?after=1")).json() == {"messages": []}
    read = await http.post(
        f"/accounts/{BOB}/read", json={"chat": alice[kind], "ids": ["MY-ID", "other"]}
    )
    assert read.json() == {"read": ["MY-ID"]}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/accounts/19998887777/send", {"to": BOB, "text": "x"}, 404),
        ("/accounts/nonsense/send", {"to": BOB, "text": "x"}, 404),
        (f"/accounts/{ALICE}/send", {"to": "19998887777", "text": "x"}, 404),
        (f"/accounts/{ALICE}/send", {"to": BOB}, 400),
        (f"/accounts/{ALICE}/send", {"to": BOB, "text": 5}, 400),
        (f"/accounts/{ALICE}/send", {"to": BOB, "text": ""}, 400),
        (f"/accounts/{ALICE}/send", {"to": BOB, "text": "half \ud83d"}, 400),
        (f"/accounts/{ALICE}/send", {"to": BOB, "text": "x", "id": "half \ud83d"}, 400),
        (f"/accounts/{ALICE}/send", {"to": "half \ud83d", "text": "x"}, 400),
        (f"/accounts/{ALICE}/send", {"text": "x"}, 400),
        (f"/accounts/{ALICE}/send", {"to": BOB, "text": "x", "id": 5}, 400),
        (f"/accounts/{ALICE}/read", {"chat": BOB, "ids": "A"}, 400),
        (f"/accounts/{ALICE}/read", {"chat": BOB, "ids": [1]}, 400),
        (f"/accounts/{ALICE}/unlink", {"device": "1"}, 400),
        (f"/accounts/{ALICE}/unlink", {"device": True}, 400),
        (f"/accounts/{ALICE}/unlink", {"device": 0}, 404),
        (f"/accounts/{ALICE}/unlink", {"device": 9}, 404),
        ("/mock-phone/enter-code", {"phone": "19998887777", "code": "ABCD1234"}, 404),
        ("/mock-phone/enter-code", {"phone": ALICE, "code": "ABCD1234"}, 404),
        ("/mock-phone/enter-code", {"phone": ALICE, "code": "0000"}, 400),
        ("/mock-phone/enter-code", {"phone": ALICE}, 400),
    ],
)
async def test_what_can_not_be_done_is_refused(
    http: httpx.AsyncClient,
    people: list[dict[str, str]],
    path: str,
    body: dict[str, object],
    status: int,
) -> None:
    answer = await http.post(path, content=json.dumps(body))
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]


@pytest.mark.parametrize("after", ["x", "-1", "²", "9" * 30])
async def test_after_is_a_number(
    http: httpx.AsyncClient, people: list[dict[str, str]], after: str
) -> None:
    answer = await http.get(f"/accounts/{BOB}/messages", params={"after": after})
    assert answer.status_code == 400


@pytest.mark.parametrize("named", [None, ALICE, f"{ALICE}@s.whatsapp.net"])
async def test_a_qr_is_scanned_by_the_right_phone(
    http: httpx.AsyncClient,
    server: Any,
    fake: Any,
    people: list[dict[str, str]],
    named: str | None,
) -> None:
    account = fake.directory.find(ALICE)
    assert account is not None
    fake.waiting["2@ref"] = account
    scanned: list[Jid] = []

    def answer(device: Jid, iq: Node) -> Node | None:
        if iq.find("pair-device") is None:
            return None
        scanned.append(device)
        return Node("iq", {"type": "result"}, [Node("device", {"jid": device.with_device(1)})])

    server.answers = answer
    params = {} if named is None else {"account": named}
    response = await http.post("/mock-phone/scan-qr", content=qr_text(), params=params)
    assert response.status_code == 200
    assert response.json() == {"jid": f"{ALICE}:1@s.whatsapp.net"}
    assert scanned == [account.jid]


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("nonsense", {}),
        ("", {}),
        (qr_text("2@unknown"), {}),
        (qr_text(), {"account": "19998887777"}),
    ],
)
async def test_an_unknown_qr_is_not_found(
    http: httpx.AsyncClient, people: list[dict[str, str]], text: str, params: dict[str, str]
) -> None:
    answer = await http.post("/mock-phone/scan-qr", content=text, params=params)
    assert answer.status_code == 404
    assert list(answer.json()) == ["error"]


async def test_companions_are_unlinked(
    http: httpx.AsyncClient, fake: Any, people: list[dict[str, str]]
) -> None:
    account = fake.directory.find(ALICE)
    assert account is not None
    account.devices[1] = Device(1)
    one = await http.post(f"/accounts/{ALICE}/unlink", json={"device": 1})
    everything = await http.post(f"/accounts/{ALICE}/unlink")
    assert one.json() == {"unlinked": [1]}
    assert everything.json() == {"unlinked": [1, 2]}
    assert fake.unlinked == [(ALICE, 1), (ALICE, None)]


async def test_arrivals_are_listed(http: httpx.AsyncClient) -> None:
    assert [a["id"] for a in (await http.get("/arrivals")).json()["arrivals"]] == ["A", "B"]
    assert [a["id"] for a in (await http.get("/arrivals?id=B")).json()["arrivals"]] == ["B"]


async def test_a_number_that_the_server_refuses_is_a_bad_request(
    http: httpx.AsyncClient, fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(phone: str | None, name: str | None) -> Account:
        raise InvalidInput("no")

    monkeypatch.setattr(fake, "create_account", refuse)
    assert (await http.post("/accounts", json={"phone": "15551234567"})).status_code == 400


def file_body(**changes: Any) -> dict[str, Any]:
    """A picture for Bob."""
    file = base64.b64encode(b"a picture").decode()
    return {"to": BOB, "file": file, "mimetype": "image/jpeg", **changes}


async def test_a_file_is_sent_and_fetched(
    http: httpx.AsyncClient, server: Any, people: list[dict[str, str]]
) -> None:
    sent = await http.post(f"/accounts/{ALICE}/send", json=file_body(caption="look"))
    assert sent.status_code == 200
    await server.quiet()
    (message,) = (await http.get(f"/accounts/{BOB}/messages")).json()["messages"]
    assert message["text"] is None
    shown = message["message"]["imageMessage"]
    assert (shown["caption"], shown["mimetype"]) == ("look", "image/jpeg")
    path = f"/messages/{sent.json()['id']}/file"
    for account in (ALICE, BOB):
        file = await http.get(f"/accounts/{account}{path}")
        assert (file.status_code, file.content) == (200, b"a picture")
        assert file.headers["content-type"] == "image/jpeg"
    assert (await http.get(f"/accounts/{BOB}/messages/unknown/file")).status_code == 404
    server.media.files = dict.fromkeys(server.media.files, b"something else")
    refused = await http.get(f"/accounts/{BOB}{path}")
    assert (refused.status_code, list(refused.json())) == (409, ["error"])


async def test_any_message_is_sent_as_protobuf_json(
    http: httpx.AsyncClient, server: Any, people: list[dict[str, str]]
) -> None:
    poll = {"name": "Tea?", "options": [{"optionName": "yes"}, {"optionName": "no"}]}
    body = {"to": BOB, "id": "POLL", "message": {"pollCreationMessageV3": poll}}
    assert (await http.post(f"/accounts/{ALICE}/send", json=body)).json()["id"] == "POLL"
    key = {"remoteJid": f"{ALICE}@s.whatsapp.net", "fromMe": True, "id": "POLL"}
    revoke = {"protocolMessage": {"type": "REVOKE", "key": key}}
    await http.post(f"/accounts/{ALICE}/send", json={"to": BOB, "message": revoke})
    await server.quiet()
    polled, revoked = (await http.get(f"/accounts/{BOB}/messages")).json()["messages"]
    assert polled["message"]["pollCreationMessageV3"] == poll
    assert len(base64.b64decode(polled["message"]["messageContextInfo"]["messageSecret"])) == 32
    assert "messageContextInfo" not in revoked["message"]
    stanzas = server.stanzas("message", Jid(ALICE, "s.whatsapp.net"))
    assert [(node.get("type"), node.get("edit")) for node in stanzas] == [
        ("poll", None),
        ("text", "7"),
    ]
    assert stanzas[0].child("meta").attrs == {"polltype": "creation"}


@pytest.mark.parametrize(
    "body",
    [
        file_body(text="also"),
        file_body(file="no base64!"),
        file_body(file="YQ"),
        file_body(file="ä"),
        file_body(file=""),
        file_body(file=5),
        file_body(mimetype=None),
        file_body(kind="hologram"),
        file_body(mimetype="audio/mpeg", caption="x"),
        {"to": BOB, "message": "text"},
        {"to": BOB, "message": {}},
        {"to": BOB, "message": {"noSuchField": 1}},
        {"to": BOB, "message": {"conversation": 5}},
        {"to": BOB, "message": {"conversation": "half \ud83d"}},
        {"to": BOB, "message": {"imageMessage": {"mediaKey": 5}}},
    ],
)
async def test_what_is_no_message_is_refused(
    http: httpx.AsyncClient, people: list[dict[str, str]], body: dict[str, Any]
) -> None:
    answer = await http.post(f"/accounts/{ALICE}/send", content=json.dumps(body))
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


async def test_a_deeply_nested_message_is_refused(
    http: httpx.AsyncClient, people: list[dict[str, str]]
) -> None:
    depth = 2000
    message = '{"ephemeralMessage":{"message":' * depth + "{}" + "}}" * depth
    content = f'{{"to": "{BOB}", "message": {message}}}'
    answer = await http.post(f"/accounts/{ALICE}/send", content=content)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])
