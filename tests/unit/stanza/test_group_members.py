"""Who is in a group: making one, adding, removing, promoting, join requests."""

from __future__ import annotations

from typing import Any

import pytest

from waport.errors import InvalidInput, NotFound, StanzaError
from waport.model.group import (
    CommunityOptions,
    GroupMember,
    GroupOptions,
    JoinRequest,
    MemberAction,
    ParticipantResult,
)
from waport.stanza.group_members import (
    CancelInvitations,
    ChangeParticipants,
    CreateGroup,
    DecideJoinRequests,
    FetchJoinRequests,
    WithdrawRequest,
)
from waport.stanza.groups import MAX_MEMBERS, parse_group
from waport.wire import GROUP_SERVER, Jid, Node, decode_stanza, encode_stanza

GROUP = Jid("120363000000000001", "g.us")
PARENT = Jid("120363000000000009", "g.us")
ANN, ANN_LID = Jid("15550001111", "s.whatsapp.net"), Jid("100000000000001", "lid")
BOB, BOB_LID = Jid("15550002222", "s.whatsapp.net"), Jid("100000000000002", "lid")
CAROL, CAROL_LID = Jid("15550003333", "s.whatsapp.net"), Jid("100000000000003", "lid")
DAVE_LID = Jid("100000000000004", "lid")

PEOPLE = (GroupMember(BOB_LID, BOB, BOB_LID), GroupMember(DAVE_LID), GroupMember(CAROL, CAROL))


def person(jid: Any, *children: Node, **attrs: Any) -> Node:
    return Node("participant", {"jid": jid, **attrs}, list(children) or None)


def reply(*children: Node) -> Node:
    return Node("iq", {"type": "result"}, list(children))


def on_the_wire(node: Node) -> Node:
    return decode_stanza(encode_stanza(node))


# --- the four verbs -------------------------------------------------------------------------------


@pytest.mark.parametrize("action", list(MemberAction))
def test_people_are_named_with_their_number_only_when_they_are_added(action: MemberAction) -> None:
    request = on_the_wire(ChangeParticipants(GROUP, action, PEOPLE).request())
    assert (request.jid("to"), request.get("type"), request.get("xmlns")) == (GROUP, "set", "w:g2")
    number = {"phone_number": BOB} if action is MemberAction.ADD else {}
    assert request.child(action.value).children() == [
        person(BOB_LID, **number),
        person(DAVE_LID),
        person(CAROL),
    ]


def test_each_person_has_a_result_of_their_own() -> None:
    invited = Node("add_request", {"code": "X7", "expiration": "1700000900"})
    answer = reply(
        Node(
            "add",
            {},
            [
                person(BOB_LID, phone_number=BOB),
                person(CAROL_LID, invited, phone_number=CAROL, error="403"),
                person(DAVE_LID, error="409"),
                person(ANN, error="200"),
                person("nonsense", error="404"),
                Node("participant"),
            ],
        )
    )
    results = ChangeParticipants(GROUP, MemberAction.ADD, PEOPLE).parse(answer)
    assert results == (
        ParticipantResult(BOB_LID, BOB),
        ParticipantResult(CAROL_LID, CAROL, 403, invite_code="X7", invite_expiration=1_700_000_900),
        ParticipantResult(DAVE_LID, None, 409),
        ParticipantResult(ANN, ANN, 200),
    )
    assert [result.is_done for result in results] == [True, False, False, True]


@pytest.mark.parametrize(
    ("request_attrs", "code", "is_requested"),
    [({}, 200, True), ({"error": "419"}, 419, False), ({"error": "x"}, 0, False)],
)
def test_adding_may_become_a_request(
    request_attrs: dict[str, Any], code: int, is_requested: bool
) -> None:
    node = person(BOB_LID, Node("membership_approval_request", request_attrs))
    (result,) = ChangeParticipants(GROUP, MemberAction.ADD, PEOPLE).parse(
        reply(Node("add", {}, [node]))
    )
    assert (result.code, result.is_requested, result.is_done) == (code, is_requested, False)


@pytest.mark.parametrize("error", ["x", "", "-5", "99999999"])
def test_an_error_that_is_no_code_is_a_failure_all_the_same(error: str) -> None:
    answer = reply(Node("remove", {}, [person(BOB_LID, error=error)]))
    (result,) = ChangeParticipants(GROUP, MemberAction.REMOVE, PEOPLE).parse(answer)
    assert (result.code, result.is_done) == (0, False)


def test_an_answer_to_another_verb_is_refused() -> None:
    with pytest.raises(StanzaError):
        ChangeParticipants(GROUP, MemberAction.ADD, PEOPLE).parse(reply(Node("remove")))


def test_nobody_and_too_many_are_refused_before_anything_is_sent() -> None:
    crowd = tuple(GroupMember(Jid(str(10**14 + n), "lid")) for n in range(MAX_MEMBERS + 1))
    for people, word in (((), "at least one"), (crowd, str(MAX_MEMBERS))):
        with pytest.raises(InvalidInput, match=word):
            ChangeParticipants(GROUP, MemberAction.ADD, people)
        with pytest.raises(InvalidInput, match=word):
            DecideJoinRequests(GROUP, True, people)
    with pytest.raises(InvalidInput):
        CreateGroup("Friends", crowd, "K1")


