"""Labels, what they are on, quick replies, and other records that all devices share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from support.account import PEER_LID, PEER_PN, Account, text
from support.appstate import GROUP, chat
from support.appstate_server import Device, Server
from waport.appstate import Collection
from waport.appstate.actions import (
    EditLabel,
    EditQuickReply,
    LabelChat,
    LockChat,
    MuteStatus,
    TimeFormat,
)
from waport.client.encryption import learn_mapping
from waport.errors import InvalidInput, NotFound
from waport.model import Message, MessageKey, MessageKind, SettingChanged
from waport.store import UnitOfWork
from waport.store.app_state import AppState, KeptRecord
from waport.wire import Jid

REGULAR = Collection.REGULAR


@pytest.fixture
async def device(account: Account) -> Device:
    device = Device(account, Server())
    await device.ready()

    def job(store: UnitOfWork) -> None:
        learn_mapping(store, PEER_PN, PEER_LID)
        key = MessageKey(PEER_PN, "A", False, PEER_PN)
        store.messages.add(Message(key, 5, text("hello"), MessageKind.TEXT))

    await account.write(job)
    return device


async def test_labels_are_made_changed_ordered_and_removed(device: Device) -> None:
    labels = device.labels
    first, second = await labels.add("Work", 3), await labels.add("Home")
    assert (first.label_id, first.name, first.color, first.is_active) == ("1", "Work", 3, True)
    assert second.label_id == "2"
    edited = await labels.edit("1", name="Job")
    assert (edited.name, edited.color) == ("Job", 3)
    assert (await labels.edit("2", color=7)).name == "Home"
    assert [label.name for label in await labels.all()] == ["Job", "Home"]
    await labels.reorder(["2", "1"])
    assert [label.label_id for label in await labels.all()] == ["2", "1"]
    await labels.delete("2")
    assert [label.label_id for label in await labels.all()] == ["1"]
    with pytest.raises(NotFound):
        await labels.get("2")
    # The id of a deleted one is still on chats; it is not given out again.
    assert (await labels.add("New")).label_id == "3"
    await device.settings.settle()
    assert await device.is_even(REGULAR)
    told = [event.action for event in device.account.sink.of(SettingChanged)]
    assert [each.name for each in told if isinstance(each, EditLabel)] == [
        "Work",
        "Home",
        "Job",
        "Home",
        "Home",
        "New",
    ]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
async def test_a_label_has_a_name(device: Device, name: str) -> None:
    with pytest.raises(InvalidInput):
        await device.labels.add(name)
    with pytest.raises(InvalidInput):
        await device.labels.add("good", -1)
    with pytest.raises(InvalidInput):
        await device.labels.reorder(["x"])
    for work in (
        device.labels.edit("9", name="x"),
        device.labels.delete("9"),
        device.labels.chats("9"),
        device.labels.messages("9"),
        device.labels.put_on_chat(PEER_PN, "9"),
        device.labels.put_on_message(PEER_PN, "A", "9"),
        device.labels.delete_quick_reply("9"),
    ):
        with pytest.raises(NotFound):
            await work
    assert not await device.account.read(lambda store: store.app_state.has_pending())


async def test_two_changes_of_one_label_at_a_time_are_both_kept(device: Device) -> None:
    await device.labels.add("Work", 3)
    await asyncio.gather(device.labels.edit("1", name="Job"), device.labels.edit("1", color=7))
    label = await device.labels.get("1")
    assert (label.name, label.color) == ("Job", 7)


async def test_chats_have_labels_by_either_address(device: Device) -> None:
    labels = device.labels
    await labels.add("Work")
    await labels.add("Home")
    await labels.put_on_chat(PEER_PN, "1")
    await labels.put_on_chat(GROUP, "1")
    # The phone may name the chat by the hidden id.
    await device.settings.write(LabelChat("2", PEER_LID, True))
    assert [each.label_id for each in await labels.of_chat(PEER_LID)] == ["1", "2"]
    assert await device.settings.label_ids_of(PEER_PN) == ["1", "2"]
    assert set(await labels.chats("1")) == {PEER_PN, GROUP}
    assert await device.settings.chats_of_label("2") == [PEER_PN]
    await labels.put_on_chat(PEER_PN, "2", False)
    assert await labels.chats("2") == []
    await device.settings.label_chat(PEER_PN, "2")
    assert await labels.chats("2") == [PEER_PN]


async def test_chats_get_these_labels_and_lose_all_others(device: Device) -> None:
    labels = device.labels
    for name in ("Work", "Home", "Club"):
        await labels.add(name)
    await labels.put_on_chat(PEER_PN, "1")
    await labels.put_on_chat(PEER_PN, "2")
    await labels.set_of_chats([PEER_PN, GROUP], ["2", "3"])
    for jid in (PEER_PN, GROUP):
        assert [each.label_id for each in await labels.of_chat(jid)] == ["2", "3"]
    with pytest.raises(NotFound):
        await labels.set_of_chats([PEER_PN], ["9"])
    await labels.set_of_chats([PEER_PN], [])
    assert await labels.of_chat(PEER_PN) == []


async def test_many_chats_are_labelled_with_one_look_at_what_there_is(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    await device.labels.add("Work")
    looks: list[str] = []
    read = AppState.kept

    def kept(self: AppState, name: str, target: str | None = None) -> Sequence[KeptRecord]:
        looks.append(name)
        return read(self, name, target)

    chats = [Jid(str(15550100000 + number), "s.whatsapp.net") for number in range(40)]
    monkeypatch.setattr(AppState, "kept", kept)
    await device.labels.set_of_chats(chats, ["1"])
    assert looks.count("label_jid") == 1
    assert set(await device.labels.chats("1")) == set(chats)


async def test_messages_have_labels(device: Device) -> None:
    labels = device.labels
    await labels.add("Work")
    await labels.put_on_message(PEER_LID, "A", "1")
    assert [each.label_id for each in await labels.of_message(PEER_PN, "A")] == ["1"]
    assert [key.id for key in await labels.messages("1")] == ["A"]
    await labels.put_on_message(PEER_PN, "A", "1", False)
    assert await labels.of_message(PEER_PN, "A") == []
    assert await labels.messages("1") == []
    with pytest.raises(NotFound):
        await labels.put_on_message(PEER_PN, "B", "1")


async def test_quick_replies_are_made_changed_and_removed(device: Device) -> None:
    labels = device.labels
    first = await labels.add_quick_reply("hi", "Hello there", ("greeting",))
    second = await labels.add_quick_reply("bye", "Good bye")
    assert int(second.reply_id) == int(first.reply_id) + 1
    await labels.set_quick_reply(EditQuickReply(first.reply_id, "hi", "Good day"))
    assert {each.message for each in await labels.quick_replies()} == {"Good day", "Good bye"}
    await labels.delete_quick_reply(second.reply_id)
    assert [each.message for each in await labels.quick_replies()] == ["Good day"]
    with pytest.raises(InvalidInput):
        await labels.add_quick_reply("", "x")


async def test_settings_are_kept_and_read_back(device: Device) -> None:
    settings = device.settings
    assert not await settings.is_24_hours()
    await settings.set_24_hours(True)
    assert await settings.is_24_hours()
    assert not await settings.unarchives_chats()
    await settings.set_unarchive_chats(True)
    assert await settings.unarchives_chats()
    assert await settings.has_link_previews()
    await settings.set_link_previews(False)
    assert not await settings.has_link_previews()
    assert not await settings.relays_calls()
    await settings.set_relay_calls(True)
    assert await settings.relays_calls()
    assert await settings.records(TimeFormat) == [TimeFormat(True)]
    await settings.write(TimeFormat(), remove=True)
    assert await settings.records(TimeFormat) == []
    assert await settings.unknown() == []


async def test_locks_favourites_and_hidden_statuses(device: Device) -> None:
    settings = device.settings
    await settings.lock(PEER_LID)
    assert await settings.locked_chats() == [PEER_PN]
    assert await settings.records(LockChat) == [LockChat(PEER_PN, True)]
    await settings.lock(PEER_PN, False)
    assert await settings.locked_chats() == []
    await settings.set_favorites([GROUP, PEER_PN, GROUP])
    assert await settings.favorites() == [GROUP, PEER_PN]
    with pytest.raises(InvalidInput):
        await settings.set_favorites([chat(number) for number in range(1001)])
    await settings.mute_status(PEER_PN)
    assert await settings.records(MuteStatus) == [MuteStatus(PEER_LID, True)]
    assert await settings.muted_statuses() == [PEER_PN]
    await settings.mute_status(PEER_LID, False)
    assert await settings.muted_statuses() == []
    with pytest.raises(InvalidInput):
        await settings.mute_status(GROUP)
