"""Calls that come in: told once for each step, kept, shown in the chat, answered."""

from __future__ import annotations

from typing import Any

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, Account
from waport.client.handlers.calls import handle_call
from waport.client.work import Work
from waport.errors import StanzaError
from waport.model import Call, CallChanged, CallStatus, Message, MessageAdded
from waport.proto import pb
from waport.wire import Jid, Node

GROUP = Jid("120363000000000001", "g.us")
Log = pb.CallLogMessage


async def call(
    account: Account, tag: str, *content: Node, by: Jid = PEER_LID, outer: Any = None, **attrs: Any
) -> Work:
    named = {name.replace("_", "-"): value for name, value in attrs.items()}
    child = Node(tag, {"call-id": "C1", "call-creator": by, **named}, list(content) or None)
    stanza = {"from": by, "id": "S1", "t": str(NOW), **(outer or {})}
    return await account.handle(handle_call, Node("call", stanza, [child]))


def told(account: Account) -> list[Call]:
    return [event.call for event in account.sink.recorded if isinstance(event, CallChanged)]


def entries(account: Account) -> list[Message]:
    return [event.message for event in account.sink.recorded if isinstance(event, MessageAdded)]


async def test_an_offer_rings_and_is_kept_by_number(account: Account) -> None:
    work = await call(account, "offer", Node("audio"), Node("video"))
    (answer,) = work.replies
    assert (answer.tag, answer.jid("to"), answer.jid("from")) == ("receipt", PEER_LID, OWN_LID)
    (seen,) = told(account)
    assert (seen.caller, seen.creator, seen.status) == (PEER_PN, PEER_LID, CallStatus.OFFER)
    assert (seen.is_video, seen.is_group, seen.chat) == (True, False, PEER_PN)
    assert await account.read(lambda store: store.calls.latest(5)) == [seen]
    assert await account.read(lambda store: store.calls.find("C1")) == seen
    assert entries(account) == []


async def test_each_step_is_told_once_and_none_turns_a_call_back(account: Account) -> None:
    for tag in ("offer", "offer", "preaccept", "transport", "accept", "relaylatency", "offer"):
        await call(account, tag)
    await call(account, "terminate", duration="61", reason="hangup")
    await call(account, "terminate", reason="timeout")
    assert [each.status.value for each in told(account)] == [
        "offer",
        "ringing",
        "accept",
        "terminate",
    ]
    (entry,) = entries(account)
    logged = entry.proto().callLogMesssage
    assert (logged.callOutcome, logged.durationSecs) == (Log.CONNECTED, 61)


@pytest.mark.parametrize(
    ("tag", "attrs", "outcome"),
    [
        ("terminate", {"reason": "timeout"}, Log.MISSED),
        ("terminate", {"reason": "canceled"}, Log.MISSED),
        ("terminate", {"reason": "accepted_elsewhere"}, Log.ACCEPTED_ELSEWHERE),
        ("terminate", {"reason": "rejected_elsewhere"}, Log.REJECTED),
        ("reject", {}, Log.REJECTED),
    ],
)
async def test_the_end_is_shown_in_the_chat(
    account: Account, tag: str, attrs: dict[str, str], outcome: int
) -> None:
    await call(account, "offer", Node("video"))
    await call(account, tag, **attrs)
    (entry,) = entries(account)
    assert (entry.key.chat, entry.key.id, entry.key.from_me) == (PEER_PN, "C1", False)
    logged = entry.proto().callLogMesssage
    assert (logged.callOutcome, logged.isVideo) == (outcome, True)
    chat = await account.read(lambda store: store.chats.get(PEER_PN))
    assert (chat.timestamp, chat.unread_count) == (NOW, 1)


async def test_a_call_that_came_while_we_were_away_was_missed(account: Account) -> None:
    await call(account, "offer", outer={"offline": "0"})
    (seen,) = told(account)
    assert seen.is_offline
    (entry,) = entries(account)
    assert entry.proto().callLogMesssage.callOutcome == Log.MISSED
    await call(account, "terminate", reason="timeout", outer={"offline": "1"})
    assert [each.status for each in told(account)] == [CallStatus.OFFER, CallStatus.TIMEOUT]
    assert len(entries(account)) == 1


