from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.account import (
    OWN_LID,
    OWN_PN,
    PEER_LID,
    PEER_PN,
    SESSION,
    Account,
    Peer,
    RecordingSink,
)
from support.client import ClientWorld
from support.database import open_database
from support.whatsapp import Wire
from waport.client.credentials import new_credentials
from waport.model import LinkState, QrReady
from waport.signal import generate_pre_keys
from waport.store import UnitOfWork


@pytest.fixture
async def account(tmp_path: Path) -> AsyncIterator[Account]:
    database = await open_database(tmp_path)
    credentials = replace(
        new_credentials(),
        state=LinkState.LINKED,
        pn=OWN_PN,
        lid=OWN_LID,
        account=os.urandom(40),
        next_pre_key_id=21,
        login_counter=1,
    )
    pre_keys = generate_pre_keys(1, 20)

    def job(store: UnitOfWork) -> None:
        store.devices.create(credentials)
        store.signal.put_signed_pre_key(credentials.signed_pre_key)
        store.signal.add_pre_keys(pre_keys, uploaded=True)
        store.addresses.learn(PEER_PN, PEER_LID)

    await database.write(SESSION, job)
    yield Account(database, RecordingSink(), credentials, list(pre_keys))
    await database.close()


@pytest.fixture
def peer(account: Account) -> Peer:
    """A phone that has fetched the account's bundle."""
    peer = Peer(PEER_PN)
    peer.open(account.bundle())
    return peer


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ClientWorld]:
    """A client that is not started, over an empty store."""
    database = await open_database(tmp_path)
    world = ClientWorld(database)
    yield world
    await world.stop()
    await database.close()


@pytest.fixture
async def wire(world: ClientWorld) -> Wire:
    """A registration that shows its first QR code, `ref1`; `ref2` is to follow."""
    world.start()
    wire = await world.whatsapp.accept()
    wire.offer_refs(b"ref1", b"ref2")
    await wire.hear("iq", type="result", id="900")
    await world.sink.until(QrReady)
    return wire
