"""Groups: who may ask and change what, what is answered, and who is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from waport.emulator import Emulator, EmulatorOptions
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


# --- making, asking -------------------------------------------------------------------------------


async def test_a_new_group_is_described_to_its_maker_and_to_all_others(
    emulator: Emulator, linked: Linked
) -> None:
    alice, alice2, bob = [await linked(emulator, name) for name in ("Alice", "Alice", "Bob")]
    await alice.ack_all()
    answer = await create(alice, bob.jid.bare, key="K1")
    assert answer.jid("from") == SERVICE
    made = answer.child("group")
    assert (made.get("subject"), made.get("key"), made.get("size")) == ("Friends", "K1", "2")
    assert (made.get("addressing_mode"), made.jid("creator")) == ("lid", alice.lid.bare)
    assert made.jid("creator_pn") == alice.jid.bare
    assert made.attr("id").startswith("120363")
    members = {
        node.jid("jid"): (node.jid("phone_number"), node.get("type"))
        for node in made.children("participant")
    }
    assert members == {
        alice.lid.bare: (alice.jid.bare, "superadmin"),
        bob.lid.bare: (bob.jid.bare, None),
    }
    for client in (bob, alice2):
        note, child = await told(client, "create")
        assert note.jid("from") == group_of(answer)
        assert (note.jid("participant"), note.get("notify")) == (alice.lid.bare, "Alice")
        assert (child.get("type"), child.get("key")) == ("new", "K1")
        attrs = {k: v for k, v in made.attrs.items() if k != "key"}
        assert (child.child("group").attrs, child.child("group").content) == (attrs, made.content)
    assert not any(node.tag == "notification" for node in await alice.settled())

    again = await create(alice, key="K1", subject="Other")
    assert again.child("group").jid("jid") == group_of(answer)
    assert len(emulator.directory.groups) == 1


async def test_metadata_is_the_same_for_all_members_and_for_nobody_else(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob, carol, group = await trio(emulator, linked)
    dave = await linked(emulator, "Dave")
    query = question("get", group, Node("query", {"request": "interactive"}))
    answers = [(await client.query(query)).child("group") for client in (alice, bob, carol)]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0].attr("size") == "3"
    assert code_of(await dave.query(query)) == "403"
    unknown = Jid("120363000000000000", "g.us")
    assert code_of(await alice.query(question("get", unknown, Node("query")))) == "404"
    assert code_of(await alice.query(question("get", group, Node("nonsense")))) == "400"

    listed = Node("participating", {}, [Node("participants"), Node("description")])
    mine = await alice.query(question("get", SERVICE, listed))
    assert mine.child("groups").children("group") == [answers[0]]
    empty = await alice.query(question("get", SERVICE, Node("participating")))
    assert empty.child("groups").child("group").find("participant") is None
    none = await dave.query(question("get", SERVICE, listed))
    assert none.child("groups").children() == []

    asked = Node("query", {}, [Node("group", {"jid": jid}) for jid in (group, unknown)])
    several = await dave.query(question("get", SERVICE, asked))
    assert [g.get("error") for g in several.child("groups").children()] == ["403", "404"]
    both = await alice.query(question("get", SERVICE, asked))
    assert both.child("groups").children()[0] == answers[0]


async def test_a_group_of_phone_numbers_shows_the_lid_beside(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    wish = Node("addressing_mode_override", {"mode": "pn"})
    made = (await create(alice, bob.lid.bare, more=[wish])).child("group")
    assert (made.get("addressing_mode"), made.jid("creator")) == ("pn", alice.jid.bare)
    members = [(n.jid("jid"), n.jid("lid")) for n in made.children("participant")]
    assert members == [(c.jid.bare, c.lid.bare) for c in (alice, bob)]
    note, _ = await told(bob, "create")
    assert (note.get("addressing_mode"), note.jid("participant")) == ("pn", alice.jid.bare)
    emulator.policy.addressing_mode = "pn"
    assert (await create(alice)).child("group").get("addressing_mode") == "pn"


async def test_a_hidden_number_is_shown_to_nobody(emulator: Emulator, linked: Linked) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    emulator.policy.hidden_numbers.add(bob.jid.user)
    made = (await create(alice, bob.lid.bare)).child("group")
    shown = [n.get("phone_number") for n in made.children("participant")]
    assert shown == [str(alice.jid.bare), None]


async def test_settings_of_a_new_group_are_taken_at_once(
    emulator: Emulator, linked: Linked
) -> None:
    alice = await linked(emulator, "Alice")
    more = [
        Node("description", {"id": "D1"}, [Node("body", {}, b"what for")]),
        Node("locked"),
        Node("announcement"),
        Node("ephemeral", {"expiration": "86400"}),
        Node("membership_approval_mode", {}, [Node("group_join", {"state": "on"})]),
        Node("member_add_mode", {}, b"admin_add"),
    ]
    made = (await create(alice, more=more)).child("group")
    assert made.child("description").child("body").text == "what for"
    assert made.child("ephemeral").get("expiration") == "86400"
    assert made.child("member_add_mode").text == "admin_add"
    for tag in ("locked", "announcement", "membership_approval_mode"):
        assert made.find(tag) is not None


@pytest.mark.parametrize(
    ("child", "code"),
    [
        (Node("create", {"subject": ""}), "406"),
        (Node("create", {"subject": "x" * 101}), "406"),
        (Node("create", {}), "400"),
        (Node("create", {"subject": "x"}, [Node("participant", {})]), "400"),
        (Node("create", {"subject": "x", "key": "k" * 200}), "400"),
        (Node("create", {"subject": "x"}, [Node("member_add_mode", {}, b"nobody")]), "400"),
        (Node("create", {"subject": "x"}, [Node("ephemeral", {"expiration": "-1"})]), "400"),
        (Node("leave"), "400"),
        (Node("nonsense"), "400"),
    ],
)
async def test_a_malformed_question_makes_no_group(
    emulator: Emulator, linked: Linked, child: Node, code: str
) -> None:
    alice = await linked(emulator, "Alice")
    assert code_of(await alice.query(question("set", SERVICE, child))) == code
    assert len(emulator.directory.groups) == 0


async def test_no_question_however_odd_breaks_anything(emulator: Emulator, linked: Linked) -> None:
    alice, bob, _, group = await trio(emulator, linked)
    handler = emulator._parts.groups
    questions = [*handler._service, *handler._of_group, *handler._of_stranger]
    odd = [
        Node("participant", {}),
        Node("participant", {"jid": group}),
        Node("participant", {"jid": Jid("1", "newsletter")}),
        Node("group", {"id": "x" * 300, "jid": "@"}),
        Node("group_join", {}),
        Node("approve", {}, [Node("participant", {"jid": Jid("1", "lid", 9)})]),
        Node("body", {}, b"\xff\xfe"),
    ]
    for kind, tag in questions:
        for content in (None, b"", b"\xff\xfe", odd, *([node] for node in odd)):
            for attrs in ({}, {"id": "", "code": "", "subject": "x", "expiration": "nan"}):
                for to in (group, SERVICE):
                    answer = await bob.query(question(kind, to, Node(tag, dict(attrs), content)))
                    if answer.get("type") == "error":
                        assert code_of(answer) not in ("500", "501"), (kind, tag, content, attrs)
    metadata = await alice.query(question("get", group, Node("query")))
    assert metadata.child("group").get("size") == "3"


# --- members --------------------------------------------------------------------------------------


async def test_who_is_added_gets_the_group_and_the_others_hear_of_it(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob, carol, group = await trio(emulator, linked)
    dave = await linked(emulator, "Dave")
    strange = Jid("199900000000001", "lid")
    answer = await change(
        alice, group, "add", *people(dave.jid.bare, bob.lid.bare, strange, dave.lid.bare)
    )
    assert errors(answer, "add") == [None, "409", "404", "409"]
    first = answer.child("add").children("participant")[0]
    assert (first.jid("jid"), first.jid("phone_number")) == (dave.lid.bare, dave.jid.bare)
    for client in (alice, bob, carol):
        note, child = await told(client, "add")
        assert note.jid("participant_pn") == alice.jid.bare
        assert [n.jid("jid") for n in child.children("participant")] == [dave.lid.bare]
        assert int(child.attr("v_id")) == int(child.attr("prev_v_id")) + 1
    _, welcome = await told(dave, "create")
    assert welcome.child("group").attr("size") == "4"
    assert welcome.get("type") is None
    assert not any(node.find("add") for node in await dave.settled())


async def test_each_obstacle_to_adding_has_its_own_error(
    emulator: Emulator, linked: Linked
) -> None:
    alice, _, _, group = await trio(emulator, linked)
    accounts = [await emulator.create_account(name=name) for name in ("D", "E", "F", "G")]
    shy, angry, gone, welcome = accounts
    shy.privacy["groupadd"] = "contacts"
    angry.blocked.add(alice.jid.user)
    emulator.policy.add_errors[gone.number] = 408
    emulator.policy.max_members = 4
    late = await emulator.create_account(name="H")
    everybody = (*accounts, late)
    answer = await change(alice, group, "add", *people(*(a.lid for a in everybody[:4])))
    assert errors(answer, "add") == ["403", "401", "408", None]
    request = answer.child("add").children("participant")[0].child("add_request")
    assert len(request.attr("code")) == 22
    answer = await change(alice, group, "add", *people(late.lid))
    assert errors(answer, "add") == ["419"]
    too_many = people(*(Jid(f"1{n:014d}", "lid") for n in range(5)))
    assert code_of(await change(alice, group, "add", *too_many)) == "400"
    assert welcome.number in found(emulator, group).members


async def test_members_add_people_until_only_admins_may(emulator: Emulator, linked: Linked) -> None:
    alice, bob, _, group = await trio(emulator, linked)
    dave, eve = [await emulator.create_account(name=name) for name in ("Dave", "Eve")]
    assert errors(await change(bob, group, "add", *people(dave.lid)), "add") == [None]
    mode = Node("member_add_mode", {}, b"admin_add")
    assert (await alice.query(question("set", group, mode))).get("type") == "result"
    assert (await told(bob, "member_add_mode"))[1].text == "admin_add"
    assert code_of(await change(bob, group, "add", *people(eve.lid))) == "401"


async def test_a_removed_member_hears_of_it_and_then_nothing_more(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob, carol, group = await trio(emulator, linked)
    assert code_of(await change(bob, group, "remove", *people(carol.lid.bare))) == "401"
    answer = await change(alice, group, "remove", *people(bob.jid.bare, alice.lid.bare))
    assert errors(answer, "remove") == [None, "406"]
    for client in (bob, carol, alice):
        note, child = await told(client, "remove")
        assert note.jid("participant") == alice.lid.bare
        assert [n.jid("jid") for n in child.children()] == [bob.lid.bare]
    await change(alice, group, "subject")
    subject = Node("subject", {}, b"Without Bob")
    await alice.query(question("set", group, subject))
    await told(carol, "subject")
    assert not [node for node in await bob.settled() if node.tag == "notification"]
    assert code_of(await bob.query(question("get", group, Node("query")))) == "403"
    assert errors(await change(alice, group, "remove", *people(bob.lid.bare)), "remove") == ["404"]


async def test_roles_change_and_decide(emulator: Emulator, linked: Linked) -> None:
    alice, bob, carol, group = await trio(emulator, linked)
    assert errors(await change(alice, group, "promote", *people(bob.lid.bare)), "promote") == [None]
    assert (await told(carol, "promote"))[1].child("participant").jid("jid") == bob.lid.bare
    answer = await change(bob, group, "demote", *people(alice.lid.bare, bob.lid.bare))
    assert errors(answer, "demote") == ["406", None]
    assert (await told(carol, "demote"))[1].child("participant").jid("jid") == bob.lid.bare
    assert code_of(await change(bob, group, "promote", *people(bob.lid.bare))) == "401"


async def test_the_last_admin_to_leave_has_an_heir(emulator: Emulator, linked: Linked) -> None:
    alice, bob, carol, group = await trio(emulator, linked)
    unknown = Jid("120363000000000000", "g.us")
    child = Node("leave", {}, [Node("group", {"id": jid}) for jid in (group, unknown)])
    answer = await alice.query(question("set", SERVICE, child))
    left = answer.child("leave").children("group")
    assert [(n.jid("id"), n.get("error")) for n in left] == [(group, None), (unknown, "404")]
    for client in (alice, bob):
        note, gone = await told(client, "remove")
        assert note.jid("participant") == gone.child("participant").jid("jid") == alice.lid.bare
    assert (await told(carol, "promote"))[1].child("participant").jid("jid") == bob.lid.bare
    assert not any(n.find("promote") for n in await alice.settled())
    for client in (bob, carol):
        await client.query(question("set", SERVICE, Node("leave", {}, [child.content[0]])))  # type: ignore[index,list-item]
    assert emulator.directory.groups.find(group) is None


# --- neighbours, persistence ----------------------------------------------------------------------


async def test_members_hear_of_each_others_devices(emulator: Emulator, linked: Linked) -> None:
    _, bob, _, _ = await trio(emulator, linked)
    await bob.ack_all()
    await linked(emulator, "Carol")
    kinds = [n.get("type") for n in await bob.settled() if n.tag == "notification"]
    assert kinds == ["devices", "devices"]  # by PN and by LID


async def test_typing_is_shown_to_all_other_members(emulator: Emulator, linked: Linked) -> None:
    alice, bob, carol, group = await trio(emulator, linked)
    await alice.send(Node("chatstate", {"to": group}, [Node("composing")]))
    for client in (bob, carol):
        shown = await client.expect("chatstate")
        assert (shown.jid("from"), shown.jid("participant")) == (group, alice.lid.bare)


async def test_groups_survive_a_restart(tmp_path: Path, linked: Linked) -> None:
    options = EmulatorOptions(plain=True, state=str(tmp_path))
    query = Node("query", {"request": "interactive"})
    async with Emulator(options) as emulator:
        alice, bob, carol, group = await trio(emulator, linked)
        code = found(emulator, group).code
        await alice.query(question("set", group, Node("invite")))
        await alice.query(question("set", group, Node("locked")))
        described = Node("description", {"id": "D1"}, [Node("body", {}, b"text")])
        await alice.query(question("set", group, described))
        await change(alice, group, "remove", *people(carol.lid.bare))
        before = (await alice.query(question("get", group, query))).child("group")
        secret = found(emulator, group).code
    async with Emulator(options) as emulator:
        again = found(emulator, group)
        assert (again.code, again.reset_codes, len(again.removed)) == (secret, [code], 1)
        alice.emulator = emulator
        await alice.log_in()
        assert (await alice.query(question("get", group, query))).child("group") == before
        assert emulator.directory.groups.by_code(code) is again
        assert emulator.directory.groups.of(bob.jid.user) == [again]


async def test_every_new_account_can_have_a_group_of_its_own() -> None:
    async with Emulator(EmulatorOptions(plain=True, group="Friends")) as emulator:
        alice, bob = [await emulator.create_account(name=name) for name in ("Alice", "Bob")]
        groups = {
            name: emulator.directory.groups.of(a.number) for name, a in (("a", alice), ("b", bob))
        }
        assert [len(found) for found in groups.values()] == [1, 1]
        assert {g[0].subject for g in groups.values()} == {"Friends"}
        assert groups["a"] != groups["b"]
