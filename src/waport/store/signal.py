"""Signal's keys and records. Records are opaque bytes here; the client reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sqlalchemy import (
    ColumnElement,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    union_all,
    update,
)

from ..crypto import KeyPair
from ..signal import PreKey, SignedPreKey
from .many import chunks, is_one_of
from .rows import Repository, split_address
from .schema import pre_keys, signal_identities, signal_quarantine, signal_sessions, signed_pre_keys
from .statements import Connection, Statement, add_row, put_row
from .vault import IDENTITY, PRIVATE, RECORD


def _device(table: Table) -> ColumnElement[bool]:
    """The row of one remote device."""
    return and_(_user(table, "name"), table.c.device == bindparam("device"))


def _user(table: Table, name: str) -> ColumnElement[bool]:
    """The rows of all devices of one user."""
    return and_(table.c.session_id == bindparam("session_id"), table.c.name == bindparam(name))


def _move(table: Table) -> Statement:
    """Give a user's rows the new name, save where a row stands there already."""
    taken = table.alias("taken")
    return Statement(
        update(table)
        .where(
            _user(table, "old_name"),
            ~exists().where(
                taken.c.session_id == table.c.session_id,
                taken.c.name == bindparam("new_name"),
                taken.c.device == table.c.device,
            ),
        )
        .values(name=bindparam("new_name"))
    )


_SESSION = Statement(select(signal_sessions.c.record).where(_device(signal_sessions)))
_SESSIONS_OF = Statement(
    select(signal_sessions.c.name, signal_sessions.c.device, signal_sessions.c.record).where(
        signal_sessions.c.session_id == bindparam("session_id"),
        is_one_of(signal_sessions.c.name),
    )
)
_PUT_SESSION = put_row(signal_sessions)
_DELETE_SESSION = Statement(delete(signal_sessions).where(_device(signal_sessions)))
_SESSION_DEVICES = Statement(
    select(signal_sessions.c.device)
    .where(_user(signal_sessions, "name"))
    .order_by(signal_sessions.c.device)
)
_SET_ASIDE = Statement(
    insert(signal_quarantine).from_select(
        ["session_id", "name", "device", "record", "created_ms"],
        select(
            signal_sessions.c.session_id,
            signal_sessions.c.name,
            signal_sessions.c.device,
            signal_sessions.c.record,
            bindparam("created_ms", type_=signal_quarantine.c.created_ms.type),
        ).where(_device(signal_sessions)),
    )
)

_IDENTITY = Statement(select(signal_identities.c.key).where(_device(signal_identities)))
_PUT_IDENTITY = put_row(signal_identities)
_DELETE_IDENTITY = Statement(delete(signal_identities).where(_device(signal_identities)))

_MOVE_SESSIONS = _move(signal_sessions)
_MOVE_IDENTITIES = _move(signal_identities)
_HAS_USER = Statement(
    union_all(
        *(
            select(table.c.device).where(_user(table, "name"))
            for table in (signal_sessions, signal_identities)
        )
    ).limit(1)
)
_DROP_USER = [
    Statement(delete(table).where(_user(table, "name")))
    for table in (signal_sessions, signal_identities)
]

_OWN_PRE_KEYS = pre_keys.c.session_id == bindparam("session_id")
_NOT_UPLOADED = and_(_OWN_PRE_KEYS, pre_keys.c.uploaded == literal(False))
_PRE_KEY = Statement(
    select(pre_keys.c.private, pre_keys.c.public).where(
        _OWN_PRE_KEYS, pre_keys.c.id == bindparam("id")
    )
)
_PUBLIC_PRE_KEYS = Statement(
    select(pre_keys.c.id, pre_keys.c.public).where(_OWN_PRE_KEYS, is_one_of(pre_keys.c.id))
)
_ADD_PRE_KEY = add_row(pre_keys)
_UNUPLOADED = Statement(
    select(pre_keys.c.id, pre_keys.c.private, pre_keys.c.public)
    .where(_NOT_UPLOADED)
    .order_by(pre_keys.c.id)
    .limit(bindparam("limit"))
)
_COUNT_UNUPLOADED = Statement(select(func.count()).select_from(pre_keys).where(_NOT_UPLOADED))
_MARK_UPLOADED = Statement(
    update(pre_keys).where(_OWN_PRE_KEYS, pre_keys.c.id == bindparam("id")).values(uploaded=True)
)
_DELETE_PRE_KEY = Statement(delete(pre_keys).where(_OWN_PRE_KEYS, pre_keys.c.id == bindparam("id")))

