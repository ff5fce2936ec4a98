"""sendMessage: what is required, which types, what reaches the account."""

from __future__ import annotations

from typing import Any

import pytest

from waport.errors import InvalidInput, NotAuthorized, NotFound, QueryTimeout, query_error

SEND = "/client/sendMessage/on"
HELLO = {"chatId": "15559990000@c.us", "contentType": "string", "content": "hello"}
MISSING = (400, "chatId, contentType, and content are required", "validation_error")
NO_CONTACT = (404, "Contact not found", "contact_not_found")
NO_GROUP = (404, "Group not found", "group_not_found")


def without(name: str) -> dict[str, object]:
    return {key: value for key, value in HELLO.items() if key != name}


@pytest.mark.parametrize(
    "body",
    [
        {},
        without("chatId"),
        without("contentType"),
        without("content"),
        {**HELLO, "chatId": ""},
        {**HELLO, "chatId": None},
        {**HELLO, "chatId": 0},
        {**HELLO, "chatId": False},
        {**HELLO, "contentType": ""},
        {"chatId": 5, "contentType": []},
    ],
)
async def test_the_whole_text_is_given_whatever_is_missing(
    call: Any, problem: Any, body: dict[str, object]
) -> None:
    assert problem(await call("POST", SEND, json=body)) == MISSING


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"chatId": True}, "chatId must be a string"),
        ({"chatId": ["a"]}, "chatId must be a string"),
        ({"chatId": 12}, "chatId must be a string"),
        ({"chatId": 1555999000.5}, "chatId must be a string"),
        ({"contentType": 7}, "contentType must be a string"),
        ({"contentType": {"a": 1}}, "contentType must be a string"),
        ({"content": None}, "content must be a string"),
        ({"content": 5}, "content must be a string"),
        ({"content": {"a": 1}}, "content must be a string"),
        ({"options": "x"}, "options must be an object"),
        ({"options": []}, "options must be an object"),
        ({"options": {"quotedMessageId": 5}}, "options.quotedMessageId must be a string"),
        ({"options": {"mentions": {}}}, "options.mentions must be an array"),
        ({"options": {"mentions": [True]}}, "options.mentions.0 must be a string"),
        ({"options": {"caption": 1}}, "options.caption must be a string"),
        ({"options": {"linkPreview": "maybe"}}, "options.linkPreview must be a boolean"),
        ({"options": {"sendAudioAsVoice": 1}}, "options.sendAudioAsVoice must be a boolean"),
        ({"options": {"media": "x"}}, "options.media must be an object"),
        ({"options": {"groupMentions": "x"}}, "options.groupMentions must be an array"),
        ({"mediaFromURLOptions": 3}, "mediaFromURLOptions must be an object"),
    ],
)
async def test_a_wrong_type_is_named_and_nothing_is_sent(
    call: Any, problem: Any, sessions: Any, change: dict[str, object], text: str
) -> None:
    response = await call("POST", SEND, json={**HELLO, **change})
    assert problem(response) == (400, text, "validation_error")
    assert sessions.account.sent == []


async def test_the_first_wrong_type_in_order_is_named(call: Any, problem: Any) -> None:
    body = {"chatId": [1], "contentType": 1, "content": 1, "options": 1}
    assert problem(await call("POST", SEND, json=body))[1] == "chatId must be a string"
    body["chatId"] = "1"
    assert problem(await call("POST", SEND, json=body))[1] == "contentType must be a string"
    body["contentType"] = "string"
    assert problem(await call("POST", SEND, json=body))[1] == "content must be a string"


@pytest.mark.parametrize("kind", ["Foo", "STRING", "messagemedia", "poll", "Event"])
async def test_an_unsupported_content_type_is_refused(call: Any, problem: Any, kind: str) -> None:
    response = await call("POST", SEND, json={**HELLO, "contentType": kind, "content": None})
    assert problem(response) == (400, f"Unsupported content type: {kind}", "validation_error")


async def test_a_text_has_its_bounds(call: Any, problem: Any, sessions: Any) -> None:
    response = await call("POST", SEND, json={**HELLO, "content": "x" * 65_537})
    text = "content must be a string of at most 65536 characters"
    assert problem(response) == (400, text, "validation_error")
    assert sessions.account.sent == []
    response = await call("POST", SEND, json={**HELLO, "content": "x" * 65_536})
    assert response.status_code == 200


async def test_words_of_the_rooms_below_are_not_shown(
    call: Any, problem: Any, sessions: Any, caplog: pytest.LogCaptureFixture
) -> None:
    sessions.account.error = InvalidInput("inner words")
    with caplog.at_level("INFO"):
        response = await call("POST", SEND, json=HELLO)
    assert problem(response) == (400, "Invalid input", "validation_error")
    assert "inner words" in caplog.text


