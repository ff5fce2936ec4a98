"""What the server tells devices by itself.

Source: docs/protocol/messages.md, "Device lists"; docs/protocol/queries.md, "Other notifications".
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

from ..wire import SERVER, AttrValue, Jid, Node
from .accounts import Account, Device, Directory
from .delivery import Deliveries


def phash(devices: Iterable[Jid]) -> str:
    """The short hash of a set of devices, such as `2:jotsfOD4`.

    Source: docs/protocol/messages.md, "phash".
    """
    names = sorted(f"{jid.user}.0:{jid.device}@{jid.server}".encode() for jid in devices)
    digest = hashlib.sha256(b"".join(names)).digest()
    return "2:" + base64.b64encode(digest[:6]).decode()


def account_phash(account: Account, *, lid: bool) -> str:
    """The hash over all devices of one account, in one address kind."""
    return phash(account.address(lid=lid, device=number) for number in account.devices)


def key_index_node(account: Account) -> list[Node]:
    """`<key-index-list>` of the phone, if it has published one."""
    if not account.key_index_list:
        return []
    attrs: dict[str, AttrValue] = {"ts": str(account.key_index_ts)}
    return [Node("key-index-list", attrs, account.key_index_list)]


def device_node(account: Account, device: Device, *, lid: bool) -> Node:
    """`<device>` of a devices notification: its address (a PN also with the LID), the key index."""
    attrs: dict[str, AttrValue] = {"jid": account.address(lid=lid, device=device.id)}
    if not lid:
        attrs["lid"] = account.address(lid=True, device=device.id)
    if device.key_index is not None:
        attrs["key-index"] = str(device.key_index)
    return Node("device", attrs)


class Notifier:
    """Sends notifications; each is repeated until it is acknowledged."""

    def __init__(self, directory: Directory, deliveries: Deliveries) -> None:
        self._directory = directory
        self._deliveries = deliveries
        self._count = 0

    def new_id(self) -> str:
        """An id that no other notification of this server has, also not after a restart."""
        self._count += 1
        return f"{int(self._deliveries.now() * 1000)}-{self._count}"

    def notification(self, kind: str, source: Jid, *children: Node, **attrs: AttrValue) -> Node:
        """A notification, ready to be posted."""
        return Node(
            "notification",
            {
                "from": source,
                "id": self.new_id(),
                "type": kind,
                **attrs,
                "t": self._deliveries.t,
            },
            list(children),
        )

    def device_added(self, account: Account, device: Device) -> None:
        """Tell contacts, members of common groups and the account's other devices."""
        self._devices_changed(account, device, "add")

    def device_removed(self, account: Account, device: Device) -> None:
        """Tell the same people that a companion is gone."""
        self._devices_changed(account, device, "remove")

    def low_keys(self, account: Account, device: Device) -> None:
        """Tell a device that few of its one-time keys are left."""
        # Only the newest count is of use to a device that was away.
        device.mailbox.drop(
            lambda node: node.get("type") == "encrypt" and node.find("count") is not None
        )
        count = Node("count", {"value": str(len(device.pre_keys))})
        self._deliveries.post(account, device, self.notification("encrypt", SERVER, count))

    def identity_changed(self, account: Account, device: Device) -> None:
        """Tell contacts and members of common groups of a device's new identity key."""
        others = account.contacts | self._directory.groups.companions_of(account.number)
        for contact in self._directory.select(others - {account.number}):
            source = account.address(lid=False, device=device.id)
            node = self.notification("encrypt", source, Node("identity"), lid=account.lid)
            self._deliveries.post_all(contact, node)

    def server_sync(self, account: Account, collection: str, version: int, writer: int) -> None:
        """Tell the account's other devices that an app-state collection has a new version."""
        child = Node("collection", {"name": collection, "version": str(version)})
        for device in list(account.devices.values()):
            if device.id != writer:
                node = self.notification("server_sync", SERVER, child)
                self._deliveries.post(account, device, node)

    def own_devices(self, account: Account, child: Node, *, skip: Device | None) -> None:
        """An `account_sync` to the account's devices but the one that caused it."""
        for device in list(account.devices.values()):
            if device is not skip:
                node = self.notification("account_sync", account.jid, child)
                self._deliveries.post(account, device, node)

    def contacts(
        self,
        account: Account,
        kind: str,
        child: Node,
        *,
        skip: Device,
        lid: bool = False,
        also: Iterable[str] = (),
    ) -> None:
        """Something about this account, to its contacts and its own other devices.

        Args:
            account: whose.
            kind: of notification.
            child: what it says.
            skip: the device that knows already.
            lid: name the account by its LID.
            also: numbers of further accounts that have to hear of it.
        """
        other: dict[str, AttrValue] = {} if lid else {"lid": account.lid}
        for contact in self._directory.select({*account.contacts, account.number, *also}):
            for device in list(contact.devices.values()):
                if device is not skip:
                    node = self.notification(kind, account.address(lid=lid), child, **other)
                    self._deliveries.post(contact, device, node)

    def dirty(self, account: Account, kind: str) -> None:
        """Mark a kind of data as changed; every companion hears of it until it says it is clean."""
        since = int(self._deliveries.now())
        for device in account.companions():
            device.dirty[kind] = since
            if device.session is not None and device.session.is_live:
                child = Node("dirty", {"type": kind, "timestamp": str(since)})
                device.session.send(Node("ib", {"from": SERVER}, [child]))
        self._deliveries.changed()

    def _devices_changed(self, account: Account, device: Device, change: str) -> None:
        # Whoever shares a group writes to all devices, and must not have an old list.
        others = self._directory.groups.companions_of(account.number)
        # Once for each address kind: Baileys keeps a list for each and reads no second address.
        for lid in (False, True):
            hashes: dict[str, AttrValue] = {"device_hash": account_phash(account, lid=lid)}
            if not lid:
                hashes["device_lid_hash"] = account_phash(account, lid=True)
            changed = Node(
                change,
                hashes,
                [device_node(account, device, lid=lid), *key_index_node(account)],
            )
            self.contacts(account, "devices", changed, skip=device, lid=lid, also=others)
        listed = [
            Node("device", _without_lid(device_node(account, own, lid=False)))
            for own in account.devices.values()
        ]
        dhash = account_phash(account, lid=False)
        own = Node("devices", {"dhash": dhash}, [*listed, *key_index_node(account)])
        self.own_devices(account, own, skip=device)


def _without_lid(node: Node) -> dict[str, AttrValue]:
    return {name: value for name, value in node.attrs.items() if name != "lid"}
