"""What the server keeps of an account's collections, and how it answers for them.

It holds no keys, so it checks no MAC. A snapshot it makes of the newest record of each index: the
MAC in the newest patch is over just these.

Source: docs/protocol/app-state.md, "The sync IQ" and "Server side".
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError as ProtobufDecodeError

from ..crypto import RandomBytes
from ..errors import CorruptRecord, StanzaError, WhatsAppError
from ..proto import pb
from ..wire import SERVER, AttrValue, Node
from .appstate import COLLECTIONS
from .appstate_faults import StateFaults
from .appstate_files import StateFiles
from .link import MediaLink
from .saved import Saved

Announce = Callable[[str, int, int], Awaitable[None]]
"""Tell the account's other devices: collection, its new version, the device that wrote it."""

PAGE = 20
"""Patches in one answer for one collection."""


def never() -> int:
    """So many patches that nobody gets a snapshot while they are there."""
    return 2**31


_MAX_COLLECTIONS_PER_IQ = 20


@dataclass(slots=True)
class CollectionLog:
    """One collection on the server.

    Attributes:
        patches: every patch as it goes out, the first one of version 1.
        files: by version, the mutations of patches that keep them in a file.
        records: the newest record of each index MAC, serialized, and deletions left out.
        forgotten: patches up to this version are not given out any more.
    """

    patches: list[bytes] = field(default_factory=list)
    files: dict[int, bytes] = field(default_factory=dict)
    records: dict[bytes, bytes] = field(default_factory=dict)
    forgotten: int = 0

    @property
    def version(self) -> int:
        """The latest version; 0 when the collection was never written."""
        return len(self.patches)

    def append(self, patch: pb.SyncdPatch, mutations: Sequence[pb.SyncdMutation]) -> None:
        """Take a patch, whose version is written into it.

        Args:
            mutations: its own, or those in its file.
        """
        version = len(self.patches) + 1
        patch.version.version = version
        self.patches.append(patch.SerializeToString())
        if patch.HasField("externalMutations"):
            self.files[version] = pb.SyncdMutations(mutations=mutations).SerializeToString()
        for mutation in mutations:
            index = mutation.record.index.blob
            if mutation.operation == pb.SyncdMutation.REMOVE:
                self.records.pop(index, None)
            else:
                self.records[index] = mutation.record.SerializeToString()

    def patch(self, version: int) -> tuple[pb.SyncdPatch, list[pb.SyncdMutation]]:
        """One patch and its mutations, wherever they lie."""
        patch = pb.SyncdPatch.FromString(self.patches[version - 1])
        if version not in self.files:
            return patch, list(patch.mutations)
        return patch, list(pb.SyncdMutations.FromString(self.files[version]).mutations)

    def snapshot(self) -> pb.SyncdSnapshot:
        """All records at the latest version."""
        newest = pb.SyncdPatch.FromString(self.patches[-1])
        return pb.SyncdSnapshot(
            version=pb.SyncdVersion(version=self.version),
            records=[pb.SyncdRecord.FromString(record) for record in self.records.values()],
            mac=newest.snapshotMac,
            keyId=newest.keyId,
        )


