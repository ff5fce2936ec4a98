"""Callers of the older server: its paths, fields and answers, and its own texts where wanted."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from support.fake_client import PEER, text_message
from support.fake_groups import GROUP
from waport.client.message_lookup import MessageReceipts
from waport.client.receipt_times import ReceiptTimes
from waport.events.wwebjs_shapes import wwebjs_message
from waport.model import Ack, Contact

ID = "15559990000@c.us"
GROUP_ID = str(GROUP.jid)
IDS = {"chatId": ID, "messageId": "A"}


@pytest.fixture
def account(sessions: Any) -> Any:
    """An account with a person and two messages."""
    account = sessions.account
    account.people[PEER] = Contact(PEER, name="Bob")
    account.stored = [text_message("A"), text_message("B", from_me=True)]
    return account


async def ok(call: Any, path: str, body: object = None, method: str = "POST") -> dict[str, Any]:
    response = await call(method, path, **({} if body is None else {"json": body}))
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    assert answer["success"] is True
    return answer


@pytest.mark.parametrize("prefix", ["/legacy", "/LEGACY", ""])
async def test_paths_of_the_older_server_do_what_they_did(
    call: Any, account: Any, prefix: str
) -> None:
    for path, body, made in (
        ("/client/archiveChat", {"chatId": ID}, ("archive", PEER)),
        ("/client/unpinChat", {"chatId": ID}, ("unpin", PEER)),
        ("/client/muteChat", {"chatId": ID}, ("mute", PEER, None)),
        ("/client/sendPresenceAvailable", {}, ("available",)),
        ("/client/sendPresenceUnavailable", {}, ("unavailable",)),
        ("/client/acceptInvite", {"inviteCode": "A" * 22}, ("join", "A" * 22)),
        ("/message/unstar", IDS, ("star", PEER, "A", False)),
    ):
        answer = await ok(call, f"{prefix}{path}/on", body)
        assert account.calls.pop() == made
    assert answer["message"] == "Message unstarred"


async def test_a_chat_is_muted_until_a_time_however_it_is_written(call: Any, account: Any) -> None:
    then = int(time.time()) + 5000
    for until in (then, str(then), then * 1000, "2100-01-01T00:00:00Z", "2100-01-01"):
        await ok(call, "/legacy/client/muteChat/on", {"chatId": ID, "unmuteDate": until})
        what, _, end = account.calls.pop()
        assert what == "mute"
        expected = then if "2100" not in str(until) else 4_102_444_800
        assert abs(end - expected) <= 2
    for until in ("soon", None, [], True, -5, "nan"):
        await ok(call, "/legacy/client/muteChat/on", {"chatId": ID, "unmuteDate": until})
        assert account.calls.pop() == ("mute", PEER, None)


async def test_where_both_spellings_are_given_the_older_one_counts_there(
    call: Any, account: Any
) -> None:
    body = {**IDS, "emoji": "a", "reaction": "b"}
    await ok(call, "/legacy/message/react/on", body)
    assert account.calls.pop() == ("react", PEER, "A", "b")
    await ok(call, "/message/react/on", body)
    assert account.calls.pop() == ("react", PEER, "A", "a")


async def test_fields_may_be_left_out_as_they_could_be_there(
    call: Any, problem: Any, account: Any
) -> None:
    await ok(call, "/legacy/message/react/on", IDS)
    assert account.calls.pop() == ("react", PEER, "A", "")
    await ok(call, "/legacy/message/star/on", IDS)
    assert account.calls.pop() == ("star", PEER, "A", True)
    await ok(call, "/legacy/groupChat/setMessagesAdminsOnly/on", {"chatId": GROUP_ID})
    assert account.calls.pop() == ("announcement", GROUP.jid, True)
    refusal = problem(await call("POST", "/message/react/on", json=IDS))
    assert refusal[1] == "chatId, messageId, and emoji are required"
    refusal = problem(await call("POST", "/legacy/message/react/on", json={"chatId": ID}))
    assert refusal[1] == "chatId, messageId, and emoji are required"


async def test_lists_come_by_get_with_a_query_too(call: Any, account: Any) -> None:
    for path in ("/legacy/client/getContacts/on", "/client/getContacts/on"):
        contacts = (await ok(call, path, method="GET"))["contacts"]
        assert [each["number"] for each in contacts] == ["15559990000"]
    chats = await ok(call, "/legacy/client/getChats/on?searchOptions[unread]=true", method="GET")
    assert chats["chats"] == []
    assert len((await ok(call, "/client/getChats/on", method="GET"))["chats"]) == 1


async def test_messages_come_oldest_first_there(call: Any, account: Any) -> None:
    def ids(answer: dict[str, Any]) -> list[str]:
        return [message["id"]["id"] for message in answer["messages"]]

    path = "/chat/fetchMessages/on"
    assert ids(await ok(call, f"/legacy{path}", {"chatId": ID})) == ["A", "B"]
    assert ids(await ok(call, path, {"chatId": ID})) == ["B", "A"]
    assert ids(await ok(call, f"/legacy{path}", {"chatId": ID, "limit": 1})) == ["B"]


async def test_a_reply_quotes_and_has_both_names(call: Any, account: Any) -> None:
    body = {**IDS, "content": "yes"}
    answer = await ok(call, "/legacy/message/reply/on", body)
    assert answer["repliedMessage"] == answer["message"]
    assert account.sent[-1].quoted_id == "A"


async def test_types_differ_under_the_prefix_alone(call: Any, account: Any) -> None:
    account.receipts = MessageReceipts(((PEER, ReceiptTimes(Ack.READ, 5, 6, None)),), audience=1)
    body = {**IDS, "messageId": "B"}
    info = (await ok(call, "/legacy/message/getInfo/on", body))["info"]
    assert info["delivery"] == [
        {
            "id": {"server": "c.us", "user": "15559990000", "_serialized": ID},
            "timestamp": 5,
            "t": 5,
        }
    ]
    assert (await ok(call, "/legacy/message/getInfo/on", IDS))["info"] is None
    assert (await ok(call, "/message/getInfo/on", body))["info"]["delivery"][0]["id"] == ID
    edit = {**body, "content": "new"}
    assert (await ok(call, "/legacy/message/edit/on", edit))["message"]["id"]["id"] == "B"
    assert (await ok(call, "/message/edit/on", edit))["message"] == "Message edited"
    bob = {"contactId": "15552223333"}
    (group,) = (await ok(call, "/legacy/client/getCommonGroups/on", bob))["groups"]
    assert (group["name"], group["_serialized"]) == ("Friends", GROUP_ID)
    (group,) = (await ok(call, "/client/getCommonGroups/on", bob))["groups"]
    assert set(group) == {"id", "name"}


async def test_message_ids_name_the_author_under_the_prefix(
    call: Any, account: Any, make_message: Any
) -> None:
    account.stored = [make_message("G", chat=GROUP.jid)]
    body = {"chatId": GROUP_ID, "messageId": f"false_{GROUP_ID}_G_{ID}"}
    shape = (await ok(call, "/legacy/message/getClassInfo/on", body))["message"]
    assert shape["id"]["_serialized"] == f"false_{GROUP_ID}_G_{ID}"
    shape = (await ok(call, "/message/getClassInfo/on", body))["message"]
    assert shape["id"]["_serialized"] == f"false_{GROUP_ID}_G"
    listed = await ok(call, "/legacy/chat/fetchMessages/on", {"chatId": GROUP_ID})
    assert listed["messages"][0]["id"]["_serialized"].endswith(f"_{ID}")


def test_some_contents_have_another_type_and_text() -> None:
    base = {"id": {"_serialized": "x"}, "hasMedia": True}
    document = {"documentMessage": {"caption": "read this"}}
    wrapped = {"documentWithCaptionMessage": {"message": document}}
    shape = wwebjs_message(
        {**base, "type": "document", "body": "a.pdf", "_data": {"message": wrapped}}
    )
    assert shape["body"] == "read this"
    poll = {**base, "type": "poll", "wwebjsType": "poll_creation", "body": "?", "_data": {}}
    assert wwebjs_message(poll)["type"] == "poll_creation"
    place = {"locationMessage": {"jpegThumbnail": "QQ=="}}
    located = {**base, "type": "location", "body": "", "_data": {"message": place}}
    assert wwebjs_message(located)["body"] == "QQ=="


async def test_states_have_the_words_of_the_web_client(call: Any) -> None:
    for session, word in (("on", "CONNECTED"), ("qr", "UNPAIRED"), ("nowhere", None)):
        for prefix in ("", "/legacy"):
            answer = await ok(call, f"{prefix}/client/getState/{session}", method="GET")
            assert answer["state"] == word


async def test_there_is_no_page_to_show(call: Any, problem: Any) -> None:
    text = (
        "Legacy endpoint is registered but not implemented yet: "
        "GET /session/getPageScreenshot/:sessionId"
    )
    for prefix in ("", "/legacy"):
        for session in ("on", "nowhere"):
            response = await call("GET", f"{prefix}/session/getPageScreenshot/{session}")
            assert problem(response) == (501, text, "legacy_endpoint_not_implemented")


async def test_all_sessions_or_the_idle_ones_are_ended(call: Any, sessions: Any) -> None:
    assert await ok(call, "/session/terminateInactive", method="GET") == {
        "success": True,
        "message": "Inactive sessions terminated",
        "terminatedCount": 2,
        "sessionIds": ["qr", "stored"],
    }
    answer = await ok(call, "/legacy/session/terminateAll", method="GET")
    assert (answer["terminatedCount"], answer["sessionIds"]) == (2, ["on", "stored"])
    assert sessions.states == {}
    for path in ("/session/terminateAll", "/legacy/session/terminate/on"):
        assert (await call("HEAD", path)).status_code == 404
    await ok(call, "/session/terminate/on", method="GET")
    assert sessions.calls[-1] == ("terminate", "on")


async def test_a_callback_is_echoed_and_kept_where_that_is_wanted(
    make_call: Any, problem: Any, tmp_path: Path, capsys: Any
) -> None:
    event = {"sessionId": "1", "dataType": "testDataType", "data": "testData"}
    call = make_call()
    response = await call("POST", "/localCallbackExample", json=event)
    assert problem(response)[0] == 404
    answer = await ok(call, "/legacy/localCallbackExample", event)
    assert answer["payload"] == event
    assert (await ok(call, "/legacy/localCallbackExample", [1]))["payload"] == [1]
    assert not (tmp_path / "sessions" / "message_log.txt").exists()
    call = make_call(ENABLE_LOCAL_CALLBACK_EXAMPLE="true")
    assert await ok(call, "/localCallbackExample", event) == {"success": True}
    kept = (tmp_path / "sessions" / "message_log.txt").read_bytes()
    assert kept.endswith(b"\r\n")
    assert json.loads(kept) == event
    capsys.readouterr()
    for data in ({"qr": "2@x"}, {"qr": "x" * 5000}, "x"):
        await ok(call, "/localCallbackExample", {"dataType": "qr", "data": data})
    # One code, half a line of text for a line of it.
    assert capsys.readouterr().out.count("\n") in range(10, 20)


async def test_the_prefix_can_be_switched_off(make_call: Any, problem: Any) -> None:
    call = make_call(ENABLE_LEGACY_ROUTER="false")
    assert problem(await call("GET", "/legacy/ping"))[0] == 404
    response = await call("POST", "/client/archiveChat/on", json={"chatId": ID})
    assert response.status_code == 200


async def test_newer_routes_are_not_there(call: Any, problem: Any) -> None:
    for path in ("/legacy/message/pin/on", "/legacy/chat/mute/on", "/legacy/client/getInfo/on"):
        text = f"Route not found: POST {path}"
        assert problem(await call("POST", path, json={})) == (404, text, "not_found")


async def test_errors_are_ours_unless_strict(call: Any, problem: Any) -> None:
    response = await call("POST", "/legacy/client/getChats/nowhere", json={})
    assert problem(response) == (404, "Session not found: nowhere", "session_not_found")
    assert problem(await call("GET", "/legacy/ping", key=None))[0] == 401
    for path, text in (
        ("/client/getCountryCode", "number is required"),
        ("/contact/getChat", "contactId is required"),
        ("/client/archiveChat", "chatId is required"),
    ):
        assert problem(await call("POST", f"{path}/on", json={}))[1] == text


# --- strict --------------------------------------------------------------------------------------


@pytest.fixture
def strict(make_call: Any) -> Any:
    """A caller of a server that answers `/legacy` in the older server's own words."""
    return make_call(LEGACY_STRICT="true")


