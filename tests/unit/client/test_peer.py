from __future__ import annotations

import asyncio
import gc
import threading
from dataclasses import replace
from typing import Any

import pytest

from support.account import NOW, OWN_LID, OWN_PN, SESSION, Account, Peer
from support.clock import FakeClock
from support.handlers import Desk
from support.server import FakeServer
from waport.client import ClientConfig
from waport.client import peer as peer_module
from waport.client.devices import Devices
from waport.client.queries import Queries
from waport.errors import ConnectionClosed, CryptoError, InvalidInput, SessionError
from waport.model import Credentials
from waport.model.contents import TargetKey
from waport.proto import pb
from waport.stanza.message import MessageAck
from waport.stanza.peer import PushPriority, history_request, placeholder_request
from waport.wire import Jid, Node, encode_stanza

PHONE = OWN_LID.with_device(0)


class Line:
    """An account, its own phone, and the server between them."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.phone = Peer(OWN_PN.with_device(0))
        self.queries = Queries(5)
        self.server = FakeServer(self.queries, [self.phone], {OWN_PN.bare: OWN_LID.bare})
        devices = Devices(account.database, SESSION, self.queries)
        clock = FakeClock(NOW)
        self.desk = Desk(account, self.queries, ClientConfig(), clock)
        transmit = self.desk.sender.transmit
        self.peer = peer_module.Peer(
            account.database, SESSION, self.queries, devices, transmit, clock
        )

    async def log_in(self) -> None:
        """The login is complete; what waits has been sent."""
        await self.desk.sender.resume(self.server)  # type: ignore[arg-type]

    def read(self, node: Node) -> pb.Message:
        """The phone reads what it gets."""
        return self.phone.decrypt(node.child("enc"))


@pytest.fixture
async def line(account: Account) -> Line:
    line = Line(account)
    await line.log_in()
    return line


def request(name: str = "3EB0BB") -> pb.Message:
    return placeholder_request([TargetKey(name, Jid("15550002222", "s.whatsapp.net"))])


async def test_the_phone_reads_what_only_the_phone_gets(line: Line) -> None:
    sent = await line.peer.send(request())
    (node,) = line.server.messages
    assert (node.get("id"), node.jid("to"), node.get("category")) == (sent, OWN_PN.bare, "peer")
    assert node.get("push_priority") == "high_force"
    assert node.child("device-identity").data == line.account.credentials.account
    assert line.read(node) == request()
    assert {child.tag for child in node.children()} == {"meta", "enc", "device-identity"}


async def test_the_session_is_kept_under_the_lid_and_used_again(line: Line) -> None:
    await line.peer.send(request("3EB0B1"))
    record = await line.account.read(lambda store: store.signal.session(PHONE.signal_address))
    assert record is not None
    await line.peer.send(request("3EB0B2"))
    assert line.server.asked == ["encrypt"]
    first, second = line.server.messages
    assert first.get("id") != second.get("id")
    # The later one may come first.
    assert line.read(second) == request("3EB0B2")
    assert line.read(first) == request("3EB0B1")


async def test_the_advanced_session_is_committed_before_the_message_leaves(line: Line) -> None:
    await line.peer.send(request())
    seen: list[Any] = []
    before = await line.account.read(lambda store: store.signal.session(PHONE.signal_address))

    sending = line.server.send_stanza

    def send(stanza: bytes) -> None:
        seen.append("left")
        sending(stanza)

    line.server.send_stanza = send  # type: ignore[method-assign]
    handing_in = line.account.database.submit

    def submit(session_id: str, job: Any) -> asyncio.Future[Any]:
        future = handing_in(session_id, job)
        future.add_done_callback(lambda _: seen.append("committed"))
        return future

    line.account.database.submit = submit  # type: ignore[method-assign]
    await line.peer.send(request())
    assert seen == ["committed", "left"]
    stored = await line.account.read(lambda store: store.signal.session(PHONE.signal_address))
    assert stored not in (before, None)


async def test_a_request_whose_caller_gives_up_leaves_all_the_same(line: Line) -> None:
    await line.peer.send(request("3EB0B1"))
    loop, begun, may_end = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def make(_: Any) -> pb.Message:
        loop.call_soon_threadsafe(begun.set)
        assert may_end.wait(5)
        return request("3EB0B2")

    sending = asyncio.create_task(line.peer.send_made(make))
    await begun.wait()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    may_end.set()
    queued = await line.account.write(lambda store: store.send_queue.pending())
    assert [node.get("id") for node in line.server.messages] == [row.message_id for row in queued]
    assert len(queued) == 2


async def test_a_request_that_fails_after_its_caller_gave_up_leaves_nothing_behind(
    line: Line,
) -> None:
    await line.peer.send(request("3EB0B1"))
    loop, begun, may_end = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    complaints: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))

    def make(_: Any) -> pb.Message:
        loop.call_soon_threadsafe(begun.set)
        assert may_end.wait(5)
        raise InvalidInput("no request after all")

    before = asyncio.all_tasks()
    sending = asyncio.create_task(line.peer.send_made(make))
    await begun.wait()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    assert asyncio.all_tasks() == before
    may_end.set()
    await line.account.write(lambda store: None)
    gc.collect()
    assert complaints == []


async def test_history_is_asked_for_in_private_and_a_priority_can_be_given(line: Line) -> None:
    oldest = TargetKey("3EB0BB", Jid("15550002222", "s.whatsapp.net"))
    await line.peer.send(history_request(oldest, NOW, 50), priority=PushPriority.HIGH)
    (node,) = line.server.messages
    assert (node.get("privacy_sensitive"), node.get("push_priority")) == ("1", "high")


async def test_before_the_lid_is_known_the_number_does(line: Line) -> None:
    def forget(store: Any) -> None:
        credentials: Credentials = store.devices.get()
        store.devices.save(replace(credentials, lid=None))

    await line.account.write(forget)
    await line.peer.send(request())
    address = OWN_PN.with_device(0).signal_address
    assert await line.account.read(lambda store: store.signal.session(address)) is not None


async def test_a_phone_without_keys_is_not_written_to(line: Line) -> None:
    line.server.without_bundle.add((OWN_PN.bare, 0))
    with pytest.raises(CryptoError):
        await line.peer.send(request())
    assert line.server.messages == []


async def test_without_a_connection_nothing_is_changed(line: Line) -> None:
    made: list[Any] = []
    line.queries.detach("gone")
    with pytest.raises(ConnectionClosed):
        await line.peer.send_made(lambda store: made.append(store))
    assert made == []


async def test_an_account_that_is_not_linked_sends_nothing(line: Line) -> None:
    await line.account.write(lambda store: store.devices.delete_session())
    with pytest.raises(SessionError):
        await line.peer.send(request())


async def test_what_turns_out_to_be_nothing_is_not_sent(line: Line) -> None:
    assert await line.peer.send_made(lambda _: None) is None
    assert line.server.messages == []


async def test_what_the_content_changes_is_undone_when_it_can_not_be_made(line: Line) -> None:
    await line.peer.send(request())
    before = await line.account.read(lambda store: store.signal.session(PHONE.signal_address))

    def failing(store: Any) -> None:
        store.signal.delete_session(PHONE.signal_address)
        raise CryptoError("no")

    with pytest.raises(CryptoError, match="no"):
        await line.peer.send_made(failing)
    after = await line.account.read(lambda store: store.signal.session(PHONE.signal_address))
    assert after == before
    assert len(line.server.messages) == 1


# --- crashes and ends of the connection ----------------------------------------------------------


async def cut_off(line: Line) -> str:
    """A request that is committed, and of which nothing leaves; its id."""
    await line.peer.send(request("3EB0B1"))  # so that there is a session
    await line.account.write(lambda store: store.send_queue.done(line.server.messages[0].get("id")))
    line.server.is_open = False
    return await line.peer.send(request("3EB0B2"))


async def test_a_request_that_could_not_leave_is_sent_after_the_next_login(line: Line) -> None:
    sent = await cut_off(line)
    assert len(line.server.messages) == 1
    # Another process, which knows what is stored.
    again = Line(line.account)
    again.phone = line.phone
    await again.log_in()
    (node,) = again.server.messages
    assert (node.get("id"), node.get("category")) == (sent, "peer")
    assert line.read(node) == request("3EB0B2")


async def test_a_request_that_is_made_during_a_login_goes_out_once_behind_it(
    account: Account,
) -> None:
    line = Line(account)
    sent = await line.peer.send(request())
    assert line.server.messages == []
    await line.log_in()
    assert [node.get("id") for node in line.server.messages] == [sent]


async def test_a_request_that_the_server_never_acknowledges_is_not_sent_for_ever(
    account: Account,
) -> None:
    line = Line(account)
    await line.peer.send(request())
    chat = OWN_PN.bare
    queued = (await account.read(lambda store: store.send_queue.pending()))[0]
    post = encode_stanza(Node("message", {"id": "3EB0AA", "to": chat}))

    def age(store: Any) -> None:
        store.send_queue.done(queued.message_id)
        limit_ms = (NOW - peer_module.MAX_AGE_S) * 1000
        store.send_queue.add("3EB0A1", chat, queued.stanza, limit_ms - 1)
        store.send_queue.add("3EB0A2", chat, queued.stanza, limit_ms)
        store.send_queue.add("3EB0A3", chat, post, limit_ms - 1)

    await account.write(age)
    await line.log_in()
    assert line.server.raw == [queued.stanza, post]
    left = await account.read(lambda store: store.send_queue.pending())
    assert [row.message_id for row in left] == ["3EB0A2", "3EB0A3"]


async def test_a_request_is_kept_until_the_server_has_it_and_nothing_is_told_of_it(
    line: Line,
) -> None:
    sent = await line.peer.send(request())
    await line.log_in()
    first, again = line.server.raw
    assert first == again  # no second ciphertext under one id
    ack = Node("ack", {"class": "message", "id": sent, "from": OWN_PN.bare})
    await line.desk.acknowledge(MessageAck(sent, NOW, 0, None), ack)
    assert await line.account.read(lambda store: store.send_queue.pending()) == []
    assert line.account.sink.published == []


async def test_a_request_that_the_server_refuses_is_not_sent_again(line: Line) -> None:
    sent = await line.peer.send(request())
    ack = Node("ack", {"class": "message", "id": sent, "from": OWN_PN.bare, "error": "479"})
    await line.desk.acknowledge(MessageAck(sent, NOW, 479, None), ack)
    assert await line.account.read(lambda store: store.send_queue.pending()) == []
    assert line.account.sink.published == []