_SIGNED_PRE_KEY = Statement(
    select(signed_pre_keys.c.private, signed_pre_keys.c.public, signed_pre_keys.c.signature).where(
        signed_pre_keys.c.session_id == bindparam("session_id"),
        signed_pre_keys.c.id == bindparam("id"),
    )
)
_PUT_SIGNED_PRE_KEY = put_row(signed_pre_keys)
_SIGNED_PRE_KEY_TIMES = Statement(
    select(signed_pre_keys.c.id, signed_pre_keys.c.created_ms).where(
        signed_pre_keys.c.session_id == bindparam("session_id")
    )
)
_DELETE_SIGNED_PRE_KEY = Statement(
    delete(signed_pre_keys).where(
        signed_pre_keys.c.session_id == bindparam("session_id"),
        signed_pre_keys.c.id == bindparam("id"),
    )
)


_FEW = 4
"""Records that are asked for one by one, which takes less time than one question about many."""


class Signal(Repository):
    """Ratchets, identities and pre-keys of this session.

    An address is "name.device", as `Jid.signal_address` makes it (docs/protocol/signal.md,
    "Session address").
    """

    __slots__ = ("_now_ms",)

    def __init__(self, db: Connection, session_id: str, now_ms: Callable[[], int]) -> None:
        super().__init__(db, session_id)
        self._now_ms = now_ms

    # --- ratchets ---

    def session(self, address: str) -> bytes | None:
        """The record of a remote device."""
        name, device = split_address(address)
        row = self._db.one(_SESSION, session_id=self._session_id, name=name, device=device)
        return None if row is None else self._unseal(RECORD, row[0])

    def put_session(self, address: str, record: bytes) -> None:
        """Store a remote device's record in place of the one before."""
        name, device = split_address(address)
        self._db.change(
            _PUT_SESSION,
            session_id=self._session_id,
            name=name,
            device=device,
            record=self._seal(RECORD, record),
        )

    def sessions(self, addresses: Iterable[str]) -> dict[str, bytes]:
        """The records of many remote devices, of those that have one, by address."""
        wanted = set(addresses)
        if len(wanted) <= _FEW:
            stored = ((address, self.session(address)) for address in wanted)
            return {address: record for address, record in stored if record is not None}
        names = (split_address(address)[0] for address in wanted)
        found = {
            f"{name}.{device}": record
            for values in chunks(names)
            for name, device, record in self._db.all(
                _SESSIONS_OF, session_id=self._session_id, **values
            )
        }
        return {
            address: self._unseal(RECORD, record)
            for address, record in found.items()
            if address in wanted
        }

    def put_sessions(self, records: Mapping[str, bytes]) -> None:
        """Store records of many remote devices, by address, in place of those before."""
        rows = []
        for address, record in records.items():
            name, device = split_address(address)
            where = {"session_id": self._session_id, "name": name, "device": device}
            rows.append({**where, "record": self._seal(RECORD, record)})
        self._db.many(_PUT_SESSION, rows)

    def delete_session(self, address: str) -> None:
        """Forget a remote device's record, if there is one."""
        name, device = split_address(address)
        self._db.change(_DELETE_SESSION, session_id=self._session_id, name=name, device=device)

    def session_addresses(self, name: str) -> list[str]:
        """The addresses of a user's devices that have a record, by device number."""
        rows = self._db.all(_SESSION_DEVICES, session_id=self._session_id, name=name)
        return [f"{name}.{device}" for (device,) in rows]

    def put_aside(self, address: str) -> bool:
        """Take a record that cannot be read out of use, and keep it. Whether there was one."""
        name, device = split_address(address)
        where = {"session_id": self._session_id, "name": name, "device": device}
        if not self._db.change(_SET_ASIDE, **where, created_ms=self._now_ms()):
            return False
        self._db.change(_DELETE_SESSION, **where)
        return True

    # --- identities ---

    def identity(self, address: str) -> bytes | None:
        """The identity key that a remote device last showed."""
        name, device = split_address(address)
        row = self._db.one(_IDENTITY, session_id=self._session_id, name=name, device=device)
        return None if row is None else self._unseal(IDENTITY, row[0])

    def put_identity(self, address: str, key: bytes) -> None:
        """Remember a remote device's identity key in place of the one before."""
        name, device = split_address(address)
        self._db.change(
            _PUT_IDENTITY,
            session_id=self._session_id,
            name=name,
            device=device,
            key=self._seal(IDENTITY, key),
        )

    def delete_identity(self, address: str) -> None:
        """Forget a remote device's identity key, if there is one."""
        name, device = split_address(address)
        self._db.change(_DELETE_IDENTITY, session_id=self._session_id, name=name, device=device)

    def migrate_user(self, old_name: str, new_name: str) -> int:
        """Move a user's records and identity keys to another signal name, device by device.

        What stands under the new name already is kept; the old rows are gone afterwards either way.

        Returns:
            how many records moved.

        Source: docs/protocol/signal.md, "Migration of existing PN sessions".
        """
        if old_name == new_name:
            return 0
        # Asked for everybody whose number is learnt, and mostly in vain.
        if self._db.one(_HAS_USER, session_id=self._session_id, name=old_name) is None:
            return 0
        names = {"session_id": self._session_id, "old_name": old_name, "new_name": new_name}
        moved = self._db.change(_MOVE_SESSIONS, **names)
        self._db.change(_MOVE_IDENTITIES, **names)
        for statement in _DROP_USER:
            self._db.change(statement, session_id=self._session_id, name=old_name)
        return moved

    # --- pre-keys ---

    def pre_key(self, key_id: int) -> KeyPair | None:
        """A one-time pre-key that is not used up."""
        row = self._db.one(_PRE_KEY, session_id=self._session_id, id=key_id)
        return None if row is None else KeyPair(self._unseal(PRIVATE, row[0]), row[1])

    def public_pre_keys(self, key_ids: Iterable[int]) -> dict[int, bytes]:
        """The public halves of one-time pre-keys, of those that are not used up, by id."""
        return {
            key_id: bytes(public)
            for values in chunks(key_ids)
            for key_id, public in self._db.all(
                _PUBLIC_PRE_KEYS, session_id=self._session_id, **values
            )
        }

    def add_pre_keys(self, keys: Iterable[PreKey], uploaded: bool = False) -> None:
        """Store fresh one-time pre-keys.

        Raises:
            StoreError: an id belongs to another key that may still be in use.
        """
        self._db.many(
            _ADD_PRE_KEY,
            [
                {
                    "session_id": self._session_id,
                    "id": key.id,
                    "private": self._seal(PRIVATE, key.pair.private),
                    "public": key.pair.public,
                    "uploaded": uploaded,
                }
                for key in keys
            ],
        )

    def unuploaded_pre_keys(self, limit: int) -> list[PreKey]:
        """One-time pre-keys that the server may not have yet, by id."""
        rows = self._db.all(_UNUPLOADED, session_id=self._session_id, limit=limit)
        return [
            PreKey(key_id, KeyPair(self._unseal(PRIVATE, private), public))
            for key_id, private, public in rows
        ]

    def count_unuploaded(self) -> int:
        """How many of them there are."""
        (count,) = self._db.single(_COUNT_UNUPLOADED, session_id=self._session_id)
        return int(count)

    def mark_pre_keys_uploaded(self, ids: Iterable[int]) -> None:
        """Remember that the server has these keys; they are not uploaded again."""
        self._db.many(
            _MARK_UPLOADED, [{"session_id": self._session_id, "id": key_id} for key_id in ids]
        )

    def delete_pre_key(self, key_id: int) -> None:
        """Drop a one-time pre-key that was used."""
        self._db.change(_DELETE_PRE_KEY, session_id=self._session_id, id=key_id)

    def signed_pre_key(self, key_id: int) -> SignedPreKey | None:
        """A signed pre-key, the current one or one before it."""
        row = self._db.one(_SIGNED_PRE_KEY, session_id=self._session_id, id=key_id)
        if row is None:
            return None
        private, public, signature = row
        return SignedPreKey(key_id, KeyPair(self._unseal(PRIVATE, private), public), signature)

    def put_signed_pre_key(self, key: SignedPreKey) -> None:
        """Store a signed pre-key under its id."""
        self._db.change(
            _PUT_SIGNED_PRE_KEY,
            session_id=self._session_id,
            id=key.id,
            private=self._seal(PRIVATE, key.pair.private),
            public=key.pair.public,
            signature=key.signature,
            created_ms=self._now_ms(),
        )

    def signed_pre_key_times(self) -> dict[int, int]:
        """When each signed pre-key was stored, Unix milliseconds, by id."""
        rows = self._db.all(_SIGNED_PRE_KEY_TIMES, session_id=self._session_id)
        return {key_id: int(created_ms) for key_id, created_ms in rows}

    def delete_signed_pre_key(self, key_id: int) -> None:
        """Forget a signed pre-key: messages that were made with it can't be read any more."""
        self._db.change(_DELETE_SIGNED_PRE_KEY, session_id=self._session_id, id=key_id)
