from __future__ import annotations

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
from waport.model import Ack, Message, MessageAdded, MessageKey, MessageKind, MessageUndecryptable
from waport.proto import pb
from waport.signal import Ciphertext
from waport.wire import STATUS, Jid, Node

GARBAGE = Ciphertext("msg", bytes(60))


async def take(account: Account, node: Node) -> list[tuple[str, str | None]]:
    """Handle a message; tag and type of the replies."""
    work = await account.handle(handle_message, node)
    return [(reply.tag, reply.get("type")) for reply in work.replies]


async def stored(account: Account, name: str, chat: Jid = PEER_PN) -> Message | None:
    message: Message | None = await account.read(lambda store: store.messages.get(chat, name))
    return message


def enc(ciphertext: Ciphertext, **attrs: str) -> Node:
    return Node("enc", {"v": "2", "type": ciphertext.type, **attrs}, ciphertext.body)


def with_parts(name: str, *children: Node, **attrs: object) -> Node:
    node = stanza(GARBAGE, name)
    node.content = list(children)
    node.attrs.update(attrs)  # type: ignore[arg-type]
    return node


ACK = ("ack", None)
RECEIPT = ("receipt", None)
RETRY = ("receipt", "retry")


# --- several parts -------------------------------------------------------------------------------


async def test_of_several_parts_a_good_one_is_enough(account: Account, peer: Peer) -> None:
    good = enc(peer.encrypt(text("hello")))
    assert await take(account, with_parts("M1", enc(GARBAGE), good)) == [RECEIPT]
    message = await stored(account, "M1")
    assert message is not None
    assert message.text == "hello"
    assert [type(event) for event in account.sink.recorded] == [MessageAdded]


async def test_several_bad_parts_are_asked_for_once(account: Account) -> None:
    node = with_parts("M1", enc(GARBAGE), enc(GARBAGE))
    assert await take(account, node) == [RETRY, ACK]


@pytest.mark.parametrize("kind", ["skmsg", "msmsg", "brand-new"])
async def test_a_key_beside_a_part_that_is_not_understood_keeps_the_place(
    account: Account, peer: Peer, kind: str
) -> None:
    content = pb.Message()
    content.senderKeyDistributionMessage.groupId = "120363000000000000@g.us"
    key = enc(peer.encrypt(content.SerializeToString()))
    node = with_parts("M1", key, enc(Ciphertext(kind, b"x" * 40)))
    expected = [RETRY, ACK] if kind == "skmsg" else [ACK]
    assert await take(account, node) == expected
    message = await stored(account, "M1")
    assert message is not None
    assert message.kind is MessageKind.CIPHERTEXT


async def test_an_unknown_padding_version_keeps_the_place(account: Account, peer: Peer) -> None:
    node = with_parts("M1", enc(peer.encrypt(text("hello")), v="3"))
    assert await take(account, node) == [ACK]
    assert isinstance(account.sink.recorded[0], MessageUndecryptable)


async def test_withheld_content_keeps_the_place(account: Account) -> None:
    node = with_parts("M1", Node("unavailable", {"type": "view_once"}))
    assert await take(account, node) == [ACK]
    assert await stored(account, "M1") is not None


async def test_a_channels_post_that_makes_no_sense_is_kept_raw(account: Account) -> None:
    channel = Jid("120363000000000000", "newsletter")
    node = with_parts("M1", Node("plaintext", {}, b"x"), **{"from": channel})
    assert await take(account, node) == [ACK]
    message = await stored(account, "M1", channel)
    assert message is not None
    assert (message.kind, message.content) == (MessageKind.CIPHERTEXT, b"x")


# --- content that makes no sense -----------------------------------------------------------------


async def test_what_was_decrypted_but_makes_no_sense_is_kept_raw(
    account: Account, peer: Peer
) -> None:
    work = await account.handle(
        handle_message, stanza(peer.encrypt(b"\x0a\x02hi\x00", padded=False), "M1")
    )
    assert work.replies[0].get("error") == "491"
    await account.handle(handle_message, stanza(peer.encrypt(b"\xff\xff\xff"), "M2"))
    for name, content in (("M1", b"\x0a\x02hi\x00"), ("M2", b"\xff\xff\xff")):
        message = await stored(account, name)
        assert message is not None
        assert (message.kind, message.content) == (MessageKind.CIPHERTEXT, content)


@pytest.mark.parametrize(("depth", "is_read"), [(5, True), (6, False), (50, False)])
async def test_content_that_is_wrapped_too_often_keeps_its_place(
    account: Account, peer: Peer, depth: int, is_read: bool
) -> None:
    content = pb.Message(conversation="hello")
    for index in range(depth):
        outer = pb.Message()
        name = "spoilerMessage" if index % 2 else "ephemeralMessage"
        getattr(outer, name).message.CopyFrom(content)
        content = outer
    node = stanza(peer.encrypt(content.SerializeToString()), "M1")
    assert await take(account, node) == [RECEIPT if is_read else ACK]
    message = await stored(account, "M1")
    assert message is not None
    assert (message.kind is MessageKind.TEXT) == is_read


