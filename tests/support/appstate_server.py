"""The server's side of the app state, and another device of the account, without a connection."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from waport.appstate import (
    BlobReference,
    Collection,
    CollectionState,
    Mutation,
    SyncKey,
    parse_blob_reference,
    read_key_request,
    write_blob_reference,
)
from waport.appstate.actions import Action, write_action
from waport.client.app_state import AppStateSync
from waport.client.background import Background
from waport.client.features.labels import Labels
from waport.client.features.settings import Settings
from waport.client.features.shared import SharedRecords
from waport.proto import pb
from waport.stanza.appstate import (
    CollectionAnswer,
    CollectionError,
    CollectionRequest,
    SyncCollections,
)
from waport.store import UnitOfWork

from .account import SESSION, Account
from .appstate import KEY_ID, KEYS, Replica, chat
from .clock import FakeClock

Answer = Callable[[CollectionRequest, CollectionAnswer], CollectionAnswer]
"""What the server makes of its proper answer."""


@dataclass
class Server:
    """Stands for the queries of a client: answers what is asked about collections.

    What the client uploads is verified as another device does.

    Attributes:
        asked: every question so far.
        page: patches in one answer.
        has_snapshots: it has files of snapshots; else it gives the first patches for them.
        failures: raised by the next questions, in order; None for a good answer.
        lies: change the next answers, in order.
    """

    asked: list[CollectionRequest] = field(default_factory=list)
    page: int = 20
    has_snapshots: bool = False
    failures: list[Exception | None] = field(default_factory=list)
    lies: list[Answer] = field(default_factory=list)
    replicas: dict[Collection, Replica] = field(
        default_factory=lambda: {each: Replica(each) for each in Collection}
    )
    logs: dict[Collection, list[bytes]] = field(
        default_factory=lambda: {each: [] for each in Collection}
    )
    blobs: dict[str, bytes] = field(default_factory=dict)

    # --- another device ----------------------------------------------------------------------

    def write(self, collection: Collection, *mutations: Mutation, key_id: bytes = KEY_ID) -> None:
        """Another device uploads a patch."""
        replica = self.replicas[collection]
        upload = replica.build(*mutations, key_id=key_id)
        replica.keep(upload.state, upload.changes)
        blob = parse_blob_reference(self.put_blob(upload.blob())) if upload.needs_blob else None
        patch = pb.SyncdPatch.FromString(upload.patch(blob))
        patch.version.version = upload.state.version
        self.logs[collection].append(patch.SerializeToString())

    # --- the server --------------------------------------------------------------------------

    async def run(self, query: SyncCollections) -> Sequence[CollectionAnswer]:
        """One IQ."""
        query.request()
        self.asked.extend(query.requests)
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        return [self._answer(request) for request in query.requests]

    def _answer(self, request: CollectionRequest) -> CollectionAnswer:
        answer = self._honest(request)
        return self.lies.pop(0)(request, answer) if self.lies else answer

    def _honest(self, request: CollectionRequest) -> CollectionAnswer:
        collection, log = request.collection, self.logs[request.collection]
        if request.patch is not None and request.version == len(log):
            patch = pb.SyncdPatch.FromString(request.patch)
            patch.version.version = len(log) + 1
            log.append(patch.SerializeToString())
            mutations = list(self._mutations(patch))
            patch.ClearField("externalMutations")
            del patch.mutations[:]
            patch.mutations.extend(mutations)
            assert self.replicas[collection].apply(patch.SerializeToString()).agrees
            return CollectionAnswer(collection, len(log))
        if request.wants_snapshot and self.has_snapshots and log:
            return CollectionAnswer(collection, len(log), self.snapshot(collection))
        start = 0 if request.wants_snapshot else request.version
        end = min(start + self.page, len(log))
        error = None if request.patch is None else CollectionError(409, "conflict")
        return CollectionAnswer(collection, end, None, tuple(log[start:end]), end < len(log), error)

    def snapshot(self, collection: Collection) -> bytes:
        """A reference to the file with all records."""
        records: dict[bytes, pb.SyncdRecord] = {}
        patch = pb.SyncdPatch()
        for data in self.logs[collection]:
            patch = pb.SyncdPatch.FromString(data)
            for mutation in self._mutations(patch):
                if mutation.operation == pb.SyncdMutation.SET:
                    records[mutation.record.index.blob] = mutation.record
                else:
                    records.pop(mutation.record.index.blob, None)
        snapshot = pb.SyncdSnapshot(records=records.values(), mac=patch.snapshotMac)
        snapshot.version.version = patch.version.version
        snapshot.keyId.id = patch.keyId.id
        return self.put_blob(snapshot.SerializeToString())

    def _mutations(self, patch: pb.SyncdPatch) -> Sequence[pb.SyncdMutation]:
        if not patch.HasField("externalMutations"):
            return patch.mutations
        data = self.blobs[patch.externalMutations.directPath]
        return pb.SyncdMutations.FromString(data).mutations

    def put_blob(self, data: bytes) -> bytes:
        """A reference to a new file."""
        path = f"/file/{len(self.blobs)}"
        self.blobs[path] = data
        reference = pb.ExternalBlobReference()
        write_blob_reference(BlobReference(bytes(32), path, bytes(32), bytes(32)), reference)
        return reference.SerializeToString()

    async def download(self, blob: BlobReference) -> bytes:
        """A file."""
        return self.blobs[blob.direct_path]

    def count(self) -> Counter[Collection]:
        """How often each collection was asked about."""
        return Counter(request.collection for request in self.asked)


class Phone:
    """Stands for what speaks with the own devices; keeps what they would be told.

    Attributes:
        told: every message, by the number of the device.
        names: their ids.
        failure: raised instead of sending, while it is set.
        news: set with each message.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self.told: list[tuple[int, pb.ProtocolMessage]] = []
        self.names: list[str] = []
        self.failure: Exception | None = None
        self.news = asyncio.Event()

    async def send_made(
        self,
        make: Callable[[UnitOfWork], pb.Message | None],
        *,
        device: int = 0,
        note: Callable[[UnitOfWork, str], None] | None = None,
    ) -> str | None:
        """One message, if there is one to send."""
        name = f"PEER{len(self.told)}"

        def job(store: UnitOfWork) -> pb.Message | None:
            message = make(store)
            if message is not None and note is not None:
                note(store, name)
            return message

        message = await self._account.write(job)
        if message is None:
            return None
        if self.failure is not None:
            raise self.failure
        self.told.append((device, message.protocolMessage))
        self.names.append(name)
        self.news.set()
        return name

    @property
    def asked(self) -> list[bytes]:
        """The keys that the phone was asked for."""
        return [
            key_id
            for _, message in self.told
            for key_id in read_key_request(message.appStateSyncKeyRequest)
        ]

    @property
    def copies(self) -> list[str]:
        """The collections that the phone was asked for."""
        requests = [message.peerDataOperationRequestMessage for _, message in self.told]
        return [
            request.syncdCollectionFatalRecoveryRequest.collectionName
            for request in requests
            if request.HasField("syncdCollectionFatalRecoveryRequest")
        ]


