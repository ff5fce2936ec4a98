"""Groups over HTTP: what is refused, what is asked for, and what is answered."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from support.fake_groups import BOB, BOB_LID, GROUP, OWN
from waport.errors import InvalidInput, NotAuthorized, QueryTimeout, query_error
from waport.model.contents import GroupInvite
from waport.model.group import GroupOptions, Joined, JoinRequest, ParticipantResult
from waport.wire import Jid

ID = "120363000000000001@g.us"
ID_JSON = {"_serialized": ID, "user": "120363000000000001", "server": "g.us"}
ANN = Jid("15554445555", "s.whatsapp.net")
PLAIN = (
    *("getGroupInfo", "getParticipants", "setDescription", "leave", "getInviteCode"),
    *("revokeInvite", "deletePicture", "getGroupMembershipRequests"),
    *("approveGroupMembershipRequests", "rejectGroupMembershipRequests"),
)
ON_PEOPLE = ("addParticipants", "removeParticipants", "promoteParticipants", "demoteParticipants")
ADMINS_ONLY = ("setMessagesAdminsOnly", "setInfoAdminsOnly")
PEOPLE_MISSING = "groupId and participants array are required"
GIVEN: dict[str, object] = {
    "groupId": ID,
    "participants": ["15552223333@c.us"],
    "subject": "x",
    "adminsOnly": True,
    "image": base64.b64encode(b"picture").decode(),
}


async def ask(call: Any, route: str, **body: object) -> Any:
    response = await call("POST", f"/groupChat/{route}/on", json=body)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert answer.pop("success") is True
    return answer


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("body", [{}, {"groupId": ""}, {"groupId": None}, []])
@pytest.mark.parametrize(
    ("route", "text"),
    [
        *((route, "groupId is required") for route in PLAIN),
        *((route, PEOPLE_MISSING) for route in ON_PEOPLE),
        *((route, "groupId and adminsOnly are required") for route in ADMINS_ONLY),
        ("setSubject", "groupId and subject are required"),
        ("setPicture", "groupId and image are required"),
        ("acceptInvite", "inviteCode is required"),
        ("getInviteInfo", "inviteCode is required"),
    ],
)
async def test_what_is_missing_is_named(
    call: Any, problem: Any, route: str, text: str, body: object
) -> None:
    response = await call("POST", f"/groupChat/{route}/on", json=body)
    assert problem(response) == (400, text, "validation_error")


@pytest.mark.parametrize(
    ("route", "change", "text"),
    [
        ("addParticipants", {"participants": None}, PEOPLE_MISSING),
        ("addParticipants", {"participants": {}}, PEOPLE_MISSING),
        ("addParticipants", {"participants": ""}, PEOPLE_MISSING),
        ("addParticipants", {"participants": True}, PEOPLE_MISSING),
        ("addParticipants", {"participants": []}, "participants must not be empty"),
        ("removeParticipants", {"participants": []}, "participants must not be empty"),
        ("addParticipants", {"participants": [True]}, "participants.0 must be a string"),
        ("addParticipants", {"options": 5}, "options must be an object"),
        (
            "addParticipants",
            {"options": {"autoSendInviteV4": "x"}},
            "options.autoSendInviteV4 must be a boolean",
        ),
        ("leave", {"groupId": 5}, "groupId must be a string"),
        ("setSubject", {"subject": 5}, "subject must be a string"),
        ("setSubject", {"subject": "x" * 101}, "subject must be a string of 1 to 100 characters"),
        ("setSubject", {"subject": "  "}, "subject must be a string of 1 to 100 characters"),
        ("setDescription", {"description": 5}, "description must be a string"),
        (
            "setDescription",
            {"description": "x" * 2049},
            "description must be a string of at most 2048 characters",
        ),
        ("setMessagesAdminsOnly", {"adminsOnly": "yes"}, "adminsOnly must be a boolean"),
        ("setInfoAdminsOnly", {"adminsOnly": None}, "adminsOnly must be a boolean"),
        ("setInfoAdminsOnly", {"adminsOnly": 1}, "adminsOnly must be a boolean"),
        ("setPicture", {"image": 5}, "image must be a string"),
        ("setPicture", {"image": {}}, "image.data must be a string"),
        ("setPicture", {"image": {"data": 5}}, "image.data must be a string"),
        ("setPicture", {"image": "%"}, "image must be base64"),
        ("setPicture", {"image": "data:image/png;base64,"}, "image must not be empty"),
        ("acceptInvite", {"inviteCode": 5}, "inviteCode must be a string"),
        ("acceptInvite", {"inviteCode": "a b"}, "inviteCode must be an invite code or link"),
        ("getInviteInfo", {"inviteCode": "https://a.example/x"}, None),
    ],
)
async def test_what_is_wrong_is_named(
    call: Any,
    problem: Any,
    sessions: Any,
    route: str,
    change: dict[str, object],
    text: str | None,
) -> None:
    response = await call("POST", f"/groupChat/{route}/on", json={**GIVEN, **change})
    wanted = text or "inviteCode must be an invite code or link"
    assert problem(response) == (400, wanted, "validation_error")
    assert sessions.account.calls == []


@pytest.mark.parametrize("group", ["foo", "15552223333", "15552223333@c.us", "x@g.us", "@g.us"])
@pytest.mark.parametrize("route", [*PLAIN, *ON_PEOPLE, *ADMINS_ONLY, "setSubject", "setPicture"])
async def test_what_is_no_group_is_not_found(
    call: Any, problem: Any, sessions: Any, route: str, group: str
) -> None:
    response = await call("POST", f"/groupChat/{route}/on", json={**GIVEN, "groupId": group})
    assert problem(response) == (404, "Group not found", "group_not_found")
    assert sessions.account.calls == []


@pytest.mark.parametrize("code", [403, 404, 410])
@pytest.mark.parametrize("route", ["getGroupInfo", "getParticipants"])
async def test_a_group_that_is_hidden_is_not_found(
    call: Any, problem: Any, sessions: Any, route: str, code: int
) -> None:
    sessions.account.error = query_error(code, "forbidden")
    response = await call("POST", f"/groupChat/{route}/on", json=GIVEN)
    assert problem(response) == (404, "Group not found", "group_not_found")


async def test_whatsapps_refusal_is_told_in_its_words(
    call: Any, problem: Any, sessions: Any
) -> None:
    for error, text in (
        (NotAuthorized(403, "forbidden"), "forbidden"),
        (QueryTimeout("late"), "Timed Out"),
    ):
        sessions.account.error = error
        for route in ("setSubject", "addParticipants", "leave", "getInviteCode"):
            response = await call("POST", f"/groupChat/{route}/on", json=GIVEN)
            assert problem(response) == (500, text, text)


async def test_the_session_is_looked_at_before_the_body(call: Any, problem: Any) -> None:
    response = await call("POST", "/groupChat/leave/none", json={})
    assert problem(response)[0] == 404
    response = await call("POST", "/groupChat/leave/qr", json={})
    assert problem(response)[2] == "session_not_connected"


# --- what it is like -----------------------------------------------------------------------------


async def test_a_group_is_described(call: Any, sessions: Any) -> None:
    sessions.account.groups.known[GROUP.jid] = replace(
        GROUP,
        description="hello",
        description_id="ABC",
        description_at=7,
        description_by=BOB,
        is_announcement=True,
    )
    group = (await ask(call, "getGroupInfo", groupId=ID))["group"]
    assert group["id"] == ID_JSON
    assert (group["subject"], group["owner"], group["creation"]) == (
        "Friends",
        "15550001111@c.us",
        GROUP.created_at,
    )
    assert (group["desc"], group["descId"], group["descOwner"], group["descTime"]) == (
        "hello",
        "ABC",
        "15552223333@c.us",
        7,
    )
    assert (group["announce"], group["restrict"], group["size"]) == (True, False, 2)
    members = (await ask(call, "getParticipants", groupId=ID))["participants"]
    assert members == group["participants"]
    assert [(m["id"]["_serialized"], m["isAdmin"], m["isSuperAdmin"]) for m in members] == [
        ("15550001111@c.us", True, True),
        ("15552223333@c.us", False, False),
    ]


@pytest.mark.parametrize(
    ("form", "user"),
    [
        ({"groupId": "120363000000000001"}, "120363000000000001"),
        ({"chatId": ID}, "120363000000000001"),
        ({"groupId": ID, "chatId": "foo"}, "120363000000000001"),
        ({"groupId": "15550001111-1500000000"}, "15550001111-1500000000"),
        ({"groupId": "123456789012345"}, "123456789012345"),
    ],
)
async def test_a_group_is_named_in_several_ways(
    call: Any, sessions: Any, form: dict[str, object], user: str
) -> None:
    await ask(call, "leave", **form)
    assert sessions.account.calls == [("leave", Jid(user, "g.us"))]


# --- members -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (200, "The participant was added successfully"),
        (404, "The phone number is not registered on WhatsApp"),
        (408, "You cannot add this participant because they recently left the group"),
        (409, "The participant is already a group member"),
        (419, "The participant can't be added because the group is full"),
        (500, "An unknown error occupied while adding a participant"),
    ],
)
async def test_what_came_of_adding_is_told_of_everybody(
    call: Any, sessions: Any, code: int, text: str
) -> None:
    sessions.account.groups.results[BOB] = ParticipantResult(BOB_LID, BOB, code)
    answer = await ask(
        call, "addParticipants", groupId=ID, participants=[str(BOB), "foo", str(BOB)]
    )
    assert sessions.account.calls == [("add", GROUP.jid, BOB)]
    assert answer == {
        "message": "Participants added",
        "result": {
            "15552223333@c.us": {"code": code, "message": text, "isInviteV4Sent": False},
            "nobody@invalid": {
                "code": 404,
                "message": "The phone number is not registered on WhatsApp",
                "isInviteV4Sent": False,
            },
        },
    }


async def test_who_waits_for_an_admin_is_not_called_added(call: Any, sessions: Any) -> None:
    sessions.account.groups.results[BOB] = ParticipantResult(BOB, BOB, is_requested=True)
    answer = await ask(call, "addParticipants", groupId=ID, participants="15552223333")
    assert "approval" in answer["result"]["15552223333@c.us"]["message"]


async def test_who_may_not_be_added_is_invited(call: Any, sessions: Any) -> None:
    refused = ParticipantResult(BOB_LID, BOB, 403, invite_code="secret", invite_expiration=99)
    sessions.account.groups.results[BOB] = refused
    for options, sent in (({"comment": "come"}, True), ({"autoSendInviteV4": False}, False)):
        sessions.account.sent.clear()
        answer = await ask(
            call, "addParticipants", groupId=ID, participantIds=[15552223333], options=options
        )
        assert answer["result"]["15552223333@c.us"] == {
            "code": 403,
            "message": "The participant can be added by sending private invitation only",
            "isInviteV4Sent": sent,
        }
        invites = [(message.chat, message.content) for message in sessions.account.sent]
        invite = GroupInvite(GROUP.jid, "secret", 99, name="Friends", caption="come")
        assert invites == ([(BOB, invite)] if sent else [])


@pytest.mark.parametrize("verb", ["remove", "promote", "demote"])
async def test_what_came_of_a_change_is_told_of_everybody(
    call: Any, sessions: Any, verb: str
) -> None:
    sessions.account.groups.results[ANN] = ParticipantResult(ANN, ANN, 406)
    body = {"groupId": ID, "participants": [str(BOB), str(ANN)]}
    answer = await ask(call, f"{verb}Participants", **body)
    message = {"remove": "removed", "promote": "promoted", "demote": "demoted"}[verb]
    assert answer["message"] == f"Participants {message}"
    assert answer["result"] == {
        "status": 200,
        "participants": {"15552223333@c.us": {"code": 200}, "15554445555@c.us": {"code": 406}},
    }
    assert sessions.account.calls == [(verb, GROUP.jid, BOB, ANN)]
    answer = await ask(call, f"{verb}Participants", groupId=ID, contactIds=[str(ANN)])
    assert answer["result"]["status"] == 406


# --- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("route", "fields", "did", "message"),
    [
        ("setSubject", {"subject": "New"}, ("subject", "New"), "Group subject updated"),
        (
            "setDescription",
            {"description": "text"},
            ("description", "text"),
            "Group description updated",
        ),
        ("setDescription", {}, ("description", ""), "Group description updated"),
        (
            "setDescription",
            {"description": None},
            ("description", ""),
            "Group description updated",
        ),
        *(
            (route, {"adminsOnly": given}, (what, means), "Group settings updated")
            for route, what in (
                ("setMessagesAdminsOnly", "announcement"),
                ("setInfoAdminsOnly", "locked"),
            )
            for given, means in ((True, True), (False, False), ("false", False), ("true", True))
        ),
        ("deletePicture", {}, ("no picture",), "Group picture deleted"),
        *(
            ("setPicture", fields, ("picture", b"picture"), "Group picture updated")
            for fields in (
                {"image": GIVEN["image"]},
                {"image": {"data": GIVEN["image"]}},
                {"image": f"data:image/png;base64,{GIVEN['image']}"},
                {"pictureMimetype": "image/png", "pictureData": GIVEN["image"]},
            )
        ),
    ],
)
async def test_a_setting_is_set(
    call: Any,
    sessions: Any,
    route: str,
    fields: dict[str, object],
    did: tuple[object, ...],
    message: str,
) -> None:
    answer = await ask(call, route, groupId=ID, **fields)
    assert answer == {"message": message, "result": True}
    what, *more = did
    assert sessions.account.calls == [(what, GROUP.jid, *more)]


async def test_a_picture_may_be_a_file_of_a_form(call: Any, sessions: Any) -> None:
    response = await call(
        "POST",
        "/groupChat/setPicture/on",
        data={"groupId": ID},
        files={"file": ("cat.png", b"bytes of a picture", "image/png")},
    )
    assert response.json() == {"success": True, "message": "Group picture updated", "result": True}
    assert sessions.account.calls == [("picture", GROUP.jid, b"bytes of a picture")]


async def test_what_is_no_picture_is_refused(call: Any, problem: Any, sessions: Any) -> None:
    sessions.account.error = InvalidInput("no usable picture")
    response = await call("POST", "/groupChat/setPicture/on", json=GIVEN)
    text = "image must be a JPEG, PNG, WebP, GIF or BMP picture"
    assert problem(response) == (400, text, "validation_error")


# --- leaving and joining -------------------------------------------------------------------------


async def test_a_group_is_left(call: Any, sessions: Any) -> None:
    assert await ask(call, "leave", groupId=ID) == {"message": "Left group"}
    assert sessions.account.calls == [("leave", GROUP.jid)]


async def test_the_invite_code_is_told_and_replaced(call: Any) -> None:
    answer = await ask(call, "getInviteCode", groupId=ID)
    assert answer == {"inviteCode": "AbCdEfGhIjKlMnOpQrStUv"}
    new = "NewCodeNewCodeNewCodeN"
    assert await ask(call, "revokeInvite", groupId=ID) == {"inviteCode": new, "result": new}


@pytest.mark.parametrize("form", ["CODE123", "https://chat.whatsapp.com/CODE123?mode=x"])
async def test_a_group_is_joined_by_code_or_link(call: Any, sessions: Any, form: str) -> None:
    answer = await ask(call, "acceptInvite", inviteCode=form)
    assert answer == {"groupId": ID_JSON, "acceptInvite": ID}
    assert sessions.account.calls == [("join", "CODE123")]


async def test_joining_may_wait_for_an_admin(call: Any, sessions: Any) -> None:
    sessions.account.groups.joined = Joined(GROUP.jid, is_requested=True)
    answer = await ask(call, "acceptInvite", inviteCode="CODE123")
    assert answer == {"groupId": None, "pendingApproval": True}


async def test_an_invitation_tells_of_its_group(call: Any) -> None:
    answer = await ask(call, "getInviteInfo", inviteCode="CODE123")
    assert answer["group"] == {
        "id": ID_JSON,
        "subject": "Friends",
        "owner": "15550001111@c.us",
        "creation": GROUP.created_at,
        "size": 2,
    }
    assert answer["inviteInfo"]["owner"]["_serialized"] == "15550001111@c.us"


async def test_join_requests_are_listed(call: Any, sessions: Any) -> None:
    sessions.account.groups.requests = (
        JoinRequest(BOB_LID, BOB, "invite_link", 5),
        JoinRequest(ANN, None, "non_admin_add", 6, requestor=OWN),
    )
    first, second = (await ask(call, "getGroupMembershipRequests", groupId=ID))["result"]
    assert first == {
        "id": {"_serialized": "15552223333@c.us", "user": "15552223333", "server": "c.us"},
        "addedBy": None,
        "parentGroupId": None,
        "requestMethod": "InviteLink",
        "t": 5,
    }
    assert second["addedBy"]["user"] == OWN.user
    assert second["requestMethod"] == "NonAdminAdd"


@pytest.mark.parametrize(("verb", "word"), [("approve", "Approved"), ("reject", "Rejected")])
async def test_join_requests_are_decided(call: Any, sessions: Any, verb: str, word: str) -> None:
    groups = sessions.account.groups
    groups.requests = (JoinRequest(BOB), JoinRequest(ANN))
    groups.results[ANN] = ParticipantResult(ANN, ANN, 404)
    route = f"{verb}GroupMembershipRequests"
    answer = await ask(call, route, groupId=ID)
    assert answer["result"] == [
        {"requesterId": "15552223333@c.us", "message": f"{word} successfully"},
        {
            "requesterId": "15554445555@c.us",
            "error": 404,
            "message": "ParticipantRequestNotFoundError",
        },
    ]
    assert sessions.account.calls[-1] == (verb, GROUP.jid, BOB, ANN)
    await ask(call, route, groupId=ID, options={"requesterIds": "15552223333"})
    assert sessions.account.calls[-1] == (verb, GROUP.jid, BOB)
    groups.requests = ()
    assert (await ask(call, route, groupId=ID))["result"] == []


# --- new groups ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [{}, {"name": "x"}, {"participants": []}, {"name": "", "participants": []}]
    + [{"name": "x", "participants": value} for value in (None, {}, "", False)],
)
async def test_a_new_group_needs_a_name_and_a_list(call: Any, problem: Any, body: object) -> None:
    response = await call("POST", "/client/createGroup/on", json=body)
    text = "name and participants array are required"
    assert problem(response) == (400, text, "validation_error")


async def test_a_group_is_made(call: Any, sessions: Any) -> None:
    refused = ParticipantResult(ANN, ANN, 403, invite_code="secret", invite_expiration=9)
    sessions.account.groups.results[ANN] = refused
    body = {"title": "New", "participants": [str(BOB), str(ANN), "foo"]}
    response = await call("POST", "/client/createGroup/on", json=body)
    answer = response.json()
    assert (answer["group"]["id"], answer["group"]["name"]) == (ID_JSON, "New")
    assert [p["isSuperAdmin"] for p in answer["group"]["participants"]] == [True, False]
    made = answer["response"]
    assert (made["title"], made["gid"]) == ("New", ID_JSON)
    assert {
        who: (p["statusCode"], p["isInviteV4Sent"]) for who, p in made["participants"].items()
    } == {
        "15552223333@c.us": (200, False),
        "15554445555@c.us": (403, True),
        "nobody@invalid": (404, False),
    }
    assert sessions.account.calls[0] == ("create", "New", BOB, ANN)
    assert sessions.account.groups.options == GroupOptions()
    assert [message.chat for message in sessions.account.sent] == [ANN]


async def test_a_group_is_set_up_as_wished(call: Any, sessions: Any) -> None:
    options = {"messageTimer": 86400, "isRestrict": True, "isAnnounce": "true"}
    options |= {"memberAddMode": True, "membershipApprovalMode": True, "parentGroupId": ID}
    body = {"name": "New", "participants": [], "options": options}
    response = await call("POST", "/client/createGroup/on", json=body)
    assert response.status_code == 200
    assert sessions.account.groups.options == GroupOptions(
        expiration_s=86400,
        is_announcement=True,
        is_locked=True,
        needs_approval=True,
        only_admins_add=True,
        parent=GROUP.jid,
    )


@pytest.mark.parametrize(
    ("contact", "found"), [("15552223333", 1), ("15554445555", 0), ("foo", 0), (ID, 0)]
)
async def test_common_groups_are_listed(call: Any, contact: str, found: int) -> None:
    response = await call("POST", "/client/getCommonGroups/on", json={"contactId": contact})
    assert response.json()["groups"] == [{"id": ID_JSON, "name": "Friends"}] * found
