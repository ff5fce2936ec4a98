"""What is posted in a channel: who gets it, how it is changed, reacted to, seen and listed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from waport.emulator import Emulator, EmulatorOptions
from waport.emulator.media_store import MediaStore
from waport.emulator.newsletters import Follower, Newsletter
from waport.proto import pb
from waport.wire import Jid, Node

Linked = Callable[..., Awaitable[Any]]

TEXT = pb.Message(conversation="hello").SerializeToString()


def post(name: str, to: Jid, content: bytes | None = TEXT, **attrs: str) -> Node:
    return Node(
        "message",
        {"id": name, "to": to, "type": "text", **attrs},
        [Node("plaintext", {}, content)],
    )


def reaction(name: str, to: Jid, server_id: str, code: str | None, **attrs: str) -> Node:
    inner = Node("reaction", {} if code is None else {"code": code})
    return Node(
        "message",
        {"id": name, "to": to, "type": "reaction", "server_id": server_id, **attrs},
        [inner],
    )


async def acked(client: Any, node: Node) -> Node:
    await client.send(node)
    ack: Node = await client.expect("ack", lambda n: n.get("class") == "message")
    assert (ack.get("id"), ack.jid("from")) == (node.get("id"), node.jid("to"))
    return ack


async def error(client: Any, node: Node) -> str | None:
    return (await acked(client, node)).get("error")


def iq(kind: str, to: Jid, child: Node) -> Node:
    return Node("iq", {"to": to, "type": kind, "xmlns": "newsletter"}, [child])


async def listed(client: Any, newsletter: Newsletter, **attrs: str) -> list[Node]:
    """A page of posts, asked for by JID of the service."""
    wish = Node("messages", {"type": "jid", "jid": newsletter.jid, **attrs})
    answer = await client.query(iq("get", Jid("", "s.whatsapp.net"), wish))
    messages = answer.child("messages")
    assert messages.jid("jid") == newsletter.jid
    return list(messages.children("message"))


def ids(posts: list[Node]) -> list[int]:
    return [node.int_attr("server_id") for node in posts]


def counts(node: Node) -> tuple[dict[str, str], str]:
    """Reactions and views of a post."""
    reactions = {r.attr("code"): r.attr("count") for r in node.child("reactions").children()}
    return reactions, node.child("views_count").attr("count")


def make(emulator: Emulator, owner: Any, *followers: Any) -> Newsletter:
    book = emulator.directory.newsletters
    newsletter = book.create(owner.jid.user, "News", "", 1_700_000_000_000_000)
    for follower in followers:
        book.follow(newsletter, Follower(follower.jid.user))
    return newsletter


async def test_a_post_reaches_every_device_of_every_follower(
    emulator: Emulator, linked: Linked
) -> None:
    names = ("Alice", "Alice", "Bob", "Bob", "Eve")
    alice, alice2, bob, bob2, eve = [await linked(emulator, name) for name in names]
    newsletter = make(emulator, alice, bob)
    ack = await acked(alice, post("A1", newsletter.jid))
    assert (ack.get("server_id"), ack.get("error")) == ("100", None)
    for client in (bob, bob2):
        copy = await client.expect("message")
        assert copy.attrs == {
            "id": "A1",
            "from": newsletter.jid,
            "type": "text",
            "server_id": "100",
            "t": ack.attr("t"),
        }
        assert [(n.tag, n.content) for n in copy.children()] == [("plaintext", TEXT)]
    own = await alice2.expect("message")
    assert (own.get("is_sender"), own.jid("from")) == ("true", newsletter.jid)
    assert not [n for n in await alice.settled() + await eve.settled() if n.tag == "message"]
    phone = emulator.phone_of(emulator.directory.by_name("Bob"))  # type: ignore[arg-type]
    (shown,) = phone.messages()
    assert (shown.text, shown.chat, shown.server_id) == ("hello", newsletter.jid, 100)
    assert (await acked(alice, post("A2", newsletter.jid))).get("server_id") == "101"


async def test_a_post_whose_ack_was_lost_is_acked_again_with_its_number(
    emulator: Emulator, linked: Linked
) -> None:
    alice, alice2, bob, eve = [await linked(emulator, n) for n in ("Alice", "Alice", "Bob", "Eve")]
    newsletter = make(emulator, alice, bob)
    emulator.directory.newsletters.follow(newsletter, Follower(eve.jid.user, "ADMIN"))
    emulator.faults.lose_acks(alice.jid)
    await alice.send(post("A1", newsletter.jid))
    await bob.expect("message")
    assert not [n for n in await alice.settled() if n.tag == "ack"]
    # From another device of the account it is the same post too, but not from somebody else.
    for client in (alice, alice2):
        assert (await acked(client, post("A1", newsletter.jid))).get("server_id") == "100"
    assert await error(eve, post("A1", newsletter.jid)) == "400"
    assert [n for n in await bob.settled() if n.tag == "message"] == []


async def test_a_follower_that_was_away_gets_posts_marked_and_in_order(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    newsletter = make(emulator, alice, bob)
    await bob.close()
    for number in range(3):
        await acked(alice, post(f"A{number}", newsletter.jid))
    edited = pb.Message(conversation="other").SerializeToString()
    await acked(alice, post("A1", newsletter.jid, edited, edit="3"))
    await bob.log_in()
    copies = [await bob.expect("message") for _ in range(4)]
    assert [copy.get("id") for copy in copies] == ["A0", "A1", "A2", "A1"]
    assert [copy.get("offline") for copy in copies] == ["0", "1", "2", "3"]
    await bob.ack_all()
    for copy in copies:
        await bob.ack(copy)
    await bob.close()
    await bob.log_in()
    await bob.expect("ib", lambda node: node.find("offline") is not None)
    assert not [node for node in bob.kept if node.tag == "message"]


async def test_only_admins_post_and_only_followers_react(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob, eve = [await linked(emulator, name) for name in ("Alice", "Bob", "Eve")]
    newsletter = make(emulator, alice, bob)
    unknown = Jid("120363000000000000", "newsletter")
    await acked(alice, post("A1", newsletter.jid))
    assert await error(bob, post("B1", newsletter.jid)) == "401"
    assert await error(eve, post("E1", newsletter.jid)) == "403"
    assert await error(alice, post("A2", unknown)) == "404"
    assert await error(bob, post("A1", newsletter.jid, edit="3")) == "401"
    assert await error(bob, post("A1", newsletter.jid, None, edit="8")) == "401"
    assert await error(eve, reaction("E2", newsletter.jid, "100", "👍")) == "403"
    assert await error(bob, reaction("B2", newsletter.jid, "100", "👍")) is None
    newsletter.followers[bob.jid.user].role = "ADMIN"
    # What was refused is no repetition when it comes again.
    assert await error(bob, post("B1", newsletter.jid)) is None
    for state, code in (("SUSPENDED", "403"), ("GEOSUSPENDED", "403"), ("DELETED", "404")):
        newsletter.state = state
        assert await error(alice, post(f"A {state}", newsletter.jid)) == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"content": None}, "400"),
        ({"content": b"\xff"}, "400"),
        ({"content": pb.Message().SerializeToString() or b"\x00"}, "400"),
        ({"content": b"\x0a\x05hello" * 50_000}, "400"),
        ({"edit": "3"}, "404"),
        ({"edit": "8"}, "404"),
        ({"edit": "1"}, "405"),
        ({"media_id": "4:0000000000000000"}, "406"),
    ],
)
async def test_what_is_no_post_is_refused(
    emulator: Emulator, linked: Linked, change: Any, code: str
) -> None:
    alice = await linked(emulator, "Alice")
    newsletter = make(emulator, alice)
    assert await error(alice, post("A1", newsletter.jid, **change)) == code
    assert newsletter.posts == {}


async def test_tokens_have_no_business_in_a_channel(emulator: Emulator, linked: Linked) -> None:
    alice = await linked(emulator, "Alice")
    newsletter = make(emulator, alice)
    node = post("A1", newsletter.jid)
    node.content = [*node.children(), Node("tctoken", {}, b"token")]
    assert await error(alice, node) == "479"


async def test_an_edit_replaces_a_post_and_a_deletion_empties_it(
    emulator: Emulator, linked: Linked
) -> None:
    alice, alice2, bob = [await linked(emulator, name) for name in ("Alice", "Alice", "Bob")]
    newsletter = make(emulator, alice, bob)
    first = await acked(alice, post("A1", newsletter.jid))
    edited = pb.Message(conversation="other").SerializeToString()
    ack = await acked(alice, post("A1", newsletter.jid, edited, edit="3"))
    assert ack.get("server_id") == "100"
    for client in (alice2, bob):
        await client.expect("message")
        copy = await client.expect("message")
        assert (copy.get("edit"), copy.get("server_id")) == ("3", "100")
        assert copy.child("plaintext").data == edited
        meta = copy.child("meta")
        assert meta.get("original_msg_t") == first.get("t")
        assert meta.int_attr("msg_edit_t") // 1000 >= first.int_attr("t")
    # The same edit again is a repetition; another one is not.
    assert await error(alice, post("A1", newsletter.jid, edited, edit="3")) is None
    assert not [n for n in await bob.settled() if n.tag == "message"]
    (shown,) = await listed(bob, newsletter)
    assert (shown.get("edit"), shown.child("plaintext").data) == ("3", edited)

    gone = await acked(alice, post("A1", newsletter.jid, None, edit="8"))
    assert gone.get("server_id") == "100"
    copy = await bob.expect("message")
    assert (copy.get("edit"), copy.child("plaintext").content) == ("8", None)
    (shown,) = await listed(bob, newsletter)
    assert (shown.get("edit"), shown.child("plaintext").content) == ("8", None)
    assert await error(alice, post("A1", newsletter.jid, TEXT, edit="3")) == "404"
    assert await error(bob, reaction("B1", newsletter.jid, "100", "👍")) == "404"


async def test_posts_come_by_page(emulator: Emulator, linked: Linked) -> None:
    alice, eve = await linked(emulator, "Alice"), await linked(emulator, "Eve")
    newsletter = make(emulator, alice)
    for number in range(6):
        await acked(alice, post(f"A{number}", newsletter.jid))
    assert ids(await listed(eve, newsletter)) == [100, 101, 102, 103, 104, 105]
    assert ids(await listed(eve, newsletter, count="2")) == [104, 105]
    assert ids(await listed(eve, newsletter, count="2", before="104")) == [102, 103]
    assert ids(await listed(eve, newsletter, count="2", after="101")) == [102, 103]
    assert ids(await listed(eve, newsletter, count="9", before="100")) == []
    assert ids(await listed(eve, newsletter, count="0")) == []
    (first, *_) = await listed(eve, newsletter)
    assert (first.get("id"), first.get("type"), first.get("is_sender")) == ("A0", "text", "false")
    assert first.child("plaintext").data == TEXT
    assert [n.get("is_sender") for n in await listed(alice, newsletter)] == ["true"] * 6
    # To the channel itself, and by its link, one may ask too.
    answers = [
        await eve.query(iq("get", newsletter.jid, Node("messages", {"count": "1"}))),
        await eve.query(
            iq(
                "get",
                Jid("", "s.whatsapp.net"),
                Node("messages", {"type": "invite", "key": newsletter.invite, "count": "1"}),
            )
        ),
    ]
    for answer in answers:
        assert ids(answer.child("messages").children("message")) == [105]


@pytest.mark.parametrize(
    ("kind", "child", "code"),
    [
        ("get", Node("messages", {"type": "jid", "jid": Jid("1", "newsletter")}), "404"),
        ("get", Node("messages", {"type": "invite", "key": "0029"}), "404"),
        ("get", Node("messages", {"type": "invite"}), "400"),
        ("get", Node("messages"), "404"),
        ("get", Node("messages", {"jid": Jid("1", "newsletter"), "count": "-1"}), "404"),
        ("set", Node("messages"), "400"),
        ("get", Node("nonsense"), "400"),
        ("set", Node("live_updates"), "404"),
    ],
)
async def test_an_odd_question_is_refused(
    emulator: Emulator, linked: Linked, kind: str, child: Node, code: str
) -> None:
    alice = await linked(emulator, "Alice")
    answer = await alice.query(iq(kind, Jid("", "s.whatsapp.net"), child))
    assert answer.child("error").get("code") == code
    newsletter = make(emulator, alice)
    wish = Node("messages", {"count": "-1"})
    answer = await alice.query(iq("get", newsletter.jid, wish))
    assert answer.child("error").get("code") == "400"


async def test_a_suspended_channel_is_not_read(emulator: Emulator, linked: Linked) -> None:
    alice = await linked(emulator, "Alice")
    newsletter = make(emulator, alice)
    for state, code in (("SUSPENDED", "403"), ("GEOSUSPENDED", "451"), ("DELETED", "404")):
        newsletter.state = state
        answer = await alice.query(iq("get", newsletter.jid, Node("messages")))
        assert answer.child("error").get("code") == code


async def test_reactions_and_views_are_counted_once_for_each_account(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob, bob2 = [await linked(emulator, name) for name in ("Alice", "Bob", "Bob")]
    newsletter = make(emulator, alice, bob)
    await acked(alice, post("A1", newsletter.jid))
    view = Node("list", {}, [Node("item", {"server_id": number}) for number in ("100", "7", "x")])
    for number, client in enumerate((bob, bob2, alice)):
        receipt = {"id": f"V{number}", "to": newsletter.jid, "type": "view"}
        await client.send(Node("receipt", receipt, [view]))
        ack = await client.expect("ack", lambda n: n.get("class") == "receipt")
        assert (ack.get("type"), ack.jid("from")) == ("view", newsletter.jid)
    for name, client, code in (("R1", alice, "👍"), ("R2", bob, "👍"), ("R3", bob2, "🎉")):
        assert await error(client, reaction(name, newsletter.jid, "100", code)) is None
    (shown,) = await listed(bob, newsletter)
    assert counts(shown) == ({"👍": "1", "🎉": "1"}, "2")
    assert await error(bob, reaction("R4", newsletter.jid, "100", None, edit="7")) is None
    assert counts((await listed(bob, newsletter))[0]) == ({"👍": "1"}, "2")


@pytest.mark.parametrize(
    ("node", "code"),
    [
        ({"server_id": "101", "code": "👍"}, "404"),
        ({"server_id": "100", "code": ""}, "400"),
        ({"server_id": "100", "code": None}, "400"),
        ({"server_id": "100", "code": "👍", "edit": "7"}, "400"),
        ({"server_id": "100", "code": "x" * 65}, "400"),
    ],
)
async def test_an_odd_reaction_is_refused(
    emulator: Emulator, linked: Linked, node: Any, code: str
) -> None:
    alice = await linked(emulator, "Alice")
    newsletter = make(emulator, alice)
    await acked(alice, post("A1", newsletter.jid))
    assert await error(alice, reaction("R1", newsletter.jid, **node)) == code
    bare = Node(
        "message", {"id": "R2", "to": newsletter.jid, "type": "reaction", "server_id": "100"}
    )
    assert await error(alice, bare) == "400"


async def test_a_channel_decides_which_reactions_it_takes(
    emulator: Emulator, linked: Linked
) -> None:
    alice = await linked(emulator, "Alice")
    newsletter = make(emulator, alice)
    await acked(alice, post("A1", newsletter.jid))
    expected = {"ALL": (None, None), "BASIC": (None, "405"), "NONE": ("405", "405")}
    for mode, codes in expected.items():
        newsletter.reactions = mode
        for number, (code, wanted) in enumerate(zip(("👍", "🦊"), codes, strict=True)):
            got = await error(alice, reaction(f"{mode}{number}", newsletter.jid, "100", code))
            assert got == wanted


async def test_own_reactions_are_listed_for_other_devices(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob, bob2 = [await linked(emulator, name) for name in ("Alice", "Bob", "Bob")]
    newsletter, other = make(emulator, alice, bob), make(emulator, alice, bob)
    for number in range(3):
        await acked(alice, post(f"A{number}", newsletter.jid))
        await acked(bob, reaction(f"B{number}", newsletter.jid, str(100 + number), "👍"))

    async def own(to: Jid, **attrs: Any) -> dict[Jid, list[tuple[int, str]]]:
        answer = await bob2.query(iq("get", to, Node("my_addons", attrs)))
        return {
            messages.jid("jid"): [
                (node.int_attr("server_id"), node.child("reaction").attr("code"))
                for node in messages.children("message")
            ]
            for messages in answer.child("my_addons").children("messages")
        }

    everything = {newsletter.jid: [(100, "👍"), (101, "👍"), (102, "👍")]}
    assert await own(Jid("", "s.whatsapp.net")) == everything
    assert await own(newsletter.jid) == everything
    assert await own(Jid("", "s.whatsapp.net"), jid=newsletter.jid, limit="1") == {
        newsletter.jid: [(102, "👍")]
    }
    assert await own(other.jid) == {}


async def test_counters_are_told_to_whoever_has_asked_lately(
    linked: Linked,
) -> None:
    now = [1_800_000_000.0]
    async with Emulator(EmulatorOptions(plain=True), now=lambda: now[0]) as emulator:
        emulator.policy.min_revision = 0
        book = emulator.directory.newsletters
        alice, bob = [await emulator.create_account(name=name) for name in ("Alice", "Bob")]
        newsletter = book.create(alice.number, "News", "", int(now[0] * 1e6))
        book.follow(newsletter, Follower(bob.number))
        parts = emulator.newsletters
        phone, other = emulator.phone_of(alice), emulator.phone_of(bob)
        await phone.send_text(newsletter.jid, "hello")
        (post_,) = newsletter.posts.values()
        seen: list[Node] = []
        device = bob.devices[0]
        assert device.session is not None
        send = device.session._outlet.send
        device.session._outlet.send = lambda node: (seen.append(node), send(node))[1]  # type: ignore[method-assign]
        await other.outbox.react_in_newsletter(newsletter.jid, 100, "👍")
        assert [node for node in seen if node.get("type") == "newsletter"] == []
        assert parts.news.watch(newsletter, bob, device) == 300
        await other.outbox.react_in_newsletter(newsletter.jid, 100, "🎉")
        (told,) = [node for node in seen if node.get("type") == "newsletter"]
        assert told.jid("from") == newsletter.jid
        messages = told.child("live_updates").child("messages")
        (shown,) = messages.children("message")
        assert (messages.jid("jid"), shown.get("server_id")) == (newsletter.jid, "100")
        assert counts(shown) == ({"🎉": "1"}, "0")
        assert shown.find("plaintext") is None
        now[0] += 301
        await other.outbox.react_in_newsletter(newsletter.jid, 100, "👍")
        assert len([node for node in seen if node.get("type") == "newsletter"]) == 1
        assert post_.changed == int(now[0])


async def test_live_updates_end_with_the_connection_and_have_a_form_for_baileys(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    newsletter = make(emulator, alice, bob)
    await acked(alice, post("A1", newsletter.jid))
    await bob.expect("message")
    emulator.policy.live_updates_s = 45
    answer = await bob.query(iq("set", newsletter.jid, Node("live_updates")))
    assert answer.child("live_updates").get("duration") == "45"
    emulator.policy.flat_live_updates = True
    await acked(alice, reaction("R1", newsletter.jid, "100", "👍"))
    told = await bob.expect("notification", lambda n: n.get("type") == "newsletter")
    first, views = told.children()
    assert (first.tag, first.get("message_id")) == ("reaction", "100")
    assert first.child("reaction").text == "👍"
    assert (views.tag, views.get("message_id"), views.text) == ("view", "100", "0")
    await bob.ack(told)
    await bob.ack_all()
    await bob.close()
    await acked(alice, reaction("R2", newsletter.jid, "100", "🎉"))
    await bob.log_in()
    await bob.expect("ib", lambda n: n.find("offline") is not None)
    await acked(alice, reaction("R3", newsletter.jid, "100", "👍"))
    assert not [n for n in await bob.settled() if n.get("type") == "newsletter"]


async def test_updates_tell_what_has_changed_since(linked: Linked) -> None:
    now = [1_800_000_000.0]
    async with Emulator(EmulatorOptions(plain=True), now=lambda: now[0]) as emulator:
        alice = await emulator.create_account(name="Alice")
        book = emulator.directory.newsletters
        newsletter = book.create(alice.number, "News", "", int(now[0] * 1e6))
        phone = emulator.phone_of(alice)
        for number in range(3):
            await phone.send_text(newsletter.jid, f"text {number}", f"A{number}")
        now[0] += 100
        since = int(now[0])
        await phone.outbox.react_in_newsletter(newsletter.jid, 100, "👍")
        edit = pb.ProtocolMessage(
            type=pb.ProtocolMessage.MESSAGE_EDIT,
            key=pb.MessageKey(remoteJid=str(newsletter.jid), fromMe=True, id="A1"),
            editedMessage=pb.Message(conversation="other"),
        )
        edited = await phone.send_message(newsletter.jid, pb.Message(protocolMessage=edit))
        assert (edited.id, edited.server_id) == ("A1", 101)

        async def updates(**attrs: str) -> list[tuple[int, bool]]:
            wish = iq("get", newsletter.jid, Node("message_updates", dict(attrs)))
            messages = (await phone._link.query(wish)).child("message_updates").child("messages")
            return [
                (node.int_attr("server_id"), node.find("plaintext") is not None)
                for node in messages.children("message")
            ]

        assert await updates() == [(100, True), (101, True), (102, True)]
        assert await updates(since=str(since)) == [(100, False), (101, True)]
        assert await updates(since=str(since), after="100", count="5") == [(101, True)]
        assert await updates(since=str(since + 1)) == []


async def test_a_phone_posts_files_edits_and_deletes(emulator: Emulator, linked: Linked) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    owner = emulator.directory.by_name("Alice")
    reader = emulator.directory.by_name("Bob")
    assert owner is not None
    assert reader is not None
    async with httpx.AsyncClient(base_url=emulator.admin_url) as http:
        made = await http.post(f"/accounts/{owner.number}/newsletters", json={"name": "News"})
        assert made.status_code == 201
        jid, invite = made.json()["jid"], made.json()["invite"]
        for name in (jid, invite):
            followed = await http.post(
                f"/accounts/{reader.number}/newsletters/follow", json={"newsletter": name}
            )
            assert followed.json() == {"jid": jid}
        file = {"to": jid, "file": "aGVsbG8=", "mimetype": "image/jpeg", "caption": "below"}
        sent = (await http.post(f"/accounts/{owner.number}/send", json=file)).json()
        assert sent["server_id"] == 100
        copy = await bob.expect("message")
        assert (copy.get("type"), copy.child("plaintext").get("mediatype")) == ("media", "image")
        image = pb.Message.FromString(copy.child("plaintext").data).imageMessage
        assert (image.fileSha256, image.mediaKey) == (hashlib.sha256(b"hello").digest(), b"")
        async with httpx.AsyncClient() as plain:
            fetched = await plain.get(emulator.web_url + image.directPath)
        assert fetched.content == b"hello"
        shown = await http.get(f"/accounts/{reader.number}/messages/{sent['id']}/file")
        assert shown.content == b"hello"
        await alice.ack_all()

        viewed = {"newsletter": jid, "server_ids": [100]}
        await http.post(f"/accounts/{reader.number}/newsletters/view", json=viewed)
        liked = {"to": jid, "reaction": "👍", "server_id": 100}
        await http.post(f"/accounts/{reader.number}/send", json=liked)
        key = {"remoteJid": jid, "fromMe": True, "id": sent["id"]}
        edit = {"type": "MESSAGE_EDIT", "key": key, "editedMessage": {"conversation": "text"}}
        wrapped = {"editedMessage": {"message": {"protocolMessage": edit}}}
        for message in (wrapped, {"protocolMessage": {"type": "REVOKE", "key": key}}):
            body = {"to": jid, "message": message}
            changed = (await http.post(f"/accounts/{owner.number}/send", json=body)).json()
            assert (changed["id"], changed["server_id"]) == (sent["id"], 100)
        (told,) = (await http.get(f"/newsletters/{jid}")).json()["posts"]
        assert (told["views"], told["reactions"]) == (1, {reader.number: "👍"})
        assert (told["revoked"], told["message"]) == (True, {})
        messages = (await http.get(f"/accounts/{reader.number}/messages")).json()["messages"]
        assert [(m["text"], m.get("edit")) for m in messages] == [
            (None, None),
            ("text", "3"),
            (None, "8"),
        ]
        left = await http.post(
            f"/accounts/{reader.number}/newsletters/unfollow", json={"newsletter": jid}
        )
        assert left.status_code == 200
        assert (await http.get("/newsletters")).json()["newsletters"][0]["followers"] == {
            owner.number: "OWNER"
        }
        refused = await http.post(f"/accounts/{reader.number}/send", json={"to": jid, "text": "x"})
        assert refused.status_code == 409


async def test_the_admin_api_decides_on_roles_and_states(
    emulator: Emulator, linked: Linked
) -> None:
    bob = await linked(emulator, "Bob")
    alice = await emulator.create_account(name="Alice")
    async with httpx.AsyncClient(base_url=emulator.admin_url) as http:
        made = await http.post(f"/accounts/{alice.number}/newsletters", json={"name": "News"})
        jid = made.json()["jid"]

        async def call(path: str, **body: str) -> httpx.Response:
            return await http.post(f"/newsletters/{jid}/{path}", json=body)

        promoted = await call("role", account=bob.jid.user, role="ADMIN")
        assert promoted.json()["followers"] == {alice.number: "OWNER", bob.jid.user: "ADMIN"}
        told = await bob.expect("notification", lambda n: n.get("type") == "mex")
        assert told.child("update").get("op_name") == "NotificationNewsletterAdminPromote"
        assert await error(bob, post("B1", Jid.parse(jid))) is None
        assert (await call("role", account=alice.number, role="ADMIN")).status_code == 400
        assert (await call("state", state="SUSPENDED")).json()["state"] == "SUSPENDED"
        told = await bob.expect("notification", lambda n: n.get("type") == "mex")
        data = json.loads(told.child("update").data)["data"]
        assert data == {
            "xwa2_notify_newsletter_on_state_change": {"id": jid, "state": {"type": "SUSPENDED"}}
        }
        assert await error(bob, post("B2", Jid.parse(jid))) == "403"
        assert (await call("state", state="NONSENSE")).status_code == 400
        assert (await call("state", state="DELETED")).json()["followers"] == {}
        assert (await call("state", state="ACTIVE")).status_code == 400
        assert (await http.get("/newsletters/nonsense")).status_code == 404


async def test_posts_survive_a_restart(tmp_path: Path) -> None:
    options = EmulatorOptions(plain=True, state=str(tmp_path))
    async with Emulator(options) as emulator:
        alice, bob = [await emulator.create_account(name=name) for name in ("Alice", "Bob")]
        newsletter = emulator.directory.newsletters.create(alice.number, "News", "", 10**15)
        emulator.directory.newsletters.follow(newsletter, Follower(bob.number))
        phone, reader = emulator.phone_of(alice), emulator.phone_of(bob)
        await phone.send_text(newsletter.jid, "hello", "A1")
        await reader.outbox.react_in_newsletter(newsletter.jid, 100, "👍")
        await reader.newsletters.view(newsletter.jid, [100], "V1")
    async with Emulator(options) as emulator:
        again = emulator.directory.newsletters.find(newsletter.jid)
        assert again == newsletter
        assert again is not None
        assert again.posts[100].viewers == {bob.number}
        account = emulator.directory.find(alice.number)
        assert account is not None
        sent = await emulator.phone_of(account).send_text(newsletter.jid, "more")
        assert sent.server_id == 101


def test_the_oldest_post_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    from waport.emulator import newsletters

    monkeypatch.setattr(newsletters, "POSTS_KEPT", 2)
    newsletter = newsletters.NewsletterBook().create("1", "News", "", 0)
    for number in range(3):
        newsletter.add(newsletters.Post(100 + number, f"A{number}", "1", 0, "text", "", TEXT))
    assert list(newsletter.posts) == [101, 102]
    assert newsletter.find("A0") is None
    assert newsletter.last_server_id == 102


async def test_only_files_of_channels_belong_to_posts(emulator: Emulator, linked: Linked) -> None:
    alice = await linked(emulator, "Alice")
    newsletter = make(emulator, alice)
    store: MediaStore = emulator._parts.media.store
    plain = await store.put("newsletter-image", b"plain")
    sealed = await store.put("image", b"sealed")
    answers = []
    for number, file in enumerate((plain, sealed)):
        node = post(f"A{number}", newsletter.jid, type="media", media_id=f"4:{file.name}")
        answers.append(await error(alice, node))
    assert answers == [None, "406"]