async def told(response: Any) -> tuple[int, dict[str, Any]]:
    answer: dict[str, Any] = response.json()
    return response.status_code, answer


async def test_strict_errors_have_its_statuses_and_texts(
    strict: Any, account: Any, sessions: Any
) -> None:
    def refusal(status: int, text: str) -> tuple[int, dict[str, Any]]:
        return status, {"success": False, "error": text}

    forbidden = refusal(403, "Invalid API key")
    for key in (None, "wrong"):
        assert await told(await strict("GET", "/legacy/session/start/1", key=key)) == forbidden
        path = "/legacy/message/getClassInfo/on"
        assert await told(await strict("POST", path, key=key)) == forbidden
    for session, text in (("nowhere", "session_not_found"), ("qr", "session_not_connected")):
        response = await strict("POST", f"/legacy/client/sendMessage/{session}", json={})
        assert await told(response) == refusal(404, text)
    bad_name = "Session should be alphanumerical or -"
    response = await strict("GET", "/legacy/session/start/ABCD1@")
    assert await told(response) == refusal(422, bad_name)
    unknown = {"chatId": ID, "messageId": "none"}
    response = await strict("POST", "/legacy/message/delete/on", json=unknown)
    assert await told(response) == refusal(500, "Message not found")
    response = await strict("POST", "/legacy/chat/archive/on", json={"chatId": "x@y"})
    assert response.status_code == 404  # not one of its paths
    response = await strict("POST", "/legacy/chat/sendSeen/on", json={"chatId": "x@y"})
    assert await told(response) == refusal(404, "Chat not Found")
    response = await strict("POST", "/legacy/client/getChatById/on", json={"chatId": "x@y"})
    assert await told(response) == refusal(500, "Chat not found")
    response = await strict("POST", "/legacy/groupChat/leave/on", json={"chatId": ID})
    assert await told(response) == refusal(500, "The chat is not a group")
    response = await strict("POST", "/legacy/contact/block/on", json={"contactId": "1"})
    assert await told(response) == refusal(500, "Contact not found")
    bad = {"chatId": ID, "contentType": "Foo", "content": "x"}
    response = await strict("POST", "/legacy/client/sendMessage/on", json=bad)
    assert await told(response) == refusal(400, "invalid contentType")
    response = await strict("POST", "/legacy/message/downloadMedia/on", json=IDS)
    assert await told(response) == refusal(500, "Message media not found")
    response = await strict("POST", "/legacy/message/react/on", json={})
    assert (await told(response))[0] == 500
    response = await strict("POST", "/legacy/channel/mute/on", json={"chatId": ID})
    assert await told(response) == refusal(400, "The chat is not a channel")
    response = await strict("POST", "/legacy/channel/mute/on", json={"chatId": "x@newsletter"})
    assert await told(response) == refusal(404, "Channel not Found")


