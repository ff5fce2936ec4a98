"""Notifications about what people and the account show, as far as there is something to read.

Source: docs/protocol/queries.md, "Other notifications".
"""

from __future__ import annotations

from dataclasses import dataclass

from ..model import TimerSetting
from ..wire import Jid, Node

MAX_ABOUT = 4096
MAX_ID = 256
MAX_TIMER = 2**32 - 1
_MAX_TIME = 2**42


@dataclass(frozen=True, slots=True)
class PictureNotice:
    """A person shows another picture.

    Attributes:
        user: whose, as the stanza names them, bare.
        id: of the new one; empty when there is none any more.
    """

    user: Jid
    id: str


def parse_picture(node: Node) -> PictureNotice | None:
    """A `picture` notification about a person; None when it changes nothing that we know of.

    A hash alone means somebody whom we do not know; `<request>` and `<set_avatar>` no picture.
    """
    source = node.get_jid("from")
    if source is None or not (source.is_pn or source.is_lid):
        return None
    children = node.children()
    for child in children:
        jid = child.get_jid("jid")
        user = source if jid is None else jid
        if child.tag not in ("set", "delete") or not (user.is_pn or user.is_lid):
            continue
        if child.tag == "delete":
            # A bare one is about whoever the notification is from.
            return PictureNotice(user.bare, "") if jid is not None or not child.attrs else None
        if jid is not None and child.get("id"):
            return PictureNotice(user.bare, (child.get("id") or "")[:MAX_ID])
    return None


def parse_about(node: Node) -> tuple[Jid, str | None] | None:
    """A `status` notification: whose about text it is, and the text.

    The text is None where the server does not tell it, and has to be asked. None without a person.
    """
    source = node.get_jid("from")
    if source is None or not (source.is_pn or source.is_lid):
        return None
    changed = node.find("set")
    if changed is None or "hash" in changed.attrs:
        return source.bare, None
    if changed.content is None:
        return source.bare, ""
    if not isinstance(changed.content, bytes):
        return source.bare, None
    return source.bare, changed.content.decode(errors="replace")[:MAX_ABOUT]


def parse_timer(node: Node) -> TimerSetting | None:
    """The `<disappearing_mode>` inside; None without one that can be read."""
    mode = node.find("disappearing_mode")
    duration = None if mode is None else mode.get_int("duration", None)
    if mode is None or duration is None or not 0 <= duration <= MAX_TIMER:
        return None
    t = mode.get_int("t", 0) or 0
    return TimerSetting(duration, t if 0 <= t <= _MAX_TIME else 0)
