from __future__ import annotations

from dataclasses import replace

import pytest

from support.account import (
    NOW,
    OWN_LID,
    OWN_PN,
    PEER_LID,
    PEER_PN,
    Account,
    Peer,
    stanza,
    text,
)
from support.handlers import handle_message
from waport.client.work import Work
from waport.crypto import KeyPair
from waport.errors import StanzaError
from waport.model import Ack, MessageAdded, MessageKind, MessageUndecryptable
from waport.proto import pb
from waport.signal import Ciphertext
from waport.wire import Jid, Node


def only_reply(work: Work) -> Node:
    (reply,) = work.replies
    return reply


async def test_a_first_message_is_stored_announced_and_answered_by_a_receipt(
    account: Account, peer: Peer
) -> None:
    work = await account.handle(handle_message, stanza(peer.encrypt(text("hello"))))

    (event,) = account.sink.recorded
    assert isinstance(event, MessageAdded)
    message = event.message
    assert (message.text, message.push_name, message.timestamp) == ("hello", "Bob", NOW)
    assert (message.key.chat, message.key.sender, message.key.from_me) == (PEER_PN, PEER_PN, False)
    reply = only_reply(work)
    assert (reply.tag, reply.jid("to"), reply.get("id")) == ("receipt", PEER_LID, "3EB0AA")
    assert reply.get("type") is None
    stored = await account.read(lambda store: store.messages.page(PEER_PN, 10))
    assert [m.text for m in stored] == ["hello"]
    chat = await account.read(lambda store: store.chats.get(PEER_PN))
    assert chat.unread == 1


async def test_a_receipt_says_inactive_until_the_device_is_announced(
    account: Account, peer: Peer
) -> None:
    def handler(work: Work, node: Node) -> None:
        work.available = False
        handle_message(work, node)

    work = await account.handle(handler, stanza(peer.encrypt(text("hello"))))
    assert only_reply(work).get("type") == "inactive"


async def test_a_used_one_time_key_is_deleted_with_the_message(account: Account) -> None:
    peer = Peer(PEER_PN)
    bundle = account.bundle()
    peer.open(bundle)
    await account.handle(handle_message, stanza(peer.encrypt(text("hello"))))
    assert bundle.pre_key_id is not None
    assert await account.read(lambda store: store.signal.pre_key(bundle.pre_key_id)) is None


async def test_a_stanza_that_comes_again_is_answered_but_not_announced_again(
    account: Account, peer: Peer
) -> None:
    node = stanza(peer.encrypt(text("hello")))
    await account.handle(handle_message, node)
    work = await account.handle(handle_message, node)
    assert only_reply(work).tag == "receipt"
    assert len(account.sink.recorded) == 1


async def test_numbers_and_hidden_ids_of_one_person_are_one_chat_and_one_session(
    account: Account, peer: Peer
) -> None:
    await account.handle(handle_message, stanza(peer.encrypt(text("one")), "A1", PEER_LID))
    await account.handle(handle_message, stanza(peer.encrypt(text("two")), "A2", PEER_PN))
    page = await account.read(lambda store: store.messages.page(PEER_PN, 10))
    assert sorted(m.text for m in page) == ["one", "two"]
    addresses = await account.read(
        lambda store: store.signal.session_addresses(PEER_LID.signal_name)
    )
    assert len(addresses) == 1
    assert (
        await account.read(lambda store: store.signal.session_addresses(PEER_PN.signal_name)) == []
    )


async def test_a_mapping_learned_from_a_stanza_moves_the_session_to_the_hidden_id(
    account: Account,
) -> None:
    pn, lid = Jid("15550003333", "s.whatsapp.net"), Jid("100000000000003", "lid")
    peer = Peer(pn)
    peer.open(account.bundle())
    await account.handle(handle_message, stanza(peer.encrypt(text("one")), "B1", pn))
    node = stanza(peer.encrypt(text("two")), "B2", lid, sender_pn=pn)
    await account.handle(handle_message, node)
    assert [m.text for m in await account.read(lambda s: s.messages.page(pn, 10))][::-1] == [
        "one",
        "two",
    ]
    assert await account.read(lambda s: s.signal.session_addresses(pn.signal_name)) == []
    assert len(await account.read(lambda s: s.signal.session_addresses(lid.signal_name))) == 1


def device_sent(destination: Jid, words: str) -> bytes:
    message = pb.Message()
    message.deviceSentMessage.destinationJid = str(destination)
    message.deviceSentMessage.message.conversation = words
    return message.SerializeToString()


