"""The Signal sessions of one message, and beginning those that it lacks."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from ..errors import CryptoError
from ..model import Credentials
from ..signal import Ciphertext, SessionRecord, encrypt, pad
from ..stanza.prekeys import BundleAnswer
from ..store import Database, UnitOfWork
from ..wire import Jid
from .encryption import check_bundle, install_bundle, load_session, load_sessions, signal_names
from .fanout import canonical
from .work import Work

log = logging.getLogger(__name__)

DEVICE_GONE: Final = 406

BEGUN_PER_JOB: Final = 50
"""Sessions that one job begins at most: about 20 ms of work."""


@dataclass(frozen=True, slots=True)
class NeedBundles:
    """The key bundles of these devices must be asked for first."""

    devices: tuple[Jid, ...]


class DeviceSessions:
    """The Signal sessions with the devices of one message: every record read and written once.

    It belongs to one transaction, in which nobody else uses these records until `save`.

    Args:
        store: of the transaction.
        devices: all that may be encrypted for.
    """

    def __init__(self, store: UnitOfWork, devices: Iterable[Jid]) -> None:
        self._store = store
        listed = list(devices)
        self._addresses = {
            device: f"{name}.{device.device}"
            for device, name in zip(listed, signal_names(store, listed), strict=True)
        }
        self._records = load_sessions(store, self._addresses.values())
        self._changed: dict[str, SessionRecord] = {}

    def missing(self) -> tuple[Jid, ...]:
        """The devices that can't be encrypted for without their bundle."""
        return tuple(device for device in self._addresses if not self.reaches(device))

    def reaches(self, device: Jid) -> bool:
        """Whether the device can be encrypted for."""
        record = self._records.get(self._addresses[device])
        return record is not None and record.is_usable

    def address(self, device: Jid) -> str:
        """Its Signal address."""
        return self._addresses[device]

    def begin(self, credentials: Credentials, device: Jid, answer: BundleAnswer) -> None:
        """Begin a session from a fetched bundle.

        Raises:
            CryptoError: it has no bundle, or one that is not to be used.
        """
        install_bundle(self._store, credentials, device, check_bundle(self._store, device, answer))
        address = self._addresses[device]
        record = load_session(self._store, address)
        if record is not None:
            self._records[address] = record

    def encrypt(self, device: Jid, plaintext: bytes) -> Ciphertext:
        """Encrypt a copy for one device, padded; its record is advanced, not saved yet.

        Raises:
            CryptoError: there is no session with it.
        """
        address = self._addresses[device]
        record = self._records.get(address)
        if record is None:
            raise CryptoError("no session")
        record, ciphertext = encrypt(record, pad(plaintext))
        self._records[address] = self._changed[address] = record
        return ciphertext

    def save(self) -> None:
        """Keep the advanced records."""
        self._store.signal.put_sessions(
            {address: record.dump() for address, record in self._changed.items()}
        )
        self._changed.clear()


def begin_sessions(
    work: Work, devices: Sequence[Jid], bundles: Mapping[Jid, BundleAnswer]
) -> DeviceSessions | NeedBundles:
    """Begin the sessions that are missing; those devices that stay without are left out.

    Args:
        bundles: what was fetched; empty entries for devices that have none.
    """
    sessions = DeviceSessions(work.store, devices)
    missing = sessions.missing()
    unasked = tuple(device for device in missing if device not in bundles)
    if unasked:
        return NeedBundles(unasked)
    for device in missing:
        answer = bundles[device]
        try:
            sessions.begin(work.credentials, device, answer)
        except CryptoError as exc:
            log.warning("left out a device: %s", exc)
            if answer.error == DEVICE_GONE:
                work.store.addresses.forget_devices(canonical(work.store, device))
    return sessions


async def begin_ahead(
    database: Database, session_id: str, bundles: Mapping[Jid, BundleAnswer]
) -> None:
    """Begin sessions of many devices in jobs of a bounded length, other sessions' jobs in between.

    What can't be used is left to the message itself.
    """
    usable = [device for device, answer in bundles.items() if answer.bundle is not None]
    for start in range(0, len(usable), BEGUN_PER_JOB):
        page = usable[start : start + BEGUN_PER_JOB]
        await database.write(session_id, partial(_begin_some, devices=page, bundles=bundles))


def _begin_some(
    store: UnitOfWork, devices: Sequence[Jid], bundles: Mapping[Jid, BundleAnswer]
) -> None:
    credentials = store.devices.get()
    if credentials is None:
        return
    sessions = DeviceSessions(store, devices)
    for device in sessions.missing():
        try:
            sessions.begin(credentials, device, bundles[device])
        except CryptoError as exc:
            log.debug("no session could be begun: %s", exc)
