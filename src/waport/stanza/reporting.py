"""The reporting token: lets a receiver report a message without the server reading others.

Source: docs/protocol/messages.md, "Reporting token".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from ..crypto import hmac_sha256
from ..errors import DecodeError
from ..proto import pb
from ..wire import Jid, Node
from .addons import SECRET_SIZE, add_on_key
from .content import MAX_WRAPPERS, unwrap

REPORTING_VERSION: Final = 2
_LABEL: Final = "Report Token"
_TOKEN_SIZE: Final = 16
_MAX_DEPTH: Final = 2 * MAX_WRAPPERS + 6
"""Messages within messages looked into."""

_WITHOUT_TOKEN: Final = frozenset(
    (
        "reactionMessage",
        "encReactionMessage",
        "encEventResponseMessage",
        "pollUpdateMessage",
        "keepInChatMessage",
    )
)

# --- the whitelist -------------------------------------------------------------------------------

Kept = Mapping[int, "Kept | str"]
"""Field numbers that enter the token: `_WHOLE`, `_AS_MESSAGE`, or what is kept of the inside."""

_WHOLE: Final = "whole"
_AS_MESSAGE: Final = "message"


def _whole(*numbers: int) -> dict[int, Kept | str]:
    return dict.fromkeys(numbers, _WHOLE)


_FORWARDING: Final = _whole(21, 22)
_INNER_MESSAGE: Final[Kept] = {1: _AS_MESSAGE}
_POLL: Final[Kept] = {2: _WHOLE, 3: _whole(1, 2), 5: _FORWARDING, 8: _whole(1, 2)}
_VIDEO: Final[Kept] = {**_whole(2, 6, 7, 13, 20), 17: _FORWARDING}

_WHITELIST: Final[Kept] = {
    1: _WHOLE,
    3: {**_whole(2, 3, 8, 11, 25), 17: _FORWARDING},
    4: {**_whole(1, 16), 17: _FORWARDING},
    5: {**_whole(3, 4, 5, 16), 17: _FORWARDING},
    6: {**_whole(1, 30), 17: _FORWARDING},
    7: {**_whole(2, 7, 10, 20), 17: _FORWARDING},
    8: {**_whole(2, 7, 9, 21), 17: _FORWARDING},
    9: _VIDEO,
    12: {**_whole(1, 2, 15), 14: _AS_MESSAGE},
    18: {**_whole(6, 16), 17: _FORWARDING},
    26: {**_whole(4, 5, 8, 13), 17: _FORWARDING},
    28: {**_whole(1, 2, 4, 5, 6), 7: _FORWARDING},
    **dict.fromkeys((37, 53, 55, 58, 59, 74, 87, 92, 93, 94), _INNER_MESSAGE),
    49: _POLL,
    60: _POLL,
    64: _POLL,
    66: _VIDEO,
    88: {1: _WHOLE, 2: _whole(1), 3: _FORWARDING},
}


# --- the cut -------------------------------------------------------------------------------------


def reported_bytes(content: bytes) -> bytes:
    """Cut a serialized `pb.Message` to what enters the token, fields in ascending order.

    Raises:
        DecodeError: it is no protobuf, or nested deeper than any real message.
    """
    return _cut(content, _WHITELIST, 0)


def _cut(data: bytes, kept: Kept, depth: int) -> bytes:
    if depth > _MAX_DEPTH:
        raise DecodeError("messages are nested too deep")
    parts: list[tuple[int, bytes]] = []
    for number, tag, body, whole in _fields(data):
        rule = kept.get(number)
        if rule is None:
            continue
        if rule == _WHOLE or body is None:
            parts.append((number, whole))
            continue
        inside = _WHITELIST if rule == _AS_MESSAGE else rule
        inner = _cut(body, inside, depth + 1) if isinstance(inside, Mapping) else b""
        if inner:
            parts.append((number, tag + _varint(len(inner)) + inner))
    # Sorting keeps the order of repeated fields.
    parts.sort(key=lambda part: part[0])
    return b"".join(part for _, part in parts)


def _fields(data: bytes) -> Iterator[tuple[int, bytes, bytes | None, bytes]]:
    """Number, tag, content (of length-delimited ones) and whole bytes of every field."""
    at = 0
    while at < len(data):
        start = at
        key, at = _read_varint(data, at)
        tag = data[start:at]
        body = None
        match key & 7:
            case 0:
                _, at = _read_varint(data, at)
            case 1:
                at += 8
            case 2:
                size, at = _read_varint(data, at)
                body = data[at : at + size]
                at += size
            case 5:
                at += 4
            case _:
                raise DecodeError("a field has an unknown wire type", start)
        if at > len(data):
            raise DecodeError("a field is cut short", start)
        yield key >> 3, tag, body, data[start:at]


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    for place in range(at, min(at + 10, len(data))):
        number |= (data[place] & 0x7F) << shift
        if data[place] < 0x80:
            return number, place + 1
        shift += 7
    raise DecodeError("a number has no end", at)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


# --- the token -----------------------------------------------------------------------------------


def wants_token(message: pb.Message, chat: Jid) -> bool:
    """Whether a message gets a reporting token.

    Raises:
        DecodeError: the content is wrapped deeper than any real message.
    """
    if chat.is_newsletter:
        return False
    names = {described.name for described, _ in unwrap(message).ListFields()}
    return names.isdisjoint(_WITHOUT_TOKEN)


def reporting_token(
    content: bytes, *, secret: bytes, message_id: str, sender: Jid, chat: Jid
) -> bytes | None:
    """The token of a message; None when nothing of it can be reported.

    Args:
        content: the serialized message, not padded.
        secret: of the message, 32 bytes.
        sender: whose it is: ourselves in the chat's address kind, or the group.
        chat: where it is sent.

    Returns:
        16 bytes.

    Raises:
        DecodeError: the content is no protobuf.
        CryptoError: the secret has a wrong length.
    """
    cut = reported_bytes(content)
    if not cut:
        return None
    key = add_on_key(_LABEL, message_id, sender, chat, secret)
    return hmac_sha256(key, cut)[:_TOKEN_SIZE]


def reporting_node(message: pb.Message, *, message_id: str, sender: Jid, chat: Jid) -> Node | None:
    """The `<reporting>` node of a new message; None when it gets none. It is never sent again.

    Args:
        message: with its secret; without one there is no token.
        sender: our own address, in the chat's address kind.

    Raises:
        DecodeError: the content is wrapped deeper than any real message.
    """
    secret = message.messageContextInfo.messageSecret
    if len(secret) != SECRET_SIZE or not wants_token(message, chat):
        return None
    token = reporting_token(
        message.SerializeToString(),
        secret=secret,
        message_id=message_id,
        # Clients disagree about groups, and receivers can't tell; newer ones name the group twice.
        sender=chat if chat.is_group else sender,
        chat=chat,
    )
    if token is None:
        return None
    inner = Node("reporting_token", {"v": str(REPORTING_VERSION)}, token)
    return Node("reporting", {}, [inner])