async def test_a_copy_from_the_own_phone_lands_in_the_chat_it_was_written_to(
    account: Account,
) -> None:
    phone = Peer(OWN_PN.with_device(0))
    phone.open(account.bundle())
    node = stanza(
        phone.encrypt(device_sent(PEER_LID, "from my phone")),
        "C1",
        OWN_LID.with_device(0),
        recipient=PEER_LID,
    )
    work = await account.handle(handle_message, node)
    (event,) = account.sink.recorded
    assert isinstance(event, MessageAdded)
    assert event.message.key.from_me
    assert event.message.key.chat == PEER_PN
    assert event.message.ack is Ack.SERVER
    reply = only_reply(work)
    assert (reply.get("type"), reply.jid("recipient")) == ("sender", PEER_LID)
    assert reply.jid("to") == OWN_LID.with_device(0)
    chat = await account.read(lambda store: store.chats.get(PEER_PN))
    assert chat.unread == 0


async def test_somebody_else_cannot_write_in_our_name(account: Account, peer: Peer) -> None:
    node = stanza(peer.encrypt(device_sent(PEER_LID, "forged")))
    work = await account.handle(handle_message, node)
    assert account.sink.recorded == []
    assert only_reply(work).tag == "ack"
    assert await account.read(lambda store: store.messages.page(PEER_PN, 10)) == []


async def test_a_key_share_is_kept_only_from_an_own_device(account: Account, peer: Peer) -> None:
    message = pb.Message()
    message.protocolMessage.type = pb.ProtocolMessage.APP_STATE_SYNC_KEY_SHARE
    key = message.protocolMessage.appStateSyncKeyShare.keys.add()
    key.keyId.keyId = b"\x00\x00\x00\x00\x00\x01"
    key.keyData.keyData = bytes(32)
    key.keyData.timestamp = NOW
    await account.handle(handle_message, stanza(peer.encrypt(message.SerializeToString()), "K1"))
    assert await account.read(lambda store: store.sync_keys.all()) == []

    phone = Peer(OWN_PN.with_device(0))
    phone.open(account.bundle())
    node = stanza(
        phone.encrypt(message.SerializeToString()), "K2", OWN_PN.with_device(0), category="peer"
    )
    work = await account.handle(handle_message, node)
    (kept,) = await account.read(lambda store: store.sync_keys.all())
    assert kept.id == key.keyId.keyId
    assert only_reply(work).get("type") == "peer_msg"
    assert account.sink.recorded == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "4"),
        (b"\x33", "4"),
        (b"\x33" * 8, "4"),
        (bytes(60), None),
        (b"\x43" + bytes(60), None),
    ],
)
async def test_garbage_is_asked_for_again_and_changes_no_key(
    account: Account, peer: Peer, body: bytes, reason: str | None
) -> None:
    await account.handle(handle_message, stanza(peer.encrypt(text("hello")), "G0"))
    before = await account.snapshot()
    work = await account.handle(handle_message, stanza(Ciphertext("msg", body), "G1"))
    assert await account.snapshot() == before
    retry, ack = work.replies
    assert (retry.tag, retry.get("type"), ack.tag) == ("receipt", "retry", "ack")
    assert retry.child("retry").get("error") == reason
    placeholder = await account.read(lambda store: store.messages.get(PEER_PN, "G1"))
    assert placeholder.kind is MessageKind.CIPHERTEXT


async def test_a_tampered_message_is_refused_and_the_next_one_is_read(
    account: Account, peer: Peer
) -> None:
    await account.handle(handle_message, stanza(peer.encrypt(text("one")), "T1"))
    good = peer.encrypt(text("two"))
    # Inside the ciphertext: the last bytes are ids that a repeated first message does not need.
    bad = Ciphertext(good.type, good.body[:-20] + bytes((good.body[-20] ^ 1,)) + good.body[-19:])
    before = await account.snapshot()
    work = await account.handle(handle_message, stanza(bad, "T2"))
    assert await account.snapshot() == before
    assert work.replies[0].get("type") == "retry"
    assert isinstance(account.sink.recorded[-1], MessageUndecryptable)
    await account.handle(handle_message, stanza(good, "T2"))
    event = account.sink.recorded[-1]
    assert isinstance(event, MessageAdded)
    assert event.message.text == "two"


async def test_a_message_without_a_session_is_asked_for_with_fresh_keys(account: Account) -> None:
    stranger = Peer(PEER_PN)
    stranger.open(account.bundle())
    first = stranger.encrypt(text("never arrives"))
    assert first.type == "pkmsg"
    work = await account.handle(handle_message, stanza(Ciphertext("msg", bytes(60)), "N1"))
    retry = work.replies[0]
    keys = retry.child("keys")
    given_out = int.from_bytes(keys.child("key").child("id").data, "big")
    assert await account.read(lambda store: store.signal.pre_key(given_out)) is not None
    unuploaded = await account.read(lambda store: store.signal.unuploaded_pre_keys(100))
    assert given_out not in [key.id for key in unuploaded]


async def test_asking_again_stops_after_five_times(account: Account) -> None:
    node = stanza(Ciphertext("msg", bytes(60)), "R1")
    counts = []
    for _ in range(7):
        work = await account.handle(handle_message, node)
        retries = [reply for reply in work.replies if reply.get("type") == "retry"]
        counts += [retry.child("retry").get("count") for retry in retries]
        assert work.replies[-1].tag == "ack"
    assert counts == ["1", "2", "3", "4", "5"]
    assert len(account.sink.recorded) == 1


