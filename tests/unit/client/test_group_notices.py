"""What a notification changes in a stored group, and what it tells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from support.account import NOW, OWN_LID, PEER_LID, PEER_PN, Account
from support.group_server import Hearing, person
from support.groups import CAROL_LID, CAROL_PN, DAVE_LID, DAVE_PN, GROUP
from waport.model import GroupMember, MemberRole, NumberChanged
from waport.model.group import GroupChange, GroupChangeKind
from waport.wire import Jid, Node

Kind = GroupChangeKind


@pytest.fixture
async def room(account: Account) -> Hearing:
    """A room whose group is known; everybody's numbers are, too."""
    room = Hearing(account)
    await room.learn_all()
    await room.put()
    return room


# --- what is kept ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("child", "changes"),
    [
        (
            Node("subject", {"subject": "Köln"}),
            {"subject": "Köln", "subject_at": NOW - 5, "subject_by": PEER_PN},
        ),
        (
            Node("description", {"id": "D1"}, [Node("body", {}, b"About us")]),
            {
                "description": "About us",
                "description_id": "D1",
                "description_at": NOW - 5,
                "description_by": PEER_PN,
            },
        ),
        (Node("announcement"), {"is_announcement": True}),
        (Node("locked"), {"is_locked": True}),
        (Node("ephemeral", {"expiration": "86400"}), {"expiration_s": 86_400}),
        (Node("member_add_mode", {}, b"admin_add"), {"only_admins_add": True}),
        (
            Node("membership_approval_mode", {}, [Node("group_join", {"state": "on"})]),
            {"needs_approval": True},
        ),
        (Node("suspended"), {"is_suspended": True}),
        (
            Node("link", {"link_type": "parent_group"}, [Node("group", {"jid": "12345@g.us"})]),
            {"parent": Jid("12345", "g.us")},
        ),
        (Node("link", {"link_type": "sub_group"}, [Node("group", {"jid": "12345@g.us"})]), {}),
        (Node("delete", {"reason": "delete_parent"}), {"is_left": True}),
        (Node("no_frequently_forwarded"), {"flags": ("no_frequently_forwarded",)}),
        (Node("invite", {"code": "AbC"}), {}),
        (Node("revoke", {}, [person(CAROL_LID)]), {}),
        (Node("created_membership_requests", {}, [Node("requested_user", {"jid": DAVE_LID})]), {}),
        (Node("something_new"), {}),
    ],
)
async def test_a_change_of_a_property_is_kept_and_told(
    room: Hearing, child: Node, changes: dict[str, Any]
) -> None:
    before = await room.stored()
    (event,) = await room.hear(child)
    assert await room.stored() == replace(before, notices=("N1",), **changes)
    assert (event.group, event.author, event.id) == (GROUP, PEER_PN, "N1")
    assert event.timestamp == NOW - 5
    assert room.refetched == []


@pytest.mark.parametrize(
    ("child", "known", "changes"),
    [
        (Node("not_announcement"), {"is_announcement": True}, {"is_announcement": False}),
        (Node("unlocked"), {"is_locked": True}, {"is_locked": False}),
        (Node("not_ephemeral"), {"expiration_s": 86_400}, {"expiration_s": 0}),
        (
            Node("member_add_mode", {}, b"all_member_add"),
            {"only_admins_add": True},
            {"only_admins_add": False},
        ),
        (
            Node("membership_approval_mode", {}, [Node("group_join", {"state": "off"})]),
            {"needs_approval": True},
            {"needs_approval": False},
        ),
        (Node("unsuspended"), {"is_suspended": True}, {"is_suspended": False}),
        (
            Node("unlink", {"unlink_type": "parent_group"}, [Node("group", {"jid": "1@g.us"})]),
            {"parent": Jid("1", "g.us")},
            {"parent": None},
        ),
        (
            Node("frequently_forwarded_ok"),
            {"flags": ("allow_admin_reports", "no_frequently_forwarded")},
            {"flags": ("allow_admin_reports",)},
        ),
        (
            Node("description", {}, [Node("delete")]),
            {
                "description": "x",
                "description_id": "D1",
                "description_at": 5,
                "description_by": PEER_PN,
            },
            {
                "description": "",
                "description_id": "",
                "description_at": 0,
                "description_by": None,
            },
        ),
    ],
)
async def test_what_was_switched_on_is_switched_off(
    room: Hearing, child: Node, known: dict[str, Any], changes: dict[str, Any]
) -> None:
    before = await room.put(**known)
    await room.hear(child)
    assert await room.stored() == replace(before, notices=("N1",), **changes)


