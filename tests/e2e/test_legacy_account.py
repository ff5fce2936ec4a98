"""Operations of wwebjs-api below `/legacy`, in its own words: sessions, account, people, chats.

The scenes follow one another on one stage, and end with the sessions.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from support.files import picture
from support.older import SESSION, Older, open_older
from support.shared_state import SharedState
from support.talk import c_us, encoded
from waport.emulator import appstate
from waport.emulator.phone_history import HistoryPlan
from waport.emulator.phone_media import OutgoingFile
from waport.model import PresenceChanged, PresenceState
from waport.model.group import GroupOptions
from waport.proto import pb
from waport.wire import Jid

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

Action = pb.SyncActionValue
NOBODY = "15550000000"
SECOND, THIRD = "second", "third"
DONE = {"success": True}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def older(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Older]:
    async with open_older(tmp_path_factory.mktemp("legacy"), {}) as older:
        yield older


def folder(older: Older, session_id: str) -> Path:
    return older.stage.server.sessions / f"session-{session_id}"


# --- sessions ------------------------------------------------------------------------------------


async def test_a_session_is_started_and_scanned(older: Older) -> None:
    server = older.stage.server
    assert (await server.api.get("/legacy/ping")).json() == {**DONE, "message": "pong"}
    refused = await server.api.get(f"/legacy/client/getState/{SESSION}")
    assert (refused.status_code, refused.json()["success"]) == (500, False)
    started = await older.get("/session/start")
    assert started == {**DONE, "message": "Session initiated successfully"}
    assert folder(older, SESSION).is_dir()
    response = await server.api.get(f"/legacy/session/start/{SESSION}")
    text = f"Session already exists for: {SESSION}"
    assert (response.status_code, response.json()) == (422, {"success": False, "error": text})
    told = (await older.stage.inbox.kind("qr"))["data"]["qr"]
    qr = await older.get("/session/qr")
    assert qr == {**DONE, "qr": told}
    image = await server.api.get(f"/legacy/session/qr/{SESSION}/image")
    assert Image.open(BytesIO(image.content)).format == "PNG"
    waiting = {"success": False, "state": "UNPAIRED", "message": "session_not_connected"}
    assert await older.get("/session/status") == waiting
    refused = await server.api.post(f"/legacy/client/getChats/{SESSION}", json={})
    text = "session_not_connected"
    assert (refused.status_code, refused.json()) == (404, {"success": False, "error": text})

    await older.own_phone.pair_by_qr(qr["qr"])
    await older.stage.inbox.kind("ready")
    connected = {**DONE, "state": "CONNECTED", "message": "session_connected"}
    assert await older.get("/session/status") == connected
    assert await older.get("/client/getState") == {**DONE, "state": "CONNECTED"}
    assert await older.get("/session/getSessions", "") == {**DONE, "result": [SESSION]}
    over = {"success": False, "message": "qr code not ready or already scanned"}
    assert await older.get("/session/qr") == await older.get(f"/session/qr/{SESSION}", "image")
    assert await older.get("/session/qr") == over
    no_page = {"success": False, "message": "page_not_ready"}
    assert await older.get("/session/getPageScreenshot") == no_page
    assert (await older.get("/client/getWWebVersion"))["result"].startswith("2.3000.")


async def test_history_is_asked_of_the_phone(older: Older) -> None:
    phone = older.own_phone
    plan = HistoryPlan(chats=3, messages=90, older=20)
    await phone.history.send_all([older.own.jid.with_device(1)], plan)
    await older.stage.inbox.until(
        lambda event: event["dataType"] == "loading_screen" and event["data"]["percent"] == 100
    )
    for old, path in zip(phone.history.chats, ("/client", "/chat"), strict=False):
        chat_id = c_us(Jid.parse(old.jid))
        search = {"chatId": chat_id, "searchOptions": {"limit": 100}}
        listed = len([each for each in old.messages if each.messageStubType in (0, 1)])
        assert len((await older.ok("/chat/fetchMessages", **search))["messages"]) < listed
        assert (await older.ok(f"{path}/syncHistory", chatId=chat_id))["result"] is True
        # Old messages are no events, so the list itself is asked.
        async with asyncio.timeout(20):
            while len((await older.ok("/chat/fetchMessages", **search))["messages"]) < listed:
                continue


# --- the account ---------------------------------------------------------------------------------


async def test_the_own_profile_is_shown_to_others(older: Older) -> None:
    contacts = older.ann.client.contacts
    assert await older.ok("/client/setStatus", status="Open until six") == {
        "message": "Status updated"
    }
    about = await contacts.about(older.own.jid)
    assert about is not None
    assert about.text == "Open until six"
    body = {"pictureMimetype": "image/png", "pictureData": encoded(picture("PNG"))}
    assert (await older.ok("/client/setProfilePicture", **body))["result"] is True
    assert await contacts.picture_url(older.own.jid) is not None
    assert (await older.get("/client/deleteProfilePicture", method="DELETE"))["result"] is True
    assert await contacts.picture_url(older.own.jid) is None
    shared = SharedState(older.own_phone)
    assert (await older.ok("/client/setDisplayName", displayName="Tea House"))["result"] is True
    await shared.until(
        "critical_block",
        "setting_pushName",
        matches=lambda v: v.pushNameSetting.name == "Tea House",
    )
    info = (await older.get("/client/getClassInfo"))["sessionInfo"]
    assert (info["pushname"], info["wid"]["_serialized"]) == ("Tea House", c_us(older.own.jid))


async def test_being_online_and_typing_are_seen(older: Older) -> None:
    events, who = older.ann.events, {"chatId": c_us(older.ann.jid)}
    await older.ann.client.presence.subscribe(older.own.jid)
    for path, result, state in (
        ("/client/sendPresenceUnavailable", None, PresenceState.UNAVAILABLE),
        ("/client/sendPresenceAvailable", None, PresenceState.AVAILABLE),
        ("/chat/sendStateTyping", True, PresenceState.COMPOSING),
        ("/chat/sendStateRecording", True, PresenceState.RECORDING),
        ("/chat/clearState", True, PresenceState.PAUSED),
    ):
        since = events.mark
        assert (await older.ok(path, **who)).get("result") is result
        await events.until(
            PresenceChanged, lambda e, state=state: e.presence.state is state, since=since
        )


# --- people --------------------------------------------------------------------------------------


async def test_people_are_found_and_described(older: Older) -> None:
    who, ann = c_us(older.ann.jid), older.ann.client
    assert (await older.ok("/client/isRegisteredUser", number=who))["result"] is True
    assert (await older.ok("/client/isRegisteredUser", number=NOBODY))["result"] is False
    assert (await older.ok("/client/getNumberId", number=who))["result"]["_serialized"] == who
    assert (await older.ok("/client/getContactDeviceCount", userId=who))["result"] == 2
    (address,) = (await older.ok("/client/getContactLidAndPhone", userIds=[who]))["data"]
    assert address == {"lid": str(older.ann.lid), "pn": who}
    await older.received("hello")
    listed = (await older.get("/client/getContacts"))["contacts"]
    assert older.chat in [each["id"]["_serialized"] for each in listed]
    for path, key in (("/client/getContactById", "contact"), ("/contact/getClassInfo", "contact")):
        contact = (await older.ok(path, contactId=older.chat))[key]
        assert (contact["pushname"], contact["id"]["_serialized"]) == ("Alice", older.chat)
    assert (await older.ok("/chat/getContact"))["contact"]["pushname"] == "Alice"
    assert await older.refused("/client/getContactById", contactId=NOBODY) == (
        500,
        "Contact not found",
    )
    await ann.profile.set_about("Reading")
    await ann.profile.set_picture(picture("PNG"))
    assert (await older.ok("/contact/getAbout", contactId=who))["result"] == "Reading"
    for subject in ("client", "contact"):
        url = (await older.ok(f"/{subject}/getProfilePicUrl", contactId=who))["result"]
        assert url.startswith("http")
        number = {"contactId": who, "number": who}
        assert (await older.ok(f"/{subject}/getCountryCode", **number))["result"] == "1"
        shown = (await older.ok(f"/{subject}/getFormattedNumber", **number))["result"]
        assert shown.startswith("+1 ")
        assert "".join(each for each in shown if each.isdigit()) == older.ann.jid.user
    made = await ann.groups.create("Friends", [older.own.jid], GroupOptions())
    group = str(made.group.jid)
    (shared,) = (await older.ok("/client/getCommonGroups", contactId=who))["groups"]
    assert (shared["_serialized"], shared["name"]) == (group, "Friends")
    (shared,) = (await older.ok("/contact/getCommonGroups", contactId=who))["result"]
    assert shared["_serialized"] == group


async def test_who_is_blocked_stands_in_the_list(older: Older) -> None:
    who = c_us(older.ann.jid)
    assert (await older.ok("/contact/block", contactId=who))["result"] is True
    assert older.own.blocked == {older.ann.jid.user}
    (blocked,) = (await older.ok("/client/getBlockedContacts"))["blockedContacts"]
    assert (blocked["id"]["_serialized"], blocked["isBlocked"]) == (who, True)
    assert (await older.ok("/contact/unblock", contactId=who))["result"] is True
    assert older.own.blocked == set()


# --- chats ---------------------------------------------------------------------------------------


async def test_chats_are_kept_by_the_phone_too(older: Older) -> None:
    shared, jid = SharedState(older.own_phone), str(older.alice.jid)
    until = int(time.time()) + 3600
    for path, body, result, collection, index, fits in (
        ("/client/archiveChat", {}, True, "regular_low", "archive", is_archived(True)),
        ("/client/unarchiveChat", {}, False, "regular_low", "archive", is_archived(False)),
        ("/client/pinChat", {}, True, "regular_low", "pin_v1", lambda v: v.pinAction.pinned),
        ("/client/unpinChat", {}, False, "regular_low", "pin_v1", lambda v: not v.pinAction.pinned),
        (
            "/client/muteChat",
            {"unmuteDate": until},
            None,
            "regular_high",
            "mute",
            lambda v: abs(v.muteAction.muteEndTimestamp / 1000 - until) <= 2,
        ),
        (
            "/client/muteChat",
            {},
            None,
            "regular_high",
            "mute",
            lambda v: v.muteAction.muteEndTimestamp == -1,
        ),
        (
            "/client/unmuteChat",
            {},
            {"isMuted": False, "muteExpiration": 0},
            "regular_high",
            "mute",
            lambda v: not v.muteAction.muted,
        ),
    ):
        answer = await older.ok(path, **body)
        if result is not None:
            assert answer["result"] == result, path
        await shared.until(collection, index, jid, matches=fits)
    for path, is_read in (
        ("/client/sendSeen", True),
        ("/client/markChatUnread", False),
        ("/chat/sendSeen", True),
        ("/chat/markUnread", False),
    ):
        await older.ok(path)
        await shared.until(
            "regular_low",
            "markChatAsRead",
            jid,
            matches=lambda v, is_read=is_read: v.markChatAsReadAction.read is is_read,
        )
    assert (await older.ok("/chat/runMethod", method="archive"))["data"] is True
    await shared.until("regular_low", "archive", jid, matches=is_archived(True))


def is_archived(wanted: bool) -> Any:
    return lambda value: value.archiveChatAction.archived is wanted


async def test_chats_are_listed_and_described(older: Older) -> None:
    unread = {"searchOptions": {"unread": True}}
    every = (await older.get("/client/getChats"))["chats"]
    by_id = {chat["id"]["_serialized"]: chat for chat in every}
    assert by_id[older.chat]["archived"] is True
    assert by_id[older.chat]["lastMessage"]["body"] == "hello"
    assert older.chat in [
        each["id"]["_serialized"]
        for each in (await older.ok("/client/getChats", **unread))["chats"]
    ]
    for path, key, body in (
        ("/client/getChatById", "chat", {}),
        ("/chat/getClassInfo", "chat", {}),
        ("/contact/getChat", "result", {"contactId": older.chat}),
    ):
        chat = (await older.ok(path, **body))[key]
        assert (chat["name"], chat["unreadCount"]) == ("Alice", -1), path
    data = (await older.ok("/client/runMethod", method="getChatById", options=older.chat))["data"]
    assert data["id"]["_serialized"] == older.chat
    gone = {"chatId": "120363000000000099@g.us"}
    assert await older.refused("/chat/getClassInfo", **gone) == (404, "Chat not Found")
    assert await older.refused("/client/getChatById", **gone) == (500, "Chat not found")
    assert await older.refused("/client/openChatWindow", **gone) == (500, "Chat not found")
    assert await older.ok("/client/openChatWindow") == {}
    assert await older.refused("/client/runMethod", method="inject") == (
        500,
        "Method inject is not implemented",
    )
    assert await older.refused("/chat/runMethod", method="_x") == (500, "Method is not implemented")


async def test_labels_are_given_and_taken(older: Older) -> None:
    shared, jid = SharedState(older.own_phone), str(older.alice.jid)
    since, now = len(older.stage.inbox.events), int(time.time() * 1000)
    edits = [
        appstate.Mutation(
            "SET",
            ("label_edit", label_id),
            Action(timestamp=now, labelEditAction=Action.LabelEditAction(name=name, color=2)),
            3,
        )
        for label_id, name in (("1", "New"), ("2", "Old"))
    ]
    back = Action(timestamp=now, archiveChatAction=Action.ArchiveChatAction(archived=False))
    edits.append(appstate.Mutation("SET", ("archive", jid), back, 3))
    # One patch is taken in as a whole: whoever hears of the chat's return has the labels, too.
    await older.own_phone.app_state.write("regular_low", edits)
    await older.stage.inbox.kind("chat_archived", since=since)
    labels = (await older.ok("/client/getLabels"))["labels"]
    assert {label["id"]: label["name"] for label in labels} == {"1": "New", "2": "Old"}
    label = (await older.ok("/client/getLabelById", labelId="2"))["label"]
    assert (label["name"], label["hexColor"][0]) == ("Old", "#")
    for path, given, taken in (
        ("/client/addOrRemoveLabels", "1", ""),
        ("/chat/changeLabels", "2", "1"),
    ):
        await older.ok(path, labelIds=[given], chatIds=[older.chat])
        await shared.until(
            *("regular", "label_jid", given, jid),
            matches=lambda v: v.labelAssociationAction.labeled,
        )
        if taken:
            await shared.until(
                *("regular", "label_jid", taken, jid),
                matches=lambda v: not v.labelAssociationAction.labeled,
            )
    for path, key in (("/client/getChatLabels", "chatLabels"), ("/chat/getLabels", "labels")):
        assert [each["id"] for each in (await older.ok(path))[key]] == ["2"]
    (chat,) = (await older.ok("/client/getChatsByLabelId", labelId="2"))["chats"]
    assert chat["id"]["_serialized"] == older.chat


async def test_texts_are_sent_and_found(older: Older) -> None:
    sent = await older.send("mint tea")
    assert (await older.seen(sent["id"]["id"])).text == "mint tea"
    found = (await older.ok("/client/searchMessages", query="MINT"))["messages"]
    assert [each["id"]["id"] for each in found] == [sent["id"]["id"]]
    own = {"searchOptions": {"fromMe": True, "limit": 5}}
    listed = (await older.ok("/chat/fetchMessages", **own))["messages"]
    assert [each["body"] for each in listed] == ["mint tea"]
    name = sent["id"]["_serialized"]
    assert await older.ok("/client/openChatWindowAt", messageId=name) == {}
    assert await older.refused("/client/openChatWindowAt", messageId=f"{name}X") == (
        500,
        "Message not found",
    )
    body = {"contentType": "Nothing", "content": "x"}
    assert await older.refused("/client/sendMessage", **body) == (400, "invalid contentType")
    assert (await older.refused("/client/sendMessage", content="x"))[0] == 500


async def test_kinds_of_file_are_not_wanted(older: Older) -> None:
    for kind in ("Audio", "Documents", "Photos", "Videos"):
        assert await older.ok(f"/client/setAutoDownload{kind}", flag=False) == {}
    assert await older.ok("/client/setBackgroundSync", flag=True) == {}
    since = len(older.stage.inbox.events)
    file = OutgoingFile(picture("PNG"), "image/png")
    await older.phone.send_file(older.own.jid, file)
    await older.received("and this?")
    await older.ok("/client/setAutoDownloadPhotos", flag=True)
    wanted = await older.phone.send_file(older.own.jid, file)
    # Files are fetched in the order in which they came.
    told = await older.stage.inbox.kind("media", since=since)
    assert told["data"]["message"]["id"]["id"] == wanted.id


async def test_a_chat_is_cleared_and_deleted(older: Older) -> None:
    shared, jid = SharedState(older.own_phone), str(older.alice.jid)
    assert (await older.ok("/chat/clearMessages"))["result"] is True
    assert (await older.ok("/chat/fetchMessages"))["messages"] == []
    await shared.until("regular_high", "clearChat", jid, "1", "0")
    await older.received("two")
    assert (await older.ok("/chat/delete"))["result"] is True
    event = await older.stage.inbox.kind("chat_removed")
    assert event["data"]["id"]["_serialized"] == older.chat
    await shared.until("regular_high", "deleteChat", jid, "1")


# --- the end of sessions -------------------------------------------------------------------------


async def test_sessions_are_begun_anew_linked_by_code_and_ended(older: Older) -> None:
    inbox, server = older.stage.inbox, older.stage.server
    for path, answer in (
        ("/session/restart", {**DONE, "message": "Restarted successfully"}),
        ("/client/resetState", DONE),
    ):
        ready = len(inbox.of("ready"))
        is_get = path.startswith("/session")
        assert (await older.get(path, method="GET" if is_get else "POST")) == answer
        await inbox.count("ready", ready + 1)
    dave, phone = await older.stage.person("Dave")
    await older.get("/session/start", SECOND)
    response = await server.api.post(
        f"/legacy/session/requestPairingCode/{SECOND}", json={"phoneNumber": dave.jid.user}
    )
    code = response.json()
    assert code == {**DONE, "result": code["result"]}
    await phone.enter_code(code["result"])
    await inbox.until(lambda e: (e["dataType"], e["sessionId"]) == ("ready", SECOND))
    stopped = {**DONE, "message": "Session stopped successfully"}
    assert await older.get("/session/stop", SECOND) == stopped
    await older.get("/session/start", THIRD)
    flushed = {**DONE, "message": "Flush completed successfully"}
    assert await older.get("/session/terminateInactive", "") == flushed
    assert not folder(older, SECOND).exists()
    assert not folder(older, THIRD).exists()
    assert (await older.get("/session/status"))["state"] == "CONNECTED"
    await older.get("/session/start", THIRD)
    gone = {**DONE, "message": "Logged out successfully"}
    assert await older.get("/session/terminate", THIRD) == gone
    assert not folder(older, THIRD).exists()
    assert sorted(older.own.devices) == [0, 1]
    assert await older.get("/session/terminateAll", "") == flushed
    assert not folder(older, SESSION).exists()
    assert sorted(older.own.devices) == [0]
    assert (await older.get("/session/getSessions", ""))["result"] == []