async def test_a_strict_refusal_of_too_many_callbacks_has_its_text(make_call: Any) -> None:
    limit = {"RATE_LIMIT_MAX": "1", "RATE_LIMIT_WINDOW_MS": "60000"}
    strict = make_call(LEGACY_STRICT="true", **limit)
    path = "/legacy/localCallbackExample"
    assert (await strict("POST", path, json={})).status_code == 200
    text = "You can't make any more requests at the moment. Try again later"
    refusal = await told(await strict("POST", path, json={}))
    assert refusal == (429, {"success": False, "error": text})
    assert (await strict("GET", "/ping")).json()["error"] == "Too many requests"


async def test_strict_sessions_answer_as_there(strict: Any, sessions: Any) -> None:
    def none(**more: object) -> tuple[int, dict[str, Any]]:
        return 200, {"success": False, **more, "message": "session_not_found"}

    async def get(path: str) -> tuple[int, dict[str, Any]]:
        return await told(await strict("GET", f"/legacy{path}"))

    async def done(path: str) -> str:
        status, answer = await get(path)
        assert (status, answer["success"]) == (200, True)
        assert set(answer) == {"success", "message"}
        text: str = answer["message"]
        return text

    pong = await strict("GET", "/legacy/ping", key=None)
    assert await told(pong) == (200, {"success": True, "message": "pong"})
    assert await get("/session/getSessions") == (200, {"success": True, "result": ["on", "qr"]})
    for path in ("status", "restart", "terminate"):
        assert await get(f"/session/{path}/nowhere") == none(state=None)
    for path in ("qr/nowhere", "qr/nowhere/image", "getPageScreenshot/nowhere"):
        assert await get(f"/session/{path}") == none()
    unready = {"success": False, "message": "qr code not ready or already scanned"}
    assert await get("/session/qr/on") == (200, unready)
    assert (await get("/session/getPageScreenshot/on"))[1]["message"] == "page_not_ready"
    number = {"phoneNumber": "12025550108", "showNotification": False}
    path = "/legacy/session/requestPairingCode"
    assert await told(await strict("POST", f"{path}/nowhere", json=number)) == none()
    code = {"success": True, "result": "ABCD1234"}
    assert await told(await strict("POST", f"{path}/qr", json=number)) == (200, code)
    assert ("quietly",) in sessions.calls
    assert await get("/session/status/on") == (
        200,
        {"success": True, "state": "CONNECTED", "message": "session_connected"},
    )
    assert (await get("/session/status/qr"))[1]["state"] == "UNPAIRED"
    assert await get("/session/start/on") == (
        422,
        {"success": False, "error": "Session already exists for: on"},
    )
    assert await done("/session/start/new") == "Session initiated successfully"
    assert await done("/session/restart/on") == "Restarted successfully"
    assert await done("/session/stop/nowhere") == "Session stopped successfully"
    assert await done("/session/terminate/new") == "Logged out successfully"
    assert await done("/session/terminateInactive") == "Flush completed successfully"
    assert await done("/session/terminateAll") == "Flush completed successfully"
    assert sessions.states == {}


async def test_strict_changes_nothing_at_the_root(strict: Any, problem: Any) -> None:
    assert problem(await strict("GET", "/session/qr/nowhere"))[0] == 404
    assert problem(await strict("GET", "/ping", key=None))[0] == 401
