"""The account and its people over the public API: what WhatsApp's side and others see."""

from __future__ import annotations

import time
from typing import Any

import pytest

from support.files import picture
from support.linked import Linked
from support.shared_state import SharedState
from support.talk import SESSION, Talk, c_us, encoded, heard_by, problem
from waport.emulator import appstate
from waport.model import PresenceChanged, PresenceState
from waport.proto import pb

pytestmark = pytest.mark.e2e


async def test_the_own_profile_is_shown_to_others(talk: Talk, ann: Linked) -> None:
    contacts = ann.client.contacts
    await talk.ok("/client/setStatus", status="Open until six")
    about = await contacts.about(talk.own.jid)
    assert about is not None
    assert about.text == "Open until six"
    body = {"pictureMimetype": "image/png", "pictureData": encoded(picture("PNG"))}
    assert (await talk.ok("/client/setProfilePicture", **body))["result"] is True
    assert await contacts.picture_url(talk.own.jid) is not None
    api = talk.world.server.api
    response = await api.delete(f"/client/deleteProfilePicture/{SESSION}")
    assert response.json() == {"success": True, "result": True}
    assert await contacts.picture_url(talk.own.jid) is None
    info = (await talk.ok("/client/getInfo"))["info"]
    assert info["wid"]["_serialized"] == c_us(talk.own.jid)
    assert info["lid"] == str(talk.own.lid)


async def test_the_name_goes_to_the_phone(talk: Talk) -> None:
    shared = SharedState(talk.own_phone)
    answer = await talk.ok("/client/setDisplayName", displayName="Tea House")
    assert answer == {"message": "Display name updated", "result": True}
    value = await shared.until(
        "critical_block",
        "setting_pushName",
        matches=lambda v: v.pushNameSetting.name == "Tea House",
    )
    assert value.pushNameSetting.name == "Tea House"
    assert (await talk.ok("/client/getInfo"))["info"]["pushname"] == "Tea House"


async def test_being_online_and_typing_are_seen(talk: Talk, ann: Linked) -> None:
    await ann.client.presence.subscribe(talk.own.jid)
    for presence, state in (
        ("unavailable", PresenceState.UNAVAILABLE),
        ("available", PresenceState.AVAILABLE),
    ):
        since = ann.events.mark
        await talk.ok("/client/sendPresenceUpdate", presence=presence)
        await ann.events.until(
            PresenceChanged, lambda e, state=state: e.presence.state is state, since=since
        )
    since = ann.events.mark
    await talk.ok("/client/sendPresenceUpdate", presence="composing", chatId=c_us(ann.jid))
    await ann.events.until(
        PresenceChanged, lambda e: e.presence.state is PresenceState.COMPOSING, since=since
    )


async def test_people_are_found_by_number_and_told_of(talk: Talk, ann: Linked) -> None:
    nobody = "15550000000"
    assert (await talk.ok("/client/isRegisteredUser", contactId=talk.chat))["isRegistered"] is True
    assert (await talk.ok("/client/isRegisteredUser", number=nobody))["result"] is False
    found = (await talk.ok("/client/getNumberId", number=f"+{talk.alice.jid.user}"))["numberId"]
    assert found["_serialized"] == talk.chat
    assert (await talk.ok("/client/getNumberId", number=nobody))["numberId"] is None
    response = await talk.call("/client/getContactById", {"contactId": nobody})
    assert problem(response) == (404, "contact_not_found")
    await talk.received("hello")
    contact = (await talk.ok("/client/getContactById", contactId=talk.chat))["contact"]
    assert (contact["pushname"], contact["pn"]) == ("Alice", talk.chat)
    assert contact["lid"] == str(talk.alice.lid)
    listed = (await talk.ok("/client/getContacts"))["contacts"]
    assert talk.chat in [each["id"]["_serialized"] for each in listed]
    data = (await talk.ok("/client/getContactLidAndPhone", userIds=[c_us(ann.jid)]))["data"]
    assert data[0]["pn"] == c_us(ann.jid)
    assert data[0]["lid"].endswith("@lid")
    count = (await talk.ok("/client/getContactDeviceCount", userId=c_us(ann.jid)))["result"]
    assert count == 2
    await ann.client.profile.set_about("Reading")
    shown = await talk.ok("/contact/getAbout", contactId=c_us(ann.jid))
    assert (shown["about"], shown["result"]) == ("Reading", "Reading")
    assert shown["setAt"].endswith("Z")
    assert (await talk.ok("/contact/getProfilePicUrl", contactId=c_us(ann.jid)))["result"] is None
    await ann.client.profile.set_picture(picture("PNG"))
    url = (await talk.ok("/client/getProfilePicUrl", contactId=c_us(ann.jid)))["profilePicUrl"]
    assert url.startswith("http")


