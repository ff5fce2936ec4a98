"""The sync keys of the account's app state, and the requests for those that are missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import BindParameter, Text, bindparam, delete, select, update

from ..appstate import KeyRing, SyncKey
from .rows import Repository
from .schema import app_state_key_requests as requests
from .schema import app_state_keys as keys
from .statements import Statement, put_row
from .vault import APP_STATE


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """A key that is missing.

    Attributes:
        asked_at: when the phone was last asked for it, Unix seconds; 0 for never.
        first_at: when it was first missed, Unix seconds.
        is_unknown: the phone does not have it either.
    """

    asked_at: int = 0
    first_at: int = 0
    is_unknown: bool = False


_SESSION: BindParameter[str] = bindparam("session_id", type_=Text)
_IN_SESSION = keys.c.session_id == _SESSION
_COLUMNS = (keys.c.key_id, keys.c.key_data, keys.c.timestamp, keys.c.fingerprint)
_RING = Statement(select(keys.c.key_id, keys.c.key_data, keys.c.other_data).where(_IN_SESSION))
_ALL = Statement(select(*_COLUMNS).where(_IN_SESSION).order_by(keys.c.key_id))
_ONE = Statement(
    select(keys.c.key_data, keys.c.timestamp, keys.c.other_data).where(
        _IN_SESSION, keys.c.key_id == bindparam("key_id")
    )
)
_PUT = put_row(keys)
_PUT_OTHER = Statement(
    update(keys)
    .where(_IN_SESSION, keys.c.key_id == bindparam("key_id"))
    .values(other_data=bindparam("other"))
)
_REQUEST = Statement(
    select(requests.c.asked_at, requests.c.first_at, requests.c.unknown).where(
        requests.c.session_id == _SESSION, requests.c.key_id == bindparam("key_id")
    )
)
_PUT_REQUEST = put_row(requests)
_DROP_REQUEST = Statement(
    delete(requests).where(
        requests.c.session_id == _SESSION, requests.c.key_id == bindparam("key_id")
    )
)


class SyncKeys(Repository):
    """The keys that all devices of this session's account share. None is ever dropped."""

    __slots__ = ()

    def ring(self) -> KeyRing:
        """All of them, to decrypt and encrypt with."""
        rows = self._db.all(_RING, session_id=self._session_id)
        data = {bytes(key_id): self._opened(key_data) for key_id, key_data, _ in rows}
        others = {bytes(key_id): self._opened(other) for key_id, _, other in rows if other}
        return KeyRing(data, others)

    def all(self) -> list[SyncKey]:
        """All of them, by id."""
        rows = self._db.all(_ALL, session_id=self._session_id)
        return [
            SyncKey(bytes(key_id), self._opened(data), timestamp, bytes(fingerprint or b""))
            for key_id, data, timestamp, fingerprint in rows
        ]

    def put(self, key: SyncKey) -> bool:
        """Keep a key, and forget that it was asked for.

        Of two different keys of one id the younger encrypts, and the other is still tried where
        that one does not decrypt.

        Returns:
            False if another key of that id is here, too.
        """
        row = self._db.one(_ONE, session_id=self._session_id, key_id=key.id)
        data, timestamp, fingerprint, other = key.data, key.timestamp_ms, key.fingerprint, b""
        self._db.change(_DROP_REQUEST, session_id=self._session_id, key_id=key.id)
        if row is not None:
            known, known_at, other = self._opened(row[0]), row[1], self._opened(row[2])
            if known == data and known_at > timestamp:
                return not other
            if known != data and known_at >= timestamp:
                sealed = self._seal(APP_STATE, data)
                self._db.change(
                    _PUT_OTHER, session_id=self._session_id, key_id=key.id, other=sealed
                )
                return False
            other = known if known != data else other
        self._db.change(
            _PUT,
            session_id=self._session_id,
            key_id=key.id,
            key_data=self._seal(APP_STATE, data),
            timestamp=timestamp,
            fingerprint=fingerprint,
            other_data=self._seal(APP_STATE, other),
        )
        return not other

    def _opened(self, stored: bytes | None) -> bytes:
        return self._unseal(APP_STATE, bytes(stored or b""))

    # --- requests ----------------------------------------------------------------------------

    def request(self, key_id: bytes) -> KeyRequest:
        """What was asked about a key that is missing."""
        row = self._db.one(_REQUEST, session_id=self._session_id, key_id=key_id)
        return KeyRequest() if row is None else KeyRequest(row[0], row[1], bool(row[2]))

    def put_request(self, key_id: bytes, request: KeyRequest) -> None:
        """Remember what was asked about a key."""
        self._db.change(
            _PUT_REQUEST,
            session_id=self._session_id,
            key_id=key_id,
            asked_at=request.asked_at,
            first_at=request.first_at,
            unknown=request.is_unknown,
        )

    def missing(self, key_ids: Iterable[bytes]) -> list[bytes]:
        """Those of some ids that there is no key for, each once."""
        known = self.ring().ids
        return [key_id for key_id in dict.fromkeys(key_ids) if key_id not in known]
