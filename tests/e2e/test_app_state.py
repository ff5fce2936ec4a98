"""App state against the emulator: large collections, trouble of every kind, kills; no new link."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from support.linked import Linked, ServerAddress, linked_client
from support.shared_state import SharedState
from waport.appstate import Collection
from waport.client.clock import Clock
from waport.emulator.appstate import Mutation
from waport.emulator.appstate_faults import KINDS, StateFault
from waport.emulator.phone import Phone
from waport.emulator.server import Emulator, EmulatorOptions
from waport.errors import AccountRestricted
from waport.model import Ack, QrReady
from waport.proto import pb
from waport.store import Database, UnitOfWork, sqlite_url
from waport.store.app_state_values import StoredCollection
from waport.wire import Jid

if TYPE_CHECKING:
    from .conftest import World

pytestmark = pytest.mark.e2e

LOW, REGULAR = "regular_low", "regular"
FASTER = 10


class QuickClock(Clock):
    """Pauses between tries are short."""

    def monotonic(self) -> float:
        return time.monotonic() * FASTER

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / FASTER)


def chat(number: int) -> Jid:
    return Jid(str(15_550_100_000 + number), "s.whatsapp.net")


def pin(number: int, pinned: bool = True) -> Mutation:
    value = pb.SyncActionValue(timestamp=int(time.time() * 1000))
    value.pinAction.pinned = pinned
    return Mutation("SET", ("pin_v1", str(chat(number))), value, 5)


def label(number: int) -> Mutation:
    value = pb.SyncActionValue(timestamp=int(time.time() * 1000))
    value.labelEditAction.name, value.labelEditAction.color = f"Label {number}", 1
    return Mutation("SET", ("label_edit", str(number)), value, 3)


def _stored(name: str, store: UnitOfWork) -> StoredCollection:
    return store.app_state.collection(Collection(name))


@dataclass
class Devices:
    """A phone and its companion, which is our client."""

    phone: Phone
    ours: Linked

    async def until(self, fits: Callable[[UnitOfWork], Any]) -> None:
        """Our store says so; it is looked into after each exchange with the server."""
        sync = self.ours.client.app_state
        async with asyncio.timeout(30):
            while True:
                exchanged = sync.next_exchange
                if await self.ours.read(fits):
                    return
                await exchanged.wait()

    async def even(self, name: str = LOW) -> None:
        """We have a collection as the phone has it, and nothing is wrong with it any more."""
        version = self.phone.app_state.version(name)

        def is_even(store: UnitOfWork) -> bool:
            stored = _stored(name, store)
            is_well = not (stored.is_broken or stored.is_diverged or stored.news)
            return is_well and stored.recovery is None and stored.state.version == version

        await self.until(is_even)
        replica = self.phone.app_state.replica(name)
        stored = await self.ours.read(lambda store: _stored(name, store))
        assert stored.state.lthash == replica.lthash
        found = await self.ours.read(
            lambda store: {
                index: store.app_state.value_mac(Collection(name), stored.generation, index)
                for index in replica.value_macs
            }
        )
        assert found == replica.value_macs

    async def pinned(self, count: int) -> list[int]:
        def job(store: UnitOfWork) -> list[int]:
            # Chats in which nothing has happened yet are on no list.
            known = [store.chats._stored(chat(at)) for at in range(count)]
            return [at for at, each in enumerate(known) if each is not None and each.chat.pinned]

        return await self.ours.read(job)

    @property
    def is_linked_once(self) -> bool:
        return len(self.ours.events.of(QrReady)) == 1


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(EmulatorOptions()) as emulator:
        yield emulator


@pytest.fixture
async def phone(emulator: Emulator) -> Phone:
    return emulator.phone_of(await emulator.create_account(None, "Ann"))


@pytest.fixture
async def linked(emulator: Emulator, phone: Phone, tmp_path: Path) -> AsyncIterator[Devices]:
    address = ServerAddress(emulator.ws_url, emulator.root_key.hex(), Path(str(emulator.ca_file)))
    async with linked_client(tmp_path, address, phone.pair_by_qr, QuickClock()) as ours:
        devices = Devices(phone, ours)
        for name in ("critical_block", LOW, REGULAR):
            await devices.even(name)
        yield devices


@pytest.fixture
def always_snapshots(emulator: Emulator, phone: Phone) -> Emulator:
    del phone  # it is there when the policy changes
    emulator.policy.snapshot_after = 0
    return emulator


# --- large collections ---------------------------------------------------------------------------


async def test_a_new_companion_takes_snapshots_and_goes_on_with_patches(
    always_snapshots: Emulator, phone: Phone, tmp_path: Path
) -> None:
    await phone.app_state.write(LOW, [pin(number) for number in range(150)])
    await phone.app_state.write(LOW, [pin(3, False)])
    address = ServerAddress(
        always_snapshots.ws_url,
        always_snapshots.root_key.hex(),
        Path(str(always_snapshots.ca_file)),
    )
    async with linked_client(tmp_path, address, phone.pair_by_qr, QuickClock()) as ours:
        devices = Devices(phone, ours)
        await devices.even()
        assert await devices.pinned(5) == [0, 1, 2, 4]
        await phone.app_state.write(LOW, [pin(3)])
        await devices.even()
        assert await devices.pinned(5) == [0, 1, 2, 3, 4]


async def test_many_mutations_travel_in_files_both_ways(linked: Devices) -> None:
    await linked.phone.app_state.write(LOW, [pin(number) for number in range(150)])
    await linked.even()
    many = [f"Label {number}" for number in range(130)]
    linked.ours.client.app_state.pause()
    for name in many:
        await linked.ours.client.labels.add(name)
    await linked.ours.client.app_state.resume()
    await linked.ours.client.settings.settle()
    assert len([index for index in linked.phone.app_state.read(REGULAR) if len(index) == 2]) == 130
    await linked.even(REGULAR)


# --- keys ----------------------------------------------------------------------------------------


async def test_a_missing_key_is_asked_for_and_the_sync_goes_on(linked: Devices) -> None:
    await linked.phone.state.new_key(is_shared=False)
    await linked.phone.app_state.write(LOW, [pin(1)])
    await linked.phone.app_state.write(REGULAR, [label(1)])
    await linked.even()
    await linked.even(REGULAR)
    assert await linked.pinned(3) == [1]
    await linked.ours.client.settings.unpin(chat(1))
    await linked.ours.client.settings.settle()
    assert linked.phone.state.copied == []
    assert linked.is_linked_once


async def test_a_new_key_that_ends_the_old_ones_is_written_with(linked: Devices) -> None:
    key_id = await linked.phone.state.new_key(expires=True)
    await linked.even()
    await linked.ours.client.settings.pin(chat(2))
    await linked.ours.client.settings.settle()
    log = linked.phone.app_state.server.log(LOW)
    assert pb.SyncdPatch.FromString(log.patches[-1]).keyId.id == key_id
    assert linked.phone.app_state.read(LOW)["pin_v1", str(chat(2))].pinAction.pinned


async def test_a_key_that_nobody_has_is_got_over_by_the_phones_copy(linked: Devices) -> None:
    linked.phone.app_state.server.faults.order(StateFault("key-id", LOW, count=100))
    await linked.phone.app_state.write(LOW, [pin(1)])
    await linked.phone.app_state.write(REGULAR, [label(1)])
    await linked.even(REGULAR)  # the others go on
    await linked.until(lambda store: _stored(LOW, store).state.version == 2)
    linked.phone.app_state.server.faults.clear()
    await linked.even()
    assert linked.phone.state.copied == [LOW]
    assert await linked.pinned(3) == [1]
    assert linked.is_linked_once


async def test_the_salt_that_app_state_brings_opens_chats_for_a_restricted_account(
    emulator: Emulator, linked: Devices
) -> None:
    stranger = await emulator.create_account(None, "Bob")
    own = emulator.directory.by_jid(linked.ours.jid)
    assert own is not None
    emulator.restrictions.restrict(own)
    ours = linked.ours
    with pytest.raises(AccountRestricted):
        await ours.client.messages.send_text(stranger.jid, "refused")
    await linked.phone.make_token_salt()
    await linked.even("regular_high")
    taken = await ours.client.messages.send_text(stranger.jid, "taken")
    assert taken.ack >= Ack.SERVER


# --- trouble -------------------------------------------------------------------------------------

OF_FILES = ("file-hash", "file-gone")


@pytest.mark.parametrize("kind", sorted(KINDS - {"conflict"}))
async def test_an_answer_that_is_wrong_once_costs_nothing(linked: Devices, kind: str) -> None:
    state = linked.phone.app_state
    state.server.faults.order(StateFault(kind, LOW))
    if kind in OF_FILES:
        await state.write(LOW, [pin(number) for number in range(120)])
    else:
        for number in range(3):
            await state.write(LOW, [pin(number)])
    await state.write(REGULAR, [label(1)])
    await linked.even(REGULAR)
    await linked.even()
    assert await linked.pinned(3) == [0, 1, 2]
    assert linked.is_linked_once
    await linked.ours.client.settings.unpin(chat(1))
    await linked.ours.client.settings.settle()
    await linked.even()


@pytest.mark.parametrize("kind", ["patch-mac", "value-mac", "index-mac", "short-value"])
async def test_patches_that_stay_wrong_are_got_over_by_the_phones_copy(
    linked: Devices, kind: str
) -> None:
    state = linked.phone.app_state
    state.server.faults.order(StateFault(kind, LOW, count=1000))
    await state.write(LOW, [pin(1)])
    await linked.until(lambda store: _stored(LOW, store).state.version == state.version(LOW))
    assert linked.phone.state.copied == [LOW]
    state.server.faults.clear()
    await linked.even()
    assert await linked.pinned(3) == [1]
    assert linked.is_linked_once


async def test_a_writer_who_counts_differently_is_got_over(linked: Devices) -> None:
    state = linked.phone.app_state
    await state.write(LOW, [pin(1)], diverged=True)
    await linked.until(lambda store: _stored(LOW, store).recovery is None)
    await linked.even()
    await linked.ours.client.settings.pin(chat(2))
    await linked.ours.client.settings.settle()
    await linked.even()
    assert await linked.pinned(3) == [1, 2]
    assert linked.is_linked_once


async def test_conflicts_are_retried_and_each_change_goes_up_once(linked: Devices) -> None:
    state = linked.phone.app_state
    state.server.faults.order(StateFault("conflict", LOW, count=2))
    before = state.version(LOW)
    await state.write(LOW, [pin(1)])
    await linked.ours.client.settings.pin(chat(2))
    await state.write(LOW, [pin(3)])
    await linked.ours.client.settings.settle()
    await linked.even()
    assert state.version(LOW) == before + 3
    assert await linked.pinned(4) == [1, 2, 3]


# --- kills ---------------------------------------------------------------------------------------

SESSION = "main"


@pytest.mark.parametrize("point", ["app_state.kept", "app_state.uploaded"])
async def test_a_change_goes_up_once_wherever_the_server_is_killed(
    world: World, point: str
) -> None:
    _, phone = await world.link()
    alice, alice_phone = await world.person("Alice")
    shared = SharedState(phone)
    await alice_phone.send_text(phone.owner.own.pn, "hello")
    await world.inbox.kind("message")
    await world.server.kill()
    body = {"chatId": f"{alice.jid.user}@c.us"}
    index = str(alice.jid)
    await world.server.start({"WAPORT_CRASH_POINT": point})
    await world.inbox.count("ready", 2)
    before = phone.app_state.version(LOW)
    with contextlib.suppress(httpx.HTTPError):  # it may die before its answer
        await world.server.post(f"/chat/pin/{SESSION}", body)
    await world.server.wait()
    assert point in world.server.last_words
    await world.server.start()
    await shared.until(LOW, "pin_v1", index, matches=lambda value: value.pinAction.pinned)
    await world.inbox.count("ready", 3)
    # A later change shows that the first one is through.
    await world.server.post(f"/chat/archive/{SESSION}", body)
    await shared.until(
        LOW, "archive", index, matches=lambda value: value.archiveChatAction.archived
    )
    assert await world.server.stop() == 0
    assert phone.app_state.version(LOW) == before + 2
    database = await Database.open(sqlite_url(world.server.sessions / "waport.db"))
    try:
        stored = await database.read(SESSION, lambda store: _stored(LOW, store))
        pending = await database.read(
            SESSION, lambda store: store.app_state.pending(Collection(LOW))
        )
    finally:
        await database.close()
    # It may have been stopped before it heard that the last change is taken.
    versions = {before + 1, before + 2} if pending else {before + 2}
    assert stored.state.version in versions
    if not pending:
        assert stored.state.lthash == phone.app_state.replica(LOW).lthash
    assert len(world.inbox.of("qr")) == 1
