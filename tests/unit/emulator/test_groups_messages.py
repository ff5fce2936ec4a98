"""Messages to groups and status posts: who gets which part, what is acked, what comes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest

from waport.emulator import Emulator
from waport.emulator.groups import Group, Member
from waport.emulator.notifications import phash
from waport.wire import Jid, Node

Linked = Callable[..., Awaitable[Any]]

STATUS = Jid("status", "broadcast")


def enc(body: bytes, kind: str, **attrs: str) -> Node:
    return Node("enc", {"v": "2", "type": kind, **attrs}, body)


def part(jid: Jid, body: bytes = b"\x33key", kind: str = "pkmsg", **attrs: str) -> Node:
    return Node("to", {"jid": jid}, [enc(body, kind, **attrs)])


def text(
    name: str,
    to: Jid,
    *parts: Node,
    shared: bytes | None = b"\x33all",
    more: Any = (),
    **attrs: Any,
) -> Node:
    children = [Node("participants", {}, list(parts))] if parts else []
    if shared is not None:
        children.append(enc(shared, "skmsg", mediatype="image"))
    return Node("message", {"id": name, "to": to, "type": "text", **attrs}, [*children, *more])


async def acked(client: Any, node: Node) -> Node:
    await client.send(node)
    ack: Node = await client.expect("ack", lambda n: n.get("id") == node.get("id"))
    return ack


def parts_of(copy: Node) -> list[tuple[str | None, bytes]]:
    return [(child.get("type"), child.data) for child in copy.children("enc")]


def messages(nodes: Iterable[Node]) -> list[Node]:
    return [node for node in nodes if node.tag == "message"]


def make_group(emulator: Emulator, *clients: Any, mode: Any = "lid") -> Group:
    book = emulator.directory.groups
    group = book.create(clients[0].jid.user, "Friends", 1_700_000_000, mode)
    for client in clients[1:]:
        book.join(group, Member(client.jid.user))
    return group


async def test_every_device_gets_its_own_part_and_then_what_is_for_all(
    emulator: Emulator, linked: Linked
) -> None:
    names = ("Alice", "Alice", "Bob", "Bob", "Eve")
    alice, alice2, bob, bob2, eve = [await linked(emulator, name) for name in names]
    for client in (alice, alice2, bob):
        await client.ack_all()
    group = make_group(emulator, alice, bob)
    more = [Node("device-identity", {}, b"signed"), Node("reporting", {}, [Node("x")])]
    stanza = text(
        "A1",
        group.jid,
        part(bob.lid),
        part(alice2.lid, kind="msg"),
        part(eve.lid),
        part(Jid("1", "lid", 3)),
        more=more,
        addressing_mode="lid",
        edit="1",
        expiration="60",
    )
    ack = await acked(alice, stanza)
    assert (ack.jid("from"), ack.get("error"), ack.get("phash")) == (group.jid, None, None)

    copy = await bob.expect("message")
    assert copy.attrs == {
        "id": "A1",
        "type": "text",
        "edit": "1",
        "from": group.jid,
        "participant": alice.lid,
        "participant_pn": alice.jid,
        "addressing_mode": "lid",
        "t": ack.attr("t"),
        "notify": "Alice",
    }
    assert parts_of(copy) == [("pkmsg", b"\x33key"), ("skmsg", b"\x33all")]
    assert copy.children("enc")[1].get("mediatype") == "image"
    assert [n.tag for n in copy.children()][2:] == ["device-identity", "reporting"]
    own = await alice2.expect("message")
    assert parts_of(own) == [("msg", b"\x33key"), ("skmsg", b"\x33all")]
    assert "recipient" not in own.attrs
    other = await bob2.expect("message")
    assert parts_of(other) == [("skmsg", b"\x33all")]
    assert [n.tag for n in other.children()][1:] == ["reporting"]
    assert not messages(await eve.settled()) + messages(await alice.settled())


async def test_a_group_of_phone_numbers_is_written_to_by_number(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    group = make_group(emulator, alice, bob, mode="pn")
    refused = await acked(alice, text("A1", group.jid, addressing_mode="lid"))
    assert (refused.get("error"), refused.get("addressing_mode")) == ("421", "pn")
    for name, attrs in (("A1", {"addressing_mode": "pn"}), ("A2", {})):
        assert (await acked(alice, text(name, group.jid, **attrs))).get("error") is None
        copy = await bob.expect("message")
        assert (copy.jid("participant"), copy.jid("participant_lid")) == (alice.jid, alice.lid)


async def test_who_may_not_write_is_told_why(emulator: Emulator, linked: Linked) -> None:
    alice, bob, eve = [await linked(emulator, name) for name in ("Alice", "Bob", "Eve")]
    group = make_group(emulator, alice, bob)
    group.flags.add("announcement")
    unknown = Jid("120363000000000000", "g.us")
    assert (await acked(alice, text("A1", unknown))).get("error") == "404"
    assert (await acked(eve, text("E1", group.jid))).get("error") == "403"
    assert (await acked(bob, text("B1", group.jid))).get("error") == "401"
    assert (await acked(alice, text("A2", group.jid))).get("error") is None
    assert (await acked(alice, text("A3", group.jid, shared=None))).get("error") == "400"
    many = Node("to", {"jid": bob.lid}, [enc(b"\x33", "msg")] * 9)
    assert (await acked(alice, text("A4", group.jid, many))).get("error") == "400"
    # What was refused is no repetition when it comes again.
    emulator.directory.groups.join(group, Member(eve.jid.user))
    group.flags.clear()
    assert (await acked(eve, text("E1", group.jid))).get("error") is None


async def test_the_ack_names_the_devices_when_the_sender_has_others_in_mind(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    group = make_group(emulator, alice, bob)
    everybody = phash([alice.lid.bare, alice.lid, bob.lid.bare, bob.lid])
    assert (await acked(alice, text("A1", group.jid, phash=everybody))).get("phash") is None
    without = phash([alice.lid.bare, alice.lid, bob.lid.bare])
    assert (await acked(alice, text("A2", group.jid, phash=without))).get("phash") == everybody
    assert [node.get("id") for node in messages(await bob.settled())] == ["A1", "A2"]


async def test_whoever_leaves_gets_nothing_more_and_cannot_write(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    group = make_group(emulator, alice, bob)
    await acked(alice, text("A1", group.jid))
    assert (await bob.expect("message")).get("id") == "A1"
    emulator.directory.groups.leave(group, bob.jid.user)
    await acked(alice, text("A2", group.jid, part(bob.lid)))
    assert not messages(await bob.settled())
    assert (await acked(bob, text("B1", group.jid))).get("error") == "403"


async def test_what_is_missed_waits_and_is_settled_by_member(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob, carol = [await linked(emulator, name) for name in ("Alice", "Bob", "Carol")]
    group = make_group(emulator, alice, bob, carol)
    await carol.close()
    await acked(alice, text("SAME", group.jid))
    await acked(bob, text("SAME", group.jid))
    for _ in range(2):
        await carol.log_in()
        await carol.expect("ib", lambda node: node.find("offline") is not None)
        queued = messages(carol.kept)
        assert [node.jid("participant") for node in queued] == [alice.lid, bob.lid]
        assert [node.get("offline") for node in queued] == ["0", "1"]
        await carol.close()
    await carol.log_in()
    receipt = {"id": "SAME", "to": group.jid, "participant": bob.lid}
    await carol.send(Node("receipt", dict(receipt)))
    await carol.settled()
    await carol.close()
    await carol.log_in()
    await carol.expect("ib", lambda node: node.find("offline") is not None)
    assert [node.jid("participant") for node in messages(carol.kept)] == [alice.lid]


async def test_receipts_go_to_the_author_alone(emulator: Emulator, linked: Linked) -> None:
    alice, bob, carol = [await linked(emulator, name) for name in ("Alice", "Bob", "Carol")]
    group = make_group(emulator, alice, bob, carol)
    await bob.send(Node("receipt", {"id": "A1", "to": group.jid, "participant": alice.lid}))
    told = await alice.expect("receipt")
    assert (told.jid("from"), told.jid("participant")) == (group.jid, bob.lid)
    assert not any(node.tag == "receipt" for node in await carol.settled())
    emulator.directory.groups.leave(group, bob.jid.user)
    await carol.send(Node("receipt", {"id": "B1", "to": group.jid, "participant": bob.lid}))
    await carol.settled()
    assert not any(node.tag == "receipt" for node in await bob.settled())


async def test_a_retry_is_answered_to_one_device(emulator: Emulator, linked: Linked) -> None:
    alice, bob, bob2 = [await linked(emulator, name) for name in ("Alice", "Bob", "Bob")]
    group = make_group(emulator, alice, bob)
    await acked(alice, text("A1", group.jid))
    for client in (bob, bob2):
        await client.ack(await client.expect("message"))
    retry = Node("retry", {"count": "1", "id": "A1"})
    attrs = {"id": "A1", "to": group.jid, "participant": alice.lid, "type": "retry"}
    await bob.send(Node("receipt", dict(attrs), [retry]))
    asked = await alice.expect("receipt", lambda n: n.get("participant") == str(bob.lid))
    assert (asked.get("type"), asked.jid("from")) == ("retry", group.jid)
    assert asked.child("retry").attrs == retry.attrs
    attrs = {"id": "A1", "to": group.jid, "participant": bob.lid, "type": "text"}
    again = Node("message", dict(attrs), [enc(b"\x33again", "pkmsg", count="1")])
    for _ in range(2):  # the second is a repetition
        assert (await acked(alice, again)).get("error") is None
    copy = await bob.expect("message")
    assert (copy.jid("participant"), parts_of(copy)) == (alice.lid, [("pkmsg", b"\x33again")])
    assert not messages(await bob.settled()) + messages(await bob2.settled())


async def test_what_is_sent_to_all_again_reaches_only_who_has_asked(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob, carol = [await linked(emulator, name) for name in ("Alice", "Bob", "Carol")]
    group = make_group(emulator, alice, bob, carol)
    first = await acked(alice, text("A1", group.jid))
    for client in (bob, carol):
        await client.ack(await client.expect("message"))
    attrs = {"id": "A1", "to": group.jid, "participant": alice.lid, "type": "retry"}
    await bob.send(Node("receipt", dict(attrs), [Node("retry", {"count": "1", "id": "A1"})]))
    await alice.expect("receipt", lambda n: n.get("participant") == str(bob.lid))
    again = await acked(alice, text("A1", group.jid, part(bob.lid), shared=b"\x33more"))
    assert again.get("t") == first.get("t")
    copy = await bob.expect("message")
    assert parts_of(copy) == [("pkmsg", b"\x33key"), ("skmsg", b"\x33more")]
    assert not messages(await carol.settled())


# --- status posts ---------------------------------------------------------------------------------


async def test_a_status_post_reaches_whom_it_names(emulator: Emulator, linked: Linked) -> None:
    names = ("Alice", "Alice", "Bob", "Carol", "Dave", "Eve")
    alice, alice2, bob, carol, dave, eve = [await linked(emulator, name) for name in names]
    blocker = emulator.directory.by_name("Eve")
    assert blocker is not None
    blocker.blocked.add(alice.jid.user)
    await alice.ack_all()
    named = [part(bob.lid), *(Node("to", {"jid": c.lid.bare}) for c in (carol, alice, eve))]
    meta = Node("meta", {"status_setting": "contacts"})
    assert (await acked(alice, text("S1", STATUS, *named, more=[meta]))).get("error") is None
    copy = await bob.expect("message")
    assert (copy.jid("from"), copy.jid("participant")) == (STATUS, alice.lid)
    assert (copy.get("notify"), copy.get("addressing_mode")) == ("Alice", None)
    assert parts_of(copy) == [("pkmsg", b"\x33key"), ("skmsg", b"\x33all")]
    assert copy.child("meta").attrs == meta.attrs
    for client in (carol, alice2):
        assert parts_of(await client.expect("message")) == [("skmsg", b"\x33all")]
    assert not messages(await dave.settled()) + messages(await eve.settled())


@pytest.mark.parametrize(
    ("attrs", "more", "error"),
    [
        ({"addressing_mode": "lid"}, [], "479"),
        ({"edit": "7"}, [Node("meta", {"status_setting": "contacts"})], "479"),
        ({"edit": "7"}, [], None),
        ({}, [Node("meta", {"status_setting": "contacts"})], None),
    ],
)
async def test_a_status_stanza_has_nothing_that_does_not_belong_there(
    emulator: Emulator, linked: Linked, attrs: dict[str, str], more: list[Node], error: str | None
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    assert (await acked(alice, text("S1", STATUS, part(bob.lid), more=more, **attrs))).get(
        "error"
    ) == error
