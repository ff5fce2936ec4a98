"""Pre-keys: how many the server holds, uploading more, and fetching other devices' bundles."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..crypto import sha256
from ..errors import StanzaError
from ..signal import PreKey, PreKeyBundle, SignedPreKey, encode_id
from ..wire import Jid, Node
from .query import Query, iq_get, iq_set

KEY_TYPE = b"\x05"
"""Curve25519, in every `<type>` node (docs/protocol/signal.md, "Keys")."""

MAX_DIGEST_IDS = 20_000
"""Ids read of a digest; no pool is as large."""


class CountPreKeys(Query[int]):
    """How many one-time keys of this device the server still has."""

    def request(self) -> Node:
        """`<iq xmlns="encrypt"><count/></iq>`."""
        return iq_get("encrypt", Node("count"))

    def parse(self, reply: Node) -> int:
        """A missing value means 0."""
        return reply.child("count").get_int("value", 0) or 0


@dataclass(frozen=True, slots=True)
class UploadPreKeys(Query[bool]):
    """Hand the server this device's public keys. The result says whether it wants still more.

    The private halves must be on disk before this is sent.
    """

    registration_id: int
    identity: bytes
    signed_pre_key: SignedPreKey
    pre_keys: Sequence[PreKey]

    def request(self) -> Node:
        """`registration`, `type`, `identity`, `list`, `skey`, in this order."""
        keys = [key_node(key) for key in self.pre_keys]
        return iq_set(
            "encrypt",
            Node("registration", {}, self.registration_id.to_bytes(4, "big")),
            Node("type", {}, KEY_TYPE),
            Node("identity", {}, self.identity),
            Node("list", {}, keys),
            signed_key_node(self.signed_pre_key),
        )

    def parse(self, reply: Node) -> bool:
        """`<list count_low="true"/>` asks for more."""
        listing = reply.find("list")
        return listing is not None and listing.get("count_low") == "true"


@dataclass(frozen=True, slots=True)
class BundleAnswer:
    """What came for one device: a bundle with the device's signed identity, or an error code."""

    bundle: PreKeyBundle | None
    device_identity: bytes | None
    error: int


@dataclass(frozen=True, slots=True)
class FetchBundles(Query[dict[Jid, BundleAnswer]]):
    """The key bundles of some devices; each pops one of the device's one-time keys.

    A device that is missing in the answer has no bundle; one that was not asked for is ignored.
    """

    devices: Sequence[Jid]
    identity_changed: bool = False

    def request(self) -> Node:
        """One `<user>` for each device."""
        users = []
        for device in self.devices:
            user = Node("user", {"jid": device})
            if self.identity_changed:
                user.attrs["reason"] = "identity"
            users.append(user)
        return iq_get("encrypt", Node("key", {}, users))

    def parse(self, reply: Node) -> dict[Jid, BundleAnswer]:
        """One bad entry spoils nothing but itself."""
        asked = set(self.devices)
        answers: dict[Jid, BundleAnswer] = {}
        for user in reply.child("list").children("user"):
            jid = user.get_jid("jid")
            if jid is None or jid not in asked:
                continue
            error = user.find("error")
            if error is not None:
                answers[jid] = BundleAnswer(None, None, error.get_int("code", 0) or 0)
                continue
            try:
                answers[jid] = BundleAnswer(parse_bundle(user), _device_identity(user), 0)
            except StanzaError:
                answers[jid] = BundleAnswer(None, None, 0)
        return answers


def _device_identity(user: Node) -> bytes | None:
    node = user.find("device-identity")
    return node.data if node is not None else None


def parse_bundle(node: Node, registration: bytes | None = None) -> PreKeyBundle:
    """Read the key nodes of one device: an answer's `<user>`, or the `<keys>` of a retry receipt.

    Args:
        node: holds type, identity, skey and perhaps key; an inner `<keys>` is looked through.
        registration: the registration id's 4 bytes where they stand elsewhere.

    Raises:
        StanzaError: a part is missing or has the wrong length.
    """
    keys = node.find("keys") or node
    if registration is None:
        registration = node.child("registration").data
    kind = keys.find("type") or node.find("type")
    if kind is not None and kind.data != KEY_TYPE:
        raise StanzaError(node.tag, "keys of another type than Curve25519")
    signed = keys.child("skey")
    one_time = keys.find("key")
    return PreKeyBundle(
        registration_id=int.from_bytes(_sized(registration, 4, "registration"), "big"),
        identity=_sized(keys.child("identity").data, 32, "identity"),
        signed_pre_key_id=_key_id(signed),
        signed_pre_key=_sized(signed.child("value").data, 32, "skey value"),
        signature=_sized(signed.child("signature").data, 64, "skey signature"),
        pre_key_id=None if one_time is None else _key_id(one_time),
        pre_key=None if one_time is None else _sized(one_time.child("value").data, 32, "key value"),
    )