async def test_new_members_come_in_once(room: Hearing) -> None:
    added = Node(
        "add",
        {"reason": "invite", "prev_v_id": "10", "v_id": "11"},
        [person(DAVE_LID, phone_number=DAVE_PN), person(CAROL_LID)],
    )
    (event,) = await room.hear(added)
    known = await room.stored()
    assert known.members[3:] == (GroupMember(DAVE_LID, DAVE_PN, DAVE_LID),)
    assert (known.size, known.participants_version) == (4, "11")
    assert event.change == GroupChange(
        Kind.ADD, (DAVE_LID, CAROL_LID), (DAVE_PN, CAROL_PN), reason="invite"
    )
    assert await room.account.read(lambda store: store.addresses.pn_of(DAVE_LID)) == DAVE_PN


async def test_a_number_that_is_not_shown_but_known_is_told_and_kept(room: Hearing) -> None:
    await room.account.write(lambda store: store.addresses.learn(DAVE_PN, DAVE_LID))
    (event,) = await room.hear(Node("add", {}, [person(DAVE_LID)]))
    assert event.change.pns == (DAVE_PN,)
    assert (await room.stored()).member(DAVE_PN) == GroupMember(DAVE_LID, DAVE_PN, DAVE_LID)


async def test_members_who_go_are_gone_under_either_address(room: Hearing) -> None:
    (event,) = await room.hear(Node("remove", {}, [person(CAROL_PN)]))
    known = await room.stored()
    assert known.member(CAROL_LID) is None
    assert (len(known.members), known.size, known.is_left) == (2, 2, False)
    assert event.change.kind is Kind.REMOVE
    (event,) = await room.hear(Node("remove", {}, [person(PEER_LID)]), id="N2")
    assert event.change.kind is Kind.LEAVE
    assert [member.jid for member in (await room.stored()).members] == [OWN_LID.bare]


async def test_roles_follow(room: Hearing) -> None:
    await room.hear(Node("promote", {}, [person(CAROL_LID), person(PEER_LID)]))
    known = await room.stored()
    roles = {member.jid: member.role for member in known.members}
    assert (roles[CAROL_LID], roles[PEER_LID]) == (MemberRole.ADMIN, MemberRole.SUPERADMIN)
    await room.hear(Node("demote", {}, [person(CAROL_PN)]), id="N2")
    assert (await room.stored()).members[1].role is MemberRole.MEMBER
    assert len((await room.stored()).members) == 3


async def test_a_member_with_a_new_number_takes_the_place_of_the_old_one(room: Hearing) -> None:
    before = await room.stored()
    modify = Node("modify", {}, [person(CAROL_LID)])
    await room.account.write(lambda store: store.chats.touch(CAROL_PN, NOW))
    (event,) = await room.hear(modify, participant=DAVE_LID, participant_pn=DAVE_PN)
    assert room.account.sink.recorded[-1] == NumberChanged(CAROL_PN, DAVE_PN, False)
    assert [chat.jid for chat in await room.account.read(lambda store: store.chats.all())] == [
        DAVE_PN
    ]
    known = await room.stored()
    assert known.member(CAROL_LID) is None
    assert known.member(DAVE_PN) == GroupMember(DAVE_LID, DAVE_PN, DAVE_LID)
    assert len(known.members) == len(before.members)
    # What else has changed only the server knows.
    assert known.fetched_at == 0
    assert room.refetched == [GROUP]
    assert event.change.pns == (CAROL_PN,)


async def test_shown_data_that_changed_replaces_nobody(room: Hearing) -> None:
    before = await room.stored()
    await room.hear(Node("modify", {}, [person(PEER_LID)]))
    await room.hear(Node("modify", {}, [person(CAROL_LID)]), id="N2")
    assert not any(isinstance(event, NumberChanged) for event in room.account.sink.recorded)
    assert (await room.stored()).members == before.members
    assert room.refetched == [GROUP, GROUP]
