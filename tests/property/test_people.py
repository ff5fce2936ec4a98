"""Whatever the server answers about people: nothing but our own errors comes out."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from waport.errors import QueryError, StanzaError
from waport.stanza.blocklist import ChangeBlockList, FetchBlockList
from waport.stanza.contacts import (
    FetchAbout,
    FetchDefaultTimer,
    FetchRegistrations,
    parse_number_moves,
    shown_mapping,
)
from waport.stanza.presence import parse_chat_state, parse_presence
from waport.stanza.privacy import ChangeExclusions, FetchExclusions, FetchPrivacy, SetPrivacy
from waport.stanza.profile import FetchPicture, SetPicture
from waport.wire import Jid, Node

ANN = Jid("15550001111", "s.whatsapp.net")
ANN_LID = Jid("100000000000001", "lid")
QUERIES: list[Any] = [
    FetchRegistrations([ANN.user, "15550002222"], "s"),
    FetchAbout(ANN, "s"),
    FetchDefaultTimer(ANN, "s"),
    FetchPicture(ANN),
    SetPicture(b"x"),
    SetPicture(None),
    FetchPrivacy(),
    SetPrivacy("last", "all"),
    FetchExclusions("last"),
    ChangeExclusions("last", "h"),
    FetchBlockList(),
    FetchBlockList("h"),
    ChangeBlockList(True, ANN, ANN_LID),
]
TAGS = [
    "usync",
    "result",
    "list",
    "user",
    "contact",
    "lid",
    "business",
    "verified_name",
    "status",
    "picture",
    "error",
    "privacy",
    "category",
    "item",
    "disappearing_mode",
    "modify",
    "paused",
    "composing",
]
NAMES = [
    "jid",
    "pn_jid",
    "lid",
    "val",
    "type",
    "code",
    "text",
    "t",
    "duration",
    "backoff",
    "url",
    "id",
    "status",
    "name",
    "value",
    "dhash",
    "matched",
    "old",
    "new",
    "new_lid",
    "from",
    "to",
    "participant",
    "last",
    "count",
    "media",
    "verified_level",
]

jids = st.sampled_from(
    [ANN, ANN_LID, ANN.with_device(3), Jid("1", "g.us"), Jid("", "s.whatsapp.net"), Jid("x", "y")]
)
values = st.one_of(
    jids,
    st.sampled_from(["in", "out", "401", "404", "-1", "9" * 19, "none", "all", "last", "false"]),
    st.text(max_size=12),
)
attrs = st.dictionaries(st.sampled_from(NAMES), values, max_size=4)
leaves = st.builds(Node, st.sampled_from(TAGS), attrs, st.one_of(st.none(), st.binary(max_size=16)))
nodes = st.recursive(
    leaves,
    lambda inner: st.builds(Node, st.sampled_from(TAGS), attrs, st.lists(inner, max_size=4)),
    max_leaves=20,
)


@given(st.lists(nodes, max_size=3), nodes)
def test_only_our_own_errors_leave_the_readers(children: list[Node], odd: Node) -> None:
    in_list = Node("iq", {}, [Node("usync", {}, [Node("list", {}, children)]), *children])
    for reply in (Node("iq", {}, children), in_list, odd):
        for read in [
            *(query.parse for query in QUERIES),
            parse_number_moves,
            shown_mapping,
            parse_presence,
            parse_chat_state,
        ]:
            try:
                read(reply)
            except (StanzaError, QueryError):
                continue
