"""The credentials of one device: made once, loaded with every start."""

from __future__ import annotations

import os
from dataclasses import replace

from ..crypto import KeyPair
from ..model import Credentials
from ..signal import SignedPreKey, generate_registration_id
from ..store import UnitOfWork


def new_credentials() -> Credentials:
    """Fresh keys for a device that is not linked yet."""
    identity = KeyPair.generate()
    return Credentials(
        noise=KeyPair.generate(),
        identity=identity,
        registration_id=generate_registration_id(),
        signed_pre_key=SignedPreKey.create(identity, 1),
        adv_secret=os.urandom(32),
    )


def load_or_create(store: UnitOfWork) -> Credentials:
    """The stored credentials; fresh ones only where there never were any.

    Raises:
        CorruptRecord: there are some, but they can't be read.
    """
    credentials = store.devices.get()
    if credentials is None:
        credentials = new_credentials()
        store.devices.create(credentials)
        store.signal.put_signed_pre_key(credentials.signed_pre_key)
    return credentials


def forget_routing(store: UnitOfWork) -> None:
    """The server's hint where to connect led nowhere."""
    credentials = store.devices.get()
    if credentials is not None:
        store.devices.save(replace(credentials, routing_info=b""))
