"""The stream's own stanzas, seen from the server."""

from __future__ import annotations

from typing import Any

import pytest

from support.account import NOW, OWN_PN, PEER_PN
from support.client import BACKOFF, ClientWorld
from support.whatsapp import Wire, stream_error
from waport.model import DeviceList, NoticeReceived, Ready, SessionState
from waport.wire import SERVER, Jid, Node

STRANGER = Jid("15550009999", "s.whatsapp.net")


@pytest.fixture
async def live(world: ClientWorld) -> Wire:
    """A connection that is logged in."""
    await world.link()
    wire = await world.log_in()
    await world.sink.until(Ready)
    return wire


def iq(name: str, *children: Node, **attrs: Any) -> Node:
    return Node("iq", {"from": SERVER, "id": name, "type": "get", **attrs}, list(children) or None)


PING = {"xmlns": "urn:xmpp:ping"}


async def still_there(wire: Wire) -> list[Node]:
    """The connection is alive; what the client said until it answered a ping."""
    said = []
    wire.say(iq("alive", **PING))
    while (node := await wire.hear()).get("id") != "alive":
        said.append(node)
    return said


# --- questions of the server ---------------------------------------------------------------------


async def test_pings_of_both_forms_and_spellings_are_answered(live: Wire) -> None:
    live.say(iq("1", **PING))
    live.say(iq("2", Node("ping"), xmlns="w:p"))
    live.say(iq("3", **{**PING, "from": "@s.whatsapp.net"}))
    for name in ("1", "2", "3"):
        node = await live.hear()
        assert (node.tag, node.get("type"), node.get("id")) == ("iq", "result", name)
        assert node.jid("to") == SERVER


async def test_a_question_that_is_not_the_servers_is_ignored(live: Wire) -> None:
    live.say(iq("1", **{**PING, "from": STRANGER}))
    live.say(iq("2", xmlns="x", **{"from": PEER_PN}))
    assert await still_there(live) == []


async def test_an_unknown_question_is_refused(live: Wire) -> None:
    live.say(iq("1", xmlns="brand-new"))
    node = await live.hear()
    assert (node.get("type"), node.child("error").get("code")) == ("error", "501")
    nameless = iq("2", **PING)
    del nameless.attrs["id"]
    live.say(nameless)
    assert await still_there(live) == []


# --- broken input inside good frames -------------------------------------------------------------


@pytest.mark.parametrize(
    "stanza",
    [
        b"",
        b"\x00",
        b"\x00\xf8",
        b"\x02\x78\x9c\x00",
        b"\x00\xff\xff\xff",
        b"\x07junk",
    ],
)
async def test_a_frame_that_holds_no_stanza_is_dropped_alone(live: Wire, stanza: bytes) -> None:
    live.say_bytes(stanza)
    assert await still_there(live) == []


async def test_a_frame_that_keeps_coming_back_is_reported(
    world: ClientWorld, caplog: pytest.LogCaptureFixture
) -> None:
    await world.link()
    for _ in range(3):
        wire = await world.log_in()
        wire.say_bytes(b"\x00\xf8")
        await still_there(wire)
        wire.hang_up()
        await world.pass_by(2.0, 20.0)
    assert caplog.text.count("keeps sending a frame") == 1


@pytest.mark.parametrize("data", [b"\x00\x00\x02ab", b"\x00\x00\x20" + bytes(32)])
async def test_a_frame_that_is_not_genuine_ends_the_connection(
    world: ClientWorld, live: Wire, data: bytes
) -> None:
    live.send_raw(data)
    await live.closed()
    await world.pass_by(*BACKOFF)
    await world.log_in()


async def test_unknown_stanzas_and_ib_children_are_passed_over(live: Wire) -> None:
    live.say(Node("brand-new", {"id": "1"}))
    live.say(Node("ib", {"from": SERVER}, [Node("brand-new"), Node("thread_metadata")]))
    live.say(Node("ib"))
    live.say(Node("error", {"code": "479"}))
    for tag in ("downgrade_webclient", "client_expiration", "edge_routing", "offline"):
        live.say(Node("ib", {"from": SERVER}, [Node(tag)]))
    assert await still_there(live) == []


# --- stream errors -------------------------------------------------------------------------------


async def test_a_missing_ack_is_sent_once_more(live: Wire) -> None:
    live.say(stream_error(Node("ack", {"class": "message", "id": "M1"})))
    node = await live.hear()
    assert (node.tag, node.get("id"), node.get("class")) == ("ack", "M1", "message")
    assert node.jid("to") == SERVER
    await still_there(live)


