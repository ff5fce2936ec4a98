"""Status posts: who may see them, reactions, revocations, answers, and what phones do about it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from waport.emulator import Emulator
from waport.emulator.accounts import Account
from waport.emulator.phone_trouble import Trouble
from waport.proto import pb
from waport.wire import Jid, Node

Linked = Callable[..., Awaitable[Any]]

STATUS = Jid("status", "broadcast")
TIMEOUT_S = 5.0


class Watch:
    """Waits for a phone to have read a number of messages."""

    def __init__(self, emulator: Emulator, account: Account) -> None:
        self.inbox = emulator.phone_of(account).inbox
        self._more = asyncio.Event()
        receive = self.inbox.receive

        async def watched(node: Node) -> None:
            await receive(node)
            self._more.set()

        self.inbox.receive = watched  # type: ignore[method-assign]

    async def read(self, count: int) -> list[pb.Message]:
        async with asyncio.timeout(TIMEOUT_S):
            while len(self.inbox.messages) < count:
                self._more.clear()
                await self._more.wait()
        return [message.message for message in self.inbox.messages]


async def people(emulator: Emulator, *names: str) -> list[Account]:
    """Accounts of which the first has written to all others."""
    accounts = [await emulator.create_account(name=name) for name in names]
    for other in accounts[1:]:
        await emulator.phone_of(accounts[0]).send_text(other.jid, "hello")
    return accounts


def enc(kind: str, **attrs: str) -> Node:
    return Node("enc", {"v": "2", "type": kind, **attrs}, b"\x33cipher")


async def error(client: Any, node: Node) -> str | None:
    await client.send(node)
    ack = await client.expect("ack", lambda n: n.get("id") == node.get("id"))
    code: str | None = ack.get("error")
    return code


@pytest.mark.parametrize(
    ("attrs", "setting", "code"),
    [
        ({}, "contacts", None),
        ({}, "allowlist", None),
        ({}, "denylist", None),
        ({}, "everybody", "479"),
        ({"edit": "7"}, "contacts", "479"),
        ({"type": "reaction"}, "contacts", "479"),
        ({"type": "reaction"}, None, None),
        ({"edit": "7"}, None, None),
    ],
)
async def test_only_posts_say_whom_they_are_for(
    emulator: Emulator, linked: Linked, attrs: dict[str, str], setting: str | None, code: str | None
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    named = Node("participants", {}, [Node("to", {"jid": bob.lid}, [enc("pkmsg")])])
    meta = [] if setting is None else [Node("meta", {"status_setting": setting})]
    node = Node(
        "message", {"id": "S1", "to": STATUS, "type": "text", **attrs}, [named, enc("skmsg"), *meta]
    )
    assert await error(alice, node) == code
    assert len([n for n in await bob.settled() if n.tag == "message"]) == (code is None)


async def test_a_reaction_reaches_the_author_and_the_own_devices_alone(
    emulator: Emulator, linked: Linked
) -> None:
    names = ("Alice", "Bob", "Bob", "Eve")
    alice, bob, bob2, eve = [await linked(emulator, name) for name in names]
    for client in (bob, bob2):
        await client.ack_all()
    named = [Node("to", {"jid": jid}, [enc("msg")]) for jid in (alice.lid, bob2.lid)]
    attrs = {"id": "R1", "to": STATUS, "type": "reaction"}
    assert await error(bob, Node("message", attrs, [Node("participants", {}, named)])) is None
    for client in (alice, bob2):
        copy = await client.expect("message")
        assert (copy.jid("from"), copy.jid("participant")) == (STATUS, bob.lid)
        assert copy.get("type") == "reaction"
    assert not [n for n in await eve.settled() if n.tag == "message"]


async def test_the_audience_is_chosen_and_asked_for(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice = await linked(emulator, "Alice")
    bob = await emulator.create_account(name="Bob")

    async def asked() -> tuple[str, list[Jid]]:
        answer = await alice.query(make_iq("get", "status", Node("privacy")))
        listed = answer.child("privacy").child("list")
        return listed.attr("type"), [user.jid("jid") for user in listed.children("user")]

    assert await asked() == ("contacts", [])
    async with httpx.AsyncClient(base_url=emulator.admin_url) as http:
        path = f"/accounts/{alice.jid.user}/status-audience"
        body = {"type": "blacklist", "people": [bob.number]}
        assert (await http.post(path, json=body)).json() == body
        assert await asked() == ("blacklist", [bob.lid])
        assert (await http.post(path, json={"type": "all"})).status_code == 400
        assert (await http.post(path, json={"people": ["nobody"]})).status_code == 404


@pytest.mark.parametrize(
    ("kind", "named", "seen", "setting"),
    [
        ("contacts", (), ("Bob", "Eve"), "contacts"),
        ("whitelist", ("Bob",), ("Bob",), "allowlist"),
        ("blacklist", ("Bob",), ("Eve",), "denylist"),
    ],
)
async def test_a_phone_posts_to_whom_the_account_lets_see_it(
    emulator: Emulator, kind: str, named: tuple[str, ...], seen: tuple[str, ...], setting: str
) -> None:
    alice, bob, eve = await people(emulator, "Alice", "Bob", "Eve")
    numbers = {"Bob": bob.number, "Eve": eve.number}
    alice.status_audience = (kind, tuple(numbers[name] for name in named))
    stanzas: list[Node] = []
    phone = emulator.phone_of(alice)
    send = phone._link.send

    async def watched(node: Node) -> None:
        stanzas.append(node)
        await send(node)

    phone._link.send = watched  # type: ignore[method-assign]
    phone.outbox._link.send = watched  # type: ignore[method-assign]
    watches = {"Bob": Watch(emulator, bob), "Eve": Watch(emulator, eve)}
    await phone.send_text(STATUS, "my day")
    post = next(node for node in stanzas if node.get("to") == str(STATUS))
    assert post.child("meta").attrs == {"status_setting": setting}
    assert "addressing_mode" not in post.attrs
    assert "phash" not in post.attrs
    for name in seen:
        assert (await watches[name].read(2))[1].conversation == "my day"
    await emulator.phone_of(alice).send_text(bob.jid, "later")
    await emulator.phone_of(alice).send_text(eve.jid, "later")
    for name, watch in watches.items():
        read = await watch.read(3 if name in seen else 2)
        assert (read[1].conversation == "my day") is (name in seen)


async def test_a_phone_reacts_to_a_post_revokes_one_and_answers_one(emulator: Emulator) -> None:
    alice, bob, eve = await people(emulator, "Alice", "Bob", "Eve")
    author, reader, other = Watch(emulator, alice), Watch(emulator, bob), Watch(emulator, eve)
    phone, bobs = emulator.phone_of(alice), emulator.phone_of(bob)
    post = await phone.send_text(STATUS, "my day")
    await reader.read(2)
    await other.read(2)
    async with httpx.AsyncClient(base_url=emulator.admin_url) as http:
        key = {"remoteJid": str(STATUS), "id": post.id, "participant": str(alice.lid)}
        reaction = {"reactionMessage": {"key": key, "text": "👍"}}
        body = {"to": str(STATUS), "message": reaction}
        assert (await http.post(f"/accounts/{bob.number}/send", json=body)).status_code == 200
        (got,) = await author.read(1)
        assert (got.reactionMessage.text, got.reactionMessage.key.id) == ("👍", post.id)
        message = author.inbox.messages[0]
        assert (message.chat, message.participant) == (STATUS, bob.lid)
        del key["participant"]
        refused = await http.post(f"/accounts/{bob.number}/send", json=body)
        assert refused.status_code == 400

        quoted = {"conversation": "my day"}
        context = {
            "stanzaId": post.id,
            "participant": str(alice.lid),
            "remoteJid": str(STATUS),
            "quotedMessage": quoted,
        }
        answer = {"extendedTextMessage": {"text": "nice", "contextInfo": context}}
        body = {"to": alice.lid_user + "@lid", "message": answer}
        assert (await http.post(f"/accounts/{bob.number}/send", json=body)).status_code == 200
        got = (await author.read(2))[1]
        assert got.extendedTextMessage.contextInfo.remoteJid == str(STATUS)

        own = {"remoteJid": str(STATUS), "fromMe": True, "id": post.id}
        revoke = {"protocolMessage": {"type": "REVOKE", "key": own}}
        body = {"to": str(STATUS), "message": revoke}
        sent = (await http.post(f"/accounts/{alice.number}/send", json=body)).json()
        assert sent["id"] != post.id
    for watch in (reader, other):
        got = (await watch.read(3))[2]
        assert got.protocolMessage.type == pb.ProtocolMessage.REVOKE
        assert watch.inbox.messages[2].edit == "7"
    assert bobs.inbox.messages[1].chat == STATUS


async def test_group_messages_can_have_gaps_and_keys_inside(emulator: Emulator) -> None:
    """What else a phone may do with sender keys, and others have to cope with."""
    alice, bob = await people(emulator, "Alice", "Bob")
    reader = Watch(emulator, bob)
    phone = emulator.phone_of(alice)
    troubles = [
        Trouble(is_bare_key=True),
        Trouble(skip=50),
        Trouble(is_inline=True),
        Trouble(skip=3, behind=b"\xaa\xfa\x03\x04more"),
        Trouble(),
    ]
    for number, trouble in enumerate(troubles):
        message = pb.Message(conversation=f"text {number}")
        await phone.send_message(STATUS, message, trouble=trouble)
    read = await reader.read(6)
    assert [message.conversation for message in read[1:]] == [f"text {n}" for n in range(5)]


async def test_media_that_do_not_say_what_they_are_reach_nobody(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")

    def image(name: str, to: Jid, *more: Node, **attrs: str) -> Node:
        named = Node("participants", {}, [Node("to", {"jid": bob.lid}, [enc("msg", **attrs)])])
        return Node("message", {"id": name, "to": to, "type": "media"}, [named, *more])

    nodes = [
        image("A1", bob.lid.bare),
        image("A2", bob.lid.bare, mediatype="image"),
        image("A3", STATUS, enc("skmsg")),
        image("A4", STATUS, enc("skmsg", mediatype="image")),
        image("A5", bob.lid.bare, Node("biz", {}, [Node("buttons")])),
        image("A6", bob.lid.bare, count="1"),
    ]
    for node in nodes:
        assert await error(alice, node) is None
    seen = [n.attr("id") for n in await bob.settled() if n.tag == "message"]
    assert seen == ["A2", "A4", "A5", "A6"]
    emulator.policy.drop_untyped_media = False
    assert await error(alice, image("A7", bob.lid.bare)) is None
    assert (await bob.expect("message", lambda n: n.get("id") == "A7")).get("type") == "media"
