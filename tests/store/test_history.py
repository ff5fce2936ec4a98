"""What is announced, what is kept, and what old history may not undo."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from waport.model import Ack, Chat, ChatHistory, Contact, Message, MessageKey, MessageKind
from waport.store import Database, UnitOfWork
from waport.store.chat_marks import ChatMarks
from waport.store.history import NoticeState
from waport.wire import Jid

ANN = Jid.parse("15550001111@s.whatsapp.net")
ANN_LID = Jid.parse("100000000000001@lid")
GROUP = Jid.parse("123456789@g.us")
OLD = ChatHistory(ANN, unread=3, timestamp=500)


def message(name: str, at: int = 100, kind: MessageKind = MessageKind.TEXT) -> Message:
    return Message(MessageKey(ANN, name, False, ANN), at, name.encode(), kind, ack=Ack.SERVER)


async def test_an_announcement_is_kept_once_and_worked_off(database: Database) -> None:
    def job(work: UnitOfWork) -> Any:
        seen = [work.history.add_notice("A", 3, 1, b"notice") for _ in range(2)]
        work.history.add_notice("B", 3, 2, b"other")
        first, second = work.history.notices()
        work.history.set_done(first.position, 7)
        work.history.set_state(second.position, NoticeState.BROKEN, 2, "R1")
        return seen, work.history.notice(first.position)

    assert await database.write("s", job) == ([True, False], b"notice")
    first, second = await database.read("s", lambda work: work.history.notices())
    assert (first.message_id, first.done, first.state) == ("A", 7, NoticeState.WAITING)
    assert (second.attempts, second.request_id) == (2, "R1")
    assert await database.read("else", lambda work: work.history.notices()) == []

    def end(work: UnitOfWork) -> Any:
        work.history.remove(first.position)
        work.history.add_notice("C", 3, 2, b"anew")
        anew = work.history.notices()[-1]
        work.history.remove_broken(3, 1, anew.position)
        assert len(work.history.notices()) == 2  # of another piece
        work.history.remove_broken(3, 2, anew.position)
        return work.history.notices()

    (left,) = await database.write("s", end)
    assert left.message_id == "C"


async def test_the_first_count_of_the_history_counts(database: Database) -> None:
    def job(work: UnitOfWork) -> Any:
        work.history.put_chat(ANN, OLD)
        work.chats.mark_read(ANN, 1)
        work.history.put_chat(ANN, replace(OLD, unread=9, timestamp=400))
        return work.chats.get(ANN)

    assert await database.write("s", job) == Chat(ANN, "", 2, 500)


async def test_a_chat_that_was_read_later_has_nothing_unread(database: Database) -> None:
    def job(work: UnitOfWork) -> Any:
        work.history.note_read(ANN, 600)
        work.history.note_read(ANN, 550)
        assert work.chats.get(ANN) is None  # nothing to be listed yet
        work.history.put_chat(ANN, replace(OLD, marked_unread=True))
        return work.chats.get(ANN), work.history.marks(ANN)

    chat, marks = await database.write("s", job)
    assert (chat.unread, chat.marked_unread) == (0, False)
    assert marks == ChatMarks(counted=True, read_at=600)


async def test_one_that_was_read_before_has(database: Database) -> None:
    def job(work: UnitOfWork) -> Any:
        work.history.note_read(ANN, 400)
        work.history.put_chat(ANN, OLD)
        return work.chats.get(ANN)

    assert (await database.write("s", job)).unread == 3


async def test_flags_that_were_set_here_stay(database: Database) -> None:
    def job(work: UnitOfWork) -> Any:
        work.chats.set_flags(ANN, archived=False)  # as it was, but said
        work.history.put_chat(ANN, replace(OLD, archived=True, pinned=True, muted_until=9))
        work.history.put_chat(GROUP, replace(OLD, jid=GROUP, name="Group", archived=True))
        return work.chats.get(ANN), work.chats.get(GROUP)

    ann, group = await database.write("s", job)
    assert (ann.archived, ann.pinned, ann.muted_until) == (False, False, 0)
    assert (group.archived, group.name) == (True, "Group")


async def test_marks_go_along_to_another_address(database: Database) -> None:
    def job(work: UnitOfWork) -> Any:
        work.history.put_chat(ANN_LID, replace(OLD, jid=ANN_LID, end=1))
        work.history.keep("chat", str(ANN_LID), b"header")
        work.history.note_read(ANN, 9)
        work.chats.rename(ANN_LID, ANN)
        work.history.rename(ANN_LID, ANN)
        return work.history.marks(ANN), work.history.kept("chat")

    marks, kept = await database.write("s", job)
    assert marks == ChatMarks(counted=True, read_at=9, history_end=1)
    assert kept == {str(ANN): b"header"}


async def test_many_messages_are_stored_once(database: Database) -> None:
    wanted = [message(f"M{number:03}", number) for number in range(200)]

    def job(work: UnitOfWork) -> Any:
        work.messages.add(replace(message("M007"), content=b"live"))
        work.messages.add(message("M008", 8, MessageKind.CIPHERTEXT))
        new = work.history.add_messages([*wanted, wanted[0]])
        again = work.history.add_messages(wanted)
        return new, again

    new, again = await database.write("s", job)
    assert len(new) == 199
    assert again == []

    def look(work: UnitOfWork) -> Any:
        page = work.messages.page(ANN, 1000)
        return page, work.messages.get(ANN, "M007"), work.messages.get(ANN, "M008")

    page, live, filled = await database.read("s", look)
    assert len(page) == 200
    assert live.content == b"live"
    assert filled.kind is MessageKind.TEXT
    assert (await database.read("s", lambda work: work.history.oldest(ANN))).key.id == "M000"


async def test_stubs_are_kept_but_not_listed(database: Database) -> None:
    def job(work: UnitOfWork) -> Any:
        work.history.add_messages([message("M1"), message("M2", 200, MessageKind.STUB)])
        work.chats.touch(ANN, 200)
        return work.messages.last(ANN), work.chats.summary(ANN), work.messages.get(ANN, "M2")

    last, summary, stub = await database.write("s", job)
    assert last.key.id == summary.last.key.id == "M1"
    assert stub.kind is MessageKind.STUB
    assert not stub.proto().ListFields()


async def test_names_that_are_known_stay(database: Database) -> None:
    def job(work: UnitOfWork) -> Any:
        work.contacts.set_push_name(ANN, "Ann")
        work.contacts.fill([Contact(ANN, name="Book", push_name="Anna"), Contact(GROUP)])
        return work.contacts.get(ANN)

    contact = await database.write("s", job)
    assert (contact.name, contact.push_name) == ("Book", "Ann")
