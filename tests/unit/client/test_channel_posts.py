from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.account import NOW, Account
from support.handlers import Desk, handle_message
from support.server import FakeServer
from waport.client import ClientConfig
from waport.client.compose import SendOptions
from waport.client.policy import MALFORMED, Cause, Close
from waport.client.queries import Queries
from waport.client.suspects import LIMIT
from waport.client.work import Work
from waport.errors import InvalidInput, NotAuthorized, QueryError
from waport.model import (
    Ack,
    Message,
    MessageAdded,
    MessageEdited,
    MessageKind,
    MessageRevoked,
)
from waport.model.contents import Text
from waport.proto import pb
from waport.stanza.message import MessageAck
from waport.wire import Jid, Node

CHANNEL = Jid("120363000000000000", "newsletter")


def post(message_id: str, content: pb.Message | None, **attrs: Any) -> Node:
    body = None if content is None else content.SerializeToString()
    values: dict[str, Any] = {"from": CHANNEL, "id": message_id, "t": str(NOW), "type": "text"}
    return Node("message", values | attrs, [Node("plaintext", {}, body)])


def acked(work: Work) -> bool:
    (reply,) = work.replies
    return (reply.tag, reply.get("class"), reply.get("error")) == ("ack", "message", None)


async def body(account: Account, message_id: str = "P1") -> str:
    message = await account.read(lambda store: store.messages.get(CHANNEL, message_id))
    text: str = message.text
    return text


async def test_a_post_is_stored_announced_and_acked(account: Account) -> None:
    work = await account.handle(handle_message, post("P1", pb.Message(conversation="news")))
    assert acked(work)
    (event,) = account.sink.recorded
    assert isinstance(event, MessageAdded)
    key = event.message.key
    assert (key.chat, key.sender, key.from_me) == (CHANNEL, CHANNEL, False)
    # And once only.
    assert acked(await account.handle(handle_message, post("P1", pb.Message(conversation="news"))))
    assert len(account.sink.recorded) == 1


async def test_an_edit_comes_under_the_id_of_its_post(account: Account) -> None:
    await account.handle(handle_message, post("P1", pb.Message(conversation="news")))
    edit = post("P1", pb.Message(conversation="better news"), edit="3", t=str(NOW + 5))
    assert acked(await account.handle(handle_message, edit))
    assert isinstance(account.sink.recorded[-1], MessageEdited)
    assert await body(account) == "better news"


async def test_a_post_that_is_taken_back_leaves_a_tombstone(account: Account) -> None:
    await account.handle(handle_message, post("P1", pb.Message(conversation="news")))
    assert acked(await account.handle(handle_message, post("P1", None, edit="8")))
    assert isinstance(account.sink.recorded[-1], MessageRevoked)
    stored = await account.read(lambda store: store.messages.get(CHANNEL, "P1"))
    assert stored.kind is MessageKind.REVOKED


async def test_a_change_that_makes_no_sense_is_acked_and_changes_nothing(account: Account) -> None:
    await account.handle(handle_message, post("P1", pb.Message(conversation="news")))
    edit = post("P1", None, edit="3")
    edit.child("plaintext").content = b"\xff\xff"
    assert acked(await account.handle(handle_message, edit))
    assert await body(account) == "news"


async def test_what_an_admin_of_ours_posted_elsewhere_is_ours(account: Account) -> None:
    node = post("P1", pb.Message(conversation="news"), is_sender="true")
    await account.handle(handle_message, node)
    (event,) = account.sink.recorded
    assert isinstance(event, MessageAdded)
    assert event.message.key.from_me


@pytest.mark.parametrize("handle", ["", "upload-handle"])
async def test_a_post_of_ours_travels_in_plain_and_has_no_secret(
    account: Account, handle: str
) -> None:
    queries = Queries(5)
    server = FakeServer(queries, [], {})
    desk = Desk(account, queries, ClientConfig(send_ack_timeout_s=5))
    await desk.sender.resume(server)  # type: ignore[arg-type]
    message = await desk.messages.send(CHANNEL, Text("news"), SendOptions(media_id=handle))
    (node,) = server.messages
    assert (node.jid("to"), node.get("media_id")) == (CHANNEL, handle or None)
    sent = pb.Message.FromString(node.child("plaintext").data)
    assert sent.extendedTextMessage.text == "news"
    assert not sent.HasField("messageContextInfo")
    assert node.find("participants") is None
    assert (message.ack, server.asked) == (Ack.SERVER, [])


# --- what we change there ------------------------------------------------------------------------


