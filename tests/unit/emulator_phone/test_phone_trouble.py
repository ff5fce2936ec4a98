"""A phone that does not send what it should, and one that does not answer."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from waport.emulator.phone_trouble import Trouble
from waport.proto import pb
from waport.wire import Jid, Node

HELLO = pb.Message(conversation="hello")


def texts(phone: Any) -> list[str | None]:
    return [message.text for message in phone.messages()]


async def greet(server: Any, one: Any, other: Any) -> None:
    """Both have answered the other's session, so that what follows is a plain `msg`."""
    for sender, to in ((one, other), (other, one)):
        await sender.send_text(to.owner.own.pn, "greeting")
        await server.quiet()


def asked_again(server: Any, phone: Any) -> list[str]:
    receipts = server.stanzas("receipt", phone.owner.own.pn)
    return [node.attr("id") for node in receipts if node.get("type") == "retry"]


async def test_skipped_counters_are_made_up_for(server: Any, alice: Any, bob: Any) -> None:
    await greet(server, alice, bob)
    to = bob.owner.own.pn
    await alice.send_message(to, HELLO, "A1", trouble=Trouble(skip=1_000))
    await server.quiet()
    assert texts(bob)[-1] == "hello"
    await alice.send_message(to, HELLO, "A2", trouble=Trouble(skip=3_000))
    await server.quiet()
    # Too many: it is asked for until it comes in a new session.
    assert asked_again(server, bob) == ["A2", "A2"]
    assert texts(bob)[-2:] == ["hello", "hello"]


async def test_a_damaged_message_is_asked_for_again(server: Any, alice: Any, bob: Any) -> None:
    await greet(server, alice, bob)
    await alice.send_message(bob.owner.own.pn, HELLO, "A1", trouble=Trouble(is_damaged=True))
    await server.quiet()
    assert asked_again(server, bob) == ["A1"]
    assert texts(bob)[-1] == "hello", "the repetition is sound"


async def test_unknown_fields_do_no_harm_and_no_protobuf_is_refused(
    server: Any, alice: Any, bob: Any
) -> None:
    unknown = b"\xaa\xfa\x03\x04more"  # field 8101, four bytes
    await alice.send_message(bob.owner.own.pn, HELLO, trouble=Trouble(behind=unknown))
    await server.quiet()
    assert texts(bob) == ["hello"]
    await alice.send_message(bob.owner.own.pn, HELLO, trouble=Trouble(behind=b"\xff"))
    await server.quiet()
    assert texts(bob) == ["hello"]
    assert server.stanzas("ack", bob.owner.own.pn)[-1].get("error") == "491"


async def test_the_ciphertext_is_called_what_it_is_not(server: Any, alice: Any, bob: Any) -> None:
    await greet(server, alice, bob)
    trouble = Trouble(kind="xyz", version="9")
    await alice.send_message(bob.owner.own.pn, HELLO, "A1", trouble=trouble)
    await server.quiet()
    stanza = server.stanzas("message", alice.owner.own.pn)[-1]
    enc = stanza.child("participants").child("to").child("enc")
    assert (enc.get("type"), enc.get("v")) == ("xyz", "9")
    assert texts(bob)[-1] == "greeting"


async def test_trouble_is_ordered_by_the_admin_api(
    server: Any, http: httpx.AsyncClient, people: list[dict[str, str]]
) -> None:
    alice, bob = people
    path = f"/accounts/{alice['phone']}/send"
    behind = base64.b64encode(b"\xff").decode()
    body = {"to": bob["jid"], "text": "x", "trouble": {"behind": behind, "skip": 2}}
    assert (await http.post(path, json=body)).status_code == 200
    await server.quiet()
    assert server.stanzas("ack", Jid.parse(bob["jid"]))[-1].get("error") == "491"
    for trouble in (
        "much",
        {"unknown": 1},
        {"padding": "odd"},
        {"skip": -1},
        {"skip": 10**9},
        {"behind": "no base64"},
        {"damage": "yes"},
    ):
        answer = await http.post(path, json={**body, "trouble": trouble})
        assert answer.status_code == 400, trouble
    file = {"to": bob["jid"], "file": "", "mimetype": "a/b", "trouble": {"damage": True}}
    assert (await http.post(path, json=file)).status_code == 400


# --- phones that do not answer -------------------------------------------------------------------


def resend_request(*keys: pb.MessageKey) -> pb.Message:
    wanted = [
        pb.PeerDataOperationRequestMessage.PlaceholderMessageResendRequest(messageKey=key)
        for key in keys
    ]
    return pb.Message(
        protocolMessage=pb.ProtocolMessage(
            type=pb.ProtocolMessage.PEER_DATA_OPERATION_REQUEST_MESSAGE,
            peerDataOperationRequestMessage=pb.PeerDataOperationRequestMessage(
                peerDataOperationRequestType=pb.PLACEHOLDER_MESSAGE_RESEND,
                placeholderMessageResendRequest=wanted,
            ),
        )
    )


