"""Outgoing stanzas wait in order until the server has them."""

from __future__ import annotations

import pytest

from waport.errors import StoreError
from waport.store import Database, QueuedSend, UnitOfWork
from waport.wire import Jid

ANN = Jid.parse("15550001111@s.whatsapp.net")
GROUP = Jid.parse("123456789@g.us")


async def test_stanzas_wait_in_order_until_they_are_done(database: Database) -> None:
    def job(work: UnitOfWork) -> None:
        work.send_queue.add("B", ANN, b"\x00two", 2000)
        work.send_queue.add("A", GROUP, b"\x00one", 1000)
        work.send_queue.attempt("B")
        work.send_queue.attempt("B")

    await database.write("s", job)
    two = QueuedSend("B", ANN, b"\x00two", 2000, 2)
    one = QueuedSend("A", GROUP, b"\x00one", 1000, 0)
    assert await database.read("s", lambda work: work.send_queue.pending()) == [two, one]
    assert await database.read("s", lambda work: work.send_queue.get("A")) == one
    await database.write("s", lambda work: work.send_queue.done("B"))
    assert await database.read("s", lambda work: work.send_queue.pending()) == [one]
    assert await database.read("s", lambda work: work.send_queue.get("B")) is None
    assert await database.read("else", lambda work: work.send_queue.pending()) == []


async def test_a_message_waits_only_once(database: Database) -> None:
    await database.write("s", lambda work: work.send_queue.add("A", ANN, b"one", 1))
    with pytest.raises(StoreError):
        await database.write("s", lambda work: work.send_queue.add("A", ANN, b"two", 1))
    queued = await database.read("s", lambda work: work.send_queue.get("A"))
    assert queued is not None
    assert queued.stanza == b"one"
    await database.write("else", lambda work: work.send_queue.add("A", ANN, b"two", 1))
