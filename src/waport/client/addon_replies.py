"""What people add to a message: reactions, votes, answers to events, pins.

Source: docs/protocol/messages.md, "Add-on crypto" and "What changes a message".
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

from ..errors import DecodeError
from ..model import (
    AddOn,
    AddOnKind,
    EventAnswered,
    MessageKey,
    MessagePinned,
    ReactionChanged,
    VoteChanged,
)
from ..model.authority import may_add_on, may_pin
from ..model.contents import (
    Content,
    EncryptedReaction,
    Event,
    EventAnswer,
    EventResponse,
    Keep,
    KeepAction,
    Pin,
    PinAction,
    Poll,
    PollVote,
    Reaction,
)
from ..proto import pb
from ..stanza.addons import open_event_response, open_reaction, open_vote
from ..stanza.contents import DecodedMessage, write_message
from ..stanza.tally import chosen_options
from .addon_scene import Scene

log = logging.getLogger(__name__)

HASH_SIZE: Final = 32
"""Bytes of the hash that names an answer of a poll."""

MAX_REACTION_BYTES: Final = 256
"""Of a reaction's text; the longest emoji has a sixth of that."""


# --- reactions -----------------------------------------------------------------------------------


def react(scene: Scene, content: Reaction) -> None:
    """Keep a reaction, also one to a message that did not come yet.

    Raises:
        DecodeError: it makes no sense, or its sender is not in the chat.
    """
    _check_member(scene)
    target = scene.target(content.target)
    data = content.text.encode("utf-8", "replace")
    if len(data) > MAX_REACTION_BYTES:
        raise DecodeError("a reaction is one emoji")
    message = scene.find_open(target)
    sent_ms = scene.sent_ms(content.timestamp_ms)
    if _put(scene, target, AddOnKind.REACTION, data, sent_ms):
        text = data.decode()
        scene.work.emit(
            ReactionChanged(target, scene.key, text, sent_ms, is_orphan=message is None)
        )


def react_encrypted(scene: Scene, content: EncryptedReaction) -> None:
    """Open a reaction and keep it.

    Raises:
        DecodeError: it makes no sense, or its sender is not in the chat.
        CryptoError: it can't be decrypted.
    """
    found = scene.secret_of(scene.target(content.target))
    if found is not None:
        react(scene, open_reaction(content, found.original, scene.senders))


# --- votes and answers ---------------------------------------------------------------------------


def vote(scene: Scene, content: PollVote) -> None:
    """Open a vote and keep it.

    Raises:
        DecodeError: it makes no sense, chooses too much, or its sender is not in the chat.
        CryptoError: it can't be decrypted.
    """
    _check_member(scene)
    found = scene.secret_of(scene.target(content.poll))
    if found is None:
        return
    poll = found.decoded.content
    if not isinstance(poll, Poll):
        raise DecodeError("a vote in what is no poll")
    choices = open_vote(content, found.original, scene.senders)
    selected = chosen_options(poll, choices)
    # Hashes of unknown answers stay: members may add answers later.
    data = b"".join(choice for choice in choices if len(choice) == HASH_SIZE)
    sent_ms = scene.sent_ms(content.timestamp_ms)
    if _put(scene, found.message.key, AddOnKind.VOTE, data, sent_ms):
        scene.work.emit(VoteChanged(found.message, scene.key, scene.sender, selected, sent_ms))


def answer(scene: Scene, content: EventResponse) -> None:
    """Open an answer to an event and keep it.

    Raises:
        DecodeError: it makes no sense, or its sender is not in the chat.
        CryptoError: it can't be decrypted.
    """
    _check_member(scene)
    found = scene.secret_of(scene.target(content.event))
    if found is None:
        return
    if not isinstance(found.decoded.content, Event):
        raise DecodeError("an answer to what is no event")
    opened = open_event_response(content, found.original, scene.senders)
    opened = replace(opened, timestamp_ms=scene.sent_ms(opened.timestamp_ms))
    target = found.message.key
    if _put(scene, target, AddOnKind.EVENT_RESPONSE, answer_data(opened), opened.timestamp_ms):
        scene.work.emit(EventAnswered(found.message, scene.key, scene.sender, opened))


def answer_data(opened: EventAnswer) -> bytes:
    """An answer as it is stored: the serialized `pb.EventResponseMessage`."""
    response = pb.EventResponseMessage(
        timestampMs=opened.timestamp_ms, extraGuestCount=opened.extra_guests
    )
    response.response = int(opened.attendance)  # type: ignore[assignment]
    return response.SerializeToString()


# --- pins ----------------------------------------------------------------------------------------


def pin(scene: Scene, content: Pin) -> None:
    """Pin a message, or unpin it.

    Raises:
        DecodeError: it makes no sense, or its sender may not.
    """
    if content.action is PinAction.UNKNOWN:
        raise DecodeError("neither a pin nor its end")
    is_pinned = content.action is PinAction.PIN
    target = scene.target(content.target)
    if _put_for_all(scene, target, AddOnKind.PIN, content if is_pinned else None):
        duration_s = content.duration_s if is_pinned else 0
        timestamp = scene.arrival.timestamp
        scene.work.emit(MessagePinned(target, scene.sender, is_pinned, duration_s, timestamp))


def keep(scene: Scene, content: Keep) -> None:
    """Keep a disappearing message in the chat, or no longer.

    Raises:
        DecodeError: it makes no sense, or its sender may not.
    """
    if content.action is KeepAction.UNKNOWN:
        raise DecodeError("neither kept nor given up")
    is_kept = content.action is KeepAction.KEEP
    _put_for_all(scene, scene.target(content.target), AddOnKind.KEEP, content if is_kept else None)


def _put_for_all(
    scene: Scene, target: MessageKey, kind: AddOnKind, content: Content | None
) -> bool:
    """Store what holds for the whole chat, whoever did it: the latest of all people counts.

    Clocks of several people can't be compared, so the server's decides.

    Args:
        content: what holds now; None when it is over.
    """
    if target.chat != scene.chat:
        raise DecodeError("it is about a message of another chat")
    rights = scene.rights()
    if not may_pin(
        in_group=rights.in_group,
        is_member=rights.is_member,
        is_admin=rights.is_admin,
        members_may_edit=rights.members_may_edit,
    ):
        raise DecodeError("its sender may not pin or keep messages here")
    scene.find_open(target)
    latest_ms = max(
        (known.timestamp_ms for known in scene.work.store.add_ons.of(target, kind)), default=0
    )
    if scene.arrival.timestamp < latest_ms // 1000:
        return False
    # Within one second the order of arrival decides.
    sent_ms = max(scene.server_ms, latest_ms + 1)
    data = b"" if content is None else write_message(DecodedMessage(content)).SerializeToString()
    return _put(scene, target, kind, data, sent_ms)


# --- all of them ---------------------------------------------------------------------------------


def _check_member(scene: Scene) -> None:
    rights = scene.rights()
    if not may_add_on(in_group=rights.in_group, is_member=rights.is_member):
        raise DecodeError("its sender is not in the group")


def _put(scene: Scene, target: MessageKey, kind: AddOnKind, data: bytes, sent_ms: int) -> bool:
    is_new = scene.work.store.add_ons.put(
        AddOn(target, kind, scene.sender, scene.key, data, sent_ms)
    )
    if not is_new:
        log.info("an add-on is older than the one before it")
    return is_new
