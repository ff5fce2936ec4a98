"""Add-ons: whose addresses enter the key, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from waport.crypto import aes_gcm_encrypt, hkdf
from waport.errors import CryptoError, DecodeError, InvalidInput
from waport.model.contents import (
    Attendance,
    EncryptedComment,
    EventAnswer,
    Poll,
    PollVote,
    Reaction,
    Sealed,
    SecretEdit,
    TargetKey,
)
from waport.proto import pb
from waport.stanza.addons import (
    AddOn,
    Original,
    answer_event,
    cast_vote,
    open_event_response,
    open_message,
    open_reaction,
    open_vote,
    option_hash,
    seal,
    seal_comment,
    seal_edit,
    seal_reaction,
    unseal,
)
from waport.stanza.bot import bot_secret, open_bot_reply
from waport.wire import Jid

AUTHOR_LID, AUTHOR_PN = Jid("1001", "lid"), Jid("491700000001", "s.whatsapp.net")
SENDER_LID, SENDER_PN = Jid("1002", "lid"), Jid("491700000002", "s.whatsapp.net")
BOTH_AUTHORS, BOTH_SENDERS = (AUTHOR_PN, AUTHOR_LID), (SENDER_PN, SENDER_LID)
SECRET = bytes(range(32))
TARGET = TargetKey("3EB0AA")
POLL = Poll("q", ("a", "b", "c"), selectable=2)


def original(*authors: Jid) -> Original:
    return Original("3EB0AA", authors, SECRET)


@pytest.mark.parametrize("author", BOTH_AUTHORS)
@pytest.mark.parametrize("sender", BOTH_SENDERS)
@pytest.mark.parametrize("add_on", list(AddOn))
def test_an_add_on_opens_whatever_address_kinds_it_was_sealed_with(
    author: Jid, sender: Jid, add_on: AddOn
) -> None:
    sealed = seal(add_on, b"inside", original(author), [sender])
    assert unseal(add_on, sealed, original(*BOTH_AUTHORS), BOTH_SENDERS) == b"inside"


def test_we_seal_with_the_address_kind_of_the_original() -> None:
    sealed = seal(AddOn.REACTION, b"x", original(AUTHOR_LID, AUTHOR_PN), BOTH_SENDERS)
    assert unseal(AddOn.REACTION, sealed, original(AUTHOR_LID), [SENDER_LID]) == b"x"
    sealed = seal(AddOn.REACTION, b"x", original(AUTHOR_PN, AUTHOR_LID), BOTH_SENDERS)
    assert unseal(AddOn.REACTION, sealed, original(AUTHOR_PN), [SENDER_PN]) == b"x"


def test_devices_do_not_enter_the_key() -> None:
    sealed = seal(AddOn.REACTION, b"x", original(AUTHOR_LID.with_device(2)), [SENDER_LID])
    assert unseal(AddOn.REACTION, sealed, original(AUTHOR_LID), [SENDER_LID.with_device(9)]) == b"x"


def test_every_iv_is_fresh() -> None:
    made = {seal(AddOn.REACTION, b"x", original(AUTHOR_LID), [SENDER_LID]).iv for _ in range(5)}
    assert len(made) == 5


@pytest.mark.parametrize("add_on", list(AddOn))
def test_an_add_on_is_no_other_one(add_on: AddOn) -> None:
    sealed = seal(add_on, b"x", original(AUTHOR_LID), [SENDER_LID])
    for other in AddOn:
        if other is not add_on:
            with pytest.raises(CryptoError):
                unseal(other, sealed, original(AUTHOR_LID), [SENDER_LID])


SEALED = seal(AddOn.POLL_VOTE, b"", original(AUTHOR_LID), [SENDER_LID])


@pytest.mark.parametrize(
    ("sealed", "poll", "senders"),
    [
        (SEALED, original(AUTHOR_LID), [SENDER_PN]),
        (SEALED, original(SENDER_LID), [SENDER_LID]),
        (SEALED, original(), [SENDER_LID]),
        (SEALED, original(AUTHOR_LID), []),
        (SEALED, replace(original(AUTHOR_LID), id="3EB0BB"), [SENDER_LID]),
        (SEALED, replace(original(AUTHOR_LID), secret=bytes(32)), [SENDER_LID]),
        (SEALED, replace(original(AUTHOR_LID), secret=b"short"), [SENDER_LID]),
        (replace(SEALED, iv=b""), original(AUTHOR_LID), [SENDER_LID]),
        (replace(SEALED, iv=bytes(16)), original(AUTHOR_LID), [SENDER_LID]),
        (replace(SEALED, payload=b""), original(AUTHOR_LID), [SENDER_LID]),
        (replace(SEALED, payload=SEALED.payload[:-1]), original(AUTHOR_LID), [SENDER_LID]),
    ],
)
def test_what_does_not_fit_can_not_be_opened(
    sealed: Sealed, poll: Original, senders: list[Jid]
) -> None:
    with pytest.raises(CryptoError):
        open_vote(PollVote(TARGET, sealed), poll, senders)


def test_sealing_needs_a_secret_and_both_people() -> None:
    with pytest.raises(CryptoError):
        seal(AddOn.REACTION, b"", Original("1", (AUTHOR_LID,), b"short"), [SENDER_LID])
    with pytest.raises(InvalidInput):
        seal(AddOn.REACTION, b"", original(), [SENDER_LID])
    with pytest.raises(InvalidInput):
        seal(AddOn.REACTION, b"", original(AUTHOR_LID), [])


@pytest.mark.parametrize("chosen", [["d"], ["a", "b", "c"], ["a", ""]])
def test_a_vote_the_poll_does_not_allow_is_refused(chosen: list[str]) -> None:
    with pytest.raises(InvalidInput):
        cast_vote(POLL, chosen, TARGET, original(AUTHOR_LID), [SENDER_LID], timestamp_ms=1)


def test_the_same_answer_twice_is_one_choice() -> None:
    vote = cast_vote(
        POLL, ["a", "a", "b"], TARGET, original(AUTHOR_LID), [SENDER_LID], timestamp_ms=7
    )
    choices = open_vote(vote, original(AUTHOR_LID), [SENDER_LID])
    assert choices == (option_hash("a"), option_hash("b"))
    assert (vote.poll, vote.timestamp_ms) == (TARGET, 7)


def test_a_vote_that_is_no_protobuf_or_endless_is_refused() -> None:
    for plaintext in (b"\xff", b"\x0a\x00" * 300):
        sealed = seal(AddOn.POLL_VOTE, plaintext, original(AUTHOR_LID), [SENDER_LID])
        with pytest.raises(DecodeError):
            open_vote(PollVote(TARGET, sealed), original(AUTHOR_LID), [SENDER_LID])


def test_an_answer_to_an_event_comes_back() -> None:
    answer = EventAnswer(Attendance.MAYBE, 1_735_689_600_000, 2)
    response = answer_event(answer, TARGET, original(AUTHOR_LID), [SENDER_LID])
    assert open_event_response(response, original(AUTHOR_LID), [SENDER_LID]) == answer


def test_an_answer_that_the_schema_does_not_know_reads_as_unknown() -> None:
    sealed = seal(AddOn.EVENT_RESPONSE, b"\x08\x63", original(AUTHOR_LID), [SENDER_LID])
    response = replace(
        answer_event(EventAnswer(Attendance.GOING, 1), TARGET, original(AUTHOR_LID), [SENDER_LID]),
        sealed=sealed,
    )
    opened = open_event_response(response, original(AUTHOR_LID), [SENDER_LID])
    assert opened.attendance is Attendance.UNKNOWN


def test_an_answer_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidInput):
        answer_event(
            EventAnswer(Attendance.GOING, 1, 2**40), TARGET, original(AUTHOR_LID), [SENDER_LID]
        )


@pytest.mark.parametrize("text", ["👍", ""])
def test_a_reaction_comes_back_with_its_target(text: str) -> None:
    reaction = Reaction(TARGET, text, 1_735_689_600_000)
    sealed = seal_reaction(reaction, original(AUTHOR_LID), [SENDER_LID])
    assert open_reaction(sealed, original(AUTHOR_LID), [SENDER_LID]) == reaction


def test_a_reaction_can_not_name_another_target_inside() -> None:
    inner = pb.ReactionMessage(text="x", key=pb.MessageKey(id="other"))
    sealed = replace(
        seal_reaction(Reaction(TARGET, "x"), original(AUTHOR_LID), [SENDER_LID]),
        sealed=seal(AddOn.REACTION, inner.SerializeToString(), original(AUTHOR_LID), [SENDER_LID]),
    )
    assert open_reaction(sealed, original(AUTHOR_LID), [SENDER_LID]).target == TARGET


def test_a_comment_comes_back() -> None:
    content = pb.Message(conversation="a comment")
    comment = seal_comment(content, TARGET, original(AUTHOR_LID), [SENDER_LID])
    assert open_message(comment, original(AUTHOR_LID), [SENDER_LID]) == content


@pytest.mark.parametrize(
    "kind",
    [
        SecretEdit.EVENT_EDIT,
        SecretEdit.MESSAGE_EDIT,
        SecretEdit.POLL_EDIT,
        SecretEdit.POLL_ADD_OPTION,
    ],
)
def test_an_encrypted_edit_comes_back(kind: SecretEdit) -> None:
    content = pb.Message(conversation="edited")
    edit = seal_edit(kind, content, TARGET, original(AUTHOR_LID), [SENDER_LID])
    assert edit.kind is kind
    assert open_message(edit, original(AUTHOR_LID), [SENDER_LID]) == content


def test_an_added_option_opens_under_the_older_label_too() -> None:
    content = pb.Message(conversation="d")
    sealed = seal(AddOn.POLL_EDIT, content.SerializeToString(), original(AUTHOR_LID), [SENDER_LID])
    edit = seal_edit(
        SecretEdit.POLL_ADD_OPTION, content, TARGET, original(AUTHOR_LID), [SENDER_LID]
    )
    old = replace(edit, sealed=sealed)
    assert open_message(old, original(AUTHOR_LID), [SENDER_LID]) == content


def test_an_edit_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InvalidInput):
        seal_edit(SecretEdit.UNKNOWN, pb.Message(), TARGET, original(AUTHOR_LID), [SENDER_LID])
    edit = seal_edit(SecretEdit.POLL_EDIT, pb.Message(), TARGET, original(AUTHOR_LID), [SENDER_LID])
    with pytest.raises(CryptoError):
        open_message(replace(edit, kind=SecretEdit.UNKNOWN), original(AUTHOR_LID), [SENDER_LID])


def test_a_comment_that_is_no_content_is_refused() -> None:
    sealed = seal(AddOn.COMMENT, b"\xff", original(AUTHOR_LID), [SENDER_LID])
    with pytest.raises(DecodeError):
        open_message(EncryptedComment(TARGET, sealed), original(AUTHOR_LID), [SENDER_LID])


BOT = Jid("867051314767696", "bot")


def bot_reply(plaintext: bytes) -> bytes:
    # The formula of the description, step by step.
    base = hkdf(SECRET, b"", b"Bot Message", 32)
    assert bot_secret(SECRET) == base
    key = hkdf(base, b"", f"3EB0AA{SENDER_LID}{BOT}".encode(), 32)
    payload = aes_gcm_encrypt(key, bytes(12), plaintext, f"3EB0AA\0{BOT}".encode())
    return pb.MessageSecretMessage(
        version=1, encIv=bytes(12), encPayload=payload
    ).SerializeToString()


def test_a_reply_of_the_bot_opens() -> None:
    content = pb.Message(conversation="an answer")
    body = bot_reply(content.SerializeToString())
    opened = open_bot_reply(body, SECRET, message_id="3EB0AA", prompter=SENDER_LID, bot=BOT)
    assert opened == content


def test_a_reply_of_the_bot_to_somebody_else_does_not_open() -> None:
    with pytest.raises(CryptoError):
        open_bot_reply(bot_reply(b""), SECRET, message_id="3EB0AA", prompter=AUTHOR_LID, bot=BOT)


@pytest.mark.parametrize("body", [b"\xff", b""])
def test_a_reply_of_the_bot_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises((DecodeError, CryptoError)):
        open_bot_reply(body, SECRET, message_id="3EB0AA", prompter=SENDER_LID, bot=BOT)
