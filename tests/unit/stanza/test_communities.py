"""Communities: the questions about them, and what their answers may look like."""

from __future__ import annotations

from typing import Any

import pytest

from waport.errors import Conflict, InvalidInput, NotAuthorized, QueryError, StanzaError
from waport.model.community import LinkResult, SubGroup
from waport.model.group import GroupMember, Joined, MemberAction
from waport.stanza.communities import (
    ChangeCommunityAdmins,
    DecideSuggestion,
    DissolveCommunity,
    FetchLinkedGroup,
    FetchLinkedParticipants,
    FetchSubGroups,
    JoinLinkedGroup,
    LinkGroups,
    SuggestGroup,
    UnlinkGroup,
    read_sub_groups,
)
from waport.stanza.group_leaving import AcknowledgeGroup, LeaveCommunity, LeaveGroup
from waport.stanza.json_values import JsonObject
from waport.stanza.query import Query
from waport.wire import GROUP_SERVER, Jid, Node, decode_stanza, encode_stanza

TOWN = Jid("120363000000000009", "g.us")
GROUP = Jid("120363000000000001", "g.us")
OTHER = Jid("120363000000000002", "g.us")
ANN, ANN_LID = Jid("15550001111", "s.whatsapp.net"), Jid("100000000000001", "lid")
BOB_LID = Jid("100000000000002", "lid")


def reply(*children: Node) -> Node:
    return Node("iq", {"type": "result"}, list(children))


def group(jid: Jid | str, *children: Node, **attrs: Any) -> Node:
    return Node("group", {"jid": jid, **attrs}, list(children) or None)


@pytest.mark.parametrize(
    ("query", "kind", "to", "child"),
    [
        (
            LinkGroups(TOWN, (GROUP, OTHER), hidden=True),
            "set",
            TOWN,
            Node(
                "links",
                {},
                [
                    Node(
                        "link",
                        {"link_type": "sub_group"},
                        [group(GROUP, Node("hidden_group")), group(OTHER, Node("hidden_group"))],
                    )
                ],
            ),
        ),
        (
            UnlinkGroup(TOWN, GROUP, remove_orphans=True),
            "set",
            TOWN,
            Node(
                "unlink",
                {"unlink_type": "sub_group"},
                [group(GROUP, remove_orphaned_members="true")],
            ),
        ),
        (DissolveCommunity(TOWN), "set", TOWN, Node("delete_parent")),
        (FetchSubGroups(TOWN), "get", TOWN, Node("sub_groups")),
        (
            FetchLinkedGroup(TOWN, GROUP),
            "get",
            TOWN,
            Node("query_linked", {"type": "sub_group", "jid": GROUP}),
        ),
        (
            FetchLinkedGroup(GROUP, TOWN, is_parent=True),
            "get",
            GROUP,
            Node("query_linked", {"type": "parent_group", "jid": TOWN}),
        ),
        (
            JoinLinkedGroup(TOWN, GROUP),
            "set",
            TOWN,
            Node("join_linked_group", {"jid": GROUP, "type": "sub_group"}),
        ),
        (FetchLinkedParticipants(TOWN), "get", TOWN, Node("linked_groups_participants")),
        (
            ChangeCommunityAdmins(TOWN, MemberAction.PROMOTE, (GroupMember(ANN_LID),)),
            "set",
            TOWN,
            Node("admin", {}, [Node("promote", {}, [Node("participant", {"jid": ANN_LID})])]),
        ),
        (SuggestGroup(TOWN, GROUP), "set", TOWN, Node("sub_group_suggestion", {"jid": GROUP})),
        (
            DecideSuggestion(TOWN, GROUP, ANN_LID, "approve"),
            "set",
            TOWN,
            Node(
                "sub_group_suggestions_action",
                {},
                [
                    Node(
                        "approve",
                        {},
                        [Node("sub_group_suggestion", {"jid": GROUP, "creator": ANN_LID})],
                    )
                ],
            ),
        ),
        (
            LeaveCommunity(TOWN),
            "set",
            GROUP_SERVER,
            Node("leave", {}, [Node("community", {"id": TOWN})]),
        ),
        (
            LeaveGroup(GROUP),
            "set",
            GROUP_SERVER,
            Node("leave", {}, [Node("group", {"id": GROUP})]),
        ),
        (AcknowledgeGroup(GROUP), "set", GROUP, Node("ack")),
    ],
)
def test_each_question_is_one_element(query: Query[Any], kind: str, to: Jid, child: Node) -> None:
    wanted = Node("iq", {"to": to, "type": kind, "xmlns": "w:g2"}, [child])
    assert decode_stanza(encode_stanza(query.request())) == decode_stanza(encode_stanza(wanted))


def test_each_link_may_fail_alone() -> None:
    told = Node(
        "link",
        {"link_type": "sub_group"},
        [
            group(GROUP, Node("participant", {"jid": ANN_LID, "error": "403"})),
            group(OTHER, error="409"),
            group("nothing", error="404"),
            Node("unknown"),
        ],
    )
    first, second = LinkGroups(TOWN, (GROUP, OTHER)).parse(reply(Node("links", {}, [told])))
    assert (first.is_done, [result.code for result in first.left_behind]) == (True, [403])
    assert second == LinkResult(OTHER, 409)
    assert LinkGroups(TOWN, (GROUP,)).parse(reply()) == (LinkResult(GROUP),)
    refused = Node("links", {}, [Node("link", {"error": "401"})])
    with pytest.raises(NotAuthorized):
        LinkGroups(TOWN, (GROUP,)).parse(reply(refused))
    with pytest.raises(InvalidInput):
        LinkGroups(TOWN, ())


