"""Communities: groups of groups, as raw clients ask for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from waport.emulator import Emulator, EmulatorOptions
from waport.emulator.mex_table import IDS
from waport.wire import SERVER, Jid, Node

from .test_groups_joining import (
    change,
    code_of,
    create,
    errors,
    group_of,
    people,
    question,
    told,
    trio,
)

Linked = Callable[..., Awaitable[Any]]

PARENT = Node("parent", {"default_membership_approval_mode": "request_required"})
GENERAL = Node("create_general_chat")


async def ask(client: Any, group: Jid, tag: str, **attrs: Any) -> Node:
    answer: Node = await client.query(question("get", group, Node(tag, attrs)))
    return answer


async def town(client: Any, *more: Node) -> Jid:
    return group_of(await create(client, subject="Town", more=[PARENT, GENERAL, *more]))


async def inside(client: Any, parent: Jid) -> dict[str, Jid]:
    """The groups of a community, by what they are to it."""
    listing = (await ask(client, parent, "sub_groups")).child("sub_groups").children("group")
    found = {}
    for node in listing:
        kinds = [child.tag for child in node.children()] or ["linked"]
        found[kinds[0]] = Jid(node.attr("id"), "g.us")
    return found


async def test_a_community_is_made_with_the_groups_that_belong_to_it(
    emulator: Emulator, linked: Linked
) -> None:
    alice = await linked(emulator, "Alice")
    answer = await create(alice, subject="Town", more=[PARENT, GENERAL])
    made = answer.child("group")
    assert made.child("parent").get("default_membership_approval_mode") == "request_required"
    assert made.child("membership_approval_mode").child("group_join").get("state") == "on"
    parent = group_of(answer)
    groups = await inside(alice, parent)
    assert set(groups) == {"default_sub_group", "general_chat"}
    for _ in groups:
        _, news = await told(alice, "create")
        assert news.child("group").child("linked_parent").jid("jid") == parent
    own = await ask(alice, groups["default_sub_group"], "query", request="interactive")
    assert own.child("group").find("announcement") is not None


async def test_a_group_goes_in_with_its_members_and_out_again(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob, carol, group = await trio(emulator, linked)
    parent = await town(alice)
    node = Node("group", {"jid": group})
    link = Node("link", {"link_type": "sub_group"}, [node])
    answer = await change(alice, parent, "links", link)
    (linked_group,) = answer.child("links").child("link").children("group")
    assert linked_group.get("error") is None
    for kind, jid in (("sub_group", group), ("parent_group", parent)):
        _, news = await told(bob, "link")
        assert (news.get("link_type"), news.child("group").jid("jid")) == (kind, jid)
    participants = await ask(bob, parent, "linked_groups_participants")
    listed = participants.child("linked_groups_participants").children("participant")
    assert {node.jid("jid") for node in listed} == {
        client.lid.bare for client in (alice, bob, carol)
    }
    # Once more, by somebody else, and what is no group.
    for client, jid, error in ((alice, group, "409"), (alice, parent, "406")):
        again = Node("link", {"link_type": "sub_group"}, [Node("group", {"jid": jid})])
        answer = await change(client, parent, "links", again)
        assert answer.child("links").child("link").child("group").get("error") == error
    assert code_of(await change(bob, parent, "links", link)) == "401"

    out = Node("group", {"jid": group})
    answer = await change(alice, parent, "unlink", out, unlink_type="sub_group")
    assert answer.child("unlink").child("group").get("error") is None
    for kind in ("sub_group", "parent_group"):
        _, news = await told(carol, "unlink")
        assert (news.get("unlink_type"), news.get("unlink_reason")) == (kind, "unlink_group")
    metadata = await ask(bob, group, "query", request="interactive")
    assert metadata.child("group").find("linked_parent") is None
    own = (await inside(alice, parent))["default_sub_group"]
    answer = await change(
        alice, parent, "unlink", Node("group", {"jid": own}), unlink_type="sub_group"
    )
    assert answer.child("unlink").child("group").get("error") == "406"


async def test_who_joins_a_group_joins_the_community(emulator: Emulator, linked: Linked) -> None:
    alice, bob, carol = [await linked(emulator, name) for name in ("Alice", "Bob", "Carol")]
    parent = await town(alice)
    more = [Node("linked_parent", {"jid": parent})]
    group = group_of(await create(alice, bob.lid.bare, subject="Choir", more=more))
    own = (await inside(bob, parent))["default_sub_group"]
    assert (await ask(bob, own, "query", request="interactive")).find("group") is not None
    # From inside one joins without a link; from outside one is no member of anything.
    assert code_of(await change(carol, parent, "join_linked_group", jid=group)) == "403"
    await change(alice, parent, "add", *people(carol.lid.bare))
    seen = await ask(carol, parent, "query_linked", type="sub_group", jid=group)
    assert seen.child("linked_group").child("group").get("subject") == "Choir"
    answer = await change(carol, parent, "join_linked_group", jid=group)
    assert answer.children() == []
    _, news = await told(bob, "add")
    while news.get("reason") != "linked_group_join" or carol.lid.bare not in {
        node.jid("jid") for node in news.children("participant")
    }:
        _, news = await told(bob, "add")
    assert code_of(await change(carol, parent, "join_linked_group", jid=group)) == "304"
    other = Jid("120363999999999999", "g.us")
    assert code_of(await change(carol, parent, "join_linked_group", jid=other)) == "404"


async def test_admins_members_and_the_end_of_a_community(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob, carol = [await linked(emulator, name) for name in ("Alice", "Bob", "Carol")]
    parent = await town(alice)
    await change(alice, parent, "add", *people(bob.lid.bare, carol.lid.bare))
    verb = Node("promote", {}, people(bob.lid.bare, alice.lid.bare))
    answer = await change(alice, parent, "admin", verb)
    assert errors(answer.child("admin"), "promote") == [None, "406"]
    await told(carol, "linked_group_promote")
    assert code_of(await change(carol, parent, "admin", verb)) == "401"
    answer = await change(bob, parent, "remove", *people(carol.lid.bare), linked_groups="true")
    assert errors(answer, "remove") == [None]
    assert code_of(await ask(carol, parent, "sub_groups")) == "403"
    leave = Node("leave", {}, [Node("community", {"id": parent})])
    answer = await bob.query(question("set", Jid("", "g.us"), leave))
    assert answer.child("leave").child("community").get("error") is None
    assert len(emulator.directory.groups) == 3
    await change(alice, parent, "delete_parent")
    assert len(emulator.directory.groups) == 0


async def test_graphql_about_groups(emulator: Emulator, linked: Linked) -> None:
    alice, bob = [await linked(emulator, name) for name in ("Alice", "Bob")]
    parent = await town(alice)
    await change(alice, parent, "add", *people(bob.lid.bare))

    async def mex(client: Any, operation: str, variables: str) -> str:
        body = f'{{"variables":{variables}}}'.encode()
        query = Node("query", {"query_id": IDS[operation]}, body)
        node = Node("iq", {"to": SERVER, "type": "get", "xmlns": "w:mex"}, [query])
        answer: Node = await client.query(node)
        return answer.child("result").text

    listed = await mex(bob, "FetchAllSubgroups", f'{{"group_id":"{parent}"}}')
    assert '"default_sub_group":{' in listed
    assert '"general_chat":true' in listed
    update = f'{{"group_id":"{parent}","update":{{"member_link_mode":"ALL_MEMBER_LINK"}}}}'
    assert '"error_code":401' in await mex(bob, "UpdateGroupProperty", update)
    assert '"error_code":401' in await mex(bob, "FetchGroupInviteCode", f'{{"id":"{parent}"}}')
    assert '"state":"ACTIVE"' in await mex(alice, "UpdateGroupProperty", update)
    _, news = await told(bob, "member_link_mode")
    assert news.text == "all_member_link"
    assert '"invite_code":"' in await mex(bob, "FetchGroupInviteCode", f'{{"id":"{parent}"}}')
    wrong = update.replace("ALL_MEMBER_LINK", "EVERYBODY")
    assert '"error_code":400' in await mex(alice, "UpdateGroupProperty", wrong)


async def test_reports_are_for_admins_of_groups_that_want_them(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob, _, group = await trio(emulator, linked)
    report = Node("report", {"message_id": "3EB0"})
    assert code_of(await change(bob, group, "reports", report)) == "405"
    await change(alice, group, "allow_admin_reports")
    await change(bob, group, "reports", report)
    assert code_of(await ask(bob, group, "reports")) == "401"
    (listed,) = (await ask(alice, group, "reports")).child("reports").children("report")
    assert (listed.get("message_id"), listed.child("reporter").jid("jid")) == (
        "3EB0",
        bob.lid.bare,
    )


async def test_a_community_outlives_a_restart(tmp_path: Path, linked: Linked) -> None:
    options = EmulatorOptions(plain=True, state=str(tmp_path))
    async with Emulator(options) as emulator:
        alice = await linked(emulator, "Alice")
        parent = await town(alice, Node("allow_non_admin_sub_group_creation"))
        hidden = [Node("linked_parent", {"jid": parent}), Node("hidden_group")]
        group = group_of(await create(alice, subject="Council", more=hidden))
    async with Emulator(options) as emulator:
        book = emulator.directory.groups
        kept = {each.subject: each for each in book}
        assert {name: each.place for name, each in kept.items() if name != "Town"} == {
            "General": "general",
            "Council": "linked",
        }
        council = book.find(group)
        assert council is not None
        assert (council.parent_jid, council.is_hidden) == (parent, True)
