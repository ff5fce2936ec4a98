"""What of a message stanza goes on to whom: the parts that every kind of chat has in common.

Source: docs/protocol/messages.md, "Server ack".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..wire import AttrValue, Jid, Node

_KEPT_ATTRIBUTES = ("id", "type", "edit", "category")
_USED_UP = frozenset({"participants", "enc", "device-identity", "tctoken", "cstoken"})
_MAX_ENCS = 8  # for one device

MALFORMED = 400
NOT_ALLOWED_NOW = 401
NO_MEMBER = 403
NO_SUCH_CHAT = 404
NOT_ALLOWED = 405
NOT_ACCEPTABLE = 406
OTHER_ADDRESSING = 421
NO_NEW_CHATS = 463
TOO_MANY_NEW_CHATS = 475
NOT_ALLOWED_HERE = 479


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the ack says.

    Attributes:
        error: why the message was not taken; None when it was.
        extra: further attributes of the ack.
    """

    error: int | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


TAKEN = Verdict()


def named_devices(node: Node, to: Jid) -> list[tuple[Jid, list[Node]]]:
    """Every address that something is encrypted for, as the stanza names them.

    Args:
        node: the `<message>`.
        to: whom an `<enc>` straight below it is for.
    """
    bare = [enc for enc in node.children("enc") if enc.get("type") != "skmsg"]
    named = [(to, bare)] if bare else []
    participants = node.find("participants")
    for entry in participants.children("to") if participants is not None else []:
        target, encs = entry.get_jid("jid"), entry.children("enc")
        if target is not None and encs:
            named.append((target, encs))
    return named


def too_many(named: list[tuple[Jid, list[Node]]]) -> bool:
    """Whether there is more for one device than any client would send."""
    return any(len(encs) > _MAX_ENCS for _, encs in named)


def is_resend(node: Node) -> bool:
    """Whether a message answers a retry receipt, and so is for one device only."""
    to = node.get_jid("to")
    return (
        node.get("device_fanout") == "false"
        or any("count" in enc.attrs for enc in ciphertexts(node))
        or (to is not None and to.device != 0)
        or "participant" in node.attrs
    )


def ciphertexts(node: Node) -> list[Node]:
    """Every `<enc>` of a message."""
    participants = node.find("participants")
    listed = participants.children("to") if participants is not None else []
    return [enc for holder in (node, *listed) for enc in holder.children("enc")]


def is_untyped_media(node: Node) -> bool:
    """Whether a message is media, and what is encrypted does not say of which kind.

    Where there is something for all, the rest only brings the key to it. Buttons are media of no
    kind; an element beside the ciphertexts tells of them.
    """
    if node.get("type") != "media" or is_resend(node) or node.find("biz") is not None:
        return False
    encs = ciphertexts(node)
    shared = [enc for enc in encs if enc.get("type") == "skmsg"]
    return any("mediatype" not in enc.attrs for enc in shared or encs)


def kept_attributes(node: Node) -> dict[str, AttrValue]:
    """The attributes that stay as they were."""
    return {name: node.attrs[name] for name in _KEPT_ATTRIBUTES if name in node.attrs}


def kept_content(node: Node, encs: list[Node]) -> list[Node]:
    """The children of one device's copy: its own ciphertexts, and what is not used up."""
    rest = [child for child in node.children() if child.tag not in _USED_UP]
    identity = node.find("device-identity")
    if identity is not None and any(enc.get("type") == "pkmsg" for enc in encs):
        rest.insert(0, identity)
    return [*encs, *rest]
