"""Operations of wwebjs-api that no other scene here calls: what they do to WhatsApp's side."""

from __future__ import annotations

import time
from typing import Any

import pytest

from support.files import picture
from support.linked import Linked
from support.shared_state import SharedState
from support.talk import SESSION, Talk, c_us, problem
from waport.emulator import appstate
from waport.emulator.business import Business, Order, Product
from waport.emulator.phone_media import OutgoingFile
from waport.model import PresenceChanged, PresenceState
from waport.model.newsletter import ChannelRole, ReactionMode
from waport.proto import pb
from waport.wire import Jid

pytestmark = pytest.mark.e2e

Action = pb.SyncActionValue


async def of_group(talk: Talk, name: str, *people: Jid) -> str:
    """Make a group; its address."""
    answer = await talk.ok(
        "/client/createGroup", title=name, participants=[c_us(p) for p in people]
    )
    group: str = answer["group"]["id"]["_serialized"]
    return group


async def test_chats_are_kept_by_their_older_names(talk: Talk) -> None:
    shared, jid = SharedState(talk.own_phone), str(talk.alice.jid)
    await talk.received("hi")
    for name, collection, index, fits in (
        ("archiveChat", "regular_low", "archive", lambda v: v.archiveChatAction.archived),
        ("unarchiveChat", "regular_low", "archive", lambda v: not v.archiveChatAction.archived),
        ("pinChat", "regular_low", "pin_v1", lambda v: v.pinAction.pinned),
        ("unpinChat", "regular_low", "pin_v1", lambda v: not v.pinAction.pinned),
        ("muteChat", "regular_high", "mute", lambda v: v.muteAction.muted),
        ("unmuteChat", "regular_high", "mute", lambda v: not v.muteAction.muted),
        (
            "markChatUnread",
            "regular_low",
            "markChatAsRead",
            lambda v: not v.markChatAsReadAction.read,
        ),
    ):
        await talk.ok(f"/client/{name}")
        await shared.until(collection, index, jid, matches=fits)
    await talk.ok("/client/markChatUnread")
    await shared.until(
        "regular_low", "markChatAsRead", jid, matches=lambda v: not v.markChatAsReadAction.read
    )
    assert (await talk.ok("/contact/getChat", contactId=talk.chat))["chat"]["unreadCount"] == 1
    assert await talk.ok("/client/openChatWindow") == {}
    unknown = {"chatId": "120363000000000099@g.us"}
    assert problem(await talk.call("/client/openChatWindow", unknown)) == (404, "chat_not_found")


async def test_online_is_shown_by_the_older_names(talk: Talk, ann: Linked) -> None:
    await ann.client.presence.subscribe(talk.own.jid)
    for name, state in (
        ("sendPresenceUnavailable", PresenceState.UNAVAILABLE),
        ("sendPresenceAvailable", PresenceState.AVAILABLE),
    ):
        since = ann.events.mark
        await talk.ok(f"/client/{name}")
        await ann.events.until(
            PresenceChanged, lambda e, state=state: e.presence.state is state, since=since
        )


async def test_a_person_is_told_of_and_let_in_again(talk: Talk, ann: Linked) -> None:
    who = c_us(ann.jid)
    await talk.ok("/client/blockContact", contactId=who)
    assert talk.own.blocked == {ann.jid.user}
    await talk.ok("/client/unblockContact", contactId=who)
    assert talk.own.blocked == set()
    for subject in ("client", "contact"):
        country = await talk.ok(f"/{subject}/getCountryCode", number=who, contactId=who)
        assert country["result"] == "1"
        number = await talk.ok(f"/{subject}/getFormattedNumber", number=who, contactId=who)
        digits = "".join(each for each in number["result"] if each.isdigit())
        assert digits == ann.jid.user


async def test_labels_are_found_by_their_ids(talk: Talk) -> None:
    jid = str(talk.alice.jid)
    await talk.received("hi")
    await talk.shares()
    since, now = len(talk.world.inbox.events), int(time.time() * 1000)
    edit = Action(timestamp=now, labelEditAction=Action.LabelEditAction(name="New", color=2))
    away = Action(timestamp=now, archiveChatAction=Action.ArchiveChatAction(archived=True))
    await talk.own_phone.app_state.write(
        "regular_low",
        [
            appstate.Mutation("SET", ("label_edit", "7"), edit, 3),
            appstate.Mutation("SET", ("archive", jid), away, 3),
        ],
    )
    await talk.world.inbox.kind("chat_archived", since=since)
    label = (await talk.ok("/client/getLabelById", labelId="7"))["label"]
    assert (label["id"], label["name"]) == ("7", "New")
    assert problem(await talk.call("/client/getLabelById", {"labelId": "8"})) == (
        404,
        "label_not_found",
    )