# --- making a group -------------------------------------------------------------------------------


def test_a_plain_group_is_made_of_a_name_a_key_and_people() -> None:
    request = on_the_wire(CreateGroup("Friends", PEOPLE, "K1").request())
    assert request == Node(
        "iq",
        {"to": GROUP_SERVER, "type": "set", "xmlns": "w:g2"},
        [
            Node(
                "create",
                {"subject": "Friends", "key": "K1"},
                [person(BOB_LID, phone_number=BOB), person(DAVE_LID), person(CAROL)],
            )
        ],
    )
    assert CreateGroup("Friends", (), "K1").request().child("create").children() == []


def test_a_group_may_be_set_up_from_the_start() -> None:
    options = GroupOptions(
        description="About us",
        expiration_s=86_400,
        is_announcement=True,
        is_locked=True,
        needs_approval=True,
        only_admins_add=True,
        parent=PARENT,
    )
    request = on_the_wire(CreateGroup("Friends", (), "K1", options, "D1").request())
    assert request.child("create").children() == [
        Node("description", {"id": "D1"}, [Node("body", {}, b"About us")]),
        Node("locked"),
        Node("announcement"),
        Node("ephemeral", {"expiration": "86400"}),
        Node("membership_approval_mode", {}, [Node("group_join", {"state": "on"})]),
        Node("member_add_mode", {}, b"admin_add"),
        Node("linked_parent", {"jid": PARENT}),
    ]


@pytest.mark.parametrize(
    ("subject", "options"),
    [
        ("", GroupOptions()),
        ("x" * 101, GroupOptions()),
        ("Friends", GroupOptions(description="x" * 2049)),
        ("Friends", GroupOptions(description="x")),
        ("Friends", GroupOptions(expiration_s=-1)),
    ],
)
def test_what_no_group_can_be_is_not_asked_for(subject: str, options: GroupOptions) -> None:
    with pytest.raises(InvalidInput):
        CreateGroup(subject, (), "K1", options)


def made(*people: Node, **attrs: Any) -> Node:
    named = {"id": GROUP.user, "creator": ANN_LID, "creator_pn": ANN, "key": "K1"}
    return Node("group", {**named, "addressing_mode": "lid", **attrs}, list(people))


def test_the_answer_is_the_group_and_what_came_of_the_others() -> None:
    node = made(
        person(ANN_LID, phone_number=ANN, type="superadmin"),
        person(BOB_LID, phone_number=BOB),
        person(CAROL_LID, phone_number=CAROL, error="403"),
        person(DAVE_LID, error="404"),
    )
    created = CreateGroup("Friends", PEOPLE, "K1").parse(reply(node))
    assert created.group == parse_group(node)
    assert [member.jid for member in created.group.members] == [ANN_LID, BOB_LID]
    assert [(result.jid, result.code) for result in created.results] == [
        (BOB_LID, 200),
        (CAROL_LID, 403),
        (DAVE_LID, 404),
    ]
    assert not created.is_repeated


def test_its_maker_is_told_from_the_others_by_number_too() -> None:
    node = made(person(ANN, lid=ANN_LID), person(BOB), addressing_mode="pn")
    created = CreateGroup("Friends", PEOPLE, "K1").parse(reply(node))
    assert [result.jid for result in created.results] == [BOB]


def test_a_group_that_was_made_before_is_only_named() -> None:
    created = CreateGroup("Friends", PEOPLE, "K1").parse(reply(Node("group", {"jid": GROUP})))
    assert (created.group.jid, created.results, created.is_repeated) == (GROUP, (), True)
    for bad in (reply(), reply(Node("group")), reply(Node("group", {"jid": ANN}))):
        with pytest.raises(StanzaError):
            CreateGroup("Friends", PEOPLE, "K1").parse(bad)


# --- join requests --------------------------------------------------------------------------------


def test_join_requests_are_listed_with_how_they_came_about() -> None:
    query = FetchJoinRequests(GROUP)
    request = on_the_wire(query.request())
    assert (request.jid("to"), request.get("type")) == (GROUP, "get")
    assert request.children() == [Node("membership_approval_requests")]

    waiting = [
        Node(
            "membership_approval_request",
            {
                "jid": BOB_LID,
                "phone_number": BOB,
                "request_method": "non_admin_add",
                "request_time": "1700000000",
                "requestor": CAROL_LID,
                "parent_group_jid": PARENT,
            },
        ),
        Node("membership_approval_request", {"jid": DAVE_LID, "request_time": "soon"}),
        Node("membership_approval_request", {"request_method": "invite_link"}),
        Node("something_else", {"jid": CAROL_LID}),
    ]
    answer = reply(Node("membership_approval_requests", {}, waiting))
    assert query.parse(answer) == (
        JoinRequest(BOB_LID, BOB, "non_admin_add", 1_700_000_000, CAROL_LID, PARENT),
        JoinRequest(DAVE_LID),
    )
    with pytest.raises(StanzaError):
        query.parse(reply())


