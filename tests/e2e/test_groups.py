"""Groups over the public API: what WhatsApp's side has of them, what the others see."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from support.files import picture
from support.linked import Linked
from support.talk import SESSION, Talk, c_us, encoded, heard_by, problem
from support.who import without_addresses
from waport.emulator.groups import Group
from waport.model import GroupChanged
from waport.model.group import GroupChangeKind, GroupOptions
from waport.wire import Jid

pytestmark = pytest.mark.e2e


async def ask(talk: Talk, route: str, **body: Any) -> dict[str, Any]:
    response = await talk.call(f"/groupChat/{route}", body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    assert answer.pop("success") is True
    return without_addresses(answer, talk.world.emulator, strangers=None)


async def make(talk: Talk, *people: str, **options: Any) -> tuple[str, Group]:
    """A new group of ours: its id, and what the server has of it."""
    body = {"name": "Friends", "participants": list(people), "options": options}
    response = await talk.call("/client/createGroup", body)
    assert response.status_code == 200, response.text
    group_id = response.json()["group"]["id"]["_serialized"]
    return group_id, at_server(talk, group_id)


def at_server(talk: Talk, group_id: str) -> Group:
    group = talk.world.emulator.directory.groups.find(Jid.parse(group_id))
    assert group is not None
    return group


async def told(ann: Linked, kind: GroupChangeKind, group_id: str) -> GroupChanged:
    """Wait until Ann's device has heard of a change."""
    group = Jid.parse(group_id)
    return await ann.events.until(
        GroupChanged, lambda event: event.group == group and event.change.kind is kind
    )


# --- new groups ----------------------------------------------------------------------------------


async def test_a_group_is_made_and_written_in(talk: Talk, ann: Linked) -> None:
    body = {"name": "Friends", "participants": [talk.chat, c_us(ann.jid), "15550000000"]}
    response = await talk.call("/client/createGroup", body)
    answer = response.json()
    group_id = answer["group"]["id"]["_serialized"]
    group = at_server(talk, group_id)
    assert (group.subject, group.creator) == ("Friends", talk.own.number)
    assert set(group.members) == {talk.own.number, talk.alice.number, ann.jid.user}
    made = answer["response"]
    assert made["gid"]["_serialized"] == group_id
    assert {who: each["statusCode"] for who, each in made["participants"].items()} == {
        talk.chat: 200,
        c_us(ann.jid): 200,
        "15550000000@c.us": 404,
    }
    roles = {p["id"]["_serialized"]: p["isSuperAdmin"] for p in answer["group"]["participants"]}
    assert roles == {c_us(talk.own.jid): True, talk.chat: False, c_us(ann.jid): False}
    sent = await talk.send("hello all", to=group_id)
    assert (await talk.seen(sent["id"]["id"])).text == "hello all"
    await ann.wait_text("hello all")


async def test_a_group_is_set_up_as_wished(talk: Talk) -> None:
    _, group = await make(
        talk, talk.chat, isAnnounce=True, isRestrict=True, messageTimer=86400, memberAddMode=True
    )
    assert group.flags >= {"announcement", "locked"}
    assert (group.timer, group.modes["member_add_mode"]) == (86400, "admin_add")


async def test_a_group_is_described(talk: Talk, ann: Linked) -> None:
    group_id, group = await make(talk, talk.chat, c_us(ann.jid))
    info = (await ask(talk, "getGroupInfo", groupId=group_id))["group"]
    assert (info["subject"], info["owner"], info["size"]) == ("Friends", c_us(talk.own.jid), 3)
    assert info["creation"] == group.created
    await ann.client.groups.info(group.jid)
    await ann.client.groups.set_description(group.jid, "by Ann")
    await talk.world.inbox.until(
        lambda e: e["dataType"] == "group_update" and e["data"].get("desc") == "by Ann"
    )
    info = (await ask(talk, "getGroupInfo", groupId=group_id))["group"]
    assert (info["desc"], info["descOwner"]) == ("by Ann", c_us(ann.jid))
    members = (await ask(talk, "getParticipants", groupId=group_id))["participants"]
    assert [m["isSuperAdmin"] for m in members] == [True, False, False]
    for route in ("getGroupInfo", "getParticipants"):
        response = await talk.call(f"/groupChat/{route}", {"groupId": "120363999999999999@g.us"})
        assert problem(response) == (404, "group_not_found")


# --- members -------------------------------------------------------------------------------------


