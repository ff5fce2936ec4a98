"""Add-ons that nobody's client would send: they have no effect, and nothing breaks."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from google.protobuf.message import DecodeError as ProtobufError

from support.account import NOW, OWN_LID, PEER_LID, PEER_PN, Account
from support.addons import ANN_LID, GROUP, Conversation, group_of, key_in, mine, original, yours
from waport.client import addons
from waport.client.work import Work
from waport.errors import DecodeError
from waport.model import Message, MessageKind
from waport.model.contents import (
    ChatTimer,
    Content,
    Edit,
    EncryptedComment,
    Event,
    EventAnswer,
    Keep,
    MemberLabel,
    Pin,
    Poll,
    Reaction,
    Revoke,
    SecretEdit,
    TargetKey,
    Text,
)
from waport.model.contents.polls import Attendance
from waport.proto import pb
from waport.stanza.addons import (
    AddOn,
    answer_event,
    cast_vote,
    seal,
    seal_edit,
    seal_reaction,
)
from waport.stanza.contents import DecodedMessage, encode, read_message, write_message
from waport.wire import Jid

POLL = Poll("Lunch?", ("Yes", "No"))
NAMED = yours("M1", PEER_LID)
M1 = original("M1", PEER_LID)


@pytest.fixture
def talk(account: Account) -> Conversation:
    return Conversation(account)


def add_ons() -> Iterator[Content]:
    """One of each kind, about messages in the group."""
    yield Reaction(NAMED, "👍", 1)
    yield seal_reaction(Reaction(NAMED, "👍", 1), M1, [ANN_LID])
    yield cast_vote(POLL, ["Yes"], NAMED, M1, [ANN_LID], timestamp_ms=1)
    yield answer_event(EventAnswer(Attendance.GOING, 1), NAMED, M1, [ANN_LID])
    yield EncryptedComment(NAMED, seal(AddOn.COMMENT, b"", M1, [ANN_LID]))
    yield seal_edit(SecretEdit.MESSAGE_EDIT, encode(Text("x")), mine("M1"), M1, [PEER_LID])
    yield Edit(mine("M1"), Text("x"), 1)
    yield Revoke(yours("M2", PEER_LID))
    yield Pin(NAMED, duration_s=1)
    yield Keep(NAMED)
    yield ChatTimer(1, 1)
    yield MemberLabel("x")


def damaged(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(out))
        # Mostly in place, so that the lengths around it still hold.
        cut, put = rng.choice(((1, 1), (1, 1), (1, 1), (0, 1), (2, 0)))
        out[at : at + cut] = rng.randbytes(put)
    return bytes(out)


def arrive(work: Work, data: bytes, number: int, sender: Jid, chat: Jid) -> bool:
    """What the handler of messages does with a decrypted content; whether it is an add-on."""
    message = pb.Message()
    try:
        message.ParseFromString(data)
        content = read_message(message).content
    except (ProtobufError, DecodeError):
        return False
    key = key_in(chat, f"A{number}", PEER_PN if sender == PEER_LID else sender)
    stored = work.store.messages.add(Message(key, NOW, data, MessageKind.ADD_ON))
    addons.apply(work, addons.Arrival(key, sender, chat, content, NOW, stored))
    return addons.is_add_on(content)


@pytest.mark.parametrize("first", [Text("hello"), POLL, Event("Lunch", starts_at=NOW), None])
async def test_damaged_add_ons_break_nothing(talk: Conversation, first: Content | None) -> None:
    await talk.know(group_of())
    if first is not None:
        await talk.post(first, chat=GROUP)
    rng = random.Random(20)
    samples = [write_message(DecodedMessage(each)).SerializeToString() for each in add_ons()]

    arrived = 0

    def job(work: Work) -> None:
        nonlocal arrived
        for number in range(1000):
            data = damaged(rng, rng.choice(samples))
            sender = rng.choice((ANN_LID, PEER_LID, OWN_LID))
            chat = rng.choice((GROUP, PEER_PN))
            arrived += arrive(work, data, number, sender, chat)

    await talk.run(job)
    assert arrived > 100


@pytest.mark.parametrize(
    "participant",
    ["s.whatsapp.net", "120363000000000001@g.us", "status@broadcast", "1-5@interop", "x@y"],
)
async def test_an_author_that_is_no_person_is_harmless(
    talk: Conversation, participant: str
) -> None:
    await talk.know(group_of())
    await talk.post(Text("hello"), chat=GROUP)
    named = TargetKey("M1", GROUP, False, Jid.parse(participant))
    for content in (Reaction(named, "👍"), Revoke(named), Pin(named), Edit(named, Text("x"))):
        await talk.add(content, sender=ANN_LID, chat=GROUP)
    assert (await talk.message(chat=GROUP)).text == "hello"


async def test_what_waited_and_cannot_be_read_is_passed_over(talk: Conversation) -> None:
    deep = pb.Message(conversation="x")
    for _ in range(7):
        deep = pb.Message(ephemeralMessage=pb.FutureProofMessage(message=deep))
    with pytest.raises(DecodeError):
        read_message(deep)

    def job(work: Work) -> None:
        key = key_in(PEER_PN, "DEEP", PEER_PN)
        kept = work.store.messages.add(
            Message(key, NOW, deep.SerializeToString(), MessageKind.ADD_ON)
        )
        assert kept is not None
        work.store.add_ons.wait(PEER_PN, "M1", kept.seq)

    await talk.run(job)
    assert await talk.add(Edit(mine("M1"), Text("two"), 1)) == []
    assert len(await talk.post(Text("one"))) == 1