async def test_an_end_without_an_offer_tells_no_kind(account: Account) -> None:
    await call(account, "terminate", reason="timeout", by=PEER_PN)
    (seen,) = told(account)
    assert (seen.is_video, seen.is_group, seen.status) == (None, None, CallStatus.TIMEOUT)


async def test_a_group_call_stands_in_the_group(account: Account) -> None:
    info = Node("group_info", {}, [Node("participant", {"jid": PEER_LID})])
    await call(account, "offer", info, group_jid=GROUP)
    await call(account, "terminate", reason="timeout")
    first, last = told(account)
    assert (first.chat, first.is_group, first.participants) == (GROUP, True, (PEER_PN,))
    assert (last.group, last.is_group) == (GROUP, True)
    (entry,) = entries(account)
    assert (entry.key.chat, entry.key.sender) == (GROUP, PEER_PN)


async def test_a_number_that_the_server_names_is_learnt(account: Account) -> None:
    lid, pn = Jid("100000000000077", "lid", 3), Jid("15550007777", "s.whatsapp.net")
    await call(account, "offer", by=lid)
    assert told(account)[0].caller == lid.bare
    child = Node("offer", {"call-id": "C2", "call-creator": lid})
    outer: dict[str, Any] = {"from": lid, "id": "S", "sender_pn": pn}
    await account.handle(handle_call, Node("call", outer, [child]))
    assert told(account)[1].caller == pn
    assert await account.read(lambda store: store.addresses.pn_of(lid)) == pn
    # The first of the two is still found: by the hidden id under which it was kept.
    await call(account, "terminate", by=lid)
    assert (told(account)[2].caller, told(account)[2].status) == (lid.bare, CallStatus.TERMINATE)


def offer_of(lid: Jid, claimed: Jid, call_id: str = "C1") -> Node:
    child = Node("offer", {"call-id": call_id, "call-creator": lid, "caller_pn": claimed})
    return Node("call", {"from": lid, "id": "S", "t": str(NOW)}, [child])


async def test_a_number_that_a_caller_claims_is_shown_and_not_learnt(account: Account) -> None:
    lid, pn = Jid("100000000000077", "lid", 3), Jid("15550007777", "s.whatsapp.net")
    await account.handle(handle_call, offer_of(lid, pn))
    await call(account, "terminate", by=lid, reason="timeout")
    assert [(each.caller, each.creator) for each in told(account)] == [(pn, lid), (pn, lid)]
    assert await account.read(lambda store: store.addresses.pn_of(lid)) is None
    assert await account.read(lambda store: store.addresses.lid_of(pn)) is None


@pytest.mark.parametrize("claimed", [PEER_PN, OWN_PN.bare])
async def test_nobody_takes_over_a_number_by_calling(account: Account, claimed: Jid) -> None:
    """Messages to that number would go to the caller from then on."""
    before = await account.read(lambda store: store.addresses.lid_of(claimed))
    stranger = Jid("100000000000077", "lid", 3)
    await account.handle(handle_call, offer_of(stranger, claimed))
    assert told(account)[0].caller == stranger.bare
    assert await account.read(lambda store: store.addresses.lid_of(claimed)) == before
    assert await account.read(lambda store: store.addresses.pn_of(stranger)) is None


async def test_nobody_ends_the_call_of_another(account: Account) -> None:
    await call(account, "offer")
    stranger = Jid("15550008888", "s.whatsapp.net")
    await call(account, "terminate", by=stranger)
    kept = await account.read(lambda store: store.calls.get(PEER_PN, "C1"))
    assert kept.status is CallStatus.OFFER


async def test_our_own_calls_on_the_phone_are_no_event(account: Account) -> None:
    await call(account, "offer", by=OWN_PN.with_device(0))
    assert told(account) == []


async def test_a_call_without_a_name_is_acked_and_left_alone(account: Account) -> None:
    work = await account.handle(handle_call, Node("call", {"from": PEER_PN, "id": "S"}, []))
    (answer,) = work.replies
    assert answer.attrs == {"class": "call", "id": "S", "to": PEER_PN}
    assert told(account) == []
    with pytest.raises(StanzaError):
        await account.handle(handle_call, Node("call", {"id": "S"}, [Node("offer")]))
