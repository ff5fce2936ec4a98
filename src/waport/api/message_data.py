"""Messages that callers give back as they got them: the `_data` of a Message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from google.protobuf import json_format

from ..client.media_inputs import decode_base64
from ..client.threads import in_thread
from ..errors import InvalidInput
from ..model import Message, MessageKey, MessageKind
from ..proto import pb
from ..wire import Jid
from .addresses import NOBODY, is_reachable, parse_address
from .errors import InvalidRequest

_ID: Final = re.compile(r"[!-~]{1,128}")


async def read_message_data(data: Mapping[str, object], own: Jid) -> Message:
    """The message that `_data` describes.

    Args:
        data: the `_data` of a Message, or the Message itself.
        own: the account's address.

    Raises:
        InvalidRequest: it is none.
    """
    inner = data.get("_data")
    if isinstance(inner, dict):
        data = inner
    return await in_thread(_read, data, own)


def _read(data: Mapping[str, object], own: Jid) -> Message:
    return Message(
        key=_key(data.get("key"), own),
        timestamp=0,
        content=_content(data),
        kind=MessageKind.OTHER,
    )


def _content(data: Mapping[str, object]) -> bytes:
    """The content, serialized."""
    raw = data.get("rawMessage")
    if isinstance(raw, str) and raw:
        try:
            return decode_base64(raw)
        except InvalidInput as exc:
            raise _unusable() from exc
    message = data.get("message")
    if not isinstance(message, dict) or not message:
        raise InvalidRequest("Message payload is missing")
    try:
        parsed = json_format.ParseDict(message, pb.Message(), ignore_unknown_fields=True)
    except (json_format.ParseError, TypeError, ValueError, AttributeError) as exc:
        # The library lets some of its own slips through for values of odd types.
        raise _unusable() from exc
    return parsed.SerializeToString()


def _key(key: object, own: Jid) -> MessageKey:
    """The key; one that names nothing where there is none, so that nobody is asked about it."""
    if not isinstance(key, dict):
        return _nameless()
    chat, author = _address(key.get("remoteJid")), _address(key.get("participant"))
    message_id, from_me = key.get("id"), key.get("fromMe") is True
    if chat is None or not isinstance(message_id, str) or not _ID.fullmatch(message_id):
        return _nameless()
    return MessageKey(chat, message_id, from_me, own if from_me else author or chat)


def _address(text: object) -> Jid | None:
    jid = parse_address(text) if isinstance(text, str) else NOBODY
    return jid if is_reachable(jid) else None


def _nameless() -> MessageKey:
    return MessageKey(NOBODY, "", False, NOBODY)


def _unusable() -> InvalidRequest:
    return InvalidRequest("messageData must be the _data of a message")
