"""Calling a method by its name."""

from __future__ import annotations

from typing import Final

from pydantic import JsonValue

from ...wire import Jid
from ..fields import body, optional, required
from ..kinds import ADDRESS, ANYTHING, GROUP, TEXT
from .common import SuccessEnvelope

_ARGUMENT: Final = "The one argument."


@body
class RunMethodRequest:
    """A method of the account."""

    method: str = required("method", TEXT, example="getChatById")
    argument: object = optional("options", ANYTHING, default=None, note=_ARGUMENT)


@body
class RunChatMethodRequest:
    """A method of a chat."""

    chat: Jid = required("chatId", ADDRESS, example="15551234567@c.us")
    method: str = required("method", TEXT, example="archive")
    argument: object = optional("options", ANYTHING, default=None, note=_ARGUMENT)


@body
class RunGroupMethodRequest:
    """A method of a group."""

    group: Jid = required("chatId", GROUP, also=("groupId",), example="120363000000000001@g.us")
    method: str = required("method", TEXT, example="setSubject")
    argument: object = optional("options", ANYTHING, default=None, note=_ARGUMENT)


@body
class RunMessageMethodRequest:
    """A method of a message."""

    chat: Jid = required("chatId", ADDRESS, example="15551234567@c.us")
    message_id: str = required("messageId", TEXT)
    method: str = required("method", TEXT, example="getReactions")
    argument: object = optional("options", ANYTHING, default=None, note=_ARGUMENT)


class MethodAnswer(SuccessEnvelope):
    """What the method gives back; null for those that give nothing."""

    data: JsonValue
