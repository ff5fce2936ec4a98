from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

import pytest

from support.account import (
    OWN_LID,
    OWN_PN,
    PEER_LID,
    PEER_PN,
    SESSION,
    Account,
    Peer,
)
from support.handlers import Desk
from support.server import FakeServer
from waport.client import ClientConfig
from waport.client.derived_ids import DerivedIds, deriving_from
from waport.client.queries import Queries
from waport.errors import CryptoError, InvalidInput, NotFound, QueryError
from waport.model import Ack, MessageAdded
from waport.stanza.message import MessageAck
from waport.wire import Jid, Node


class Sender:
    """The parts of a client that send, over a fake server."""

    def __init__(self, account: Account, *, ack_timeout_s: float = 5.0) -> None:
        self.peers = [
            Peer(PEER_PN),
            Peer(PEER_PN.with_device(3)),
            Peer(OWN_PN.with_device(0)),
            Peer(OWN_PN.with_device(1)),
        ]
        self.queries = Queries(5)
        lids = {PEER_PN: PEER_LID, OWN_PN.bare: OWN_LID.bare}
        self.server = FakeServer(self.queries, self.peers, lids)
        config = ClientConfig(send_ack_timeout_s=ack_timeout_s)
        self.desk = Desk(account, self.queries, config)
        self.messages = self.desk.messages
        self.account = account

    async def connect(self) -> None:
        await self.desk.sender.resume(self.server)  # type: ignore[arg-type]

    def copies(self, node: Node) -> dict[Jid, Node]:
        return {to.jid("jid"): to.child("enc") for to in node.child("participants").children("to")}


@pytest.fixture
async def sender(account: Account) -> Sender:
    sender = Sender(account)
    await sender.connect()
    return sender


async def test_a_text_reaches_every_device_of_the_recipient_and_our_other_devices(
    sender: Sender,
) -> None:
    message = await sender.messages.send_text(PEER_PN, "hello")

    assert (message.ack, message.pending, message.text) == (Ack.SERVER, False, "hello")
    assert message.key.chat == PEER_PN
    (node,) = sender.server.sent
    assert node.jid("to") == PEER_LID
    assert node.jid("peer_recipient_pn") == PEER_PN
    copies = sender.copies(node)
    # Not to the sending device itself.
    assert set(copies) == {PEER_LID, PEER_LID.with_device(3), OWN_LID.with_device(0)}
    phone, companion, own_phone, _ = sender.peers
    assert phone.decrypt(copies[PEER_LID]).extendedTextMessage.text == "hello"
    assert companion.decrypt(copies[PEER_LID.with_device(3)]).extendedTextMessage.text == "hello"
    own = own_phone.decrypt(copies[OWN_LID.with_device(0)]).deviceSentMessage
    assert own.destinationJid == str(PEER_LID)
    assert own.message.extendedTextMessage.text == "hello"
    assert node.child("device-identity").data == sender.account.credentials.account


async def test_a_hidden_id_and_a_number_are_one_chat(sender: Sender) -> None:
    by_lid = await sender.messages.send_text(PEER_LID, "one")
    by_pn = await sender.messages.send_text(PEER_PN, "two")
    assert by_lid.key.chat == by_pn.key.chat == PEER_PN
    fetched = await sender.messages.fetch(PEER_LID, 10)
    assert {message.text for message in fetched} == {"one", "two"}


async def test_the_second_text_asks_nothing_and_is_announced_once(sender: Sender) -> None:
    await sender.messages.send_text(PEER_PN, "one")
    asked = len(sender.server.asked)
    await sender.messages.send_text(PEER_PN, "two")
    assert len(sender.server.asked) == asked
    texts = [e.message.text for e in sender.account.sink.published if isinstance(e, MessageAdded)]
    assert texts == ["one", "two"]


