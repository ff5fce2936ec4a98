"""What a group is called and allows: who may change it, and who is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from waport.emulator import Emulator
from waport.wire import Jid, Node

Linked = Callable[..., Awaitable[Any]]

SERVICE = Jid("", "g.us")
JPEG = b"\xff\xd8\xff\xe0 small"


def question(kind: str, to: Jid, child: Node) -> Node:
    return Node("iq", {"to": to, "type": kind, "xmlns": "w:g2"}, [child])


def people(*jids: Jid) -> list[Node]:
    return [Node("participant", {"jid": jid}) for jid in jids]


def code_of(answer: Node) -> str:
    return answer.child("error").attr("code")


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


async def test_a_new_name_is_told_with_who_chose_it(emulator: Emulator, linked: Linked) -> None:
    _, bob, carol, group = await trio(emulator, linked)
    answer = await bob.query(question("set", group, Node("subject", {}, "Näme".encode())))
    assert (answer.get("type"), answer.content) == ("result", None)
    for client in (bob, carol):
        _, child = await told(client, "subject")
        assert (child.get("subject"), child.jid("s_o")) == ("Näme", bob.lid.bare)
        assert child.jid("s_o_pn") == bob.jid.bare
    for text in (b"", b"x" * 101):
        assert code_of(await bob.query(question("set", group, Node("subject", {}, text)))) == "406"


async def test_a_description_replaces_only_the_one_it_names(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob, _, group = await trio(emulator, linked)

    async def describe(text: bytes, **attrs: str) -> Node:
        child = Node("description", dict(attrs), [Node("body", {}, text)])
        answer: Node = await alice.query(question("set", group, child))
        return answer

    assert (await describe(b"one", id="D1")).get("type") == "result"
    _, child = await told(bob, "description")
    assert (child.get("id"), child.child("body").text) == ("D1", "one")
    assert code_of(await describe(b"two", id="D2")) == "409"
    assert code_of(await describe(b"two", id="D2", prev="D0")) == "409"
    assert code_of(await describe(b"x" * 2049, id="D2", prev="D1")) == "406"
    assert (await describe(b"two", id="D2", prev="D1")).get("type") == "result"
    await told(bob, "description")
    gone = Node("description", {"delete": "true", "prev": "D2"})
    assert (await alice.query(question("set", group, gone))).get("type") == "result"
    assert (await told(bob, "description"))[1].find("delete") is not None
    metadata = await bob.query(question("get", group, Node("query")))
    assert metadata.child("group").find("description") is None


@pytest.mark.parametrize(
    ("on", "off"),
    [
        (Node("announcement"), Node("not_announcement")),
        (Node("locked"), Node("unlocked")),
        (Node("no_frequently_forwarded"), Node("frequently_forwarded_ok")),
        (Node("ephemeral", {"expiration": "604800"}), Node("not_ephemeral")),
        (
            Node("membership_approval_mode", {}, [Node("group_join", {"state": "on"})]),
            Node("membership_approval_mode", {}, [Node("group_join", {"state": "off"})]),
        ),
    ],
)
async def test_a_switch_is_told_once_each_way(
    emulator: Emulator, linked: Linked, on: Node, off: Node
) -> None:
    alice, bob, _, group = await trio(emulator, linked)
    for child, shown in ((on, True), (on, True), (off, False), (off, False)):
        assert (await alice.query(question("set", group, child))).get("type") == "result"
        metadata = await bob.query(question("get", group, Node("query")))
        assert (metadata.child("group").find(on.tag) is not None) == shown
    changes = [node for node in await bob.settled() if news(node)]
    assert [node.children()[0].tag for node in changes] == [on.tag, off.tag]
    versions = [(c.children()[0].attr("prev_v_id"), c.children()[0].attr("v_id")) for c in changes]
    assert versions == [("1", "2"), ("2", "3")]


async def test_only_admins_switch_and_in_a_locked_group_edit(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob, _, group = await trio(emulator, linked)
    assert code_of(await bob.query(question("set", group, Node("announcement")))) == "401"
    await alice.query(question("set", group, Node("locked")))
    for child in (
        Node("subject", {}, b"mine"),
        Node("description", {"id": "D"}, [Node("body", {}, b"x")]),
        Node("ephemeral", {"expiration": "1"}),
    ):
        assert code_of(await bob.query(question("set", group, child))) == "401"


async def test_a_picture_is_shown_to_members(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice, bob, _, group = await trio(emulator, linked)
    dave = await linked(emulator, "Dave")

    def picture(kind: str, child: Node | None) -> Node:
        node = make_iq(kind, "w:profile:picture", *([child] if child else []))
        node.attrs["target"] = group
        return node  # type: ignore[no-any-return]

    look = Node("picture", {"type": "image", "query": "url"})
    assert code_of(await bob.query(picture("get", look))) == "404"
    assert code_of(await bob.query(picture("set", Node("picture", {}, b"GIF")))) == "406"
    answer = await bob.query(picture("set", Node("picture", {"type": "image"}, JPEG)))
    name = answer.child("picture").attr("id")
    note = await alice.expect("notification", lambda n: n.get("type") == "picture")
    assert (note.jid("from"), note.child("set").jid("author")) == (group, bob.lid.bare)
    shown = (await alice.query(picture("get", look))).child("picture")
    assert shown.get("id") == name
    assert code_of(await dave.query(picture("get", look))) == "403"
    await alice.query(question("set", group, Node("locked")))
    assert code_of(await bob.query(picture("set", None))) == "401"
    assert (await alice.query(picture("set", None))).get("type") == "result"
    assert code_of(await alice.query(picture("get", look))) == "404"
