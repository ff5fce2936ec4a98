"""Beginning the Signal sessions that a message still lacks."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..errors import CryptoError
from ..model import Credentials
from ..stanza.prekeys import BundleAnswer
from ..store import UnitOfWork
from ..wire import Jid
from .encryption import check_bundle, install_bundle
from .fanout import canonical, without_session
from .work import Work

log = logging.getLogger(__name__)

DEVICE_GONE: Final = 406


@dataclass(frozen=True, slots=True)
class NeedBundles:
    """The key bundles of these devices must be asked for first."""

    devices: tuple[Jid, ...]


def begin_sessions(
    work: Work, devices: Sequence[Jid], bundles: Mapping[Jid, BundleAnswer]
) -> set[Jid] | NeedBundles:
    """Begin the sessions that are missing; the devices that can be encrypted for.

    Args:
        bundles: what was fetched; empty entries for devices that have none.
    """
    missing = without_session(work.store, devices)
    unasked = tuple(device for device in missing if device not in bundles)
    if unasked:
        return NeedBundles(unasked)
    reachable = set(devices)
    for device in missing:
        if not _begin_session(work.store, work.credentials, device, bundles[device]):
            reachable.discard(device)
    return reachable


def _begin_session(
    store: UnitOfWork, credentials: Credentials, device: Jid, answer: BundleAnswer
) -> bool:
    """Begin a session from a fetched bundle; False when the device has to be left out."""
    try:
        install_bundle(store, credentials, device, check_bundle(store, device, answer))
    except CryptoError as exc:
        log.warning("left out a device: %s", exc)
        if answer.error == DEVICE_GONE:
            store.addresses.forget_devices(canonical(store, device))
        return False
    return True
