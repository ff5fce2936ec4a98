"""Every action of the table, written by us and read by Baileys, and the other way round.

Baileys is a second companion of our account. It reads through its own decoders with all MAC checks
on, and what it decrypts is compared byte by byte; what it makes an event of, as that event.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from interop.baileys import Baileys
from interop.conftest import QUIET, Admin, Launch
from support.appstate import CHAT, NOW_MS, Sample
from support.chat_actions import BUSINESS_SAMPLES, CHAT_SAMPLES
from support.linked import Linked
from support.setting_actions import LID, PEOPLE_SAMPLES, SETTING_SAMPLES
from waport.appstate import Collection, Mutation, Operation, index_parts, index_text
from waport.appstate.actions import (
    BY_KIND,
    BY_NAME,
    ROWS,
    Action,
    ArchiveChat,
    CallLogged,
    ClearChat,
    DeleteChat,
    DeleteMessageForMe,
    EditLabel,
    EditQuickReply,
    InteractiveMessageState,
    KeyExpiration,
    LabelChat,
    LabelMessage,
    LinkPreviews,
    Locale,
    LockChat,
    MarkChatRead,
    MuteChat,
    NumberOfLid,
    PinChat,
    PushName,
    RelayCalls,
    SaveContact,
    SaveLidContact,
    SecurityNotifications,
    StarMessage,
    StatusPrivacy,
    TimeFormat,
    UnknownAction,
    Unread,
    read_action,
    write_action,
)
from waport.model import SettingChanged
from waport.proto import pb
from waport.store import UnitOfWork
from waport.store.app_state_values import StoredCollection

pytestmark = pytest.mark.interop

LACKING = {"threadPinAction", "nctSaltSyncAction", "securityNotificationSetting"}
"""Members of a value that Baileys' schema does not have; it keeps and writes them as bytes."""

EFFECTS = (
    MuteChat,
    StarMessage,
    DeleteMessageForMe,
    ClearChat,
    DeleteChat,
    ArchiveChat,
    PinChat,
    MarkChatRead,
    SaveContact,
    SaveLidContact,
    NumberOfLid,
    PushName,
)
"""Actions that change chats, messages and people, and are kept nowhere else."""


def actions() -> list[Action]:
    """One action of every row that is written, of several about the same the last."""
    samples: list[Sample] = [*CHAT_SAMPLES, *BUSINESS_SAMPLES, *PEOPLE_SAMPLES, *SETTING_SAMPLES]
    latest: dict[tuple[str, bytes], Action] = {}
    for action, *_ in samples:
        # With this one no key could be written with any more.
        action = replace(action, expired_epoch=0) if isinstance(action, KeyExpiration) else action
        row = BY_KIND[type(action)]
        latest[row.name, write_action(action, timestamp_ms=1).mutation.index] = action
    return list(latest.values())


def without_news(action: Action) -> Action:
    """The action without what Baileys' schema lacks inside the members that it has."""
    match action:
        case InteractiveMessageState():
            return replace(action, agm_id="")
        case LabelChat():
            return replace(action, origin="")
        case EditQuickReply():
            return replace(action, label_ids=())
        case StatusPrivacy():
            return StatusPrivacy(action.audience, action.users)
        case _:
            return action


def read_only() -> list[tuple[Collection, Mutation, Action]]:
    """Actions that are only read, and some that nobody here can read."""
    security, call = pb.SyncActionValue(timestamp=NOW_MS), pb.SyncActionValue(timestamp=NOW_MS)
    agent, strange = pb.SyncActionValue(timestamp=NOW_MS), pb.SyncActionValue(timestamp=NOW_MS)
    security.securityNotificationSetting.showNotification = True
    call.callLogAction.callLogRecord.callId = "C1"
    record = call.callLogAction.callLogRecord.SerializeToString()
    strange.pinAction.pinned = True
    called = CallLogged(CHAT, "C1", True, record)
    made = [
        (
            Collection.CRITICAL_BLOCK,
            ("setting_securityNotification",),
            security,
            1,
            SecurityNotifications(True),
        ),
        (Collection.REGULAR, ("call_log", str(CHAT), "C1", "1"), call, 1, called),
        (Collection.REGULAR, ("deviceAgent", "1"), agent, 7, Unread.LISTED),
        (Collection.REGULAR_LOW, ("brand_new_action", "x"), strange, 1, Unread.UNLISTED),
        (Collection.REGULAR_LOW, ("pin_v1", str(CHAT), "y"), strange, 5, Unread.MALFORMED),
        (Collection.REGULAR_LOW, ("pin_v1", str(LID)), strange, 99, Unread.NEWER),
    ]
    found: list[tuple[Collection, Mutation, Action]] = []
    for collection, parts, value, version, expected in made:
        index, data = index_text(parts), value.SerializeToString()
        mutation = Mutation(Operation.SET, index, data, version, NOW_MS)
        action = (
            UnknownAction(index, data, version, expected, parts[0])
            if isinstance(expected, Unread)
            else expected
        )
        found.append((collection, mutation, action))
    return found


