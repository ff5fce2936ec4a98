from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, SESSION, Account, Peer
from support.clock import FakeClock
from support.server import FakeServer
from waport.client import peer as peer_module
from waport.client.devices import Devices
from waport.client.encryption import learn_mapping
from waport.client.placeholders import (
    DELAY_S,
    GATHER_S,
    MAX_AGE_S,
    MAX_WAITING,
    Placeholders,
    Recovered,
    take_answer,
)
from waport.client.queries import Queries
from waport.errors import ConnectionClosed, CryptoError
from waport.model import Ack, Message, MessageKey, MessageKind
from waport.proto import pb
from waport.wire import Jid, Node

GROUP = Jid("120363000000000001", "g.us")
CAROL_PN = Jid("15550003333", "s.whatsapp.net")
CAROL_LID = Jid("100000000000003", "lid")
PHONE = OWN_LID.with_device(0)


def wire_key(message_id: str = "M1", *, chat: Jid = PEER_LID, sender: Jid = PEER_LID) -> MessageKey:
    """A message as its stanza named it."""
    return MessageKey(chat, message_id, from_me=False, sender=sender)


def stored_key(message_id: str = "M1") -> MessageKey:
    return MessageKey(PEER_PN, message_id, from_me=False, sender=PEER_PN)


def message(key: MessageKey, kind: MessageKind = MessageKind.CIPHERTEXT, at: int = NOW) -> Message:
    return Message(key, at, b"", kind, "Bob", Ack.SERVER)


