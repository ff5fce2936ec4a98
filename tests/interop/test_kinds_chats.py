"""Messages that change the chat, and status posts."""

from __future__ import annotations

import time
from typing import Any

import pytest

from interop.kinds.compare import assert_same, innermost
from interop.kinds.files import THUMBNAIL, as_bytes, sha256
from interop.kinds.talks import Talk, fresh
from interop.kinds.world import STATUS, World
from interop.received import Event as BaileysEvent
from support.linked import Linked
from waport.client.compose import SendOptions
from waport.model import ChatTimerChanged, GroupChanged, Message
from waport.model.contents import MemberLabel, Text, TextStyle
from waport.model.group import GroupChangeKind
from waport.proto import pb
from waport.stanza.contents import read_message
from waport.wire import Jid

pytestmark = [
    pytest.mark.interop,
    pytest.mark.xdist_group("kinds-chats"),
    pytest.mark.asyncio(loop_scope="module"),
]

DAY_S, WEEK_S = 86_400, 604_800
STATUS_FEED = Jid.parse(STATUS)

privately = pytest.mark.parametrize("talk", ["private", "private by number"], indirect=True)
in_the_group = pytest.mark.parametrize("talk", ["group"], indirect=True)


def expiration_of(message: pb.Message) -> int:
    """The timer that a text carries, seconds; 0 for none."""
    return innermost(message).extendedTextMessage.contextInfo.expiration


# --- timers --------------------------------------------------------------------------------------


@privately
async def test_we_honour_a_timer_that_baileys_sets(talk: Talk) -> None:
    us, alice = talk.world.us, talk.world.alice
    for seconds in (DAY_S, 0):
        since = us.events.mark
        await talk.alice_sends({"disappearingMessagesInChat": seconds})
        changed = await us.events.until(ChatTimerChanged, since=since)
        assert (changed.chat, changed.by) == (alice.jid, alice.jid)
        assert changed.expiration_s == seconds
        message = await us.client.messages.send_text(talk.ours, fresh("gone soon"))
        received = await alice.client.wait_message(message.key.id)
        assert expiration_of(received.message) == seconds

    sent = await talk.alice_sends({"text": "brief"}, options={"ephemeralExpiration": WEEK_S})
    read = await us.wait_id(sent.id)
    content: Any = read_message(read.proto()).content
    assert content.context.expiration_s == WEEK_S


@privately
async def test_baileys_hears_of_a_timer_that_we_set(talk: Talk) -> None:
    us, alice = talk.world.us, talk.world.alice
    for seconds in (WEEK_S, 0):
        since = alice.client.mark
        setting = await us.client.messages.set_timer(talk.ours, seconds)
        received = await alice.client.wait_message(setting.key.id)
        content = innermost(received.message).protocolMessage
        assert content.type == pb.ProtocolMessage.EPHEMERAL_SETTING
        assert content.ephemeralExpiration == seconds

        def has_timer(event: BaileysEvent, wanted: int = seconds) -> bool:
            return event["event"] == "chats.update" and any(
                "ephemeralSettingTimestamp" in chat and chat.get("ephemeralExpiration", 0) == wanted
                for chat in event["data"]
            )

        await alice.client.wait_event(has_timer, since=since, what="a timer")
        message = await us.client.messages.send_text(talk.ours, fresh("gone soon"))
        received = await alice.client.wait_message(message.key.id)
        assert expiration_of(received.message) == seconds


@in_the_group
async def test_we_honour_the_timer_of_a_group(talk: Talk) -> None:
    us, alice = talk.world.us, talk.world.alice
    for seconds in (WEEK_S, 0):
        since = us.events.mark
        await alice.client.call("groupToggleEphemeral", str(talk.theirs), seconds)
        changed = await us.events.until(
            GroupChanged, lambda e: e.change.kind is GroupChangeKind.EPHEMERAL, since=since
        )
        assert (changed.change.number, changed.author) == (seconds, alice.jid)
        message = await us.client.messages.send_text(talk.ours, fresh("gone soon"))
        for reader in talk.readers:
            received = await reader.client.wait_message(message.key.id)
            assert expiration_of(received.message) == seconds


