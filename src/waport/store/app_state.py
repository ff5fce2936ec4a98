"""The account's app state: keys, collections, own changes on their way, and what is kept as is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, BindParameter, Text, and_, bindparam, delete, select
from sqlalchemy.sql import ClauseElement

from ..appstate import (
    EMPTY_HASH,
    HASH_SIZE,
    Changes,
    Collection,
    CollectionState,
    Mutation,
    Operation,
)
from ..errors import CorruptRecord
from .rows import Repository
from .schema import app_state_collections as collections
from .schema import app_state_kept as kept
from .schema import app_state_key_requests as key_requests
from .schema import app_state_keys as keys
from .schema import app_state_pending as pending
from .schema import app_state_records as records
from .statements import InsertFactory, Statement, add_row, put_row, row_values


@dataclass(frozen=True, slots=True)
class StoredCollection:
    """A collection as this device knows it.

    Attributes:
        state: its version and hash.
        generation: of the records that belong to it.
        is_synced: all of it was fetched once; until then nothing is written to it.
        news: how often it was said since the last fetch that there is something new.
        is_broken: only a snapshot makes it right again.
    """

    state: CollectionState = field(default_factory=CollectionState)
    generation: int = 0
    is_synced: bool = False
    news: int = 0
    is_broken: bool = False


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A change of our own that the server has not taken yet.

    Attributes:
        position: names this very change; one that replaces it has another.
    """

    position: int
    mutation: Mutation


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """A record that no other table has a place for.

    Attributes:
        name: of its action; empty when it has none.
        mutation: as it came; its operation is SET.
        target: the id of the message that it waits for, or the chat that it is still at work on;
            empty for all others.
    """

    name: str
    mutation: Mutation
    target: str = ""


def _put_key(insert_into: InsertFactory) -> ClauseElement:
    row = insert_into(keys).values(row_values(keys))
    return row.on_conflict_do_update(
        index_elements=["session_id", "key_id"],
        set_={"key_data": row.excluded.key_data, "timestamp": row.excluded.timestamp},
        where=keys.c.timestamp <= row.excluded.timestamp,
    )


def _note_news(insert_into: InsertFactory) -> ClauseElement:
    row = insert_into(collections).values(row_values(collections))
    return row.on_conflict_do_update(
        index_elements=["session_id", "name"], set_={"news": collections.c.news + 1}
    )


def _keep(insert_into: InsertFactory) -> ClauseElement:
    row = insert_into(kept).values(row_values(kept))
    names = ("name", "target", "value", "version", "timestamp_ms")
    return row.on_conflict_do_update(
        index_elements=["session_id", "index"],
        set_={name: row.excluded[name] for name in names},
        where=kept.c.timestamp_ms <= row.excluded.timestamp_ms,
    )


_SESSION: BindParameter[str] = bindparam("session_id", type_=Text)
_KEYS = Statement(select(keys.c.key_id, keys.c.key_data).where(keys.c.session_id == _SESSION))
_PUT_KEY = Statement(_put_key)
_ASKED = Statement(
    select(key_requests.c.asked_at).where(
        key_requests.c.session_id == _SESSION, key_requests.c.key_id == bindparam("key_id")
    )
)
_PUT_ASKED = put_row(key_requests)

_STATE_COLUMNS = [
    collections.c[name] for name in ("version", "lthash", "generation", "synced", "news", "broken")
]
_ONE_COLLECTION = and_(
    collections.c.session_id == _SESSION, collections.c.name == bindparam("name")
)
_STATE = Statement(select(*_STATE_COLUMNS).where(_ONE_COLLECTION))
_PUT_STATE = put_row(collections)
_NOTE_NEWS = Statement(_note_news)

_OF_COLLECTION = and_(
    records.c.session_id == _SESSION, records.c.collection == bindparam("collection")
)
_ONE_RECORD = and_(
    _OF_COLLECTION,
    records.c.generation == bindparam("generation"),
    records.c.index_mac == bindparam("index_mac"),
)
_VALUE_MAC = Statement(select(records.c.value_mac).where(_ONE_RECORD))
_PUT_VALUE_MAC = put_row(records)
_DROP_VALUE_MAC = Statement(delete(records).where(_ONE_RECORD))
_OTHERS = and_(_OF_COLLECTION, records.c.generation != bindparam("generation", type_=BigInteger))
_DROP_OTHERS = Statement(
    delete(records).where(
        _OTHERS,
        records.c.index_mac.in_(
            select(records.c.index_mac).where(_OTHERS).limit(bindparam("limit"))
        ),
    )
)

