"""Who may have our sender keys, and who must not have the next one."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, Account, Peer
from support.group_world import ALL, OWN_PHONE, GroupWorld, retry
from support.groups import CAROL_LID, CAROL_PN, GROUP, group
from waport.client.compose import SendOptions
from waport.client.groups import store_group
from waport.client.handlers.groups import group_notification_handler
from waport.model import AddressingMode, DeviceList
from waport.model.contents import Text
from waport.stanza.message import MessageAck
from waport.wire import STATUS, Jid, Node

COMPANION = PEER_LID.with_device(3)


@pytest.fixture
async def world(account: Account) -> GroupWorld:
    world = GroupWorld(account)
    await world.put_group()
    await world.desk.sender.resume(world.server)  # type: ignore[arg-type]
    return world


async def no_refetch(group: Jid) -> None:
    return None


async def carol_is_removed(world: GroupWorld) -> None:
    """The server's word that Carol is no member any more."""
    gone = Node("remove", {}, [Node("participant", {"jid": CAROL_LID})])
    node = Node(
        "notification",
        {"id": "N1", "type": "w:gp2", "from": GROUP, "participant": PEER_LID, "t": str(NOW)},
        [gone],
    )
    await world.account.handle(group_notification_handler(no_refetch, no_refetch), node)


def can_read(world: GroupWorld, reader: Jid, node: Node) -> bool:
    """Whether a device reads a stanza with the keys that it was told so far."""
    try:
        world.members[reader].read("us", node.child("enc").data)
    except Exception:  # noqa: BLE001 - whatever the reason
        return False
    return True


async def test_who_is_removed_reads_nothing_more(world: GroupWorld) -> None:
    world.read(await world.send("one"), *ALL)
    await carol_is_removed(world)
    node = await world.send("two")
    assert not can_read(world, CAROL_LID, node)
    assert set(world.told(node)) == set(ALL) - {CAROL_LID}


async def test_who_is_removed_after_the_addressing_changed_reads_nothing_more(
    world: GroupWorld,
) -> None:
    world.read(await world.send("one"), *ALL)
    changed = group(fetched_at=int(time.time()), mode=AddressingMode.PN)
    await world.account.write(lambda store: store_group(store, changed))
    without = replace(changed, members=tuple(m for m in changed.members if m.pn != CAROL_PN))
    await world.account.write(lambda store: store_group(store, without))
    assert not can_read(world, CAROL_LID, await world.send("two"))


async def test_who_is_removed_after_a_notice_in_another_addressing_reads_nothing_more(
    world: GroupWorld,
) -> None:
    world.read(await world.send("one"), *ALL)
    subject = Node("subject", {"subject": "New", "s_t": str(NOW)})
    attrs: dict[str, Any] = {
        "id": "N0",
        "type": "w:gp2",
        "from": GROUP,
        "participant": PEER_PN,
        "t": str(NOW),
        "addressing_mode": "pn",
    }
    handler = group_notification_handler(no_refetch, no_refetch)
    await world.account.handle(handler, Node("notification", attrs, [subject]))
    await carol_is_removed(world)
    await world.account.write(
        lambda s: s.groups.put(replace(s.groups.get(GROUP), fetched_at=int(time.time())))
    )
    assert not can_read(world, CAROL_LID, await world.send("two"))


async def test_who_is_removed_while_they_ask_again_is_not_told_the_next_key(
    world: GroupWorld,
) -> None:
    node = await world.send("one")
    address = CAROL_LID.signal_address
    await world.account.write(lambda store: store.signal.delete_session(address))
    work = await world.account.handle(
        world.receipt_handler, retry(node.attr("id"), CAROL_LID, world.carol)
    )
    fetching = world.devices.bundles

    async def bundles(devices: Any, **options: Any) -> Any:
        answers = await fetching(devices, **options)
        await carol_is_removed(world)
        return answers

    world.devices.bundles = bundles  # type: ignore[method-assign]
    sent = len(world.server.messages)
    for follow_up in work.follow_ups:
        await follow_up()
    assert len(world.server.messages) == sent


