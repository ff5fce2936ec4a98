"""Node -> bytes.

The choice among the forms of a string and of a JID is fixed, so equal nodes give equal bytes.

Source: docs/protocol/nodes.md, "Node", "Strings" and "When writing a JID".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ..errors import InvalidInput
from .jid import (
    DOMAINS,
    INTEROP_SERVER,
    KNOWN_SERVERS,
    MAX_AD_DEVICE,
    MAX_DEVICE,
    MESSENGER_SERVER,
    PN_SERVER,
    Jid,
    is_agent,
)
from .node import Node
from .tokens import TOKEN_BYTES

MAX_DEPTH: Final = 64
"""Deepest nesting that is written or read; the top node is level 1."""

LIST_EMPTY: Final = 0
INTEROP_JID: Final = 245
FB_JID: Final = 246
AD_JID: Final = 247
LIST_8: Final = 248
LIST_16: Final = 249
JID_PAIR: Final = 250
HEX_8: Final = 251
BINARY_8: Final = 252
BINARY_20: Final = 253
BINARY_32: Final = 254
NIBBLE_8: Final = 255

_token = TOKEN_BYTES.get
_PLAIN_FLAG = b"\x00"
_NIBBLES = re.compile(r"[0-9.-]{1,127}")
_HEX = re.compile(r"[0-9A-F]{1,127}")
_DASH_AND_DOT = str.maketrans("-.", "ab")
_DIGITS = re.compile(r"[0-9]+")

_LIST_8_HEADERS = tuple(bytes((LIST_8, size)) for size in range(256))
_BINARY_8_HEADERS = tuple(bytes((BINARY_8, size)) for size in range(256))

_MEMO_LIMIT = 16384
_MEMO_TEXT = 128

# What was written for a JID object, or for a text with an '@', lately. The same few thousand
# addresses make up nearly all traffic. Emptied when full, so it is bounded.
_jid_memo: dict[Jid | str, bytes] = {}


def encode_stanza(node: Node) -> bytes:
    """A whole stanza: the flag byte (never compressed) and the node.

    Raises:
        InvalidInput: the node cannot be written; see `encode_node`.
    """
    out = bytearray(_PLAIN_FLAG)
    _write_node(out, node, 1)
    return bytes(out)


def encode_node(node: Node) -> bytes:
    """A node without the flag byte.

    An attribute that is a Jid, or text of one '@' before a known server, is written as JID. Whole
    numbers and truth values become text, and None drops the attribute.

    Raises:
        InvalidInput: an empty tag or attribute name, a value or content of a wrong type, a list
            above 65535, bytes of 2**32 or more, a JID with a part that does not fit, or nesting
            deeper than 64.
    """
    out = bytearray()
    _write_node(out, node, 1)
    return bytes(out)


def _write_node(out: bytearray, node: Node, depth: int) -> None:
    attrs: Mapping[str, object] = node.attrs
    content = node.content
    start = len(out)
    size = 2 * len(attrs) + (1 if content is None else 2)
    out += _LIST_8_HEADERS[size] if size < 256 else _list_header(size)
    out += _token(node.tag) or _name(node.tag, "tag")

    for key, value in attrs.items():
        if type(value) is str:
            out += _token(key) or _name(key, "attribute name")
            out += _token(value) or _value(value)
        elif type(value) is Jid:
            out += _token(key) or _name(key, "attribute name")
            out += _jid_memo.get(value) or _remember(value)
        elif value is None:
            # Only now is it known that the header is wrong: write the node again without these.
            del out[start:]
            kept = {key: value for key, value in node.attrs.items() if value is not None}
            _write_node(out, Node(node.tag, kept, content), depth)
            return
        else:
            out += _token(key) or _name(key, "attribute name")
            out += _value(value)

    if content is None:
        return
    if isinstance(content, bytes):
        length = len(content)
        out += _BINARY_8_HEADERS[length] if length < 256 else _binary_header(length)
        out += content
    elif isinstance(content, list):
        if depth >= MAX_DEPTH and content:
            raise InvalidInput(f"nodes are nested deeper than {MAX_DEPTH}")
        size = len(content)
        out += _LIST_8_HEADERS[size] if size < 256 else _list_header(size)
        for child in content:
            _write_node(out, child, depth + 1)
    else:
        raise InvalidInput(f"content of <{node.tag}> must be bytes or a list of nodes")


def _list_header(size: int) -> bytes:
    if size > 0xFFFF:
        raise InvalidInput(f"a list of {size} is above 65535")
    return bytes((LIST_16, size >> 8, size & 0xFF))


def _binary_header(length: int) -> bytes:
    if length < 0x100:
        return _BINARY_8_HEADERS[length]
    if length < 0x100000:
        return bytes((BINARY_20,)) + length.to_bytes(3, "big")
    if length < 0x100000000:
        return bytes((BINARY_32,)) + length.to_bytes(4, "big")
    raise InvalidInput("bytes of 2**32 or more cannot be written")


# --- strings -------------------------------------------------------------------------------------


def _name(text: object, what: str) -> bytes:
    """A tag or an attribute name that is no token."""
    if not isinstance(text, str) or not text:
        raise InvalidInput(f"the {what} must be a text that is not empty")
    return _string(text)


def _value(value: object) -> bytes:
    """An attribute value that is neither a token nor exactly a Jid."""
    if isinstance(value, str):
        if "@" not in value:
            return _string(value)
        return _jid_memo.get(value) or _remember(value)
    if isinstance(value, bool):
        return _string("true" if value else "false")
    if isinstance(value, int):
        return _string(str(value))
    raise InvalidInput(f"an attribute cannot hold {type(value).__name__}")


def _string(text: str) -> bytes:
    """The first form that fits: token, packed, raw."""
    token = _token(text)
    if token is not None:
        return token
    if _NIBBLES.fullmatch(text) is not None:
        return _packed(NIBBLE_8, text.translate(_DASH_AND_DOT))
    if _HEX.fullmatch(text) is not None:
        return _packed(HEX_8, text)
    try:
        raw = text.encode()
    except UnicodeEncodeError as exc:
        raise InvalidInput("text with half a surrogate pair cannot be written") from exc
    return _binary_header(len(raw)) + raw


def _packed(tag: int, digits: str) -> bytes:
    """Two characters in a byte; `digits` are those nibbles as hexadecimal text."""
    count = len(digits)
    if count & 1:
        return bytes((tag, (count + 1) >> 1 | 0x80)) + bytes.fromhex(digits + "f")
    return bytes((tag, count >> 1)) + bytes.fromhex(digits)


# --- JIDs ----------------------------------------------------------------------------------------


def _remember(value: Jid | str) -> bytes:
    if len(_jid_memo) >= _MEMO_LIMIT:
        _jid_memo.clear()
    written = _jid(value) if isinstance(value, Jid) else _text_with_at(value)
    if len(written) <= _MEMO_TEXT:
        _jid_memo[value] = written
    return written


def _text_with_at(text: str) -> bytes:
    """A JID if the text reads like one of a known server, else a plain string.

    The user part goes out as it stands: "alice@s.whatsapp.net" is a JID here, and so is a user
    that `Jid.parse` would refuse.
    """
    user, _, server = text.partition("@")
    if server not in KNOWN_SERVERS:  # nor is it when there is another '@'
        return _string(text)
    name, colon, digits = user.partition(":")
    if colon and (not name or _DIGITS.fullmatch(digits) is None):
        return _string(text)
    try:
        jid = Jid.parse(text)
    except InvalidInput:
        if server == INTEROP_SERVER:  # without a network number there is no form for it
            return _string(text)
        if len(digits) > 5:
            raise
        jid = Jid(name, server, int(digits or 0))
    return _jid(jid)


def _jid(jid: Jid) -> bytes:
    user = jid.user
    server = jid.server
    device = jid.device
    agent = jid.agent
    if not server:
        raise InvalidInput("a JID needs a server")
    if not user:
        if device or agent:
            raise InvalidInput("a JID without user has no device")
        return bytes((JID_PAIR, LIST_EMPTY)) + _string(server)
    if agent and (server != PN_SERVER or not is_agent(agent)):
        raise InvalidInput(f"agent {agent} cannot be written for {server}")

    if server == MESSENGER_SERVER:
        return bytes((FB_JID,)) + _string(user) + _u16(device, "device") + _string(server)
    if server == INTEROP_SERVER:
        numbers = _u16(device, "device") + _u16(jid.integrator, "integrator")
        return bytes((INTEROP_JID,)) + _string(user) + numbers + _string(server)
    domain = DOMAINS.get(server)
    if domain is not None and (device or agent):
        if not 0 <= device <= MAX_AD_DEVICE:
            raise InvalidInput(f"device {device} does not fit in one byte")
        return bytes((AD_JID, agent or domain, device)) + _string(user)
    # Groups, broadcasts, channels, bots and c.us have no devices on the wire.
    return bytes((JID_PAIR,)) + _string(user) + _string(server)


def _u16(number: int, what: str) -> bytes:
    if not 0 <= number <= MAX_DEVICE:
        raise InvalidInput(f"{what} {number} does not fit in two bytes")
    return number.to_bytes(2, "big")
