"""Answers about groups, communities and channels that are wrong, or only partly right."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.account import NOW, SESSION, Account
from support.group_server import Hearing, answer
from support.groups import GROUP, group
from waport.client.background import Background
from waport.client.features.communities import Communities
from waport.client.features.group_rules import GroupRules
from waport.client.features.groups import Groups
from waport.client.features.newsletter_admins import NewsletterAdmins
from waport.client.features.newsletter_posts import NewsletterPosts
from waport.client.features.newsletters import Newsletters
from waport.client.mex import Mex
from waport.client.post_watch import PostWatch
from waport.client.queries import Queries
from waport.errors import MexError, NotFound, QueryError, RateLimited, StanzaError
from waport.model.newsletter import ChannelRole, ChannelState, Newsletter
from waport.wire import Jid, Node

TOWN = Jid("120363000000000009", "g.us")
CHANNEL = Jid("120363000000000002", "newsletter")


class Answering:
    """A link whose every question gets the next of these answers."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self.asked: list[Node] = []
        self.answers: list[Node] = []

    def send(self, node: Node) -> None:
        self.asked.append(node)
        reply = self.answers.pop(0)
        reply.attrs = {"id": node.attr("id"), "type": "result", **reply.attrs}
        self._queries.resolve(reply)

    def give(self, *children: Node, **attrs: Any) -> None:
        self.answers.append(Node("iq", attrs, list(children)))

    def give_json(self, value: object) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.give(Node("result", {}, body))


class Asker:
    """The features of an account, over answers of the test's own."""

    def __init__(self, account: Account) -> None:
        queries = Queries(5)
        self.link = Answering(queries)
        queries.attach(self.link)  # type: ignore[arg-type]
        database, sink = account.database, account.sink
        mex = Mex(queries)
        self.mex = mex
        self.groups = Groups(database, SESSION, queries, sink)
        self.rules = GroupRules(database, SESSION, queries, mex)
        self.communities = Communities(database, SESSION, queries, mex, self.groups)
        watch = PostWatch(queries, Background())
        posts = NewsletterPosts(database, SESSION, queries, sink, watch)
        admins = NewsletterAdmins(database, SESSION, mex, None, sink)  # type: ignore[arg-type]
        self.newsletters = Newsletters(database, SESSION, queries, mex, sink, admins, posts)


@pytest.fixture
async def asker(account: Account) -> Asker:
    return Asker(account)


def refused(code: int, **more: str) -> Node:
    error = Node("error", {"code": str(code), "text": "no", **more})
    return Node("iq", {"type": "error"}, [error])


# --- groups --------------------------------------------------------------------------------------


async def test_of_people_half_refused_the_others_are_members(
    account: Account, asker: Asker
) -> None:
    await account.write(lambda store: store.groups.put(group(fetched_at=NOW)))
    new = [Jid(str(2 * 10**14 + number), "lid") for number in range(6)]
    nodes = [
        Node("participant", {"jid": jid, **({"error": "403"} if number % 2 else {})})
        for number, jid in enumerate(new)
    ]
    asker.link.give(answer())
    asker.link.give(Node("add", {}, [Node("unknown"), *nodes]))
    results = await asker.groups.add(GROUP, new)
    assert [result.code for result in results] == [200, 403] * 3
    stored = await account.read(lambda store: store.groups.get(GROUP))
    assert [stored.member(jid) is not None for jid in new] == [True, False] * 3


async def test_unknown_children_and_cut_metadata_leave_a_group_that_is_asked_for_again(
    account: Account, asker: Asker
) -> None:
    cut = answer(truncated="true", size="5000")
    strange = [Node("something_new", {}, [Node("inside")]), Node("another", {}, b"text")]
    cut.content = [*strange, *cut.children()[:1]]
    asker.link.give(cut)
    found = await asker.groups.info(GROUP)
    assert (found.is_truncated, found.size, len(found.members)) == (True, 5000, 1)
    assert found.is_due(NOW)
    (known,) = [await account.read(lambda store: store.groups.get(GROUP))]
    assert known == found


