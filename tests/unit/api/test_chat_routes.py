"""fetchMessages: paging, limits, and the other server's search."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from waport.api.message_list import PIECE
from waport.wire import Jid

FETCH = "/chat/fetchMessages/on"
CHAT = "15559990000@c.us"


@pytest.fixture
def stored(sessions: Any, make_message: Any) -> list[str]:
    """Ids of 1,200 stored messages, oldest first; every third is own."""
    messages = [
        make_message(f"M{n}", f"text {n}", from_me=n % 3 == 0, seconds=1000 + n)
        for n in range(1200)
    ]
    sessions.account.stored = messages
    return [message.key.id for message in messages]


def ids(response: Any) -> list[str]:
    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"success", "messages"}
    return [message["id"]["id"] for message in body["messages"]]


@pytest.mark.parametrize("body", [{}, {"chatId": ""}, {"chatId": None}, {"limit": "x"}])
async def test_the_chat_is_required(call: Any, problem: Any, body: dict[str, object]) -> None:
    response = await call("POST", FETCH, json=body)
    assert problem(response) == (400, "chatId is required", "validation_error")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"chatId": True}, "chatId must be a string"),
        ({"limit": "ten"}, "limit must be a number"),
        ({"limit": True}, "limit must be a number"),
        ({"limit": []}, "limit must be a number"),
        ({"before": 5}, "before must be a string"),
        ({"searchOptions": 5}, "searchOptions must be an object"),
        ({"searchOptions": {"fromMe": "x"}}, "searchOptions.fromMe must be a boolean"),
        ({"searchOptions": {"limit": "x"}}, "searchOptions.limit must be a number"),
    ],
)
async def test_a_wrong_type_is_named(
    call: Any, problem: Any, change: dict[str, object], text: str
) -> None:
    response = await call("POST", FETCH, json={"chatId": CHAT, **change})
    assert problem(response) == (400, text, "validation_error")


async def test_messages_come_newest_first(call: Any, stored: list[str]) -> None:
    assert ids(await call("POST", FETCH, json={"chatId": CHAT})) == stored[:-51:-1]


@pytest.mark.parametrize(
    ("limit", "asked"),
    [(None, 50), (0, 50), (1, 1), (3, 3), ("7", 7), (2.9, 2), (-5, 1), (500, 500), (9999, 500)],
)
async def test_the_limit_is_clamped(call: Any, sessions: Any, limit: object, asked: int) -> None:
    assert ids(await call("POST", FETCH, json={"chatId": CHAT, "limit": limit})) == []
    assert sessions.account.fetched[0][1] == asked


@pytest.mark.parametrize("form", ["{}", "false_15559990000@c.us_{}", "15559990000@c.us_{}"])
async def test_before_pages_on_in_every_spelling_of_the_id(
    call: Any, stored: list[str], form: str
) -> None:
    body = {"chatId": CHAT, "limit": 2, "before": form.format("M100")}
    assert ids(await call("POST", FETCH, json=body)) == ["M99", "M98"]


async def test_an_unknown_before_gives_the_first_page(call: Any, stored: list[str]) -> None:
    body = {"chatId": CHAT, "limit": 1, "before": "nothing"}
    assert ids(await call("POST", FETCH, json=body)) == ["M1199"]


@pytest.mark.parametrize(
    "chat_id",
    [
        *("foo", "foo bar", "a:b", "1_2@c.us", "1.2@c.us", "a b@c.us", "x@y z", "@", "@@", "1:1"),
        *("1_2@s.whatsapp.net", "1:999@c.us", "()@c.us", "1-2@interop", "é@lid", "\n@g.us"),
        *("s.whatsapp.net", "x" * 600, "\ufffd", "1_128@lid", "a@hosted.lid", "1.2:3@c.us"),
    ],
)
async def test_an_id_that_nobody_has_holds_no_messages(
    call: Any, sessions: Any, chat_id: str
) -> None:
    assert ids(await call("POST", FETCH, json={"chatId": chat_id})) == []
    for chat, _, _ in sessions.account.fetched:
        # What the store asks of every address.
        assert Jid.parse(str(chat)) == chat


async def test_search_options_alone_mean_oldest_first(call: Any, stored: list[str]) -> None:
    body = {"chatId": CHAT, "searchOptions": {"limit": 3}}
    assert ids(await call("POST", FETCH, json=body)) == ["M1197", "M1198", "M1199"]


async def test_search_options_beside_a_limit_are_ignored(call: Any, stored: list[str]) -> None:
    for more in ({"limit": 2}, {"limit": 2, "before": None}):
        body = {"chatId": CHAT, "searchOptions": {"limit": 3}, **more}
        assert ids(await call("POST", FETCH, json=body)) == ["M1199", "M1198"]


async def test_an_endless_search_gives_all(call: Any, stored: list[str]) -> None:
    for options in ({}, {"limit": 0}, {"limit": None}):
        body = {"chatId": CHAT, "searchOptions": options}
        assert ids(await call("POST", FETCH, json=body)) == stored


async def test_a_search_reads_no_more_than_it_must(
    call: Any, sessions: Any, stored: list[str]
) -> None:
    async def reads(**options: object) -> list[int]:
        sessions.account.fetched.clear()
        await call("POST", FETCH, json={"chatId": CHAT, "searchOptions": options})
        return [limit for _, limit, _ in sessions.account.fetched]

    assert await reads(limit=3) == [3]
    assert await reads(limit=700) == [500, 200]
    assert await reads(limit=3, fromMe=True) == [500]
    assert await reads(since=2100) == [500]
    assert await reads(messageId="M1190") == [500]
    assert await reads() == [500, 500, 500]


async def test_others_get_their_turn_while_an_answer_is_made(call: Any, stored: list[str]) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    response = await call("POST", FETCH, json={"chatId": CHAT, "limit": 500})
    counting.cancel()
    assert len(ids(response)) == 500
    assert turns >= 500 // PIECE - 1
    assert response.headers["content-length"] == str(len(response.content))


@pytest.mark.parametrize("count", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
async def test_an_answer_in_pieces_is_one_json(
    call: Any, sessions: Any, stored: list[str], count: int
) -> None:
    sessions.account.stored = sessions.account.stored[:count]
    response = await call("POST", FETCH, json={"chatId": CHAT, "limit": 500})
    assert ids(response) == stored[:count][::-1]
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.content.startswith(b'{"success":true,"messages":[')


async def test_search_filters_before_it_counts(call: Any, stored: list[str]) -> None:
    body = {"chatId": CHAT, "searchOptions": {"fromMe": True, "limit": 2}}
    assert ids(await call("POST", FETCH, json=body)) == ["M1194", "M1197"]
    body = {"chatId": CHAT, "searchOptions": {"since": 2198}}
    assert ids(await call("POST", FETCH, json=body)) == ["M1198", "M1199"]
    body = {"chatId": CHAT, "searchOptions": {"messageId": "true_15559990000@c.us_M3"}}
    assert ids(await call("POST", FETCH, json=body)) == ["M3"]