async def test_who_was_told_a_fresh_key_by_a_resend_is_remembered(world: GroupWorld) -> None:
    node = await world.send("one")
    address = CAROL_LID.signal_address
    await world.account.write(lambda store: store.signal.delete_session(address))
    work = await world.account.handle(
        world.receipt_handler, retry(node.attr("id"), CAROL_LID, world.carol)
    )
    fetching = world.devices.bundles

    async def bundles(devices: Any, **options: Any) -> Any:
        answers = await fetching(devices, **options)
        # The key is replaced meanwhile, for another reason.
        await world.account.write(lambda s: s.sender_keys.delete_group(GROUP))
        return answers

    world.devices.bundles = bundles  # type: ignore[method-assign]
    for follow_up in work.follow_ups:
        await follow_up()
    world.carol.take_key("us", world.carol.peer.decrypt(world.server.messages[-1].child("enc")))
    await carol_is_removed(world)
    assert not can_read(world, CAROL_LID, await world.send("two"))


async def test_a_device_that_a_new_list_lacks_reads_nothing_more(world: GroupWorld) -> None:
    world.read(await world.send("one"), *ALL)
    # The word of its end was missed; the list was asked for anew.
    phone_only = DeviceList(PEER_PN, (0,), 5, 1_700_000_001, int(time.time()))
    await world.account.write(lambda store: store.addresses.put_devices(phone_only))
    node = await world.send("two")
    assert not can_read(world, COMPANION, node)
    assert set(world.told(node)) == set(ALL) - {COMPANION}
    # It is gone for good: the key is replaced once.
    assert set(world.told(await world.send("three"))) == {OWN_PHONE}


async def test_an_own_device_that_is_unlinked_reads_nothing_more(world: GroupWorld) -> None:
    laptop = Peer(OWN_PN.with_device(7))
    world.server.peers[(OWN_PN.bare, 7)] = laptop
    assert OWN_LID.with_device(7) in world.told(await world.send("one"))
    node = await world.send("two")
    assert CAROL_LID not in world.told(node)
    without = DeviceList(OWN_PN.bare, (0, 1), 5, 1_700_000_001, int(time.time()))
    await world.account.write(lambda store: store.addresses.put_devices(without))
    node = await world.send("three")
    assert set(world.told(node)) == set(ALL)


async def test_a_smaller_audience_gets_another_key(world: GroupWorld) -> None:
    async def post(*audience: Jid) -> Node:
        options = SendOptions(audience=audience)
        message = await world.messages.send(STATUS, Text("look"), options)
        await world.desk.acknowledge(MessageAck(message.key.id, NOW, 0, None), Node("ack"))
        return world.server.messages[-1]

    def given(node: Node) -> set[Jid]:
        users = node.child("participants").children("to")
        return {to.jid("jid") for to in users if to.find("enc") is not None}

    assert CAROL_LID in given(await post(PEER_PN, CAROL_PN))
    assert given(await post(PEER_PN, CAROL_PN)) == {OWN_PHONE}
    assert given(await post(PEER_PN)) == {PEER_LID, COMPANION, OWN_PHONE}
    assert given(await post(PEER_PN)) == {OWN_PHONE}


async def test_a_member_who_asks_for_an_unknown_message_changes_nothing(
    world: GroupWorld,
) -> None:
    world.read(await world.send("one"), *ALL)
    await world.receive(retry("3EB0NEVERSENT", CAROL_LID, world.carol))
    assert set(world.told(await world.send("two"))) == {OWN_PHONE}


async def test_without_a_list_of_the_own_devices_a_group_is_written_to(
    world: GroupWorld,
) -> None:
    for number in (0, 1):
        del world.server.peers[(OWN_PN.bare, number)]
    node = await world.send("hello")
    assert set(world.told(node)) == {PEER_LID, COMPANION, CAROL_LID}
    assert world.read(node, PEER_LID, CAROL_LID) == {"hello"}