@dataclass
class Account:
    """One account with two companions."""

    ours: Linked
    baileys: Baileys
    admin: Admin

    async def phone(self) -> Any:
        """What the phone reads."""
        return await self.admin.get(f"/accounts/{self.ours.jid.user}/app-state")

    async def read_by_baileys(self, collection: Collection, command: str = "app_state") -> Any:
        """The latest mutation of each index, as Baileys decrypts it."""
        found = await self.baileys.command(command, collection=collection.value)
        return {tuple(each["index"]): each for each in found}

    async def write_by_baileys(
        self, collection: Collection, mutation: Mutation, *, removed: bool = False
    ) -> None:
        value = pb.SyncActionValue.FromString(mutation.value)
        unknown = [
            {"field": field.number, "bytes": _base64(member.SerializeToString())}
            for field, member in value.ListFields()
            if field.name in LACKING or field.name == "settingsSyncAction"
        ]
        await self.baileys.command(
            "write_app_state",
            collection=collection.value,
            index=list(index_parts(mutation.index)),
            version=mutation.version,
            value=_base64(mutation.value),
            removed=removed,
            unknown=unknown,
        )

    async def even(self) -> None:
        """Wait until we have every collection as the phone has it."""
        versions = {
            name: each["version"] for name, each in (await self.phone())["collections"].items()
        }
        sync = self.ours.client.app_state
        async with asyncio.timeout(30):
            while True:
                exchanged = sync.next_exchange
                stored = {
                    each: await self.ours.read(
                        lambda store, each=each: store.app_state.collection(each)
                    )
                    for each in Collection
                }
                if all(stored[each].state.version == versions[each.value] for each in Collection):
                    break
                await exchanged.wait()
        for each in stored.values():
            assert not each.is_broken
            assert not each.is_diverged
            assert each.failures == 0


def _stored(collection: Collection, store: UnitOfWork) -> StoredCollection:
    return store.app_state.collection(collection)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture
async def account(ours: Linked, admin: Admin, baileys: Launch, unique_name: str) -> Account:
    second = await baileys(f"{unique_name} two", account=str(ours.jid), **QUIET)
    # What the phone has written into the last collection: Baileys has fetched all of them then.
    await saw(second, "settings.update", 0, lambda each: each["setting"] == "disableLinkPreviews")
    return Account(ours, second, admin)


# --- written by us -------------------------------------------------------------------------------

Fits = Callable[[Any], bool]


def _chat(field: str, value: object) -> Fits:
    return lambda each: (
        each.get("id") in (str(CHAT), "120363000000000001@g.us") and (each.get(field) == value)
    )


def _named(jid: str) -> Fits:
    return lambda each: (each["id"], each["name"]) == (jid, "Amara Silva")


