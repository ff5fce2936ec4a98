"""Messages to many: a group, or the people who see a status post.

The sender encrypts once for all, with a key that it tells each device in a part of its own. Every
device gets its own part, if there is one, and then what is for all.

Source: docs/protocol/messages.md, "Sending" and "Server ack".
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Set

from ..wire import AttrValue, Jid, Node
from .accounts import Account, Device, Directory
from .copies import (
    MALFORMED,
    NO_MEMBER,
    NO_SUCH_CHAT,
    NOT_ALLOWED_HERE,
    NOT_ALLOWED_NOW,
    OTHER_ADDRESSING,
    TAKEN,
    Verdict,
    is_untyped_media,
    kept_attributes,
    kept_content,
    named_devices,
    too_many,
)
from .delivery import Deliveries
from .groups import Group
from .notifications import phash
from .tokens import STRANGER_TAGS

_log = logging.getLogger(__name__)

_MAX_SHARED = 2  # ciphertexts for all, in one stanza

_STATUS_SETTINGS = ("contacts", "allowlist", "denylist")

_Place = tuple[str, int]


class GroupMessages:
    """The server's way with a `<message>` to a group or to the status feed."""

    def __init__(self, directory: Directory, deliveries: Deliveries) -> None:
        self._directory = directory
        self._deliveries = deliveries

    def to_group(
        self, account: Account, device: Device, node: Node, only: Set[Jid] | None
    ) -> Verdict:
        """Give every device of every member its copy, save the device that sent it.

        Args:
            account: of the sender.
            device: that sent it.
            node: the stanza.
            only: devices, by PN, beyond which nobody gets it.
        """
        group = self._directory.groups.find(node.jid("to"))
        if group is None:
            return Verdict(NO_SUCH_CHAT)
        if account.number not in group.members:
            return Verdict(NO_MEMBER)
        if not group.may_send(account.number):
            return Verdict(NOT_ALLOWED_NOW)
        if node.get("addressing_mode", group.mode) != group.mode:
            return Verdict(OTHER_ADDRESSING, {"addressing_mode": group.mode})
        if _is_for_people_only(node):
            return Verdict(NOT_ALLOWED_HERE)
        attrs = self._attributes(account, device, node, lid=group.is_lid)
        attrs["addressing_mode"] = group.mode
        receivers = self._directory.select(group.members)
        if not self._hand_out(device, node, attrs, receivers, only):
            return Verdict(MALFORMED)
        return self._compared(group, receivers, node)

    def to_audience(
        self, account: Account, device: Device, node: Node, only: Set[Jid] | None
    ) -> Verdict:
        """Give a status post to every device of everybody whom the stanza names."""
        if "addressing_mode" in node.attrs or not _is_rightly_set(node):
            return Verdict(NOT_ALLOWED_HERE)
        if _is_for_people_only(node):
            return Verdict(NOT_ALLOWED_HERE)
        participants = node.find("participants")
        entries = participants.children("to") if participants is not None else []
        named = [jid for entry in entries if (jid := entry.get_jid("jid")) is not None]
        named += [jid] if (jid := node.get_jid("participant")) is not None else []
        numbers = {a.number for jid in named if (a := self._directory.by_jid(jid)) is not None}
        attrs = self._attributes(
            account, device, node, lid=not named or any(jid.is_lid for jid in named)
        )
        receivers = [
            receiver
            for receiver in self._directory.select(numbers)
            if account.number not in receiver.blocked
        ]
        if not self._hand_out(device, node, attrs, receivers, only):
            return Verdict(MALFORMED)
        return TAKEN

    def _attributes(
        self, account: Account, device: Device, node: Node, *, lid: bool
    ) -> dict[str, AttrValue]:
        attrs = kept_attributes(node)
        attrs["from"] = node.jid("to")
        attrs["participant"] = account.address(lid=lid, device=device.id)
        if not lid:
            attrs["participant_lid"] = account.address(lid=True, device=device.id)
        elif account.number not in self._deliveries.policy.hidden_numbers:
            attrs["participant_pn"] = account.address(lid=False, device=device.id)
        attrs["t"] = self._deliveries.t
        attrs["notify"] = account.name
        return attrs

    def _hand_out(
        self,
        sender: Device,
        node: Node,
        attrs: dict[str, AttrValue],
        receivers: Iterable[Account],
        only: Set[Jid] | None,
    ) -> bool:
        """Put the copies into the mailboxes; False when the stanza is not made right."""
        shared = [enc for enc in node.children("enc") if enc.get("type") == "skmsg"]
        if self._deliveries.policy.drop_untyped_media and is_untyped_media(node):
            _log.warning("message %s is media without a mediatype: dropped", node.get("id"))
            return True
        single = node.get_jid("participant")
        named = named_devices(node, single or node.jid("to"))
        if (not shared and not named) or too_many(named) or len(shared) > _MAX_SHARED:
            return False
        own_parts = self._own_parts(named)
        if single is not None:
            # A resend: for the device that asked, and for nobody else.
            shared = []
            place = self._place(single)
            own_parts = {key: encs for key, encs in own_parts.items() if key == place}
        for receiver in receivers:
            for device in list(receiver.devices.values()):
                encs = [*own_parts.get((receiver.number, device.id), ()), *shared]
                address = receiver.address(lid=False, device=device.id)
                if encs and device is not sender and (only is None or address in only):
                    copy = Node("message", dict(attrs), kept_content(node, encs))
                    self._deliveries.post(receiver, device, copy)
        return True

    def _own_parts(self, named: Iterable[tuple[Jid, list[Node]]]) -> dict[_Place, list[Node]]:
        """What is encrypted for single devices; one that is named twice gets the first part."""
        parts: dict[_Place, list[Node]] = {}
        for target, encs in named:
            place = self._place(target)
            if place is not None:
                parts.setdefault(place, encs)
        return parts

    def _place(self, jid: Jid) -> _Place | None:
        found = self._directory.device(jid)
        return None if found is None else (found[0].number, found[1].id)

    @staticmethod
    def _compared(group: Group, members: Iterable[Account], node: Node) -> Verdict:
        """The ack tells a sender that has another idea of the group's devices."""
        told = node.get("phash")
        if told is None:
            return TAKEN
        known = phash(
            member.address(lid=group.is_lid, device=number)
            for member in members
            for number in member.devices
        )
        return TAKEN if told == known else Verdict(extra={"phash": known})


def _is_rightly_set(node: Node) -> bool:
    """Whether a status stanza says whom it is for only if it is a post, and in known words."""
    meta = node.find("meta")
    setting = meta.get("status_setting") if meta is not None else None
    is_post = "edit" not in node.attrs and node.get("type") != "reaction"
    return setting is None or (is_post and setting in _STATUS_SETTINGS)


def _is_for_people_only(node: Node) -> bool:
    return any(child.tag in STRANGER_TAGS for child in node.children())
