"""Messages to hundreds of devices: in pages, in short jobs, and planned once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from support.account import OWN_PN, PEER_LID, PEER_PN, SESSION, Account, Peer
from support.clock import TIMEOUT_S
from support.group_world import ALL, OWN_PHONE
from support.group_world import GroupWorld as World
from support.groups import CAROL_PN, GROUP
from support.server import FakeServer
from waport.client.devices import BUNDLES_PER_QUERY, Devices
from waport.client.encryption import encrypt_for, has_session
from waport.client.fanout import DEVICE_LIST_AGE_S, NeedDevices
from waport.client.group_fanout import GroupFanout, plan_group
from waport.client.new_sessions import BEGUN_PER_JOB, DeviceSessions, begin_ahead
from waport.client.queries import Queries
from waport.client.work import own_addresses
from waport.errors import CryptoError, QueryError
from waport.model import DeviceList
from waport.signal import SessionRecord
from waport.stanza.prekeys import BundleAnswer
from waport.store import UnitOfWork
from waport.wire import Jid, Node

COUNT = 2 * BEGUN_PER_JOB + 7
DEVICES = [Jid(str(10**14 + place), "lid") for place in range(COUNT)]


def bundles(damaged: Jid | None = None) -> dict[Jid, BundleAnswer]:
    """One of each device; with a wrong signature, and with none at all."""
    bundle = Peer(PEER_PN).bundle()
    found = {device: BundleAnswer(bundle, None, 0) for device in DEVICES}
    if damaged is not None:
        found[damaged] = BundleAnswer(replace(bundle, signature=bytes(64)), None, 0)
    return found


async def count_sessions(account: Account) -> int:
    return sum(await account.read(lambda s: [has_session(s, device) for device in DEVICES]))


class CountingDatabase:
    """Passes jobs on, and notes how many sessions there are after each."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.counts: list[int] = []

    async def write(self, session_id: str, job: Callable[[UnitOfWork], object]) -> None:
        await self._account.database.write(session_id, job)
        self.counts.append(await count_sessions(self._account))


async def test_many_sessions_are_begun_in_several_jobs(account: Account) -> None:
    database = CountingDatabase(account)
    await begin_ahead(database, SESSION, bundles())  # type: ignore[arg-type]
    assert database.counts == [BEGUN_PER_JOB, 2 * BEGUN_PER_JOB, COUNT]


async def test_what_cannot_be_used_spoils_nothing_else(account: Account) -> None:
    given = bundles(damaged=DEVICES[3])
    given[DEVICES[4]] = BundleAnswer(None, None, 406)
    await begin_ahead(account.database, SESSION, given)
    unusable = await account.read(
        lambda s: [device for device in DEVICES if not has_session(s, device)]
    )
    assert unusable == DEVICES[3:5]


async def test_a_session_that_has_come_meanwhile_is_kept(account: Account) -> None:
    await begin_ahead(account.database, SESSION, bundles())
    address = DEVICES[0].signal_address
    before = await account.read(lambda s: s.signal.session(address))
    await begin_ahead(account.database, SESSION, bundles())
    assert await account.read(lambda s: s.signal.session(address)) == before


async def test_every_copy_advances_the_stored_session(account: Account) -> None:
    await begin_ahead(account.database, SESSION, bundles())

    def send(store: UnitOfWork) -> list[int]:
        sessions = DeviceSessions(store, DEVICES[:6])
        for device in (*DEVICES[:5], DEVICES[0]):
            sessions.encrypt(device, b"hello")
        sessions.save()
        records = [store.signal.session(device.signal_address) for device in DEVICES[:6]]
        states = [SessionRecord.load(record or b"").current for record in records]
        return [state.sending.next_counter for state in states if state is not None]

    assert await account.write(send) == [2, 1, 1, 1, 1, 0]


async def test_an_unreadable_record_is_put_aside_and_counts_as_none(account: Account) -> None:
    await begin_ahead(account.database, SESSION, bundles())
    broken = DEVICES[2]

    def look(store: UnitOfWork) -> tuple[tuple[Jid, ...], bytes | None]:
        store.signal.put_session(broken.signal_address, b"\xff")
        sessions = DeviceSessions(store, DEVICES)
        with pytest.raises(CryptoError):
            sessions.encrypt(broken, b"hello")
        return sessions.missing(), store.signal.session(broken.signal_address)

    assert await account.write(look) == ((broken,), None)