async def test_who_is_blocked_writes_in_vain(talk: Talk, ann: Linked) -> None:
    who = c_us(ann.jid)
    await ann.client.messages.send_text(talk.own.jid, "one")
    await talk.world.inbox.text("one")
    assert (await talk.ok("/client/blockContact", contactId=who))["message"] == "Contact blocked"
    assert talk.own.blocked == {ann.jid.user}
    assert (await talk.ok("/contact/isBlocked", contactId=who))["isBlocked"] is True
    (blocked,) = (await talk.ok("/client/getBlockedContacts"))["blockedContacts"]
    assert (blocked["number"], blocked["isBlocked"]) == (ann.jid.user, True)
    assert (await talk.ok("/contact/unblock", contactId=who))["message"] == "Contact unblocked"
    assert talk.own.blocked == set()
    assert (await talk.ok("/contact/isBlocked", contactId=who))["isBlocked"] is False
    await ann.client.messages.send_text(talk.own.jid, "two")
    await talk.world.inbox.text("two")


async def test_older_calls_reach_whatsapp(talk: Talk) -> None:
    message = await talk.received("tea or coffee?")
    ids = {"messageId": message["id"]["id"]}
    heard = heard_by(talk.phone)
    reply = await talk.ok("/legacy/message/reply", content="tea", **ids)
    seen = await talk.seen(reply["repliedMessage"]["id"]["id"])
    context = seen.message.extendedTextMessage.contextInfo
    assert (seen.text, context.stanzaId) == ("tea", ids["messageId"])
    await talk.ok("/legacy/message/react", reaction="\U0001f375", **ids)
    await heard.until(lambda each: each.message.reactionMessage.text == "\U0001f375")
    (reactions,) = (await talk.ok("/message/getReactions", **ids))["result"]
    assert (reactions["id"], reactions["hasReactionByMe"]) == ("\U0001f375", True)
    found = (await talk.ok("/client/searchMessages", query="COFFEE"))["messages"]
    assert [each["id"]["id"] for each in found] == [ids["messageId"]]
    listed = (await talk.ok("/legacy/chat/fetchMessages"))["messages"]
    assert [each["body"] for each in listed] == ["tea or coffee?", "tea"]
    own = {"messageId": reply["message"]["id"]["id"]}
    await talk.ok("/legacy/message/delete", everyone=True, **own)
    await heard.until(lambda each: each.message.protocolMessage.key.id == own["messageId"])


