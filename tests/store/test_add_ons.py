"""Add-ons: the latest of each person, in order, under one name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from waport.errors import CorruptRecord, InvalidInput
from waport.model import AddOn, AddOnKind, Credentials, MessageKey
from waport.store import Database, UnitOfWork, add_on_names, add_ons, message_names
from waport.store.backend import Backend
from waport.wire import Jid

from .conftest import add_on

ANN = Jid.parse("15550001111@s.whatsapp.net")
ANN_LID = Jid.parse("100000000000001@lid")
BOB = Jid.parse("15550002222@s.whatsapp.net")
ME = Jid.parse("15551230000@s.whatsapp.net")
ME_LID = Jid.parse("100000000000009@lid")
GROUP = Jid.parse("123456789@g.us")
REACTION = AddOnKind.REACTION


async def put(database: Database, *add_ons: AddOn) -> list[bool]:
    return await database.write("s", lambda work: [work.add_ons.put(a) for a in add_ons])


async def of(database: Database, target: MessageKey, kind: AddOnKind = REACTION) -> list[AddOn]:
    return await database.read("s", lambda work: work.add_ons.of(target, kind))


@pytest.mark.parametrize("kind", [kind for kind in AddOnKind if kind is not AddOnKind.RECEIPT])
@pytest.mark.parametrize("from_me", [False, True])
@pytest.mark.parametrize("author", [str(BOB), ""])
async def test_an_add_on_comes_back_as_it_was(
    database: Database, kind: AddOnKind, from_me: bool, author: str
) -> None:
    made = add_on(
        "A",
        str(GROUP),
        author=author,
        sender=str(ME),
        from_me=from_me,
        kind=kind,
        data="🦊".encode(),
    )
    elsewhere = replace(made, key=replace(made.key, chat=ANN))  # such as a status
    for each in (made, elsewhere):
        assert await put(database, each) == [True]
        found = await database.read("s", lambda work: work.add_ons.get(made.target, kind, ME))
        assert found == each
        assert await of(database, made.target, kind) == [each]
    assert await database.read("else", lambda work: work.add_ons.of(made.target, kind)) == []


async def test_a_receipt_is_the_members_though_its_key_is_our_message(database: Database) -> None:
    receipts = [
        AddOn(target, AddOnKind.RECEIPT, who, target, b"\x03", 1)
        for target in [add_on("A", str(GROUP), author="").target]
        for who in (ANN, BOB)
    ]
    assert await put(database, *receipts) == [True, True]
    target = receipts[0].target
    assert await of(database, target, AddOnKind.RECEIPT) == receipts
    for receipt in receipts:
        found = await database.read(
            "s", lambda work, r=receipt: work.add_ons.get(target, AddOnKind.RECEIPT, r.sender)
        )
        assert found == receipt


async def test_add_ons_are_told_apart_by_target_kind_and_sender(database: Database) -> None:
    add_ons = [
        add_on(target_id, str(chat), author=author, sender=str(sender), kind=kind)
        for target_id, chat, author, sender, kind in product(
            ("A", "B"), (GROUP, ANN), (str(BOB), ""), (ANN, BOB), (REACTION, AddOnKind.PIN)
        )
    ]
    assert await put(database, *add_ons) == [True] * 32
    assert await of(database, add_ons[0].target) == [add_ons[0], add_ons[2]]


async def test_the_newer_of_a_persons_add_ons_counts(database: Database) -> None:
    first = add_on(timestamp_ms=100, data=b"1")
    same_age = replace(first, data=b"2", key=replace(first.key, id="second"))
    older = replace(first, data=b"3", timestamp_ms=99)
    newer = replace(first, data=b"", timestamp_ms=101)
    seen = [
        (await put(database, each), await of(database, first.target))
        for each in (first, same_age, older, newer, older)
    ]
    assert seen == [
        ([True], [first]),
        ([True], [same_age]),
        ([False], [same_age]),
        ([True], [newer]),
        ([False], [newer]),
    ]


async def test_add_ons_stay_in_the_order_in_which_they_first_came(database: Database) -> None:
    anns = add_on("A", str(GROUP), sender=str(ANN), timestamp_ms=300)
    bobs = add_on("A", str(GROUP), sender=str(BOB), timestamp_ms=200)
    own = add_on("A", str(GROUP), sender=str(ME), from_me=True, timestamp_ms=100)
    again = replace(anns, data=b"-", timestamp_ms=400)
    await put(database, anns, bobs, own, again)
    assert await of(database, anns.target) == [again, bobs, own]


async def test_the_own_account_is_one_person_by_number_and_lid(
    database: Database, credentials: Credentials
) -> None:
    by_number = add_on("A", str(GROUP), sender=str(ME), from_me=True, timestamp_ms=1)
    by_lid = add_on("A", str(GROUP), sender=str(ME_LID), from_me=True, timestamp_ms=2)
    assert await put(database, by_number, by_lid, by_number) == [True, True, False]
    assert await of(database, by_lid.target) == [by_lid]
    anns = add_on("A", str(GROUP), sender=str(ANN))
    await put(database, anns)

    def get(work: UnitOfWork) -> list[AddOn | None]:
        return [work.add_ons.get(by_lid.target, REACTION, jid) for jid in (ME, ME_LID, ANN, BOB)]

    # Which addresses are the own ones is what the credentials say.
    assert await database.read("s", get) == [None, by_lid, anns, None]
    own = replace(credentials, pn=ME.with_device(7), lid=ME_LID.with_device(7))
    await database.write("s", lambda work: work.devices.create(own))
    assert await database.read("s", get) == [by_lid, by_lid, anns, None]


async def test_dropping_leaves_what_was_added_to_other_messages(database: Database) -> None:
    gone = [add_on("A", kind=kind) for kind in (REACTION, AddOnKind.PIN)]
    stays = [add_on("A", author=""), add_on("B"), add_on("A", str(GROUP), author=str(ANN))]
    await put(database, *gone, *stays)
    await database.write("s", lambda work: work.add_ons.drop(gone[0].target))
    assert await of(database, gone[0].target) == []
    assert await of(database, gone[1].target, AddOnKind.PIN) == []
    assert [await of(database, each.target) for each in stays] == [[each] for each in stays]


@pytest.mark.parametrize("column", ["sender", "target_sender", "key_chat"])
async def test_a_row_that_makes_no_sense_is_an_error(database: Database, column: str) -> None:
    made = add_on()
    await put(database, made)
    damage = f"UPDATE add_ons SET {column} = 'nobody'"
    await database.write("s", lambda work: work.add_ons._db.run(damage))
    with pytest.raises(CorruptRecord):
        await of(database, made.target)


# --- another address -----------------------------------------------------------------------------


async def test_a_person_is_named_by_number_everywhere_once_it_is_known(database: Database) -> None:
    lid = str(ANN_LID)
    in_private = add_on("A", lid)
    own_in_private = add_on("A", lid, sender=str(ME), from_me=True)
    to_own = add_on("B", lid, author="")
    in_group = add_on("A", str(GROUP), author=str(BOB), sender=lid)
    to_hers = add_on("B", str(GROUP), author=lid, sender=str(BOB))
    to_own_self = add_on("C", str(GROUP), author=lid, sender=lid)
    await put(database, in_private, own_in_private, to_own, in_group, to_hers, to_own_self)
    await database.write("s", lambda work: work.add_ons.rename(ANN_LID, ANN))
    ann = str(ANN)
    for renamed in (
        [add_on("A", ann), add_on("A", ann, sender=str(ME), from_me=True)],
        [add_on("B", ann, author="")],
        [add_on("A", str(GROUP), author=str(BOB), sender=ann)],
        [add_on("B", str(GROUP), author=ann, sender=str(BOB))],
        [add_on("C", str(GROUP), author=ann, sender=ann)],
    ):
        assert await of(database, renamed[0].target) == renamed
    for old in (in_private, to_own, to_hers, to_own_self):
        assert await of(database, old.target) == []


@pytest.mark.parametrize(("lid_ms", "pn_ms", "kept"), [(1, 2, "pn"), (2, 1, "lid"), (1, 1, "pn")])
@pytest.mark.parametrize("chat", [GROUP, None])
async def test_of_two_add_ons_of_one_person_the_newer_is_kept(
    database: Database, lid_ms: int, pn_ms: int, kept: str, chat: Jid | None
) -> None:
    by_lid = add_on("A", str(chat or ANN_LID), author="", sender=str(ANN_LID), data=b"lid")
    by_pn = add_on("A", str(chat or ANN), author="", sender=str(ANN), data=b"pn")
    await put(database, replace(by_lid, timestamp_ms=lid_ms), replace(by_pn, timestamp_ms=pn_ms))
    await database.write("s", lambda work: work.add_ons.rename(ANN_LID, ANN))
    (found,) = await of(database, by_pn.target)
    assert found == replace(by_pn, data=kept.encode(), timestamp_ms=max(lid_ms, pn_ms))


async def test_only_lids_are_renamed_and_to_themselves_they_stay(database: Database) -> None:
    made = add_on("A", str(GROUP), author=str(BOB), sender=str(ANN_LID))
    await put(database, made)
    await database.write("s", lambda work: work.add_ons.rename(ANN_LID, ANN_LID))
    assert await of(database, made.target) == [made]
    with pytest.raises(InvalidInput):
        await database.write("s", lambda work: work.add_ons.rename(ANN, BOB))
    await database.write("else", lambda work: work.add_ons.rename(ANN_LID, ANN))
    assert await of(database, made.target) == [made]


# --- against a model -----------------------------------------------------------------------------

CHATS = (str(ANN_LID), str(ANN), str(GROUP))
PEOPLE = (str(ANN_LID), str(ANN), str(BOB), "")
puts = st.lists(
    st.tuples(
        st.sampled_from(CHATS),
        st.sampled_from(PEOPLE),
        st.sampled_from(PEOPLE),
        st.integers(0, 3),
    ),
    max_size=25,
)


@contextmanager
def work_on(path: Path) -> Iterator[UnitOfWork]:
    backend = Backend(f"sqlite:///{path}")
    backend.prepare()
    db = backend.begin(None, read_only=False)
    try:
        yield UnitOfWork(db, "s", lambda: 0)
    finally:
        db.discard()
        backend.release()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(puts=puts)
def test_one_persons_newest_add_on_is_left_whatever_both_names_had(
    tmp_path_factory: pytest.TempPathFactory, puts: list[tuple[str, str, str, int]]
) -> None:
    """Each is (chat, author, sender, age); the model keeps the best of each renamed name."""
    model: dict[tuple[str, str, str], tuple[int, int]] = {}
    places: dict[tuple[str, str, str], int] = {}
    with work_on(tmp_path_factory.mktemp("model") / "waport.db") as work:
        for place, (chat, author, sender, ms) in enumerate(puts):
            data = bytes([place])
            made = add_on(
                "A",
                chat,
                author=author,
                sender=sender or str(ME),
                from_me=sender == "",
                timestamp_ms=ms,
                data=data,
            )
            name = (chat, author, sender)
            is_new = name not in model or model[name][0] <= ms
            assert work.add_ons.put(made) is is_new
            places.setdefault(name, place)
            if is_new:
                model[name] = (ms, place)
        work.add_ons.rename(ANN_LID, ANN)
        best: dict[tuple[str, ...], tuple[int, int, int]] = {}
        for name, (ms, content) in model.items():
            new = tuple(str(ANN) if each == str(ANN_LID) else each for each in name)
            best[new] = max(best.get(new, (-1, -1, -1)), (ms, places[name], content))
        for chat, author in product(CHATS, PEOPLE):
            found = work.add_ons.of(add_on("A", chat, author=author).target, REACTION)
            wanted = sorted(
                (place, content, ms, name[2])
                for name, (ms, place, content) in best.items()
                if name[:2] == (chat, author)
            )
            assert [
                (each.data[0], each.timestamp_ms, "" if each.key.from_me else str(each.sender))
                for each in found
            ] == [(content, ms, sender) for _, content, ms, sender in wanted]


async def test_what_is_asked_for_every_message_uses_an_index(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite:///{tmp_path}/waport.db")

    def plan(work: UnitOfWork) -> list[str]:
        steps = []
        for statement in (
            add_ons._WAITING_MESSAGES,
            add_on_names._HAS_OLD,
            *add_on_names._RENAME,
            add_on_names._RENAME_WAITING,
            message_names._HAS_AUTHOR,
            *message_names._RENAME_AUTHOR,
            *message_names._RENAME_CHAT,
        ):
            compiled = statement.compile(work.add_ons._db._dialect)
            values = [None] * compiled.sql.count("?")
            explained = work.add_ons._db._driver.execute(
                f"EXPLAIN QUERY PLAN {compiled.sql}", values
            )
            steps += [row[3] for row in explained.fetchall()]
        return steps

    steps = [step for step in await database.read("s", plan) if step[:4] in ("SCAN", "SEAR")]
    assert len(steps) > 10
    # Not even an index is run through for a whole session.
    assert all("SEARCH" in step and "(session_id=?)" not in step for step in steps), steps
    await database.close()
