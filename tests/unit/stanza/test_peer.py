from __future__ import annotations

from typing import Literal

import pytest

from waport.errors import DecodeError, InvalidInput
from waport.model.contents import TargetKey
from waport.proto import pb
from waport.signal import Ciphertext
from waport.stanza.peer import (
    MAX_MAPPINGS,
    MAX_PLACEHOLDERS,
    PhoneCopy,
    PushPriority,
    build_peer_message,
    history_request,
    is_privacy_sensitive,
    parse_mapping_sync,
    parse_phone_copy,
    parse_placeholder_answers,
    placeholder_request,
    push_priority,
)
from waport.wire import Jid, Node

OWN = Jid("15550001111", "s.whatsapp.net", 1)
PEER = Jid("15550002222", "s.whatsapp.net")
GROUP = Jid("120363000000000001", "g.us")
CAROL = Jid("100000000000003", "lid")
RESPONSE = pb.ProtocolMessage.PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE
Result = pb.PeerDataOperationRequestResponseMessage.PeerDataOperationResult


def build(kind: Literal["pkmsg", "msg"], *, sensitive: bool = False) -> Node:
    return build_peer_message(
        "3EB0AA",
        OWN.bare,
        Ciphertext(kind, b"body"),
        device_identity=b"identity",
        priority=PushPriority.HIGH_FORCE,
        privacy_sensitive=sensitive,
    )


def info(**fields: object) -> pb.WebMessageInfo:
    key = pb.MessageKey(remoteJid=str(PEER), fromMe=False, id="3EB0BB")
    content = pb.Message(conversation="hello")
    values: dict[str, object] = {"key": key, "message": content, "messageTimestamp": 1_700_000_000}
    return pb.WebMessageInfo(**{**values, **fields})  # type: ignore[arg-type]


def answer(*infos: bytes, kind: int = pb.PLACEHOLDER_MESSAGE_RESEND) -> pb.ProtocolMessage:
    response = pb.PeerDataOperationRequestResponseMessage(stanzaId="3EB0AA")
    response.peerDataOperationRequestType = kind  # type: ignore[assignment]
    for data in infos:
        result = response.peerDataOperationResult.add()
        result.placeholderMessageResendResponse.webMessageInfoBytes = data
    return pb.ProtocolMessage(type=RESPONSE, peerDataOperationRequestResponseMessage=response)


# --- the stanza ----------------------------------------------------------------------------------


def test_a_peer_message_has_one_bare_ciphertext_for_the_own_account() -> None:
    assert build("msg") == Node(
        "message",
        {
            "id": "3EB0AA",
            "to": OWN.bare,
            "type": "text",
            "category": "peer",
            "push_priority": "high_force",
        },
        [
            Node("meta", {"appdata": "default"}),
            Node("enc", {"v": "2", "type": "msg"}, b"body"),
        ],
    )


def test_only_a_first_peer_message_brings_our_identity() -> None:
    assert build("pkmsg").child("device-identity").data == b"identity"
    assert build("msg").find("device-identity") is None


def test_a_question_for_old_history_says_that_it_is_private() -> None:
    assert build("msg", sensitive=True).get("privacy_sensitive") == "1"


# --- what is asked -------------------------------------------------------------------------------


def test_a_placeholder_request_names_each_message_as_its_stanza_did() -> None:
    content = placeholder_request(
        [TargetKey("3EB0BB", PEER), TargetKey("3EB0CC", GROUP, participant=CAROL)]
    )
    request = content.protocolMessage.peerDataOperationRequestMessage
    assert content.protocolMessage.type == 16
    assert request.peerDataOperationRequestType == 4
    first, second = (each.messageKey for each in request.placeholderMessageResendRequest)
    # remoteJid, fromMe (written even when false), id.
    expected = (
        bytes.fromhex("0a1a") + str(PEER).encode() + bytes.fromhex("1000") + b"\x1a\x063EB0BB"
    )
    assert first.SerializeToString() == expected
    assert (second.remoteJid, second.participant) == (str(GROUP), str(CAROL))
    assert push_priority(content) is PushPriority.HIGH_FORCE
    assert not is_privacy_sensitive(content)


