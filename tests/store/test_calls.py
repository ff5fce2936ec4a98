"""Calls and unread stanzas: kept by session, and no more of them than is of use."""

from __future__ import annotations

from dataclasses import replace

from waport.model import Call, CallStatus
from waport.store import Database, UnitOfWork
from waport.store import calls as calls_module
from waport.store import raw_stanzas as raw_module
from waport.wire import Jid, Node

ANN = Jid.parse("15550001111@s.whatsapp.net")
BOB = Jid.parse("15550002222@s.whatsapp.net")
GROUP = Jid.parse("123456789@g.us")
CALL = Call("C", ANN.with_device(3), ANN, CallStatus.OFFER, 7, True, GROUP, True, (ANN, BOB), True)


async def test_a_call_is_kept_as_it_is_now(database: Database) -> None:
    bare = Call("C", BOB, BOB, CallStatus.TIMEOUT, 8)

    def job(work: UnitOfWork) -> None:
        work.calls.put(CALL)
        work.calls.put(replace(CALL, status=CallStatus.ACCEPT))
        work.calls.put(bare)

    await database.write("s", job)
    accepted = replace(CALL, status=CallStatus.ACCEPT)
    assert await database.read("s", lambda work: work.calls.get(ANN, "C")) == accepted
    assert await database.read("s", lambda work: work.calls.latest(5)) == [bare, accepted]
    assert await database.read("s", lambda work: work.calls.find("C")) == bare
    assert await database.read("s", lambda work: work.calls.find("D")) is None
    assert await database.read("else", lambda work: work.calls.latest(5)) == []


async def test_the_oldest_calls_give_way(database: Database) -> None:
    count = calls_module.KEPT + 3

    def job(work: UnitOfWork) -> list[str]:
        for number in range(count):
            work.calls.put(replace(CALL, id=str(number)))
        return [call.id for call in work.calls.latest(count)]

    await database.write("other", lambda work: work.calls.put(CALL))
    kept = await database.write("s", job)
    assert kept == [str(number) for number in reversed(range(3, count))]
    assert await database.read("other", lambda work: work.calls.latest(5)) == [CALL]


async def test_stanzas_are_kept_whole_once_and_not_without_end(database: Database) -> None:
    node = Node("notification", {"id": "1", "type": "new", "from": ANN}, [Node("x", {}, b"\x00")])
    large = Node("notification", {"id": "2"}, bytes(raw_module.MAX_SIZE))

    def job(work: UnitOfWork) -> list[bool]:
        return [work.raw_stanzas.add("new", each, 5) for each in (node, node, large)]

    assert await database.write("s", job) == [True, False, False]
    (kept,) = await database.read("s", lambda work: work.raw_stanzas.latest())
    assert (kept.kind, kept.node, kept.received_at) == ("new", node, 5)

    def many(work: UnitOfWork) -> int:
        for number in range(raw_module.KEPT + 5):
            work.raw_stanzas.add("new", Node("notification", {"id": f"n{number}"}), number)
        return len(work.raw_stanzas.latest(1000))

    assert await database.write("s", many) == raw_module.KEPT