async def test_files_of_kinds_that_are_not_wanted_stay_where_they_are(talk: Talk) -> None:
    for name in ("Audio", "Documents", "Photos", "Videos"):
        flag = name == "Documents"
        assert await talk.ok(f"/client/setAutoDownload{name}", flag=flag) == {}
    await talk.ok("/client/setBackgroundSync", flag=True)
    sent = await talk.phone.send_file(
        talk.own.jid, OutgoingFile(picture("PNG"), "image/png", caption="look")
    )
    # Files are fetched in the order in which they came.
    await talk.phone.send_file(talk.own.jid, OutgoingFile(b"hi", "text/plain", name="a.txt"))
    told = await talk.world.inbox.kind("media")
    assert told["data"]["messageMedia"]["filename"] == "a.txt"
    api = talk.world.server.api
    body = {"chatId": talk.chat, "messageId": sent.id}
    response = await api.post(f"/message/downloadMediaAsData/{SESSION}", json=body)
    assert (response.status_code, response.content) == (200, picture("PNG"))
    assert response.headers["content-type"] == "image/png"
    assert await talk.ok("/client/openChatWindowAt", messageId=sent.id) == {}


async def test_a_star_is_taken_back(talk: Talk) -> None:
    shared = SharedState(talk.own_phone)
    message = await talk.received("keep me")
    ids = {"messageId": message["id"]["id"]}
    index = ("star", str(talk.alice.jid), ids["messageId"], "0", "0")
    await talk.ok("/message/star", star=True, **ids)
    await shared.until("regular_high", *index, matches=lambda v: v.starAction.starred)
    await talk.ok("/message/unstar", **ids)
    await shared.until("regular_high", *index, matches=lambda v: not v.starAction.starred)


async def test_what_was_ordered_and_asked_for_is_told(talk: Talk) -> None:
    shop = Business("Bakery", products=[Product("1", "Bread", price="2500", currency="EUR")])
    shop.orders.append(Order("77", "token", 1_700_000_000, (("1", 2),)))
    talk.own.business = shop
    order = pb.Message(orderMessage=pb.OrderMessage(orderId="77", token="token", itemCount=2))
    sent = await talk.phone.send_message(talk.own.jid, order)
    request = pb.Message(
        requestPaymentMessage=pb.RequestPaymentMessage(currencyCodeIso4217="EUR", amount1000=5000)
    )
    asked = await talk.phone.send_message(talk.own.jid, request)
    await talk.received("thanks")
    told = (await talk.ok("/message/getOrder", messageId=sent.id))["order"]
    assert [product["name"] for product in told["products"]] == ["Bread"]
    payment = (await talk.ok("/message/getPayment", messageId=asked.id))["payment"]
    assert (payment["paymentCurrency"], payment["paymentAmount1000"]) == ("EUR", 5000)


async def test_groups_that_a_text_names_are_told(talk: Talk, ann: Linked) -> None:
    group = await of_group(talk, "Friends", ann.jid)
    sent = await talk.send("see @Friends", groupMentions=[{"subject": "Friends", "id": group}])
    (named,) = (await talk.ok("/message/getGroupMentions", messageId=sent["id"]["id"]))["result"]
    assert named["id"]["_serialized"] == group
    data = await talk.ok(
        "/groupChat/runMethod", chatId=group, method="setSubject", options="Old friends"
    )
    assert data["data"] is True
    assert (await ann.client.groups.info(Jid.parse(group), fresh=True)).subject == "Old friends"


async def test_methods_are_called_by_name(talk: Talk) -> None:
    shared = SharedState(talk.own_phone)
    message = await talk.received("hi")
    found = await talk.ok("/client/runMethod", method="getContactById", options=talk.chat)
    assert found["data"]["pushname"] == "Alice"
    await talk.ok("/chat/runMethod", method="archive")
    await shared.until(
        "regular_low",
        "archive",
        str(talk.alice.jid),
        matches=lambda v: v.archiveChatAction.archived,
    )
    ids = {"messageId": message["id"]["id"]}
    after = len(talk.phone.messages())
    await talk.ok("/message/runMethod", method="react", options="\U0001f375", **ids)
    reaction = await talk.newest(after=after)
    assert reaction.message.reactionMessage.text == "\U0001f375"


