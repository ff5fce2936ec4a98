"""Messages between devices: fan-out, acks, repetitions, the offline queue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

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


async def test_each_listed_device_gets_its_own_ciphertext(
    emulator: Emulator, linked: Linked
) -> None:
    alice, alice2, bob = [await linked(emulator, name) for name in ("Alice", "Alice", "Bob")]
    await alice.ack_all()
    identity = Node("device-identity", {}, b"signed")
    extra = (identity, Node("tctoken", {}, b"used up"), Node("reporting", {}, [Node("x")]))
    entries = [to_node(bob.lid, enc(b"\x33for bob", "pkmsg")), to_node(alice2.lid)]
    await alice.send(text("A1", bob.lid.bare, *entries, extra=extra, phash="2:x", edit="1"))

    ack = await alice.expect("ack", message_ack)
    assert (ack.get("id"), ack.jid("from"), ack.get("error")) == ("A1", bob.lid.bare, None)

    copy = await bob.expect("message")
    assert copy.jid("from") == alice.lid
    assert copy.jid("sender_pn") == alice.jid
    assert (copy.get("notify"), copy.get("edit"), copy.get("t")) == ("Alice", "1", ack.get("t"))
    assert [child.tag for child in copy.children()] == ["enc", "device-identity", "reporting"]
    assert copy.child("enc").data == b"\x33for bob"
    assert not {"to", "phash", "recipient", "offline"} & set(copy.attrs)

    own = await alice2.expect("message")
    assert own.jid("from") == alice.lid
    assert own.jid("recipient") == bob.lid.bare
    assert own.jid("peer_recipient_pn") == bob.jid.bare
    # Beside a plain msg there is no identity to prove.
    assert [child.tag for child in own.children()] == ["enc", "reporting"]


async def test_addresses_keep_the_kind_that_the_sender_used(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    await alice.send(text("A1", bob.jid.bare, to_node(bob.jid)))
    copy = await bob.expect("message")
    assert (copy.jid("from"), copy.jid("sender_lid")) == (alice.jid, alice.lid)
    assert (await alice.expect("ack", message_ack)).jid("from") == bob.jid.bare


async def test_a_bare_ciphertext_is_for_the_phone(emulator: Emulator, linked: Linked) -> None:
    alice = await linked(emulator, "Alice")
    await emulator.create_account(name="Bob")
    bob = emulator.directory.by_name("Bob")
    assert bob is not None
    await alice.send(Node("message", {"id": "A1", "to": bob.jid, "type": "text"}, [enc()]))
    # The phone cannot read it and says so.
    retry = await alice.expect("receipt")
    assert (retry.get("type"), retry.jid("from")) == ("retry", bob.jid)


async def test_devices_that_are_not_of_either_person_get_nothing(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob, eve = [await linked(emulator, name) for name in ("Alice", "Bob", "Eve")]
    entries = [
        to_node(bob.lid),
        to_node(eve.lid),
        to_node(alice.lid),
        to_node(bob.lid.with_device(7)),
    ]
    await alice.send(text("A1", bob.lid.bare, *entries))
    await bob.expect("message")
    assert [n for n in await eve.settled() if n.tag == "message"] == []
    assert [n for n in await alice.settled() if n.tag == "message"] == []


@pytest.mark.parametrize(
    ("to", "error"),
    [
        ("15559998877@s.whatsapp.net", "404"),
        ("999@lid", "404"),
        ("120363000000000000@g.us", "404"),
        ("status@broadcast", "405"),
        ("120363000000000000@newsletter", "405"),
    ],
)
async def test_a_message_to_nobody_is_acked_with_an_error(
    emulator: Emulator, linked: Linked, to: str, error: str
) -> None:
    alice = await linked(emulator, "Alice")
    await alice.send(text("A1", Jid.parse(to), to_node(Jid.parse("1@lid"))))
    ack = await alice.expect("ack", message_ack)
    assert (ack.get("error"), str(ack.jid("from"))) == (error, to)


async def test_a_repeated_message_is_acked_again_and_not_delivered_twice(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    message = text("A1", bob.lid.bare, to_node(bob.lid))
    await alice.send(message)
    first = await alice.expect("ack", message_ack)
    await alice.send(message)
    assert (await alice.expect("ack", message_ack)).attrs == first.attrs
    await bob.expect("message")
    assert [n for n in await bob.settled() if n.tag == "message"] == []
    arrivals = list(emulator.arrivals("A1"))
    assert [arrival["duplicate"] for arrival in arrivals] == [False, True]
    assert arrivals[0]["sha256"] == arrivals[1]["sha256"]
    assert arrivals[0]["from"] == str(alice.jid)


async def test_a_resend_under_the_same_id_is_delivered_once_per_ciphertext(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    await alice.send(text("A1", bob.lid.bare, to_node(bob.lid)))
    await bob.expect("message")
    attrs = {"id": "A1", "to": bob.lid, "type": "text", "device_fanout": "false"}
    again = Node("message", attrs, [enc(b"\x33second", "pkmsg", count="1")])
    await alice.send(again)
    await alice.send(again)
    copy = await bob.expect("message")
    assert copy.child("enc").get("count") == "1"
    assert "device_fanout" not in copy.attrs
    assert [n for n in await bob.settled() if n.tag == "message"] == []


async def test_a_resend_in_both_forms_is_one_message(emulator: Emulator, linked: Linked) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    again = enc(b"\x33second", "pkmsg", count="1")
    attrs = {"id": "A1", "to": bob.lid, "type": "text", "device_fanout": "false"}
    both = [Node("participants", {}, [to_node(bob.lid, again)]), again]
    await alice.send(Node("message", attrs, both))
    await bob.expect("message")
    await alice.settled()
    assert [n for n in await bob.settled() if n.tag == "message"] == []


async def test_a_lost_ack_is_made_up_by_the_repetition(emulator: Emulator, linked: Linked) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    emulator.faults.lose_acks(alice.jid)
    message = text("A1", bob.lid.bare, to_node(bob.lid))
    await alice.send(message)
    await bob.expect("message")
    assert [n for n in await alice.settled() if n.tag == "ack" and message_ack(n)] == []
    await alice.send(message)
    await alice.expect("ack", message_ack)


async def test_a_blocked_sender_gets_its_ack_and_nothing_is_delivered(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice, alice2, bob = [await linked(emulator, name) for name in ("Alice", "Alice", "Bob")]
    item = Node("item", {"action": "block", "jid": alice.lid.bare, "pn_jid": alice.jid.bare})
    assert (await bob.query(make_iq("set", "blocklist", item))).get("type") == "result"
    await alice.send(text("A1", bob.lid.bare, to_node(bob.lid), to_node(alice2.lid)))
    assert (await alice.expect("ack", message_ack)).get("error") is None
    await alice2.expect("message")
    assert [n for n in await bob.settled() if n.tag == "message"] == []


async def test_a_peer_message_reaches_the_own_phone(emulator: Emulator, linked: Linked) -> None:
    alice = await linked(emulator, "Alice")
    attrs = {"id": "P1", "to": alice.jid.bare, "type": "text", "category": "peer"}
    await alice.send(Node("message", attrs, [Node("meta", {"appdata": "default"}), enc()]))
    await alice.expect("ack", message_ack)
    retry = await alice.expect("receipt")
    assert (retry.get("type"), retry.jid("from")) == ("retry", alice.jid.bare)
    assert retry.get("category") == "peer"


# --- the queue -----------------------------------------------------------------------------------


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


# --- receipts ------------------------------------------------------------------------------------


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