async def ask(server: Any, companion: Any, request: pb.Message, name: str) -> list[Any]:
    """The phone's answers to a peer message."""
    own = companion.person.jid
    attrs = {"id": name, "to": own, "type": "text", "category": "peer"}
    companion.received.clear()
    await companion.send(Node("message", dict(attrs)), own, request)
    await server.quiet()
    return [
        message.protocolMessage.peerDataOperationRequestResponseMessage
        for _, message in companion.received
        if message.protocolMessage.HasField("peerDataOperationRequestResponseMessage")
    ]


@pytest.fixture
async def companion(server: Any, alice: Any, link_companion: Any) -> Any:
    companion = link_companion(alice)
    await alice.linked(companion.jid)
    await server.quiet()
    return companion


async def test_the_phone_fills_in_what_it_got_and_what_it_sent(
    server: Any, alice: Any, bob: Any, companion: Any
) -> None:
    bob_jid = str(bob.owner.own.pn)
    await bob.send_text(alice.owner.own.pn, "in", "IN")
    await alice.send_text(bob.owner.own.pn, "out", "OUT")
    await server.quiet()
    keys = [
        pb.MessageKey(remoteJid=bob_jid, fromMe=False, id="IN"),
        pb.MessageKey(remoteJid=bob_jid, fromMe=True, id="OUT"),
    ]
    (answer,) = await ask(server, companion, resend_request(*keys), "ASK")
    assert answer.stanzaId == "ASK"
    assert answer.peerDataOperationRequestType == pb.PLACEHOLDER_MESSAGE_RESEND
    infos = [
        pb.WebMessageInfo.FromString(result.placeholderMessageResendResponse.webMessageInfoBytes)
        for result in answer.peerDataOperationResult
    ]
    assert [info.message.conversation for info in infos] == ["in", "out"]
    assert [info.key for info in infos] == keys
    assert (infos[0].pushName, infos[0].messageTimestamp) == ("Bob", 1_700_000_000)
    assert infos[1].status == pb.WebMessageInfo.SERVER_ACK


async def test_a_request_that_comes_as_an_own_copy_is_answered_too(
    server: Any, alice: Any, companion: Any
) -> None:
    request = resend_request(pb.MessageKey(remoteJid=str(companion.person.jid), id="NEVER"))
    copy = pb.DeviceSentMessage(destinationJid=str(companion.person.jid), message=request)
    (answer,) = await ask(server, companion, pb.Message(deviceSentMessage=copy), "ASK")
    assert answer.stanzaId == "ASK"
    assert alice.messages() == []


async def test_the_phone_may_have_lost_it_or_be_silent(
    server: Any, alice: Any, bob: Any, companion: Any
) -> None:
    await bob.send_text(alice.owner.own.pn, "in", "IN")
    await server.quiet()
    key = pb.MessageKey(remoteJid=str(bob.owner.own.pn), fromMe=False, id="IN")
    alice.habits.change({"placeholders": "refuse"})
    (answer,) = await ask(server, companion, resend_request(key), "ASK-1")
    (result,) = answer.peerDataOperationResult
    assert result.mediaUploadResult == pb.MediaRetryNotification.NOT_FOUND
    alice.habits.change({"placeholders": "ignore"})
    assert await ask(server, companion, resend_request(key), "ASK-2") == []
    alice.habits.change({"placeholders": "answer"})
    assert len(await ask(server, companion, resend_request(key), "ASK-3")) == 1


async def test_a_silent_phone_gives_no_keys(server: Any, alice: Any, companion: Any) -> None:
    request = pb.Message(
        protocolMessage=pb.ProtocolMessage(
            type=pb.ProtocolMessage.APP_STATE_SYNC_KEY_REQUEST,
            appStateSyncKeyRequest=pb.AppStateSyncKeyRequest(
                keyIds=[pb.AppStateSyncKeyId(keyId=alice.app_state.keys[0].id)]
            ),
        )
    )
    alice.habits.change({"keys": "ignore"})
    await ask(server, companion, request, "ASK-1")
    assert companion.received == []
    alice.habits.change({"keys": "answer"})
    await ask(server, companion, request, "ASK-2")
    assert len(companion.received) == 1


async def test_a_silent_phone_repeats_nothing(server: Any, alice: Any, bob: Any) -> None:
    alice.habits.change({"retries": "ignore"})
    await greet(server, alice, bob)
    await alice.send_message(bob.owner.own.pn, HELLO, "A1", trouble=Trouble(is_damaged=True))
    await server.quiet()
    assert asked_again(server, bob) == ["A1"]
    assert texts(bob)[-1] == "greeting"


async def test_habits_are_changed_by_the_admin_api(
    http: httpx.AsyncClient, people: list[dict[str, str]]
) -> None:
    path = f"/accounts/{people[0]['phone']}/habits"
    usual = dict.fromkeys(
        ("placeholders", "media", "keys", "state", "retries", "history"), "answer"
    )
    assert (await http.get(path)).json() == usual
    changed = await http.post(path, json={"media": "refuse", "keys": "ignore"})
    assert changed.json() == {**usual, "media": "refuse", "keys": "ignore"}
    for body in ({"media": "no"}, {"sleep": "ignore"}, {"retries": "refuse"}):
        assert (await http.post(path, json=body)).status_code == 400
    assert (await http.get(path)).json() == changed.json()
