from __future__ import annotations

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, Account, Peer, stanza
from support.groups import GROUP
from support.handlers import handle_message
from waport.model import MessageAdded, MessageKind, MessageUndecryptable
from waport.proto import pb
from waport.signal import Ciphertext
from waport.wire import Jid, Node

GARBAGE = Ciphertext("msg", b"\x33" + b"x" * 60)


def phone_copy(message_id: str, words: str, **key: object) -> bytes:
    info = pb.WebMessageInfo(messageTimestamp=NOW - 10, pushName="Bob")
    info.message.conversation = words
    info.key.id = message_id
    info.key.remoteJid = str(key.get("chat", PEER_LID))
    info.key.fromMe = bool(key.get("from_me", False))
    if "participant" in key:
        info.key.participant = str(key["participant"])
    return info.SerializeToString()


def answer(*copies: bytes) -> pb.Message:
    message = pb.Message()
    protocol = message.protocolMessage
    protocol.type = pb.ProtocolMessage.PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE
    response = protocol.peerDataOperationRequestResponseMessage
    response.peerDataOperationRequestType = pb.PLACEHOLDER_MESSAGE_RESEND
    for copy in copies:
        result = response.peerDataOperationResult.add()
        result.placeholderMessageResendResponse.webMessageInfoBytes = copy
    return message


def from_own(phone: Peer, content: pb.Message, device: Jid) -> Node:
    ciphertext = phone.encrypt(content.SerializeToString())
    return stanza(ciphertext, "P1", device, category="peer")


async def placeholder(account: Account, message_id: str = "M1") -> None:
    await account.handle(handle_message, stanza(GARBAGE, message_id))
    assert isinstance(account.sink.recorded[-1], MessageUndecryptable)


async def test_what_the_phone_has_takes_the_place_of_what_could_not_be_read(
    account: Account,
) -> None:
    phone = Peer(OWN_PN.with_device(0))
    phone.open(account.bundle())
    await placeholder(account)
    node = from_own(phone, answer(phone_copy("M1", "at last")), OWN_LID.with_device(0))
    work = await account.handle(handle_message, node)
    assert [(reply.tag, reply.get("type")) for reply in work.replies] == [("receipt", "peer_msg")]
    event = account.sink.recorded[-1]
    assert isinstance(event, MessageAdded)
    assert (event.message.text, event.message.key.sender) == ("at last", PEER_PN)
    (stored,) = await account.read(lambda store: store.messages.page(PEER_PN, 10))
    assert (stored.kind, stored.timestamp) == (MessageKind.TEXT, NOW)


async def test_a_copy_that_nobody_misses_is_dropped(account: Account) -> None:
    phone = Peer(OWN_PN.with_device(0))
    phone.open(account.bundle())
    content = answer(phone_copy("M9", "forged"), b"\xff", phone_copy("M8", "x", chat=GROUP))
    await account.handle(handle_message, from_own(phone, content, OWN_LID.with_device(0)))
    assert account.sink.recorded == []


async def test_only_the_phone_is_believed(account: Account, peer: Peer) -> None:
    await placeholder(account)
    before = len(account.sink.recorded)
    content = answer(phone_copy("M1", "forged"))
    # Another person, and another companion of ours.
    await account.handle(
        handle_message, stanza(peer.encrypt(content.SerializeToString()), "M2", category="peer")
    )
    companion = Peer(OWN_PN.with_device(5))
    companion.open(account.bundle())
    await account.handle(handle_message, from_own(companion, content, OWN_LID.with_device(5)))
    assert account.sink.recorded[before:] == []
    (stored,) = await account.read(lambda store: store.messages.page(PEER_PN, 10))
    assert stored.kind is MessageKind.CIPHERTEXT
