"""Trouble to order with the server's answers about app state.

Source: docs/emulator.md, "App state".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from ..errors import InvalidInput
from ..proto import pb
from ..wire import Node

FaultKind = Literal[
    "patch-mac",
    "value-mac",
    "index-mac",
    "short-value",
    "key-id",
    "gap",
    "repeat",
    "no-version",
    "no-macs",
    "exit-code",
    "operation",
    "inline-and-file",
    "file-hash",
    "file-gone",
    "endless",
    "error",
    "conflict",
]
"""Of an answer with patches: a MAC or value of its last patch is wrong, one key id unknown, its
first patch missing or its last given twice, a part of the last one missing, its author gave up, an
operation that does not exist, mutations in it and in a file. Of an answer with a file: its hash is
wrong, or it leads nowhere. Of any: more is announced and nothing given, it is refused with a code,
an upload is late."""

KINDS: frozenset[str] = frozenset(get_args(FaultKind))

_UNKNOWN_KEY = b"\xff\xff\xff\xff\xff\xff"
_OPERATION_TAG = b"\x08\x09"


@dataclass(slots=True)
class StateFault:
    """Something that is to go wrong.

    Attributes:
        kind: what.
        collection: with which; None for any.
        count: how often.
        code: of an `error`.
    """

    kind: str
    collection: str | None = None
    count: int = 1
    code: int = 500

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidInput(f"there is no fault {self.kind}")


class StateFaults:
    """What is ordered for one account, the oldest order first."""

    def __init__(self) -> None:
        self._orders: list[StateFault] = []

    def order(self, fault: StateFault) -> None:
        """Let something go wrong with the next answers that it can happen to."""
        self._orders.append(fault)

    def clear(self) -> None:
        """Forget all orders."""
        self._orders.clear()

    def refusal(self, collection: str, *, is_upload: bool) -> int | None:
        """The code that the next question is refused with, if that is ordered."""
        for fault in self._orders:
            if fault.collection not in (None, collection):
                continue
            if fault.kind == "error":
                self._count(fault)
                return fault.code
            if fault.kind == "conflict" and is_upload:
                self._count(fault)
                return 409
        return None

    def spoil(self, collection: str, answer: Node) -> Node:
        """The answer with the first thing that is to go wrong and can."""
        for fault in self._orders:
            if fault.collection not in (None, collection) or fault.kind not in _DEEDS:
                continue
            spoilt = _DEEDS[fault.kind](answer)
            if spoilt is not None:
                self._count(fault)
                return spoilt
        return answer

    def _count(self, fault: StateFault) -> None:
        fault.count -= 1
        if fault.count <= 0:
            self._orders.remove(fault)


def _with_last(answer: Node, change: Callable[[pb.SyncdPatch], bytes | None]) -> Node | None:
    holder = answer.find("patches")
    if holder is None:
        return None
    *others, last = holder.children("patch")
    changed = change(pb.SyncdPatch.FromString(last.data))
    if changed is None:
        return None
    patches = Node("patches", {}, [*others, Node("patch", {}, changed)])
    rest = [child for child in answer.children() if child.tag != "patches"]
    return Node("collection", answer.attrs, [*rest, patches])


def _turned(data: bytes, at: int = -1) -> bytes:
    copy = bytearray(data)
    copy[at] ^= 1
    return bytes(copy)


def _patch_mac(patch: pb.SyncdPatch) -> bytes:
    patch.patchMac = _turned(patch.patchMac)
    return patch.SerializeToString()


def _value_mac(patch: pb.SyncdPatch) -> bytes | None:
    if not patch.mutations:
        return None
    value = patch.mutations[-1].record.value
    value.blob = _turned(value.blob, len(value.blob) // 2)
    return patch.SerializeToString()


def _index_mac(patch: pb.SyncdPatch) -> bytes | None:
    if not patch.mutations:
        return None
    index = patch.mutations[-1].record.index
    index.blob = _turned(index.blob)
    return patch.SerializeToString()


def _short_value(patch: pb.SyncdPatch) -> bytes | None:
    if not patch.mutations:
        return None
    patch.mutations[-1].record.value.blob = b"\0" * 63
    return patch.SerializeToString()


def _key_id(patch: pb.SyncdPatch) -> bytes:
    patch.keyId.id = _UNKNOWN_KEY
    return patch.SerializeToString()


def _no_version(patch: pb.SyncdPatch) -> bytes:
    patch.ClearField("version")
    return patch.SerializeToString()


def _no_macs(patch: pb.SyncdPatch) -> bytes:
    patch.ClearField("patchMac")
    return patch.SerializeToString()


def _exit_code(patch: pb.SyncdPatch) -> bytes:
    patch.exitCode.code, patch.exitCode.text = 5, "ordered"
    return patch.SerializeToString()


def _operation(patch: pb.SyncdPatch) -> bytes | None:
    """An operation that has no name: it is appended, and the last of a field counts."""
    if not patch.mutations:
        return None
    last = patch.mutations[-1].SerializeToString() + _OPERATION_TAG
    del patch.mutations[-1]
    return patch.SerializeToString() + b"\x12" + _varint(len(last)) + last


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def _inline_and_file(patch: pb.SyncdPatch) -> bytes | None:
    if not patch.mutations:
        return None
    patch.externalMutations.mediaKey = bytes(32)
    patch.externalMutations.directPath = "/v/nowhere"
    patch.externalMutations.fileSha256 = patch.externalMutations.fileEncSha256 = bytes(32)
    return patch.SerializeToString()


def _gap(answer: Node) -> Node | None:
    holder = answer.find("patches")
    if holder is None or len(holder.children("patch")) < 2:
        return None
    patches = Node("patches", {}, holder.children("patch")[1:])
    rest = [child for child in answer.children() if child.tag != "patches"]
    return Node("collection", answer.attrs, [*rest, patches])


def _repeat(answer: Node) -> Node | None:
    holder = answer.find("patches")
    if holder is None:
        return None
    given = holder.children("patch")
    patches = Node("patches", {}, [*reversed(given), *given])
    rest = [child for child in answer.children() if child.tag != "patches"]
    return Node("collection", answer.attrs, [*rest, patches])


def _endless(answer: Node) -> Node:
    attrs = {name: value for name, value in answer.attrs.items() if name != "version"}
    return Node("collection", {**attrs, "has_more_patches": "true"})


def _on_file(change: Callable[[pb.ExternalBlobReference], None]) -> Callable[[Node], Node | None]:
    """Change the reference to the file of a snapshot, or of the last patch."""

    def patch_file(patch: pb.SyncdPatch) -> bytes | None:
        if not patch.HasField("externalMutations"):
            return None
        change(patch.externalMutations)
        return patch.SerializeToString()

    def spoil(answer: Node) -> Node | None:
        snapshot = answer.find("snapshot")
        if snapshot is None:
            return _with_last(answer, patch_file)
        reference = pb.ExternalBlobReference.FromString(snapshot.data)
        change(reference)
        rest = [child for child in answer.children() if child.tag != "snapshot"]
        changed = Node("snapshot", {}, reference.SerializeToString())
        return Node("collection", answer.attrs, [changed, *rest])

    return spoil


def _other_hash(reference: pb.ExternalBlobReference) -> None:
    reference.fileSha256 = _turned(reference.fileSha256)


def _elsewhere(reference: pb.ExternalBlobReference) -> None:
    reference.directPath = "/v/t62.7118-24/0000000000000000_n.enc?ccb=11-4"


def _last(change: Callable[[pb.SyncdPatch], bytes | None]) -> Callable[[Node], Node | None]:
    return lambda answer: _with_last(answer, change)


_DEEDS: Mapping[str, Callable[[Node], Node | None]] = {
    "patch-mac": _last(_patch_mac),
    "value-mac": _last(_value_mac),
    "index-mac": _last(_index_mac),
    "short-value": _last(_short_value),
    "key-id": _last(_key_id),
    "gap": _gap,
    "repeat": _repeat,
    "no-version": _last(_no_version),
    "no-macs": _last(_no_macs),
    "exit-code": _last(_exit_code),
    "operation": _last(_operation),
    "inline-and-file": _last(_inline_and_file),
    "file-hash": _on_file(_other_hash),
    "file-gone": _on_file(_elsewhere),
    "endless": _endless,
}