class Device:
    """The client's part, over the store of an account."""

    def __init__(self, account: Account, server: Server) -> None:
        self.account = account
        self.server = server
        self.clock = FakeClock()
        self.phone = Phone(account)
        self.background = Background()
        self.announced = 0
        self.upload_failures: list[Exception] = []
        self.sync = AppStateSync(
            account.database,
            SESSION,
            server,  # type: ignore[arg-type]
            self.background,
            account.sink,
            self.phone,  # type: ignore[arg-type]
            download=server.download,
            upload=self._upload,
            announce=self._announce,
            clock=self.clock,
        )
        records = SharedRecords(account.database, SESSION, self.sync)
        self.labels = Labels(records, self.clock)
        self.settings = Settings(records, self.labels)

    async def write(self, actions: Iterable[Action]) -> None:
        """Make changes of ours in one go."""
        made = list(actions)
        await self.sync.write(
            lambda _, at_ms: [write_action(action, timestamp_ms=at_ms) for action in made]
        )

    async def _upload(self, data: bytes) -> BlobReference:
        if self.upload_failures:
            raise self.upload_failures.pop(0)
        return parse_blob_reference(self.server.put_blob(data))

    async def _announce(self) -> None:
        self.announced += 1

    async def share(self, *key_ids: bytes) -> None:
        """The phone has shared keys."""

        def job(store: UnitOfWork) -> None:
            for key_id in key_ids:
                store.sync_keys.put(SyncKey(key_id, KEYS[key_id], 1))

        await self.account.write(job)

    async def ready(self) -> Device:
        """With a key, and everything fetched."""
        await self.share(KEY_ID)
        await self.sync.resume()
        return self

    async def notified(self, *collections: Collection) -> None:
        """The server says that something is new."""

        def job(store: UnitOfWork) -> None:
            for collection in collections:
                store.app_state.note_news(collection)

        await self.account.write(job)
        await self.sync.refresh()

    async def state(self, collection: Collection) -> CollectionState:
        """A collection as the client knows it."""
        stored = await self.account.read(lambda store: store.app_state.collection(collection))
        state: CollectionState = stored.state
        return state

    async def is_even(self, collection: Collection) -> bool:
        """The client knows what the other device knows."""
        return await self.state(collection) == self.server.replicas[collection].state

    async def pinned(self) -> list[str]:
        """Which of the first 60 chats are pinned, listed or not."""

        def job(store: UnitOfWork) -> list[str]:
            chats = [chat(number) for number in range(60)]
            return [str(jid) for jid in chats if store.chats.set_flags(jid)[0].pinned]

        found: list[str] = await self.account.write(job)
        return found
