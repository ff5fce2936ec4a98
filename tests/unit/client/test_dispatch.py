from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from support.account import PEER_PN, SESSION, Account
from support.link import FakeLink
from waport.client import dispatch
from waport.client.background import MAX_TASKS, Background
from waport.client.dispatch import Dispatcher
from waport.client.link import Link
from waport.client.queries import Queries
from waport.client.work import Work
from waport.errors import CorruptRecord, DecryptError, DecryptFailure, StanzaError, StoreError
from waport.model import AuthFailure
from waport.stanza.login import Ping
from waport.stanza.receipt import ack
from waport.wire import SERVER, STATUS, Node


class Desk:
    """A dispatcher whose handlers do what a test says."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.link: Any = FakeLink()
        self.queries = Queries(5)
        self.queries.attach(self.link)
        self.background = Background()
        self.errors: dict[str, Exception] = {}
        self.looped: list[Node] = []
        self.held: list[Node] = []
        self.dispatcher = Dispatcher(
            account.database,
            SESSION,
            self.queries,
            account.sink,
            self.background,
            work_handlers={"message": self.work, "receipt": self.work},
            loop_handlers={"notification": self.loop, "failure": self.loop},
            hold=self.hold,
        )
        self.dispatcher.linked = True
        self.completing = asyncio.create_task(self.dispatcher.complete())

    def work(self, work: Work, node: Node) -> None:
        work.emit(AuthFailure(node.attr("id")))
        work.reply(ack(node))
        if (error := self.errors.get(node.attr("id"))) is not None:
            raise error

    async def loop(self, link: Link, node: Node) -> None:
        self.looped.append(node)
        if (error := self.errors.get(node.get("id", ""))) is not None:
            raise error

    def hold(self, node: Node) -> bool:
        if node.get("id", "").startswith("late"):
            self.held.append(node)
            return True
        return False

    async def take(self, *nodes: Node) -> list[Node]:
        """Dispatch stanzas, and wait until they are dealt with."""
        for node in nodes:
            await self.dispatcher.on_node(self.link, node)
        await self.dispatcher.drain()
        sent: list[Node] = self.link.sent
        return sent

    def published(self) -> list[str]:
        return [event.message for event in self.account.sink.of(AuthFailure)]


@pytest.fixture
async def desk(account: Account) -> AsyncIterator[Desk]:
    desk = Desk(account)
    yield desk
    desk.completing.cancel()
    await desk.background.cancel()


def message(name: str, tag: str = "message", **attrs: Any) -> Node:
    return Node(tag, {"from": PEER_PN, "id": name, **attrs})


async def test_acks_and_events_follow_the_commits_in_the_order_of_arrival(desk: Desk) -> None:
    names = [f"M{index}" for index in range(50)]
    sent = await desk.take(*(message(name) for name in names))
    assert [node.get("id") for node in sent] == names
    assert desk.published() == names


async def test_an_ack_leaves_only_after_its_commit(desk: Desk) -> None:
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(_: Any) -> None:
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(10)

    blocking = desk.account.database.submit(SESSION, slow)
    await desk.dispatcher.on_node(desk.link, message("M1"))
    assert desk.link.sent == []
    assert desk.published() == []
    gate.set()
    await blocking
    await desk.dispatcher.drain()
    assert len(desk.link.sent) == 1


@pytest.mark.parametrize("error", [StoreError("disk full"), CorruptRecord("bad row")])
async def test_a_store_that_fails_closes_the_connection_without_an_ack(
    desk: Desk, error: StoreError
) -> None:
    desk.errors["M1"] = error
    assert await desk.take(message("M1")) == []
    (close,) = desk.link.closes
    assert close.detail == "store failed"
    assert desk.published() == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StanzaError("message", "no"), "487"),
        (DecryptError(DecryptFailure.BAD_MAC), "500"),
        (ZeroDivisionError(), "500"),
    ],
)
async def test_a_stanza_that_fails_is_refused_and_the_next_one_is_handled(
    desk: Desk, error: Exception, code: str
) -> None:
    desk.errors["M1"] = error
    refusal, accepted = await desk.take(message("M1"), message("M2"))
    assert (refusal.get("id"), refusal.get("error")) == ("M1", code)
    assert accepted.get("error") is None
    assert desk.link.closes == []
    assert desk.published() == ["M2"]


async def test_a_status_that_fails_gets_a_plain_ack(desk: Desk) -> None:
    desk.errors["M1"] = ZeroDivisionError()
    node = message("M1", participant=PEER_PN)
    node.attrs["from"] = STATUS
    (answer,) = await desk.take(node)
    assert (answer.tag, answer.get("error")) == ("ack", None)


async def test_a_message_without_id_or_from_is_dropped_in_silence(desk: Desk) -> None:
    desk.errors["M1"] = StanzaError("message", "no from")
    no_from = Node("message", {"id": "M1"})
    assert await desk.take(no_from, Node("message", {"from": PEER_PN})) == []
    assert desk.link.closes == []


async def test_stanzas_without_a_handler_are_acked_where_they_have_to_be(desk: Desk) -> None:
    sent = await desk.take(
        message("1", "call", type="x"),
        message("2", "status", participant=PEER_PN),
        message("3", "appdata"),
        message("4", "presence"),
        message("5", "chatstate"),
        message("6", "brand-new"),
        Node("call", {"from": PEER_PN}),
    )
    assert [(node.tag, node.get("id"), node.get("class")) for node in sent] == [
        ("ack", "1", "call"),
        ("ack", "2", "status"),
        ("ack", "3", "appdata"),
    ]
    assert desk.link.closes == []


async def test_nothing_is_stored_before_the_link(desk: Desk) -> None:
    desk.dispatcher.linked = False
    sent = await desk.take(message("M1"), message("R1", "receipt"))
    assert [node.get("id") for node in sent] == ["M1", "R1"]
    assert desk.published() == []


@pytest.mark.parametrize("error", [StanzaError("notification", "no"), ZeroDivisionError()])
async def test_an_error_in_a_loop_handler_answers_the_stanza_and_goes_on(
    desk: Desk, error: Exception
) -> None:
    desk.errors["N1"] = error
    sent = await desk.take(message("N1", "notification"), message("M1"))
    assert [node.get("id") for node in sent] == ["N1", "M1"]
    desk.errors[""] = error
    await desk.take(Node("notification", {"from": SERVER}), Node("failure"))
    assert desk.link.closes == []


async def test_a_reply_that_can_not_be_encoded_holds_up_nothing(desk: Desk) -> None:
    sent = await desk.take(message("M1", type="\ud800", tag="receipt"), message("M2"))
    assert [node.get("id") for node in sent] == ["M2"]


async def test_a_sink_that_fails_holds_up_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(session_id: str, frames: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(desk.account.sink, "publish", failing)
    sent = await desk.take(message("M1"), message("M2"))
    assert len(sent) == 2


async def test_replies_that_may_wait_are_held_back(desk: Desk) -> None:
    assert await desk.take(message("late1"), message("M1")) == [ack(message("M1"))]
    assert [node.get("id") for node in desk.held] == ["late1"]


async def test_an_action_comes_after_what_was_there_before(desk: Desk) -> None:
    seen: list[int] = []
    for index in range(3):
        await desk.dispatcher.on_node(desk.link, message(f"M{index}"))
        await desk.dispatcher.then(lambda: seen.append(len(desk.link.sent)))
    await desk.dispatcher.drain()
    assert seen == [1, 2, 3]


async def test_a_reader_that_is_cancelled_while_it_waits_for_room_loses_nothing(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "MAX_IN_FLIGHT", 2)
    desk = Desk(account)
    desk.completing.cancel()
    await asyncio.gather(desk.completing, return_exceptions=True)

    async def read() -> None:
        for index in range(5):
            await desk.dispatcher.on_node(desk.link, message(f"M{index}"))

    reading = asyncio.create_task(read())
    await account.write(lambda _: None)
    await account.write(lambda _: None)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    completing = asyncio.create_task(desk.dispatcher.complete())
    await desk.dispatcher.drain()
    completing.cancel()
    # What was recorded was also told: no event waits for another one to wake its deliverer.
    recorded = [event for event in account.sink.recorded if isinstance(event, AuthFailure)]
    assert [event.message for event in recorded] == desk.published() == ["M0", "M1"]


async def test_an_answer_without_a_type_or_with_another_tag_is_an_error_of_that_question(
    desk: Desk,
) -> None:
    for tag, attrs in (("iq", {}), ("ack", {"class": "iq"})):
        asking = asyncio.create_task(desk.queries.run(Ping()))
        question = (await desk.link.has_sent(1)).pop()
        await desk.take(Node(tag, {"from": SERVER, "id": question.attr("id"), **attrs}))
        with pytest.raises(StanzaError):
            await asking
    assert desk.link.closes == []


async def test_who_is_told_of_an_ack_finds_its_effect_in_the_store(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One stanza at a time: the ack has to wait for its turn.
    monkeypatch.setattr(dispatch, "MAX_IN_FLIGHT", 1)
    desk = Desk(account)
    acked: list[str] = []
    monkeypatch.setattr(
        desk.dispatcher, "_on_message_ack", lambda _, answer: acked.append(answer.id)
    )
    told = desk.queries.expect_ack("3EB0FF")

    async def wait() -> list[str]:
        await told
        return await account.write(lambda _: list(acked))

    waiting = asyncio.create_task(wait())
    await desk.take(message("M1"), Node("ack", {"class": "message", "id": "3EB0FF"}))
    assert await waiting == ["3EB0FF"]
    desk.completing.cancel()


async def test_what_follows_an_answer_to_a_message_is_done_however_much_else_there_is_to_do(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(MAX_TASKS):
        desk.background.spawn(asyncio.Event().wait(), "busy")  # type: ignore[arg-type]
    sent_again = asyncio.Event()

    async def again() -> None:
        sent_again.set()

    monkeypatch.setattr(desk.dispatcher, "_on_message_ack", lambda work, _: work.later(again))
    await desk.take(Node("ack", {"class": "message", "id": "3EB0FF", "error": "500"}))
    async with asyncio.timeout(5):
        await sent_again.wait()


async def test_answers_that_nobody_waits_for_are_dropped(desk: Desk) -> None:
    sent = await desk.take(
        Node("iq", {"from": SERVER, "id": "1.2-3", "type": "result"}),
        Node("iq", {"from": SERVER, "type": "error"}),
        Node("ack", {"class": "message", "id": "3EB0FF"}),
        Node("ack", {"class": "message"}),
        Node("ack", {"class": "receipt", "id": "X"}),
    )
    assert (sent, desk.link.closes) == ([], [])
