"""What one client does to itself is its own business; nobody else may notice."""

from __future__ import annotations

import socket
import time
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from waport.crypto import KeyPair
from waport.emulator import Emulator, EmulatorOptions, mailbox
from waport.proto import pb
from waport.wire import Node, encode_node, encode_stanza

Linked = Callable[..., Awaitable[Any]]

NOT_UTF8 = b"\xff\xfe"


def message(name: str, sender: Any, receiver: Any, *extra: Node) -> Node:
    enc = Node("enc", {"v": "2", "type": "msg"}, b"\x33cipher")
    to = Node("to", {"jid": receiver.lid}, [enc])
    attrs = {"id": name, "to": receiver.lid.bare, "type": "text"}
    return Node("message", dict(attrs), [Node("participants", {}, [to]), *extra])


async def test_small_frames_do_not_wait_for_each_other(emulator: Emulator, linked: Linked) -> None:
    await linked(emulator, "Alice")
    assert emulator._listener is not None
    sockets = [c.transport.get_extra_info("socket") for c in emulator._listener._state.connections]
    assert sockets
    for accepted in sockets:
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_the_last_stanza_is_read_before_the_connection_closes(
    emulator: Emulator, client_of: Any
) -> None:
    # A client that closes first need not wait; one that does nothing has some time to look.
    client = client_of(emulator)
    await client.open(client.registration(eRegid=b"short"))
    await client.expect("failure")
    start = time.monotonic()
    await client.closed()
    assert time.monotonic() - start > 0.05


@pytest.mark.parametrize(
    "spoil",
    [
        {"deviceProps": b"\x0a\x02" + NOT_UTF8},
        {"deviceProps": pb.DeviceProps(os="x" * 1000).SerializeToString()},
    ],
)
async def test_a_registration_with_an_unreadable_name_is_refused(
    emulator: Emulator, client_of: Any, spoil: dict[str, bytes]
) -> None:
    client = client_of(emulator)
    await client.open(client.registration(**spoil))
    assert (await client.expect("failure")).get("reason") == "400"


@pytest.mark.parametrize("name", [NOT_UTF8, b"x" * 1000])
async def test_a_registration_with_an_unreadable_push_name_is_refused(
    emulator: Emulator, client_of: Any, name: bytes
) -> None:
    client = client_of(emulator)
    field = b"\x3a" + _varint(len(name)) + name  # pushName
    assert pb.ClientPayload.FromString(field).HasField("pushName")
    await client.open(client.registration() + field)
    assert (await client.expect("failure")).get("reason") == "400"


def _varint(number: int) -> bytes:
    low = number & 0x7F
    return bytes([low | 0x80, number >> 7]) if number > 0x7F else bytes([low])


async def test_a_stanza_that_cannot_be_passed_on_locks_nobody_out(
    tmp_path: Path, linked: Linked
) -> None:
    options = EmulatorOptions(plain=True, state=str(tmp_path))
    async with Emulator(options) as emulator:
        alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
        # Text that reads like an address and cannot be written as one.
        trap = Node("meta", {"x": "1:99999x@s.whatsapp.net"})
        raw = encode_stanza(message("A1", alice, bob, trap)).replace(b"99999x", b"999999")
        await alice.send_raw(raw)
        await alice.send(message("A2", alice, bob))
        assert (await bob.expect("message")).get("id") == "A2"
        await bob.close()
        await bob.log_in()
        assert (await bob.expect("message")).get("id") == "A2"
        await alice.close()
        await bob.close()
    async with Emulator(options) as emulator:
        bob.emulator = emulator
        await bob.log_in()
        assert (await bob.expect("message")).get("id") == "A2"
        await bob.close()


