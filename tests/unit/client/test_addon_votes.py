"""Votes in polls and answers to events."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, Account
from support.addons import (
    ANN_LID,
    ANN_PN,
    GROUP,
    SECRET,
    Conversation,
    group_of,
    key_in,
    mine,
    original,
    yours,
)
from waport.client import addons
from waport.errors import InvalidInput
from waport.model import AddOn, AddOnKind, DomainEvent, EventAnswered, MessageKind, VoteChanged
from waport.model.contents import (
    Attendance,
    Event,
    EventAnswer,
    EventResponse,
    Poll,
    PollVote,
    TargetKey,
    Text,
)
from waport.proto import pb
from waport.stanza.addons import AddOn as Label
from waport.stanza.addons import answer_event, cast_vote, option_hash, seal
from waport.wire import Jid

NOW_MS = NOW * 1000
POLL = Poll("Lunch?", ("Yes", "No", "Later"), selectable=2)
EVENT = Event("Lunch", starts_at=NOW, extra_guests=True)
P1 = key_in(GROUP, "P1", PEER_PN)
STRANGER = Jid("100000000000009", "lid")


@pytest.fixture
async def talk(account: Account) -> Conversation:
    talk = Conversation(account)
    await talk.know(group_of())
    return talk


def ballot(
    *chosen: str,
    voter: Jid = ANN_LID,
    author: Jid = PEER_LID,
    at_ms: int = NOW_MS,
    target: TargetKey | None = None,
) -> PollVote:
    named = target or yours("P1", author)
    return cast_vote(POLL, chosen, named, original("P1", author), [voter], timestamp_ms=at_ms)


def raw_ballot(choices: Sequence[bytes]) -> PollVote:
    """A vote that no client would cast."""
    data = pb.PollVoteMessage(selectedOptions=choices).SerializeToString()
    sealed = seal(Label.POLL_VOTE, data, original("P1", PEER_LID), [ANN_LID])
    return PollVote(yours("P1", PEER_LID), sealed, NOW_MS)


async def vote(talk: Conversation, content: PollVote, sender: Jid = ANN_LID) -> list[DomainEvent]:
    return await talk.add(content, sender=sender, chat=GROUP)


async def counts(talk: Conversation, author: Jid = PEER_PN) -> list[tuple[str, tuple[Jid, ...]]]:
    poll = await talk.message("P1", sender=author, chat=GROUP)
    tally = await talk.account.read(lambda store: addons.poll_tally(store, poll))
    return [(option.name, option.voters) for option in tally]


async def test_a_vote_is_opened_kept_and_told(talk: Conversation) -> None:
    await talk.post(POLL, "P1", chat=GROUP)
    (event,) = await talk.add(
        ballot("Later", "Yes", at_ms=NOW_MS + 5), sender=ANN_LID, chat=GROUP, message_id="V1"
    )
    assert isinstance(event, VoteChanged)
    assert event.poll == await talk.message("P1", chat=GROUP)
    assert event.key == key_in(GROUP, "V1", ANN_PN)
    assert (event.voter, event.selected) == (ANN_PN, ("Yes", "Later"))
    assert event.timestamp_ms == NOW_MS + 5
    stored: AddOn = await talk.account.read(
        lambda store: store.add_ons.get(P1, AddOnKind.VOTE, ANN_PN)
    )
    assert stored.data == option_hash("Later") + option_hash("Yes")


async def test_the_newest_vote_of_each_person_is_counted(talk: Conversation) -> None:
    await talk.post(POLL, "P1", chat=GROUP)
    await vote(talk, ballot("Yes", at_ms=NOW_MS + 1))
    await vote(talk, ballot("No", voter=PEER_LID, target=mine("P1")), PEER_LID)
    assert await vote(talk, ballot("No", at_ms=NOW_MS)) == []
    assert await counts(talk) == [("Yes", (ANN_PN,)), ("No", (PEER_PN,)), ("Later", ())]
    (event,) = await vote(talk, ballot(at_ms=NOW_MS + 2))
    assert isinstance(event, VoteChanged)
    assert event.selected == ()
    assert await counts(talk) == [("Yes", ()), ("No", (PEER_PN,)), ("Later", ())]


async def test_an_own_vote_goes_the_same_way(talk: Conversation) -> None:
    await talk.post(POLL, "P1", chat=GROUP)
    own = ballot("Yes", voter=OWN_LID, target=TargetKey("P1", GROUP, False, PEER_LID))
    (event,) = await vote(talk, own, OWN_LID)
    assert isinstance(event, VoteChanged)
    assert (event.voter, event.key.from_me) == (OWN_PN.bare, True)
    assert await counts(talk) == [("Yes", (OWN_PN.bare,)), ("No", ()), ("Later", ())]


@pytest.mark.parametrize("author", [OWN_PN, OWN_LID])
async def test_a_vote_in_our_own_poll_opens_by_number_and_by_hidden_id(
    talk: Conversation, author: Jid
) -> None:
    await talk.post(POLL, "P1", sender=OWN_PN, chat=GROUP)
    voter = ANN_LID if author.is_lid else ANN_PN
    (event,) = await vote(talk, ballot("Yes", voter=voter, author=author.bare))
    assert isinstance(event, VoteChanged)
    assert await counts(talk, OWN_PN) == [("Yes", (ANN_PN,)), ("No", ()), ("Later", ())]


async def test_a_vote_waits_for_its_poll_and_then_opens_by_the_known_addresses(
    talk: Conversation,
) -> None:
    assert await vote(talk, ballot("Yes"), ANN_LID) == []
    (event,) = await talk.post(POLL, "P1", chat=GROUP)
    assert isinstance(event, VoteChanged)
    assert event.voter == ANN_PN


async def test_a_vote_waits_for_a_poll_that_cannot_be_read_yet(talk: Conversation) -> None:
    await talk.post(Text(""), "P1", chat=GROUP, kind=MessageKind.CIPHERTEXT)
    assert await vote(talk, ballot("Yes")) == []
    (event,) = await talk.post(POLL, "P1", chat=GROUP)
    assert isinstance(event, VoteChanged)


async def test_a_vote_for_too_much_does_not_count(talk: Conversation) -> None:
    await talk.post(POLL, "P1", chat=GROUP)
    await vote(talk, ballot("No"))
    assert await vote(talk, raw_ballot([option_hash(name) for name in POLL.options])) == []
    assert await vote(talk, raw_ballot([bytes(32)] * 300)) == []
    assert await counts(talk) == [("Yes", ()), ("No", (ANN_PN,)), ("Later", ())]


async def test_choices_that_are_no_answers_are_left_out(talk: Conversation) -> None:
    await talk.post(POLL, "P1", chat=GROUP)
    (event,) = await vote(talk, raw_ballot([b"short", bytes(32), option_hash("Yes")]))
    assert isinstance(event, VoteChanged)
    assert event.selected == ("Yes",)
    assert (await counts(talk))[0] == ("Yes", (ANN_PN,))


async def test_strangers_do_not_vote(talk: Conversation) -> None:
    await talk.post(POLL, "P1", chat=GROUP)
    assert await vote(talk, ballot("Yes", voter=STRANGER), STRANGER) == []


async def test_a_vote_of_somebody_else_cannot_be_sent_again_as_ones_own(
    talk: Conversation,
) -> None:
    await talk.post(POLL, "P1", chat=GROUP)
    assert await vote(talk, ballot("Yes", voter=ANN_LID), PEER_LID) == []


async def test_a_vote_under_another_secret_or_in_no_poll_is_dropped(talk: Conversation) -> None:
    await talk.post(POLL, "P1", chat=GROUP, secret=SECRET[::-1])
    assert await vote(talk, ballot("Yes")) == []
    await talk.post(Text("hello"), "P1", sender=ANN_LID, chat=GROUP)
    own_text = ballot("Yes", author=ANN_LID, target=mine("P1"))
    assert await vote(talk, own_text) == []


async def test_a_text_has_no_tally(talk: Conversation) -> None:
    await talk.post(Text("hello"), "P1", chat=GROUP)
    with pytest.raises(InvalidInput):
        await counts(talk)


# --- answers to events ---------------------------------------------------------------------------


def response(
    attendance: Attendance, at_ms: int = NOW_MS, guests: int = 0, sender: Jid = ANN_LID
) -> EventResponse:
    answer = EventAnswer(attendance, at_ms, guests)
    return answer_event(answer, yours("P1", PEER_LID), original("P1", PEER_LID), [sender])


async def test_an_answer_is_opened_kept_and_told(talk: Conversation) -> None:
    await talk.post(EVENT, "P1", chat=GROUP)
    (event,) = await talk.add(
        response(Attendance.GOING, guests=2), sender=ANN_LID, chat=GROUP, message_id="V1"
    )
    poll = await talk.message("P1", chat=GROUP)
    expected = EventAnswer(Attendance.GOING, NOW_MS, 2)
    assert event == EventAnswered(poll, key_in(GROUP, "V1", ANN_PN), ANN_PN, expected)
    stored: AddOn = await talk.account.read(
        lambda store: store.add_ons.get(P1, AddOnKind.EVENT_RESPONSE, ANN_PN)
    )
    answer = pb.EventResponseMessage.FromString(stored.data)
    assert (answer.response, answer.timestampMs, answer.extraGuestCount) == (1, NOW_MS, 2)


async def test_the_newest_answer_of_a_person_counts(talk: Conversation) -> None:
    await talk.post(EVENT, "P1", chat=GROUP)
    await talk.add(response(Attendance.GOING, NOW_MS + 1), sender=ANN_LID, chat=GROUP)
    assert await talk.add(response(Attendance.MAYBE), sender=ANN_LID, chat=GROUP) == []
    (event,) = await talk.add(
        response(Attendance.NOT_GOING, 0), sender=ANN_LID, chat=GROUP, timestamp=NOW + 2
    )
    assert isinstance(event, EventAnswered)
    assert event.answer == EventAnswer(Attendance.NOT_GOING, NOW_MS + 2000)


async def test_an_answer_waits_for_its_event(talk: Conversation) -> None:
    assert await talk.add(response(Attendance.GOING), sender=ANN_LID, chat=GROUP) == []
    (event,) = await talk.post(EVENT, "P1", chat=GROUP)
    assert isinstance(event, EventAnswered)


async def test_an_answer_to_what_is_no_event_is_dropped(talk: Conversation) -> None:
    await talk.post(POLL, "P1", chat=GROUP)
    assert await talk.add(response(Attendance.GOING), sender=ANN_LID, chat=GROUP) == []


async def test_strangers_do_not_answer(talk: Conversation) -> None:
    await talk.post(EVENT, "P1", chat=GROUP)
    stranger = response(Attendance.GOING, sender=STRANGER)
    assert await talk.add(stranger, sender=STRANGER, chat=GROUP) == []
