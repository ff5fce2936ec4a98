"""fetchMessages: paging, limits, and the other server's search."""

from __future__ import annotations

from typing import Any

import pytest

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


async def test_an_id_that_nobody_has_holds_no_messages(call: Any) -> None:
    assert ids(await call("POST", FETCH, json={"chatId": "foo"})) == []


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


async def test_search_filters_before_it_counts(call: Any, stored: list[str]) -> None:
    body = {"chatId": CHAT, "searchOptions": {"fromMe": True, "limit": 2}}
    assert ids(await call("POST", FETCH, json=body)) == ["M1194", "M1197"]
    body = {"chatId": CHAT, "searchOptions": {"since": 2198}}
    assert ids(await call("POST", FETCH, json=body)) == ["M1198", "M1199"]
    body = {"chatId": CHAT, "searchOptions": {"messageId": "true_15559990000@c.us_M3"}}
    assert ids(await call("POST", FETCH, json=body)) == ["M3"]
