"""Operations of wwebjs-api at the root, and the ends of sessions, that no other scene calls.

The scenes follow one another on one stage.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect

from support.files import picture
from support.stage import SESSION, Stage, open_stage
from support.talk import Talk, c_us, encoded
from support.waport_server import API_KEY
from waport.emulator import appstate
from waport.emulator.phone_history import HistoryPlan
from waport.model import Ack, AckChanged
from waport.proto import pb
from waport.wire import Jid

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

SECOND, THIRD = "second", "third"
SETTINGS = {"ENABLE_LOCAL_CALLBACK_EXAMPLE": "true"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path_factory.mktemp("root"), SETTINGS) as stage:
        yield stage


@pytest.fixture(scope="module")
def talk(stage: Stage) -> Talk:
    """The account, which the first scene links."""
    return Talk(stage, stage.own, stage.own_phone, stage.alice, stage.phone)


def folder(stage: Stage, session_id: str) -> Path:
    return stage.server.sessions / f"session-{session_id}"


async def linked(stage: Stage, phone: Any, session_id: str) -> None:
    """Start a session and scan its code."""
    since = len(stage.inbox.events)
    await stage.server.get(f"/session/start/{session_id}")
    qr = await stage.inbox.until(
        lambda e: (e["dataType"], e["sessionId"]) == ("qr", session_id), since=since
    )
    await phone.pair_by_qr(qr["data"]["qr"])
    await stage.inbox.until(
        lambda e: (e["dataType"], e["sessionId"]) == ("ready", session_id), since=since
    )


async def test_the_server_answers_and_tells_one_session_apart(stage: Stage, talk: Talk) -> None:
    api = stage.server.api
    before = int(time.time() * 1000)
    pong = (await api.get("/ping")).json()
    assert pong == {"success": True, "message": "pong", "timestamp": pong["timestamp"]}
    assert before <= pong["timestamp"] <= time.time() * 1000
    body = {"dataType": "test", "data": "x", "sessionId": "1"}
    assert (await api.post("/localCallbackExample", json=body)).json()["success"] is True
    assert json.loads((stage.server.sessions / "message_log.txt").read_bytes()) == body
    page = await api.get(f"/session/getPageScreenshot/{SESSION}")
    assert (page.status_code, page.json()["message"]) == (501, "legacy_endpoint_not_implemented")
    url = stage.server.url.replace("http", "ws") + f"/ws/{SECOND}?apiKey={API_KEY}"
    async with connect(url, proxy=None) as socket, asyncio.timeout(30):
        assert json.loads(await socket.recv())["sessionId"] == SECOND
        await linked(stage, stage.own_phone, SESSION)
        await stage.server.get(f"/session/start/{SECOND}")
        while (frame := json.loads(await socket.recv()))["dataType"] != "qr":
            assert frame["sessionId"] == SECOND
        assert frame["sessionId"] == SECOND


async def test_people_and_chats_are_listed_and_described(stage: Stage, talk: Talk) -> None:
    message = await talk.received("tea?")
    ids = {"messageId": message["id"]["id"]}
    server, who = stage.server, c_us(stage.ann.jid)
    contacts = (await server.get(f"/client/getContacts/{SESSION}"))["contacts"]
    assert talk.chat in [each["id"]["_serialized"] for each in contacts]
    (chat,) = (await server.get(f"/client/getChats/{SESSION}"))["chats"]
    assert (chat["id"]["_serialized"], chat["unreadCount"]) == (talk.chat, 1)
    assert (await talk.ok("/chat/getClassInfo"))["chat"] == chat
    info = (await server.get(f"/client/getClassInfo/{SESSION}"))["sessionInfo"]
    assert info["wid"]["_serialized"] == c_us(stage.own.jid)
    person = await talk.ok("/contact/getClassInfo", contactId=talk.chat)
    assert person["contact"] == person["result"]
    assert person["result"]["pushname"] == "Alice"
    assert (await talk.ok("/message/getContact", **ids))["contact"] == person["result"]
    assert (await talk.ok("/message/getClassInfo", **ids))["message"]["body"] == "tea?"
    answer = await talk.ok("/message/reply", content="yes", **ids)
    assert answer["repliedMessage"] == answer["message"]
    reply = (await talk.seen(answer["message"]["id"]["id"])).message.extendedTextMessage
    assert (reply.text, reply.contextInfo.stanzaId) == ("yes", ids["messageId"])
    await talk.ok("/contact/block", contactId=who)
    assert stage.own.blocked == {stage.ann.jid.user}
    await talk.ok("/contact/unblock", contactId=who)
    sent = await stage.ann.client.messages.send_text(stage.own.jid, "read me")
    await stage.inbox.text("read me")
    assert (await talk.ok("/client/sendSeen", chatId=who))["result"] is True
    await stage.ann.events.until(
        AckChanged, lambda e: e.message.key == sent.key and e.ack is Ack.READ
    )


async def test_labels_are_listed(stage: Stage, talk: Talk) -> None:
    await talk.shares()
    since = len(stage.inbox.events)
    action = pb.SyncActionValue
    edit = action(timestamp=1, labelEditAction=action.LabelEditAction(name="New", color=1))
    archived = action(timestamp=1, archiveChatAction=action.ArchiveChatAction(archived=True))
    mutations = [
        appstate.Mutation("SET", ("label_edit", "7"), edit, 3),
        appstate.Mutation("SET", ("archive", str(stage.alice.jid)), archived, 3),
    ]
    # One patch is taken in as a whole: whoever hears of the archived chat has the label, too.
    await stage.own_phone.app_state.write("regular_low", mutations)
    await stage.inbox.kind("chat_archived", since=since)
    (label,) = (await talk.ok("/client/getLabels"))["labels"]
    assert (label["id"], label["name"], label["hexColor"]) == ("7", "New", "#64c4ff")


async def test_history_is_asked_of_the_phone(stage: Stage, talk: Talk) -> None:
    phone = stage.own_phone
    plan = HistoryPlan(chats=2, messages=60, older=20)
    await phone.history.send_all([stage.own.jid.with_device(1)], plan)
    await stage.inbox.until(
        lambda event: event["dataType"] == "loading_screen" and event["data"]["percent"] == 100
    )
    old = phone.history.chats[0]
    chat_id = c_us(Jid.parse(old.jid))
    body = {"chatId": chat_id, "searchOptions": {"limit": 100}}
    listed = len([each for each in old.messages if each.messageStubType in (0, 1)])
    assert len((await talk.ok("/chat/fetchMessages", **body))["messages"]) < listed
    assert (await talk.ok("/client/syncHistory", chatId=chat_id))["result"] is True
    # Old messages are no events, so the list itself is asked.
    async with asyncio.timeout(20):
        while len((await talk.ok("/chat/fetchMessages", **body))["messages"]) < listed:
            continue


async def test_a_group_is_joined_and_described(stage: Stage, talk: Talk) -> None:
    groups, who = stage.ann.client.groups, c_us(stage.ann.jid)
    made = await groups.create("Ann's", [stage.alice.jid])
    jid = made.group.jid
    code = await groups.invite_code(jid)
    info = (await talk.ok("/client/getInviteInfo", inviteCode=code))["inviteInfo"]
    assert (info["subject"], info["size"]) == ("Ann's", 2)
    assert (await talk.ok("/client/acceptInvite", inviteCode=code))["acceptInvite"] == str(jid)
    group = stage.emulator.directory.groups.find(jid)
    assert group is not None
    assert stage.own.number in group.members
    told = await talk.ok("/groupChat/getClassInfo", chatId=str(jid))
    assert (told["chat"]["name"], told["group"]["subject"]) == ("Ann's", "Ann's")
    common = await talk.ok("/contact/getCommonGroups", contactId=who)
    assert [group["_serialized"] for group in common["result"]] == [str(jid)]
    await groups.promote(jid, [stage.own.jid])
    await stage.inbox.kind("group_admin_changed")
    for only, mode in ((True, "admin_add"), (False, "all_member_add")):
        body = {"chatId": str(jid), "adminsOnly": only}
        assert (await talk.ok("/groupChat/setAddMembersAdminsOnly", **body))["result"] is True
        assert group.modes["member_add_mode"] == mode


async def test_a_channel_is_described_and_heard_again(stage: Stage, talk: Talk) -> None:
    made = (await talk.ok("/client/createChannel", title="News"))["result"]
    chat = {"chatId": made["nid"]["_serialized"]}
    channel = stage.emulator.directory.newsletters.find(Jid.parse(chat["chatId"]))
    assert channel is not None
    png = {"mimetype": "image/png", "data": encoded(picture("PNG"))}
    body = {"newProfilePictureMedia": png, **chat}
    assert (await talk.ok("/channel/setProfilePicture", **body))["result"] is True
    assert channel.picture is not None
    assert (await talk.ok("/channel/setDescription", newDescription="x", **chat))["result"] is True
    assert channel.description.text == "x"
    told = (await talk.ok("/channel/getClassInfo", **chat))["channel"]
    assert (told["name"], told["description"]) == ("News", "x")
    own = channel.followers[stage.own.number]
    for path, is_muted in (("mute", True), ("unmute", False)):
        assert (await talk.ok(f"/channel/{path}", **chat))["result"] is True
        assert bool(own.muted) is is_muted


async def test_sessions_end_by_every_road(stage: Stage, talk: Talk) -> None:
    server = stage.server
    dave, phone = await stage.person("Dave")
    await linked(stage, phone, THIRD)
    gone = await server.get("/session/terminateInactive")
    assert (gone["terminatedCount"], gone["sessionIds"]) == (1, [SECOND])
    assert not folder(stage, SECOND).exists()
    assert sorted(dave.devices) == [0, 1]
    assert (await server.get(f"/session/terminate/{THIRD}"))["message"] == "Session terminated"
    assert not folder(stage, THIRD).exists()
    assert sorted(dave.devices) == [0]
    assert stage.inbox.of("disconnected") == []
    answer = await server.get(f"/session/logout/{SESSION}")
    assert answer["message"] == "Logged out successfully"
    event = await stage.inbox.kind("disconnected")
    assert (event["sessionId"], event["data"]) == (SESSION, {"reason": "logged_out"})
    assert stage.kinds(await stage.begin()) == []
    assert sorted(stage.own.devices) == [0]
    assert not folder(stage, SESSION).exists()
    await server.get(f"/session/start/{SECOND}")
    gone = await server.get("/session/terminateAll")
    assert (gone["terminatedCount"], gone["sessionIds"]) == (1, [SECOND])
    assert not folder(stage, SECOND).exists()
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as stranger:
        assert (await stranger.get("/ping")).status_code == 401