async def test_a_session_tells_its_state_and_begins_anew(talk: Talk) -> None:
    server, inbox = talk.world.server, talk.world.inbox
    assert (await server.get(f"/client/getState/{SESSION}"))["state"] == "CONNECTED"
    assert (await server.get(f"/client/getWWebVersion/{SESSION}"))["result"].startswith("2.3000.")
    ready = len(inbox.of("ready"))
    await talk.ok("/client/resetState")
    await inbox.count("ready", ready + 1)
    await talk.received("still there?")


async def test_channels_of_others_are_found_followed_and_left(talk: Talk, ann: Linked) -> None:
    made = await ann.client.newsletters.create("Tea of the day", "one a day")
    channel = str(made.jid)
    found = (await talk.ok("/client/getChannelByInviteCode", inviteCode=made.invite))["result"]
    assert found["id"]["_serialized"] == channel
    listed = await talk.ok("/client/searchChannels", searchOptions={"searchText": "Tea of"})
    assert [each["name"] for each in listed["result"]] == ["Tea of the day"]
    assert (await talk.ok("/client/subscribeToChannel", channelId=channel))["result"] is True
    followed = (await ann.client.newsletters.info(made.jid)).subscribers
    await ann.client.messages.send_text(made.jid, "mint")
    await talk.world.inbox.text("mint")
    assert (await talk.ok("/channel/sendSeen", chatId=channel))["result"] is True
    assert (await talk.ok("/client/unsubscribeFromChannel", channelId=channel))["result"] is True
    assert (await ann.client.newsletters.info(made.jid)).subscribers == followed - 1


async def test_a_channel_is_run_by_several_and_given_away(talk: Talk, ann: Linked) -> None:
    made: dict[str, Any] = (await talk.ok("/client/createChannel", title="News"))["result"]
    channel_id = made["nid"]["_serialized"]
    channel, who = {"chatId": channel_id}, {"userId": c_us(ann.jid)}
    jid = Jid.parse(channel_id)
    newsletters = ann.client.newsletters
    await newsletters.follow(jid)
    people = (await talk.ok("/channel/getSubscribers", **channel))["result"]
    assert "owner" in [each["role"] for each in people]
    assert (await talk.ok("/channel/setReactionSetting", reactionCode=0, **channel))["result"]
    assert (await newsletters.info(jid)).reactions == ReactionMode.NONE
    for _ in range(2):
        invite = {"options": {"comment": "join us"}, **channel, **who}
        assert (await talk.ok("/channel/sendChannelAdminInvite", **invite))["result"] is True
        assert (await talk.ok("/channel/revokeChannelAdminInvite", **channel, **who))["result"]
    assert (await talk.ok("/channel/sendChannelAdminInvite", **channel, **who))["result"] is True
    await newsletters.admins.accept_invite(jid)
    assert (await newsletters.info(jid)).role == ChannelRole.ADMIN
    assert (await talk.ok("/channel/demoteChannelAdmin", **channel, **who))["result"] is True
    assert (await newsletters.info(jid)).role == ChannelRole.SUBSCRIBER
    assert (await talk.ok("/channel/sendChannelAdminInvite", **channel, **who))["result"] is True
    await newsletters.admins.accept_invite(jid)
    given = {"newOwnerId": c_us(ann.jid), "options": {"shouldDismissSelfAsAdmin": True}}
    assert (await talk.ok("/channel/transferChannelOwnership", **channel, **given))["result"]
    assert (await newsletters.info(jid)).role == ChannelRole.OWNER
    # And the other way: what Ann runs, we agree to run.
    other = await newsletters.create("Ann's")
    await talk.ok("/client/subscribeToChannel", channelId=str(other.jid))
    await newsletters.admins.offer(other.jid, talk.own.jid)
    accepted = await talk.ok("/channel/acceptChannelAdminInvite", chatId=str(other.jid))
    assert accepted["result"] is True
    assert ChannelRole.ADMIN in [each.role for each in await newsletters.admins.all(other.jid)]


async def test_the_document_is_open_and_whole(talk: Talk) -> None:
    api = talk.world.server.api
    for path in ("/docs", "/api-docs"):
        response = await api.get(path, follow_redirects=True)
        assert response.status_code == 200
        assert "text/html" in response.headers["content-type"]
    assert "/client/sendMessage/{sessionId}" in (await api.get("/openapi.json")).json()["paths"]
