"""The account's app state: collections, own changes on their way, and what is kept as it came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, BindParameter, Text, and_, bindparam, delete, or_, select
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
from .app_state_values import KeptRecord, PendingChange, RecoveryRequest, StoredCollection
from .rows import Repository
from .schema import app_state_applied as applied
from .schema import app_state_collections as collections
from .schema import app_state_kept as kept
from .schema import app_state_pending as pending
from .schema import app_state_records as records
from .statements import InsertFactory, Row, Statement, add_row, put_row, row_values


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
    )


def _note_applied(insert_into: InsertFactory) -> ClauseElement:
    row = insert_into(applied).values(row_values(applied))
    new = row.excluded
    return row.on_conflict_do_update(
        index_elements=["session_id", "index"],
        set_={"collection": new.collection, "timestamp_ms": new.timestamp_ms},
        where=or_(
            applied.c.collection == new.collection,
            applied.c.timestamp_ms <= new.timestamp_ms,
        ),
    )


_SESSION: BindParameter[str] = bindparam("session_id", type_=Text)
_STATE_COLUMNS = [
    collections.c[name]
    for name in (
        "version",
        "lthash",
        "generation",
        "synced",
        "news",
        "broken",
        "diverged",
        "failures",
        "recovering",
        "recovery_id",
        "recovery_at",
    )
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
_ALL_KEPT = Statement(select(*_KEPT_COLUMNS).where(_IN_KEPT).order_by(kept.c["index"]))
_ABOUT = Statement(select(*_KEPT_COLUMNS).where(_NAMED, kept.c.target == bindparam("target")))
_KEEP = Statement(_keep)
_NOTE_APPLIED = Statement(_note_applied)
_FORGET = Statement(delete(kept).where(_IN_KEPT, kept.c["index"] == bindparam("index")))


class AppState(Repository):
    """The app state of this session's account."""

    __slots__ = ()

    # --- collections -------------------------------------------------------------------------

    def collection(self, name: Collection) -> StoredCollection:
        """What is known of a collection.

        Raises:
            CorruptRecord: the stored hash is none.
        """
        row = self._db.one(_STATE, session_id=self._session_id, name=name.value)
        if row is None:
            return StoredCollection()
        version, lthash, generation, synced, news, broken, diverged, failures, *recovery = row
        if len(lthash) != HASH_SIZE:
            raise CorruptRecord("the stored hash of a collection has another length")
        is_recovering, message_id, asked_at = recovery
        return StoredCollection(
            CollectionState(version, bytes(lthash)),
            generation,
            bool(synced),
            news,
            bool(broken),
            bool(diverged),
            failures,
            RecoveryRequest(message_id, asked_at) if is_recovering else None,
        )

    def put_collection(self, name: Collection, stored: StoredCollection) -> None:
        """Keep what is known of a collection."""
        recovery = stored.recovery or RecoveryRequest()
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
            diverged=stored.is_diverged,
            failures=stored.failures,
            recovering=stored.recovery is not None,
            recovery_id=recovery.message_id,
            recovery_at=recovery.asked_at,
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
            diverged=False,
            failures=0,
            recovering=False,
            recovery_id="",
            recovery_at=0,
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

    # --- effects -----------------------------------------------------------------------------

    def note_applied(self, name: Collection, mutation: Mutation) -> bool:
        """Remember that a record takes effect; False if it must not.

        Some writers put a record into another collection than others do: of the two the newer one
        counts, whichever is fetched last.
        """
        changed = self._db.change(
            _NOTE_APPLIED,
            session_id=self._session_id,
            index=mutation.index,
            collection=name.value,
            timestamp_ms=mutation.timestamp_ms,
        )
        return changed > 0

    # --- kept records ------------------------------------------------------------------------

    def keep(self, record: KeptRecord) -> None:
        """Keep a record in the place of the one that had its index."""
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
        return [_kept(row) for row in rows]

    def all_kept(self) -> list[KeptRecord]:
        """Every kept record, by index."""
        return [_kept(row) for row in self._db.all(_ALL_KEPT, session_id=self._session_id)]


def _kept(row: Row) -> KeptRecord:
    name, target, *rest = row
    return KeptRecord(name, _mutation(Operation.SET.value, *rest), target)


def _mutation(operation: int, index: bytes, value: bytes, version: int, at_ms: int) -> Mutation:
    return Mutation(Operation(operation), bytes(index), bytes(value), version, at_ms)
