"""Lists in pages: together they are the list, whatever comes meanwhile; without a cursor nothing
is different."""

from __future__ import annotations

import base64
import random
from dataclasses import replace
from typing import Any

import pytest

from support.fake_client import PEER, text_message
from waport.api.cursors import MAX_CURSOR, page_of_chats
from waport.model import Chat, ChatSummary, Contact
from waport.wire import Jid

CHAT = "15559990000@c.us"


def person(number: int) -> Jid:
    return Jid(str(15550000000 + number), "s.whatsapp.net")


async def pages(call: Any, path: str, name: str, **body: Any) -> list[list[Any]]:
    """All pages of a list."""
    found, cursor = [], ""
    for _ in range(100):
        response = await call("POST", path, json={**body, "cursor": cursor})
        assert response.status_code == 200, response.text
        answer = response.json()
        assert list(answer) == ["success", name, "next"]
        found.append(answer[name])
        cursor = answer["next"]
        if cursor is None:
            return found
    raise AssertionError("no end")


def joined(pages: list[list[Any]]) -> list[Any]:
    return [each for page in pages for each in page]


def ids(listed: Any) -> list[str]:
    return [each["id"].get("id", each["id"]["_serialized"]) for each in listed]


@pytest.fixture
def messages(sessions: Any) -> Any:
    stored = [
        replace(text_message(f"M{at}", seconds=1000 + at // 3, from_me=at % 2 == 0), seq=at + 1)
        for at in range(20)
    ]
    sessions.account.stored = stored
    return stored


async def test_pages_of_messages_are_the_list(call: Any, messages: Any) -> None:
    path = "/chat/fetchMessages/on"
    found = await pages(call, path, "messages", chatId=CHAT, limit=6)
    assert [len(page) for page in found] == [6, 6, 6, 2]
    assert ids(joined(found)) == [f"M{at}" for at in reversed(range(20))]
    assert [len(page) for page in await pages(call, path, "messages", chatId=CHAT, limit=10)] == [
        10,
        10,
    ]
    whole = (await call("POST", path, json={"chatId": CHAT})).json()
    assert list(whole) == ["success", "messages"]
    assert whole["messages"] == joined(found)


async def test_filters_hold_on_every_page(call: Any, messages: Any) -> None:
    path, search = "/chat/fetchMessages/on", {"fromMe": True, "since": 1002}
    found = await pages(call, path, "messages", chatId=CHAT, limit=3, searchOptions=search)
    assert ids(joined(found)) == [f"M{at}" for at in (18, 16, 14, 12, 10, 8, 6)]
    assert [len(page) for page in found] == [3, 3, 1]


async def test_messages_that_come_or_go_shift_nothing(
    call: Any, sessions: Any, messages: Any
) -> None:
    path, body = "/chat/fetchMessages/on", {"chatId": CHAT, "limit": 5}
    first = (await call("POST", path, json={**body, "cursor": ""})).json()
    stored = sessions.account.stored
    stored.append(replace(text_message("new", seconds=2000), seq=99))
    del stored[15]  # the last one of the first page
    second = (await call("POST", path, json={**body, "cursor": first["next"]})).json()
    assert ids(first["messages"]) == ["M19", "M18", "M17", "M16", "M15"]
    assert ids(second["messages"]) == ["M14", "M13", "M12", "M11", "M10"]


async def test_pages_of_people_are_the_list(call: Any, sessions: Any) -> None:
    account = sessions.account
    account.people = {person(n): Contact(person(n), name=f"P{n}") for n in range(23)}
    path = "/client/getContacts/on"
    whole = (await call("POST", path, json={})).json()
    assert list(whole) == ["success", "contacts"]
    for limit, sizes in ((10, [10, 10, 3]), (23, [23]), (600, [23])):
        found = await pages(call, path, "contacts", limit=limit)
        assert [len(page) for page in found] == sizes
        assert joined(found) == whole["contacts"]


def list_chats(sessions: Any, count: int) -> None:
    sessions.account.chats.listed = [
        ChatSummary(Chat(person(n), timestamp=1000 + n // 2), None, Contact(person(n)))
        for n in range(count)
    ]


async def test_pages_of_chats_are_the_list(call: Any, make_call: Any, sessions: Any) -> None:
    list_chats(sessions, 13)
    path = "/client/getChats/on"
    whole = (await call("POST", path, json={})).json()
    assert list(whole) == ["success", "chats"]
    found = await pages(call, path, "chats", limit=5)
    assert [len(page) for page in found] == [5, 5, 4]
    assert sorted(ids(joined(found))) == sorted(ids(whole["chats"]))
    times = [each["timestamp"] for each in joined(found)]
    assert times == sorted(times, reverse=True)
    # A limit alone asks for the first page; so do the older forms.
    first = (await call("POST", path, json={"limit": 5})).json()
    assert first["chats"] == found[0]
    legacy = make_call(ENABLE_LEGACY_ROUTER="true")
    for prefix in ("", "/legacy"):
        response = await legacy("GET", f"{prefix}{path}?limit=5&cursor={first['next']}")
        assert ids(response.json()["chats"]) == ids(found[1])
        response = await legacy("GET", f"{prefix}{path}")
        assert list(response.json()) == ["success", "chats"]
    since = {"since": 1004}
    found = await pages(call, path, "chats", limit=2, searchOptions=since)
    whole = (await call("POST", path, json={"searchOptions": since})).json()
    assert sorted(ids(joined(found))) == sorted(ids(whole["chats"]))


async def test_a_cursor_goes_with_its_list(call: Any, sessions: Any, problem: Any) -> None:
    list_chats(sessions, 3)
    chats = (await call("POST", "/client/getChats/on", json={"limit": 1})).json()["next"]
    text = "cursor must be the next of an answer of this route, or empty"
    odd = ('["c",1,2]', '["c",true,1.5,"a",1,[]]', "[" * 3000, '["m",1e999,1]', '["m",true,1]')
    made = [base64.urlsafe_b64encode(each.encode()).decode() for each in odd]
    huge = base64.urlsafe_b64encode(b'["m",99999999999999999999,1]').decode()
    for cursor in (chats, *made, huge, "%", "ä", "A", "x" * (MAX_CURSOR + 1)):
        for path, body in (
            ("/chat/fetchMessages/on", {"chatId": CHAT}),
            ("/client/getContacts/on", {}),
            *((("/client/getChats/on", {}),) if cursor != chats else ()),
        ):
            response = await call("POST", path, json={**body, "cursor": cursor})
            assert problem(response) == (400, text, "validation_error"), (path, cursor)
    response = await call("POST", "/client/getChats/on", json={"cursor": 5})
    assert problem(response) == (400, "cursor must be a string", "validation_error")


def test_no_chat_is_missed_while_others_move() -> None:
    chosen = random.Random(7)
    for _ in range(200):
        times = {person(n): chosen.randrange(1000, 1006) for n in range(chosen.randrange(1, 40))}
        there = set(times)
        now, cursor, listed = 1006, "", []
        for _ in range(200):
            chats = [Chat(jid, timestamp=time) for jid, time in times.items()]
            page, following = page_of_chats(chats, cursor, chosen.randrange(1, 8))
            listed += page
            if following is None:
                break
            cursor = following
            for _ in range(chosen.randrange(3) if now < 1040 else 0):
                # Sometimes in the second of the list's first chat.
                now += chosen.randrange(2)
                times[chosen.choice(list(times))] = max(now, *times.values())
        else:
            raise AssertionError("no end")
        assert there <= {chat.jid for chat in listed}
        # Only what moved comes again, and then as it is later.
        for jid in there:
            seen = [chat.timestamp for chat in listed if chat.jid == jid]
            assert seen == sorted(set(seen))


def test_a_list_without_moves_has_every_chat_once() -> None:
    for count in (0, 1, 25, 60):
        for size in (1, 7, 60):
            # More chats of one second than a cursor names.
            chats = [Chat(person(n), timestamp=5 if n % 3 else 4) for n in range(count)]
            listed, cursor = [], ""
            while cursor is not None:
                page, following = page_of_chats(chats, cursor, size)
                listed += page
                cursor = following  # type: ignore[assignment]
            assert sorted(map(str, (chat.jid for chat in listed))) == sorted(
                str(chat.jid) for chat in chats
            )


async def test_the_store_reads_on_from_a_place(tmp_path: Any) -> None:
    from support.database import open_database

    database = await open_database(tmp_path / "pages")
    try:
        made = [text_message(f"M{at}", seconds=1000 + at // 3) for at in range(9)]
        stored = await database.write(
            "main", lambda store: [store.messages.add(message) for message in made]
        )
        last = stored[4]
        assert last is not None
        await database.write("main", lambda store: store.messages.delete(PEER, "M4"))
        found = await database.read(
            "main",
            lambda store: store.messages.page_behind(PEER, 3, (last.timestamp, last.seq)),
        )
        assert [message.key.id for message in found] == ["M3", "M2", "M1"]
    finally:
        await database.close()