EVENTS: Mapping[type[Action], tuple[str, Fits]] = {
    MuteChat: ("chats.update", _chat("muteEndTime", 5)),
    StarMessage: ("messages.update", lambda each: each["key"]["id"] == "3EB0AA"),
    DeleteMessageForMe: (
        "messages.delete",
        lambda each: [key["id"] for key in each["keys"]] == ["3EB0BB"],
    ),
    DeleteChat: ("chats.delete", lambda each: each == str(CHAT)),
    ArchiveChat: ("chats.update", _chat("archived", True)),
    PinChat: ("chats.update", lambda each: bool(each.get("pinned"))),
    MarkChatRead: ("chats.update", _chat("unreadCount", -1)),
    LockChat: ("chats.lock", lambda each: (each["id"], each["locked"]) == (str(CHAT), True)),
    SaveContact: (
        "contacts.upsert",
        lambda each: (each["id"], each["name"]) == (str(CHAT), "Amara Silva"),
    ),
    SaveLidContact: (
        "contacts.upsert",
        lambda each: (each["id"], each["name"]) == (str(LID), "Amara Silva"),
    ),
    StatusPrivacy: ("settings.update", lambda each: each["setting"] == "statusPrivacy"),
    NumberOfLid: (
        "lid-mapping.update",
        lambda each: (each["lid"], each["pn"]) == (str(LID), str(CHAT)),
    ),
    EditLabel: (
        "labels.edit",
        lambda each: (each["id"], each["name"], each["color"]) == ("5", "New", 3),
    ),
    LabelChat: (
        "labels.association",
        lambda each: (each["type"], each["association"]["type"]) == ("add", "label_jid"),
    ),
    LabelMessage: (
        "labels.association",
        lambda each: (each["type"], each["association"].get("messageId")) == ("remove", "3EB0AA"),
    ),
    Locale: (
        "settings.update",
        lambda each: (each["setting"], each["value"]) == ("locale", "pt_BR"),
    ),
    TimeFormat: ("settings.update", lambda each: each["setting"] == "timeFormat"),
    RelayCalls: ("settings.update", lambda each: each["setting"] == "privacySettingRelayAllCalls"),
    LinkPreviews: ("settings.update", lambda each: each["setting"] == "disableLinkPreviews"),
}
"""What Baileys makes of them."""


async def saw(theirs: Baileys, kind: str, since: int, fits: Fits) -> None:
    def is_it(event: Any) -> bool:
        if event["event"] != kind:
            return False
        data = event["data"]
        return any(fits(each) for each in (data if isinstance(data, list) else [data]))

    await theirs.wait_event(is_it, what=f"{kind} that fits", since=since)


async def test_baileys_reads_every_action_that_we_write(account: Account) -> None:
    settings, theirs = account.ours.client.settings, account.baileys
    written = actions()
    assert {type(action) for action in written} == {row.kind for row in ROWS if row.is_written}
    since = theirs.mark
    for action in written:
        await settings.write(action)
    await settings.settle()
    found = {each: await account.read_by_baileys(each) for each in Collection}
    for action in written:
        row = BY_KIND[type(action)]
        expected = write_action(action, timestamp_ms=1).mutation
        parts = index_parts(expected.index)
        record = found[row.collection][parts]
        assert not record["removed"], row.name
        data = pb.SyncActionData.FromString(base64.b64decode(record["data"]))
        assert (data.index, data.version) == (expected.index, row.version), row.name
        assert data.value.timestamp > NOW_MS, row.name
        data.value.timestamp = 1
        assert data.value.SerializeToString() == expected.value, row.name
    for kind, fits in EVENTS.values():
        await saw(theirs, kind, since, fits)
    await theirs.wait_event(
        lambda event: event["event"] == "creds.update" and event["me"]["name"] == "Bruno",
        what="the new name",
        since=since,
    )

    # The phone, which shares no code with us or Baileys, has the same.
    shown = (await account.phone())["collections"]
    for action in written:
        row = BY_KIND[type(action)]
        parts = index_parts(write_action(action, timestamp_ms=1).mutation.index)
        assert list(parts) in [each["index"] for each in shown[row.collection.value]["records"]]

    # In a snapshot, which Baileys checks as a whole, is what is left.
    for collection in Collection:
        body = {"collection": collection.value}
        await account.admin.post(f"/accounts/{account.ours.jid.user}/app-state/forget", body)
        snapshot = await account.read_by_baileys(collection, "app_state_snapshot")
        expected_parts = {tuple(each["index"]) for each in shown[collection.value]["records"]}
        assert set(snapshot) == expected_parts

    for action in written:
        await settings.write(action, remove=True)
    await settings.settle()
    shown = (await account.phone())["collections"]
    for action in written:
        row = BY_KIND[type(action)]
        parts = index_parts(write_action(action, timestamp_ms=1).mutation.index)
        assert list(parts) not in [each["index"] for each in shown[row.collection.value]["records"]]


# --- written by Baileys --------------------------------------------------------------------------


