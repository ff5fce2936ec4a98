from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, Account
from support.group_world import ALL, OWN_PHONE, retry
from support.group_world import GroupWorld as World
from support.groups import CAROL_LID, CAROL_PN, GROUP
from waport.client.compose import SendOptions
from waport.client.group_encryption import own_key_address
from waport.client.work import own_addresses
from waport.errors import CryptoError, InvalidInput, NotAuthorized, QueryError
from waport.model import (
    Ack,
    AckChanged,
    AddOnKind,
    AddressingMode,
    Message,
    MessageAdded,
    MessageKey,
    MessageKind,
)
from waport.model.contents import Text
from waport.proto import pb
from waport.stanza.ids import participant_hash
from waport.stanza.message import MessageAck
from waport.wire import STATUS, Jid, Node


@pytest.fixture
async def world(account: Account) -> World:
    world = World(account)
    await world.put_group()
    await world.desk.sender.resume(world.server)  # type: ignore[arg-type]
    return world


async def test_the_first_message_tells_everybody_the_key(world: World) -> None:
    node = await world.send("hello")
    assert set(world.told(node)) == set(ALL)
    assert world.read(node, *ALL) == {"hello"}
    assert (node.jid("to"), node.attr("addressing_mode"), node.attr("type")) == (
        GROUP,
        "lid",
        "text",
    )
    assert node.attr("phash") == participant_hash([*ALL, OWN_LID])
    assert node.child("device-identity").data == world.account.credentials.account
    tags = [child.tag for child in node.content]  # type: ignore[union-attr]
    assert tags[:3] == ["participants", "device-identity", "enc"]


async def test_the_next_message_tells_only_the_own_devices(world: World) -> None:
    world.read(await world.send("one"), *ALL)
    node = await world.send("two")
    assert set(world.told(node)) == {OWN_PHONE}
    assert world.read(node, *ALL) == {"two"}


async def test_until_the_ack_everybody_is_told_again(world: World) -> None:
    world.read(await world.send("one", acknowledged=False), *ALL)
    node = await world.send("two")
    assert set(world.told(node)) == set(ALL)
    assert world.read(node, *ALL) == {"two"}


async def test_an_ack_of_a_key_that_was_replaced_warms_nobody(world: World) -> None:
    message = await world.messages.send_text(GROUP, "one")
    own = own_addresses(world.account.credentials)
    await world.account.write(lambda store: store.sender_keys.delete(GROUP, own_key_address(own)))
    await world.desk.acknowledge(MessageAck(message.key.id, NOW, 0, None), Node("ack"))
    assert await world.account.read(lambda s: s.sender_keys.warm_devices(GROUP)) == set()


async def test_a_device_without_keys_is_left_out_and_stays_cold(world: World) -> None:
    world.server.without_bundle.add((CAROL_PN, 0))
    node = await world.send("one")
    assert set(world.told(node)) == set(ALL) - {CAROL_LID}
    world.server.without_bundle.clear()
    assert set(world.told(await world.send("two"))) == {CAROL_LID, OWN_PHONE}


async def test_a_cold_phone_means_all_devices_of_its_owner(world: World) -> None:
    await world.send("one")
    address = PEER_LID.signal_address
    await world.account.write(lambda s: s.sender_keys.mark_cold(GROUP, address))
    node = await world.send("two")
    assert set(world.told(node)) == {PEER_LID, PEER_LID.with_device(3), OWN_PHONE}


async def test_a_group_by_numbers_is_addressed_by_numbers(world: World) -> None:
    await world.put_group(mode=AddressingMode.PN)
    node = await world.send("hello")
    assert set(world.told(node)) == {
        PEER_PN,
        PEER_PN.with_device(3),
        CAROL_PN,
        OWN_PN.with_device(0),
    }
    assert node.attr("addressing_mode") == "pn"
    assert node.attr("phash") == participant_hash([*world.told(node), OWN_PN])


async def test_a_message_is_stored_and_announced_under_the_group(world: World) -> None:
    message = await world.messages.send_text(GROUP, "hello")
    assert (message.key.chat, message.key.sender, message.ack) == (GROUP, OWN_PN.bare, Ack.SERVER)
    events = world.account.sink.of(MessageAdded)
    assert [event.message.key for event in events] == [message.key]
    assert await world.account.read(lambda s: s.chats.get(GROUP)) is not None


async def test_an_unknown_group_is_asked_for_first(account: Account) -> None:
    world = World(account)
    await world.desk.sender.resume(world.server)  # type: ignore[arg-type]
    with pytest.raises(CryptoError):
        await world.messages.send_text(GROUP, "hello")
    assert set(world.desk.fetched) == {GROUP}
    assert world.server.messages == []


@pytest.mark.parametrize("changes", [{"is_announcement": True}, {"is_left": True}])
async def test_where_we_may_not_write_nothing_leaves(
    world: World, changes: dict[str, bool]
) -> None:
    await world.put_group(**changes)
    with pytest.raises(NotAuthorized):
        await world.messages.send_text(GROUP, "hello")
    assert world.server.messages == []


