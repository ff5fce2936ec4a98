from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from waport.errors import InvalidInput, MexError, StanzaError
from waport.model.newsletter import (
    ChannelRole,
    ChannelState,
    DirectoryView,
    Newsletter,
    Post,
    PostCounts,
    ReactionMode,
)
from waport.stanza import newsletter_mex as calls
from waport.stanza.json_values import JsonObject
from waport.stanza.mex_table import MEX_QUERIES
from waport.stanza.newsletter_posts import (
    AgreeToTerms,
    FetchOwnReactions,
    FetchPosts,
    FetchPostUpdates,
    WatchPosts,
    build_reaction,
    parse_post_notification,
    read_post,
    view_receipt,
)
from waport.stanza.newsletters import (
    channel_code,
    check_channel,
    read_followers,
    read_newsletter,
    read_newsletters,
    read_page,
    read_pending,
    read_reaction_senders,
    update_newsletter,
)
from waport.wire import SERVER, Jid, Node

CHANNEL = Jid("120363000000000002", "newsletter")
ANN = Jid("15551234567", "s.whatsapp.net")
ANN_LID = Jid("123456789", "lid")

METADATA: dict[str, Any] = {
    "id": "120363000000000002@newsletter",
    "state": {"type": "ACTIVE"},
    "thread_metadata": {
        "creation_time": "1750000000",
        "invite": "0029VaAbCdEf",
        "handle": None,
        "subscribers_count": "1",
        "verification": "UNVERIFIED",
        "name": {"id": "1750000000000001", "text": "News", "update_time": "1750000000000001"},
        "description": {"id": "17500", "text": "", "update_time": "1750000000000002"},
        "picture": {"id": "", "type": "IMAGE", "direct_path": ""},
        "preview": {"id": "1750000000", "type": "PREVIEW", "direct_path": "/v/x"},
        "settings": {"reaction_codes": {"value": "ALL"}},
    },
    "viewer_metadata": {
        "role": "OWNER",
        "mute": "OFF",
        "settings": [{"type": "MUTE_ADMIN_ACTIVITY", "value": "OFF"}],
    },
}
NEWS = Newsletter(
    CHANNEL,
    name="News",
    name_at_us=1750000000000001,
    description_at_us=1750000000000002,
    created_at=1750000000,
    invite="0029VaAbCdEf",
    subscribers=1,
    role=ChannelRole.OWNER,
    picture_id="1750000000",
    preview_path="/v/x",
)


def changed(*path: str, value: object) -> JsonObject:
    """The metadata with one member replaced."""

    def put(part: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
        name, *rest = names
        return {**part, name: put(part.get(name) or {}, tuple(rest)) if rest else value}

    return JsonObject(put(METADATA, path))


# --- metadata ------------------------------------------------------------------------------------


def test_all_of_the_metadata_is_read() -> None:
    assert read_newsletter(JsonObject(METADATA)) == NEWS


def test_both_kinds_of_mute_are_read() -> None:
    settings = [
        {"type": "MUTE_ADMIN_ACTIVITY", "value": "ON"},
        {"type": "MUTE_FOLLOWER_ACTIVITY", "value": "ON"},
        {"type": "MUTE_SOMETHING", "value": "ON"},
    ]
    read = read_newsletter(changed("viewer_metadata", "settings", value=settings))
    assert (read.is_muted, read.mutes_followers) == (True, True)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (("state", "type"), "state"),
        (("viewer_metadata", "role"), "role"),
        (("thread_metadata", "settings", "reaction_codes", "value"), "reactions"),
    ],
)
def test_a_word_that_is_not_known_stays_as_it_is(path: tuple[str, ...], field: str) -> None:
    assert getattr(read_newsletter(changed(*path, value="NEWER")), field) == "NEWER"


def test_what_a_notification_does_not_say_stays() -> None:
    about = {"id": str(CHANNEL), "thread_metadata": {"name": {"text": "Other"}}}
    assert update_newsletter(NEWS, JsonObject(about)) == replace(NEWS, name="Other", name_at_us=0)


@pytest.mark.parametrize("address", [None, 7, "", "15551234567@s.whatsapp.net", "x@newsletter:1"])
def test_metadata_of_no_channel_are_refused(address: object) -> None:
    with pytest.raises(MexError):
        read_newsletter(changed("id", value=address))


