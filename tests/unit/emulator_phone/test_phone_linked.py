"""What a new companion gets from its phone, and what it may ask it for."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from waport.emulator import appstate
from waport.errors import QueryError
from waport.proto import pb
from waport.wire import Jid, Node

ALICE, BOB = "15550001111", "15550002222"


@pytest.fixture
async def companion(alice: Any, link_companion: Any) -> Any:
    return link_companion(alice)


def protocol_messages(companion: Any) -> list[pb.ProtocolMessage]:
    return [
        message.protocolMessage
        for _, message in companion.received
        if message.HasField("protocolMessage")
    ]


async def ask(companion: Any, request: pb.ProtocolMessage, name: str = "ASK-1") -> None:
    """Send the phone a peer message."""
    phone = companion.person.jid
    stanza = Node(
        "message",
        {"id": name, "to": phone, "type": "text", "category": "peer", "push_priority": "high"},
    )
    await companion.send(stanza, phone, pb.Message(protocolMessage=request))
    await companion.server.quiet()


async def test_keys_come_first_and_then_the_history(
    server: Any, alice: Any, companion: Any
) -> None:
    await alice.linked(companion.jid)
    await server.quiet()
    share, notice = protocol_messages(companion)
    assert share.type == pb.ProtocolMessage.APP_STATE_SYNC_KEY_SHARE
    assert notice.type == pb.ProtocolMessage.HISTORY_SYNC_NOTIFICATION
    for stanza, _message in companion.received:
        assert stanza.attr("category") == "peer"
        assert stanza.jid("from") == alice.owner.own.pn
        assert stanza.child("enc").attr("type") == "pkmsg"
        assert stanza.find("device-identity") is None


async def test_the_shared_key_opens_the_own_name(server: Any, alice: Any, companion: Any) -> None:
    await alice.linked(companion.jid)
    await server.quiet()
    (key,) = protocol_messages(companion)[0].appStateSyncKeyShare.keys
    assert len(key.keyId.keyId) == 6
    assert len(key.keyData.keyData) == 32
    asked = Node(
        "iq",
        {"id": "1", "type": "set", "xmlns": "w:sync:app:state"},
        [
            Node(
                "sync",
                {},
                [
                    Node(
                        "collection",
                        {"name": "critical_block", "version": "0", "return_snapshot": "false"},
                    )
                ],
            )
        ],
    )
    answer = await alice.app_state_query(1, asked)
    collection = answer.child("sync").child("collection")
    (patch,) = collection.child("patches").children()
    keys = {
        key.keyId.keyId: appstate.SyncKey(
            key.keyId.keyId, key.keyData.keyData, key.keyData.timestamp
        )
    }
    state, mutations = appstate.apply_patch(
        "critical_block", appstate.Replica(), pb.SyncdPatch.FromString(patch.data), keys
    )
    assert state.version == collection.int_attr("version") == 1
    values = {mutation.index: mutation.value for mutation in mutations}
    assert values["setting_pushName",].pushNameSetting.name == "Alice"
    assert values["setting_locale",].localeSetting.locale == "en_US"


async def test_the_history_is_inside_its_notice(
    server: Any, alice: Any, companion: Any, bob: Any
) -> None:
    await bob.send_text(alice.owner.own.pn, "hello")
    await server.quiet()
    await alice.linked(companion.jid)
    await server.quiet()
    notice = protocol_messages(companion)[1].historySyncNotification
    assert notice.syncType == pb.INITIAL_BOOTSTRAP
    payload = notice.initialHistBootstrapInlinePayload
    assert notice.fileLength == len(payload)
    history = pb.HistorySync.FromString(zlib.decompress(payload))
    assert history.syncType == pb.HistorySync.INITIAL_BOOTSTRAP
    assert history.progress == 100
    names = {entry.id: entry.pushname for entry in history.pushnames}
    assert names[str(alice.owner.own.pn)] == "Alice"
    assert names[str(bob.owner.own.pn)] == "Bob"
    pairs = {(entry.pnJid, entry.lidJid) for entry in history.phoneNumberToLidMappings}
    for phone in (alice, bob):
        assert (str(phone.owner.own.pn), str(phone.owner.own.lid)) in pairs


async def test_a_companion_without_a_bundle_is_an_error(server: Any, alice: Any) -> None:
    with pytest.raises(QueryError):
        await alice.linked(alice.owner.own.pn.with_device(7))


async def test_a_key_request_is_answered_with_what_there_is(
    server: Any, alice: Any, companion: Any
) -> None:
    await alice.linked(companion.jid)
    await server.quiet()
    (known,) = protocol_messages(companion)[0].appStateSyncKeyShare.keys
    companion.received.clear()
    request = pb.ProtocolMessage(
        type=pb.ProtocolMessage.APP_STATE_SYNC_KEY_REQUEST,
        appStateSyncKeyRequest=pb.AppStateSyncKeyRequest(
            keyIds=[known.keyId, pb.AppStateSyncKeyId(keyId=b"\0\0\0\0\0\x63")]
        ),
    )
    await ask(companion, request)
    (share,) = protocol_messages(companion)
    found, missing = share.appStateSyncKeyShare.keys
    assert found.keyData.keyData == known.keyData.keyData
    assert not missing.HasField("keyData")
    assert alice.messages() == [], "machinery is no chat message"


async def test_a_placeholder_is_filled_in(
    server: Any, alice: Any, companion: Any, bob: Any
) -> None:
    await bob.send_text(alice.owner.own.pn, "hello", "LOST")
    await alice.linked(companion.jid)
    await server.quiet()
    companion.received.clear()
    wanted = [
        pb.PeerDataOperationRequestMessage.PlaceholderMessageResendRequest(
            messageKey=pb.MessageKey(remoteJid=str(bob.owner.own.pn), fromMe=False, id=name)
        )
        for name in ("LOST", "NEVER")
    ]
    request = pb.ProtocolMessage(
        type=pb.ProtocolMessage.PEER_DATA_OPERATION_REQUEST_MESSAGE,
        peerDataOperationRequestMessage=pb.PeerDataOperationRequestMessage(
            peerDataOperationRequestType=pb.PLACEHOLDER_MESSAGE_RESEND,
            placeholderMessageResendRequest=wanted,
        ),
    )
    await ask(companion, request, "ASK-1")
    (answer,) = protocol_messages(companion)
    response = answer.peerDataOperationRequestResponseMessage
    assert response.stanzaId == "ASK-1"
    found, missing = response.peerDataOperationResult
    info = pb.WebMessageInfo.FromString(found.placeholderMessageResendResponse.webMessageInfoBytes)
    assert (info.key.id, info.message.conversation) == ("LOST", "hello")
    assert missing.mediaUploadResult == pb.MediaRetryNotification.NOT_FOUND


async def test_a_peer_message_of_a_stranger_asks_in_vain(server: Any, alice: Any, bob: Any) -> None:
    request = pb.ProtocolMessage(
        type=pb.ProtocolMessage.APP_STATE_SYNC_KEY_REQUEST,
        appStateSyncKeyRequest=pb.AppStateSyncKeyRequest(),
    )
    with pytest.raises(QueryError):
        # Not even a session: what is no companion of ours gets no peer message from us either.
        await bob.outbox.send_peer(alice.owner.own.pn.with_device(9), request)
    await bob.outbox.send_peer(alice.owner.own.pn, request)
    await server.quiet()
    assert [jid for jid, node in server.sent if node.tag == "message"] == [bob.owner.own.pn]
    assert alice.messages() == []


async def test_peer_messages_are_sent_again_too(server: Any, alice: Any, companion: Any) -> None:
    await alice.linked(companion.jid)
    await server.quiet()
    (stanza, _) = companion.received[0]
    retry = Node("retry", {"v": "1", "count": "1", "id": stanza.attr("id"), "t": "1"})
    registration = companion.signal.local.registration_id.to_bytes(4, "big")
    receipt = Node(
        "receipt",
        {
            "id": stanza.attr("id"),
            "to": alice.owner.own.pn,
            "type": "retry",
            "category": "peer",
        },
        [retry, Node("registration", {}, registration)],
    )
    await server.link(companion.person, 1).send(receipt)
    await server.quiet()
    again, message = companion.received[-1]
    assert again.attr("id") == stanza.attr("id")
    assert again.attr("category") == "peer"
    assert message.protocolMessage.HasField("appStateSyncKeyShare")


async def test_a_new_name_is_a_new_patch(alice: Any) -> None:
    await alice.set_name("Alicia")
    values = alice.app_state.read("critical_block")
    assert values["setting_pushName",].pushNameSetting.name == "Alicia"
    assert alice.app_state.version("critical_block") == 2


async def test_unknown_stanzas_do_not_stop_the_phone(server: Any, alice: Any) -> None:
    own = alice.owner.own.pn
    for node in (
        Node("ib", {"from": own}),
        Node("message", {"from": own}),
        Node("message", {"id": "1", "from": Jid("1", "g.us"), "participant": own, "t": "1"}),
        Node("receipt", {"id": "1", "from": own, "type": "retry"}),
        Node("notification", {"id": "1", "from": own, "type": "encrypt"}),
        Node("call", {"id": "1", "from": own}),
        Node("ack", {"id": "1", "class": "message"}),
    ):
        await alice.deliver(node)
    acked = [node.get("class") for _, node in server.sent if node.tag == "ack"]
    assert acked == ["message", "receipt", "notification", "call"]


async def test_a_phone_has_written_to_the_collections_that_settings_are_in(alice: Any) -> None:
    written = {name: alice.app_state.version(name) for name in appstate.COLLECTIONS}
    assert written == {
        "critical_block": 1,
        "critical_unblock_low": 0,
        "regular_high": 1,
        "regular_low": 1,
        "regular": 1,
    }
    for name, version in written.items():
        assert bool(alice.app_state.read(name)) == bool(version)
