"""Syncing collections: what is asked, what is kept, and what comes of every kind of failure."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from support.account import Account
from support.appstate import CHAT, KEY_ID, NOW_MS, OTHER_ID, chat, mutation, pin
from support.appstate_server import Device, Server
from waport.appstate import Collection, CollectionState, Operation
from waport.appstate.actions import ArchiveChat, MessageRange, MuteChat, PinChat, PushName
from waport.client.app_state import KEYS_TIMEOUT_S
from waport.client.app_state_troubles import MAX_TRIES
from waport.errors import ConnectionClosed, QueryTimeout
from waport.model import ChatArchived
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


async def pinned(device: Device) -> list[str]:
    """The chats that are pinned, whether listed or not."""

    def job(store: UnitOfWork) -> list[str]:
        chats = [chat(number) for number in range(60)]
        return [str(jid) for jid in chats if store.chats.set_flags(jid)[0].pinned]

    found: list[str] = await device.account.write(job)
    return found


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
    assert await pinned(device) == [str(chat(1))]
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
    assert device.requests.asked == [KEY_ID]
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
    assert len(await pinned(device)) == 8
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
    server.write(LOW, pin(chat(3), False, at=NOW_MS + 1))
    await device.notified(LOW)
    assert await device.is_even(LOW)
    assert not server.asked[-1].wants_snapshot
    assert str(chat(3)) not in await pinned(device)
    assert device.account.sink.recorded == []


async def test_a_patch_with_its_mutations_in_a_file_is_taken(
    device: Device, server: Server
) -> None:
    await device.ready()
    server.write(LOW, *[pin(chat(number)) for number in range(150)])
    await device.notified(LOW)
    assert await device.is_even(LOW)
    assert len(await pinned(device)) == 60


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
    assert len(await pinned(device)) == 31


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
    assert await pinned(device) == [str(chat(1)), str(chat(2))]
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
    assert (await pinned(device), await device.state(LOW)) == ([], CollectionState())
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
    assert device.requests.asked == [OTHER_ID]
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


# --- writing -------------------------------------------------------------------------------------


async def test_a_change_takes_effect_at_once_and_goes_up_with_what_belongs_to_it(
    device: Device, server: Server
) -> None:
    await device.ready()
    await device.settings.archive(CHAT)
    assert [each.archived for each in device.account.sink.of(ChatArchived)] == [True]
    await device.settings.settle()
    (patch,) = server.logs[LOW]
    assert len(pb.SyncdPatch.FromString(patch).mutations) == 2
    assert await device.is_even(LOW)
    assert not await device.account.read(lambda store: store.app_state.has_pending())


async def test_what_was_changed_before_a_restart_is_uploaded_after_it(
    device: Device, server: Server
) -> None:
    await device.ready()
    device.sync.pause()
    await device.settings.pin(chat(1))
    assert server.logs[LOW] == []
    again = Device(device.account, server)
    await again.sync.resume()
    assert len(server.logs[LOW]) == 1
    assert await again.is_even(LOW)


async def test_a_change_whose_confirmation_is_lost_is_not_made_twice(
    device: Device, server: Server
) -> None:
    await device.ready()
    honest = server._honest

    def take_and_fail(request: CollectionRequest) -> CollectionAnswer:
        honest(request)
        raise ConnectionClosed("gone")

    device.sync.pause()
    await device.settings.pin(chat(1))
    server._honest = take_and_fail  # type: ignore[method-assign]
    await Device(device.account, server).sync.resume()
    assert len(server.logs[LOW]) == 1
    server._honest = honest  # type: ignore[method-assign]
    again = Device(device.account, server)
    await again.sync.resume()
    assert len(server.logs[LOW]) == 1
    assert await again.is_even(LOW)
    assert not await device.account.read(lambda store: store.app_state.has_pending())


async def test_a_change_is_built_anew_when_another_device_was_first(
    device: Device, server: Server
) -> None:
    await device.ready()
    server.write(LOW, pin(chat(1)))
    await device.settings.pin(chat(2))
    await device.settings.settle()
    assert len(server.logs[LOW]) == 2
    assert await pinned(device) == [str(chat(1)), str(chat(2))]
    assert await device.is_even(LOW)


@pytest.mark.parametrize(("later_ms", "theirs_count"), [(-1, False), (10**12, True)])
async def test_of_two_changes_of_one_record_the_later_counts_on_both_sides(
    device: Device, server: Server, later_ms: int, theirs_count: bool
) -> None:
    await device.ready()
    now_ms = int(device.clock.unix() * 1000)
    server.write(HIGH, mutation(MuteChat(CHAT, True, 5000), at=now_ms + later_ms))
    await device.settings.mute(CHAT, 9)
    await device.settings.settle()
    before, _ = await device.account.write(lambda store: store.chats.set_flags(CHAT))
    assert before.muted_until == (5 if theirs_count else 9)
    assert len(server.logs[HIGH]) == (1 if theirs_count else 2)
    assert await device.is_even(HIGH)


async def test_a_server_that_always_finds_a_conflict_is_left_alone(
    device: Device, server: Server
) -> None:
    await device.ready()
    conflict = CollectionError(409)
    lie = [lambda request, answer: CollectionAnswer(LOW, None, error=conflict)]
    server.lies = lie * 40
    device.sync.pause()
    await device.settings.pin(chat(1))
    again = Device(device.account, server)
    resuming = asyncio.create_task(again.sync.resume())
    while not resuming.done():
        waiting = asyncio.create_task(again.clock.sleeping(0.1, 100.0))
        await asyncio.wait((waiting, resuming), return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            again.clock.advance(waiting.result())
        waiting.cancel()
    await resuming
    assert server.lies != []
    assert await device.account.read(lambda store: store.app_state.has_pending())


async def test_many_changes_go_up_in_several_patches(device: Device, server: Server) -> None:
    await device.ready()
    device.sync.pause()
    for number in range(60):
        await device.settings.write(PinChat(chat(number), True))
    again = Device(device.account, server)
    await again.sync.resume()
    assert len(server.logs[LOW]) == 2
    assert await again.is_even(LOW)


async def test_a_record_under_an_older_key_is_removed_with_the_change(
    device: Device, server: Server
) -> None:
    await device.share(OTHER_ID)
    server.write(LOW, pin(chat(1)))
    await device.ready()
    await device.settings.unpin(chat(1))
    await device.settings.settle()
    patch = pb.SyncdPatch.FromString(server.logs[LOW][-1])
    assert [each.operation for each in patch.mutations] == [Operation.SET, Operation.REMOVE]
    assert patch.keyId.id == OTHER_ID
    assert await device.is_even(LOW)


async def test_without_a_key_nothing_is_written_but_everything_is_kept(
    device: Device, server: Server
) -> None:
    device.sync.pause()
    await device.settings.pin(chat(1))
    resuming = asyncio.create_task(device.sync.resume())
    await device.clock.pass_by(KEYS_TIMEOUT_S)
    await resuming
    assert server.logs[LOW] == []
    await device.share(KEY_ID)
    await device.sync.keys_shared()
    assert len(server.logs[LOW]) == 1