class StateServer:
    """The collections of one account.

    Args:
        announce: called after each accepted patch.
        media: the way to the media host, for snapshots.
        random_bytes: for the keys of snapshots.
        page: patches per answer and collection; the rest is announced as more.
        snapshot_after: patches that are given to who wants all, instead of a snapshot.

    Attributes:
        faults: what is to go wrong with answers.
        files: of snapshots and large patches.
    """

    def __init__(
        self,
        announce: Announce,
        media: MediaLink,
        *,
        random_bytes: RandomBytes = os.urandom,
        page: int = PAGE,
        snapshot_after: Callable[[], int] = never,
    ) -> None:
        self.announce = announce
        self.files = StateFiles(media, random_bytes)
        self.faults = StateFaults()
        self._page = page
        self._snapshot_after = snapshot_after
        self._logs = {name: CollectionLog() for name in COLLECTIONS}

    def log(self, collection: str) -> CollectionLog:
        """What is kept of a collection."""
        return self._logs[collection]

    async def append(
        self,
        collection: str,
        patch: pb.SyncdPatch,
        mutations: Sequence[pb.SyncdMutation],
        device: int,
    ) -> int:
        """Take a patch of a device, and tell the others; the version that it makes."""
        log = self._logs[collection]
        log.append(patch, mutations)
        version = log.version
        await self.announce(collection, version, device)
        return version

    async def answer(self, device: int, iq: Node) -> Node:
        """Answer one IQ of `w:sync:app:state`, one collection after the other.

        Args:
            device: the device of this account that asks.
            iq: the whole stanza.

        Returns:
            the answering `<iq>`: a result with one `<collection>` for each that was named.
        """
        sync = iq.find("sync")
        if sync is None or len(sync.children("collection")) > _MAX_COLLECTIONS_PER_IQ:
            return _reply(iq, "error", _error(400, "bad-request"))
        answers = [await self._answered(device, asked) for asked in sync.children("collection")]
        return _reply(iq, "result", Node("sync", {}, answers))

    async def _answered(self, device: int, asked: Node) -> Node:
        name = asked.get("name", "")
        if name not in self._logs:
            return _refusal(name, 404, "item-not-found")
        refused = self.faults.refusal(name, is_upload=asked.find("patch") is not None)
        if refused is not None and refused != 409:
            return _refusal(name, refused, "ordered")
        answer = await self._answer(device, name, asked, is_late=refused is not None)
        return self.faults.spoil(name, answer)

    async def _answer(self, device: int, name: str, asked: Node, *, is_late: bool) -> Node:
        base, log = asked.get_int("version", 0), self._logs[name]
        if not 0 <= base <= log.version:
            return _refusal(name, 400, "bad-request")
        upload = asked.find("patch")
        if upload is None:
            is_wanted = asked.get("return_snapshot") == "true"
            base = 0 if is_wanted else base
            is_wanted = is_wanted and log.version > self._snapshot_after()
            return Node("collection", *await self._rest(name, base, is_wanted, "result"))
        try:
            patch = pb.SyncdPatch.FromString(upload.data)
            mutations = await self.files.mutations(patch)
        except (ProtobufDecodeError, WhatsAppError):
            return _refusal(name, 400, "bad-request")
        # Not before: while the file was fetched another device may have written.
        if is_late or base != log.version:
            attrs, children = await self._rest(name, base, False, "error")
            return Node("collection", attrs, [_error(409, "conflict"), *children])
        version = await self.append(name, patch, mutations, device)
        return Node("collection", {"name": name, "version": str(version), "type": "result"})

    async def _rest(
        self, name: str, base: int, wants_snapshot: bool, kind: str
    ) -> tuple[dict[str, AttrValue], list[Node]]:
        """What a device lacks: the next patches, or all records if these are gone."""
        log = self._logs[name]
        attrs: dict[str, AttrValue] = {"name": name}
        if log.version and (wants_snapshot or base < log.forgotten):
            attrs |= {"version": str(log.version), "type": kind}
            reference = await self.files.put(log.snapshot().SerializeToString())
            return attrs, [Node("snapshot", {}, reference.SerializeToString())]
        end = min(base + self._page, log.version)
        attrs["version"] = str(end)
        if end < log.version:
            attrs["has_more_patches"] = "true"
        attrs["type"] = kind
        if end == base:
            return attrs, []
        patches = [Node("patch", {}, data) for data in log.patches[base:end]]
        return attrs, [Node("patches", {}, patches)]

    # --- the state folder ------------------------------------------------------------------------

    def dump(self) -> dict[str, object]:
        """Everything as JSON values."""
        logs = self._logs.items()
        return {
            "patches": {name: [data.hex() for data in log.patches] for name, log in logs},
            "files": {
                name: [{"version": at, "data": data.hex()} for at, data in log.files.items()]
                for name, log in logs
            },
            "forgotten": {name: log.forgotten for name, log in logs},
        }

    def restore(self, saved: Saved) -> None:
        """Take back what `dump` gave.

        Raises:
            CorruptRecord: it is something else.
        """
        patches = saved.part("patches")
        is_old = "files" not in saved.names()  # from before there were any
        for name in COLLECTIONS:
            files = {} if is_old else _files(saved.part("files"), name)
            log = CollectionLog()
            try:
                for at, data in enumerate(patches.texts(name), 1):
                    patch = pb.SyncdPatch.FromString(bytes.fromhex(data))
                    held = pb.SyncdMutations.FromString(files.get(at, b""))
                    log.append(patch, held.mutations if at in files else patch.mutations)
            except (ValueError, ProtobufDecodeError, StanzaError) as exc:
                raise CorruptRecord(f"app state, {name}: no patch") from exc
            if not is_old:
                log.forgotten = saved.part("forgotten").number(name)
            self._logs[name] = log


def _files(saved: Saved, name: str) -> dict[int, bytes]:
    return {item.number("version"): item.data("data") for item in saved.parts(name)}


def _reply(iq: Node, kind: str, child: Node) -> Node:
    attrs: dict[str, AttrValue] = {"from": SERVER, "type": kind}
    if (iq_id := iq.get("id")) is not None:
        attrs["id"] = iq_id
    return Node("iq", attrs, [child])


def _refusal(name: str, code: int, text: str) -> Node:
    return Node("collection", {"name": name, "type": "error"}, [_error(code, text)])


def _error(code: int, text: str) -> Node:
    return Node("error", {"code": str(code), "text": text})
