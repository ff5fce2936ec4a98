"""Two clients of ours and other people with channels of the emulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.linked import Linked, ServerAddress, linked_client
from waport.client.compose import SendOptions
from waport.client.media_contents import MediaOptions
from waport.emulator import Emulator, EmulatorOptions
from waport.emulator.accounts import Account
from waport.errors import Conflict, InvalidInput, NotAuthorized, NotFound, QueryError
from waport.model import (
    Ack,
    ChannelChanged,
    Message,
    MessageEdited,
    MessageKind,
    MessageRevoked,
    PostCounted,
    ReactionChanged,
    UnreadChanged,
)
from waport.model.contents import ChannelInvite
from waport.model.contents.limits import MAX_CAPTION
from waport.model.newsletter import (
    ChannelChangeKind,
    ChannelRole,
    ChannelState,
    DirectoryView,
    Newsletter,
    ReactionMode,
)
from waport.stanza.contents import read_message
from waport.wire import Jid

Kind = ChannelChangeKind


@dataclass
class World:
    """Ann and Bob use our client; Carol has but a phone."""

    emulator: Emulator
    ann: Linked
    bob: Linked
    carol: Account

    async def told(self, who: Linked, channel: Jid, kind: ChannelChangeKind) -> ChannelChanged:
        """Wait until somebody heard of a change."""
        return await who.events.until(
            ChannelChanged, lambda event: event.channel.jid == channel and event.kind is kind
        )

    async def news(self, *, followed: bool = True) -> Jid:
        """A channel of Ann's, which Bob follows."""
        made = await self.ann.client.newsletters.create("News", "of all kinds")
        if followed:
            await self.bob.client.newsletters.follow(made.jid)
        return made.jid

    async def stored(self, who: Linked, channel: Jid) -> Newsletter:
        known = await who.read(lambda store: store.newsletters.get(channel))
        assert known is not None
        return known


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with Emulator(EmulatorOptions()) as emulator:
        emulator.policy.require_channel_terms = True
        address = ServerAddress(emulator.ws_url, emulator.root_key.hex(), emulator.ca_file)
        accounts = [await emulator.create_account(None, name) for name in ("Ann", "Bob")]
        carol = await emulator.create_account(None, "Carol")
        for name in ("ann", "bob"):
            (tmp_path / name).mkdir()
        ann, bob = (emulator.phone_of(account) for account in accounts)
        async with (
            linked_client(tmp_path / "ann", address, ann.pair_by_qr) as one,
            linked_client(tmp_path / "bob", address, bob.pair_by_qr) as two,
        ):
            yield World(emulator, one, two, carol)


async def test_a_channel_is_made_found_followed_muted_and_left(world: World) -> None:
    ann, bob = world.ann.client.newsletters, world.bob.client.newsletters
    made = await ann.create("News", "of all kinds")
    assert (made.name, made.description, made.role) == ("News", "of all kinds", ChannelRole.OWNER)
    assert made.link.endswith(made.invite)
    assert made.is_run

    for found in (await bob.info(made.jid), await bob.by_invite(made.link)):
        assert (found.jid, found.name, found.role) == (made.jid, "News", ChannelRole.GUEST)
    # What one only looks at is not collected.
    assert await world.bob.read(lambda store: store.newsletters.all()) == []

    followed = await bob.follow(made.jid)
    assert (followed.role, followed.subscribers) == (ChannelRole.SUBSCRIBER, 2)
    assert (await world.told(world.bob, made.jid, Kind.FOLLOWED)).channel == followed
    assert await bob.stored() == [followed]
    assert await bob.all() == [followed]
    chat = await world.bob.client.chats.get(made.jid)
    assert chat.title == "News"

    await bob.mute(made.jid)
    assert (await bob.info(made.jid, fresh=False)).is_muted
    assert (await world.bob.client.chats.get(made.jid)).chat.muted_until == -1
    await bob.mute(made.jid, followers=True)
    await bob.unmute(made.jid)
    known = await bob.info(made.jid)
    assert (known.is_muted, known.mutes_followers) == (False, True)
    assert (await world.bob.client.chats.get(made.jid)).chat.muted_until == 0

    await bob.unfollow(made.jid)
    await world.told(world.bob, made.jid, Kind.UNFOLLOWED)
    assert await bob.stored() == []
    assert await bob.all() == []
    with pytest.raises(NotAuthorized):
        await ann.unfollow(made.jid)


