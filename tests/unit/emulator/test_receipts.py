"""Receipts: whom they reach."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from waport.emulator import Emulator
from waport.emulator.groups import Member
from waport.wire import Jid, Node

Linked = Callable[..., Awaitable[Any]]


def enc(body: bytes = b"\x33cipher", kind: str = "msg", **attrs: str) -> Node:
    return Node("enc", {"v": "2", "type": kind, **attrs}, body)


def to_node(jid: Jid, *encs: Node) -> Node:
    return Node("to", {"jid": jid}, list(encs or (enc(),)))


def text(name: str, to: Jid, *entries: Node, extra: tuple[Node, ...] = (), **attrs: Any) -> Node:
    children = [Node("participants", {}, list(entries)), *extra]
    return Node("message", {"id": name, "to": to, "type": "text", **attrs}, children)


def message_ack(node: Node) -> bool:
    return node.get("class") == "message"


async def replay(client: Any) -> tuple[Node, list[Node], Node]:
    """The preview, the stanzas of the queue, the end marker."""
    preview = await client.expect("ib", lambda node: node.find("offline_preview") is not None)
    end = await client.expect("ib", lambda node: node.find("offline") is not None)
    return preview.child("offline_preview"), list(client.kept), end.child("offline")


async def test_receipts_reach_the_author_and_reads_also_the_own_devices(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob, bob2 = [await linked(emulator, name) for name in ("Alice", "Bob", "Bob")]
    await bob.ack_all()
    listed = Node("list", {}, [Node("item", {"id": "A2"})])
    attrs = {"id": "A1", "to": alice.jid.bare, "type": "read", "t": "1700000000"}
    await bob.send(Node("receipt", attrs, [listed]))
    ack = await bob.expect("ack")
    assert (ack.get("class"), ack.get("id"), ack.get("type")) == ("receipt", "A1", "read")
    assert ack.jid("from") == alice.jid.bare

    read = await alice.expect("receipt")
    assert (read.get("type"), read.jid("from")) == ("read", bob.jid)
    assert [item.get("id") for item in read.child("list").children()] == ["A2"]
    own = await bob2.expect("receipt")
    assert (own.jid("from"), own.jid("recipient")) == (bob.jid, alice.jid.bare)

    await bob.send(Node("receipt", {"id": "A1", "to": alice.lid}))
    delivered = await alice.expect("receipt", lambda node: node.get("type") is None)
    assert delivered.jid("from") == bob.lid
    assert [n for n in await bob2.settled() if n.tag == "receipt"] == []


async def test_a_retry_receipt_goes_to_one_device_with_its_keys(
    emulator: Emulator, linked: Linked
) -> None:
    alice, alice2, bob = [await linked(emulator, name) for name in ("Alice", "Alice", "Bob")]
    children = [
        Node("retry", {"v": "1", "count": "1", "id": "A1", "t": "1"}),
        Node("registration", {}, b"\x00\x00\x12\x67"),
    ]
    await bob.send(Node("receipt", {"id": "A1", "to": alice.lid, "type": "retry"}, children))
    retry = await alice.expect("receipt")
    assert (retry.get("type"), retry.jid("from")) == ("retry", bob.lid)
    assert [child.tag for child in retry.children()] == ["retry", "registration"]
    assert [n for n in await alice2.settled() if n.tag == "receipt"] == []


async def test_read_self_stays_with_the_own_devices(emulator: Emulator, linked: Linked) -> None:
    alice, bob, bob2 = [await linked(emulator, name) for name in ("Alice", "Bob", "Bob")]
    await bob.send(Node("receipt", {"id": "A1", "to": alice.lid.bare, "type": "read-self"}))
    own = await bob2.expect("receipt")
    assert (own.get("type"), own.jid("recipient")) == ("read-self", alice.lid.bare)
    await bob.settled()
    assert [n for n in await alice.settled() if n.tag == "receipt"] == []


async def test_receipts_wait_for_their_own_acks(emulator: Emulator, linked: Linked) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    await bob.send(Node("receipt", {"id": "A1", "to": alice.lid}))
    await bob.send(Node("receipt", {"id": "A1", "to": alice.lid, "type": "read"}))
    await alice.expect("receipt")
    read = await alice.expect("receipt")
    await alice.ack(read)
    await alice.settled()
    await alice.close()
    await alice.log_in()
    preview, queued, _ = await replay(alice)
    assert preview.get("receipt") == "1"
    assert [(node.get("id"), node.get("type")) for node in queued] == [("A1", None)]


@pytest.mark.parametrize("kind", ["read", "played"])
async def test_what_was_seen_in_a_group_is_told_to_the_author(
    emulator: Emulator, linked: Linked, kind: str
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    book = emulator.directory.groups
    made = book.create(alice.jid.user, "Friends", 1, "lid")
    book.join(made, Member(bob.jid.user))
    group = made.jid
    attrs = {"id": "A1", "to": group, "participant": alice.lid, "type": kind}
    await bob.send(Node("receipt", dict(attrs)))
    told = await alice.expect("receipt")
    assert (told.get("type"), told.jid("from"), told.jid("participant")) == (kind, group, bob.lid)


async def test_what_a_client_says_before_it_dies_is_heard(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    account = emulator.directory.by_name("Bob")
    assert account is not None
    device = account.devices[1]
    for round_number in range(5):
        names = [f"A{round_number}-{number}" for number in range(30)]
        for name in names:
            await alice.send(text(name, bob.lid.bare, to_node(bob.lid)))
        for _ in names:
            await bob.expect("message")
        for name in names:
            await bob.send(Node("receipt", {"id": name, "to": alice.lid}))
        # The acks of these receipts meet a connection that is no more.
        bob.kill()
        await bob.closed()
        for _ in names:
            await alice.expect("receipt")
        assert len(device.mailbox) == 0
        await bob.log_in()
