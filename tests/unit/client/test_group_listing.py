"""All groups at once, and groups that are asked for again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, Account
from support.clock import TIMEOUT_S
from support.group_server import Asking, answer
from support.groups import GROUP
from waport.client.group_metadata import MANY, MEMBERS_STEP, REFETCH_DELAY_S
from waport.client.mappings import PAIRS_STEP
from waport.errors import (
    CorruptRecord,
    RateLimited,
)
from waport.model import Group
from waport.store.addresses import Addresses
from waport.store.groups import Groups
from waport.wire import Jid, Node

OTHER = Jid("120363000000000002", "g.us")


class Room(Asking):
    """The groups of the account, and what is going on at the same time."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.tasks: list[asyncio.Task[Any]] = []

    def begin(self, coroutine: Any) -> asyncio.Task[Any]:
        task = asyncio.create_task(coroutine)
        self.tasks.append(task)
        return task

    async def end(self, task: asyncio.Task[Any]) -> Any:
        async with asyncio.timeout(TIMEOUT_S):
            return await task


@pytest.fixture
async def room(account: Account) -> AsyncIterator[Room]:
    room = Room(account)
    await room.learn((OWN_PN.bare, OWN_LID.bare))
    yield room
    for task in room.tasks:
        task.cancel()
    await asyncio.gather(*room.tasks, return_exceptions=True)


# --- all groups -----------------------------------------------------------------------------------


def listing(*groups: Node) -> Node:
    return Node("groups", {}, list(groups))


async def test_all_groups_come_with_one_question(room: Room) -> None:
    room.server.will(listing(answer(), answer(OTHER, subject="Others", truncated="true")))
    found = await room.groups.all()
    assert [each.subject for each in found] == ["Friends", "Others"]
    assert found == [await room.stored(GROUP), await room.stored(OTHER)]
    # One whose members were left out has to be asked for by itself.
    assert [each.fetched_at for each in found] == [NOW, 0]


