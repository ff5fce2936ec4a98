"""Who is who: phone numbers and hidden ids (LIDs) of one person, and everybody's devices."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import and_, bindparam, delete, or_, select

from ..errors import CorruptRecord, InvalidInput
from ..model import DeviceList
from ..wire import Jid
from .many import asked_texts, chunks, is_one_of
from .rows import Repository, jid_column, parse_jid
from .schema import device_lists, lid_mappings
from .statements import Row, Statement, add_row, put_row

_OWN_MAPPINGS = lid_mappings.c.session_id == bindparam("session_id")
_LID_OF = Statement(
    select(lid_mappings.c.lid).where(_OWN_MAPPINGS, lid_mappings.c.pn == bindparam("pn"))
)
_PN_OF = Statement(
    select(lid_mappings.c.pn).where(_OWN_MAPPINGS, lid_mappings.c.lid == bindparam("lid"))
)
_LIDS_OF = Statement(
    select(lid_mappings.c.pn, lid_mappings.c.lid).where(_OWN_MAPPINGS, is_one_of(lid_mappings.c.pn))
)
_ASKED = asked_texts()
_BY_LID = _ASKED.outerjoin(lid_mappings, and_(_OWN_MAPPINGS, lid_mappings.c.lid == _ASKED.c.value))
_PNS_OF = Statement(select(_ASKED.c.value, lid_mappings.c.pn).select_from(_BY_LID))
_FORGET_MAPPING = Statement(
    delete(lid_mappings).where(
        _OWN_MAPPINGS,
        or_(lid_mappings.c.pn == bindparam("pn"), lid_mappings.c.lid == bindparam("lid")),
    )
)
_ADD_MAPPING = add_row(lid_mappings)

_ONE_LIST = and_(
    device_lists.c.session_id == bindparam("session_id"),
    device_lists.c.user == bindparam("user"),
)
_DEVICES = Statement(
    select(
        device_lists.c.devices,
        device_lists.c.raw_id,
        device_lists.c.timestamp,
        device_lists.c.fetched_at,
    ).where(_ONE_LIST)
)
_LISTS_OF = Statement(
    select(device_lists.c.user, device_lists.c.devices, device_lists.c.fetched_at).where(
        device_lists.c.session_id == bindparam("session_id"), is_one_of(device_lists.c.user)
    )
)
_LISTS_BY_LID = Statement(
    select(
        _ASKED.c.value, lid_mappings.c.pn, device_lists.c.devices, device_lists.c.fetched_at
    ).select_from(
        _BY_LID.outerjoin(
            device_lists,
            and_(
                device_lists.c.session_id == lid_mappings.c.session_id,
                device_lists.c.user == lid_mappings.c.pn,
            ),
        )
    )
)
_PUT_DEVICES = put_row(device_lists)
_FORGET_DEVICES = Statement(delete(device_lists).where(_ONE_LIST))


class DeviceNumbers(NamedTuple):
    """A person's devices in short.

    Attributes:
        numbers: of the devices.
        fetched_at: when the server told them, Unix seconds.
    """

    numbers: tuple[int, ...]
    fetched_at: int


class Addresses(Repository):
    """Address mappings and device lists of this session's peers."""

    __slots__ = ()

    def lid_of(self, pn: Jid) -> Jid | None:
        """The LID of a phone number; bare in, bare out."""
        row = self._db.one(_LID_OF, session_id=self._session_id, pn=jid_column(pn.bare))
        return None if row is None else parse_jid(row[0])

    def pn_of(self, lid: Jid) -> Jid | None:
        """The phone number of a LID; bare in, bare out."""
        row = self._db.one(_PN_OF, session_id=self._session_id, lid=jid_column(lid.bare))
        return None if row is None else parse_jid(row[0])

    def lids_of(self, pns: Iterable[Jid]) -> dict[Jid, Jid]:
        """The LIDs of many phone numbers, where they are known; bare in, bare out."""
        return {
            parse_jid(pn): parse_jid(lid)
            for values in chunks(jid_column(pn.bare) for pn in pns)
            for pn, lid in self._all(_LIDS_OF, values)
        }

    def pns_of(self, lids: Iterable[Jid]) -> dict[Jid, Jid]:
        """The phone numbers of many LIDs, where they are known; bare in, bare out."""
        return {
            parse_jid(lid): parse_jid(pn)
            for values in chunks(jid_column(lid.bare) for lid in lids)
            for lid, pn in self._all(_PNS_OF, values)
            if pn is not None
        }

    def others_of(self, people: Iterable[Jid]) -> dict[Jid, Jid]:
        """The other address of people named by either, where it is known; bare in, bare out."""
        listed = [jid.bare for jid in people]
        pns, lids = [jid for jid in listed if jid.is_pn], [jid for jid in listed if jid.is_lid]
        found = self.lids_of(pns) if pns else {}
        return found | self.pns_of(lids) if lids else found

    def learn(self, pn: Jid, lid: Jid) -> bool:
        """Remember that both are one person; what either was before is replaced.

        Returns:
            whether that is news.
        Raises:
            InvalidInput: the first is no phone number or the second no LID.

        Source: docs/protocol/signal.md, "LID first".
        """
        pn, lid = pn.bare, lid.bare
        if not pn.is_pn or not lid.is_lid:
            raise InvalidInput("a mapping joins a phone number and a LID")
        if self.lid_of(pn) == lid:
            return False
        values = {"session_id": self._session_id, "pn": jid_column(pn), "lid": jid_column(lid)}
        self._db.change(_FORGET_MAPPING, **values)
        self._db.change(_ADD_MAPPING, **values)
        return True

    def devices(self, user: Jid) -> DeviceList | None:
        """The devices of a user, as last stored under this very address.

        Raises:
            CorruptRecord: the stored list cannot be read.
        """
        bare = user.bare
        row = self._db.one(_DEVICES, session_id=self._session_id, user=jid_column(bare))
        if row is None:
            return None
        text, raw_id, timestamp, fetched_at = row
        return DeviceList(bare, _numbers(text), raw_id, timestamp, fetched_at)

    def device_numbers(self, people: Iterable[Jid]) -> dict[Jid, DeviceNumbers]:
        """The devices of many people, of those whose devices are known.

        A person who is named by LID has the devices that are stored under the phone number, where
        that is known.

        Args:
            people: bare.

        Raises:
            CorruptRecord: a stored list cannot be read.
        """
        found: dict[Jid, DeviceNumbers] = {}
        lids: list[str] = []
        others: list[str] = []
        for person in people:
            (lids if person.is_lid else others).append(jid_column(person))
        for values in chunks(lids):
            for lid, pn, text, fetched_at in self._all(_LISTS_BY_LID, values):
                if text is not None:
                    found[parse_jid(lid)] = DeviceNumbers(_numbers(text), fetched_at)
                elif pn is None and lid is not None:
                    others.append(lid)
        for values in chunks(others):
            for user, text, fetched_at in self._all(_LISTS_OF, values):
                found[parse_jid(user)] = DeviceNumbers(_numbers(text), fetched_at)
        return found

    def _all(self, statement: Statement, values: dict[str, str | None]) -> list[Row]:
        return self._db.all(statement, session_id=self._session_id, **values)

    def put_devices(self, devices: DeviceList) -> None:
        """Store a user's devices in place of the list before."""
        self._db.change(
            _PUT_DEVICES,
            session_id=self._session_id,
            user=jid_column(devices.user.bare),
            devices=json.dumps(devices.devices),
            raw_id=devices.raw_id,
            timestamp=devices.timestamp,
            fetched_at=devices.fetched_at,
        )

    def forget_devices(self, user: Jid) -> None:
        """Drop a user's device list, so that it is asked for again."""
        self._db.change(_FORGET_DEVICES, session_id=self._session_id, user=jid_column(user.bare))


@lru_cache(maxsize=1024)
def _numbers(text: str) -> tuple[int, ...]:
    """The device numbers of a column; most people's lists are alike."""
    try:
        return tuple(int(number) for number in json.loads(text))
    except (TypeError, ValueError, RecursionError) as exc:
        raise CorruptRecord("a stored device list cannot be read") from exc