async def test_members_come_rise_fall_and_go(talk: Talk, ann: Linked) -> None:
    group_id, group = await make(talk, c_us(ann.jid))
    body = {"groupId": group_id, "participants": [talk.chat, c_us(ann.jid), "15550000000"]}
    answer = await ask(talk, "addParticipants", **body)
    assert answer["message"] == "Participants added"
    assert {who: each["code"] for who, each in answer["result"].items()} == {
        talk.chat: 200,
        c_us(ann.jid): 409,
        "15550000000@c.us": 404,
    }
    assert talk.alice.number in group.members
    await told(ann, GroupChangeKind.ADD, group_id)
    only = {"groupId": group_id, "participants": [talk.chat]}
    answer = await ask(talk, "promoteParticipants", **only)
    result = {"status": 200, "participants": {talk.chat: {"code": 200}}}
    assert answer == {"message": "Participants promoted", "result": result}
    assert group.is_admin(talk.alice.number)
    await told(ann, GroupChangeKind.PROMOTE, group_id)
    members = (await ask(talk, "getParticipants", groupId=group_id))["participants"]
    admins = {m["id"]["_serialized"] for m in members if m["isAdmin"]}
    assert admins == {c_us(talk.own.jid), talk.chat}
    answer = await ask(talk, "demoteParticipants", **only)
    assert answer["message"] == "Participants demoted"
    assert not group.is_admin(talk.alice.number)
    answer = await ask(talk, "removeParticipants", **only)
    assert answer["message"] == "Participants removed"
    assert talk.alice.number not in group.members
    await told(ann, GroupChangeKind.REMOVE, group_id)
    answer = await ask(talk, "removeParticipants", **only)
    assert answer["result"]["status"] == 404


async def test_who_may_not_be_added_gets_an_invitation(talk: Talk) -> None:
    bob, bobs_phone = await talk.world.person("Bob")
    bob.privacy["groupadd"] = "none"
    group_id, group = await make(talk, talk.chat)
    answer = await ask(
        talk,
        "addParticipants",
        groupId=group_id,
        participants=[c_us(bob.jid)],
        options={"comment": "join us"},
    )
    result = answer["result"][c_us(bob.jid)]
    assert (result["code"], result["isInviteV4Sent"]) == (403, True)
    assert bob.number not in group.members
    heard = await heard_by(bobs_phone).until(lambda m: m.message.HasField("groupInviteMessage"))
    invite = heard.message.groupInviteMessage
    assert invite.groupJid == group_id
    assert (invite.groupName, invite.caption) == ("Friends", "join us")
    assert invite.inviteCode == group.invitations[bob.number].code


async def test_what_whatsapp_refuses_is_told(talk: Talk, ann: Linked) -> None:
    created = await ann.client.groups.create(
        "Ann's", [talk.own.jid], GroupOptions(is_announcement=True, is_locked=True)
    )
    group_id = str(created.group.jid)
    for route, more in (
        ("setSubject", {"subject": "Ours"}),
        ("promoteParticipants", {"participants": [c_us(talk.own.jid)]}),
        ("revokeInvite", {}),
        ("setPicture", {"image": encoded(picture("PNG"))}),
    ):
        response = await talk.call(f"/groupChat/{route}", {"groupId": group_id, **more})
        assert response.status_code == 500, route
    assert at_server(talk, group_id).subject == "Ann's"


# --- settings ------------------------------------------------------------------------------------


async def test_subject_description_and_rights_are_set(talk: Talk, ann: Linked) -> None:
    group_id, group = await make(talk, c_us(ann.jid))
    answer = await ask(talk, "setSubject", groupId=group_id, subject="Better friends")
    assert answer == {"message": "Group subject updated", "result": True}
    assert group.subject == "Better friends"
    assert (await told(ann, GroupChangeKind.SUBJECT, group_id)).change.text == "Better friends"
    for text in ("first", "second"):
        await ask(talk, "setDescription", groupId=group_id, description=text)
        assert group.description is not None
        assert group.description.text == text
    await ask(talk, "setDescription", groupId=group_id)
    assert group.description is None
    for route, flag in (("setMessagesAdminsOnly", "announcement"), ("setInfoAdminsOnly", "locked")):
        for given, is_on in ((True, True), ("false", False)):
            answer = await ask(talk, route, groupId=group_id, adminsOnly=given)
            assert answer["message"] == "Group settings updated"
            assert (flag in group.flags) is is_on
    info = (await ask(talk, "getGroupInfo", groupId=group_id))["group"]
    assert (info["subject"], info["desc"], info["announce"]) == ("Better friends", "", False)


async def test_a_group_gets_a_picture_and_loses_it(talk: Talk, ann: Linked) -> None:
    group_id, group = await make(talk, c_us(ann.jid))
    answer = await ask(talk, "setPicture", groupId=group_id, image=encoded(picture("PNG")))
    assert answer == {"message": "Group picture updated", "result": True}
    assert group.picture is not None
    with Image.open(io.BytesIO(group.picture[1])) as shown:
        assert (shown.format, shown.size) == ("JPEG", (640, 640))
    await told(ann, GroupChangeKind.PICTURE, group_id)
    assert await ann.client.contacts.picture_url(group.jid) is not None
    answer = await ask(talk, "deletePicture", groupId=group_id)
    assert answer == {"message": "Group picture deleted", "result": True}
    assert group.picture is None
    response = await talk.world.server.api.post(
        f"/groupChat/setPicture/{SESSION}",
        data={"groupId": group_id},
        files={"file": ("cat.webp", picture("WEBP"), "image/webp")},
    )
    assert response.status_code == 200, response.text
    assert group.picture is not None
    body = {"groupId": group_id, "image": encoded(b"no picture at all")}
    response = await talk.call("/groupChat/setPicture", body)
    assert problem(response) == (400, "validation_error")


