"""What was added to a message, as features ask for it."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import DecodeError, InvalidInput
from ..model import AddOn, AddOnKind, Message, MessageKey
from ..model.contents import Ballot, Pin, Poll
from ..stanza.content import parse_content
from ..stanza.contents import decode, read_message
from ..stanza.tally import OptionTally, chosen_options, tally
from ..store import UnitOfWork
from ..wire import Jid
from .addon_replies import HASH_SIZE


def reactions(store: UnitOfWork, key: MessageKey) -> list[AddOn]:
    """The reactions to a message that stand, in the order in which people first reacted."""
    return [each for each in store.add_ons.of(key, AddOnKind.REACTION) if each.data]


def poll_tally(store: UnitOfWork, message: Message) -> tuple[OptionTally, ...]:
    """The votes of a poll, for every answer in the poll's order.

    Raises:
        InvalidInput: the message is no poll.
    """
    poll = read_message(message.proto()).content
    if not isinstance(poll, Poll):
        raise InvalidInput("the message is no poll")
    votes = store.add_ons.of(message.key, AddOnKind.VOTE)
    return tally(poll, [Ballot(v.sender, _hashes(v.data), v.timestamp_ms) for v in votes])


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's vote.

    Attributes:
        voter: bare.
        options: the answers, in the poll's order; none when the vote was taken back.
        timestamp_ms: by the voter's clock, Unix milliseconds.
    """

    voter: Jid
    options: tuple[str, ...]
    timestamp_ms: int


def poll_votes(store: UnitOfWork, message: Message) -> list[Vote]:
    """The latest vote of everybody who has voted; those that the poll does not allow left out.

    Raises:
        InvalidInput: the message is no poll.
    """
    poll = read_message(message.proto()).content
    if not isinstance(poll, Poll):
        raise InvalidInput("the message is no poll")
    votes = []
    for each in store.add_ons.of(message.key, AddOnKind.VOTE):
        try:
            options = chosen_options(poll, _hashes(each.data))
        except DecodeError:
            continue
        votes.append(Vote(each.sender, options, each.timestamp_ms))
    return votes


def _hashes(data: bytes) -> tuple[bytes, ...]:
    return tuple(data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE))


def pin_of(store: UnitOfWork, key: MessageKey, now: int) -> Pin | None:
    """The pin of a message; None when it is not pinned, or no longer.

    Args:
        now: Unix seconds.
    """
    pins = store.add_ons.of(key, AddOnKind.PIN)
    latest = max(pins, key=lambda each: each.timestamp_ms, default=None)
    if latest is None:
        return None
    pin = decode(parse_content(latest.data))
    if not isinstance(pin, Pin) or latest.timestamp_ms // 1000 + pin.duration_s <= now:
        return None
    return pin