# --- labels --------------------------------------------------------------------------------------


async def label_of(us: Linked, group: Jid, member: Jid) -> str:
    """The label that we know of a member."""
    known = await us.read(lambda store: store.groups.get(group))
    assert known is not None
    found = known.member(member)
    assert found is not None
    return found.label


@in_the_group
async def test_we_read_the_label_of_a_member(talk: Talk) -> None:
    us, alice = talk.world.us, talk.world.alice
    for label in ("boss", "former boss", ""):
        await alice.client.call("updateMemberLabel", str(talk.theirs), label)
        await talk.all_read()
        assert await label_of(us, talk.ours, alice.lid) == label


@in_the_group
async def test_baileys_reads_our_label(talk: Talk) -> None:
    us = talk.world.us
    await us.client.messages.send(talk.ours, MemberLabel("chef", int(time.time())))

    def is_it(event: BaileysEvent) -> bool:
        if event["event"] != "group.member-tag.update":
            return False
        data = event["data"]
        named = (data["groupId"], str(Jid.parse(data["participant"]).bare), data["label"])
        return named == (str(talk.theirs), str(us.lid), "chef")

    for reader in talk.readers:
        await reader.client.wait_event(is_it, what="our label")
    assert await label_of(us, talk.ours, us.lid) == "chef"


# --- status posts --------------------------------------------------------------------------------

BLUE, WHITE, FONT = 0xFF0000FF, 0xFFFFFFFF, 2


def is_status_of(message: Message, author: Jid) -> bool:
    """Whether a message stands in the feed, written by that person."""
    return (message.key.chat, message.key.sender) == (STATUS_FEED, author)


async def test_we_read_status_posts(world: World) -> None:
    us, alice, bob = world.us, world.alice, world.bob
    audience = {"statusJidList": [str(us.lid), str(bob.lid)]}
    style = {"backgroundColor": "#0000FF", "font": FONT}
    sent = await alice.client.send_content(
        STATUS, {"text": fresh("my day")}, options=audience | style
    )
    text = await us.wait_id(sent.id)
    assert is_status_of(text, alice.jid)
    assert read_message(text.proto()).content == Text(
        innermost(sent.message).extendedTextMessage.text,
        style=TextStyle(background_argb=BLUE, font=FONT),
    )
    image = {
        "image": {"url": str(world.files.jpeg)},
        "caption": "today",
        "jpegThumbnail": as_bytes(THUMBNAIL),
    }
    sent = await alice.client.send_content(STATUS, image, options=audience)
    message = await us.wait_id(sent.id)
    assert is_status_of(message, alice.jid)
    assert_same(message.proto(), sent.message)
    target = world.files.jpeg.with_name("status")
    await us.client.media.download(message, target)
    assert sha256(target) == sha256(world.files.jpeg)
    await bob.client.wait_message(sent.id)


async def test_baileys_reads_our_status_posts(world: World) -> None:
    us, alice, bob = world.us, world.alice, world.bob
    options = SendOptions(audience=(alice.jid, bob.jid))
    style = TextStyle(WHITE, BLUE, FONT)
    made = await us.client.media.content(world.files.jpeg)
    for content in (Text(fresh("our day"), style=style), made.content):
        message = await us.client.messages.send(STATUS_FEED, content, options)
        for person in (alice, bob):
            received = await person.client.wait_message(message.key.id)
            assert received.chat == STATUS
            assert received.key["participant"] in (str(us.jid), str(us.lid))
            assert_same(received.message, message.proto())
            if content is made.content:
                digest, _ = await person.client.download(received)
                assert digest == sha256(world.files.jpeg)
