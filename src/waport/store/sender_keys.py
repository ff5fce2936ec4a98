"""Sender keys of groups, and which devices were told ours. Records are opaque bytes here."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import (
    ColumnElement,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    exists,
    insert,
    literal,
    literal_column,
    select,
    union_all,
    update,
)

from ..wire import Jid
from .rows import Repository, jid_column, parse_jid, split_address
from .schema import sender_key_memory, sender_keys, signal_quarantine
from .statements import Connection, Statement, put_row
from .vault import RECORD


def _group(table: Table) -> ColumnElement[bool]:
    """The rows of one group."""
    return and_(
        table.c.session_id == bindparam("session_id"),
        table.c.group_jid == bindparam("group_jid"),
    )


def _user(table: Table, name: str = "name") -> ColumnElement[bool]:
    """The rows of one user in all groups."""
    return and_(table.c.session_id == bindparam("session_id"), table.c.name == bindparam(name))


def _device(table: Table) -> ColumnElement[bool]:
    """The row of one device in one group."""
    return and_(
        _group(table), table.c.name == bindparam("name"), table.c.device == bindparam("device")
    )


def _everywhere(table: Table) -> ColumnElement[bool]:
    """The rows of one device in all groups."""
    return and_(_user(table), table.c.device == bindparam("device"))


def _move(table: Table) -> Statement:
    """Give a user's rows the new name, save where a row stands there already."""
    taken = table.alias("taken")
    return Statement(
        update(table)
        .where(
            _user(table, "old_name"),
            ~exists().where(
                taken.c.session_id == table.c.session_id,
                taken.c.group_jid == table.c.group_jid,
                taken.c.name == bindparam("new_name"),
                taken.c.device == table.c.device,
            ),
        )
        .values(name=bindparam("new_name"))
    )


_KEY = Statement(select(sender_keys.c.record).where(_device(sender_keys)))
_PUT_KEY = put_row(sender_keys)
_DELETE_KEY = Statement(delete(sender_keys).where(_device(sender_keys)))
_KEYS_OF_USER = Statement(
    select(sender_keys.c.device, sender_keys.c.record)
    .where(_group(sender_keys), sender_keys.c.name == bindparam("name"))
    .order_by(sender_keys.c.device)
)
_SET_ASIDE = Statement(
    insert(signal_quarantine).from_select(
        ["session_id", "name", "device", "record", "created_ms"],
        select(
            sender_keys.c.session_id,
            sender_keys.c.name,
            sender_keys.c.device,
            sender_keys.c.record,
            bindparam("created_ms", type_=signal_quarantine.c.created_ms.type),
        ).where(_device(sender_keys)),
    )
)

_TOLD = Statement(
    select(sender_key_memory.c.name, sender_key_memory.c.device).where(_group(sender_key_memory))
)
_MEMORY = Statement(
    select(
        sender_key_memory.c.name + literal_column("'.'") + cast(sender_key_memory.c.device, Text),
        sender_key_memory.c.warm,
    ).where(_group(sender_key_memory))
)
_WARM = Statement(
    select(sender_key_memory.c.name, sender_key_memory.c.device).where(
        _group(sender_key_memory), sender_key_memory.c.warm == literal(True)
    )
)
_REMEMBER = put_row(sender_key_memory)
_FORGET_GROUP = Statement(delete(sender_key_memory).where(_group(sender_key_memory)))
_DELETE_GROUP = Statement(delete(sender_keys).where(_group(sender_keys)))
_TOLD_TO = Statement(
    select(sender_key_memory.c.group_jid)
    .where(_everywhere(sender_key_memory))
    .order_by(sender_key_memory.c.group_jid)
)
_FORGET_DEVICE = [
    Statement(delete(table).where(_everywhere(table))) for table in (sender_keys, sender_key_memory)
]

_MOVE_KEYS = _move(sender_keys)
_MOVE_MEMORY = _move(sender_key_memory)
_HAS_USER = Statement(
    union_all(
        *(select(table.c.device).where(_user(table)) for table in (sender_keys, sender_key_memory))
    ).limit(1)
)
_DROP_USER = [
    Statement(delete(table).where(_user(table))) for table in (sender_keys, sender_key_memory)
]