async def test_two_messages_at_once_tell_the_key_twice_and_warm_once(world: GroupWorld) -> None:
    first, second = await asyncio.gather(
        world.messages.send_text(GROUP, "one"), world.messages.send_text(GROUP, "two")
    )
    one, two = world.server.messages
    assert set(world.told(one)) == set(world.told(two)) == set(ALL)
    for message in (first, second):
        await world.desk.acknowledge(MessageAck(message.key.id, NOW, 0, None), Node("ack"))
    assert set(world.told(await world.send("three"))) == {OWN_PHONE}


async def test_a_stranger_who_asks_for_a_status_changes_nothing(world: GroupWorld) -> None:
    options = SendOptions(audience=(PEER_PN,))
    message = await world.messages.send(STATUS, Text("look"), options)
    await world.desk.acknowledge(MessageAck(message.key.id, NOW, 0, None), Node("ack"))
    node = retry(message.key.id, CAROL_LID, world.carol)
    node.attrs["from"] = STATUS
    await world.receive(node)
    await world.messages.send(STATUS, Text("again"), options)
    users = world.server.messages[-1].child("participants").children("to")
    assert {to.jid("jid") for to in users if to.find("enc") is not None} == {OWN_PHONE}


async def test_who_joined_later_does_not_get_what_was_said_before(world: GroupWorld) -> None:
    await carol_is_removed(world)
    node = await world.send("before Carol came")
    part = Node("add", {}, [Node("participant", {"jid": CAROL_LID, "phone_number": CAROL_PN})])
    attrs: dict[str, Any] = {
        "id": "N2",
        "type": "w:gp2",
        "from": GROUP,
        "participant": PEER_LID,
        "t": str(int(time.time()) + 3600),
    }
    handler = group_notification_handler(no_refetch, no_refetch)
    await world.account.handle(handler, Node("notification", attrs, [part]))
    sent = len(world.server.messages)
    await world.receive(retry(node.attr("id"), CAROL_LID, world.carol))
    assert len(world.server.messages) == sent
    # A fresh description of the group does not make her an older member.
    for mode in AddressingMode:
        fresh = group(fetched_at=int(time.time()), mode=mode)
        await world.account.write(lambda store, fresh=fresh: store_group(store, fresh))
        await world.receive(retry(node.attr("id"), CAROL_LID, world.carol))
        assert len(world.server.messages) == sent
    # All others still get it.
    await world.receive(retry(node.attr("id"), PEER_LID, world.bob))
    assert world.bob.peer.decrypt(world.server.messages[-1].child("enc"))


async def test_who_was_a_member_unbeknown_to_us_gets_it_again(world: GroupWorld) -> None:
    known = await world.account.read(lambda s: s.groups.get(GROUP))
    without = tuple(member for member in known.members if member.pn != CAROL_PN)
    await world.account.write(lambda s: s.groups.put(replace(known, members=without)))
    node = await world.send("hello")
    fresh = group(fetched_at=int(time.time()))
    await world.account.write(lambda store: store_group(store, fresh))
    await world.receive(retry(node.attr("id"), CAROL_LID, world.carol))
    content = world.carol.peer.decrypt(world.server.messages[-1].child("enc"))
    assert content.extendedTextMessage.text == "hello"


async def test_who_may_be_left_out_of_the_audience_sees_no_status(world: GroupWorld) -> None:
    dora = Jid("15550004444", "s.whatsapp.net")
    world.server.peers[(dora, 0)] = Peer(dora)

    def job(store: Any) -> None:
        store.contacts.set_name(PEER_PN, "Bob")
        store.contacts.set_name(dora, "Dora")

    await world.account.write(job)
    stranger = Jid("100000000000009", "lid")
    for listed, readers in (((), {PEER_LID, dora}), ((stranger,), {PEER_LID})):
        users = [Node("user", {"jid": jid}) for jid in listed]
        chosen = Node("list", {"type": "blacklist", "default": "true"}, users)
        world.server.audience = [chosen]
        await world.messages.send_text(STATUS, "look")
        named = world.server.messages[-1].child("participants").children("to")
        assert {to.jid("jid").bare for to in named} - {OWN_LID.bare} == readers
