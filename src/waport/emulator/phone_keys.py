"""Key material of the phone as nodes: what it uploads, and what other devices publish.

Source: docs/protocol/signal.md, "Key IQs" and "Fetching key bundles".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import CryptoError, StanzaError
from ..signal import LocalIdentity, PreKey, PreKeyBundle, SignedPreKey, encode_id
from ..wire import SERVER, Jid, Node

_KEY_TYPE = b"\x05"


@dataclass(frozen=True, slots=True)
class DeviceBundle:
    """What a device publishes.

    Attributes:
        bundle: its keys.
        device_identity: ADVSignedDeviceIdentity of a companion; None when there is none.
    """

    bundle: PreKeyBundle
    device_identity: bytes | None


def upload_iq(local: LocalIdentity, signed: SignedPreKey, keys: Sequence[PreKey]) -> Node:
    """The IQ that gives the server our public keys."""
    return Node(
        "iq",
        {"type": "set", "xmlns": "encrypt", "to": SERVER},
        [
            Node("registration", {}, local.registration_id.to_bytes(4, "big")),
            Node("type", {}, _KEY_TYPE),
            Node("identity", {}, local.identity.public),
            Node("list", {}, [_one_time_key(key) for key in keys]),
            _signed_key(signed),
        ],
    )


def retry_keys(local: LocalIdentity, signed: SignedPreKey, key: PreKey) -> Node:
    """The `<keys>` of a retry receipt; device 0 has no device identity to add."""
    return Node(
        "keys",
        {},
        [
            Node("type", {}, _KEY_TYPE),
            Node("identity", {}, local.identity.public),
            _one_time_key(key),
            _signed_key(signed),
        ],
    )


def bundle_iq(devices: Iterable[Jid]) -> Node:
    """The IQ that asks for the bundles of devices."""
    users = [Node("user", {"jid": device}) for device in devices]
    return Node("iq", {"type": "get", "xmlns": "encrypt", "to": SERVER}, [Node("key", {}, users)])


def parse_bundle(user: Node, registration: Node | None = None) -> DeviceBundle:
    """Read a bundle. Nothing is verified yet.

    Args:
        user: the `<user>` of a bundle answer, or the `<keys>` of a retry receipt.
        registration: the `<registration>` node when it stands elsewhere.

    Raises:
        StanzaError: something required is missing.
        CryptoError: the keys are of another type.
    """
    holder = user.find("keys") or user
    if holder.child("type").data != _KEY_TYPE:
        raise CryptoError("the bundle is of an unknown key type")
    signed = holder.child("skey")
    one_time = holder.find("key")
    identity = user.find("device-identity") or holder.find("device-identity")
    bundle = PreKeyBundle(
        registration_id=_number(registration or holder.child("registration"), 4),
        identity=holder.child("identity").data,
        signed_pre_key_id=_number(signed.child("id"), 3),
        signed_pre_key=signed.child("value").data,
        signature=signed.child("signature").data,
        pre_key_id=None if one_time is None else _number(one_time.child("id"), 3),
        pre_key=None if one_time is None else one_time.child("value").data,
    )
    return DeviceBundle(bundle, None if identity is None else identity.data)


def _number(node: Node, length: int) -> int:
    if len(node.data) != length:
        raise StanzaError(node.tag, f"not {length} bytes")
    return int.from_bytes(node.data, "big")


def _one_time_key(key: PreKey) -> Node:
    return Node("key", {}, [Node("id", {}, encode_id(key.id)), Node("value", {}, key.pair.public)])


def _signed_key(key: SignedPreKey) -> Node:
    return Node(
        "skey",
        {},
        [
            Node("id", {}, encode_id(key.id)),
            Node("value", {}, key.pair.public),
            Node("signature", {}, key.signature),
        ],
    )
