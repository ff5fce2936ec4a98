"""Bytes -> Node, bounded in depth, in size and in every length before anything is allocated.

Whatever the bytes are, only `DecodeError` escapes.

Source: docs/protocol/nodes.md, "Tag bytes", "Strings", "JID wire forms" and "Bad input".
"""

from __future__ import annotations

import zlib
from typing import Final

from ..errors import DecodeError, InvalidInput
from .encoder import (
    AD_JID,
    BINARY_8,
    BINARY_20,
    BINARY_32,
    FB_JID,
    HEX_8,
    INTEROP_JID,
    JID_PAIR,
    LIST_8,
    LIST_16,
    LIST_EMPTY,
    MAX_DEPTH,
    NIBBLE_8,
)
from .jid import INTEROP_SERVER, KNOWN_SERVERS, MESSENGER_SERVER, Jid, domain_server
from .node import AttrValue, Node
from .tokens import DICTIONARY_0, DOUBLE_BYTE, SINGLE_BYTE

MAX_INFLATED: Final = 16 * 1024 * 1024
"""Bytes of an inflated stanza. A node takes at least three, and far more in memory."""

MAX_NODES: Final = 1 << 20
"""Nodes in one stanza: bounds the memory that a small deflated stanza can claim."""

_FLAG_DEFLATED = 0x02

# What a tag byte says on its own: a token, or None when more has to be read.
_SINGLE: tuple[str | None, ...] = (None, *SINGLE_BYTE[1:], *([None] * (256 - len(SINGLE_BYTE))))


_DOMAINS = tuple(domain_server(byte) for byte in range(256))

_MEMO_LIMIT = 16384

# JIDs of the usual shapes, by their bytes. A JID's bytes say themselves where they end, so what was
# found under a slice is what reading that slice would give. Emptied when full, so it is bounded.
_jid_memo: dict[bytes, Jid] = {}


def decode_stanza(data: bytes) -> Node:
    """A whole stanza: flag byte, then the node, deflated (zlib) if the flag says so.

    The lone flag byte 02 is an end-of-stream mark and gives an empty `<xmlstreamend>`.

    Raises:
        DecodeError: anything else than exactly one valid stanza. Offsets count from the flag
            byte, or from the first inflated byte.
    """
    if not data:
        raise DecodeError("empty stanza", 0)
    if not data[0] & _FLAG_DEFLATED:
        return _decode(data, 1)
    if len(data) == 1:
        return Node("xmlstreamend")
    return _decode(_inflate(data), 0)


def decode_node(data: bytes) -> Node:
    """A node without the flag byte.

    Raises:
        DecodeError: anything else than exactly one valid node.
    """
    return _decode(data, 0)