_PENDING_COLUMNS = [
    pending.c[name]
    for name in ("position", "operation", "index", "value", "version", "timestamp_ms")
]
_ALL_PENDING = pending.c.session_id == _SESSION
_PENDING = Statement(
    select(*_PENDING_COLUMNS)
    .where(_ALL_PENDING, pending.c.collection == bindparam("collection"))
    .order_by(pending.c.position)
)
_HAS_PENDING = Statement(select(pending.c.position).where(_ALL_PENDING).limit(1))
_DROP_PENDING = Statement(
    delete(pending).where(_ALL_PENDING, pending.c.position == bindparam("position"))
)
_REPLACE_PENDING = Statement(
    delete(pending).where(
        _ALL_PENDING,
        pending.c.collection == bindparam("collection"),
        pending.c["index"] == bindparam("index"),
    )
)
_ADD_PENDING = add_row(pending)

_KEPT_COLUMNS = [
    kept.c[name] for name in ("name", "target", "index", "value", "version", "timestamp_ms")
]
_IN_KEPT = kept.c.session_id == _SESSION
_NAMED = and_(_IN_KEPT, kept.c.name == bindparam("name"))
_KEPT = Statement(select(*_KEPT_COLUMNS).where(_NAMED).order_by(kept.c["index"]))
_ABOUT = Statement(select(*_KEPT_COLUMNS).where(_NAMED, kept.c.target == bindparam("target")))
_KEEP = Statement(_keep)
_FORGET = Statement(delete(kept).where(_IN_KEPT, kept.c["index"] == bindparam("index")))


