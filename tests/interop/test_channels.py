"""Channels between Baileys and us: each makes one that the other follows."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from interop.kinds.files import THUMBNAIL, as_bytes, picture
from support.linked import Linked
from waport.client.compose import SendOptions
from waport.client.media_contents import MediaOptions
from waport.errors import NotAuthorized, NotFound
from waport.model import (
    ChannelChanged,
    MessageEdited,
    MessageRevoked,
    PostCounted,
    ReactionChanged,
)
from waport.model.newsletter import ChannelChangeKind, ChannelRole, ReactionMode
from waport.proto import pb
from waport.wire import Jid

if TYPE_CHECKING:
    from .baileys import Baileys
    from .conftest import Admin, Launch

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("channels")]

Kind = ChannelChangeKind


async def lid_of(client: Baileys) -> str:
    return str(Jid.parse((await client.me())["lid"]).bare)


async def changed(us: Linked, channel: Jid, fits: Any) -> ChannelChanged:
    """Wait until we have heard of a change of a channel."""
    return await us.events.until(
        ChannelChanged, lambda event: event.channel.jid == channel and fits(event)
    )


async def test_we_follow_a_channel_of_baileys(
    baileys: Launch, ours: Linked, admin: Admin, unique_name: str
) -> None:
    alice = await baileys(f"{unique_name} Alice")
    made = await alice.call("newsletterCreate", unique_name, "of all kinds")
    channel = Jid.parse(made["id"])
    found = await ours.client.newsletters.by_invite(made["invite"])
    assert (found.jid, found.name, found.description) == (channel, unique_name, "of all kinds")
    assert (found.role, found.subscribers) == (ChannelRole.GUEST, made["subscribers"])
    assert (found.created_at, found.is_verified) == (made["creation_time"], False)

    early = await alice.send_text(str(channel), "early")
    followed = await ours.client.newsletters.follow(channel)
    assert followed.role == ChannelRole.SUBSCRIBER
    (message,) = await ours.client.newsletters.posts.fetch(channel)
    assert (message.key.id, message.text) == (early, "early")

    live = await alice.send_text(str(channel), "live")
    assert (await ours.wait_id(live)).text == "live"
    assert ours.texts() == ["live"]
    posts = ours.client.newsletters.posts
    known = await posts.known(channel, live)
    assert known is not None
    assert known.server_id == 101

    # What we do there Baileys sees when it asks.
    await alice.call("subscribeNewsletterUpdates", str(channel))
    await ours.client.messages.react(channel, live, "👍")
    await ours.events.until(ReactionChanged, lambda e: e.target.id == live)
    assert await posts.mark_viewed(channel, [101]) == 1
    await seen(admin, channel, 101, {"reactions": {ours.jid.user: "👍"}, "views": 1})
    await ours.client.messages.react(channel, live, "")
    await seen(admin, channel, 101, {"reactions": {}, "views": 1})

    # What Baileys' owner changes we hear of.
    await alice.call("newsletterUpdateName", str(channel), "Other")
    event = await changed(ours, channel, lambda e: e.channel.name == "Other")
    assert event.kind is Kind.UPDATED
    await alice.call("newsletterUpdateDescription", str(channel), "in other words")
    await changed(ours, channel, lambda e: e.channel.description == "in other words")
    jpeg = base64.b64encode(b"\xff\xd8\xff\xe0 picture").decode()
    pictured = await alice.call("newsletterUpdate", str(channel), {"picture": jpeg})
    path = pictured["thread_metadata"]["picture"]["direct_path"]
    await changed(ours, channel, lambda e: e.channel.picture_path == path)
    with pytest.raises(NotAuthorized):
        await ours.client.messages.send_text(channel, "me too")

    # Reactions of Baileys come to us as counters.
    assert await posts.watch.begin(channel) > 0
    await alice.call("newsletterReactMessage", str(channel), "101", "🙏")
    counted = await ours.events.until(PostCounted, lambda e: "🙏" in e.post.counts.reactions)
    assert (counted.post.message_id, counted.post.server_id) == (live, 101)

    await change(alice, str(channel), live, "changed")
    edited = await ours.events.until(MessageEdited)
    assert (edited.message.text, edited.previous.text) == ("changed", "live")
    await change(alice, str(channel), live, None)
    revoked = await ours.events.until(MessageRevoked)
    assert revoked.message.key.id == live
    await ours.client.newsletters.unfollow(channel)
    await alice.send_text(str(channel), "nobody hears")
    assert await alice.call("newsletterAdminCount", str(channel)) == 1
    fetched = await posts.fetch(channel, 1)
    assert [message.text for message in fetched] == ["nobody hears"]
    assert "nobody hears" not in ours.texts()


async def change(client: Baileys, channel: str, post: str, text: str | None) -> None:
    """Edit a post of an own channel, or take it back; Baileys has no word for it, so it carries."""
    content = b"" if text is None else pb.Message(conversation=text).SerializeToString()
    plaintext = {"tag": "plaintext", "attrs": {}, "content": as_bytes(content)}
    attrs = {"to": channel, "id": post, "type": "text", "edit": "8" if text is None else "3"}
    await client.call("query", {"tag": "message", "attrs": attrs, "content": [plaintext]})


async def seen(admin: Admin, channel: Jid, server_id: int, wanted: dict[str, Any]) -> None:
    """Wait until the server has counted so."""
    async with asyncio.timeout(20):
        while True:
            shown = await admin.get(f"/newsletters/{channel}")
            (post,) = [post for post in shown["posts"] if post["server_id"] == server_id]
            if {name: post[name] for name in wanted} == wanted:
                return


async def test_baileys_follows_a_channel_of_ours(
    baileys: Launch, ours: Linked, unique_name: str
) -> None:
    newsletters, messages = ours.client.newsletters, ours.client.messages
    made = await newsletters.create(unique_name, "by us", THUMBNAIL)
    channel = str(made.jid)
    alice = await baileys(f"{unique_name} Alice")
    found = await alice.call("newsletterMetadata", "invite", made.invite)
    assert (found["id"], found["thread_metadata"]["name"]["text"]) == (channel, unique_name)
    followed = await alice.call("newsletterFollow", channel)
    assert followed["viewer_metadata"]["role"] == "SUBSCRIBER"
    assert (await newsletters.info(made.jid)).subscribers == 2

    sent = await messages.send_text(made.jid, "news")
    got = await alice.wait_message(sent.key.id)
    assert (got.chat, got.text, got.key["server_id"]) == (channel, "news", "100")
    known = await newsletters.posts.known(made.jid, sent.key.id)
    assert known is not None
    assert known.server_id == 100

    look = MediaOptions(channel=True, caption="look")
    file = await ours.client.media.content(picture("JPEG", (64, 48)), look)
    posted = await messages.send(made.jid, file.content, SendOptions(media_id=file.handle or ""))
    got = await alice.wait_message(posted.key.id)
    image = got.message.imageMessage
    assert (image.caption, image.mediaKey) == ("look", b"")
    uploaded = await ours.client.media.download_bytes(posted, 2**20)
    assert hashlib.sha256(uploaded).digest() == image.fileSha256

    edited = await messages.edit(made.jid, sent.key.id, "better news")
    assert edited.text == "better news"
    assert (await alice.wait_text("better news")).id == sent.key.id
    await newsletters.posts.watch.begin(made.jid)
    await alice.call("newsletterReactMessage", channel, "100", "❤️")
    counted = await ours.events.until(PostCounted, lambda e: bool(e.post.counts.reactions))
    assert (counted.post.message_id, dict(counted.post.counts.reactions)) == (
        sent.key.id,
        {"❤️": 1},
    )
    (senders,) = await newsletters.admins.reactions(made.jid, 100)
    person = Jid.parse((await alice.me())["id"]).bare
    assert [each.pn for each in senders.people] == [person]
    await newsletters.set_reactions(made.jid, ReactionMode.NONE)
    await alice.call("newsletterReactMessage", channel, "100", "👍")  # it does not look at the ack
    await newsletters.posts.updates(made.jid)
    known = await newsletters.posts.known(made.jid, sent.key.id)
    assert known is not None
    assert dict(known.counts.reactions) == {"❤️": 1}

    await newsletters.set_name(made.jid, "Renamed")
    shown = await alice.call("newsletterMetadata", "jid", channel)
    assert shown["thread_metadata"]["name"]["text"] == "Renamed"
    await messages.revoke(made.jid, posted.key.id)
    answer = await alice.call("newsletterFetchMessages", channel, 10, 0, 0)
    assert texts_in(answer) == {"100": "better news", "101": ""}

    # The channel goes to Alice, and comes to an end in her hands.
    await newsletters.admins.offer(made.jid, person)
    accept = {"query_id": "9580828702035549"}
    variables = f'{{"variables":{{"newsletter_id":"{channel}"}}}}'
    attrs = {"to": "s.whatsapp.net", "type": "get", "xmlns": "w:mex"}
    query = {"tag": "query", "attrs": accept, "content": as_bytes(variables.encode())}
    await alice.call("query", {"tag": "iq", "attrs": attrs, "content": [query]})
    promoted = await changed(ours, made.jid, lambda e: e.kind is Kind.PROMOTED)
    assert promoted.person == person
    hers = await alice.send_text(channel, "from an admin")
    assert not (await ours.wait_id(hers)).key.from_me
    await newsletters.admins.transfer(made.jid, person, demote_self=True)
    shown = await alice.call("newsletterMetadata", "jid", channel)
    assert shown["viewer_metadata"]["role"] == "OWNER"
    await alice.call("newsletterDelete", channel)
    gone = await changed(ours, made.jid, lambda e: e.kind is Kind.STATE)
    assert gone.channel.is_gone
    with pytest.raises(NotFound):
        await newsletters.info(made.jid)
    with pytest.raises(NotFound):
        await messages.send_text(made.jid, "nobody there")


def texts_in(answer: Any) -> dict[str, str]:
    """Server id to text, of the posts in an answer to Baileys."""
    (updates,) = [node for node in answer["content"] if node["tag"] == "message_updates"]
    (listing,) = updates["content"]
    found = {}
    for message in listing["content"]:
        plain = [node for node in message["content"] if node["tag"] == "plaintext"]
        data = base64.b64decode(plain[0].get("content") or "") if plain else b""
        content = pb.Message.FromString(data)
        found[message["attrs"]["server_id"]] = content.conversation or (
            content.extendedTextMessage.text
        )
    return found


async def test_two_devices_of_one_account_agree_about_channels(
    baileys: Launch, ours: Linked, unique_name: str
) -> None:
    second = await baileys(f"{unique_name} second", push_name=f"{unique_name} us")
    alice = await baileys(f"{unique_name} Alice")
    channel = Jid.parse((await alice.call("newsletterCreate", unique_name))["id"])
    # Our account follows by its other device.
    await second.call("newsletterFollow", str(channel))
    event = await changed(ours, channel, lambda e: e.kind is Kind.FOLLOWED)
    assert event.channel.role == ChannelRole.SUBSCRIBER
    await second.call("newsletterMute", str(channel))
    event = await changed(ours, channel, lambda e: e.kind is Kind.MUTED)
    assert event.channel.is_muted
    assert (await ours.client.chats.get(channel)).chat.muted_until == -1
    await alice.send_text(str(channel), "for both")
    await second.wait_text("for both")
    await ours.wait_text("for both")
    await second.call("newsletterUnfollow", str(channel))
    await changed(ours, channel, lambda e: e.kind is Kind.UNFOLLOWED)
    assert await ours.client.newsletters.stored() == []
    # And the other way round: what we post there comes from us.
    mine = await ours.client.newsletters.create(f"{unique_name} ours")
    sent = await ours.client.messages.send_text(mine.jid, "mine")
    await second.wait_message(sent.key.id)
    posted = await second.send_text(str(mine.jid), "mine too")
    assert (await ours.wait_id(posted)).key.from_me
    await change(second, str(mine.jid), posted, "mine, edited")
    edited = await ours.events.until(MessageEdited)
    assert (edited.message.key.id, edited.message.text) == (posted, "mine, edited")
