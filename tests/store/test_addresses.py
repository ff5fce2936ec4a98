"""Phone numbers, LIDs and device lists."""

from __future__ import annotations

import pytest

from waport.errors import CorruptRecord, InvalidInput
from waport.model import DeviceList
from waport.store import Database, UnitOfWork
from waport.wire import Jid

PN = Jid.parse("15550001111@s.whatsapp.net")
OTHER_PN = Jid.parse("15550002222@s.whatsapp.net")
LID = Jid.parse("100000000000001@lid")
OTHER_LID = Jid.parse("100000000000002@lid")

Pairs = list[Jid | None]


def look(work: UnitOfWork) -> tuple[Pairs, Pairs]:
    return (
        [work.addresses.lid_of(pn) for pn in (PN, OTHER_PN)],
        [work.addresses.pn_of(lid) for lid in (LID, OTHER_LID)],
    )


async def test_a_mapping_is_known_both_ways_and_without_devices(database: Database) -> None:
    assert await database.write("s", lambda work: work.addresses.learn(PN, LID)) is True
    again = await database.write(
        "s", lambda work: work.addresses.learn(PN.with_device(3), LID.with_device(3))
    )
    assert again is False
    assert await database.read("s", look) == ([LID, None], [PN, None])
    found = await database.read("s", lambda work: work.addresses.lid_of(PN.with_device(9)))
    assert found == LID
    assert await database.read("else", look) == ([None, None], [None, None])


async def test_a_newer_mapping_replaces_both_sides_of_an_older_one(database: Database) -> None:
    def job(work: UnitOfWork) -> list[bool]:
        return [
            work.addresses.learn(PN, LID),
            work.addresses.learn(OTHER_PN, OTHER_LID),
            work.addresses.learn(PN, OTHER_LID),
        ]

    assert await database.write("s", job) == [True, True, True]
    assert await database.read("s", look) == ([OTHER_LID, None], [None, PN])


async def test_a_hosted_address_stands_for_its_user(database: Database) -> None:
    hosted, hosted_lid = Jid.parse("15550001111:99@hosted"), Jid.parse("100000000000001@hosted.lid")
    assert await database.write("s", lambda work: work.addresses.learn(hosted, hosted_lid))
    assert await database.read("s", look) == ([LID, None], [PN, None])


async def test_only_a_number_and_a_lid_make_a_mapping(database: Database) -> None:
    for pn, lid in ((LID, PN), (PN, PN), (Jid.parse("123@g.us"), LID)):
        with pytest.raises(InvalidInput):
            await database.write("s", lambda work, a=pn, b=lid: work.addresses.learn(a, b))


async def test_a_device_list_is_kept_until_it_is_forgotten(database: Database) -> None:
    first = DeviceList(PN, (0, 3, 14), 77, 1_700_000_000, 1_700_000_100)
    second = DeviceList(PN, (0,), None, 1_700_000_200, 1_700_000_300)

    def job(work: UnitOfWork) -> list[DeviceList | None]:
        seen = [work.addresses.devices(PN)]
        for devices in (first, second):
            work.addresses.put_devices(devices)
            seen.append(work.addresses.devices(PN.with_device(3)))
        work.addresses.forget_devices(PN)
        seen.append(work.addresses.devices(PN))
        return seen

    assert await database.write("s", job) == [None, first, second, None]


async def test_a_device_list_that_cannot_be_read_is_an_error(database: Database) -> None:
    await database.write(
        "s", lambda work: work.addresses.put_devices(DeviceList(PN, (0,), None, 1, 1))
    )
    await database.write(
        "s", lambda work: work.addresses._db.run("UPDATE device_lists SET devices = '[0'")
    )
    with pytest.raises(CorruptRecord):
        await database.read("s", lambda work: work.addresses.devices(PN))


async def test_an_address_that_its_text_does_not_name_is_refused(database: Database) -> None:
    odd = Jid("1555.3", "s.whatsapp.net")
    with pytest.raises(InvalidInput):
        await database.write("s", lambda work: work.addresses.learn(odd, LID))
