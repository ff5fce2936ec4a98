"""Ways into a group: its invite link, and personal invitations."""

from __future__ import annotations

from typing import Any

import pytest

from waport.errors import InvalidInput, StanzaError
from waport.model.group import GroupInvitation, Joined
from waport.stanza.group_invites import (
    AcceptInvite,
    FetchInviteCode,
    FetchInviteInfo,
    JoinByCode,
    ResetInviteCode,
    invite_code,
)
from waport.stanza.query import Query
from waport.wire import GROUP_SERVER, Jid, Node, decode_stanza, encode_stanza

GROUP = Jid("120363000000000001", "g.us")
ANN = Jid("15550001111", "s.whatsapp.net")
CODE = "AbCdEfGhIjKlMnOpQrStUv"
INVITATION = GroupInvitation(GROUP, "v4code", 1_700_000_900, ANN)


def reply(*children: Node) -> Node:
    return Node("iq", {"type": "result"}, list(children))


@pytest.mark.parametrize(
    ("query", "kind", "to", "child"),
    [
        (FetchInviteCode(GROUP), "get", GROUP, Node("invite")),
        (ResetInviteCode(GROUP), "set", GROUP, Node("invite")),
        (FetchInviteInfo(CODE), "get", GROUP_SERVER, Node("invite", {"code": CODE})),
        (JoinByCode(CODE), "set", GROUP_SERVER, Node("invite", {"code": CODE})),
        (
            AcceptInvite(INVITATION),
            "set",
            GROUP,
            Node("accept", {"code": "v4code", "expiration": "1700000900", "admin": ANN}),
        ),
    ],
)
def test_each_way_has_its_question(query: Query[Any], kind: str, to: Jid, child: Node) -> None:
    question = Node("iq", {"to": to, "type": kind, "xmlns": "w:g2"}, [child])
    assert decode_stanza(encode_stanza(query.request())) == decode_stanza(encode_stanza(question))


@pytest.mark.parametrize("query", [FetchInviteCode(GROUP), ResetInviteCode(GROUP)])
def test_the_answer_is_the_code(query: Query[str]) -> None:
    assert query.parse(reply(Node("invite", {"code": CODE}))) == CODE
    for bad in ({}, {"code": ""}, {"code": "a b"}, {"code": "x" * 200}):
        with pytest.raises(StanzaError):
            query.parse(reply(Node("invite", bad)))
    with pytest.raises(StanzaError):
        query.parse(reply())


@pytest.mark.parametrize(
    "text",
    [
        CODE,
        f" {CODE}\n",
        f"https://chat.whatsapp.com/{CODE}",
        f"http://chat.whatsapp.com/{CODE}/",
        f"chat.whatsapp.com/{CODE}?mode=ac_t",
        f"HTTPS://Chat.WhatsApp.com/invite/{CODE}#x",
    ],
)
def test_a_link_is_as_good_as_its_code(text: str) -> None:
    assert invite_code(text) == CODE


@pytest.mark.parametrize(
    "text",
    ["", "a b", "https://example.com/AbC", "https://chat.whatsapp.com/", "é", "x" * 129],
)
def test_what_is_no_invite_is_refused_before_it_is_sent(text: str) -> None:
    with pytest.raises(InvalidInput):
        invite_code(text)


def test_a_preview_lists_some_of_the_members() -> None:
    person = Node("participant", {"jid": ANN, "type": "admin"})
    node = Node("group", {"id": GROUP.user, "subject": "Friends", "size": "12"}, [person])
    preview = FetchInviteInfo(CODE).parse(reply(node))
    assert (preview.jid, preview.subject, preview.size) == (GROUP, "Friends", 12)
    assert preview.is_truncated
    with pytest.raises(StanzaError):
        FetchInviteInfo(CODE).parse(reply())


@pytest.mark.parametrize("query", [JoinByCode(CODE), AcceptInvite(INVITATION)])
def test_one_is_in_or_waits_for_an_admin(query: Query[Joined]) -> None:
    assert query.parse(reply(Node("group", {"jid": GROUP}))) == Joined(GROUP)
    waiting = query.parse(reply(Node("membership_approval_request", {"jid": GROUP})))
    assert waiting == Joined(GROUP, is_requested=True)
    with pytest.raises(StanzaError):
        query.parse(reply(Node("group", {"jid": ANN})))


def test_an_empty_answer_will_do_where_the_group_is_known() -> None:
    assert AcceptInvite(INVITATION).parse(reply()) == Joined(GROUP)
    with pytest.raises(StanzaError):
        JoinByCode(CODE).parse(reply())
