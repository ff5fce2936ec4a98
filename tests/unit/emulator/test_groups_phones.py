"""The phones of a group's members: they write, read, give their keys away and take them back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from waport.emulator import Emulator, EmulatorOptions
from waport.emulator.accounts import Account
from waport.emulator.groups import Group, Member
from waport.emulator.phone_received import ReceivedMessage
from waport.errors import NotFound, QueryError
from waport.proto import pb
from waport.wire import Jid, Node

TIMEOUT_S = 5.0
STATUS = Jid("status", "broadcast")


async def accounts(emulator: Emulator, *names: str) -> list[Account]:
    return [await emulator.create_account(name=name) for name in names]


def make_group(emulator: Emulator, *members: Account, mode: Any = "lid") -> Group:
    book = emulator.directory.groups
    group = book.create(members[0].number, "Friends", 1_700_000_000, mode)
    for member in members[1:]:
        book.join(group, Member(member.number))
    return group


async def write(emulator: Emulator, sender: Account, to: Jid, text: str) -> str:
    sent = await emulator.phone_of(sender).send_text(to, text)
    return sent.id


class Watched(list[ReceivedMessage]):
    """A phone's messages, and a word when there is another one."""

    def __init__(self, messages: list[ReceivedMessage]) -> None:
        super().__init__(messages)
        self.more = asyncio.Event()

    def append(self, message: ReceivedMessage) -> None:
        super().append(message)
        self.more.set()


async def read(emulator: Emulator, account: Account, count: int) -> list[str | None]:
    """The texts that a phone has read, once there are so many."""
    inbox = emulator.phone_of(account).inbox
    messages = inbox.messages = Watched(inbox.messages)
    async with asyncio.timeout(TIMEOUT_S):
        while len(messages) < count:
            await messages.more.wait()
            messages.more.clear()
    return [message.text for message in messages]