async def test_protobufs_nested_without_end_are_refused(account: Account, peer: Peer) -> None:
    data = b"\x0a\x01x"
    for _ in range(300):
        inner = b"\x0a" + varint(len(data)) + data
        data = b"\xc2\x02" + varint(len(inner)) + inner
    work = await account.handle(handle_message, stanza(peer.encrypt(data), "M1"))
    assert work.replies[0].tag == "ack"
    message = await stored(account, "M1")
    assert message is not None
    assert message.kind is MessageKind.CIPHERTEXT


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes((number & 127 | 128,)), number >> 7
    return out + bytes((number,))


async def test_unknown_fields_of_a_known_content_survive(account: Account, peer: Peer) -> None:
    data = text("hello") + b"\xfa\x7f\x03new"
    await take(account, stanza(peer.encrypt(data), "M1"))
    message = await stored(account, "M1")
    assert message is not None
    assert (message.text, message.content) == ("hello", data)


async def test_what_is_not_to_be_shown_leaves_no_placeholder(account: Account) -> None:
    node = with_parts("M1", enc(GARBAGE, **{"decrypt-fail": "hide"}))
    assert await take(account, node) == [RETRY, ACK]
    assert account.sink.recorded == []
    assert await stored(account, "M1") is None


# --- copies of our own ---------------------------------------------------------------------------


def own_copy(*children: Node, **attrs: object) -> Node:
    source = {"from": OWN_LID.with_device(0), "recipient": PEER_LID, **attrs}
    return with_parts("C1", *children, **source)


@pytest.mark.parametrize("part", [enc(GARBAGE), enc(Ciphertext("zmsg", b"x" * 40)), Node("bot")])
async def test_an_own_copy_that_is_not_read_leaves_the_queue_by_its_receipt(
    account: Account, part: Node
) -> None:
    # An ack alone would leave it there for ever.
    work = await account.handle(handle_message, own_copy(part))
    last = work.replies[-1]
    assert (last.tag, last.get("type")) == ("receipt", "sender")
    assert last.jid("recipient") == PEER_LID
    assert not [reply for reply in work.replies if reply.tag == "ack"]


async def test_asking_again_for_an_own_copy_names_its_chat(account: Account) -> None:
    work = await account.handle(handle_message, own_copy(enc(GARBAGE)))
    retry = work.replies[0]
    assert (retry.get("type"), retry.jid("recipient")) == ("retry", PEER_LID)
    assert retry.jid("to") == OWN_LID.with_device(0)
    assert retry.child("retry").get("t") == str(NOW)


async def test_machinery_that_is_not_read_is_asked_for_and_acked(account: Account) -> None:
    node = own_copy(enc(GARBAGE), category="peer")
    del node.attrs["recipient"]
    work = await account.handle(handle_message, node)
    retry, ack = work.replies
    assert (retry.get("type"), retry.get("category"), ack.tag) == ("retry", "peer", "ack")
    assert account.sink.recorded == []


async def test_an_own_copy_with_an_unreadable_address_stays_where_the_stanza_says(
    account: Account,
) -> None:
    phone = Peer(OWN_PN.with_device(0))
    phone.open(account.bundle())
    content = pb.Message()
    content.deviceSentMessage.destinationJid = "nonsense"
    content.deviceSentMessage.message.conversation = "mine"
    node = own_copy(enc(phone.encrypt(content.SerializeToString())))
    assert await take(account, node) == [("receipt", "sender")]
    message = await stored(account, "C1")
    assert message is not None
    assert message.key.from_me


async def test_the_outer_secret_of_an_own_copy_is_kept(account: Account) -> None:
    phone = Peer(OWN_PN.with_device(0))
    phone.open(account.bundle())
    content = pb.Message()
    content.messageContextInfo.messageSecret = bytes(32)
    content.deviceSentMessage.destinationJid = str(PEER_LID)
    content.deviceSentMessage.message.conversation = "mine"
    await take(account, own_copy(enc(phone.encrypt(content.SerializeToString()))))
    message = await stored(account, "C1")
    assert message is not None
    assert message.proto().messageContextInfo.messageSecret == bytes(32)


# --- who may say what ----------------------------------------------------------------------------


async def test_a_stranger_cannot_pass_a_message_off_as_machinery(
    account: Account, peer: Peer
) -> None:
    node = stanza(peer.encrypt(text("hello")), "M1", category="peer")
    work = await account.handle(handle_message, node)
    assert [(reply.tag, reply.get("type")) for reply in work.replies] == [RECEIPT]
    assert work.replies[0].jid("to") == PEER_LID
    assert await stored(account, "M1") is not None