@pytest.mark.parametrize(
    "node",
    [
        stream_error(Node("xml-not-well-formed")),
        stream_error(Node("ack", {"class": "message"})),
        stream_error(code="577"),
        stream_error(),
        Node("xmlstreamend"),
    ],
)
async def test_other_ends_of_the_stream_lead_to_a_new_connection(
    world: ClientWorld, live: Wire, node: Node
) -> None:
    live.say(node)
    await live.closed()
    await world.pass_by(*BACKOFF)
    await world.log_in()


async def test_an_unknown_conflict_keeps_the_session_and_does_not_come_back(
    world: ClientWorld, live: Wire
) -> None:
    live.say(stream_error(Node("conflict", {"type": "brand-new"}), code="401"))
    await world.ended()
    assert await world.credentials() is not None
    assert world.client.state is SessionState.DISCONNECTED


# --- dirty data ----------------------------------------------------------------------------------


def dirty(**attrs: str) -> Node:
    return Node("ib", {"from": SERVER}, [Node("dirty", dict(attrs))])


async def test_dirty_account_data_is_forgotten_and_then_called_clean(
    world: ClientWorld, live: Wire
) -> None:
    await world.database.write(
        "main",
        lambda store: store.addresses.put_devices(DeviceList(OWN_PN.bare, (0,), 1, 1, NOW)),
    )
    live.say(dirty(type="account_sync", timestamp="1700000000"))
    question = await live.hear("iq", xmlns="urn:xmpp:whatsapp:dirty")
    clean = question.child("clean")
    assert (clean.get("type"), clean.get("timestamp")) == ("account_sync", "1700000000")
    assert await world.read(lambda store: store.addresses.devices(OWN_PN.bare)) is None
    live.refuse(question, 500)
    await still_there(live)


@pytest.mark.parametrize(
    "attrs",
    [
        {},
        {"type": "account_sync"},
        {"type": "account_sync", "timestamp": "soon"},
        {"type": "account_sync", "timestamp": "²"},
        {"timestamp": "1"},
    ],
)
async def test_dirty_data_without_kind_or_time_is_ignored(
    live: Wire, attrs: dict[str, str]
) -> None:
    live.say(dirty(**attrs))
    assert await still_there(live) == []


async def test_a_kind_that_nobody_knows_is_called_clean_so_that_it_does_not_come_again(
    live: Wire,
) -> None:
    live.say(dirty(type="brand-new", timestamp="1"))
    question = await live.hear("iq", xmlns="urn:xmpp:whatsapp:dirty")
    assert question.child("clean").attrs == {"type": "brand-new", "timestamp": "1"}


@pytest.mark.parametrize(
    ("kind", "xmlns"),
    [("groups", "w:g2"), ("communities", "w:g2"), ("newsletter_metadata", "w:mex")],
)
async def test_lists_that_the_backlog_may_change_are_fetched_after_it(
    live: Wire, kind: str, xmlns: str
) -> None:
    live.say(dirty(type=kind, timestamp="7"))
    assert xmlns not in [node.get("xmlns") for node in await still_there(live)]
    live.say(Node("ib", {"from": SERVER}, [Node("offline", {"count": "0"})]))
    question = await live.hear("iq", xmlns=xmlns)
    live.refuse(question, 500)
    # Nothing is called clean that was not fetched.
    asked = [node.get("xmlns") for node in await still_there(live)]
    assert "urn:xmpp:whatsapp:dirty" not in asked


async def test_dirty_groups_are_clean_once_they_are_fetched(live: Wire) -> None:
    live.say(Node("ib", {"from": SERVER}, [Node("offline", {"count": "0"})]))
    live.say(dirty(type="groups", timestamp="7"))
    live.answer(await live.hear("iq", xmlns="w:g2"), Node("groups"))
    question = await live.hear("iq", xmlns="urn:xmpp:whatsapp:dirty")
    assert question.child("clean").attrs == {"type": "groups", "timestamp": "7"}


async def test_information_that_nobody_can_read_is_kept_and_told(
    world: ClientWorld, live: Wire
) -> None:
    child = Node("recovery_nonce", {}, b"nonce")
    live.say(Node("ib", {"from": SERVER}, [child, Node("thread_metadata")]))
    told = await world.sink.until(NoticeReceived)
    assert (told.kind, told.what) == ("ib recovery_nonce", ("recovery_nonce",))
    (kept,) = await world.read(lambda store: store.raw_stanzas.latest())
    assert kept.node == Node("ib", {"from": SERVER}, [child])