async def test_wrong_padding_is_refused_without_a_retry_and_the_ratchet_moves(
    account: Account, peer: Peer
) -> None:
    await account.handle(handle_message, stanza(peer.encrypt(text("one")), "P1"))
    bad = peer.encrypt(b"\x0a\x02hi\x00", padded=False)
    work = await account.handle(handle_message, stanza(bad, "P2"))
    assert only_reply(work).get("error") == "491"
    await account.handle(handle_message, stanza(peer.encrypt(text("three")), "P3"))
    event = account.sink.recorded[-1]
    assert isinstance(event, MessageAdded)
    assert event.message.text == "three"


async def test_a_content_that_is_no_protobuf_keeps_its_place(account: Account, peer: Peer) -> None:
    work = await account.handle(handle_message, stanza(peer.encrypt(b"\xff\xff\xff"), "Q1"))
    assert only_reply(work).get("error") == "491"
    stored = await account.read(lambda store: store.messages.get(PEER_PN, "Q1"))
    assert stored.kind is MessageKind.CIPHERTEXT


async def test_a_companions_first_message_must_prove_whose_it_is(account: Account) -> None:
    companion = Peer(PEER_LID.with_device(7))
    companion.open(account.bundle())
    before = await account.snapshot()
    node = stanza(companion.encrypt(text("hi")), "D1", PEER_LID.with_device(7))
    work = await account.handle(handle_message, node)
    assert work.replies[0].child("retry").get("error") == "12"
    node.content.append(Node("device-identity", {}, b"\x0a\x01\x00"))  # type: ignore[union-attr, arg-type]
    work = await account.handle(handle_message, node)
    assert work.replies[0].child("retry").get("error") == "12"
    assert (await account.snapshot())[0] == before[0]


async def test_unknown_kinds_of_ciphertext_keep_their_place_and_are_acked(
    account: Account,
) -> None:
    work = await account.handle(handle_message, stanza(Ciphertext("zmsg", b"x" * 40), "U1"))
    assert only_reply(work).tag == "ack"
    node = Node("message", {"from": PEER_LID, "id": "U2", "t": str(NOW), "type": "text"})
    work = await account.handle(handle_message, node)
    assert only_reply(work).tag == "ack"
    stored = await account.read(lambda store: store.messages.get(PEER_PN, "U2"))
    assert stored.kind is MessageKind.CIPHERTEXT


async def test_a_message_without_id_or_from_is_refused(account: Account) -> None:
    for attrs in ({"id": "X"}, {"from": PEER_LID}):
        with pytest.raises(StanzaError):
            await account.handle(handle_message, Node("message", dict(attrs)))


async def test_a_reaction_or_a_revoke_is_kept_but_is_no_message_of_its_own(
    account: Account, peer: Peer
) -> None:
    reaction = pb.Message()
    reaction.reactionMessage.text = "x"
    revoke = pb.Message()
    revoke.protocolMessage.type = pb.ProtocolMessage.REVOKE
    for index, content in enumerate((reaction, revoke)):
        node = stanza(peer.encrypt(content.SerializeToString()), f"V{index}")
        work = await account.handle(handle_message, node)
        assert only_reply(work).tag == "receipt"
    assert account.sink.recorded == []
    assert await account.read(lambda store: store.messages.page(PEER_PN, 10)) == []
    assert await account.read(lambda store: store.chats.get(PEER_PN)) is None
    kept = await account.read(lambda store: store.messages.get(PEER_PN, "V0"))
    assert (kept.kind, kept.proto()) == (MessageKind.ADD_ON, reaction)


async def test_other_contents_are_kept_whole_and_announced(account: Account, peer: Peer) -> None:
    content = pb.Message()
    content.locationMessage.degreesLatitude = 1.5
    await account.handle(handle_message, stanza(peer.encrypt(content.SerializeToString())))
    (event,) = account.sink.recorded
    assert isinstance(event, MessageAdded)
    assert event.message.kind is MessageKind.OTHER
    assert event.message.proto() == content


async def test_a_changed_identity_is_accepted_only_with_a_message_that_can_be_read(
    account: Account, peer: Peer
) -> None:
    await account.handle(handle_message, stanza(peer.encrypt(text("old")), "I1"))
    address = PEER_LID.signal_address
    again = Peer(PEER_PN)
    again.identity = KeyPair.generate()
    again.open(replace(account.bundle(), pre_key_id=9999))
    await account.handle(handle_message, stanza(again.encrypt(text("bad")), "I2"))
    known = await account.read(lambda store: store.signal.identity(address))
    assert known == peer.identity.public
    again.record = None
    again.open(account.bundle())
    await account.handle(handle_message, stanza(again.encrypt(text("new phone")), "I3"))
    known = await account.read(lambda store: store.signal.identity(address))
    assert known == again.identity.public
