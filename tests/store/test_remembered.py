"""Results that are kept for as long as the rows behind them stay."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from waport.model import Credentials, DeviceList, Group
from waport.store import Database, UnitOfWork
from waport.store.remembered import MAX_KEPT, Remembered
from waport.wire import Jid

from .conftest import Gate

PN = Jid.parse("15550001111@s.whatsapp.net")
LID = Jid.parse("100000000000001@lid")
GROUP = Jid.parse("120363000000000001@g.us")

Change = Callable[[UnitOfWork], object]


@pytest.fixture
def url(tmp_path: object) -> str:
    """Only SQLite: what others may write to is never remembered."""
    return f"sqlite:///{tmp_path}/waport.db"


async def keep(database: Database, session_id: str = "s") -> None:
    await database.write(session_id, lambda work: work.remember("key", "result"))


async def kept(database: Database, session_id: str = "s") -> object:
    return await database.write(session_id, lambda work: work.remembered("key"))


CHANGES: dict[str, Change] = {
    "mapping": lambda work: work.addresses.learn(PN, LID),
    "devices": lambda work: work.addresses.put_devices(DeviceList(PN, (0,), None, 0, 0)),
    "no devices": lambda work: work.addresses.forget_devices(PN),
    "group": lambda work: work.groups.put(Group(GROUP)),
    "no group": lambda work: work.groups.delete(GROUP),
    "warm": lambda work: work.sender_keys.mark_warm(GROUP, ["1.0"]),
    "cold": lambda work: work.sender_keys.mark_cold(GROUP, "1.0"),
    "no memory": lambda work: work.sender_keys.clear_memory(GROUP),
    "device gone": lambda work: work.sender_keys.forget_device("1.0"),
    "moved": lambda work: work.sender_keys.migrate_user("1", "2"),
    "session gone": lambda work: work.devices.delete_session(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_change_of_the_session_ends_its_results(database: Database, change: Change) -> None:
    await database.write("s", lambda work: work.sender_keys.mark_warm(GROUP, ["1.0"]))
    await keep(database)
    await keep(database, "else")
    await database.write("s", change)
    assert await kept(database) is None
    assert await kept(database, "else") == "result"


async def test_new_credentials_end_the_results(
    database: Database, credentials: Credentials
) -> None:
    await keep(database)
    await database.write("s", lambda work: work.devices.create(credentials))
    assert await kept(database) is None


async def test_other_rows_do_not_matter(database: Database) -> None:
    def job(work: UnitOfWork) -> None:
        work.signal.put_session("1.0", b"record")
        work.sender_keys.put(GROUP, "1.0", b"record")
        work.sender_keys.mark_cold(GROUP)
        work.addresses.devices(PN)

    await keep(database)
    await database.write("s", job)
    assert await kept(database) == "result"


@pytest.mark.parametrize("is_alone", [True, False])
async def test_what_was_drawn_from_undone_rows_is_not_used(
    database: Database, is_alone: bool
) -> None:
    def fail(work: UnitOfWork) -> None:
        work.addresses.learn(PN, LID)
        work.remember("key", "drawn from what never was")
        raise ZeroDivisionError

    gate = None if is_alone else await Gate.shut(database)
    failing = database.submit("s", fail)
    after = database.submit("s", lambda work: work.remembered("key"))
    if gate is not None:
        await gate.open()
    with pytest.raises(ZeroDivisionError):
        await failing
    assert await after is None


async def test_readers_are_told_nothing_and_keep_nothing(database: Database) -> None:
    await keep(database)
    assert await database.read("s", lambda work: work.remembered("key")) is None
    await database.read("s", lambda work: work.remember("key", "of a reader"))
    assert await kept(database) == "result"


def test_only_the_results_used_last_are_kept() -> None:
    remembered = Remembered(is_sole=True)
    for place in range(MAX_KEPT):
        remembered.keep("s", place, place)
    assert remembered.get("s", 0) == 0
    remembered.keep("s", MAX_KEPT, MAX_KEPT)
    assert (remembered.get("s", 0), remembered.get("s", 1)) == (0, None)


def test_a_change_of_no_known_session_ends_all_results() -> None:
    remembered = Remembered(is_sole=True)
    remembered.keep("s", "key", "result")
    remembered.changed(None)
    assert remembered.get("s", "key") is None


def test_where_others_write_too_nothing_is_kept() -> None:
    remembered = Remembered(is_sole=False)
    remembered.keep("s", "key", "result")
    assert remembered.get("s", "key") is None