async def test_labels_are_given_and_taken(talk: Talk) -> None:
    await talk.received("hi")
    shared = await talk.shares()
    jid = str(talk.alice.jid)
    labels = [
        appstate.Mutation(
            "SET",
            ("label_edit", label_id),
            pb.SyncActionValue(
                timestamp=int(time.time() * 1000),
                labelEditAction=pb.SyncActionValue.LabelEditAction(name=name, color=2),
            ),
            3,
        )
        for label_id, name in (("1", "New"), ("2", "Old"))
    ]
    archived = pb.SyncActionValue(
        timestamp=int(time.time() * 1000),
        archiveChatAction=pb.SyncActionValue.ArchiveChatAction(archived=True),
    )
    labels.append(appstate.Mutation("SET", ("archive", jid), archived, 3))
    await talk.own_phone.app_state.write("regular_low", labels)
    # One patch is taken in as a whole: whoever hears of the archived chat has the labels, too.
    await talk.world.inbox.kind("chat_archived")
    await talk.ok("/client/addOrRemoveLabels", labelIds=["1"], chatIds=[talk.chat])
    await shared.until(
        "regular", "label_jid", "1", jid, matches=lambda v: v.labelAssociationAction.labeled
    )
    assert (await talk.ok("/client/getChatLabels"))["chatLabels"][0]["name"] == "New"
    (chat,) = (await talk.ok("/client/getChatsByLabelId", labelId="1"))["chats"]
    assert chat["id"]["_serialized"] == talk.chat
    await talk.ok("/chat/changeLabels", labelIds=["2"])
    await shared.until(
        "regular", "label_jid", "2", jid, matches=lambda v: v.labelAssociationAction.labeled
    )
    await shared.until(
        "regular",
        "label_jid",
        "1",
        jid,
        matches=lambda v: not v.labelAssociationAction.labeled,
    )
    response = await talk.call("/chat/changeLabels", {"chatId": talk.chat, "labelIds": ["9"]})
    assert problem(response) == (404, "label_not_found")


async def test_votes_are_told_by_person(talk: Talk) -> None:
    poll = {"pollName": "Tea?", "pollOptions": ["yes", "no"]}
    sent = await talk.send(poll, "Poll")
    message_id = sent["id"]["id"]
    await talk.seen(message_id)
    ballot = await talk.phone.vote(talk.own.jid, message_id, ["yes"])
    await talk.phone.send_message(talk.own.jid, ballot)
    await talk.world.inbox.kind("vote_update")
    (vote,) = (await talk.ok("/message/getPollVotes", messageId=message_id))["votes"]
    assert vote["voter"] == talk.chat
    assert vote["selectedOptions"] == [{"name": "yes", "localId": 0}]
    await talk.ok("/message/vote", messageId=message_id, selectedOptions=["no"])
    votes = (await talk.ok("/message/getPollVotes", messageId=message_id))["votes"]
    assert {each["voter"]: each["selectedOptions"][0]["name"] for each in votes} == {
        talk.chat: "yes",
        c_us(talk.own.jid): "no",
    }


async def test_a_channel_is_made_followed_and_posted_in(talk: Talk, ann: Linked) -> None:
    answer = await talk.ok("/client/createChannel", title="News", options={"description": "x"})
    made: dict[str, Any] = answer["result"]
    assert made["title"] == "News"
    channel_id = made["nid"]["_serialized"]
    seen = await ann.client.newsletters.by_invite(made["inviteLink"])
    assert (seen.name, seen.description) == ("News", "x")
    await ann.client.newsletters.follow(seen.jid)
    since = ann.events.mark
    body = {"chatId": channel_id, "contentType": "string", "content": "first"}
    post = (await talk.ok("/channel/sendMessage", **body))["message"]
    await ann.wait_text("first", since=since)
    listed = (await talk.ok("/channel/fetchMessages", chatId=channel_id))["messages"]
    assert [each["body"] for each in listed] == ["first"]
    assert listed[0]["id"]["id"] == post["id"]["id"]
    answer = await talk.ok("/channel/setSubject", chatId=channel_id, newSubject="Old news")
    assert answer["result"] is True
    assert (await ann.client.newsletters.info(seen.jid)).name == "Old news"
    (own,) = (await talk.world.server.get(f"/client/getChannels/{SESSION}"))["result"]
    assert (own["name"], own["channelMetadata"]["membershipType"]) == ("Old news", "owner")
    assert (await talk.ok("/channel/mute", chatId=channel_id))["result"] is True
    assert (await talk.ok("/channel/deleteChannel", chatId=channel_id))["result"] is True
    response = await talk.call("/channel/getClassInfo", {"chatId": channel_id})
    assert problem(response) == (404, "chat_not_found")
