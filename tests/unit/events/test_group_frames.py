"""Frames about what happened to a group: the exact JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from waport.errors import InvalidInput
from waport.events import Frame, render
from waport.events.render import KINDS
from waport.model import GroupChange, GroupChanged, GroupChangeKind
from waport.wire import Jid

OWN = Jid("15550001111", "s.whatsapp.net", 7)
ANN = Jid("15551112222", "s.whatsapp.net")
BOB = Jid("15559990000", "s.whatsapp.net")
BOB_LID, CAT_LID = Jid("100000000000002", "lid"), Jid("100000000000003", "lid")
GROUP = Jid("120363000000000001", "g.us")
NOW = 1_700_000_100
Kind = GroupChangeKind

GROUP_ID = {
    "_serialized": "120363000000000001@g.us",
    "user": "120363000000000001",
    "server": "g.us",
}
TWO: Any = {"members": (BOB_LID, CAT_LID), "pns": (BOB, None)}
CHAT = "120363000000000001@g.us"


def frames_of(kind: Kind, author: Jid | None = ANN, **change: Any) -> list[Frame]:
    event = GroupChanged(GROUP, GroupChange(kind, **change), author, NOW, "N1")
    frames = render(event, OWN)
    for frame in frames:
        assert frame.lane == CHAT
        assert frame.kind in KINDS[GroupChanged]
        assert json.loads(frame.text) == frame.data
    return frames


def moved(participant: str, action: str, way: str, author: str = "15551112222@c.us") -> object:
    return {
        "id": GROUP_ID,
        "participant": participant,
        "action": action,
        "author": author,
        "chatId": CHAT,
        "timestamp": NOW,
        "type": way,
    }


@pytest.mark.parametrize(
    ("reason", "way"),
    [
        ("", "add"),
        ("invite", "invite"),
        ("linked_group_join", "linked_group_join"),
        ("auto_add", "add"),
    ],
)
def test_each_person_who_joins_is_a_frame(reason: str, way: str) -> None:
    frames = frames_of(Kind.ADD, **TWO, reason=reason)
    assert [frame.kind for frame in frames] == ["group_join"] * 2
    assert [frame.data for frame in frames] == [
        moved("15559990000@c.us", "add", way),
        moved("100000000000003@lid", "add", way),
    ]


def test_each_person_who_is_removed_is_a_frame() -> None:
    frames = frames_of(Kind.REMOVE, **TWO)
    assert [frame.kind for frame in frames] == ["group_leave"] * 2
    assert [frame.data for frame in frames] == [
        moved("15559990000@c.us", "remove", "remove"),
        moved("100000000000003@lid", "remove", "remove"),
    ]


@pytest.mark.parametrize("people", [{}, {"members": (BOB_LID,), "pns": (BOB,)}])
@pytest.mark.parametrize("kind", [Kind.LEAVE, Kind.REMOVE])
def test_whoever_removes_themselves_leaves(kind: Kind, people: Any) -> None:
    (frame,) = frames_of(kind, author=BOB, **people)
    assert frame.kind == "group_leave"
    assert frame.data == moved("15559990000@c.us", "remove", "leave", "15559990000@c.us")


def test_without_anybody_there_is_no_frame() -> None:
    assert frames_of(Kind.ADD, author=None) == []


@pytest.mark.parametrize("kind", [Kind.PROMOTE, Kind.DEMOTE])
def test_a_change_of_admins_is_one_notification(kind: Kind) -> None:
    (frame,) = frames_of(kind, **TWO)
    assert frame.kind == "group_admin_changed"
    assert frame.data == {
        "notification": {
            "id": {
                "_serialized": f"false_{CHAT}_N1",
                "fromMe": False,
                "remote": CHAT,
                "id": "N1",
                "participant": "15551112222@c.us",
            },
            "body": "",
            "type": kind.value,
            "timestamp": NOW,
            "chatId": CHAT,
            "author": "15551112222@c.us",
            "recipientIds": ["15559990000@c.us", "100000000000003@lid"],
        }
    }


def notification_of(frame: Frame) -> Any:
    return frame.data["notification"]


def test_a_notification_says_whether_it_was_us() -> None:
    (ours,) = frames_of(Kind.PROMOTE, author=OWN.bare, **TWO)
    (nobodys,) = frames_of(Kind.PROMOTE, author=None, **TWO)
    assert notification_of(ours)["id"]["fromMe"] is True
    assert notification_of(ours)["id"]["_serialized"].startswith("true_")
    assert "author" not in notification_of(nobodys)
    assert notification_of(nobodys)["id"] == {
        "_serialized": f"false_{CHAT}_N1",
        "fromMe": False,
        "remote": CHAT,
        "id": "N1",
    }


@pytest.mark.parametrize("people", [{}, {"members": (BOB_LID,), "pns": (BOB,)}])
def test_a_wish_to_join_is_a_notification(people: Any) -> None:
    (frame,) = frames_of(Kind.REQUESTS_CREATED, author=BOB, **people)
    assert frame.kind == "group_membership_request"
    notification = notification_of(frame)
    assert notification["type"] == "membership_approval_request"
    assert notification["author"] == "15559990000@c.us"
    assert notification["recipientIds"] == ["15559990000@c.us"]


@pytest.mark.parametrize(
    ("change", "fields", "name"),
    [
        (GroupChange(Kind.SUBJECT, text="New"), {"subject": "New"}, "subject"),
        (GroupChange(Kind.CREATE, text="New"), {"subject": "New"}, "create"),
        (GroupChange(Kind.DESCRIPTION, text="", detail="D1"), {"desc": ""}, "description"),
        (GroupChange(Kind.PICTURE, text="77", enabled=True), {"picture": "77"}, "picture"),
        (GroupChange(Kind.ANNOUNCEMENT, enabled=True), {"announce": True}, "announce"),
        (GroupChange(Kind.LOCKED, enabled=False), {"restrict": False}, "restrict"),
        (GroupChange(Kind.INVITE_CODE, text="abc"), {"inviteCode": "abc"}, "revoke_invite"),
        (
            GroupChange(Kind.MEMBER_ADD_MODE, text="all_member_add"),
            {"memberAddMode": True},
            "member_add_mode",
        ),
        (
            GroupChange(Kind.MEMBER_ADD_MODE, text="admin_add"),
            {"memberAddMode": False},
            "member_add_mode",
        ),
        (
            GroupChange(Kind.APPROVAL_MODE, enabled=True),
            {"joinApprovalMode": True},
            "membership_approval_mode",
        ),
        (GroupChange(Kind.EPHEMERAL, number=86_400), {"ephemeralDuration": 86_400}, "ephemeral"),
        (GroupChange(Kind.SUSPENDED, enabled=True), {"suspended": True}, "suspended"),
        (
            GroupChange(Kind.LINK, text="sub_group", groups=(Jid("1", "g.us"),)),
            {"linkType": "sub_group", "groups": ["1@g.us"]},
            "link",
        ),
        (GroupChange(Kind.DELETE), {}, "delete"),
        (
            GroupChange(Kind.CHANGE_NUMBER, members=(BOB_LID,), pns=(BOB,)),
            {"participants": ["15559990000@c.us"]},
            "modify",
        ),
        (
            GroupChange(Kind.REQUESTS_REVOKED, members=(CAT_LID,)),
            {"participants": ["100000000000003@lid"]},
            "revoked_membership_requests",
        ),
        (GroupChange(Kind.OTHER, text="growth_locked"), {}, "growth_locked"),
        (
            GroupChange(Kind.OTHER, text="member_link_mode", detail="admin_link"),
            {"value": "admin_link"},
            "member_link_mode",
        ),
    ],
)
def test_other_changes_are_updates_that_name_what_is_new(
    change: GroupChange, fields: dict[str, object], name: str
) -> None:
    (frame,) = render(GroupChanged(GROUP, change, ANN, NOW, "N1"), OWN)
    assert (frame.kind, frame.lane) == ("group_update", CHAT)
    assert frame.data == {
        "id": GROUP_ID,
        **fields,
        "author": "15551112222@c.us",
        "chatId": CHAT,
        "timestamp": NOW,
        "type": name,
    }


def test_every_kind_of_change_has_a_frame() -> None:
    for kind in Kind:
        event = GroupChanged(GROUP, GroupChange(kind, members=(BOB_LID,)), None, NOW, "N1")
        assert len(render(event, OWN)) == 1


def test_a_change_of_a_group_needs_the_account() -> None:
    with pytest.raises(InvalidInput):
        render(GroupChanged(GROUP, GroupChange(Kind.SUBJECT), None, NOW, "N1"))
