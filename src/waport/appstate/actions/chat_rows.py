"""The actions on chats and messages.

Source: docs/protocol/app-state.md, "Actions".
"""

from __future__ import annotations

from typing import Final

from ..state import Collection
from . import chats
from .fields import choice, flag, number, text, wrapped_addresses
from .indexes import flag_part, jid_part, message_part, text_part
from .ranges import message_range
from .row import Row

_HIGH: Final = Collection.REGULAR_HIGH
_LOW: Final = Collection.REGULAR_LOW

_CHAT = jid_part("chat")
_MESSAGE = message_part("message")
_RANGE = message_range("messages", "messageRange")
_THREAD = (_CHAT, text_part("thread_id"))

CHAT_ROWS: Final = (
    Row(
        "mute",
        _HIGH,
        2,
        chats.MuteChat,
        (_CHAT,),
        "muteAction",
        (
            flag("muted", "muted"),
            number("end_ms", "muteEndTimestamp"),
            flag("auto_muted", "autoMuted", always=False),
            number("mentions_end_ms", "muteEveryoneMentionEndTimestamp"),
        ),
    ),
    Row(
        "star",
        _HIGH,
        2,
        chats.StarMessage,
        (_MESSAGE,),
        "starAction",
        (flag("starred", "starred"),),
    ),
    Row(
        "deleteMessageForMe",
        _HIGH,
        3,
        chats.DeleteMessageForMe,
        (_MESSAGE,),
        "deleteMessageForMeAction",
        (flag("delete_media", "deleteMedia"), number("timestamp_s", "messageTimestamp")),
    ),
    Row(
        "clearChat",
        _HIGH,
        6,
        chats.ClearChat,
        (_CHAT, flag_part("delete_starred"), flag_part("delete_media")),
        "clearChatAction",
        (_RANGE,),
    ),
    Row(
        "deleteChat",
        _HIGH,
        6,
        chats.DeleteChat,
        (_CHAT, flag_part("delete_media")),
        "deleteChatAction",
        (_RANGE,),
    ),
    Row(
        "favorites",
        _HIGH,
        1,
        chats.Favorites,
        (),
        "favoritesAction",
        (wrapped_addresses("chats", "favorites", "id"),),
    ),
    Row(
        "archive",
        _LOW,
        3,
        chats.ArchiveChat,
        (_CHAT,),
        "archiveChatAction",
        (flag("archived", "archived"), _RANGE),
    ),
    Row("pin_v1", _LOW, 5, chats.PinChat, (_CHAT,), "pinAction", (flag("pinned", "pinned"),)),
    Row(
        "markChatAsRead",
        _LOW,
        3,
        chats.MarkChatRead,
        (_CHAT,),
        "markChatAsReadAction",
        (flag("read", "read"), _RANGE),
    ),
    Row("lock", _LOW, 7, chats.LockChat, (_CHAT,), "lockChatAction", (flag("locked", "locked"),)),
    Row(
        "bot_welcome_request",
        _LOW,
        2,
        chats.BotWelcome,
        (_CHAT,),
        "botWelcomeRequestAction",
        (flag("is_sent", "isSent"),),
    ),
    Row(
        "thread_pin",
        _LOW,
        7,
        chats.PinThread,
        _THREAD,
        "threadPinAction",
        (flag("pinned", "pinned"),),
    ),
    Row(
        "ai_thread_rename",
        _LOW,
        7,
        chats.RenameThread,
        _THREAD,
        "aiThreadRenameAction",
        (text("title", "newTitle", always=True),),
    ),
    Row("ai_thread_delete", _HIGH, 7, chats.DeleteThread, _THREAD),
    Row(
        "interactive_message_action",
        _LOW,
        1,
        chats.InteractiveMessageState,
        (_MESSAGE, text_part("detail")),
        "interactiveMessageAction",
        (choice("buttons", "type", chats.ButtonState), text("agm_id", "agmId")),
    ),
)
