"""Votes in polls, counted alike by everybody, and answers to events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

from interop.kinds.talks import Talk
from interop.kinds.world import Person
from waport.model import EventAnswered, Message, VoteChanged
from waport.model.contents import Attendance, Event, Poll
from waport.stanza.tally import OptionTally
from waport.wire import Jid

pytestmark = [
    pytest.mark.interop,
    pytest.mark.xdist_group("kinds-polls"),
    pytest.mark.asyncio(loop_scope="module"),
]

OPTIONS = ("red", "grün", "青")
STARTS_AT = 1_900_000_000

Votes = Mapping[str, set[str]]


async def their_poll(talk: Talk, selectable: int) -> str:
    """A poll of Alice's, once everybody has it; its id."""
    poll = {"name": "Which colour?", "values": list(OPTIONS), "selectableCount": selectable}
    sent = await talk.alice_sends({"poll": poll})
    await talk.world.us.wait_id(sent.id)
    for reader in talk.readers:
        await reader.client.wait_message(sent.id)
    return sent.id


async def our_poll(talk: Talk, selectable: int) -> str:
    """A poll of ours, once everybody has it; its id."""
    poll = Poll("Which colour?", OPTIONS, selectable)
    message = await talk.world.us.client.messages.send(talk.ours, poll)
    for reader in talk.readers:
        await reader.client.wait_message(message.key.id)
    return message.key.id


async def they_vote(
    talk: Talk, person: Person, poll: str, options: Sequence[str], kind: str | None = None
) -> None:
    """Vote with Baileys; everybody has the vote then."""
    since = talk.world.us.events.mark
    sent = await person.client.vote(poll, options, kind)
    voted = await talk.world.us.events.until(VoteChanged, since=since)
    assert voted.poll.key.id == poll
    assert (voted.voter, voted.selected) == (person.jid, tuple(options))
    for reader in talk.readers:
        if reader is not person:
            await reader.client.wait_message(sent.id)


async def we_vote(talk: Talk, poll: str, options: Sequence[str]) -> None:
    """Vote with our client; everybody has the vote then."""
    message = await talk.world.us.client.messages.vote(talk.ours, poll, options)
    for reader in talk.readers:
        await reader.client.wait_message(message.key.id)


def counted(tally: Iterable[OptionTally]) -> Votes:
    """Our count in the form of Baileys': phone numbers by answer."""
    return {option.name: {str(voter) for voter in option.voters} for option in tally}


async def assert_tally(talk: Talk, poll: str, **votes: Iterable[Jid]) -> None:
    """Everybody counts these votes; answers that nobody has chosen are left out."""
    expected = {name: {str(voter) for voter in votes.get(name, ())} for name in OPTIONS}
    assert counted(await talk.world.us.client.messages.tally(talk.ours, poll)) == expected
    for reader in talk.readers:
        assert await reader.client.tally(poll) == expected


@pytest.mark.parametrize("is_ours", [False, True], ids=["their poll", "our poll"])
async def test_votes_with_one_choice_are_counted_alike(talk: Talk, is_ours: bool) -> None:
    us, alice, bob = talk.world.us.jid, talk.world.alice, talk.world.bob
    poll = await (our_poll if is_ours else their_poll)(talk, 1)
    await assert_tally(talk, poll)
    await they_vote(talk, alice, poll, ["red"])
    await we_vote(talk, poll, ["青"])
    await assert_tally(talk, poll, red=[alice.jid], 青=[us])
    await we_vote(talk, poll, ["red"])
    await assert_tally(talk, poll, red=[alice.jid, us])
    await they_vote(talk, alice, poll, ["grün"])
    await assert_tally(talk, poll, red=[us], grün=[alice.jid])
    if talk.in_group:
        await they_vote(talk, bob, poll, ["grün"])
        await assert_tally(talk, poll, red=[us], grün=[alice.jid, bob.jid])
        await they_vote(talk, bob, poll, [])
    await we_vote(talk, poll, [])
    await assert_tally(talk, poll, grün=[alice.jid])


