"""Two clients of ours and other people in groups of the emulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from support.linked import Linked, ServerAddress, linked_client
from waport.emulator import Emulator, EmulatorOptions
from waport.emulator.accounts import Account
from waport.errors import NotAuthorized, NotFound, QueryError
from waport.model import Group, GroupChanged
from waport.model.group import (
    GroupChangeKind,
    GroupInvitation,
    GroupOptions,
    Joined,
    MemberRole,
)
from waport.wire import Jid

Kind = GroupChangeKind


@dataclass
class World:
    """Ann and Bob use our client; Carol and Dave have but a phone."""

    emulator: Emulator
    ann: Linked
    bob: Linked
    carol: Account
    dave: Account

    async def told(self, who: Linked, group: Jid, kind: GroupChangeKind) -> GroupChanged:
        """Wait until somebody heard of a change."""
        return await who.events.until(
            GroupChanged, lambda event: event.group == group and event.change.kind is kind
        )

    async def stored(self, who: Linked, group: Jid) -> Group:
        """What somebody has stored of a group."""
        known = await who.read(lambda store: store.groups.get(group))
        assert known is not None
        return known

    async def friends(self) -> Group:
        """A group of Ann's with Bob and Carol."""
        created = await self.ann.client.groups.create("Friends", [self.bob.jid, self.carol.jid])
        assert [result.code for result in created.results] == [200, 200]
        await self.told(self.bob, created.group.jid, Kind.ADD)
        return created.group


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with Emulator(EmulatorOptions(plain=True)) as emulator:
        address = ServerAddress(emulator.ws_url, emulator.root_key.hex(), None)
        accounts = [await emulator.create_account(None, name) for name in ("Ann", "Bob")]
        others = [await emulator.create_account(None, name) for name in ("Carol", "Dave")]
        for name in ("ann", "bob"):
            (tmp_path / name).mkdir()
        ann, bob = (emulator.phone_of(account) for account in accounts)
        async with (
            linked_client(tmp_path / "ann", address, ann.pair_by_qr) as one,
            linked_client(tmp_path / "bob", address, bob.pair_by_qr) as two,
        ):
            yield World(emulator, one, two, *others)


async def test_a_group_is_made_known_and_written_in_by_both(world: World) -> None:
    ann, bob = world.ann, world.bob
    group = await world.friends()
    assert {member.pn for member in group.members} == {ann.jid, bob.jid, world.carol.jid}
    event = await world.told(ann, group.jid, Kind.CREATE)
    assert (event.author, event.change.text) == (ann.jid, "Friends")
    # Bob knows it from the notification alone.
    known = await world.stored(bob, group.jid)
    assert (known.subject, len(known.members), known.fetched_at > 0) == ("Friends", 3, True)
    assert await bob.client.groups.info(group.jid) == known
    joined = await world.told(bob, group.jid, Kind.ADD)
    assert (joined.author, joined.change.pns) == (ann.jid, (bob.jid,))
    assert [g.jid for g in await bob.client.groups.all()] == [group.jid]

    await ann.client.messages.send_text(group.jid, "hello")
    assert (await bob.wait_text("hello")).key.chat == group.jid
    await bob.client.messages.send_text(group.jid, "hello yourself")
    assert (await ann.wait_text("hello yourself")).key.sender == bob.jid


async def test_members_come_go_and_change_their_roles(world: World) -> None:
    ann, bob, carol, dave = world.ann, world.bob, world.carol, world.dave
    group = await world.friends()
    unknown = Jid("15559999999", "s.whatsapp.net")
    results = await ann.client.groups.add(group.jid, [dave.jid, carol.jid, unknown])
    assert {result.pn: result.code for result in results} == {
        dave.jid: 200,
        carol.jid: 409,
        unknown: 404,
    }
    assert (await world.told(bob, group.jid, Kind.ADD)).change.members
    (promoted,) = await ann.client.groups.promote(group.jid, [bob.jid])
    assert promoted.is_done
    await world.told(bob, group.jid, Kind.PROMOTE)
    member = (await world.stored(bob, group.jid)).member(bob.jid)
    assert member is not None
    assert member.role is MemberRole.ADMIN

    removed = await bob.client.groups.remove(group.jid, [carol.jid, ann.jid])
    assert [result.code for result in removed] == [200, 406]
    event = await world.told(ann, group.jid, Kind.REMOVE)
    assert (event.author, event.change.pns) == (bob.jid, (carol.jid,))
    (demoted,) = await ann.client.groups.demote(group.jid, [bob.lid])
    assert demoted.is_done
    for who in (ann, bob):
        await world.told(who, group.jid, Kind.DEMOTE)
    with pytest.raises(NotAuthorized):
        await bob.client.groups.remove(group.jid, [dave.jid])

    # Notifications have left both with what the server has.
    for who in (ann, bob):
        before = await world.stored(who, group.jid)
        after = await who.client.groups.info(group.jid, fresh=True)
        assert replace(before, fetched_at=0) == replace(after, fetched_at=0)
        assert after.size == 3


