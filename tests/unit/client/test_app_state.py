"""Syncing collections: what is asked, what is kept, and what comes of every kind of failure."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from support.account import Account
from support.appstate import CHAT, KEY_ID, KEYS, NOW_MS, OTHER_ID, chat, mutation, pin
from support.appstate_server import Device, Server
from waport.appstate import Collection, CollectionState, SyncKey
from waport.appstate.actions import ArchiveChat, MessageRange, MuteChat, PushName
from waport.client.app_state import KEYS_TIMEOUT_S
from waport.client.app_state_troubles import MAX_TRIES
from waport.errors import QueryTimeout
from waport.model import ChatArchived, ChatFlagged
from waport.proto import pb
from waport.stanza.appstate import CollectionAnswer, CollectionError, CollectionRequest
from waport.store import UnitOfWork

LOW, HIGH, BLOCK = Collection.REGULAR_LOW, Collection.REGULAR_HIGH, Collection.CRITICAL_BLOCK
RANGE = MessageRange(100)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def device(account: Account, server: Server) -> Device:
    return Device(account, server)


# --- fetching ------------------------------------------------------------------------------------


async def test_all_collections_are_fetched_once_the_keys_are_there_and_nothing_is_told(
    device: Device, server: Server
) -> None:
    server.write(LOW, pin(chat(1)), mutation(ArchiveChat(CHAT, True, RANGE)))
    server.write(BLOCK, mutation(PushName("Bruno")))
    resuming = asyncio.create_task(device.sync.resume())
    await device.clock.sleeping(KEYS_TIMEOUT_S)
    assert server.asked == []
    await device.share(KEY_ID)
    await device.sync.keys_shared()
    await resuming
    assert [(each.collection, each.wants_snapshot) for each in server.asked] == [
        (each, True) for each in Collection
    ]
    assert await device.pinned() == [str(chat(1))]
    credentials = await device.account.read(lambda store: store.devices.get())
    assert (credentials.push_name, device.announced) == ("Bruno", 1)
    assert device.account.sink.recorded == []
    assert all([await device.is_even(each) for each in Collection])


async def test_without_keys_the_collections_say_which_ones_are_missing(
    device: Device, server: Server
) -> None:
    server.write(LOW, pin())
    resuming = asyncio.create_task(device.sync.resume())
    await device.clock.pass_by(KEYS_TIMEOUT_S)
    await resuming
    assert device.phone.asked == [KEY_ID]
    await device.share(KEY_ID)
    await device.sync.keys_shared()
    assert await device.is_even(LOW)


async def test_what_was_fetched_is_not_asked_for_again(device: Device, server: Server) -> None:
    await device.ready()
    count = len(server.asked)
    await Device(device.account, server).sync.resume()
    assert len(server.asked) == count


async def test_news_are_fetched_in_pages_from_the_known_version_on(
    device: Device, server: Server
) -> None:
    await device.ready()
    server.page = 3
    for number in range(8):
        server.write(LOW, pin(chat(number)))
    await device.notified(LOW)
    assert [each.version for each in server.asked[-3:]] == [0, 3, 6]
    assert not any(each.wants_snapshot for each in server.asked[-3:])
    assert len(await device.pinned()) == 8
    assert await device.is_even(LOW)


async def test_transitions_are_told_once(device: Device, server: Server) -> None:
    await device.ready()
    for at, archived in enumerate((True, True, False)):
        server.write(LOW, mutation(ArchiveChat(CHAT, archived, RANGE), at=NOW_MS + at))
    await device.notified(LOW)
    told = device.account.sink.of(ChatArchived)
    assert [(each.archived, each.previous) for each in told] == [(True, False), (False, True)]


async def test_news_during_a_fetch_stay_news(device: Device, server: Server) -> None:
    await device.ready()
    server.write(LOW, pin(chat(1)))

    def meanwhile(_: CollectionRequest, answer: CollectionAnswer) -> CollectionAnswer:
        server.write(LOW, pin(chat(2)))
        asyncio.get_running_loop().create_task(device.notified(LOW))
        return answer

    server.lies = [meanwhile]
    await device.notified(LOW)
    await device.account.write(lambda _: None)
    await device.sync.refresh()
    assert await device.is_even(LOW)


# --- snapshots -----------------------------------------------------------------------------------


async def test_a_large_snapshot_is_taken_and_patches_go_on_from_it(
    device: Device, server: Server
) -> None:
    server.has_snapshots = True
    server.write(LOW, *[pin(chat(number)) for number in range(2345)])
    await device.ready()
    assert await device.is_even(LOW)
    assert device.account.sink.recorded == []
    server.write(LOW, pin(chat(3), False, at=NOW_MS + 1))
    await device.notified(LOW)
    assert await device.is_even(LOW)
    assert not server.asked[-1].wants_snapshot
    assert str(chat(3)) not in await device.pinned()
    (flagged,) = device.account.sink.of(ChatFlagged)
    assert (flagged.chat.pinned, flagged.previous.pinned) == (False, True)


async def test_a_patch_with_its_mutations_in_a_file_is_taken(
    device: Device, server: Server
) -> None:
    await device.ready()
    server.write(LOW, *[pin(chat(number)) for number in range(150)])
    await device.notified(LOW)
    assert await device.is_even(LOW)
    assert len(await device.pinned()) == 60


async def test_a_snapshot_that_was_cut_short_begins_again(
    device: Device, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.has_snapshots = True
    server.write(LOW, *[pin(chat(number)) for number in range(30)])
    await device.share(KEY_ID)
    with monkeypatch.context() as patch:
        patch.setattr("waport.client.app_state_jobs.take_over", _cut)
        with pytest.raises(_Cut):
            await device.sync.resume()
    server.write(LOW, pin(chat(31)))
    await Device(device.account, server).sync.resume()
    assert await device.is_even(LOW)
    assert len(await device.pinned()) == 31


class _Cut(Exception):
    """The power is gone."""


def _cut(*_: object) -> None:
    raise _Cut


async def test_a_device_that_has_missed_something_fetches_one_snapshot(
    device: Device, server: Server
) -> None:
    await device.ready()
    server.has_snapshots = True
    server.write(LOW, pin(chat(1)))
    await device.notified(LOW)

    def forget(store: UnitOfWork) -> None:
        stored = store.app_state.collection(LOW)
        wrong = CollectionState(stored.state.version, bytes(128))
        store.app_state.put_collection(LOW, replace(stored, state=wrong))

    await device.account.write(forget)
    server.write(LOW, pin(chat(2)))
    await device.notified(LOW)
    assert [each.wants_snapshot for each in server.asked[-2:]] == [False, True]
    assert await device.pinned() == [str(chat(1)), str(chat(2))]
    assert await device.is_even(LOW)


# --- what is wrong -------------------------------------------------------------------------------


def damaged(_: CollectionRequest, answer: CollectionAnswer) -> CollectionAnswer:
    """Its last patch was changed on the way."""
    patch = pb.SyncdPatch.FromString(answer.patches[-1])
    patch.patchMac = bytes(32)
    return replace(answer, patches=(*answer.patches[:-1], patch.SerializeToString()))


async def test_a_patch_with_a_wrong_mac_changes_nothing_and_leads_to_a_snapshot(
    device: Device, server: Server
) -> None:
    await device.ready()
    server.has_snapshots = True
    server.write(LOW, pin(chat(1)))
    server.lies = [damaged]
    syncing = asyncio.create_task(device.notified(LOW))
    await device.clock.sleeping(1.0)
    assert (await device.pinned(), await device.state(LOW)) == ([], CollectionState())
    device.clock.advance(1.0)
    await syncing
    assert server.asked[-1].wants_snapshot
    assert await device.is_even(LOW)


async def test_a_gap_is_closed_from_the_known_version_and_then_by_a_snapshot(
    device: Device, server: Server
) -> None:
    await device.ready()
    server.has_snapshots = True
    for number in range(3):
        server.write(LOW, pin(chat(number)))

    def lacking(_: CollectionRequest, answer: CollectionAnswer) -> CollectionAnswer:
        return replace(answer, patches=(answer.patches[-1],))

    server.lies = [lacking, lacking]
    syncing = asyncio.create_task(device.notified(LOW))
    await device.clock.pass_by(1.0)
    await device.clock.pass_by(2.0)
    await syncing
    assert [each.wants_snapshot for each in server.asked[-3:]] == [False, False, True]
    assert await device.is_even(LOW)


async def test_a_missing_key_holds_up_its_collection_alone(device: Device, server: Server) -> None:
    await device.ready()
    server.write(LOW, pin(chat(1)), key_id=OTHER_ID)
    server.write(HIGH, mutation(MuteChat(CHAT, True, -1)))
    await device.notified(LOW, HIGH)
    assert device.phone.asked == [OTHER_ID]
    assert await device.is_even(HIGH)
    assert (await device.state(LOW)).version == 0
    count = len(server.asked)
    await device.sync.refresh()
    assert len(server.asked) == count
    await device.share(OTHER_ID)
    await device.sync.keys_shared()
    assert await device.is_even(LOW)


async def test_failures_are_tried_again_with_growing_pauses_until_they_are_given_up(
    device: Device, server: Server
) -> None:
    await device.ready()
    server.write(LOW, pin(chat(1)))
    server.failures = [QueryTimeout("no answer")] * (MAX_TRIES + 1)
    syncing = asyncio.create_task(device.notified(LOW))
    for number in range(MAX_TRIES):
        await device.clock.pass_by(2.0**number)
    await syncing
    assert not await device.is_even(LOW)
    await device.sync.refresh()
    assert await device.is_even(LOW)


@pytest.mark.parametrize("code", [500, 0])
async def test_a_passing_refusal_of_one_collection_is_tried_again(
    device: Device, server: Server, code: int
) -> None:
    await device.ready()
    server.write(LOW, pin(chat(1)))
    server.lies = [lambda _, answer: CollectionAnswer(LOW, None, error=CollectionError(code))]
    syncing = asyncio.create_task(device.notified(LOW))
    await device.clock.pass_by(1.0)
    await syncing
    assert [each.wants_snapshot for each in server.asked[-2:]] == [False, False]
    assert await device.is_even(LOW)


async def test_a_server_that_always_has_more_and_gives_nothing_is_left_alone(
    device: Device, server: Server
) -> None:
    await device.ready()
    server.lies = [lambda _, answer: replace(answer, has_more=True)] * (MAX_TRIES + 1)
    syncing = asyncio.create_task(device.notified(LOW))
    for number in range(MAX_TRIES):
        await device.clock.pass_by(2.0**number)
    await syncing
    assert server.lies == []


async def test_unreadable_answers_change_nothing(device: Device, server: Server) -> None:
    await device.ready()
    server.write(LOW, pin(chat(1)))
    server.lies = [lambda _, answer: replace(answer, patches=(b"\xff",))]
    syncing = asyncio.create_task(device.notified(LOW))
    await device.clock.sleeping(1.0)
    assert (await device.state(LOW)).version == 0
    device.clock.advance(1.0)
    await syncing
    assert await device.is_even(LOW)


async def test_the_good_patches_before_a_bad_one_are_kept(device: Device, server: Server) -> None:
    await device.ready()
    for number in range(1, 6):
        server.write(LOW, pin(chat(number)))

    def spoilt(_: CollectionRequest, answer: CollectionAnswer) -> CollectionAnswer:
        *good, bad, last = answer.patches
        patch = pb.SyncdPatch.FromString(bad)
        patch.patchMac = bytes(32)
        return replace(answer, patches=(*good, patch.SerializeToString(), last))

    server.lies = [spoilt]
    syncing = asyncio.create_task(device.notified(LOW))
    await device.clock.sleeping(1.0)
    assert (await device.state(LOW)).version == 3
    assert len(await device.pinned()) == 3
    device.clock.advance(1.0)
    await syncing
    assert await device.is_even(LOW)
    told = device.account.sink.of(ChatFlagged)
    assert [event.chat.jid for event in told][:3] == [chat(1), chat(2), chat(3)]


@pytest.mark.parametrize("has_snapshots", [True, False])
async def test_of_two_keys_with_one_id_the_one_that_fits_is_used(
    device: Device, server: Server, has_snapshots: bool
) -> None:
    """Somebody has shared another key under that id, and says that it is younger."""
    server.has_snapshots = has_snapshots
    server.write(LOW, pin(chat(1)))

    def job(store: UnitOfWork) -> None:
        store.sync_keys.put(SyncKey(KEY_ID, KEYS[KEY_ID], 1))
        store.sync_keys.put(SyncKey(KEY_ID, bytes(32), 2))

    await device.account.write(job)
    await device.sync.resume()
    assert await device.is_even(LOW)
    server.write(LOW, pin(chat(2)))
    await device.notified(LOW)
    assert await device.is_even(LOW)


async def test_a_record_in_another_collection_counts_only_if_it_is_newer(
    device: Device, server: Server
) -> None:
    """Baileys writes stars into the wrong collection."""
    await device.ready()
    server.write(LOW, mutation(MuteChat(CHAT, True, 5000), at=NOW_MS + 2))
    await device.notified(LOW)
    server.write(HIGH, mutation(MuteChat(CHAT, True, 9000), at=NOW_MS + 1))
    await device.notified(HIGH)

    def muted(store: UnitOfWork) -> int:
        return store.chats.set_flags(CHAT)[0].muted_until

    assert await device.account.write(muted) == 5
    server.write(HIGH, mutation(MuteChat(CHAT, True, 7000), at=NOW_MS + 3))
    await device.notified(HIGH)
    assert await device.account.write(muted) == 7
