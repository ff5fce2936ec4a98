"""Who is online and who is typing. None of these stanzas is answered or acknowledged.

Source: docs/protocol/queries.md, "Presence and chat state".
"""

from __future__ import annotations

from ..errors import StanzaError
from ..model import Presence, PresenceState
from ..wire import AttrValue, Jid, Node

_MAX_TIME = 2**42
_MAX_ONLINE = 2**20
_AUDIO = "audio"


def presence(name: str, *, available: bool) -> Node:
    """Announce this device as online, or as no longer so.

    Args:
        name: the push name; without one the server ignores that a device comes online.
    """
    attrs: dict[str, AttrValue] = {"type": "available" if available else "unavailable"}
    if name:
        attrs["name"] = name
    return Node("presence", attrs)


def subscription(user: Jid, *tokens: Node) -> Node:
    """Ask to be told of a person's presence, as long as this connection lasts.

    Args:
        tokens: what shows that the person knows us.
    """
    return Node("presence", {"type": "subscribe", "to": user}, list(tokens) or None)


def chat_state(chat: Jid, state: PresenceState) -> Node:
    """Show a chat that we type (`COMPOSING`), record (`RECORDING`), or do so no longer."""
    if state is PresenceState.RECORDING:
        child = Node("composing", {"media": _AUDIO})
    else:
        child = Node("composing" if state is PresenceState.COMPOSING else "paused")
    return Node("chatstate", {"to": chat}, [child])


def parse_presence(node: Node) -> Presence:
    """Read a `<presence>`.

    Raises:
        StanzaError: it does not say whose it is, or speaks of something else.
    """
    user = node.jid("from")
    if not (user.is_user or user.is_group):
        raise StanzaError("presence", "of neither a person nor a group")
    kind = node.get("type") or "available"
    if kind not in ("available", "unavailable"):
        raise StanzaError("presence", "of an unknown type")
    return Presence(
        user.bare,
        user.bare,
        PresenceState(kind),
        _number(node, "last", 1, _MAX_TIME),
        _number(node, "count", 0, _MAX_ONLINE),
    )


def parse_chat_state(node: Node) -> Presence:
    """Read a `<chatstate>`.

    Raises:
        StanzaError: it does not say who does what, or does so in an unknown word.
    """
    chat = node.jid("from")
    user = chat if chat.is_user else node.jid("participant")
    if not user.is_user or not (chat.is_user or chat.is_group):
        raise StanzaError("chatstate", "of neither a person nor a group")
    if node.find("paused") is not None:
        return Presence(chat.bare, user.bare, PresenceState.PAUSED)
    is_audio = node.child("composing").get("media") == _AUDIO
    state = PresenceState.RECORDING if is_audio else PresenceState.COMPOSING
    return Presence(chat.bare, user.bare, state)


def _number(node: Node, name: str, least: int, most: int) -> int | None:
    """A count, or a time in seconds; None for the words that stand there when it is hidden."""
    value = node.get_int(name, None)
    return value if value is not None and least <= value <= most else None