async def test_changes_of_a_channel_are_heard_by_its_followers(world: World) -> None:
    jid = await world.news()
    ann, bob = world.ann.client.newsletters, world.bob
    assert (await ann.set_name(jid, "Old news")).name == "Old news"
    heard = await bob.events.until(ChannelChanged, lambda e: e.channel.name == "Old news")
    assert (heard.kind, heard.channel.role) == (Kind.UPDATED, ChannelRole.SUBSCRIBER)
    await ann.set_description(jid, "")
    await bob.events.until(ChannelChanged, lambda e: e.channel.description == "")
    await ann.set_reactions(jid, ReactionMode.NONE)
    await bob.events.until(ChannelChanged, lambda e: e.channel.reactions == ReactionMode.NONE)
    pictured = await ann.set_picture(jid, PNG)
    assert pictured.picture_path.startswith("/")
    heard = await bob.events.until(ChannelChanged, lambda e: bool(e.channel.picture_id))
    assert heard.channel.picture_path == pictured.picture_path
    assert (await ann.remove_picture(jid)).picture_path == ""
    with pytest.raises(NotAuthorized):
        await bob.client.newsletters.set_name(jid, "Mine")

    await ann.delete(jid)
    gone = await world.told(bob, jid, Kind.STATE)
    assert (gone.channel.is_gone, gone.channel.role) == (True, ChannelRole.GUEST)
    with pytest.raises(NotFound):
        await bob.client.newsletters.info(jid)
    assert (await world.stored(bob, jid)).state == ChannelState.DELETED
    with pytest.raises(NotFound):
        await world.ann.client.messages.send_text(jid, "nobody there")


async def test_posts_are_written_changed_counted_and_paged(world: World) -> None:
    jid = await world.news()
    ann, bob = world.ann, world.bob
    sent = [await ann.client.messages.send_text(jid, f"post {number}") for number in range(5)]
    assert [message.ack for message in sent] == [Ack.SERVER] * 5
    first = await bob.wait_text("post 0")
    assert (first.key.chat, first.key.sender, first.key.from_me) == (jid, jid, False)
    await bob.wait_text("post 4")
    posts = bob.client.newsletters.posts
    known = await posts.known(jid, sent[0].key.id)
    assert known is not None
    assert known == await ann.client.newsletters.posts.known(jid, sent[0].key.id)
    number = known.server_id

    page = await posts.fetch(jid, 2)
    assert [message.text for message in page] == ["post 3", "post 4"]
    page = await posts.fetch(jid, 2, before=number + 2)
    assert [message.text for message in page] == ["post 0", "post 1"]
    page = await posts.fetch(jid, 2, after=number)
    assert [message.text for message in page] == ["post 1", "post 2"]

    edited = await ann.client.messages.edit(jid, sent[1].key.id, "post one")
    assert (edited.text, edited.key) == ("post one", sent[1].key)
    heard = await bob.events.until(MessageEdited)
    assert (heard.previous.text, heard.message.text) == ("post 1", "post one")
    left = await ann.client.messages.revoke(jid, sent[2].key.id)
    assert left.kind is MessageKind.REVOKED
    revoked = await bob.events.until(MessageRevoked)
    assert revoked.original is not None
    assert revoked.original.text == "post 2"

    # Counters come to those who watch.
    assert await ann.client.newsletters.posts.watch.begin(jid) > 0
    await bob.client.messages.react(jid, sent[0].key.id, "👍")
    counted = await ann.events.until(PostCounted, lambda e: e.post.counts.reactions == {"👍": 1})
    assert counted.post.message_id == sent[0].key.id
    own = await bob.events.until(ReactionChanged)
    assert (own.target.id, own.text, own.key.from_me) == (sent[0].key.id, "👍", True)
    (reaction,) = await posts.own_reactions(jid)
    assert (reaction.server_id, reaction.code) == (number, "👍")
    (senders,) = await ann.client.newsletters.admins.reactions(jid, number)
    assert (senders.code, [person.pn for person in senders.people]) == ("👍", [bob.jid])
    await bob.client.messages.react(jid, sent[0].key.id, "")
    await ann.events.until(
        PostCounted, lambda e: not e.post.counts.reactions, since=ann.events.all.index(counted) + 1
    )

    assert await posts.mark_viewed(jid, [number]) == 1
    await ann.events.until(PostCounted, lambda e: e.post.counts.views == 1)
    # The post that was taken back asks for nothing.
    assert await bob.client.newsletters.posts.send_seen(jid) == 4
    assert (await bob.client.chats.get(jid)).chat.unread == 0
    counted_down = await bob.events.until(
        UnreadChanged, lambda e: e.chat.jid == jid and not e.count
    )
    assert counted_down.chat.unread == 0
    await posts.updates(jid)
    known = await posts.known(jid, sent[0].key.id)
    assert known is not None
    assert known.counts.views == 1


async def test_what_was_posted_before_is_fetched_without_being_news(world: World) -> None:
    jid = await world.news(followed=False)
    sent = await world.ann.client.messages.send_text(jid, "early")
    await world.ann.client.messages.edit(jid, sent.key.id, "edited early")
    bob = world.bob
    (message,) = await bob.client.newsletters.posts.fetch(jid)
    assert (message.text, message.key.id) == ("edited early", sent.key.id)
    assert message.edited_ms > 0
    assert bob.texts() == []
    known = await bob.client.newsletters.posts.known(jid, message.key.id)
    assert known is not None
    assert await bob.client.newsletters.posts.message(jid, known.server_id) == message
    assert await bob.client.newsletters.posts.message(jid, known.server_id + 1) is None


