"""Edits, plain and encrypted: who may, when, and what becomes of the message."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, Account
from support.addons import (
    ANN_LID,
    ANN_PN,
    GROUP,
    MINUTE_S,
    SECRET,
    Conversation,
    group_of,
    key_in,
    mine,
    original,
    yours,
)
from waport.client.addon_changes import merge_edit
from waport.errors import DecodeError
from waport.model import (
    DomainEvent,
    MessageEdited,
    MessageKind,
)
from waport.model.contents import (
    Content,
    Document,
    Edit,
    EncryptedEdit,
    Event,
    Image,
    MediaFile,
    Poll,
    Protocol,
    Reaction,
    Revoke,
    SecretEdit,
    TargetKey,
    Text,
    Unknown,
)
from waport.proto import pb
from waport.stanza.addons import seal_edit
from waport.stanza.contents import DecodedMessage, encode, read_message, write_message
from waport.wire import Jid

NOW_MS = NOW * 1000


@pytest.fixture
def talk(account: Account) -> Conversation:
    return Conversation(account)


def only_edit(events: list[DomainEvent]) -> MessageEdited:
    (event,) = events
    assert isinstance(event, MessageEdited)
    return event


def edit_of(content: Content, at_ms: int = NOW_MS, message_id: str = "M1") -> Edit:
    return Edit(mine(message_id), content, at_ms)


# --- edits ---------------------------------------------------------------------------------------


async def test_an_edit_replaces_the_content_and_keeps_the_secret(talk: Conversation) -> None:
    await talk.post(Text("hullo"))
    event = only_edit(await talk.add(edit_of(Text("hello"), NOW_MS + 7), message_id="E1"))
    assert (event.previous.text, event.message.text) == ("hullo", "hello")
    assert (event.message.edited_ms, event.message.edit_id) == (NOW_MS + 7, "E1")
    assert event.message == await talk.message()
    assert event.message.seq == event.previous.seq
    assert read_message(event.message.proto()).info.secret == SECRET


async def test_an_own_edit_goes_the_same_way(talk: Conversation) -> None:
    await talk.post(Text("hullo"), sender=OWN_PN, chat=PEER_LID)
    event = only_edit(await talk.add(edit_of(Text("hello")), sender=OWN_LID, chat=PEER_LID))
    assert event.message.text == "hello"
    assert event.message.key.from_me


async def test_only_a_newer_edit_counts(talk: Conversation) -> None:
    await talk.post(Text("one"))
    await talk.add(edit_of(Text("three"), NOW_MS + 2))
    assert await talk.add(edit_of(Text("two"), NOW_MS + 1)) == []
    assert (await talk.message()).text == "three"


async def test_an_edit_without_a_time_has_the_servers(talk: Conversation) -> None:
    await talk.post(Text("one"))
    event = only_edit(await talk.add(edit_of(Text("two"), 0), timestamp=NOW + 60))
    assert event.message.edited_ms == NOW_MS + 60_000


async def test_nobody_edits_what_others_wrote(talk: Conversation) -> None:
    await talk.know(group_of())
    await talk.post(Text("ours"), "M1", sender=OWN_PN, chat=PEER_LID)
    await talk.post(Text("Bob's"), "M2", chat=GROUP)
    assert await talk.add(Edit(yours("M1"), Text("forged"), NOW_MS)) == []
    # Naming the message as one's own names another message: this person has none of that id.
    assert await talk.add(edit_of(Text("forged"), message_id="M1")) == []
    for forged in (
        Edit(yours("M2", PEER_LID), Text("x"), NOW_MS),
        edit_of(Text("x"), NOW_MS, "M2"),
    ):
        assert await talk.add(forged, sender=ANN_LID, chat=GROUP) == []
    assert (await talk.message("M1", sender=OWN_PN)).text == "ours"
    assert (await talk.message("M2", chat=GROUP)).text == "Bob's"


async def test_an_edit_counts_for_twenty_minutes_by_the_servers_clock(talk: Conversation) -> None:
    await talk.post(Text("one"))
    late = NOW + 20 * MINUTE_S
    assert await talk.add(edit_of(Text("late"), NOW_MS), timestamp=late + 1) == []
    event = only_edit(await talk.add(edit_of(Text("two"), NOW_MS), timestamp=late))
    assert event.message.text == "two"


@pytest.mark.parametrize("kind", [None, MessageKind.CIPHERTEXT])
async def test_an_edit_waits_for_its_message(talk: Conversation, kind: MessageKind | None) -> None:
    if kind is not None:
        await talk.post(Text(""), kind=kind)
    assert await talk.add(edit_of(Text("two"), NOW_MS + 1), message_id="E1") == []
    assert await talk.add(edit_of(Text("three"), NOW_MS + 2), message_id="E2") == []
    first, second = await talk.post(Text("one"))
    assert isinstance(first, MessageEdited)
    assert isinstance(second, MessageEdited)
    assert [first.previous.text, first.message.text] == ["one", "two"]
    assert [second.previous.text, second.message.text] == ["two", "three"]
    assert (await talk.message()).edit_id == "E2"


async def test_an_edit_waits_for_the_message_of_its_own_author(talk: Conversation) -> None:
    await talk.know(group_of())
    assert await talk.add(edit_of(Text("Ann's, edited")), sender=ANN_LID, chat=GROUP) == []
    assert await talk.post(Text("Bob's"), chat=GROUP) == []
    event = only_edit(await talk.post(Text("Ann's"), sender=ANN_LID, chat=GROUP))
    assert event.message.key == key_in(GROUP, "M1", ANN_PN)
    assert (await talk.message(chat=GROUP)).text == "Bob's"


@pytest.mark.parametrize(
    "content", [Unknown(), Reaction(mine("M1"), "👍"), Revoke(mine("M1")), Protocol(5)]
)
async def test_an_edit_into_what_is_no_message_has_no_effect(
    talk: Conversation, content: Content
) -> None:
    await talk.post(Text("one"))
    assert await talk.add(edit_of(content)) == []
    assert (await talk.message()).text == "one"


async def test_an_edit_that_came_with_wrappers_keeps_them(talk: Conversation) -> None:
    file = MediaFile(direct_path="/f", media_key=bytes(32))
    await talk.post(Document(file, file_name="a.pdf", caption="old"))
    event = only_edit(await talk.add(edit_of(Document(file, file_name="a.pdf", caption="new"))))
    inner = event.message.proto().documentWithCaptionMessage.message
    assert inner.documentMessage.caption == "new"
    assert inner.messageContextInfo.messageSecret == SECRET


def test_an_edited_caption_leaves_the_file_where_it_was() -> None:
    file = MediaFile(direct_path="/f", media_key=bytes(32), mimetype="image/jpeg")
    before = write_message(DecodedMessage(Image(file, caption="old")))
    for caption in ("new", ""):
        new = pb.Message(imageMessage=pb.ImageMessage(caption=caption))
        merged = merge_edit(before, new).imageMessage
        assert (merged.directPath, merged.mediaKey, merged.caption) == ("/f", bytes(32), caption)
    gone = merge_edit(before, pb.Message(imageMessage=pb.ImageMessage())).imageMessage
    assert (gone.directPath, gone.HasField("caption")) == ("/f", False)
    other = pb.Message(imageMessage=pb.ImageMessage(directPath="/g", mediaKey=b"\1" * 32))
    assert merge_edit(before, other).imageMessage == other.imageMessage


def test_an_edit_wrapped_without_end_is_refused() -> None:
    deep = pb.Message(conversation="x")
    for _ in range(7):
        deep = pb.Message(editedMessage=pb.FutureProofMessage(message=deep))
    with pytest.raises(DecodeError):
        merge_edit(pb.Message(conversation="y"), deep)


# --- encrypted edits -----------------------------------------------------------------------------


def sealed(
    kind: SecretEdit,
    content: pb.Message,
    *,
    sender: Jid = PEER_LID,
    target: TargetKey | None = None,
) -> EncryptedEdit:
    return seal_edit(kind, content, target or mine("M1"), original("M1", PEER_LID), [sender])


async def test_an_encrypted_edit_of_a_text_is_opened(talk: Conversation) -> None:
    await talk.post(Text("hullo"))
    edit = sealed(SecretEdit.MESSAGE_EDIT, encode(Text("hello")))
    event = only_edit(await talk.add(edit, timestamp=NOW + 5))
    assert event.message.text == "hello"
    assert event.message.edited_ms == NOW_MS + 5000
    late = sealed(SecretEdit.MESSAGE_EDIT, encode(Text("late")))
    assert await talk.add(late, timestamp=NOW + 21 * MINUTE_S) == []


async def test_an_encrypted_edit_may_hold_a_plain_one(talk: Conversation) -> None:
    await talk.post(Text("hullo"))
    inside = encode(edit_of(Text("hello"), NOW_MS + 3))
    event = only_edit(await talk.add(sealed(SecretEdit.MESSAGE_EDIT, inside)))
    assert (event.message.text, event.message.edited_ms) == ("hello", NOW_MS + 3)
    other = encode(edit_of(Text("x"), NOW_MS + 4, "M2"))
    assert await talk.add(sealed(SecretEdit.MESSAGE_EDIT, other)) == []


async def test_an_event_is_edited_by_its_author_at_any_time(talk: Conversation) -> None:
    await talk.post(Event("Lunch", starts_at=NOW))
    edit = sealed(SecretEdit.EVENT_EDIT, encode(Event("Dinner", starts_at=NOW, is_canceled=True)))
    event = only_edit(await talk.add(edit, timestamp=NOW + 24 * 3600))
    content = read_message(event.message.proto()).content
    assert isinstance(content, Event)
    assert (content.name, content.is_canceled) == ("Dinner", True)


async def test_an_edit_of_an_event_is_about_an_event(talk: Conversation) -> None:
    await talk.post(Event("Lunch"), "M1")
    assert await talk.add(sealed(SecretEdit.EVENT_EDIT, encode(Text("x")))) == []
    await talk.post(Text("hello"), "M2")
    edit = seal_edit(
        SecretEdit.EVENT_EDIT,
        encode(Event("x", starts_at=NOW)),
        mine("M2"),
        original("M2", PEER_LID),
        [PEER_LID],
    )
    assert await talk.add(edit, timestamp=NOW + 24 * 3600) == []


async def test_nobody_edits_others_events_though_they_know_the_secret(talk: Conversation) -> None:
    await talk.know(group_of())
    await talk.post(Event("Lunch"), chat=GROUP)
    content = encode(Event("Dinner", starts_at=NOW))
    for target in (mine("M1"), yours("M1", PEER_LID)):
        edit = sealed(SecretEdit.EVENT_EDIT, content, sender=ANN_LID, target=target)
        assert await talk.add(edit, sender=ANN_LID, chat=GROUP) == []


async def test_an_encrypted_edit_waits_for_its_message(talk: Conversation) -> None:
    edit = sealed(SecretEdit.EVENT_EDIT, encode(Event("Dinner", starts_at=NOW)))
    assert await talk.add(edit) == []
    event = only_edit(await talk.post(Event("Lunch")))
    assert read_message(event.message.proto()).content == Event("Dinner", starts_at=NOW)


@pytest.mark.parametrize("kind", [SecretEdit.POLL_EDIT, SecretEdit.POLL_ADD_OPTION])
async def test_edits_of_polls_have_no_effect(talk: Conversation, kind: SecretEdit) -> None:
    await talk.post(Poll("?", ("a", "b")))
    assert await talk.add(sealed(kind, encode(Poll("!", ("a", "c"))))) == []


async def test_an_edit_that_does_not_open_is_dropped(talk: Conversation) -> None:
    await talk.post(Text("hullo"), secret=SECRET[::-1])
    assert await talk.add(sealed(SecretEdit.MESSAGE_EDIT, encode(Text("hello")))) == []
    assert (
        await talk.add(
            replace(sealed(SecretEdit.MESSAGE_EDIT, encode(Text("x"))), kind=SecretEdit.UNKNOWN)
        )
        == []
    )
