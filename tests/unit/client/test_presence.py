"""Being online over reconnects, typing, following others, and what they do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from support.account import (
    NOW,
    OWN_LID,
    OWN_PN,
    PEER_LID,
    PEER_PN,
    SESSION,
    Account,
    RecordingSink,
)
from support.asking import Asked
from support.client import ClientWorld
from support.clock import FakeClock
from waport.client.features import presence as presence_module
from waport.client.features.presence import Presence
from waport.client.handlers.presence import presence_handler
from waport.client.presences import MAX_CHATS, MAX_IN_CHAT, TYPING_S, Presences
from waport.client.queries import Queries
from waport.errors import ConnectionClosed, InvalidInput
from waport.model import Presence as Value
from waport.model import PresenceChanged, PresenceState
from waport.wire import Jid, Node

CAROL_LID = Jid("100000000000003", "lid")
GROUP = Jid("120363000000000001", "g.us")
State = PresenceState


class World:
    def __init__(self, account: Account) -> None:
        self.account = account
        self.queries = Queries(5)
        self.server = Asked(self.queries, lambda _: [])
        self.online: list[bool] = []
        self.clock = FakeClock(NOW)
        self.known = Presences(self.clock)
        self.presence = Presence(
            account.database, SESSION, self.queries, self.online.append, self.known, self.clock
        )

    async def name(self, name: str) -> None:
        def job(store: Any) -> None:
            store.devices.save(replace(store.devices.get(), push_name=name))

        await self.account.write(job)

    async def hear(self, tag: str, content: Any = None, **attrs: Any) -> list[Value]:
        """A stanza comes in; what was told of it."""
        sink: RecordingSink = self.account.sink
        before = len(sink.recorded)
        node = Node(tag, {k.rstrip("_"): v for k, v in attrs.items()}, content)
        work = await self.account.handle(presence_handler(self.known), node)
        assert work.replies == []
        told = sink.recorded[before:]
        return [event.presence for event in told if isinstance(event, PresenceChanged)]

    def said(self) -> list[dict[str, Any]]:
        return [dict(node.attrs) for node in self.server.sent]


@pytest.fixture
def people(account: Account) -> World:
    return World(account)


# --- ourselves -----------------------------------------------------------------------------------


async def test_the_choice_is_announced_with_the_name_and_told(people: World) -> None:
    await people.name("Me")
    await people.presence.available()
    await people.presence.unavailable()
    assert people.said() == [
        {"type": "available", "name": "Me"},
        {"type": "unavailable", "name": "Me"},
    ]
    assert people.online == [True, False]


async def test_nobody_comes_online_without_a_name_but_as_soon_as_there_is_one(
    people: World,
) -> None:
    await people.presence.available()
    await people.presence.announce()
    assert (people.said(), people.online) == ([], [])
    await people.name("Me")
    await people.presence.announce()
    assert people.said() == [{"type": "available", "name": "Me"}]


async def test_who_wants_to_be_offline_stays_so_after_a_login(people: World) -> None:
    await people.name("Me")
    await people.presence.unavailable()
    people.server.sent.clear()
    await people.presence.announce()
    await people.presence.resume()
    assert people.said() == []
    await people.presence.available()
    await people.presence.resume()
    assert [node["type"] for node in people.said()] == ["available", "available"]


async def test_without_a_connection_nothing_is_chosen(people: World) -> None:
    await people.name("Me")
    people.server.hang_up()
    for act in (people.presence.unavailable, people.presence.available):
        with pytest.raises(ConnectionClosed):
            await act()
    assert people.online == []
    people.queries.attach(people.server)  # type: ignore[arg-type]
    await people.presence.resume()
    assert [node["type"] for node in people.said()] == ["available"]


async def test_the_choice_outlives_the_connection_of_a_whole_client(world: ClientWorld) -> None:
    await world.link(push_name="Me")
    wire = await world.log_in()
    assert (await wire.hear("presence")).get("type") == "available"
    await world.client.presence.unavailable()
    assert (await wire.hear("presence")).get("type") == "unavailable"
    await world.client.presence.subscribe(PEER_PN)
    await wire.hear("presence", type="subscribe")
    wire.hang_up()
    await world.pass_by(2.4, 3.6)
    wire = await world.log_in()
    # The first presence of the new connection: we did not come online.
    assert (await wire.hear("presence")).attrs == {"type": "subscribe", "to": PEER_PN}
    await world.client.presence.available()
    assert (await wire.hear("presence")).attrs == {"type": "available", "name": "Me"}
    wire.say(Node("presence", {"from": PEER_PN, "type": "unavailable", "last": "5", "id": "7"}))
    told = await world.sink.until(PresenceChanged)
    assert told.presence == Value(PEER_PN, PEER_PN, State.UNAVAILABLE, 5)


# --- in a chat -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chat", "to"),
    [
        (PEER_PN, PEER_LID),
        (PEER_LID.with_device(2), PEER_LID),
        (CAROL_LID, CAROL_LID),
        (GROUP, GROUP),
    ],
)
async def test_typing_is_shown_to_the_chat_by_its_hidden_id(
    people: World, chat: Jid, to: Jid
) -> None:
    await people.presence.composing(chat)
    await people.presence.recording(chat)
    await people.presence.paused(chat)
    assert people.server.sent == [
        Node("chatstate", {"to": to}, [Node("composing")]),
        Node("chatstate", {"to": to}, [Node("composing", {"media": "audio"})]),
        Node("chatstate", {"to": to}, [Node("paused")]),
    ]


@pytest.mark.parametrize(
    "chat", [Jid("1", "newsletter"), Jid("status", "broadcast"), Jid("", "s.whatsapp.net")]
)
async def test_typing_is_shown_to_nobody_else(people: World, chat: Jid) -> None:
    for act in (people.presence.composing, people.presence.paused):
        with pytest.raises(InvalidInput):
            await act(chat)
    assert people.server.sent == []


# --- others --------------------------------------------------------------------------------------


async def test_a_person_is_followed_with_the_token_and_again_after_a_login(people: World) -> None:
    await people.account.write(lambda store: store.tokens.put(PEER_LID, b"token", NOW - 5))
    await people.presence.subscribe(PEER_PN.with_device(3))
    wanted = Node(
        "presence", {"type": "subscribe", "to": PEER_LID}, [Node("tctoken", {}, b"token")]
    )
    await people.presence.resume()
    assert people.server.sent == [wanted, wanted]
    for jid in (GROUP, Jid("1", "newsletter")):
        with pytest.raises(InvalidInput):
            await people.presence.subscribe(jid)


async def test_only_so_many_are_followed_again(
    people: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence_module, "MAX_FOLLOWED", 2)
    for number in (1, 2, 1, 3):
        await people.presence.subscribe(Jid(f"1555000000{number}", "s.whatsapp.net"))
    people.server.sent.clear()
    await people.presence.resume()
    assert [str(node["to"]) for node in people.said()] == [
        "15550000001@s.whatsapp.net",
        "15550000003@s.whatsapp.net",
    ]


async def test_what_others_do_is_told_under_their_number_and_remembered(people: World) -> None:
    told = await people.hear("presence", from_=PEER_LID)
    assert told == [Value(PEER_PN, PEER_PN, State.AVAILABLE)]
    told = await people.hear("presence", from_=PEER_LID, type="unavailable", last="5")
    assert told == [Value(PEER_PN, PEER_PN, State.UNAVAILABLE, 5)]
    assert await people.presence.get(PEER_LID) == tuple(told)
    typing = [Node("composing")]
    told = await people.hear("chatstate", typing, from_=GROUP, participant=PEER_LID)
    assert told == [Value(GROUP, PEER_PN, State.COMPOSING)]
    told += await people.hear("chatstate", typing, from_=GROUP, participant=CAROL_LID)
    assert await people.presence.get(GROUP) == tuple(told)
    assert await people.presence.get(CAROL_LID) == ()
    await people.presence.resume()
    assert await people.presence.get(GROUP) == ()


@pytest.mark.parametrize(
    ("tag", "attrs", "content"),
    [
        ("presence", {}, None),
        ("presence", {"from_": "x", "id": "1"}, None),
        ("presence", {"from_": PEER_PN, "type": "odd"}, None),
        ("presence", {"from_": OWN_PN}, None),
        ("chatstate", {"from_": PEER_PN}, [Node("dancing")]),
        ("chatstate", {"from_": GROUP}, [Node("composing")]),
        ("chatstate", {"from_": PEER_PN, "to": CAROL_LID}, [Node("composing")]),
        ("chatstate", {"from_": GROUP, "participant": OWN_LID}, [Node("composing")]),
    ],
)
async def test_what_makes_no_sense_or_is_our_own_is_ignored(
    people: World, tag: str, attrs: dict[str, Any], content: Any
) -> None:
    assert await people.hear(tag, content, **attrs) == []
    assert await people.presence.get(PEER_PN) == ()


async def test_a_chat_state_that_names_us_is_no_echo(people: World) -> None:
    told = await people.hear("chatstate", [Node("paused")], from_=PEER_PN, to=OWN_PN)
    assert told == [Value(PEER_PN, PEER_PN, State.PAUSED)]


@pytest.mark.parametrize("state", [State.COMPOSING, State.RECORDING])
def test_typing_ends_by_itself(state: PresenceState) -> None:
    clock = FakeClock()
    known = Presences(clock)
    known.put(Value(PEER_PN, PEER_PN, state))
    clock.advance(TYPING_S)
    assert [p.state for p in known.of(PEER_PN)] == [state]
    clock.advance(0.1)
    assert [p.state for p in known.of(PEER_PN)] == [State.PAUSED]


def test_being_online_does_not_end_by_itself() -> None:
    clock = FakeClock()
    known = Presences(clock)
    known.put(Value(PEER_PN, PEER_PN, State.AVAILABLE))
    clock.advance(10_000)
    assert [p.state for p in known.of(PEER_PN)] == [State.AVAILABLE]


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    known = Presences()
    people = [Jid(str(number), "lid") for number in range(MAX_CHATS + 1)]
    known.put(Value(people[0], people[0], State.AVAILABLE))
    for jid in people[1:]:
        known.put(Value(people[0], people[0], State.AVAILABLE))
        known.put(Value(jid, jid, State.AVAILABLE))
    assert known.of(people[1]) == ()
    assert len(known.of(people[0])) == len(known.of(people[2])) == 1
    for jid in people[: MAX_IN_CHAT + 1]:
        known.put(Value(GROUP, jid, State.COMPOSING))
    inside = [presence.user for presence in known.of(GROUP)]
    assert inside == people[1 : MAX_IN_CHAT + 1]
