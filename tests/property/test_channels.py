"""Whatever the server says of channels: nothing but our own errors comes out."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from waport.errors import MexError, ProtocolError, QueryError, StanzaError
from waport.model.newsletter import Newsletter
from waport.stanza.json_values import JsonObject, read_json
from waport.stanza.mex import parse_mex_notification, read_answer
from waport.stanza.newsletter_posts import (
    FetchOwnReactions,
    FetchPosts,
    FetchPostUpdates,
    WatchPosts,
    parse_post_notification,
)
from waport.stanza.newsletters import (
    read_admins,
    read_followers,
    read_newsletters,
    read_page,
    read_pending,
    read_reaction_senders,
    update_newsletter,
)
from waport.wire import Jid, Node

CHANNEL = Jid("120363000000000002", "newsletter")
NAMES = [
    "id",
    "state",
    "type",
    "thread_metadata",
    "viewer_metadata",
    "name",
    "description",
    "text",
    "update_time",
    "settings",
    "reaction_codes",
    "value",
    "role",
    "mute",
    "followers",
    "edges",
    "node",
    "pn",
    "reactions",
    "sender_list",
    "pending_admin_invites",
    "user",
    "admins",
    "result",
    "page_info",
    "hasNextPage",
    "endCursor",
    "data",
    "errors",
    "extensions",
    "error_code",
    "message",
]
WORDS = st.sampled_from(
    [str(CHANNEL), "1@lid", "ACTIVE", "ON", "", "7", "9" * 40, "\ud800", "a@b@c"]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
    ),
    max_leaves=30,
)

TAGS = [
    "messages",
    "message",
    "message_updates",
    "live_updates",
    "my_addons",
    "plaintext",
    "reactions",
    "reaction",
    "views_count",
    "votes",
    "vote",
    "meta",
    "update",
    "mex",
]
ATTRS = [
    "jid",
    "id",
    "server_id",
    "t",
    "count",
    "code",
    "edit",
    "duration",
    "msg_edit_t",
    "op_name",
]
attr_values = WORDS | st.sampled_from(["3", "8", "101", "-1"]) | st.just(CHANNEL)
nodes = st.recursive(
    st.builds(
        Node,
        st.sampled_from(TAGS),
        st.dictionaries(st.sampled_from(ATTRS), attr_values, max_size=4),
        st.none() | st.binary(max_size=40),
    ),
    lambda inner: st.builds(
        Node,
        st.sampled_from(TAGS),
        st.dictionaries(st.sampled_from(ATTRS), attr_values, max_size=4),
        st.lists(inner, max_size=4),
    ),
    max_leaves=15,
)


@given(json_values)
def test_metadata_people_and_pages_are_read_or_left_out(value: Any) -> None:
    found = JsonObject(value)
    update_newsletter(Newsletter(CHANNEL), found)
    read_newsletters([found, *found.parts("result")])
    for read in (read_page, read_followers, read_pending, read_admins, read_reaction_senders):
        read(found)


@given(json_values)
def test_an_answer_is_read_or_refused(value: Any) -> None:
    body = json.dumps(value).encode()
    try:
        answer = read_answer(body)
        update_newsletter(Newsletter(CHANNEL), answer.data)
    except (MexError, QueryError):
        pass


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(MexError):
        read_json(data)


@given(nodes)
def test_posts_are_read_or_refused(node: Node) -> None:
    reply = Node("iq", {"type": "result"}, [node])
    queries: list[Any] = [
        FetchPosts(CHANNEL),
        FetchPostUpdates(CHANNEL),
        WatchPosts(CHANNEL),
        FetchOwnReactions(),
    ]
    for query in queries:
        with contextlib.suppress(StanzaError):
            query.parse(reply)
    parse_post_notification(Node("notification", {"from": CHANNEL, "id": "1"}, [node]))
    with contextlib.suppress(ProtocolError):
        parse_mex_notification(Node("notification", {"id": "1"}, [node]))
