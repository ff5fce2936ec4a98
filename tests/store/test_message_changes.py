"""What happens to stored messages: edits, revokes, stars, deletion, authors' new names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from waport.errors import InvalidInput
from waport.model import Ack, AddOnKind, Message, MessageKey, MessageKind
from waport.store import Database, UnitOfWork
from waport.wire import Jid

from .conftest import MakeMessage, add_on

ANN = Jid.parse("15550001111@s.whatsapp.net")
ANN_LID = Jid.parse("100000000000001@lid")
BOB = "15550002222@s.whatsapp.net"
ME = "15550009999@s.whatsapp.net"
GROUP = "123456789@g.us"
TOMBSTONE = b"\x62\x02\x10\x00"


async def add(database: Database, *messages: Message) -> list[Message]:
    stored = await database.write("s", lambda work: [work.messages.add(m) for m in messages])
    assert None not in stored
    return [message for message in stored if message is not None]


async def look(database: Database, key: MessageKey) -> Message | None:
    return await database.read("s", lambda work: work.messages.get_exact(key))


async def test_edits_and_stars_come_back_wherever_a_message_is_read(
    database: Database, make_message: MakeMessage
) -> None:
    message = make_message("A", edited_ms=2**40, edit_id="3EBE", starred=True)
    (stored,) = await add(database, message)
    assert stored == replace(message, seq=stored.seq)

    def read(work: UnitOfWork) -> list[Message | None]:
        messages = work.messages
        return [
            messages.get(ANN, "A"),
            messages.get_exact(message.key),
            messages.find("A"),
            messages.last(ANN),
            *messages.page(ANN, 5),
        ]

    assert await database.read("s", read) == [stored] * 5


async def test_an_exact_key_means_no_message_of_another_author(
    database: Database, make_message: MakeMessage
) -> None:
    bobs, own = await add(
        database,
        make_message("A", GROUP, sender=BOB),
        make_message("A", GROUP, from_me=True, sender=ME),
    )
    assert await look(database, bobs.key) == bobs
    assert await look(database, own.key) == own
    by_lid = replace(own.key, sender=Jid.parse("100000000000009@lid"))
    assert await look(database, by_lid) == own
    for other in (
        replace(bobs.key, sender=ANN),
        replace(bobs.key, id="B"),
        replace(bobs.key, chat=ANN),
    ):
        assert await look(database, other) is None


# --- edits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [MessageKind.TEXT, MessageKind.OTHER])
async def test_the_latest_edit_counts(
    database: Database, make_message: MakeMessage, kind: MessageKind
) -> None:
    (stored,) = await add(database, make_message("A", kind=kind, ack=Ack.READ, starred=True))

    def job(work: UnitOfWork) -> list[Message | None]:
        edits = ((b"b", 20, "E2"), (b"a", 10, "E1"), (b"c", 20, "E3"), (b"d", 30, "E4"))
        return [work.messages.edit(stored.key, *edit) for edit in edits]

    def edited(content: bytes, edited_ms: int, edit_id: str) -> Message:
        return replace(stored, content=content, edited_ms=edited_ms, edit_id=edit_id)

    seen = await database.write("s", job)
    assert seen == [edited(b"b", 20, "E2"), None, edited(b"c", 20, "E3"), edited(b"d", 30, "E4")]
    assert await look(database, stored.key) == seen[-1]


@pytest.mark.parametrize("kind", [MessageKind.CIPHERTEXT, MessageKind.ADD_ON, MessageKind.REVOKED])
async def test_what_has_no_content_of_its_own_is_not_edited(
    database: Database, make_message: MakeMessage, kind: MessageKind
) -> None:
    (stored,) = await add(database, make_message("A", kind=kind))
    edited = await database.write("s", lambda work: work.messages.edit(stored.key, b"", 1, "E"))
    assert edited is None
    assert await look(database, stored.key) == stored


Change = Callable[[UnitOfWork, MessageKey], Message | None]
CHANGES = [
    lambda work, key: work.messages.edit(key, b"new", 1, "E"),
    lambda work, key: work.messages.revoke(key, TOMBSTONE),
]


@pytest.mark.parametrize("change", CHANGES, ids=["edit", "revoke"])
async def test_nobody_changes_a_message_of_another(
    database: Database, make_message: MakeMessage, change: Change
) -> None:
    (stored,) = await add(database, make_message("A", GROUP, sender=BOB))
    for key in (
        replace(stored.key, sender=ANN),
        replace(stored.key, from_me=True),
        replace(stored.key, chat=ANN),
        replace(stored.key, id="B"),
    ):
        assert await database.write("s", lambda work, k=key: change(work, k)) is None
    assert await database.write("else", lambda work: change(work, stored.key)) is None
    assert await look(database, stored.key) == stored


# --- revokes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [MessageKind.TEXT, MessageKind.OTHER, MessageKind.CIPHERTEXT])
async def test_a_revoked_message_keeps_its_place_and_stays_revoked(
    database: Database, make_message: MakeMessage, kind: MessageKind
) -> None:
    original = make_message("A", kind=kind, timestamp=100)
    stored, later = await add(database, original, make_message("B", timestamp=100))

    def job(work: UnitOfWork) -> list[Message | None]:
        return [
            work.messages.revoke(stored.key, TOMBSTONE),
            work.messages.revoke(stored.key, b"again"),
            work.messages.edit(stored.key, b"edit", 2**50, "E"),
            work.messages.add(make_message("A", timestamp=200)),
            work.messages.add(make_message("A", kind=MessageKind.CIPHERTEXT)),
        ]

    left = replace(stored, kind=MessageKind.REVOKED, content=TOMBSTONE)
    assert await database.write("s", job) == [left, None, None, None, None]
    assert await database.read("s", lambda work: work.messages.page(ANN, 5)) == [later, left]
    assert await database.read("s", lambda work: work.messages.get(ANN, "A")) == left


async def test_a_tombstone_that_comes_first_keeps_the_original_out(
    database: Database, make_message: MakeMessage
) -> None:
    tombstone = make_message("A", kind=MessageKind.REVOKED, content=TOMBSTONE)
    (left,) = await add(database, tombstone)
    assert await database.write("s", lambda work: work.messages.add(make_message("A"))) is None
    assert await look(database, left.key) == left


async def test_add_ons_and_unknown_messages_cannot_be_revoked(
    database: Database, make_message: MakeMessage
) -> None:
    (reaction,) = await add(database, make_message("A", kind=MessageKind.ADD_ON))
    for key in (reaction.key, replace(reaction.key, id="B")):
        revoked = await database.write("s", lambda work, k=key: work.messages.revoke(k, TOMBSTONE))
        assert revoked is None
    assert await database.read("s", lambda work: work.messages.page(ANN, 5)) == []


# --- stars and deletion --------------------------------------------------------------------------


async def test_a_star_is_set_and_taken_away(database: Database, make_message: MakeMessage) -> None:
    bobs, own = await add(
        database,
        make_message("A", GROUP, sender=BOB),
        make_message("A", GROUP, from_me=True, sender=ME),
    )

    def job(work: UnitOfWork) -> list[Message | None]:
        star = work.messages.star
        chat = Jid.parse(GROUP)
        return [star(chat, "A", on) for on in (False, True, True, False)] + [star(chat, "B", True)]

    starred = replace(own, starred=True)
    assert await database.write("s", job) == [None, starred, None, own, None]
    assert await look(database, bobs.key) == bobs


async def test_a_placeholder_that_is_filled_keeps_its_star(
    database: Database, make_message: MakeMessage
) -> None:
    await add(database, make_message("A", kind=MessageKind.CIPHERTEXT, starred=True))
    (filled,) = await add(database, make_message("A", edited_ms=5, edit_id="E"))
    assert (filled.starred, filled.edited_ms, filled.edit_id) == (True, 5, "E")


async def test_a_deleted_message_takes_its_add_ons_and_retries_along(
    database: Database, make_message: MakeMessage
) -> None:
    gone, stays = await add(database, make_message("A"), make_message("B"))

    def job(work: UnitOfWork) -> tuple[list[Message | None], list[int]]:
        for target_id in "AB":
            work.add_ons.put(add_on(target_id))
            work.add_ons.put(add_on(target_id, kind=AddOnKind.PIN))
            work.messages.bump_retry(ANN, target_id, "15550001111.0")
        deleted = [work.messages.delete(ANN, "A"), work.messages.delete(ANN, "A")]
        left = [
            len(work.add_ons.of(add_on(target_id).target, kind))
            for target_id in "AB"
            for kind in (AddOnKind.REACTION, AddOnKind.PIN)
        ]
        retries = [work.messages.bump_retry(ANN, m, "15550001111.0") for m in "AB"]
        return deleted, left + retries

    assert await database.write("s", job) == ([gone, None], [0, 0, 1, 1, 1, 2])
    assert await look(database, gone.key) is None
    assert await look(database, stays.key) == stays


async def test_deleting_takes_the_own_message_of_those_that_share_an_id(
    database: Database, make_message: MakeMessage
) -> None:
    bobs, own = await add(
        database,
        make_message("A", GROUP, sender=BOB),
        make_message("A", GROUP, from_me=True, sender=ME),
    )
    chat = Jid.parse(GROUP)
    assert await database.write("s", lambda work: work.messages.delete(chat, "A")) == own
    assert await look(database, bobs.key) == bobs


# --- another name of the author ------------------------------------------------------------------


async def test_what_a_lid_wrote_in_groups_is_its_numbers(
    database: Database, make_message: MakeMessage
) -> None:
    lid = str(ANN_LID)
    stored = await add(
        database,
        make_message("A", GROUP, sender=lid),
        make_message("B", "status@broadcast", sender=lid, kind=MessageKind.ADD_ON),
        make_message("C", GROUP, sender=BOB),
        make_message("D", GROUP, from_me=True, sender=ME),
    )
    await database.write("else", lambda work: work.messages.rename_author(ANN_LID, ANN))
    assert await look(database, stored[0].key) == stored[0]
    await database.write("s", lambda work: work.messages.rename_author(ANN_LID, ANN))
    for message in stored[:2]:
        renamed = replace(message, key=replace(message.key, sender=ANN))
        assert await look(database, renamed.key) == renamed
        assert await look(database, message.key) is None
    for message in stored[2:]:
        assert await look(database, message.key) == message
    again = make_message("A", GROUP, sender=str(ANN))
    assert await database.write("s", lambda work: work.messages.add(again)) is None


async def test_only_a_lid_gets_another_name(database: Database, make_message: MakeMessage) -> None:
    (stored,) = await add(database, make_message("A", GROUP, sender=str(ANN_LID)))
    await database.write("s", lambda work: work.messages.rename_author(ANN_LID, ANN_LID))
    with pytest.raises(InvalidInput):
        await database.write("s", lambda work: work.messages.rename_author(ANN, ANN_LID))
    assert await look(database, stored.key) == stored


PLACEHOLDER = {"kind": MessageKind.CIPHERTEXT, "content": b""}
READABLE = {"content": b"readable"}
EDITED = {"content": b"edited", "edited_ms": 5}
REVOKED = {"kind": MessageKind.REVOKED, "content": TOMBSTONE}


@pytest.mark.parametrize("worse_has_new_name", [True, False])
@pytest.mark.parametrize(
    ("worse", "better"),
    [
        (PLACEHOLDER, READABLE),
        (PLACEHOLDER, REVOKED),
        (READABLE, EDITED),
        (EDITED, REVOKED),
    ],
    ids=["readable", "tombstone", "edit", "revoke"],
)
@pytest.mark.parametrize("chat", [GROUP, None], ids=["group", "private"])
async def test_of_two_copies_of_a_message_the_one_that_says_more_is_kept(
    database: Database,
    make_message: MakeMessage,
    worse: dict[str, object],
    better: dict[str, object],
    worse_has_new_name: bool,
    chat: str | None,
) -> None:
    fields = {ANN: worse, ANN_LID: better} if worse_has_new_name else {ANN: better, ANN_LID: worse}
    copies = [
        make_message("A", chat or str(who), sender=str(who), **what) for who, what in fields.items()
    ]
    await add(database, *copies)

    def rename(work: UnitOfWork) -> list[Message]:
        if chat is None:
            work.messages.rename_chat(ANN_LID, ANN)
        else:
            work.messages.rename_author(ANN_LID, ANN)
        return work.messages.page(Jid.parse(chat or str(ANN)), 5)

    (kept,) = await database.write("s", rename)
    assert kept.key == copies[0].key
    assert kept.content == better["content"]


async def test_of_two_equal_copies_the_one_with_the_new_name_stays(
    database: Database, make_message: MakeMessage
) -> None:
    by_lid, by_pn = await add(
        database,
        make_message("A", GROUP, sender=str(ANN_LID), content=b"lid"),
        make_message("A", GROUP, sender=str(ANN), content=b"pn"),
    )
    await database.write("s", lambda work: work.messages.rename_author(ANN_LID, ANN))
    assert await look(database, by_pn.key) == by_pn
    assert await look(database, by_lid.key) is None
