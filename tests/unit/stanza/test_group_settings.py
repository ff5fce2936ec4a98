"""What a group is called and what is allowed in it: one question for each change."""

from __future__ import annotations

import pytest

from waport.errors import InvalidInput, StanzaError
from waport.model.group import GroupMember, MessageReport
from waport.stanza.group_settings import (
    FetchReports,
    GroupSwitch,
    ReportMessage,
    SetAnnouncement,
    SetApproval,
    SetDescription,
    SetLocked,
    SetMemberAddMode,
    SetMode,
    SetSubject,
    SetSwitch,
    SetTimer,
    history_element,
    member_link_element,
)
from waport.stanza.query import Query
from waport.wire import Jid, Node, decode_stanza, encode_stanza

GROUP = Jid("120363000000000001", "g.us")
JOIN = "membership_approval_mode"


@pytest.mark.parametrize(
    ("query", "child"),
    [
        (SetSubject(GROUP, "Köln"), Node("subject", {}, "Köln".encode())),
        (
            SetDescription(GROUP, "Text", "D2", "D1"),
            Node("description", {"id": "D2", "prev": "D1"}, [Node("body", {}, b"Text")]),
        ),
        (
            SetDescription(GROUP, "Text", "D2"),
            Node("description", {"id": "D2"}, [Node("body", {}, b"Text")]),
        ),
        (
            SetDescription(GROUP, "", "D2", "D1"),
            Node("description", {"delete": "true", "prev": "D1"}),
        ),
        (SetDescription(GROUP, "", ""), Node("description", {"delete": "true"})),
        (SetAnnouncement(GROUP, True), Node("announcement")),
        (SetAnnouncement(GROUP, False), Node("not_announcement")),
        (SetLocked(GROUP, True), Node("locked")),
        (SetLocked(GROUP, False), Node("unlocked")),
        (SetTimer(GROUP, 604_800), Node("ephemeral", {"expiration": "604800"})),
        (SetTimer(GROUP, 0), Node("not_ephemeral")),
        (SetApproval(GROUP, True), Node(JOIN, {}, [Node("group_join", {"state": "on"})])),
        (SetApproval(GROUP, False), Node(JOIN, {}, [Node("group_join", {"state": "off"})])),
        (SetMemberAddMode(GROUP, True), Node("member_add_mode", {}, b"admin_add")),
        (SetMemberAddMode(GROUP, False), Node("member_add_mode", {}, b"all_member_add")),
        (
            SetMode(GROUP, member_link_element(True)),
            Node("member_link_mode", {}, b"admin_link"),
        ),
        (
            SetMode(GROUP, history_element(False)),
            Node("member_share_group_history_mode", {}, b"all_member_share"),
        ),
        (
            SetSwitch(GROUP, GroupSwitch.LIMITED_FORWARDING, True),
            Node("no_frequently_forwarded"),
        ),
        (
            SetSwitch(GROUP, GroupSwitch.LIMITED_FORWARDING, False),
            Node("frequently_forwarded_ok"),
        ),
        (SetSwitch(GROUP, GroupSwitch.ADMIN_REPORTS, False), Node("not_allow_admin_reports")),
        (
            SetSwitch(GROUP, GroupSwitch.MEMBERS_ADD_GROUPS, False),
            Node("not_allow_non_admin_sub_group_creation"),
        ),
        (SetSwitch(GROUP, GroupSwitch.HISTORY, True), Node("group_history")),
        (SetSwitch(GROUP, GroupSwitch.HISTORY, False), Node("no_group_history")),
        (
            ReportMessage(GROUP, "3EB0"),
            Node("reports", {}, [Node("report", {"message_id": "3EB0"})]),
        ),
    ],
)
def test_a_change_is_one_element_in_a_question_to_the_group(
    query: Query[None], child: Node
) -> None:
    question = Node("iq", {"to": GROUP, "type": "set", "xmlns": "w:g2"}, [child])
    arrived = decode_stanza(encode_stanza(query.request()))
    assert arrived == decode_stanza(encode_stanza(question))
    query.parse(Node("iq", {"type": "result"}))


def test_a_name_has_1_to_100_characters() -> None:
    SetSubject(GROUP, "\N{GRINNING FACE}" * 100)
    for bad, word in (("x" * 101, "100"), ("", "name"), ("  ", "name")):
        with pytest.raises(InvalidInput, match=word):
            SetSubject(GROUP, bad)


def test_a_description_has_at_most_2048_characters_and_an_id() -> None:
    SetDescription(GROUP, "x" * 2048, "D1")
    with pytest.raises(InvalidInput, match="2048"):
        SetDescription(GROUP, "x" * 2049, "D1")
    with pytest.raises(InvalidInput, match="id"):
        SetDescription(GROUP, "x", "")


@pytest.mark.parametrize("seconds", [-1, 2**32])
def test_a_timer_fits_into_32_bits(seconds: int) -> None:
    with pytest.raises(InvalidInput):
        SetTimer(GROUP, seconds)


def test_reports_are_read_and_those_of_nothing_left_out() -> None:
    query = FetchReports(GROUP)
    assert query.request().child("reports").attrs == {}
    ann = Jid("15550001111", "s.whatsapp.net")
    listing = Node(
        "reports",
        {},
        [
            Node("report", {}, [Node("reporter", {"jid": ann})]),
            Node("report", {"message_id": "3EB0"}, [Node("reporter", {"jid": ann}), Node("x")]),
            Node("report", {"message_id": "3EB1"}, [Node("reporter", {"jid": "nobody"})]),
        ],
    )
    assert query.parse(Node("iq", {"type": "result"}, [listing])) == (
        MessageReport("3EB0", (GroupMember(ann, ann),)),
        MessageReport("3EB1", ()),
    )
    with pytest.raises(StanzaError):
        query.parse(Node("iq", {"type": "result"}))


def test_half_a_surrogate_pair_is_refused_as_any_other_bad_text() -> None:
    with pytest.raises(InvalidInput):
        SetSubject(GROUP, "a\ud800")
    with pytest.raises(InvalidInput):
        SetDescription(GROUP, "a\ud800", "D2")
