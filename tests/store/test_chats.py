"""The list of chats and people's names."""

from __future__ import annotations

from waport.model import Chat, Contact
from waport.store import Database, UnitOfWork
from waport.wire import Jid

ANN = Jid.parse("15550001111@s.whatsapp.net")
ANN_LID = Jid.parse("100000000000001@lid")
GROUP = Jid.parse("123456789@g.us")


async def test_a_touched_chat_keeps_its_latest_time_and_its_name(database: Database) -> None:
    def job(work: UnitOfWork) -> list[Chat | None]:
        seen = [work.chats.get(ANN)]
        for timestamp, delta, name in (
            (100, 1, None),
            (90, 1, "Ann"),
            (110, 0, None),
            (110, -5, None),
            (110, 2, ""),
        ):
            work.chats.touch(ANN, timestamp, delta, name)
            seen.append(work.chats.get(ANN))
        work.chats.mark_read(ANN)
        seen.append(work.chats.get(ANN))
        return seen

    assert await database.write("s", job) == [
        None,
        Chat(ANN, "", 1, 100),
        Chat(ANN, "Ann", 2, 100),
        Chat(ANN, "Ann", 2, 110),
        Chat(ANN, "Ann", 0, 110),
        Chat(ANN, "", 2, 110),
        Chat(ANN, "", 0, 110),
    ]


async def test_a_new_chat_never_has_fewer_than_no_unread_messages(database: Database) -> None:
    await database.write("s", lambda work: work.chats.touch(ANN, 1, -3))
    assert await database.read("s", lambda work: work.chats.get(ANN)) == Chat(ANN, "", 0, 1)


async def test_the_latest_chat_comes_first(database: Database) -> None:
    def job(work: UnitOfWork) -> None:
        work.chats.touch(ANN, 100)
        work.chats.touch(GROUP, 300, name="Group")
        work.chats.touch(ANN_LID, 200)

    await database.write("s", job)
    chats = await database.read("s", lambda work: work.chats.all())
    assert [chat.jid for chat in chats] == [GROUP, ANN_LID, ANN]
    assert await database.read("else", lambda work: work.chats.all()) == []


async def test_a_renamed_chat_keeps_what_it_had(database: Database) -> None:
    def job(work: UnitOfWork) -> None:
        work.chats.touch(ANN_LID, 100, 2, "Ann")
        work.chats.rename(ANN_LID, ANN)
        work.chats.rename(ANN, ANN)
        work.chats.rename(GROUP, ANN)

    await database.write("s", job)
    assert await database.read("s", lambda work: work.chats.all()) == [Chat(ANN, "Ann", 2, 100)]


async def test_two_chats_of_one_person_become_one(database: Database) -> None:
    def job(work: UnitOfWork) -> None:
        work.chats.touch(ANN_LID, 200, 2, "Ann")
        work.chats.touch(ANN, 100, 3)
        work.chats.rename(ANN_LID, ANN)

    await database.write("s", job)
    assert await database.read("s", lambda work: work.chats.all()) == [Chat(ANN, "Ann", 5, 200)]


async def test_a_push_name_is_news_only_when_it_changes(database: Database) -> None:
    def job(work: UnitOfWork) -> list[bool]:
        set_push_name = work.contacts.set_push_name
        return [
            set_push_name(ANN, "Ann"),
            set_push_name(ANN.with_device(4), "Ann"),
            set_push_name(ANN, "Anna"),
            set_push_name(GROUP, "nobody"),
        ]

    assert await database.write("s", job) == [True, False, True, True]
    assert await database.read("s", lambda work: work.contacts.get(ANN)) == Contact(
        ANN, push_name="Anna"
    )
    contacts = await database.read("s", lambda work: work.contacts.all())
    assert [contact.push_name for contact in contacts] == ["nobody", "Anna"]
    assert await database.read("else", lambda work: work.contacts.get(ANN)) is None
