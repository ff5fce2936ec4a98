"""Takes a receipt from a device, acks it and passes it to whom it is for.

Source: docs/protocol/messages.md, "Receipts".
"""

from __future__ import annotations

from collections.abc import Callable

from ..wire import SERVER, AttrValue, Jid, Node
from .accounts import Account, Device, Directory
from .delivery import Deliveries
from .mailbox import answers_call

_TO_AUTHOR = frozenset({None, "inactive", "read", "played"})
_ALSO_TO_OWN = frozenset({"read", "played"})
_TO_OWN_ONLY = frozenset({"sender", "read-self", "played-self"})
_TO_ONE_DEVICE = frozenset({"retry", "enc_rekey_retry"})
_VIEW = "view"
_TO_OWN_PHONE = frozenset({"peer_msg", "hist_sync", "server-error"})


class ReceiptRouter:
    """The server's way with `<receipt>`."""

    def __init__(
        self,
        directory: Directory,
        deliveries: Deliveries,
        on_view: Callable[[Account, Node], None],
    ) -> None:
        self._directory = directory
        self._deliveries = deliveries
        self._on_view = on_view

    def same_user(self, one: Jid, other: Jid) -> bool:
        """Whether two addresses are of one account, or of the same chat."""
        if one.bare == other.bare:
            return True
        account = self._directory.by_jid(one.bare)
        return account is not None and account is self._directory.by_jid(other.bare)

    def handle(self, account: Account, device: Device, node: Node) -> None:
        """Take one receipt of a device."""
        if device.mailbox.settle_by_receipt(node, self.same_user):
            self._deliveries.changed()
        self._ack(device, node)
        kind = node.get("type")
        if answers_call(node):
            self._to_device(account, device, node)
        elif kind in _TO_AUTHOR:
            self._to_author(account, device, node)
            if kind in _ALSO_TO_OWN:
                self._to_own(account, device, node)
        elif kind in _TO_OWN_ONLY:
            self._to_own(account, device, node)
        elif kind in _TO_ONE_DEVICE:
            self._to_device(account, device, node)
        elif kind == _VIEW:
            self._on_view(account, node)
        elif kind in _TO_OWN_PHONE and device.id:
            self._post(account, account.devices[0], node, self._reader(account, device, node))

    def _ack(self, device: Device, node: Node) -> None:
        attrs: dict[str, AttrValue] = {
            "class": "receipt",
            "id": node.get("id", ""),
            "from": node.attrs.get("to", SERVER),
        }
        if "type" in node.attrs:
            attrs["type"] = node.attrs["type"]
        attrs["t"] = self._deliveries.t
        if device.session is not None:
            device.session.send(Node("ack", attrs))

    def _to_author(self, account: Account, device: Device, node: Node) -> None:
        to = node.get_jid("to")
        if to is None:
            return
        addressed = to if to.is_user else node.get_jid("participant")
        author = self._directory.by_jid(addressed.bare) if addressed is not None else None
        if addressed is None or author is None or self._has_left(author, to):
            return
        reader = account.address(lid=addressed.is_lid, device=device.id)
        where: dict[str, AttrValue] = (
            {"from": reader} if to.is_user else {"from": to, "participant": reader}
        )
        for receiver in list(author.devices.values()):
            if receiver is not device:
                self._post(author, receiver, node, where)

    def _to_own(self, account: Account, device: Device, node: Node) -> None:
        chat = node.get_jid("recipient") or node.get_jid("to")
        if chat is None:
            return
        where: dict[str, AttrValue] = {
            "from": account.address(lid=self._in_lid(chat), device=device.id),
            "recipient": chat,
        }
        participant = node.attrs.get("participant")
        if participant is not None and not chat.is_user:
            where["participant"] = participant
        for receiver in list(account.devices.values()):
            if receiver is not device:
                self._post(account, receiver, node, where)

    def _to_device(self, account: Account, device: Device, node: Node) -> None:
        to = node.get_jid("to")
        if to is None:
            return
        target = to if to.is_user else node.get_jid("participant")
        found = self._directory.device(target) if target is not None else None
        if target is None or found is None or found[1] is device or self._has_left(found[0], to):
            return
        reader = account.address(lid=target.is_lid, device=device.id)
        where: dict[str, AttrValue] = (
            {"from": reader} if to.is_user else {"from": to, "participant": reader}
        )
        if "recipient" in node.attrs:
            where["recipient"] = node.attrs["recipient"]
        if node.get("type") == "retry":
            asking = account.address(lid=False, device=device.id)
            found[1].ask_again(node.get("id", ""), asking)
        self._post(found[0], found[1], node, where)

    def _has_left(self, author: Account, chat: Jid) -> bool:
        """Whether this is about a group that the author has nothing to do with any more."""
        if not chat.is_group:
            return False
        group = self._directory.groups.find(chat)
        return group is None or author.number not in group.members

    def _in_lid(self, chat: Jid) -> bool:
        """Whether people are known by their LID in this chat."""
        group = self._directory.groups.find(chat)
        return chat.is_lid or chat.is_status or (group is not None and group.is_lid)

    def _reader(self, account: Account, device: Device, node: Node) -> dict[str, AttrValue]:
        to = node.get_jid("to")
        return {"from": account.address(lid=to is not None and to.is_lid, device=device.id)}

    def _post(
        self, account: Account, device: Device, node: Node, where: dict[str, AttrValue]
    ) -> None:
        kept = {
            name: value
            for name, value in node.attrs.items()
            if name not in ("to", "from", "participant", "recipient", "t")
        }
        attrs: dict[str, AttrValue] = {**where, **kept, "t": self._deliveries.t}
        self._deliveries.post(account, device, Node("receipt", attrs, node.content))