async def test_of_several_groups_those_that_are_refused_are_left_out(asker: Asker) -> None:
    asked = [GROUP, TOWN, Jid("120363000000000003", "g.us")]
    asker.link.give(
        Node(
            "groups",
            {},
            [
                answer(),
                Node("group", {"id": TOWN.user, "error": "403"}),
                Node("group", {"id": "not a group"}),
                answer(Jid("120363000000000004", "g.us")),
            ],
        )
    )
    assert [each.jid for each in await asker.groups.several(asked)] == [GROUP]


async def test_a_new_group_is_acknowledged_once_it_is_kept(account: Account) -> None:
    hearing = Hearing(account)
    create = Node("create", {"type": "new"}, [answer(ack="false")])
    await hearing.hear(create)
    assert hearing.acknowledged == [GROUP]
    await hearing.hear(Node("create", {}, [answer()]), id="N2")
    assert hearing.acknowledged == [GROUP]


async def test_a_mode_is_set_by_an_iq_where_graphql_is_not_understood(
    account: Account, asker: Asker
) -> None:
    await account.write(lambda store: store.groups.put(group(fetched_at=NOW)))
    unknown = {"message": "unknown query", "extensions": {"error_code": 400}}
    asker.link.give_json({"data": None, "errors": [unknown]})
    asker.link.give()
    await asker.rules.set_link_mode(GROUP, True)
    assert asker.link.asked[-1].children() == [Node("member_link_mode", {}, b"admin_link")]
    assert (await account.read(lambda store: store.groups.get(GROUP))).only_admins_link

    # A refusal that means something is raised, and nothing is changed.
    asker.link.give_json({"data": None, "errors": [{"extensions": {"error_code": 429}}]})
    with pytest.raises(RateLimited):
        await asker.rules.set_link_mode(GROUP, False)
    asker.link.give_json({"data": {"xwa2_group_update_property": {"state": "SUSPENDED"}}})
    with pytest.raises(QueryError) as suspended:
        await asker.rules.set_link_mode(GROUP, False)
    assert suspended.value.code == 405
    assert (await account.read(lambda store: store.groups.get(GROUP))).only_admins_link


async def test_the_groups_of_a_community_are_asked_for_by_graphql_where_iqs_are_refused(
    asker: Asker,
) -> None:
    node = {"id": str(GROUP), "subject": {"value": "Friends"}}
    data = {"xwa2_group_query_by_id": {"sub_groups": {"edges": [{"node": node}]}}}
    asker.link.answers.append(refused(405))
    asker.link.give_json({"data": data})
    (found,) = await asker.communities.sub_groups(TOWN)
    assert (found.jid, found.subject) == (GROUP, "Friends")
    asker.link.answers.append(refused(404))
    with pytest.raises(NotFound):
        await asker.communities.sub_groups(TOWN)


async def test_a_community_whose_links_fail_in_part_keeps_the_good_ones(
    account: Account, asker: Asker
) -> None:
    await account.write(lambda store: store.groups.put(group(fetched_at=NOW)))
    other = Jid("120363000000000003", "g.us")
    told = Node(
        "link", {}, [Node("group", {"jid": GROUP}), Node("group", {"jid": other, "error": "419"})]
    )
    asker.link.give(Node("links", {}, [told]))
    results = await asker.communities.link(TOWN, [GROUP, other])
    assert [result.code for result in results] == [200, 419]
    assert (await account.read(lambda store: store.groups.get(GROUP))).parent == TOWN


# --- channels ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{", MexError),
        (b"[" * 100_000, MexError),
        ({"data": {}}, MexError),
        ({"data": {"xwa2_newsletter": None}}, MexError),
        ({"data": {"xwa2_newsletter": {"id": "x"}}}, MexError),
        ({"data": {"xwa2_newsletter": {"id": str(GROUP)}}}, MexError),
        ({"data": None, "errors": [{"extensions": {"error_code": 404}}]}, NotFound),
        ({"data": None, "errors": [{"extensions": {"error_code": 500}}]}, QueryError),
        ({"data": None, "errors": [{"message": "unknown query"}]}, QueryError),
    ],
)
async def test_a_wrong_answer_about_a_channel_is_a_typed_error_and_changes_nothing(
    account: Account, asker: Asker, body: object, error: type[Exception]
) -> None:
    known = Newsletter(CHANNEL, name="News", role=ChannelRole.SUBSCRIBER)
    await account.write(lambda store: store.newsletters.put(known))
    asker.link.give_json(body)
    with pytest.raises(error):
        await asker.newsletters.info(CHANNEL)
    kept = await account.read(lambda store: store.newsletters.get(CHANNEL))
    assert kept.name == "News"
    # What is not there any more is known to be gone, and nothing else.
    assert kept.is_gone is (error is NotFound)


