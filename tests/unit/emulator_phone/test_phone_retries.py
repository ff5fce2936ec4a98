"""A phone asks again for what it cannot read, answers who asks it, and lives through a restart."""

from __future__ import annotations

import json
from typing import Any

import pytest

from waport.emulator.phone_trouble import Trouble
from waport.proto import pb
from waport.wire import Jid, Node

ALICE, BOB = "15550001111", "15550002222"


def texts(phone: Any) -> list[str | None]:
    return [message.text for message in phone.messages()]


async def greet(server: Any, one: Any, other: Any) -> None:
    """Both have answered the other's session, so that what follows is a plain `msg`."""
    await one.send_text(other.owner.own.pn, "hello")
    await server.quiet()
    await other.send_text(one.owner.own.pn, "hello yourself")
    await server.quiet()


async def test_a_message_damaged_on_the_way_is_sent_again(
    server: Any, alice: Any, bob: Any
) -> None:
    damaged: list[str] = []

    def damage(device: Jid, node: Node) -> Node:
        if node.tag == "message" and node.attr("id") == "A" and not damaged:
            damaged.append("A")
            enc = node.child("enc")
            changed = enc.data[:-1] + bytes([enc.data[-1] ^ 1])
            return Node("message", node.attrs, [Node("enc", enc.attrs, changed)])
        return node

    await greet(server, alice, bob)
    server.tamper = damage
    await alice.send_text(bob.owner.own.pn, "second", "A")
    await server.quiet()
    assert texts(bob) == ["hello", "second"]
    retry = next(
        node for node in server.stanzas("receipt", bob.owner.own.pn) if node.get("type") == "retry"
    )
    assert retry.child("retry").attr("count") == "1"
    assert retry.find("keys") is None
    again = server.stanzas("message", alice.owner.own.pn)[-1]
    assert again.attr("device_fanout") == "false"
    assert again.child("enc").attr("count") == "1"


@pytest.mark.parametrize("restarted", ["receiver", "sender"])
async def test_a_lost_session_is_repaired_by_retries(
    server: Any, alice: Any, bob: Any, restarted: str
) -> None:
    await alice.send_text(bob.owner.own.pn, "one")
    await server.quiet()
    await bob.send_text(alice.owner.own.pn, "two")
    await server.quiet()
    forgetful, other = (bob, alice) if restarted == "receiver" else (alice, bob)
    forgetful._signal.forget_session(other.owner.own.pn)
    await alice.send_text(bob.owner.own.pn, "three")
    await server.quiet()
    await bob.send_text(alice.owner.own.pn, "four")
    await server.quiet()
    assert texts(bob) == ["one", "three"]
    assert texts(alice) == ["two", "four"]


async def test_a_message_that_stays_unreadable_is_asked_for_five_times(
    server: Any, alice: Any, bob: Any
) -> None:
    def damage(device: Jid, node: Node) -> Node:
        if node.tag == "message" and device == bob.owner.own.pn:
            enc = node.child("enc")
            return Node("message", node.attrs, [Node("enc", enc.attrs, enc.data[:-1] + b"\x00")])
        return node

    await greet(server, alice, bob)
    server.tamper = damage
    sent = await alice.send_text(bob.owner.own.pn, "two")
    await server.quiet()
    asked = [
        node.child("retry").attr("count")
        for node in server.stanzas("receipt", bob.owner.own.pn)
        if node.get("type") == "retry"
    ]
    assert asked == ["1", "2", "3", "4", "5"]
    assert texts(bob) == ["hello"]
    acks = [n for n in server.stanzas("ack", bob.owner.own.pn) if n.get("id") == sent.id]
    assert len(acks) == 5, "each copy is acknowledged, so that the queue moves on"


async def test_a_stranger_gets_nothing_again(
    server: Any, alice: Any, bob: Any, make_phone: Any
) -> None:
    eve = await make_phone("15550003333", "Eve")
    sent = await alice.send_text(bob.owner.own.pn, "secret")
    await server.quiet()
    before = len(server.stanzas("message", alice.owner.own.pn))
    retry = Node("retry", {"v": "1", "count": "1", "id": sent.id, "t": "1"})
    receipt = Node(
        "receipt",
        {"id": sent.id, "to": alice.owner.own.pn, "type": "retry"},
        [retry, Node("registration", {}, bytes(4))],
    )
    await server.link(server.find(eve.owner.own.pn)).send(receipt)
    await server.quiet()
    assert len(server.stanzas("message", alice.owner.own.pn)) == before


@pytest.mark.parametrize("padding", ["none", "zero", "long"])
async def test_wrong_padding_is_refused_without_a_retry(
    server: Any, alice: Any, bob: Any, padding: Any
) -> None:
    message = pb.Message(conversation="hello")
    await alice.send_message(bob.owner.own.pn, message, trouble=Trouble(padding=padding))
    await server.quiet()
    assert bob.messages() == []
    ack = server.stanzas("ack", bob.owner.own.pn)[-1]
    assert ack.attr("error") == "491"
    assert server.stanzas("receipt", bob.owner.own.pn) == []


# --- keys and state ------------------------------------------------------------------------------


async def test_low_keys_are_refilled(server: Any, alice: Any) -> None:
    before = len(server.keys[ALICE, 0].one_time)
    server.notify(server.find(alice.owner.own.pn), "encrypt", Node("count", {"value": "4"}))
    await server.quiet()
    assert len(server.keys[ALICE, 0].one_time) == before + 50
    ack = server.stanzas("ack", alice.owner.own.pn)[-1]
    assert (ack.attr("class"), ack.attr("type")) == ("notification", "encrypt")


async def test_a_used_key_is_used_up(server: Any, alice: Any, bob: Any) -> None:
    before = len(bob._signal.pre_keys)
    await alice.send_text(bob.owner.own.pn, "hello")
    await server.quiet()
    assert len(bob._signal.pre_keys) == before - 1


async def test_a_session_works_without_a_one_time_key(server: Any, alice: Any, bob: Any) -> None:
    server.keys[BOB, 0].one_time.clear()
    await alice.send_text(bob.owner.own.pn, "hello")
    await server.quiet()
    assert texts(bob) == ["hello"]


async def test_a_restarted_phone_goes_on_where_it_was(
    server: Any, alice: Any, bob: Any, restart: Any
) -> None:
    await alice.send_text(bob.owner.own.pn, "one", "A")
    await server.quiet()
    await bob.send_text(alice.owner.own.pn, "two")
    await server.quiet()
    bob = await restart(bob, json.loads(json.dumps(bob.dump())))
    alice = await restart(alice, json.loads(json.dumps(alice.dump())))
    assert texts(bob) == ["one"]
    await alice.send_text(bob.owner.own.lid, "three")
    await server.quiet()
    await bob.send_text(alice.owner.own.lid, "four")
    await server.quiet()
    assert texts(bob) == ["one", "three"]
    assert texts(alice) == ["two", "four"]
    assert alice.outbox.sent("A").message.conversation == "one"
