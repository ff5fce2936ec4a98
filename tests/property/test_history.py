"""Pieces of history of any shape, whole and damaged."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waport.client.addons import is_add_on
from waport.errors import DecodeError
from waport.model import MessageKind
from waport.model.notice import Notice
from waport.proto import pb
from waport.stanza import history_blob
from waport.stanza.history_blob import Part, overview, parts
from waport.stanza.protowire import DeflatedFields, split

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
IDS = st.text("ABCDEF0123456789", min_size=1, max_size=20)


@st.composite
def messages(draw: st.DrawFn) -> pb.HistorySyncMsg:
    info = pb.WebMessageInfo(messageTimestamp=draw(st.integers(0, 2**33)))
    info.key.id, info.key.fromMe = draw(IDS), draw(st.booleans())
    kind = draw(st.sampled_from(("text", "image", "stub", "revoked")))
    if kind == "text":
        info.message.conversation = draw(TEXTS)
    elif kind == "image":
        info.message.imageMessage.caption = draw(TEXTS)
    else:
        info.messageStubType = "REVOKE" if kind == "revoked" else "GROUP_CREATE"
        info.messageStubParameters.extend(draw(st.lists(TEXTS, max_size=2)))
    return pb.HistorySyncMsg(message=info)


@st.composite
def conversations(draw: st.DrawFn) -> pb.Conversation:
    number = draw(st.integers(10**7, 10**12))
    return pb.Conversation(
        id=f"{number}@s.whatsapp.net",
        unreadCount=draw(st.integers(0, 9)),
        messages=draw(st.lists(messages(), max_size=12)),
    )


@st.composite
def histories(draw: st.DrawFn) -> pb.HistorySync:
    return pb.HistorySync(
        syncType="RECENT",
        chunkOrder=draw(st.integers(0, 9)),
        conversations=draw(st.lists(conversations(), max_size=4)),
        pushnames=[
            pb.Pushname(id="1@lid", pushname=name) for name in draw(st.lists(TEXTS, max_size=3))
        ],
    )


def reader(data: bytes, step: int = 1 << 16) -> Callable[[int], bytes]:
    file = io.BytesIO(data)
    return lambda size: file.read(min(size, step))


def read_all(data: bytes, step: int = 1 << 16) -> list[Part]:
    overview(reader(data, step))
    return list(parts(reader(data, step), is_add_on))


@given(histories(), st.integers(1, 70))
def test_every_message_comes_out_once_in_parts_of_any_size(
    history: pb.HistorySync, step: int
) -> None:
    data = zlib.compress(history.SerializeToString())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history_blob, "PART", 5)
        read = read_all(data, step)
        for skip in range(len(read) + 1):
            # Whoever goes on after so many parts gets the others.
            assert list(parts(reader(data), is_add_on, skip=skip)) == read[skip:]
    assert [message.id for part in read for message in part.messages] == [
        each.message.key.id for chat in history.conversations for each in _in_order(chat)
    ]
    chats = [part for part in read if part.chat is not None]
    assert [str(part.jid) for part in chats] == [chat.id for chat in history.conversations]
    for part, chat in zip(chats, history.conversations, strict=True):
        countable = [
            each.message.key.id
            for each in chat.messages
            if not each.message.key.fromMe and not each.message.messageStubType
        ]
        assert list(part.unread) == countable[: chat.unreadCount]


def _in_order(chat: pb.Conversation) -> list[pb.HistorySyncMsg]:
    """The oldest part first, and by time within each."""
    listed = list(chat.messages)
    found = []
    for end in range(len(listed), 0, -5):
        some = listed[max(end - 5, 0) : end][::-1]
        found += sorted(some, key=lambda each: each.message.messageTimestamp)
    return found


@given(histories(), st.data())
def test_a_damaged_piece_is_refused_or_read_in_part(
    history: pb.HistorySync, data: st.DataObject
) -> None:
    plain = bytearray(history.SerializeToString())
    for place in data.draw(st.lists(st.integers(0, len(plain) - 1), max_size=4)):
        plain[place] ^= data.draw(st.integers(1, 255))
    try:
        read = read_all(zlib.compress(bytes(plain)))
    except DecodeError:
        return
    for part in read:
        assert all(isinstance(message.kind, MessageKind) for message in part.messages)


def test_a_notice_whose_text_is_no_utf_8_does_not_hold_up_the_rest() -> None:
    info = pb.WebMessageInfo(
        messageStubType="GROUP_CHANGE_SUBJECT",
        messageStubParameters=["subject??"],
        participant="1??@lid",
    )
    info.key.id = "A1"
    plain = pb.WebMessageInfo(message=pb.Message(conversation="hi"))
    plain.key.id = "A2"
    chat = pb.Conversation(
        id="1@g.us", messages=[pb.HistorySyncMsg(message=each) for each in (info, plain)]
    )
    piece = pb.HistorySync(syncType="RECENT", conversations=[chat]).SerializeToString()
    (part,) = read_all(zlib.compress(piece.replace(b"??", b"\xff\xfe")))
    notice = {message.id: message for message in part.messages}["A1"]
    assert notice.kind is MessageKind.STUB
    assert Notice.parse(notice.content) == Notice(21, ("subject\ufffd\ufffd",))
    assert {message.id for message in part.messages} == {"A1", "A2"}


def test_whoever_goes_on_behind_a_chat_without_a_name_misses_and_repeats_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history_blob, "PART", 1)
    message = pb.WebMessageInfo(message=pb.Message(conversation="hi"))
    message.key.id = "A1"
    wrapped = [pb.HistorySyncMsg(message=message)] * 3
    piece = pb.HistorySync(
        syncType="RECENT",
        conversations=[
            pb.Conversation(id="nobody", messages=wrapped),
            pb.Conversation(id="1@g.us", messages=wrapped[:1]),
            pb.Conversation(id="2@g.us", messages=wrapped[:1]),
        ],
    )
    data = zlib.compress(piece.SerializeToString())
    read = read_all(data)
    for skip in range(len(read) + 1):
        assert list(parts(reader(data), is_add_on, skip=skip)) == read[skip:]


@given(histories(), st.data())
def test_a_piece_that_is_cut_short_is_refused(history: pb.HistorySync, data: st.DataObject) -> None:
    whole = zlib.compress(history.SerializeToString())
    cut = data.draw(st.integers(0, len(whole) - 5))
    with pytest.raises(DecodeError):
        overview(reader(whole[:cut]))


@given(st.binary(max_size=300))
def test_anything_else_is_refused_by_a_typed_error(data: bytes) -> None:
    for piece in (data, zlib.compress(data)):
        try:
            read_all(piece)
        except DecodeError:
            continue


@given(conversations())
def test_splitting_loses_nothing(chat: pb.Conversation) -> None:
    header, values = split(chat.SerializeToString(), 2)
    assert [pb.HistorySyncMsg.FromString(value) for value in values] == list(chat.messages)
    rest = pb.Conversation()
    rest.CopyFrom(chat)
    rest.ClearField("messages")
    assert pb.Conversation.FromString(header) == rest


@given(st.lists(st.binary(max_size=50), max_size=8), st.integers(0, 400))
def test_the_inflated_size_is_bounded(values: list[bytes], limit: int) -> None:
    plain = b"".join(b"\x0a" + bytes([len(value)]) + value for value in values)
    fields = DeflatedFields(reader(zlib.compress(plain)), max_size=limit, max_field=1 << 20)
    if len(plain) > limit:
        with pytest.raises(DecodeError):
            list(fields)
    else:
        assert list(fields) == [(1, value) for value in values]
