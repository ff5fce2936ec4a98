"""Every setting of a group, changed by Baileys and by us: the other one sees it, and both tell of
it with the same notice; communities made by either side.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from interop.kinds.files import THUMBNAIL, as_bytes
from interop.kinds.world import World, wait_invited
from support.linked import Linked
from waport.model import Group, GroupChanged, GroupChangeKind, Message
from waport.model.group import CommunityOptions, GroupOptions
from waport.stanza.group_settings import GroupSwitch
from waport.wire import Jid

pytestmark = [
    pytest.mark.interop,
    pytest.mark.xdist_group("group-life"),
    pytest.mark.asyncio(loop_scope="module"),
]

Kind = GroupChangeKind
Ours = Callable[[World], Awaitable[object]]
EPHEMERAL_STUB = 72


@dataclass(frozen=True)
class Change:
    """One change that both sides can make.

    Attributes:
        name: of the test.
        kind: how our event tells it.
        ours: makes it with our client.
        theirs: the method of Baileys and its arguments after the group.
        shown: what Baileys' metadata say afterwards.
        tag: of a change that has no kind of its own.
        has_stub: Baileys makes a notice of it.
    """

    name: str
    kind: GroupChangeKind
    ours: Ours
    theirs: tuple[Any, ...]
    shown: Mapping[str, Any]
    tag: str = ""
    has_stub: bool = True


def groups(world: World) -> Any:
    return world.us.client.groups


def switch(which: GroupSwitch, tag: str, *, on: bool) -> Change:
    return Change(
        tag,
        Kind.OTHER,
        lambda w: w.us.client.group_rules.set_switch(w.group, which, on),
        ("groupSettingUpdate", tag),
        {},
        tag,
        has_stub=False,
    )


CHANGES = [
    Change(
        "subject",
        Kind.SUBJECT,
        lambda w: groups(w).set_subject(w.group, "Käse 🧀"),
        ("groupUpdateSubject", "Käse 🧀"),
        {"subject": "Käse 🧀"},
    ),
    Change(
        "description",
        Kind.DESCRIPTION,
        lambda w: groups(w).set_description(w.group, "About\ncheese"),
        ("groupUpdateDescription", "About\ncheese"),
        {"desc": "About\ncheese"},
    ),
    Change(
        "no description",
        Kind.DESCRIPTION,
        lambda w: groups(w).set_description(w.group, ""),
        ("groupUpdateDescription", ""),
        {},
    ),
    Change(
        "announcement",
        Kind.ANNOUNCEMENT,
        lambda w: groups(w).set_announcement(w.group, True),
        ("groupSettingUpdate", "announcement"),
        {"announce": True},
    ),
    Change(
        "no announcement",
        Kind.ANNOUNCEMENT,
        lambda w: groups(w).set_announcement(w.group, False),
        ("groupSettingUpdate", "not_announcement"),
        {"announce": False},
    ),
    Change(
        "locked",
        Kind.LOCKED,
        lambda w: groups(w).set_locked(w.group, True),
        ("groupSettingUpdate", "locked"),
        {"restrict": True},
    ),
    Change(
        "unlocked",
        Kind.LOCKED,
        lambda w: groups(w).set_locked(w.group, False),
        ("groupSettingUpdate", "unlocked"),
        {"restrict": False},
    ),
    Change(
        "timer",
        Kind.EPHEMERAL,
        lambda w: groups(w).set_timer(w.group, 604_800),
        ("groupToggleEphemeral", 604_800),
        {"ephemeralDuration": 604_800},
    ),
    Change(
        "no timer",
        Kind.EPHEMERAL,
        lambda w: groups(w).set_timer(w.group, 0),
        ("groupToggleEphemeral", 0),
        {},
    ),
    Change(
        "all add",
        Kind.MEMBER_ADD_MODE,
        lambda w: groups(w).set_member_add_mode(w.group, only_admins=False),
        ("groupMemberAddMode", "all_member_add"),
        {"memberAddMode": True},
    ),
    Change(
        "admins add",
        Kind.MEMBER_ADD_MODE,
        lambda w: groups(w).set_member_add_mode(w.group, only_admins=True),
        ("groupMemberAddMode", "admin_add"),
        {"memberAddMode": False},
    ),
    Change(
        "approval",
        Kind.APPROVAL_MODE,
        lambda w: groups(w).set_approval(w.group, True),
        ("groupJoinApprovalMode", "on"),
        {"joinApprovalMode": True},
    ),
    Change(
        "no approval",
        Kind.APPROVAL_MODE,
        lambda w: groups(w).set_approval(w.group, False),
        ("groupJoinApprovalMode", "off"),
        {"joinApprovalMode": False},
    ),
    Change(
        "link reset",
        Kind.INVITE_CODE,
        lambda w: groups(w).reset_invite_code(w.group),
        ("groupRevokeInvite",),
        {},
    ),
    switch(GroupSwitch.LIMITED_FORWARDING, "no_frequently_forwarded", on=True),
    switch(GroupSwitch.LIMITED_FORWARDING, "frequently_forwarded_ok", on=False),
    switch(GroupSwitch.ADMIN_REPORTS, "allow_admin_reports", on=True),
    switch(GroupSwitch.ADMIN_REPORTS, "not_allow_admin_reports", on=False),
    switch(GroupSwitch.HISTORY, "group_history", on=True),
    switch(GroupSwitch.HISTORY, "no_group_history", on=False),
]

UNDONE = {
    "subject": lambda w: groups(w).set_subject(w.group, "Friends"),
    "description": lambda w: groups(w).set_description(w.group, ""),
    "no description": lambda w: groups(w).set_description(w.group, "something"),
    "all add": lambda w: groups(w).set_member_add_mode(w.group, only_admins=True),
    "admins add": lambda w: groups(w).set_member_add_mode(w.group, only_admins=False),
}
"""What has to be done so that the change is one once more; switches come in pairs."""


async def heard(world: World, change: Change, since: int) -> GroupChanged:
    """Wait until we have heard of a change."""
    return await world.us.events.until(
        GroupChanged,
        lambda event: (
            event.group == world.group
            and event.change.kind is change.kind
            and (not change.tag or event.change.text == change.tag)
        ),
        since=since,
    )


async def stub_of(world: World, notification_id: str) -> Mapping[str, Any]:
    """The notice that Baileys has made of a notification."""

    def has_it(event: Mapping[str, Any]) -> bool:
        return event["event"] == "messages.upsert" and any(
            message["key"]["id"] == notification_id for message in event["messages"]
        )

    event = await world.alice.client.wait_event(has_it, what=f"notice {notification_id}")
    found = next(m for m in event["messages"] if m["key"]["id"] == notification_id)
    raw: Mapping[str, Any] = found["raw"]
    return raw


async def notice_of(us: Linked, event: GroupChanged) -> Message:
    """The message as which we keep the notice of an event."""
    notices = await us.read(lambda store: store.messages.notices(event.group, 100))
    return next(message for message in notices if message.key.id == event.id)


def parameters(texts: Any) -> list[Any]:
    """Parameters of a notice; people are JSON, in whatever order their keys stand."""
    return [json.loads(text) if text.startswith("{") else text for text in texts or ()]


async def same_notice(world: World, event: GroupChanged) -> None:
    """Baileys and we tell the same of one notification: what, who, where, when."""
    theirs = await stub_of(world, event.id)
    ours = await notice_of(world.us, event)
    assert ours.notice is not None
    assert ours.timestamp == int(theirs["messageTimestamp"])
    assert str(ours.key.chat) == theirs["key"]["remoteJid"]
    lids = {world.us.jid: world.us.lid, world.alice.jid: world.alice.lid}
    assert str(lids[ours.key.sender]) == theirs["key"]["participant"]
    assert ours.key.from_me is (ours.key.sender == world.us.jid)
    if event.change.kind is Kind.EPHEMERAL:
        # Baileys makes a setting message of it.
        protocol = theirs["message"]["protocolMessage"]
        seconds = str(protocol.get("ephemeralExpiration", 0))
        assert (ours.notice.type, ours.notice.parameters) == (EPHEMERAL_STUB, (seconds,))
        return
    assert ours.notice.type == theirs["messageStubType"]
    assert parameters(ours.notice.parameters) == parameters(theirs.get("messageStubParameters"))


def kept(group: Group, change: Change) -> dict[str, Any]:
    """What we have stored, in the words of Baileys' metadata."""
    words = {
        "subject": group.subject,
        "desc": group.description,
        "announce": group.is_announcement,
        "restrict": group.is_locked,
        "ephemeralDuration": group.expiration_s,
        "memberAddMode": not group.only_admins_add,
        "joinApprovalMode": group.needs_approval,
    }
    return {name: words[name] for name in change.shown}