async def test_a_channel_that_is_gone_is_kept_as_such(account: Account, asker: Asker) -> None:
    known = Newsletter(CHANNEL, name="News", role=ChannelRole.SUBSCRIBER)
    await account.write(lambda store: store.newsletters.put(known))
    asker.link.give_json(
        {"data": {"xwa2_newsletter": {"id": str(CHANNEL), "state": {"type": "NON_EXISTING"}}}}
    )
    with pytest.raises(NotFound):
        await asker.newsletters.info(CHANNEL)
    kept = await account.read(lambda store: store.newsletters.get(CHANNEL))
    assert (kept.state, kept.name) == (ChannelState.DELETED, "News")


async def test_a_list_with_one_bad_channel_keeps_the_others(account: Account, asker: Asker) -> None:
    good = {"id": str(CHANNEL), "viewer_metadata": {"role": "SUBSCRIBER"}}
    left = Newsletter(Jid("120363000000000003", "newsletter"), role=ChannelRole.SUBSCRIBER)
    await account.write(lambda store: store.newsletters.put(left))
    listed = [{"id": 7}, None, good, {"thread_metadata": []}]
    asker.link.give_json({"data": {"xwa2_newsletter_subscribed": listed}})
    assert [each.jid for each in await asker.newsletters.all()] == [CHANNEL]
    # What is not listed is not followed any more, but not forgotten.
    kept = await account.read(lambda store: store.newsletters.get(left.jid))
    assert kept.role == ChannelRole.GUEST
    asker.link.give_json({"data": {"xwa2_newsletter_subscribed": {}}})
    with pytest.raises(MexError):
        await asker.newsletters.all()


async def test_partial_data_are_used_and_what_is_missing_is_not_made_up(asker: Asker) -> None:
    value = {"id": str(CHANNEL), "thread_metadata": {"name": {"text": "News"}}}
    problem = {"message": "no picture", "path": ["picture"]}
    asker.link.give_json({"data": {"xwa2_newsletter": value}, "errors": [problem]})
    found = await asker.newsletters.info(CHANNEL)
    assert (found.name, found.picture_id, found.subscribers) == ("News", "", 0)


async def test_posts_that_cannot_be_read_are_left_out_alone(account: Account, asker: Asker) -> None:
    def post(number: str, body: bytes) -> Node:
        attrs: dict[str, Any] = {"id": f"P{number}", "server_id": number, "t": str(NOW)}
        return Node("message", attrs, [Node("plaintext", {}, body)])

    good = b"\x0a\x04news"
    nodes = [post("x", good), post("101", b"\xff\xff"), post("102", good), Node("other")]
    asker.link.give(Node("messages", {"jid": CHANNEL}, nodes))
    (message,) = await asker.newsletters.posts.fetch(CHANNEL)
    assert message.text == "news"
    asker.link.give()
    with pytest.raises(StanzaError):
        await asker.newsletters.posts.fetch(CHANNEL)


async def test_an_unknown_query_by_id_and_one_that_is_none(asker: Asker) -> None:
    asker.link.give_json({"errors": [{"message": "x", "extensions": {"error_code": 400}}]})
    with pytest.raises(QueryError):
        await asker.mex.ask_id("1", {})
    asker.link.give(Node("result", {"format": "argo"}, b"binary"))
    with pytest.raises(MexError) as argo:
        await asker.mex.ask_id("1", {})
    assert argo.value.raw == "binary"


async def test_a_large_answer_is_read_beside_the_event_loop(asker: Asker) -> None:
    rows = [{"id": f"{number}@newsletter", "name": "x" * 50} for number in range(2_000)]
    asker.link.give_json({"data": {"xwa2_newsletter_subscribed": rows}})
    assert len(await asker.newsletters.all()) == 2_000
