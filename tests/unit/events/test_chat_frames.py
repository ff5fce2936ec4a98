"""Frames about chats."""

from __future__ import annotations

import pytest

from waport.events import Frame
from waport.events.render import KINDS, render
from waport.model import Chat, ChatArchived, ChatRemoved, UnreadChanged
from waport.wire import Jid

OWN = Jid("15550001111", "s.whatsapp.net")
BOB = Jid("15550002222", "s.whatsapp.net")
ID = {"_serialized": "15550002222@c.us", "user": "15550002222", "server": "c.us"}
SHAPE = {
    "id": ID,
    "name": "15550002222",
    "isGroup": False,
    "isReadOnly": False,
    "unreadCount": 0,
    "timestamp": 9,
    "archived": True,
    "pinned": False,
    "isMuted": True,
    "muteExpiration": -1,
}
CHAT = Chat(BOB, timestamp=9, archived=True, muted_until=-1)


@pytest.mark.parametrize(
    ("event", "kind", "data"),
    [
        (
            ChatArchived(CHAT, True, False),
            "chat_archived",
            {"chat": SHAPE, "archived": True, "currState": True, "prevState": False},
        ),
        (ChatRemoved(CHAT), "chat_removed", {"id": ID, "chat": SHAPE}),
        (UnreadChanged(CHAT, 0), "unread_count", {"id": ID, "unreadCount": 0, "chat": SHAPE}),
    ],
    ids=["archived", "removed", "unread"],
)
def test_changes_of_chats_are_told_in_their_lane(
    event: ChatArchived | ChatRemoved | UnreadChanged, kind: str, data: dict[str, object]
) -> None:
    assert render(event, OWN) == [Frame.of(kind, data, lane=str(BOB))]
    assert KINDS[type(event)] == (kind,)


def test_a_chat_that_is_only_marked_as_unread_counts_as_minus_one() -> None:
    marked = Chat(Jid("120363000000000001", "g.us"), "Friends", marked_unread=True)
    (frame,) = render(UnreadChanged(marked, marked.unread_count), OWN)
    chat = frame.data["chat"]
    assert isinstance(chat, dict)
    assert (frame.data["unreadCount"], chat["unreadCount"], chat["name"]) == (-1, -1, "Friends")
    assert chat["isGroup"] is True
