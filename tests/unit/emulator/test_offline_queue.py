"""What waits for a device that is away, and comes at its next login."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from waport.emulator import Emulator, EmulatorOptions
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


async def test_what_was_missed_comes_in_order_and_marked(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    await bob.close()
    for number in range(12):
        await alice.send(text(f"A{number}", bob.lid.bare, to_node(bob.lid)))
    await alice.settled()
    await bob.log_in()
    preview, queued, end = await replay(bob)
    assert (preview.get("count"), preview.get("message"), end.get("count")) == ("12", "12", "12")
    assert [node.get("id") for node in queued] == [f"A{number}" for number in range(12)]
    assert [node.get("offline") for node in queued] == [str(number) for number in range(12)]


async def test_an_empty_queue_has_a_preview_and_an_end_too(
    emulator: Emulator, linked: Linked
) -> None:
    bob = await linked(emulator, "Bob")
    await bob.close()
    await bob.log_in()
    preview, queued, end = await replay(bob)
    assert (preview.get("count"), queued, end.get("count")) == ("0", [], "0")


async def test_nothing_comes_before_active_when_the_login_is_passive(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    await bob.close()
    await bob.log_in(active=False)
    await alice.send(text("A1", bob.lid.bare, to_node(bob.lid)))
    await alice.settled()
    assert await bob.settled() == []
    await bob.query(make_iq("set", "passive", Node("active")))
    _, queued, _ = await replay(bob)
    assert [node.get("id") for node in queued] == ["A1"]


async def test_a_login_that_is_not_passive_gets_its_queue_at_once(
    emulator: Emulator, linked: Linked
) -> None:
    bob = await linked(emulator, "Bob")
    await bob.close()
    await bob.log_in(passive=False)
    await replay(bob)


async def test_the_queue_waits_to_be_pulled(emulator: Emulator, linked: Linked) -> None:
    emulator.policy.batch_wait_s = 60.0
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    await bob.close()
    for number in range(10):
        await alice.send(text(f"A{number}", bob.lid.bare, to_node(bob.lid)))
    await alice.settled()
    await bob.log_in(pull=True)
    messages = [node for node in await bob.settled() if node.tag == "message"]
    assert len(messages) == 5
    await alice.send(text("live", bob.lid.bare, to_node(bob.lid)))
    await alice.settled()
    await bob.send(Node("ib", {}, [Node("offline_batch", {"count": "3"})]))
    messages = [node for node in await bob.settled() if node.tag == "message"]
    assert len(messages) == 8
    await bob.send(Node("ib", {}, [Node("offline_batch", {"count": "200"})]))
    await bob.settled()
    order = [node.get("id") or node.children()[0].tag for node in bob.kept]
    assert order == [
        "offline_preview",
        *(f"A{number}" for number in range(10)),
        "offline",
        "live",
    ]
    assert bob.kept[-1].get("offline") is None


async def test_the_rest_of_the_queue_comes_unasked_after_a_while(
    emulator: Emulator, linked: Linked
) -> None:
    emulator.policy.batch_wait_s = 0.01
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    await bob.close()
    for number in range(10):
        await alice.send(text(f"A{number}", bob.lid.bare, to_node(bob.lid)))
    await alice.settled()
    await bob.log_in(pull=True)
    _, queued, _ = await replay(bob)
    assert len(queued) == 10


async def test_what_was_acknowledged_does_not_come_again(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    for number in range(4):
        await alice.send(text(f"A{number}", bob.lid.bare, to_node(bob.lid)))
    copies = [await bob.expect("message") for _ in range(4)]
    await bob.ack(copies[0])
    await bob.send(Node("receipt", {"id": "A1", "to": alice.lid}))
    # A request to send again says the opposite of having it.
    await bob.send(Node("receipt", {"id": "A2", "to": alice.lid, "type": "retry"}))
    await bob.settled()
    bob.kill()
    await bob.closed()
    await bob.log_in()
    _, queued, _ = await replay(bob)
    assert [node.get("id") for node in queued if node.tag == "message"] == ["A2", "A3"]


async def test_an_own_copy_is_settled_by_a_receipt_only(emulator: Emulator, linked: Linked) -> None:
    alice, alice2, bob = [await linked(emulator, name) for name in ("Alice", "Alice", "Bob")]
    await alice.send(text("A1", bob.lid.bare, to_node(alice2.lid)))
    copy = await alice2.expect("message")
    await alice2.ack(copy)
    await alice2.close()
    await alice2.log_in()
    await alice2.expect("message")
    # Baileys leaves `to` out in this case.
    attrs = {"id": "A1", "type": "sender", "recipient": bob.lid.bare}
    await alice2.send(Node("receipt", attrs))
    await alice2.settled()
    await alice2.close()
    await alice2.log_in()
    _, queued, _ = await replay(alice2)
    assert queued == []
    told = await alice.expect("receipt")
    assert (told.get("type"), told.jid("from"), told.jid("recipient")) == (
        "sender",
        alice2.lid,
        bob.lid.bare,
    )


async def test_a_killed_connection_loses_nothing_and_keeps_the_order(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    seen: list[str] = []
    for round_number in range(5):
        for number in range(20):
            name = f"A{round_number}-{number}"
            await alice.send(text(name, bob.lid.bare, to_node(bob.lid)))
            if number == 10:
                bob.kill()
        await alice.settled()
        await bob.closed()
        await bob.log_in()
        await bob.expect("ib", lambda node: node.find("offline") is not None)
        for node in [n for n in await bob.settled() if n.tag == "message"]:
            await bob.ack(node)
            if node.attr("id") not in seen:
                seen.append(node.attr("id"))
        await bob.settled()
        bob.kept.clear()
    assert seen == [f"A{r}-{n}" for r in range(5) for n in range(20)]


async def test_queues_and_accounts_survive_a_restart(
    tmp_path: Any, linked: Linked, client_of: Any
) -> None:
    options = EmulatorOptions(plain=True, state=str(tmp_path))
    async with Emulator(options) as emulator:
        root = emulator.root_key
        alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
        await bob.close()
        await alice.send(text("A1", bob.lid.bare, to_node(bob.lid)))
        await alice.expect("ack", message_ack)
        await alice.close()
    async with Emulator(options) as emulator:
        assert emulator.root_key == root
        for client in (alice, bob):
            client.emulator = emulator
        await bob.log_in()
        _, queued, _ = await replay(bob)
        assert [node.get("id") for node in queued if node.tag == "message"] == ["A1"]
        await alice.log_in()
        # Known already: acked as before, not delivered again.
        await alice.send(text("A1", bob.lid.bare, to_node(bob.lid)))
        await alice.expect("ack", message_ack)
        assert next(iter(emulator.arrivals("A1")))["duplicate"] is True
        again = await linked(emulator, "Alice")
        assert again.jid.user == alice.jid.user
        for client in (alice, bob, again):
            await client.close()


async def test_stanzas_of_every_kind_keep_the_order_in_which_they_happened(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    account = emulator.directory.by_name("Bob")
    assert account is not None
    await bob.close()
    await alice.send(text("A1", bob.lid.bare, to_node(bob.lid)))
    await alice.send(Node("receipt", {"id": "B1", "to": bob.lid}))
    await alice.settled()
    emulator.faults.post(bob.jid, Node("notification", {"id": "N1", "type": "psa"}))
    await alice.send(text("A2", bob.lid.bare, to_node(bob.lid)))
    await alice.settled()
    await bob.log_in()
    preview, queued, end = await replay(bob)
    assert [node.get("id") for node in queued] == ["A1", "B1", "N1", "A2"]
    assert [node.get("offline") for node in queued] == ["0", "1", "2", "3"]
    kinds = ("count", "message", "receipt", "notification")
    assert [preview.get(kind) for kind in kinds] == ["4", "2", "1", "1"]
    assert end.get("count") == "4"


async def test_there_is_no_delivery_receipt_while_the_peer_is_away(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    await bob.close()
    await alice.send(text("A1", bob.lid.bare, to_node(bob.lid)))
    assert (await alice.expect("ack", message_ack)).get("error") is None
    assert [node for node in await alice.settled() if node.tag == "receipt"] == []
    await bob.log_in()
    await bob.expect("message")
    # What is said just before the end counts too.
    await bob.send(Node("receipt", {"id": "A1", "to": alice.lid}))
    await bob.close()
    assert (await alice.expect("receipt")).jid("from") == bob.lid


async def test_clients_that_die_at_once_and_come_back_again_and_again_miss_nothing(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob, bob2 = [await linked(emulator, name) for name in ("Alice", "Bob", "Bob")]
    phones = {
        name: emulator.phone_of(account)
        for name in ("Alice", "Bob")
        if (account := emulator.directory.by_name(name)) is not None
    }
    expected: dict[str, list[str]] = {"Alice": [], "Bob": []}
    got: dict[str, list[str]] = {"alice": [], "bob": [], "bob2": []}
    clients = {"alice": alice, "bob": bob, "bob2": bob2}
    for turn in range(5):
        for client in clients.values():
            client.kill()
        for number in range(20):
            name = f"M{turn:02}{number:02}"
            await phones["Alice"].send_text(bob.jid.bare, "hello", f"{name}B")
            await phones["Bob"].send_text(alice.lid.bare, "hello", f"{name}A")
            expected["Bob"].append(f"{name}B")
            expected["Alice"].append(f"{name}A")
        for key, client in clients.items():
            await client.log_in()
            await client.expect("ib", lambda node: node.find("offline") is not None)
            for node in [node for node in client.kept if node.tag == "message"]:
                if node.get("recipient") is None:
                    got[key].append(node.attr("id"))
                receipt = {"id": node.attr("id"), "to": node.attrs["from"]}
                await client.send(Node("receipt", receipt))
            await client.settled()
            client.kept.clear()
    assert got == {"alice": expected["Alice"], "bob": expected["Bob"], "bob2": expected["Bob"]}
