"""Messages that speak of one which is not here yet: they wait, in order, but not for ever."""

from __future__ import annotations

from dataclasses import replace

from waport.model import Message, MessageKind
from waport.store import Database, UnitOfWork
from waport.store.add_ons import MAX_WAITING
from waport.store.database import WAITING_AGE_MS
from waport.wire import Jid

from .conftest import Clock, MakeMessage

ANN = Jid.parse("15550001111@s.whatsapp.net")
ANN_LID = Jid.parse("100000000000001@lid")
GROUP = Jid.parse("123456789@g.us")


def store_waiting(work: UnitOfWork, message: Message, chat: Jid, target_id: str) -> Message:
    stored = work.messages.add(message)
    assert stored is not None
    work.add_ons.wait(chat, target_id, stored.seq)
    return stored


async def test_what_waits_is_taken_once_in_the_order_of_arrival(
    database: Database, make_message: MakeMessage
) -> None:
    def wait(work: UnitOfWork) -> list[Message]:
        made = [make_message(f"R{n}", kind=MessageKind.ADD_ON, timestamp=9 - n) for n in range(4)]
        waiting = [store_waiting(work, each, ANN, "A") for each in made[:2]]
        store_waiting(work, made[2], ANN, "B")
        store_waiting(work, replace(made[3], key=replace(made[3].key, chat=GROUP)), GROUP, "A")
        work.add_ons.wait(ANN, "A", waiting[0].seq)
        return waiting

    waiting = await database.write("s", wait)
    take = lambda work: work.add_ons.take_waiting(ANN, "A")  # noqa: E731
    assert await database.write("else", take) == []
    assert await database.write("s", take) == waiting
    assert await database.write("s", take) == []
    (other,) = await database.write("s", lambda work: work.add_ons.take_waiting(ANN, "B"))
    assert other.key.id == "R2"
    (other,) = await database.write("s", lambda work: work.add_ons.take_waiting(GROUP, "A"))
    assert other.key.id == "R3"


async def test_at_most_a_thousand_wait_and_the_oldest_go(
    database: Database, make_message: MakeMessage
) -> None:
    def wait(work: UnitOfWork) -> None:
        for n in range(MAX_WAITING + 2):
            made = make_message(f"R{n}", kind=MessageKind.ADD_ON)
            store_waiting(work, made, ANN, "A" if n % 2 else "B")

    await database.write("else", wait)
    await database.write("s", wait)
    for session_id, target_id, first in (("s", "B", "R2"), ("s", "A", "R3"), ("else", "B", "R2")):
        taken = await database.write(
            session_id, lambda work, t=target_id: work.add_ons.take_waiting(ANN, t)
        )
        assert len(taken) == MAX_WAITING // 2
        assert taken[0].key.id == first


async def test_what_has_waited_for_two_weeks_waits_no_more(
    database: Database, make_message: MakeMessage, clock: Clock
) -> None:
    made = [make_message(f"R{n}", kind=MessageKind.ADD_ON) for n in range(2)]
    await database.write("s", lambda work: store_waiting(work, made[0], ANN, "A"))
    clock.now_ms += 1
    await database.write("s", lambda work: store_waiting(work, made[1], ANN, "A"))
    clock.now_ms += WAITING_AGE_MS
    await database.prune(0)
    (left,) = await database.write("s", lambda work: work.add_ons.take_waiting(ANN, "A"))
    assert left.key.id == "R1"


async def test_what_waits_in_a_lid_chat_is_found_under_the_number(
    database: Database, make_message: MakeMessage
) -> None:
    def job(work: UnitOfWork) -> list[Message]:
        made = make_message("R", str(ANN_LID), kind=MessageKind.ADD_ON)
        store_waiting(work, made, ANN_LID, "A")
        work.messages.rename_chat(ANN_LID, ANN)
        work.add_ons.rename(ANN_LID, ANN)
        assert work.add_ons.take_waiting(ANN_LID, "A") == []
        return work.add_ons.take_waiting(ANN, "A")

    (taken,) = await database.write("s", job)
    assert (taken.key.chat, taken.key.sender) == (ANN, ANN)


async def test_a_message_that_is_gone_waits_no_more(
    database: Database, make_message: MakeMessage
) -> None:
    def job(work: UnitOfWork) -> list[Message]:
        for n in range(2):
            store_waiting(work, make_message(f"R{n}", kind=MessageKind.ADD_ON), ANN, "A")
        work.messages.delete(ANN, "R0")
        return work.add_ons.take_waiting(ANN, "A")

    (taken,) = await database.write("s", job)
    assert taken.key.id == "R1"
