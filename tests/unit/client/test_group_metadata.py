"""What groups are like: kept in the store, asked for when that is missing or old."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from support.account import NOW, PEER_LID, PEER_PN, Account
from support.clock import TIMEOUT_S
from support.group_server import Asking
from support.groups import CAROL_LID, CAROL_PN, GROUP, LIDS
from waport.client.group_metadata import MANY, REFETCH_DELAY_S, TRUST_S
from waport.errors import (
    CorruptRecord,
    InvalidInput,
    NotAuthorized,
    NotFound,
    QueryError,
    QueryTimeout,
    RateLimited,
    StanzaError,
)
from waport.model import AddressingMode, Group
from waport.model.group import GROUP_AGE_S
from waport.wire import Jid, Node

OTHER = Jid("120363000000000002", "g.us")


def answer(jid: Jid = GROUP, **attrs: Any) -> Node:
    """`<group>` with the members of the usual group."""
    people = [
        Node("participant", {"jid": lid, "phone_number": pn, "join_time": "1"})
        for pn, lid in LIDS.items()
    ]
    known = {
        "id": jid.user,
        "subject": "Friends",
        "creation": "1600000000",
        "addressing_mode": "lid",
        "size": "3",
        "p_v_id": "10",
        "a_v_id": "3",
    }
    return Node("group", {**known, **attrs}, people)


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
    yield room
    for task in room.tasks:
        task.cancel()
    await asyncio.gather(*room.tasks, return_exceptions=True)


# --- one group ------------------------------------------------------------------------------------


async def test_a_group_is_asked_for_once_and_kept(room: Room) -> None:
    room.server.will(answer())
    first = await room.groups.info(GROUP)
    assert (first.subject, first.fetched_at) == ("Friends", NOW)
    assert [member.pn for member in first.members] == list(LIDS)
    assert await room.groups.info(GROUP) == first == await room.stored()
    assert len(room.server.asked) == 1

    # A new client over the same store asks nothing.
    room.groups = room.client()
    assert await room.groups.info(GROUP) == first
    assert len(room.server.asked) == 1


async def test_a_group_brings_addresses_and_a_chat_with_its_name(room: Room) -> None:
    room.server.will(answer())
    await room.groups.info(GROUP)
    assert await room.account.read(lambda store: store.addresses.pn_of(CAROL_LID)) == CAROL_PN
    chat = await room.account.read(lambda store: store.chats.get(GROUP))
    assert (chat.name, chat.timestamp) == ("Friends", 1_600_000_000)


async def test_a_community_is_no_chat(room: Room) -> None:
    community = answer()
    assert isinstance(community.content, list)
    community.content.append(Node("parent"))
    room.server.will(community)
    assert (await room.groups.info(GROUP)).is_community
    assert await room.account.read(lambda store: store.chats.get(GROUP)) is None


async def test_numbers_that_are_not_shown_are_those_that_we_know(room: Room) -> None:
    node = answer()
    for person in node.children("participant"):
        del person.attrs["phone_number"]
    room.server.will(node)
    await room.account.write(lambda store: store.addresses.learn(CAROL_PN, CAROL_LID))
    known = await room.groups.info(GROUP)
    assert [member.pn for member in known.members] == [PEER_PN, CAROL_PN, None]


async def test_in_a_number_group_lids_are_those_that_we_know(room: Room) -> None:
    person = Node("participant", {"jid": PEER_PN})
    room.server.will(Node("group", {"id": GROUP.user, "addressing_mode": "pn"}, [person]))
    assert (await room.groups.info(GROUP)).members[0].lid == PEER_LID


@pytest.mark.parametrize(
    "changes",
    [{"fetched_at": 0}, {"is_truncated": True}, {"fetched_at": NOW - GROUP_AGE_S - 1}],
)
async def test_what_is_due_is_asked_for_again(room: Room, changes: dict[str, Any]) -> None:
    await room.put(**changes)
    room.server.will(answer(subject="New"))
    known = await room.groups.info(GROUP)
    assert (known.subject, known.fetched_at, known.is_truncated) == ("New", NOW, False)


async def test_a_fresh_answer_can_be_had_at_any_time(room: Room) -> None:
    await room.put(notices=("N1",))
    room.server.will(answer(subject="New"))
    known = await room.groups.info(GROUP, fresh=True)
    assert (known.subject, known.notices) == ("New", ("N1",))


async def test_who_asks_at_the_same_time_shares_an_answer(room: Room) -> None:
    room.server.will(answer())
    found = await asyncio.gather(*[room.groups.info(GROUP) for _ in range(5)])
    assert len(room.server.asked) == 1
    assert all(each == found[0] for each in found)


@pytest.mark.parametrize(("code", "error"), [(404, NotFound), (403, NotAuthorized)])
async def test_a_group_that_is_not_ours_is_not_kept(
    room: Room, code: int, error: type[QueryError]
) -> None:
    room.server.will(code)
    with pytest.raises(error):
        await room.groups.info(GROUP)
    assert await room.find() is None


@pytest.mark.parametrize("code", [403, 404, 410])
async def test_a_group_that_is_ours_no_more_is_as_we_knew_it(room: Room, code: int) -> None:
    known = await room.put(fetched_at=0)
    await room.tell_key(PEER_LID.signal_address)
    room.server.will(code)
    left = replace(known, is_left=True, fetched_at=NOW)
    assert await room.groups.info(GROUP) == left == await room.stored()
    assert await room.key() == (False, set())
    room.clock.advance(GROUP_AGE_S + 1)
    assert await room.groups.info(GROUP) == left
    assert len(room.server.asked) == 1
    room.server.will(code)
    with pytest.raises(QueryError):
        await room.groups.info(GROUP, fresh=True)


async def test_trouble_of_the_server_makes_no_group_a_former_one(room: Room) -> None:
    known = await room.put(fetched_at=0)
    room.server.will(500, 401)
    for _ in range(2):
        with pytest.raises(QueryError):
            await room.groups.info(GROUP)
    assert await room.stored() == known


@pytest.mark.parametrize("jid", [PEER_PN, PEER_LID, Jid("", "g.us")])
async def test_what_is_no_group_is_not_asked_for(room: Room, jid: Jid) -> None:
    for call in (room.groups.info(jid), room.groups.ensure([jid])):
        with pytest.raises(InvalidInput):
            await call
    assert room.server.asked == []


async def test_an_answer_that_makes_no_sense_leaves_what_was_known(room: Room) -> None:
    known = await room.put()
    room.server.will(Node("group", {"id": "1"}), Node("nonsense"))
    for _ in range(2):
        with pytest.raises(StanzaError):
            await room.groups.info(GROUP, fresh=True)
    assert await room.stored() == known


# --- answers and notifications --------------------------------------------------------------------


async def test_an_answer_that_a_notification_has_overtaken_is_asked_for_again(room: Room) -> None:
    await room.put(participants_version="12")
    room.server.will(answer(subject="Old", p_v_id="11"), answer(subject="New", p_v_id="12"))
    known = await room.groups.info(GROUP, fresh=True)
    assert (known.subject, known.participants_version) == ("New", "12")
    assert known.fetched_at == NOW


async def test_versions_that_begin_anew_are_believed_the_second_time(room: Room) -> None:
    await room.put(participants_version="1000")
    room.server.will(answer(p_v_id="1"), answer(p_v_id="1"))
    assert (await room.groups.info(GROUP, fresh=True)).participants_version == "1"
    assert (await room.stored()).fetched_at == NOW


@pytest.mark.parametrize(
    ("told", "stays"),
    [
        (CAROL_LID, True),
        (CAROL_PN, True),
        (Jid("100000000000004", "lid"), False),
        (Jid("15550004444", "s.whatsapp.net"), False),
    ],
)
async def test_our_key_goes_when_the_list_lacks_somebody_who_has_it(
    room: Room, told: Jid, stays: bool
) -> None:
    await room.put()
    await room.tell_key(told.signal_address)
    room.server.will(answer())
    await room.groups.info(GROUP, fresh=True)
    assert (await room.key())[0] is stays


async def test_a_list_that_was_cut_short_says_nothing_about_who_is_gone(room: Room) -> None:
    await room.tell_key(Jid("100000000000004", "lid").signal_address)
    room.server.will(answer(truncated="true"))
    await room.groups.info(GROUP)
    assert (await room.key())[0]


async def test_another_addressing_makes_all_be_told_our_key_anew(room: Room) -> None:
    await room.put(addressing=AddressingMode.PN)
    await room.tell_key(CAROL_LID.signal_address)
    room.server.will(answer())
    await room.groups.info(GROUP, fresh=True)
    assert await room.key() == (True, set())


# --- before a message -----------------------------------------------------------------------------


async def test_a_message_has_all_groups_at_hand(room: Room) -> None:
    await room.put()
    room.server.will(answer(OTHER))
    await room.groups.ensure([GROUP, OTHER])
    assert len(room.server.asked) == 1
    await room.groups.ensure([GROUP, OTHER])
    assert len(room.server.asked) == 1


async def test_nobody_writes_to_a_group_that_they_have_left(room: Room) -> None:
    await room.put(is_left=True)
    with pytest.raises(NotAuthorized):
        await room.groups.ensure([GROUP])
    assert room.server.asked == []
    room.clock.advance(GROUP_AGE_S + 1)
    room.server.will(403)
    with pytest.raises(NotAuthorized):
        await room.groups.ensure([GROUP])
    room.clock.advance(GROUP_AGE_S + 1)
    room.server.will(answer())
    await room.groups.ensure([GROUP])
    assert not (await room.stored()).is_left


async def test_a_list_of_hours_ago_will_do_while_the_server_is_busy(room: Room) -> None:
    await room.put(fetched_at=NOW - GROUP_AGE_S - 1)
    room.server.will(429)
    await room.groups.ensure([GROUP])
    known = await room.stored()
    assert not known.is_due(NOW + TRUST_S)
    assert known.is_due(NOW + TRUST_S + 1)


@pytest.mark.parametrize(
    "changes", [{"fetched_at": 0}, {"is_truncated": True}, {"is_left": True, "fetched_at": 1}, None]
)
async def test_a_list_that_is_known_to_be_wrong_will_not_do(
    room: Room, changes: dict[str, Any] | None
) -> None:
    if changes is not None:
        await room.put(**changes)
    room.server.will(429)
    with pytest.raises(RateLimited):
        await room.groups.ensure([GROUP])


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


async def test_no_answer_is_told(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room.queries, "_timeout_s", 0.01)
    room.server.will(None)
    with pytest.raises(QueryTimeout):
        await room.groups.info(GROUP)
