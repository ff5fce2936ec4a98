"""The JSON of votes in polls and of reactions to messages."""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import TypedDict

from ..model import AddOn
from ..wire import Jid
from .extras import PollOptionJson
from .ids import MessageIdJson, jid_text, message_id_json
from .shapes import MessageJson


class PollVoteJson(TypedDict):
    """Somebody's vote; no options: it was taken back. The time is in Unix milliseconds."""

    voter: str
    selectedOptions: list[PollOptionJson]
    interractedAtTs: int
    parentMessage: MessageJson
    parentMsgKey: MessageIdJson


class ReactionJson(TypedDict):
    """Somebody's reaction: `id` is its own, `msgId` that of the message."""

    id: MessageIdJson
    orphan: int
    orphanReason: None
    timestamp: int
    reaction: str
    read: bool
    msgId: MessageIdJson
    senderId: str


class ReactionListJson(TypedDict):
    """Everybody who reacted with the same emoji."""

    id: str
    aggregateEmoji: str
    hasReactionByMe: bool
    senders: list[ReactionJson]


def vote_json(
    poll: MessageJson, voter: Jid, selected: Iterable[str], timestamp_ms: int
) -> PollVoteJson:
    """A vote.

    Args:
        poll: what was voted in.
        voter: who.
        selected: names of answers; those that the poll does not have are left out.
        timestamp_ms: Unix milliseconds.
    """
    places: dict[str, int] = {}
    for option in poll.get("pollOptions", ()):
        places.setdefault(option["name"], option["localId"])
    return {
        "voter": jid_text(voter),
        "selectedOptions": [
            {"name": name, "localId": places[name]} for name in selected if name in places
        ],
        "interractedAtTs": timestamp_ms,
        "parentMessage": poll,
        "parentMsgKey": poll["id"],
    }


def reaction_json(reaction: AddOn) -> ReactionJson:
    """A reaction that is stored with its message."""
    return {
        "id": message_id_json(reaction.key),
        "orphan": 0,
        "orphanReason": None,
        "timestamp": reaction.timestamp_ms // 1000,
        "reaction": reaction.data.decode("utf-8", "replace"),
        "read": True,
        "msgId": message_id_json(reaction.target),
        "senderId": jid_text(reaction.sender),
    }


def reaction_lists(reactions: Iterable[AddOn], own: Jid) -> list[ReactionListJson]:
    """Reactions by their emoji, in the order in which each came first."""
    lists: dict[str, ReactionListJson] = {}
    for reaction in reactions:
        shape = reaction_json(reaction)
        emoji = shape["reaction"]
        entry = lists.setdefault(
            emoji,
            {"id": emoji, "aggregateEmoji": emoji, "hasReactionByMe": False, "senders": []},
        )
        entry["senders"].append(shape)
        if reaction.sender.bare == own.bare:
            entry["hasReactionByMe"] = True
    return list(lists.values())
