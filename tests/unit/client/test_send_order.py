"""Order, crashes of the caller, and ends of the connection under a send."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, SESSION, Account, Peer
from support.handlers import Desk
from support.server import FakeServer
from waport.client import ClientConfig, outgoing
from waport.client.policy import MALFORMED, Cause, Close
from waport.client.queries import Queries
from waport.client.suspects import LIMIT
from waport.errors import ConnectionClosed, CryptoError, InvalidInput, StanzaRefused
from waport.model import Ack, AckChanged, DeviceList, MessageAdded
from waport.stanza.message import MessageAck
from waport.wire import Jid, Node

ACK = Node("ack")


class Server(FakeServer):
    """A server whose answers to questions wait until a test lets them go."""

    def __init__(self, account: Account, *args: Any) -> None:
        super().__init__(*args)
        self.account = account
        self.acks: list[asyncio.Task[Any]] = []
        self.questions: asyncio.Queue[Callable[[], None]] = asyncio.Queue()
        self.is_asked = asyncio.Event()
        self.is_slow = False
        self.desk: Desk

    def send(self, node: Node) -> None:
        if not self.is_slow or node.tag != "iq":
            super().send(node)
            return
        self.questions.put_nowait(lambda: FakeServer.send(self, node))
        self.is_asked.set()

    def send_stanza(self, stanza: bytes) -> None:
        super().send_stanza(stanza)
        if self.ack_error is not None:
            answer = MessageAck(self.sent[-1].attr("id"), NOW, 0, None)
            handled = self.desk.acknowledge(answer, ACK)
            self.acks.append(asyncio.create_task(handled))

    async def let_one_go(self) -> None:
        (await asyncio.wait_for(self.questions.get(), 5))()


class Sender:
    def __init__(self, account: Account) -> None:
        self.account = account
        self._seen = 0
        self._texts: list[str] = []
        self.peers = [Peer(PEER_PN), Peer(OWN_PN.with_device(0)), Peer(OWN_PN)]
        self.queries = Queries(5)
        lids = {PEER_PN: PEER_LID, OWN_PN.bare: OWN_LID.bare}
        self.server = Server(account, self.queries, self.peers, lids)
        desk = Desk(account, self.queries, ClientConfig(send_ack_timeout_s=5))
        self.server.desk = desk
        self.sender = desk.sender
        self.messages = desk.messages

    async def connect(self) -> None:
        await asyncio.gather(*self.server.acks)
        await self.sender.resume(self.server)  # type: ignore[arg-type]

    def send(self, words: str, chat: Jid = PEER_PN) -> asyncio.Task[Any]:
        return asyncio.create_task(self.messages.send_text(chat, words))

    def received(self) -> list[str]:
        """What the peer's phone reads, in the order of arrival; nothing can be read twice."""
        copies = [
            to.child("enc")
            for node in self.server.messages[self._seen :]
            for to in node.child("participants").children("to")
            if to.jid("jid").bare in (PEER_LID, PEER_PN)
        ]
        self._seen = len(self.server.messages)
        self._texts += [self.peers[0].decrypt(enc).extendedTextMessage.text for enc in copies]
        return self._texts

    def announced(self) -> list[str]:
        return [event.message.text for event in self.account.sink.of(MessageAdded)]

    async def forget(self) -> None:
        """The device list is dropped, as a notification or another hash does."""
        await self.account.write(lambda store: store.addresses.forget_devices(PEER_PN))


@pytest.fixture
async def sender(account: Account) -> Sender:
    sender = Sender(account)
    await sender.connect()
    return sender


@pytest.mark.parametrize("drop_after", [1, 2, 7, 19])
async def test_order_survives_a_device_list_that_is_dropped_in_the_middle_of_a_burst(
    sender: Sender, drop_after: int
) -> None:
    submit = sender.account.database.submit
    handed_in = 0

    def dropping(name: str, job: Any) -> Any:
        nonlocal handed_in
        handed_in += 1
        future = submit(name, job)
        if handed_in == drop_after:
            submit(name, lambda store: store.addresses.forget_devices(PEER_PN))
        return future

    sender.account.database.submit = dropping  # type: ignore[method-assign, assignment]
    words = [f"text {index}" for index in range(20)]
    await asyncio.gather(*(sender.send(word) for word in words))
    assert sender.received() == words
    assert sender.announced() == words


