"""Two clients of ours and other people in communities of the emulator."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from support.linked import Linked, ServerAddress, linked_client
from waport.emulator import Emulator, EmulatorOptions
from waport.emulator.accounts import Account
from waport.errors import CryptoError, InvalidInput, NotAuthorized, NotFound, QueryError
from waport.model import Group, GroupChanged, GroupChangeKind, Message
from waport.model.contents import Content, GroupInvite
from waport.model.group import CommunityOptions, GroupOptions
from waport.proto import pb
from waport.stanza.contents import read_message
from waport.stanza.group_settings import GroupSwitch
from waport.wire import Jid

Kind = GroupChangeKind
Stub = pb.WebMessageInfo.StubType


@dataclass
class World:
    """Ann and Bob use our client; Carol has but a phone."""

    emulator: Emulator
    ann: Linked
    bob: Linked
    carol: Account

    async def told(self, who: Linked, group: Jid, kind: GroupChangeKind) -> GroupChanged:
        """Wait until somebody heard of a change."""
        return await who.events.until(
            GroupChanged, lambda event: event.group == group and event.change.kind is kind
        )

    async def stored(self, who: Linked, group: Jid) -> Group:
        known = await who.read(lambda store: store.groups.get(group))
        assert known is not None
        return known

    async def notices(self, who: Linked, group: Jid) -> list[tuple[int, tuple[str, ...]]]:
        """The notices of a chat, the oldest first."""
        found = await who.client.messages.notices(group, 50)
        notices = [message.notice for message in reversed(found)]
        return [(notice.type, notice.parameters) for notice in notices if notice is not None]


def person(who: Linked) -> str:
    """Somebody as a notice names them."""
    shown = {"id": str(who.lid), "phoneNumber": str(who.jid), "admin": None}
    return json.dumps(shown, separators=(",", ":"))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with Emulator(EmulatorOptions(plain=True)) as emulator:
        address = ServerAddress(emulator.ws_url, emulator.root_key.hex(), None)
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


async def test_a_community_comes_with_its_groups(world: World) -> None:
    ann = world.ann.client
    options = CommunityOptions(needs_approval=True, with_general_chat=True, members_add_groups=True)
    made = await ann.communities.create("Town", "All of us", options)
    assert (made.is_community, made.description) == (True, "All of us")
    assert "allow_non_admin_sub_group_creation" in made.flags
    groups = {group.is_default: group for group in await ann.communities.sub_groups(made.jid)}
    assert (groups[True].subject, groups[False].subject) == ("Town", "General")
    assert groups[False].is_general
    default = groups[True].jid
    assert await ann.communities.announcement_group(made.jid) == default
    await world.told(world.ann, default, Kind.CREATE)
    known = await world.stored(world.ann, default)
    assert (known.parent, known.is_default_subgroup, known.is_announcement) == (
        made.jid,
        True,
        True,
    )
    # A community has no chat of its own.
    with pytest.raises(NotFound):
        await ann.chats.get(made.jid)
    assert {group.jid for group in await ann.groups.all()} == {
        made.jid,
        default,
        groups[False].jid,
    }


async def test_groups_go_in_and_out_of_a_community(world: World) -> None:
    ann, bob = world.ann, world.bob
    town = await ann.client.communities.create("Town")
    friends = (await ann.client.groups.create("Friends", [bob.jid, world.carol.jid])).group
    await world.told(bob, friends.jid, Kind.ADD)
    unknown = Jid("120363999999999999", "g.us")
    linked, refused = await ann.client.communities.link(town.jid, [friends.jid, unknown])
    assert (linked.is_done, refused.code) == (True, 404)
    event = await world.told(bob, friends.jid, Kind.LINK)
    assert (event.change.text, event.change.groups) == ("parent_group", (town.jid,))
    assert (await world.stored(bob, friends.jid)).parent == town.jid
    assert (await world.stored(ann, friends.jid)).parent == town.jid
    # Members of the group are members of the community and of its announcement group now.
    await world.told(bob, town.jid, Kind.ADD)
    people = await ann.client.communities.participants(town.jid)
    assert {member.pn for member in people} == {ann.jid, bob.jid, world.carol.jid}
    assert (Stub.COMMUNITY_LINK_PARENT_GROUP, (str(town.jid),)) in await world.notices(
        bob, friends.jid
    )

    made = (await ann.client.communities.create_group(town.jid, "Choir")).group
    assert made.parent == town.jid
    seen = await bob.client.communities.linked_group(town.jid, made.jid)
    assert (seen.subject, seen.is_truncated) == ("Choir", False)
    assert (await bob.client.communities.parent_of(friends.jid, town.jid)).is_community
    joined = await bob.client.communities.join(town.jid, made.jid)
    assert not joined.is_requested
    await world.told(bob, made.jid, Kind.ADD)
    await world.told(ann, made.jid, Kind.ADD)
    notices = await world.notices(ann, made.jid)
    assert notices[-1][0] == Stub.GROUP_PARTICIPANT_LINKED_GROUP_JOIN
    with pytest.raises(QueryError) as twice:
        await bob.client.communities.join(town.jid, made.jid)
    assert twice.value.code == 304

    out = await ann.client.communities.unlink(town.jid, friends.jid, remove_orphans=True)
    assert out.is_done
    event = await world.told(bob, friends.jid, Kind.UNLINK)
    assert (event.change.text, event.change.reason) == ("parent_group", "unlink_group")
    assert (await world.stored(ann, friends.jid)).parent is None
    people = await ann.client.communities.participants(town.jid)
    assert {member.pn for member in people} == {ann.jid, bob.jid}
    with pytest.raises(NotAuthorized):
        await bob.client.communities.unlink(town.jid, made.jid)


async def test_hidden_groups_are_seen_by_their_members_alone(world: World) -> None:
    ann, bob = world.ann.client, world.bob.client
    town = await ann.communities.create("Town")
    await ann.groups.add(town.jid, [world.bob.jid])
    await world.told(world.bob, town.jid, Kind.ADD)
    options = GroupOptions(is_hidden=True)
    made = (await ann.communities.create_group(town.jid, "Council", (), options)).group
    assert made.jid in {group.jid for group in await ann.communities.sub_groups(town.jid)}
    assert made.jid not in {group.jid for group in await bob.communities.sub_groups(town.jid)}
    with pytest.raises(NotAuthorized):
        await bob.communities.linked_group(town.jid, made.jid)
    with pytest.raises(NotAuthorized):
        await bob.communities.create_group(town.jid, "Mine")


async def test_admins_of_a_community_come_and_go(world: World) -> None:
    ann, bob = world.ann, world.bob
    town = await ann.client.communities.create("Town")
    await ann.client.groups.add(town.jid, [bob.jid])
    await world.told(bob, town.jid, Kind.ADD)
    done, unknown = await ann.client.communities.promote(town.jid, [bob.jid, world.carol.jid])
    assert (done.is_done, unknown.code) == (True, 404)
    event = await world.told(bob, town.jid, Kind.COMMUNITY_PROMOTE)
    assert event.change.pns == (bob.jid,)
    me = (await world.stored(bob, town.jid)).member(bob.jid)
    assert me is not None
    assert me.is_admin
    default = await ann.client.communities.announcement_group(town.jid)
    assert default is not None
    await bob.client.groups.info(default, fresh=True)
    await bob.client.messages.send_text(default, "hear ye")
    assert (await ann.wait_text("hear ye")).key.chat == default
    (demoted,) = await ann.client.communities.demote(town.jid, [bob.lid])
    assert demoted.is_done
    await world.told(bob, town.jid, Kind.COMMUNITY_DEMOTE)
    with pytest.raises(InvalidInput):
        await ann.client.communities.promote(town.jid, [])
    for work in (
        ann.client.communities.decide_suggestion(bob.jid, town.jid, bob.lid, approve=True),
        ann.client.communities.withdraw_suggestion(town.jid, bob.jid),
    ):
        with pytest.raises(InvalidInput):
            await work


async def test_leaving_removing_and_ending_a_community(world: World) -> None:
    ann, bob = world.ann, world.bob
    town = await ann.client.communities.create("Town")
    made = (await ann.client.communities.create_group(town.jid, "Choir", [bob.jid])).group
    await world.told(bob, made.jid, Kind.ADD)
    await world.told(bob, town.jid, Kind.ADD)
    await bob.client.communities.leave(town.jid)
    for jid in (town.jid, made.jid):
        assert (await world.stored(bob, jid)).is_left
        await world.told(ann, jid, Kind.LEAVE)
    await ann.client.groups.add(made.jid, [bob.jid, world.carol.jid])
    (removed,) = await ann.client.communities.remove(town.jid, [world.carol.jid])
    assert removed.is_done
    assert {member.pn for member in await ann.client.communities.participants(town.jid)} == {
        ann.jid,
        bob.jid,
    }

    await ann.client.communities.dissolve(town.jid)
    event = await world.told(bob, town.jid, Kind.DELETE)
    assert event.change.reason == "delete_parent"
    unlinked = await world.told(bob, made.jid, Kind.UNLINK)
    assert unlinked.change.reason == "delete_parent"
    kept = await world.stored(ann, made.jid)
    assert (kept.parent, kept.is_left) == (None, False)
    with pytest.raises(NotFound):
        await ann.client.communities.sub_groups(town.jid)
    notices = await world.notices(bob, town.jid)
    assert (Stub.COMMUNITY_PARENT_GROUP_DELETED, ()) in notices


async def test_rules_of_a_group_are_set_and_heard_of(world: World) -> None:
    ann, bob = world.ann, world.bob
    group = (await ann.client.groups.create("Friends", [bob.jid])).group
    await world.told(bob, group.jid, Kind.ADD)
    assert group.only_admins_link
    rules = ann.client.group_rules
    await rules.set_link_mode(group.jid, False)
    await world.told(bob, group.jid, Kind.MEMBER_LINK_MODE)
    assert await bob.client.groups.invite_code(group.jid)
    await rules.set_history_mode(group.jid, False)
    await world.told(bob, group.jid, Kind.HISTORY_MODE)
    for switch in GroupSwitch:
        await rules.set_switch(group.jid, switch, True)
        await bob.events.until(GroupChanged, lambda e, s=switch: e.change.text == s.value)
    for who in (ann, bob):
        known = await world.stored(who, group.jid)
        assert set(known.flags) >= {switch.value for switch in GroupSwitch}
        assert (known.only_admins_link, known.only_admins_share_history) == (False, False)
    await bob.client.group_rules.report(group.jid, "3EB0")
    (report,) = await rules.reports(group.jid)
    assert (report.message_id, [who.pn for who in report.reporters]) == ("3EB0", [bob.jid])
    with pytest.raises(NotAuthorized):
        await bob.client.group_rules.reports(group.jid)
    for switch in GroupSwitch:
        await rules.set_switch(group.jid, switch, False)
    assert (await ann.client.groups.info(group.jid, fresh=True)).flags == ()
    await bob.events.until(GroupChanged, lambda e: e.change.text == "no_group_history")
    assert await world.notices(bob, group.jid) == [
        (Stub.GROUP_CREATE, ("Friends",)),
        (Stub.GROUP_PARTICIPANT_ADD, (person(bob),)),
        (Stub.GROUP_MEMBER_LINK_MODE, ("all_member_link",)),
        (Stub.GROUP_MEMBER_SHARE_GROUP_HISTORY_MODE, ("all_member_share",)),
        (Stub.GROUP_CHANGE_NO_FREQUENTLY_FORWARDED, ("on",)),
        (Stub.COMMUNITY_ALLOW_MEMBER_ADDED_GROUPS, ("on",)),
        (Stub.GROUP_CHANGE_RECENT_HISTORY_SHARING, ("on",)),
        (Stub.GROUP_CHANGE_NO_FREQUENTLY_FORWARDED, ("off",)),
        (Stub.COMMUNITY_ALLOW_MEMBER_ADDED_GROUPS, ("off",)),
        (Stub.GROUP_CHANGE_RECENT_HISTORY_SHARING, ("off",)),
    ]


async def test_who_may_not_be_added_is_invited_and_the_invitation_cancelled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = world.ann, world.bob
    await bob.client.privacy.set("groupadd", "none")
    created = await ann.client.groups.create("Friends", [bob.jid])
    group = created.group.jid
    (result,) = created.results
    assert (result.code, bool(result.invite_code)) == (403, True)
    # Somebody without a usable device keeps nobody else from being invited.
    nobody, send = (
        replace(result, jid=world.carol.lid, pn=world.carol.jid),
        ann.client.messages.send,
    )

    async def send_to_bob(chat: Jid, content: Content) -> Message:
        if chat == world.carol.jid:
            raise CryptoError("no device of the recipient can be encrypted for")
        return await send(chat, content)

    monkeypatch.setattr(ann.client.messages, "send", send_to_bob)
    (sent,) = await ann.client.group_joining.invite(group, (nobody, result), "do come")
    got = await bob.wait_id(sent.key.id)
    content = read_message(got.proto()).content
    assert isinstance(content, GroupInvite)
    assert (content.group, content.code, content.caption) == (group, result.invite_code, "do come")
    (cancelled,) = await ann.client.group_joining.cancel_invitations(group, [bob.jid])
    assert cancelled.is_done
    (again,) = await ann.client.group_joining.cancel_invitations(group, [bob.jid])
    assert again.code == 404


async def test_a_request_to_join_is_withdrawn(world: World) -> None:
    ann, bob = world.ann, world.bob
    group = (await ann.client.groups.create("Friends", [], GroupOptions(needs_approval=True))).group
    joined = await bob.client.groups.join(await ann.client.groups.invite_code(group.jid))
    assert joined.is_requested
    await world.told(ann, group.jid, Kind.REQUESTS_CREATED)
    await bob.client.group_joining.withdraw(group.jid)
    event = await world.told(ann, group.jid, Kind.REQUESTS_REVOKED)
    assert event.change.reason == "revoked"
    assert await ann.client.groups.join_requests(group.jid) == ()
    with pytest.raises(NotFound):
        await bob.client.group_joining.withdraw(group.jid)
    stubs = [notice for notice in await world.notices(ann, group.jid) if notice[0] == 172]
    assert [parameters[1] for _, parameters in stubs] == ["created", "revoked"]


async def test_several_groups_are_asked_for_at_once(world: World) -> None:
    ann = world.ann.client
    made = [(await ann.groups.create(f"Group {number}", [])).group for number in range(3)]
    asked = [group.jid for group in made] + [Jid("120363999999999999", "g.us")]
    found = await ann.groups.several(asked)
    assert [group.subject for group in found] == ["Group 0", "Group 1", "Group 2"]
    with pytest.raises(InvalidInput):
        await ann.groups.several([])
