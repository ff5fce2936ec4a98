"""Answers with many messages."""

from __future__ import annotations

from collections.abc import Container, Sequence

from ..events import message_json
from ..model import Message, MessageKey
from ..wire import Jid
from .list_answer import PIECE, ListAnswer

__all__ = ["PIECE", "messages_answer"]


def messages_answer(
    messages: Sequence[Message], own: Jid, reacted: Container[MessageKey]
) -> ListAnswer:
    """The answer `{"success": true, "messages": [...]}`.

    Args:
        messages: in the order in which they are shown.
        own: the account's address.
        reacted: those with a reaction.
    """
    return ListAnswer(
        "messages",
        messages,
        lambda message: message_json(message, own, has_reaction=message.key in reacted),
    )
