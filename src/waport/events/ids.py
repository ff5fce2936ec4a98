"""How addresses and message ids look outside: `c.us` for phone numbers, no device parts."""

from __future__ import annotations

import re
from typing import Final, NotRequired

# pydantic, which turns these types into the API document, wants this spelling before Python 3.12.
from typing_extensions import TypedDict

from ..model import MessageKey
from ..wire import Jid

_PHONE_SERVER: Final = "s.whatsapp.net"
_SERIALIZED: Final = re.compile(r"(?:true|false)_([^_]+)_(.+)", re.DOTALL)
_CHAT_AND_ID: Final = re.compile(r"[^_@]+@[^_@]+_(.+)", re.DOTALL)


class IdJson(TypedDict):
    """The id of a person, chat or group."""

    _serialized: str
    user: str
    server: str


class MessageIdJson(TypedDict):
    """The id of a message; `participant` is its author, in groups and lists."""

    _serialized: str
    fromMe: bool
    remote: str
    id: str
    participant: NotRequired[str]


def jid_text(jid: Jid) -> str:
    """The text of an address in the API: `15551234567@c.us`, `1203…@g.us`, `…@lid`."""
    bare = jid.bare
    return f"{bare.user}@c.us" if bare.server == _PHONE_SERVER else f"{bare.user}@{bare.server}"


def id_json(jid: Jid) -> IdJson:
    """An address as an object."""
    text = jid_text(jid)
    user, _, server = text.partition("@")
    return {"_serialized": text, "user": user, "server": server}


def message_id_json(key: MessageKey) -> MessageIdJson:
    """A message id as an object; `_serialized` has three parts."""
    remote = jid_text(key.chat)
    shape: MessageIdJson = {
        "_serialized": f"{'true' if key.from_me else 'false'}_{remote}_{key.id}",
        "fromMe": key.from_me,
        "remote": remote,
        "id": key.id,
    }
    if names_author(key.chat):
        shape["participant"] = jid_text(key.sender)
    return shape


def names_author(chat: Jid) -> bool:
    """Whether messages of this chat name their author besides the chat."""
    return chat.is_group or chat.is_broadcast


def stanza_id(text: str) -> str:
    """The raw message id in any spelling of it.

    Those are the raw id, `<chat>_<id>`, `<true|false>_<chat>_<id>` and that with `_<author>`.
    """
    match = _SERIALIZED.fullmatch(text)
    if match is None:
        match = _CHAT_AND_ID.fullmatch(text)
        return text if match is None else match[1]
    raw, mark, author = match[2].rpartition("_")
    return raw if mark and "@" in author else match[2]