async def test_many_sends_at_once_keep_the_order_of_the_calls(sender: Sender) -> None:
    words = [f"message {index}" for index in range(40)]
    await asyncio.gather(*(sender.messages.send_text(PEER_PN, word) for word in words))
    phone = sender.peers[0]
    received = [
        phone.decrypt(sender.copies(node)[PEER_LID]).extendedTextMessage.text
        for node in sender.server.sent
    ]
    assert received == words


async def test_a_message_is_in_the_send_queue_until_its_ack_is_stored(sender: Sender) -> None:
    message = await sender.messages.send_text(PEER_PN, "hello")
    (row,) = await sender.account.read(lambda store: store.send_queue.pending())
    assert row.stanza == sender.server.raw[0]
    answer = MessageAck(message.key.id, 1, 0, None)
    await sender.desk.acknowledge(answer, Node("ack"))
    assert await sender.account.read(lambda store: store.send_queue.pending()) == []
    stored = await sender.account.read(lambda s: s.messages.get(PEER_PN, message.key.id))
    assert stored.ack is Ack.SERVER


async def test_what_was_committed_without_a_connection_goes_out_after_the_next_login(
    account: Account,
) -> None:
    sender = Sender(account, ack_timeout_s=0.05)
    message = await sender.messages.send_text(PEER_PN, "while away")
    assert (message.ack, message.pending) == (Ack.PENDING, True)
    assert sender.server.sent == []
    stored = await account.read(lambda store: store.messages.get(PEER_PN, message.key.id))
    assert stored.pending
    await sender.connect()
    (node,) = sender.server.sent
    assert node.get("id") == message.key.id
    phone = sender.peers[0]
    assert phone.decrypt(sender.copies(node)[PEER_LID]).extendedTextMessage.text == "while away"


async def test_the_same_bytes_go_out_again_until_the_server_has_them(account: Account) -> None:
    sender = Sender(account, ack_timeout_s=0.05)
    await sender.connect()
    sender.server.ack_error = None
    message = await sender.messages.send_text(PEER_PN, "hello")
    assert message.pending
    await sender.connect()
    first, second = sender.server.raw
    assert first == second


async def test_a_refused_message_is_an_error_with_the_servers_code(sender: Sender) -> None:
    sender.server.ack_error = 463
    with pytest.raises(QueryError) as caught:
        await sender.messages.send_text(PEER_PN, "hello")
    assert caught.value.code == 463


async def test_a_number_without_an_account_is_not_found(sender: Sender) -> None:
    with pytest.raises(NotFound):
        await sender.messages.send_text(Jid("15550009999", "s.whatsapp.net"), "hello")
    assert await sender.account.read(lambda store: store.send_queue.pending()) == []


async def test_our_own_devices_ask_for_the_message_where_their_list_is_unusable(
    sender: Sender,
) -> None:
    sender.server.unlisted.add(OWN_PN.bare)
    await sender.messages.send_text(PEER_PN, "hello")
    assert set(sender.copies(sender.server.sent[0])) == {PEER_LID, PEER_LID.with_device(3)}


async def test_an_unusable_list_of_the_recipients_devices_is_an_error(sender: Sender) -> None:
    sender.server.unlisted.add(PEER_PN)
    with pytest.raises(QueryError, match="no usable device list"):
        await sender.messages.send_text(PEER_PN, "hello")
    assert sender.server.sent == []


async def test_a_device_without_a_bundle_is_left_out_and_its_list_forgotten(
    sender: Sender,
) -> None:
    sender.server.without_bundle.add((PEER_PN, 3))
    await sender.messages.send_text(PEER_PN, "hello")
    copies = sender.copies(sender.server.sent[0])
    assert set(copies) == {PEER_LID, OWN_LID.with_device(0)}
    assert await sender.account.read(lambda store: store.addresses.devices(PEER_PN)) is None


