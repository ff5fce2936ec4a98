"""What we change in chats and groups takes effect once the server has agreed, and not before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from support.account import NOW, PEER_PN, Account
from support.group_world import GroupWorld
from support.groups import GROUP
from waport.errors import QueryError
from waport.model import (
    Ack,
    ChatTimerChanged,
    Message,
    MessageEdited,
    MessageKind,
    MessageRevoked,
)
from waport.model.contents import Poll
from waport.stanza.message import MessageAck
from waport.wire import Jid, Node, encode_stanza

E = TypeVar("E")

FIRE = "\N{FIRE}"
Change = Callable[[GroupWorld, Jid, str], Awaitable[Message]]

EDIT: Change = lambda world, chat, name: world.messages.edit(chat, name, "better")  # noqa: E731
REVOKE: Change = lambda world, chat, name: world.messages.revoke(chat, name)  # noqa: E731
REACT: Change = lambda world, chat, name: world.messages.react(chat, name, FIRE)  # noqa: E731
PIN: Change = lambda world, chat, name: world.messages.pin(chat, name)  # noqa: E731


@pytest.fixture
async def world(account: Account) -> GroupWorld:
    world = GroupWorld(account)
    await world.put_group()
    await world.desk.sender.resume(world.server)  # type: ignore[arg-type]
    return world


async def answer(world: GroupWorld, message_id: str, error: int = 0) -> None:
    await world.desk.acknowledge(MessageAck(message_id, NOW, error, None), Node("ack"))


async def said(world: GroupWorld, chat: Jid) -> Message:
    """A text of ours that the server has taken."""
    message = await world.messages.send_text(chat, "good")
    await answer(world, message.key.id)
    return await stored(world, message)


async def stored(world: GroupWorld, message: Message) -> Message:
    key = message.key
    found: Message = await world.account.read(lambda store: store.messages.get(key.chat, key.id))
    return found


def told(world: GroupWorld, kind: type[E]) -> list[E]:
    return [event for event in world.account.sink.recorded if isinstance(event, kind)]


@pytest.mark.parametrize("chat", [PEER_PN, GROUP])
@pytest.mark.parametrize("change", [EDIT, REVOKE, REACT, PIN])
async def test_what_the_server_refuses_changes_nothing(
    world: GroupWorld, chat: Jid, change: Change
) -> None:
    before = await said(world, chat)
    before_it = len(world.account.sink.recorded)
    world.server.ack_error = 405
    with pytest.raises(QueryError):
        await change(world, before.key.chat, before.key.id)
    sent = world.server.messages[-1].attr("id")
    await answer(world, sent, 405)
    assert await stored(world, before) == before
    assert await world.messages.reactions(before.key.chat, before.key.id) == []
    events = world.account.sink.recorded[before_it:]
    assert [type(event).__name__ for event in events] == ["AckChanged"]
    refused = await world.account.read(lambda s: s.messages.get(before.key.chat, sent))
    assert (refused.kind, refused.ack) == (MessageKind.ADD_ON, Ack.ERROR)


@pytest.mark.parametrize("chat", [PEER_PN, GROUP])
async def test_an_edit_counts_with_the_ack_also_after_a_restart(
    world: GroupWorld, chat: Jid
) -> None:
    before = await said(world, chat)
    await EDIT(world, before.key.chat, before.key.id)
    assert await stored(world, before) == before
    # A crash before the ack: the same bytes go out again, and the ack has the same effect.
    node = world.server.messages[-1]
    await world.desk.sender.resume(world.server)  # type: ignore[arg-type]
    assert encode_stanza(world.server.messages[-1]) == encode_stanza(node)
    await answer(world, node.attr("id"))
    assert (await stored(world, before)).text == "better"
    edited = told(world, MessageEdited)
    assert [event.message.edit_id for event in edited] == [node.attr("id")]
    # An ack that comes twice has no second effect.
    await answer(world, node.attr("id"))
    assert len(told(world, MessageEdited)) == 1


async def test_a_message_is_taken_back_with_the_ack(world: GroupWorld) -> None:
    before = await said(world, GROUP)
    await REVOKE(world, GROUP, before.key.id)
    assert told(world, MessageRevoked) == []
    await answer(world, world.server.messages[-1].attr("id"))
    assert (await stored(world, before)).kind is MessageKind.REVOKED
    assert len(told(world, MessageRevoked)) == 1


async def test_a_receipt_that_is_faster_than_the_ack_costs_no_effect(world: GroupWorld) -> None:
    before = await said(world, PEER_PN)
    await EDIT(world, PEER_PN, before.key.id)
    sent = world.server.messages[-1].attr("id")
    await world.receive(Node("receipt", {"id": sent, "from": PEER_PN}))
    await answer(world, sent)
    assert (await stored(world, before)).text == "better"


async def test_votes_and_timers_count_with_the_ack(world: GroupWorld) -> None:
    poll = await world.messages.send(GROUP, Poll("Lunch?", ("Yes", "No"), 1))
    await answer(world, poll.key.id)
    await world.messages.vote(GROUP, poll.key.id, ["Yes"])
    assert [len(each.voters) for each in await world.messages.tally(GROUP, poll.key.id)] == [0, 0]
    await answer(world, world.server.messages[-1].attr("id"))
    assert [len(each.voters) for each in await world.messages.tally(GROUP, poll.key.id)] == [1, 0]
    await world.messages.set_timer(PEER_PN, 86_400)
    assert told(world, ChatTimerChanged) == []
    await answer(world, world.server.messages[-1].attr("id"))
    assert len(told(world, ChatTimerChanged)) == 1
