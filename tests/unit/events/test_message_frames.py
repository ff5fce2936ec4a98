"""Frames about messages that were changed, reacted to or voted in: the exact JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from waport.config import Settings
from waport.errors import InvalidInput
from waport.events import EventBus, EventRecorder, Frame, message_json, render
from waport.events.render import KINDS
from waport.model import (
    Ack,
    AckChanged,
    AddOn,
    AddOnKind,
    ChatTimerChanged,
    DomainEvent,
    EventAnswered,
    IdentityChanged,
    MediaUploaded,
    Message,
    MessageAdded,
    MessageDeleted,
    MessageEdited,
    MessageKey,
    MessageKind,
    MessagePinned,
    MessageRevoked,
    ReactionChanged,
    VoteChanged,
)
from waport.model.contents import Attendance, EventAnswer
from waport.proto import pb
from waport.store import Database
from waport.wire import Jid

OWN = Jid("15550001111", "s.whatsapp.net", 7)
BOB = Jid("15559990000", "s.whatsapp.net")
ANN = Jid("15551112222", "s.whatsapp.net")
GROUP = Jid("120363000000000001", "g.us")
Make = Callable[..., Message]

BOBS_ID = {
    "_serialized": "false_15559990000@c.us_AAA1",
    "fromMe": False,
    "remote": "15559990000@c.us",
    "id": "AAA1",
}
REVOKE = pb.Message(
    protocolMessage=pb.ProtocolMessage(
        type=pb.ProtocolMessage.REVOKE, key=pb.MessageKey(remoteJid=str(BOB), id="AAA1")
    )
)


def text(words: str) -> pb.Message:
    return pb.Message(conversation=words)


def only(frames: list[Frame]) -> Frame:
    (frame,) = frames
    assert json.loads(frame.text) == frame.data
    return frame


# --- edits ---------------------------------------------------------------------------------------


def test_an_edit_shows_the_message_and_both_texts(make_message: Make) -> None:
    previous = make_message(text("hullo"))
    message = replace(make_message(text("hello")), edited_ms=1_700_000_200_500, edit_id="EEE1")
    frame = only(render(MessageEdited(message, previous), OWN))
    assert (frame.kind, frame.lane) == ("message_edit", str(BOB))
    assert frame.data == {
        "message": message_json(message, OWN),
        "newBody": "hello",
        "prevBody": "hullo",
    }
    shape = message_json(message, OWN)
    assert shape["body"] == "hello"
    assert shape["latestEditSenderTimestampMs"] == 1_700_000_200_500
    assert shape["latestEditMsgKey"] == {
        "_serialized": "false_15559990000@c.us_EEE1",
        "fromMe": False,
        "remote": "15559990000@c.us",
        "id": "EEE1",
    }


def test_a_message_that_was_never_edited_names_no_edit(make_message: Make) -> None:
    shape = message_json(make_message(text("hello")), OWN)
    assert not {"latestEditSenderTimestampMs", "latestEditMsgKey"} & set(shape)


def test_of_a_file_the_caption_is_what_changes(make_message: Make) -> None:
    before, after = (
        pb.Message(documentMessage=pb.DocumentMessage(fileName="a.pdf", caption=caption))
        for caption in ("old", "new")
    )
    data = only(render(MessageEdited(make_message(after), make_message(before)), OWN)).data
    assert (data["prevBody"], data["newBody"]) == ("old", "new")


# --- revokes -------------------------------------------------------------------------------------


def revoked(message: Message) -> Message:
    content = REVOKE.SerializeToString()
    return replace(message, kind=MessageKind.REVOKED, content=content)


def test_a_revoke_shows_what_is_left_and_what_was_there(make_message: Make) -> None:
    original = make_message(text("secret words"))
    left = revoked(original)
    frame = only(render(MessageRevoked(left, original, BOB), OWN))
    assert (frame.kind, frame.lane) == ("message_revoke_everyone", str(BOB))
    assert frame.data == {
        "message": message_json(left, OWN),
        "revokedMsg": message_json(original, OWN),
    }
    shape = message_json(left, OWN, has_reaction=True)
    assert (shape["id"], shape["type"], shape["body"]) == (BOBS_ID, "revoked", "")
    assert not shape["hasReaction"]
    assert shape["protocolMessageKey"] == {"remoteJid": str(BOB), "id": "AAA1"}


def test_a_revoke_of_what_never_came_has_no_original(make_message: Make) -> None:
    left = revoked(make_message(text("")))
    frame = only(render(MessageRevoked(left, None, BOB), OWN))
    assert '"revokedMsg":null' in frame.text


def test_the_kind_makes_a_message_revoked_whatever_its_content(make_message: Make) -> None:
    shape = message_json(make_message(pb.Message(), kind=MessageKind.REVOKED), OWN)
    assert (shape["type"], shape["hasMedia"]) == ("revoked", False)


def test_a_protocol_message_without_a_type_revokes_nothing(make_message: Make) -> None:
    content = pb.Message(protocolMessage=pb.ProtocolMessage(key=pb.MessageKey(id="X")))
    shape = message_json(make_message(content), OWN)
    assert shape["type"] == "chat"
    assert "protocolMessageKey" not in shape


def test_a_deletion_for_oneself_shows_the_message(make_message: Make) -> None:
    message = make_message(text("hello"))
    frame = only(render(MessageDeleted(message), OWN))
    assert (frame.kind, frame.lane) == ("message_revoke_me", str(BOB))
    assert frame.data == {"message": message_json(message, OWN)}


def test_an_uploaded_file_is_a_plain_message(make_message: Make) -> None:
    file = pb.ImageMessage(directPath="/f", mediaKey=b"\1" * 32)
    message = make_message(pb.Message(imageMessage=file), from_me=True)
    frame = only(render(MediaUploaded(message), OWN))
    assert (frame.kind, frame.lane, frame.data["type"]) == ("media_uploaded", str(BOB), "image")
    assert frame.data == message_json(message, OWN)


# --- reactions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("is_orphan", [True, False])
@pytest.mark.parametrize("emoji", ["👍", ""])
def test_a_reaction_names_target_key_and_sender(emoji: str, is_orphan: bool) -> None:
    event = ReactionChanged(
        MessageKey(BOB, "AAA1", False, BOB),
        MessageKey(BOB, "RRR1", False, BOB),
        emoji,
        1_700_000_200_500,
        is_orphan,
    )
    frame = only(render(event, OWN))
    assert (frame.kind, frame.lane) == ("message_reaction", str(BOB))
    assert frame.data == {
        "id": BOBS_ID,
        "reaction": {
            "key": {"remoteJid": "15559990000@s.whatsapp.net", "fromMe": False, "id": "RRR1"},
            "text": emoji,
            "senderTimestampMs": 1_700_000_200_500,
        },
        "senderId": "15559990000@c.us",
    }


def test_a_reaction_in_a_group_names_both_authors() -> None:
    target, key = MessageKey(GROUP, "AAA1", True, OWN.bare), MessageKey(GROUP, "RRR1", False, ANN)
    frame = only(render(ReactionChanged(target, key, "👍", 1), OWN))
    assert frame.lane == str(GROUP)
    assert frame.data == {
        "id": {
            "_serialized": "true_120363000000000001@g.us_AAA1",
            "fromMe": True,
            "remote": "120363000000000001@g.us",
            "id": "AAA1",
            "participant": "15550001111@c.us",
        },
        "reaction": {
            "key": {
                "remoteJid": "120363000000000001@g.us",
                "fromMe": False,
                "id": "RRR1",
                "participant": "15551112222@s.whatsapp.net",
            },
            "text": "👍",
            "senderTimestampMs": 1,
        },
        "senderId": "15551112222@c.us",
    }


# --- votes ---------------------------------------------------------------------------------------


def poll_of(*names: str) -> pb.Message:
    poll = pb.PollCreationMessage(name="Lunch?")
    for name in names:
        poll.options.add(optionName=name)
    return pb.Message(ephemeralMessage={"message": {"pollCreationMessage": poll}})


@pytest.mark.parametrize(
    ("selected", "shown"),
    [
        (("Yes", "Later"), [{"name": "Yes", "localId": 0}, {"name": "Later", "localId": 2}]),
        ((), []),
    ],
)
def test_a_vote_names_the_voter_the_answers_and_the_poll(
    make_message: Make, selected: tuple[str, ...], shown: list[object]
) -> None:
    poll = make_message(poll_of("Yes", "No", "Later"))
    key = MessageKey(BOB, "VVV1", False, BOB)
    frame = only(render(VoteChanged(poll, key, BOB, selected, 1_700_000_200_500), OWN))
    assert (frame.kind, frame.lane) == ("vote_update", str(BOB))
    assert frame.data == {
        "vote": {
            "voter": "15559990000@c.us",
            "selectedOptions": shown,
            "interractedAtTs": 1_700_000_200_500,
            "parentMessage": message_json(poll, OWN),
            "parentMsgKey": BOBS_ID,
        }
    }


def test_of_equal_answers_the_first_is_named(make_message: Make) -> None:
    event = VoteChanged(
        make_message(poll_of("Yes", "Yes")), MessageKey(BOB, "V", False, BOB), BOB, ("Yes",), 1
    )
    vote = only(render(event, OWN)).data["vote"]
    assert isinstance(vote, Mapping)
    assert vote["selectedOptions"] == [{"name": "Yes", "localId": 0}]


# --- the rest ------------------------------------------------------------------------------------


def test_events_that_the_contract_has_no_word_for_have_no_frames(make_message: Make) -> None:
    message = make_message(text("x"))
    answer = EventAnswer(Attendance.GOING, 1)
    for event in (
        MessagePinned(message.key, BOB, True, 86_400, 1),
        ChatTimerChanged(BOB, 86_400, BOB, 1),
        EventAnswered(message, message.key, BOB, answer),
        IdentityChanged(BOB),
    ):
        assert KINDS[type(event)] == ()
        assert render(event) == []


def test_every_event_about_a_message_needs_the_account(make_message: Make) -> None:
    message = make_message(text("x"))
    for event in (
        MessageEdited(message, message),
        MessageRevoked(message, None, BOB),
        MessageDeleted(message),
        MediaUploaded(message),
        ReactionChanged(message.key, message.key, "", 1),
        VoteChanged(message, message.key, BOB, (), 1),
    ):
        with pytest.raises(InvalidInput):
            render(event)
        assert {frame.kind for frame in render(event, OWN)} == set(KINDS[type(event)])


async def test_messages_say_whether_somebodys_reaction_stands(
    tmp_path: Path, make_message: Make
) -> None:
    (tmp_path / "empty.env").touch()
    recorder = EventRecorder(Settings.load(tmp_path / "empty.env", {}), EventBus())
    database = await Database.open(f"sqlite:///{tmp_path / 'waport.db'}")
    message = make_message(text("hello"))
    bob, ann = (AddOn(message.key, AddOnKind.REACTION, who, _by(who), b"", 0) for who in (BOB, ANN))

    def has_reaction(work: Any, event: DomainEvent) -> object:
        (frame, *_) = recorder.record(work, event, OWN)
        shape = frame.data.get("message", frame.data)
        assert isinstance(shape, Mapping)
        return shape["hasReaction"]

    def job(work: Any) -> list[object]:
        seen = [has_reaction(work, MessageAdded(message))]
        work.add_ons.put(replace(bob, data="👍".encode(), timestamp_ms=1))
        work.add_ons.put(replace(ann, data="🎉".encode(), timestamp_ms=1))
        seen.append(has_reaction(work, AckChanged(message, Ack.READ)))
        work.add_ons.put(replace(bob, timestamp_ms=2))
        seen.append(has_reaction(work, MessageEdited(message, message)))
        work.add_ons.put(replace(ann, timestamp_ms=2))
        seen.append(has_reaction(work, MessageDeleted(message)))
        return seen

    assert await database.write("a", job) == [False, True, True, False]
    await database.close()


def _by(who: Jid) -> MessageKey:
    return MessageKey(BOB, "R", False, who)
