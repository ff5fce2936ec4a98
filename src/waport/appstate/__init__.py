"""App state: settings and flags that all devices of an account share, as pure functions.

A collection is a `CollectionState` and the value MAC of each of its records; patches and snapshots
lead from one to the next. What the mutations in them do is in `actions`.
"""

from .blobs import (
    MAX_BLOB_SIZE,
    BlobReference,
    parse_blob_reference,
    read_blob_reference,
    write_blob_reference,
)
from .codec import (
    Mutation,
    Operation,
    SealedRecord,
    index_mac,
    index_parts,
    index_text,
    mutation_data,
    open_record,
    removal_of,
    seal_mutation,
    value_mac,
)
from .conflicts import Rebased, rebase, settle
from .keys import (
    NOTHING_EXPIRED,
    KeyRing,
    KeyShare,
    MutationKeys,
    SyncKey,
    expand_sync_key,
    key_epoch,
    read_key_request,
    read_key_share,
    write_key_request,
    write_key_share,
)
from .lthash import EMPTY_HASH, HASH_SIZE, update_lthash
from .macs import patch_mac, snapshot_mac
from .patches import (
    Advance,
    AppliedPatch,
    Changes,
    Patch,
    advance,
    apply_patch,
    following,
    keys_of_record,
    load_external,
    parse_patch,
)
from .recovery import CollectionCopy, PlainRecord, apply_copy, parse_copy
from .snapshots import AppliedSnapshot, Snapshot, apply_snapshot, parse_snapshot
from .state import MAX_RECORDS, MAX_VERSION, Collection, CollectionState, FindValueMac
from .uploads import MAX_INLINE, Upload, build_patch, latest_only

__all__ = [
    "EMPTY_HASH",
    "HASH_SIZE",
    "MAX_BLOB_SIZE",
    "MAX_INLINE",
    "MAX_RECORDS",
    "MAX_VERSION",
    "NOTHING_EXPIRED",
    "Advance",
    "AppliedPatch",
    "AppliedSnapshot",
    "BlobReference",
    "Changes",
    "Collection",
    "CollectionCopy",
    "CollectionState",
    "FindValueMac",
    "KeyRing",
    "KeyShare",
    "Mutation",
    "MutationKeys",
    "Operation",
    "Patch",
    "PlainRecord",
    "Rebased",
    "SealedRecord",
    "Snapshot",
    "SyncKey",
    "Upload",
    "advance",
    "apply_copy",
    "apply_patch",
    "apply_snapshot",
    "build_patch",
    "expand_sync_key",
    "following",
    "index_mac",
    "index_parts",
    "index_text",
    "key_epoch",
    "keys_of_record",
    "latest_only",
    "load_external",
    "mutation_data",
    "open_record",
    "parse_blob_reference",
    "parse_copy",
    "parse_patch",
    "parse_snapshot",
    "patch_mac",
    "read_blob_reference",
    "read_key_request",
    "read_key_share",
    "rebase",
    "removal_of",
    "seal_mutation",
    "settle",
    "snapshot_mac",
    "update_lthash",
    "value_mac",
    "write_blob_reference",
    "write_key_request",
    "write_key_share",
]
