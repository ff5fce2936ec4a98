"""Trouble on demand: refused and unacknowledged messages, stanzas that go astray, bad answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from waport.emulator import Emulator
from waport.emulator.accounts import Account
from waport.emulator.groups import Group, Member
from waport.emulator.troubles import AckFault, QueryFault, StanzaFault
from waport.errors import NotFound, QueryError
from waport.wire import Jid, Node

Linked = Callable[..., Awaitable[Any]]


def message(name: str, to: Jid, *devices: Jid, **attrs: str) -> Node:
    enc = Node("enc", {"v": "2", "type": "msg"}, b"\x33cipher")
    entries = [Node("to", {"jid": device}, [enc]) for device in devices or (to,)]
    content = [Node("participants", {}, entries)]
    return Node("message", {"id": name, "to": to.bare, "type": "text", **attrs}, content)


def to_group(name: str, group: Group, **attrs: str) -> Node:
    enc = Node("enc", {"v": "2", "type": "skmsg"}, b"\x33cipher")
    return Node("message", {"id": name, "to": group.jid, "type": "text", **attrs}, [enc])


async def acked(client: Any, node: Node) -> Node:
    await client.send(node)
    ack: Node = await client.expect("ack", lambda n: n.get("class") == "message")
    assert ack.get("id") == node.get("id")
    return ack


async def messages(client: Any) -> list[Node]:
    """The messages that have come until now; they are taken out."""
    nodes = await client.settled()
    found = [node for node in nodes if node.tag in ("message", "status")]
    client.kept = [node for node in nodes if node not in found]
    return found


async def ids(client: Any) -> list[str]:
    return [node.attr("id") for node in await messages(client)]


def account_of(emulator: Emulator, client: Any) -> Account:
    account = emulator.directory.by_jid(client.jid)
    assert account is not None
    return account


@pytest.fixture
async def http(emulator: Emulator) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"{emulator.admin_url}/faults") as client:
        yield client


# --- acks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [400, 421, 429, 463, 475, 479, 500, 503])
async def test_the_next_message_is_refused_and_goes_nowhere_until_it_comes_again(
    emulator: Emulator, linked: Linked, code: int
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    emulator.faults.nack(alice.jid, code)
    ack = await acked(alice, message("A1", bob.lid))
    assert (ack.get("error"), ack.jid("from")) == (str(code), bob.lid.bare)
    assert await ids(bob) == []
    assert (await acked(alice, message("A1", bob.lid))).get("error") is None
    assert await ids(bob) == ["A1"]


async def test_a_refusal_can_be_for_one_chat_one_device_and_several_messages(
    emulator: Emulator, linked: Linked
) -> None:
    alice, alice2, bob, eve = [await linked(emulator, n) for n in ("Alice", "Alice", "Bob", "Eve")]
    emulator.faults.nack(alice.jid, 500, 2, chat=bob.jid.bare)

    async def code(client: Any, name: str, to: Jid) -> str | None:
        return (await acked(client, message(name, to))).get("error")

    assert await code(alice, "A1", eve.lid) is None
    assert await code(alice2, "B1", bob.lid) is None
    assert await code(alice, "A2", bob.lid) == "500"
    assert await code(alice, "A3", bob.jid) == "500"
    assert await code(alice, "A4", bob.jid) is None
    emulator.faults.nack(alice.jid.bare, 503, 2)
    assert await code(alice2, "B2", bob.lid) == "503", "a bare address is any device"
    emulator.faults.clear()
    assert await code(alice, "A5", bob.lid) is None


async def test_what_is_for_the_own_phone_is_refused_only_if_that_is_meant(
    emulator: Emulator, linked: Linked
) -> None:
    alice = await linked(emulator, "Alice")
    own = alice.jid.bare
    target = emulator.faults.target(alice.jid)
    emulator.faults.nack(alice.jid, 500)
    assert (await acked(alice, message("P1", own, category="peer"))).get("error") is None
    emulator.faults.disturb_acks(AckFault(target, error=479, is_peer=True))
    assert (await acked(alice, message("P2", own, category="peer"))).get("error") == "479"


async def test_421_changes_how_the_group_addresses_its_members(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    group = emulator.directory.groups.create(alice.jid.user, "Friends", 1, "pn")
    emulator.directory.groups.join(group, Member(bob.jid.user))
    emulator.faults.nack(alice.jid, 421)
    ack = await acked(alice, to_group("A1", group, addressing_mode="pn"))
    assert (ack.get("error"), ack.get("addressing_mode")) == ("421", "lid")
    query = Node("query", {"request": "interactive"})
    iq = Node("iq", {"type": "get", "xmlns": "w:g2", "to": group.jid}, [query])
    shown = (await alice.query(iq)).child("group")
    assert shown.get("addressing_mode") == "lid"
    assert shown.children("participant")[0].jid("jid").is_lid
    assert (await acked(alice, to_group("A1", group, addressing_mode="pn"))).get("error") == "421"
    assert (await acked(alice, to_group("A1", group, addressing_mode="lid"))).get("error") is None
    assert (await bob.expect("message")).jid("participant") == alice.lid


async def test_an_ack_says_that_the_sender_is_wrong_about_devices(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    emulator.faults.mismatch_phash(alice.jid)
    ack = await acked(alice, message("A1", bob.lid))
    assert (ack.get("phash"), ack.get("error")) == ("2:AAAAAAAA", None)
    assert await ids(bob) == ["A1"]
    assert "phash" not in (await acked(alice, message("A2", bob.lid))).attrs


async def test_an_ack_can_be_lost_late_and_doubled(emulator: Emulator, linked: Linked) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    target = emulator.faults.target(alice.jid)
    emulator.faults.lose_acks(alice.jid, 2)
    for _ in range(2):  # its repetition is not acknowledged either
        await alice.send(message("A1", bob.lid))
    assert not [node for node in await alice.settled() if node.tag == "ack"]
    assert (await acked(alice, message("A1", bob.lid))).get("error") is None
    assert await ids(bob) == ["A1"]

    emulator.faults.disturb_acks(AckFault(target, delay_s=0.2, repeats=1))
    start = time.monotonic()
    await alice.send(message("A2", bob.lid))
    assert not [node for node in await alice.settled() if node.tag == "ack"]
    for _ in range(2):
        assert (await alice.expect("ack")).get("id") == "A2"
    assert time.monotonic() - start >= 0.19


async def test_a_phone_is_refused_as_anybody_is(emulator: Emulator) -> None:
    alice, bob = [await emulator.create_account(name=name) for name in ("Alice", "Bob")]
    emulator.faults.nack(alice.jid, 429)
    with pytest.raises(QueryError) as refused:
        await emulator.phone_of(alice).send_text(bob.lid, "hello")
    assert refused.value.code == 429
    await emulator.phone_of(alice).send_text(bob.lid, "hello")


# --- stanzas on their way ------------------------------------------------------------------------


async def test_a_stanza_comes_again_or_never(emulator: Emulator, linked: Linked) -> None:
    alice, bob, eve = [await linked(emulator, name) for name in ("Alice", "Bob", "Eve")]
    target = emulator.faults.target(bob.jid)
    of_alice = emulator.faults.addresses(alice.jid.bare)
    emulator.faults.disturb_stanzas(StanzaFault(target, "repeat", of_alice, times=2))
    emulator.faults.disturb_stanzas(StanzaFault(target, "lose"))
    await acked(eve, message("E1", bob.lid))
    await acked(alice, message("A1", bob.jid))
    await acked(alice, message("A2", bob.lid))
    assert await ids(bob) == ["A1", "A1", "A1", "A2"]


async def test_later_stanzas_overtake_one(emulator: Emulator, linked: Linked) -> None:
    alice, bob, bob2 = [await linked(emulator, name) for name in ("Alice", "Bob", "Bob")]
    await bob.ack_all()
    target = emulator.faults.target(bob.jid)
    emulator.faults.disturb_stanzas(StanzaFault(target, "overtake", times=2))
    for name in ("A1", "A2", "A3", "A4"):
        await acked(alice, message(name, bob.lid, bob.lid, bob2.lid))
    assert await ids(bob) == ["A2", "A3", "A1", "A4"]
    assert await ids(bob2) == ["A1", "A2", "A3", "A4"]
    # For who is away the queue is in that order.
    emulator.faults.disturb_stanzas(StanzaFault(target, "overtake"))
    await bob.ack_all()
    await bob.close()
    for name in ("A5", "A6"):
        await acked(alice, message(name, bob.lid))
    await bob.log_in()
    await bob.expect("ib", lambda node: node.find("offline") is not None)
    queued = [n.attr("id") for n in bob.kept if n.tag == "message" and n.attr("id") > "A4"]
    assert queued == ["A6", "A5"]


async def test_a_stanza_is_damaged_or_withheld(emulator: Emulator, linked: Linked) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    target = emulator.faults.target(bob.jid)
    emulator.faults.disturb_stanzas(StanzaFault(target, "damage"))
    for kind in ("view_once", "bot_unavailable_fanout", None):
        emulator.faults.disturb_stanzas(StanzaFault(target, "unavailable", type=kind))
    for number in range(5):
        node = message(f"A{number}", bob.lid)
        await acked(
            alice, Node("message", node.attrs, [*node.children(), Node("meta", {"a": "b"})])
        )
    damaged, *withheld, whole = await messages(bob)
    body = damaged.child("enc").data
    assert [a ^ b for a, b in zip(body, b"\x33cipher", strict=True)] == [0, 0, 0, 1, 0, 0, 0]
    assert whole.child("enc").data == b"\x33cipher"
    assert [[child.tag for child in node.children()] for node in withheld] == [
        ["unavailable", "meta"]
    ] * 3
    kinds = [node.child("unavailable").get("type") for node in withheld]
    assert kinds == ["view_once", "bot_unavailable_fanout", None]
    assert withheld[0].jid("from") == alice.lid


async def test_people_are_named_by_their_other_address(emulator: Emulator, linked: Linked) -> None:
    alice, alice2, bob = [await linked(emulator, name) for name in ("Alice", "Alice", "Bob")]
    await alice.ack_all()
    group = emulator.directory.groups.create(alice.jid.user, "Friends", 1, "lid")
    emulator.directory.groups.join(group, Member(bob.jid.user))
    for client in (bob, alice2):
        target = emulator.faults.target(client.jid)
        emulator.faults.disturb_stanzas(StanzaFault(target, "other-address", count=2))
    receipt = StanzaFault(emulator.faults.target(alice.jid), "other-address", tag="receipt")
    emulator.faults.disturb_stanzas(receipt)
    await acked(alice, message("A1", bob.lid, bob.lid, alice2.lid))
    (copy,) = await messages(bob)
    assert (copy.jid("from"), copy.jid("sender_lid")) == (alice.jid, alice.lid)
    assert "sender_pn" not in copy.attrs
    (own,) = await messages(alice2)
    assert (own.jid("from"), own.jid("recipient")) == (alice.jid, bob.jid.bare)
    assert own.jid("peer_recipient_lid") == bob.lid.bare
    assert "peer_recipient_pn" not in own.attrs
    await bob.send(Node("receipt", {"id": "A1", "to": alice.lid}))
    assert (await alice.expect("receipt")).jid("from") == bob.jid
    await acked(alice, to_group("A2", group, addressing_mode="lid"))
    (copy,) = await messages(bob)
    assert (copy.jid("from"), copy.jid("participant")) == (group.jid, alice.jid)
    assert (copy.jid("participant_lid"), copy.get("addressing_mode")) == (alice.lid, "pn")
    await acked(alice, message("A3", bob.lid))
    (copy,) = await messages(bob)
    assert copy.jid("from") == alice.lid


async def test_a_status_post_can_come_as_a_stanza_of_its_own(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    phone = emulator.phone_of(account_of(emulator, alice))
    await phone.send_text(bob.jid.bare, "so that they know each other")
    await bob.ack_all()
    reader = emulator.phone_of(account_of(emulator, bob))
    read = asyncio.Event()
    receive = reader.inbox.receive

    async def watched(node: Node) -> None:
        await receive(node)
        read.set()

    reader.inbox.receive = watched  # type: ignore[method-assign]
    fault = StanzaFault(emulator.faults.target(bob.jid.bare), "as-status", count=2)
    emulator.faults.disturb_stanzas(fault)
    status = Jid("status", "broadcast")
    sent = await phone.send_text(status, "my day")
    (node,) = await messages(bob)
    assert (node.tag, node.get("id"), node.jid("from")) == ("status", sent.id, status)
    await bob.ack(node)
    await bob.settled()
    async with asyncio.timeout(5):
        await read.wait()
    assert [message.text for message in reader.messages()][-1] == "my day"
    for device in account_of(emulator, bob).devices.values():
        assert not [letter for letter in device.mailbox if letter.node.tag == "status"]


# --- questions -----------------------------------------------------------------------------------


async def test_questions_are_refused_forgotten_delayed_and_answered_badly(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice = await linked(emulator, "Alice")
    target = emulator.faults.target(alice.jid)
    ping = make_iq("get", "w:p")
    for fault in (
        QueryFault(target, "abt", code=429, backoff=7),
        QueryFault(target, "abt", is_lost=True),
        QueryFault(target, "abt", is_misnamed=True),
        QueryFault(target, "abt", is_twice=True),
        QueryFault(target, "abt", delay_s=0.1),
        QueryFault(target, "abt", code=499),
    ):
        emulator.faults.disturb_queries(fault)
    asked = make_iq("get", "abt", Node("props", {"protocol": "1"}))

    async def answers(name: str, wait_s: float = 0) -> list[Node]:
        await alice.send(Node("iq", {"id": name, **asked.attrs}, asked.content))
        await asyncio.sleep(wait_s)
        nodes = await alice.settled()
        found = [node for node in nodes if node.tag == "iq"]
        alice.kept = [node for node in nodes if node.tag != "iq"]
        return found

    (refused,) = await answers("1")
    assert refused.child("error").attrs == {"code": "429", "text": "rate-overlimit", "backoff": "7"}
    assert await answers("2") == []
    assert [node.get("id") for node in await answers("3")] == ["no-such-id"]
    assert [node.get("id") for node in await answers("4")] == ["4", "4"]
    assert await answers("5") == []
    assert (await alice.expect("iq", lambda n: n.get("id") == "5")).get("type") == "result"
    (refused,) = await answers("6")
    assert refused.child("error").attrs == {"code": "499", "text": "error"}
    (answer,) = await answers("7")
    assert answer.get("type") == "result"
    assert (await alice.query(ping)).get("type") == "result"


async def test_usync_fails_as_ordered(emulator: Emulator, linked: Linked, make_iq: Any) -> None:
    alice = await linked(emulator, "Alice")
    bob, eve = [await emulator.create_account(name=name) for name in ("Bob", "Eve")]

    async def ask(*protocols: str) -> Node:
        query = Node("query", {}, [Node(name) for name in protocols])
        users = [Node("user", {"jid": account.lid}) for account in (bob, eve)]
        question = Node("usync", {"sid": "1"}, [query, Node("list", {}, users)])
        return (await alice.query(make_iq("get", "usync", question))).child("usync")  # type: ignore[no-any-return]

    emulator.policy.usync_errors["status"] = 503
    answer = await ask("status", "lid")
    (broken,) = answer.child("result").children()
    assert (broken.tag, broken.child("error").get("code")) == ("status", "503")
    users = answer.child("list").children("user")
    assert [[node.tag for node in user.children()] for user in users] == [["lid"], ["lid"]]
    emulator.policy.usync_errors.clear()
    emulator.policy.usync_user_errors[bob.number] = {"devices": 500}
    users = (await ask("devices", "lid")).child("list").children("user")
    assert users[0].child("devices").child("error").get("code") == "500"
    assert users[0].find("lid") is not None
    assert users[1].child("devices").find("device-list") is not None
    emulator.policy.usync_missing.add(bob.number)
    (user,) = (await ask("lid")).child("list").children("user")
    assert user.jid("jid") == eve.lid


async def test_a_number_may_be_known_by_another_spelling(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice = await linked(emulator, "Alice")
    bob = await emulator.create_account("5511987654321", "Bob")
    emulator.policy.aliases["551187654321"] = bob.number
    query = Node("query", {}, [Node("contact")])
    user = Node("user", {}, [Node("contact", {}, b"+551187654321")])
    question = Node("usync", {"sid": "1"}, [query, Node("list", {}, [user])])
    answer = await alice.query(make_iq("get", "usync", question))
    (found,) = answer.child("usync").child("list").children("user")
    assert (found.jid("jid"), found.child("contact").get("type")) == (bob.jid, "in")


# --- keys and devices ----------------------------------------------------------------------------


async def test_one_time_keys_are_lost_with_or_without_a_word(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    assert emulator.faults.lose_pre_keys(bob.jid) == 10
    wanted = Node("key", {}, [Node("user", {"jid": bob.jid})])
    answer = await alice.query(make_iq("get", "encrypt", wanted))
    (user,) = answer.child("list").children("user")
    assert user.find("key") is None
    assert user.find("skey") is not None
    await bob.expect("notification", lambda n: n.get("type") == "encrypt")
    await bob.upload(start=100)
    assert emulator.faults.lose_pre_keys(bob.jid, notify=True) == 10
    told = await bob.expect("notification", lambda n: n.get("type") == "encrypt")
    assert told.child("count").get("value") == "0"


async def test_devices_come_and_go_in_the_middle_of_a_send(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    account = account_of(emulator, bob)
    emulator.directory.groups.create(alice.jid.user, "Friends", 1, "lid")
    group = emulator.directory.groups.of(alice.jid.user)[0]
    emulator.directory.groups.join(group, Member(account.number))
    phone = emulator.phone_of(account)
    emulator.faults.before_next_message(
        alice.jid, lambda: emulator.faults.add_companion(account, phone) and None
    )
    ack = await acked(alice, to_group("A1", group, addressing_mode="lid", phash="2:old"))
    assert sorted(account.devices) == [0, 1, 2]
    assert ack.get("phash") not in (None, "2:old")
    told = await alice.expect("notification", lambda n: n.get("type") == "devices")
    added = told.child("add").child("device")
    assert added.jid("jid") == account.jid.with_device(2)
    assert len(account.devices[2].mailbox) == 1
    # The new one has valid keys: a phone that writes to Bob encrypts for it too.
    writer = account_of(emulator, alice)
    await emulator.phone_of(writer).send_text(account.lid, "hello")
    letters = [letter.node for letter in account.devices[2].mailbox]
    assert letters[-1].child("enc").get("type") == "pkmsg"

    emulator.faults.before_next_message(
        alice.jid, lambda: emulator.faults.remove_companion(account, 1)
    )
    await acked(alice, message("A2", bob.lid, bob.lid, account.lid))
    assert sorted(account.devices) == [0, 2]
    error = await bob.expect("stream:error")
    assert error.child("conflict").get("type") == "device_removed"
    assert "A2" not in [n.get("id") for n in bob.kept if n.tag == "message"]


async def test_many_silent_companions_are_all_written_to(emulator: Emulator) -> None:
    alice, bob = [await emulator.create_account(name=name) for name in ("Alice", "Bob")]
    for _ in range(20):
        emulator.faults.add_companion(bob, emulator.phone_of(bob))
    await emulator.phone_of(alice).send_text(bob.lid, "hello")
    for device in bob.companions():
        assert [letter.node.tag for letter in device.mailbox].count("message") == 1


# --- the admin API -------------------------------------------------------------------------------


async def order(http: httpx.AsyncClient, path: str, **body: Any) -> Any:
    answer = await http.post(f"/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_everything_can_be_ordered_over_http(
    emulator: Emulator, linked: Linked, http: httpx.AsyncClient, make_iq: Any
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    who, peer = alice.jid.user, bob.jid.user
    assert await order(http, "acks", account=who, device=1, error=479, to=peer) == {"ordered": 1}
    await order(http, "acks", account=who, lost=True)
    await order(http, "acks", account=who, phash="2:BBBBBBBB", attrs={"backoff": "3"})
    assert (await acked(alice, message("A1", bob.lid))).get("error") == "479"
    await alice.send(message("A2", bob.lid))
    ack = await acked(alice, message("A3", bob.lid))
    assert (ack.get("phash"), ack.get("backoff")) == ("2:BBBBBBBB", "3")
    assert await ids(bob) == ["A2", "A3"]

    about = {"account": peer, "device": 1, "from": who}
    await order(http, "stanzas", **about, do="repeat")
    await order(http, "stanzas", **about, do="unavailable")
    await order(http, "stanzas", **about, do="unavailable", type="bot_unavailable_fanout")
    await order(http, "stanzas", **about, do="unavailable", type=None)
    for name in ("B1", "B2", "B3", "B4"):
        await acked(alice, message(name, bob.lid))
    first, again, *stubs = await messages(bob)
    assert (first.get("id"), again.get("id")) == ("B1", "B1")
    kinds = [node.child("unavailable").get("type") for node in stubs]
    assert kinds == ["view_once", "bot_unavailable_fanout", None]

    await order(http, "queries", account=who, xmlns="abt", code=429, backoff=5)
    asked = make_iq("get", "abt", Node("props", {"protocol": "1"}))
    assert (await alice.query(asked)).child("error").get("backoff") == "5"
    assert await order(http, "pre-keys", account=peer, notify=True) == {"lost": 10}
    await order(http, "dirty", account=who, type="groups")
    assert (await alice.expect("ib")).child("dirty").get("type") == "groups"

    node = {
        "tag": "notification",
        "attrs": {"id": "N1", "from": "s.whatsapp.net", "type": "psa", "t": "1"},
        "content": [
            {"tag": "a", "content": {"base64": "AQI="}},
            {"tag": "b", "content": "text"},
            {"tag": "c", "attrs": {"jid": str(bob.lid)}},
        ],
    }
    await order(http, "send", account=who, node=node, queue=True)
    told = await alice.expect("notification", lambda n: n.get("id") == "N1")
    assert [child.content for child in told.children()] == [b"\x01\x02", b"text", None]
    assert told.child("c").attrs["jid"] == bob.lid
    assert told.attrs["from"] == Jid("", "s.whatsapp.net")

    await order(http, "devices", account=who, do="add", of=peer)
    await acked(alice, message("C1", bob.lid))
    assert sorted(account_of(emulator, bob).devices) == [0, 1, 2]
    await order(http, "devices", account=who, do="remove", of=peer, number=2)
    await acked(alice, message("C2", bob.lid))
    assert sorted(account_of(emulator, bob).devices) == [0, 1]

    await order(http, "acks", account=who, error=500, count=99)
    await order(http, "clear")
    assert (await acked(alice, message("D1", bob.lid))).get("error") is None
    await order(http, "refuse-login", account=who, reason=402)
    child = {"tag": "conflict", "attrs": {"type": "replaced"}}
    await order(http, "end-stream", account=who, device=1, code=503, children=[child])
    error = await alice.expect("stream:error")
    assert (error.get("code"), error.child("conflict").get("type")) == ("503", "replaced")
    await alice.closed()
    await alice.open(alice.login())
    assert (await alice.expect("failure")).get("reason") == "402"
    await order(http, "cut-off", account=peer)
    await bob.closed()


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("acks", {}, 400),
        ("acks", {"account": "15550000000"}, 404),
        ("acks", {"account": "ALICE", "device": -1}, 400),
        ("acks", {"account": "ALICE", "error": "no"}, 400),
        ("acks", {"account": "ALICE", "to": "nobody"}, 404),
        ("acks", {"account": "ALICE", "attrs": {"a": 1}}, 400),
        ("acks", {"account": "ALICE", "delay_s": -1}, 400),
        ("stanzas", {"account": "ALICE"}, 400),
        ("stanzas", {"account": "ALICE", "do": "explode"}, 400),
        ("queries", {"account": "ALICE"}, 400),
        ("devices", {"account": "ALICE", "of": "ALICE", "do": "swap"}, 400),
        ("devices", {"account": "ALICE", "of": "ALICE", "do": "remove", "number": 9}, 404),
        ("cut-off", {"account": "ALICE"}, 400),
        ("send", {"account": "ALICE", "device": 1, "node": 5}, 400),
        ("send", {"account": "ALICE", "device": 1, "node": {"tag": "a", "content": 5}}, 400),
        ("send", {"account": "ALICE", "device": 9, "node": {"tag": "a"}}, 404),
        ("end-stream", {"account": "ALICE", "device": 1, "children": 5}, 400),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused(
    emulator: Emulator, http: httpx.AsyncClient, path: str, body: Any, status: int
) -> None:
    alice = await emulator.create_account(name="Alice")
    body = {k: alice.number if v == "ALICE" else v for k, v in body.items()}
    answer = await http.post(f"/{path}", json=body)
    assert answer.status_code == status, answer.text
    assert "error" in answer.json()


async def test_nobody_is_no_target(emulator: Emulator) -> None:
    with pytest.raises(NotFound):
        emulator.faults.nack("15550000000@s.whatsapp.net", 500)
