"""Who is online, who wants to know, and who is typing.

Source: docs/protocol/queries.md, "Presence and chat state".
"""

from __future__ import annotations

from ..wire import AttrValue, Jid, Node
from .accounts import Account, Device, Directory
from .delivery import Deliveries
from .groups import Group
from .privacy import may_see
from .restrictions import Restrictions

_NO_NAME = "~"  # what Baileys announces before it knows its user's name
_MAX_NAME = 100


class Presences:
    """Keeps availability and subscriptions; both last as long as the connection."""

    def __init__(
        self, directory: Directory, deliveries: Deliveries, restrictions: Restrictions
    ) -> None:
        self._directory = directory
        self._deliveries = deliveries
        self._restrictions = restrictions
        # Watched account's number -> (watcher's number, its device) -> the address it asked for.
        self._watchers: dict[str, dict[tuple[str, int], Jid]] = {}

    def handle(self, account: Account, device: Device, node: Node) -> None:
        """Take a `<presence>` of a device."""
        kind = node.get("type")
        if kind in ("subscribe", "unsubscribe"):
            self._subscribe(account, device, node, wanted=kind == "subscribe")
            return
        name = node.get("name", "").strip()
        if name and name != _NO_NAME and name != account.name:
            account.name = name[:_MAX_NAME]
            self._deliveries.changed()
        if kind in ("available", "unavailable"):
            self._set_available(account, device, kind == "available")

    def gone(self, account: Account, device: Device) -> None:
        """A device has disconnected."""
        was_available, device.available = device.available, False
        for watchers in self._watchers.values():
            watchers.pop((account.number, device.id), None)
        if was_available and not account.is_available:
            self._went_offline(account)

    def chatstate(self, account: Account, device: Device, node: Node) -> None:
        """Take a `<chatstate>` of a device and show it to the devices of whoever is in the chat."""
        to = node.get_jid("to")
        group = self._directory.groups.find(to)
        if group is not None:
            self._show_in_group(account, group, node)
            return
        peer = self._directory.by_jid(to.bare) if to is not None and to.is_user else None
        if to is None or peer is None or account.number in peer.blocked or peer is account:
            return
        source = account.address(lid=to.is_lid)
        self._show_state(account, peer, Node("chatstate", {"from": source}, node.content))

    def _show_in_group(self, account: Account, group: Group, node: Node) -> None:
        if account.number not in group.members:
            return
        attrs: dict[str, AttrValue] = {
            "from": group.jid,
            "participant": account.address(lid=group.is_lid),
        }
        for member in self._directory.select(group.members):
            if member is not account:
                self._show_state(account, member, Node("chatstate", dict(attrs), node.content))

    def _show_state(self, account: Account, peer: Account, shown: Node) -> None:
        for receiver in list(peer.devices.values()):
            self._deliveries.show(
                peer,
                receiver,
                f"chatstate {account.number} {shown.get('from')}",
                shown,
                life_s=self._deliveries.policy.chatstate_ttl_s,
            )

    def _subscribe(self, account: Account, device: Device, node: Node, *, wanted: bool) -> None:
        to = node.get_jid("to")
        target = self._directory.by_jid(to.bare) if to is not None and to.is_user else None
        if to is None or target is None:
            return
        watchers = self._watchers.setdefault(target.number, {})
        watcher = (account.number, device.id)
        if not wanted:
            watchers.pop(watcher, None)
            return
        if not self._restrictions.may_look(account, target, node):
            return
        watchers[watcher] = to.bare
        self._show(account, device, target, to.bare)

    def _set_available(self, account: Account, device: Device, available: bool) -> None:
        before = account.is_available
        device.available = available
        if account.is_available == before:
            return
        if available:
            self._tell_watchers(account)
        else:
            self._went_offline(account)

    def _went_offline(self, account: Account) -> None:
        account.last_seen = int(self._deliveries.now())
        self._tell_watchers(account)
        self._deliveries.changed()

    def _tell_watchers(self, account: Account) -> None:
        for (number, device_id), address in list(self._watchers.get(account.number, {}).items()):
            watcher = self._directory.find(number)
            device = watcher.devices.get(device_id) if watcher is not None else None
            if watcher is not None and device is not None:
                self._show(watcher, device, account, address)

    def _show(self, watcher: Account, device: Device, target: Account, address: Jid) -> None:
        attrs: dict[str, AttrValue] = {"from": address}
        online = target.is_available and may_see(watcher, target, "online")
        if not online:
            attrs["type"] = "unavailable"
            if not may_see(watcher, target, "last"):
                attrs["last"] = "deny"
            elif target.last_seen is not None:
                attrs["last"] = str(target.last_seen)
        self._deliveries.show(watcher, device, f"presence {target.number}", Node("presence", attrs))