def _inflate(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        # One byte more than allowed tells "too big" from "just fits" and stops there.
        inflated = stream.decompress(data[1:], MAX_INFLATED + 1)
    except zlib.error as exc:
        raise DecodeError("broken zlib stream", 1) from exc
    if len(inflated) > MAX_INFLATED:
        raise DecodeError(f"inflated stanza above {MAX_INFLATED} bytes", 1)
    if not stream.eof:
        raise DecodeError("the zlib stream is cut", len(data))
    if stream.unused_data:
        raise DecodeError("bytes after the zlib stream", len(data) - len(stream.unused_data))
    return inflated


def _decode(data: bytes, pos: int) -> Node:
    data = bytes(data)  # a bytearray's slices would be neither hashable nor constant
    try:
        node, end = _read_tree(data, pos)
    except IndexError as exc:  # every single byte is read by index
        raise DecodeError("unexpected end", len(data)) from exc
    if end != len(data):
        raise DecodeError("bytes after the top node", end)
    return node


def _read_tree(data: bytes, pos: int) -> tuple[Node, int]:
    """Read one node and all below it, without recursion: this is where the time goes."""
    single = _SINGLE
    memo_get = _jid_memo.get
    total = len(data)
    nodes = 0
    top: list[Node] = []
    siblings = top  # the list that the next node belongs to
    missing = 1  # how many more it needs
    outer: list[tuple[list[Node], int]] = []  # the lists around it

    while True:
        while not missing:
            if not outer:
                return top[0], pos
            siblings, missing = outer.pop()
        missing -= 1
        nodes += 1
        if nodes > MAX_NODES:
            raise DecodeError(f"more than {MAX_NODES} nodes", pos)

        # Header and tag.
        byte = data[pos]
        if byte == LIST_8:
            size = data[pos + 1]
            pos += 2
        elif byte == LIST_16:
            size = data[pos + 1] << 8 | data[pos + 2]
            pos += 3
        else:
            raise DecodeError(f"a node cannot begin with byte {byte}", pos)
        if not size:
            raise DecodeError("a node of size 0", pos)
        if size > total - pos:
            raise DecodeError("unexpected end: the node is longer than what is left", pos)
        tag = single[data[pos]]
        if tag is None:
            tag, pos = _read_name(data, pos, "tag")
        else:
            pos += 1

        # Attributes.
        attrs: dict[str, AttrValue] = {}
        for _ in range((size - 1) >> 1):
            key = single[data[pos]]
            if key is None:
                key, pos = _read_name(data, pos, "attribute name")
            else:
                pos += 1
            byte = data[pos]
            value: AttrValue | None = single[byte]
            if value is not None:
                attrs[key] = value
                pos += 1
                continue
            # Where a JID ends if it has the usual shape: user packed or one byte, server one byte.
            if byte == JID_PAIR:
                packed = data[pos + 1] == NIBBLE_8
                end = pos + 4 + (data[pos + 2] & 0x7F) if packed else pos + 3
            elif byte == AD_JID:
                packed = data[pos + 3] == NIBBLE_8
                end = pos + 5 + (data[pos + 4] & 0x7F) if packed else pos + 4
            else:
                attrs[key], pos = _read_value(data, pos)
                continue
            known = memo_get(data[pos:end])
            if known is not None:
                attrs[key] = known
                pos = end
            else:
                start = pos
                value, pos = _read_value(data, start)
                attrs[key] = value
                if pos == end and type(value) is Jid:
                    _remember(data[start:end], value)

        node = Node(tag, attrs)
        siblings.append(node)
        if size & 1:
            continue

        # Content.
        byte = data[pos]
        if byte == BINARY_8:
            start = pos + 2
            pos = start + data[pos + 1]
            if pos > total:
                raise DecodeError("unexpected end: the bytes are longer than what is left", start)
            node.content = data[start:pos]
            continue
        if byte == LIST_8:
            size = data[pos + 1]
            pos += 2
        elif byte == LIST_16:
            size = data[pos + 1] << 8 | data[pos + 2]
            pos += 3
        elif byte == LIST_EMPTY:
            size = 0
            pos += 1
        else:
            node.content, pos = _read_bytes(data, pos)
            continue
        children: list[Node] = []
        node.content = children
        if not size:
            continue
        if 2 * size > total - pos:
            raise DecodeError("unexpected end: the list is longer than what is left", pos)
        if len(outer) + 1 >= MAX_DEPTH:
            raise DecodeError(f"nodes are nested deeper than {MAX_DEPTH}", pos)
        outer.append((siblings, missing))
        siblings = children
        missing = size


def _remember(wire: bytes, jid: Jid) -> None:
    if len(_jid_memo) >= _MEMO_LIMIT:
        _jid_memo.clear()
    _jid_memo[wire] = jid


# --- the parts of a node -------------------------------------------------------------------------


def _read_name(data: bytes, pos: int, what: str) -> tuple[str, int]:
    """A tag or attribute name: a text that is not empty, strictly UTF-8."""
    text, end = _read_text(data, pos, "strict")
    if not text:
        raise DecodeError(f"the {what} is empty", pos)
    return text, end


def _read_value(data: bytes, pos: int) -> tuple[AttrValue, int]:
    """An attribute value: a JID form, or text, where LIST_EMPTY is the empty text."""
    byte = data[pos]
    if byte == JID_PAIR:
        return _read_jid_pair(data, pos)
    if byte == AD_JID:
        return _read_ad_jid(data, pos)
    if byte == FB_JID:
        return _read_fb_jid(data, pos)
    if byte == INTEROP_JID:
        return _read_interop_jid(data, pos)
    return _read_text(data, pos, "replace")


def _read_bytes(data: bytes, pos: int) -> tuple[bytes, int]:
    """Content that is no list: bytes, or the UTF-8 of any text or JID form."""
    byte = data[pos]
    if BINARY_8 <= byte <= BINARY_32:
        start, end = _read_binary(data, pos)
        return data[start:end], end
    value, end = _read_value(data, pos)
    return str(value).encode(), end


def _read_binary(data: bytes, pos: int) -> tuple[int, int]:
    """Start and end of the bytes behind a BINARY tag."""
    byte = data[pos]
    if byte == BINARY_8:
        length = data[pos + 1]
        start = pos + 2
    elif byte == BINARY_20:
        length = (data[pos + 1] & 0x0F) << 16 | data[pos + 2] << 8 | data[pos + 3]
        start = pos + 4
    else:
        length = data[pos + 1] << 24 | data[pos + 2] << 16 | data[pos + 3] << 8 | data[pos + 4]
        start = pos + 5
        if length >> 31:
            raise DecodeError("a length with bit 31 set", pos)
    if length > len(data) - start:
        raise DecodeError("unexpected end: the bytes are longer than what is left", start)
    return start, start + length


def _read_text(data: bytes, pos: int, errors: str) -> tuple[str, int]:
    """A string in any form but a JID. LIST_EMPTY is the empty text."""
    byte = data[pos]
    token = _SINGLE[byte]
    if token is not None:
        return token, pos + 1
    if byte in (NIBBLE_8, HEX_8):
        return _read_packed(data, pos)
    if BINARY_8 <= byte <= BINARY_32:
        start, end = _read_binary(data, pos)
        try:
            return data[start:end].decode("utf-8", errors), end
        except UnicodeDecodeError as exc:
            raise DecodeError("text that is not UTF-8", start + exc.start) from exc
    if DICTIONARY_0 <= byte < DICTIONARY_0 + len(DOUBLE_BYTE):
        return DOUBLE_BYTE[byte - DICTIONARY_0][data[pos + 1]], pos + 2
    if byte == LIST_EMPTY:
        return "", pos + 1
    raise DecodeError(f"byte {byte} where a text must be", pos)


def _read_packed(data: bytes, pos: int) -> tuple[str, int]:
    """NIBBLE_8 or HEX_8: two characters in a byte, the last one dropped for an odd count."""
    length = data[pos + 1]
    start = pos + 2
    end = start + (length & 0x7F)
    if end > len(data):
        raise DecodeError("unexpected end: the packed text is longer than what is left", start)
    if length == 0x80:
        raise DecodeError("a packed text of minus one character", pos)
    text = data[start:end].hex()
    if data[pos] == HEX_8:
        return (text[:-1] if length & 0x80 else text).upper(), end
    if length & 0x80:
        filler = text[-1]
        text = text[:-1]
        if filler in "cde":
            raise DecodeError("a nibble of 12 to 14", end - 1)
    if text.isdigit():
        return text, end
    text = text.replace("a", "-").replace("b", ".")
    for index, char in enumerate(text):
        if char in "cdef":
            raise DecodeError("a nibble of 12 to 15 inside a packed number", start + index // 2)
    return text, end


# --- JIDs ----------------------------------------------------------------------------------------


def _read_user(data: bytes, pos: int) -> tuple[str, int]:
    user, end = _read_text(data, pos, "replace")
    if not user:
        raise DecodeError("a JID without user", pos)
    return user, end


def _read_jid_pair(data: bytes, pos: int) -> tuple[AttrValue, int]:
    user, middle = _read_text(data, pos + 1, "replace")
    server, end = _read_text(data, middle, "replace")
    if not server:
        raise DecodeError("a JID without server", middle)
    if server in KNOWN_SERVERS and server != INTEROP_SERVER and _is_plain(user):
        return Jid(user, server), end
    return _jid_of_text(f"{user}@{server}"), end


def _read_ad_jid(data: bytes, pos: int) -> tuple[AttrValue, int]:
    server, agent = _DOMAINS[data[pos + 1]]
    device = data[pos + 2]
    user, end = _read_user(data, pos + 3)
    jid = Jid(user, server, device, agent)
    return (jid if _is_plain(user) else _jid_of_text(str(jid))), end


def _read_fb_jid(data: bytes, pos: int) -> tuple[AttrValue, int]:
    user, middle = _read_user(data, pos + 1)
    device = data[middle] << 8 | data[middle + 1]
    server, end = _read_text(data, middle + 2, "replace")
    if server != MESSENGER_SERVER:
        raise DecodeError("a Messenger JID of another server", middle + 2)
    jid = Jid(user, server, device)
    return (jid if _is_plain(user) else _jid_of_text(str(jid))), end


def _read_interop_jid(data: bytes, pos: int) -> tuple[AttrValue, int]:
    user, middle = _read_user(data, pos + 1)
    device = data[middle] << 8 | data[middle + 1]
    integrator = data[middle + 2] << 8 | data[middle + 3]
    server, end = _read_text(data, middle + 4, "replace")
    if server != INTEROP_SERVER:
        raise DecodeError("an interop JID of another server", middle + 4)
    jid = Jid(user, server, device, 0, integrator)
    return (jid if _is_plain(user) else _jid_of_text(str(jid))), end


def _is_plain(user: str) -> bool:
    """Digits, as nearly every user is: the text form has no second reading."""
    return user.isdigit() and user.isascii() and len(user) < 256


def _jid_of_text(text: str) -> AttrValue:
    """The JID of that text form; the text itself when it has no other reading.

    A user part may hold anything, also an '@' or a ':'. Reading it as text keeps one rule: a Jid
    that comes off the wire is the one its text form says.
    """
    try:
        return Jid.parse(text)
    except InvalidInput:
        return text
