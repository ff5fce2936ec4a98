"""Actions on chats, messages, labels and notes, and what they look like on the wire."""

from __future__ import annotations

from support.appstate import AUTHOR, CHAT, GROUP, Sample, message
from waport.appstate import Collection
from waport.appstate.actions import (
    FOREVER,
    ArchiveChat,
    BotWelcome,
    ButtonState,
    ClearChat,
    DeleteChat,
    DeleteMessageForMe,
    DeleteThread,
    EditLabel,
    EditNote,
    EditQuickReply,
    Favorites,
    InteractiveMessageState,
    LabelChat,
    LabelKind,
    LabelMessage,
    LabelSublist,
    LockChat,
    MarkChatRead,
    MessageRange,
    MessageRef,
    MuteChat,
    NoteKind,
    OrderLabels,
    PinChat,
    PinThread,
    RenameThread,
    StarMessage,
)

C, G = str(CHAT), str(GROUP)
THEIRS = MessageRef(GROUP, "3EB0AA", False, AUTHOR)
OURS = MessageRef(CHAT, "3EB0BB", True)
RANGE = MessageRange(100, 160, (message("3EB0CC", 100),))
RANGE_JSON = {
    "lastMessageTimestamp": "100",
    "lastSystemMessageTimestamp": "160",
    "messages": [
        {"key": {"remoteJid": C, "fromMe": True, "id": "3EB0CC"}, "timestamp": "100"},
    ],
}
LOW, HIGH, REGULAR = Collection.REGULAR_LOW, Collection.REGULAR_HIGH, Collection.REGULAR

CHAT_SAMPLES: list[Sample] = [
    (
        MuteChat(GROUP, True, FOREVER),
        HIGH,
        2,
        ["mute", G],
        {"muteAction": {"muted": True, "muteEndTimestamp": "-1"}},
    ),
    (MuteChat(CHAT), HIGH, 2, ["mute", C], {"muteAction": {"muted": False}}),
    (
        MuteChat(CHAT, True, 5, True, 6),
        HIGH,
        2,
        ["mute", C],
        {
            "muteAction": {
                "muted": True,
                "muteEndTimestamp": "5",
                "autoMuted": True,
                "muteEveryoneMentionEndTimestamp": "6",
            }
        },
    ),
    (
        StarMessage(THEIRS, True),
        HIGH,
        2,
        ["star", G, "3EB0AA", "0", str(AUTHOR)],
        {"starAction": {"starred": True}},
    ),
    (
        StarMessage(OURS),
        HIGH,
        2,
        ["star", C, "3EB0BB", "1", "0"],
        {"starAction": {"starred": False}},
    ),
    (
        DeleteMessageForMe(OURS, True, 1_700_000_000),
        HIGH,
        3,
        ["deleteMessageForMe", C, "3EB0BB", "1", "0"],
        {"deleteMessageForMeAction": {"deleteMedia": True, "messageTimestamp": "1700000000"}},
    ),
    (
        ClearChat(CHAT, True, False, RANGE),
        HIGH,
        6,
        ["clearChat", C, "1", "0"],
        {"clearChatAction": {"messageRange": RANGE_JSON}},
    ),
    (
        DeleteChat(CHAT, True, RANGE),
        HIGH,
        6,
        ["deleteChat", C, "1"],
        {"deleteChatAction": {"messageRange": RANGE_JSON}},
    ),
    (
        Favorites((CHAT, GROUP)),
        HIGH,
        1,
        ["favorites"],
        {"favoritesAction": {"favorites": [{"id": C}, {"id": G}]}},
    ),
    (DeleteThread(CHAT, "T1"), HIGH, 7, ["ai_thread_delete", C, "T1"], {}),
    (
        ArchiveChat(CHAT, True, RANGE),
        LOW,
        3,
        ["archive", C],
        {"archiveChatAction": {"archived": True, "messageRange": RANGE_JSON}},
    ),
    (PinChat(GROUP, True), LOW, 5, ["pin_v1", G], {"pinAction": {"pinned": True}}),
    (
        MarkChatRead(CHAT, False, MessageRange(100)),
        LOW,
        3,
        ["markChatAsRead", C],
        {
            "markChatAsReadAction": {
                "read": False,
                "messageRange": {"lastMessageTimestamp": "100"},
            }
        },
    ),
    (LockChat(CHAT, True), LOW, 7, ["lock", C], {"lockChatAction": {"locked": True}}),
    (
        BotWelcome(CHAT, True),
        LOW,
        2,
        ["bot_welcome_request", C],
        {"botWelcomeRequestAction": {"isSent": True}},
    ),
    (
        PinThread(CHAT, "T1", True),
        LOW,
        7,
        ["thread_pin", C, "T1"],
        {"threadPinAction": {"pinned": True}},
    ),
    (
        RenameThread(CHAT, "T1", "Trip"),
        LOW,
        7,
        ["ai_thread_rename", C, "T1"],
        {"aiThreadRenameAction": {"newTitle": "Trip"}},
    ),
    (
        InteractiveMessageState(THEIRS, "x", ButtonState.DISABLED, "a"),
        LOW,
        1,
        ["interactive_message_action", G, "3EB0AA", "0", str(AUTHOR), "x"],
        {"interactiveMessageAction": {"type": "DISABLE_CTA", "agmId": "a"}},
    ),
]

BUSINESS_SAMPLES: list[Sample] = [
    (
        EditNote("N1", NoteKind.UNSTRUCTURED, CHAT, 5, False, "call back"),
        LOW,
        7,
        ["note_edit", "N1"],
        {
            "noteEditAction": {
                "type": "UNSTRUCTURED",
                "chatJid": C,
                "createdAt": "5",
                "deleted": False,
                "unstructuredContent": "call back",
            }
        },
    ),
    (
        EditLabel("5", "New", 0),
        REGULAR,
        3,
        ["label_edit", "5"],
        {"labelEditAction": {"name": "New", "color": 0, "deleted": False}},
    ),
    (
        EditLabel("5", "New", 3, 2, True, 4, False, LabelKind.CUSTOM, True, 9),
        REGULAR,
        3,
        ["label_edit", "5"],
        {
            "labelEditAction": {
                "name": "New",
                "color": 3,
                "predefinedId": 2,
                "deleted": True,
                "orderIndex": 4,
                "isActive": False,
                "type": "CUSTOM",
                "isImmutable": True,
                "muteEndTimeMs": "9",
            }
        },
    ),
    (
        LabelChat("5", CHAT, True, "m"),
        REGULAR,
        3,
        ["label_jid", "5", C],
        {"labelAssociationAction": {"labeled": True, "modelMetaData": "m"}},
    ),
    (
        LabelMessage("5", CHAT, "3EB0AA", False),
        REGULAR,
        3,
        ["label_message", "5", C, "3EB0AA", "0", "0"],
        {"labelAssociationAction": {"labeled": False}},
    ),
    (
        OrderLabels((3, 1, 2)),
        REGULAR,
        3,
        ["label_reordering"],
        {"labelReorderingAction": {"sortedLabelIds": [3, 1, 2]}},
    ),
    (LabelSublist("2", CHAT), REGULAR, 1, ["label_sublist", "2", C], {}),
    (
        EditQuickReply("1735600000", "hi", "Hello there", ("a", "b"), 0, False, ("5",)),
        REGULAR,
        2,
        ["quick_reply", "1735600000"],
        {
            "quickReplyAction": {
                "shortcut": "hi",
                "message": "Hello there",
                "keywords": ["a", "b"],
                "count": 0,
                "deleted": False,
                "associatedLabelIds": ["5"],
            }
        },
    ),
]