def test_the_end_of_a_link_says_what_came_of_it() -> None:
    told = Node("unlink", {}, [group(OTHER, error="404"), group(GROUP, error="406")])
    assert UnlinkGroup(TOWN, GROUP).parse(reply(told)).code == 406
    assert UnlinkGroup(TOWN, GROUP).parse(reply()).is_done


def test_the_groups_of_a_community_are_listed() -> None:
    listing = Node(
        "sub_groups",
        {},
        [
            Node(
                "group",
                {
                    "id": "120363000000000001",
                    "subject": "Town",
                    "s_t": "1700000000",
                    "creation": "1600000000",
                    "creator": ANN_LID,
                    "creator_pn": ANN,
                    "size": "7",
                },
                [Node("default_sub_group")],
            ),
            Node(
                "group",
                {"id": "120363000000000002"},
                [Node("hidden_group"), Node("membership_approval_mode"), Node("unknown")],
            ),
            Node("group", {"id": "120363000000000002", "subject": "again"}),
            Node("group", {"subject": "nameless"}),
        ],
    )
    assert FetchSubGroups(TOWN).parse(reply(listing)) == (
        SubGroup(GROUP, "Town", 1_700_000_000, 1_600_000_000, ANN, 7, is_default=True),
        SubGroup(OTHER, is_hidden=True, needs_approval=True),
    )
    with pytest.raises(StanzaError):
        FetchSubGroups(TOWN).parse(reply())


def test_graphql_lists_the_same_groups() -> None:
    found = JsonObject(
        {
            "default_sub_group": {"id": str(GROUP), "subject": {"value": "Town"}},
            "sub_groups": {
                "edges": [
                    {
                        "node": {
                            "id": str(OTHER),
                            "subject": {"value": "General", "creation_time": "1700000000"},
                            "total_participants_count": 7,
                            "properties": {"general_chat": True, "hidden_group": "no"},
                        }
                    },
                    {"node": {"id": "15550001111@s.whatsapp.net"}},
                    {"node": None},
                    7,
                ]
            },
        }
    )
    assert read_sub_groups(found) == (
        SubGroup(GROUP, "Town", is_default=True),
        SubGroup(OTHER, "General", 1_700_000_000, size=7, is_general=True),
    )
    assert read_sub_groups(JsonObject()) == ()


def test_a_linked_group_must_be_the_one_that_was_asked_for() -> None:
    answer = Node("linked_group", {"jid": GROUP}, [Node("group", {"id": GROUP.user, "size": "9"})])
    linked = FetchLinkedGroup(TOWN, GROUP).parse(reply(answer))
    assert (linked.jid, linked.is_truncated) == (GROUP, True)
    with pytest.raises(StanzaError):
        FetchLinkedGroup(TOWN, OTHER).parse(reply(answer))


def test_joining_may_need_consent() -> None:
    query = JoinLinkedGroup(TOWN, GROUP)
    assert query.parse(reply()) == Joined(GROUP)
    waiting = Node("membership_approval_request", {"jid": GROUP})
    assert query.parse(reply(waiting)) == Joined(GROUP, is_requested=True)


def test_everybody_is_listed_once_in_either_form() -> None:
    ann = Node("participant", {"jid": ANN_LID, "phone_number": ANN})
    bob, nobody = Node("participant", {"jid": BOB_LID}), Node("participant", {"jid": "x"})
    listing = Node(
        "linked_groups_participants", {}, [ann, Node("group", {}, [ann, bob, nobody]), nobody]
    )
    people = FetchLinkedParticipants(TOWN).parse(reply(listing))
    assert [person.jid for person in people] == [ANN_LID, BOB_LID]
    assert people[0].pn == ANN


def test_admins_are_made_one_by_one() -> None:
    query = ChangeCommunityAdmins(TOWN, MemberAction.DEMOTE, (GroupMember(ANN_LID),))
    verb = Node("demote", {}, [Node("participant", {"jid": ANN_LID, "error": "406"})])
    (result,) = query.parse(reply(Node("admin", {}, [verb])))
    assert result.code == 406
    with pytest.raises(StanzaError):
        query.parse(reply(Node("admin", {}, [Node("promote")])))
    for action, people in ((MemberAction.ADD, (GroupMember(ANN_LID),)), (MemberAction.DEMOTE, ())):
        with pytest.raises(InvalidInput):
            ChangeCommunityAdmins(TOWN, action, people)


def test_refusals_inside_a_result_are_raised() -> None:
    told = Node("sub_group_suggestion", {"jid": GROUP, "error": "409"})
    with pytest.raises(Conflict):
        SuggestGroup(TOWN, GROUP).parse(reply(told))
    decide = DecideSuggestion(TOWN, GROUP, ANN_LID, "reject")
    decide.parse(reply())
    verb = Node("reject", {}, [Node("sub_group_suggestion", {"error": "404"})])
    with pytest.raises(QueryError):
        decide.parse(reply(Node("sub_group_suggestions_action", {}, [verb])))
    with pytest.raises(InvalidInput):
        DecideSuggestion(TOWN, GROUP, ANN_LID, "maybe")
    for query, tag in ((LeaveCommunity(TOWN), "community"), (LeaveGroup(GROUP), "group")):
        query.parse(reply(Node("leave", {}, [Node(tag, {"id": TOWN, "error": "200"})])))
        with pytest.raises(NotAuthorized):
            query.parse(reply(Node("leave", {}, [Node(tag, {"id": TOWN, "error": "403"})])))
