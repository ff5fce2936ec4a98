"""What is done with chats over HTTP, and how they are listed."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from support.fake_client import OWN, PEER, text_message
from support.fake_groups import CREATED, GROUP
from waport.appstate.actions import EditLabel
from waport.errors import ConnectionClosed
from waport.model import Chat, ChatSummary, Contact
from waport.wire import Jid

CHAT = "15559990000@c.us"
GROUP_ID = "120363000000000001@g.us"
CHANNEL = Jid("120363000000000009", "newsletter")
SHOWN = ("sendStateTyping", "sendStateRecording", "clearState")
STORED = (
    *("sendSeen", "markUnread", "archive", "unarchive", "pin", "unpin", "mute", "unmute"),
    *("clearMessages", "delete", "getLabels"),
)


async def ask(call: Any, path: str, **body: object) -> Any:
    response = await call("POST", f"{path}/on", json=body)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert answer.pop("success") is True
    return answer


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("body", [{}, {"chatId": ""}, {"chatId": None}, []])
@pytest.mark.parametrize(
    "path",
    [*(f"/chat/{name}" for name in (*SHOWN, *STORED, "getContact")), "/client/getChatById"],
)
async def test_the_chat_is_required(call: Any, problem: Any, path: str, body: object) -> None:
    response = await call("POST", f"{path}/on", json=body)
    assert problem(response) == (400, "chatId is required", "validation_error")


@pytest.mark.parametrize(
    ("path", "change", "text"),
    [
        ("/chat/archive", {"chatId": True}, "chatId must be a string"),
        ("/chat/mute", {"duration": "x"}, "duration must be a number"),
        ("/chat/mute", {"duration": -2}, "duration must be a number from 0 to 10000000000, or -1"),
        (
            "/chat/mute",
            {"duration": 1e11},
            "duration must be a number from 0 to 10000000000, or -1",
        ),
        ("/chat/sendStateTyping", {"chatId": "1@newsletter"}, "chatId must be a person or a group"),
        ("/client/getChats", {"searchOptions": 5}, "searchOptions must be an object"),
        (
            "/client/getChats",
            {"searchOptions": {"unread": "x"}},
            "searchOptions.unread must be a boolean",
        ),
        (
            "/client/getChats",
            {"searchOptions": {"since": []}},
            "searchOptions.since must be a number",
        ),
    ],
)
async def test_what_is_wrong_is_named(
    call: Any, problem: Any, sessions: Any, path: str, change: dict[str, object], text: str
) -> None:
    response = await call("POST", f"{path}/on", json={"chatId": CHAT, **change})
    assert problem(response) == (400, text, "validation_error")
    assert sessions.account.calls == []


async def test_nothing_is_done_with_a_chat_that_nobody_has(
    call: Any, problem: Any, sessions: Any
) -> None:
    chat = {"Chat not found": "chat_not_found", "Contact not found": "contact_not_found"}
    for name in (*STORED, *SHOWN, "getContact"):
        response = await call("POST", f"/chat/{name}/on", json={"chatId": "foo"})
        text = "Chat not found" if name in STORED else "Contact not found"
        assert problem(response) == (404, text, chat[text])
    response = await call("POST", "/client/getChatById/on", json={"chatId": "foo"})
    assert problem(response) == (404, "Chat not found", "chat_not_found")
    assert sessions.account.calls == []


async def test_a_lost_connection_is_told(call: Any, problem: Any, sessions: Any) -> None:
    sessions.account.error = ConnectionClosed("gone")
    response = await call("POST", "/chat/sendStateTyping/on", json={"chatId": CHAT})
    assert problem(response) == (500, "Connection Closed", "Connection Closed")


# --- what is done --------------------------------------------------------------------------------


@pytest.mark.parametrize("chat", [PEER, GROUP.jid])
@pytest.mark.parametrize(
    ("route", "did", "message", "result"),
    [
        ("sendStateTyping", "composing", "Typing indicator sent", True),
        ("sendStateRecording", "recording", "Recording indicator sent", True),
        ("clearState", "paused", "State cleared", True),
        ("markUnread", "mark unread", "Chat marked as unread", True),
        ("archive", "archive", "Chat archived", True),
        ("unarchive", "unarchive", "Chat unarchived", False),
        ("pin", "pin", "Chat pinned", True),
        ("unpin", "unpin", "Chat unpinned", False),
        ("clearMessages", "clear", "Chat cleared", True),
        ("delete", "delete chat", "Chat deleted", True),
    ],
)
async def test_a_chat_is_changed(
    call: Any, sessions: Any, chat: Jid, route: str, did: str, message: str, result: bool
) -> None:
    answer = await ask(call, f"/chat/{route}", chatId=str(chat))
    assert answer == {"message": message, "result": result}
    assert sessions.account.calls == [(did, chat)]


@pytest.mark.parametrize(
    ("chat", "did"),
    [
        (Chat(PEER, unread=2), [("seen", PEER), ("mark read", PEER)]),
        (Chat(PEER, marked_unread=True), [("seen", PEER), ("mark read", PEER)]),
        (Chat(PEER), []),
        (None, []),
    ],
)
async def test_only_a_chat_with_unread_messages_is_marked_as_read(
    call: Any, sessions: Any, chat: Chat | None, did: list[object]
) -> None:
    sessions.account.chats.listed = [] if chat is None else [ChatSummary(chat)]
    answer = await ask(call, "/chat/sendSeen", chatId=CHAT)
    assert answer == {"message": "Chat marked as read", "result": True}
    assert sessions.account.calls == did
    answer = await ask(call, "/chat/sendSeen", chatId="120363000000000005@g.us")
    assert answer["message"] == "Chat marked as read"
    assert sessions.account.calls == did


@pytest.mark.parametrize(
    ("given", "lasts"), [({}, 28_800), ({"duration": None}, 28_800), ({"duration": "60"}, 60)]
)
async def test_a_chat_is_muted_for_a_time(
    call: Any, sessions: Any, given: dict[str, object], lasts: int
) -> None:
    before = int(time.time())
    answer = await ask(call, "/chat/mute", chatId=CHAT, **given)
    ((what, chat, until),) = sessions.account.calls
    assert (what, chat) == ("mute", PEER)
    assert before + lasts <= until <= time.time() + lasts
    result = {"isMuted": True, "muteExpiration": until}
    assert answer == {"message": "Chat muted", "result": result}


async def test_a_chat_is_muted_for_ever_and_unmuted(call: Any, sessions: Any) -> None:
    answer = await ask(call, "/chat/mute", chatId=CHAT, duration=-1)
    assert answer["result"] == {"isMuted": True, "muteExpiration": -1}
    answer = await ask(call, "/chat/unmute", chatId=CHAT)
    result = {"isMuted": False, "muteExpiration": 0}
    assert answer == {"message": "Chat unmuted", "result": result}
    assert sessions.account.calls == [("mute", PEER, None), ("unmute", PEER)]


# --- what belongs to it --------------------------------------------------------------------------


async def test_the_labels_of_a_chat_are_listed(call: Any, sessions: Any) -> None:
    settings = sessions.account.settings
    settings.all_labels = [
        EditLabel("1", "New", color=0, predefined_id=4),
        EditLabel("2", "Odd", color=99),
        EditLabel("3", "Other"),
    ]
    assert await ask(call, "/chat/getLabels", chatId=CHAT) == {"labels": []}
    settings.labels_of[PEER] = ["2", "1"]
    assert (await ask(call, "/chat/getLabels", chatId=CHAT))["labels"] == [
        {
            "id": "1",
            "name": "New",
            "hexColor": "#ff9485",
            "color": 0,
            "deleted": False,
            "predefinedId": "4",
        },
        {"id": "2", "name": "Odd", "hexColor": "", "color": 99, "deleted": False},
    ]


async def test_the_contact_of_a_chat_is_described(call: Any, problem: Any, sessions: Any) -> None:
    response = await call("POST", "/chat/getContact/on", json={"chatId": CHAT})
    assert problem(response) == (404, "Contact not found", "contact_not_found")
    sessions.account.people[PEER] = Contact(PEER, "Ann Example", first_name="Ann")
    sessions.account.blocked.add(PEER)
    contact = (await ask(call, "/chat/getContact", chatId=CHAT))["contact"]
    assert contact["id"]["_serialized"] == CHAT
    assert (contact["name"], contact["shortName"], contact["pushname"]) == (
        "Ann Example",
        "Ann",
        "Ann Example",
    )
    assert (contact["isMyContact"], contact["isBlocked"], contact["isMe"]) == (True, True, False)


# --- lists ---------------------------------------------------------------------------------------


@pytest.fixture
def chats(sessions: Any) -> Any:
    """A chat with Ann, one with a message from a nameless number, and an empty group."""
    other = Jid("15557770000", "s.whatsapp.net")
    account = sessions.account
    account.chats.listed = [
        ChatSummary(
            Chat(PEER, unread=2, timestamp=CREATED + 50, pinned=True, muted_until=-1),
            text_message("A", "hello", seconds=CREATED + 50),
            Contact(PEER, "Ann"),
        ),
        ChatSummary(Chat(other, timestamp=CREATED - 50, archived=True, muted_until=5)),
    ]
    account.reacted.add("A")
    return account


async def test_chats_and_groups_are_listed_the_latest_first(call: Any, chats: Any) -> None:
    ann, group, other = (await ask(call, "/client/getChats"))["chats"]
    assert (ann["name"], ann["isGroup"], ann["unreadCount"], ann["timestamp"]) == (
        "Ann",
        False,
        2,
        CREATED + 50,
    )
    assert (ann["pinned"], ann["archived"], ann["isMuted"], ann["muteExpiration"]) == (
        True,
        False,
        True,
        -1,
    )
    assert ann["lastMessage"]["body"] == "hello"
    assert ann["lastMessage"]["hasReaction"] is True
    assert "groupMetadata" not in ann
    assert (group["name"], group["isGroup"], group["timestamp"]) == ("Friends", True, CREATED)
    assert group["groupMetadata"]["owner"]["_serialized"] == "15550001111@c.us"
    assert "lastMessage" not in group
    # A time that is over mutes no more.
    assert (other["name"], other["isMuted"], other["muteExpiration"]) == ("15557770000", False, 0)
    assert other["archived"] is True


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"unread": True}, ["Ann"]),
        ({"unread": False}, ["Friends", "15557770000"]),
        ({"since": CREATED}, ["Ann", "Friends"]),
        ({"since": CREATED + 1, "unread": False}, []),
        (None, ["Ann", "Friends", "15557770000"]),
    ],
)
async def test_chats_are_filtered(call: Any, chats: Any, options: object, names: list[str]) -> None:
    found = (await ask(call, "/client/getChats", searchOptions=options))["chats"]
    assert [chat["name"] for chat in found] == names


async def test_a_group_that_was_left_is_listed_only_for_its_messages(call: Any, chats: Any) -> None:
    left = replace(GROUP, is_left=True)
    chats.groups.known = {GROUP.jid: left}
    assert len((await ask(call, "/client/getChats"))["chats"]) == 2
    chats.chats.listed.append(ChatSummary(Chat(GROUP.jid, "Friends", timestamp=CREATED)))
    group = (await ask(call, "/client/getChats"))["chats"][1]
    assert (group["name"], group["isReadOnly"]) == ("Friends", True)


@pytest.mark.parametrize(
    ("change", "read_only"),
    [
        ({}, False),
        ({"is_announcement": True}, False),
        ({"is_announcement": True, "members": GROUP.members[1:]}, True),
        ({"members": GROUP.members[1:]}, True),
        ({"members": GROUP.members[1:], "is_truncated": True}, False),
    ],
)
async def test_a_group_is_read_only_for_those_who_may_not_write(
    call: Any, sessions: Any, change: dict[str, Any], read_only: bool
) -> None:
    sessions.account.groups.known[GROUP.jid] = replace(GROUP, **change)
    chat = (await ask(call, "/client/getChatById", chatId=GROUP_ID))["chat"]
    assert chat["isReadOnly"] is read_only


async def test_a_private_chat_is_always_found(call: Any, chats: Any) -> None:
    assert (await ask(call, "/client/getChatById", chatId=CHAT))["chat"]["name"] == "Ann"
    chat = (await ask(call, "/client/getChatById", chatId="15553332222"))["chat"]
    assert (chat["name"], chat["timestamp"]) == ("15553332222", 0)


@pytest.mark.parametrize("chat_id", ["120363000000000007@g.us", str(CHANNEL)])
async def test_a_group_or_channel_must_be_known(call: Any, problem: Any, chat_id: str) -> None:
    response = await call("POST", "/client/getChatById/on", json={"chatId": chat_id})
    assert problem(response) == (404, "Chat not found", "chat_not_found")


async def test_the_own_account_is_said_to_be_me(call: Any, sessions: Any) -> None:
    sessions.account.people[OWN] = Contact(OWN)
    assert (await ask(call, "/chat/getContact", chatId=str(OWN)))["contact"]["isMe"] is True
