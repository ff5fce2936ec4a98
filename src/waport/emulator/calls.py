"""Takes `<call>` stanzas from devices, acks them and passes them on; makes links to calls.

Source: docs/protocol/queries.md, "Calls".
"""

from __future__ import annotations

import base64
from collections import OrderedDict
from dataclasses import dataclass

from ..crypto import RandomBytes
from ..wire import SERVER, AttrValue, Jid, Node
from .accounts import Account, Device, Directory
from .delivery import Deliveries
from .notifications import Notifier

_MAX_LINKS = 1000
_MEDIA = ("audio", "video")
_TOKEN_SIZE = 16
_TAKEN = {"accept": "accepted_elsewhere", "reject": "rejected_elsewhere"}
_TO_EVERY_DEVICE = frozenset(("offer", "offer_notice", "terminate"))
_PLATFORM = "android"
_VERSION = "2.24.7.79"


@dataclass(frozen=True, slots=True)
class _Link:
    creator: str
    media: str


class CallRouter:
    """The server's way with `<call>`. No sound passes through it."""

    def __init__(
        self,
        directory: Directory,
        deliveries: Deliveries,
        notifier: Notifier,
        random_bytes: RandomBytes,
    ) -> None:
        self._directory = directory
        self._deliveries = deliveries
        self._notifier = notifier
        self._random_bytes = random_bytes
        self._links: OrderedDict[str, _Link] = OrderedDict()

    def handle(self, account: Account, device: Device, node: Node) -> None:
        """Take one `<call>` of a device."""
        children = node.children()
        child = children[0] if children else None
        if child is not None and child.tag == "link_create":
            self._create_link(account, device, node, child)
        elif child is not None and child.tag == "link_query":
            self._query_link(device, node, child)
        else:
            self._route(account, device, node, child)

    def _route(self, account: Account, device: Device, node: Node, child: Node | None) -> None:
        to = node.get_jid("to")
        target = self._directory.by_jid(to.bare) if to is not None else None
        if to is None or target is None:
            self._ack(device, node, child, error=404)
            return
        self._ack(device, node, child)
        if child is None or account.number in target.blocked:
            return
        self._pass_on(account, device, node, child, to, target)
        if (reason := _TAKEN.get(child.tag)) is not None:
            self._stop_ringing(account, device, child, to, target, reason)

    def _pass_on(
        self, account: Account, device: Device, node: Node, child: Node, to: Jid, target: Account
    ) -> None:
        attrs: dict[str, AttrValue] = {
            "from": account.address(lid=to.is_lid, device=device.id),
            "id": node.get("id") or self._notifier.new_id(),
            "notify": account.name,
            "platform": _PLATFORM,
            "version": _VERSION,
            "t": self._deliveries.t,
        }
        told = Node("call", attrs, [child])
        for receiver in self._receivers(target, child):
            if receiver is not device:
                self._deliveries.post(target, receiver, told)

    def _receivers(self, target: Account, child: Node) -> list[Device]:
        """Every device rings; what answers a call is for the device that made it."""
        if child.tag not in _TO_EVERY_DEVICE:
            creator = child.get_jid("call-creator")
            if creator is not None and self._directory.by_jid(creator.bare) is target:
                found = target.devices.get(creator.device)
                return [] if found is None else [found]
        return list(target.devices.values())

    def _stop_ringing(
        self,
        account: Account,
        device: Device,
        child: Node,
        to: Jid,
        caller: Account,
        reason: str,
    ) -> None:
        """One device of the callee has decided: the others need not ring any more."""
        creator = child.get_jid("call-creator") or to
        ended: dict[str, AttrValue] = {
            "call-id": child.get("call-id", ""),
            "call-creator": creator,
            "reason": reason,
        }
        for other in list(account.devices.values()):
            if other is device:
                continue
            attrs: dict[str, AttrValue] = {
                "from": caller.address(lid=to.is_lid),
                "id": self._notifier.new_id(),
                "t": self._deliveries.t,
            }
            node = Node("call", attrs, [Node("terminate", {**ended})])
            self._deliveries.post(account, other, node)

    # --- links -----------------------------------------------------------------------------------

    def _create_link(self, account: Account, device: Device, node: Node, child: Node) -> None:
        media = child.get("media")
        if media not in _MEDIA:
            self._ack(device, node, child, error=400)
            return
        token = base64.urlsafe_b64encode(self._random_bytes(_TOKEN_SIZE)).decode().rstrip("=")
        self._links[token] = _Link(account.number, media)
        if len(self._links) > _MAX_LINKS:
            self._links.popitem(last=False)
        self._ack(device, node, child, [Node("link_create", {"token": token})])

    def _query_link(self, device: Device, node: Node, child: Node) -> None:
        link = self._links.get(child.get("token", ""))
        creator = self._directory.find(link.creator) if link is not None else None
        if link is None or creator is None:
            self._ack(device, node, child, error=404)
            return
        attrs: dict[str, AttrValue] = {
            "token": child.get("token", ""),
            "media": link.media,
            "link-creator": creator.lid,
        }
        self._ack(device, node, child, [Node("link_query", attrs)])

    def _ack(
        self,
        device: Device,
        node: Node,
        child: Node | None,
        content: list[Node] | None = None,
        *,
        error: int | None = None,
    ) -> None:
        attrs: dict[str, AttrValue] = {
            "class": "call",
            "id": node.get("id", ""),
            "from": node.attrs.get("to", SERVER),
        }
        if child is not None:
            attrs["type"] = child.tag
        if error is not None:
            attrs["error"] = str(error)
        if device.session is not None:
            device.session.send(Node("ack", attrs, content))