async def test_an_id_of_ours_used_by_somebody_else_hides_nothing(
    account: Account, peer: Peer
) -> None:
    ours = Message(
        key=MessageKey(PEER_PN, "M1", from_me=True, sender=OWN_PN.bare),
        timestamp=NOW,
        content=text("ours"),
        kind=MessageKind.TEXT,
        ack=Ack.SERVER,
    )
    await account.write(lambda store: store.messages.add(ours))
    node = stanza(peer.encrypt(text("theirs")), "M1")
    assert await take(account, node) == [RECEIPT]
    page = await account.read(lambda store: store.messages.page(PEER_PN, 10))
    assert sorted(message.text for message in page) == ["ours", "theirs"]
    # And when it comes again it is known.
    assert await take(account, node) == [RECEIPT]


@pytest.mark.parametrize(("age_s", "is_asked_for"), [(3600, True), (25 * 3600, False)])
async def test_a_status_that_cannot_be_read_is_asked_for_while_it_lives(
    account: Account, age_s: int, is_asked_for: bool
) -> None:
    node = with_parts(
        "M1",
        enc(Ciphertext("skmsg", b"x" * 40)),
        **{"from": STATUS, "participant": PEER_LID, "t": str(NOW - age_s)},
    )
    assert await take(account, node) == ([RETRY, ACK] if is_asked_for else [ACK])


async def test_a_text_longer_than_may_be_sent_is_kept_whole(account: Account, peer: Peer) -> None:
    words = "x" * 100_000
    assert await take(account, stanza(peer.encrypt(text(words)), "M1")) == [RECEIPT]
    message = await stored(account, "M1")
    assert message is not None
    assert message.text == words


# --- sessions ------------------------------------------------------------------------------------


async def test_a_content_that_is_not_stored_is_acked_when_it_comes_again(
    account: Account, peer: Peer
) -> None:
    content = pb.Message()
    content.senderKeyDistributionMessage.groupId = "x"
    node = stanza(peer.encrypt(content.SerializeToString()), "M1")
    assert await take(account, node) == [RECEIPT]
    assert await take(account, node) == [ACK]
    assert await stored(account, "M1") is None


async def test_a_corrupt_session_counts_as_none_and_is_kept_aside(
    account: Account, peer: Peer
) -> None:
    await take(account, stanza(peer.encrypt(text("one")), "M1"))
    address = PEER_LID.signal_address
    await account.write(lambda store: store.signal.put_session(address, b"\x01corrupt"))
    node = stanza(Ciphertext("msg", peer.encrypt(text("two")).body), "M2")
    work = await account.handle(handle_message, node)
    assert work.replies[0].get("type") == "retry"
    assert await account.read(lambda store: store.signal.session(address)) is None
    # Replaced by the next good one.
    again = Peer(PEER_PN)
    again.identity = peer.identity
    again.open(account.bundle())
    assert await take(account, stanza(again.encrypt(text("three")), "M3")) == [RECEIPT]


async def test_a_session_that_is_still_under_the_number_is_used_and_moved(
    account: Account, peer: Peer
) -> None:
    await take(account, stanza(peer.encrypt(text("one")), "M1"))
    lid, pn = PEER_LID.signal_address, PEER_PN.signal_address

    def move_back(store: object) -> None:
        signal = store.signal  # type: ignore[attr-defined]
        signal.put_session(pn, signal.session(lid))
        signal.put_identity(pn, signal.identity(lid))
        signal.delete_session(lid)

    await account.write(move_back)
    assert await take(account, stanza(peer.encrypt(text("two")), "M2", PEER_PN)) == [RECEIPT]
    assert await account.read(lambda store: store.signal.session(pn)) is None
    assert await account.read(lambda store: store.signal.session(lid)) is not None
    assert await take(account, stanza(peer.encrypt(text("three")), "M3", PEER_LID)) == [RECEIPT]


async def test_messages_out_of_order_are_all_read(account: Account, peer: Peer) -> None:
    sent = [stanza(peer.encrypt(text(str(index))), f"M{index}") for index in range(3)]
    for index in (0, 2, 1):
        assert await take(account, sent[index]) == [RECEIPT]
    assert await take(account, sent[1]) == [RECEIPT]
    page = await account.read(lambda store: store.messages.page(PEER_PN, 10))
    assert sorted(message.text for message in page) == ["0", "1", "2"]


async def test_a_sender_that_was_asked_before_gets_fresh_keys(account: Account) -> None:
    node = stanza(GARBAGE, "M1")
    node.children("enc")[0].attrs["count"] = "1"
    work: Work = await account.handle(handle_message, node)
    retry = work.replies[0]
    assert retry.child("retry").get("count") == "2"
    keys = retry.child("keys")
    assert keys.child("device-identity").data == account.credentials.account
