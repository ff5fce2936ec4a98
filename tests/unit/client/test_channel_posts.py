from __future__ import annotations

from typing import Any

import pytest

from support.account import NOW, Account
from support.handlers import Desk, handle_message
from support.server import FakeServer
from waport.client import ClientConfig
from waport.client.compose import SendOptions
from waport.client.queries import Queries
from waport.client.work import Work
from waport.model import (
    Ack,
    MessageAdded,
    MessageEdited,
    MessageKind,
    MessageRevoked,
)
from waport.model.contents import Text
from waport.proto import pb
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
