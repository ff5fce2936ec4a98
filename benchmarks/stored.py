"""Established Signal sessions out of the store and back into it: SQLite on disk, group commit.

The other side is Baileys' repository over a table in memory, the fastest store there can be.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from waport.client.credentials import new_credentials
from waport.client.encryption import decrypt_enc, encrypt_for
from waport.model import Credentials, LinkState
from waport.signal import Ciphertext, PreKey, PreKeyBundle, generate_pre_keys, pad
from waport.stanza.message import Enc
from waport.store import Database, UnitOfWork
from waport.wire import Jid

from .ratchets import PLAINTEXT, Device
from .timing import Run, Subject

SESSION = "bench"
PEERS = 16

_Job = Callable[[UnitOfWork], object]


@contextmanager
def subjects(folder: Path) -> Iterator[Sequence[Subject]]:
    """Encrypt and decrypt through the store.

    Args:
        folder: for the database; on the disk whose speed is meant.
    """
    with asyncio.Runner() as runner:
        account = runner.run(Account.create(f"sqlite:///{folder}/stored.db"))
        try:
            yield [
                Subject(
                    "stored-encrypt",
                    "established encrypt, store included",
                    partial(account.encrypting, runner),
                    2,
                ),
                Subject(
                    "stored-decrypt",
                    "established decrypt, store included",
                    partial(account.decrypting, runner),
                    2,
                ),
            ]
        finally:
            runner.run(account.database.close())


class Account:
    """An account in the middle of conversations with several people."""

    def __init__(self, database: Database, credentials: Credentials) -> None:
        self.database = database
        self._credentials = credentials
        self._people = [Device() for _ in range(PEERS)]
        self._addresses = [Jid(str(10**14 + place), "lid") for place in range(PEERS)]

    @classmethod
    async def create(cls, url: str) -> Account:
        """A linked account in a fresh database."""
        database = await Database.open(url)
        credentials = replace(
            new_credentials(),
            state=LinkState.LINKED,
            pn=Jid("15550001111", "s.whatsapp.net", 1),
            lid=Jid("100000000000001", "lid", 1),
            account=os.urandom(40),
        )
        account = cls(database, credentials)
        pre_keys = generate_pre_keys(1, PEERS)

        def job(store: UnitOfWork) -> None:
            store.devices.create(credentials)
            store.signal.put_signed_pre_key(credentials.signed_pre_key)
            store.signal.add_pre_keys(pre_keys, uploaded=True)

        await database.write(SESSION, job)
        for place in range(PEERS):
            await account._meet(place, pre_keys[place])
        return account

    async def _meet(self, place: int, pre_key: PreKey) -> None:
        """Take one conversation past its first messages."""
        person, address = self._people[place], self._addresses[place]
        person.open(self._bundle(pre_key))
        await self._write(self._decrypt_job(place, person.encrypt(pad(PLAINTEXT))))
        reply = await self._write(lambda store: encrypt_for(store, address, PLAINTEXT))
        assert isinstance(reply, Ciphertext)
        person.decrypt(reply)
        await self._write(self._decrypt_job(place, person.encrypt(pad(PLAINTEXT))))

    def _bundle(self, pre_key: PreKey) -> PreKeyBundle:
        own = self._credentials
        return PreKeyBundle(
            registration_id=own.registration_id,
            identity=own.identity.public,
            signed_pre_key_id=own.signed_pre_key.id,
            signed_pre_key=own.signed_pre_key.pair.public,
            signature=own.signed_pre_key.signature,
            pre_key_id=pre_key.id,
            pre_key=pre_key.pair.public,
        )

    def _decrypt_job(self, place: int, sealed: Ciphertext) -> _Job:
        enc = Enc(sealed.type, "2", sealed.body, 0, hide=False)
        sender = self._addresses[place]
        return lambda store: decrypt_enc(
            store, self._credentials, sender, enc, device_identity=None, from_own=False
        )

    async def _write(self, job: _Job) -> object:
        return await self.database.write(SESSION, job)

    async def _write_all(self, jobs: Sequence[_Job]) -> None:
        await asyncio.gather(*(self.database.submit(SESSION, job) for job in jobs))

    def encrypting(self, runner: asyncio.Runner, count: int) -> Run:
        """One message to one person is one job."""
        jobs: list[_Job] = [
            partial(_encrypt, address=self._addresses[place % PEERS]) for place in range(count)
        ]
        return lambda: runner.run(self._write_all(jobs))

    def decrypting(self, runner: asyncio.Runner, count: int) -> Run:
        """One message from one person is one job."""
        jobs = [
            self._decrypt_job(place, self._people[place].encrypt(pad(PLAINTEXT)))
            for place in (number % PEERS for number in range(count))
        ]
        return lambda: runner.run(self._write_all(jobs))


def _encrypt(store: UnitOfWork, *, address: Jid) -> Ciphertext:
    return encrypt_for(store, address, PLAINTEXT)