@pytest.mark.parametrize("deflate", [True, False])
async def test_a_stanza_of_countless_nodes_is_dropped_alone(
    emulator: Emulator, linked: Linked, make_iq: Any, deflate: bool
) -> None:
    alice = await linked(emulator, "Alice")
    many = Node("list", {}, [Node("item")] * 60_000)
    bomb = Node("iq", {"id": "bomb", "type": "get", "xmlns": "w:p"}, [many, many])
    if deflate:
        await alice.send_raw(b"\x02" + zlib.compress(encode_node(bomb)))
    else:
        await alice.send(bomb)
    await alice.query(make_iq("get", "w:p"))
    assert [node for node in alice.kept if node.get("id") == "bomb"] == []


async def test_a_large_stanza_of_reasonable_content_is_read(
    emulator: Emulator, linked: Linked
) -> None:
    bob = await linked(emulator, "Bob")
    answer = await bob.upload(4_000, start=100)
    assert answer.get("type") == "result"
    device = emulator.directory.by_name("Bob").devices[1]  # type: ignore[union-attr]
    assert len(device.pre_keys) > 4_000


async def test_a_device_that_never_comes_back_keeps_only_so_much(
    emulator: Emulator, linked: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "MAX_LETTERS", 5)
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    await bob.close()
    for number in range(8):
        await alice.send(message(f"A{number}", alice, bob))
    await alice.settled()
    await bob.log_in()
    await bob.expect("ib", lambda node: node.find("offline") is not None)
    assert [node.get("id") for node in bob.kept if node.tag == "message"] == [
        f"A{number}" for number in range(3, 8)
    ]


@pytest.mark.parametrize(
    "question",
    [
        Node("usync", {}, [Node("query", {}, [Node(f"p{n}") for n in range(33)]), Node("list")]),
        Node(
            "usync",
            {},
            [Node("query", {}, [Node("lid")]), Node("list", {}, [Node("user")] * 20_001)],
        ),
    ],
)
async def test_nobody_may_ask_about_everybody_at_once(
    emulator: Emulator, linked: Linked, make_iq: Any, question: Node
) -> None:
    alice = await linked(emulator, "Alice")
    answer = await alice.query(make_iq("get", "usync", question))
    assert answer.child("error").get("code") == "400"


@pytest.mark.parametrize(
    ("namespace", "question"),
    [
        ("privacy", Node("privacy", {}, [Node("category", {"name": "mood", "value": "all"})])),
        ("privacy", Node("privacy", {}, [Node("category", {"name": "last", "value": "me"})])),
        ("privacy", Node("tokens", {}, [Node("token", {"jid": "1@lid"})] * 257)),
        ("disappearing_mode", Node("disappearing_mode", {"duration": "4294967296"})),
    ],
)
async def test_only_what_exists_can_be_set(
    emulator: Emulator, linked: Linked, make_iq: Any, namespace: str, question: Node
) -> None:
    alice = await linked(emulator, "Alice")
    answer = await alice.query(make_iq("set", namespace, question))
    assert answer.child("error").get("code") == "400"


async def test_a_block_list_is_changed_as_a_whole_or_not_at_all(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice = await linked(emulator, "Alice")
    bob = await emulator.create_account(name="Bob")
    items = [
        Node("item", {"action": "block", "jid": bob.lid}),
        Node("item", {"action": "shout", "jid": bob.lid}),
    ]
    answer = await alice.query(make_iq("set", "blocklist", *items))
    assert answer.child("error").get("code") == "400"
    assert emulator.directory.by_name("Alice").blocked == set()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("DELETE", "/accounts", 405), ("POST", "/info", 405)],
)
async def test_an_unknown_path_is_an_error_like_any_other(
    emulator: Emulator, method: str, path: str, status: int
) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.request(method, emulator.admin_url + path)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]


async def test_clients_that_say_nothing_do_not_keep_others_out(
    emulator: Emulator, client_of: Any
) -> None:
    silent = [socket.create_connection(("127.0.0.1", emulator.port)) for _ in range(50)]
    try:
        client = client_of(emulator, noise=KeyPair.generate())
        assert len(await client.refs()) == 6
    finally:
        for opened in silent:
            opened.close()
