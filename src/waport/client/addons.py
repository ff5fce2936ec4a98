"""What reactions, edits, revokes, votes, answers, pins and timers do to the store.

Each takes effect in the transaction that stores the message which brought it; an own one in the
transaction that takes the server's ack, so that what is refused changes nothing. One that makes no
sense, can't be decrypted, or comes from somebody who may not do this, changes nothing: it stays
stored as it came, and the log says so without saying what it was about.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

from ..errors import CryptoError, DecodeError, InvalidInput
from ..model import ChatTimerChanged, Message
from ..model.contents import (
    ChatTimer,
    Content,
    Edit,
    EncryptedEdit,
    EncryptedReaction,
    EventResponse,
    Keep,
    MemberLabel,
    Pin,
    PollVote,
    Reaction,
    Revoke,
)
from ..stanza.contents import read_message
from . import addon_changes as changes
from . import addon_replies as replies
from .addon_reading import pin_of, poll_tally, reactions
from .addon_scene import Arrival, Scene, is_add_on
from .work import Work

__all__ = [
    "Arrival",
    "apply",
    "apply_stored",
    "apply_waiting",
    "is_add_on",
    "pin_of",
    "poll_tally",
    "reactions",
]

log = logging.getLogger(__name__)

MAX_LABEL: Final = 256
"""Characters of a member's label; clients offer 30."""


def apply(work: Work, arrival: Arrival) -> None:
    """Let a stored add-on take effect, and announce what it changes.

    It waits for the message that it speaks of where that did not come yet. Own ones, from this
    device or another, go the same way as others'.
    """
    scene = Scene(work, arrival)
    content = arrival.content
    try:
        _apply(scene, content)
    except (CryptoError, DecodeError) as exc:
        log.warning("a message of kind %s has no effect: %s", type(content).__name__, exc)
    except InvalidInput:
        # An address or a number that fits nowhere; the text could quote it.
        log.warning("a message of kind %s has no effect", type(content).__name__)


def apply_waiting(work: Work, message: Message) -> None:
    """Let what came before this message take effect, in the order in which it came.

    Args:
        message: it is stored, and can be read.
    """
    key = message.key
    for waiting in work.store.add_ons.take_waiting(key.chat, key.id):
        apply_stored(work, waiting)


def apply_stored(work: Work, message: Message) -> None:
    """Let an add-on take effect that was stored before: it had to wait, or the server's ack did."""
    try:
        content = read_message(message.proto()).content
    except DecodeError:
        log.warning("a message that waited can't be read")
        return
    named = message.key
    apply(work, Arrival(named, named.sender, named.chat, content, message.timestamp, message))


def _apply(scene: Scene, content: Content) -> None:
    match content:
        case Reaction():
            replies.react(scene, content)
        case EncryptedReaction():
            replies.react_encrypted(scene, content)
        case PollVote():
            replies.vote(scene, content)
        case EventResponse():
            replies.answer(scene, content)
        case Pin():
            replies.pin(scene, content)
        case Keep():
            replies.keep(scene, content)
        case Edit():
            changes.edit(scene, content)
        case EncryptedEdit():
            changes.encrypted_edit(scene, content)
        case Revoke():
            changes.revoke(scene, content)
        case ChatTimer():
            _set_timer(scene, content)
        case MemberLabel():
            _set_label(scene, content)


def _set_timer(scene: Scene, content: ChatTimer) -> None:
    if not scene.chat.is_user:
        raise DecodeError("only private chats have a timer of this kind")
    timestamp = scene.arrival.timestamp
    # A time in the future would keep everybody from setting it again.
    set_at = min(content.set_at, timestamp) if content.set_at > 0 else timestamp
    if scene.work.store.chats.set_timer(scene.chat, content.expiration_s, set_at):
        scene.work.emit(ChatTimerChanged(scene.chat, content.expiration_s, scene.sender, timestamp))


def _set_label(scene: Scene, content: MemberLabel) -> None:
    group = scene.group()
    if group is None or len(content.label) > MAX_LABEL:
        return
    senders = scene.senders
    members = tuple(
        replace(member, label=content.label)
        if any(member.is_named(sender) for sender in senders)
        else member
        for member in group.members
    )
    if members != group.members:
        scene.work.store.groups.put(replace(group, members=members))
