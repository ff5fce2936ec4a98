"""Answers with many messages."""

from __future__ import annotations

from collections.abc import Container, Sequence

from starlette.responses import Response

from ..events import message_json
from ..model import Message, MessageKey
from ..wire import Jid
from .list_answer import PIECE, list_answer

__all__ = ["PIECE", "messages_answer"]


async def messages_answer(
    messages: Sequence[Message], own: Jid, reacted: Container[MessageKey]
) -> Response:
    """The answer `{"success": true, "messages": [...]}`.

    Args:
        messages: in the order in which they are shown.
        own: the account's address.
        reacted: those with a reaction.
    """
    return await list_answer(
        "messages",
        messages,
        lambda message: message_json(message, own, has_reaction=message.key in reacted),
    )
