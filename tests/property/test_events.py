"""Events of whatever others may write: they are always made, and always JSON."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NoReturn

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message as Protobuf
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given, settings
from hypothesis import strategies as st

from waport.events import Frame, render
from waport.model import (
    Ack,
    AckChanged,
    Message,
    MessageAdded,
    MessageEdited,
    MessageKey,
    MessageKind,
    MessageRevoked,
    MessageUndecryptable,
    VoteChanged,
)
from waport.proto import pb
from waport.wire import Jid

OWN = Jid("15550001111", "s.whatsapp.net", 7)
BOB = Jid("15559990000", "s.whatsapp.net")
GROUP = Jid("120363000000000001", "g.us")
TEXT = "http://ok?"
NUMBER = 1.5
_NESTED = (FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_GROUP)
_VALUES: dict[int, object] = {
    FieldDescriptor.TYPE_STRING: TEXT,
    FieldDescriptor.TYPE_BYTES: TEXT.encode(),
    FieldDescriptor.TYPE_DOUBLE: NUMBER,
    FieldDescriptor.TYPE_FLOAT: NUMBER,
    FieldDescriptor.TYPE_BOOL: True,
}


def fill(message: Protobuf, depth: int) -> None:
    """Set every field of a message, and those of the messages in it down to a depth."""
    for field in message.DESCRIPTOR.fields:
        if field.type in _NESTED and field.message_type.GetOptions().map_entry:
            continue
        if field.type in _NESTED:
            if depth:
                part = getattr(message, field.name)
                fill(part.add() if field.is_repeated else part, depth - 1)
            continue
        number = field.enum_type.values[-1].number if field.enum_type else 7
        value = _VALUES.get(field.type, number)
        if field.is_repeated:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)


def _branch(field: FieldDescriptor) -> bytes:
    message = pb.Message()
    if field.type in _NESTED:
        part = GetMessageClass(field.message_type)()
        fill(part, 2)
        getattr(message, field.name).CopyFrom(part)
    else:
        setattr(message, field.name, TEXT)
    return message.SerializeToString()


BRANCHES = {field.name: _branch(field) for field in pb.Message.DESCRIPTOR.fields}
NUMBERS = [struct.pack(form, NUMBER) for form in ("<d", "<f")]
BAD_TEXTS = [
    bad.ljust(len(TEXT), b")") for bad in (b"\xff", b"http://\xc3", b"\xed\xa0\x80", b"\0")
]
BAD_NUMBERS = [math.nan, math.inf, -math.inf, 2.0**100, -0.0]


def frames_of(content: bytes, *, chat: Jid = BOB, from_me: bool = False) -> Sequence[Frame]:
    key = MessageKey(chat, "AAA1", from_me, OWN.bare if from_me else BOB)
    message = Message(key, 1_700_000_100, content, MessageKind.OTHER, "Bob")
    return [
        frame
        for event in (
            MessageAdded(message),
            AckChanged(message, Ack.READ, BOB),
            MessageUndecryptable(message),
            MessageEdited(message, message),
            MessageRevoked(replace(message, kind=MessageKind.REVOKED), message, BOB),
            VoteChanged(message, key, BOB, (TEXT,), 1),
        )
        for frame in render(event, OWN)
    ]


def refuse(word: str) -> NoReturn:
    raise AssertionError(f"{word} is no JSON")


def check(content: bytes, **where: Any) -> None:
    for frame in frames_of(content, **where):
        assert json.loads(frame.text.encode(), parse_constant=refuse) == frame.data


@pytest.mark.parametrize("name", BRANCHES)
def test_every_content_makes_events_with_whatever_text_and_number(name: str) -> None:
    content = BRANCHES[name]
    assert pb.Message.FromString(content).HasField(name)
    for chat, from_me in ((BOB, False), (BOB, True), (GROUP, False)):
        check(content, chat=chat, from_me=from_me)
    for bad in BAD_TEXTS:
        check(content.replace(TEXT.encode(), bad))
    for number in BAD_NUMBERS:
        damaged = content.replace(NUMBERS[0], struct.pack("<d", number))
        with_float = struct.pack("<f", number) if number != 2.0**100 else NUMBERS[1]
        check(damaged.replace(NUMBERS[1], with_float))


Edit = tuple[float, int, bytes]
edits = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 9),
        st.one_of(st.binary(max_size=8), st.sampled_from(BAD_TEXTS)),
    ),
    max_size=6,
)


@settings(max_examples=400, deadline=None)
@given(name=st.sampled_from(list(BRANCHES)), edits=edits)
def test_damaged_contents_make_events_too(name: str, edits: list[Edit]) -> None:
    content = bytearray(BRANCHES[name])
    for place, length, new in edits:
        at = int(place * len(content))
        content[at : at + length] = new
    check(bytes(content))