def stanzas(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> list[Node]:
    """Every message stanza that the server takes from now on."""
    router = emulator._parts.messages
    seen: list[Node] = []
    handle = router.handle

    def watch(account: Account, device: Any, node: Node, raw: bytes | None) -> None:
        seen.append(node)
        handle(account, device, node, raw)

    monkeypatch.setattr(router, "handle", watch)
    return seen


def keys_given(node: Node) -> int:
    participants = node.find("participants")
    listed = participants.children("to") if participants is not None else []
    return sum(entry.find("enc") is not None for entry in listed)


@pytest.mark.parametrize("mode", ["lid", "pn"])
async def test_phones_talk_in_a_group(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    alice, bob, carol = members = await accounts(emulator, "Alice", "Bob", "Carol")
    group = make_group(emulator, *members, mode=mode)
    seen = stanzas(emulator, monkeypatch)
    said: list[str] = []
    for number in range(2):
        for sender in members:
            said.append(f"{sender.name} {number}")
            await write(emulator, sender, group.jid, said[-1])
    for reader in members:
        others = [text for text in said if not text.startswith(reader.name)]
        assert await read(emulator, reader, 4) == others
    message = emulator.phone_of(bob).messages()[0]
    lid = mode == "lid"
    assert (message.chat, message.participant) == (group.jid, alice.address(lid=lid))
    # Everybody is given a key once, and the server has no other idea of the devices.
    assert [keys_given(node) for node in seen] == [2, 2, 2, 0, 0, 0]
    assert {node.get("addressing_mode") for node in seen} == {mode}
    assert carol.devices[0].mailbox.last_seq > 0
    assert len(carol.devices[0].mailbox) == 0


async def test_the_new_one_cannot_read_back_and_the_old_one_cannot_read_on(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, carol = await accounts(emulator, "Alice", "Bob", "Carol")
    book = emulator.directory.groups
    group = make_group(emulator, alice, bob)
    await write(emulator, alice, group.jid, "one")
    book.join(group, Member(carol.number))
    await write(emulator, alice, group.jid, "two")
    book.leave(group, bob.number)
    seen = stanzas(emulator, monkeypatch)
    await write(emulator, alice, group.jid, "three")
    assert await read(emulator, bob, 2) == ["one", "two"]
    assert await read(emulator, carol, 2) == ["two", "three"]
    assert [keys_given(node) for node in seen] == [1]  # a new key, for Carol
    # Even what a removed member still holds is of no use to it.
    shared = next(e for e in seen[0].children("enc") if e.get("type") == "skmsg")
    attrs = {"id": "X", "from": group.jid, "participant": alice.lid, "type": "text", "t": "1"}
    await emulator.phone_of(bob).deliver(Node("message", dict(attrs), [shared]))
    assert await read(emulator, bob, 2) == ["one", "two"]
    with pytest.raises(QueryError) as refused:
        await write(emulator, bob, group.jid, "four")
    assert refused.value.code == 403
    with pytest.raises(NotFound):
        await write(emulator, bob, Jid("120363000000000000", "g.us"), "five")


async def test_a_phone_that_lacks_the_key_asks_and_is_answered_alone(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, carol = await accounts(emulator, "Alice", "Bob", "Carol")
    group = make_group(emulator, alice, bob, carol)
    await write(emulator, alice, group.jid, "one")
    await read(emulator, bob, 1)
    seen = stanzas(emulator, monkeypatch)
    phone = emulator.phone_of(bob)
    phone._signal.sender_keys._others.clear()
    await write(emulator, alice, group.jid, "two")
    assert await read(emulator, bob, 2) == ["one", "two"]
    first, again = seen
    assert again.attr("id") == first.attr("id")
    assert again.jid("participant") == bob.lid
    assert again.child("enc").get("count") == "1"
    await write(emulator, alice, group.jid, "three")
    assert await read(emulator, bob, 3) == ["one", "two", "three"]
    assert await read(emulator, carol, 3) == ["one", "two", "three"]
    assert keys_given(seen[-1]) == 1  # Bob once more: nobody knows what else he has lost


async def test_a_stranger_that_asks_gets_nothing_and_the_key_is_changed(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, eve = await accounts(emulator, "Alice", "Bob", "Eve")
    group = make_group(emulator, alice, bob)
    name = await write(emulator, alice, group.jid, "one")
    await read(emulator, bob, 1)
    seen = stanzas(emulator, monkeypatch)
    registration = Node("registration", {}, b"\0\0\0\1")
    asked = Node(
        "receipt",
        {"id": name, "from": group.jid, "participant": eve.lid, "type": "retry"},
        [Node("retry", {"count": "1", "id": name}), registration],
    )
    await emulator.phone_of(alice).deliver(asked)
    assert seen == []
    await write(emulator, alice, group.jid, "two")
    assert await read(emulator, bob, 2) == ["one", "two"]
    assert keys_given(seen[0]) == 1


async def test_a_key_counts_only_for_the_group_it_came_in_and_only_if_it_is_one(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = await accounts(emulator, "Alice", "Bob")
    group, other = make_group(emulator, alice, bob), make_group(emulator, alice, bob)
    await write(emulator, alice, group.jid, "one")
    await read(emulator, bob, 1)
    sender, receiver = emulator.phone_of(alice), emulator.phone_of(bob)
    signal, keys = sender._signal, receiver._signal.sender_keys
    known = keys.dump()["others"]
    for group_id, data in (
        (str(other.jid), signal.sender_keys.distribution(str(other.jid))),
        (str(group.jid), b"\x33 no distribution"),
        (str(group.jid), b""),
    ):
        message = pb.Message(conversation="with it")
        message.senderKeyDistributionMessage.groupId = group_id
        message.senderKeyDistributionMessage.axolotlSenderKeyDistributionMessage = data
        sealed = signal.encrypt(bob.lid, message.SerializeToString())
        enc = Node("enc", {"v": "2", "type": sealed.type}, sealed.body)
        attrs = {"id": f"X{len(data)}", "from": group.jid, "participant": alice.lid, "t": "1"}
        await receiver.deliver(Node("message", {**attrs, "type": "text"}, [enc]))
    assert [m.text for m in receiver.messages()] == ["one", *["with it"] * 3]
    assert not any(m.message.HasField("senderKeyDistributionMessage") for m in receiver.messages())
    assert keys.dump()["others"] == known
    await write(emulator, alice, group.jid, "two")
    assert (await read(emulator, bob, 5))[-1] == "two"


async def test_what_nobody_can_have_written_is_asked_for_again_and_kept_out(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = await accounts(emulator, "Alice", "Bob")
    group = make_group(emulator, alice, bob)
    seen = stanzas(emulator, monkeypatch)
    await write(emulator, alice, group.jid, "one")
    await read(emulator, bob, 1)
    (shared,) = seen[0].children("enc")
    taken: list[Node] = []
    receipts = emulator._parts.dispatcher._receipts
    monkeypatch.setattr(receipts, "handle", lambda _account, _device, node: taken.append(node))
    forged = bytearray(shared.data)
    forged[10] ^= 1
    for number, body in enumerate((bytes(forged), b"", b"\x33", shared.data)):
        enc = Node("enc", {"v": "2", "type": "skmsg"}, body)
        attrs = {"id": f"X{number}", "from": group.jid, "participant": alice.lid, "t": "1"}
        await emulator.phone_of(bob).deliver(Node("message", {**attrs, "type": "text"}, [enc]))
    assert [message.text for message in emulator.phone_of(bob).messages()] == ["one"]
    # The last one is the very ciphertext that was read before; asking would not help.
    assert [(node.attr("id"), node.get("type")) for node in taken] == [
        ("X0", "retry"),
        ("X1", "retry"),
        ("X2", "retry"),
    ]
    assert {node.jid("participant") for node in taken} == {alice.lid}


async def test_a_phone_posts_a_status_to_whom_it_knows(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, carol = await accounts(emulator, "Alice", "Bob", "Carol")
    await write(emulator, bob, alice.jid, "hello")
    await read(emulator, alice, 1)
    seen = stanzas(emulator, monkeypatch)
    for text in ("one", "two"):
        await write(emulator, alice, STATUS, text)
    assert await read(emulator, bob, 2) == ["one", "two"]
    assert emulator.phone_of(bob).messages()[0].chat == STATUS
    assert emulator.phone_of(carol).messages() == []
    assert [keys_given(node) for node in seen] == [1, 0]
    named = seen[1].child("participants").children("to")
    assert {entry.jid("jid") for entry in named} == {alice.lid, bob.lid}
    assert not {"addressing_mode", "phash"} & set(seen[0].attrs)


async def test_reading_in_a_group_is_told_to_each_author(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, carol = await accounts(emulator, "Alice", "Bob", "Carol")
    group = make_group(emulator, alice, bob, carol)
    ids = {
        alice.lid: [await write(emulator, alice, group.jid, text) for text in ("one", "two")],
        bob.lid: [await write(emulator, bob, group.jid, "three")],
    }
    await read(emulator, carol, 3)
    taken: list[Node] = []
    receipts = emulator._parts.dispatcher._receipts
    monkeypatch.setattr(receipts, "handle", lambda _account, _device, node: taken.append(node))
    await emulator.phone_of(carol).mark_read(group.jid)
    told = {
        node.jid("participant"): [
            node.attr("id"),
            *(item.attr("id") for item in (node.find("list") or Node("list")).children()),
        ]
        for node in taken
    }
    assert told == ids


async def test_keys_survive_a_restart(tmp_path: Path) -> None:
    options = EmulatorOptions(plain=True, state=str(tmp_path))
    async with Emulator(options) as emulator:
        alice, bob = await accounts(emulator, "Alice", "Bob")
        group = make_group(emulator, alice, bob)
        await write(emulator, alice, group.jid, "one")
        await read(emulator, bob, 1)
    with pytest.MonkeyPatch.context() as patch:
        async with Emulator(options) as emulator:
            seen = stanzas(emulator, patch)
            alice, bob = emulator.directory.select([alice.number, bob.number])
            by_name = {account.name: account for account in (alice, bob)}
            await write(emulator, by_name["Alice"], group.jid, "two")
            assert await read(emulator, by_name["Bob"], 2) == ["one", "two"]
            assert [keys_given(node) for node in seen] == [0]


@pytest.fixture
async def http(emulator: Emulator) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=emulator.admin_url) as client:
        yield client


async def test_the_admin_api_writes_to_groups_and_reads_them(
    emulator: Emulator, http: httpx.AsyncClient
) -> None:
    alice, bob, eve = await accounts(emulator, "Alice", "Bob", "Eve")
    group = make_group(emulator, alice, bob)
    body = {"to": str(group.jid), "text": "hello"}
    sent = await http.post(f"/accounts/{alice.number}/send", json=body)
    assert sent.status_code == 200
    await read(emulator, bob, 1)
    (message,) = (await http.get(f"/accounts/{bob.number}/messages")).json()["messages"]
    assert (message["chat"], message["participant"]) == (str(group.jid), str(alice.lid))
    assert (message["text"], message["from"]) == ("hello", str(alice.lid))
    done = await http.post(f"/accounts/{bob.number}/read", json={"chat": str(group.jid)})
    assert done.json() == {"read": [sent.json()["id"]]}
    refused = await http.post(f"/accounts/{eve.number}/send", json=body)
    assert refused.status_code == 409
    for to in ("120363000000000000@g.us", "1700000000@broadcast", "@g.us"):
        answer = await http.post(f"/accounts/{eve.number}/send", json={"to": to, "text": "x"})
        assert (answer.status_code, set(answer.json())) == (404, {"error"}), to
