"""What other devices might write, and what callers might get wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from support.appstate import AUTHOR, CHAT, GROUP, message, up_to
from waport.appstate import Mutation, Operation, index_text
from waport.appstate.actions import (
    Action,
    ArchiveChat,
    CallLogged,
    ClearChat,
    DesktopSetting,
    EditLabel,
    Favorites,
    HintSeen,
    LabelMessage,
    MarkChatRead,
    MessageRange,
    MessageRef,
    PinChat,
    PrivacySalt,
    PushName,
    RangeMessage,
    SaveContact,
    SecurityNotifications,
    StarMessage,
    StatusPrivacy,
    UnknownAction,
    Unread,
    read_action,
    write_action,
)
from waport.errors import InvalidInput
from waport.proto import pb
from waport.wire import Jid

Value = pb.SyncActionValue
Change = Callable[[pb.SyncActionValue], object]


def received(
    index: list[str] | bytes, change: Change = lambda _: None, version: int = 1
) -> Mutation:
    value = Value(timestamp=5)
    change(value)
    text = index if isinstance(index, bytes) else index_text(index)
    return Mutation(Operation.SET, text, value.SerializeToString(), version, 5)


def pinned(value: Value) -> None:
    value.pinAction.pinned = True


def unread(mutation: Mutation) -> Unread:
    action = read_action(mutation)
    assert isinstance(action, UnknownAction)
    assert (action.index, action.value) == (mutation.index, mutation.value)
    assert action.version == mutation.version
    return action.reason


def test_an_action_of_another_name_is_kept_as_it_came() -> None:
    assert unread(received(["brand_new", "x"], pinned)) is Unread.UNLISTED
    assert unread(received(["deviceAgent", "3"])) is Unread.LISTED
    assert unread(received(["Pin_V1", str(CHAT)], pinned)) is Unread.UNLISTED


def test_an_action_of_a_later_version_is_kept_as_it_came() -> None:
    assert unread(received(["pin_v1", str(CHAT)], pinned, version=6)) is Unread.NEWER
    for version in (-1, 0, 1, 5):
        assert read_action(received(["pin_v1", str(CHAT)], pinned, version)) == PinChat(CHAT, True)


@pytest.mark.parametrize("index", [b"", b"[]", b'{"a":1}', b"\xff", b'["pin_v1",5]'])
def test_an_index_that_is_no_list_is_kept_as_it_came(index: bytes) -> None:
    mutation = received(index, pinned)
    assert unread(mutation) is Unread.MALFORMED
    assert read_action(mutation) == UnknownAction(index, mutation.value, 1, Unread.MALFORMED)


@pytest.mark.parametrize(
    "index",
    [
        ["pin_v1"],
        ["pin_v1", str(CHAT), "0"],
        ["pin_v1", ""],
        ["pin_v1", "no address"],
        ["pin_v1", "s.whatsapp.net"],
        ["pin_v1", "@s.whatsapp.net"],
        ["star", str(CHAT), "", "1", "0"],
        ["star", str(CHAT), "3EB0", "true", "0"],
        ["star", str(CHAT), "3EB0", "1", ""],
        ["star", str(CHAT), "3EB0", "1"],
        ["clearChat", str(CHAT), "2", "0"],
        ["nux", ""],
        ["settings_sync", "-1", "1", "x"],
        ["settings_sync", "1", "1e3", "x"],
        ["settings_sync", "1", "٣", "x"],
        ["settings_sync", "1", "9" * 10, "x"],
    ],
)
def test_an_index_of_another_form_is_kept_as_it_came(index: list[str]) -> None:
    def everything(value: Value) -> None:
        value.pinAction.pinned = value.starAction.starred = value.nuxAction.acknowledged = True
        value.settingsSyncAction.startAtLogin = True
        value.clearChatAction.messageRange.lastMessageTimestamp = 5

    assert unread(received(index, everything)) is Unread.MALFORMED


def bad_range(change: Callable[[Value.SyncActionMessageRange], object]) -> Change:
    def apply(value: Value) -> None:
        value.archiveChatAction.archived = True
        change(value.archiveChatAction.messageRange)

    return apply


def many(covered: Value.SyncActionMessageRange) -> None:
    for number in range(1001):
        key = covered.messages.add().key
        key.id, key.remoteJid = str(number), str(CHAT)


@pytest.mark.parametrize(
    ("index", "change"),
    [
        (["pin_v1", str(CHAT)], lambda value: value.starAction.SetInParent()),
        (["status_privacy"], lambda value: value.statusPrivacy.SetInParent()),
        (["status_privacy"], lambda value: value.statusPrivacy.MergeFromString(b"\x08\x09")),
        (
            ["status_privacy"],
            lambda value: value.statusPrivacy.MergeFromString(b"\x08\x01\x30\x09"),
        ),
        (
            ["status_privacy"],
            lambda value: value.statusPrivacy.MergeFromString(b"\x08\x01\x12\x03bad"),
        ),
        (["favorites"], lambda value: value.favoritesAction.favorites.add(id="bad")),
        (["label_edit", "5"], lambda value: value.labelEditAction.MergeFromString(b"\x38\x63")),
        (["archive", str(CHAT)], bad_range(many)),
        (["archive", str(CHAT)], bad_range(lambda covered: covered.messages.add())),
        (
            ["archive", str(CHAT)],
            bad_range(lambda covered: setattr(covered.messages.add().key, "id", "A")),
        ),
        (
            ["label_reordering"],
            lambda value: value.labelReorderingAction.sortedLabelIds.extend(range(20_000)),
        ),
    ],
)
def test_a_value_of_another_form_is_kept_as_it_came(index: list[str], change: Change) -> None:
    assert unread(received(index, change)) is Unread.MALFORMED


def test_a_value_that_is_no_protobuf_is_kept_as_it_came() -> None:
    mutation = dataclasses.replace(received(["pin_v1", str(CHAT)]), value=b"\xff\xff")
    assert unread(mutation) is Unread.MALFORMED


def test_many_unknown_fields_are_not_searched_for_ever() -> None:
    def change(value: Value) -> None:
        value.statusPrivacy.MergeFromString(b"\x08\x01" + b"\xf8\x07\x01" * 5000)

    assert unread(received(["status_privacy"], change)) is Unread.MALFORMED


def test_text_that_is_no_utf8_is_shown_all_the_same() -> None:
    mutation = dataclasses.replace(
        received(["setting_pushName"]), value=b"\x08\x05\x3a\x03\x0a\x01\xff"
    )
    assert read_action(mutation) == PushName("�")


def test_an_address_that_is_not_needed_may_be_unreadable() -> None:
    def change(value: Value) -> None:
        value.contactAction.fullName, value.contactAction.lidJid = "Amara", "bad"

    assert read_action(received(["contact", str(CHAT)], change)) == SaveContact(CHAT, "Amara")


def test_a_range_may_be_missing_and_a_message_without_a_time_or_author() -> None:
    def bare(value: Value) -> None:
        value.archiveChatAction.archived = True

    assert read_action(received(["archive", str(CHAT)], bare)) == ArchiveChat(CHAT, True)

    def change(value: Value) -> None:
        value.archiveChatAction.archived = True
        key = value.archiveChatAction.messageRange.messages.add().key
        key.id, key.remoteJid, key.fromMe = "A", str(GROUP), False

    assert read_action(received(["archive", str(GROUP)], change)) == ArchiveChat(
        GROUP, True, MessageRange(0, 0, (RangeMessage(MessageRef(GROUP, "A", False)),))
    )


# --- writing -------------------------------------------------------------------------------------

ANONYMOUS = MessageRef(GROUP, "A", False)


@pytest.mark.parametrize(
    "action",
    [
        ArchiveChat(CHAT, True),
        MarkChatRead(CHAT, False),
        ClearChat(CHAT, True, True),
        ArchiveChat(GROUP, True, MessageRange(5, 0, (RangeMessage(ANONYMOUS, 5),))),
        ArchiveChat(CHAT, True, MessageRange(5, 0, (message(""),))),
        ArchiveChat(CHAT, True, up_to(1, *(str(number) for number in range(1001)))),
        StarMessage(ANONYMOUS, True),
        StarMessage(MessageRef(CHAT, "", True), True),
        PinChat(Jid("", "s.whatsapp.net"), True),
        PinChat("15551234567@s.whatsapp.net", True),  # type: ignore[arg-type]
        PinChat(CHAT, "yes"),  # type: ignore[arg-type]
        HintSeen("", True),
        HintSeen("a" * 5000, True),
        HintSeen("\ud800", True),
        PushName("\ud800"),
        EditLabel("5", "x", 2**40),
        EditLabel("5", "x", mute_end_ms=2**90),
        LabelMessage("5", CHAT, ""),
        DesktopSetting(-1, 3, "x"),
        DesktopSetting(1, 3, "x", b"\xff"),
        Favorites(None),  # type: ignore[arg-type]
        PrivacySalt("text"),  # type: ignore[arg-type]
        StatusPrivacy(9),  # type: ignore[arg-type]
        CallLogged(CHAT, "CID", True),
        SecurityNotifications(True),
        UnknownAction(b"[]", b"", 1, Unread.UNLISTED),
    ],
)
def test_an_action_that_does_not_fit_is_not_written(action: Action) -> None:
    with pytest.raises(InvalidInput):
        write_action(action, timestamp_ms=1)


@pytest.mark.parametrize("at", [2**63, 2**90, 1.5, None])
def test_a_time_that_does_not_fit_is_not_written(at: object) -> None:
    with pytest.raises(InvalidInput):
        write_action(PinChat(CHAT, True), timestamp_ms=at)  # type: ignore[arg-type]


def test_a_removal_needs_no_range() -> None:
    write_action(ArchiveChat(CHAT), timestamp_ms=1, operation=Operation.REMOVE)


def test_devices_and_old_spellings_do_not_enter_an_index() -> None:
    for jid in (CHAT.with_device(3), Jid(CHAT.user, "c.us")):
        assert write_action(PinChat(jid), timestamp_ms=1) == write_action(
            PinChat(CHAT), timestamp_ms=1
        )
    ref = MessageRef(GROUP, "A", False, AUTHOR.with_device(2))
    index = write_action(StarMessage(ref), timestamp_ms=1).mutation.index
    assert str(AUTHOR).encode() in index


def test_nobody_is_named_where_the_chat_says_it() -> None:
    ref = MessageRef(CHAT, "A", False, CHAT)
    assert write_action(StarMessage(ref), timestamp_ms=1).mutation.index.endswith(b'"0","0"]')
    ours = MessageRef(GROUP, "A", True, AUTHOR)
    assert write_action(StarMessage(ours), timestamp_ms=1).mutation.index.endswith(b'"1","0"]')


def test_a_notice_before_the_newest_message_is_not_written() -> None:
    written = write_action(ArchiveChat(CHAT, True, MessageRange(100, 99)), timestamp_ms=1)
    assert read_action(written.mutation) == ArchiveChat(CHAT, True, MessageRange(100))