async def test_a_later_send_does_not_overtake_one_that_asks_for_devices(sender: Sender) -> None:
    await sender.send("zero")
    await sender.forget()
    sender.server.is_slow = True
    sends = [sender.send("one"), sender.send("two")]
    await asyncio.wait_for(sender.server.is_asked.wait(), 5)
    sends.append(sender.send("three"))
    await sender.account.write(lambda _: None)
    assert sender.received() == ["zero"]
    sender.server.is_slow = False
    await sender.server.let_one_go()
    await asyncio.gather(*sends)
    assert sender.announced() == ["zero", "one", "two", "three"]


@pytest.mark.parametrize("chats", [(PEER_PN, PEER_LID), (PEER_LID, PEER_PN)])
async def test_number_and_hidden_id_of_one_person_are_one_row_of_calls(
    sender: Sender, chats: tuple[Jid, Jid]
) -> None:
    await sender.send("zero")  # the server tells that both are one person
    await sender.forget()
    sender.server.is_slow = True
    sends = [sender.send(words, chat) for words, chat in zip(("one", "two"), chats, strict=True)]
    await asyncio.wait_for(sender.server.is_asked.wait(), 5)
    for _ in range(5):
        await sender.account.write(lambda _: None)
    sender.server.is_slow = False
    # If both had asked for devices, the later one would have them first.
    asked = [sender.server.questions.get_nowait() for _ in range(sender.server.questions.qsize())]
    for answer in reversed(asked):
        answer()
    await asyncio.gather(*sends)
    assert sender.received() == ["zero", "one", "two"]


async def test_a_caller_that_gives_up_while_it_waits_lets_nobody_overtake(
    sender: Sender,
) -> None:
    sender.server.is_slow = True
    first, second, third = (sender.send(word) for word in ("one", "two", "three"))
    await asyncio.wait_for(sender.server.is_asked.wait(), 5)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    await sender.account.write(lambda _: None)
    sender.server.is_slow = False
    while not sender.server.questions.empty():
        await sender.server.let_one_go()
    await asyncio.gather(first, third)
    assert sender.received() == ["one", "three"]


async def test_chats_do_not_wait_for_one_another(sender: Sender) -> None:
    sender.server.is_slow = True
    waiting = sender.send("to Bob")
    about_bob = await asyncio.wait_for(sender.server.questions.get(), 5)
    note = sender.send("to myself", OWN_PN.bare)
    about_myself = await asyncio.wait_for(sender.server.questions.get(), 5)
    sender.server.is_slow = False
    about_myself()
    await note
    assert not waiting.done()
    about_bob()
    await waiting


async def test_what_is_committed_leaves_even_if_the_caller_has_given_up(sender: Sender) -> None:
    await sender.send("one")
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()
    holding = sender.account.database.submit(
        SESSION, lambda _: asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(5)
    )
    sending = sender.send("two")
    await sender.account.read(lambda _: None)  # by now the job is handed in
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    gate.set()
    await holding
    await sender.account.write(lambda _: None)
    assert sender.received() == sender.announced() == ["one", "two"]


async def test_a_send_while_the_backlog_of_sends_leaves_goes_out_once_and_in_turn(
    account: Account,
) -> None:
    sender = Sender(account)
    await sender.connect()
    await sender.send("zero")
    sender.sender.pause()
    before = [sender.send(f"before {index}") for index in range(5)]
    await account.write(lambda _: None)
    connecting = asyncio.create_task(sender.connect())
    during = [sender.send(f"during {index}") for index in range(5)]
    await connecting
    await asyncio.gather(*before, *during)
    texts = sender.received()
    assert texts == [
        "zero",
        *(f"before {index}" for index in range(5)),
        *(f"during {index}" for index in range(5)),
    ]


async def test_a_connection_that_closes_under_a_send_leaves_it_to_the_next(
    sender: Sender,
) -> None:
    await sender.send("one")
    sender.server.is_open = False
    sending = sender.send("two")
    await sender.account.write(lambda _: None)
    await sender.account.write(lambda _: None)
    assert sender.received() == ["one"]
    sender.sender.pause()
    sender.server.is_open = True
    await sender.connect()
    await sending
    assert sender.received() == ["one", "two"]