async def stored(world: World) -> Group:
    known = await world.us.read(lambda store: store.groups.get(world.group))
    assert known is not None
    return known


async def be_admin(world: World) -> None:
    """Alice, who made the group, makes us an admin."""
    me = (await groups(world).info(world.group)).member(world.us.jid)
    if me is not None and not me.is_admin:
        args = [str(world.group), [str(world.us.lid)], "promote"]
        await world.alice.client.call("groupParticipantsUpdate", *args)
        await world.us.events.until(GroupChanged, lambda e: e.change.kind is Kind.PROMOTE)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
async def test_what_we_change_is_seen_by_baileys(world: World, change: Change) -> None:
    await be_admin(world)
    if change.name in UNDONE:
        await UNDONE[change.name](world)
    since = world.us.events.mark
    await change.ours(world)
    event = await heard(world, change, since)
    assert event.author == world.us.jid
    shown = await world.alice.client.call("groupMetadata", str(world.group))
    assert {name: shown.get(name) for name in change.shown} == dict(change.shown)
    assert kept(await stored(world), change) == dict(change.shown)
    if change.has_stub:
        await same_notice(world, event)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
async def test_what_baileys_changes_is_seen_by_us(world: World, change: Change) -> None:
    await be_admin(world)
    if change.name in UNDONE:
        await UNDONE[change.name](world)
    since = world.us.events.mark
    method, *args = change.theirs
    await world.alice.client.call(method, str(world.group), *args)
    event = await heard(world, change, since)
    assert event.author == world.alice.jid
    known = await stored(world)
    assert kept(known, change) == dict(change.shown)
    fresh = await groups(world).info(world.group, fresh=True)
    assert kept(fresh, change) == dict(change.shown)
    if change.tag:
        flags = {"frequently_forwarded_ok": "no_frequently_forwarded"}
        flag = flags.get(change.tag, change.tag.removeprefix("not_").replace("no_g", "g"))
        assert (flag in known.flags) is (flag == change.tag)
    if change.has_stub:
        await same_notice(world, event)


