"""What groups are like: kept in the store, asked for when that is missing or old."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, Account
from support.group_server import Asking, answer
from support.groups import CAROL_LID, CAROL_PN, GROUP, LIDS
from waport.client.group_metadata import TRUST_S
from waport.errors import (
    InvalidInput,
    NotAuthorized,
    NotFound,
    QueryError,
    QueryTimeout,
    RateLimited,
    StanzaError,
)
from waport.model import AddressingMode
from waport.model.group import GROUP_AGE_S
from waport.wire import Jid, Node

OTHER = Jid("120363000000000002", "g.us")


@pytest.fixture
async def room(account: Account) -> Asking:
    room = Asking(account)
    await room.learn((OWN_PN.bare, OWN_LID.bare))
    return room


# --- one group ------------------------------------------------------------------------------------


async def test_a_group_is_asked_for_once_and_kept(room: Asking) -> None:
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


async def test_a_group_brings_addresses_and_a_chat_with_its_name(room: Asking) -> None:
    room.server.will(answer())
    await room.groups.info(GROUP)
    assert await room.account.read(lambda store: store.addresses.pn_of(CAROL_LID)) == CAROL_PN
    chat = await room.account.read(lambda store: store.chats.get(GROUP))
    assert (chat.name, chat.timestamp) == ("Friends", 1_600_000_000)


async def test_a_community_is_no_chat(room: Asking) -> None:
    community = answer()
    assert isinstance(community.content, list)
    community.content.append(Node("parent"))
    room.server.will(community)
    assert (await room.groups.info(GROUP)).is_community
    assert await room.account.read(lambda store: store.chats.get(GROUP)) is None


async def test_numbers_that_are_not_shown_are_those_that_we_know(room: Asking) -> None:
    node = answer()
    for person in node.children("participant"):
        del person.attrs["phone_number"]
    room.server.will(node)
    known = await room.groups.info(GROUP)
    assert [member.pn for member in known.members] == [PEER_PN, None, OWN_PN.bare]
    await room.learn((CAROL_PN, CAROL_LID))
    room.server.will(node)
    known = await room.groups.info(GROUP, fresh=True)
    assert known.members[1].pn == CAROL_PN


async def test_in_a_number_group_lids_are_those_that_we_know(room: Asking) -> None:
    person = Node("participant", {"jid": PEER_PN})
    room.server.will(Node("group", {"id": GROUP.user, "addressing_mode": "pn"}, [person]))
    assert (await room.groups.info(GROUP)).members[0].lid == PEER_LID


@pytest.mark.parametrize(
    "changes",
    [{"fetched_at": 0}, {"is_truncated": True}, {"fetched_at": NOW - GROUP_AGE_S - 1}],
)
async def test_what_is_due_is_asked_for_again(room: Asking, changes: dict[str, Any]) -> None:
    await room.put(**changes)
    room.server.will(answer(subject="New"))
    known = await room.groups.info(GROUP)
    assert (known.subject, known.fetched_at, known.is_truncated) == ("New", NOW, False)


async def test_a_fresh_answer_can_be_had_at_any_time(room: Asking) -> None:
    await room.put(notices=("N1",))
    room.server.will(answer(subject="New"))
    known = await room.groups.info(GROUP, fresh=True)
    assert (known.subject, known.notices) == ("New", ("N1",))


async def test_who_asks_at_the_same_time_shares_an_answer(room: Asking) -> None:
    room.server.will(answer())
    found = await asyncio.gather(*[room.groups.info(GROUP) for _ in range(5)])
    assert len(room.server.asked) == 1
    assert all(each == found[0] for each in found)


@pytest.mark.parametrize(("code", "error"), [(404, NotFound), (403, NotAuthorized)])
async def test_a_group_that_is_not_ours_is_not_kept(
    room: Asking, code: int, error: type[QueryError]
) -> None:
    room.server.will(code)
    with pytest.raises(error):
        await room.groups.info(GROUP)
    assert await room.find() is None


@pytest.mark.parametrize("code", [403, 404, 410])
async def test_a_group_that_is_ours_no_more_is_as_we_knew_it(room: Asking, code: int) -> None:
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


async def test_trouble_of_the_server_makes_no_group_a_former_one(room: Asking) -> None:
    known = await room.put(fetched_at=0)
    room.server.will(500, 401)
    for _ in range(2):
        with pytest.raises(QueryError):
            await room.groups.info(GROUP)
    assert await room.stored() == known


@pytest.mark.parametrize("jid", [PEER_PN, PEER_LID, Jid("", "g.us")])
async def test_what_is_no_group_is_not_asked_for(room: Asking, jid: Jid) -> None:
    for call in (room.groups.info(jid), room.groups.ensure([jid])):
        with pytest.raises(InvalidInput):
            await call
    assert room.server.asked == []


async def test_an_answer_that_makes_no_sense_leaves_what_was_known(room: Asking) -> None:
    known = await room.put()
    room.server.will(Node("group", {"id": "1"}), Node("nonsense"))
    for _ in range(2):
        with pytest.raises(StanzaError):
            await room.groups.info(GROUP, fresh=True)
    assert await room.stored() == known


async def test_no_answer_is_told(room: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room.queries, "_timeout_s", 0.01)
    room.server.will(None)
    with pytest.raises(QueryTimeout):
        await room.groups.info(GROUP)


# --- answers and notifications --------------------------------------------------------------------


async def test_an_answer_that_a_notification_has_overtaken_is_asked_for_again(room: Asking) -> None:
    await room.put(participants_version="12")
    room.server.will(answer(subject="Old", p_v_id="11"), answer(subject="New", p_v_id="12"))
    known = await room.groups.info(GROUP, fresh=True)
    assert (known.subject, known.participants_version) == ("New", "12")
    assert known.fetched_at == NOW


async def test_versions_that_begin_anew_are_believed_the_second_time(room: Asking) -> None:
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
    room: Asking, told: Jid, stays: bool
) -> None:
    await room.put()
    await room.tell_key(told.signal_address)
    room.server.will(answer())
    await room.groups.info(GROUP, fresh=True)
    assert (await room.key())[0] is stays


async def test_a_list_that_was_cut_short_says_nothing_about_who_is_gone(room: Asking) -> None:
    await room.tell_key(Jid("100000000000004", "lid").signal_address)
    room.server.will(answer(truncated="true"))
    await room.groups.info(GROUP)
    assert (await room.key())[0]


async def test_another_addressing_makes_all_be_told_another_key(room: Asking) -> None:
    await room.put(addressing=AddressingMode.PN)
    await room.tell_key(CAROL_LID.signal_address)
    room.server.will(answer())
    await room.groups.info(GROUP, fresh=True)
    assert await room.key() == (False, set())


# --- before a message -----------------------------------------------------------------------------


async def test_a_message_has_all_groups_at_hand(room: Asking) -> None:
    await room.put()
    room.server.will(answer(OTHER))
    await room.groups.ensure([GROUP, OTHER])
    assert len(room.server.asked) == 1
    await room.groups.ensure([GROUP, OTHER])
    assert len(room.server.asked) == 1


async def test_nobody_writes_to_a_group_that_they_have_left(room: Asking) -> None:
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


async def test_a_list_of_hours_ago_will_do_while_the_server_is_busy(room: Asking) -> None:
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
    room: Asking, changes: dict[str, Any] | None
) -> None:
    if changes is not None:
        await room.put(**changes)
    room.server.will(429)
    with pytest.raises(RateLimited):
        await room.groups.ensure([GROUP])
