"""What records of the app state do to chats, messages and people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.account import NOW, OWN_PN, PEER_LID, PEER_PN, Account, text
from support.appstate import mutation
from waport.appstate import Mutation, Operation
from waport.appstate.actions import (
    FOREVER,
    Action,
    ArchiveChat,
    ClearChat,
    DeleteChat,
    DeleteMessageForMe,
    EditLabel,
    MarkChatRead,
    MessageRange,
    MessageRef,
    MuteChat,
    NumberOfLid,
    PinChat,
    SaveContact,
    SaveLidContact,
    StarMessage,
    UnarchiveChats,
    write_action,
)
from waport.client.app_state_effects import CLEAR_STEP, Effects, apply_waiting
from waport.model import (
    Ack,
    Chat,
    ChatArchived,
    ChatFlagged,
    ChatRemoved,
    DomainEvent,
    Message,
    MessageDeleted,
    MessageKey,
    MessageKind,
    MessageStarred,
    UnreadChanged,
)
from waport.store import UnitOfWork
from waport.wire import Jid

GROUP = Jid("120363000000000001", "g.us")
STRANGER, STRANGER_PN = Jid("100000000000009", "lid"), Jid("15550009999", "s.whatsapp.net")
UNTIL_NOW = MessageRange(NOW)


def message(
    message_id: str = "A", *, chat: Jid = PEER_PN, at: int = NOW, from_me: bool = False
) -> Message:
    sender = OWN_PN.bare if from_me else PEER_PN
    return Message(
        MessageKey(chat, message_id, from_me, sender), at, text("words"), MessageKind.TEXT
    )


def received(store: UnitOfWork, *messages: Message) -> None:
    for each in messages:
        store.messages.add(each)
        store.chats.touch(each.key.chat, each.timestamp, 0 if each.key.from_me else 1)


Run = Callable[..., Any]


@pytest.fixture
def run(account: Account) -> Run:
    """Applies actions in one transaction; the events."""

    async def run(*actions: Action | Mutation) -> list[DomainEvent]:
        def job(store: UnitOfWork) -> list[DomainEvent]:
            events: list[DomainEvent] = []
            effects = Effects(store, events.append)
            for each in actions:
                effects.apply(each if isinstance(each, Mutation) else mutation(each))
            return events

        found: list[DomainEvent] = await account.write(job)
        return found

    return run


def removal(action: Action) -> Mutation:
    return write_action(action, timestamp_ms=1, operation=Operation.REMOVE).mutation


async def chat_of(account: Account, jid: Jid = PEER_PN) -> Chat:
    chat = await account.read(lambda store: store.chats.get(jid))
    assert isinstance(chat, Chat)
    return chat


# --- flags ---------------------------------------------------------------------------------------


async def test_flags_reach_the_chat_by_number_and_by_hidden_id(account: Account, run: Run) -> None:
    await account.write(lambda store: received(store, message()))
    events = await run(
        ArchiveChat(PEER_LID, True, UNTIL_NOW),
        PinChat(PEER_PN, True),
        MuteChat(PEER_LID, True, 7999),
    )
    chat = await chat_of(account)
    assert (chat.archived, chat.pinned, chat.muted_until) == (True, True, 7)
    assert [type(event) for event in events] == [ChatArchived, ChatFlagged, ChatFlagged]
    assert events[0] == ChatArchived(events[0].chat, True, False)
    assert (events[1].previous.pinned, events[1].chat.pinned) == (False, True)
    assert (events[2].previous.muted_until, events[2].chat.muted_until) == (0, 7)
    assert events[0].chat.jid == PEER_PN
    assert await run(ArchiveChat(PEER_PN, True, UNTIL_NOW)) == []
    await run(removal(PinChat(PEER_PN)), removal(MuteChat(PEER_PN)))
    chat = await chat_of(account)
    assert (chat.pinned, chat.muted_until) == (False, 0)


@pytest.mark.parametrize(
    ("action", "until"),
    [
        (MuteChat(PEER_PN, True, FOREVER), -1),
        (MuteChat(PEER_PN, True, 0), -1),
        (MuteChat(PEER_PN, False, 5000), 0),
    ],
)
async def test_a_mute_may_have_no_end(
    account: Account, run: Run, action: MuteChat, until: int
) -> None:
    await account.write(lambda store: received(store, message()))
    await run(action)
    assert (await chat_of(account)).muted_until == until


@pytest.mark.parametrize("wanted", [True, False])
async def test_a_newer_message_has_brought_the_chat_back_if_that_is_wanted(
    account: Account, run: Run, wanted: bool
) -> None:
    await account.write(lambda store: received(store, message(at=NOW + 1)))
    await run(UnarchiveChats(wanted), ArchiveChat(PEER_PN, True, UNTIL_NOW))
    assert (await chat_of(account)).archived is not wanted


# --- unread --------------------------------------------------------------------------------------


async def test_a_chat_is_read_and_marked_as_unread_elsewhere(account: Account, run: Run) -> None:
    await account.write(lambda store: received(store, message("A"), message("B")))
    events = await run(MarkChatRead(PEER_PN, True, UNTIL_NOW))
    assert [(type(each), each.count) for each in events] == [(UnreadChanged, 0)]
    assert await account.read(lambda store: store.messages.unread(PEER_PN, 10)) == []
    (event,) = await run(*[MarkChatRead(PEER_PN, False, UNTIL_NOW)] * 2)
    assert (event.count, event.chat.marked_unread) == (-1, True)


async def test_messages_after_the_range_stay_unread(account: Account, run: Run) -> None:
    newer = [
        message("C", at=NOW + 1),
        message("D", at=NOW + 2),
        message("E", at=NOW + 3, from_me=True),
    ]
    await account.write(lambda store: received(store, message("A"), message("B"), *newer))
    (event,) = await run(MarkChatRead(PEER_PN, True, UNTIL_NOW))
    assert event.count == 2
    unread = await account.read(lambda store: store.messages.unread(PEER_PN, 10))
    assert [key.id for key in unread] == ["D", "C"]


# --- messages ------------------------------------------------------------------------------------


async def test_stars_come_and_go(account: Account, run: Run) -> None:
    await account.write(lambda store: received(store, message()))
    ref = MessageRef(PEER_LID, "A", False)
    await run(StarMessage(ref, True))
    assert (await account.read(lambda store: store.messages.get(PEER_PN, "A"))).starred
    await run(removal(StarMessage(ref)))
    assert not (await account.read(lambda store: store.messages.get(PEER_PN, "A"))).starred


async def test_a_message_is_deleted_for_this_account(account: Account, run: Run) -> None:
    await account.write(lambda store: received(store, message("A"), message("B")))
    await account.write(lambda store: store.chats.mark_unread(PEER_PN))
    delete = DeleteMessageForMe(MessageRef(PEER_PN, "A", False), True, NOW)
    deleted, unread = await run(delete)
    assert isinstance(deleted, MessageDeleted)
    assert deleted.message.key.id == "A"
    assert unread.count == 1
    assert (await chat_of(account)).marked_unread
    assert await run(delete) == []
    assert await account.read(lambda store: store.messages.get(PEER_PN, "A")) is None


@pytest.mark.parametrize("from_me", [True, False])
async def test_what_is_said_of_a_message_waits_until_it_comes(
    account: Account, run: Run, from_me: bool
) -> None:
    other = MessageRef(PEER_LID, "A", not from_me)
    await run(StarMessage(MessageRef(PEER_LID, "A", from_me), True), StarMessage(other, True))
    await run(removal(StarMessage(other)))
    await run(DeleteMessageForMe(MessageRef(GROUP, "A", True), True, NOW))

    def arrive(store: UnitOfWork) -> list[DomainEvent]:
        events: list[DomainEvent] = []
        stored = store.messages.add(message(from_me=from_me))
        assert stored is not None
        apply_waiting(store, stored, events.append)
        return events

    (starred,) = await account.write(arrive)
    assert isinstance(starred, MessageStarred)
    assert (starred.message.key.from_me, starred.message.starred) == (from_me, True)
    assert (await account.read(lambda store: store.messages.get(PEER_PN, "A"))).starred
    assert await account.read(lambda store: store.app_state.kept("star")) == []
    assert len(await account.read(lambda store: store.app_state.kept("deleteMessageForMe"))) == 1


async def test_a_message_that_was_deleted_before_it_came_goes_again(
    account: Account, run: Run
) -> None:
    await run(DeleteMessageForMe(MessageRef(PEER_PN, "A", False), True, NOW))

    def arrive(store: UnitOfWork) -> list[DomainEvent]:
        events: list[DomainEvent] = []
        stored = store.messages.add(message())
        assert stored is not None
        apply_waiting(store, stored, events.append)
        return events

    (event,) = await account.write(arrive)
    assert isinstance(event, MessageDeleted)


# --- clearing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("delete_starred", "left"), [(True, ["C"]), (False, ["C", "B"])])
async def test_clearing_takes_what_is_covered(
    account: Account, run: Run, delete_starred: bool, left: list[str]
) -> None:
    def fill(store: UnitOfWork) -> None:
        received(store, message("A"), message("B"), message("C", at=NOW + 1))
        store.messages.star(PEER_PN, "B", True)

    await account.write(fill)
    (event,) = await run(ClearChat(PEER_PN, delete_starred, True, UNTIL_NOW))
    assert event.count == 1
    page = await account.read(lambda store: store.messages.page(PEER_PN, 10))
    assert [each.key.id for each in page] == left


async def test_a_deleted_chat_is_gone_unless_something_came_after(
    account: Account, run: Run
) -> None:
    await account.write(lambda store: received(store, message("A"), message("B", at=NOW + 1)))
    assert all(
        not isinstance(each, ChatRemoved)
        for each in await run(DeleteChat(PEER_PN, True, UNTIL_NOW))
    )
    page = await account.read(lambda store: store.messages.page(PEER_PN, 10))
    assert [each.key.id for each in page] == ["B"]
    (event,) = await run(DeleteChat(PEER_PN, True, MessageRange(NOW + 1)))
    assert isinstance(event, ChatRemoved)
    assert event.chat.jid == PEER_PN
    assert await account.read(lambda store: store.chats.all()) == []
    assert await run(DeleteChat(PEER_PN, True, MessageRange(NOW + 1))) == []


async def test_a_large_chat_is_cleared_in_steps_which_outlive_a_restart(
    account: Account, run: Run
) -> None:
    count = 2 * CLEAR_STEP + 10

    def fill(store: UnitOfWork) -> None:
        received(store, *(message(f"M{number}") for number in range(count)))

    def step(store: UnitOfWork) -> bool:
        return Effects(store, lambda _: None).clear_rest()

    await account.write(fill)
    await run(ClearChat(PEER_PN, True, True, UNTIL_NOW))
    page = await account.read(lambda store: store.messages.page(PEER_PN, count))
    assert len(page) == count - CLEAR_STEP
    assert [await account.write(step) for _ in range(3)] == [False, True, True]
    assert await account.read(lambda store: store.messages.page(PEER_PN, count)) == []


# --- people and the rest -------------------------------------------------------------------------


async def test_names_of_the_address_book_come_and_go(account: Account, run: Run) -> None:
    await run(SaveContact(PEER_LID, "Amara Silva", "Amara"))
    contact = await account.read(lambda store: store.contacts.get(PEER_PN))
    assert (contact.name, contact.first_name) == ("Amara Silva", "Amara")
    await run(removal(SaveContact(PEER_PN)))
    assert (await account.read(lambda store: store.contacts.get(PEER_PN))).name == ""


@pytest.mark.parametrize(
    "action",
    [
        SaveContact(STRANGER_PN, "Bruno", lid=STRANGER),
        SaveContact(STRANGER, "Bruno", pn=STRANGER_PN),
        NumberOfLid(STRANGER, STRANGER_PN),
    ],
)
async def test_numbers_of_hidden_ids_are_learnt(account: Account, run: Run, action: Action) -> None:
    await run(action)
    assert await account.read(lambda store: store.addresses.pn_of(STRANGER)) == STRANGER_PN


async def test_somebody_without_a_number_has_a_name_too(account: Account, run: Run) -> None:
    await run(SaveLidContact(STRANGER, "Bruno"))
    assert (await account.read(lambda store: store.contacts.get(STRANGER))).name == "Bruno"


async def test_all_other_records_are_kept_as_they_came(account: Account, run: Run) -> None:
    label = mutation(EditLabel("7", "Work"))
    unknown = Mutation(Operation.SET, b'["brand_new","x"]', b"\x08\x01", 99, 5)
    nonsense = Mutation(Operation.SET, b"\xff{", b"\x08\x01", 1, 5)
    await run(label, unknown, nonsense)

    def kept(store: UnitOfWork) -> list[Mutation]:
        return [
            record.mutation
            for name in ("label_edit", "brand_new", "")
            for record in store.app_state.kept(name)
        ]

    assert await account.read(kept) == [label, unknown, nonsense]
    await run(removal(EditLabel("7")))
    assert await account.read(kept) == [unknown, nonsense]


async def test_acks_of_read_messages_rise(account: Account, run: Run) -> None:
    await account.write(lambda store: received(store, message()))
    await run(MarkChatRead(PEER_PN, True, UNTIL_NOW))
    stored = await account.read(lambda store: store.messages.get(PEER_PN, "A"))
    assert stored.ack is Ack.READ