@pytest.mark.parametrize("by_us", [True, False], ids=["ours", "theirs"])
async def test_members_come_go_and_change_roles_with_the_same_notices(
    world: World, by_us: bool
) -> None:
    await be_admin(world)
    bob, us = world.bob, world.us
    actions = [
        (Kind.PROMOTE, "promote"),
        (Kind.DEMOTE, "demote"),
        (Kind.REMOVE, "remove"),
        (Kind.ADD, "add"),
    ]
    for kind, verb in actions:
        since = us.events.mark
        if by_us:
            (result,) = await getattr(us.client.groups, verb)(world.group, [bob.jid])
            assert result.is_done
        else:
            args = [str(world.group), [str(bob.lid)], verb]
            (answer,) = await world.alice.client.call("groupParticipantsUpdate", *args)
            assert answer["status"] == "200"
        event = await us.events.until(
            GroupChanged,
            lambda e, kind=kind: e.group == world.group and e.change.kind is kind,
            since=since,
        )
        assert event.change.pns == (bob.jid,)
        await same_notice(world, event)


async def test_a_picture_is_a_notice_too(world: World) -> None:
    await be_admin(world)
    since = world.us.events.mark
    await world.us.client.groups.set_picture(world.group, THUMBNAIL)
    event = await world.us.events.until(
        GroupChanged, lambda e: e.change.kind is Kind.PICTURE, since=since
    )
    theirs, ours = await stub_of(world, event.id), await notice_of(world.us, event)
    assert ours.notice is not None
    assert (ours.notice.type, list(ours.notice.parameters)) == (
        theirs["messageStubType"],
        theirs["messageStubParameters"],
    )
    since = world.us.events.mark
    attrs = {"to": "s.whatsapp.net", "target": str(world.group), "type": "set"}
    picture = {"tag": "picture", "attrs": {"type": "image"}, "content": as_bytes(THUMBNAIL)}
    node = {"tag": "iq", "attrs": attrs | {"xmlns": "w:profile:picture"}, "content": [picture]}
    await world.alice.client.call("query", node)
    event = await world.us.events.until(
        GroupChanged, lambda e: e.change.kind is Kind.PICTURE, since=since
    )
    assert event.author == world.alice.jid
    assert (await world.us.client.groups.info(world.group)).jid == world.group