async def test_a_bundle_with_a_forged_signature_is_left_out(sender: Sender) -> None:
    companion = sender.peers[1]
    forged = Peer(PEER_PN).signed_pre_key
    companion.signed_pre_key = forged
    await sender.messages.send_text(PEER_PN, "hello")
    assert PEER_LID.with_device(3) not in sender.copies(sender.server.sent[0])


async def test_own_copies_alone_are_never_sent(sender: Sender) -> None:
    sender.server.without_bundle |= {(PEER_PN, 0), (PEER_PN, 3)}
    with pytest.raises(CryptoError):
        await sender.messages.send_text(PEER_PN, "hello")
    assert sender.server.sent == []
    assert await sender.account.read(lambda store: store.messages.page(PEER_PN, 10)) == []


async def test_a_message_to_oneself_goes_to_the_own_other_devices(sender: Sender) -> None:
    await sender.messages.send_text(OWN_PN.bare, "note")
    copies = sender.copies(sender.server.sent[0])
    assert set(copies) == {OWN_LID.with_device(0)}
    inner = sender.peers[2].decrypt(copies[OWN_LID.with_device(0)])
    assert inner.deviceSentMessage.message.extendedTextMessage.text == "note"


@pytest.mark.parametrize(
    ("chat", "words"),
    [
        (Jid("1700000000", "broadcast"), "x"),
        (Jid("", "s.whatsapp.net"), "x"),
        (PEER_PN, "x" * 65537),
        (PEER_PN, "x" * 100_000),
    ],
    ids=["a list", "the server", "one character too many", "a book"],
)
async def test_what_cannot_be_sent_is_refused_at_once(
    sender: Sender, chat: Jid, words: str
) -> None:
    with pytest.raises(InvalidInput):
        await sender.messages.send_text(chat, words)
    assert sender.server.asked == []


async def test_a_reply_quotes_what_is_stored_and_an_unknown_quote_is_ignored(
    sender: Sender,
) -> None:
    first = await sender.messages.send_text(PEER_PN, "question")
    answer = await sender.messages.send_text(PEER_PN, "answer", quoted_id=first.key.id)
    context = answer.proto().extendedTextMessage.contextInfo
    assert context.stanzaId == first.key.id
    assert context.quotedMessage.extendedTextMessage.text == "question"
    assert not context.quotedMessage.HasField("messageContextInfo")
    plain = await sender.messages.send_text(PEER_PN, "alone", quoted_id="unknown")
    assert not plain.proto().extendedTextMessage.HasField("contextInfo")


async def test_another_phash_in_the_ack_makes_the_next_send_ask_anew(sender: Sender) -> None:
    message = await sender.messages.send_text(PEER_PN, "hello")
    answer = MessageAck(message.key.id, 1, 0, "2:AAAAAAAA")
    await sender.desk.acknowledge(answer, Node("ack"))
    asked = sender.server.asked.count("usync")
    await sender.messages.send_text(PEER_PN, "again")
    assert sender.server.asked.count("usync") == asked + 1


def again(*, is_repeat: bool = True) -> DerivedIds:
    """The ids of one request, made for the first time or again."""
    return DerivedIds(b"s" * 32, is_repeat=is_repeat)


async def test_a_request_made_again_sends_nothing_again(sender: Sender) -> None:
    with deriving_from(again(is_repeat=False)):
        first = await sender.messages.send_text(PEER_PN, "hello")
        other = await sender.messages.send_text(PEER_PN, "and this")
    await sender.desk.acknowledge(MessageAck(first.key.id, 1, 0, None), Node("ack"))
    await sender.desk.acknowledge(MessageAck(other.key.id, 1, 0, None), Node("ack"))
    with deriving_from(again()):
        repeated = await sender.messages.send_text(PEER_PN, "hello")
        assert (await sender.messages.send_text(PEER_PN, "and this")).key == other.key
        third = await sender.messages.send_text(PEER_PN, "not sent before")
    assert (repeated.key, repeated.ack) == (first.key, Ack.SERVER)
    assert [node.get("id") for node in sender.server.sent] == [
        first.key.id,
        other.key.id,
        third.key.id,
    ]