def _key_id(node: Node) -> int:
    return int.from_bytes(_sized(node.child("id").data, 3, "key id"), "big")


def _sized(data: bytes, length: int, what: str) -> bytes:
    if len(data) != length:
        raise StanzaError("key", f"{what} has {len(data)} bytes instead of {length}")
    return data


def key_node(key: PreKey) -> Node:
    """`<key><id/><value/></key>`."""
    return Node(
        "key",
        {},
        [Node("id", {}, encode_id(key.id)), Node("value", {}, key.pair.public)],
    )


def signed_key_node(key: SignedPreKey) -> Node:
    """`<skey><id/><value/><signature/></skey>`."""
    return Node(
        "skey",
        {},
        [
            Node("id", {}, encode_id(key.id)),
            Node("value", {}, key.pair.public),
            Node("signature", {}, key.signature),
        ],
    )


@dataclass(frozen=True, slots=True)
class RotateSignedPreKey(Query[None]):
    """Put another signed pre-key in place of the one that the server has.

    Its private half must be on disk before this is sent.
    """

    signed_pre_key: SignedPreKey

    def request(self) -> Node:
        """`<iq xmlns="encrypt"><rotate><skey/></rotate></iq>`."""
        return iq_set("encrypt", Node("rotate", {}, [signed_key_node(self.signed_pre_key)]))

    def parse(self, reply: Node) -> None:
        """The result is empty."""


@dataclass(frozen=True, slots=True)
class KeyDigest:
    """What the server holds of this device.

    Attributes:
        registration_id: as it was uploaded.
        identity: 32 bytes.
        signed_pre_key_id: of the current one.
        signed_pre_key: public key, 32 bytes.
        signature: 64 bytes.
        pre_key_ids: of the one-time keys that nobody has taken yet.
        checksum: see `key_checksum`; empty when it is missing.
    """

    registration_id: int
    identity: bytes
    signed_pre_key_id: int
    signed_pre_key: bytes
    signature: bytes
    pre_key_ids: tuple[int, ...]
    checksum: bytes


class FetchDigest(Query[KeyDigest]):
    """A consistency check of the uploaded keys; refused with 404 when the server has none."""

    def request(self) -> Node:
        """`<iq xmlns="encrypt"><digest/></iq>`."""
        return iq_get("encrypt", Node("digest"))

    def parse(self, reply: Node) -> KeyDigest:
        """The ids stand in the list without a `<key>` around them."""
        digest = reply.child("digest")
        signed = digest.child("skey")
        checksum = digest.find("hash")
        ids = digest.child("list").children("id")[:MAX_DIGEST_IDS]
        return KeyDigest(
            registration_id=int.from_bytes(
                _sized(digest.child("registration").data, 4, "registration"), "big"
            ),
            identity=_sized(digest.child("identity").data, 32, "identity"),
            signed_pre_key_id=_key_id(signed),
            signed_pre_key=_sized(signed.child("value").data, 32, "skey value"),
            signature=_sized(signed.child("signature").data, 64, "skey signature"),
            pre_key_ids=tuple(
                int.from_bytes(_sized(child.data, 3, "key id"), "big") for child in ids
            ),
            checksum=b"" if checksum is None else checksum.data,
        )


def key_checksum(identity: bytes, signed_pre_key: SignedPreKey, pre_keys: Iterable[bytes]) -> bytes:
    """What a digest's `<hash>` must be: SHA-1 over the public keys and the signature.

    Args:
        pre_keys: the one-time public keys, in the order of the digest's list.

    Source: docs/protocol/signal.md, "Digest".
    """
    joined = identity + signed_pre_key.pair.public + signed_pre_key.signature + b"".join(pre_keys)
    return hashlib.sha1(joined, usedforsecurity=False).digest()


def fingerprint(identity: bytes) -> str:
    """A short name of an identity key for logs, which never show the key itself."""
    return sha256(identity)[:4].hex()