# --- leaving and joining -------------------------------------------------------------------------


async def test_a_group_is_joined_by_its_link_and_left(talk: Talk, ann: Linked) -> None:
    created = await ann.client.groups.create("Ann's", [talk.alice.jid])
    group = at_server(talk, str(created.group.jid))
    invited = (await ask(talk, "getInviteInfo", inviteCode=group.code))["group"]
    assert (invited["subject"], invited["owner"], invited["size"]) == ("Ann's", c_us(ann.jid), 2)
    link = f"https://chat.whatsapp.com/{group.code}"
    answer = await ask(talk, "acceptInvite", inviteCode=link)
    group_id = answer["groupId"]["_serialized"]
    assert group_id == answer["acceptInvite"] == str(group.jid)
    assert talk.own.number in group.members
    await talk.send("here I am", to=group_id)
    await ann.wait_text("here I am")
    assert await ask(talk, "leave", groupId=group_id) == {"message": "Left group"}
    assert talk.own.number not in group.members
    body = {"chatId": group_id, "contentType": "string", "content": "gone"}
    assert problem(await talk.call("/client/sendMessage", body)) == (404, "group_not_found")
    chat = (await talk.ok("/client/getChatById", chatId=group_id))["chat"]
    assert (chat["name"], chat["isReadOnly"]) == ("Ann's", True)


async def test_the_invite_code_is_told_and_replaced(talk: Talk) -> None:
    group_id, group = await make(talk, talk.chat)
    old = group.code
    assert await ask(talk, "getInviteCode", groupId=group_id) == {"inviteCode": old}
    new = (await ask(talk, "revokeInvite", groupId=group_id))["inviteCode"]
    assert group.code == new != old
    response = await talk.call("/groupChat/getInviteInfo", {"inviteCode": old})
    assert response.status_code == 500


async def test_who_wants_to_join_is_let_in_or_refused(talk: Talk, ann: Linked) -> None:
    group_id, group = await make(talk, talk.chat, membershipApprovalMode=True)
    assert group.approval is True
    joined = await ann.client.groups.join(group.code)
    assert joined.is_requested is True
    event = await talk.world.inbox.kind("group_membership_request")
    assert event["data"]["notification"]["recipientIds"] == [c_us(ann.jid)]
    (request,) = (await ask(talk, "getGroupMembershipRequests", groupId=group_id))["result"]
    assert request["id"]["_serialized"] == c_us(ann.jid)
    assert (request["requestMethod"], request["addedBy"]) == ("InviteLink", None)
    requesters = {"requesterIds": [c_us(ann.jid)]}
    answer = await ask(talk, "rejectGroupMembershipRequests", groupId=group_id, options=requesters)
    done = {"requesterId": c_us(ann.jid), "message": "Rejected successfully"}
    assert answer["result"] == [done]
    assert ann.jid.user not in {*group.members, *group.requests}
    await ann.client.groups.join(group.code)
    answer = await ask(talk, "approveGroupMembershipRequests", groupId=group_id)
    assert answer["result"] == [{**done, "message": "Approved successfully"}]
    assert ann.jid.user in group.members


async def test_joining_waits_where_an_admin_has_to_agree(talk: Talk, ann: Linked) -> None:
    created = await ann.client.groups.create("Ann's", [], GroupOptions(needs_approval=True))
    group = at_server(talk, str(created.group.jid))
    answer = await ask(talk, "acceptInvite", inviteCode=group.code)
    assert answer == {"groupId": None, "pendingApproval": True}
    assert talk.own.number in group.requests


# --- lists ---------------------------------------------------------------------------------------


async def test_groups_are_listed_beside_chats(talk: Talk, ann: Linked) -> None:
    group_id, _ = await make(talk, talk.chat)
    other_id, _ = await make(talk)
    await talk.received("hi")
    chats = (await talk.ok("/client/getChats"))["chats"]
    by_id = {chat["id"]["_serialized"]: chat for chat in chats}
    assert set(by_id) == {talk.chat, group_id, other_id}
    assert by_id[talk.chat]["lastMessage"]["body"] == "hi"
    assert by_id[talk.chat]["unreadCount"] == 1
    assert len(by_id[group_id]["groupMetadata"]["participants"]) == 2
    unread = (await talk.ok("/client/getChats", searchOptions={"unread": True}))["chats"]
    assert [chat["id"]["_serialized"] for chat in unread] == [talk.chat]
    response = await talk.call("/client/getChatById", {"chatId": "120363999999999999@g.us"})
    assert problem(response) == (404, "chat_not_found")
    answer = await talk.ok("/client/getCommonGroups", contactId=talk.chat)
    assert [(g["id"]["_serialized"], g["name"]) for g in answer["groups"]] == [
        (group_id, "Friends")
    ]
    answer = await talk.ok("/client/getCommonGroups", contactId=c_us(ann.jid))
    assert answer["groups"] == []
