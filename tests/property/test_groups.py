"""Whatever the server says of groups and communities: nothing but our own errors comes out."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from waport.errors import QueryError, StanzaError
from waport.model.group import GroupMember, MemberAction
from waport.stanza.communities import (
    ChangeCommunityAdmins,
    DecideSuggestion,
    FetchLinkedGroup,
    FetchLinkedParticipants,
    FetchSubGroups,
    JoinLinkedGroup,
    LinkGroups,
    SuggestGroup,
    UnlinkGroup,
)
from waport.stanza.group_leaving import LeaveCommunity, LeaveGroup
from waport.stanza.group_members import (
    CancelInvitations,
    ChangeParticipants,
    CreateGroup,
    DecideJoinRequests,
    FetchJoinRequests,
    WithdrawRequest,
)
from waport.stanza.group_notices import parse_dirty_groups, parse_group_notification
from waport.stanza.group_settings import FetchReports
from waport.stanza.group_stubs import notice_of
from waport.stanza.groups import FetchGroup, FetchGroups
from waport.wire import Jid, Node

GROUP = Jid("120363000000000001", "g.us")
TOWN = Jid("120363000000000009", "g.us")
ANN = GroupMember(Jid("100000000000001", "lid"))
QUERIES: list[Any] = [
    FetchGroup(GROUP),
    FetchGroups((GROUP,)),
    CreateGroup("x", (), "k"),
    ChangeParticipants(GROUP, MemberAction.ADD, (ANN,)),
    DecideJoinRequests(GROUP, True, (ANN,)),
    FetchJoinRequests(GROUP),
    WithdrawRequest(GROUP, ANN.jid),
    CancelInvitations(GROUP, (ANN,)),
    FetchReports(GROUP),
    LeaveGroup(GROUP),
    LeaveCommunity(TOWN),
    LinkGroups(TOWN, (GROUP,)),
    UnlinkGroup(TOWN, GROUP),
    FetchSubGroups(TOWN),
    FetchLinkedGroup(TOWN, GROUP),
    JoinLinkedGroup(TOWN, GROUP),
    FetchLinkedParticipants(TOWN),
    ChangeCommunityAdmins(TOWN, MemberAction.PROMOTE, (ANN,)),
    SuggestGroup(TOWN, GROUP),
    DecideSuggestion(TOWN, GROUP, ANN.jid, "approve"),
]
TAGS = [
    "group",
    "groups",
    "groups_dirty",
    "participant",
    "add",
    "remove",
    "leave",
    "create",
    "admin",
    "promote",
    "community",
    "links",
    "link",
    "unlink",
    "sub_groups",
    "linked_group",
    "linked_groups_participants",
    "description",
    "body",
    "ephemeral",
    "membership_approval_mode",
    "group_join",
    "member_link_mode",
    "subject",
    "delete",
    "revoke",
    "reports",
    "report",
    "add_request",
    "membership_approval_requests",
    "created_membership_requests",
    "linked_group_promote",
    "no_frequently_forwarded",
]
ATTRS = [
    "id",
    "jid",
    "error",
    "type",
    "phone_number",
    "subject",
    "size",
    "link_type",
    "reason",
    "expiration",
    "code",
    "state",
    "ack",
    "v_id",
    "prev_v_id",
    "truncated",
    "message_id",
]
values = st.sampled_from(
    [GROUP, TOWN, ANN.jid, "", "x", "403", "-1", "9" * 40, "true", "parent_group", "120363@g.us"]
)
attributes = st.dictionaries(st.sampled_from(ATTRS), values, max_size=5)
nodes = st.recursive(
    st.builds(Node, st.sampled_from(TAGS), attributes, st.none() | st.binary(max_size=20)),
    lambda inner: st.builds(Node, st.sampled_from(TAGS), attributes, st.lists(inner, max_size=5)),
    max_leaves=25,
)


@given(nodes)
def test_answers_are_read_or_refused(node: Node) -> None:
    for answer in (node, Node("links", {}, [node]), Node("leave", {}, [node])):
        for query in QUERIES:
            with contextlib.suppress(StanzaError, QueryError):
                query.parse(Node("iq", {"type": "result"}, [answer]))


@given(st.lists(nodes, max_size=4), st.none() | values)
def test_notifications_are_read_and_each_change_has_a_notice_or_none(
    children: list[Node], author: Any
) -> None:
    attrs: dict[str, Any] = {"from": GROUP, "id": "N", "type": "w:gp2", "t": "1"}
    if author is not None:
        attrs["participant"] = author
    node = Node("notification", attrs, children)
    parse_dirty_groups(node)
    notice = parse_group_notification(node)
    for change in notice.changes:
        told = notice_of(change, notice.author)
        if told is not None:
            told.info().SerializeToString()
