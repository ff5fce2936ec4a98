"""Frames about chats: archived, removed, read or marked as unread."""

from __future__ import annotations

from ..model import Chat, ChatArchived, ChatRemoved, UnreadChanged
from .frames import Frame
from .ids import id_json


def chat_frame(event: ChatArchived | ChatRemoved | UnreadChanged) -> Frame:
    """The frame of an event, in the lane of its chat."""
    chat = chat_data(event.chat)
    lane = str(event.chat.jid)
    if isinstance(event, ChatArchived):
        states = {"currState": event.archived, "prevState": event.previous}
        data = {"chat": chat, "archived": event.archived, **states}
        return Frame.of("chat_archived", data, lane)
    jid = id_json(event.chat.jid)
    if isinstance(event, ChatRemoved):
        return Frame.of("chat_removed", {"id": jid, "chat": chat}, lane)
    data = {"id": jid, "unreadCount": event.count, "chat": chat}
    return Frame.of("unread_count", data, lane)


def chat_data(chat: Chat) -> dict[str, object]:
    """A chat as events carry it. Its name is the chat's own, else the user part of its address."""
    return {
        "id": id_json(chat.jid),
        "name": chat.name or chat.jid.user,
        "isGroup": chat.jid.is_group,
        "unreadCount": chat.unread_count,
        "timestamp": chat.timestamp,
        "archived": chat.archived,
        "pinned": chat.pinned,
        "isMuted": chat.muted_until != 0,
        "muteExpiration": chat.muted_until,
    }