async def test_rules_that_baileys_has_no_word_for_reach_its_metadata_or_ours(world: World) -> None:
    await be_admin(world)
    since = world.us.events.mark
    await world.us.client.group_rules.set_link_mode(world.group, False)
    event = await world.us.events.until(
        GroupChanged, lambda e: e.change.kind is Kind.MEMBER_LINK_MODE, since=since
    )
    assert (event.author, event.change.text) == (world.us.jid, "all_member_link")
    # Now that everybody may see the link, Bob, who is no admin, can.
    assert await world.bob.client.call("groupInviteCode", str(world.group))
    since = world.us.events.mark
    # Baileys as a mere carrier of the stanza.
    child = {"tag": "member_link_mode", "attrs": {}, "content": "admin_link"}
    attrs = {"to": str(world.group), "type": "set", "xmlns": "w:g2"}
    await world.alice.client.call("query", {"tag": "iq", "attrs": attrs, "content": [child]})
    event = await world.us.events.until(
        GroupChanged, lambda e: e.change.kind is Kind.MEMBER_LINK_MODE, since=since
    )
    assert (event.author, event.change.text) == (world.alice.jid, "admin_link")
    assert (await stored(world)).only_admins_link


async def test_joining_by_link_and_with_consent_both_ways(world: World) -> None:
    us, bob = world.us, world.bob
    made = await us.client.groups.create("Door", [], GroupOptions(needs_approval=True))
    group = made.group.jid
    code = await us.client.groups.invite_code(group)
    info = await bob.client.call("groupGetInviteInfo", code)
    assert (info["id"], info["subject"]) == (str(group), "Door")
    await bob.client.call("groupAcceptInvite", code)
    event = await us.events.until(
        GroupChanged, lambda e: e.group == group and e.change.kind is Kind.REQUESTS_CREATED
    )
    assert event.change.pns == (bob.jid,)
    (request,) = await us.client.groups.join_requests(group)
    assert (request.pn, request.method) == (bob.jid, "invite_link")
    (result,) = await us.client.groups.decide_requests(group, [bob.jid], approve=True)
    assert result.is_done
    await wait_invited(bob.client, group)

    theirs = Jid.parse((await world.alice.client.call("groupCreate", "Gate", []))["id"])
    await world.alice.client.call("groupJoinApprovalMode", str(theirs), "on")
    code = await world.alice.client.call("groupInviteCode", str(theirs))
    assert (await us.client.groups.join(code)).is_requested
    (waiting,) = await world.alice.client.call("groupRequestParticipantsList", str(theirs))
    assert waiting["jid"] == str(us.lid)
    args = [str(theirs), [str(us.lid)], "approve"]
    await world.alice.client.call("groupRequestParticipantsUpdate", *args)
    event = await us.events.until(
        GroupChanged, lambda e: e.group == theirs and e.change.kind is Kind.ADD
    )
    assert event.change.pns == (us.jid,)
    assert (await us.client.groups.info(theirs)).member(us.jid) is not None


# --- communities ---------------------------------------------------------------------------------


