"""Presence and chat states on the wire."""

from __future__ import annotations

from typing import Any

import pytest

from waport.errors import StanzaError
from waport.model import Presence, PresenceState
from waport.stanza.presence import (
    chat_state,
    parse_chat_state,
    parse_presence,
    presence,
    subscription,
)
from waport.wire import Jid, Node

ANN = Jid("15550001111", "s.whatsapp.net")
ANN_LID = Jid("100000000000001", "lid")
GROUP = Jid("120363000000000001", "g.us")
State = PresenceState


def test_our_own_stanzas_say_what_they_should() -> None:
    assert presence("Ann", available=True).attrs == {"type": "available", "name": "Ann"}
    assert presence("", available=False).attrs == {"type": "unavailable"}
    token = Node("tctoken", {}, b"t")
    assert subscription(ANN_LID, token) == Node(
        "presence", {"type": "subscribe", "to": ANN_LID}, [token]
    )
    assert subscription(ANN).content is None


@pytest.mark.parametrize(
    ("state", "child"),
    [
        (State.COMPOSING, Node("composing")),
        (State.RECORDING, Node("composing", {"media": "audio"})),
        (State.PAUSED, Node("paused")),
    ],
)
def test_a_chat_state_of_ours_is_read_as_the_same(state: PresenceState, child: Node) -> None:
    node = chat_state(GROUP, state)
    assert node == Node("chatstate", {"to": GROUP}, [child])
    incoming = Node("chatstate", {"from": GROUP, "participant": ANN}, node.content)
    assert parse_chat_state(incoming) == Presence(GROUP, ANN, state)
    alone = Node("chatstate", {"from": ANN_LID.with_device(2)}, node.content)
    assert parse_chat_state(alone) == Presence(ANN_LID, ANN_LID, state)


@pytest.mark.parametrize(
    ("attrs", "expected"),
    [
        ({}, (State.AVAILABLE, None, None)),
        ({"type": "available"}, (State.AVAILABLE, None, None)),
        ({"type": "unavailable"}, (State.UNAVAILABLE, None, None)),
        ({"type": "unavailable", "last": "1700000000"}, (State.UNAVAILABLE, 1_700_000_000, None)),
        ({"type": "unavailable", "last": "deny"}, (State.UNAVAILABLE, None, None)),
        ({"last": "none"}, (State.AVAILABLE, None, None)),
        ({"last": "-1"}, (State.AVAILABLE, None, None)),
        ({"last": "9" * 19}, (State.AVAILABLE, None, None)),
        ({"count": "0"}, (State.AVAILABLE, None, 0)),
        ({"count": "12"}, (State.AVAILABLE, None, 12)),
    ],
)
def test_no_type_means_online_and_hidden_times_are_none(
    attrs: dict[str, str], expected: tuple[PresenceState, int | None, int | None]
) -> None:
    found = parse_presence(Node("presence", {"from": ANN.with_device(1), **attrs}))
    assert found == Presence(ANN, ANN, *expected)


@pytest.mark.parametrize(
    "node",
    [
        Node("presence"),
        Node("presence", {"from": "x"}),
        Node("presence", {"from": Jid("", "s.whatsapp.net")}),
        Node("presence", {"from": Jid("1", "newsletter")}),
        Node("presence", {"from": ANN, "type": "asleep"}),
    ],
)
def test_a_presence_of_nobody_is_refused(node: Node) -> None:
    with pytest.raises(StanzaError):
        parse_presence(node)


@pytest.mark.parametrize(
    ("attrs", "content"),
    [
        ({}, [Node("paused")]),
        ({"from": GROUP}, [Node("paused")]),
        ({"from": GROUP, "participant": GROUP}, [Node("paused")]),
        ({"from": Jid("1", "newsletter"), "participant": ANN}, [Node("paused")]),
        ({"from": ANN}, [Node("dancing")]),
        ({"from": ANN}, None),
        ({"from": ANN}, b"composing"),
    ],
)
def test_a_chat_state_without_person_or_meaning_is_refused(
    attrs: dict[str, Any], content: Any
) -> None:
    with pytest.raises(StanzaError):
        parse_chat_state(Node("chatstate", attrs, content))
