"""Channels and the numbers of their posts come back as they were."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from waport.errors import CorruptRecord, InvalidInput
from waport.model.newsletter import KnownPost, Newsletter, PostCounts
from waport.store import Database, UnitOfWork
from waport.store.schema import newsletters as table
from waport.store.statements import put_row
from waport.wire import Jid

JID = Jid("120363000000000002", "newsletter")
OTHER = Jid("120363000000000003", "newsletter")
FULL = Newsletter(
    JID,
    name='Käse & "Wein" 🧀',
    name_at_us=1,
    description="line\nline",
    description_at_us=2,
    created_at=3,
    invite="0029Va",
    handle="cheese",
    subscribers=2**40,
    is_verified=True,
    state="NEWER",
    role="OWNER",
    is_muted=True,
    mutes_followers=True,
    reactions="NONE",
    picture_id="1",
    picture_path="/v/1",
    preview_path="/v/2",
    fetched_at=2**62,
)
SPOIL = put_row(table)
COUNTS = PostCounts({"👍": 3}, 12, 2, 1, {"00" * 32: 4})


async def write(database: Database, job: Any) -> Any:
    return await database.write("one", job)


def test_the_full_channel_leaves_no_field_as_it_is_by_default() -> None:
    plain = Newsletter(JID)
    assert [f.name for f in fields(FULL) if getattr(FULL, f.name) == getattr(plain, f.name)] == [
        "jid"
    ]


@pytest.mark.parametrize("newsletter", [FULL, Newsletter(JID), Newsletter(JID, state="", role="")])
async def test_a_channel_comes_back_as_it_was(database: Database, newsletter: Newsletter) -> None:
    def job(store: UnitOfWork) -> Newsletter | None:
        store.newsletters.put(FULL)
        store.newsletters.put(newsletter)
        return store.newsletters.get(JID)

    found = await write(database, job)
    assert found == newsletter
    assert found.fetched_at == newsletter.fetched_at


async def test_channels_are_of_one_session_and_can_be_forgotten(database: Database) -> None:
    def job(store: UnitOfWork) -> list[Newsletter]:
        store.newsletters.put(FULL)
        store.newsletters.put(Newsletter(OTHER))
        return store.newsletters.all()

    assert await write(database, job) == [FULL, Newsletter(OTHER)]
    assert await database.write("two", lambda store: store.newsletters.all()) == []

    def forget(store: UnitOfWork) -> tuple[object, ...]:
        store.newsletters.name_post(JID, 100, "A")
        store.newsletters.delete(JID)
        return store.newsletters.get(JID), store.newsletters.post(JID, 100)

    assert await write(database, forget) == (None, None)


async def test_a_post_is_found_by_number_and_by_message(database: Database) -> None:
    def job(store: UnitOfWork) -> tuple[object, ...]:
        posts = store.newsletters
        posts.name_post(JID, 100, "A")
        posts.name_post(JID, 101, "B")
        posts.name_post(OTHER, 100, "C")
        return (
            posts.post(JID, 100),
            posts.post_of(JID, "B"),
            posts.post_of(JID, "C"),
            posts.numbers_of(JID, ["B", "X", "A"]),
        )

    assert await write(database, job) == (
        KnownPost(JID, 100, "A"),
        KnownPost(JID, 101, "B"),
        None,
        [101, 100],
    )


async def test_counters_are_kept_beside_the_name(database: Database) -> None:
    def job(store: UnitOfWork) -> tuple[object, ...]:
        posts = store.newsletters
        news = [posts.count_post(KnownPost(JID, 100, "", COUNTS))]
        posts.name_post(JID, 100, "A")
        news.append(posts.count_post(KnownPost(JID, 100, "", COUNTS)))
        news.append(posts.count_post(KnownPost(JID, 100, "", PostCounts(views=13))))
        return news, posts.post(JID, 100)

    news, kept = await write(database, job)
    assert news == [True, False, True]
    assert kept == KnownPost(JID, 100, "A", PostCounts(views=13))


async def test_a_row_that_cannot_be_read_is_an_error(database: Database) -> None:
    def job(store: UnitOfWork) -> None:
        store.newsletters.put(FULL)
        store.newsletters._db.change(  # what no code of ours would write
            SPOIL, session_id="one", jid=str(JID), data='{"name": 7}'
        )
        store.newsletters.get(JID)

    with pytest.raises(CorruptRecord):
        await write(database, job)


async def test_an_address_that_is_none_is_refused(database: Database) -> None:
    with pytest.raises(InvalidInput):
        await write(
            database, lambda store: store.newsletters.put(Newsletter(Jid("a@b", "newsletter")))
        )