@pytest.mark.parametrize("part", ["state", "thread_metadata", "viewer_metadata"])
@pytest.mark.parametrize("value", [None, 1, "text", [], [1], {"settings": [None, 1]}, True])
def test_parts_of_the_wrong_kind_read_as_nothing(part: str, value: object) -> None:
    assert read_newsletter(changed(part, value=value)).jid == CHANNEL


def test_a_list_leaves_out_what_cannot_be_read() -> None:
    found = read_newsletters([JsonObject({}), JsonObject(METADATA), JsonObject(METADATA)])
    assert found == (NEWS,)


def test_a_page_says_what_leads_on() -> None:
    info = {"hasNextPage": True, "endCursor": "20"}
    page = read_page(JsonObject({"result": [METADATA], "page_info": info}))
    assert (page.channels, page.cursor) == ((NEWS,), "20")
    assert read_page(JsonObject({"result": None})).channels == ()
    last = JsonObject({"page_info": {"hasNextPage": False, "endCursor": "20"}})
    assert read_page(last).cursor == ""


def test_states_and_roles_say_what_they_mean() -> None:
    assert replace(NEWS, state=ChannelState.DELETED).is_gone
    assert replace(NEWS, role=ChannelRole.ADMIN).is_run
    assert not replace(NEWS, role=ChannelRole.SUBSCRIBER).is_run
    assert not replace(NEWS, role=ChannelRole.GUEST).is_followed
    assert NEWS.link == "https://whatsapp.com/channel/0029VaAbCdEf"


def test_people_are_read_by_either_address() -> None:
    node = {"id": str(ANN_LID), "pn": str(ANN), "display_name": "Ann"}
    edges = [
        {"node": node, "role": "ADMIN", "follow_time": "1700000000"},
        {"node": {"id": str(ANN_LID)}},
        {"node": {"id": "120363@g.us"}},
        None,
    ]
    first, second = read_followers(JsonObject({"followers": {"edges": edges}}))
    assert (first.jid, first.pn, first.name, first.role) == (ANN_LID, ANN, "Ann", "ADMIN")
    assert (first.since, second.pn) == (1700000000, None)
    pending = {"pending_admin_invites": [{"user": {"pn": str(ANN)}}, {"user": None}, 7]}
    (person,) = read_pending(JsonObject(pending))
    assert (person.jid, person.pn) == (ANN, ANN)
    senders = {"reactions": [{"reaction_code": "x", "sender_list": {"edges": [{"node": node}]}}]}
    (sender,) = read_reaction_senders(JsonObject(senders))
    assert (sender.code, sender.people[0].pn) == ("x", ANN)


@pytest.mark.parametrize(
    "text",
    ["0029VaAbC", "https://whatsapp.com/channel/0029VaAbC", "whatsapp.com/channel/0029VaAbC?x=1"],
)
def test_a_code_or_a_link_names_a_channel(text: str) -> None:
    assert channel_code(text) == "0029VaAbC"


@pytest.mark.parametrize("text", ["", "a b", "https://example.com/channel/x", "x" * 200])
def test_other_texts_name_none(text: str) -> None:
    with pytest.raises(InvalidInput):
        channel_code(text)


def test_only_channels_are_channels() -> None:
    check_channel(CHANNEL)
    for jid in (ANN, Jid("120363000000000001", "g.us"), Jid("", "newsletter")):
        with pytest.raises(InvalidInput):
            check_channel(jid)


# --- queries -------------------------------------------------------------------------------------


