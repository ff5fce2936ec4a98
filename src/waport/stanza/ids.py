"""Ids and hashes that stanzas carry."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable

from ..crypto import RandomBytes, sha256
from ..wire import Jid

MAX_ID = 64
"""Characters of an id that a caller may choose; real ones have 40 at most."""


def message_id(user: str, unix_now: int, random_bytes: RandomBytes = os.urandom) -> str:
    """A fresh message id: `3EB0` and 18 upper-case hex digits.

    Source: docs/protocol/messages.md, "Message ids".
    """
    seed = unix_now.to_bytes(8, "big") + user.encode() + b"@c.us" + random_bytes(16)
    return "3EB0" + sha256(seed)[:9].hex().upper()


def is_message_id(text: str) -> bool:
    """Whether a text can be the id of a message of ours: up to 64 visible ASCII characters."""
    return 0 < len(text) <= MAX_ID and text.isascii() and text.isprintable() and " " not in text


def tag_prefix(random_bytes: RandomBytes = os.urandom) -> str:
    """What the ids of one client's IQs begin with: `A.B-`, two random 16-bit numbers.

    Source: docs/protocol/transport.md, "Ids".
    """
    drawn = random_bytes(4)
    return f"{int.from_bytes(drawn[:2], 'big')}.{int.from_bytes(drawn[2:], 'big')}-"


def participant_hash(devices: Iterable[Jid]) -> str:
    """The `phash` over a set of devices: `2:` and 8 characters.

    Source: docs/protocol/messages.md, "phash".
    """
    names = sorted(f"{jid.user}.0:{jid.device}@{jid.server}".encode() for jid in devices)
    return "2:" + base64.b64encode(sha256(b"".join(names))[:6]).decode()


def unified_session_id(now_ms: int, offset_ms: int) -> str:
    """The id of `<unified_session>`: where we are in the week, in milliseconds.

    Source: docs/protocol/transport.md, "ib nodes".
    """
    return str((now_ms + offset_ms + 259_200_000) % 604_800_000)
