"""Messages between devices: fan-out, acks, repetitions."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from waport.emulator import Emulator
from waport.wire import Jid, Node, encode_stanza

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
        ("1700000000@broadcast", "405"),
        ("120363000000000000@newsletter", "404"),
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


async def test_a_device_that_is_named_twice_gets_one_copy(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    entries = [to_node(jid, enc(body)) for jid, body in ((bob.lid, b"1"), (bob.jid, b"2"))]
    await alice.send(text("A1", bob.lid.bare, *entries))
    copies = [node for node in await bob.settled() if node.tag == "message"]
    await alice.settled()
    copies += [node for node in await bob.settled() if node.tag == "message" and node not in copies]
    assert [copy.child("enc").data for copy in copies] == [b"1"]


@pytest.mark.parametrize(
    ("name", "encs"), [("A" * 257, (enc(),)), ("A1", (enc(),) * 9), ("", (enc(),))]
)
async def test_a_message_beyond_all_measure_is_refused(
    emulator: Emulator, linked: Linked, name: str, encs: tuple[Node, ...]
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    await alice.send(text(name, bob.lid.bare, to_node(bob.lid, *encs)))
    assert (await alice.expect("ack", message_ack)).get("error") == "400"
    assert [node for node in await bob.settled() if node.tag == "message"] == []


async def test_every_message_that_comes_in_is_listed_with_its_digest(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    stanza = text("A1", bob.lid.bare, to_node(bob.lid))
    for _ in range(2):
        await alice.send(stanza)
        await alice.expect("ack", message_ack)
    digest = hashlib.sha256(encode_stanza(stanza)).hexdigest()
    assert list(emulator.arrivals("A1")) == [
        {"id": "A1", "from": str(alice.jid), "sha256": digest, "duplicate": again}
        for again in (False, True)
    ]
