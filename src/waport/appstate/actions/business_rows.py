"""The actions on labels, quick replies and notes.

Source: docs/protocol/app-state.md, "Actions".
"""

from __future__ import annotations

from typing import Final

from ..state import Collection
from . import business
from .fields import address, choice, flag, maybe_flag, number, numbers, text, texts
from .indexes import constant_parts, jid_part, text_part
from .row import Row

_LOW: Final = Collection.REGULAR_LOW
_REGULAR: Final = Collection.REGULAR

_CHAT = jid_part("chat")
_LABEL = text_part("label_id")
_LABELED = (flag("labeled", "labeled"), text("origin", "modelMetaData"))

BUSINESS_ROWS: Final = (
    Row(
        "label_edit",
        _REGULAR,
        3,
        business.EditLabel,
        (_LABEL,),
        "labelEditAction",
        (
            text("name", "name", always=True),
            number("color", "color", always=True),
            number("predefined_id", "predefinedId"),
            flag("deleted", "deleted"),
            number("order", "orderIndex"),
            maybe_flag("is_active", "isActive"),
            choice("kind", "type", business.LabelKind),
            flag("is_immutable", "isImmutable", always=False),
            number("mute_end_ms", "muteEndTimeMs"),
        ),
    ),
    Row(
        "label_jid",
        _REGULAR,
        3,
        business.LabelChat,
        (_LABEL, _CHAT),
        "labelAssociationAction",
        _LABELED,
    ),
    Row(
        "label_message",
        _REGULAR,
        3,
        business.LabelMessage,
        (_LABEL, _CHAT, text_part("message_id"), constant_parts("0", "0")),
        "labelAssociationAction",
        _LABELED,
    ),
    Row(
        "label_reordering",
        _REGULAR,
        3,
        business.OrderLabels,
        (),
        "labelReorderingAction",
        (numbers("label_ids", "sortedLabelIds"),),
    ),
    Row(
        "label_sublist",
        _REGULAR,
        1,
        business.LabelSublist,
        (text_part("predefined_id"), _CHAT),
    ),
    Row(
        "quick_reply",
        _REGULAR,
        2,
        business.EditQuickReply,
        (text_part("reply_id"),),
        "quickReplyAction",
        (
            text("shortcut", "shortcut", always=True),
            text("message", "message", always=True),
            texts("keywords", "keywords"),
            number("used", "count", always=True),
            flag("deleted", "deleted"),
            texts("label_ids", "associatedLabelIds"),
        ),
    ),
    Row(
        "note_edit",
        _LOW,
        7,
        business.EditNote,
        (text_part("note_id"),),
        "noteEditAction",
        (
            choice("kind", "type", business.NoteKind),
            address("chat", "chatJid"),
            number("created_at", "createdAt"),
            flag("deleted", "deleted"),
            text("text", "unstructuredContent"),
        ),
    ),
)