async def test_a_community_of_baileys_as_we_see_it(world: World) -> None:
    us, alice = world.us, world.alice.client
    made = await alice.call("communityCreate", "Town", "All of us")
    town = Jid.parse(made["id"])
    linked = await alice.call("communityFetchLinkedGroups", str(town))
    assert {group["subject"] for group in linked["linkedGroups"]} == {"Town", "General"}
    await alice.call("communityParticipantsUpdate", str(town), [str(us.lid)], "add")
    await us.events.until(GroupChanged, lambda e: e.group == town and e.change.kind is Kind.ADD)
    seen = await us.client.groups.info(town)
    assert (seen.subject, seen.is_community, seen.description) == ("Town", True, "All of us")
    groups_inside = await us.client.communities.sub_groups(town)
    assert {(g.subject, g.is_default, g.is_general) for g in groups_inside} == {
        ("Town", True, False),
        ("General", False, True),
    }
    default = next(group.jid for group in groups_inside if group.is_default)
    await us.events.until(GroupChanged, lambda e: e.group == default)
    await alice.send_text(str(default), "hear ye")
    assert (await us.wait_text("hear ye")).key.chat == default

    choir = Jid.parse((await alice.call("communityCreateGroup", "Choir", [], str(town)))["id"])
    event = await us.events.until(
        GroupChanged, lambda e: e.group == town and e.change.kind is Kind.LINK
    )
    assert (event.change.text, event.change.groups) == ("sub_group", (choir,))
    assert not (await us.client.communities.join(town, choir)).is_requested
    await us.events.until(GroupChanged, lambda e: e.group == choir and e.change.kind is Kind.ADD)
    assert (await us.client.groups.info(choir)).parent == town
    await alice.call("communityUnlinkGroup", str(choir), str(town))
    event = await us.events.until(
        GroupChanged, lambda e: e.group == choir and e.change.kind is Kind.UNLINK
    )
    assert event.change.text == "parent_group"
    assert (await us.client.groups.info(choir)).parent is None
    await alice.call("communityLinkGroup", str(choir), str(town))
    await us.events.until(GroupChanged, lambda e: e.group == choir and e.change.kind is Kind.LINK)
    assert (await us.client.groups.info(choir, fresh=True)).parent == town
    await us.client.communities.leave(town)
    people = await alice.call("groupMetadata", str(town))
    assert str(us.lid) not in {person["id"] for person in people["participants"]}


async def test_a_community_of_ours_as_baileys_sees_it(world: World) -> None:
    us, alice = world.us, world.alice
    options = CommunityOptions(with_general_chat=True)
    town = (await us.client.communities.create("Village", "Few of us", options)).jid
    (added,) = await us.client.groups.add(town, [alice.jid])
    assert added.is_done
    metadata = await wait_invited(alice.client, town)
    assert (metadata["isCommunity"], metadata["subject"]) == (True, "Village")
    default = await us.client.communities.announcement_group(town)
    assert default is not None
    inside = await wait_invited(alice.client, default)
    assert (inside["linkedParent"], inside["isCommunityAnnounce"]) == (str(town), True)
    await us.client.messages.send_text(default, "come all")
    assert (await alice.client.wait_text("come all")).chat == str(default)

    choir = (await us.client.communities.create_group(town, "Band", [alice.jid])).group.jid
    assert (await wait_invited(alice.client, choir))["linkedParent"] == str(town)
    linked = await alice.client.call("communityFetchLinkedGroups", str(choir))
    assert linked["communityJid"] == str(town)
    assert {group["subject"] for group in linked["linkedGroups"]} == {"Village", "General", "Band"}
    (promoted,) = await us.client.communities.promote(town, [alice.jid])
    assert promoted.is_done
    shown = await alice.client.call("groupMetadata", str(town))
    roles = {person["id"]: person.get("admin") for person in shown["participants"]}
    assert roles[str(alice.lid)] == "admin"
    # She may put groups of hers in now.
    hers = Jid.parse((await alice.client.call("groupCreate", "Hers", []))["id"])
    await alice.client.call("communityLinkGroup", str(hers), str(town))
    event = await us.events.until(
        GroupChanged,
        lambda e: e.group == town and e.change.kind is Kind.LINK and e.change.groups == (hers,),
    )
    assert event.author == alice.jid
    await us.client.communities.dissolve(town)
    known = await alice.client.call("groupMetadata", str(hers))
    assert known.get("linkedParent") is None
