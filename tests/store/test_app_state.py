"""The app state in the store: collections and their records, own changes, kept records."""

from __future__ import annotations

from dataclasses import replace

import pytest

from waport.appstate import (
    Collection,
    CollectionState,
    KeyRing,
    Mutation,
    Operation,
    SyncKey,
    expand_sync_key,
)
from waport.model import Chat
from waport.store import Database, UnitOfWork
from waport.store.app_state_keys import KeyRequest
from waport.store.app_state_values import KeptRecord, RecoveryRequest, StoredCollection
from waport.wire import Jid

LOW, HIGH = Collection.REGULAR_LOW, Collection.REGULAR_HIGH
CHAT = Jid.parse("15550001111@s.whatsapp.net")


def mutation(index: bytes, value: bytes = b"v", at_ms: int = 1) -> Mutation:
    return Mutation(Operation.SET, index, value, 3, at_ms)


async def test_a_collection_comes_back_as_it_was_kept(database: Database) -> None:
    stored = StoredCollection(
        CollectionState(2**53, bytes(range(128))),
        7,
        True,
        2,
        True,
        True,
        3,
        RecoveryRequest("ID", 9),
    )

    def job(work: UnitOfWork) -> list[StoredCollection]:
        work.app_state.put_collection(LOW, stored)
        return [work.app_state.collection(each) for each in (LOW, HIGH)]

    assert await database.write("s", job) == [stored, StoredCollection()]
    assert await database.read("else", lambda work: work.app_state.collection(LOW)) == (
        StoredCollection()
    )


async def test_news_are_counted_and_change_nothing_else(database: Database) -> None:
    stored = StoredCollection(CollectionState(5, bytes(range(128))), 1, True)

    def job(work: UnitOfWork) -> list[StoredCollection]:
        work.app_state.put_collection(LOW, stored)
        for collection in (LOW, LOW, HIGH):
            work.app_state.note_news(collection)
        return [work.app_state.collection(each) for each in (LOW, HIGH)]

    low, high = await database.write("s", job)
    assert low == StoredCollection(stored.state, 1, True, 2)
    assert high == StoredCollection(news=1)


async def test_records_of_two_generations_keep_apart(database: Database) -> None:
    def put(work: UnitOfWork) -> None:
        state = work.app_state
        state.put_value_macs(LOW, 1, {b"a": b"1", b"b": b"1"})
        state.put_value_macs(LOW, 2, {b"a": b"2"})
        state.put_value_macs(HIGH, 1, {b"a": b"3"})
        state.put_value_macs(LOW, 1, {b"a": b"4", b"b": None})

    def look(work: UnitOfWork) -> list[bytes | None]:
        places = ((LOW, 1, b"a"), (LOW, 1, b"b"), (LOW, 2, b"a"), (HIGH, 1, b"a"))
        return [work.app_state.value_mac(*place) for place in places]

    await database.write("s", put)
    assert await database.read("s", look) == [b"4", None, b"2", b"3"]
    assert (
        await database.write("s", lambda work: work.app_state.drop_other_records(LOW, 2, 10)) == 1
    )
    assert await database.read("s", look) == [None, None, b"2", b"3"]


async def test_old_records_are_dropped_a_bounded_number_at_a_time(database: Database) -> None:
    many = {number.to_bytes(32, "big"): bytes(32) for number in range(2500)}

    def drop(work: UnitOfWork) -> int:
        return work.app_state.drop_other_records(LOW, 2, 1000)

    await database.write("s", lambda work: work.app_state.put_value_macs(LOW, 1, many))
    await database.write("s", lambda work: work.app_state.put_value_macs(LOW, 2, many))
    assert [await database.write("s", drop) for _ in range(4)] == [1000, 1000, 500, 0]
    last = (2499).to_bytes(32, "big")
    assert await database.read("s", lambda work: work.app_state.value_mac(LOW, 2, last)) == bytes(
        32
    )


async def test_the_latest_change_of_a_record_waits_under_a_place_of_its_own(
    database: Database,
) -> None:
    def first(work: UnitOfWork) -> list[int]:
        for collection, index in ((LOW, b"a"), (LOW, b"b"), (HIGH, b"a")):
            work.app_state.add_pending(collection, mutation(index))
        return [each.position for each in work.app_state.pending(LOW)]

    old = await database.write("s", first)

    def second(work: UnitOfWork) -> list[Mutation]:
        work.app_state.add_pending(LOW, mutation(b"a", b"new", 2))
        # What was uploaded before is done; what came meanwhile is not.
        work.app_state.drop_pending(old)
        return [each.mutation for each in work.app_state.pending(LOW)]

    assert await database.write("s", second) == [mutation(b"a", b"new", 2)]
    assert await database.read("s", lambda work: work.app_state.has_pending())
    assert not await database.read("else", lambda work: work.app_state.has_pending())


