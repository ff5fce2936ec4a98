"""The phone's answers to companions that asked for a file again.

Source: docs/protocol/messages.md, "Media retry".
"""

from __future__ import annotations

from ..wire import AttrValue, Node
from .accounts import Account, Device
from .delivery import Deliveries


class MediaRetries:
    """The server's way with what a phone tells one of its companions."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    def handle(self, account: Account, device: Device, node: Node) -> None:
        """Pass a `mediaretry` notification of a phone on; nobody else may send any.

        Raises:
            StanzaError: it says not to whom, or about which message.
        """
        to = node.jid("to")
        receiver = account.devices.get(to.device)
        is_own = to.bare in (account.jid, account.lid)
        if device.id or node.get("type") != "mediaretry" or not is_own or receiver is None:
            return
        attrs: dict[str, AttrValue] = {
            "from": account.address(lid=to.is_lid),
            "type": "mediaretry",
            "id": node.attr("id"),
            "t": self._deliveries.t,
        }
        self._deliveries.post(account, receiver, Node("notification", attrs, node.content))
