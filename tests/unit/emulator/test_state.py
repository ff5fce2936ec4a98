"""The state folder: what is saved, when, and what cannot spoil it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from waport.emulator import Emulator, EmulatorOptions
from waport.emulator.groups import GroupBook
from waport.emulator.groups_saved import dump_groups, load_groups
from waport.emulator.saved import Saved
from waport.emulator.snapshot import dump_accounts
from waport.emulator.state import Autosave, StateFolder
from waport.errors import CorruptRecord
from waport.wire import Node

Linked = Callable[..., Awaitable[Any]]
TIMEOUT_S = 5.0


async def test_a_corrupt_state_folder_is_left_alone(tmp_path: Path) -> None:
    options = EmulatorOptions(plain=True, state=str(tmp_path))
    async with Emulator(options) as emulator:
        await emulator.create_account(name="Alice")
    path = tmp_path / "state.json"
    for broken in (b"{", b"[]", b'{"version": 99}', b'{"version": 1, "accounts": [], "phones": 3}'):
        path.write_bytes(broken)
        with pytest.raises(CorruptRecord):
            await Emulator(options).start()
        assert path.read_bytes() == broken


async def test_keys_in_the_state_folder_are_for_the_owner_only(tmp_path: Path) -> None:
    async with Emulator(EmulatorOptions(state=str(tmp_path))) as emulator:
        await emulator.create_account(name="Alice")
        assert emulator.ca_file == str(tmp_path / "ca.pem")
        authority = (tmp_path / "ca.pem").read_bytes()
    for name in ("ca-key.pem", "server.pem", "noise.json", "state.json"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0, name
    async with Emulator(EmulatorOptions(state=str(tmp_path))) as emulator:
        assert (tmp_path / "ca.pem").read_bytes() == authority


async def test_a_change_is_saved_soon_and_again_if_something_changes_meanwhile() -> None:
    loop = asyncio.get_running_loop()
    written: asyncio.Queue[object] = asyncio.Queue()
    go_on = threading.Event()
    state = 1

    def write(snapshot: object) -> None:
        loop.call_soon_threadsafe(written.put_nowait, snapshot)
        assert go_on.wait(TIMEOUT_S)

    autosave = Autosave(lambda: state, write)
    autosave.changed()
    async with asyncio.timeout(TIMEOUT_S):
        assert await written.get() == 1
        # The first write is still under way, and the loop is free.
        state = 2
        autosave.changed()
        go_on.set()
        assert await written.get() == 2
        state = 3
        await autosave.close()
    assert await written.get() == 3
    assert written.empty()


async def test_a_full_disk_does_not_end_the_saving() -> None:
    loop = asyncio.get_running_loop()
    written: asyncio.Queue[object] = asyncio.Queue()
    states = iter([1, 2, 3])

    def write(snapshot: object) -> None:
        loop.call_soon_threadsafe(written.put_nowait, snapshot)
        if snapshot == 1:
            raise OSError("no space left")

    autosave = Autosave(lambda: next(states), write)
    async with asyncio.timeout(TIMEOUT_S):
        for expected in (1, 2):
            autosave.changed()
            assert await written.get() == expected
        await autosave.close()


async def test_a_snapshot_does_not_change_after_it_was_taken(
    emulator: Emulator, linked: Linked
) -> None:
    alice = await linked(emulator, "Alice")
    before, again = (dump_accounts(emulator.directory) for _ in range(2))
    account = emulator.directory.by_name("Alice")
    assert account is not None
    account.privacy["last"] = "none"
    account.devices[1].dirty["groups"] = 1
    account.devices[1].accept("A1", 1)
    await emulator.phone_of(account).send_text(account.jid, "note to self")
    await alice.expect("message")
    assert before == again != dump_accounts(emulator.directory)


async def test_a_stanza_that_cannot_be_written_does_not_keep_the_rest_from_being_saved(
    tmp_path: Path,
) -> None:
    options = EmulatorOptions(plain=True, state=str(tmp_path))
    async with Emulator(options) as emulator:
        account = await emulator.create_account("15550001111", "Alice")
        mailbox = account.devices[0].mailbox
        for name in ("", "kept"):
            mailbox.post(Node("notification", {"id": "1", name: "x"}))
    async with Emulator(options) as emulator:
        saved = emulator.directory.find("15550001111")
        assert saved is not None
        assert [letter.node.get("kept") for letter in saved.devices[0].mailbox] == ["x"]


@pytest.mark.parametrize(
    "snapshot",
    [
        {},
        {"version": 1, "accounts": [], "phones": {}},
        {"version": 1, "accounts": [{"a": [1, {"b": None}]}, {}], "phones": {"Zoë": {"x": "y"}}},
    ],
)
def test_a_snapshot_is_written_as_json(tmp_path: Path, snapshot: dict[str, object]) -> None:
    StateFolder(str(tmp_path)).write(snapshot)
    assert json.loads((tmp_path / "state.json").read_bytes()) == snapshot


def test_a_group_that_was_saved_before_there_were_communities_is_read() -> None:
    book = GroupBook()
    made = book.create("15550000001", "Old", 1_700_000_000, "lid")
    (saved,) = dump_groups(book)
    for name in ("place", "parent", "is_hidden"):
        del saved[name]
    restored = GroupBook()
    load_groups([Saved(saved, "group")], restored)
    (group,) = restored
    assert (group.user, group.place, group.parent, group.is_hidden) == (made.user, "", "", False)
