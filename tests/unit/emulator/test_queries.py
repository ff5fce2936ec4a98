"""Every IQ is answered: keys, users, settings, and what is unknown."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from waport.crypto import KeyPair
from waport.emulator import Emulator
from waport.emulator.notifications import phash
from waport.signal import SignedPreKey, generate_pre_keys
from waport.wire import GROUP_SERVER, Jid, Node

Linked = Callable[..., Awaitable[Any]]


def usync(make_iq: Any, protocols: list[Node], users: list[Node]) -> Node:
    query = Node("query", {}, protocols)
    attrs = {"sid": "s", "mode": "query", "last": "true", "index": "0", "context": "message"}
    return make_iq("get", "usync", Node("usync", attrs, [query, Node("list", {}, users)]))


def listed(answer: Node) -> list[Node]:
    return answer.child("usync").child("list").children("user")


# --- keys ----------------------------------------------------------------------------------------


async def test_the_pool_is_counted_and_emptied_one_key_at_a_time(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    await bob.upload(
        7, start=100
    )  # beside the ten of the first upload, of which the phone took one

    async def count() -> str | None:
        answer = await bob.query(make_iq("get", "encrypt", Node("count")))
        return answer.child("count").get("value")

    before = int(await count() or 0)
    taken = []
    while True:
        answer = await alice.query(
            make_iq("get", "encrypt", Node("key", {}, [Node("user", {"jid": bob.lid})]))
        )
        user = answer.child("list").child("user")
        if user.find("key") is None:
            break
        taken.append(int.from_bytes(user.child("key").child("id").data, "big"))
    assert len(taken) == before
    assert len(set(taken)) == before
    assert taken[-7:] == list(range(100, 107))  # oldest first
    assert user.jid("jid") == bob.lid
    assert int.from_bytes(user.child("registration").data, "big") == bob.registration_id
    assert user.child("identity").data == bob.identity.public
    assert user.child("device-identity").data
    assert await count() == "0"


async def test_a_low_pool_is_announced_until_keys_come(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    await bob.ack_all()
    fetch = make_iq("get", "encrypt", Node("key", {}, [Node("user", {"jid": bob.jid})]))
    left = len(emulator.directory.by_name("Bob").devices[1].pre_keys)  # type: ignore[union-attr]
    for _ in range(left - 5):
        await alice.query(fetch)
    assert [n for n in await bob.settled() if n.tag == "notification"] == []
    await alice.query(fetch)
    notice = await bob.expect("notification", lambda node: node.get("type") == "encrypt")
    assert notice.child("count").get("value") == "4"


async def test_an_upload_that_is_repeated_changes_nothing(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    device = emulator.directory.by_name("Bob").devices[1]  # type: ignore[union-attr]
    first = list(device.pre_keys)
    await alice.query(make_iq("get", "encrypt", Node("key", {}, [Node("user", {"jid": bob.jid})])))
    assert (await bob.query(bob.upload_iq())).get("type") == "result"
    # The key that was given out does not come back.
    assert list(device.pre_keys) == first[1:]


async def test_the_digest_is_over_what_the_server_has(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    bob = await linked(emulator, "Bob")
    answer = await bob.query(make_iq("get", "encrypt", Node("digest")))
    digest = answer.child("digest")
    ids = [int.from_bytes(node.data, "big") for node in digest.child("list").children("id")]
    publics = {key.id: key.pair.public for key in bob.pre_keys}
    hashed = bob.identity.public + bob.signed.pair.public + bob.signed.signature
    hashed += b"".join(publics[key_id] for key_id in ids)
    assert digest.child("hash").data == hashlib.sha1(hashed).digest()
    assert int.from_bytes(digest.child("registration").data, "big") == bob.registration_id


async def test_a_device_that_uploaded_nothing_has_no_digest(
    emulator: Emulator, client_of: Any, link_only: Any, make_iq: Any
) -> None:
    client = client_of(emulator)
    await link_only(emulator, client)
    await client.log_in(active=False)
    answer = await client.query(make_iq("get", "encrypt", Node("digest")))
    assert answer.child("error").get("code") == "404"


async def test_a_signed_pre_key_is_rotated_if_its_signature_is_right(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    bob = await linked(emulator, "Bob")
    bob.signed = SignedPreKey.create(bob.identity, 2)
    rotate = make_iq("set", "encrypt", Node("rotate", {}, [bob.skey()]))
    assert (await bob.query(rotate)).get("type") == "result"
    device = emulator.directory.by_name("Bob").devices[1]  # type: ignore[union-attr]
    assert device.signed_pre_key is not None
    assert device.signed_pre_key.id == 2
    bob.signed = SignedPreKey.create(KeyPair.generate(), 3)
    refused = await bob.query(make_iq("set", "encrypt", Node("rotate", {}, [bob.skey()])))
    assert refused.child("error").get("code") == "406"
    assert device.signed_pre_key.id == 2


async def test_a_malformed_upload_is_refused_and_changes_nothing(
    emulator: Emulator, linked: Linked
) -> None:
    bob = await linked(emulator, "Bob")
    device = emulator.directory.by_name("Bob").devices[1]  # type: ignore[union-attr]
    before = dict(device.pre_keys)
    bob.pre_keys = generate_pre_keys(500, 3)
    for spoil in ("registration", "identity", "skey", "list", "type"):
        upload = bob.upload_iq()
        assert isinstance(upload.content, list)
        upload.content = [
            Node(child.tag, {}, b"\x01\x02") if child.tag == spoil else child
            for child in upload.content
        ]
        answer = await bob.query(upload)
        assert answer.get("type") == "error", spoil
    assert device.pre_keys == before


async def test_an_unknown_device_is_an_error_beside_the_good_ones(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    users = [Node("user", {"jid": jid}) for jid in (bob.jid.with_device(77), bob.jid)]
    answer = await alice.query(make_iq("get", "encrypt", Node("key", {}, users)))
    gone, good = answer.child("list").children("user")
    assert gone.child("error").get("code") == "406"
    assert good.find("identity") is not None


# --- users ---------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        (
            [
                Jid("15550001111", "s.whatsapp.net"),
                Jid("15550001111", "s.whatsapp.net", 1),
                Jid("15550002222", "s.whatsapp.net"),
            ],
            "2:jotsfOD4",
        ),
        (
            [
                Jid("100000000000001", "lid"),
                Jid("100000000000002", "lid", 33),
                Jid("100000000000002", "lid"),
            ],
            "2:95Kr2zGt",
        ),
    ],
)
def test_phash_gives_the_published_values(devices: list[Jid], expected: str) -> None:
    assert phash(devices) == expected


# --- notifications of devices --------------------------------------------------------------------


async def test_a_new_companion_is_announced_to_contacts_and_own_devices(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob, stranger = [await linked(emulator, name) for name in ("Alice", "Bob", "Carol")]
    await emulator.phone_of(emulator.directory.by_name("Alice")).send_text(  # type: ignore[arg-type]
        bob.lid.bare, "hello"
    )
    await alice.ack_all()
    await bob.ack_all()
    second = await linked(emulator, "Alice")
    for listener in (alice, bob):
        notice = await listener.expect("notification", lambda node: node.get("type") == "devices")
        added = notice.child("add")
        assert (notice.jid("from"), notice.jid("lid")) == (alice.jid.bare, alice.lid.bare)
        device = added.child("device")
        assert (device.jid("jid"), device.jid("lid")) == (second.jid, second.lid)
        assert device.get("key-index") == "2"
        by_lid = await listener.expect("notification", lambda node: node.get("type") == "devices")
        assert by_lid.jid("from") == alice.lid.bare
        assert by_lid.child("add").child("device").jid("jid") == second.lid
        assert by_lid.child("add").get("device_hash") == added.get("device_lid_hash")
        assert added.child("key-index-list").data
        assert added.get("device_hash") == phash([alice.jid.bare, alice.jid, second.jid])
        assert added.get("device_lid_hash") == phash([alice.lid.bare, alice.lid, second.lid])
    own = await alice.expect("notification", lambda node: node.get("type") == "account_sync")
    assert len(own.child("devices").children("device")) == 3
    assert [n for n in await stranger.settled() if n.tag == "notification"] == []


async def test_a_notification_comes_again_until_it_is_acked(
    emulator: Emulator, linked: Linked
) -> None:
    alice = await linked(emulator, "Alice")
    await linked(emulator, "Alice")
    first = await alice.expect("notification", lambda node: node.get("type") == "devices")
    await alice.close()
    await alice.log_in()
    again = await alice.expect("notification", lambda node: node.get("type") == "devices")
    assert again.get("id") == first.get("id")
    assert again.get("offline") is not None
    await alice.ack_all()
    await alice.ack(again)
    await alice.settled()
    await alice.close()
    await alice.log_in()
    await alice.expect("ib", lambda node: node.find("offline") is not None)
    kinds = [n.get("type") for n in alice.kept if n.tag == "notification"]
    assert "devices" not in kinds


# --- the rest ------------------------------------------------------------------------------------


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


# --- pairing by code -----------------------------------------------------------------------------


async def hello(client: Any, make_iq: Any, jid: Jid, **changes: bytes) -> Node:
    values = {
        "link_code_pairing_wrapped_companion_ephemeral_pub": b"w" * 80,
        "companion_server_auth_key_pub": client.noise.public,
        "companion_platform_id": b"1",
        "companion_platform_display": b"Chrome (Linux)",
        "link_code_pairing_nonce": b"\x00",
        **changes,
    }
    children = [Node(tag, {}, value) for tag, value in values.items()]
    attrs = {"jid": jid, "stage": "companion_hello", "should_show_push_notification": "true"}
    reg = Node("link_code_companion_reg", attrs, children)
    return await client.query(make_iq("set", "md", reg))


async def test_the_stages_of_a_pairing_code_are_passed_on(
    emulator: Emulator, client_of: Any, make_iq: Any
) -> None:
    account = await emulator.create_account("15550001111", "Alice")
    client = client_of(emulator)
    await client.refs()
    # What Baileys says before it is anybody must not end the connection.
    await client.send(Node("presence", {"name": "~"}))
    answer = await hello(client, make_iq, account.jid)
    ref = answer.child("link_code_companion_reg").child("link_code_pairing_ref").text
    assert emulator.waiting_ref(ref)

    typing = asyncio.create_task(emulator.phone_of(account).enter_code("ABCD1234"))
    notice = await client.expect("notification")
    assert (notice.get("type"), str(notice.jid("from"))) == (
        "link_code_companion_reg",
        "s.whatsapp.net",
    )
    told = notice.child("link_code_companion_reg")
    assert told.get("stage") == "primary_hello"
    assert [child.tag for child in told.children()] == [
        "link_code_pairing_ref",
        "link_code_pairing_wrapped_primary_ephemeral_pub",
        "primary_identity_pub",
    ]
    assert told.child("link_code_pairing_ref").text == ref

    finish = Node(
        "link_code_companion_reg",
        {"jid": account.jid, "stage": "companion_finish"},
        [
            Node("link_code_pairing_wrapped_key_bundle", {}, bytes(156)),
            Node("companion_identity_public", {}, client.identity.public),
            Node("link_code_pairing_ref", {}, ref.encode()),
        ],
    )
    assert (await client.query(make_iq("set", "md", finish))).get("type") == "result"
    with pytest.raises(Exception, match="wrong"):
        await typing


@pytest.mark.parametrize(
    ("jid", "changes", "code"),
    [
        ("15559990000@s.whatsapp.net", {}, "404"),
        ("15550001111@s.whatsapp.net", {"companion_platform_display": b"Firefox"}, "400"),
        ("15550001111@s.whatsapp.net", {"companion_server_auth_key_pub": bytes(32)}, "400"),
    ],
)
async def test_a_hello_that_makes_no_sense_is_refused(
    emulator: Emulator,
    client_of: Any,
    make_iq: Any,
    jid: str,
    changes: dict[str, bytes],
    code: str,
) -> None:
    await emulator.create_account("15550001111", "Alice")
    client = client_of(emulator)
    await client.refs()
    answer = await hello(client, make_iq, Jid.parse(jid), **changes)
    assert answer.child("error").get("code") == code


async def test_too_many_codes_are_refused(emulator: Emulator, client_of: Any, make_iq: Any) -> None:
    account = await emulator.create_account("15550001111", "Alice")
    client = client_of(emulator)
    await client.refs()
    codes = [await hello(client, make_iq, account.jid) for _ in range(11)]
    assert [answer.get("type") for answer in codes] == ["result"] * 10 + ["error"]


async def test_a_waiting_connection_may_ask_little(
    emulator: Emulator, client_of: Any, make_iq: Any
) -> None:
    client = client_of(emulator)
    await client.refs()
    assert (await client.query(make_iq("get", "w:p"))).get("type") == "result"
    answer = await client.query(make_iq("get", "privacy", Node("privacy")))
    assert answer.child("error").get("code") == "401"
    reg = Node("link_code_companion_reg", {"stage": "get_country_code"})
    answer = await client.query(make_iq("get", "md", reg))
    country = answer.child("link_code_companion_reg").child("country_code")
    assert country.get("iso") == "US"


async def test_the_phone_can_have_the_secret_of_a_qr_renewed(
    emulator: Emulator, client_of: Any, make_iq: Any
) -> None:
    client = client_of(emulator, push_name="Alice")
    refs = await client.refs()
    account = await emulator.account_for_ref(refs[0])
    rotate = Node("pair-device-rotate-qr", {}, [Node("ref", {}, refs[0].encode())])
    link = emulator.phone_of(account).linker._link
    assert (await link.query(make_iq("set", "md", rotate))).get("type") == "result"
    notice = await client.expect("notification")
    assert notice.get("type") == "companion_reg_refresh"
