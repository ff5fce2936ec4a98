"""People, privacy, presence and read receipts against the emulator, and between our clients."""

from __future__ import annotations

import asyncio
import io
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from PIL import Image

from support.linked import Linked, ServerAddress, linked_client
from waport import Client
from waport.client import ClientConfig
from waport.client.features.privacy import Privacy
from waport.emulator import Emulator, EmulatorOptions
from waport.emulator.accounts import Account
from waport.errors import InvalidInput, QueryError, RateLimited, StanzaError
from waport.model import (
    Ack,
    AckChanged,
    BlockedUser,
    Contact,
    Message,
    NumberChanged,
    Presence,
    PresenceChanged,
    PresenceState,
    QrReady,
    Ready,
    TimerSetting,
)
from waport.pairing import DEFAULT_VERSION
from waport.wire import Jid, Node

TIMEOUT_S = 30.0
State = PresenceState


@dataclass
class World:
    """Ann and Bob use our client; Carol has but a phone."""

    emulator: Emulator
    folder: Path
    accounts: dict[str, Account]
    stack: AsyncExitStack
    clients: dict[str, Linked] = field(default_factory=dict)

    async def link(self, name: str, device: str = "") -> Linked:
        """Another device of somebody, in our client."""
        folder = self.folder / f"{name}{device}"
        folder.mkdir()
        address = ServerAddress(self.emulator.ws_url, self.emulator.root_key.hex(), None)
        phone = self.emulator.phone_of(self.accounts[name])
        return await self.stack.enter_async_context(
            linked_client(folder, address, phone.pair_by_qr)
        )

    @property
    def ann(self) -> Linked:
        return self.clients["Ann"]

    @property
    def bob(self) -> Linked:
        return self.clients["Bob"]

    @property
    def carol(self) -> Account:
        return self.accounts["Carol"]

    async def say(self, source: Linked, to: Jid, *texts: str) -> list[Message]:
        return [await source.client.messages.send_text(to, text) for text in texts]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        emulator = await stack.enter_async_context(Emulator(EmulatorOptions(plain=True)))
        names = ("Ann", "Bob", "Carol")
        accounts = {name: await emulator.create_account(None, name) for name in names}
        world = World(emulator, tmp_path, accounts, stack)
        for name in ("Ann", "Bob"):
            world.clients[name] = await world.link(name)
        yield world


async def has_token(who: Linked, giver: Linked) -> None:
    """Wait until somebody was given the other's privacy token."""
    async with asyncio.timeout(TIMEOUT_S):
        while await who.read(lambda store: store.tokens.get(giver.lid)) is None:
            # Its answer follows whatever the server had to tell before.
            await who.client.contacts.exists([giver.jid])


