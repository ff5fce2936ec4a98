"""Fetching and uploading collections of the app state, and hearing that some have changed.

Source: docs/protocol/app-state.md, "The sync IQ" and "Server side".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ..appstate import Collection
from ..errors import InvalidInput
from ..wire import AttrValue, Node
from .query import Query, iq_set

MAX_PATCHES: Final = 1024
"""Patches taken from one answer for one collection; the rest is asked for again."""

MAX_NOTIFIED: Final = 64
"""Collections looked at in one answer or notification; there are five."""

_FATAL: Final = frozenset((400, 404, 405, 406))
_CONFLICT: Final = 409


@dataclass(frozen=True, slots=True)
class CollectionRequest:
    """What is asked about one collection.

    Attributes:
        collection: which.
        version: that we have; 0 for none.
        wants_snapshot: ask for all of it instead of what is new. The server may send its first
            patches all the same, which then count from version 1.
        patch: a patch of ours on top of `version` (`Upload.patch`); None to only fetch.
    """

    collection: Collection
    version: int = 0
    wants_snapshot: bool = False
    patch: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class CollectionError:
    """The server's refusal about one collection.

    Attributes:
        code: WhatsApp's error code; 0 when it gave none, or no answer about this collection at all.
        text: WhatsApp's error text.
    """

    code: int
    text: str = ""

    @property
    def is_conflict(self) -> bool:
        """Another device has uploaded first; the answer holds its patches, or some of them."""
        return self.code == _CONFLICT

    @property
    def is_fatal(self) -> bool:
        """Asking again would be refused again."""
        return self.code in _FATAL


@dataclass(frozen=True, slots=True)
class CollectionAnswer:
    """What the server says about one collection.

    Attributes:
        collection: which.
        version: that this answer leads to; None when it does not say.
        snapshot: a serialized reference to the snapshot's file (`parse_blob_reference`), None when
            there is none. It comes before the patches.
        patches: serialized patches (`parse_patch`), in no certain order.
        has_more: ask again from the version reached.
        error: None for a result.
    """

    collection: Collection
    version: int | None
    snapshot: bytes | None = field(default=None, repr=False)
    patches: tuple[bytes, ...] = field(default=(), repr=False)
    has_more: bool = False
    error: CollectionError | None = None


@dataclass(frozen=True, slots=True)
class SyncCollections(Query[tuple[CollectionAnswer, ...]]):
    """Fetch what is new in some collections, or upload patches to them.

    Attributes:
        requests: at least one, none about the same collection as another.
    """

    requests: Sequence[CollectionRequest]

    def request(self) -> Node:
        """One `<sync>` with a `<collection>` for each.

        Raises:
            InvalidInput: none, or two about one collection; a patch together with a snapshot.
        """
        names = {each.collection for each in self.requests}
        if not names or len(names) != len(self.requests):
            raise InvalidInput("a sync asks once for each of its collections")
        return iq_set(
            "w:sync:app:state", Node("sync", {}, [_asked(each) for each in self.requests])
        )

    def parse(self, reply: Node) -> tuple[CollectionAnswer, ...]:
        """One answer for each request, in their order.

        Collections that were not asked for are left out; one without an answer gets an error.

        Raises:
            StanzaError: no `<sync>` in it.
        """
        answers: dict[Collection, CollectionAnswer] = {}
        for node in reply.child("sync").children("collection")[:MAX_NOTIFIED]:
            collection = _collection(node)
            if collection is not None:
                answers.setdefault(collection, _answer(collection, node))
        return tuple(
            answers.get(each.collection)
            or CollectionAnswer(each.collection, None, error=CollectionError(0, "no answer"))
            for each in self.requests
        )


def fetch_all(versions: Iterable[tuple[Collection, int]]) -> SyncCollections:
    """Fetch collections as one usually does: what was never fetched as a snapshot.

    Args:
        versions: the version of each that is known, 0 for none.
    """
    return SyncCollections(
        [
            CollectionRequest(collection, version, wants_snapshot=version == 0)
            for collection, version in versions
        ]
    )


def _asked(request: CollectionRequest) -> Node:
    attrs: dict[str, AttrValue] = {"name": request.collection.value}
    if request.wants_snapshot:
        if request.patch is not None:
            raise InvalidInput("a patch builds on a version, not on a snapshot")
        # Without a version: what we have does not matter then.
        attrs["return_snapshot"] = "true"
        return Node("collection", attrs)
    attrs["version"] = str(request.version)
    attrs["return_snapshot"] = "false"
    if request.patch is None:
        return Node("collection", attrs)
    return Node("collection", attrs, [Node("patch", {}, request.patch)])


def _answer(collection: Collection, node: Node) -> CollectionAnswer:
    patches = [
        child.content
        for holder in node.children("patches")[:1]
        for child in holder.children("patch")
        if isinstance(child.content, bytes)
    ]
    snapshot = node.find("snapshot")
    answer = CollectionAnswer(
        collection,
        _version(node),
        snapshot.content if snapshot is not None and isinstance(snapshot.content, bytes) else None,
        tuple(patches[:MAX_PATCHES]),
        node.get("has_more_patches") == "true" or len(patches) > MAX_PATCHES,
    )
    error = node.find("error")
    if error is None and node.get("type") != "error":
        return answer
    if error is None:
        return replace(answer, error=CollectionError(0))
    refusal = CollectionError(error.get_int("code", 0), error.get("text", ""))
    return replace(answer, error=refusal)


# --- notifications -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CollectionChange:
    """A collection has changed on the server.

    Attributes:
        collection: which.
        version: its latest one; None when it does not say. What we have already is no news.
    """

    collection: Collection
    version: int | None


def parse_server_sync(node: Node) -> tuple[CollectionChange, ...]:
    """Read a `server_sync` notification; collections that do not exist are left out."""
    changes = []
    for child in node.children("collection")[:MAX_NOTIFIED]:
        collection = _collection(child)
        if collection is not None:
            changes.append(CollectionChange(collection, _version(child)))
    return tuple(changes)


def _collection(node: Node) -> Collection | None:
    try:
        return Collection(node.get("name", ""))
    except ValueError:
        return None


def _version(node: Node) -> int | None:
    version = node.get_int("version", None)
    return version if version is not None and version >= 0 else None