async def test_one_page_of_bundles_is_put_to_use_while_the_next_is_asked_for(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = Queries(5)
    server = FakeServer(queries, [Peer(PEER_PN)], {})
    devices = [PEER_PN.with_device(number) for number in range(2 * BUNDLES_PER_QUERY)]
    is_asked_again = asyncio.Event()
    used: list[int] = []
    send = server.send

    def send_and_tell(node: Node) -> None:
        send(node)
        if len(server.asked) == 2:
            is_asked_again.set()

    monkeypatch.setattr(server, "send", send_and_tell)

    async def use(answers: Mapping[Jid, BundleAnswer]) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            await is_asked_again.wait()
        used.append(len(answers))

    answers = await Devices(account.database, SESSION, queries).bundles(devices, use=use)
    assert used == [BUNDLES_PER_QUERY] * 2
    assert len(answers) == 2 * BUNDLES_PER_QUERY


@pytest.mark.parametrize("page", [0, 1])
async def test_an_error_in_the_use_of_a_page_is_told(account: Account, page: int) -> None:
    queries = Queries(5)
    FakeServer(queries, [Peer(PEER_PN)], {})
    devices = [PEER_PN.with_device(number) for number in range(2 * BUNDLES_PER_QUERY)]
    used = 0

    async def use(_: Mapping[Jid, BundleAnswer]) -> None:
        nonlocal used
        used += 1
        if used == page + 1:
            raise QueryError(500, "no")

    with pytest.raises(QueryError):
        await Devices(account.database, SESSION, queries).bundles(devices, use=use)


# --- the plan of a group -------------------------------------------------------------------------


@pytest.fixture
async def world(account: Account) -> World:
    world = World(account)
    await world.put_group()
    await world.desk.sender.resume(world.server)  # type: ignore[arg-type]
    return world


def plan(store: UnitOfWork, now: int | None = None) -> Any:
    credentials = store.devices.get()
    assert credentials is not None
    at = int(time.time()) if now is None else now
    return plan_group(store, own_addresses(credentials), GROUP, at, frozenset())


async def test_the_plan_of_a_group_is_made_once_until_something_changes(world: World) -> None:
    await world.send("one")
    await world.send("two")
    first, second = [await world.account.write(plan) for _ in range(2)]
    assert isinstance(first, GroupFanout)
    assert second is first
    assert first.cold == ()
    await world.send("three")
    assert await world.account.write(plan) is first

    late = DeviceList(CAROL_PN, (0, 5), None, 0, int(time.time()))
    await world.account.write(lambda s: s.addresses.put_devices(late))
    third = await world.account.write(plan)
    assert len(third.cold) == 1
    assert third.phash != first.phash


async def test_a_plan_is_not_used_when_device_lists_are_old(world: World) -> None:
    await world.send("one")
    now = int(time.time())
    fanout = await world.account.write(plan)
    late = now + DEVICE_LIST_AGE_S + 5
    await world.put_group()
    assert isinstance(await world.account.write(plan), GroupFanout)

    def plan_late(store: UnitOfWork) -> Any:
        group = store.groups.get(GROUP)
        assert group is not None
        store.groups.put(replace(group, fetched_at=late))
        plan(store)
        return plan(store, late)

    again = await world.account.write(plan_late)
    assert isinstance(again, NeedDevices)
    assert set(again.users) == {PEER_PN, CAROL_PN, OWN_PN.bare}
    assert fanout.good_until < late


async def test_a_plan_is_not_used_after_a_member_asked_for_the_key(world: World) -> None:
    world.read(await world.send("one"), *ALL)
    assert set(world.told(await world.send("two"))) == {OWN_PHONE}
    address = PEER_LID.signal_address
    await world.account.write(lambda s: s.sender_keys.mark_cold(GROUP, address))
    assert PEER_LID in world.told(await world.send("three"))


async def test_own_devices_are_remembered_as_told_from_the_first_message_on(
    world: World,
) -> None:
    for words in ("one", "two"):
        await world.send(words)
        memory = await world.account.read(lambda s: s.sender_keys.memory(GROUP))
        assert memory[OWN_PHONE.signal_address] == 0
    await world.account.write(lambda s: encrypt_for(s, OWN_PHONE, b"still in step"))