class AppState(Repository):
    """The app state of this session's account."""

    __slots__ = ()

    # --- keys --------------------------------------------------------------------------------

    def keys(self) -> dict[bytes, bytes]:
        """Every key, 32 bytes, by its id."""
        rows = self._db.all(_KEYS, session_id=self._session_id)
        return {bytes(key_id): bytes(key_data) for key_id, key_data in rows}

    def put_key(self, key_id: bytes, key_data: bytes, timestamp: int) -> None:
        """Keep a key; of two with one id the newer stays."""
        self._db.change(
            _PUT_KEY,
            session_id=self._session_id,
            key_id=key_id,
            key_data=key_data,
            timestamp=timestamp,
        )

    def key_asked_at(self, key_id: bytes) -> int:
        """When a key was last asked for, Unix seconds; 0 for never."""
        row = self._db.one(_ASKED, session_id=self._session_id, key_id=key_id)
        return 0 if row is None else int(row[0])

    def note_key_asked(self, key_id: bytes, at: int) -> None:
        """Remember that a key was asked for at a time, Unix seconds."""
        self._db.change(_PUT_ASKED, session_id=self._session_id, key_id=key_id, asked_at=at)

    # --- collections -------------------------------------------------------------------------

    def collection(self, name: Collection) -> StoredCollection:
        """What is known of a collection.

        Raises:
            CorruptRecord: the stored hash is none.
        """
        row = self._db.one(_STATE, session_id=self._session_id, name=name.value)
        if row is None:
            return StoredCollection()
        version, lthash, generation, synced, news, broken = row
        if len(lthash) != HASH_SIZE:
            raise CorruptRecord("the stored hash of a collection has another length")
        state = CollectionState(version, bytes(lthash))
        return StoredCollection(state, generation, bool(synced), news, bool(broken))

    def put_collection(self, name: Collection, stored: StoredCollection) -> None:
        """Keep what is known of a collection."""
        self._db.change(
            _PUT_STATE,
            session_id=self._session_id,
            name=name.value,
            version=stored.state.version,
            lthash=stored.state.lthash,
            generation=stored.generation,
            synced=stored.is_synced,
            news=stored.news,
            broken=stored.is_broken,
        )

    def note_news(self, name: Collection) -> None:
        """Remember that the server has something new in a collection."""
        self._db.change(
            _NOTE_NEWS,
            session_id=self._session_id,
            name=name.value,
            version=0,
            lthash=EMPTY_HASH,
            generation=0,
            synced=False,
            news=1,
            broken=False,
        )

    def value_mac(self, name: Collection, generation: int, index_mac: bytes) -> bytes | None:
        """The value MAC of the record with that index MAC."""
        row = self._db.one(
            _VALUE_MAC,
            session_id=self._session_id,
            collection=name.value,
            generation=generation,
            index_mac=index_mac,
        )
        return None if row is None else bytes(row[0])

    def put_value_macs(self, name: Collection, generation: int, changes: Changes) -> None:
        """Keep and drop records; what stands for each index MAC is in `changes`."""
        where: dict[str, Any] = {
            "session_id": self._session_id,
            "collection": name.value,
            "generation": generation,
        }
        put = [(index, mac) for index, mac in changes.items() if mac is not None]
        gone = [index for index, mac in changes.items() if mac is None]
        self._db.many(
            _PUT_VALUE_MAC,
            ({**where, "index_mac": index, "value_mac": value_mac} for index, value_mac in put),
        )
        self._db.many(_DROP_VALUE_MAC, ({**where, "index_mac": index} for index in gone))

    def drop_other_records(self, name: Collection, generation: int, limit: int) -> int:
        """Drop records of all generations but one; how many were dropped, about `limit` at most."""
        return self._db.change(
            _DROP_OTHERS,
            session_id=self._session_id,
            collection=name.value,
            generation=generation,
            limit=limit,
        )

    # --- own changes -------------------------------------------------------------------------

    def pending(self, name: Collection) -> list[PendingChange]:
        """Our changes to a collection, in the order in which they were made."""
        rows = self._db.all(_PENDING, session_id=self._session_id, collection=name.value)
        return [PendingChange(position, _mutation(*rest)) for position, *rest in rows]

    def has_pending(self) -> bool:
        """Whether any change of ours is on its way."""
        return self._db.one(_HAS_PENDING, session_id=self._session_id) is not None

    def add_pending(self, name: Collection, mutation: Mutation) -> None:
        """Add a change of ours; one of the same record that still waits gives way to it."""
        where = {
            "session_id": self._session_id,
            "collection": name.value,
            "index": mutation.index,
        }
        self._db.change(_REPLACE_PENDING, **where)
        self._db.change(
            _ADD_PENDING,
            **where,
            operation=mutation.operation.value,
            value=mutation.value,
            version=mutation.version,
            timestamp_ms=mutation.timestamp_ms,
        )

    def drop_pending(self, positions: Iterable[int]) -> None:
        """These changes are done, or outdone."""
        rows = ({"session_id": self._session_id, "position": each} for each in positions)
        self._db.many(_DROP_PENDING, rows)

    # --- kept records ------------------------------------------------------------------------

    def keep(self, record: KeptRecord) -> None:
        """Keep a record; of two with one index the later stays."""
        mutation = record.mutation
        self._db.change(
            _KEEP,
            session_id=self._session_id,
            index=mutation.index,
            name=record.name,
            target=record.target,
            value=mutation.value,
            version=mutation.version,
            timestamp_ms=mutation.timestamp_ms,
        )

    def forget(self, index: bytes) -> None:
        """Keep the record of this index no longer."""
        self._db.change(_FORGET, session_id=self._session_id, index=index)

    def kept(self, name: str, target: str | None = None) -> Sequence[KeptRecord]:
        """The kept records of an action, by index.

        Args:
            target: only those with this target.
        """
        where: Mapping[str, Any] = {"session_id": self._session_id, "name": name}
        if target is None:
            rows = self._db.all(_KEPT, **where)
        else:
            rows = self._db.all(_ABOUT, **where, target=target)
        return [
            KeptRecord(row_name, _mutation(Operation.SET.value, *rest), row_target)
            for row_name, row_target, *rest in rows
        ]


def _mutation(operation: int, index: bytes, value: bytes, version: int, at_ms: int) -> Mutation:
    return Mutation(Operation(operation), bytes(index), bytes(value), version, at_ms)