async def test_properties_are_set_and_heard_of(world: World) -> None:
    ann, bob = world.ann, world.bob
    jid = (await world.friends()).jid
    groups = ann.client.groups
    await groups.set_subject(jid, "Köln")
    await groups.set_description(jid, "About us")
    await groups.set_description(jid, "More about us")
    await groups.set_announcement(jid, True)
    await groups.set_timer(jid, 86_400)
    await groups.set_approval(jid, True)
    await groups.set_member_add_mode(jid, True)
    await groups.set_locked(jid, True)
    await world.told(bob, jid, Kind.LOCKED)
    await world.told(ann, jid, Kind.LOCKED)
    for who in (ann, bob):
        known = await world.stored(who, jid)
        assert (known.subject, known.subject_by) == ("Köln", ann.jid)
        assert (known.description, known.description_by) == ("More about us", ann.jid)
        assert known.is_announcement
        assert known.is_locked
        assert known.needs_approval
        assert known.only_admins_add
        assert known.expiration_s == 86_400
        chat = await who.read(lambda store: store.chats.get(jid))
        assert chat is not None
        assert chat.name == "Köln"
        fresh = await who.client.groups.info(jid, fresh=True)
        assert replace(known, fetched_at=0) == replace(fresh, fetched_at=0)
    with pytest.raises(NotAuthorized):
        await bob.client.groups.set_subject(jid, "Mine")


async def test_a_description_of_a_colleague_is_replaced(world: World) -> None:
    ann, bob = world.ann, world.bob
    jid = (await world.friends()).jid
    await bob.client.groups.set_description(jid, "Bob's")
    await world.told(ann, jid, Kind.DESCRIPTION)
    # Ann has missed what Bob has written.
    known = await world.stored(ann, jid)
    stale = Group(jid, description_id="X", fetched_at=known.fetched_at, info_version="1")

    def forget(store: object) -> None:
        store.groups.put(stale)  # type: ignore[attr-defined]

    await ann.client._database.write("main", forget)
    await ann.client.groups.set_description(jid, "Ann's")
    assert (await world.stored(ann, jid)).description == "Ann's"
    assert (await bob.client.groups.info(jid, fresh=True)).description == "Ann's"


async def test_one_leaves_and_comes_back_by_link(world: World) -> None:
    ann, bob = world.ann, world.bob
    jid = (await world.friends()).jid
    await bob.client.groups.leave(jid)
    event = await world.told(ann, jid, Kind.LEAVE)
    assert (event.author, event.change.pns) == (bob.jid, (bob.jid,))
    assert (await world.stored(ann, jid)).member(bob.jid) is None
    assert (await world.stored(bob, jid)).is_left
    with pytest.raises(NotAuthorized):
        await bob.client.groups.ensure([jid])
    with pytest.raises(NotAuthorized):
        await bob.client.groups.leave(jid)

    code = await ann.client.groups.invite_code(jid)
    preview = await bob.client.groups.invite_info(f"https://chat.whatsapp.com/{code}")
    assert (preview.jid, preview.size, preview.subject) == (jid, 2, "Friends")
    since = bob.events.mark
    assert await bob.client.groups.join(code) == Joined(jid)
    back = await bob.events.until(GroupChanged, since=since)
    assert (back.change.kind, back.change.reason) == (Kind.ADD, "invite")
    await bob.client.groups.ensure([jid])
    assert not (await world.stored(bob, jid)).is_left
    with pytest.raises(QueryError) as refused:
        await bob.client.groups.join(code)
    assert refused.value.code == 304

    other = await ann.client.groups.reset_invite_code(jid)
    assert other != code
    with pytest.raises(QueryError) as refused:
        await bob.client.groups.invite_info(code)
    assert refused.value.code == 410


async def test_one_asks_to_come_in(world: World) -> None:
    ann, bob = world.ann, world.bob
    options = GroupOptions(needs_approval=True, description="Knock first")
    created = await ann.client.groups.create("Club", [], options)
    jid = created.group.jid
    assert (created.group.needs_approval, created.group.description) == (True, "Knock first")
    code = await ann.client.groups.invite_code(jid)
    assert await bob.client.groups.join(code) == Joined(jid, is_requested=True)
    event = await world.told(ann, jid, Kind.REQUESTS_CREATED)
    assert (event.change.pns, event.change.reason) == ((bob.jid,), "invite_link")
    (request,) = await ann.client.groups.join_requests(jid)
    assert (request.pn, request.method) == (bob.jid, "invite_link")

    results = await ann.client.groups.decide_requests(jid, [bob.jid, world.carol.jid], approve=True)
    assert [result.code for result in results] == [200, 404]
    await world.told(bob, jid, Kind.ADD)
    assert (await world.stored(ann, jid)).member(bob.jid) is not None
    assert await ann.client.groups.join_requests(jid) == ()


async def test_whoever_may_not_be_added_is_invited(world: World) -> None:
    ann, bob = world.ann, world.bob
    account = world.emulator.directory.by_jid(bob.jid)
    assert account is not None
    account.privacy["groupadd"] = "none"
    created = await ann.client.groups.create("Club", [bob.jid])
    (result,) = created.results
    assert (result.pn, result.code, result.is_done) == (bob.jid, 403, False)
    invitation = GroupInvitation(
        created.group.jid, result.invite_code, result.invite_expiration, ann.jid
    )
    preview = await bob.client.groups.invite_info(invitation)
    assert preview.subject == "Club"
    assert await bob.client.groups.accept_invite(invitation) == Joined(created.group.jid)
    await world.told(bob, created.group.jid, Kind.ADD)
    with pytest.raises(QueryError):
        await bob.client.groups.accept_invite(invitation)


async def test_groups_that_are_not_ours_are_refused(world: World) -> None:
    group = world.emulator.directory.groups
    other = group.create(world.carol.number, "Private", 1_700_000_000, "lid")
    with pytest.raises(NotAuthorized):
        await world.ann.client.groups.info(other.jid)
    with pytest.raises(NotFound):
        await world.ann.client.groups.info(Jid("120363999999999999", "g.us"))
    with pytest.raises(NotAuthorized):
        await world.ann.client.groups.add(other.jid, [world.bob.jid])
    assert await world.ann.client.groups.all() == []