async def test_a_refused_change_leaves_the_post_as_it_is(world: World) -> None:
    jid = await world.news()
    ann, bob = world.ann, world.bob
    sent = await ann.client.messages.send_text(jid, "news")
    await bob.wait_text("news")
    await ann.client.newsletters.set_reactions(jid, ReactionMode.NONE)
    with pytest.raises(QueryError):
        await bob.client.messages.react(jid, sent.key.id, "👍")
    assert await bob.client.messages.reactions(jid, sent.key.id) == []
    with pytest.raises(NotAuthorized):
        await bob.client.messages.send_text(jid, "me too")
    with pytest.raises(NotAuthorized):
        await bob.client.messages.revoke(jid, sent.key.id)
    kept = await bob.client.messages.get(jid, sent.key.id)
    assert kept is not None
    assert (kept.text, kept.kind) == ("news", MessageKind.TEXT)


async def test_a_picture_is_posted_in_the_clear(world: World) -> None:
    jid = await world.news()
    made = await world.ann.client.media.content(PNG, MediaOptions(channel=True, caption="look"))
    options = SendOptions(media_id=made.handle or "")
    sent = await world.ann.client.messages.send(jid, made.content, options)
    got = await world.bob.wait_id(sent.key.id)
    image = got.proto().imageMessage
    assert (image.caption, image.mediaKey) == ("look", b"")


async def test_admins_are_invited_promoted_demoted_and_given_the_channel(world: World) -> None:
    jid = await world.news()
    ann, bob = world.ann, world.bob
    admins = ann.client.newsletters.admins
    await admins.offer(jid, world.carol.jid)
    (waiting,) = await admins.pending(jid)
    assert (waiting.pn, waiting.since > 0) == (world.carol.jid, True)
    await admins.revoke_invite(jid, world.carol.jid)
    assert await admins.pending(jid) == ()
    with pytest.raises(NotFound):
        await admins.revoke_invite(jid, world.carol.jid)
    # An invitation whose message cannot be sent does not stay.
    with pytest.raises(InvalidInput):
        await admins.invite(jid, bob.jid, "x" * (MAX_CAPTION + 1))
    assert await admins.pending(jid) == ()

    invitation = await admins.invite(jid, bob.jid, "join us")
    got: Message = await bob.wait_id(invitation.key.id)
    content = read_message(got.proto()).content
    assert isinstance(content, ChannelInvite)
    assert (content.channel, content.caption, content.as_admin) == (jid, "join us", True)
    assert content.expires_at > 0
    await bob.client.newsletters.admins.accept_invite(jid)
    assert (await bob.client.newsletters.info(jid, fresh=False)).is_run
    heard = await world.told(ann, jid, Kind.PROMOTED)
    assert heard.person == bob.jid
    with pytest.raises(Conflict):
        await admins.offer(jid, bob.jid)
    assert await admins.count(jid) == 2
    assert {person.pn: person.role for person in await admins.all(jid)} == {
        ann.jid: ChannelRole.OWNER,
        bob.jid: ChannelRole.ADMIN,
    }
    assert [person.pn for person in await admins.subscribers(jid)] == [ann.jid, bob.jid]

    posted = await bob.client.messages.send_text(jid, "from me")
    await ann.wait_id(posted.key.id)
    # An admin takes back what another one wrote.
    await ann.client.messages.revoke(jid, posted.key.id)
    await bob.events.until(MessageRevoked)

    await admins.transfer(jid, bob.jid, demote_self=True)
    heard = await world.told(bob, jid, Kind.OWNER)
    assert (heard.person, heard.channel.role) == (bob.jid, ChannelRole.OWNER)
    assert (await ann.client.newsletters.info(jid)).role == ChannelRole.SUBSCRIBER
    with pytest.raises(NotAuthorized):
        await ann.client.newsletters.delete(jid)
    await bob.client.newsletters.delete(jid)


async def test_the_directory_is_searched_page_by_page(world: World) -> None:
    ann, bob = world.ann.client.newsletters, world.bob.client.newsletters
    made = [(await ann.create(f"Search {number}")).jid for number in range(3)]
    page = await bob.search("search", limit=2)
    rest = await bob.search("search", limit=2, cursor=page.cursor)
    assert (len(page.channels), len(rest.channels), rest.cursor) == (2, 1, "")
    assert {each.jid for each in (*page.channels, *rest.channels)} == set(made)
    listed = await bob.directory(DirectoryView.NEW, countries=["DE"])
    assert {each.jid for each in listed.channels} == set(made)
    assert len((await bob.recommended(limit=1)).channels) == 1


async def test_any_query_can_be_asked_by_its_id(world: World) -> None:
    with pytest.raises(QueryError) as refused:
        await world.ann.client.mex.ask_id("1", {})
    assert refused.value.code == 400
    answer = await world.ann.client.mex.ask_id("25399611239711790", {})
    assert answer.data.value("xwa2_newsletter_subscribed") == []


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082"
)
