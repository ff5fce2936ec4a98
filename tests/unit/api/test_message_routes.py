"""The routes about single messages: what they need, what they do, what they answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from support.fake_client import NOW, PEER, SENT_ID, stored, text_message
from waport.client.compose import NoSuchMessage
from waport.client.message_lookup import MessageReceipts
from waport.client.receipt_times import ReceiptTimes
from waport.errors import InvalidInput, NotAuthorized, NotFound, QueryTimeout, query_error
from waport.model import Ack, Contact, Group
from waport.proto import pb
from waport.wire import Jid

GROUP = Jid("120363000000000001", "g.us")
CHANNEL = Jid("120363000000000002", "newsletter")
IDS = {"chatId": "15559990000@c.us", "messageId": "M1"}
NOT_FOUND = (
    404,
    "Message not found in local store. Ensure it was synced or received after this session "
    "started.",
    "message_not_found",
)
EITHER = "Provide either messageData OR chatId + messageId"

NEEDS: dict[str, tuple[dict[str, object], str]] = {
    "getInfo": ({}, "chatId and messageId are required"),
    "react": ({"emoji": "x"}, "chatId, messageId, and emoji are required"),
    "star": ({"star": True}, "chatId, messageId, and star are required"),
    "delete": ({}, "chatId and messageId are required"),
    "forward": ({"targetChatId": "1"}, "chatId, messageId, and targetChatId are required"),
    "downloadMedia": ({}, EITHER),
    "getQuotedMessage": ({}, "chatId and messageId are required"),
    "getMentions": ({}, EITHER),
    "edit": ({"newContent": "x"}, "chatId, messageId, and newContent are required"),
    "pin": ({}, "chatId and messageId are required"),
    "unpin": ({}, "chatId and messageId are required"),
}
"""What each route needs besides the ids, and what it says when something is missing."""


def route(name: str, session: str = "on") -> str:
    return f"/message/{name}/{session}"


@pytest.fixture
def account(sessions: Any) -> Any:
    """The account, with a message M1 from its peer and one M2 of its own."""
    sessions.account.stored = [text_message("M1"), text_message("M2", from_me=True)]
    return sessions.account


# --- what is needed ------------------------------------------------------------------------------


def lacking() -> list[tuple[str, dict[str, object]]]:
    cases: list[tuple[str, dict[str, object]]] = []
    for name, (more, _) in NEEDS.items():
        whole = {**IDS, **more}
        cases += [
            (name, {key: value for key, value in whole.items() if key != left}) for left in whole
        ]
        cases += [(name, {}), (name, {**whole, "chatId": ""}), (name, {**whole, "messageId": 0})]
        cases.append((name, {**whole, "messageId": None, "chatId": 5}))
    cases += [("forward", {**IDS, "targetChatId": ""}), ("edit", {**IDS, "newContent": ""})]
    cases += [("downloadMedia", {"messageData": ""}), ("getMentions", {"messageData": None})]
    return cases


@pytest.mark.parametrize(("name", "body"), lacking())
async def test_the_whole_text_is_given_whatever_is_missing(
    call: Any, problem: Any, account: Any, name: str, body: dict[str, object]
) -> None:
    response = await call("POST", route(name), json=body)
    assert problem(response) == (400, NEEDS[name][1], "validation_error")
    assert account.calls == []


@pytest.mark.parametrize(
    ("name", "change", "text"),
    [
        *((name, {"chatId": True}, "chatId must be a string") for name in NEEDS),
        *((name, {"messageId": ["a"]}, "messageId must be a string") for name in NEEDS),
        ("react", {"emoji": None}, "emoji must be a string"),
        ("react", {"emoji": 5}, "emoji must be a string"),
        ("react", {"emoji": "x" * 33}, "emoji must be a string of at most 32 characters"),
        ("star", {"star": None}, "star must be a boolean"),
        ("star", {"star": 1}, "star must be a boolean"),
        ("delete", {"forEveryone": "x"}, "forEveryone must be a boolean"),
        ("delete", {"everyone": 1}, "forEveryone must be a boolean"),
        ("delete", {"clearMedia": 1}, "clearMedia must be a boolean"),
        ("forward", {"targetChatId": True}, "targetChatId must be a string"),
        ("edit", {"newContent": 5}, "newContent must be a string"),
        (
            "edit",
            {"newContent": "x" * 65_537},
            "newContent must be a string of at most 65536 characters",
        ),
        ("pin", {"duration": "long"}, "duration must be a number"),
        ("pin", {"duration": []}, "duration must be a number"),
        ("downloadMedia", {"messageData": 5}, "messageData must be an object"),
        ("downloadMedia", {"messageData": []}, "messageData must be an object"),
        ("getMentions", {"messageData": "x"}, "messageData must be an object"),
    ],
)
async def test_a_wrong_type_is_named(
    call: Any, problem: Any, account: Any, name: str, change: dict[str, object], text: str
) -> None:
    response = await call("POST", route(name), json={**IDS, **NEEDS[name][0], **change})
    assert problem(response) == (400, text, "validation_error")
    assert account.calls == []


@pytest.mark.parametrize("name", NEEDS)
async def test_the_session_is_judged_before_the_fields(call: Any, problem: Any, name: str) -> None:
    assert problem(await call("POST", route(name, "none")))[::2] == (404, "session_not_found")
    assert problem(await call("POST", route(name, "qr")))[::2] == (400, "session_not_connected")


@pytest.mark.parametrize("name", NEEDS)
async def test_an_unknown_message_is_not_found(
    call: Any, problem: Any, account: Any, name: str
) -> None:
    for message_id in ("M9", "x" * 5000):
        body = {**IDS, **NEEDS[name][0], "messageId": message_id}
        assert problem(await call("POST", route(name), json=body)) == NOT_FOUND
    assert account.calls == []
    # What nobody can have as an id is not even looked for.
    assert len(account.looked_up) == 1


# --- how a message is named ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "chats", "ids"),
    [
        ("M1", [PEER], ["M1", "M1"]),
        ("true_15559990000@c.us_M1", [PEER, PEER], ["true_15559990000@c.us_M1", "M1"]),
        (
            f"false_{GROUP}_M1_15551110000@c.us",
            [PEER, GROUP],
            [f"false_{GROUP}_M1_15551110000@c.us", "M1"],
        ),
        (f"{GROUP}_M1", [PEER, GROUP], [f"{GROUP}_M1", "M1"]),
        ("false_nonsense_M1", [PEER], ["false_nonsense_M1", "M1"]),
    ],
)
async def test_a_message_is_looked_for_by_every_spelling_of_its_id(
    call: Any, account: Any, text: str, chats: list[Jid], ids: list[str]
) -> None:
    response = await call("POST", route("getInfo"), json={**IDS, "messageId": text})
    assert response.status_code == 200
    assert account.looked_up == [(chats, ids)]


async def test_what_is_done_is_done_in_the_messages_own_chat(call: Any, account: Any) -> None:
    account.stored = [text_message("M1", chat=GROUP)]
    for name, (more, _) in NEEDS.items():
        if name not in ("getInfo", "getQuotedMessage", "getMentions", "downloadMedia"):
            response = await call("POST", route(name), json={**IDS, **more})
            assert response.status_code == 200, name
    assert {call[1] for call in account.calls} == {GROUP}


# --- what they do --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "more", "message", "made"),
    [
        ("react", {"emoji": "👍"}, "Reaction sent", ("react", PEER, "M1", "👍")),
        ("react", {"emoji": ""}, "Reaction sent", ("react", PEER, "M1", "")),
        ("react", {"reaction": "👍"}, "Reaction sent", ("react", PEER, "M1", "👍")),
        ("react", {"reaction": "a", "emoji": "b"}, "Reaction sent", ("react", PEER, "M1", "b")),
        ("star", {"star": True}, "Message starred", ("star", PEER, "M1", True)),
        ("star", {"star": False}, "Message unstarred", ("star", PEER, "M1", False)),
        ("star", {"star": "true"}, "Message starred", ("star", PEER, "M1", True)),
        ("delete", {}, "Message deleted", ("delete", PEER, "M1", True)),
        ("delete", {"forEveryone": None}, "Message deleted", ("delete", PEER, "M1", True)),
        ("delete", {"clearMedia": False}, "Message deleted", ("delete", PEER, "M1", False)),
        ("delete", {"forEveryone": True}, "Message deleted", ("revoke", PEER, "M1")),
        ("delete", {"everyone": "true"}, "Message deleted", ("revoke", PEER, "M1")),
        ("edit", {"newContent": "new"}, "Message edited", ("edit", PEER, "M1", "new")),
        ("edit", {"content": "new"}, "Message edited", ("edit", PEER, "M1", "new")),
        ("unpin", {}, "Message unpinned", ("unpin", PEER, "M1")),
        *(
            ("pin", {"duration": wanted}, "Message pinned", ("pin", PEER, "M1", held))
            for wanted, held in (
                *((None, 86_400), (0, 86_400), (-5, 86_400), (1, 86_400), (86_400, 86_400)),
                *((86_401, 604_800), (90_000, 604_800), (604_800, 604_800)),
                *((604_801, 2_592_000), (2_592_000, 2_592_000), (10**12, 2_592_000)),
                *(("90000", 604_800), (86_400.5, 86_400)),
            )
        ),
    ],
)
async def test_each_route_does_one_thing_and_says_so(
    call: Any,
    account: Any,
    name: str,
    more: dict[str, object],
    message: str,
    made: tuple[object, ...],
) -> None:
    response = await call("POST", route(name), json={**IDS, **more})
    assert response.status_code == 200, response.text
    answer = response.json()
    if name == "edit":
        assert answer.pop("editedMessage")["id"]["id"] == "M1"
    sent = {} if made[0] in ("star", "delete") else {"ack": 1, "sentId": SENT_ID}
    assert answer == {"success": True, "message": message, **sent}
    assert account.calls == [made]


async def test_how_far_an_own_message_has_come_is_told(
    call: Any, problem: Any, account: Any
) -> None:
    own = stored("M2", pb.Message(conversation="x"), from_me=True)
    account.stored = [text_message("M1"), replace(own, ack=Ack.READ)]
    account.receipts = MessageReceipts(((PEER, ReceiptTimes(Ack.READ, 5, 6, None)),))
    expected = {
        "id": {
            "_serialized": "true_15559990000@c.us_M2",
            "fromMe": True,
            "remote": "15559990000@c.us",
            "id": "M2",
        },
        "state": "read",
        "ack": 3,
        "timestamp": NOW,
        "isOverdue": False,
        "error": None,
        "recipients": [
            {
                "id": "15559990000@c.us",
                "state": "read",
                "deliveredAt": 5,
                "readAt": 6,
                "playedAt": None,
            }
        ],
    }
    path = "/client/messageStatus/on"
    for message_id in ("M2", "true_15559990000%40c.us_M2", "true_15559990000@c.us_M2"):
        response = await call("GET", f"{path}/{message_id}")
        assert response.json() == {"success": True, "status": expected}
    account.stored = [replace(own, ack=Ack.ERROR, refusal=463)]
    account.receipts = MessageReceipts()
    status = (await call("GET", f"{path}/M2")).json()["status"]
    assert (status["state"], status["ack"], status["recipients"]) == ("failed", -1, [])
    text = "WhatsApp does not let this account write to people who have not written to it"
    assert status["error"] == {"code": 463, "text": text}
    account.stored = [replace(own, ack=Ack.PENDING, pending=True)]
    status = (await call("GET", f"{path}/M2")).json()["status"]
    assert (status["state"], status["isOverdue"]) == ("pending", True)
    for message_id in ("M1", "M3", "x" * 600):
        assert problem(await call("GET", f"{path}/{message_id}"))[::2] == (404, "message_not_found")


async def test_a_message_is_forwarded(call: Any, problem: Any, account: Any) -> None:
    for field in ("targetChatId", "destinationChatId"):
        response = await call("POST", route("forward"), json={**IDS, field: 15551110000})
        assert response.status_code == 200
        message = response.json()["message"]
        assert (message["to"], message["body"]) == ("15551110000@c.us", "forwarded")
        target = Jid("15551110000", "s.whatsapp.net")
        assert account.calls.pop() == ("forward", PEER, "M1", target)
    for target, expected in (
        ("foo", (404, "Contact not found", "contact_not_found")),
        ("foo@g.us", (404, "Group not found", "group_not_found")),
        (
            "15551110000@broadcast",
            (
                400,
                "targetChatId must be a person, a group, a channel or status@broadcast",
                "validation_error",
            ),
        ),
    ):
        response = await call("POST", route("forward"), json={**IDS, "targetChatId": target})
        assert problem(response) == expected
    assert account.calls == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("react", "Message cannot be reacted to"),
        ("edit", "Message cannot be edited"),
        ("pin", "Message cannot be pinned"),
        ("unpin", "Message cannot be unpinned"),
        ("forward", "Failed to forward message"),
    ],
)
async def test_what_can_not_be_done_to_a_message_is_said_in_words(
    call: Any, problem: Any, account: Any, name: str, text: str
) -> None:
    account.error = InvalidInput("inner words")
    response = await call("POST", route(name), json={**IDS, **NEEDS[name][0]})
    assert problem(response) == (400, text, "validation_error")


@pytest.mark.parametrize(
    ("chat", "error", "expected"),
    [
        (PEER, NoSuchMessage(), NOT_FOUND),
        (PEER, NotFound(404, "x"), (404, "Contact not found", "contact_not_found")),
        (PEER, NotAuthorized(401, "only its author"), (500, *("only its author",) * 2)),
        (PEER, QueryTimeout(), (500, "Timed Out", "Timed Out")),
        (GROUP, NotFound(404, "x"), (404, "Group not found", "group_not_found")),
        (GROUP, NotAuthorized(403, "x"), (404, "Group not found", "group_not_found")),
        (GROUP, query_error(410, "gone"), (404, "Group not found", "group_not_found")),
        (GROUP, NotAuthorized(401, "only admins pin"), (500, *("only admins pin",) * 2)),
    ],
)
async def test_refusals_have_their_answers(
    call: Any, problem: Any, account: Any, chat: Jid, error: Any, expected: object
) -> None:
    account.stored = [text_message("M1", chat=chat)]
    account.error = error
    for name in ("react", "edit", "pin", "unpin"):
        response = await call("POST", route(name), json={**IDS, **NEEDS[name][0]})
        assert problem(response) == expected
    response = await call("POST", route("delete"), json={**IDS, "forEveryone": True})
    assert problem(response) == expected


async def test_what_vanishes_meanwhile_is_not_found(call: Any, problem: Any, account: Any) -> None:
    account.error = NotFound(404, "there is no such message")
    for name in ("star", "delete"):
        response = await call("POST", route(name), json={**IDS, **NEEDS[name][0]})
        assert problem(response) == NOT_FOUND


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (InvalidInput("inner"), (400, "selectedOptions must be answers of the poll")),
        (NoSuchMessage(), NOT_FOUND[:2]),
        (NotFound(404, "x"), (404, "Contact not found")),
    ],
)
async def test_a_vote_that_is_refused_has_its_answer(
    call: Any, problem: Any, account: Any, error: Exception, expected: tuple[int, str]
) -> None:
    account.error = error
    response = await call("POST", route("vote"), json={**IDS, "selectedOptions": ["x"]})
    assert problem(response)[:2] == expected


async def test_posts_of_channels_are_not_changed(call: Any, problem: Any, account: Any) -> None:
    account.stored = [text_message("M1", chat=CHANNEL)]
    needs = {name: NEEDS[name][0] for name in ("react", "edit", "pin", "unpin")}
    for name, more in {**needs, "vote": {"selectedOptions": ["x"]}}.items():
        response = await call("POST", route(name), json={**IDS, **more})
        assert problem(response) == (400, "Not possible in a channel", "validation_error")
    assert account.calls == []


# --- what they tell ------------------------------------------------------------------------------


async def test_who_got_and_read_a_message(call: Any, account: Any) -> None:
    carol = Jid("15553330000", "s.whatsapp.net")
    account.receipts = MessageReceipts(
        (
            (PEER, ReceiptTimes(Ack.PLAYED, NOW, NOW + 1, NOW + 2)),
            (carol, ReceiptTimes(Ack.DELIVERED, NOW + 3, None, None)),
        ),
        audience=4,
    )

    def row(person: str, at: int) -> dict[str, object]:
        return {"id": person, "timestamp": at, "t": at}

    response = await call("POST", route("getInfo"), json={**IDS, "messageId": "M2"})
    assert response.json() == {
        "success": True,
        "info": {
            "delivery": [row("15559990000@c.us", NOW), row("15553330000@c.us", NOW + 3)],
            "deliveryRemaining": 2,
            "read": [row("15559990000@c.us", NOW + 1)],
            "readRemaining": 3,
            "played": [row("15559990000@c.us", NOW + 2)],
            "playedRemaining": 3,
        },
        "isOwn": True,
    }
    response = await call("POST", route("getInfo"), json=IDS)
    assert response.json()["isOwn"] is False
    info = response.json()["info"]
    assert [info[name] for name in ("delivery", "read", "played")] == [[], [], []]
    assert info["deliveryRemaining"] == 0


async def test_what_a_message_answers(call: Any, account: Any) -> None:
    response = await call("POST", route("getQuotedMessage"), json=IDS)
    assert response.json() == {"success": True, "quotedMessage": None}
    account.quoted = text_message("Q1", "what?")
    account.reacted = {"Q1"}
    quoted = (await call("POST", route("getQuotedMessage"), json=IDS)).json()["quotedMessage"]
    assert (quoted["body"], quoted["hasReaction"]) == ("what?", True)


def mentioning(*people: str) -> pb.Message:
    text = pb.ExtendedTextMessage(text="x", contextInfo=pb.ContextInfo(mentionedJid=people))
    return pb.Message(extendedTextMessage=text)


async def test_mentions_are_told_by_id_and_by_data(call: Any, account: Any) -> None:
    person, hidden = Jid("15551110000", "s.whatsapp.net"), Jid("5", "lid")
    account.people[person] = Contact(person, name="Bob", lid=Jid("7", "lid"))
    account.blocked.add(Jid("7", "lid"))
    account.stored = [stored("M1", mentioning(str(person), "5@lid", "no address"))]
    response = await call("POST", route("getMentions"), json=IDS)
    expected = response.json()
    assert expected["mentions"] == ["15551110000@c.us", "5@lid", "no address"]
    assert [
        (contact["id"]["_serialized"], contact["name"], contact["isBlocked"])
        for contact in expected["contacts"]
    ] == [("15551110000@c.us", "Bob", True), (str(hidden), "5", False)]
    listed = await call("POST", "/chat/fetchMessages/on", json={"chatId": "15559990000"})
    (shape,) = listed.json()["messages"]
    response = await call("POST", route("getMentions"), json={"messageData": shape["_data"]})
    assert response.json() == expected
    expected["mentions"].pop()
    ids = ["15551110000@s.whatsapp.net", {"_serialized": "5@lid"}, 5, "nobody", {}]
    for data in (shape, {"mentionedIds": ids}):
        response = await call("POST", route("getMentions"), json={"messageData": data, **IDS})
        assert response.json() == expected
    response = await call("POST", route("getMentions"), json={"messageData": {"a": 1}})
    assert response.json()["error"] == "Message payload is missing"


async def test_without_mentions_nobody_is_asked_for(call: Any, account: Any) -> None:
    account.error = QueryTimeout()
    response = await call("POST", route("getMentions"), json=IDS)
    assert response.json() == {"success": True, "mentions": [], "contacts": []}


async def test_no_message_mentions_so_many(call: Any, problem: Any, account: Any) -> None:
    data = {"mentionedIds": ["15551110000"] * 10_001}
    response = await call("POST", route("getMentions"), json={"messageData": data})
    text = "messageData.mentionedIds must be an array of at most 10000 items"
    assert problem(response) == (400, text, "validation_error")


async def test_groups_are_mentioned_and_nobody_can_have_thousands_asked_for(
    call: Any, account: Any
) -> None:
    asked = []
    info = account.groups.info

    async def counted(group: Jid, *, fresh: bool = False) -> Group:
        asked.append(group)
        found: Group = await info(group, fresh=fresh)
        return found

    account.groups.info = counted
    ids = [str(GROUP), str(GROUP), str(PEER), *(f"12036300000000{n:04}@g.us" for n in range(500))]
    mentions = [pb.GroupMention(groupJid=each, groupSubject="x") for each in ids]
    context = pb.ContextInfo(groupMentions=mentions)
    text = pb.ExtendedTextMessage(text="hi", contextInfo=context)
    account.stored = [stored("M1", pb.Message(extendedTextMessage=text))]
    response = await call("POST", route("getGroupMentions"), json=IDS)
    shown = [chat["id"]["_serialized"] for chat in response.json()["result"]]
    assert shown == [str(GROUP)]
    assert len(asked) == 50


async def test_who_is_paid_is_named_as_everywhere(call: Any, account: Any) -> None:
    note = pb.Message(extendedTextMessage=pb.ExtendedTextMessage(text="rent"))
    payment = pb.Message(
        requestPaymentMessage=pb.RequestPaymentMessage(
            currencyCodeIso4217="EUR", amount1000=5000, noteMessage=note
        )
    )
    hidden = Jid("1000001", "lid")
    for chat, shown in ((PEER, "15559990000@c.us"), (hidden, str(hidden)), (GROUP, str(GROUP))):
        account.stored = [stored("M1", payment, from_me=True, chat=chat)]
        response = await call("POST", route("getPayment"), json=IDS)
        assert response.json()["payment"] == {
            "id": "M1",
            "paymentCurrency": "EUR",
            "paymentAmount1000": 5000,
            "paymentMessageReceiverJid": shown,
            "paymentTransactionTimestamp": NOW,
            "paymentStatus": 0,
            "paymentTxnStatus": 0,
            "paymentNote": "rent",
        }
    raw = payment.SerializeToString().replace(b"rent", b"\xff\xfent").replace(b"EUR", b"\xffUR")
    damaged = pb.Message.FromString(raw)
    account.stored = [stored("M1", damaged, from_me=True, chat=PEER)]
    assert account.stored[0].proto() == damaged
    answer = (await call("POST", route("getPayment"), json=IDS)).json()
    assert answer["payment"]["paymentNote"] == "\ufffd\ufffdnt"
    assert answer["payment"]["paymentCurrency"] == "\ufffdUR"
