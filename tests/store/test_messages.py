"""Messages: once each, in order, acks that only rise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from waport.errors import CorruptRecord
from waport.model import Ack, Message, MessageKind
from waport.store import Database, UnitOfWork
from waport.wire import Jid

from .conftest import Clock, MakeMessage

ANN = Jid.parse("15550001111@s.whatsapp.net")
ANN_LID = Jid.parse("100000000000001@lid")
ME = "15550009999@s.whatsapp.net"
GROUP = "123456789@g.us"
BOB = "15550002222@s.whatsapp.net"


def ids(messages: list[Message]) -> list[str]:
    return [message.key.id for message in messages]


async def add(database: Database, *messages: Message) -> list[Message | None]:
    return await database.write("s", lambda work: [work.messages.add(m) for m in messages])


async def test_a_message_comes_back_as_it_was_with_its_number(
    database: Database, make_message: MakeMessage
) -> None:
    sent = make_message(
        "A", GROUP, from_me=True, sender=ME, ack=Ack.SERVER, pending=True, push_name="Zoë 🦊"
    )
    (stored,) = await add(database, sent)
    assert stored is not None
    assert stored.seq > 0
    assert stored == replace(sent, seq=stored.seq)
    found = await database.read("s", lambda work: work.messages.get(sent.key.chat, "A"))
    assert found == stored
    assert await database.read("s", lambda work: work.messages.find("A")) == stored
    assert await database.read("s", lambda work: work.messages.get(ANN, "A")) is None
    assert await database.read("else", lambda work: work.messages.find("A")) is None


async def test_numbers_rise_and_a_message_is_stored_once(
    database: Database, make_message: MakeMessage
) -> None:
    first, second, again = await add(
        database, make_message("A"), make_message("B"), make_message("A", content=b"other")
    )
    assert first is not None
    assert second is not None
    assert second.seq > first.seq
    assert again is None
    assert await database.read("s", lambda work: work.messages.get(ANN, "A")) == first


async def test_the_same_id_of_another_author_is_another_message(
    database: Database, make_message: MakeMessage
) -> None:
    theirs = make_message("A", GROUP, sender=BOB)
    anns = make_message("A", GROUP, sender=str(ANN))
    own = make_message("A", GROUP, from_me=True, sender=ME)
    own_by_lid = make_message("A", GROUP, from_me=True, sender="100000000000009@lid")
    stored = await add(database, theirs, anns, own, own_by_lid)
    assert [message is not None for message in stored] == [True, True, True, False]

    # The own message is what the id means, whoever used it first; then the oldest.
    chat = Jid.parse(GROUP)
    assert await database.read("s", lambda work: work.messages.get(chat, "A")) == stored[2]
    raised = await database.write("s", lambda work: work.messages.set_ack(chat, "A", Ack.READ))
    assert raised == replace(own, seq=raised.seq if raised else 0, ack=Ack.READ)
    assert await database.read("s", lambda work: work.messages.find("A")) == raised


async def test_a_placeholder_is_filled_in_place(
    database: Database, make_message: MakeMessage
) -> None:
    placeholder = make_message(
        "A", kind=MessageKind.CIPHERTEXT, content=b"", timestamp=100, ack=Ack.READ
    )
    later = make_message("B", timestamp=100)
    resent = make_message("A", timestamp=200, push_name="Ann again")
    first, second, none, filled, twice = await add(
        database, placeholder, later, placeholder, resent, resent
    )
    assert first is not None
    assert second is not None
    assert none is None
    assert filled == replace(resent, seq=first.seq, timestamp=100, ack=Ack.READ)
    assert twice is None
    page = await database.read("s", lambda work: work.messages.page(ANN, 10))
    assert page == [second, filled]


async def test_a_placeholder_takes_no_place_of_a_readable_message(
    database: Database, make_message: MakeMessage
) -> None:
    readable, placeholder = await add(
        database, make_message("A"), make_message("A", kind=MessageKind.CIPHERTEXT, content=b"")
    )
    assert placeholder is None
    assert await database.read("s", lambda work: work.messages.get(ANN, "A")) == readable


async def test_pages_go_back_by_time_and_then_by_number(
    database: Database, make_message: MakeMessage
) -> None:
    await add(
        database,
        make_message("late", timestamp=300),
        make_message("early", timestamp=100),
        make_message("mid1", timestamp=200),
        make_message("mid2", timestamp=200),
        make_message("mid3", timestamp=200),
        make_message("elsewhere", GROUP, sender=BOB, timestamp=250),
    )

    def pages(work: UnitOfWork) -> list[list[str]]:
        page = work.messages.page
        return [
            ids(page(ANN, 2)),
            ids(page(ANN, 2, "mid3")),
            ids(page(ANN, 10, "mid1")),
            ids(page(ANN, 10, "early")),
            ids(page(ANN, 2, "elsewhere")),
            ids(page(ANN, 0)),
        ]

    assert await database.read("s", pages) == [
        ["late", "mid3"],
        ["mid2", "mid1"],
        ["early"],
        [],
        ["late", "mid3"],
        [],
    ]
    last = await database.read("s", lambda work: work.messages.last(ANN))
    assert last is not None
    assert last.key.id == "late"
    assert await database.read("s", lambda work: work.messages.last(ANN_LID)) is None


async def test_an_id_alone_finds_the_message_that_was_stored_last(
    database: Database, make_message: MakeMessage
) -> None:
    _, second = await add(database, make_message("A"), make_message("A", GROUP, sender=BOB))
    assert await database.read("s", lambda work: work.messages.find("A")) == second
    assert await database.read("s", lambda work: work.messages.find("B")) is None


@pytest.mark.parametrize("old", Ack)
@pytest.mark.parametrize("new", Ack)
async def test_an_ack_only_rises_and_fails_only_before_a_receipt(
    database: Database, make_message: MakeMessage, old: Ack, new: Ack
) -> None:
    message = make_message("A", from_me=True, sender=ME, ack=old, pending=True)
    (stored,) = await add(database, message)
    assert stored is not None
    changed = await database.write("s", lambda work: work.messages.set_ack(ANN, "A", new))
    may_change = old in (Ack.PENDING, Ack.SERVER) if new is Ack.ERROR else new > old
    if may_change:
        assert changed == replace(stored, ack=new, pending=False)
    else:
        assert changed is None
    found = await database.read("s", lambda work: work.messages.get(ANN, "A"))
    assert found == (changed or stored)


async def test_an_ack_of_an_unknown_message_changes_nothing(database: Database) -> None:
    for ack in (Ack.READ, Ack.ERROR):
        changed = await database.write(
            "s", lambda work, ack=ack: work.messages.set_ack(ANN, "A", ack)
        )
        assert changed is None


async def test_pending_is_set_and_taken_back(database: Database, make_message: MakeMessage) -> None:
    await add(database, make_message("A", from_me=True, sender=ME))

    def job(work: UnitOfWork) -> list[bool]:
        seen = []
        for pending in (True, False):
            work.messages.set_pending(ANN, "A", pending)
            message = work.messages.get(ANN, "A")
            assert message is not None
            seen.append(message.pending)
        return seen

    assert await database.write("s", job) == [True, False]


async def test_a_lid_chat_becomes_the_chat_of_its_number(
    database: Database, make_message: MakeMessage
) -> None:
    lid = str(ANN_LID)
    stored = await add(
        database,
        make_message("theirs", lid, timestamp=1),
        make_message("own", lid, from_me=True, sender=ME, timestamp=2),
        make_message("both", lid, timestamp=3, content=b"lid"),
        make_message("both", timestamp=3, content=b"pn"),
        make_message("filled", lid, timestamp=4),
        make_message("filled", timestamp=4, kind=MessageKind.CIPHERTEXT, content=b""),
        make_message("other", GROUP, sender=lid),
    )
    assert None not in stored
    await database.write("s", lambda work: work.messages.rename_chat(ANN_LID, ANN))

    page = await database.read("s", lambda work: work.messages.page(ANN, 10))
    assert ids(page) == ["filled", "both", "own", "theirs"]
    assert [message.kind for message in page] == [MessageKind.TEXT] * 4
    assert page[1].content == b"pn"
    assert [str(message.key.sender) for message in page] == [str(ANN), str(ANN), ME, str(ANN)]
    assert await database.read("s", lambda work: work.messages.page(ANN_LID, 10)) == []
    # A message that comes again under the number is known.
    assert await add(database, make_message("theirs", timestamp=1)) == [None]
    group = await database.read("s", lambda work: work.messages.page(Jid.parse(GROUP), 10))
    assert str(group[0].key.sender) == lid


async def test_renaming_a_chat_to_itself_changes_nothing(
    database: Database, make_message: MakeMessage
) -> None:
    stored = await add(database, make_message("A"))
    await database.write("s", lambda work: work.messages.rename_chat(ANN, ANN))
    assert await database.read("s", lambda work: work.messages.page(ANN, 10)) == stored


async def test_retries_are_counted_for_each_message_and_device(
    database: Database, clock: Clock
) -> None:
    def job(work: UnitOfWork) -> list[int]:
        bump = work.messages.bump_retry
        return [
            bump(ANN, "A", "15550001111.0"),
            bump(ANN, "A", "15550001111.0"),
            bump(ANN, "A", "15550001111.1"),
            bump(ANN, "B", "15550001111.0"),
            bump(ANN_LID, "A", "15550001111.0"),
        ]

    assert await database.write("s", job) == [1, 2, 1, 1, 1]
    clock.now_ms += 1000
    await database.write("s", lambda work: work.messages.rename_chat(ANN_LID, ANN))
    bumped = await database.write(
        "s", lambda work: work.messages.bump_retry(ANN, "A", "15550001111.0")
    )
    assert bumped == 3
    await database.prune(clock.now_ms)
    counts = await database.write(
        "s",
        lambda work: [work.messages.bump_retry(ANN, m, "15550001111.0") for m in ("A", "B")],
    )
    assert counts == [4, 1]


@pytest.mark.parametrize("damage", ["kind = 'telegram'", "ack = 99", "sender = 'nobody'"])
async def test_a_row_that_makes_no_sense_is_an_error(
    database: Database, make_message: MakeMessage, damage: str
) -> None:
    await add(database, make_message("A"))
    await database.write("s", lambda work: work.messages._db.run(f"UPDATE messages SET {damage}"))
    with pytest.raises(CorruptRecord):
        await database.read("s", lambda work: work.messages.get(ANN, "A"))