class Scene:
    """An account with unreadable messages, and its phone."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.clock = FakeClock(NOW)
        self.phone = Peer(OWN_PN.with_device(0))
        self.queries = Queries(5)
        self.server = FakeServer(self.queries, [self.phone], {OWN_PN.bare: OWN_LID.bare})
        devices = Devices(account.database, SESSION, self.queries)
        peer = peer_module.Peer(
            account.database, SESSION, self.queries, devices, self.server.transmit, self.clock
        )
        self.placeholders = Placeholders(account.database, SESSION, peer, self.clock)
        self.tasks: list[asyncio.Task[None]] = []

    async def keep(self, *messages: Message) -> None:
        def job(store: Any) -> None:
            for each in messages:
                assert store.messages.add(each) is not None

        await self.account.write(job)

    def ask(self, key: MessageKey, after_s: float = DELAY_S) -> asyncio.Task[None]:
        task = asyncio.create_task(self.placeholders.ask(key, after_s))
        self.tasks.append(task)
        return task

    def asked(self) -> list[list[pb.MessageKey]]:
        """What the phone was asked for, request by request."""
        requests = []
        for node in self.server.messages:
            content = self.phone.decrypt(node.child("enc")).protocolMessage
            wanted = content.peerDataOperationRequestMessage.placeholderMessageResendRequest
            requests.append([each.messageKey for each in wanted])
        return requests

    def ids(self) -> list[list[str]]:
        return [[key.id for key in keys] for keys in self.asked()]


@pytest.fixture
async def scene(account: Account) -> AsyncIterator[Scene]:
    scene = Scene(account)
    yield scene
    for task in scene.tasks:
        task.cancel()
    await asyncio.gather(*scene.tasks, return_exceptions=True)


# --- asking --------------------------------------------------------------------------------------


async def test_the_author_has_five_seconds_before_the_phone_is_asked(scene: Scene) -> None:
    await scene.keep(message(stored_key()))
    task = scene.ask(wire_key())
    await scene.clock.sleeping(DELAY_S)
    scene.clock.advance(DELAY_S - 0.5)
    assert scene.server.messages == []
    scene.clock.advance(0.5)
    await task
    ((key,),) = scene.asked()
    # As the stanza named it, since that is how the phone knows it.
    assert (key.id, key.remoteJid, key.fromMe) == ("M1", str(PEER_LID), False)
    assert not key.HasField("participant")


async def test_what_nobody_else_has_is_asked_for_at_once(scene: Scene) -> None:
    await scene.keep(message(stored_key()))
    await scene.ask(wire_key(), 0)
    assert scene.ids() == [["M1"]]
    assert scene.clock.asked() == []


async def test_a_message_that_came_meanwhile_is_not_asked_for(scene: Scene) -> None:
    await scene.keep(message(stored_key()))
    task = scene.ask(wire_key())
    await scene.clock.sleeping(DELAY_S)
    await scene.keep(replace(message(stored_key(), MessageKind.TEXT), content=b"\x0a\x01x"))
    scene.clock.advance(DELAY_S)
    await task
    assert scene.server.messages == []


async def test_a_message_without_a_place_is_not_asked_for(scene: Scene) -> None:
    await scene.ask(wire_key(), 0)
    assert scene.server.messages == []


@pytest.mark.parametrize(("age", "expected"), [(MAX_AGE_S, [["M1"]]), (MAX_AGE_S + 1, [])])
async def test_the_phone_is_not_asked_for_messages_older_than_two_weeks(
    scene: Scene, age: int, expected: list[list[str]]
) -> None:
    await scene.keep(message(stored_key(), at=NOW - age))
    await scene.ask(wire_key(), 0)
    assert scene.ids() == expected


async def test_the_phone_is_asked_once_for_each_message_also_after_a_restart(
    scene: Scene, account: Account
) -> None:
    await scene.keep(message(stored_key()))
    await scene.ask(wire_key(), 0)
    await scene.ask(wire_key(), 0)
    assert scene.ids() == [["M1"]]
    restarted = Scene(account)
    await restarted.ask(wire_key(), 0)
    assert restarted.server.messages == []


async def test_a_group_message_is_named_with_its_author(scene: Scene) -> None:
    await scene.keep(message(MessageKey(GROUP, "M1", False, CAROL_LID)))
    await scene.ask(wire_key(chat=GROUP, sender=CAROL_LID), 0)
    ((key,),) = scene.asked()
    assert (key.remoteJid, key.participant) == (str(GROUP), str(CAROL_LID))


async def test_a_copy_of_an_own_other_device_is_asked_for_as_ours(scene: Scene) -> None:
    key = MessageKey(PEER_PN, "M1", from_me=True, sender=OWN_PN.bare)
    await scene.keep(message(key))
    await scene.ask(MessageKey(PEER_LID, "M1", from_me=True, sender=OWN_LID.bare), 0)
    ((asked,),) = scene.asked()
    assert (asked.remoteJid, asked.fromMe) == (str(PEER_LID), True)


async def test_messages_that_come_due_together_go_into_one_request(scene: Scene) -> None:
    await scene.keep(*(message(stored_key(name)) for name in ("M1", "M2", "M3")))
    task = scene.ask(wire_key("M1"))
    await scene.clock.sleeping(DELAY_S)
    scene.clock.advance(GATHER_S)
    scene.ask(wire_key("M2"))
    scene.clock.advance(0.5)
    scene.ask(wire_key("M3"))
    await scene.clock.sleeping(DELAY_S - GATHER_S - 0.5)
    scene.clock.advance(DELAY_S - GATHER_S - 0.5)
    await scene.server.arrived(1)
    await scene.clock.pass_by(0.1, DELAY_S)
    await task
    assert scene.ids() == [["M1", "M2"], ["M3"]]


async def test_a_request_names_fifty_messages_at_most(scene: Scene) -> None:
    names = [f"M{number}" for number in range(60)]
    await scene.keep(*(message(stored_key(name)) for name in names))
    tasks = [scene.ask(wire_key(name), 0) for name in names]
    await asyncio.gather(*tasks)
    assert scene.ids() == [names[:50], names[50:]]


async def test_an_urgent_message_does_not_wait_for_those_before_it(scene: Scene) -> None:
    await scene.keep(message(stored_key("M1")), message(stored_key("M2")))
    scene.ask(wire_key("M1"))
    await scene.clock.sleeping(DELAY_S)
    scene.ask(wire_key("M2"), 0)
    await scene.server.arrived(1)
    assert scene.ids() == [["M2"]]


async def test_the_last_failure_brings_a_waiting_message_forward_and_none_puts_it_off(
    scene: Scene,
) -> None:
    await scene.keep(message(stored_key()))
    task = scene.ask(wire_key())
    await scene.clock.sleeping(DELAY_S)
    scene.clock.advance(3)
    # A second failure; the five seconds of the first go on.
    scene.ask(wire_key())
    await scene.clock.sleeping(DELAY_S - 3)
    scene.ask(wire_key(), 0)
    await task
    assert scene.ids() == [["M1"]]


async def test_a_hidden_id_that_is_learned_meanwhile_loses_no_message(scene: Scene) -> None:
    await scene.keep(message(MessageKey(CAROL_LID, "M1", False, CAROL_LID)))
    task = scene.ask(wire_key(chat=CAROL_LID, sender=CAROL_LID))
    await scene.clock.sleeping(DELAY_S)
    await scene.account.write(lambda store: learn_mapping(store, CAROL_PN, CAROL_LID))
    scene.clock.advance(DELAY_S)
    await task
    assert scene.ids() == [["M1"]]


# --- connections that end ------------------------------------------------------------------------


async def test_what_waits_when_the_connection_ends_is_asked_for_after_the_next_login(
    scene: Scene,
) -> None:
    await scene.keep(message(stored_key()))
    task = scene.ask(wire_key())
    await scene.clock.sleeping(DELAY_S)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    scene.clock.advance(60)
    await scene.placeholders.resume()
    assert scene.ids() == [["M1"]]


async def test_a_request_that_did_not_leave_is_kept_and_made_no_second_time(
    scene: Scene, account: Account
) -> None:
    # The session first, so that only the request itself is held up.
    await scene.keep(message(stored_key("M0")), message(stored_key("M1")))
    await scene.ask(wire_key("M0"), 0)
    scene.server.is_open = False
    await scene.ask(wire_key("M1"), 0)
    scene.server.is_open = True
    await scene.placeholders.resume()
    queued = await account.read(lambda store: store.send_queue.pending())
    assert len(queued) == 2
    scene.server.send_stanza(queued[-1].stanza)
    assert scene.ids() == [["M0"], ["M1"]]


async def test_without_a_connection_the_message_stays_on_the_list(scene: Scene) -> None:
    await scene.keep(message(stored_key()))
    scene.queries.detach("gone")
    with pytest.raises(ConnectionClosed):
        await scene.ask(wire_key(), 0)
    scene.queries.attach(scene.server)  # type: ignore[arg-type]
    await scene.placeholders.resume()
    assert scene.ids() == [["M1"]]


async def test_a_phone_without_keys_is_asked_as_soon_as_it_has_some(scene: Scene) -> None:
    await scene.keep(message(stored_key()))
    scene.server.without_bundle.add((OWN_PN.bare, 0))
    with pytest.raises(CryptoError):
        await scene.ask(wire_key(), 0)
    scene.server.without_bundle.clear()
    await scene.placeholders.resume()
    assert scene.ids() == [["M1"]]


async def test_the_list_is_bounded(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.queries.detach("gone")
    works = [scene.placeholders.ask(wire_key(f"M{n}"), 0) for n in range(MAX_WAITING + 5)]
    for work in works:
        work.close()
    assert len(scene.placeholders._waiting) == MAX_WAITING
    assert "too many unreadable messages" in caplog.text


async def test_a_handler_asks_after_its_commit(scene: Scene, account: Account) -> None:
    await scene.keep(message(stored_key()))
    work = await account.handle(
        lambda work, _: scene.placeholders.want(work, wire_key(), True), Node("message")
    )
    (follow_up,) = work.follow_ups
    await follow_up()
    assert scene.ids() == [["M1"]]


async def test_what_was_to_be_asked_for_is_asked_for_after_a_crash(
    scene: Scene, account: Account
) -> None:
    await scene.keep(message(stored_key()))
    # Committed, and the process dies before anything follows.
    await account.handle(
        lambda work, _: scene.placeholders.want(work, wire_key(), False), Node("message")
    )
    restarted = Scene(account)
    resuming = asyncio.create_task(restarted.placeholders.resume())
    await restarted.clock.sleeping(DELAY_S)  # the author may have answered meanwhile, or will
    restarted.clock.advance(DELAY_S)
    await resuming
    ((key,),) = restarted.asked()
    # Still as the stanza named it.
    assert (key.id, key.remoteJid, key.fromMe) == ("M1", str(PEER_LID), False)
    once_more = Scene(account)
    await once_more.placeholders.resume()
    assert once_more.server.messages == []
    assert await account.read(lambda store: store.wanted_placeholders.first(10)) == []


async def test_what_came_while_nobody_was_there_to_ask_is_not_asked_for(
    scene: Scene, account: Account
) -> None:
    await scene.keep(message(stored_key()))
    await account.handle(
        lambda work, _: scene.placeholders.want(work, wire_key(), True), Node("message")
    )
    await scene.keep(replace(message(stored_key(), MessageKind.TEXT), content=b"\x0a\x01x"))
    restarted = Scene(account)
    resuming = asyncio.create_task(restarted.placeholders.resume())
    await restarted.clock.sleeping(DELAY_S)
    restarted.clock.advance(DELAY_S)
    await resuming
    assert restarted.server.messages == []
    assert await account.read(lambda store: store.wanted_placeholders.first(10)) == []


# --- what the phone answers ----------------------------------------------------------------------

TEXT = pb.Message(conversation="hello")


def answer(*infos: pb.WebMessageInfo) -> pb.ProtocolMessage:
    protocol = pb.ProtocolMessage(
        type=pb.ProtocolMessage.PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE
    )
    response = protocol.peerDataOperationRequestResponseMessage
    response.peerDataOperationRequestType = pb.PLACEHOLDER_MESSAGE_RESEND
    for info in infos:
        result = response.peerDataOperationResult.add()
        result.placeholderMessageResendResponse.webMessageInfoBytes = info.SerializeToString()
    return protocol


def copy(message_id: str = "M1", *, chat: Jid = PEER_LID, **fields: Any) -> pb.WebMessageInfo:
    key = pb.MessageKey(remoteJid=str(chat), fromMe=fields.pop("from_me", False), id=message_id)
    if (participant := fields.pop("participant", None)) is not None:
        key.participant = str(participant)
    return pb.WebMessageInfo(**{"key": key, "message": TEXT, "messageTimestamp": NOW + 9, **fields})


async def taken(
    account: Account, *infos: pb.WebMessageInfo, sender: Jid = PHONE
) -> list[Recovered]:
    found: list[Recovered] = []
    await account.handle(
        lambda work, _: found.extend(take_answer(work, sender, answer(*infos))), Node("message")
    )
    return found


@pytest.mark.parametrize("chat", [PEER_LID, PEER_PN])
async def test_the_phones_copy_stands_for_the_placeholder_under_either_address(
    scene: Scene, account: Account, chat: Jid
) -> None:
    await scene.keep(message(stored_key()))
    expected = Recovered(stored_key(), NOW + 9, "Robert", TEXT.SerializeToString())
    assert await taken(account, copy(chat=chat, pushName="Robert")) == [expected]


async def test_what_the_phone_does_not_say_stays_as_it_was(scene: Scene, account: Account) -> None:
    await scene.keep(message(stored_key()))
    (recovered,) = await taken(account, copy(messageTimestamp=0))
    assert (recovered.timestamp, recovered.push_name) == (NOW, "Bob")


async def test_a_group_message_is_recovered_for_its_author_alone(
    scene: Scene, account: Account
) -> None:
    key = MessageKey(GROUP, "M1", False, CAROL_LID)
    await scene.keep(message(key))
    stranger = copy(chat=GROUP, participant=PEER_LID)
    assert await taken(account, stranger) == []
    (recovered,) = await taken(account, copy(chat=GROUP, participant=CAROL_LID))
    assert recovered.key == key


async def test_a_group_message_without_a_named_author_is_the_one_of_that_id(
    scene: Scene, account: Account
) -> None:
    key = MessageKey(GROUP, "M1", False, CAROL_LID)
    await scene.keep(message(key))
    assert [each.key for each in await taken(account, copy(chat=GROUP))] == [key]
    assert await taken(account, copy(chat=GROUP, from_me=True)) == []


async def test_our_own_message_is_recovered_as_ours(scene: Scene, account: Account) -> None:
    key = MessageKey(PEER_PN, "M1", from_me=True, sender=OWN_PN.bare)
    await scene.keep(message(key))
    assert await taken(account, copy()) == []
    assert [each.key for each in await taken(account, copy(from_me=True))] == [key]


async def test_what_stands_for_no_placeholder_is_dropped(scene: Scene, account: Account) -> None:
    text = replace(message(stored_key("M1"), MessageKind.TEXT), content=b"\x0a\x01x")
    await scene.keep(text, message(stored_key("M2")))
    infos = [copy("M1"), copy("M3"), copy("M2", chat=GROUP), copy("M2", message=None), copy("M2")]
    assert [each.key.id for each in await taken(account, *infos)] == ["M2"]


async def test_the_same_message_twice_in_an_answer_is_one(scene: Scene, account: Account) -> None:
    await scene.keep(message(stored_key()))
    assert len(await taken(account, copy(), copy())) == 1


@pytest.mark.parametrize("sender", [OWN_LID, OWN_PN, PEER_LID, PEER_PN])
async def test_only_the_own_phone_is_believed(scene: Scene, account: Account, sender: Jid) -> None:
    await scene.keep(message(stored_key()))
    assert await taken(account, copy(), sender=sender) == []
