"""Frames about messages: added, edited, revoked, reacted to, voted in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..model import (
    AckChanged,
    MediaFetched,
    MediaUploaded,
    Message,
    MessageAdded,
    MessageDeleted,
    MessageEdited,
    MessageRevoked,
    MessageUndecryptable,
    ReactionChanged,
    UnreadChanged,
    VoteChanged,
)
from ..wire import Jid
from .chat_frames import chat_frame
from .contents import caption_of, content_kind, find_content
from .frames import Frame, PayloadForm, payload
from .ids import jid_text, message_id_json
from .lookups import Lookups
from .media_frames import media_frame
from .shapes import MessageJson, message_json, raw_key
from .vote_shapes import vote_json
from .wwebjs_shapes import wwebjs_id, wwebjs_message

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
    | MediaFetched
)
"""Events about messages."""


@dataclass(frozen=True, slots=True)
class MessageFrames:
    """Makes the frames of events about messages.

    Attributes:
        own: the account's address.
        lookups: knows what else is stored.
        form: whose readers they are for.
    """

    own: Jid
    lookups: Lookups
    form: PayloadForm

    def of(self, event: MessageEvent) -> list[Frame]:
        """The frames of an event, in the order in which they leave."""
        match event:
            case MessageAdded(message):
                return self._added(message)
            case MessageUndecryptable(message):
                return [self._told("message_ciphertext", message)]
            case MessageDeleted(message):
                return [self._told("message_revoke_me", message)]
            case MediaUploaded(message):
                return [self._flat("media_uploaded", message)]
            case MediaFetched():
                return [media_frame(event, self._same(self._shape(event.message)))]
            case AckChanged():
                return [self._ack_changed(event)]
            case MessageEdited(message, previous):
                bodies = {"newBody": words_of(message), "prevBody": words_of(previous)}
                return [self._told("message_edit", message, **bodies)]
            case MessageRevoked(message, original):
                older = None if original is None else self._same(self._shape(original))
                return [self._told("message_revoke_everyone", message, revokedMsg=older)]
            case ReactionChanged():
                return [_reaction_changed(event, self.form)]
            case VoteChanged():
                return [self._vote_changed(event)]

    def _shape(self, message: Message) -> MessageJson:
        has_reaction = self.lookups.has_reaction(message.key)
        return message_json(message, self.own, has_reaction=has_reaction)

    def _same(self, shape: MessageJson) -> Mapping[str, object]:
        """A message that stands at the same place in both forms."""
        return wwebjs_message(shape) if self.form is PayloadForm.WWEBJS else shape

    def _flat(self, kind: str, message: Message) -> Frame:
        """An event that is nothing but its message."""
        shape = self._shape(message)
        data = payload(self.form, shape, {"message": wwebjs_message(shape)})
        return Frame.of(kind, data, lane=str(message.key.chat))

    def _told(self, kind: str, message: Message, **more: object) -> Frame:
        """An event that has its message under a key, in every form."""
        data = {"message": self._same(self._shape(message)), **more}
        return Frame.of(kind, data, lane=str(message.key.chat))

    def _added(self, message: Message) -> list[Frame]:
        created = self._flat("message_create", message)
        if message.key.from_me:
            return [created]
        return [
            created,
            Frame("message", created.lane, created.data, created.text),
            *self._one_more_unread(message),
        ]

    def _one_more_unread(self, message: Message) -> list[Frame]:
        """The chat has counted the message already."""
        summary = self.lookups.summary(message.key.chat)
        if summary is None:
            return []
        event = UnreadChanged(summary.chat, summary.chat.unread_count)
        return [chat_frame(event, self.own, self.lookups, self.form, summary)]

    def _ack_changed(self, event: AckChanged) -> Frame:
        more: dict[str, object] = {"ack": int(event.ack)}
        if event.participant is not None:
            more["participant"] = jid_text(event.participant)
        return self._told("message_ack", event.message.with_ack(event.ack), **more)

    def _vote_changed(self, event: VoteChanged) -> Frame:
        poll = self._shape(event.poll)
        vote = vote_json(poll, event.voter, event.selected, event.timestamp_ms)
        shown = self._same(poll)
        told = {**vote, "parentMessage": shown, "parentMsgKey": shown["id"]}
        return Frame.of("vote_update", {"vote": told}, lane=str(event.poll.key.chat))


def _reaction_changed(event: ReactionChanged, form: PayloadForm) -> Frame:
    target = message_id_json(event.target)
    sender = jid_text(event.key.sender)
    flat = {
        "id": target,
        "reaction": {
            "key": raw_key(event.key),
            "text": event.text,
            "senderTimestampMs": event.timestamp_ms,
        },
        "senderId": sender,
    }
    reaction = {
        "id": wwebjs_id(message_id_json(event.key)),
        "orphan": int(event.is_orphan),
        "orphanReason": None,
        "timestamp": event.timestamp_ms // 1000,
        "reaction": event.text,
        "read": True,
        "msgId": wwebjs_id(target),
        "senderId": sender,
    }
    data = payload(form, flat, {"reaction": reaction})
    return Frame.of("message_reaction", data, lane=str(event.target.chat))


def words_of(message: Message) -> str:
    """What an edit changes: the text, or the caption of a file."""
    content = find_content(message.proto())
    return caption_of(content, content_kind(content))
