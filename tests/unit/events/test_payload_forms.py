"""The three forms of payloads: for readers of the one server, of the other, and of both."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from support.database import open_database
from waport.config import Settings
from waport.errors import InvalidInput
from waport.events import (
    EventBus,
    EventRecorder,
    Frame,
    message_json,
    reaction_lists,
    render,
    vote_json,
)
from waport.events.frames import PayloadForm, merged
from waport.events.websocket import envelope
from waport.events.wwebjs_shapes import as_wwebjs
from waport.model import (
    Ack,
    AckChanged,
    AddOn,
    AddOnKind,
    AddressingMode,
    Authenticated,
    AuthFailure,
    Call,
    CallChanged,
    CallStatus,
    Chat,
    ChatArchived,
    ChatRemoved,
    Disconnected,
    DomainEvent,
    Group,
    GroupChange,
    GroupChanged,
    GroupChangeKind,
    GroupMember,
    MediaUploaded,
    Message,
    MessageAdded,
    MessageDeleted,
    MessageEdited,
    MessageKey,
    MessageKind,
    MessageRevoked,
    MessageUndecryptable,
    ReactionChanged,
    Ready,
    UnreadChanged,
    VoteChanged,
)
from waport.proto import pb
from waport.wire import Jid

OWN = Jid("15550001111", "s.whatsapp.net")
BOB = Jid("15559990000", "s.whatsapp.net")
ANN = Jid("15551112222", "s.whatsapp.net")
GROUP = Jid("120363000000000001", "g.us")
HELLO = pb.Message(conversation="hello")
POLL = pb.Message(
    pollCreationMessageV3=pb.PollCreationMessage(
        name="Lunch?", options=[pb.PollCreationMessage.Option(optionName="Yes")]
    )
)
IN_GROUP = "false_120363000000000001@g.us_AAA1"

Make = Callable[..., Message]


def older(event: DomainEvent) -> list[Frame]:
    return render(event, OWN, form=PayloadForm.WWEBJS)


def one(frames: list[Frame]) -> Mapping[str, Any]:
    (frame,) = frames
    assert json.loads(frame.text) == frame.data
    return frame.data


# --- the session ---------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [Authenticated(), Ready(OWN, "Me")])
def test_logging_in_has_no_data_in_the_older_form(event: DomainEvent) -> None:
    (frame,) = older(event)
    assert json.loads(envelope("a", frame.kind, frame.text)) == {
        "sessionId": "a",
        "dataType": frame.kind,
    }
    (frame,) = render(event, OWN, form=PayloadForm.BOTH)
    assert frame == render(event, OWN)[0]


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("logged_out", "LOGOUT"),
        ("connection_lost", "TIMEOUT"),
        ("connection_replaced", "CONFLICT"),
        ("banned", "TOS_BLOCK"),
        ("client_outdated", "DEPRECATED_VERSION"),
    ],
)
def test_the_end_of_a_link_has_another_word_in_the_older_form(reason: str, word: str) -> None:
    assert one(older(Disconnected(reason))) == {"reason": word}
    assert one(render(Disconnected(reason), form=PayloadForm.BOTH)) == {"reason": reason}


def test_a_refusal_has_a_second_event_of_the_older_name() -> None:
    event = AuthFailure("refused")
    assert [frame.kind for frame in render(event)] == ["auth_failure"]
    for form in (PayloadForm.WWEBJS, PayloadForm.BOTH):
        frames = render(event, form=form)
        assert [(frame.kind, frame.data) for frame in frames] == [
            ("auth_failure", {"message": "refused"}),
            ("status", {"msg": "refused"}),
        ]


# --- messages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [MessageAdded, MediaUploaded])
def test_a_message_alone_is_wrapped(kind: Any, make_message: Make) -> None:
    event = kind(make_message(HELLO))
    for frame in older(event):
        assert list(frame.data) == ["message"]
        assert frame.data["message"]["body"] == "hello"  # type: ignore[index]
    flat = render(event, OWN)[0].data
    for frame in render(event, OWN, form=PayloadForm.BOTH):
        assert frame.data["body"] == "hello"
        assert frame.data == {**flat, "message": older(event)[0].data["message"]}


def test_messages_of_groups_name_their_author_in_the_older_form(make_message: Make) -> None:
    event = MessageAdded(make_message(HELLO, chat=GROUP, sender=BOB))
    (created, _) = older(event)
    message = created.data["message"]
    assert isinstance(message, Mapping)
    assert message["id"]["_serialized"] == f"{IN_GROUP}_15559990000@c.us"
    assert render(event, OWN)[0].data["id"]["_serialized"] == IN_GROUP  # type: ignore[index]


def test_contents_have_their_older_names_and_texts(make_message: Make) -> None:
    document = pb.Message(documentMessage=pb.DocumentMessage(fileName="a.pdf", caption="read this"))
    place = pb.Message(locationMessage=pb.LocationMessage(jpegThumbnail=b"abc"))
    shown = [
        older(MessageAdded(make_message(content)))[0].data["message"]
        for content in (POLL, document, place)
    ]
    assert [(each["type"], each["body"]) for each in shown] == [  # type: ignore[index]
        ("poll_creation", "Lunch?"),
        ("document", "read this"),
        ("location", "YWJj"),
    ]


@pytest.mark.parametrize("form", list(PayloadForm))
def test_events_about_messages_have_them_at_the_same_place(
    form: PayloadForm, make_message: Make
) -> None:
    message = make_message(HELLO, chat=GROUP, sender=BOB)
    events: list[tuple[DomainEvent, dict[str, object]]] = [
        (MessageUndecryptable(message), {}),
        (MessageDeleted(message), {}),
        (MessageEdited(message, message), {"newBody": "hello", "prevBody": "hello"}),
        (MessageRevoked(message, None, BOB), {"revokedMsg": None}),
        (AckChanged(message.with_ack(Ack.READ), Ack.READ, ANN), {"ack": 3}),
    ]
    for event, more in events:
        data = dict(one(render(event, OWN, form=form)))
        shape = data.pop("message")
        assert data.pop("participant", "15551112222@c.us") == "15551112222@c.us"
        assert data == more
        tail = "_15559990000@c.us" if form is PayloadForm.WWEBJS else ""
        assert shape["id"]["_serialized"] == IN_GROUP + tail


def test_a_reaction_in_the_older_form_is_an_object_of_its_own(make_message: Make) -> None:
    target = MessageKey(GROUP, "AAA1", False, BOB)
    key = MessageKey(GROUP, "R1", False, ANN)
    event = ReactionChanged(target, key, "👍", 1_700_000_200_500)
    reaction = {
        "id": {
            "_serialized": "false_120363000000000001@g.us_R1_15551112222@c.us",
            "fromMe": False,
            "remote": "120363000000000001@g.us",
            "id": "R1",
            "participant": "15551112222@c.us",
        },
        "orphan": 0,
        "orphanReason": None,
        "timestamp": 1_700_000_200,
        "reaction": "👍",
        "read": True,
        "msgId": {
            "_serialized": f"{IN_GROUP}_15559990000@c.us",
            "fromMe": False,
            "remote": "120363000000000001@g.us",
            "id": "AAA1",
            "participant": "15559990000@c.us",
        },
        "senderId": "15551112222@c.us",
    }
    assert one(older(event)) == {"reaction": reaction}
    flat = one(render(event, OWN))
    both = one(render(event, OWN, form=PayloadForm.BOTH))
    assert both == {**flat, "reaction": {**reaction, **flat["reaction"]}}
    (lost,) = older(ReactionChanged(target, key, "", 1, is_orphan=True))
    assert lost.data["reaction"]["orphan"] == 1  # type: ignore[index]


def test_a_vote_shows_its_poll_in_the_older_form(make_message: Make) -> None:
    poll = make_message(POLL, chat=GROUP, sender=BOB)
    event = VoteChanged(poll, poll.key, ANN, ("Yes",), 1)
    vote = one(older(event))["vote"]
    assert vote["parentMessage"]["type"] == "poll_creation"
    assert vote["parentMsgKey"] == vote["parentMessage"]["id"]
    assert vote["parentMsgKey"]["_serialized"] == f"{IN_GROUP}_15559990000@c.us"
    assert vote["selectedOptions"] == [{"name": "Yes", "localId": 0}]


# --- groups and calls ----------------------------------------------------------------------------


def test_votes_and_reactions_of_answers_name_their_authors_in_the_older_form() -> None:
    poll_key, own_key = MessageKey(GROUP, "P", False, ANN), MessageKey(GROUP, "R", True, OWN)
    poll = message_json(Message(poll_key, 7, POLL.SerializeToString(), MessageKind.OTHER), OWN)
    (vote,) = as_wwebjs([vote_json(poll, BOB, ["Yes"], 1)])
    assert vote["parentMessage"]["type"] == "poll_creation"
    name = f"false_{GROUP}_P_15551112222@c.us"
    assert vote["parentMessage"]["id"]["_serialized"] == name
    assert vote["parentMsgKey"]["_serialized"] == name
    added = AddOn(poll_key, AddOnKind.REACTION, OWN, own_key, b"x", 1)
    (reactions,) = as_wwebjs(reaction_lists([added], OWN))
    (sender,) = reactions["senders"]
    assert sender["msgId"]["_serialized"] == name
    assert sender["id"]["_serialized"] == f"true_{GROUP}_R_15550001111@c.us"


@pytest.mark.parametrize(
    ("kind", "name", "way"),
    [
        (GroupChangeKind.ADD, "group_join", "add"),
        (GroupChangeKind.REMOVE, "group_leave", "remove"),
    ],
)
def test_people_who_come_and_go_together_are_one_event_in_the_older_form(
    kind: GroupChangeKind, name: str, way: str
) -> None:
    event = GroupChanged(GROUP, GroupChange(kind, members=(BOB, ANN)), OWN, 7, "N1")
    assert [frame.kind for frame in older(event)] == [name]
    notification = {
        "id": {
            "_serialized": "true_120363000000000001@g.us_N1_15550001111@c.us",
            "fromMe": True,
            "remote": "120363000000000001@g.us",
            "id": "N1",
            "participant": "15550001111@c.us",
        },
        "body": "",
        "type": way,
        "timestamp": 7,
        "chatId": "120363000000000001@g.us",
        "author": "15550001111@c.us",
        "recipientIds": ["15559990000@c.us", "15551112222@c.us"],
    }
    assert one(older(event)) == {"notification": notification}
    both = render(event, OWN, form=PayloadForm.BOTH)
    assert [frame.data["participant"] for frame in both] == notification["recipientIds"]
    assert [
        frame.data["notification"]["recipientIds"]  # type: ignore[index]
        for frame in both
    ] == [["15559990000@c.us"], ["15551112222@c.us"]]


@pytest.mark.parametrize("form", list(PayloadForm))
def test_nobody_who_came_is_no_event(form: PayloadForm) -> None:
    event = GroupChanged(GROUP, GroupChange(GroupChangeKind.ADD), None, 7, "N1")
    assert render(event, OWN, form=form) == []


@pytest.mark.parametrize(
    ("change", "name", "body"),
    [
        (GroupChange(GroupChangeKind.SUBJECT, text="New"), "subject", "New"),
        (GroupChange(GroupChangeKind.DESCRIPTION, text="Why"), "description", "Why"),
        (GroupChange(GroupChangeKind.ANNOUNCEMENT, enabled=True), "announce", "on"),
        (GroupChange(GroupChangeKind.LOCKED, enabled=False), "restrict", "off"),
        (GroupChange(GroupChangeKind.EPHEMERAL, number=86_400), "ephemeral", "86400"),
    ],
)
def test_what_is_new_in_a_group_is_the_body_in_the_older_form(
    change: GroupChange, name: str, body: str
) -> None:
    event = GroupChanged(GROUP, change, OWN, 7, "N1")
    notification = one(older(event))["notification"]
    assert (notification["type"], notification["body"]) == (name, body)
    both = one(render(event, OWN, form=PayloadForm.BOTH))
    assert both["type"] == name
    assert both["notification"] == notification


def test_only_offers_of_calls_are_told_in_the_older_form() -> None:
    offer = CallChanged(Call("C1", BOB, BOB, CallStatus.OFFER, 7, True, None, False))
    call = {
        "id": "C1",
        "from": "15559990000@c.us",
        "timestamp": 7,
        "isVideo": True,
        "isGroup": False,
        "fromMe": False,
        "canHandleLocally": False,
        "webClientShouldHandle": False,
        "participants": {},
    }
    assert one(older(offer)) == {"call": call}
    both = one(render(offer, form=PayloadForm.BOTH))
    assert (both["status"], both["call"]) == ("offer", call)
    over = CallChanged(Call("C1", BOB, BOB, CallStatus.TIMEOUT, 9))
    assert older(over) == []
    assert "call" not in one(render(over, form=PayloadForm.BOTH))


# --- chats ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "older_keys", "all_keys"),
    [
        (
            ChatArchived(Chat(BOB, archived=True), True, False),
            {"chat", "currState", "prevState"},
            {"chat", "archived", "currState", "prevState"},
        ),
        (ChatRemoved(Chat(BOB)), {"chat"}, {"id", "chat"}),
        (UnreadChanged(Chat(BOB, unread=2), 2), {"chat"}, {"id", "unreadCount", "chat"}),
    ],
)
def test_chats_in_the_older_form_are_their_chat(
    event: DomainEvent, older_keys: set[str], all_keys: set[str]
) -> None:
    assert set(one(older(event))) == older_keys
    assert set(one(render(event, OWN, form=PayloadForm.BOTH))) == all_keys


async def test_a_chat_is_told_with_its_newest_message_and_its_group(
    tmp_path: Path, make_message: Make
) -> None:
    (tmp_path / "empty.env").touch()
    database = await open_database(tmp_path)
    message = make_message(HELLO, chat=GROUP, sender=BOB)

    def job(work: Any) -> list[Mapping[str, Any]]:
        group = Group(
            GROUP,
            "Friends",
            addressing=AddressingMode.PN,
            members=(GroupMember(OWN, OWN),),
            is_announcement=True,
        )
        work.groups.put(group)
        work.messages.add(message)
        work.chats.touch(GROUP, message.timestamp, unread_delta=1)
        shapes = []
        for form in ("flat", "wwebjs"):
            settings = Settings.load(tmp_path / "empty.env", {"EVENT_PAYLOADS": form})
            recorder = EventRecorder(settings, EventBus(), clock=lambda: 1_700_000_000.0)
            chat = work.chats.get(GROUP)
            for event in (UnreadChanged(chat, 1), ChatArchived(chat, True, False)):
                (frame,) = recorder.record(work, event, OWN)
                shapes.append(frame.data["chat"])
        return shapes

    unread, archived, older_unread, _ = await database.write("a", job)
    await database.close()
    assert (unread["name"], unread["isReadOnly"], unread["unreadCount"]) == ("Friends", True, 1)
    assert unread["lastMessage"] == message_json(message, OWN)
    assert "groupMetadata" not in unread
    assert archived["groupMetadata"]["subject"] == "Friends"
    serialized = older_unread["lastMessage"]["id"]["_serialized"]
    assert serialized == f"{IN_GROUP}_15559990000@c.us"


# --- the setting ---------------------------------------------------------------------------------


def test_keys_of_both_are_joined_at_every_depth_and_the_first_counts() -> None:
    first = {"a": {"b": 1, "c": {"d": None}}, "e": [1]}
    second = {"a": {"b": 2, "c": {"d": 3, "f": 4}, "g": 5}, "e": [2], "h": {}}
    assert merged(first, second) == {
        "a": {"b": 1, "c": {"d": None, "f": 4}, "g": 5},
        "e": [1],
        "h": {},
    }
    assert first == {"a": {"b": 1, "c": {"d": None}}, "e": [1]}


def test_the_setting_takes_three_words(tmp_path: Path) -> None:
    (tmp_path / "empty.env").touch()
    for word in ("flat", "wwebjs", "both"):
        settings = Settings.load(tmp_path / "empty.env", {"EVENT_PAYLOADS": word})
        assert PayloadForm(settings.event_payloads) == word
        assert not any("EVENT_PAYLOADS" in notice for notice in settings.notices())
    with pytest.raises(InvalidInput, match="EVENT_PAYLOADS"):
        Settings.load(tmp_path / "empty.env", {"EVENT_PAYLOADS": "deep"})
