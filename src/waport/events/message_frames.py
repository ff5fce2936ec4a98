"""Frames about messages: added, edited, revoked, reacted to, voted in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..model import (
    AckChanged,
    MediaUploaded,
    Message,
    MessageAdded,
    MessageDeleted,
    MessageEdited,
    MessageKey,
    MessageRevoked,
    MessageUndecryptable,
    ReactionChanged,
    VoteChanged,
)
from ..wire import Jid
from .contents import caption_of, content_kind, find_content
from .frames import Frame
from .ids import jid_text, message_id_json
from .shapes import MessageJson, message_json, raw_key
from .vote_shapes import vote_json

MessageEvent = (
    MessageAdded
    | MessageUndecryptable
    | AckChanged
    | MessageEdited
    | MessageRevoked
    | MessageDeleted
    | ReactionChanged
    | VoteChanged
    | MediaUploaded
)
"""Events about messages."""

HasReaction = Callable[[MessageKey], bool]
"""Whether somebody's reaction to a message stands."""


@dataclass(frozen=True, slots=True)
class MessageFrames:
    """Makes the frames of events about messages.

    Attributes:
        own: the account's address.
        has_reaction: looks a message's reactions up.
    """

    own: Jid
    has_reaction: HasReaction

    def of(self, event: MessageEvent) -> list[Frame]:
        """The frames of an event, in the order in which they leave."""
        match event:
            case MessageAdded(message):
                return self._added(message)
            case MessageUndecryptable(message):
                return [_about(message.key, "message_ciphertext", self._shape(message))]
            case MessageDeleted(message):
                data = {"message": self._shape(message)}
                return [_about(message.key, "message_revoke_me", data)]
            case MediaUploaded(message):
                return [_about(message.key, "media_uploaded", self._shape(message))]
            case AckChanged():
                return [self._ack_changed(event)]
            case MessageEdited():
                return [self._edited(event)]
            case MessageRevoked():
                return [self._revoked(event)]
            case ReactionChanged():
                return [_reaction_changed(event)]
            case VoteChanged():
                return [self._vote_changed(event)]

    def _shape(self, message: Message) -> MessageJson:
        return message_json(message, self.own, has_reaction=self.has_reaction(message.key))

    def _added(self, message: Message) -> list[Frame]:
        created = _about(message.key, "message_create", self._shape(message))
        if message.key.from_me:
            return [created]
        return [created, Frame("message", created.lane, created.data, created.text)]

    def _ack_changed(self, event: AckChanged) -> Frame:
        message = event.message.with_ack(event.ack)
        data: dict[str, object] = {"message": self._shape(message), "ack": int(event.ack)}
        if event.participant is not None:
            data["participant"] = jid_text(event.participant)
        return _about(message.key, "message_ack", data)

    def _edited(self, event: MessageEdited) -> Frame:
        message = event.message
        data = {
            "message": self._shape(message),
            "newBody": words_of(message),
            "prevBody": words_of(event.previous),
        }
        return _about(message.key, "message_edit", data)

    def _revoked(self, event: MessageRevoked) -> Frame:
        message, original = event.message, event.original
        data = {
            "message": self._shape(message),
            "revokedMsg": None if original is None else self._shape(original),
        }
        return _about(message.key, "message_revoke_everyone", data)

    def _vote_changed(self, event: VoteChanged) -> Frame:
        poll = self._shape(event.poll)
        vote = vote_json(poll, event.voter, event.selected, event.timestamp_ms)
        return _about(event.poll.key, "vote_update", {"vote": vote})


def _reaction_changed(event: ReactionChanged) -> Frame:
    reaction = {
        "key": raw_key(event.key),
        "text": event.text,
        "senderTimestampMs": event.timestamp_ms,
    }
    data = {
        "id": message_id_json(event.target),
        "reaction": reaction,
        "senderId": jid_text(event.key.sender),
    }
    return _about(event.target, "message_reaction", data)


def words_of(message: Message) -> str:
    """What an edit changes: the text, or the caption of a file."""
    content = find_content(message.proto())
    return caption_of(content, content_kind(content))


def _about(key: MessageKey, kind: str, data: Mapping[str, object]) -> Frame:
    return Frame.of(kind, data, lane=str(key.chat))