@pytest.mark.parametrize("count", [0, MAX_PLACEHOLDERS + 1])
def test_a_placeholder_request_is_for_1_to_50_messages(count: int) -> None:
    with pytest.raises(InvalidInput):
        placeholder_request([TargetKey(str(n), PEER) for n in range(count)])


def test_a_history_request_gives_seconds_in_the_field_for_milliseconds() -> None:
    content = history_request(TargetKey("3EB0BB", PEER, from_me=True), 1_700_000_000, 50)
    request = content.protocolMessage.peerDataOperationRequestMessage
    asked = request.historySyncOnDemandRequest
    assert (content.protocolMessage.type, request.peerDataOperationRequestType) == (16, 3)
    assert (asked.chatJid, asked.oldestMsgId, asked.oldestMsgFromMe) == (str(PEER), "3EB0BB", True)
    assert (asked.onDemandMsgCount, asked.oldestMsgTimestampMs) == (50, 1_700_000_000)
    assert push_priority(content) is PushPriority.HIGH_FORCE
    assert is_privacy_sensitive(content)


@pytest.mark.parametrize(
    ("chat", "timestamp", "count"),
    [(None, 1, 50), (PEER, -1, 50), (PEER, 1 << 53, 50), (PEER, 1, 0), (PEER, 1, 1001)],
)
def test_a_history_request_that_makes_no_sense_is_refused(
    chat: Jid | None, timestamp: int, count: int
) -> None:
    with pytest.raises(InvalidInput):
        history_request(TargetKey("3EB0BB", chat), timestamp, count)


@pytest.mark.parametrize(
    ("operation", "expected"),
    [(0, "high"), (1, "high"), (2, "high_force"), (6, "high"), (8, "high"), (9, "high_force")],
)
def test_the_priority_goes_by_the_data_operation(operation: int, expected: str) -> None:
    content = pb.Message()
    request = content.protocolMessage.peerDataOperationRequestMessage
    request.peerDataOperationRequestType = operation  # type: ignore[assignment]
    assert push_priority(content).value == expected


def test_a_request_for_app_state_keys_has_the_plain_priority() -> None:
    content = pb.Message()
    content.protocolMessage.type = pb.ProtocolMessage.APP_STATE_SYNC_KEY_REQUEST
    assert push_priority(content) is PushPriority.HIGH
    assert not is_privacy_sensitive(content)


# --- what the phone answers ----------------------------------------------------------------------


def test_an_answer_gives_the_messages_that_the_phone_has() -> None:
    message = answer(info(pushName="Bob").SerializeToString())
    response = message.peerDataOperationRequestResponseMessage
    response.peerDataOperationResult.add().mediaUploadResult = pb.MediaRetryNotification.NOT_FOUND
    (copy,) = parse_placeholder_answers(message)
    content = pb.Message(conversation="hello").SerializeToString()
    assert copy == PhoneCopy("3EB0BB", PEER, False, None, 1_700_000_000, "Bob", content)


def test_the_author_in_a_group_stands_in_the_key_or_beside_it() -> None:
    key = pb.MessageKey(remoteJid=str(GROUP), fromMe=False, id="3EB0BB")
    beside = info(key=key, participant=str(CAROL))
    assert parse_phone_copy(beside.SerializeToString()).participant == CAROL
    key.participant = str(CAROL)
    inside = info(key=key, participant="15559999999@s.whatsapp.net")
    assert parse_phone_copy(inside.SerializeToString()).participant == CAROL