class SenderKeys(Repository):
    """The sender keys of this session's groups.

    A group may be a list of recipients too, such as status@broadcast. An address is "name.device",
    as `Jid.signal_address` makes it.

    Source: docs/protocol/signal.md, "Sender keys".
    """

    __slots__ = ("_now_ms",)

    def __init__(self, db: Connection, session_id: str, now_ms: Callable[[], int]) -> None:
        super().__init__(db, session_id)
        self._now_ms = now_ms

    # --- keys ---

    def get(self, group: Jid, address: str) -> bytes | None:
        """The record of a device in a group; our own is under our own address."""
        row = self._db.one(_KEY, **self._row(group, address))
        return None if row is None else self._unseal(RECORD, row[0])

    def of_user(self, group: Jid, name: str) -> list[tuple[str, bytes]]:
        """The addresses and records of all devices of a user, by device number.

        A message whose chain a device's own record does not know may be of one of these.
        """
        rows = self._db.all(_KEYS_OF_USER, **self._in(group), name=name)
        return [(f"{name}.{device}", self._unseal(RECORD, record)) for device, record in rows]

    def put(self, group: Jid, address: str, record: bytes) -> None:
        """Store a device's record in place of the one before."""
        sealed = self._seal(RECORD, record)
        self._db.change(_PUT_KEY, **self._row(group, address), record=sealed)

    def put_aside(self, group: Jid, address: str) -> bool:
        """Take a record that cannot be read out of use, and keep it. Whether there was one."""
        where = self._row(group, address)
        if not self._db.change(_SET_ASIDE, **where, created_ms=self._now_ms()):
            return False
        self._db.change(_DELETE_KEY, **where)
        return True

    def delete(self, group: Jid, address: str) -> None:
        """Forget a device's record, if there is one. With our own goes `clear_memory`."""
        self._db.change(_DELETE_KEY, **self._row(group, address))

    def delete_group(self, group: Jid) -> None:
        """Forget everything about a group."""
        self._db.change(_DELETE_GROUP, **self._in(group))
        self._db.change(_FORGET_GROUP, **self._in(group))

    # --- who was told ours ---

    def warm_devices(self, group: Jid) -> set[str]:
        """The addresses that have our present key; all others need it with the next message."""
        rows = self._db.all(_WARM, **self._in(group))
        return {f"{name}.{device}" for name, device in rows}

    def told_devices(self, group: Jid) -> set[str]:
        """The addresses that may have our present key, warm or not.

        When one of them leaves the group, the key has to be replaced.
        """
        rows = self._db.all(_TOLD, **self._in(group))
        return {f"{name}.{device}" for name, device in rows}

    def memory(self, group: Jid) -> dict[str, bool]:
        """The addresses that may have our present key, and whether they have it: are warm."""
        return dict(self._db.all(_MEMORY, **self._in(group)))

    def mark_warm(self, group: Jid, addresses: Iterable[str]) -> None:
        """Remember that these devices have our present key: the server took what told them."""
        self._remember(group, addresses, is_warm=True)

    def mark_cold(self, group: Jid, *addresses: str) -> None:
        """Remember that devices may have our present key, but need to be told again."""
        self._remember(group, addresses, is_warm=False)

    def clear_memory(self, group: Jid) -> None:
        """Forget who was told: the key is replaced, or the group addresses people otherwise."""
        self._db.change(_FORGET_GROUP, **self._in(group))

    # --- across groups ---

    def forget_device(self, address: str) -> list[Jid]:
        """Drop a device from every group: its keys, and that it was told ours.

        Returns:
            the groups whose present key it may have, by their text; that key is best replaced.
        """
        name, device = split_address(address)
        where = {"session_id": self._session_id, "name": name, "device": device}
        told = self._db.all(_TOLD_TO, **where)
        for statement in _FORGET_DEVICE:
            self._db.change(statement, **where)
        return [parse_jid(group) for (group,) in told]

    def migrate_user(self, old_name: str, new_name: str) -> int:
        """Move a user's rows of all groups to another signal name, device by device.

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
        moved = self._db.change(_MOVE_KEYS, **names)
        self._db.change(_MOVE_MEMORY, **names)
        for statement in _DROP_USER:
            self._db.change(statement, session_id=self._session_id, name=old_name)
        return moved

    def _remember(self, group: Jid, addresses: Iterable[str], *, is_warm: bool) -> None:
        rows = [self._row(group, address) | {"warm": is_warm} for address in addresses]
        self._db.many(_REMEMBER, rows)

    def _in(self, group: Jid) -> dict[str, str]:
        return {"session_id": self._session_id, "group_jid": jid_column(group)}

    def _row(self, group: Jid, address: str) -> dict[str, str | int]:
        name, device = split_address(address)
        return {**self._in(group), "name": name, "device": device}