def test_queries_have_the_variables_of_the_table() -> None:
    jid = str(CHANNEL)
    assert calls.create("News", "", b"jpeg").variables == {
        "input": {"name": "News", "description": "", "picture": "anBlZw=="}
    }
    assert calls.update(CHANNEL, name="Other").variables == {
        "newsletter_id": jid,
        "updates": {"name": "Other"},
    }
    assert calls.update(CHANNEL, reactions=ReactionMode.BASIC).variables["updates"] == {
        "settings": {"reaction_codes": {"value": "BASIC"}}
    }
    assert calls.update(CHANNEL, picture=b"").variables["updates"] == {"picture": ""}
    assert calls.of_channel("JoinNewsletter", CHANNEL).variables == {"newsletter_id": jid}
    assert calls.of_person("DemoteNewsletterAdmin", CHANNEL, ANN_LID.with_device(3)).variables == {
        "newsletter_id": jid,
        "user_id": str(ANN_LID),
    }
    assert calls.mute(CHANNEL, followers=False, is_on=True).variables == {
        "input": {"newsletter_id": jid, "type": "MUTE_ADMIN_ACTIVITY", "value": "ON"}
    }
    assert calls.followers(CHANNEL, 5000).variables == {
        "input": {"newsletter_id": jid, "count": 1000}
    }
    assert calls.reaction_senders(CHANNEL, 101).variables == {
        "input": {"id": jid, "server_id": "101"}
    }
    assert calls.directory(DirectoryView.NEW, 0, ["DE"], "20").variables["input"] == {
        "view": "NEW",
        "filters": {"country_codes": ["DE"], "categories": []},
        "limit": 1,
        "start_cursor": "20",
    }


def test_every_query_is_in_the_table_of_ids() -> None:
    made = (
        calls.create("x", "", None),
        calls.update(CHANNEL),
        calls.fetch("x", by_invite=True),
        calls.fetch_all(),
        calls.mute(CHANNEL, followers=True, is_on=True),
        calls.followers(CHANNEL, 1),
        calls.reaction_senders(CHANNEL, 1),
        calls.recommended(1, ()),
        calls.directory(DirectoryView.POPULAR, 1, (), ""),
        calls.search("x", 1, ""),
    )
    assert {call.operation for call in made} <= MEX_QUERIES.keys()


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_a_name_has_its_limits(name: str) -> None:
    with pytest.raises(InvalidInput):
        calls.create(name, "", None)
    with pytest.raises(InvalidInput):
        calls.update(CHANNEL, name=name)


def test_a_description_and_a_search_have_their_limits() -> None:
    with pytest.raises(InvalidInput):
        calls.update(CHANNEL, description="x" * 2049)
    with pytest.raises(InvalidInput):
        calls.search("x" * 257, 1, "")


# --- posts ---------------------------------------------------------------------------------------


def message(*children: Node, **attrs: str) -> Node:
    values = {"id": "ABC", "server_id": "101", "t": "1750000000", "type": "text"}
    return Node("message", {**values, **attrs}, list(children))


def test_a_post_is_read_with_its_counters() -> None:
    node = message(
        Node("plaintext", {}, b"\x0a\x02hi"),
        Node("reactions", {}, [Node("reaction", {"code": "👍", "count": "3"})]),
        Node("views_count", {"type": "views", "count": "12"}),
        Node("forwards_count", {"count": "2"}),
        Node("responses_count", {"count": "1"}),
        Node("votes", {}, [Node("vote", {"count": "4"}, bytes(32)), Node("vote", {}, b"short")]),
        is_sender="true",
    )
    counts = PostCounts({"👍": 3}, 12, 2, 1, {"00" * 32: 4})
    assert read_post(node) == Post(
        101, "ABC", 1750000000, b"\x0a\x02hi", from_me=True, counts=counts
    )


def test_an_edited_post_says_when_it_was_written_and_changed() -> None:
    meta = Node("meta", {"original_msg_t": "1749999999", "msg_edit_t": "1750000000500"})
    post = read_post(message(Node("plaintext", {}, b"x"), meta, edit="3"))
    assert (post.timestamp, post.edited_ms, post.content) == (1749999999, 1750000000500, b"x")
    gone = read_post(message(Node("plaintext", {}, b"x"), edit="8"))
    assert (gone.is_revoked, gone.content) == (True, None)


def test_a_post_without_content_brings_but_counters() -> None:
    post = read_post(message(Node("views_count", {"count": "1"})))
    assert (post.content, post.counts) == (None, PostCounts(views=1))
    assert read_post(message()).counts is None


@pytest.mark.parametrize("number", [None, "", "x", "0", "-1", "9" * 30])
def test_a_post_without_a_number_is_left_out_alone(number: str | None) -> None:
    bad = message(server_id=number or "")
    if number is None:
        del bad.attrs["server_id"]
    listing = Node("messages", {"jid": CHANNEL}, [bad, message(), Node("other")])
    reply = Node("iq", {"type": "result"}, [listing])
    assert [post.server_id for post in FetchPosts(CHANNEL).parse(reply)] == [101]


