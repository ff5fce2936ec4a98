"""Ratchets, identities and pre-keys."""

from __future__ import annotations

import pytest

from waport.crypto import KeyPair
from waport.errors import InvalidInput, StoreError
from waport.signal import PreKey, SignedPreKey, generate_pre_keys
from waport.store import Database, UnitOfWork

PHONE = "15550001111"
LID = "100000000000001_1"


async def test_the_last_record_counts(database: Database) -> None:
    def job(work: UnitOfWork) -> list[bytes | None]:
        seen = [work.signal.session(f"{PHONE}.0")]
        work.signal.put_session(f"{PHONE}.0", b"one")
        seen.append(work.signal.session(f"{PHONE}.0"))
        work.signal.put_session(f"{PHONE}.0", b"\x00\xfftwo")
        seen.append(work.signal.session(f"{PHONE}.0"))
        work.signal.delete_session(f"{PHONE}.0")
        work.signal.delete_session(f"{PHONE}.0")
        seen.append(work.signal.session(f"{PHONE}.0"))
        return seen

    assert await database.write("s", job) == [None, b"one", b"\x00\xfftwo", None]


async def test_the_devices_of_a_user_are_found_by_the_exact_name(database: Database) -> None:
    def job(work: UnitOfWork) -> None:
        for address in (f"{PHONE}.12", f"{PHONE}.0", f"{PHONE}.3", f"{PHONE}1.0", f"{PHONE}_1.0"):
            work.signal.put_session(address, b"record")

    await database.write("s", job)
    found = await database.read("s", lambda work: work.signal.session_addresses(PHONE))
    assert found == [f"{PHONE}.0", f"{PHONE}.3", f"{PHONE}.12"]


@pytest.mark.parametrize("address", ["", "15550001111", "15550001111.", "1.x", "1.-1", "1.123456"])
async def test_an_address_without_a_device_is_refused(database: Database, address: str) -> None:
    with pytest.raises(InvalidInput):
        await database.read("s", lambda work: work.signal.session(address))


async def test_an_unreadable_record_is_taken_out_of_use_and_kept(database: Database) -> None:
    def job(work: UnitOfWork) -> tuple[bool, bool, bytes | None]:
        work.signal.put_session(f"{PHONE}.0", b"broken")
        first = work.signal.put_aside(f"{PHONE}.0")
        return first, work.signal.put_aside(f"{PHONE}.0"), work.signal.session(f"{PHONE}.0")

    assert await database.write("s", job) == (True, False, None)
    kept = await database.read(
        "s",
        lambda work: work.signal._db._driver.execute(
            "SELECT name, device, record, created_ms FROM signal_quarantine"
        ).fetchall(),
    )
    assert kept == [(PHONE, 0, b"broken", 1_700_000_000_000)]


async def test_the_last_identity_counts(database: Database) -> None:
    def job(work: UnitOfWork) -> list[bytes | None]:
        seen = [work.signal.identity(f"{PHONE}.0")]
        work.signal.put_identity(f"{PHONE}.0", b"a" * 32)
        work.signal.put_identity(f"{PHONE}.0", b"b" * 32)
        seen.append(work.signal.identity(f"{PHONE}.0"))
        work.signal.delete_identity(f"{PHONE}.0")
        seen.append(work.signal.identity(f"{PHONE}.0"))
        return seen

    assert await database.write("s", job) == [None, b"b" * 32, None]


