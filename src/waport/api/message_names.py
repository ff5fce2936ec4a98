"""Finding a message by whatever spelling of its id."""

from __future__ import annotations

import re
from typing import Final

from ..client.compose import NoSuchMessage
from ..client.message_status import MessageStatus
from ..events import stanza_id
from ..model import Message
from ..wire import Jid
from .addresses import parse_address
from .ports import ClientPort

_CHAT: Final = re.compile(r"(?:(?:true|false)_)?([^_@]+@[^_@]+)_.", re.DOTALL)
_MAX_ID: Final = 512


async def find_message(client: ClientPort, chat: Jid, text: str) -> Message:
    """The message that a caller means.

    The chat is a hint: a message of this id in the chat that the id itself names, or in any other,
    is found too.

    Args:
        chat: where it should be.
        text: the raw id, `<chat>_<id>`, `<true|false>_<chat>_<id>`, or that with `_<author>`.

    Raises:
        NoSuchMessage: there is none.
    """
    message = None
    if len(text) <= _MAX_ID:
        message = await client.messages.find([chat, *_named_chats(text)], [text, stanza_id(text)])
    if message is None:
        raise NoSuchMessage
    return message


async def find_status(client: ClientPort, text: str) -> MessageStatus:
    """The status of the own message that a caller means.

    Args:
        text: an id, as `find_message` takes it.

    Raises:
        NoSuchMessage: there is no own message of this id.
    """
    status = None
    if len(text) <= _MAX_ID:
        status = await client.messages.status(_named_chats(text), [text, stanza_id(text)])
    if status is None:
        raise NoSuchMessage
    return status


def _named_chats(text: str) -> list[Jid]:
    match = _CHAT.match(text)
    return [] if match is None else [parse_address(match[1])]