class Desks:
    """A desk whose messages are acknowledged when the test says so."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.queries = Queries(5)
        self.server = FakeServer(self.queries, [], {})
        self.desk = Desk(account, self.queries, ClientConfig(send_ack_timeout_s=5))

    async def posted(self, text: str = "news", number: int = 101) -> Message:
        """A post of ours that the server has taken."""
        await self.desk.sender.resume(self.server)  # type: ignore[arg-type]
        message = await self.desk.messages.send(CHANNEL, Text(text))
        await self.acknowledge(message.key.id, number=number)
        return message

    async def acknowledge(self, message_id: str, *, number: int = 0, error: int = 0) -> None:
        answer = MessageAck(message_id, NOW, error, None, number)
        await self.desk.acknowledge(answer, Node("ack"))

    async def stored(self, message_id: str) -> Message:
        found: Message = await self.account.read(
            lambda store: store.messages.get(CHANNEL, message_id)
        )
        return found


async def test_an_edit_has_the_id_of_its_post_and_takes_effect_with_the_ack(
    account: Account,
) -> None:
    desks = Desks(account)
    post = await desks.posted()
    await desks.desk.messages.edit(CHANNEL, post.key.id, "better news")
    node = desks.server.messages[-1]
    assert (node.get("id"), node.get("edit"), node.get("type")) == (post.key.id, "3", "text")
    sent = pb.Message.FromString(node.child("plaintext").data)
    assert sent.extendedTextMessage.text == "better news"
    assert (await desks.stored(post.key.id)).text == "news"
    # A crash before the ack: the same bytes go out again, and the ack has the same effect.
    await desks.desk.sender.resume(desks.server)  # type: ignore[arg-type]
    assert desks.server.messages[-1] == node
    await desks.acknowledge(post.key.id)
    stored = await desks.stored(post.key.id)
    assert (stored.text, stored.ack) == ("better news", Ack.SERVER)
    assert isinstance(account.sink.recorded[-1], MessageEdited)


async def test_a_refused_change_harms_the_post_in_no_way(account: Account) -> None:
    desks = Desks(account)
    post = await desks.posted()
    before = await desks.stored(post.key.id)
    desks.server.ack_error = 405
    for change in (
        desks.desk.messages.edit(CHANNEL, post.key.id, "worse news"),
        desks.desk.messages.revoke(CHANNEL, post.key.id),
    ):
        with pytest.raises(QueryError):
            await change
        await desks.acknowledge(post.key.id, error=405)
        assert await desks.stored(post.key.id) == before
    node = desks.server.messages[-1]
    assert (node.get("edit"), node.child("plaintext").content) == ("8", None)


async def test_a_change_at_which_the_server_ends_the_stream_harms_the_post_in_no_way(
    account: Account,
) -> None:
    desks = Desks(account)
    post = await desks.posted()
    before = await desks.stored(post.key.id)
    desks.server.ack_error = None
    edit = asyncio.create_task(desks.desk.messages.edit(CHANNEL, post.key.id, "bad news"))
    await desks.server.arrived(2)
    desks.server.ended = Close(Cause.LOST, "stream error 0", suspicion=MALFORMED)
    for _ in range(LIMIT // MALFORMED):
        desks.desk.sender.pause()
        await desks.desk.sender.resume(desks.server)  # type: ignore[arg-type]
    with pytest.raises(QueryError):
        await edit
    assert await account.read(lambda store: store.send_queue.pending()) == []
    assert await desks.stored(post.key.id) == before


async def test_a_reaction_names_its_post_by_number_and_counts_with_the_ack(
    account: Account,
) -> None:
    desks = Desks(account)
    post = await desks.posted(number=117)
    reaction = await desks.desk.messages.react(CHANNEL, post.key.id, "👍")
    node = desks.server.messages[-1]
    assert (node.get("type"), node.get("server_id")) == ("reaction", "117")
    assert node.child("reaction").get("code") == "👍"
    assert await desks.desk.messages.reactions(CHANNEL, post.key.id) == []
    await desks.acknowledge(reaction.key.id)
    (kept,) = await desks.desk.messages.reactions(CHANNEL, post.key.id)
    assert kept.data.decode() == "👍"


async def test_what_cannot_be_said_in_a_channel_is_refused_before_it_is_sent(
    account: Account,
) -> None:
    desks = Desks(account)
    post = await desks.posted()
    await account.handle(handle_message, post_without_number())
    sent = len(desks.server.messages)
    for wrong in (
        desks.desk.messages.react(CHANNEL, "P9", "👍"),
        desks.desk.messages.react(CHANNEL, "nothing", "👍"),
        desks.desk.messages.edit(CHANNEL, "P9", "not ours"),
        desks.desk.messages.pin(CHANNEL, post.key.id),
    ):
        with pytest.raises(InvalidInput):
            await wrong
    with pytest.raises(NotAuthorized):
        await desks.desk.messages.revoke(CHANNEL, "P9")
    assert len(desks.server.messages) == sent


def post_without_number() -> Node:
    return post("P9", pb.Message(conversation="news"))


async def test_a_post_on_its_way_cannot_be_changed_yet(account: Account) -> None:
    desks = Desks(account)
    await desks.desk.sender.resume(desks.server)  # type: ignore[arg-type]
    message = await desks.desk.messages.send(CHANNEL, Text("news"))
    with pytest.raises(InvalidInput):
        await desks.desk.messages.edit(CHANNEL, message.key.id, "too soon")
    assert (await desks.stored(message.key.id)).text == "news"


async def test_a_post_is_told_to_be_seen_where_that_is_wanted(account: Account) -> None:
    def handle(work: Work, node: Node) -> None:
        work.seen_receipt = "read"
        handle_message(work, node)

    node = post("P1", pb.Message(conversation="news"), server_id="101")
    work = await account.handle(handle, node)
    ack, view = work.replies
    assert (ack.tag, view.tag, view.get("type")) == ("ack", "receipt", "view")
    assert [item.get("server_id") for item in view.child("list").children()] == ["101"]
    mine = post("P2", pb.Message(conversation="ours"), server_id="102", is_sender="true")
    assert len((await account.handle(handle, mine)).replies) == 1
