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
OTHER_ADDRESSING = 421
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