async def test_another_hash_makes_the_next_send_ask_for_all_again(world: World) -> None:
    message = await world.messages.send_text(GROUP, "one")
    await world.desk.acknowledge(MessageAck(message.key.id, NOW, 0, "2:AAAAAAAA"), Node("ack"))
    known = await world.account.read(lambda s: s.groups.get(GROUP))
    assert known.fetched_at == 0
    assert await world.account.read(lambda s: s.addresses.devices(CAROL_PN)) is None
    # What was told stays told.
    warm = await world.account.read(lambda s: s.sender_keys.warm_devices(GROUP))
    assert CAROL_LID.signal_address in warm


async def test_a_changed_addressing_is_sent_once_more_and_then_fails(world: World) -> None:
    world.server.ack_error = None
    message_id = "3EB0AA"
    sending = world.messages.send(GROUP, Text("hello"), SendOptions(message_id=message_id))
    task = asyncio.create_task(sending)
    await world.server.arrived(1)
    work = await world.desk.acknowledge(MessageAck(message_id, NOW, 421, None), Node("ack"))
    assert not world.account.sink.of(AckChanged)
    await world.put_group(mode=AddressingMode.PN)
    for follow_up in work.follow_ups:
        await follow_up()
    first, second = world.server.messages
    assert (first.attr("id"), second.attr("id")) == (message_id, message_id)
    assert (first.attr("addressing_mode"), second.attr("addressing_mode")) == ("lid", "pn")
    work = await world.desk.acknowledge(MessageAck(message_id, NOW, 421, None), Node("ack"))
    for follow_up in work.follow_ups:
        await follow_up()
    with pytest.raises(QueryError):
        await task
    stored = await world.account.read(lambda s: s.messages.get(GROUP, message_id))
    assert stored.ack is Ack.ERROR


async def test_trouble_of_the_server_leaves_a_message_waiting(world: World) -> None:
    message = await world.messages.send_text(GROUP, "one")
    work = await world.desk.acknowledge(MessageAck(message.key.id, NOW, 503, None), Node("ack"))
    assert len(work.follow_ups) == 1
    (row,) = await world.account.read(lambda s: s.send_queue.pending())
    assert row.message_id == message.key.id


# --- retries -------------------------------------------------------------------------------------


async def test_a_member_who_could_not_read_gets_message_and_key_alone(world: World) -> None:
    node = await world.send("hello")
    message_id = node.attr("id")
    await world.receive(retry(message_id, CAROL_LID, world.carol))
    resend = world.server.messages[-1]
    assert (resend.jid("to"), resend.jid("participant")) == (GROUP, CAROL_LID)
    assert (resend.attr("id"), resend.attr("addressing_mode")) == (message_id, "lid")
    enc = resend.child("enc")
    assert enc.attr("count") == "1"
    content = world.carol.peer.decrypt(enc)
    assert content.extendedTextMessage.text == "hello"
    world.carol.take_key("us", content)
    # Cold until the server took a message that told her.
    following = await world.send("next")
    assert CAROL_LID in world.told(following)
    assert world.read(following, CAROL_LID) == {"next"}


async def test_a_stranger_gets_nothing_and_the_key_is_replaced(world: World) -> None:
    node = await world.send("hello")
    stranger = Jid("100000000000009", "lid")
    sent = len(world.server.messages)
    await world.receive(retry(node.attr("id"), stranger, world.carol))
    assert len(world.server.messages) == sent
    assert set(world.told(await world.send("next"))) == set(ALL)


async def test_a_status_is_not_sent_again_but_its_reader_told_with_the_next(world: World) -> None:
    options = SendOptions(audience=(PEER_PN, CAROL_PN))
    message = await world.messages.send(STATUS, Text("look"), options)
    await world.desk.acknowledge(MessageAck(message.key.id, NOW, 0, None), Node("ack"))
    node = retry(message.key.id, CAROL_LID, world.carol)
    node.attrs["from"] = STATUS
    sent = len(world.server.messages)
    await world.receive(node)
    assert len(world.server.messages) == sent
    await world.messages.send(STATUS, Text("again"), options)
    copies = {
        to.jid("jid"): to.find("enc")
        for to in world.server.messages[-1].child("participants").children("to")
    }
    assert copies[CAROL_LID] is not None
    assert copies[PEER_LID] is None


async def test_a_status_names_its_audience_and_no_hash(world: World) -> None:
    await world.messages.send(STATUS, Text("look"), SendOptions(audience=(PEER_PN,)))
    node = world.server.messages[-1]
    assert node.jid("to") == STATUS
    assert set(world.told(node)) == {PEER_LID, PEER_LID.with_device(3), OWN_PHONE}
    assert node.get("phash") is None
    assert node.get("addressing_mode") is None
    assert node.child("meta").attr("status_setting") == "allowlist"


