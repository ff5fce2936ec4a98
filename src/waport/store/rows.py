"""What the repositories share: their base, and how values stand in columns."""

from __future__ import annotations

from functools import lru_cache

from ..errors import CorruptRecord, InvalidInput
from ..wire import Jid
from .statements import Connection


class Repository:
    """One subject of one session, inside one unit of work."""

    __slots__ = ("_db", "_session_id")

    def __init__(self, db: Connection, session_id: str) -> None:
        self._db = db
        self._session_id = session_id

    def _seal(self, kind: str, value: bytes) -> bytes:
        """The value of a secret column as it is stored (vault.py)."""
        return self._db.vault.seal(kind, self._session_id, value)

    def _unseal(self, kind: str, stored: bytes) -> bytes:
        """A stored value of a secret column as it is used.

        Raises:
            CorruptRecord: it is not what was stored there.
        """
        return self._db.vault.open(kind, self._session_id, stored)


@lru_cache(maxsize=2048)
def jid_column(jid: Jid) -> str:
    """The column's form of a JID.

    Raises:
        InvalidInput: its text would not be read as the same JID again.
    """
    text = str(jid)
    if Jid.parse(text) != jid:
        raise InvalidInput("a JID that its own text does not name cannot be stored")
    return text


def parse_jid(text: str) -> Jid:
    """The JID of a column.

    Raises:
        CorruptRecord: the text is no JID.
    """
    try:
        return Jid.parse(text)
    except InvalidInput as exc:
        raise CorruptRecord("a stored JID cannot be read") from exc


def split_address(address: str) -> tuple[str, int]:
    """The signal name and the device number of an address such as "15551234567.3".

    Raises:
        InvalidInput: it has another form.
    """
    name, dot, device = address.rpartition(".")
    if not dot or not (device.isascii() and device.isdigit()) or len(device) > 5:
        raise InvalidInput("a signal address is a name, a dot and a device number")
    return name, int(device)
