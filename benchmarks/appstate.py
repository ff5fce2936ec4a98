"""App state: patches decoded with every MAC checked, as many small ones and as one large one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from waport.appstate import (
    Changes,
    Collection,
    CollectionState,
    KeyRing,
    apply_patch,
    build_patch,
    parse_patch,
)
from waport.appstate.actions import PinChat, write_action
from waport.proto import pb
from waport.wire import Jid

from .timing import Run, Subject

NAME = Collection.REGULAR_LOW
KEY_ID = bytes.fromhex("000000000001")
KEY = bytes((7,)) * 32
SMALL = 200
"""Patches of one mutation each."""

LARGE = 1000
"""Mutations in one patch."""


class _Replica:
    """A collection as one device keeps it, in memory."""

    def __init__(self) -> None:
        self.keys = KeyRing({KEY_ID: KEY})
        self.state = CollectionState()
        self.value_macs: dict[bytes, bytes] = {}

    def keep(self, state: CollectionState, changes: Changes) -> None:
        self.state = state
        for index, mac in changes.items():
            if mac is None:
                self.value_macs.pop(index, None)
            else:
                self.value_macs[index] = mac

    def take(self, data: bytes) -> None:
        patch = parse_patch(data)
        applied = apply_patch(NAME, self.state, patch, self.keys, self.value_macs.get)
        assert applied.agrees
        self.keep(applied.state, applied.changes)


@cache
def _patches(count: int, mutations: int) -> tuple[bytes, ...]:
    """As the server gives them out. Every record is set twice or more often, as real ones are."""
    replica = _Replica()
    made = []
    for number in range(count):
        some = [
            write_action(
                PinChat(Jid(str(10**10 + (number * mutations + at) // 2), "s.whatsapp.net"), True),
                timestamp_ms=1_700_000_000_000 + number,
            ).mutation
            for at in range(0, 2 * mutations, 2)
        ]
        upload = build_patch(
            NAME, replica.state, some, replica.keys, KEY_ID, replica.value_macs.get
        )
        replica.keep(upload.state, upload.changes)
        patch = pb.SyncdPatch(
            snapshotMac=upload.snapshot_mac,
            patchMac=upload.patch_mac,
            keyId=pb.KeyId(id=KEY_ID),
            version=pb.SyncdVersion(version=upload.state.version),
            mutations=pb.SyncdMutations.FromString(upload.blob()).mutations,
        )
        made.append(patch.SerializeToString())
    return tuple(made)


def inputs() -> Mapping[str, object]:
    """For the Node side."""
    return {
        "appstate": {
            "name": NAME.value,
            "key_id": KEY_ID.hex(),
            "key": KEY.hex(),
            "small": [data.hex() for data in _patches(SMALL, 1)],
            "large": [data.hex() for data in _patches(1, LARGE)],
        }
    }


def subjects() -> Sequence[Subject]:
    """Many patches, and many mutations in one."""
    return [
        Subject("appstate-patches", "app-state patch of one mutation", _small, 4),
        Subject("appstate-mutations", f"app-state patch of {LARGE} mutations", _large, 1),
    ]


def _small(count: int) -> Run:
    return _taken(_patches(SMALL, 1), count)


def _large(count: int) -> Run:
    return _taken(_patches(1, LARGE), count)


def _taken(patches: Sequence[bytes], count: int) -> Run:
    """Take so many patches in, from the first one on again and again."""

    def run() -> None:
        for start in range(0, count, len(patches)):
            replica = _Replica()
            for data in patches[: count - start]:
                replica.take(data)

    return run