def jpeg(colour: str = "red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (900, 500), colour).save(out, "JPEG")
    return out.getvalue()


# --- numbers -------------------------------------------------------------------------------------


async def test_numbers_are_told_apart_and_their_hidden_ids_learned(world: World) -> None:
    carol = world.carol
    world.emulator.policy.aliases["551188887777"] = carol.number
    contacts = world.ann.client.contacts
    found = await contacts.exists(
        [f"+{carol.number[:1]} {carol.number[1:]}", "15559999999", "551188887777", "nobody"]
    )
    assert [each.state.value for each in found] == ["in", "out", "in", "invalid"]
    assert [each.jid for each in found] == [carol.jid, None, carol.jid, None]
    assert [each.lid for each in found] == [carol.lid, None, carol.lid, None]
    assert await world.ann.read(lambda store: store.addresses.pn_of(carol.lid)) == carol.jid
    assert await contacts.number_id("+55 11 8888-7777") == carol.jid
    assert not await contacts.is_registered("15559999999")
    assert await contacts.get(carol.jid) == Contact(carol.jid, lid=carol.lid)


async def test_ten_thousand_numbers_are_looked_up(world: World) -> None:
    numbers = [str(15_000_000_000 + number) for number in range(9_999)]
    found = await world.ann.client.contacts.exists([*numbers, world.carol.number])
    assert [each.query for each in found if each.exists] == [world.carol.number]
    assert len(found) == 10_000


async def test_a_refusal_and_silence_are_not_taken_for_a_missing_account(world: World) -> None:
    contacts, policy, number = world.ann.client.contacts, world.emulator.policy, world.carol.number
    policy.usync_user_errors[number] = {"contact": 500}
    with pytest.raises(QueryError):
        await contacts.is_registered(number)
    policy.usync_user_errors.clear()
    policy.usync_missing.add(number)
    with pytest.raises(StanzaError):
        await contacts.is_registered(number)
    policy.usync_missing.clear()
    policy.usync_errors["contact"] = 429
    with pytest.raises(RateLimited):
        await contacts.is_registered(number)
    policy.usync_errors = {"lid": 500, "business": 500}
    assert await contacts.is_registered(number)


# --- profiles and privacy ------------------------------------------------------------------------


async def test_a_profile_is_seen_by_others_as_it_was_set(world: World) -> None:
    ann, bob = world.ann, world.bob
    assert await bob.client.contacts.picture_url(ann.jid) is None
    first = await ann.client.profile.set_picture(jpeg())
    assert await ann.client.profile.set_picture(jpeg("blue")) > first
    await ann.client.profile.set_about("très occupée")
    tls = ssl.create_default_context(cadata=world.emulator.ca_certificate().decode())
    async with httpx.AsyncClient(verify=tls, trust_env=False) as http:
        for address in (ann.jid, ann.lid):
            url = await bob.client.contacts.picture_url(address)
            assert url is not None
            image = Image.open(io.BytesIO((await http.get(url)).content))
            assert (image.format, image.size) == ("JPEG", (640, 640))
    shown = await bob.client.contacts.about(ann.jid)
    assert shown is not None
    assert shown.text == "très occupée"
    assert shown == await ann.client.contacts.about(ann.jid)
    assert await ann.client.contacts.picture_url(ann.jid, preview=True) is not None

    await ann.client.profile.remove_picture()
    await ann.client.profile.set_about("")
    assert await bob.client.contacts.picture_url(ann.jid) is None
    assert await bob.client.contacts.about(ann.jid) is None


async def test_what_is_hidden_from_us_is_none(world: World) -> None:
    ann, bob = world.ann, world.bob
    await ann.client.profile.set_picture(jpeg())
    await ann.client.profile.set_about("secret")
    for name in ("profile", "status"):
        assert await ann.client.privacy.set(name, "none") == "none"
    assert await bob.client.contacts.picture_url(ann.jid) is None
    assert await bob.client.contacts.about(ann.jid) is None
    assert await ann.client.contacts.about(ann.jid) is not None
    stranger = Jid("15559999999", "s.whatsapp.net")
    assert await bob.client.contacts.picture_url(stranger) is None
    with pytest.raises(StanzaError):
        await bob.client.contacts.about(stranger)


async def test_whoever_wants_no_strangers_shows_everything_to_who_has_the_token(
    world: World,
) -> None:
    ann, bob = world.ann, world.bob
    account = world.accounts["Ann"]
    await ann.client.profile.set_picture(jpeg())
    world.emulator.restrictions.guard(account, is_guarded=True)
    assert await bob.client.contacts.picture_url(ann.jid) is None
    await world.emulator.phone_of(account).tokens.give(bob.lid, None)
    await has_token(bob, ann)
    assert await bob.client.contacts.picture_url(ann.jid) is not None


async def test_what_is_no_picture_is_never_sent(world: World) -> None:
    for data in (b"", b"GIF89a", b"\xff\xd8\xff" + bytes(64)):
        with pytest.raises(InvalidInput):
            await world.ann.client.profile.set_picture(data)
    assert world.accounts["Ann"].picture is None


async def test_settings_and_the_default_timer_are_kept_by_the_server(world: World) -> None:
    ann = world.ann.client
    assert (await ann.privacy.settings()).values["last"] == "all"
    assert await ann.privacy.set("last", "contacts") == "contacts"
    assert world.accounts["Ann"].privacy["last"] == "contacts"
    assert (await ann.privacy.settings()).values["last"] == "contacts"
    assert (await ann.privacy.exclusions("last")).people == ()
    assert await ann.privacy.set_exclusions("last", [world.carol.jid]) == "contact_blacklist"
    await ann.profile.set_default_timer(86_400)
    timer = await ann.profile.default_timer()
    assert (timer.expiration_s, timer.set_at > 0) == (86_400, True)
    assert timer != TimerSetting()


async def test_a_setting_that_another_device_changed_is_asked_for_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten = asyncio.Event()
    on_changed = Privacy.on_changed

    async def changed(self: Privacy) -> None:
        await on_changed(self)
        forgotten.set()

    monkeypatch.setattr(Privacy, "on_changed", changed)
    other = await world.link("Ann", "2")
    assert await other.client.privacy.sends_read_receipts()
    await world.ann.client.privacy.set("readreceipts", "none")
    await asyncio.wait_for(forgotten.wait(), TIMEOUT_S)
    assert not await other.client.privacy.sends_read_receipts()


# --- the block list ------------------------------------------------------------------------------


async def test_two_devices_share_one_block_list(world: World) -> None:
    ann, carol = world.ann, world.carol
    other = await world.link("Ann", "2")
    bobs = BlockedUser(world.bob.jid, world.bob.lid)
    assert await ann.client.contacts.blocked() == ()
    await ann.client.contacts.block(world.bob.jid)
    assert await other.client.contacts.blocked() == (bobs,)
    # This device holds an old list now.
    await other.client.contacts.block(carol.lid)
    assert await ann.client.contacts.is_blocked(carol.jid)
    await ann.client.contacts.unblock(world.bob.lid)
    assert await other.client.contacts.blocked() == (BlockedUser(carol.jid, carol.lid),)
    assert not await other.client.contacts.is_blocked(world.bob.jid)


async def test_who_is_blocked_does_not_arrive_until_unblocked(world: World) -> None:
    ann, bob = world.ann, world.bob
    await ann.client.contacts.block(bob.jid)
    await world.say(bob, ann.jid, "let me in")
    await ann.client.contacts.unblock(bob.jid)
    await world.say(bob, ann.jid, "thanks")
    await ann.wait_text("thanks")
    assert ann.texts() == ["thanks"]


# --- presence ------------------------------------------------------------------------------------


async def told(who: Linked, state: PresenceState, since: int) -> Presence:
    event = await who.events.until(
        PresenceChanged, lambda event: event.presence.state is state, since=since
    )
    return event.presence


async def test_coming_and_leaving_is_told_to_who_follows(world: World) -> None:
    ann, bob = world.ann, world.bob
    mark = bob.events.mark
    await bob.client.presence.subscribe(ann.jid)
    assert await told(bob, State.AVAILABLE, mark) == Presence(ann.jid, ann.jid, State.AVAILABLE)
    mark = bob.events.mark
    await ann.client.presence.unavailable()
    left = await told(bob, State.UNAVAILABLE, mark)
    assert (left.user, left.last_seen is not None) == (ann.jid, True)
    assert await bob.client.presence.get(ann.jid) == (left,)
    mark = bob.events.mark
    await ann.client.presence.available()
    await told(bob, State.AVAILABLE, mark)


async def test_the_choice_to_be_offline_outlives_the_connection(world: World) -> None:
    ann, bob = world.ann, world.bob
    await ann.client.presence.unavailable()
    mark = bob.events.mark
    await bob.client.presence.subscribe(ann.jid)
    await told(bob, State.UNAVAILABLE, mark)
    since = ann.events.mark
    device = max(world.accounts["Ann"].devices)
    world.emulator.faults.cut_off(ann.jid.with_device(device))
    await world.say(bob, ann.jid, "still there?")
    await ann.wait_text("still there?", since=since)
    assert not world.accounts["Ann"].is_available
    # The connection of who follows is another one, too: the wish is told again.
    mark = bob.events.mark
    world.emulator.faults.cut_off(bob.jid.with_device(max(world.accounts["Bob"].devices)))
    await told(bob, State.UNAVAILABLE, mark)


async def test_typing_is_shown_in_private_and_in_groups(world: World) -> None:
    ann, bob = world.ann, world.bob
    mark = bob.events.mark
    await ann.client.presence.composing(bob.jid)
    assert await told(bob, State.COMPOSING, mark) == Presence(ann.jid, ann.jid, State.COMPOSING)
    await ann.client.presence.paused(bob.jid)
    assert await told(bob, State.PAUSED, mark) == Presence(ann.jid, ann.jid, State.PAUSED)
    group = (await ann.client.groups.create("Friends", [bob.jid])).group.jid
    await ann.client.presence.recording(group)
    assert await told(bob, State.RECORDING, mark) == Presence(group, ann.jid, State.RECORDING)


# --- reading -------------------------------------------------------------------------------------


async def read_acks(who: Linked, ids: set[str]) -> None:
    """Wait until all of these were read."""
    for message_id in ids:
        await who.events.until(
            AckChanged,
            lambda event, wanted=message_id: (  # type: ignore[misc]
                event.message.key.id == wanted and event.ack >= Ack.READ
            ),
        )


async def test_everything_unread_of_a_person_is_told_to_be_read(world: World) -> None:
    ann, bob = world.ann, world.bob
    sent = await world.say(bob, ann.jid, "one", "two", "three")
    await ann.wait_text("three")
    (chat,) = [s for s in await ann.client.chats.all() if s.chat.jid == bob.jid]
    assert (chat.chat.unread, chat.last and chat.last.text, chat.title) == (3, "three", "Bob")
    assert await ann.client.chats.send_seen(bob.lid) == 3
    await read_acks(bob, {message.key.id for message in sent})
    assert (await ann.client.chats.get(bob.jid)).chat.unread == 0


async def test_every_author_in_a_group_is_told(world: World) -> None:
    ann, bob, carol = world.ann, world.bob, world.carol
    group = (await ann.client.groups.create("Friends", [bob.jid, carol.jid])).group.jid
    await ann.client.messages.send_text(group, "hello")
    await bob.wait_text("hello")
    sent = await world.say(bob, group, "hi", "ho")
    await world.emulator.phone_of(carol).send_text(group, "hey")
    await ann.wait_text("ho")
    await ann.wait_text("hey")
    assert (await ann.client.chats.get(group)).chat.unread == 3
    assert await ann.client.chats.send_seen(group) == 3
    # A group's ack is the lowest of all members.
    await world.emulator.phone_of(carol).mark_read(group)
    await read_acks(bob, {message.key.id for message in sent})


async def test_with_receipts_off_only_our_own_devices_are_told(world: World) -> None:
    ann, bob = world.ann, world.bob
    other = await world.link("Ann", "2")
    await ann.client.privacy.set("readreceipts", "none")
    await world.say(bob, ann.jid, "psst")
    await ann.wait_text("psst")
    await other.wait_text("psst")
    assert (await other.client.chats.get(bob.jid)).chat.unread == 1
    assert await ann.client.chats.send_seen(bob.jid) == 1
    await other.events.until(AckChanged, lambda event: event.ack is Ack.READ)
    assert (await other.client.chats.get(bob.jid)).chat.unread == 0
    await world.say(ann, bob.jid, "afterwards")
    await bob.wait_text("afterwards")
    assert [event for event in bob.events.of(AckChanged) if event.ack >= Ack.READ] == []


# --- another number ------------------------------------------------------------------------------


async def test_a_person_with_a_new_number_keeps_the_chat(world: World) -> None:
    ann, bob = world.ann, world.bob
    await world.say(bob, ann.jid, "I'll change my number")
    await ann.wait_text("I'll change my number")
    # With it comes the number that Bob still has at the emulator.
    await has_token(ann, bob)
    new = Jid("15550007777", "s.whatsapp.net")
    modify = {"old": bob.jid, "new": new, "old_lid": bob.lid, "new_lid": bob.lid}
    told = Node(
        "notification",
        {"from": bob.jid, "id": "N-1", "type": "contacts", "t": "1"},
        [Node("modify", dict(modify))],
    )
    device = ann.jid.with_device(max(world.accounts["Ann"].devices))
    for _ in range(2):
        world.emulator.faults.post(device, told)
    event = await ann.events.until(NumberChanged)
    assert event == NumberChanged(bob.jid, new, False)
    (chat,) = [s for s in await ann.client.chats.all() if s.chat.jid == new]
    assert (chat.last and chat.last.text, chat.title) == ("I'll change my number", "Bob")
    assert (await ann.client.contacts.get(bob.lid)).jid == new
    await world.emulator.phone_of(world.carol).send_text(ann.jid, "what comes after both")
    await ann.wait_text("what comes after both")
    assert len(ann.events.of(NumberChanged)) == 1


# --- the library ---------------------------------------------------------------------------------


async def test_a_program_reaches_all_of_it_by_the_library(tmp_path: Path) -> None:
    async with Emulator(EmulatorOptions(plain=True)) as emulator:
        own, friend = [await emulator.create_account(None, name) for name in ("Own", "Friend")]
        config = ClientConfig(
            websocket_url=emulator.ws_url, noise_root_key=emulator.root_key, version=DEFAULT_VERSION
        )
        async with asyncio.timeout(TIMEOUT_S), Client(tmp_path / "a.db", config) as client:
            async for event in client.events():
                if isinstance(event, QrReady):
                    await emulator.phone_of(own).pair_by_qr(event.text)
                if isinstance(event, Ready):
                    break
            assert await client.contacts.is_registered(friend.number)
            await client.messages.send_text(friend.jid, "hello")
            (chat,) = await client.chats.all()
            assert (chat.chat.jid, chat.last and chat.last.text) == (friend.jid, "hello")
            await client.presence.composing(friend.jid)
            await client.profile.set_about("busy")
            about = await client.contacts.about(client.jid)
            assert about is not None
            assert (about.text, own.about[0]) == ("busy", "busy")
            assert await client.privacy.sends_read_receipts()
