"""Operations of wwebjs-api below `/legacy`, with its own words: messages, groups, channels.

The scenes follow one another on one stage.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from support.files import picture
from support.older import Older, link, open_older
from support.shared_state import SharedState
from support.talk import c_us, encoded, heard_by, innermost
from waport.emulator.business import Business, Order, Product
from waport.emulator.groups import Group
from waport.emulator.newsletters import Newsletter
from waport.emulator.phone_media import OutgoingFile
from waport.proto import pb
from waport.wire import Jid

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

TEA = "\U0001f375"
NO_GROUP = "120363999999999999@g.us"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def older(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Older]:
    async with open_older(tmp_path_factory.mktemp("legacy"), {}) as older:
        await link(older)
        yield older


# --- messages ------------------------------------------------------------------------------------


async def test_a_message_is_answered_reacted_to_and_kept(older: Older) -> None:
    shared, heard = SharedState(older.own_phone), heard_by(older.phone)
    message = await older.received("tea or coffee?")
    ids = {"messageId": message["id"]["id"]}
    reply = (await older.ok("/message/reply", content="tea", **ids))["repliedMessage"]
    seen = await older.seen(reply["id"]["id"])
    context = seen.message.extendedTextMessage.contextInfo
    assert (seen.text, context.stanzaId) == ("tea", ids["messageId"])
    quoted = await older.ok("/message/getQuotedMessage", messageId=reply["id"]["id"])
    assert quoted["quotedMessage"]["body"] == "tea or coffee?"
    await older.ok("/message/react", reaction=TEA, **ids)
    await heard.until(lambda each: each.message.reactionMessage.text == TEA)
    (reactions,) = (await older.ok("/message/getReactions", **ids))["result"]
    assert (reactions["id"], reactions["hasReactionByMe"]) == (TEA, True)
    index = ("star", str(older.alice.jid), ids["messageId"], "0", "0")
    for path, is_starred in (("star", True), ("unstar", False)):
        await older.ok(f"/message/{path}", **ids)
        await shared.until(
            "regular_high", *index, matches=lambda v, on=is_starred: v.starAction.starred is on
        )
    told = (await older.ok("/message/getClassInfo", **ids))["message"]
    assert (told["body"], told["hasReaction"]) == ("tea or coffee?", True)
    contact = (await older.ok("/message/getContact", **ids))["contact"]
    assert contact["id"]["_serialized"] == older.chat
    data = (await older.ok("/message/runMethod", method="getReactions", **ids))["data"]
    assert data == [reactions]
    gone = {"messageId": "NONE"}
    assert await older.refused("/message/getClassInfo", **gone) == (500, "Message not found")
    wrong = {"contentType": "Nothing", "content": "x", **ids}
    status, text = await older.refused("/message/reply", **wrong)
    assert (status, text[:20]) == (400, "contentType invalid,")


async def test_an_own_message_is_followed_changed_and_taken_back(older: Older) -> None:
    sent = await older.send("see you @all", mentions=[older.chat])
    ids = {"messageId": sent["id"]["id"]}
    await older.stage.inbox.acked(sent["id"]["id"], 2)
    (delivered,) = (await older.ok("/message/getInfo", **ids))["info"]["delivery"]
    assert delivered["id"]["_serialized"] == older.chat
    (person,) = (await older.ok("/message/getMentions", **ids))["contacts"]
    assert person["id"]["_serialized"] == older.chat
    after = len(older.phone.messages())
    edited = (await older.ok("/message/edit", content="see you soon", **ids))["message"]
    assert edited["body"] == "see you soon"
    change = innermost((await older.newest(after=after)).message).protocolMessage
    assert change.editedMessage.extendedTextMessage.text == "see you soon"
    bob, bobs_phone = await older.stage.person("Bob")
    since = len(older.stage.inbox.events)
    await older.ok("/message/forward", destinationChatId=c_us(bob.jid), **ids)
    await heard_by(bobs_phone).until(lambda each: each.text == "see you soon")
    created = await older.stage.inbox.kind("message_create", since=since)
    assert created["data"]["id"]["remote"] == c_us(bob.jid)
    await older.ok("/message/delete", everyone=True, **ids)
    await heard_by(older.phone).until(
        lambda each: each.message.protocolMessage.type == pb.ProtocolMessage.REVOKE
    )
    assert (await older.listed(sent["id"]["id"]))["type"] == "revoked"
    received = await older.received("not yours")
    not_ours = {"messageId": received["id"]["id"]}
    assert (await older.ok("/message/getInfo", **not_ours))["info"] is None


async def test_files_are_fetched_as_json_and_as_they_are(older: Older) -> None:
    png = picture("PNG")
    file = OutgoingFile(png, "image/png", caption="look")
    ids = {"messageId": (await older.phone.send_file(older.own.jid, file)).id}
    await older.received("did you see?")
    media = (await older.ok("/message/downloadMedia", **ids))["messageMedia"]
    assert (media["data"], media["mimetype"]) == (encoded(png), "image/png")
    response = await older.call("/message/downloadMediaAsData", {"chatId": older.chat, **ids})
    assert response.content == png
    assert response.headers["content-type"] == "image/png"
    text = await older.received("no file")
    assert await older.refused("/message/downloadMedia", messageId=text["id"]["id"]) == (
        500,
        "Message media not found",
    )


async def test_polls_orders_and_payments_are_told(older: Older) -> None:
    poll = {"pollName": "Tea?", "pollOptions": ["yes", "no"]}
    sent = await older.send(poll, "Poll")
    await older.seen(sent["id"]["id"])
    ballot = await older.phone.vote(older.own.jid, sent["id"]["id"], ["yes"])
    await older.phone.send_message(older.own.jid, ballot)
    await older.stage.inbox.kind("vote_update")
    (vote,) = (await older.ok("/message/getPollVotes", messageId=sent["id"]["id"]))["votes"]
    assert (vote["voter"], vote["selectedOptions"][0]["name"]) == (older.chat, "yes")
    shop = Business("Bakery", products=[Product("1", "Bread", price="2500", currency="EUR")])
    shop.orders.append(Order("77", "token", 1_700_000_000, (("1", 2),)))
    older.own.business = shop
    order = pb.Message(orderMessage=pb.OrderMessage(orderId="77", token="token", itemCount=2))
    ordered = await older.phone.send_message(older.own.jid, order)
    request = pb.Message(
        requestPaymentMessage=pb.RequestPaymentMessage(currencyCodeIso4217="EUR", amount1000=5000)
    )
    asked = await older.phone.send_message(older.own.jid, request)
    await older.received("thanks")
    told = (await older.ok("/message/getOrder", messageId=ordered.id))["order"]
    assert [product["name"] for product in told["products"]] == ["Bread"]
    payment = (await older.ok("/message/getPayment", messageId=asked.id))["payment"]
    assert (payment["paymentCurrency"], payment["paymentAmount1000"]) == ("EUR", 5000)
    assert "order" not in await older.ok("/message/getOrder", messageId=asked.id)


# --- groups --------------------------------------------------------------------------------------


def at_server(older: Older, group_id: str) -> Group:
    group = older.stage.emulator.directory.groups.find(Jid.parse(group_id))
    assert group is not None
    return group


async def make(
    older: Older, title: str, *people: str, **options: Any
) -> tuple[dict[str, str], Any]:
    """A new group: the field that names it, and what the server has of it."""
    body = {"title": title, "participants": list(people), "options": options}
    made = (await older.ok("/client/createGroup", **body))["response"]
    group_id = made["gid"]["_serialized"]
    return {"chatId": group_id}, at_server(older, group_id)


async def test_a_group_is_made_and_set_up(older: Older) -> None:
    chat, group = await make(older, "Friends", older.chat)
    assert (group.subject, set(group.members)) == (
        "Friends",
        {older.own.number, older.alice.number},
    )
    ann = {"participantIds": [c_us(older.ann.jid)]}
    answer = await older.ok("/groupChat/addParticipants", options={"sleep": [1, 2]}, **chat, **ann)
    assert answer["result"][c_us(older.ann.jid)]["code"] == 200
    assert older.ann.jid.user in group.members
    for path, is_admin in (("promote", True), ("demote", False)):
        answer = await older.ok(f"/groupChat/{path}Participants", **chat, **ann)
        assert answer["result"]["status"] == 200
        assert group.is_admin(older.ann.jid.user) is is_admin
    sent = await older.send(
        "see @Friends", groupMentions=[{"subject": "Friends", "id": chat["chatId"]}]
    )
    (named,) = (await older.ok("/message/getGroupMentions", messageId=sent["id"]["id"]))["result"]
    assert named["id"]["_serialized"] == chat["chatId"]
    assert (await older.ok("/groupChat/removeParticipants", **chat, **ann))["result"][
        "status"
    ] == 200
    assert older.ann.jid.user not in group.members
    for path, body, read, wanted in (
        ("setSubject", {"subject": "Old friends"}, lambda: group.subject, "Old friends"),
        ("setDescription", {"description": "x"}, lambda: group.description.text, "x"),
        ("setMessagesAdminsOnly", {}, lambda: "announcement" in group.flags, True),
        ("setInfoAdminsOnly", {"adminsOnly": True}, lambda: "locked" in group.flags, True),
        ("setInfoAdminsOnly", {"adminsOnly": False}, lambda: "locked" in group.flags, False),
    ):
        assert (await older.ok(f"/groupChat/{path}", **chat, **body))["result"] is True
        assert read() == wanted
    named = {"method": "setSubject", "options": "Friends again"}
    assert (await older.ok("/groupChat/runMethod", **chat, **named))["data"] is True
    assert group.subject == "Friends again"
    body = {"pictureMimeType": "image/png", "pictureData": encoded(picture("PNG"))}
    assert (await older.ok("/groupChat/setPicture", **chat, **body))["result"] is True
    with Image.open(io.BytesIO(group.picture[1])) as shown:
        assert shown.format == "JPEG"
    assert (await older.ok("/groupChat/deletePicture", **chat))["result"] is True
    assert group.picture is None
    told = (await older.ok("/groupChat/getClassInfo", **chat))["chat"]
    assert (told["name"], told["groupMetadata"]["desc"]) == ("Friends again", "x")
    refusal = await older.refused("/groupChat/getClassInfo", chatId=NO_GROUP)
    assert refusal == (500, "The chat is not a group")
    code = (await older.ok("/groupChat/getInviteCode", **chat))["inviteCode"]
    assert code == group.code
    assert (await older.ok("/groupChat/revokeInvite", **chat))["result"] == group.code != code
    assert await older.ok("/groupChat/leave", **chat) == {"message": "Left group"}
    assert older.own.number not in group.members


async def test_who_wants_to_join_is_let_in_or_refused(older: Older) -> None:
    chat, group = await make(older, "Closed", older.chat, membershipApprovalMode=True)
    ann = c_us(older.ann.jid)
    for path, is_member in (("reject", False), ("approve", True)):
        await older.ann.client.groups.join(group.code)
        (request,) = (await older.ok("/groupChat/getGroupMembershipRequests", **chat))["result"]
        assert request["id"]["_serialized"] == ann
        options = {"requesterIds": [ann], "sleep": None}
        body = {**chat, "options": options}
        (done,) = (await older.ok(f"/groupChat/{path}GroupMembershipRequests", **body))["result"]
        assert done["requesterId"] == ann
        assert (older.ann.jid.user in group.members) is is_member
        assert group.requests == {}


async def test_a_group_of_somebody_else_is_joined(older: Older) -> None:
    made = await older.ann.client.groups.create("Ann's", [older.alice.jid])
    group = at_server(older, str(made.group.jid))
    info = (await older.ok("/client/getInviteInfo", inviteCode=group.code))["inviteInfo"]
    assert (info["subject"], info["size"]) == ("Ann's", 2)
    answer = await older.ok("/client/acceptInvite", inviteCode=group.code)
    assert answer["acceptInvite"] == str(group.jid)
    assert older.own.number in group.members


# --- channels ------------------------------------------------------------------------------------


def channel_at_server(older: Older, channel_id: str) -> Newsletter:
    channel = older.stage.emulator.directory.newsletters.find(Jid.parse(channel_id))
    assert channel is not None
    return channel


async def test_a_channel_is_made_posted_in_and_given_away(older: Older) -> None:
    made = (await older.ok("/client/createChannel", title="News"))["result"]
    chat, who = {"chatId": made["nid"]["_serialized"]}, {"userId": c_us(older.ann.jid)}
    channel = channel_at_server(older, chat["chatId"])
    newsletters, number = older.ann.client.newsletters, older.ann.jid.user
    await newsletters.follow(channel.jid)
    since = older.ann.events.mark
    post = {"contentType": "string", "content": "first"}
    sent = (await older.ok("/channel/sendMessage", **chat, **post))["message"]
    await older.ann.wait_text("first", since=since)
    (listed,) = (await older.ok("/channel/fetchMessages", **chat))["messages"]
    assert (listed["id"]["id"], listed["body"]) == (sent["id"]["id"], "first")
    png = {"mimetype": "image/png", "data": encoded(picture("PNG"))}
    for path, body, read, wanted in (
        ("setSubject", {"newSubject": "Old news"}, lambda: channel.name.text, "Old news"),
        ("setDescription", {"newDescription": "x"}, lambda: channel.description.text, "x"),
        ("setReactionSetting", {"reactionCode": 0}, lambda: channel.reactions, "NONE"),
        (
            "setProfilePicture",
            {"newProfilePictureMedia": png},
            lambda: channel.picture is not None,
            True,
        ),
        ("setProfilePicture", {}, lambda: channel.picture, None),
        ("sendChannelAdminInvite", who, lambda: number in channel.invited, True),
        ("revokeChannelAdminInvite", who, lambda: number in channel.invited, False),
        ("sendChannelAdminInvite", who, lambda: number in channel.invited, True),
    ):
        assert (await older.ok(f"/channel/{path}", **chat, **body))["result"] is True, path
        assert read() == wanted, path
    told = (await older.ok("/channel/getClassInfo", **chat))["channel"]
    assert (told["name"], told["description"]) == ("Old news", "x")
    people = (await older.ok("/channel/getSubscribers", **chat))["result"]
    assert "owner" in [each["role"] for each in people]
    await newsletters.admins.accept_invite(channel.jid)
    assert channel.role(number) == "ADMIN"
    assert (await older.ok("/channel/demoteChannelAdmin", **chat, **who))["result"] is True
    assert channel.role(number) == "SUBSCRIBER"
    await older.ok("/channel/sendChannelAdminInvite", **chat, **who)
    await newsletters.admins.accept_invite(channel.jid)
    given = {"newOwnerId": who["userId"], "options": {"shouldDismissSelfAsAdmin": True}}
    assert (await older.ok("/channel/transferChannelOwnership", **chat, **given))["result"] is True
    assert channel.owner == number
    assert await older.refused("/channel/getClassInfo") == (400, "The chat is not a channel")
    gone = {"chatId": "120363999999999999@newsletter"}
    assert await older.refused("/channel/getClassInfo", **gone) == (404, "Channel not Found")


async def test_channels_of_others_are_found_followed_and_left(older: Older) -> None:
    newsletters = older.ann.client.newsletters
    made = await newsletters.create("Tea of the day", "one a day")
    chat, by_id = {"chatId": str(made.jid)}, {"channelId": str(made.jid)}
    channel = channel_at_server(older, str(made.jid))
    found = (await older.ok("/client/getChannelByInviteCode", inviteCode=made.invite))["result"]
    assert found["id"]["_serialized"] == str(made.jid)
    listed = await older.ok("/client/searchChannels", searchOptions={"searchText": "Tea of"})
    assert [each["name"] for each in listed["result"]] == ["Tea of the day"]
    assert (await older.ok("/client/subscribeToChannel", **by_id))["result"] is True
    own = channel.followers[older.own.number]
    followed = (await older.get("/client/getChannels"))["result"]
    assert str(made.jid) in [each["id"]["_serialized"] for each in followed]
    await older.ann.client.messages.send_text(made.jid, "mint")
    await older.stage.inbox.text("mint")
    assert (await older.ok("/channel/sendSeen", **chat))["result"] is True
    (post,) = channel.posts.values()
    assert older.own.number in post.viewers
    for path, is_muted in (("mute", True), ("unmute", False)):
        assert (await older.ok(f"/channel/{path}", **chat))["result"] is True
        assert bool(own.muted) is is_muted
    await newsletters.admins.offer(made.jid, older.own.jid)
    assert (await older.ok("/channel/acceptChannelAdminInvite", **chat))["result"] is True
    assert channel.role(older.own.number) == "ADMIN"
    assert (await older.ok("/client/unsubscribeFromChannel", **by_id))["result"] is True
    assert older.own.number not in channel.followers
    mine = (await older.ok("/client/createChannel", title="Mine"))["result"]["nid"]["_serialized"]
    channel = channel_at_server(older, mine)
    assert (await older.ok("/channel/deleteChannel", chatId=mine))["result"] is True
    assert channel.state == "DELETED"
