"""Changes of our own: kept, uploaded, settled with those of another device."""

from __future__ import annotations

import asyncio

import pytest

from support.account import Account
from support.appstate import CHAT, KEY_ID, OTHER_ID, chat, mutation, pin
from support.appstate_server import Device, Server
from support.clock import TIMEOUT_S
from waport.appstate import Collection, Operation
from waport.appstate.actions import MuteChat, PinChat
from waport.client.app_state import KEYS_TIMEOUT_S
from waport.client.background import MAX_TASKS
from waport.errors import ConnectionClosed, MediaError
from waport.model import ChatArchived
from waport.proto import pb
from waport.stanza.appstate import CollectionAnswer, CollectionError, CollectionRequest

LOW, HIGH = Collection.REGULAR_LOW, Collection.REGULAR_HIGH


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def device(account: Account, server: Server) -> Device:
    return Device(account, server)


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


async def test_a_change_goes_up_however_much_else_there_is_to_do(
    device: Device, server: Server
) -> None:
    await device.ready()
    for _ in range(MAX_TASKS):
        device.background.spawn(asyncio.Event().wait(), "busy")  # type: ignore[arg-type]
    await device.settings.archive(CHAT)
    async with asyncio.timeout(TIMEOUT_S):
        await device.settings.settle()
    assert len(server.logs[LOW]) == 1
    await device.background.cancel()


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
    assert await device.pinned() == [str(chat(1)), str(chat(2))]
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


@pytest.mark.parametrize("count", [100, 101, 1001])
async def test_many_changes_go_up_in_one_patch_and_more_than_a_hundred_in_a_file(
    device: Device, server: Server, count: int
) -> None:
    await device.ready()
    device.sync.pause()
    await device.write(PinChat(chat(number), True) for number in range(count))
    again = Device(device.account, server)
    await again.sync.resume()
    patches = [pb.SyncdPatch.FromString(data) for data in server.logs[LOW]]
    assert patches[0].HasField("externalMutations") == (count > 100)
    assert len(patches) == (2 if count > 1000 else 1)
    assert await again.is_even(LOW)


async def test_a_file_that_nobody_takes_is_tried_again(device: Device, server: Server) -> None:
    await device.ready()
    device.sync.pause()
    await device.write(PinChat(chat(number), True) for number in range(101))
    again = Device(device.account, server)
    again.upload_failures = [MediaError("full"), OSError("no disk")]
    resuming = asyncio.create_task(again.sync.resume())
    for pause in (1, 2):
        assert server.logs[LOW] == []
        await again.clock.pass_by(pause)
    await resuming
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
    assert [each.operation for each in patch.mutations] == [Operation.REMOVE, Operation.SET]
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
