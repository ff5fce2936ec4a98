"""Channels by GraphQL: made, found, followed, changed, run by admins, and saved."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from waport.emulator import Emulator, EmulatorOptions
from waport.emulator.mex_table import IDS, QUERIES
from waport.wire import Jid, Node

Linked = Callable[..., Awaitable[Any]]

JPEG = b"\xff\xd8\xff\xe0 picture"


async def mex(client: Any, query: str, **variables: Any) -> Any:
    """The whole answer to a query, named by operation or by id."""
    body = json.dumps({"variables": variables}).encode()
    node = Node("query", {"query_id": IDS.get(query, query)}, body)
    attrs = {"to": Jid("", "s.whatsapp.net"), "type": "get", "xmlns": "w:mex"}
    answer = await client.query(Node("iq", dict(attrs), [node]))
    return json.loads(answer.child("result").data)


async def ask(client: Any, query: str, **variables: Any) -> Any:
    """What stands below the root of a good answer."""
    answer = await mex(client, query, **variables)
    assert "errors" not in answer, answer
    (found,) = answer["data"].values()
    return found


async def refused(client: Any, query: str, **variables: Any) -> int:
    """The code of a refusal."""
    answer = await mex(client, query, **variables)
    assert answer["data"] is None
    (problem,) = answer["errors"]
    return int(problem["extensions"]["error_code"])


async def create(client: Any, name: str = "News", **more: Any) -> str:
    return str((await ask(client, "CreateNewsletter", input={"name": name, **more}))["id"])


async def follow(client: Any, newsletter: str) -> Any:
    return await ask(client, "JoinNewsletter", newsletter_id=newsletter)


async def fetch(client: Any, key: str, kind: str = "JID") -> Any:
    wish = {"key": key, "type": kind, "view_role": "GUEST"}
    return await ask(client, "FetchNewsletter", input=wish, fetch_viewer_metadata=True)


async def news(client: Any, operation: str) -> Any:
    """The data of the next `mex` notification of that name."""

    def fits(node: Node) -> bool:
        update = node.find("update")
        return update is not None and update.get("op_name") == operation

    told = await client.expect("notification", fits)
    assert (told.get("type"), str(told.jid("from"))) == ("mex", "s.whatsapp.net")
    (data,) = json.loads(told.child("update").data)["data"].values()
    return data


async def test_a_new_channel_belongs_to_its_maker_and_is_found_by_jid_and_link(
    emulator: Emulator, linked: Linked
) -> None:
    alice, alice2, bob = [await linked(emulator, name) for name in ("Alice", "Alice", "Bob")]
    wish = {"name": "News", "description": "of all kinds", "picture": _text(JPEG)}
    made = await ask(alice, "CreateNewsletter", input=wish)
    thread = made["thread_metadata"]
    assert made["id"].endswith("@newsletter")
    assert made["state"] == {"type": "ACTIVE"}
    assert (thread["name"]["text"], thread["description"]["text"]) == ("News", "of all kinds")
    assert thread["subscribers_count"] == "1"
    assert thread["settings"] == {"reaction_codes": {"value": "ALL"}}
    assert int(thread["name"]["update_time"]) // 1_000_000 == int(thread["creation_time"])
    assert made["viewer_metadata"]["role"] == "OWNER"
    assert made["viewer_metadata"]["mute"] == "OFF"
    joined = await news(alice2, "NotificationNewsletterJoin")
    assert joined == made

    for key, kind in ((made["id"], "JID"), (thread["invite"], "INVITE")):
        shown = await fetch(bob, key, kind)
        assert shown["thread_metadata"] == thread
        assert shown["viewer_metadata"]["role"] == "GUEST"
    link = f"https://whatsapp.com/channel/{thread['invite']}"
    assert (await fetch(bob, link, "INVITE"))["id"] == made["id"]
    wish = {"key": made["id"], "type": "JID"}
    public = await ask(bob, "FetchNewsletter", input=wish, fetch_viewer_metadata=False)
    assert "viewer_metadata" not in public
    async with httpx.AsyncClient() as http:
        path = thread["picture"]["direct_path"]
        assert (await http.get(emulator.web_url + path)).content == JPEG
        assert (await http.get(emulator.web_url + path.replace(".jpg", "x"))).status_code == 404
    assert await refused(bob, "FetchNewsletter", input={"key": "0029x", "type": "INVITE"}) == 404


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("operation", "query_id"),
    [(query.operation, query_id) for query_id, query in QUERIES.items() if query_id],
)
async def test_every_id_of_a_query_stands_for_it(
    emulator: Emulator, linked: Linked, operation: str, query_id: str
) -> None:
    """Nothing is known of the channel in the question, but of the query itself."""
    alice = await linked(emulator, "Alice")
    answer = await mex(alice, query_id, newsletter_id="1@newsletter", input={}, updates={})
    problems = answer.get("errors", [])
    assert all(problem["path"] == [QUERIES[query_id].root] for problem in problems), operation
    assert problems or QUERIES[query_id].root in answer["data"]


async def test_one_client_has_another_name_for_what_is_to_be_made(
    emulator: Emulator, linked: Linked
) -> None:
    alice = await linked(emulator, "Alice")
    made = await ask(alice, "6234210096708695", newsletter_input={"name": "News"})
    assert made["thread_metadata"]["name"]["text"] == "News"


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"name": ""}, 406),
        ({"name": "x" * 101}, 406),
        ({"name": "x", "description": "x" * 2049}, 406),
        ({"name": "x", "picture": "no base64"}, 406),
        ({"name": "x", "picture": _text(b"GIF89a")}, 406),
        ({"name": 5}, 400),
        ({"name": "\ud800"}, 400),
        (None, 400),
    ],
)
async def test_what_is_no_channel_is_not_made(
    emulator: Emulator, linked: Linked, wish: Any, code: int
) -> None:
    alice = await linked(emulator, "Alice")
    assert await refused(alice, "CreateNewsletter", input=wish) == code
    assert await ask(alice, "FetchAllNewslettersMetadata") == []


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"variables": 5}', b"[" * 100_000])
async def test_a_question_that_is_no_json_is_refused_as_a_stanza(
    emulator: Emulator, linked: Linked, make_iq: Any, body: bytes
) -> None:
    alice = await linked(emulator, "Alice")
    query = Node("query", {"query_id": IDS["FetchNewsletter"]}, body)
    answer = await alice.query(make_iq("get", "w:mex", query))
    assert answer.child("error").get("code") == "400"


async def test_the_terms_must_be_agreed_to_when_that_is_asked_for(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice = await linked(emulator, "Alice")
    emulator.policy.require_channel_terms = True
    assert await refused(alice, "CreateNewsletter", input={"name": "News"}) == 403
    agreed = Node("notice", {"id": "20601218", "stage": "5"})
    assert (await alice.query(make_iq("set", "tos", agreed))).get("type") == "result"
    await create(alice)
    many = [Node("notice", {"id": str(number)}) for number in range(101)]
    refusal = await alice.query(make_iq("set", "tos", *many))
    assert refusal.child("error").get("code") == "400"


async def test_following_is_told_to_the_own_devices_and_counted(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob, bob2 = [await linked(emulator, name) for name in ("Alice", "Bob", "Bob")]
    newsletter = await create(alice)
    for _ in range(2):  # the second time nothing changes
        shown = await follow(bob, newsletter)
    assert shown["viewer_metadata"]["role"] == "SUBSCRIBER"
    assert shown["thread_metadata"]["subscribers_count"] == "2"
    joined = await news(bob2, "NotificationNewsletterJoin")
    assert (joined["id"], joined["viewer_metadata"]["role"]) == (newsletter, "SUBSCRIBER")
    (listed,) = await ask(bob2, "FetchAllNewslettersMetadata", fetch_wamo_sub=False)
    assert listed == shown

    left = await ask(bob, "LeaveNewsletter", newsletter_id=newsletter)
    assert left == {"id": newsletter, "state": {"type": "ACTIVE"}}
    gone = await news(bob2, "NotificationNewsletterLeave")
    assert gone == {"id": newsletter, "role": "SUBSCRIBER"}
    assert await ask(bob, "FetchAllNewslettersMetadata") == []
    assert [n for n in await bob2.settled() if n.get("type") == "mex"] == []
    assert await refused(alice, "LeaveNewsletter", newsletter_id=newsletter) == 403
    assert await refused(bob, "JoinNewsletter", newsletter_id="1@newsletter") == 404
    assert await refused(bob, "JoinNewsletter", newsletter_id="no jid at all") == 400


async def test_a_channel_is_muted_in_every_form_of_the_query(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob, bob2 = [await linked(emulator, name) for name in ("Alice", "Bob", "Bob")]
    newsletter = await create(alice)
    assert await refused(bob, "MuteNewsletter", newsletter_id=newsletter) == 403
    await follow(bob, newsletter)

    async def muted(answer: Any) -> dict[str, str]:
        told = await news(bob2, "NotificationNewsletterUserSettingChange")
        viewer = answer["viewer_metadata"]
        assert (told["id"], told["mute"]) == (newsletter, viewer["mute"])
        return {setting["type"]: setting["value"] for setting in viewer["settings"]}

    admin, follower = "MUTE_ADMIN_ACTIVITY", "MUTE_FOLLOWER_ACTIVITY"
    answer = await ask(bob, "MuteNewsletter", newsletter_id=newsletter)
    assert answer["viewer_metadata"]["mute"] == "ON"
    assert await muted(answer) == {admin: "ON", follower: "OFF"}
    wish = {"newsletter_id": newsletter, "type": follower, "value": "ON"}
    answer = await ask(bob, "UpdateNewsletterUserSetting", input=wish)
    assert await muted(answer) == {admin: "ON", follower: "ON"}
    answer = await ask(bob, "UnmuteNewsletter", newsletter_id=newsletter)
    assert await muted(answer) == {admin: "OFF", follower: "ON"}
    wish["type"] = "MUTE_EVERYBODY"
    assert await refused(bob, "UpdateNewsletterUserSetting", input=wish) == 400


async def test_admins_change_a_channel_and_all_followers_hear_of_it(
    emulator: Emulator, linked: Linked
) -> None:
    alice, alice2, bob = [await linked(emulator, name) for name in ("Alice", "Alice", "Bob")]
    newsletter = await create(alice)
    await follow(bob, newsletter)

    async def update(client: Any, **updates: Any) -> Any:
        return await ask(client, "UpdateNewsletter", newsletter_id=newsletter, updates=updates)

    changed = await update(
        alice,
        name="Old news",
        description="none",
        picture=_text(JPEG),
        settings={"reaction_codes": {"value": "BASIC"}},
    )
    thread = changed["thread_metadata"]
    assert (thread["name"]["text"], thread["description"]["text"]) == ("Old news", "none")
    assert thread["settings"]["reaction_codes"] == {"value": "BASIC"}
    assert thread["preview"]["id"] == thread["picture"]["id"] != ""
    for client in (alice2, bob):
        told = await news(client, "NotificationNewsletterUpdate")
        assert told == {"id": newsletter, "thread_metadata": thread}
    # Baileys sends null for what it leaves alone, and an empty picture to remove it.
    changed = await update(alice, picture="", settings=None)
    assert changed["thread_metadata"]["picture"] == {"id": "", "type": "IMAGE", "direct_path": ""}
    assert changed["thread_metadata"]["name"]["text"] == "Old news"
    wish = {"newsletter_id": newsletter, "updates": {"name": "Mine"}}
    assert await refused(bob, "UpdateNewsletter", **wish) == 403
    for bad, code in (({"name": ""}, 406), ({"settings": {"reaction_codes": {"value": "X"}}}, 400)):
        wish = {"newsletter_id": newsletter, "updates": {"description": "no", **bad}}
        assert await refused(alice, "UpdateNewsletter", **wish) == code
    assert (await fetch(bob, newsletter))["thread_metadata"]["description"]["text"] == "none"


async def test_news_can_come_in_the_form_that_clients_once_had(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    newsletter = await create(alice)
    await follow(bob, newsletter)
    emulator.policy.legacy_mex = True
    updates = {"name": "Other"}
    await ask(alice, "UpdateNewsletter", newsletter_id=newsletter, updates=updates)
    told = await bob.expect("notification", lambda node: node.find("mex") is not None)
    assert json.loads(told.child("mex").data) == {
        "operation": "NotificationNewsletterUpdate",
        "updates": [{"jid": newsletter, "settings": {"name": "Other"}}],
    }


async def test_only_the_owner_deletes_and_then_nothing_is_left_but_the_name(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    newsletter = await create(alice)
    await follow(bob, newsletter)
    assert await refused(bob, "DeleteNewsletter", newsletter_id=newsletter) == 403
    gone = await ask(alice, "DeleteNewsletter", newsletter_id=newsletter)
    assert gone == {"id": newsletter, "state": {"type": "DELETED"}}
    assert await news(bob, "NotificationNewsletterStateChange") == gone
    assert await ask(bob, "FetchAllNewslettersMetadata") == []
    shown = await fetch(bob, newsletter)
    assert (shown["state"]["type"], shown["viewer_metadata"]["role"]) == ("DELETED", "GUEST")
    assert await refused(bob, "JoinNewsletter", newsletter_id=newsletter) == 404


async def test_an_invited_follower_becomes_admin_and_may_become_owner(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob, eve = [await linked(emulator, name) for name in ("Alice", "Bob", "Eve")]
    newsletter = await create(alice)
    about = {"newsletter_id": newsletter}
    bob_id, eve_id = {"user_id": str(bob.lid.bare)}, {"user_id": str(eve.jid.bare)}

    assert await refused(bob, "AcceptNewsletterAdminInvite", **about) == 404
    invited = await ask(alice, "CreateNewsletterAdminInvite", **about, **bob_id)
    assert int(invited["invite_expiration_time"]) > 1_700_000_000
    await ask(alice, "CreateNewsletterAdminInvite", **about, **eve_id)
    pending = await ask(alice, "FetchNewsletterPendingInvites", **about)
    assert len(pending["pending_admin_invites"]) == 2
    await ask(alice, "RevokeNewsletterAdminInvite", **about, **eve_id)
    assert await refused(eve, "AcceptNewsletterAdminInvite", **about) == 404
    await ask(bob, "AcceptNewsletterAdminInvite", **about)
    told = await news(alice, "NotificationNewsletterAdminPromote")
    assert (told["user"]["id"], told["user_new_role"]) == (str(bob.lid.bare), "ADMIN")
    assert (await fetch(bob, newsletter))["viewer_metadata"]["role"] == "ADMIN"
    for query_id in (IDS["FetchNewsletterAdminInfo"], "7130823597031706"):
        assert (await ask(eve, query_id, **about))["admin_count"] == 2

    # An admin is no owner.
    assert await refused(bob, "CreateNewsletterAdminInvite", **about, **eve_id) == 403
    assert await refused(bob, "DeleteNewsletter", **about) == 403
    assert await refused(bob, "ChangeNewsletterOwner", **about, **bob_id) == 403
    assert await refused(alice, "CreateNewsletterAdminInvite", **about, **bob_id) == 409
    assert await refused(alice, "ChangeNewsletterOwner", **about, **eve_id) == 403
    await ask(alice, "ChangeNewsletterOwner", **about, **bob_id)
    assert (await fetch(alice, newsletter))["viewer_metadata"]["role"] == "ADMIN"
    await ask(bob, "DemoteNewsletterAdmin", newsletter_id=newsletter, user_id=str(alice.lid.bare))
    told = await news(alice, "NotificationNewsletterAdminDemote")
    assert told["user_new_role"] == "SUBSCRIBER"
    assert await refused(alice, "UpdateNewsletter", **about, updates={"name": "no"}) == 403


async def test_admins_see_who_follows_and_nobody_else_does(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    newsletter = await create(alice)
    await follow(bob, newsletter)
    wish = {"newsletter_id": newsletter, "count": 10}
    for query, name in (
        ("FetchNewsletterFollowers", "followers"),
        ("FetchNewsletterSubscribers", "subscribers"),
    ):
        found = await ask(alice, query, input=wish)
        edges = found[name]["edges"]
        assert [(edge["node"]["id"], edge["role"]) for edge in edges] == [
            (str(alice.lid.bare), "OWNER"),
            (str(bob.lid.bare), "SUBSCRIBER"),
        ]
        assert await refused(bob, query, input=wish) == 403
    (edge,) = (await ask(alice, "FetchNewsletterFollowers", input={**wish, "count": 1}))[
        "followers"
    ]["edges"]
    assert edge["node"]["display_name"] == "Alice"


async def test_channels_are_found_by_name_the_most_followed_first(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    jids = [await create(alice, name) for name in ("Cats", "Dogs", "Big cats")]
    await follow(bob, jids[2])
    first = await ask(bob, "FetchRecommendedNewsletters", input={"limit": 2})
    assert [item["id"] for item in first["result"]] == [jids[2], jids[0]]
    cursor = first["page_info"]["endCursor"]
    rest = await ask(bob, "FetchNewsletterDirectoryList", input={"start_cursor": cursor})
    assert [item["id"] for item in rest["result"]] == [jids[1]]
    assert not rest["page_info"]["hasNextPage"]
    wish = {"search_text": "CATS", "limit": 10}
    found = await ask(bob, "FetchNewsletterDirectorySearchResults", input=wish)
    assert [item["id"] for item in found["result"]] == [jids[2], jids[0]]


async def test_channels_survive_a_restart(tmp_path: Path, linked: Linked) -> None:
    options = EmulatorOptions(plain=True, state=str(tmp_path))
    async with Emulator(options) as emulator:
        alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
        newsletter = await create(alice, description="kept", picture=_text(JPEG))
        await follow(bob, newsletter)
        await ask(bob, "MuteNewsletter", newsletter_id=newsletter)
        found = emulator.directory.newsletters.find(Jid.parse(newsletter))
        assert found is not None
        invited = {"newsletter_id": newsletter, "user_id": str(bob.lid.bare)}
        await ask(alice, "CreateNewsletterAdminInvite", **invited)
        before = await fetch(bob, newsletter)
        await alice.close()
        await bob.close()
    async with Emulator(options) as emulator:
        bob.emulator = emulator
        await bob.log_in()
        assert await fetch(bob, newsletter) == before
        assert emulator.directory.newsletters.find(Jid.parse(newsletter)) == found
        await ask(bob, "AcceptNewsletterAdminInvite", newsletter_id=newsletter)
        await bob.close()
