"""People: names, what is merged when they get another address, and who is listed."""

from __future__ import annotations

from waport.model import Contact
from waport.store import Database, UnitOfWork
from waport.wire import Jid

ANN = Jid.parse("15550001111@s.whatsapp.net")
ANN_LID = Jid.parse("100000000000001@lid")
BOB = Jid.parse("15550002222@s.whatsapp.net")
CAROL_LID = Jid.parse("100000000000003@lid")
GROUP = Jid.parse("123456789@g.us")
STATUS = Jid.parse("status@broadcast")
NEWS = Jid.parse("120363000000000002@newsletter")


async def test_every_name_of_a_person_comes_back_and_is_news_once(database: Database) -> None:
    def job(work: UnitOfWork) -> list[bool]:
        people = work.contacts
        return [
            people.set_name(ANN.with_device(3), "Ann Other", "Ann"),
            people.set_name(ANN, "Ann Other", "Ann"),
            people.set_name(ANN, "Ann Other", "Annie"),
            people.set_push_name(ANN, "annie"),
            people.set_business(ANN, "Ann Ltd", "high"),
            people.set_business(ANN, "Ann Ltd", "high"),
            people.set_business(ANN, "Ann Ltd", "low"),
            work.addresses.learn(ANN, ANN_LID),
        ]

    assert await database.write("s", job) == [True, False, True, True, True, False, True, True]
    known = Contact(ANN, "Ann Other", "annie", "Ann Ltd", "Annie", True, "low", ANN_LID)
    assert await database.read("s", lambda work: work.contacts.get(ANN)) == known
    assert await database.read("s", lambda work: work.contacts.all()) == [known]
    assert await database.read("else", lambda work: work.contacts.all()) == []


async def test_who_is_no_business_any_more_loses_what_was_certified(database: Database) -> None:
    def job(work: UnitOfWork) -> list[bool]:
        work.contacts.set_business(ANN, "Ann Ltd", "high")
        work.contacts.set_push_name(ANN, "annie")
        return [work.contacts.set_no_business(jid) for jid in (ANN, ANN, BOB)]

    assert await database.write("s", job) == [True, False, False]
    assert await database.read("s", lambda work: work.contacts.all()) == [
        Contact(ANN, push_name="annie")
    ]


async def test_everybody_with_a_name_or_a_chat_is_listed_once_and_groups_are_not(
    database: Database,
) -> None:
    def job(work: UnitOfWork) -> None:
        work.contacts.set_push_name(ANN, "annie")
        for jid in (ANN, BOB, CAROL_LID, GROUP, STATUS, NEWS):
            work.chats.touch(jid, 1)
        work.chats.set_timer(Jid.parse("15550009999@s.whatsapp.net"), 60, 1)
        work.addresses.learn(BOB, ANN_LID)

    await database.write("s", job)
    assert await database.read("s", lambda work: work.contacts.all()) == [
        Contact(CAROL_LID, lid=CAROL_LID),
        Contact(NEWS),
        Contact(ANN, push_name="annie"),
        Contact(BOB, lid=ANN_LID),
    ]
    assert await database.read("s", lambda work: work.contacts.get(BOB)) is None


async def test_a_hidden_id_gives_its_names_to_the_number(database: Database) -> None:
    def job(work: UnitOfWork) -> None:
        work.contacts.set_push_name(ANN_LID, "annie")
        work.contacts.set_business(ANN_LID, "Ann Ltd", "low")
        work.contacts.set_name(ANN, "Ann Other", "Ann")
        work.contacts.rename(ANN_LID, ANN)
        work.contacts.rename(ANN_LID, ANN)
        work.contacts.rename(ANN, ANN)

    await database.write("s", job)
    assert await database.read("s", lambda work: work.contacts.all()) == [
        Contact(ANN, "Ann Other", "annie", "Ann Ltd", "Ann", True, "low")
    ]


async def test_what_the_number_is_called_already_stays(database: Database) -> None:
    def job(work: UnitOfWork) -> None:
        for jid, name in ((ANN_LID, "old"), (ANN, "new")):
            work.contacts.set_push_name(jid, f"{name} push")
            work.contacts.set_name(jid, f"{name} name", f"{name} first")
            work.contacts.set_business(jid, f"{name} ltd", name)
        work.contacts.rename(ANN_LID, ANN)

    await database.write("s", job)
    assert await database.read("s", lambda work: work.contacts.all()) == [
        Contact(ANN, "new name", "new push", "new ltd", "new first", True, "new")
    ]


async def test_a_number_change_counts_once_however_often_it_is_told(database: Database) -> None:
    def job(work: UnitOfWork) -> list[bool]:
        change = work.contacts.change_number
        work.contacts.set_name(ANN, "Ann")
        return [
            change(ANN, BOB),
            change(ANN, BOB),
            change(BOB, ANN),
            change(BOB, ANN),
            change(ANN, BOB),
        ]

    assert await database.write("s", job) == [True, False, True, False, True]
    assert await database.read("s", lambda work: work.contacts.all()) == [Contact(BOB, "Ann")]


async def test_a_number_change_of_a_stranger_is_remembered_too(database: Database) -> None:
    def job(work: UnitOfWork) -> list[bool]:
        return [work.contacts.change_number(ANN, BOB) for _ in range(2)]

    assert await database.write("s", job) == [True, False]
    assert await database.read("s", lambda work: work.contacts.all()) == [Contact(BOB)]


async def test_the_memory_of_a_change_outlives_a_new_hidden_id(database: Database) -> None:
    def job(work: UnitOfWork) -> list[bool]:
        before = work.contacts.change_number(ANN, BOB)
        work.contacts.set_push_name(CAROL_LID, "annie")
        work.contacts.rename(CAROL_LID, BOB)
        return [before, work.contacts.change_number(ANN, BOB)]

    assert await database.write("s", job) == [True, False]