async def test_migration_moves_what_is_free_and_keeps_what_stands(database: Database) -> None:
    def fill(work: UnitOfWork) -> None:
        for device in (0, 1, 2):
            work.signal.put_session(f"{PHONE}.{device}", b"pn %d" % device)
            work.signal.put_identity(f"{PHONE}.{device}", b"pn key %d" % device)
        work.signal.put_session(f"{LID}.1", b"lid 1")
        work.signal.put_identity(f"{LID}.2", b"lid key 2")
        work.signal.put_session("15559999999.0", b"other")

    await database.write("s", fill)
    await database.write("else", fill)
    assert await database.write("s", lambda work: work.signal.migrate_user(PHONE, LID)) == 2

    def state(work: UnitOfWork) -> tuple[list[bytes | None], list[bytes | None], list[str]]:
        return (
            [work.signal.session(f"{LID}.{device}") for device in range(3)],
            [work.signal.identity(f"{LID}.{device}") for device in range(3)],
            work.signal.session_addresses(PHONE),
        )

    assert await database.read("s", state) == (
        [b"pn 0", b"lid 1", b"pn 2"],
        [b"pn key 0", b"pn key 1", b"lid key 2"],
        [],
    )
    assert await database.read("s", lambda work: work.signal.identity(f"{PHONE}.2")) is None
    assert await database.read("s", lambda work: work.signal.session("15559999999.0")) == b"other"
    others = await database.read("else", lambda work: work.signal.session_addresses(PHONE))
    assert len(others) == 3
    assert await database.write("s", lambda work: work.signal.migrate_user(PHONE, LID)) == 0
    assert await database.write("s", lambda work: work.signal.migrate_user(LID, LID)) == 0
    assert len(await database.read("s", lambda work: work.signal.session_addresses(LID))) == 3


async def test_pre_keys_wait_for_their_upload_and_go_when_used(database: Database) -> None:
    keys = generate_pre_keys(5, 4)

    def job(work: UnitOfWork) -> None:
        work.signal.add_pre_keys(keys)
        work.signal.add_pre_keys([])
        work.signal.mark_pre_keys_uploaded([5, 7])
        work.signal.delete_pre_key(6)

    await database.write("s", job)
    await database.write(
        "s", lambda work: work.signal.add_pre_keys([PreKey(1, keys[0].pair)], uploaded=True)
    )

    def state(work: UnitOfWork) -> tuple[list[KeyPair | None], list[PreKey], list[PreKey], int]:
        return (
            [work.signal.pre_key(key_id) for key_id in (1, 5, 6, 7, 8)],
            work.signal.unuploaded_pre_keys(10),
            work.signal.unuploaded_pre_keys(0),
            work.signal.count_unuploaded(),
        )

    assert await database.read("s", state) == (
        [keys[0].pair, keys[0].pair, None, keys[2].pair, keys[3].pair],
        [keys[3]],
        [],
        1,
    )


async def test_an_id_is_not_given_to_a_second_pre_key(database: Database) -> None:
    first, second = generate_pre_keys(1, 1), generate_pre_keys(1, 1)
    await database.write("s", lambda work: work.signal.add_pre_keys(first))
    with pytest.raises(StoreError):
        await database.write("s", lambda work: work.signal.add_pre_keys(second))
    assert await database.read("s", lambda work: work.signal.pre_key(1)) == first[0].pair
    await database.write("other", lambda work: work.signal.add_pre_keys(second))


async def test_signed_pre_keys_are_found_by_id(database: Database) -> None:
    identity = KeyPair.generate()
    keys = [SignedPreKey.create(identity, key_id) for key_id in (1, 2)]

    def job(work: UnitOfWork) -> None:
        for key in keys:
            work.signal.put_signed_pre_key(key)
            work.signal.put_signed_pre_key(key)

    await database.write("s", job)
    found = await database.read(
        "s", lambda work: [work.signal.signed_pre_key(key_id) for key_id in (1, 2, 3)]
    )
    assert found == [*keys, None]


async def test_signed_pre_keys_know_when_they_were_stored_and_can_be_forgotten(
    database: Database,
) -> None:
    identity = KeyPair.generate()

    def job(work: UnitOfWork) -> list[object]:
        for key_id in (1, 2):
            work.signal.put_signed_pre_key(SignedPreKey.create(identity, key_id))
        before = work.signal.signed_pre_key_times()
        work.signal.delete_signed_pre_key(1)
        work.signal.delete_signed_pre_key(1)
        return [before, work.signal.signed_pre_key(1), work.signal.signed_pre_key_times()]

    first = await database.write("s", job)
    assert first == [{1: 1_700_000_000_000, 2: 1_700_000_000_000}, None, {2: 1_700_000_000_000}]
    assert await database.read("other", lambda work: work.signal.signed_pre_key_times()) == {}
