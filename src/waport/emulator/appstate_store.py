"""The collections of one account: what the phone knows of them, and what it writes.

What the server keeps is in `appstate_server`, as if it were elsewhere: the phone verifies every
patch that a companion uploaded.

Source: docs/protocol/app-state.md, "The sync IQ", "Server side" and "Recovery".
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Mapping, Sequence

from ..crypto import RandomBytes
from ..errors import InvalidInput
from ..proto import pb
from ..wire import Node
from .appstate import (
    COLLECTIONS,
    Mutation,
    Replica,
    SyncKey,
    apply_patch,
    build_patch,
    decrypt_data,
)
from .appstate_server import PAGE, Announce, StateServer, never
from .link import MediaLink
from .saved import Saved

_MAX_INLINE = 100  # mutations; more of them go into a file


class AppState:
    """All collections of one account.

    Attributes:
        keys: the account's sync keys; the last one encrypts.
        server: what the server keeps, and how it answers.
    """

    def __init__(
        self,
        announce: Announce,
        keys: Sequence[SyncKey],
        media: MediaLink,
        *,
        random_bytes: RandomBytes = os.urandom,
        page: int = PAGE,
        snapshot_after: Callable[[], int] = never,
    ) -> None:
        """Empty collections.

        Args:
            announce: called after each accepted patch.
            keys: see the attribute.
            media: the way to the media host.
            random_bytes: for keys and the IVs of the phone's own mutations.
            page: patches per answer and collection; the rest is announced as more.
            snapshot_after: patches that are given to who wants all, instead of a snapshot.
        """
        self.keys = list(keys)
        self.server = StateServer(
            announce, media, random_bytes=random_bytes, page=page, snapshot_after=snapshot_after
        )
        self._random_bytes = random_bytes
        self._replicas = {name: Replica() for name in COLLECTIONS}
        self._records: dict[str, dict[tuple[str, ...], Mutation]] = {
            name: {} for name in COLLECTIONS
        }
        self._diverged: set[tuple[str, int]] = set()

    def version(self, collection: str) -> int:
        """The latest version of a collection; 0 when it was never written."""
        return self.server.log(collection).version

    async def answer(self, device: int, iq: Node) -> Node:
        """Answer an IQ as the server; see `StateServer.answer`."""
        return await self.server.answer(device, iq)

    # --- the phone's part ------------------------------------------------------------------------

    async def write(
        self, collection: str, mutations: Sequence[Mutation], *, diverged: bool = False
    ) -> None:
        """Write mutations as the phone, in one patch on top of what is there.

        Args:
            diverged: the phone has another idea of all records than everybody else: the snapshot
                MAC of the patch is wrong, and right again in the next one.

        Raises:
            CryptoError: a companion has uploaded a patch that does not verify.
            ProtocolError: likewise, one that does not follow or is no sync action.
            MediaError: there are many mutations, and no room for their file.
        """
        while True:
            self._catch_up(collection)
            patch, after = build_patch(
                collection,
                self._replicas[collection],
                mutations,
                self.keys[-1],
                random_bytes=self._random_bytes,
                diverged=diverged,
            )
            sealed = list(patch.mutations)
            if len(sealed) > _MAX_INLINE:
                file = pb.SyncdMutations(mutations=sealed).SerializeToString()
                patch.externalMutations.CopyFrom(await self.server.files.put(file))
                del patch.mutations[:]
            # While the file was stored a companion may have written.
            if after.version == self.version(collection) + 1:
                break
        if diverged:
            self._diverged.add((collection, after.version))
        await self.server.append(collection, patch, sealed, device=0)

    def read(self, collection: str) -> Mapping[tuple[str, ...], pb.SyncActionValue]:
        """What the phone reads in a collection now: index to value.

        Raises:
            CryptoError, ProtocolError: as `write`.
        """
        return {index: record.value for index, record in self.records(collection).items()}

    def records(self, collection: str) -> Mapping[tuple[str, ...], Mutation]:
        """The same with the versions of the actions."""
        self._catch_up(collection)
        return dict(self._records[collection])

    def replica(self, collection: str) -> Replica:
        """A collection as the phone counts it; raises as `read`."""
        self._catch_up(collection)
        return self._replicas[collection]

    def _catch_up(self, collection: str) -> None:
        keys = {key.id: key for key in self.keys}
        log = self.server.log(collection)
        records = self._records[collection]
        while self._replicas[collection].version < log.version:
            before = self._replicas[collection]
            patch, sealed = log.patch(before.version + 1)
            patch.ClearField("externalMutations")
            del patch.mutations[:]
            patch.mutations.extend(sealed)
            is_diverged = (collection, before.version + 1) in self._diverged
            after, mutations = apply_patch(collection, before, patch, keys, diverged=is_diverged)
            for mutation in mutations:
                if mutation.operation == "SET":
                    records[mutation.index] = mutation
                else:
                    records.pop(mutation.index, None)
            self._replicas[collection] = after

    def new_key(self, timestamp_ms: int) -> SyncKey:
        """Make the next key, which encrypts from now on."""
        epoch = int.from_bytes(self.keys[-1].id[2:], "big") + 1
        self.keys.append(SyncKey.create(epoch, timestamp_ms, self._random_bytes))
        return self.keys[-1]

    def copy(self, collection: str) -> bytes:
        """All that the phone knows of a collection, for a companion that cannot go on by itself.

        Returns:
            a `SyncdSnapshotRecovery`, compressed with gzip.
        Raises:
            InvalidInput: there is no such collection.
            CryptoError, ProtocolError: as `write`.
        """
        if collection not in COLLECTIONS:
            raise InvalidInput(f"there is no collection {collection}")
        self._catch_up(collection)
        keys = {key.id: key for key in self.keys}
        copy = pb.SyncdSnapshotRecovery(collectionName=collection)
        copy.version.version = self.version(collection)
        copy.collectionLthash = self._replicas[collection].lthash
        for sealed in self.server.log(collection).records.values():
            record = pb.SyncdRecord.FromString(sealed)
            data = decrypt_data(pb.SyncdMutation(record=record), keys)
            mac = record.value.blob[-32:]
            copy.mutationRecords.add(value=data, keyId=record.keyId.id, mac=mac)
        return gzip.compress(copy.SerializeToString())

    # --- the state folder ------------------------------------------------------------------------

    def dump(self) -> dict[str, object]:
        """Everything as JSON values."""
        return {
            "keys": [
                {"id": key.id.hex(), "data": key.data.hex(), "timestamp_ms": key.timestamp_ms}
                for key in self.keys
            ],
            "diverged": [{"name": name, "version": at} for name, at in sorted(self._diverged)],
            **self.server.dump(),
        }

    @classmethod
    def load(
        cls,
        saved: Saved,
        announce: Announce,
        media: MediaLink,
        random_bytes: RandomBytes = os.urandom,
        *,
        snapshot_after: Callable[[], int] = never,
    ) -> AppState:
        """The inverse of `dump`.

        Raises:
            CorruptRecord: the state is not what `dump` makes.
        """
        keys = [
            SyncKey(key.data("id"), key.data("data"), key.number("timestamp_ms"))
            for key in saved.parts("keys")
        ]
        loaded = cls(
            announce, keys, media, random_bytes=random_bytes, snapshot_after=snapshot_after
        )
        loaded.server.restore(saved)
        if "diverged" in saved.names():
            loaded._diverged = {
                (each.text("name"), each.number("version")) for each in saved.parts("diverged")
            }
        return loaded