def test_a_secret_beside_the_content_is_put_inside() -> None:
    secret = bytes(range(32))
    content = pb.Message.FromString(
        parse_phone_copy(info(messageSecret=secret).SerializeToString()).content
    )
    assert content.messageContextInfo.messageSecret == secret
    inner = pb.Message(conversation="hello")
    inner.messageContextInfo.messageSecret = bytes(32)
    both = info(message=inner, messageSecret=secret)
    kept = pb.Message.FromString(parse_phone_copy(both.SerializeToString()).content)
    assert kept.messageContextInfo.messageSecret == bytes(32)
    short = pb.Message.FromString(
        parse_phone_copy(info(messageSecret=b"short").SerializeToString()).content
    )
    assert not short.HasField("messageContextInfo")


def test_one_bad_message_in_an_answer_spoils_nothing_else() -> None:
    good = info().SerializeToString()
    no_content = info(message=None).SerializeToString()
    no_id = info(key=pb.MessageKey(remoteJid=str(PEER))).SerializeToString()
    no_chat = info(key=pb.MessageKey(id="3EB0BB", remoteJid="nonsense")).SerializeToString()
    bad = [b"\xff\xff", no_content, no_id, no_chat, b""]
    assert len(parse_placeholder_answers(answer(*bad, good))) == 1
    for data in bad[:4]:
        with pytest.raises(DecodeError):
            parse_phone_copy(data)


def test_text_that_is_no_text_and_absurd_times_harm_nothing() -> None:
    data = info(messageTimestamp=(1 << 64) - 1).SerializeToString() + b"\x9a\x01\x02\xff\xfe"
    copy = parse_phone_copy(data)
    assert (copy.timestamp, copy.push_name) == (0, "\ufffd\ufffd")


def test_an_answer_to_something_else_holds_no_messages() -> None:
    data = info().SerializeToString()
    assert parse_placeholder_answers(answer(data, kind=pb.HISTORY_SYNC_ON_DEMAND)) == ()
    other = answer(data)
    other.type = pb.ProtocolMessage.PEER_DATA_OPERATION_REQUEST_MESSAGE
    assert parse_placeholder_answers(other) == ()


def test_no_more_messages_are_taken_than_were_asked_for() -> None:
    many = [info().SerializeToString()] * (MAX_PLACEHOLDERS + 10)
    assert len(parse_placeholder_answers(answer(*many))) == MAX_PLACEHOLDERS


# --- address pairs -------------------------------------------------------------------------------


def test_a_mapping_sync_is_read_from_plain_protobuf() -> None:
    # One pair: pn 15550001111 (1), assignedLid 100000000000001 (2), latestLid 100000000000009 (3).
    pair = bytes.fromhex("08d7dfe8f639108180e983b1de16188980e983b1de16")
    pairs = parse_mapping_sync(b"\x0a" + bytes([len(pair)]) + pair)
    assert pairs == ((OWN.bare, Jid("100000000000009", "lid")),)


def test_without_a_later_lid_the_assigned_one_counts() -> None:
    payload = pb.LIDMigrationMappingSyncPayload()
    payload.pnToLidMappings.add(pn=15550001111, assignedLid=7)
    payload.pnToLidMappings.add(pn=15550002222, assignedLid=8, latestLid=0)
    lids = [lid.user for _, lid in parse_mapping_sync(payload.SerializeToString())]
    assert lids == ["7", "8"]


def test_pairs_without_a_number_or_lid_are_left_out() -> None:
    payload = pb.LIDMigrationMappingSyncPayload()
    payload.pnToLidMappings.add(pn=0, assignedLid=7)
    payload.pnToLidMappings.add(pn=15550002222)
    payload.pnToLidMappings.add(pn=10**15, assignedLid=7)
    assert parse_mapping_sync(payload.SerializeToString()) == ()


def test_a_mapping_sync_is_bounded_and_nonsense_is_refused() -> None:
    payload = pb.LIDMigrationMappingSyncPayload()
    for number in range(1, MAX_MAPPINGS + 10):
        payload.pnToLidMappings.add(pn=number, assignedLid=number)
    assert len(parse_mapping_sync(payload.SerializeToString())) == MAX_MAPPINGS
    with pytest.raises(DecodeError):
        parse_mapping_sync(b"\xff\xff\xff")
