"""Messages of ours that must neither get lost nor wait for ever."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_PN, SESSION, Account, Peer
from support.clock import FakeClock
from support.group_world import GroupWorld
from support.groups import GROUP
from waport.client import ClientConfig
from waport.client.background import MAX_TASKS, Background
from waport.client.compose import SendOptions
from waport.client.encryption import learn_mapping
from waport.client.policy import MALFORMED, Cause, Close
from waport.client.sending import Sender
from waport.client.suspects import LIMIT
from waport.errors import ConnectionClosed, InvalidInput, NotAuthorized, QueryError, QueryTimeout
from waport.model import Ack, AckChanged, AddressingMode, Message
from waport.model.contents import Poll, Text
from waport.stanza.message import MessageAck
from waport.store import UnitOfWork
from waport.wire import Jid, Node, encode_stanza

ACK = Node("ack")
ID = "3EB0AA"


@pytest.fixture
async def world(account: Account) -> GroupWorld:
    world = GroupWorld(account)
    await world.put_group()
    await world.desk.sender.resume(world.server)  # type: ignore[arg-type]
    return world


async def sent_unacknowledged(world: GroupWorld, chat: Jid = GROUP) -> asyncio.Task[Message]:
    """A message whose caller still waits."""
    world.server.ack_error = None
    sending = world.messages.send(chat, Text("hello"), SendOptions(message_id=ID))
    task = asyncio.create_task(sending)
    await world.server.arrived(1)
    return task


async def waiting(world: GroupWorld) -> list[str]:
    rows = await world.account.read(lambda store: store.send_queue.pending())
    return [row.message_id for row in rows]


async def stored(world: GroupWorld, chat: Jid = GROUP, message_id: str = ID) -> Message:
    message: Message = await world.account.read(lambda s: s.messages.get(chat, message_id))
    return message


def refused(code: int) -> MessageAck:
    return MessageAck(ID, NOW, code, None)


# --- another addressing ---------------------------------------------------------------------------


async def test_a_message_in_an_old_addressing_waits_until_it_is_made_anew(
    world: GroupWorld,
) -> None:
    task = await sent_unacknowledged(world)
    await world.desk.acknowledge(refused(421), ACK)
    # A crash here loses nothing: the next login sends it, and the server refuses it once more.
    assert await waiting(world) == [ID]
    work = await world.desk.acknowledge(refused(421), ACK)
    await world.put_group(mode=AddressingMode.PN)
    for follow_up in work.follow_ups:
        await follow_up()
    assert world.server.messages[-1].attr("addressing_mode") == "pn"
    (row,) = await world.account.read(lambda store: store.send_queue.pending())
    assert row.stanza == world.server.raw[-1]
    await world.desk.acknowledge(MessageAck(ID, NOW, 0, None), ACK)
    assert (await stored(world)).ack is Ack.SERVER
    task.cancel()


@pytest.mark.parametrize("error", [ConnectionClosed("closed"), QueryTimeout("late")])
async def test_a_message_that_can_not_be_made_anew_now_waits(
    world: GroupWorld, error: Exception
) -> None:
    task = await sent_unacknowledged(world)
    work = await world.desk.acknowledge(refused(421), ACK)

    async def fails(group: Jid) -> object:
        raise error

    world.desk.fetch_group = fails
    for follow_up in work.follow_ups:
        await follow_up()
    assert await waiting(world) == [ID]
    assert (await stored(world)).ack is Ack.PENDING
    task.cancel()


async def test_a_message_that_can_not_be_made_anew_at_all_has_failed(world: GroupWorld) -> None:
    task = await sent_unacknowledged(world)
    work = await world.desk.acknowledge(refused(421), ACK)
    await world.put_group(is_left=True)
    for follow_up in work.follow_ups:
        await follow_up()
    assert await waiting(world) == []
    assert (await stored(world)).ack is Ack.ERROR
    assert [event.ack for event in world.account.sink.of(AckChanged)] == [Ack.ERROR]
    with pytest.raises(QueryError):
        await asyncio.wait_for(task, 1)


async def test_a_caller_who_was_not_told_of_a_refusal_learns_of_it_in_the_end(
    account: Account,
) -> None:
    world = GroupWorld(account, ack_timeout_s=2)
    await world.put_group()
    await world.desk.sender.resume(world.server)  # type: ignore[arg-type]
    task = await sent_unacknowledged(world)
    # The connection ends before what follows the refusal can be done.
    await world.desk.acknowledge(refused(479), ACK)
    message = await task
    assert (message.ack, message.pending) == (Ack.ERROR, False)


# --- names ----------------------------------------------------------------------------------------


async def test_an_ack_finds_a_chat_that_got_its_number_meanwhile(world: GroupWorld) -> None:
    dora_lid, dora_pn = Jid("100000000000004", "lid"), Jid("15550004444", "s.whatsapp.net")
    world.server.lids[dora_pn] = dora_lid
    world.server.peers[(dora_pn, 0)] = Peer(dora_pn)
    task = await sent_unacknowledged(world, dora_lid)
    await world.account.write(lambda store: learn_mapping(store, dora_pn, dora_lid))
    await world.desk.acknowledge(MessageAck(ID, NOW, 0, None), ACK)
    assert await waiting(world) == []
    assert (await stored(world, dora_pn)).ack is Ack.SERVER
    assert len(world.account.sink.recorded) == 2
    task.cancel()


async def test_a_message_that_is_given_up_is_found_under_its_new_number(
    world: GroupWorld,
) -> None:
    dora_lid, dora_pn = Jid("100000000000004", "lid"), Jid("15550004444", "s.whatsapp.net")
    world.server.lids[dora_pn] = dora_lid
    world.server.peers[(dora_pn, 0)] = Peer(dora_pn)
    task = await sent_unacknowledged(world, dora_lid)
    await world.account.write(lambda store: learn_mapping(store, dora_pn, dora_lid))
    world.server.ended = Close(Cause.LOST, "stream error 0", suspicion=MALFORMED)
    for _ in range(LIMIT // MALFORMED):
        world.desk.sender.pause()
        await world.desk.sender.resume(world.server)  # type: ignore[arg-type]
    with pytest.raises(QueryError):
        await task
    assert await waiting(world) == []
    assert (await stored(world, dora_pn)).ack is Ack.ERROR


async def test_a_caller_still_hears_of_the_ack_when_another_repeats_its_id(
    world: GroupWorld,
) -> None:
    task = await sent_unacknowledged(world)
    with pytest.raises(InvalidInput):
        await world.messages.send(GROUP, Text("again"), SendOptions(message_id=ID))
    world.queries.resolve_ack(MessageAck(ID, NOW, 0, None))
    message = await asyncio.wait_for(task, 1)
    assert (message.ack, message.pending) == (Ack.SERVER, False)


async def test_an_id_that_waits_in_another_chat_is_refused(world: GroupWorld) -> None:
    task = await sent_unacknowledged(world)
    with pytest.raises(InvalidInput):
        await world.messages.send(PEER_PN, Text("other"), SendOptions(message_id=ID))
    assert await waiting(world) == [ID]
    task.cancel()


@pytest.mark.parametrize("message_id", ["x" * 300, "a\nb", "\ud800"])
async def test_an_id_that_is_none_is_refused(world: GroupWorld, message_id: str) -> None:
    with pytest.raises(InvalidInput):
        await world.messages.send(PEER_PN, Text("hello"), SendOptions(message_id=message_id))
    assert await waiting(world) == []


async def test_a_note_to_the_own_hidden_id_is_not_encrypted_for_this_device(
    world: GroupWorld,
) -> None:
    message = await world.messages.send_text(OWN_LID.bare, "note")
    assert message.key.chat == OWN_PN.bare
    assert set(world.told(world.server.messages[-1])) == {OWN_LID.with_device(0)}


# --- what the server says -------------------------------------------------------------------------


async def test_a_hash_that_is_ours_asks_for_nothing(world: GroupWorld) -> None:
    task = await sent_unacknowledged(world)
    phash = world.server.messages[-1].attr("phash")
    await world.desk.acknowledge(MessageAck(ID, NOW, 0, phash), ACK)
    group = await world.account.read(lambda s: s.groups.get(GROUP))
    assert group.fetched_at
    assert await world.account.read(lambda s: s.addresses.devices(PEER_PN)) is not None
    task.cancel()


async def test_members_react_and_vote_where_only_admins_write(world: GroupWorld) -> None:
    world.server.peers.pop((PEER_PN, 3))
    poll = await world.messages.send(GROUP, Poll("Lunch?", ("Yes", "No"), 1))
    text = await world.messages.send_text(GROUP, "hello")
    await world.put_group(is_announcement=True)
    await world.messages.react(GROUP, poll.key.id, "\N{FIRE}")
    await world.messages.vote(GROUP, poll.key.id, ["Yes"])
    assert [node.attr("type") for node in world.server.messages[-2:]] == ["reaction", "poll"]
    with pytest.raises(NotAuthorized):
        await world.messages.send_text(GROUP, "hello")
    with pytest.raises(NotAuthorized):
        await world.messages.edit(GROUP, text.key.id, "better")


async def test_one_task_waits_for_all_that_the_server_had_trouble_with(
    world: GroupWorld,
) -> None:
    clock = FakeClock()
    sender = Sender(
        world.account.database,
        SESSION,
        ClientConfig(),
        world.queries,
        world.devices,
        world.account.sink,
        fetch_group=world.desk.fetch_group,
        told=world.desk.told,
        clock=clock,
    )
    await sender.resume(world.server)  # type: ignore[arg-type]
    names = [f"3EB0{n}" for n in range(MAX_TASKS + 20)]

    def job(store: UnitOfWork) -> None:
        for name in names:
            stanza = encode_stanza(Node("message", {"id": name, "to": GROUP}))
            store.send_queue.add(name, GROUP, stanza, 0)

    await world.account.write(job)
    background = Background()
    for place, name in enumerate(names):
        background.spawn(sender.later(name, 10.0 if place else 20.0), "later")
        await asyncio.sleep(0)
    for _ in range(2):
        await clock.pass_by(1, 20)
    await world.server.arrived(len(names))
    assert {node.attr("id") for node in world.server.messages} == set(names)
    await background.cancel()


async def test_a_group_of_one_is_written_to(world: GroupWorld) -> None:
    group = await world.account.read(lambda s: s.groups.get(GROUP))
    alone = tuple(member for member in group.members if member.is_named(OWN_PN))
    await world.account.write(
        lambda s: s.groups.put(replace(group, members=alone, fetched_at=int(time.time())))
    )
    for number in (0, 1):
        del world.server.peers[(OWN_PN.bare, number)]
    node = await world.send("to nobody")
    assert node.find("participants") is None
    assert node.find("device-identity") is None
    assert node.child("enc").attr("type") == "skmsg"


async def test_what_is_none_can_not_be_reacted_to_or_edited(world: GroupWorld) -> None:
    message = await world.messages.send_text(GROUP, "hello")
    reaction = await world.messages.react(GROUP, message.key.id, "\N{FIRE}")
    for doing in (
        world.messages.react(GROUP, reaction.key.id, "\N{FIRE}"),
        world.messages.edit(GROUP, reaction.key.id, "x"),
        world.messages.pin(GROUP, reaction.key.id),
    ):
        with pytest.raises(InvalidInput):
            await doing


async def test_an_edit_keeps_what_a_text_answers(world: GroupWorld) -> None:
    question = await world.messages.send_text(GROUP, "question")
    answer = await world.messages.send_text(
        GROUP, "answer", quoted_id=question.key.id, mentions=[PEER_PN]
    )
    await world.messages.edit(GROUP, answer.key.id, "better answer")
    edit = world.server.messages[-1].attr("id")
    await world.desk.acknowledge(MessageAck(edit, NOW, 0, None), ACK)
    changed = await stored(world, GROUP, answer.key.id)
    assert changed.text == "better answer"
    assert changed.proto().extendedTextMessage.contextInfo.stanzaId == question.key.id
