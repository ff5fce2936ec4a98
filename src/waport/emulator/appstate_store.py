"""The collections of one account: what the server keeps of them, and what the phone writes.

Patches go out inline, also to a client that starts from nothing and asks for a snapshot: snapshots
are files on the media host, and real clients take patches from version 0 just as well.

Source: docs/protocol/app-state.md, "The sync IQ" and "Server side".
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence

from google.protobuf.message import DecodeError as ProtobufDecodeError

from ..crypto import RandomBytes
from ..errors import CorruptRecord, StanzaError
from ..proto import pb
from ..wire import SERVER, AttrValue, Node
from .appstate import COLLECTIONS, Mutation, Replica, SyncKey, apply_patch, build_patch
from .saved import Saved

Announce = Callable[[str, int, int], Awaitable[None]]
"""Tell the account's other devices: collection, its new version, the device that wrote it."""

_PAGE = 20
_MAX_COLLECTIONS_PER_IQ = 20


class AppState:
    """All collections of one account.

    The server's part (`answer`) holds no keys and checks no MAC, as the real one cannot; the
    phone's part (`write`, `read`) verifies every patch that a companion uploaded.
    """

    def __init__(
        self,
        announce: Announce,
        keys: Sequence[SyncKey],
        *,
        random_bytes: RandomBytes = os.urandom,
        page: int = _PAGE,
    ) -> None:
        """Empty collections.

        Args:
            announce: called after each accepted patch.
            keys: the account's sync keys; the last one encrypts.
            random_bytes: for the IVs of the phone's own mutations.
            page: patches per answer and collection; the rest is announced as more.
        """
        self.keys = list(keys)
        self._announce = announce
        self._random_bytes = random_bytes
        self._page = page
        self._logs: dict[str, list[bytes]] = {name: [] for name in COLLECTIONS}
        self._replicas: dict[str, Replica] = {name: Replica() for name in COLLECTIONS}
        self._values: dict[str, dict[tuple[str, ...], pb.SyncActionValue]] = {
            name: {} for name in COLLECTIONS
        }

    def version(self, collection: str) -> int:
        """The latest version of a collection; 0 when it was never written."""
        return len(self._logs[collection])

    # --- the server's part -----------------------------------------------------------------------

    async def answer(self, device: int, iq: Node) -> Node:
        """Answer one IQ of `w:sync:app:state`: uploads first, then what the asker misses.

        Args:
            device: the device of this account that asks.
            iq: the whole stanza.

        Returns:
            the answering `<iq>`: a result with one `<collection>` for each that was named.
        """
        sync = iq.find("sync")
        if sync is None or len(sync.children("collection")) > _MAX_COLLECTIONS_PER_IQ:
            return _reply(iq, "error", _error(400, "bad-request"))
        answers = [
            await self._answer_collection(device, asked) for asked in sync.children("collection")
        ]
        return _reply(iq, "result", Node("sync", {}, answers))

    async def _answer_collection(self, device: int, asked: Node) -> Node:
        name = asked.get("name", "")
        base = asked.get_int("version", 0)
        log = self._logs.get(name)
        if log is None:
            return _refusal(name, 404, "item-not-found")
        if not 0 <= base <= len(log):
            return _refusal(name, 400, "bad-request")
        upload = asked.find("patch")
        if upload is None:
            attrs, children = self._patches_after(name, base)
            return Node("collection", {"name": name, **attrs, "type": "result"}, children or None)
        if base != len(log):
            attrs, children = self._patches_after(name, base)
            error = _error(409, "conflict")
            return Node("collection", {"name": name, **attrs, "type": "error"}, [error, *children])
        try:
            patch = pb.SyncdPatch.FromString(upload.data)
        except (ProtobufDecodeError, StanzaError):
            return _refusal(name, 400, "bad-request")
        await self._append(name, patch, device)
        return Node("collection", {"name": name, "version": str(len(log)), "type": "result"})

    def _patches_after(self, name: str, base: int) -> tuple[dict[str, AttrValue], list[Node]]:
        log = self._logs[name]
        end = min(base + self._page, len(log))
        attrs: dict[str, AttrValue] = {"version": str(end)}
        if end < len(log):
            attrs["has_more_patches"] = "true"
        if end == base:
            return attrs, []
        return attrs, [Node("patches", {}, [Node("patch", {}, data) for data in log[base:end]])]

    async def _append(self, name: str, patch: pb.SyncdPatch, device: int) -> None:
        log = self._logs[name]
        patch.version.version = len(log) + 1
        log.append(patch.SerializeToString())
        await self._announce(name, len(log), device)

    # --- the phone's part ------------------------------------------------------------------------

    async def write(self, collection: str, mutations: Sequence[Mutation]) -> None:
        """Write mutations as the phone, in one patch on top of what is there.

        Raises:
            CryptoError: a companion has uploaded a patch that does not verify.
            ProtocolError: likewise, one that does not follow or is no sync action.
        """
        self._catch_up(collection)
        before = self._replicas[collection]
        patch, _ = build_patch(
            collection, before, mutations, self.keys[-1], random_bytes=self._random_bytes
        )
        await self._append(collection, patch, device=0)

    def read(self, collection: str) -> Mapping[tuple[str, ...], pb.SyncActionValue]:
        """What the phone reads in a collection now: index to value.

        Raises:
            CryptoError, ProtocolError: as `write`.
        """
        self._catch_up(collection)
        return dict(self._values[collection])

    def _catch_up(self, collection: str) -> None:
        keys = {key.id: key for key in self.keys}
        log = self._logs[collection]
        values = self._values[collection]
        while self._replicas[collection].version < len(log):
            before = self._replicas[collection]
            patch = pb.SyncdPatch.FromString(log[before.version])
            after, mutations = apply_patch(collection, before, patch, keys)
            for mutation in mutations:
                if mutation.operation == "SET":
                    values[mutation.index] = mutation.value
                else:
                    values.pop(mutation.index, None)
            self._replicas[collection] = after

    # --- the state folder ------------------------------------------------------------------------

    def dump(self) -> dict[str, object]:
        """Everything as JSON values."""
        return {
            "keys": [
                {"id": key.id.hex(), "data": key.data.hex(), "timestamp_ms": key.timestamp_ms}
                for key in self.keys
            ],
            "patches": {name: [data.hex() for data in log] for name, log in self._logs.items()},
        }

    @classmethod
    def load(
        cls, saved: Saved, announce: Announce, random_bytes: RandomBytes = os.urandom
    ) -> AppState:
        """The inverse of `dump`.

        Raises:
            CorruptRecord: the state is not what `dump` makes.
        """
        keys = [
            SyncKey(key.data("id"), key.data("data"), key.number("timestamp_ms"))
            for key in saved.parts("keys")
        ]
        loaded = cls(announce, keys, random_bytes=random_bytes)
        patches = saved.part("patches")
        for name in COLLECTIONS:
            try:
                loaded._logs[name] = [bytes.fromhex(data) for data in patches.texts(name)]
            except ValueError as exc:
                raise CorruptRecord(f"app state, {name}: a patch is no hex") from exc
        return loaded


def _reply(iq: Node, kind: str, child: Node) -> Node:
    attrs: dict[str, AttrValue] = {"from": SERVER, "type": kind}
    if (iq_id := iq.get("id")) is not None:
        attrs["id"] = iq_id
    return Node("iq", attrs, [child])


def _refusal(name: str, code: int, text: str) -> Node:
    return Node("collection", {"name": name, "type": "error"}, [_error(code, text)])


def _error(code: int, text: str) -> Node:
    return Node("error", {"code": str(code), "text": text})
