"""sendMessage: what each content type becomes, and what it refuses."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from support.fake_client import PEER
from waport.model import Contact
from waport.model.contents import Contact as Card
from waport.model.contents import Document, Event, Image, Location, Poll, Text
from waport.wire import Jid

SEND = "/client/sendMessage/on"
CHAT = {"chatId": "15559990000@c.us"}
PNG = {"mimetype": "image/png", "data": base64.b64encode(b"a picture").decode()}
POLL = {"pollName": "Lunch?", "pollOptions": ["Yes", "No"]}
PLACE = {"latitude": 1, "longitude": 2}
EVENT = {"name": "Party", "startTime": 1_900_000_000}


def body(kind: str, content: object, **more: object) -> dict[str, object]:
    return {**CHAT, "contentType": kind, "content": content, **more}


@pytest.mark.parametrize(
    ("kind", "content", "sent"),
    [
        ("Location", PLACE, Location(1, 2)),
        ("Location", {"latitude": "-90", "longitude": "1.8e2"}, Location(-90, 180)),
        ("Location", {"latitude": 0, "longitude": 0, "description": None}, Location(0, 0)),
        ("Location", {**PLACE, "description": "Here"}, Location(1, 2, name="Here")),
        (
            "Location",
            {**PLACE, "description": {"name": "N", "address": "A", "url": "https://a.example"}},
            Location(1, 2, name="N", address="A", url="https://a.example"),
        ),
        ("Poll", POLL, Poll("Lunch?", ("Yes", "No"), selectable=1)),
        (
            "Poll",
            {"pollName": " L ", "pollOptions": [" a", "b "], "options": None},
            Poll("L", ("a", "b"), selectable=1),
        ),
        (
            "Poll",
            {**POLL, "options": {"allowMultipleAnswers": True}},
            Poll("Lunch?", ("Yes", "No"), selectable=0),
        ),
        ("Buttons", {"body": "B"}, Text("B")),
        ("Buttons", {"body": "B", "title": "T", "buttons": 5}, Text("T\n\nB")),
        ("List", {"body": "B", "title": "T", "footer": "F"}, Text("T\n\nB\n\nF")),
        ("List", {"body": "B", "footer": "F", "buttonText": None}, Text("B\n\nF")),
        ("ScheduledEvent", EVENT, Event("Party", starts_at=1_900_000_000)),
        (
            "ScheduledEvent",
            {"name": " Party ", "startTime": 1_900_000_000_500},
            Event("Party", starts_at=1_900_000_000),
        ),
        (
            "ScheduledEvent",
            {
                "name": "Party",
                "startTime": "2030-03-17T17:46:40Z",
                "options": {
                    "description": "bring cake",
                    "endTime": "2030-03-17T18:46:40",
                    "location": "Here",
                    "callType": "none",
                    "isEventCanceled": True,
                },
            },
            Event(
                "Party",
                description="bring cake",
                starts_at=1_900_000_000,
                ends_at=1_900_003_600,
                location=Location(0, 0, name="Here"),
                is_canceled=True,
            ),
        ),
    ],
)
async def test_a_content_is_sent_as_what_it_means(
    call: Any, sessions: Any, kind: str, content: object, sent: object
) -> None:
    response = await call("POST", SEND, json=body(kind, content))
    assert response.status_code == 200, response.text
    assert sessions.account.sent[0].content == sent


@pytest.mark.parametrize(
    ("kind", "content", "text"),
    [
        # What is missing is named as a whole, and before any type.
        ("MessageMedia", {}, "content.mimetype and content.data are required"),
        (
            "MessageMedia",
            {"mimetype": 5, "data": ""},
            "content.mimetype and content.data are required",
        ),
        ("MessageMedia", {"mimetype": "a/b"}, "content.mimetype and content.data are required"),
        ("Location", {"latitude": 1}, "content.latitude and content.longitude are required"),
        ("Poll", {"pollName": "x"}, "content.pollName and content.pollOptions are required"),
        ("Poll", {**POLL, "pollName": ""}, "content.pollName and content.pollOptions are required"),
        (
            "Poll",
            {**POLL, "pollOptions": "x"},
            "content.pollName and content.pollOptions are required",
        ),
        ("Contact", {}, "content.contactId is required"),
        ("Buttons", {}, "content.body is required"),
        ("Buttons", {"title": "T", "body": None}, "content.body is required"),
        ("List", {"body": ""}, "content.body is required"),
        ("ScheduledEvent", {"name": "x"}, "content.name and content.startTime are required"),
        # Then types.
        *(
            (kind, value, "content must be an object")
            for kind in ("MessageMedia", "Location", "Poll", "Contact", "Buttons", "List")
            for value in (None, "x", 5, [], True)
        ),
        ("MessageMediaFromURL", {}, "content must be a string"),
        ("MessageMedia", {**PNG, "mimetype": 5}, "content.mimetype must be a string"),
        ("MessageMedia", {**PNG, "data": [1]}, "content.data must be a string"),
        ("MessageMedia", {**PNG, "filename": 5}, "content.filename must be a string"),
        ("MessageMedia", {**PNG, "mimetype": "png"}, "content.mimetype must be a MIME type"),
        ("MessageMedia", {**PNG, "data": "!"}, "content.data must be base64"),
        ("MessageMedia", {**PNG, "data": "a" * 40_001}, "content.data must be base64"),
        ("MessageMedia", {**PNG, "data": "data:a/b;base64,"}, "content.data must not be empty"),
        ("Location", {**PLACE, "latitude": None}, "content.latitude must be a number"),
        ("Location", {**PLACE, "latitude": "x"}, "content.latitude must be a number"),
        ("Location", {**PLACE, "longitude": True}, "content.longitude must be a number"),
        (
            "Location",
            {**PLACE, "latitude": 90.1},
            "content.latitude must be a number from -90 to 90",
        ),
        (
            "Location",
            {**PLACE, "longitude": -181},
            "content.longitude must be a number from -180 to 180",
        ),
        ("Location", {**PLACE, "description": 5}, "content.description must be an object"),
        (
            "Location",
            {**PLACE, "description": {"name": 5}},
            "content.description.name must be a string",
        ),
        ("Poll", {**POLL, "pollName": 5}, "content.pollName must be a string"),
        ("Poll", {**POLL, "pollOptions": ["a", 5]}, "content.pollOptions.1 must be a string"),
        ("Poll", {**POLL, "options": 5}, "content.options must be an object"),
        (
            "Poll",
            {**POLL, "options": {"allowMultipleAnswers": "maybe"}},
            "content.options.allowMultipleAnswers must be a boolean",
        ),
        (
            "Poll",
            {**POLL, "options": {"messageSecret": [1, 2]}},
            "content.options.messageSecret must be an array of 32 bytes",
        ),
        (
            "Poll",
            {**POLL, "options": {"messageSecret": [0.5] * 32}},
            "content.options.messageSecret must be an array of 32 bytes",
        ),
        ("Contact", {"contactId": True}, "content.contactId must be a string"),
        ("Buttons", {"body": 5}, "content.body must be a string"),
        ("List", {"body": "B", "footer": 5}, "content.footer must be a string"),
        ("ScheduledEvent", {**EVENT, "startTime": "soon"}, "content.startTime must be a number"),
        ("ScheduledEvent", {**EVENT, "startTime": -1}, "content.startTime must be a time"),
        ("ScheduledEvent", {**EVENT, "startTime": "20-20"}, "content.startTime must be a time"),
        (
            "ScheduledEvent",
            {**EVENT, "options": {"callType": "video"}},
            "content.options.callType must be none: links to calls cannot be made",
        ),
        # Then what WhatsApp would not take.
        ("Poll", {**POLL, "pollName": "  "}, "a poll has a question"),
        ("Poll", {**POLL, "pollOptions": []}, "a poll has 2 to 12 answers"),
        ("Poll", {**POLL, "pollOptions": ["x"] * 13}, "a poll has 2 to 12 answers"),
        ("Poll", {**POLL, "pollOptions": ["x", "x "]}, "the answers of a poll differ"),
        ("Poll", {**POLL, "pollOptions": ["x", " "]}, "an answer is not empty"),
        ("ScheduledEvent", {**EVENT, "name": " "}, "an event has a name"),
        (
            "Buttons",
            {"body": "x" * 65_537},
            "content must be a string of at most 65536 characters",
        ),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_sent(
    call: Any, problem: Any, sessions: Any, kind: str, content: object, text: str
) -> None:
    response = await call("POST", SEND, json=body(kind, content))
    assert problem(response) == (400, text, "validation_error")
    assert sessions.account.sent == []
    assert sessions.account.uploads == []


async def test_a_poll_keeps_the_secret_it_is_given(call: Any, sessions: Any) -> None:
    for kind, content in (("Poll", POLL), ("ScheduledEvent", EVENT)):
        secret = list(range(32))
        for options, kept in (({"messageSecret": secret}, bytes(secret)), ({}, b"")):
            await call("POST", SEND, json=body(kind, {**content, "options": options}))
            assert sessions.account.sent[-1].options.secret == kept


# --- people --------------------------------------------------------------------------------------


@pytest.mark.parametrize("contact_id", ["15559990000@c.us", "15559990000", 15559990000])
async def test_a_card_has_the_name_that_is_known(
    call: Any, sessions: Any, contact_id: object
) -> None:
    sessions.account.people[PEER] = Contact(PEER, name="Bob; the, \\ Great\nOne")
    response = await call("POST", SEND, json=body("Contact", {"contactId": contact_id}))
    assert response.status_code == 200
    card = sessions.account.sent[0].content
    assert isinstance(card, Card)
    assert card.name == "Bob; the, \\ Great\nOne"
    assert card.vcard == (
        "BEGIN:VCARD\nVERSION:3.0\nFN:Bob\\; the\\, \\\\ Great\\nOne\n"
        "TEL;type=CELL;type=VOICE;waid=15559990000:+15559990000\nEND:VCARD"
    )


async def test_a_card_of_somebody_without_a_name_shows_the_number(call: Any, sessions: Any) -> None:
    sessions.account.people[PEER] = Contact(PEER)
    await call("POST", SEND, json=body("Contact", {"contactId": "15559990000"}))
    assert "FN:15559990000\n" in sessions.account.sent[0].content.vcard


@pytest.mark.parametrize(
    "contact_id", ["foo", "15550000000", "120363000000000001@g.us", "77@lid", "1@newsletter"]
)
async def test_a_card_of_nobody_is_refused(
    call: Any, problem: Any, sessions: Any, contact_id: str
) -> None:
    lid = Jid("77", "lid")
    sessions.account.people[lid] = Contact(lid, name="Hidden")
    response = await call("POST", SEND, json=body("Contact", {"contactId": contact_id}))
    assert problem(response) == (404, "Contact not found", "contact_not_found")
    assert sessions.account.sent == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("BEGIN:VCARD\nVERSION:3.0\nFN:Bob\nEND:VCARD", "Bob"),
        ("  begin:vcard\r\nfn;charset=utf-8:Bob\\, Jr\r\nend:vcard\n", "Bob, Jr"),
        ("BEGIN:VCARD\nitem1.FN:A \n b\nEND:VCARD", "A b"),
        ("BEGIN:VCARD\nN:Last;First;Mid;;\nEND:VCARD", "First Mid Last"),
        ("BEGIN:VCARD\nN:Last\nFN:\nEND:VCARD", "Last"),
    ],
)
async def test_a_text_that_is_a_vcard_is_sent_as_one(
    call: Any, sessions: Any, text: str, name: str
) -> None:
    assert (await call("POST", SEND, json=body("string", text))).status_code == 200
    assert sessions.account.sent[0].content == Card(name, text.strip())
    options = {"parseVCards": False}
    await call("POST", SEND, json=body("string", text, options=options))
    assert sessions.account.sent[1].text == text


@pytest.mark.parametrize(
    "text",
    [
        "BEGIN:VCARD\nFN:Bob",
        "BEGIN:VCARD\nTEL:1\nEND:VCARD",
        "BEGIN:VCARD\nFN:A\nEND:VCARD\nBEGIN:VCARD\nFN:B\nEND:VCARD",
        "see BEGIN:VCARD\nFN:A\nEND:VCARD",
        "BEGIN:VCARDEND:VCARD",
    ],
)
async def test_what_is_no_vcard_stays_a_text(call: Any, sessions: Any, text: str) -> None:
    assert (await call("POST", SEND, json=body("string", text))).status_code == 200
    assert sessions.account.sent[0].text == text


# --- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        base64.b64encode(b"a picture").decode(),
        base64.urlsafe_b64encode(b"a picture").decode().rstrip("="),
        "data:image/png;base64," + base64.b64encode(b"a picture").decode(),
        base64.encodebytes(b"a picture").decode(),
    ],
)
async def test_base64_is_read_in_every_spelling(call: Any, sessions: Any, data: str) -> None:
    response = await call("POST", SEND, json=body("MessageMedia", {**PNG, "data": data}))
    assert response.status_code == 200
    ((uploaded, options),) = sessions.account.uploads
    assert uploaded == b"a picture"
    assert (options.mimetype, options.file_name) == ("image/png", "")
    assert isinstance(sessions.account.sent[0].content, Image)


async def test_large_base64_is_decoded_too(call: Any, sessions: Any) -> None:
    data = bytes(range(256)) * 400
    content = {"mimetype": "Application/X-Thing; a=b", "data": base64.b64encode(data).decode()}
    response = await call("POST", SEND, json=body("MessageMedia", {**content, "filename": "x.bin"}))
    assert response.status_code == 200
    ((uploaded, options),) = sessions.account.uploads
    assert uploaded == data
    assert (options.mimetype, options.file_name) == ("application/x-thing", "x.bin")
    assert isinstance(sessions.account.sent[0].content, Document)


async def test_a_url_is_fetched_as_its_options_say(call: Any, sessions: Any) -> None:
    url = "https://a.example/cat.png"
    response = await call("POST", SEND, json=body("MessageMediaFromURL", f" {url}\n"))
    assert response.status_code == 200
    ((fetched, options, headers),) = sessions.account.fetched_urls
    assert (fetched, options.file_name, headers) == (url, "", None)
    # A picture without a caption has its file's name below it.
    assert sessions.account.sent[0].content.caption == "cat.png"
    more = {"filename": "dog.png", "reqOptions": {"headers": {"X-A": "b"}, "agent": 5}}
    await call("POST", SEND, json=body("MessageMediaFromURL", url, mediaFromURLOptions=more))
    _, options, headers = sessions.account.fetched_urls[1]
    assert (options.file_name, headers) == ("dog.png", {"X-A": "b"})
    assert sessions.account.sent[1].content.caption == "dog.png"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"filename": 5}, "mediaFromURLOptions.filename must be a string"),
        ({"unsafeMime": 5}, "mediaFromURLOptions.unsafeMime must be a boolean"),
        ({"reqOptions": 5}, "mediaFromURLOptions.reqOptions must be an object"),
        (
            {"reqOptions": {"headers": []}},
            "mediaFromURLOptions.reqOptions.headers must be an object",
        ),
        (
            {"reqOptions": {"headers": {"a": 1}}},
            "mediaFromURLOptions.reqOptions.headers.a must be a string",
        ),
        (
            {"reqOptions": {"headers": {str(n): "" for n in range(51)}}},
            "mediaFromURLOptions.reqOptions.headers must be an object of at most 50 headers",
        ),
        (
            {"unsafeMime": False},
            "Unable to determine MIME type using URL. Set unsafeMime to true to download it "
            "anyway.",
        ),
    ],
)
async def test_options_of_urls_are_checked(
    call: Any, problem: Any, sessions: Any, options: object, text: str
) -> None:
    url = "https://a.example/thing?x.png"
    request = body("MessageMediaFromURL", url, mediaFromURLOptions=options)
    assert problem(await call("POST", SEND, json=request)) == (400, text, "validation_error")
    assert sessions.account.fetched_urls == []


async def test_an_extension_is_enough_for_the_careful(call: Any, sessions: Any) -> None:
    request = body(
        "MessageMediaFromURL",
        "https://a.example/x.PNG?y",
        mediaFromURLOptions={"unsafeMime": False},
    )
    assert (await call("POST", SEND, json=request)).status_code == 200
