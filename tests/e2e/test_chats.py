"""Chats over the public API: what the phone and the other side see."""

from __future__ import annotations

import time
from typing import Any

import pytest

from support.linked import Linked
from support.shared_state import SharedState
from support.talk import SESSION, Talk, c_us, problem
from waport.emulator import appstate
from waport.model import Ack, AckChanged, PresenceChanged, PresenceState
from waport.proto import pb

pytestmark = pytest.mark.e2e

Action = pb.SyncActionValue


async def chat_of(talk: Talk, chat_id: str | None = None) -> dict[str, Any]:
    answer = await talk.ok("/client/getChatById", chatId=chat_id or talk.chat)
    chat: dict[str, Any] = answer["chat"]
    return chat


async def test_typing_and_recording_are_shown(talk: Talk, ann: Linked) -> None:
    await talk.send("hello", to=c_us(ann.jid))
    await ann.wait_text("hello")
    for route, state in (
        ("sendStateTyping", PresenceState.COMPOSING),
        ("sendStateRecording", PresenceState.RECORDING),
        ("clearState", PresenceState.PAUSED),
    ):
        since = ann.events.mark
        answer = await talk.ok(f"/chat/{route}", chatId=c_us(ann.jid))
        assert answer["result"] is True
        event = await ann.events.until(PresenceChanged, since=since)
        assert event.presence.state is state


async def test_a_chat_is_marked_as_read_and_unread(talk: Talk, ann: Linked) -> None:
    shared = SharedState(talk.own_phone)
    mine = [await ann.client.messages.send_text(talk.own.jid, text) for text in ("one", "two")]
    await talk.world.inbox.text("two")
    chat_id, index = c_us(ann.jid), ("markChatAsRead", str(ann.jid))
    assert (await chat_of(talk, chat_id))["unreadCount"] == 2
    assert await talk.ok("/chat/sendSeen", chatId=chat_id) == {
        "message": "Chat marked as read",
        "result": True,
    }
    for message in mine:
        key = message.key
        await ann.events.until(
            AckChanged, lambda e, key=key: e.message.key == key and e.ack is Ack.READ
        )
    await shared.until("regular_low", *index, matches=lambda v: v.markChatAsReadAction.read)
    assert (await chat_of(talk, chat_id))["unreadCount"] == 0
    answer = await talk.ok("/chat/markUnread", chatId=chat_id)
    assert answer["message"] == "Chat marked as unread"
    await shared.until("regular_low", *index, matches=lambda v: not v.markChatAsReadAction.read)
    assert (await chat_of(talk, chat_id))["unreadCount"] == -1


async def test_a_chat_is_archived_pinned_and_muted(talk: Talk) -> None:
    shared = SharedState(talk.own_phone)
    jid = str(talk.alice.jid)
    await talk.received("hi")
    for route, shown, collection, name, value in (
        ("archive", {"archived": True}, "regular_low", "archive", "archiveChatAction.archived"),
        ("unarchive", {"archived": False}, "regular_low", "archive", None),
        ("pin", {"pinned": True}, "regular_low", "pin_v1", "pinAction.pinned"),
        ("unpin", {"pinned": False}, "regular_low", "pin_v1", None),
    ):
        await talk.ok(f"/chat/{route}")
        assert (await chat_of(talk)).items() >= shown.items()
        path = (
            value or {"archive": "archiveChatAction.archived", "pin_v1": "pinAction.pinned"}[name]
        )
        await shared.until(
            collection, name, jid, matches=lambda v, p=path, on=bool(value): read(v, p) is on
        )
    before = time.time()
    await talk.ok("/chat/mute", duration=3600)
    chat = await chat_of(talk)
    assert chat["isMuted"] is True
    assert before + 3599 <= chat["muteExpiration"] <= time.time() + 3600
    end_ms = chat["muteExpiration"] * 1000
    await shared.until(
        "regular_high", "mute", jid, matches=lambda v: v.muteAction.muteEndTimestamp == end_ms
    )
    await talk.ok("/chat/mute", duration=-1)
    assert (await chat_of(talk))["muteExpiration"] == -1
    await talk.ok("/chat/unmute")
    assert (await chat_of(talk))["isMuted"] is False
    await shared.until("regular_high", "mute", jid, matches=lambda v: not v.muteAction.muted)


def read(value: pb.SyncActionValue, path: str) -> Any:
    action, _, name = path.partition(".")
    return getattr(getattr(value, action), name)


