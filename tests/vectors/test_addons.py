"""The recorded add-ons, reporting tokens, participant hashes and message ids (payload.json)."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from waport.crypto import sha256
from waport.errors import CryptoError
from waport.model.contents import (
    Attendance,
    EventAnswer,
    EventResponse,
    Poll,
    PollVote,
    Sealed,
    TargetKey,
)
from waport.proto import pb
from waport.stanza.addons import (
    AddOn,
    Original,
    add_on_key,
    answer_event,
    cast_vote,
    open_event_response,
    open_vote,
    option_hash,
    seal,
    unseal,
)
from waport.stanza.content import parse_content
from waport.stanza.ids import message_id, participant_hash
from waport.stanza.reporting import reporting_node, reporting_token, wants_token
from waport.stanza.tally import chosen_options
from waport.wire import Jid

VECTORS: dict[str, Any] = json.loads(
    Path(__file__).with_name("payload.json").read_text(encoding="utf-8")
)
VOTES = VECTORS["poll_vote"]
TOKENS = [case for case in VECTORS["reporting_token"] if "token" in case]
RULES = [case for case in VECTORS["reporting_token"] if "rule" in case]


def fixed(value: str) -> Any:
    """A source of randomness that gives just these bytes."""
    data = bytes.fromhex(value)

    def random_bytes(size: int) -> bytes:
        assert size == len(data)
        return data

    return random_bytes


def original(case: dict[str, Any], id_field: str, author_field: str) -> Original:
    return Original(case[id_field], (Jid.parse(case[author_field]),), bytes.fromhex(case["secret"]))


# --- votes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", VOTES, ids=lambda case: case.get("reason", case["iv"]))
def test_a_vote_opens_or_is_refused_as_recorded(case: dict[str, Any]) -> None:
    vote = PollVote(
        TargetKey(case["poll_message_id"]),
        Sealed(bytes.fromhex(case["iv"]), bytes.fromhex(case["ciphertext"])),
    )
    poll_message = original(case, "poll_message_id", "creator")
    voter = [Jid.parse(case["voter"])]
    if case["expect"] == "reject":
        with pytest.raises(CryptoError):
            open_vote(vote, poll_message, voter)
        return
    poll = Poll("q", tuple(case["options"]), selectable=0)
    assert [option_hash(name).hex() for name in poll.options] == case["option_hashes"]
    assert chosen_options(poll, open_vote(vote, poll_message, voter)) == tuple(case["selected"])


@pytest.mark.parametrize(
    "case", [case for case in VOTES if case["expect"] == "accept"], ids=lambda case: case["iv"]
)
def test_a_vote_is_sealed_as_recorded(case: dict[str, Any]) -> None:
    poll_message = original(case, "poll_message_id", "creator")
    voter = Jid.parse(case["voter"])
    key = add_on_key(
        "Poll Vote", poll_message.id, poll_message.authors[0], voter, poll_message.secret
    )
    assert key.hex() == case["key"]
    vote = cast_vote(
        Poll("q", tuple(case["options"]), selectable=0),
        case["selected"],
        TargetKey(poll_message.id),
        poll_message,
        [voter],
        timestamp_ms=1,
        random_bytes=fixed(case["iv"]),
    )
    assert vote.sealed.payload.hex() == case["ciphertext"]


def test_the_vote_of_the_description_is_sealed_as_written_there() -> None:
    author, voter = Jid.parse("100000000000001@lid"), Jid.parse("100000000000002@lid")
    poll_message = Original("3EB0AAAAAAAAAAAAAAAAAA", (author,), bytes(range(32)))
    vote = cast_vote(
        Poll("q", ("Yes", "No")),
        ["Yes"],
        TargetKey(poll_message.id),
        poll_message,
        [voter],
        timestamp_ms=1,
        random_bytes=lambda size: bytes(size),
    )
    assert vote.sealed.payload.hex() == (
        "a65553178bbe9a9ef5d73e7aad6fd1df4a00c991d487cc9599a281c10b76bf03"
        "7ff993c2af8e2fe9dac05604db7d6ecb67d4"
    )
    reaction_key = add_on_key("Enc Reaction", poll_message.id, author, voter, poll_message.secret)
    assert reaction_key.hex() == (
        "dc2ec1dd700dc730c0638a41dfe47deb704bd45c95ee4e21729691695cec285e"
    )


# --- answers to events, and the rest ------------------------------------------------------------


@pytest.mark.parametrize("case", VECTORS["event_response"], ids=lambda case: case["iv"])
def test_an_event_response_is_sealed_and_opened_as_recorded(case: dict[str, Any]) -> None:
    event = original(case, "event_message_id", "creator")
    responder = [Jid.parse(case["responder"])]
    answer = EventAnswer(
        Attendance[case["json"]["response"]],
        int(case["json"]["timestampMs"]),
        case["json"]["extraGuestCount"],
    )
    sealed = Sealed(bytes.fromhex(case["iv"]), bytes.fromhex(case["ciphertext"]))
    response = EventResponse(TargetKey(event.id), sealed)
    assert open_event_response(response, event, responder) == answer
    made = answer_event(
        answer, TargetKey(event.id), event, responder, random_bytes=fixed(case["iv"])
    )
    assert made == response


@pytest.mark.parametrize("case", VECTORS["message_secret"], ids=lambda case: case["use"])
def test_other_add_ons_are_sealed_and_opened_as_recorded(case: dict[str, Any]) -> None:
    target = original(case, "message_id", "original_sender")
    sender = Jid.parse(case["modification_sender"])
    add_on = AddOn(case["label"])
    key = add_on_key(add_on, target.id, target.authors[0], sender, target.secret)
    assert key.hex() == case["key"]
    plaintext = bytes.fromhex(case["plaintext"])
    sealed = seal(add_on, plaintext, target, [sender], random_bytes=fixed(case["iv"]))
    assert sealed.payload.hex() == case["ciphertext"]
    assert unseal(add_on, sealed, target, [sender]) == plaintext


# --- reporting tokens ---------------------------------------------------------------------------


@pytest.mark.parametrize("case", TOKENS, ids=lambda case: next(iter(case["message_json"])))
def test_a_reporting_token_is_as_recorded(case: dict[str, Any]) -> None:
    content = bytes.fromhex(case["message"])
    secret = bytes.fromhex(case["secret"])
    chat, sender = Jid.parse(case["remote"]), Jid.parse(case["sender"])
    key = add_on_key("Report Token", case["message_id"], sender, chat, secret)
    assert key.hex() == case["key"]
    token = reporting_token(
        content, secret=secret, message_id=case["message_id"], sender=sender, chat=chat
    )
    assert token is not None
    assert token.hex() == case["token"]


def test_the_node_of_a_group_message_names_the_group_twice() -> None:
    case = TOKENS[0]
    content = parse_content(bytes.fromhex(case["message"]))
    chat, sender = Jid.parse(case["remote"]), Jid.parse(case["sender"])
    node = reporting_node(content, message_id=case["message_id"], sender=sender, chat=chat)
    assert node is not None
    token = node.child("reporting_token")
    assert token.attr("v") == case["version"]
    assert token.data == reporting_token(
        content.SerializeToString(),
        secret=bytes.fromhex(case["secret"]),
        message_id=case["message_id"],
        sender=chat,
        chat=chat,
    )


def test_the_token_of_the_description_is_as_written_there() -> None:
    token = reporting_token(
        b"\x0a\x02hi",
        secret=bytes(range(32)),
        message_id="3EB0AAAAAAAAAAAAAAAAAA",
        sender=Jid.parse("100000000000001@lid"),
        chat=Jid.parse("100000000000002@lid"),
    )
    assert token is not None
    assert token.hex() == "1846693954baa7bfb22e3c92ca2e4273"


@pytest.mark.parametrize("case", RULES, ids=lambda case: case["rule"])
def test_kinds_want_a_token_as_recorded(case: dict[str, Any]) -> None:
    samples = {
        "reaction": pb.Message(reactionMessage=pb.ReactionMessage(text="x")),
        "text": pb.Message(conversation="x"),
        "poll update": pb.Message(pollUpdateMessage=pb.PollUpdateMessage()),
        "encrypted reaction": pb.Message(encReactionMessage=pb.EncReactionMessage()),
        "image": pb.Message(imageMessage=pb.ImageMessage(caption="x")),
    }
    chat = Jid.parse("100000000000002@lid")
    assert wants_token(samples[case["rule"]], chat) is case["wants_token"]


# --- hashes and ids -----------------------------------------------------------------------------


@pytest.mark.parametrize("case", VECTORS["participant_hash"], ids=lambda case: case["phash"])
def test_a_participant_hash_is_as_recorded(case: dict[str, Any]) -> None:
    devices = []
    for name in case["strings"]:
        user, _, server = name.partition("@")
        number, _, device = user.partition(".0:")
        devices.append(Jid(number, server, int(device)))
    assert participant_hash(devices) == case["phash"]
    joined = "".join(sorted(case["strings"])).encode()
    assert case["phash"] == "2:" + base64.b64encode(sha256(joined)[:6]).decode()


@pytest.mark.parametrize("case", VECTORS["message_id"], ids=lambda case: case["id"])
def test_a_message_id_has_the_recorded_form(case: dict[str, Any]) -> None:
    assert re.fullmatch(case["regex"], case["id"])
    own = message_id("491700000000", 1_735_689_600)
    assert re.fullmatch(r"3EB0[0-9A-F]{18}", own)
