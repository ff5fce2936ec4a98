"""Questions about users: devices, LIDs, whether a number has an account."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from waport.emulator import Emulator
from waport.emulator.notifications import phash
from waport.wire import Jid, Node

Linked = Callable[..., Awaitable[Any]]


def usync(make_iq: Any, protocols: list[Node], users: list[Node]) -> Node:
    query = Node("query", {}, protocols)
    attrs = {"sid": "s", "mode": "query", "last": "true", "index": "0", "context": "message"}
    return make_iq("get", "usync", Node("usync", attrs, [query, Node("list", {}, users)]))


def listed(answer: Node) -> list[Node]:
    return answer.child("usync").child("list").children("user")


async def test_usync_lists_devices_with_their_key_indexes_and_the_lid(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice = await linked(emulator, "Alice")
    bob, bob2 = await linked(emulator, "Bob"), await linked(emulator, "Bob")
    lonely = await emulator.create_account(name="Carol")
    protocols = [Node("devices", {"version": "2"}), Node("lid")]
    jids = [bob.lid.bare, lonely.jid, Jid("19990001234", "s.whatsapp.net")]
    users = [Node("user", {"jid": jid}) for jid in jids]
    answer = await alice.query(usync(make_iq, protocols, users))
    assert [user.jid("jid") for user in listed(answer)] == jids
    first, second, third = listed(answer)

    devices = first.child("devices").child("device-list")
    assert [(d.get("id"), d.get("key-index")) for d in devices.children()] == [
        ("0", None),
        ("1", "1"),
        ("2", "2"),
    ]
    everyone = [bob.jid.bare, bob.jid, bob2.jid]
    assert devices.get("hash") == phash(everyone)
    assert first.child("devices").child("key-index-list").data
    assert first.child("lid").jid("val") == bob.lid.bare

    assert len(second.child("devices").child("device-list").children()) == 1
    assert second.child("devices").find("key-index-list") is None

    assert third.child("devices").child("error").get("code") == "404"
    assert third.child("devices").find("device-list") is None
    assert third.find("lid") is None


async def test_a_user_whose_device_hash_is_known_is_left_out(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    known = Node("devices", {"device_hash": phash([bob.jid.bare, bob.jid])})
    users = [Node("user", {"jid": bob.jid.bare}, [known])]
    answer = await alice.query(usync(make_iq, [Node("devices", {"version": "2"})], users))
    assert listed(answer) == []


async def test_usync_says_whether_a_number_has_an_account(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice = await linked(emulator, "Alice")
    bob = await emulator.create_account("15550001111", "Bob")

    async def ask(number: str, **attrs: str) -> Node:
        users = [Node("user", {}, [Node("contact", {}, number.encode())])]
        answer = await alice.query(usync(make_iq, [Node("contact", dict(attrs))], users))
        return listed(answer)[0]

    found = await ask("+15550001111")
    assert (found.jid("jid"), found.child("contact").get("type")) == (bob.jid, "in")
    by_lid = await ask("+15550001111", addressing_mode="lid")
    assert (by_lid.jid("jid"), by_lid.jid("pn_jid")) == (bob.lid, bob.jid)
    assert (await ask("+15550002222")).child("contact").get("type") == "out"
    assert (await ask("hello")).child("contact").get("type") == "invalid"


async def test_an_unknown_protocol_is_an_error_of_its_own(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice = await linked(emulator, "Alice")
    bob = await emulator.create_account(name="Bob")
    protocols = [Node("lid"), Node("telepathy"), Node("business"), Node("disappearing_mode")]
    answer = await alice.query(usync(make_iq, protocols, [Node("user", {"jid": bob.jid})]))
    error = answer.child("usync").child("result").child("telepathy").child("error")
    assert error.get("code") == "501"
    assert [child.tag for child in listed(answer)[0].children()] == [
        "lid",
        "business",
        "disappearing_mode",
    ]


async def test_a_number_in_its_old_spelling_is_understood(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice = await linked(emulator, "Alice")
    bob = await emulator.create_account("15550001111", "Bob")

    async def ask(typed: str) -> Node:
        users = [Node("user", {}, [Node("contact", {}, typed.encode())])]
        answer = await alice.query(usync(make_iq, [Node("contact"), Node("lid")], users))
        return listed(answer)[0]

    found = await ask("+15550001111@c.us")
    assert found.child("contact").get("type") == "in"
    assert found.child("contact").text == "+15550001111@c.us"
    assert found.child("lid").jid("val") == bob.lid
    unknown = await ask("+15550002222@c.us")
    assert unknown.child("contact").get("type") == "out"
    assert unknown.jid("jid") == Jid("15550002222", "s.whatsapp.net")
    # A hidden id is no number that anybody could have typed.
    assert (await ask(str(bob.lid))).child("contact").get("type") == "invalid"


async def test_a_protocol_that_is_asked_for_twice_is_answered_once(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice = await linked(emulator, "Alice")
    protocols = [Node("lid")] * 40
    answer = await alice.query(usync(make_iq, protocols, [Node("user", {"jid": alice.jid.bare})]))
    assert [child.tag for child in listed(answer)[0].children()] == ["lid"]