async def test_a_chat_without_messages_can_be_put_away(talk: Talk) -> None:
    shared = SharedState(talk.own_phone)
    await talk.ok("/chat/archive")
    await shared.until("regular_low", "archive", str(talk.alice.jid))
    assert (await chat_of(talk))["name"]


async def test_a_chat_is_cleared_and_deleted(talk: Talk) -> None:
    shared = SharedState(talk.own_phone)
    jid = str(talk.alice.jid)
    await talk.received("one")
    assert (await talk.ok("/chat/clearMessages"))["message"] == "Chat cleared"
    assert await talk.world.server.messages(SESSION, talk.chat) == []
    await shared.until("regular_high", "clearChat", jid, "1", "0")
    assert (await chat_of(talk))["unreadCount"] == 0
    await talk.received("two")
    assert (await talk.ok("/chat/delete"))["message"] == "Chat deleted"
    event = await talk.world.inbox.kind("chat_removed")
    assert event["data"]["id"]["_serialized"] == talk.chat
    assert (await talk.ok("/client/getChats"))["chats"] == []
    await shared.until("regular_high", "deleteChat", jid, "1")


async def test_the_labels_of_a_chat_come_from_the_phone(talk: Talk) -> None:
    await talk.received("hi")
    await talk.shares()
    assert (await talk.ok("/chat/getLabels"))["labels"] == []
    label = value(labelEditAction=Action.LabelEditAction(name="New customer", color=1))
    given = value(labelAssociationAction=Action.LabelAssociationAction(labeled=True))
    archived = value(archiveChatAction=Action.ArchiveChatAction(archived=True))
    jid = str(talk.alice.jid)
    mutations = [
        appstate.Mutation("SET", ("label_edit", "7"), label, 3),
        appstate.Mutation("SET", ("label_jid", "7", jid), given, 3),
        appstate.Mutation("SET", ("archive", jid), archived, 3),
    ]
    # One patch is taken in as a whole: whoever hears of the archived chat has the label, too.
    await talk.own_phone.app_state.write("regular_low", mutations)
    await talk.world.inbox.kind("chat_archived")
    labels = (await talk.ok("/chat/getLabels"))["labels"]
    assert [(each["id"], each["name"], each["hexColor"]) for each in labels] == [
        ("7", "New customer", "#64c4ff")
    ]


def value(**action: Any) -> pb.SyncActionValue:
    return pb.SyncActionValue(timestamp=int(time.time() * 1000), **action)


async def test_the_contact_of_a_chat_is_described(talk: Talk) -> None:
    await talk.received("hi")
    contact = (await talk.ok("/chat/getContact"))["contact"]
    assert (contact["id"]["_serialized"], contact["number"]) == (talk.chat, talk.alice.number)
    assert (contact["pushname"], contact["isBlocked"]) == ("Alice", False)
    response = await talk.call("/chat/getContact", {"chatId": "15550000000"})
    assert problem(response) == (404, "contact_not_found")


async def test_lists_come_in_pages_while_messages_come(talk: Talk) -> None:
    sent = [(await talk.send(f"text {number}"))["id"]["id"] for number in range(5)]
    first = await talk.ok("/chat/fetchMessages", limit=2, cursor="")
    await talk.received("meanwhile")
    pages = [first["messages"]]
    while first["next"] is not None:
        first = await talk.ok("/chat/fetchMessages", limit=2, cursor=first["next"])
        pages.append(first["messages"])
    assert [[each["id"]["id"] for each in page] for page in pages] == [
        [sent[4], sent[3]],
        [sent[2], sent[1]],
        [sent[0]],
    ]
    _, bob_phone = await talk.world.person("Bob")
    await bob_phone.send_text(talk.own.jid, "hello")
    await talk.world.inbox.text("hello")
    whole = (await talk.ok("/client/getChats"))["chats"]
    first = await talk.ok("/client/getChats", limit=1)
    is_alice = first["chats"][0]["id"]["_serialized"] == talk.chat
    other = bob_phone if is_alice else talk.phone
    await other.send_text(talk.own.jid, "now I am on top")
    await talk.world.inbox.text("now I am on top")
    second = await talk.ok("/client/getChats", limit=10, cursor=first["next"])
    listed = [chat["id"]["_serialized"] for chat in first["chats"] + second["chats"]]
    assert second["next"] is None
    assert set(listed) == {chat["id"]["_serialized"] for chat in whole}
    assert second["chats"][-1]["lastMessage"]["body"] == "now I am on top"