async def test_a_resume_over_a_closed_connection_is_left_to_the_next(sender: Sender) -> None:
    await sender.send("one")
    sender.server.ack_error = None
    sender.sender.pause()
    sending = sender.send("two")
    await sender.account.write(lambda _: None)
    sender.server.is_open = False
    with pytest.raises(ConnectionClosed):
        await sender.connect()
    sender.server.is_open, sender.server.ack_error = True, 0
    await sender.connect()
    await sending


async def test_a_list_whose_devices_are_all_gone_is_forgotten(sender: Sender) -> None:
    sender.server.without_bundle.add((PEER_PN, 0))
    with pytest.raises(CryptoError):
        await sender.messages.send_text(PEER_PN, "hello")
    assert await sender.account.read(lambda s: s.addresses.devices(PEER_PN)) is None
    assert sender.announced() == []
    # The next send asks anew, and finds the new device.
    sender.server.without_bundle.clear()
    await sender.messages.send_text(PEER_PN, "again")
    assert sender.received() == ["again"]


async def test_a_person_without_any_device_gets_nothing_and_neither_do_our_own(
    sender: Sender,
) -> None:
    def lists(store: Any) -> None:
        store.addresses.put_devices(DeviceList(PEER_PN, (), 1, NOW, 1 << 40))
        store.addresses.put_devices(DeviceList(OWN_PN.bare, (0, 1), 1, NOW, 1 << 40))

    await sender.account.write(lists)
    with pytest.raises(CryptoError):
        await sender.messages.send_text(PEER_PN, "hello")
    assert sender.server.messages == []


async def test_a_message_that_fits_no_frame_is_refused_and_not_kept(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "MAX_STANZA", 2000)
    with pytest.raises(InvalidInput):
        await sender.messages.send_text(PEER_PN, "x" * 3000)
    assert await sender.account.read(lambda store: store.send_queue.pending()) == []
    assert sender.announced() == []


async def test_a_question_of_a_send_is_asked_again_after_a_reconnect(sender: Sender) -> None:
    sender.server.is_slow = True
    sending = sender.send("hello")
    await asyncio.wait_for(sender.server.is_asked.wait(), 5)
    sender.sender.pause()
    sender.queries.detach("disconnected")
    sender.server.is_slow = False
    sender.queries.attach(sender.server)  # type: ignore[arg-type]
    sender.queries.log_in()
    await sender.connect()
    await sending
    assert sender.received() == ["hello"]


async def test_a_message_at_which_the_server_ends_the_stream_fails_and_the_others_go_on(
    sender: Sender,
) -> None:
    it, account = sender, sender.account
    assert (await it.send("before")).ack is Ack.SERVER
    it.server.ack_error = None
    poison, other = it.send("poison"), it.send("other")
    async with asyncio.timeout(5):
        while len(it.server.messages) < 3:
            await account.write(lambda _: None)
    for _ in range(LIMIT // MALFORMED):
        it.server.ended = Close(Cause.LOST, "stream error 0", suspicion=MALFORMED)
        it.sender.pause()
        it.server.ended = None
        assert not poison.done()
        await it.connect()
    with pytest.raises(StanzaRefused):
        await poison
    waiting = await account.read(lambda store: store.send_queue.pending())
    assert [each.message_id for each in waiting] == [it.server.messages[2].attr("id")]
    failed = it.server.messages[1].attr("id")
    told = [event for event in account.sink.of(AckChanged) if event.ack is Ack.ERROR]
    assert [event.message.key.id for event in told] == [failed]
    other.cancel()


async def test_restarts_between_do_not_save_a_message_at_which_the_server_ends_the_stream(
    sender: Sender,
) -> None:
    account = sender.account
    sender.server.ack_error = None
    sends = [sender.send("poison"), sender.send("other")]
    await sender.server.arrived(2)
    poison, other = (node.attr("id") for node in sender.server.messages)
    for number in range(LIMIT // MALFORMED):
        waiting = await account.read(lambda store: store.send_queue.pending())
        assert [each.message_id for each in waiting] == [poison, other], number
        process = Sender(account)  # it knows what is stored
        process.server.ack_error = None
        await process.connect()
        process.server.ended = Close(Cause.LOST, "stream error 0", suspicion=MALFORMED)
        process.sender.pause()
        await process.connect()
    waiting = await account.read(lambda store: store.send_queue.pending())
    assert [each.message_id for each in waiting] == [other]
    for send in sends:
        send.cancel()