async def test_a_kept_record_takes_the_place_of_the_one_before(database: Database) -> None:
    late = KeptRecord("label_edit", mutation(b"a", b"late", 4))

    def job(work: UnitOfWork) -> list[KeptRecord]:
        # Whoever wrote it first may have a clock that runs ahead.
        work.app_state.keep(KeptRecord("label_edit", mutation(b"a", b"early", 5)))
        work.app_state.keep(late)
        work.app_state.keep(KeptRecord("star", mutation(b"b"), "ID"))
        return [*work.app_state.kept("label_edit"), *work.app_state.kept("star", "ID")]

    assert await database.write("s", job) == [late, KeptRecord("star", mutation(b"b"), "ID")]
    assert await database.read("s", lambda work: work.app_state.kept("star", "other")) == []
    await database.write("s", lambda work: work.app_state.forget(b"a"))
    assert await database.read("s", lambda work: work.app_state.kept("label_edit")) == []


async def test_of_two_collections_the_newer_record_counts(database: Database) -> None:
    def job(work: UnitOfWork) -> list[bool]:
        note = work.app_state.note_applied
        return [
            note(LOW, mutation(b"a", at_ms=5)),
            note(LOW, mutation(b"a", at_ms=4)),  # in one collection the order counts
            note(HIGH, mutation(b"a", at_ms=3)),
            note(HIGH, mutation(b"a", at_ms=4)),
            note(LOW, mutation(b"a", at_ms=3)),
            note(LOW, mutation(b"b", at_ms=1)),
        ]

    assert await database.write("s", job) == [True, True, False, True, False, True]


async def test_all_kept_records_are_found(database: Database) -> None:
    records = [KeptRecord("nux", mutation(b"a")), KeptRecord("", mutation(b"b"))]

    def job(work: UnitOfWork) -> list[KeptRecord]:
        for record in records:
            work.app_state.keep(record)
        return work.app_state.all_kept()

    assert await database.write("s", job) == records


async def test_keys_are_kept_with_all_that_belongs_to_them(database: Database) -> None:
    key = SyncKey(b"key001", b"1" * 32, 5, b"print")

    def job(work: UnitOfWork) -> list[SyncKey]:
        work.sync_keys.put_request(key.id, KeyRequest(1, 1))
        assert work.sync_keys.put(key)
        assert work.sync_keys.put(replace(key, timestamp_ms=4))
        assert work.sync_keys.put(replace(key, timestamp_ms=6))
        assert work.sync_keys.request(key.id) == KeyRequest()
        return work.sync_keys.all()

    assert await database.write("s", job) == [replace(key, timestamp_ms=6)]
    assert await database.read("s", lambda work: work.sync_keys.missing([key.id, b"other1"])) == [
        b"other1"
    ]


@pytest.mark.parametrize("order", [(5, 5), (5, 4), (4, 5)])
async def test_two_different_keys_of_one_id_are_both_tried(
    database: Database, order: tuple[int, int]
) -> None:
    first, second = (
        SyncKey(b"key001", data * 32, at) for data, at in zip((b"1", b"2"), order, strict=True)
    )

    def job(work: UnitOfWork) -> KeyRing:
        assert work.sync_keys.put(first)
        assert not work.sync_keys.put(second)
        work.sync_keys.put(first)
        return work.sync_keys.ring()

    variants = list((await database.write("s", job)).variants())
    used = [ring.expand(b"key001") for ring in variants]
    both = [expand_sync_key(key.data) for key in (first, second)]
    # The younger one encrypts, and of two of one age the one that was there.
    assert used == (both if order[0] >= order[1] else both[::-1])


async def test_a_missing_key_remembers_what_was_asked(database: Database) -> None:
    request = KeyRequest(9, 7, True)

    def job(work: UnitOfWork) -> list[KeyRequest]:
        before = work.sync_keys.request(b"key")
        work.sync_keys.put_request(b"key", KeyRequest(7, 7))
        work.sync_keys.put_request(b"key", request)
        return [before, work.sync_keys.request(b"key")]

    assert await database.write("s", job) == [KeyRequest(), request]


async def test_flags_of_a_chat_wait_until_something_happens_in_it(database: Database) -> None:
    def job(work: UnitOfWork) -> list[object]:
        chats = work.chats
        first = chats.set_flags(CHAT, archived=True, muted_until=-1)
        second = chats.set_flags(CHAT, pinned=True, archived=False)
        unlisted = chats.all()
        chats.touch(CHAT, 9)
        return [first, second, unlisted, chats.get(CHAT)]

    muted = Chat(CHAT, archived=True, muted_until=-1)
    pinned = Chat(CHAT, pinned=True, muted_until=-1)
    assert await database.write("s", job) == [
        (Chat(CHAT), muted),
        (muted, pinned),
        [],
        Chat(CHAT, timestamp=9, pinned=True, muted_until=-1),
    ]
