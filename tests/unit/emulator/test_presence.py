"""Presence and chat states."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from waport.emulator import Emulator
from waport.wire import Node

Linked = Callable[..., Awaitable[Any]]

COMPOSING = Node("composing")


async def test_a_subscription_answers_at_once_and_follows_changes(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    await alice.send(Node("presence", {"type": "subscribe", "to": bob.lid.bare}))
    now = await alice.expect("presence")
    assert (now.jid("from"), now.get("type"), now.get("last")) == (
        bob.lid.bare,
        "unavailable",
        None,
    )
    await bob.send(Node("presence", {"type": "available", "name": "Bobby"}))
    online = await alice.expect("presence")
    assert (online.jid("from"), online.get("type")) == (bob.lid.bare, None)
    await bob.send(Node("presence", {"type": "unavailable"}))
    away = await alice.expect("presence")
    assert away.get("type") == "unavailable"
    assert int(away.attr("last")) > 0
    await bob.send(Node("presence", {"type": "available"}))
    await alice.expect("presence")
    bob.kill()
    assert (await alice.expect("presence")).get("type") == "unavailable"


async def test_a_presence_changes_the_push_name(emulator: Emulator, linked: Linked) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    for name in ("~", "", "Bobby"):
        await bob.send(Node("presence", {"name": name, "type": "available"}))
    to = Node("to", {"jid": alice.lid}, [Node("enc", {"v": "2", "type": "msg"}, b"x")])
    attrs = {"id": "B1", "to": alice.lid.bare, "type": "text"}
    await bob.send(Node("message", attrs, [Node("participants", {}, [to])]))
    assert (await alice.expect("message")).get("notify") == "Bobby"
    # The phone is still found by the name that it was made with.
    assert (await linked(emulator, "Bob")).jid.user == bob.jid.user


async def test_hidden_presence_stays_hidden(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    settings = [("last", "none"), ("online", "match_last_seen")]
    hide = [Node("category", {"name": name, "value": value}) for name, value in settings]
    await bob.query(make_iq("set", "privacy", Node("privacy", {}, hide)))
    await bob.send(Node("presence", {"type": "available"}))
    await bob.settled()
    await alice.send(Node("presence", {"type": "subscribe", "to": bob.jid.bare}))
    seen = await alice.expect("presence")
    assert (seen.get("type"), seen.get("last")) == ("unavailable", "deny")


async def test_typing_is_shown_to_the_peer_and_forgotten_after_a_while(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    recording = Node("composing", {"media": "audio"})
    await alice.send(Node("chatstate", {"to": bob.lid.bare}, [recording]))
    shown = await bob.expect("chatstate")
    assert shown.jid("from") == alice.lid.bare
    assert shown.child("composing").get("media") == "audio"

    await bob.close()
    for child in (COMPOSING, Node("paused")):
        await alice.send(Node("chatstate", {"to": bob.lid.bare}, [child]))
    await alice.settled()
    await bob.log_in()
    # Only the last state counts, and it comes behind the queue.
    assert [child.tag for child in (await bob.expect("chatstate")).children()] == ["paused"]
    assert [n for n in await bob.settled() if n.tag == "chatstate"] == []

    await bob.close()
    emulator.policy.chatstate_ttl_s = -1.0
    await alice.send(Node("chatstate", {"to": bob.lid.bare}, [COMPOSING]))
    await alice.settled()
    await bob.log_in()
    assert [n for n in await bob.settled() if n.tag == "chatstate"] == []


async def test_a_subscription_ends_with_the_connection(emulator: Emulator, linked: Linked) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    await alice.send(Node("presence", {"type": "subscribe", "to": bob.lid.bare}))
    await alice.expect("presence")
    again = type(alice)(emulator, noise=alice.noise, identity=alice.identity, jid=alice.jid)
    await again.log_in()
    await bob.send(Node("presence", {"type": "available"}))
    await bob.settled()
    assert [n for n in await again.settled() if n.tag == "presence"] == []
    await again.close()


async def test_only_the_last_presence_waits_for_a_client_that_is_not_ready(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    await alice.close()
    await alice.log_in(active=False)
    await alice.send(Node("presence", {"type": "subscribe", "to": bob.lid.bare}))
    for kind in ("available", "unavailable", "available"):
        await bob.send(Node("presence", {"type": kind}))
    await bob.settled()
    assert [n for n in await alice.settled() if n.tag == "presence"] == []
    await alice.query(make_iq("set", "passive", Node("active")))
    seen = [n for n in await alice.settled() if n.tag == "presence"]
    assert [n.get("type") for n in seen] == [None]
