"""Ways into a group: the link, personal invitations, an admin's consent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from waport.emulator import Emulator
from waport.emulator.groups import Group
from waport.wire import Jid, Node

Linked = Callable[..., Awaitable[Any]]

SERVICE = Jid("", "g.us")


def question(kind: str, to: Jid, child: Node) -> Node:
    return Node("iq", {"to": to, "type": kind, "xmlns": "w:g2"}, [child])


def people(*jids: Jid) -> list[Node]:
    return [Node("participant", {"jid": jid}) for jid in jids]


def code_of(answer: Node) -> str:
    return answer.child("error").attr("code")


def errors(answer: Node, verb: str) -> list[str | None]:
    return [node.get("error") for node in answer.child(verb).children("participant")]


def news(node: Node) -> bool:
    return node.get("type") == "w:gp2"


async def create(
    client: Any, *jids: Jid, subject: str = "Friends", more: Any = (), **attrs: str
) -> Node:
    child = Node("create", {"subject": subject, **attrs}, [*people(*jids), *more])
    answer: Node = await client.query(question("set", SERVICE, child))
    return answer


def group_of(answer: Node) -> Jid:
    return Jid(answer.child("group").attr("id"), "g.us")


async def change(client: Any, group: Jid, tag: str, *children: Node, **attrs: Any) -> Node:
    child = Node(tag, attrs, list(children) or None)
    answer: Node = await client.query(question("set", group, child))
    return answer


async def told(client: Any, tag: str) -> tuple[Node, Node]:
    """The next news of that kind, acknowledged: the notification and what changed."""
    node = await client.expect("notification", lambda n: news(n) and n.find(tag) is not None)
    await client.ack(node)
    return node, node.child(tag)


async def trio(emulator: Emulator, linked: Linked) -> tuple[Any, Any, Any, Jid]:
    """Alice has made a group with Bob and Carol; all have heard of it."""
    alice, bob, carol = [await linked(emulator, name) for name in ("Alice", "Bob", "Carol")]
    group = group_of(await create(alice, bob.lid.bare, carol.lid.bare))
    for client in (bob, carol):
        await told(client, "create")
    await alice.ack_all()
    return alice, bob, carol, group


def found(emulator: Emulator, jid: Jid) -> Group:
    group = emulator.directory.groups.find(jid)
    assert group is not None
    return group


async def invite(client: Any, group: Jid) -> str:
    answer = await client.query(question("get", group, Node("invite")))
    return str(answer.child("invite").attr("code"))


def by_code(kind: str, code: str) -> Node:
    return question(kind, SERVICE, Node("invite", {"code": code}))


async def test_a_link_leads_into_the_group_until_it_is_reset(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob, _, group = await trio(emulator, linked)
    dave = await linked(emulator, "Dave")
    assert code_of(await bob.query(question("get", group, Node("invite")))) == "401"
    code = await invite(alice, group)
    info = (await dave.query(by_code("get", code))).child("group")
    assert (info.get("size"), info.get("subject")) == ("3", "Friends")
    assert [n.jid("jid") for n in info.children("participant")] == [alice.lid.bare]
    assert code_of(await dave.query(by_code("get", "short"))) == "406"
    assert code_of(await dave.query(by_code("get", "A" * 22))) == "404"

    answer = await dave.query(by_code("set", code))
    assert answer.child("group").jid("jid") == group
    note, child = await told(bob, "add")
    assert (child.get("reason"), note.jid("participant")) == ("invite", dave.lid.bare)
    assert (await told(dave, "create"))[1].get("reason") == "invite"
    assert code_of(await dave.query(by_code("set", code))) == "304"

    fresh = (await alice.query(question("set", group, Node("invite")))).child("invite").attr("code")
    assert (await told(bob, "invite"))[1].get("code") == fresh != code
    for kind in ("get", "set"):
        assert code_of(await dave.query(by_code(kind, code))) == "410"


async def test_who_was_removed_does_not_come_back_by_the_link(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob, _, group = await trio(emulator, linked)
    code = await invite(alice, group)
    await change(alice, group, "remove", *people(bob.lid.bare))
    assert code_of(await bob.query(by_code("set", code))) == "401"
    assert errors(await change(alice, group, "add", *people(bob.lid.bare)), "add") == [None]


async def test_a_personal_invitation_is_good_once_and_for_one(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob, _, group = await trio(emulator, linked)
    dave, eve = [await linked(emulator, name) for name in ("Dave", "Eve")]
    account = emulator.directory.by_name("Dave")
    assert account is not None
    account.privacy["groupadd"] = "none"
    answer = await change(alice, group, "add", *people(dave.lid.bare))
    request = answer.child("add").child("participant").child("add_request")
    wanted = {**request.attrs, "admin": alice.lid.bare}
    look = question("get", group, Node("query", {}, [Node("add_request", dict(wanted))]))
    assert (await dave.query(look)).child("group").get("subject") == "Friends"
    assert code_of(await eve.query(look)) == "403"
    assert code_of(await change(eve, group, "accept", **wanted)) == "410"
    assert (await change(dave, group, "accept", **wanted)).get("type") == "result"
    assert (await told(bob, "add"))[1].get("reason") == "invite"
    assert code_of(await change(dave, group, "accept", **wanted)) == "304"

    await change(alice, group, "remove", *people(dave.lid.bare))
    answer = await change(alice, group, "add", *people(dave.lid.bare))
    again = answer.child("add").child("participant").child("add_request")
    taken_back = await change(alice, group, "revoke", *people(dave.lid.bare, eve.lid.bare))
    assert errors(taken_back, "revoke") == [None, "404"]
    wanted = {**again.attrs, "admin": alice.lid.bare}
    assert code_of(await change(dave, group, "accept", **wanted)) == "410"


async def test_with_approval_an_admin_lets_people_in(emulator: Emulator, linked: Linked) -> None:
    alice, bob, _, group = await trio(emulator, linked)
    dave, eve, frank = [await linked(emulator, name) for name in ("Dave", "Eve", "Frank")]
    state = Node("membership_approval_mode", {}, [Node("group_join", {"state": "on"})])
    await alice.query(question("set", group, state))
    code = await invite(alice, group)
    for client in (dave, eve):
        answer = await client.query(by_code("set", code))
        assert answer.child("membership_approval_request").jid("jid") == group
    answer = await change(bob, group, "add", *people(frank.lid.bare))
    added = answer.child("add").child("participant")
    assert added.find("membership_approval_request") is not None
    note, child = await told(alice, "created_membership_requests")
    assert (note.jid("participant"), child.get("request_method")) == (dave.lid.bare, "invite_link")
    assert child.child("requested_user").jid("phone_number") == dave.jid.bare

    waiting = question("get", group, Node("membership_approval_requests"))
    assert code_of(await bob.query(waiting)) == "401"
    listed = (await alice.query(waiting)).child("membership_approval_requests").children()
    assert [(n.jid("jid"), n.get("request_method")) for n in listed] == [
        (dave.lid.bare, "invite_link"),
        (eve.lid.bare, "invite_link"),
        (frank.lid.bare, "non_admin_add"),
    ]
    assert listed[2].jid("requestor") == bob.lid.bare

    async def decide(verb: str, *jids: Jid) -> list[str | None]:
        answer = await change(
            alice, group, "membership_requests_action", Node(verb, {}, people(*jids))
        )
        return errors(answer.child("membership_requests_action"), verb)

    assert await decide("approve", dave.lid.bare, alice.lid.bare) == [None, "404"]
    assert (await told(dave, "create"))[1].child("group").attr("size") == "4"
    assert (await told(bob, "add"))[1].get("reason") == "invite"
    assert await decide("reject", eve.lid.bare) == [None]
    await told(alice, "revoked_membership_requests")
    own, other = people(frank.lid.bare), people(dave.lid.bare)
    answer = await change(frank, group, "cancel_membership_requests", *own, *other)
    assert errors(answer, "cancel_membership_requests") == [None, "401"]
    note, _ = await told(alice, "revoked_membership_requests")
    assert note.jid("participant") == frank.lid.bare
    assert not found(emulator, group).requests
