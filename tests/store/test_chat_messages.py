"""All messages of a chat: the unread ones, lists with the newest, clearing, another number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from waport.model import (
    Ack,
    AddOnKind,
    Chat,
    ChatSummary,
    Contact,
    Message,
    MessageKey,
    MessageKind,
    TimerSetting,
)
from waport.store import Database, UnitOfWork
from waport.store.statements import Connection
from waport.wire import Jid

from .conftest import add_on

ANN = Jid.parse("15550001111@s.whatsapp.net")
ANN_LID = Jid.parse("100000000000001@lid")
BOB = Jid.parse("15550002222@s.whatsapp.net")
GROUP = Jid.parse("123456789@g.us")

MakeMessage = Callable[..., Message]


async def store(database: Database, *messages: Message) -> None:
    await database.write("s", lambda work: [work.messages.add(message) for message in messages])


async def unread(database: Database, chat: Jid = ANN, limit: int = 100) -> list[str]:
    keys = await database.read("s", lambda work: work.messages.unread(chat, limit))
    return [key.id for key in keys]


# --- unread --------------------------------------------------------------------------------------


async def test_unread_are_the_readable_messages_of_others_the_newest_first(
    database: Database, make_message: MakeMessage
) -> None:
    await store(
        database,
        make_message("LATE", timestamp=5),
        make_message("A", timestamp=1),
        make_message("B", timestamp=2, ack=Ack.SERVER, kind=MessageKind.OTHER),
        make_message("DELIVERED", timestamp=3, ack=Ack.DELIVERED),
        make_message("READ", timestamp=4, ack=Ack.READ),
        make_message("PLAYED", timestamp=4, ack=Ack.PLAYED),
        make_message("FAILED", timestamp=4, ack=Ack.ERROR),
        make_message("MINE", timestamp=4, from_me=True),
        make_message("REACTION", timestamp=4, kind=MessageKind.ADD_ON),
        make_message("WAITS", timestamp=4, kind=MessageKind.CIPHERTEXT),
        make_message("GONE", timestamp=4, kind=MessageKind.REVOKED),
        make_message("ELSEWHERE", str(BOB), timestamp=4),
    )
    assert await unread(database) == ["LATE", "DELIVERED", "B", "A"]
    assert await unread(database, limit=2) == ["LATE", "DELIVERED"]
    assert await database.read("else", lambda work: work.messages.unread(ANN, 9)) == []


async def test_what_was_read_is_unread_no_more_and_no_ack_falls(
    database: Database, make_message: MakeMessage
) -> None:
    group = [make_message("A", str(GROUP), sender=str(who)) for who in (ANN, BOB)]
    mine = make_message("A", str(GROUP), from_me=True, sender=str(ANN))
    played = make_message("B", str(GROUP), sender=str(ANN), ack=Ack.PLAYED)
    await store(database, *group, mine, played)

    def job(work: UnitOfWork) -> None:
        unknown = MessageKey(GROUP, "X", False, ANN)
        work.messages.mark_read([group[0].key, mine.key, played.key, unknown])
        work.messages.mark_read([])

    await database.write("s", job)
    keys = await database.read("s", lambda work: work.messages.unread(GROUP, 9))
    assert keys == [group[1].key]
    exact = await database.read(
        "s", lambda work: [work.messages.get_exact(m.key) for m in (mine, played)]
    )
    assert [message.ack for message in exact if message] == [mine.ack, Ack.PLAYED]


async def test_a_chat_may_be_read_in_part_and_be_marked_as_unread(database: Database) -> None:
    def job(work: UnitOfWork) -> list[tuple[int, bool, int]]:
        seen = []

        def see() -> None:
            chat = work.chats.get(ANN)
            assert chat is not None
            seen.append((chat.unread, chat.marked_unread, chat.unread_count))

        assert not work.chats.mark_unread(ANN)
        work.chats.touch(ANN, 1, 5)
        see()
        assert work.chats.mark_unread(ANN)
        see()
        work.chats.mark_read(ANN, 3)
        see()
        work.chats.mark_read(ANN, 3)
        work.chats.mark_unread(ANN)
        see()
        work.chats.touch(ANN, 2, 1)
        see()
        work.chats.mark_read(ANN)
        see()
        work.chats.set_timer(BOB, 60, 1)
        assert not work.chats.mark_unread(BOB)
        return seen

    assert await database.write("s", job) == [
        (5, False, 5),
        (5, True, 5),
        (2, False, 2),
        (0, True, -1),
        (1, True, 1),
        (0, False, 0),
    ]


# --- lists ---------------------------------------------------------------------------------------


async def test_a_list_shows_each_chat_with_its_newest_message_and_its_person(
    database: Database, make_message: MakeMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store(
        database,
        make_message("OLD", timestamp=1),
        make_message("NEW", timestamp=7),
        make_message("LATE", timestamp=3),
        make_message("REACTION", timestamp=9, kind=MessageKind.ADD_ON),
        make_message("WAITS", str(GROUP), sender=str(ANN), kind=MessageKind.CIPHERTEXT),
        make_message("ELSEWHERE", str(ANN_LID)),
    )

    def job(work: UnitOfWork) -> None:
        work.addresses.learn(ANN, ANN_LID)
        work.contacts.set_push_name(ANN, "annie")
        work.chats.touch(ANN, 7, 2)
        work.chats.touch(GROUP, 8, name="Friends")
        work.chats.touch(BOB, 6)
        work.chats.set_timer(Jid.parse("15550009999@s.whatsapp.net"), 60, 1)

    await database.write("s", job)
    asked = []
    ask = Connection.all

    def counted(self: Connection, *args: Any, **values: Any) -> Any:
        asked.append(args)
        return ask(self, *args, **values)

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "all", counted)
        found = await database.read("s", lambda work: work.chats.summaries())
    assert len(asked) == 1
    assert [(s.chat, s.last and s.last.key.id, s.contact) for s in found] == [
        (Chat(GROUP, "Friends", 0, 8), "WAITS", None),
        (Chat(ANN, "", 2, 7), "NEW", Contact(ANN, push_name="annie", lid=ANN_LID)),
        (Chat(BOB, "", 0, 6), None, None),
    ]
    assert [summary.title for summary in found] == ["Friends", "annie", BOB.user]
    assert await database.read("s", lambda work: work.chats.summary(ANN)) == found[1]
    assert await database.read("s", lambda work: work.chats.summary(ANN_LID)) is None
    assert await database.read("else", lambda work: work.chats.summaries()) == []


@pytest.mark.parametrize(
    ("chat", "contact", "title"),
    [
        (Chat(ANN, "Chat"), Contact(ANN, "Book", "push"), "Chat"),
        (Chat(ANN), Contact(ANN, "Book", "push", "Ltd"), "Book"),
        (Chat(ANN), Contact(ANN, "", "push", "Ltd"), "push"),
        (Chat(ANN), Contact(ANN, "", "", "Ltd"), "Ltd"),
        (Chat(ANN), Contact(ANN), ANN.user),
        (Chat(ANN), None, ANN.user),
    ],
)
def test_the_title_of_a_chat_is_the_best_name_there_is(
    chat: Chat, contact: Contact | None, title: str
) -> None:
    assert ChatSummary(chat, None, contact).title == title


# --- clearing ------------------------------------------------------------------------------------


async def test_a_cleared_chat_loses_its_messages_and_all_that_belongs_to_them(
    database: Database, make_message: MakeMessage
) -> None:
    messages = [make_message(str(number)) for number in range(5)]
    waiting = make_message("W", kind=MessageKind.ADD_ON)
    await store(database, *messages, waiting, make_message("0", str(BOB)))

    def job(work: UnitOfWork) -> tuple[int, list[int], Any]:
        stored = work.messages.get(ANN, "W")
        assert stored is not None
        work.add_ons.put(add_on("0", author=str(ANN)))
        work.add_ons.put(add_on("0", str(BOB), author=str(BOB), sender=str(BOB)))
        work.add_ons.wait(ANN, "later", stored.seq)
        work.messages.bump_retry(ANN, "0", "self")
        top = work.messages.newest(ANN)
        work.messages.add(make_message("NEW"))
        steps = [work.messages.clear(ANN, top, limit=4) for _ in range(2)]
        return top - stored.seq, steps, work.messages.bump_retry(ANN, "0", "self")

    assert await database.write("s", job) == (0, [4, 2], 1)

    def look(work: UnitOfWork) -> Any:
        kept = add_on("0", str(BOB), author=str(BOB), sender=str(BOB))
        return (
            [m.key.id for m in work.messages.page(ANN, 9)],
            [m.key.id for m in work.messages.page(BOB, 9)],
            work.add_ons.of(messages[0].key, AddOnKind.REACTION),
            len(work.add_ons.of(kept.target, AddOnKind.REACTION)),
            work.add_ons.take_waiting(ANN, "later"),
        )

    assert await database.write("s", look) == (["NEW"], ["0"], [], 1, [])


async def test_starred_messages_may_stay(database: Database, make_message: MakeMessage) -> None:
    await store(database, make_message("A", starred=True), make_message("B"))

    def job(work: UnitOfWork) -> list[str]:
        for target in ("A", "B"):
            work.add_ons.put(add_on(target, author=str(ANN)))
        top = work.messages.newest(ANN)
        assert work.messages.clear(ANN, top, keep_starred=True) == 1
        assert work.messages.clear(GROUP, top) == 0
        assert work.messages.newest(GROUP) == 0
        reactions = [
            target
            for target in ("A", "B")
            if work.add_ons.of(MessageKey(ANN, target, False, ANN), AddOnKind.REACTION)
        ]
        return [*(m.key.id for m in work.messages.page(ANN, 9)), *reactions]

    assert await database.write("s", job) == ["A", "A"]


async def test_a_chat_that_was_taken_off_the_list_comes_back_with_its_next_message(
    database: Database,
) -> None:
    def job(work: UnitOfWork) -> list[Chat | None]:
        work.chats.touch(ANN, 5, 3, "Ann")
        work.chats.mark_unread(ANN)
        work.chats.set_timer(ANN, 60, 1)
        work.chats.unlist(ANN)
        gone = work.chats.get(ANN)
        assert work.chats.all() == []
        work.chats.touch(ANN, 4, 1)
        return [gone, work.chats.get(ANN)]

    assert await database.write("s", job) == [None, Chat(ANN, "Ann", 1, 4)]
    assert await database.read("s", lambda work: work.chats.timer(ANN)) == TimerSetting(60, 1)


# --- another number ------------------------------------------------------------------------------


async def test_add_ons_move_with_a_private_chat_whose_number_changes(
    database: Database, make_message: MakeMessage
) -> None:
    theirs = add_on("A", author="")  # Ann's reaction to an own message
    mine = add_on("B", author=str(ANN), sender="15551230000@s.whatsapp.net", from_me=True)
    in_group = add_on("G", str(GROUP), author=str(ANN), sender=str(ANN))
    twin = add_on("A", str(BOB), author="", sender=str(BOB), data=b"known")
    await store(database, make_message("W", kind=MessageKind.ADD_ON))

    def job(work: UnitOfWork) -> Any:
        for each in (theirs, mine, in_group, twin):
            work.add_ons.put(each)
        stored = work.messages.get(ANN, "W")
        assert stored is not None
        work.add_ons.wait(ANN, "later", stored.seq)
        work.add_ons.move_chat(ANN, ANN)
        work.add_ons.move_chat(ANN, BOB)
        reaction = AddOnKind.REACTION
        (to_mine,) = work.add_ons.of(MessageKey(BOB, "A", True, BOB), reaction)
        (to_theirs,) = work.add_ons.of(MessageKey(BOB, "B", False, BOB), reaction)
        return (
            (to_mine.sender, to_mine.data),
            (to_theirs.key.chat, to_theirs.target.sender, to_theirs.sender == mine.sender),
            work.add_ons.of(theirs.target, reaction),
            work.add_ons.of(in_group.target, reaction) == [in_group],
            len(work.add_ons.take_waiting(BOB, "later")),
        )

    assert await database.write("s", job) == (
        (BOB, b"known"),
        (BOB, BOB, True),
        [],
        True,
        1,
    )
