"""Every IQ is answered: settings, profiles, and what is unknown."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from waport.emulator import Emulator
from waport.errors import CryptoError
from waport.proto import pb
from waport.wire import GROUP_SERVER, Jid, Node

Linked = Callable[..., Awaitable[Any]]


def usync(make_iq: Any, protocols: list[Node], users: list[Node]) -> Node:
    query = Node("query", {}, protocols)
    attrs = {"sid": "s", "mode": "query", "last": "true", "index": "0", "context": "message"}
    return make_iq("get", "usync", Node("usync", attrs, [query, Node("list", {}, users)]))


def listed(answer: Node) -> list[Node]:
    return answer.child("usync").child("list").children("user")


@pytest.mark.parametrize(
    ("kind", "namespace", "children", "expected"),
    [
        ("get", "w:p", [], None),
        ("get", "w:p", [Node("ping")], None),
        ("get", "urn:xmpp:ping", [], None),
        ("get", "abt", [Node("props", {"protocol": "1"})], "props"),
        ("get", "w", [Node("props")], "props"),
        ("get", "blocklist", [], "list"),
        ("get", "privacy", [Node("privacy")], "privacy"),
        ("get", "status", [Node("privacy")], "privacy"),
        ("get", "w:m", [Node("media_conn")], "media_conn"),
        ("get", "bot", [Node("bot", {"v": "2"})], "bot"),
        ("get", "w:biz", [Node("business_profile", {"v": "244"})], "business_profile"),
        ("get", "tos", [Node("get_user_disclosures", {"t": "0"})], None),
        ("get", "w:comms:chat", [Node("query", {}, [Node("blocking_status")])], "blocking"),
        ("set", "urn:xmpp:whatsapp:push", [Node("clear")], None),
        ("set", "w:stats", [Node("add", {"t": "1"}, b"x")], None),
        ("set", "urn:xmpp:whatsapp:dirty", [Node("clean", {"type": "groups"})], None),
        ("set", "spam", [Node("spam_list")], "report_id"),
        ("get", "privatestats", [Node("sign_credential")], "501"),
        ("get", "no:such:thing", [], "501"),
        ("get", "privacy", [Node("nonsense")], "400"),
        ("set", "encrypt", [Node("nonsense")], "400"),
        ("get", "encrypt", [Node("nonsense")], "400"),
        ("get", "usync", [Node("nonsense")], "400"),
        ("set", "passive", [Node("nonsense")], "400"),
        ("set", "md", [Node("pair-device")], "403"),
        ("get", "newsletter", [Node("messages")], "404"),
    ],
)
async def test_a_question_is_answered_by_its_kind(
    emulator: Emulator,
    linked: Linked,
    make_iq: Any,
    kind: str,
    namespace: str,
    children: list[Node],
    expected: str | None,
) -> None:
    alice = await linked(emulator, "Alice")
    answer = await alice.query(make_iq(kind, namespace, *children))
    if expected is not None and expected.isdigit():
        assert answer.get("type") == "error"
        assert answer.child("error").get("code") == expected
    else:
        assert answer.get("type") == "result"
        assert answer.find(expected) is not None if expected else True


async def test_groups_are_unknown_and_their_list_is_empty(
    emulator: Emulator, linked: Linked
) -> None:
    alice = await linked(emulator, "Alice")
    participating = Node("participating", {}, [Node("participants"), Node("description")])
    question = Node("iq", {"to": GROUP_SERVER, "type": "get", "xmlns": "w:g2"}, [participating])
    answer = await alice.query(question)
    assert answer.jid("from") == GROUP_SERVER
    assert answer.child("groups").children() == []
    group = Jid("120363000000000000", "g.us")
    query = Node("query", {"request": "interactive"})
    answer = await alice.query(Node("iq", {"to": group, "type": "get", "xmlns": "w:g2"}, [query]))
    assert answer.child("error").get("code") == "404"


async def test_an_unknown_graphql_operation_is_answered_in_its_own_form(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice = await linked(emulator, "Alice")
    answer = await alice.query(make_iq("get", "w:mex", Node("query", {"query_id": "1"}, b"{}")))
    body = json.loads(answer.child("result").data)
    assert body["errors"][0]["extensions"]["error_code"] == 400


async def test_app_state_is_answered_by_the_phone(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice = await linked(emulator, "Alice")
    attrs = {"name": "critical_block", "version": "0", "return_snapshot": "true"}
    sync = Node("sync", {}, [Node("collection", attrs)])
    answer = await alice.query(make_iq("set", "w:sync:app:state", sync))
    collection = answer.child("sync").child("collection")
    assert (collection.get("name"), collection.get("type")) == ("critical_block", "result")
    assert collection.child("patches").children("patch")


async def test_dirty_bits_are_repeated_until_they_are_cleaned(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice = await linked(emulator, "Alice")
    account = emulator.directory.by_name("Alice")
    assert account is not None
    emulator.faults.mark_dirty(account, "account_sync")

    def is_dirty(node: Node) -> bool:
        return node.find("dirty") is not None

    assert (await alice.expect("ib", is_dirty)).child("dirty").get("type") == "account_sync"
    await alice.close()
    await alice.log_in()
    dirty = (await alice.expect("ib", is_dirty)).child("dirty")
    clean = Node("clean", {"type": "account_sync", "timestamp": dirty.attr("timestamp")})
    await alice.query(make_iq("set", "urn:xmpp:whatsapp:dirty", clean))
    await alice.close()
    await alice.log_in()
    await alice.expect("ib", lambda node: node.find("offline") is not None)
    assert [node for node in alice.kept if node.tag == "ib" and is_dirty(node)] == []


async def test_the_block_list_keeps_its_hash(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice, alice2 = await linked(emulator, "Alice"), await linked(emulator, "Alice")
    bob = await emulator.create_account(name="Bob")
    empty = (await alice.query(make_iq("get", "blocklist"))).child("list")
    block = Node("item", {"action": "block", "jid": bob.lid, "pn_jid": bob.jid})
    changed = (await alice.query(make_iq("set", "blocklist", block))).child("list")
    assert changed.get("matched") == "true"
    assert changed.get("dhash") != empty.get("dhash")
    told = await alice2.expect("notification", lambda node: node.find("blocklist") is not None)
    assert told.child("blocklist").get("prev_dhash") == empty.get("dhash")
    now = (await alice.query(make_iq("get", "blocklist"))).child("list")
    assert [item.jid("jid") for item in now.children("item")] == [bob.lid]
    same = Node("item", {"dhash": now.attr("dhash")})
    assert (await alice.query(make_iq("get", "blocklist", same))).children() == []
    stale = Node("item", {"action": "unblock", "jid": bob.lid, "dhash": "stale"})
    whole = (await alice.query(make_iq("set", "blocklist", stale))).child("list")
    assert (whole.get("matched"), whole.children()) == ("false", [])


async def test_a_picture_is_set_shown_and_removed(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")

    async def look(viewer: Any) -> Node:
        attrs = {"to": Jid("", "s.whatsapp.net"), "type": "get", "xmlns": "w:profile:picture"}
        picture = Node("picture", {"type": "image", "query": "url"})
        return await viewer.query(Node("iq", {**attrs, "target": alice.jid.bare}, [picture]))

    assert (await look(bob)).child("error").get("code") == "404"
    jpeg = b"\xff\xd8\xff\xe0 picture"
    await alice.query(make_iq("set", "w:profile:picture", Node("picture", {"type": "image"}, jpeg)))
    picture = (await look(bob)).child("picture")
    async with httpx.AsyncClient() as http:
        assert (await http.get(picture.attr("url"))).content == jpeg
    hidden = Node("privacy", {}, [Node("category", {"name": "profile", "value": "none"})])
    await alice.query(make_iq("set", "privacy", hidden))
    assert (await look(bob)).child("error").get("code") == "401"
    assert (await look(alice)).find("picture") is not None
    await alice.query(make_iq("set", "w:profile:picture"))
    assert (await look(alice)).child("error").get("code") == "404"
    refused = make_iq("set", "w:profile:picture", Node("picture", {"type": "image"}, b"GIF89a"))
    assert (await alice.query(refused)).child("error").get("code") == "406"


async def test_the_about_text_is_shown_and_told_to_contacts(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    account = emulator.directory.by_name("Alice")
    assert account is not None
    await emulator.phone_of(account).send_text(bob.jid.bare, "hello")
    await alice.query(make_iq("set", "status", Node("status", {}, "Zoë".encode())))
    told = await bob.expect("notification", lambda node: node.get("type") == "status")
    assert (told.jid("from"), told.child("set").text) == (alice.jid.bare, "Zoë")
    users = [Node("user", {"jid": alice.jid.bare})]
    answer = await bob.query(usync(make_iq, [Node("status")], users))
    assert listed(answer)[0].child("status").text == "Zoë"


async def test_a_trusted_contact_token_is_handed_to_its_receiver(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    token = Node("token", {"jid": bob.lid.bare, "t": "1700000000", "type": "trusted_contact"})
    await alice.query(make_iq("set", "privacy", Node("tokens", {}, [token])))
    told = await bob.expect("notification", lambda node: node.get("type") == "privacy_token")
    given = told.child("tokens").child("token")
    assert (told.jid("sender_lid"), given.get("t")) == (alice.lid.bare, "1700000000")
    assert given.data


async def test_a_call_is_acked(emulator: Emulator, linked: Linked) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    offer = Node("offer", {"call-id": "C", "call-creator": alice.jid})
    await alice.send(Node("call", {"id": "1", "to": bob.jid.bare}, [offer]))
    ack = await alice.expect("ack")
    assert (ack.get("class"), ack.get("type")) == ("call", "offer")


async def test_an_app_state_patch_is_announced_to_the_other_devices(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice, alice2 = await linked(emulator, "Alice"), await linked(emulator, "Alice")

    async def upload(version: str) -> Node:
        attrs = {"name": "regular_low", "version": version, "return_snapshot": "false"}
        patch = Node("patch", {}, pb.SyncdPatch(patchMac=bytes(32)).SerializeToString())
        sync = Node("sync", {}, [Node("collection", dict(attrs), [patch])])
        answer = await alice.query(make_iq("set", "w:sync:app:state", sync))
        return answer.child("sync").child("collection")

    assert (await upload("1")).get("version") == "2"
    told = await alice2.expect("notification", lambda node: node.get("type") == "server_sync")
    collection = told.child("collection")
    assert (collection.get("name"), collection.get("version")) == ("regular_low", "2")
    assert (await upload("1")).child("error").get("code") == "409"
    assert [n for n in await alice.settled() if n.get("type") == "server_sync"] == []


async def test_a_question_that_the_server_cannot_deal_with_is_answered_too(
    emulator: Emulator, linked: Linked, make_iq: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await linked(emulator, "Alice")
    account = emulator.directory.by_name("Alice")
    assert account is not None

    async def fail(device: int, node: Node) -> Node:
        raise CryptoError("no")

    monkeypatch.setattr(account.phone, "app_state_query", fail)
    answer = await alice.query(make_iq("set", "w:sync:app:state", Node("sync")))
    assert answer.child("error").get("code") == "500"
