"""Every action: what it looks like on the wire, and that it is read back."""

from __future__ import annotations

import dataclasses

import pytest
from google.protobuf.json_format import MessageToDict

from support.appstate import CHAT, NOW_MS, up_to
from support.chat_actions import BUSINESS_SAMPLES, CHAT_SAMPLES
from support.setting_actions import PEOPLE_SAMPLES, SETTING_SAMPLES
from waport.appstate import Collection, Mutation, Operation, index_parts
from waport.appstate.actions import (
    BY_KIND,
    BY_NAME,
    LISTED,
    ROWS,
    Action,
    ArchiveChat,
    CallLogged,
    PinChat,
    SecurityNotifications,
    read_action,
    write_action,
)
from waport.proto import pb

ONLY_READ = (CallLogged, SecurityNotifications)


SAMPLES = [*CHAT_SAMPLES, *BUSINESS_SAMPLES, *PEOPLE_SAMPLES, *SETTING_SAMPLES]


def name_of(sample: object) -> str:
    return type(sample).__name__ if isinstance(sample, Action) else ""


@pytest.mark.parametrize(
    ("action", "collection", "version", "index", "value"), SAMPLES, ids=name_of
)
def test_an_action_is_written_and_read(
    action: Action,
    collection: Collection,
    version: int,
    index: list[str],
    value: dict[str, object],
) -> None:
    pending = write_action(action, timestamp_ms=NOW_MS)
    assert pending.collection is collection
    mutation = pending.mutation
    assert list(index_parts(mutation.index)) == index
    assert (mutation.operation, mutation.version) == (Operation.SET, version)
    assert mutation.timestamp_ms == NOW_MS
    written = pb.SyncActionValue.FromString(mutation.value)
    assert MessageToDict(written) == {"timestamp": str(NOW_MS), **value}
    assert read_action(mutation) == action


@pytest.mark.parametrize("action", [sample[0] for sample in SAMPLES], ids=name_of)
def test_a_removal_goes_back_to_the_defaults(action: Action) -> None:
    pending = write_action(action, timestamp_ms=NOW_MS, operation=Operation.REMOVE)
    value = pb.SyncActionValue.FromString(pending.mutation.value)
    assert value == pb.SyncActionValue(timestamp=NOW_MS)
    assert pending.mutation.operation is Operation.REMOVE
    read = read_action(pending.mutation)
    assert type(read) is type(action)
    for field in dataclasses.fields(action):  # type: ignore[arg-type]
        if field.default is dataclasses.MISSING:
            assert getattr(read, field.name) == getattr(action, field.name)
        else:
            assert getattr(read, field.name) == field.default


def test_a_removal_is_read_by_its_index_alone() -> None:
    """Some writers send the old value along."""
    set_again = write_action(PinChat(CHAT, True), timestamp_ms=1).mutation
    removal = dataclasses.replace(set_again, operation=Operation.REMOVE)
    assert read_action(removal) == PinChat(CHAT, False)


def test_every_row_has_a_sample() -> None:
    assert {type(sample[0]) for sample in SAMPLES} | set(ONLY_READ) == set(BY_KIND)
    assert len(BY_NAME) == len(BY_KIND) == len(ROWS)
    assert not BY_NAME.keys() & LISTED.keys()
    assert {row.collection for row in ROWS} == set(Collection)
    assert set(LISTED.values()) == set(Collection) - {Collection.CRITICAL_UNBLOCK_LOW}


def test_every_row_fits_its_action_and_the_schema() -> None:
    for row in ROWS:
        named = [part.attr for part in row.index if part.attr] + [each.attr for each in row.fields]
        assert sorted(named) == sorted(field.name for field in dataclasses.fields(row.kind))  # type: ignore[arg-type]
        assert not row.member or row.member in pb.SyncActionValue.DESCRIPTOR.fields_by_name
        assert bool(row.member) == bool(row.fields)


def test_actions_that_are_only_read() -> None:
    record = pb.CallLogRecord(callId="CID", isVideo=True)
    value = pb.SyncActionValue(timestamp=5)
    value.callLogAction.callLogRecord.CopyFrom(record)
    call = Mutation(
        Operation.SET, f'["call_log","{CHAT}","CID","1"]'.encode(), value.SerializeToString(), 1, 5
    )
    assert read_action(call) == CallLogged(CHAT, "CID", True, record.SerializeToString())
    value = pb.SyncActionValue(timestamp=5)
    value.securityNotificationSetting.showNotification = True
    shown = Mutation(
        Operation.SET, b'["setting_securityNotification"]', value.SerializeToString(), 77, 5
    )
    assert read_action(shown) == SecurityNotifications(True)


def test_the_newest_messages_may_be_many() -> None:
    messages = up_to(100, *(f"M{number}" for number in range(1000)))
    action = ArchiveChat(CHAT, True, messages)
    assert read_action(write_action(action, timestamp_ms=1).mutation) == action
