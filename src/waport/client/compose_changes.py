"""Messages of ours that say something about another one: reactions, edits, pins, votes, answers.

Each function gives what is to be composed, once the message that it speaks of is at hand.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from ..errors import InvalidInput, NotAuthorized
from ..model.authority import may_pin
from ..model.contents import (
    Attendance,
    Content,
    Document,
    Edit,
    Event,
    EventAnswer,
    Image,
    Keep,
    KeepAction,
    Pin,
    PinAction,
    Poll,
    Reaction,
    Revoke,
    SecretEdit,
    Text,
    Video,
    with_context,
)
from ..stanza.addons import answer_event, cast_vote, seal_edit, seal_reaction
from ..stanza.contents import encode, read_message
from .compose import Compose, Composed, NoSuchMessage, Scene


def reaction_to(message_id: str, emoji: str) -> Compose:
    """A reaction; an empty text takes it back."""

    def compose(scene: Scene) -> Composed:
        message = scene.find(message_id)
        reaction = Reaction(scene.target(message), emoji, _now_ms())
        if scene.group is not None and scene.group.is_default_subgroup:
            return Composed(seal_reaction(reaction, scene.original(message), scene.own_senders))
        return Composed(reaction)

    return compose


def edit_of(message_id: str, content: Content | str) -> Compose:
    """Another content for an own message; a text stands for the text or the caption."""

    def compose(scene: Scene) -> Composed:
        message = scene.find(message_id)
        if not message.key.from_me:
            raise InvalidInput("only own messages can be edited")
        changed = _edited(read_message(message.proto()).content, content)
        target = scene.target(message)
        if isinstance(changed, Event):
            return Composed(
                seal_edit(
                    SecretEdit.EVENT_EDIT,
                    encode(changed),
                    target,
                    scene.original(message),
                    scene.own_senders,
                )
            )
        return Composed(Edit(target, changed, _now_ms()))

    return compose


def revoke_of(message_id: str) -> Compose:
    """A message is taken back for everybody."""

    def compose(scene: Scene) -> Composed:
        message = scene.store.messages.get(scene.chat, message_id)
        if message is None:
            raise NoSuchMessage
        if not message.key.from_me and not _is_admin(scene) and not _runs_channel(scene):
            raise NotAuthorized(401, "only its author or an admin can take a message back")
        return Composed(Revoke(scene.target(message)))

    return compose


def pin_of(message_id: str, action: PinAction, duration_s: int) -> Compose:
    """A message is pinned in its chat, or no longer."""

    def compose(scene: Scene) -> Composed:
        group = scene.group
        if group is not None and not may_pin(
            in_group=True,
            is_member=True,
            is_admin=_is_admin(scene),
            members_may_edit=not group.is_locked,
        ):
            raise NotAuthorized(401, "only admins pin in this group")
        message = scene.find(message_id)
        return Composed(Pin(scene.target(message), action, duration_s, _now_ms()))

    return compose


def keep_of(message_id: str, action: KeepAction) -> Compose:
    """A disappearing message is kept in its chat, or no longer."""

    def compose(scene: Scene) -> Composed:
        return Composed(Keep(scene.target(scene.find(message_id)), action, _now_ms()))

    return compose


def vote_in(message_id: str, options: Sequence[str]) -> Compose:
    """A vote in a poll."""

    def compose(scene: Scene) -> Composed:
        message = scene.find(message_id)
        poll = read_message(message.proto()).content
        if not isinstance(poll, Poll):
            raise InvalidInput("the message is no poll")
        vote = cast_vote(
            poll,
            options,
            scene.target(message),
            scene.original(message),
            scene.own_senders,
            timestamp_ms=_now_ms(),
        )
        return Composed(vote)

    return compose


def answer_to(message_id: str, attendance: Attendance, extra_guests: int) -> Compose:
    """An answer to an event."""

    def compose(scene: Scene) -> Composed:
        message = scene.find(message_id)
        if not isinstance(read_message(message.proto()).content, Event):
            raise InvalidInput("the message is no event")
        answer = EventAnswer(attendance, _now_ms(), extra_guests)
        original = scene.original(message)
        return Composed(answer_event(answer, scene.target(message), original, scene.own_senders))

    return compose


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _is_admin(scene: Scene) -> bool:
    if scene.group is None:
        return False
    for address in scene.own_senders:
        member = scene.group.member(address)
        if member is not None:
            return member.is_admin
    return False


def _runs_channel(scene: Scene) -> bool:
    """Whether the account is an admin of the channel, as far as that is known."""
    if not scene.chat.is_newsletter:
        return False
    known = scene.store.newsletters.get(scene.chat)
    return known is not None and known.is_run


def _edited(before: Content, content: Content | str) -> Content:
    """The new content of a message."""
    if not isinstance(content, str):
        return content
    if isinstance(before, Text):
        return with_context(Text(content), lambda _: before.context)
    if isinstance(before, Image | Video | Document):
        return replace(before, caption=content)
    raise InvalidInput("a message of this kind has no text to edit")
