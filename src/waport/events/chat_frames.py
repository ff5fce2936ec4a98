"""Frames about chats: archived, removed, read or marked as unread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..model import ChatArchived, ChatRemoved, ChatSummary, UnreadChanged
from ..wire import Jid
from .chat_shapes import ChatJson, chat_json
from .frames import Frame, PayloadForm, payload
from .lookups import Lookups
from .wwebjs_shapes import as_wwebjs

ChatEvent = ChatArchived | ChatRemoved | UnreadChanged
"""Events about chats."""


def chat_frame(
    event: ChatEvent,
    own: Jid,
    lookups: Lookups,
    form: PayloadForm,
    summary: ChatSummary | None = None,
) -> Frame:
    """The frame of an event, in the lane of its chat.

    Args:
        summary: what `lookups` knows of the chat, for who has asked already.
    """
    summary = summary or lookups.summary(event.chat.jid) or ChatSummary(event.chat)
    kind, flat, wwebjs = _told(event, _shape(event, summary, own, lookups))
    return Frame.of(kind, payload(form, flat, wwebjs), lane=str(event.chat.jid))


def _told(
    event: ChatEvent, chat: ChatJson
) -> tuple[str, Mapping[str, object], Mapping[str, object]]:
    """The event's name, and its payload in two forms."""
    older = {"chat": as_wwebjs(chat)}
    match event:
        case ChatArchived():
            states = {"currState": event.archived, "prevState": event.previous}
            flat = {"chat": chat, "archived": event.archived, **states}
            return "chat_archived", flat, {**older, **states}
        case ChatRemoved():
            return "chat_removed", {"id": chat["id"], "chat": chat}, older
        case UnreadChanged():
            flat = {"id": chat["id"], "unreadCount": event.count, "chat": chat}
            return "unread_count", flat, older


def _shape(event: ChatEvent, summary: ChatSummary, own: Jid, lookups: Lookups) -> ChatJson:
    """The chat as the event says that it is."""
    chat = event.chat
    summary = replace(summary, chat=chat)
    group = lookups.group(chat.jid) if chat.jid.is_group else None
    last = summary.last
    shape = chat_json(
        summary,
        own,
        lookups.now,
        group=group,
        has_reaction=last is not None and lookups.has_reaction(last.key),
    )
    if isinstance(event, UnreadChanged):
        # It comes with every message; the members of a large group are far more than all the rest.
        shape.pop("groupMetadata", None)
    return shape
