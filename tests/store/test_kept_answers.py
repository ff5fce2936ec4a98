"""Requests that are remembered, and their answers."""

from __future__ import annotations

from support.fake_client import PEER, text_message
from waport.model import Ack
from waport.store import (
    Database,
    KeptRequest,
    UnitOfWork,
    claim_request,
    forget_request,
    keep_answer,
    prune_requests,
)

ONE, TWO = b"1" * 32, b"2" * 32
NOW = 1_700_000_000_000


async def claim(
    database: Database, digest: bytes, fingerprint: bytes = b"f", *, now: int = NOW, old: int = 0
) -> KeptRequest:
    return await database.change(lambda db: claim_request(db, digest, fingerprint, now, old))


async def test_a_request_is_new_once(database: Database) -> None:
    assert await claim(database, ONE) == KeptRequest(b"f", NOW)
    again = await claim(database, ONE, b"other", now=NOW + 1)
    assert again == KeptRequest(b"f", NOW, is_repeat=True)
    assert not (await claim(database, TWO)).is_repeat


async def test_its_answer_is_kept_or_said_to_be_too_long(database: Database) -> None:
    await claim(database, ONE)
    await claim(database, TWO)
    answer = bytes(range(256)) * 1024
    await database.change(lambda db: keep_answer(db, ONE, 200, answer))
    await database.change(lambda db: keep_answer(db, TWO, 500, None))
    assert await claim(database, ONE) == KeptRequest(b"f", NOW, 200, answer, is_repeat=True)
    assert await claim(database, TWO) == KeptRequest(b"f", NOW, 500, None, is_repeat=True)


async def test_it_is_forgotten_when_nothing_came_of_it_and_when_it_is_old(
    database: Database,
) -> None:
    await claim(database, ONE)
    await database.change(lambda db: forget_request(db, ONE))
    assert not (await claim(database, ONE)).is_repeat
    await database.change(lambda db: keep_answer(db, ONE, 200, b"x"))
    assert (await claim(database, ONE, old=NOW - 1)).status == 200
    fresh = await claim(database, ONE, b"new", now=NOW + 5, old=NOW)
    assert fresh == KeptRequest(b"new", NOW + 5)
    await claim(database, TWO, now=NOW + 6)
    assert await database.change(lambda db: prune_requests(db, NOW + 5)) == 1
    assert await database.change(lambda db: prune_requests(db, NOW + 5)) == 0
    assert (await claim(database, TWO)).is_repeat


async def test_a_refusal_keeps_its_code(database: Database) -> None:
    own = text_message("A", from_me=True)

    def job(store: UnitOfWork) -> None:
        store.messages.add(own)
        failed = store.messages.set_ack(PEER, "A", Ack.ERROR, 463)
        assert failed is not None
        assert (failed.ack, failed.refusal) == (Ack.ERROR, 463)
        delivered = store.messages.set_ack(PEER, "A", Ack.DELIVERED)
        assert delivered is not None
        assert (delivered.ack, delivered.refusal) == (Ack.DELIVERED, 0)

    await database.write("main", job)