@pytest.mark.parametrize(
    ("chat_id", "address"),
    [
        ("15559990000@c.us", "15559990000@s.whatsapp.net"),
        ("15559990000@s.whatsapp.net", "15559990000@s.whatsapp.net"),
        ("15559990000:7@c.us", "15559990000@s.whatsapp.net"),
        ("15559990000", "15559990000@s.whatsapp.net"),
        ("+1 (555) 999-0000", "15559990000@s.whatsapp.net"),
        ("+15559990000@c.us", "15559990000@s.whatsapp.net"),
        (15559990000, "15559990000@s.whatsapp.net"),
        ("120363000000000001@g.us", "120363000000000001@g.us"),
        ("15551234567-1400000000@g.us", "15551234567-1400000000@g.us"),
        ("123456789@lid", "123456789@lid"),
        ("status@broadcast", "status@broadcast"),
        ("120363000000000002@newsletter", "120363000000000002@newsletter"),
    ],
)
async def test_ids_are_taken_in_every_spelling(
    call: Any, sessions: Any, chat_id: object, address: str
) -> None:
    response = await call("POST", SEND, json={**HELLO, "chatId": chat_id})
    assert response.status_code == 200
    assert str(sessions.account.sent[0].chat) == address


@pytest.mark.parametrize(
    "chat_id",
    [
        *("foo", "foo@c.us", "a@b@c", "15559990000@example.org", "@c.us", "x" * 10_000),
        *("1:x@c.us", "foo bar", "a:b", "1_2@c.us", "s.whatsapp.net", "()@c.us"),
    ],
)
async def test_an_id_that_nobody_has_is_no_contact(
    call: Any, problem: Any, sessions: Any, chat_id: str
) -> None:
    assert problem(await call("POST", SEND, json={**HELLO, "chatId": chat_id})) == NO_CONTACT
    assert sessions.account.sent == []


@pytest.mark.parametrize("chat_id", ["foo@g.us", "foo bar@g.us", "1:x@g.us", "@g.us"])
async def test_an_impossible_group_is_no_group(call: Any, problem: Any, chat_id: str) -> None:
    response = await call("POST", SEND, json={**HELLO, "chatId": chat_id})
    assert problem(response) == NO_GROUP


async def test_the_answer_is_the_message_as_sent(call: Any) -> None:
    response = await call("POST", SEND, json=HELLO)
    body = response.json()
    assert body["success"] is True
    message = body["message"]
    assert message["id"] == {
        "_serialized": "true_15559990000@c.us_3EB0AAAAAAAAAAAAAAAAAA",
        "fromMe": True,
        "remote": "15559990000@c.us",
        "id": "3EB0AAAAAAAAAAAAAAAAAA",
    }
    assert (message["from"], message["to"]) == ("15550001111@c.us", "15559990000@c.us")
    assert (message["body"], message["type"], message["ack"]) == ("hello", "chat", 1)


async def test_empty_text_is_sent(call: Any, sessions: Any) -> None:
    assert (await call("POST", SEND, json={**HELLO, "content": ""})).status_code == 200
    assert sessions.account.sent[0].text == ""


async def test_options_reach_the_account(call: Any, sessions: Any) -> None:
    options = {
        "quotedMessageId": "false_15559990000@c.us_AAA1",
        "mentions": ["15551110000@c.us", 15552220000, "1@lid", "nobody"],
        "caption": None,
        "linkPreview": "false",
        "unknown": [1],
    }
    assert (await call("POST", SEND, json={**HELLO, "options": options})).status_code == 200
    (sent,) = sessions.account.sent
    assert sent.quoted_id == "AAA1"
    # A mention of nobody is left out.
    assert [str(jid) for jid in sent.mentions] == [
        "15551110000@s.whatsapp.net",
        "15552220000@s.whatsapp.net",
        "1@lid",
    ]


async def test_one_text_is_taken_for_mentions(call: Any, sessions: Any) -> None:
    body = {**HELLO, "options": {"mentions": "15551110000@c.us"}}
    assert (await call("POST", SEND, json=body)).status_code == 200
    assert [jid.user for jid in sessions.account.sent[0].mentions] == ["15551110000"]


@pytest.mark.parametrize(
    ("chat_id", "error", "expected"),
    [
        ("15559990000", NotFound(404, "item-not-found"), NO_CONTACT),
        ("1203630001@g.us", NotFound(404, "item-not-found"), NO_GROUP),
        ("1203630001@g.us", NotAuthorized(403, "forbidden"), NO_GROUP),
        ("15559990000", NotAuthorized(403, "forbidden"), (500, "forbidden", "forbidden")),
        ("15559990000", query_error(406, "not-acceptable"), (500,) + ("not-acceptable",) * 2),
        ("15559990000", QueryTimeout(), (500, "Timed Out", "Timed Out")),
    ],
)
async def test_whatsapps_refusals_have_their_answers(
    call: Any, problem: Any, sessions: Any, chat_id: str, error: Any, expected: object
) -> None:
    sessions.account.error = error
    response = await call("POST", SEND, json={**HELLO, "chatId": chat_id})
    assert problem(response) == expected
