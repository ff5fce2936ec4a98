"""Domain events as frames, and what of them is logged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from support.database import open_database
from waport.config import Settings
from waport.errors import InvalidInput
from waport.events import EventBus, EventRecorder, Frame, render
from waport.events.render import KINDS
from waport.model import (
    Ack,
    AckChanged,
    Authenticated,
    AuthFailure,
    CredentialsSaved,
    Disconnected,
    DomainEvent,
    HistoryProgress,
    MessageAdded,
    MessageKind,
    MessageUndecryptable,
    NumberChanged,
    PairingCodeReady,
    Presence,
    PresenceChanged,
    PresenceState,
    QrReady,
    Ready,
    StateChanged,
)
from waport.proto import pb
from waport.store import Database, Delivery
from waport.wire import Jid

OWN = Jid("15550001111", "s.whatsapp.net")
HELLO = pb.Message(conversation="hello")


@pytest.mark.parametrize(
    ("event", "kind", "data"),
    [
        (QrReady("2@ref,a,b,c"), "qr", {"qr": "2@ref,a,b,c"}),
        (PairingCodeReady("ABCD1234"), "code", {"code": "ABCD1234"}),
        (Authenticated(), "authenticated", {}),
        (Ready(Jid("1", "s.whatsapp.net", 7), "Me"), "ready", {"id": "1@c.us", "pushname": "Me"}),
        (Ready(OWN, ""), "ready", {"id": "15550001111@c.us", "pushname": None}),
        (AuthFailure("refused"), "auth_failure", {"message": "refused"}),
        (StateChanged("OPENING"), "change_state", {"state": "OPENING"}),
        (Disconnected("logged_out"), "disconnected", {"reason": "logged_out"}),
        (CredentialsSaved(), "remote_session_saved", {}),
        (
            HistoryProgress(40, "RECENT", 2),
            "loading_screen",
            {"percent": 40, "message": "WhatsApp"},
        ),
    ],
)
def test_a_session_event_is_one_frame_of_the_session_lane(
    event: DomainEvent, kind: str, data: dict[str, object]
) -> None:
    (frame,) = render(event)
    assert (frame.kind, frame.lane, frame.data) == (kind, "", data)
    assert json.loads(frame.text) == data


def test_another_number_is_one_frame_in_the_lane_of_the_new_chat() -> None:
    new = Jid("15550002222", "s.whatsapp.net")
    (frame,) = render(NumberChanged(OWN, new, True))
    assert (frame.kind, frame.lane) == ("contact_changed", str(new))
    assert json.loads(frame.text) == {
        "message": None,
        "oldId": "15550001111@c.us",
        "newId": "15550002222@c.us",
        "isContact": True,
    }


def test_who_is_online_is_told_to_nobody_outside() -> None:
    presence = Presence(OWN, OWN, PresenceState.AVAILABLE)
    assert render(PresenceChanged(presence)) == []


def test_an_incoming_message_is_created_first_then_told(make_message: Any) -> None:
    frames = render(MessageAdded(make_message(HELLO)), OWN)
    assert [frame.kind for frame in frames] == ["message_create", "message"]
    assert {frame.lane for frame in frames} == {"15559990000@s.whatsapp.net"}
    assert frames[0].data == frames[1].data
    assert frames[0].data["body"] == "hello"


def test_an_own_message_is_only_created(make_message: Any) -> None:
    frames = render(MessageAdded(make_message(HELLO, from_me=True)), OWN)
    assert [frame.kind for frame in frames] == ["message_create"]


def test_an_unreadable_message_is_a_placeholder(make_message: Any) -> None:
    message = make_message(pb.Message(), kind=MessageKind.CIPHERTEXT)
    (frame,) = render(MessageUndecryptable(message), OWN)
    assert frame.kind == "message_ciphertext"
    assert list(frame.data) == ["message"]
    assert frame.data["message"]["type"] == "ciphertext"  # type: ignore[index]


def test_an_ack_carries_the_whole_message_as_it_is_now(make_message: Any) -> None:
    message = make_message(HELLO, from_me=True, ack=Ack.SERVER)
    (frame,) = render(AckChanged(message, Ack.DELIVERED), OWN)
    assert frame.kind == "message_ack"
    assert frame.lane == "15559990000@s.whatsapp.net"
    assert set(frame.data) == {"message", "ack"}
    assert frame.data["ack"] == 2
    assert frame.data["message"]["ack"] == 2  # type: ignore[index]
    assert frame.data["message"]["body"] == "hello"  # type: ignore[index]
    by_one = AckChanged(message, Ack.READ, Jid("15551112222", "s.whatsapp.net", 3))
    (frame,) = render(by_one, OWN)
    assert frame.data["participant"] == "15551112222@c.us"


def test_a_message_event_needs_the_account(make_message: Any) -> None:
    with pytest.raises(InvalidInput):
        render(MessageAdded(make_message(HELLO)))


# --- recorder and bus ----------------------------------------------------------------------------


@pytest.fixture
async def database(tmp_path: Path) -> Any:
    """A fresh database."""
    database = await open_database(tmp_path)
    yield database
    await database.close()


@pytest.fixture
def make_recorder(tmp_path: Path) -> Callable[..., EventRecorder]:
    """A recorder; keyword arguments are environment variables."""
    (tmp_path / "empty.env").touch()

    def make(bus: EventBus | None = None, **environ: str) -> EventRecorder:
        settings = Settings.load(tmp_path / "empty.env", environ)
        return EventRecorder(settings, bus or EventBus())

    return make


async def record(
    database: Database, recorder: EventRecorder, session_id: str, *events: DomainEvent
) -> list[Frame]:
    def job(work: Any) -> list[Frame]:
        return [frame for event in events for frame in recorder.record(work, event, OWN)]

    return await database.write(session_id, job)


async def waiting(database: Database) -> list[Delivery]:
    sessions = await database.queues_with_deliveries()
    found = await database.due_deliveries(dict.fromkeys(sessions, ()), 0, lanes=100, rows=100)
    return [delivery for due in found for lane in due.lanes for delivery in lane]


async def test_events_wait_for_delivery_where_there_is_a_webhook(
    database: Database, make_recorder: Any, make_message: Any
) -> None:
    recorder = make_recorder(A_WEBHOOK_URL="http://127.0.0.1:1/a")
    frames = await record(
        database, recorder, "a", Authenticated(), MessageAdded(make_message(HELLO))
    )
    await record(database, recorder, "b", Authenticated())
    due = await waiting(database)
    assert [(each.session_id, each.lane, each.kind) for each in due] == [
        ("a", "", "authenticated"),
        ("a", "15559990000@s.whatsapp.net", "message_create"),
        ("a", "15559990000@s.whatsapp.net", "message"),
    ]
    assert [each.data for each in due] == [frame.text for frame in frames]


async def test_a_disabled_event_is_skipped_and_others_are_not(
    database: Database, make_recorder: Any, make_message: Any
) -> None:
    recorder = make_recorder(
        BASE_WEBHOOK_URL="http://127.0.0.1:1/a", DISABLED_CALLBACKS="message_create|qr"
    )
    frames = await record(database, recorder, "a", QrReady("x"), MessageAdded(make_message(HELLO)))
    assert [frame.kind for frame in frames] == ["message"]
    due = await waiting(database)
    assert [each.kind for each in due] == ["message"]


async def test_nothing_is_logged_when_the_transaction_fails(
    database: Database, make_recorder: Any
) -> None:
    recorder = make_recorder(BASE_WEBHOOK_URL="http://127.0.0.1:1/a")

    def job(work: Any) -> None:
        recorder.record(work, Authenticated())
        raise InvalidInput("stop")

    with pytest.raises(InvalidInput):
        await database.write("a", job)
    assert await waiting(database) == []


def test_the_bus_passes_frames_on_in_order(make_recorder: Any) -> None:
    bus = EventBus()
    heard: list[tuple[str, str, int]] = []
    bus.subscribe(lambda session_id, frames: heard.append(("first", session_id, len(frames))))
    bus.subscribe(lambda session_id, frames: heard.append(("second", session_id, len(frames))))
    recorder = make_recorder(bus)
    recorder.publish("a", render(Authenticated()))
    recorder.publish("a", [])
    assert heard == [("first", "a", 1), ("second", "a", 1)]


def test_every_event_says_which_kinds_it_may_become() -> None:
    assert set(KINDS) == set(get_args(DomainEvent))


def test_payloads_do_not_show_in_a_frames_text(make_message: Any) -> None:
    (frame, *_) = render(MessageAdded(make_message(pb.Message(conversation="secret words"))), OWN)
    assert "secret words" in frame.text
    assert "secret words" not in repr(frame)
