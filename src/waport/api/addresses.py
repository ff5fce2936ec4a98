"""Ids as callers write them, as addresses: `15551234567`, `+1 555…`, `…@c.us`, `…@g.us`.

What can't be anybody's address is no error here: it is read as an address that nobody has, so that
a look-up finds nothing and a send answers that there is no such contact.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from ..errors import InvalidInput
from ..wire import Jid

NOBODY: Final = Jid("nobody", "invalid")
NO_GROUP: Final = Jid("nobody", "g.us")
"""Addresses that nobody has; they are never sent anywhere."""

_PHONE_SERVER: Final = "s.whatsapp.net"
_PUNCTUATION: Final = re.compile(r"[ ()+-]")
_DIGITS: Final = re.compile(r"[0-9]{1,20}")
_GROUP: Final = re.compile(r"[0-9]{5,30}(?:-[0-9]{5,20})?")
_LIST: Final = re.compile(r"[0-9]{1,30}|status")
_MAX_LENGTH: Final = 256
_GROUP_DIGITS: Final = 15


def parse_address(text: str) -> Jid:
    """The address that a caller means; bare, and by phone number for `c.us`."""
    if len(text) > _MAX_LENGTH:
        return NOBODY
    return _parse(text)


def parse_group(text: str) -> Jid:
    """The group that a caller means; digits alone are one if they are too many for a number."""
    bare = text.strip()
    if _GROUP.fullmatch(bare) and ("-" in bare or len(bare) >= _GROUP_DIGITS):
        return Jid(bare, NO_GROUP.server)
    jid = parse_address(text)
    return jid if jid.is_group and is_reachable(jid) else NO_GROUP


@lru_cache(maxsize=4096)
def _parse(text: str) -> Jid:
    if "@" not in text:
        digits = _PUNCTUATION.sub("", text)
        return Jid(digits, _PHONE_SERVER) if _DIGITS.fullmatch(digits) else NOBODY
    nothing = NO_GROUP if text.endswith("@g.us") else NOBODY
    try:
        jid = Jid.parse(text.strip()).bare
    except InvalidInput:
        return nothing
    if jid.is_pn:
        jid = Jid(_PUNCTUATION.sub("", jid.user), jid.server)
    return jid if jid.user and _names_itself(jid) else nothing


def _names_itself(jid: Jid) -> bool:
    """Whether the text of an address is read as the same one again; chats are kept by it."""
    try:
        return Jid.parse(str(jid)) == jid
    except InvalidInput:
        return False


def is_reachable(jid: Jid) -> bool:
    """Whether somebody could have this address, so that it may be sent to WhatsApp."""
    match jid.server:
        case "s.whatsapp.net" | "lid" | "newsletter" | "bot":
            return _DIGITS.fullmatch(jid.user) is not None
        case "g.us":
            return _GROUP.fullmatch(jid.user) is not None
        case "broadcast":
            return _LIST.fullmatch(jid.user) is not None
    return False
