"""The MACs of a collection and of a patch.

Source: docs/protocol/app-state.md, "MACs of a patch".
"""

from __future__ import annotations

from collections.abc import Iterable

from ..crypto import hmac_sha256
from .keys import MutationKeys
from .state import Collection, CollectionState


def snapshot_mac(keys: MutationKeys, collection: Collection, state: CollectionState) -> bytes:
    """The MAC of all that a collection holds at one version, 32 bytes."""
    return hmac_sha256(keys.snapshot_mac, state.lthash + _suffix(collection, state.version))


def patch_mac(
    keys: MutationKeys,
    collection: Collection,
    version: int,
    snapshot: bytes,
    value_macs: Iterable[bytes],
) -> bytes:
    """The MAC of one patch, 32 bytes.

    Args:
        version: after the patch.
        snapshot: the patch's snapshot MAC.
        value_macs: of its mutations, in their order.
    """
    covered = (snapshot, *value_macs, _suffix(collection, version))
    return hmac_sha256(keys.patch_mac, b"".join(covered))


def _suffix(collection: Collection, version: int) -> bytes:
    return version.to_bytes(8, "big") + collection.encode()
