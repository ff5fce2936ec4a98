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
    await world.account.handle(group_notification_handler(no_refetch), node)


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
    handler = group_notification_handler(no_refetch)
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
