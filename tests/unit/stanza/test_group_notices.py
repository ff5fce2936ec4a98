"""What the server tells of groups by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from waport.errors import StanzaError
from waport.model.group import AddressingMode, GroupChange, GroupChangeKind
from waport.stanza.group_notices import (
    MAX_PARTS,
    GroupNotice,
    parse_dirty_groups,
    parse_group_notification,
    parse_group_picture,
)
from waport.stanza.groups import MAX_MEMBERS, parse_group
from waport.wire import GROUP_SERVER, Jid, Node, decode_stanza, encode_stanza

GROUP = Jid("120363000000000001", "g.us")
OTHER_GROUP = Jid("120363000000000009", "g.us")
ANN, ANN_LID = Jid("15550001111", "s.whatsapp.net"), Jid("100000000000001", "lid")
BOB, BOB_LID = Jid("15550002222", "s.whatsapp.net"), Jid("100000000000002", "lid")
CAROL_LID = Jid("100000000000003", "lid")

Kind = GroupChangeKind


def person(jid: Any, tag: str = "participant", **attrs: Any) -> Node:
    return Node(tag, {"jid": jid, **attrs})


def notification(*children: Node, **attrs: Any) -> Node:
    known = {
        "from": GROUP,
        "type": "w:gp2",
        "id": "N1",
        "t": "1750000000",
        "participant": ANN_LID.with_device(5),
        "participant_pn": ANN,
        "notify": "Ann",
        "addressing_mode": "lid",
    }
    return Node("notification", {**known, **attrs}, list(children) or None)


def parse(*children: Node, **attrs: Any) -> GroupNotice:
    return parse_group_notification(decode_stanza(encode_stanza(notification(*children, **attrs))))


def members(kind: GroupChangeKind, reason: str = "") -> GroupChange:
    """Bob, whose number is shown, and Carol."""
    return GroupChange(kind, (BOB_LID, CAROL_LID), (BOB, None), reason=reason)


BOB_AND_CAROL = [person(BOB_LID, phone_number=BOB), person(CAROL_LID)]
REQUESTED = [
    person(BOB_LID, "requested_user", phone_number=BOB),
    person(CAROL_LID, "requested_user"),
]


# --- each kind of child ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("child", "change"),
    [
        (Node("add", {"reason": "invite"}, BOB_AND_CAROL), members(Kind.ADD, "invite")),
        (Node("remove", {}, BOB_AND_CAROL), members(Kind.REMOVE)),
        (Node("leave", {}, BOB_AND_CAROL), members(Kind.LEAVE)),
        (Node("leave"), GroupChange(Kind.LEAVE, (ANN_LID,), (ANN,))),
        (Node("promote", {}, BOB_AND_CAROL), members(Kind.PROMOTE)),
        (Node("demote", {}, BOB_AND_CAROL), members(Kind.DEMOTE)),
        (Node("modify", {}, BOB_AND_CAROL), members(Kind.CHANGE_NUMBER)),
        (
            Node("subject", {"subject": "Köln", "s_t": "1750000000", "s_o": ANN_LID}),
            GroupChange(Kind.SUBJECT, text="Köln"),
        ),
        (
            Node("description", {"id": "D1"}, [Node("body", {}, b"About us")]),
            GroupChange(Kind.DESCRIPTION, text="About us", detail="D1"),
        ),
        (Node("description", {"id": "D2"}, [Node("delete")]), GroupChange(Kind.DESCRIPTION)),
        (Node("description", {"delete": "true"}), GroupChange(Kind.DESCRIPTION)),
        (Node("announcement"), GroupChange(Kind.ANNOUNCEMENT, enabled=True)),
        (Node("not_announcement"), GroupChange(Kind.ANNOUNCEMENT)),
        (Node("locked", {"threshold": "5"}), GroupChange(Kind.LOCKED, enabled=True)),
        (Node("unlocked"), GroupChange(Kind.LOCKED)),
        (
            Node("ephemeral", {"expiration": "86400", "trigger": "1"}),
            GroupChange(Kind.EPHEMERAL, enabled=True, number=86_400),
        ),
        (Node("ephemeral", {"expiration": "0"}), GroupChange(Kind.EPHEMERAL)),
        (Node("not_ephemeral"), GroupChange(Kind.EPHEMERAL)),
        (Node("invite", {"code": "AbC"}), GroupChange(Kind.INVITE_CODE, text="AbC")),
        (
            Node("member_add_mode", {}, b"admin_add"),
            GroupChange(Kind.MEMBER_ADD_MODE, text="admin_add", enabled=True),
        ),
        (
            Node("member_add_mode", {}, b"elders_add"),
            GroupChange(Kind.MEMBER_ADD_MODE, text="elders_add"),
        ),
        (
            Node("membership_approval_mode", {}, [Node("group_join", {"state": "on"})]),
            GroupChange(Kind.APPROVAL_MODE, enabled=True),
        ),
        (
            Node("membership_approval_mode", {}, [Node("group_join", {"state": "off"})]),
            GroupChange(Kind.APPROVAL_MODE),
        ),
        (
            Node("created_membership_requests", {"request_method": "non_admin_add"}, REQUESTED),
            replace(
                members(Kind.REQUESTS_CREATED, "non_admin_add"),
                detail="created_membership_requests",
            ),
        ),
        (
            Node("membership_approval_request", {"request_method": "invite_link"}),
            GroupChange(
                Kind.REQUESTS_CREATED,
                (ANN_LID,),
                (ANN,),
                reason="invite_link",
                detail="membership_approval_request",
            ),
        ),
        (
            Node("revoked_membership_requests", {}, BOB_AND_CAROL),
            members(Kind.REQUESTS_REVOKED, "rejected"),
        ),
        (
            Node("revoked_membership_requests", {}, [person(ANN_LID)]),
            GroupChange(Kind.REQUESTS_REVOKED, (ANN_LID,), (None,), reason="revoked"),
        ),
        (
            Node("delete", {"reason": "delete_parent"}),
            GroupChange(Kind.DELETE, reason="delete_parent"),
        ),
        (
            Node("link", {"link_type": "parent_group"}, [Node("group", {"jid": OTHER_GROUP})]),
            GroupChange(Kind.LINK, text="parent_group", groups=(OTHER_GROUP,)),
        ),
        (
            Node(
                "unlink",
                {"unlink_type": "sub_group", "unlink_reason": "unlink_group"},
                [Node("group", {"jid": OTHER_GROUP})],
            ),
            GroupChange(
                Kind.UNLINK, text="sub_group", reason="unlink_group", groups=(OTHER_GROUP,)
            ),
        ),
        (Node("suspended"), GroupChange(Kind.SUSPENDED, enabled=True)),
        (Node("unsuspended"), GroupChange(Kind.SUSPENDED)),
        (Node("something_new"), GroupChange(Kind.OTHER, text="something_new")),
        (
            Node("revoke", {}, BOB_AND_CAROL),
            GroupChange(Kind.OTHER, (BOB_LID, CAROL_LID), (BOB, None), text="revoke"),
        ),
        (
            Node("no_frequently_forwarded"),
            GroupChange(Kind.OTHER, text="no_frequently_forwarded", enabled=True),
        ),
        (
            Node("frequently_forwarded_ok"),
            GroupChange(Kind.OTHER, text="frequently_forwarded_ok"),
        ),
        (
            Node("member_link_mode", {}, b"admin_link"),
            GroupChange(Kind.MEMBER_LINK_MODE, text="admin_link", enabled=True),
        ),
        (
            Node("member_share_group_history_mode", {}, b"all_member_share"),
            GroupChange(Kind.HISTORY_MODE, text="all_member_share"),
        ),
        (
            Node("linked_group_promote", {}, BOB_AND_CAROL),
            members(Kind.COMMUNITY_PROMOTE),
        ),
    ],
)
def test_every_kind_of_change_is_understood(child: Node, change: GroupChange) -> None:
    notice = parse(child)
    assert notice.changes == (change,)
    assert not notice.is_partial


def test_who_did_it_where_and_when_stands_on_the_notification() -> None:
    notice = parse(Node("locked"))
    assert (notice.group, notice.author, notice.author_pn) == (GROUP, ANN_LID, ANN)
    assert (notice.timestamp, notice.id, notice.push_name) == (1_750_000_000, "N1", "Ann")
    assert notice.addressing is AddressingMode.LID
    assert notice.created is None


def test_in_a_number_group_the_author_is_the_number() -> None:
    node = notification(Node("locked"), participant=BOB, addressing_mode="pn")
    del node.attrs["participant_pn"]
    notice = parse_group_notification(node)
    assert (notice.author, notice.author_pn) == (BOB, BOB)
    assert notice.addressing is AddressingMode.PN


def test_what_is_not_said_is_unknown() -> None:
    notice = parse_group_notification(Node("notification", {"from": GROUP, "id": "N1"}))
    assert notice == GroupNotice(GROUP, None, None, 0, "N1")


def test_all_children_count_each_with_its_versions() -> None:
    notice = parse(
        Node("remove", {"prev_v_id": "17", "v_id": "18"}, [person(BOB_LID)]),
        Node("add", {"v_id": "19"}, [person(CAROL_LID)]),
        Node("announcement", {"prev_v_id": "4", "v_id": "5"}),
        Node("subject", {"subject": "New"}),
    )
    assert [change.kind for change in notice.changes] == [
        Kind.REMOVE,
        Kind.ADD,
        Kind.ANNOUNCEMENT,
        Kind.SUBJECT,
    ]
    versions = [(p.is_of_members, p.previous_version, p.version) for p in notice.parts]
    assert versions == [(True, "17", "18"), (True, "", "19"), (False, "4", "5"), (False, "", "")]


@pytest.mark.parametrize(
    "me",
    [person(ANN_LID), person(ANN), person(ANN, lid=ANN_LID), person(ANN_LID.with_device(9))],
)
def test_whoever_removes_themselves_has_left(me: Node) -> None:
    notice = parse(Node("remove", {"reason": "x"}, [person(BOB_LID, phone_number=BOB), me]))
    removed, left = notice.changes
    assert removed == GroupChange(Kind.REMOVE, (BOB_LID,), (BOB,), reason="x")
    assert (left.kind, len(left.members), left.reason) == (Kind.LEAVE, 1, "x")
    assert parse(Node("remove", {}, [me])).changes[0].kind is Kind.LEAVE


def test_withdrawn_and_refused_requests_are_told_apart() -> None:
    gone = Node("revoked_membership_requests", {}, [person(ANN_LID), person(BOB_LID)])
    told = [(change.reason, change.members) for change in parse(gone).changes]
    assert told == [("rejected", (BOB_LID,)), ("revoked", (ANN_LID,))]


def test_a_new_group_comes_whole() -> None:
    group = Node(
        "group",
        {"id": GROUP.user, "subject": "Friends", "creator": ANN_LID, "creator_pn": ANN},
        [person(BOB_LID, phone_number=BOB)],
    )
    notice = parse(Node("create", {"type": "new", "key": "K1", "reason": "invite"}, [group]))
    assert notice.created == parse_group(group)
    assert notice.changes == (
        GroupChange(Kind.CREATE, text="Friends", reason="invite", detail="new"),
    )


def test_a_new_group_names_members_as_the_notification_does_if_it_does_not_say() -> None:
    create = Node("create", {}, [Node("group", {"id": GROUP.user})])
    created = parse(create, addressing_mode="pn").created
    assert created is not None
    assert created.addressing is AddressingMode.PN


def test_every_pair_of_addresses_that_is_shown_is_learned() -> None:
    dave, dave_lid = Jid("15550004444", "s.whatsapp.net"), Jid("100000000000004", "lid")
    eve, eve_lid = Jid("15550005555", "s.whatsapp.net"), Jid("100000000000005", "lid")
    described = Node("description", {"id": "D", "participant": eve_lid, "participant_pn": eve})
    group = Node("group", {"id": GROUP.user, "creator": dave_lid, "creator_pn": dave}, [described])
    notice = parse(
        Node("add", {}, [person(BOB_LID, phone_number=BOB), person(CAROL_LID)]),
        Node("subject", {"subject": "x", "s_o": ANN_LID, "s_o_pn": ANN}),
        Node("create", {}, [group]),
    )
    expected = {(ANN, ANN_LID), (BOB, BOB_LID), (dave, dave_lid), (eve, eve_lid)}
    assert set(notice.mappings) == expected
    assert len(notice.mappings) == len(expected)
    by_number = parse(Node("add", {}, [person(BOB, lid=BOB_LID)]), participant=ANN)
    assert by_number.mappings == ((BOB, BOB_LID),)


# --- hostile --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "child",
    [
        Node("add"),
        Node("add", {}, [person("nonsense")]),
        Node("remove"),
        Node("promote", {}, b"bytes"),
        Node("subject"),
        Node("description"),
        Node("ephemeral"),
        Node("ephemeral", {"expiration": "-1"}),
        Node("ephemeral", {"expiration": "99999999999"}),
        Node("invite"),
        Node("member_add_mode"),
        Node("member_add_mode", {}, b"\xff"),
        Node("membership_approval_mode"),
        Node("membership_approval_mode", {}, [Node("group_join", {"state": "perhaps"})]),
        Node("created_membership_requests", {}, [Node("requested_user")]),
        Node("revoked_membership_requests"),
        Node("link", {"link_type": "parent_group"}),
        Node("link", {}, [Node("group", {"jid": ANN})]),
        Node("create"),
        Node("create", {}, [Node("group")]),
        Node("create", {}, [Node("group", {"id": OTHER_GROUP.user})]),
        Node("add", {}, [person(Jid(str(10**14 + n), "lid")) for n in range(MAX_MEMBERS + 1)]),
    ],
    ids=lambda child: child.tag,
)
def test_a_child_that_can_not_be_read_does_not_take_the_others_with_it(child: Node) -> None:
    node = notification(child, Node("locked"), participant="nobody")
    notice = parse_group_notification(node)
    assert notice.is_partial
    assert notice.changes == (
        GroupChange(Kind.OTHER, text=child.tag),
        GroupChange(Kind.LOCKED, enabled=True),
    )


@pytest.mark.parametrize(
    "attrs",
    [
        {"id": "N1"},
        {"from": ANN, "id": "N1"},
        {"from": "nonsense", "id": "N1"},
        {"from": GROUP_SERVER, "id": "N1"},
        {"from": Jid("1 2", "g.us"), "id": "N1"},
        {"from": Jid("120363000000000001", "g.us", 4), "id": "N1"},
        {"from": GROUP},
    ],
)
def test_a_notification_without_group_or_id_is_refused(attrs: dict[str, Any]) -> None:
    node = Node("notification", attrs, [Node("set", {"id": "1"})])
    for parse_it in (parse_group_notification, parse_group_picture):
        with pytest.raises(StanzaError):
            parse_it(node)


def test_a_notification_has_an_end() -> None:
    with pytest.raises(StanzaError):
        parse_group_notification(notification(*[Node("x")] * (MAX_PARTS + 1)))
    notice = parse_group_notification(notification(Node("y" * 5000), id="N" * 5000, t="9" * 19))
    assert (len(notice.changes[0].text), len(notice.id), notice.timestamp) == (64, 256, 0)
    assert parse_group_notification(notification()).parts == ()
    assert parse_group_notification(Node("notification", notification().attrs, b"x")).parts == ()


# --- pictures, dirty groups -----------------------------------------------------------------------


def picture(*children: Node, **attrs: Any) -> GroupNotice | None:
    return parse_group_picture(notification(*children, type="picture", **attrs))


def test_a_picture_is_set_or_taken_away() -> None:
    notice = picture(Node("set", {"jid": GROUP, "id": "1750000000", "author": BOB_LID}))
    assert notice is not None
    assert notice.changes == (GroupChange(Kind.PICTURE, text="1750000000", enabled=True),)
    assert (notice.author, notice.author_pn) == (ANN_LID, ANN)
    assert notice.mappings == ((ANN, ANN_LID),)
    for gone in (Node("delete", {"jid": GROUP}), Node("delete")):
        notice = picture(gone)
        assert notice is not None
        assert notice.changes == (GroupChange(Kind.PICTURE),)


def test_whoever_set_a_picture_may_stand_on_the_child_alone() -> None:
    notice = picture(Node("set", {"id": "1", "author": BOB_LID}), participant="nobody")
    assert notice is not None
    assert notice.author == BOB_LID


def test_a_picture_notification_without_a_change_is_none() -> None:
    assert picture() is None
    assert picture(Node("request"), Node("set_avatar")) is None


def test_dirty_groups_are_named_once_each() -> None:
    groups = [
        Node("group", {"jid": GROUP}),
        Node("group", {"jid": OTHER_GROUP}),
        Node("group", {"jid": GROUP}),
        Node("group", {"jid": ANN}),
        Node("group"),
    ]
    node = Node("notification", {"from": GROUP_SERVER}, [Node("groups_dirty", {}, groups)])
    assert parse_dirty_groups(node) == (GROUP, OTHER_GROUP)
    assert parse_dirty_groups(Node("notification")) == ()