async def test_we_read_every_action_that_baileys_writes(account: Account) -> None:
    ours = account.ours
    since = ours.events.mark
    expected: list[Action] = []
    for action in map(without_news, actions()):
        pending = write_action(action, timestamp_ms=NOW_MS)
        await account.write_by_baileys(pending.collection, pending.mutation)
        if not isinstance(action, EFFECTS):
            expected.append(action)
    for collection, mutation, action in read_only():
        await account.write_by_baileys(collection, mutation)
        expected.append(action)
    await account.even()
    told = [event.action for event in ours.events.of(SettingChanged, since)]
    for action in expected:
        if isinstance(action, UnknownAction):
            (found,) = [
                each
                for each in told
                if isinstance(each, UnknownAction) and each.index == action.index
            ]
            assert (found.reason, found.version, found.name) == (
                action.reason,
                action.version,
                action.name,
            )
        else:
            assert action in told, action
    kept = await ours.client.settings.unknown()
    assert {each.index for each in kept} == {
        mutation.index for _, mutation, action in read_only() if isinstance(action, UnknownAction)
    }
    for action in expected:
        if not isinstance(action, UnknownAction):
            assert action in await ours.client.settings.records(type(action))
    # What changes chats, messages and people: the rest of it is in test_app_state.py.
    contact = await ours.read(lambda store: store.contacts.get(CHAT))
    assert (contact.name, contact.first_name) == ("Amara Silva", "Amara")
    assert await ours.read(lambda store: store.addresses.lid_of(CHAT)) == LID
    waiting = await ours.read(lambda store: store.app_state.kept("star"))
    assert {read_action(each.mutation) for each in waiting} == {
        action for action in actions() if isinstance(action, StarMessage) and action.starred
    }
    assert (await ours.read(lambda store: store.devices.get())).push_name == "Bruno"

    since = ours.events.mark
    for action in expected:
        if isinstance(action, UnknownAction) or BY_KIND[type(action)].name not in BY_NAME:
            continue
        row = BY_KIND[type(action)]
        if not row.is_written:
            continue
        gone = write_action(action, timestamp_ms=NOW_MS + 1, operation=Operation.REMOVE)
        await account.write_by_baileys(gone.collection, gone.mutation, removed=True)
    await account.even()
    removed = [event for event in ours.events.of(SettingChanged, since) if event.removed]
    assert {type(event.action) for event in removed} == {
        type(action)
        for action in expected
        if not isinstance(action, UnknownAction) and BY_KIND[type(action)].is_written
    }
    for action in expected:
        if not isinstance(action, UnknownAction) and BY_KIND[type(action)].is_written:
            assert action not in await ours.client.settings.records(type(action))


# --- keys and files ------------------------------------------------------------------------------


async def test_both_go_on_with_a_new_key_and_clear_away_what_the_old_one_sealed(
    account: Account,
) -> None:
    ours, theirs, admin = account.ours, account.baileys, account.admin
    label = EditLabel("7", "Work", 3)
    await ours.client.settings.write(label)
    await ours.client.settings.settle()
    path = f"/accounts/{ours.jid.user}/app-state"
    made = await admin.post(f"{path}/key", {"shared": True, "expires": True})
    await account.even()
    since = theirs.mark
    await ours.client.settings.write(replace(label, name="Home"))
    await ours.client.settings.settle()
    await saw(theirs, "labels.edit", since, lambda each: each["name"] == "Home")
    shown = await account.phone()
    assert shown["keys"][-1] == made["id"]
    records = shown["collections"]["regular"]["records"]
    assert [
        r["value"]["labelEditAction"]["name"] for r in records if r["index"][0] == "label_edit"
    ] == ["Home"]
    pending = write_action(replace(label, name="Club"), timestamp_ms=2**41)
    await account.write_by_baileys(pending.collection, pending.mutation)
    await ours.events.until(
        SettingChanged, lambda event: getattr(event.action, "name", "") == "Club"
    )


async def test_changes_in_a_file_are_read_by_baileys_and_the_phones_by_us(
    account: Account,
) -> None:
    ours = account.ours
    many = [EditLabel(str(number), f"Label {number}") for number in range(1, 151)]
    pending = [write_action(each, timestamp_ms=NOW_MS) for each in many]
    await ours.client.app_state.write(lambda _, at_ms: pending)
    await ours.client.settings.settle()
    found = await account.read_by_baileys(Collection.REGULAR)
    assert len([parts for parts in found if parts[0] == "label_edit"]) == 150
    mutations = [
        {
            "index": ["quick_reply", str(number)],
            "version": 2,
            "value": {
                "timestamp": str(NOW_MS),
                "quickReplyAction": {"shortcut": "s", "message": f"m{number}"},
            },
        }
        for number in range(150)
    ]
    path = f"/accounts/{ours.jid.user}/app-state"
    await account.admin.post(path, {"collection": "regular", "mutations": mutations})
    await account.even()
    assert len(await ours.client.labels.quick_replies()) == 150
    assert len(await ours.client.labels.all()) == 150
