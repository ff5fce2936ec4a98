"""When the server's data leads nowhere: a snapshot, then the phone's own copy; no new link."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest

from support.account import OWN_PN, Account
from support.appstate import KEY_ID, NOW_MS, OTHER_ID, RING, chat, pin
from support.appstate_server import Device, Server
from waport.appstate import (
    EMPTY_HASH,
    Collection,
    CollectionState,
    Mutation,
    index_mac,
    update_lthash,
)
from waport.appstate.actions import PushName, write_action
from waport.client.app_state_jobs import want_copy
from waport.client.app_state_keys import GIVE_UP_S
from waport.client.app_state_recovery import ANSWER_S, ASK_AGAIN_S, next_due
from waport.proto import pb
from waport.stanza.appstate import CollectionAnswer, CollectionError, CollectionRequest
from waport.store import UnitOfWork
from waport.wire import Node

LOW, HIGH, BLOCK = Collection.REGULAR_LOW, Collection.REGULAR_HIGH, Collection.CRITICAL_BLOCK


@pytest.fixture
def server() -> Server:
    return Server(has_snapshots=True)


@pytest.fixture
def device(account: Account, server: Server) -> Device:
    return Device(account, server)


Lie = Callable[[CollectionRequest, CollectionAnswer], CollectionAnswer]


def spoilt(server: Server, change: Callable[[pb.SyncdPatch], None]) -> Lie:
    """Every patch, and every snapshot, is wrong."""

    def lie(_: CollectionRequest, answer: CollectionAnswer) -> CollectionAnswer:
        patches = []
        for data in answer.patches:
            patch = pb.SyncdPatch.FromString(data)
            change(patch)
            patches.append(patch.SerializeToString())
        snapshot = answer.snapshot
        if snapshot is not None:
            reference = pb.ExternalBlobReference.FromString(snapshot)
            data = pb.SyncdSnapshot.FromString(server.blobs[reference.directPath])
            data.mac = bytes(32)
            snapshot = server.put_blob(data.SerializeToString())
        return replace(answer, patches=tuple(patches), snapshot=snapshot)

    return lie


def bad_mac(patch: pb.SyncdPatch) -> None:
    patch.patchMac = bytes(32)


def bad_value(patch: pb.SyncdPatch) -> None:
    patch.mutations[0].record.value.blob = bytes(64)


def diverged(server: Server, collection: Collection, *mutations: Mutation) -> None:
    """Another device writes a patch whose author counts all records in another way."""
    replica = server.replicas[collection]
    version = replica.state.version
    replica.state = CollectionState(version, bytes((1,)) * 128)
    server.write(collection, *mutations)
    lthash = update_lthash(EMPTY_HASH, add=replica.value_macs.values())
    replica.state = CollectionState(version + 1, lthash)


async def stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def copy_of(server: Server, collection: Collection, mutations: list[Mutation]) -> bytes:
    replica = server.replicas[collection]
    copy = pb.SyncdSnapshotRecovery(collectionName=collection.value)
    copy.version.version = replica.state.version
    copy.collectionLthash = replica.state.lthash
    for each in mutations:
        mac = replica.value_macs[index_mac(RING.expand(KEY_ID), each.index)]
        record = copy.mutationRecords.add(keyId=KEY_ID, mac=mac)
        record.value.index, record.value.version = each.index, each.version
        record.value.value.MergeFromString(each.value)
    return gzip.compress(copy.SerializeToString())


async def answer(device: Device, data: bytes, *, name: str | None = None, sender: int = 0) -> None:
    """The phone answers a request."""
    message = pb.ProtocolMessage(
        type=pb.ProtocolMessage.PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE
    )
    response = message.peerDataOperationRequestResponseMessage
    response.peerDataOperationRequestType = pb.COMPANION_SYNCD_SNAPSHOT_FATAL_RECOVERY
    response.stanzaId = device.phone.names[-1] if name is None else name
    result = response.peerDataOperationResult.add().syncdSnapshotFatalRecoveryResponse
    result.collectionSnapshot, result.isCompressed = data, True
    handler = device.sync.recoveries.handler(device.sync.refresh)
    incoming = SimpleNamespace(sender=OWN_PN.with_device(sender))
    work = await device.account.handle(
        lambda work, _: handler(work, incoming, message),  # type: ignore[arg-type]
        Node("message"),
    )
    for follow_up in work.follow_ups:
        await follow_up()


async def failing(device: Device, collection: Collection = LOW, *, tries: int) -> None:
    """Let the client try, and wait as long as it wants to."""
    syncing = asyncio.create_task(device.notified(collection))
    for number in range(tries):
        await device.clock.pass_by(2.0**number)
    await device.clock.sleeping(2.0**tries)
    await stopped(syncing)


async def wanted(device: Device, collection: Collection = LOW) -> bool:
    stored = await device.account.read(lambda store: store.app_state.collection(collection))
    return stored.recovery is not None


@pytest.mark.parametrize("change", [bad_mac, bad_value])
async def test_two_failures_in_a_row_have_the_phone_asked_and_its_copy_mends_all(
    device: Device, server: Server, change: Callable[[pb.SyncdPatch], None]
) -> None:
    pins = [pin(chat(number)) for number in range(1, 4)]
    server.write(LOW, pins[0])
    await device.ready()
    server.write(LOW, pins[1])
    server.write(LOW, pins[2])
    server.lies = [spoilt(server, change)] * 10
    syncing = asyncio.create_task(device.notified(LOW))
    await device.clock.pass_by(1.0)
    # The patch, then the snapshot was wrong. What was known still stands.
    await device.clock.sleeping(2.0)
    assert [each.wants_snapshot for each in server.asked[-2:]] == [False, True]
    assert await device.pinned() == [str(chat(1))]
    assert await wanted(device)
    device.clock.advance(2.0)
    await device.clock.sleeping(4.0)
    # From now on patches alone are tried.
    assert not server.asked[-1].wants_snapshot
    assert device.phone.copies == ["regular_low"]
    server.lies = []
    await answer(device, copy_of(server, LOW, pins))
    async with asyncio.timeout(10):
        await syncing
    assert await device.is_even(LOW)
    assert len(await device.pinned()) == 3


async def test_a_copy_takes_the_place_of_what_was_known_and_patches_go_on(
    device: Device, server: Server
) -> None:
    pins = [pin(chat(number)) for number in range(1, 4)]
    await device.ready()
    server.write(LOW, *pins)
    await device.account.write(lambda store: _want(store, LOW))
    server.lies = [lambda _, answer: replace(answer, patches=())] * 1
    await device.sync.refresh()
    assert device.phone.copies == ["regular_low"]
    await answer(device, copy_of(server, LOW, pins))
    assert await device.is_even(LOW)
    assert len(await device.pinned()) == 3
    assert not await wanted(device)
    assert device.account.sink.recorded == []
    server.write(LOW, pin(chat(1), False, at=NOW_MS + 1))
    await device.notified(LOW)
    assert await device.is_even(LOW)
    assert len(await device.pinned()) == 2


def _want(store: UnitOfWork, *collections: Collection) -> None:
    for collection in collections:
        want_copy(store, collection)


async def test_a_patch_that_diverges_is_kept_and_a_snapshot_asked_for(
    device: Device, server: Server
) -> None:
    await device.ready()
    diverged(server, LOW, pin(chat(1)))
    syncing = asyncio.create_task(device.notified(LOW))
    await device.clock.sleeping(1.0)
    # The patch counts; the snapshot has its author's MAC, which is as wrong.
    assert await device.pinned() == [str(chat(1))]
    assert [each.wants_snapshot for each in server.asked[-2:]] == [False, True]
    stored = await device.account.read(lambda store: store.app_state.collection(LOW))
    assert (stored.is_diverged, stored.is_broken, stored.failures) == (True, True, 1)
    await stopped(syncing)


async def test_a_snapshot_ends_the_divergence(device: Device, server: Server) -> None:
    await device.ready()
    diverged(server, LOW, pin(chat(1)))
    server.write(LOW, pin(chat(2)))  # by one who counts as we do
    await device.notified(LOW)
    assert [each.wants_snapshot for each in server.asked[-2:]] == [False, True]
    stored = await device.account.read(lambda store: store.app_state.collection(LOW))
    assert (stored.is_diverged, stored.is_broken, stored.recovery) == (False, False, None)
    assert await device.is_even(LOW)


async def test_nothing_is_written_while_others_count_differently_and_the_copy_ends_that(
    device: Device, server: Server
) -> None:
    await device.ready()
    diverged(server, LOW, pin(chat(1)))
    syncing = asyncio.create_task(device.notified(LOW))
    await device.clock.pass_by(1.0)
    await device.clock.sleeping(2.0)
    assert device.phone.copies == ["regular_low"]
    await device.settings.pin(chat(2))
    await device.sync.refresh()
    assert len(server.logs[LOW]) == 1
    await answer(device, copy_of(server, LOW, [pin(chat(1))]))
    await device.settings.settle()
    assert len(server.logs[LOW]) == 2
    assert await device.is_even(LOW)
    await stopped(syncing)


async def test_the_block_of_names_is_never_asked_for(device: Device, server: Server) -> None:
    await device.ready()
    await device.account.write(lambda store: _want(store, BLOCK))
    server.write(BLOCK, write_action(PushName("Bruno"), timestamp_ms=1).mutation)
    server.lies = [spoilt(server, bad_mac)] * 3
    await failing(device, BLOCK, tries=2)
    assert device.phone.copies == []
    assert [each.wants_snapshot for each in server.asked[-3:]] == [False, True, True]


async def test_copies_are_asked_for_one_at_a_time(device: Device) -> None:
    await device.ready()
    await device.account.write(lambda store: _want(store, LOW, HIGH))
    await device.sync.refresh()
    await device.sync.refresh()
    assert device.phone.copies == ["regular_high"]
    device.phone.news.clear()
    await device.clock.pass_by(float(ANSWER_S))
    async with asyncio.timeout(10):
        await device.phone.news.wait()
    assert device.phone.copies == ["regular_high", "regular_low"]


async def test_a_phone_that_does_not_answer_is_asked_again_after_a_while(device: Device) -> None:
    await device.ready()
    await device.account.write(lambda store: _want(store, LOW))
    await device.sync.refresh()
    asked_at = int(device.clock.unix())
    due = await device.account.read(lambda store: next_due(store, asked_at + ANSWER_S))
    assert (due.collection, due.wait_s) == (None, ASK_AGAIN_S - ANSWER_S)
    due = await device.account.read(lambda store: next_due(store, asked_at + ASK_AGAIN_S))
    assert due.collection is LOW
    # And at once if the calendar says that it was asked in the future.
    due = await device.account.read(lambda store: next_due(store, asked_at - 400 * 24 * 3600))
    assert due.collection is LOW


@pytest.mark.parametrize("flaw", ["name", "sender", "nonsense", "hash", "other", "older"])
async def test_answers_that_are_not_believed(device: Device, server: Server, flaw: str) -> None:
    server.write(LOW, pin(chat(1)))
    await device.ready()
    await device.account.write(lambda store: _want(store, LOW))
    await device.sync.refresh()
    before = await device.state(LOW)
    good = copy_of(server, LOW, [pin(chat(1))])
    copy = pb.SyncdSnapshotRecovery.FromString(gzip.decompress(good))
    if flaw == "hash":
        copy.collectionLthash = bytes(128)
    elif flaw == "other":
        copy.collectionName = "regular"
    elif flaw == "older":
        copy.version.version = 0
    data = b"nonsense" if flaw == "nonsense" else gzip.compress(copy.SerializeToString())
    name = "another" if flaw == "name" else None
    await answer(device, data, name=name, sender=2 if flaw == "sender" else 0)
    assert await device.state(LOW) == before
    assert await device.pinned() == [str(chat(1))]
    assert await wanted(device)
    await answer(device, good)
    assert not await wanted(device)


async def test_a_key_that_nobody_has_leads_to_a_copy(device: Device, server: Server) -> None:
    await device.ready()
    server.write(LOW, pin(chat(1)), key_id=OTHER_ID)
    await device.notified(LOW)
    assert device.phone.asked == [OTHER_ID]

    def unknown(store: UnitOfWork) -> None:
        request = store.sync_keys.request(OTHER_ID)
        store.sync_keys.put_request(OTHER_ID, replace(request, is_unknown=True))

    await device.account.write(unknown)
    await device.sync.keys_shared()
    assert device.phone.copies == ["regular_low"]


async def test_a_key_that_does_not_come_for_a_week_leads_to_a_copy(
    device: Device, server: Server
) -> None:
    await device.ready()
    server.write(LOW, pin(chat(1)), key_id=OTHER_ID)
    await device.notified(LOW)
    device.sync.pause()
    again = Device(device.account, server)
    again.clock.advance(GIVE_UP_S)
    await again.sync.resume()
    assert again.phone.copies == ["regular_low"]


@pytest.mark.parametrize("code", [400, 404, 405, 406])
async def test_a_collection_that_is_refused_for_good_is_asked_of_the_phone(
    device: Device, server: Server, code: int
) -> None:
    await device.ready()
    server.lies = [lambda _, answer: CollectionAnswer(LOW, None, error=CollectionError(code))] * 2
    await failing(device, tries=1)
    assert await wanted(device)
    assert [each.wants_snapshot for each in server.asked[-2:]] == [False, True]


async def test_what_came_right_by_itself_is_not_asked_for(device: Device, server: Server) -> None:
    await device.ready()
    server.write(LOW, pin(chat(1)))
    server.lies = [spoilt(server, bad_mac)] * 2
    syncing = asyncio.create_task(device.notified(LOW))
    await device.clock.pass_by(1.0)
    await device.clock.pass_by(2.0)
    await syncing
    assert await device.is_even(LOW)
    assert not await wanted(device)
    stored = await device.account.read(lambda store: store.app_state.collection(LOW))
    assert (stored.failures, stored.is_broken) == (0, False)
