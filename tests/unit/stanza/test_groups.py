"""Groups as the server describes them, and the questions that bring such descriptions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from waport.errors import NotAuthorized, NotFound, QueryError, StanzaError
from waport.model.group import AddressingMode, Group, GroupInvitation, GroupMember, MemberRole
from waport.stanza.group_leaving import LeaveGroup
from waport.stanza.groups import (
    MAX_GROUPS,
    MAX_MEMBERS,
    FetchAllGroups,
    FetchGroup,
    FetchInvitedGroup,
    parse_group,
    read_groups,
)
from waport.wire import GROUP_SERVER, Jid, Node, decode_stanza, encode_stanza

GROUP = Jid("120363000000000001", "g.us")
PARENT = Jid("120363000000000009", "g.us")
ANN, ANN_LID = Jid("15550001111", "s.whatsapp.net"), Jid("100000000000001", "lid")
BOB, BOB_LID = Jid("15550002222", "s.whatsapp.net"), Jid("100000000000002", "lid")
CAROL_LID = Jid("100000000000003", "lid")

ATTRS: dict[str, Any] = {
    "id": GROUP.user,
    "subject": "Friends",
    "s_t": "1700000100",
    "s_o": BOB_LID,
    "s_o_pn": BOB,
    "creation": "1700000000",
    "creator": ANN_LID,
    "creator_pn": ANN,
    "size": "3",
    "addressing_mode": "lid",
    "p_v_id": "17",
    "a_v_id": "4",
}


def person(jid: Any = ANN_LID, *children: Node, **attrs: Any) -> Node:
    return Node("participant", {"jid": jid, **attrs}, list(children) or None)


PEOPLE = [
    person(ANN_LID, phone_number=ANN, type="superadmin", join_time="1700000000"),
    person(BOB_LID, phone_number=BOB, type="admin", participant_label="Treasurer"),
    person(CAROL_LID, display_name="+1 555 *** 33"),
]


def group(*children: Node, **attrs: Any) -> Node:
    return Node("group", {**ATTRS, **attrs}, list(children))


def reply(*children: Node) -> Node:
    return Node("iq", {"type": "result", "from": GROUP}, list(children))


def on_the_wire(node: Node) -> Node:
    """What arrives when it is sent."""
    return decode_stanza(encode_stanza(node))


# --- reading --------------------------------------------------------------------------------------


def test_everything_that_the_server_tells_of_a_group_is_read() -> None:
    described = Node(
        "description",
        {"id": "D1", "participant": BOB_LID, "participant_pn": BOB, "t": "1700000200"},
        [Node("body", {}, "Only friends \N{GRINNING FACE}".encode())],
    )
    approval = Node("membership_approval_mode", {}, [Node("group_join", {"state": "on"})])
    node = group(
        described,
        Node("announcement"),
        Node("locked"),
        Node("ephemeral", {"expiration": "86400", "trigger": "1"}),
        approval,
        Node("member_add_mode", {}, b"admin_add"),
        Node("member_link_mode", {}, b"admin_link"),
        Node("linked_parent", {"jid": PARENT}),
        Node("default_sub_group"),
        Node("suspended"),
        Node("no_frequently_forwarded"),
        Node("allow_admin_reports"),
        Node("something_new"),
        *PEOPLE,
    )
    assert parse_group(on_the_wire(node)) == Group(
        GROUP,
        subject="Friends",
        subject_at=1_700_000_100,
        subject_by=BOB,
        created_at=1_700_000_000,
        creator=ANN,
        description="Only friends \N{GRINNING FACE}",
        description_id="D1",
        description_at=1_700_000_200,
        description_by=BOB,
        addressing=AddressingMode.LID,
        members=(
            GroupMember(ANN_LID, ANN, ANN_LID, MemberRole.SUPERADMIN),
            GroupMember(BOB_LID, BOB, BOB_LID, MemberRole.ADMIN, "Treasurer"),
            GroupMember(CAROL_LID, None, CAROL_LID),
        ),
        size=3,
        is_announcement=True,
        is_locked=True,
        expiration_s=86_400,
        needs_approval=True,
        only_admins_add=True,
        only_admins_link=True,
        is_community=False,
        parent=PARENT,
        is_default_subgroup=True,
        flags=("allow_admin_reports", "no_frequently_forwarded", "something_new"),
        is_suspended=True,
        participants_version="17",
        info_version="4",
    )


def test_a_bare_group_has_everything_switched_off() -> None:
    plain = parse_group(Node("group", {"id": GROUP.user}))
    assert plain == Group(GROUP)
    assert not plain.is_truncated


@pytest.mark.parametrize("name", [GROUP, str(GROUP), GROUP.user, "15550001111-1400000000"])
def test_a_group_is_named_with_or_without_its_server(name: Any) -> None:
    assert parse_group(Node("group", {"id": name})).jid.server == "g.us"
    assert parse_group(Node("group", {"jid": name})).jid.user == str(name).split("@")[0]


def test_in_a_number_group_members_are_named_by_number_with_their_lid_beside() -> None:
    node = group(person(ANN, lid=ANN_LID), person(BOB), addressing_mode="pn")
    parsed = parse_group(node)
    assert parsed.addressing is AddressingMode.PN
    assert parsed.members == (GroupMember(ANN, ANN, ANN_LID), GroupMember(BOB, BOB, None))


@pytest.mark.parametrize(
    ("told", "jid", "default", "expected"),
    [
        ("lid", ANN, None, AddressingMode.LID),
        ("pn", ANN_LID, None, AddressingMode.PN),
        (None, ANN, AddressingMode.LID, AddressingMode.PN),
        (None, ANN_LID, AddressingMode.PN, AddressingMode.LID),
        ("other", ANN, None, AddressingMode.PN),
        (None, "no address", AddressingMode.PN, AddressingMode.PN),
        (None, "no address", None, AddressingMode.LID),
    ],
)
def test_who_does_not_say_how_members_are_named_shows_it(
    told: str | None, jid: Any, default: AddressingMode | None, expected: AddressingMode
) -> None:
    node = Node("group", {"id": GROUP.user}, [person(jid)])
    if told is not None:
        node.attrs["addressing_mode"] = told
    assert parse_group(node, addressing=default).addressing is expected


def test_who_could_not_be_added_is_no_member() -> None:
    invited = Node("add_request", {"code": "X", "expiration": "1700000900"})
    node = group(
        person(ANN_LID, error="200"), person(BOB_LID, invited, error="403"), person(CAROL_LID)
    )
    assert [member.jid for member in parse_group(node).members] == [ANN_LID, CAROL_LID]


def test_a_role_that_nobody_knows_gives_no_rights() -> None:
    member = parse_group(group(person(ANN_LID, type="emperor"))).members[0]
    assert (member.role, member.is_admin) == (MemberRole.MEMBER, False)


@pytest.mark.parametrize(
    ("child", "expected"),
    [
        (Node("membership_approval_mode", {}, [Node("group_join", {"state": "off"})]), False),
        (Node("membership_approval_mode", {}, [Node("group_join", {"state": "on"})]), True),
        (Node("membership_approval_mode"), True),
        (Node("x"), False),
    ],
)
def test_joining_needs_approval_unless_the_mode_is_absent_or_off(
    child: Node, expected: bool
) -> None:
    assert parse_group(group(child)).needs_approval is expected


def test_a_mode_that_nobody_knows_is_not_taken_for_the_one_that_is_known() -> None:
    assert not parse_group(group(Node("member_add_mode", {}, b"elders_add"))).only_admins_add


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (group(*PEOPLE), False),
        (group(*PEOPLE[:2], truncated="true"), True),
        (group(), True),
        (group(size="0"), False),
    ],
)
def test_a_list_that_was_cut_short_is_known_as_such(node: Node, expected: bool) -> None:
    parsed = parse_group(node)
    assert parsed.is_truncated is expected
    assert parsed.size == int(node.attr("size"))


# --- hostile --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "attrs",
    [
        {},
        {"id": ""},
        {"id": "a b"},
        {"id": ANN},
        {"id": "x" * 200},
        {"id": "12:3@g.us"},
        {"id": "@g.us"},
        {"id": Jid("1_2", "g.us")},
        {"jid": "status@broadcast"},
    ],
)
def test_a_group_without_an_address_is_refused(attrs: dict[str, Any]) -> None:
    with pytest.raises(StanzaError):
        parse_group(Node("group", attrs))


def test_members_that_are_no_addresses_and_repeated_ones_are_left_out() -> None:
    node = group(
        Node("participant"),
        person("nonsense"),
        person(GROUP),
        person(Jid("1 2", "lid")),
        person(Jid("", "lid")),
        person(ANN_LID, phone_number=BOB_LID, type="admin"),
        person(ANN_LID.with_device(7), phone_number=BOB),
        person(Jid("867051314767696", "bot")),
    )
    parsed = parse_group(node)
    assert parsed.members == (
        GroupMember(ANN_LID, None, ANN_LID, MemberRole.ADMIN),
        GroupMember(Jid("867051314767696", "bot")),
    )


@pytest.mark.parametrize("bad", ["-1", "x", "9999999999999999999", "1" * 25, ""])
def test_numbers_that_make_no_sense_are_unknown(bad: str) -> None:
    node = group(
        Node("ephemeral", {"expiration": bad}),
        Node("description", {"id": "D", "t": bad}, [Node("body", {}, b"\xff\xfe")]),
        *PEOPLE,
        creation=bad,
        s_t=bad,
        size=bad,
    )
    parsed = parse_group(node)
    assert (parsed.created_at, parsed.subject_at, parsed.expiration_s) == (0, 0, 0)
    assert (parsed.description_at, parsed.size) == (0, 3)
    assert parsed.description == "\ufffd\ufffd"


def test_texts_and_lists_have_an_end() -> None:
    node = group(
        *[Node(f"flag{number:04}") for number in range(500)],
        Node("y" * 5000),
        subject="s" * 100_000,
        p_v_id="9" * 5000,
    )
    parsed = parse_group(node)
    assert len(parsed.subject) == 65_536
    assert len(parsed.participants_version) == 256
    assert len(parsed.flags) == 64


def test_more_members_than_any_group_has_are_refused() -> None:
    people = [person(Jid(str(10**14 + n), "lid")) for n in range(MAX_MEMBERS + 1)]
    assert len(parse_group(group(*people[1:])).members) == MAX_MEMBERS
    with pytest.raises(StanzaError):
        parse_group(group(*people))


# --- questions ------------------------------------------------------------------------------------


def test_a_group_is_asked_for_in_the_group() -> None:
    request = FetchGroup(GROUP).request()
    assert on_the_wire(request) == Node(
        "iq",
        {"to": GROUP, "type": "get", "xmlns": "w:g2"},
        [Node("query", {"request": "interactive"})],
    )
    assert FetchGroup(GROUP).parse(reply(group(*PEOPLE))) == parse_group(group(*PEOPLE))


@pytest.mark.parametrize("answer", [reply(), reply(Node("group")), reply(group(id="12345"))])
def test_an_answer_about_something_else_is_refused(answer: Node) -> None:
    with pytest.raises(StanzaError):
        FetchGroup(GROUP).parse(answer)


def test_a_group_that_one_is_invited_to_is_asked_for_with_the_invitation() -> None:
    query = FetchInvitedGroup(GroupInvitation(GROUP, "CODE", 1_700_000_900, ANN.with_device(3)))
    asked = Node("add_request", {"code": "CODE", "expiration": "1700000900", "admin": ANN})
    assert on_the_wire(query.request()).child("query").children() == [asked]
    assert query.request().get("to") == str(GROUP)
    preview = query.parse(reply(group(*PEOPLE[:1])))
    assert (preview.size, len(preview.members), preview.is_truncated) == (3, 1, True)
    assert not query.parse(reply(group(*PEOPLE))).is_truncated
    with pytest.raises(StanzaError):
        query.parse(reply(group(id="12345")))


def test_all_groups_are_asked_for_with_members_and_descriptions() -> None:
    request = on_the_wire(FetchAllGroups().request())
    assert (request.jid("to"), request.get("type")) == (GROUP_SERVER, "get")
    wanted = [node.tag for node in request.child("participating").children()]
    assert wanted == ["participants", "description"]


def test_a_listing_keeps_what_can_be_read() -> None:
    other = group(*PEOPLE, id="120363000000000002")
    good = FetchAllGroups().parse(reply(Node("groups", {}, [group(*PEOPLE), other])))
    listing = read_groups(good)
    assert listing.is_complete
    assert listing.groups == (parse_group(group(*PEOPLE)), parse_group(other))
    for bad in (group(id=""), group(error="404")):
        listing = read_groups(Node("groups", {}, [bad, other]))
        assert listing.groups == (parse_group(other),)
        assert not listing.is_complete
    with pytest.raises(StanzaError):
        FetchAllGroups().parse(reply(Node("communities")))
    with pytest.raises(StanzaError):
        read_groups(Node("groups", {}, [Node("group")] * (MAX_GROUPS + 1)))


def test_a_group_is_left_through_the_service() -> None:
    request = on_the_wire(LeaveGroup(GROUP).request())
    assert request.jid("to") == GROUP_SERVER
    assert request.child("leave").child("group").jid("id") == GROUP


@pytest.mark.parametrize(
    ("code", "error"),
    [("404", NotFound), ("403", NotAuthorized), ("500", QueryError), ("x", QueryError)],
)
def test_leaving_may_be_refused_inside_the_answer(code: str, error: type[QueryError]) -> None:
    for fine in (reply(), reply(Node("leave")), reply(Node("leave", {}, [Node("group")]))):
        LeaveGroup(GROUP).parse(fine)
    answer = reply(Node("leave", {}, [Node("group", {"id": GROUP, "error": code})]))
    with pytest.raises(error):
        LeaveGroup(GROUP).parse(answer)


def test_a_group_is_due_when_it_was_not_asked_for_or_long_ago_or_is_cut_short() -> None:
    known = replace(parse_group(group(*PEOPLE)), fetched_at=1000)
    assert not known.is_due(1000 + 12 * 3600)
    assert known.is_due(1001 + 12 * 3600)
    assert replace(known, fetched_at=0).is_due(10)
    assert replace(known, is_truncated=True).is_due(1000)
