"""`<notification>` stanzas that a linked device must act on."""

from __future__ import annotations

from dataclasses import dataclass

from ..wire import Jid, Node

MAX_NOTIFIED_DEVICES = 256
"""Devices looked at in one notification."""


@dataclass(frozen=True, slots=True)
class DeviceChange:
    """A user's devices changed.

    Attributes:
        user: whose, bare, by phone number as the server names it.
        lid: the same user's hidden id, if told.
        removed: devices that are gone, in the order told.
        added: whether devices were added; the list must then be asked for again, since only the
            signed key index list says which of them may be trusted.
        stale: the server only says that our list is old.
    """

    user: Jid
    lid: Jid | None
    removed: tuple[int, ...]
    added: bool
    stale: bool


def parse_device_change(node: Node) -> DeviceChange:
    """Read a `devices` notification (docs/protocol/messages.md, "Device lists").

    Raises:
        StanzaError: it does not say whose devices they are.
    """
    user = node.jid("from").bare
    lid = node.get_jid("lid")
    removed = []
    for child in node.children("remove"):
        for device in child.children("device")[:MAX_NOTIFIED_DEVICES]:
            jid = device.get_jid("jid")
            if jid is not None:
                removed.append(jid.device)
    return DeviceChange(
        user,
        lid.bare if lid is not None and lid.is_lid else None,
        tuple(removed),
        node.find("add") is not None,
        node.find("update") is not None,
    )


def remaining_pre_keys(node: Node) -> int | None:
    """The count in an `encrypt` notification, None when it speaks of something else."""
    count = node.find("count")
    return None if count is None else count.get_int("value", 0) or 0
