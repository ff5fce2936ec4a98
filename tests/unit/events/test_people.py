"""Both addresses of everybody whom a payload names."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.database import open_database
from support.who import people_of
from waport.config import Settings
from waport.events import EventBus, EventRecorder, Frame, addresses_json, find_people
from waport.events.media_frames import wanted_file, with_file
from waport.events.people import MAX_PEOPLE, name_people
from waport.model import MediaFetched, MessageAdded, Ready
from waport.proto import pb
from waport.store import Database
from waport.wire import Jid

OWN, PEER = Jid("15550001111", "s.whatsapp.net"), Jid("15559990000", "s.whatsapp.net")
OWN_LID, PEER_LID = Jid("99000000001", "lid"), Jid("99000000002", "lid")
BOTH = {
    "15559990000@c.us": {"pn": "15559990000@c.us", "lid": "99000000002@lid"},
    "15550001111@c.us": {"pn": "15550001111@c.us", "lid": "99000000001@lid"},
}


def named(value: object) -> set[str]:
    found: dict[str, Jid] = {}
    find_people(value, found)
    return set(found)


def test_people_are_found_wherever_they_are_named() -> None:
    assert named(
        {
            "id": {"_serialized": "1@c.us", "user": "1", "server": "c.us"},
            "from": "2@lid",
            "mentionedIds": ["3@c.us", "120363000000000001@g.us", "4@newsletter"],
            "participants": {"5@c.us": {}},
            "deep": [[{"voter": "6@c.us"}]],
            "body": "ask 7@c.us",
            "number": 8,
            "_data": {"key": {"remoteJid": "9@lid"}},
            "raw": "10@s.whatsapp.net",
            "odd": ["x@c.us", "123456789012345678901@c.us", "1:2@lid", "@lid", "\u0661@c.us"],
        }
    ) == {"1@c.us", "2@lid", "3@c.us", "5@c.us", "6@c.us"}


def test_an_id_with_the_other_one_beside_it_is_left_out() -> None:
    shape = {"id": {"_serialized": "1@c.us"}, "lid": "2@lid", "owner": "3@c.us"}
    assert named(shape) == {"3@c.us"}


def test_there_is_an_end_to_it() -> None:
    assert len(named([f"{number}@c.us" for number in range(2 * MAX_PEOPLE)])) == MAX_PEOPLE


@given(
    st.recursive(
        st.sampled_from(["1@c.us", "2@lid", "x", "1@c.us "]) | st.integers() | st.none(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from("ab") | st.just("3@c.us"), inner)
        ),
    )
)
def test_nobody_is_forgotten(value: object) -> None:
    assert named(value) == set(people_of(value))


def test_each_id_leads_to_both_addresses() -> None:
    people = {"15559990000@c.us": PEER, "99000000001@lid": OWN_LID, "1@c.us": Jid("1", OWN.server)}
    others = {PEER: PEER_LID, OWN_LID: OWN}
    assert addresses_json(people, others) == {
        "15559990000@c.us": BOTH["15559990000@c.us"],
        "99000000001@lid": BOTH["15550001111@c.us"],
    }


def test_frames_are_changed_only_where_something_is_known() -> None:
    asked: list[Iterable[Jid]] = []

    def known(people: Iterable[Jid]) -> Mapping[Jid, Jid]:
        asked.append(set(people))
        return {PEER: PEER_LID}

    frames = [
        Frame.bare("ready"),
        Frame.of("message", {"from": "15559990000@c.us", "body": "é"}),
        Frame.of("message", {"from": "1@c.us"}),
        Frame.of("code", {"code": "A"}),
    ]
    bare, message, stranger, code = name_people(frames, known)
    assert (bare, stranger, code) == (frames[0], *frames[2:])
    assert json.loads(message.text) == message.data
    assert message.data == {
        "from": "15559990000@c.us",
        "body": "é",
        "addresses": {"15559990000@c.us": BOTH["15559990000@c.us"]},
    }
    assert asked == [{PEER, Jid("1", "s.whatsapp.net")}]
    assert name_people(frames[:1] + frames[3:], known) == frames[:1] + frames[3:]
    assert len(asked) == 1


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await open_database(tmp_path)

    def learn(store: Any) -> None:
        store.addresses.learn(PEER, PEER_LID)
        store.addresses.learn(OWN, OWN_LID)

    await database.write("main", learn)
    yield database
    await database.close()


@pytest.mark.parametrize("form", ["flat", "wwebjs", "both"])
async def test_what_is_logged_and_told_has_them_in_every_form(
    database: Database, tmp_path: Path, make_message: Any, form: str
) -> None:
    (tmp_path / "empty.env").touch()
    settings = Settings.load(tmp_path / "empty.env", {"EVENT_PAYLOADS": form})
    recorder = EventRecorder(settings, EventBus())
    image = pb.Message(imageMessage=pb.ImageMessage(directPath="/v", mimetype="image/png"))
    message = make_message(image)
    events = (
        MessageAdded(message),
        MediaFetched(message, "image/png", "", 2, "aGk="),
        Ready(OWN, "Bot"),
    )
    frames = await database.write(
        "main", lambda store: [f for event in events for f in recorder.record(store, event, OWN)]
    )
    kinds = [frame.kind for frame in frames]
    assert kinds == ["message_create", "message", "media", "ready"]
    logged = await database.events_after(0, 10)
    for frame, event in zip(frames, logged, strict=True):
        if not frame.text:
            assert (form, frame.kind) == ("wwebjs", "ready")
            continue
        own = {"15550001111@c.us": BOTH["15550001111@c.us"]}
        told = json.loads(frame.text)
        assert told == frame.data
        assert told["addresses"] == (own if frame.kind == "ready" else BOTH)
        assert json.loads(event.data)["addresses"] == told["addresses"]
    media = next(frame for frame in frames if frame.kind == "media")
    assert wanted_file(media.logged, 10) == (message.key.chat, message.key.id)
    assert with_file(media.logged, "aGk=") == media.text