def test_posts_are_asked_for_by_address_or_code_and_page() -> None:
    node = FetchPosts(CHANNEL, 20, before=120).request()
    assert (node.get("xmlns"), node.jid("to")) == ("newsletter", SERVER)
    assert node.child("messages").attrs == {
        "type": "jid",
        "jid": CHANNEL,
        "count": "20",
        "before": "120",
    }
    by_code = FetchPosts("0029Va", 1, after=0).request().child("messages").attrs
    assert by_code == {"type": "invite", "key": "0029Va", "count": "1", "after": "0"}
    for wrong in ({"count": 0}, {"count": 301}, {"before": 1, "after": 1}, {"before": -1}):
        with pytest.raises(InvalidInput):
            FetchPosts(CHANNEL, **wrong)
        with pytest.raises(InvalidInput):
            FetchPostUpdates(CHANNEL, **wrong)


def test_posts_of_another_channel_are_refused() -> None:
    other = Node("messages", {"jid": Jid("1", "newsletter")}, [message()])
    with pytest.raises(StanzaError):
        FetchPosts(CHANNEL).parse(Node("iq", {}, [other]))


def test_updates_are_asked_of_the_channel() -> None:
    node = FetchPostUpdates(CHANNEL, 10, since=1700000000).request()
    assert node.jid("to") == CHANNEL
    assert node.child("message_updates").attrs == {"count": "10", "since": "1700000000"}
    listing = Node("message_updates", {}, [Node("messages", {}, [message()])])
    assert len(FetchPostUpdates(CHANNEL).parse(Node("iq", {}, [listing]))) == 1


@pytest.mark.parametrize(("told", "taken"), [("300", 300), ("1", 30), ("99999", 600)])
def test_live_updates_last_as_long_as_makes_sense(told: str, taken: int) -> None:
    query = WatchPosts(CHANNEL)
    assert query.request().get("type") == "set"
    assert query.parse(Node("iq", {}, [Node("live_updates", {"duration": told})])) == taken
    with pytest.raises(StanzaError):
        query.parse(Node("iq", {}, [Node("live_updates")]))


def test_own_reactions_are_read_by_channel() -> None:
    assert FetchOwnReactions(CHANNEL, 5).request().child("my_addons").attrs == {
        "limit": "5",
        "jid": CHANNEL,
    }
    reaction = Node("reaction", {"code": "👍", "t": "1700000000"})
    listing = Node(
        "my_addons",
        {},
        [
            Node(
                "messages",
                {"jid": CHANNEL},
                [Node("message", {"server_id": "101"}, [reaction]), Node("message", {}, [])],
            ),
            Node("messages", {"jid": ANN}, [Node("message", {"server_id": "1"}, [reaction])]),
        ],
    )
    (found,) = FetchOwnReactions().parse(Node("iq", {}, [listing]))
    assert (found.channel, found.server_id, found.code) == (CHANNEL, 101, "👍")


def test_terms_are_agreed_to_by_a_notice() -> None:
    node = AgreeToTerms("20601218").request()
    assert node.get("xmlns") == "tos"
    assert node.child("notice").attrs == {"id": "20601218", "stage": "5"}


def test_views_and_reactions_name_posts_by_number() -> None:
    node = view_receipt(CHANNEL, "R1", [101, 102])
    assert node.attrs == {"to": CHANNEL, "type": "view", "id": "R1"}
    assert [item.get("server_id") for item in node.child("list").children()] == ["101", "102"]
    node = build_reaction("R2", CHANNEL, 101, "👍")
    assert node.attrs == {"id": "R2", "to": CHANNEL, "type": "reaction", "server_id": "101"}
    assert node.child("reaction").attrs == {"code": "👍"}
    taken = build_reaction("R3", CHANNEL, 101, "")
    assert (taken.get("edit"), taken.child("reaction").attrs) == ("7", {})


def test_a_notification_brings_posts_and_names_what_is_not_understood() -> None:
    live = Node("live_updates", {}, [Node("messages", {"jid": CHANNEL}, [message()])])
    node = Node("notification", {"from": CHANNEL, "id": "1"}, [live, Node("participant")])
    notice = parse_post_notification(node)
    assert (len(notice.posts), notice.others) == (1, ("participant",))
    with pytest.raises(StanzaError):
        parse_post_notification(Node("notification", {"from": ANN, "id": "1"}, [live]))
