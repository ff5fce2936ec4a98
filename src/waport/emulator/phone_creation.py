"""Switching a phone on: a new one, or the one that was saved."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from ..crypto import RandomBytes
from ..errors import CorruptRecord, CryptoError
from ..wire import Jid
from .appstate import SyncKey
from .appstate_server import Announce, never
from .appstate_store import AppState
from .link import DeviceLink, MediaLink
from .phone import Owner, Phone
from .phone_adv import AdvAccount
from .phone_devices import OwnAddress
from .phone_signal import PhoneSignal
from .saved import Saved

_FIRST_UPLOAD = 100


class PhoneAccount(Protocol):
    """What a phone has to know of the account that it is for."""

    @property
    def jid(self) -> Jid:
        """The bare phone number JID."""
        ...

    @property
    def lid(self) -> Jid:
        """The bare LID."""
        ...

    @property
    def name(self) -> str:
        """The push name."""
        ...


async def create_phone(
    account: PhoneAccount,
    link: DeviceLink,
    media: MediaLink,
    state: Mapping[str, object] | None = None,
    *,
    announce: Announce,
    clock: Callable[[], float] = time.time,
    random_bytes: RandomBytes = os.urandom,
    snapshot_after: Callable[[], int] = never,
) -> Phone:
    """Switch a phone on: a new one, which gives the server its keys, or the one that was saved.

    Args:
        account: whose phone it is.
        link: its way to the server.
        media: its way to the media host.
        state: what `Phone.dump` gave; None for a new phone.
        announce: called after each new version of an app-state collection.
        clock: unix seconds.
        random_bytes: for all keys.
        snapshot_after: see `StateServer`.

    Raises:
        CorruptRecord: the state can not be read.
        QueryError: the server refused the keys of the new phone.
    """
    own = OwnAddress(account.jid, account.lid)
    users = frozenset((own.pn, own.lid))
    if state is not None:
        saved = Saved(state, "phone")
        app_state = AppState.load(
            saved.part("app_state"), announce, media, random_bytes, snapshot_after=snapshot_after
        )
        return _restore(own, users, link, media, saved, app_state, clock, random_bytes)
    key = SyncKey.create(1, int(clock() * 1000), random_bytes)
    phone = Phone(
        Owner(own, account.name),
        link,
        media,
        PhoneSignal.create(users, random_bytes),
        AdvAccount.create(random_bytes),
        AppState(announce, [key], media, random_bytes=random_bytes, snapshot_after=snapshot_after),
        clock=clock,
        random_bytes=random_bytes,
    )
    await phone.upload_keys(_FIRST_UPLOAD)
    await phone.write_first_settings()
    return phone


def _restore(
    own: OwnAddress,
    users: frozenset[Jid],
    link: DeviceLink,
    media: MediaLink,
    saved: Saved,
    app_state: AppState,
    clock: Callable[[], float],
    random_bytes: RandomBytes,
) -> Phone:
    try:
        signal = PhoneSignal.load(saved.part("signal"), users, random_bytes)
    except CryptoError as exc:
        raise CorruptRecord("a saved key of the phone is unusable") from exc
    phone = Phone(
        Owner(own, saved.text("name")),
        link,
        media,
        signal,
        AdvAccount.load(saved.part("account")),
        app_state,
        clock=clock,
        random_bytes=random_bytes,
    )
    phone.outbox.restore(saved.parts("sent"))
    phone.inbox.restore(saved.part("inbox"))
    if "tokens" in saved.names():  # a phone from before there were any has none
        phone.tokens.restore(saved.part("tokens"))
    return phone