async def test_a_status_goes_to_the_chosen_part_of_the_address_book(world: World) -> None:
    def job(store: Any) -> None:
        store.contacts.set_name(PEER_PN, "Bob")
        store.contacts.set_name(CAROL_PN, "Carol")

    await world.account.write(job)
    names = {PEER_LID: "bob", CAROL_LID: "carol"}

    async def readers(*lists: Node) -> tuple[str, set[str]]:
        world.server.audience = list(lists)
        await world.messages.send_text(STATUS, "look")
        post = world.server.messages[-1]
        users = post.child("participants").children("to")
        seen = {names[to.jid("jid").bare] for to in users if to.jid("jid").bare in names}
        return post.child("meta").attr("status_setting"), seen

    def audience(kind: str, *users: Jid) -> Node:
        listed = [Node("user", {"jid": user}) for user in users]
        return Node("list", {"type": kind, "default": "true"}, listed)

    assert await readers() == ("contacts", {"bob", "carol"})
    assert await readers(audience("contacts")) == ("contacts", {"bob", "carol"})
    assert await readers(audience("whitelist", CAROL_LID)) == ("allowlist", {"carol"})
    assert await readers(audience("blacklist", CAROL_PN)) == ("denylist", {"bob"})


async def test_only_its_author_learns_of_a_reaction_to_a_status(world: World) -> None:
    status = Message(
        key=MessageKey(STATUS, "S1", from_me=False, sender=PEER_PN),
        timestamp=NOW,
        content=pb.Message(conversation="my day").SerializeToString(),
        kind=MessageKind.TEXT,
    )
    await world.account.write(lambda store: store.messages.add(status))
    await world.messages.react(STATUS, "S1", "\N{FIRE}")
    node = world.server.messages[-1]
    assert node.jid("to") == STATUS
    assert set(world.told(node)) == {PEER_LID, PEER_LID.with_device(3), OWN_PHONE}
    assert node.children("enc") == []
    assert node.find("meta") is None
    content = world.bob.peer.decrypt(world.told(node)[PEER_LID])
    assert content.reactionMessage.key.participant == str(PEER_LID)
    with pytest.raises(InvalidInput):
        await world.messages.react(STATUS, "unknown", "\N{FIRE}")


# --- receipts ------------------------------------------------------------------------------------


async def test_the_ack_of_a_group_message_is_the_lowest_of_all_members(world: World) -> None:
    node = await world.send("hello")
    message_id = node.attr("id")

    async def receipt(participant: Jid, kind: str | None) -> Ack:
        attrs: dict[str, Any] = {"id": message_id, "from": GROUP, "participant": participant}
        if kind is not None:
            attrs["type"] = kind
        await world.receive(Node("receipt", attrs))
        stored = await world.account.read(lambda s: s.messages.get(GROUP, message_id))
        level: Ack = stored.ack
        return level

    assert await receipt(PEER_LID, "read") is Ack.SERVER
    assert await receipt(CAROL_LID.with_device(2), None) is Ack.DELIVERED
    assert await receipt(CAROL_LID, "read") is Ack.READ
    assert await receipt(CAROL_LID, None) is Ack.READ
    events = world.account.sink.of(AckChanged)
    assert [(event.ack, event.participant) for event in events if event.participant] == []
    recorded = [event for event in world.account.sink.recorded if isinstance(event, AckChanged)]
    assert [(e.ack, e.participant) for e in recorded][1:] == [
        (Ack.DELIVERED, CAROL_PN),
        (Ack.READ, CAROL_PN),
    ]


async def test_many_readers_come_in_one_receipt(world: World) -> None:
    node = await world.send("hello")
    readers = [Node("user", {"jid": jid, "t": str(NOW)}) for jid in (PEER_LID, CAROL_LID)]
    attrs: dict[str, Any] = {"id": "R1", "from": GROUP, "type": "read"}
    await world.receive(
        Node("receipt", attrs, [Node("participants", {"key": node.attr("id")}, readers)])
    )
    stored = await world.account.read(lambda s: s.messages.get(GROUP, node.attr("id")))
    assert stored.ack is Ack.READ
    receipts = await world.account.read(lambda s: s.add_ons.of(stored.key, AddOnKind.RECEIPT))
    assert {receipt.sender for receipt in receipts} == {PEER_PN, CAROL_PN}


async def test_an_own_reaction_is_stored_as_one_and_marks_its_stanza(world: World) -> None:
    node = await world.send("hello")
    await world.messages.react(GROUP, node.attr("id"), "\N{THUMBS UP SIGN}")
    reaction = world.server.messages[-1]
    await world.desk.acknowledge(MessageAck(reaction.attr("id"), NOW, 0, None), Node("ack"))
    assert reaction.attr("type") == "reaction"
    (enc,) = reaction.children("enc")
    assert enc.attr("decrypt-fail") == "hide"
    stored = await world.account.read(lambda s: s.messages.get(GROUP, reaction.attr("id")))
    assert stored.kind is MessageKind.ADD_ON
    found = await world.messages.reactions(GROUP, node.attr("id"))
    assert [(one.sender, one.data.decode()) for one in found] == [
        (OWN_PN.bare, "\N{THUMBS UP SIGN}")
    ]
    target = await world.account.read(lambda s: s.messages.get(GROUP, node.attr("id")))
    assert found[0].target == target.key
