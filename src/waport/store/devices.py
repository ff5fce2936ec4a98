"""The credentials of a linked device. They are created once and never replaced by fresh ones."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, delete, select, update

from ..crypto import KeyPair
from ..errors import CorruptRecord, StoreError
from ..model import Credentials, LinkState
from ..signal import SignedPreKey
from .rows import Repository, jid_column, parse_jid
from .schema import credentials as table
from .schema import metadata
from .statements import Connection, Row, Statement, add_row
from .vault import CREDENTIALS, SEALED, Vault

_VALUES = [c for c in table.columns if c.name not in ("position", "session_id", "checksum")]
_NAMES = [c.name for c in _VALUES]
_SECRET = frozenset(SEALED["credentials"][1])
_CHECKSUM_VERSION = b"\x01"

_GET = Statement(
    select(*_VALUES, table.c.checksum).where(table.c.session_id == bindparam("session_id"))
)
_EXISTS = Statement(select(table.c.position).where(table.c.session_id == bindparam("session_id")))
_CREATE = add_row(table)
_SAVE = Statement(
    update(table)
    .where(table.c.session_id == bindparam("session_id"))
    .values({name: bindparam(name) for name in (*_NAMES, "checksum")})
)
_SESSION_IDS = Statement(select(table.c.session_id).order_by(table.c.position))

_EVENT_TABLES = ("event_log", "deliveries", "delivery_lanes", "dead_letters")
_DELETE_EVENTS, _DELETE_REST = (
    [
        Statement(delete(t).where(t.c.session_id == bindparam("session_id")))
        for t in metadata.sorted_tables
        if "session_id" in t.c and (t.name in _EVENT_TABLES) is events
    ]
    for events in (True, False)
)


class Devices(Repository):
    """The credentials of this session."""

    __slots__ = ()

    def get(self) -> Credentials | None:
        """The stored credentials; None only if there never were any.

        Raises:
            CorruptRecord: the row cannot be read or fails its checksum. It stays as it is.
        """
        row = self._db.one(_GET, session_id=self._session_id)
        return None if row is None else _verified(self._session_id, tuple(row), self._db.vault)

    def create(self, credentials: Credentials) -> None:
        """Store the credentials of a session that has none.

        Raises:
            StoreError: there are some already, readable or not.
        """
        if self._db.one(_EXISTS, session_id=self._session_id) is not None:
            raise StoreError(f"session {self._session_id} has credentials already")
        self._db.change(_CREATE, **self._columns(credentials))

    def save(self, credentials: Credentials) -> None:
        """Store a newer state of the same credentials.

        Raises:
            StoreError: there are none to update.
        """
        if not self._db.change(_SAVE, **self._columns(credentials)):
            raise StoreError(f"session {self._session_id} has no credentials to update")

    def delete_session(self, *, keep_events: bool = False) -> None:
        """Remove every row of this session, in every table.

        Args:
            keep_events: leave its events, so that the world learns of the end, now or by a cursor
                later; they go with their age, as all do.
        """
        for statement in _DELETE_REST:
            self._db.change(statement, session_id=self._session_id)
        if not keep_events:
            for statement in _DELETE_EVENTS:
                self._db.change(statement, session_id=self._session_id)

    def _columns(self, credentials: Credentials) -> dict[str, object]:
        c = credentials
        values: dict[str, object] = {
            "noise_private": c.noise.private,
            "noise_public": c.noise.public,
            "identity_private": c.identity.private,
            "identity_public": c.identity.public,
            "registration_id": c.registration_id,
            "signed_pre_key_id": c.signed_pre_key.id,
            "signed_pre_key_private": c.signed_pre_key.pair.private,
            "signed_pre_key_public": c.signed_pre_key.pair.public,
            "signed_pre_key_signature": c.signed_pre_key.signature,
            "adv_secret": c.adv_secret,
            "next_pre_key_id": c.next_pre_key_id,
            "state": c.state.value,
            "pn": None if c.pn is None else jid_column(c.pn),
            "lid": None if c.lid is None else jid_column(c.lid),
            "account": c.account,
            "platform": c.platform,
            "push_name": c.push_name,
            "routing_info": c.routing_info,
            "pre_keys_uploaded": c.pre_keys_uploaded,
            "login_counter": c.login_counter,
        }
        checksum = _checksum(self._session_id, tuple(values[name] for name in _NAMES))
        for name, value in values.items():
            if name in _SECRET and isinstance(value, bytes):
                values[name] = self._seal(CREDENTIALS, value)
        return {**values, "session_id": self._session_id, "checksum": checksum}


def session_ids(db: Connection) -> list[str]:
    """Every session that has credentials, in the order in which they were created."""
    return [session_id for (session_id,) in db.all(_SESSION_IDS)]


@lru_cache(maxsize=128)
def _verified(session_id: str, row: Row, vault: Vault) -> Credentials:
    """Check and parse a row; every stanza asks for the same one, so the last few are kept."""
    *stored, checksum = row
    values = [
        vault.open(CREDENTIALS, session_id, bytes(value)) if name in _SECRET else value
        for name, value in zip(_NAMES, stored, strict=True)
    ]
    if bytes(checksum) != _checksum(session_id, tuple(values)):
        raise CorruptRecord(f"the credentials of session {session_id} are damaged")
    return _credentials(session_id, dict(zip(_NAMES, values, strict=True)))


def _checksum(session_id: str, values: Row) -> bytes:
    """A version byte and 16 bytes of SHA-256 over the session's id and the columns in order.

    Each value goes in with its kind and length, so that no two rows look alike.
    """
    digest = hashlib.sha256()
    for value in (session_id, *values):
        if value is None:
            kind, data = b"n", b""
        elif isinstance(value, str):
            kind, data = b"t", value.encode()
        elif isinstance(value, int):
            kind, data = b"i", str(int(value)).encode()
        else:
            kind, data = b"b", bytes(value)
        digest.update(kind + len(data).to_bytes(4, "big") + data)
    return _CHECKSUM_VERSION + digest.digest()[:16]


def _credentials(session_id: str, row: dict[str, Any]) -> Credentials:
    def pair(prefix: str) -> KeyPair:
        return KeyPair(row[f"{prefix}_private"], row[f"{prefix}_public"])

    signed = SignedPreKey(
        row["signed_pre_key_id"], pair("signed_pre_key"), row["signed_pre_key_signature"]
    )
    try:
        return Credentials(
            noise=pair("noise"),
            identity=pair("identity"),
            registration_id=row["registration_id"],
            signed_pre_key=signed,
            adv_secret=row["adv_secret"],
            next_pre_key_id=row["next_pre_key_id"],
            state=LinkState(row["state"]),
            pn=None if row["pn"] is None else parse_jid(row["pn"]),
            lid=None if row["lid"] is None else parse_jid(row["lid"]),
            account=row["account"],
            platform=row["platform"],
            push_name=row["push_name"],
            routing_info=row["routing_info"],
            pre_keys_uploaded=bool(row["pre_keys_uploaded"]),
            login_counter=row["login_counter"],
        )
    except ValueError as exc:
        raise CorruptRecord(
            f"the credentials of session {session_id} are in no known state"
        ) from exc
