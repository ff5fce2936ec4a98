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
from waport.client.runner import new_credentials
from waport.model import LinkState
from waport.signal import generate_pre_keys
from waport.store import Database, UnitOfWork


@pytest.fixture
async def account(tmp_path: Path) -> AsyncIterator[Account]:
    database = await Database.open(f"sqlite:///{tmp_path}/waport.db")
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