async def test_a_listing_of_many_people_holds_up_nobody(
    room: Room, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [
        Node("participant", {"jid": Jid(str(2 * 10**14 + n), "lid"), "phone_number": number})
        for n in range(PAIRS_STEP * 2 + 5)
        for number in [Jid(str(49151 * 10**7 + n), "s.whatsapp.net")]
    ]
    groups = [
        Node("group", {**answer().attrs, "id": str(120363000000001000 + n)}, members)
        for n in range(MEMBERS_STEP // len(members) + 2)
    ]
    work: list[Counter[str]] = []
    write = account.database.write

    async def watched(session_id: str, job: Any) -> Any:
        work.append(Counter())
        return await write(session_id, job)

    def counted(table: str, method: Any) -> Any:
        def count(*args: Any) -> Any:
            work[-1][table] += 1
            return method(*args)

        return count

    monkeypatch.setattr(account.database, "write", watched)
    for repository, name in ((Addresses, "learn"), (Groups, "put"), (Addresses, "lid_of")):
        monkeypatch.setattr(repository, name, counted(name, getattr(repository, name)))
    room.server.will(listing(*groups))
    assert len(await room.groups.all()) == len(groups)
    assert sum(job["learn"] for job in work) == len(members)
    assert max(job["learn"] for job in work) == PAIRS_STEP
    assert max(job["put"] for job in work) < len(groups)
    # Who is known already is asked for all at once.
    assert sum(job["lid_of"] for job in work) <= 2 * len(members)


async def test_groups_that_are_not_listed_we_have_left(room: Room) -> None:
    await room.put()
    await room.tell_key(PEER_LID.signal_address)
    room.server.will(listing(answer(OTHER)))
    await room.groups.all()
    known = await room.stored()
    assert known.is_left
    assert await room.key() == (False, set())


@pytest.mark.parametrize(
    "listed",
    [listing(answer(OTHER), Node("group")), listing(Node("group", {"id": "1", "error": "4"}))],
)
async def test_a_listing_that_can_not_be_read_in_full_ends_nothing(
    room: Room, listed: Node
) -> None:
    known = await room.put()
    room.server.will(listed)
    await room.groups.all()
    assert await room.stored() == known


async def test_communities_are_not_listed_and_stay(room: Room) -> None:
    known = await room.put(is_community=True)
    room.server.will(listing())
    assert await room.groups.all() == []
    assert await room.stored() == known


async def test_a_group_that_changed_while_all_were_asked_for_is_not_left(room: Room) -> None:
    await room.put(is_left=True)
    room.server.will(None)
    asking = room.begin(room.groups.all())
    await room.server.was_asked(1)
    known = await room.put()
    room.server.reply(room.server.asked[0], listing())
    assert await room.end(asking) == []
    assert await room.stored() == known


async def test_a_row_that_can_not_be_read_hinders_no_listing(
    room: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await room.put()

    def unreadable(*_: Any) -> Group:
        raise CorruptRecord("a stored group cannot be read")

    room.server.will(listing(answer()))
    with monkeypatch.context() as patch:
        patch.setattr("waport.store.groups._read", unreadable)
        assert len(await room.groups.all()) == 1
    assert (await room.stored()) is not None
    assert "cannot be read" in caplog.text


# --- again ----------------------------------------------------------------------------------------


async def test_what_is_wanted_again_several_times_is_asked_for_once(room: Room) -> None:
    room.server.will(answer(), answer(OTHER))
    waiting = room.begin(room.groups.refetch(GROUP))
    await room.clock.sleeping(REFETCH_DELAY_S)
    await room.groups.refetch(GROUP)
    await room.groups.refetch(OTHER)
    assert room.server.asked == []
    await room.clock.pass_by(REFETCH_DELAY_S)
    await room.end(waiting)
    assert [node.jid("to") for node in room.server.asked] == [GROUP, OTHER]


async def again(room: Room, *jids: Jid) -> None:
    """Have groups asked for again, and let the time pass."""
    waiting = room.begin(room.groups.refetch(jids[0]))
    await room.clock.sleeping(REFETCH_DELAY_S)
    for jid in jids[1:]:
        await room.groups.refetch(jid)
    await room.clock.pass_by(REFETCH_DELAY_S)
    await room.end(waiting)


async def test_many_groups_come_with_one_question(room: Room) -> None:
    jids = [Jid(f"12036300000000010{number}", "g.us") for number in range(MANY + 1)]
    room.server.will(listing(*[answer(jid) for jid in jids]))
    await again(room, *jids)
    assert [node.tag for node in room.server.children] == ["participating"]


async def test_a_mere_suspicion_right_after_an_answer_asks_nothing(room: Room) -> None:
    await room.put(fetched_at=NOW)
    await again(room, GROUP)
    assert room.server.asked == []
    await room.put(fetched_at=0)
    room.server.will(answer())
    await again(room, GROUP)
    await room.put(fetched_at=NOW - 120)
    room.server.will(answer())
    await again(room, GROUP)
    assert len(room.server.asked) == 2


async def test_one_group_that_is_not_ours_does_not_hinder_the_next(room: Room) -> None:
    await room.put(fetched_at=0)
    room.server.will(403, answer(OTHER))
    await again(room, GROUP, OTHER)
    assert (await room.stored()).is_left
    assert await room.stored(OTHER) is not None


async def test_what_the_server_has_no_time_for_is_left_to_the_next_need(room: Room) -> None:
    await room.put(fetched_at=0)
    room.server.will(429)
    with pytest.raises(RateLimited):
        await again(room, GROUP, OTHER)
    assert (await room.stored()).fetched_at == 0
    room.server.will(answer())
    await again(room, GROUP)


async def test_waiting_that_was_cut_off_begins_anew(room: Room) -> None:
    waiting = room.begin(room.groups.refetch(GROUP))
    await room.clock.sleeping(REFETCH_DELAY_S)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    room.server.will(answer())
    await again(room, GROUP)
    assert len(room.server.asked) == 1