@pytest.mark.parametrize("is_ours", [False, True], ids=["their poll", "our poll"])
async def test_votes_with_several_choices_are_counted_alike(talk: Talk, is_ours: bool) -> None:
    us, alice, bob = talk.world.us.jid, talk.world.alice, talk.world.bob
    poll = await (our_poll if is_ours else their_poll)(talk, 0)
    await they_vote(talk, alice, poll, ["red", "青"])
    await we_vote(talk, poll, ["red", "grün"])
    await assert_tally(talk, poll, red=[alice.jid, us], grün=[us], 青=[alice.jid])
    if talk.in_group:
        await they_vote(talk, bob, poll, ["red", "grün", "青"])
        await assert_tally(
            talk, poll, red=[alice.jid, us, bob.jid], grün=[us, bob.jid], 青=[alice.jid, bob.jid]
        )
        await they_vote(talk, bob, poll, [])
    await we_vote(talk, poll, ["青"])
    await they_vote(talk, alice, poll, [])
    await assert_tally(talk, poll, 青=[us])


@pytest.mark.parametrize("kind", ["lid", "pn"])
@pytest.mark.parametrize("is_ours", [False, True], ids=["their poll", "our poll"])
async def test_a_vote_counts_whatever_addresses_encrypt_it(
    talk: Talk, is_ours: bool, kind: str
) -> None:
    alice = talk.world.alice
    poll = await (our_poll if is_ours else their_poll)(talk, 1)
    await they_vote(talk, alice, poll, ["grün"], kind)
    await assert_tally(talk, poll, grün=[alice.jid])


# --- events --------------------------------------------------------------------------------------


async def their_event(talk: Talk) -> str:
    """An event of Alice's, once everybody has it; its id."""
    event = {"name": "Party", "startDate": {"$date": STARTS_AT * 1000}, "extraGuestsAllowed": True}
    sent = await talk.alice_sends({"event": event})
    await talk.world.us.wait_id(sent.id)
    for reader in talk.readers:
        await reader.client.wait_message(sent.id)
    return sent.id


async def our_event(talk: Talk) -> str:
    """An event of ours, once everybody has it; its id."""
    event = Event("Party", starts_at=STARTS_AT, extra_guests=True)
    message = await talk.world.us.client.messages.send(talk.ours, event)
    for reader in talk.readers:
        await reader.client.wait_message(message.key.id)
    return message.key.id


async def they_answer(
    talk: Talk, person: Person, event: str, response: str, guests: int, kind: str | None = None
) -> EventAnswered:
    """Answer with Baileys; what we hear of it."""
    since = talk.world.us.events.mark
    sent = await person.client.answer_event(event, response, guests, kind)
    answered = await talk.world.us.events.until(EventAnswered, since=since)
    assert (answered.event.key.id, answered.key.id) == (event, sent.id)
    assert answered.sender == person.jid
    return answered


@pytest.mark.parametrize("is_ours", [False, True], ids=["their event", "our event"])
@pytest.mark.parametrize("kind", [None, "lid", "pn"], ids=["as the event", "lid", "pn"])
async def test_we_read_answers_to_an_event(talk: Talk, is_ours: bool, kind: str | None) -> None:
    event = await (our_event if is_ours else their_event)(talk)
    people = [talk.world.alice, talk.world.bob] if talk.in_group else [talk.world.alice]
    for person in people:
        for response, attendance, guests in (
            ("GOING", Attendance.GOING, 2),
            ("MAYBE", Attendance.MAYBE, 0),
            ("NOT_GOING", Attendance.NOT_GOING, 0),
        ):
            answered = await they_answer(talk, person, event, response, guests, kind)
            answer = answered.answer
            assert (answer.attendance, answer.extra_guests) == (attendance, guests)


@pytest.mark.parametrize("is_ours", [False, True], ids=["their event", "our event"])
async def test_baileys_reads_our_answers_to_an_event(talk: Talk, is_ours: bool) -> None:
    event = await (our_event if is_ours else their_event)(talk)
    answers: list[tuple[Attendance, int]] = [(Attendance.GOING, 1), (Attendance.NOT_GOING, 0)]
    sent: list[Message] = [
        await talk.world.us.client.messages.answer_event(talk.ours, event, attendance, guests)
        for attendance, guests in answers
    ]
    expected: list[dict[str, Any]] = [
        {"from": str(talk.world.us.jid), "response": attendance.name, "extra_guests": guests}
        for attendance, guests in answers
    ]
    for reader in talk.readers:
        for message in sent:
            await reader.client.wait_message(message.key.id)
        assert await reader.client.event_answers(event) == expected