@pytest.mark.parametrize(("is_approved", "verb"), [(True, "approve"), (False, "reject")])
def test_requests_are_decided_one_by_one(is_approved: bool, verb: str) -> None:
    query = DecideJoinRequests(GROUP, is_approved, PEOPLE)
    decision = on_the_wire(query.request()).child("membership_requests_action")
    assert decision.children() == [
        Node(verb, {}, [person(BOB_LID), person(DAVE_LID), person(CAROL)])
    ]
    done = Node(verb, {}, [person(BOB_LID), person(DAVE_LID, error="404")])
    results = query.parse(reply(Node("membership_requests_action", {}, [done])))
    assert [(result.jid, result.code) for result in results] == [(BOB_LID, 200), (DAVE_LID, 404)]
    with pytest.raises(StanzaError):
        query.parse(reply(Node("membership_requests_action", {}, [Node("other")])))


# --- what else a new group can be, and ways back -------------------------------------------------


def created(**options: Any) -> list[Node]:
    query = CreateGroup("Name", (), "K", GroupOptions(**options))
    return on_the_wire(query.request()).child("create").children()


def test_a_new_group_is_set_up_as_wished() -> None:
    children = created(
        only_admins_add=False,
        only_admins_link=True,
        only_admins_share_history=False,
        limits_forwarding=True,
        is_hidden=True,
        parent=PARENT,
    )
    assert children == [
        Node("member_add_mode", {}, b"all_member_add"),
        Node("member_link_mode", {}, b"admin_link"),
        Node("member_share_group_history_mode", {}, b"all_member_share"),
        Node("no_frequently_forwarded"),
        Node("linked_parent", {"jid": PARENT}),
        Node("hidden_group"),
    ]


def test_a_new_community_says_what_it_comes_with() -> None:
    options = CommunityOptions(needs_approval=True, with_general_chat=True, members_add_groups=True)
    assert created(community=options) == [
        Node("parent", {"default_membership_approval_mode": "request_required"}),
        Node("allow_non_admin_sub_group_creation"),
        Node("create_general_chat"),
    ]
    assert created(community=CommunityOptions()) == [Node("parent")]
    with pytest.raises(InvalidInput):
        CreateGroup("Name", (), "K", GroupOptions(community=options, parent=PARENT))


def test_tokens_stand_with_those_who_gave_them() -> None:
    tokens = {BOB_LID: b"token"}
    query = ChangeParticipants(GROUP, MemberAction.ADD, PEOPLE, tokens)
    bob, dave, carol = query.request().child("add").children()
    assert bob.children() == [Node("privacy", {}, b"token")]
    assert (dave.content, carol.content) == (None, None)
    query = CreateGroup("Name", PEOPLE, "K", tokens=tokens)
    assert query.request().child("create").children()[0].children() == bob.children()


def test_whoever_is_removed_from_a_community_leaves_all_of_it() -> None:
    query = ChangeParticipants(GROUP, MemberAction.REMOVE, PEOPLE[:1], everywhere=True)
    assert query.request().child("remove").attrs == {"linked_groups": "true"}


def test_a_request_is_withdrawn_or_the_refusal_raised() -> None:
    query = WithdrawRequest(GROUP, ANN_LID)
    asked = query.request().child("cancel_membership_requests")
    assert asked.children() == [person(ANN_LID)]
    query.parse(reply(Node("cancel_membership_requests", {}, [person(ANN_LID)])))
    query.parse(reply())
    with pytest.raises(NotFound):
        query.parse(reply(Node("cancel_membership_requests", {}, [person(ANN_LID, error="404")])))


def test_invitations_are_taken_back_one_by_one() -> None:
    query = CancelInvitations(GROUP, PEOPLE[:2])
    assert [node.jid("jid") for node in query.request().child("revoke").children()] == [
        BOB_LID,
        DAVE_LID,
    ]
    answer = Node("revoke", {}, [person(BOB_LID), person(DAVE_LID, error="404")])
    assert [result.code for result in query.parse(reply(answer))] == [200, 404]
    with pytest.raises(StanzaError):
        query.parse(reply())
    with pytest.raises(InvalidInput):
        CancelInvitations(GROUP, ())


def test_of_a_result_half_refused_nothing_is_lost() -> None:
    people = tuple(GroupMember(Jid(str(10**14 + number), "lid")) for number in range(40))
    codes = [200, 401, 403, 404, 408, 409, 417, 419, 421, 500]
    nodes = []
    for number, member in enumerate(people):
        code = codes[number % len(codes)]
        attrs = {} if code == 200 else {"error": str(code)}
        nodes.append(person(member.jid, Node("unknown_child", {"x": "y"}), **attrs))
    nodes.insert(3, Node("participant", {"jid": "nobody", "error": "403"}))
    nodes.insert(9, Node("something_new"))
    results = ChangeParticipants(GROUP, MemberAction.ADD, people).parse(
        reply(Node("add", {}, nodes))
    )
    assert [result.jid for result in results] == [member.jid for member in people]
    assert [result.code for result in results] == [codes[n % 10] for n in range(40)]
