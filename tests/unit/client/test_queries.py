from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.clock import FakeClock
from support.link import FakeLink
from waport.client.queries import RELOGIN_TIMEOUT_S, Queries
from waport.errors import ConnectionClosed, InvalidInput, QueryError, QueryTimeout
from waport.stanza.login import Ping, SetActive
from waport.stanza.message import MessageAck
from waport.stanza.query import Query, iq_get
from waport.wire import SERVER, Node


class Desk:
    def __init__(self, timeout_s: float = 5) -> None:
        self.clock = FakeClock()
        self.link: Any = FakeLink()
        self.queries = Queries(timeout_s, lambda n: b"\x00\x01\x00\x02", self.clock)
        self.queries.attach(self.link)

    def answer(self, question: Node, kind: str = "result", *children: Node) -> bool:
        attrs: dict[str, Any] = {"from": SERVER, "id": question.attr("id"), "type": kind}
        return self.queries.resolve(Node("iq", attrs, list(children) or None))

    @property
    def waiting(self) -> int:
        return len(self.queries._waiters)


async def test_ids_count_on_over_connections_and_are_never_used_twice() -> None:
    desk = Desk()
    ids = []
    for _ in range(3):
        asking = asyncio.create_task(desk.queries.run(Ping()))
        (question,) = await desk.link.has_sent(1)
        ids.append(question.attr("id"))
        desk.answer(question)
        await asking
        desk.queries.detach("gone")
        desk.link = FakeLink()
        desk.queries.attach(desk.link)
    assert ids == ["1.2-1", "1.2-2", "1.2-3"]


async def test_no_answer_in_time_is_an_error_and_a_late_one_meets_nobody() -> None:
    desk = Desk(timeout_s=0.01)
    with pytest.raises(QueryTimeout):
        await desk.queries.run(Ping())
    (question,) = desk.link.sent
    assert desk.waiting == 0
    assert not desk.answer(question)


async def test_a_question_has_its_own_time() -> None:
    desk = Desk(timeout_s=60)
    with pytest.raises(QueryTimeout):
        await desk.queries.run(Ping(), 0.01)


async def test_a_refusal_carries_the_servers_code() -> None:
    desk = Desk()
    asking = asyncio.create_task(desk.queries.run(SetActive()))
    (question,) = await desk.link.has_sent(1)
    desk.answer(question, "error", Node("error", {"code": "503", "text": "service-unavailable"}))
    with pytest.raises(QueryError) as caught:
        await asking
    assert (caught.value.code, caught.value.text) == (503, "service-unavailable")


async def test_every_question_fails_when_the_connection_goes() -> None:
    desk = Desk()
    asking = [asyncio.create_task(desk.queries.run(Ping())) for _ in range(3)]
    await desk.link.has_sent(3)
    desk.queries.detach("disconnected")
    for result in await asyncio.gather(*asking, return_exceptions=True):
        assert isinstance(result, ConnectionClosed)
    with pytest.raises(ConnectionClosed):
        await desk.queries.run(Ping())
    assert desk.waiting == 0


async def test_a_cancelled_question_leaves_no_waiter() -> None:
    desk = Desk()
    asking = asyncio.create_task(desk.queries.run(Ping()))
    await desk.link.has_sent(1)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert desk.waiting == 0


async def test_a_question_that_can_not_be_sent_leaves_no_waiter() -> None:
    desk = Desk()

    class Broken(Query[None]):
        def request(self) -> Node:
            return iq_get("\ud800")

        def parse(self, reply: Node) -> None:
            return None

    with pytest.raises(InvalidInput):
        await desk.queries.run(Broken())
    assert desk.waiting == 0


# --- asking again after a reconnect --------------------------------------------------------------


async def test_a_question_may_be_asked_again_under_its_id_after_the_next_login() -> None:
    desk = Desk()
    asking = asyncio.create_task(desk.queries.run(Ping(), again=True))
    (first,) = await desk.link.has_sent(1)
    desk.queries.detach("disconnected")
    await desk.clock.sleeping(RELOGIN_TIMEOUT_S)
    desk.link = FakeLink()
    desk.queries.attach(desk.link)
    assert desk.link.sent == []  # connected, but not logged in
    desk.queries.log_in()
    (second,) = await desk.link.has_sent(1)
    assert second == first
    desk.answer(second)
    await asking
    assert desk.clock.asked() == []


async def test_a_question_between_two_connections_waits_for_the_next_one() -> None:
    desk = Desk()
    desk.queries.detach("disconnected")
    asking = asyncio.create_task(desk.queries.run(Ping(), again=True))
    await desk.clock.sleeping(RELOGIN_TIMEOUT_S)
    desk.queries.attach(desk.link)
    desk.queries.log_in()
    desk.answer((await desk.link.has_sent(1))[0])
    await asking


async def test_a_login_that_does_not_come_in_time_ends_the_wait() -> None:
    desk = Desk()
    asking = asyncio.create_task(desk.queries.run(Ping(), again=True))
    await desk.link.has_sent(1)
    desk.queries.detach("disconnected")
    await desk.clock.pass_by(RELOGIN_TIMEOUT_S)
    with pytest.raises(ConnectionClosed):
        await asking


@pytest.mark.parametrize("again", [True, False])
async def test_nothing_is_asked_again_when_the_end_was_for_good(again: bool) -> None:
    desk = Desk()
    asking = asyncio.create_task(desk.queries.run(Ping(), again=again))
    await desk.link.has_sent(1)
    desk.queries.detach("logged out", will_retry=not again)
    with pytest.raises(ConnectionClosed):
        await asking
    assert desk.clock.asked() == []


async def test_a_question_is_asked_again_only_once() -> None:
    desk = Desk()
    asking = asyncio.create_task(desk.queries.run(Ping(), again=True))
    for _ in range(2):
        await desk.link.has_sent(1)
        desk.queries.detach("disconnected")
        desk.link = FakeLink()
        desk.queries.attach(desk.link)
        desk.queries.log_in()
    with pytest.raises(ConnectionClosed):
        await asking


# --- acks of messages ----------------------------------------------------------------------------


async def test_an_ack_of_a_message_outlives_a_reconnect() -> None:
    desk = Desk()
    future = desk.queries.expect_ack("M1")
    assert desk.queries.expect_ack("M1") is future
    desk.queries.detach("disconnected")
    ack = MessageAck("M1", 1, 0, None)
    desk.queries.resolve_ack(MessageAck("M2", 1, 0, None))
    desk.queries.resolve_ack(ack)
    assert await future == ack
    desk.queries.resolve_ack(ack)


async def test_a_forgotten_ack_is_dropped() -> None:
    desk = Desk()
    future = desk.queries.expect_ack("M1")
    desk.queries.forget_ack("M1", future)
    desk.queries.resolve_ack(MessageAck("M1", 1, 0, None))
    assert not future.done()
