"""Channels: what is asked for, and what is answered when WhatsApp refuses."""

from __future__ import annotations

from typing import Any

import pytest

from support.fake_channels import CHANNEL
from support.fake_client import PEER
from waport.errors import NotAuthorized, QueryTimeout
from waport.model.newsletter import DirectoryView, ReactionMode

ID = str(CHANNEL.jid)
BOB = "15559990000@c.us"


async def ok(call: Any, path: str, **body: object) -> dict[str, Any]:
    response = await call("POST", f"{path}/on", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


@pytest.mark.parametrize(
    ("path", "body", "made"),
    [
        ("mute", {}, ("mute channel", CHANNEL.jid)),
        ("unmute", {}, ("unmute channel", CHANNEL.jid)),
        ("setSubject", {"newSubject": "x"}, ("name", CHANNEL.jid, "x")),
        ("setDescription", {"newDescription": "x"}, ("description", CHANNEL.jid, "x")),
        ("setReactionSetting", {"reactionCode": 1}, ("reactions", CHANNEL.jid, ReactionMode.BASIC)),
        ("setProfilePicture", {}, ("no picture", CHANNEL.jid)),
        ("deleteChannel", {}, ("delete channel", CHANNEL.jid)),
        ("acceptChannelAdminInvite", {}, ("accept", CHANNEL.jid)),
        ("revokeChannelAdminInvite", {"userId": BOB}, ("revoke invite", CHANNEL.jid, PEER)),
        ("demoteChannelAdmin", {"userId": BOB}, ("demote", CHANNEL.jid, PEER)),
        (
            "transferChannelOwnership",
            {"newOwnerId": BOB, "options": {"shouldDismissSelfAsAdmin": True}},
            ("transfer", CHANNEL.jid, PEER, True),
        ),
        ("sendSeen", {}, ("seen", CHANNEL.jid)),
    ],
)
async def test_each_route_does_one_thing_and_a_refusal_is_false(
    call: Any, problem: Any, sessions: Any, path: str, body: Any, made: Any
) -> None:
    answer = await ok(call, f"/channel/{path}", chatId=ID, **body)
    assert answer == {"success": True, "result": True}
    assert sessions.account.calls == [made]
    sessions.account.error = QueryTimeout("late")
    response = await call("POST", f"/channel/{path}/on", json={"chatId": ID, **body})
    assert problem(response)[0] == 500
    if path != "sendSeen":
        sessions.account.error = NotAuthorized(403, "forbidden")
        answer = await ok(call, f"/channel/{path}", chatId=ID, **body)
        assert answer == {"success": True, "result": False}


async def test_what_is_no_channel_is_refused(call: Any, problem: Any, sessions: Any) -> None:
    for chat in (BOB, "120363000000000001@g.us", "nobody"):
        for path in ("getClassInfo", "fetchMessages", "mute", "sendMessage"):
            body = {"chatId": chat, "contentType": "string", "content": "x"}
            refusal = problem(await call("POST", f"/channel/{path}/on", json=body))
            assert refusal == (400, "The chat is not a channel", "validation_error")
    unknown = {"chatId": "120363000000000077@newsletter"}
    refusal = problem(await call("POST", "/channel/getClassInfo/on", json=unknown))
    assert refusal == (404, "Chat not found", "chat_not_found")
    body = {"chatId": ID, "contentType": "Poll", "content": {}}
    refusal = problem(await call("POST", "/channel/sendMessage/on", json=body))
    assert refusal[1] == "Unsupported content type: Poll"
    assert sessions.account.sent == []


async def test_a_channel_is_described(call: Any) -> None:
    channel = (await ok(call, "/channel/getClassInfo", chatId=ID))["channel"]
    assert (channel["name"], channel["isReadOnly"], channel["isChannel"]) == ("News", False, True)
    about = channel["channelMetadata"]
    assert (about["membershipType"], about["subscribersCount"]) == ("owner", 7)
    assert about["inviteLink"] == f"https://whatsapp.com/channel/{CHANNEL.invite}"


async def test_a_picture_may_come_by_a_url(call: Any, sessions: Any) -> None:
    url = "https://a.example/cat.png"
    await ok(call, "/channel/setProfilePicture", chatId=ID, newProfilePictureUrl=url)
    assert sessions.account.calls == [("get", url), ("picture", CHANNEL.jid, b"file")]


async def test_the_directory_is_searched(call: Any, problem: Any, sessions: Any) -> None:
    path = "/client/searchChannels"
    await ok(call, path, searchOptions={"searchText": "tea", "limit": 500})
    await ok(call, path, searchOptions={"view": 2, "countryCodes": ["DE"]})
    assert sessions.account.calls == [
        ("search", "tea", 100),
        ("directory", DirectoryView.POPULAR, 50, "DE"),
    ]
    found = await ok(call, path, searchOptions={"skipSubscribedNewsletters": True})
    assert found["result"] == []
    response = await call("POST", f"{path}/on", json={"searchOptions": {"view": 4}})
    assert problem(response)[1] == "searchOptions.view must be a number from 0 to 3"


async def test_an_invite_of_nothing_gives_nothing(call: Any, problem: Any) -> None:
    path = "/client/getChannelByInviteCode"
    assert (await ok(call, path, inviteCode=CHANNEL.invite))["result"]["name"] == "News"
    assert await ok(call, path, inviteCode="0" * 22) == {"success": True}
    refusal = problem(await call("POST", f"{path}/on", json={"inviteCode": "x"}))
    assert refusal[1] == "inviteCode must be the code or link of a channel"


async def test_a_channel_that_is_not_made_says_so(call: Any, sessions: Any) -> None:
    sessions.account.error = NotAuthorized(403, "forbidden")
    answer = await ok(call, "/client/createChannel", title="News")
    assert answer["result"] == "CreateChannelError: An error occupied while creating a channel"
