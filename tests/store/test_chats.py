"""The list of chats and people's names."""

from __future__ import annotations

import pytest

from waport.model import Chat, Contact, TimerSetting
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


# --- timers --------------------------------------------------------------------------------------

DAY = 86_400


async def test_an_older_setting_of_a_timer_does_not_count(database: Database) -> None:
    def job(work: UnitOfWork) -> list[tuple[bool, TimerSetting]]:
        settings = ((DAY, 100), (7 * DAY, 99), (DAY, 100), (2**32 - 1, 100), (0, 102), (DAY, 0))
        return [
            (work.chats.set_timer(jid, expiration_s, set_at), work.chats.timer(jid))
            for jid in (ANN, GROUP)
            for expiration_s, set_at in settings
        ]

    assert await database.write("s", job) == 2 * [
        (True, TimerSetting(DAY, 100)),
        (False, TimerSetting(DAY, 100)),
        (False, TimerSetting(DAY, 100)),
        (True, TimerSetting(2**32 - 1, 100)),
        (True, TimerSetting(0, 102)),
        (False, TimerSetting(0, 102)),
    ]
    assert await database.read("else", lambda work: work.chats.timer(ANN)) == TimerSetting()


async def test_a_setting_without_a_time_never_counts(database: Database) -> None:
    assert not await database.write("s", lambda work: work.chats.set_timer(ANN, DAY, 0))
    assert await database.read("s", lambda work: work.chats.timer(ANN)) == TimerSetting()


async def test_a_timer_alone_lists_no_chat_and_a_chat_keeps_its_timer(database: Database) -> None:
    def job(work: UnitOfWork) -> list[object]:
        work.chats.set_timer(ANN, DAY, 100)
        seen: list[object] = [work.chats.get(ANN), work.chats.all()]
        work.chats.touch(ANN, 0, 2)
        return [*seen, work.chats.get(ANN), work.chats.all(), work.chats.timer(ANN)]

    chat = Chat(ANN, "", 2, 0)
    assert await database.write("s", job) == [None, [], chat, [chat], TimerSetting(DAY, 100)]


async def test_a_timer_changes_nothing_else_of_a_chat(database: Database) -> None:
    def job(work: UnitOfWork) -> None:
        work.chats.touch(ANN, 100, 2, "Ann")
        work.chats.set_timer(ANN, DAY, 100)

    await database.write("s", job)
    assert await database.read("s", lambda work: work.chats.all()) == [Chat(ANN, "Ann", 2, 100)]


@pytest.mark.parametrize("old_listed", [True, False])
@pytest.mark.parametrize("new_listed", [True, False, None])
@pytest.mark.parametrize(("old_at", "new_at"), [(1, 2), (2, 1), (2, 0), (0, 2)])
async def test_a_renamed_chat_takes_the_younger_timer_along(
    database: Database, old_listed: bool, new_listed: bool | None, old_at: int, new_at: int
) -> None:
    def job(work: UnitOfWork) -> None:
        work.chats.set_timer(ANN_LID, DAY, old_at)
        if old_listed:
            work.chats.touch(ANN_LID, 200, 2, "Ann")
        if new_listed is not None:
            work.chats.set_timer(ANN, 7 * DAY, new_at)
        if new_listed:
            work.chats.touch(ANN, 100, 3)
            work.chats._db.run("UPDATE chats SET archived = true WHERE unread = 3")
        work.chats.rename(ANN_LID, ANN)

    await database.write("s", job)
    timers = [TimerSetting(DAY, old_at)] if old_at else []
    timers += [TimerSetting(7 * DAY, new_at)] if new_at and new_listed is not None else []
    timer = max(timers, key=lambda setting: setting.set_at, default=TimerSetting())
    assert await database.read("s", lambda work: work.chats.timer(ANN)) == timer
    assert await database.read("s", lambda work: work.chats.timer(ANN_LID)) == TimerSetting()
    old = [Chat(ANN, "Ann", 2, 200)] if old_listed else []
    # A chat that is not listed says nothing of what the other is like.
    new = [Chat(ANN, "", 3, 100, archived=True)] if new_listed else []
    both = [Chat(ANN, "Ann", 5, 200)] if old and new else old + new
    assert await database.read("s", lambda work: work.chats.all()) == both