async def test_a_request_made_again_waits_for_the_ack_of_its_message(account: Account) -> None:
    sender = Sender(account, ack_timeout_s=0.05)
    with deriving_from(again(is_repeat=False)):
        first = await sender.messages.send_text(PEER_PN, "hello")
    assert first.pending
    with deriving_from(again()):
        assert (await sender.messages.send_text(PEER_PN, "hello")).pending
    sender = Sender(account)
    sender.server.ack_error = None
    answer = MessageAck(first.key.id, 1, 0, None)
    with deriving_from(again()):
        repeated = asyncio.create_task(sender.messages.send_text(PEER_PN, "hello"))
        await sender.connect()
        await sender.desk.acknowledge(answer, Node("ack"))
        sender.queries.resolve_ack(answer)
        assert (await repeated).ack is Ack.SERVER
    assert [node.get("id") for node in sender.server.sent] == [first.key.id]


async def test_a_request_made_again_tells_of_the_refusal_again(sender: Sender) -> None:
    sender.server.ack_error = 463
    with deriving_from(again(is_repeat=False)), pytest.raises(QueryError) as caught:
        await sender.messages.send_text(PEER_PN, "hello")
    message_id = sender.server.sent[0].attr("id")
    await sender.desk.acknowledge(MessageAck(message_id, 1, 463, None), Node("ack"))
    with deriving_from(again()), pytest.raises(type(caught.value)) as repeated:
        await sender.messages.send_text(PEER_PN, "hello")
    assert (repeated.value.code, repeated.value.text) == (463, caught.value.text)
    assert len(sender.server.sent) == 1
    stored = await sender.account.read(lambda store: store.messages.get(PEER_PN, message_id))
    assert (stored.ack, stored.refusal) == (Ack.ERROR, 463)


@contextlib.contextmanager
def busy(account: Account) -> Iterator[None]:
    """The store has so much to do that nothing is committed meanwhile."""
    over = threading.Event()
    account.database.submit(SESSION, lambda _: over.wait(10))
    try:
        yield
    finally:
        over.set()


async def looked(account: Account) -> None:
    """Whoever looks into the store without waiting for what is to be committed has looked."""
    for _ in range(10):
        await account.read(lambda _: None)


async def test_a_request_made_again_waits_for_no_second_ack(account: Account) -> None:
    sender = Sender(account, ack_timeout_s=0.05)
    with deriving_from(again(is_repeat=False)):
        first = await sender.messages.send_text(PEER_PN, "hello")
    sender = Sender(account, ack_timeout_s=60)
    answer = MessageAck(first.key.id, 1, 0, None)
    with busy(account):
        acked = asyncio.create_task(sender.desk.acknowledge(answer, Node("ack")))
        await looked(account)
        sender.queries.resolve_ack(answer)
        with deriving_from(again()):
            repeated = asyncio.create_task(sender.messages.send_text(PEER_PN, "hello"))
            await looked(account)
    await acked
    assert (await asyncio.wait_for(repeated, 5)).ack is Ack.SERVER


async def test_a_request_made_again_finds_a_message_that_is_about_to_be_committed(
    sender: Sender,
) -> None:
    await sender.messages.send_text(PEER_PN, "before")
    with busy(sender.account):
        with deriving_from(again(is_repeat=False)):
            first = asyncio.create_task(sender.messages.send_text(PEER_PN, "hello"))
            await looked(sender.account)
        first.cancel()  # the caller is gone; what is handed in is committed all the same
        with deriving_from(again()):
            repeated = asyncio.create_task(sender.messages.send_text(PEER_PN, "hello"))
            await looked(sender.account)
    message = await repeated
    assert [node.get("id") for node in sender.server.sent[1:]] == [message.key.id]
