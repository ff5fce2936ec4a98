"""The store of public keys: upload, count, digest, rotation, bundles.

Source: docs/protocol/signal.md, "Key IQs" and "Fetching key bundles".
"""

from __future__ import annotations

import hashlib

from ..crypto import typed, verify
from ..wire import AttrValue, Jid, Node
from .accounts import Account, Device, Directory, SignedKey
from .delivery import Deliveries
from .notifications import Notifier
from .replies import Asker, Refusal, error, result

KEY_TYPE = b"\x05"
_MAX_UPLOAD = 5_000
_MAX_POOL = 20_000
_MAX_BUNDLES = 10_000


class PreKeys:
    """Answers the IQs of `encrypt`."""

    def __init__(self, directory: Directory, deliveries: Deliveries, notifier: Notifier) -> None:
        self._directory = directory
        self._deliveries = deliveries
        self._notifier = notifier

    async def answer(self, asker: Asker, iq: Node) -> Node:
        """Answer one IQ.

        Raises:
            Refusal, StanzaError: the question is malformed or refused.
        """
        device = asker.device
        if iq.get("type") == "get":
            if iq.find("count") is not None:
                return result(iq, Node("count", {"value": str(len(device.pre_keys))}))
            if iq.find("digest") is not None:
                return result(iq, self._digest(device))
            if (asked := iq.find("key")) is not None:
                return result(iq, Node("list", {}, self._bundles(asked.children("user"))))
            raise Refusal(400)
        if (rotation := iq.find("rotate")) is not None:
            return self._rotate(device, iq, rotation)
        return self._upload(asker, iq)

    def _upload(self, asker: Asker, iq: Node) -> Node:
        account, device = asker.account, asker.device
        registration = _sized(iq, "registration", 4)
        identity = _sized(iq, "identity", 32)
        if _sized(iq, "type", 1) != KEY_TYPE:
            raise Refusal(406)
        key_list = iq.child("list")
        if isinstance(key_list.content, bytes):
            raise Refusal(400)
        listed = key_list.children("key")
        if len(listed) > _MAX_UPLOAD or len(device.pre_keys) + len(listed) > _MAX_POOL:
            raise Refusal(419)
        keys = {_id(key): _sized(key, "value", 32) for key in listed}
        signed = read_signed_key(iq.child("skey"), identity)
        is_new_identity = bool(device.identity) and device.identity != identity
        if is_new_identity:
            device.pre_keys.clear()
            device.spent.clear()
        device.registration_id = int.from_bytes(registration, "big")
        device.identity = identity
        device.signed_pre_key = signed
        device.uploaded = True
        for key_id, value in keys.items():
            # An upload whose answer was lost comes again; a key that was given out stays so.
            if device.spent.get(key_id) != value:
                device.pre_keys[key_id] = value
        if is_new_identity:
            self._notifier.identity_changed(account, device)
        self._deliveries.changed()
        return result(iq)

    def _rotate(self, device: Device, iq: Node, rotation: Node) -> Node:
        device.signed_pre_key = read_signed_key(rotation.child("skey"), device.identity)
        self._deliveries.changed()
        return result(iq)

    def _digest(self, device: Device) -> Node:
        signed = device.signed_pre_key
        if signed is None or not device.uploaded:
            raise Refusal(404)
        hashed = device.identity + signed.public + signed.signature
        hashed += b"".join(device.pre_keys.values())
        ids = [Node("id", {}, key_id.to_bytes(3, "big")) for key_id in device.pre_keys]
        return Node(
            "digest",
            {},
            [
                *_identity_nodes(device),
                _signed_key_node(signed),
                Node("list", {}, ids),
                Node("hash", {}, hashlib.sha1(hashed).digest()),
            ],
        )

    def _bundles(self, users: list[Node]) -> list[Node]:
        if len(users) > _MAX_BUNDLES:
            raise Refusal(400)
        low: dict[Jid, tuple[Account, Device]] = {}
        bundles = [self._bundle(user, low) for user in users]
        for account, device in low.values():
            self._notifier.low_keys(account, device)
        self._deliveries.changed()
        return bundles

    def _bundle(self, user: Node, low: dict[Jid, tuple[Account, Device]]) -> Node:
        """One device's keys; takes a one-time key out of its pool, and notes if few are left."""
        attrs: dict[str, AttrValue] = {"jid": user.attrs.get("jid", "")}
        jid = user.get_jid("jid")
        found = self._directory.device(jid) if jid is not None else None
        if found is None or not found[1].has_keys:
            return Node("user", attrs, [error(406)])
        account, device = found
        signed = device.signed_pre_key
        assert signed is not None  # has_keys
        children = [*_identity_nodes(device), _signed_key_node(signed), *_pop(device)]
        if len(device.pre_keys) <= self._deliveries.policy.low_keys:
            low[account.address(lid=False, device=device.id)] = found
        if device.id and device.device_identity:
            children.append(Node("device-identity", {}, device.device_identity))
        return Node("user", attrs, children)


def read_signed_key(skey: Node, identity: bytes) -> SignedKey:
    """Read `<skey>` and check that the identity key signed it.

    Raises:
        StanzaError: a part is missing.
        Refusal: a part has the wrong length (400), or the signature is wrong (406).
    """
    key = SignedKey(_id(skey), _sized(skey, "value", 32), _sized(skey, "signature", 64))
    if not verify(identity, typed(key.public), key.signature):
        raise Refusal(406)
    return key


def _pop(device: Device) -> list[Node]:
    """The oldest one-time key, which nobody else will get; nothing when there is none."""
    if not device.pre_keys:
        return []
    key_id = next(iter(device.pre_keys))
    value = device.pre_keys.pop(key_id)
    device.spent[key_id] = value
    if len(device.spent) > _MAX_POOL:
        del device.spent[next(iter(device.spent))]
    parts = [Node("id", {}, key_id.to_bytes(3, "big")), Node("value", {}, value)]
    return [Node("key", {}, parts)]


def _identity_nodes(device: Device) -> list[Node]:
    return [
        Node("registration", {}, device.registration_id.to_bytes(4, "big")),
        Node("type", {}, KEY_TYPE),
        Node("identity", {}, device.identity),
    ]


def _signed_key_node(signed: SignedKey) -> Node:
    return Node(
        "skey",
        {},
        [
            Node("id", {}, signed.id.to_bytes(3, "big")),
            Node("value", {}, signed.public),
            Node("signature", {}, signed.signature),
        ],
    )


def _id(node: Node) -> int:
    return int.from_bytes(_sized(node, "id", 3), "big")


def _sized(node: Node, tag: str, size: int) -> bytes:
    data = node.child(tag).data
    if len(data) != size:
        raise Refusal(400)
    return data
