"""Secrets at rest: sealed with the operator's key, sealed anew, and in the clear again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import LargeBinary, create_engine, select, text
from sqlalchemy.pool import NullPool

from support.database import open_database
from waport.appstate import SyncKey
from waport.crypto import KeyPair
from waport.errors import CorruptRecord, StoreError
from waport.model import Credentials
from waport.signal import PreKey, SignedPreKey
from waport.store import Database, Secrets, UnitOfWork
from waport.store.schema import metadata
from waport.store.vault import SEALED
from waport.store.webhooks import StoredWebhook, WebhookSecret
from waport.wire import Jid

GROUP = Jid.parse("120363000000000001@g.us")
FIRST = b"first secret key, made by chance: 1"
SECOND = b"second secret key, made by chance 2"
RECORD = bytes(range(256)) * 3
SENDER_RECORD = b"sender record " * 20


class Told:
    """What a session was filled with, and where it is looked for."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials
        self.pre_key = PreKey(7, KeyPair.generate())
        self.signed = SignedPreKey.create(credentials.identity, 3)
        self.identity = KeyPair.generate().public
        self.sync_key = SyncKey(b"\x00\x01", b"app state key data, 32 bytes long", 5)
        self.older_sync_key = SyncKey(b"\x00\x01", b"another key under the same old id", 4)

    def fill(self, work: UnitOfWork) -> None:
        work.devices.create(self.credentials)
        work.signal.put_session("15550001111.2", RECORD)
        work.signal.put_sessions({f"1555000222{n}.0": RECORD + bytes([n]) for n in range(9)})
        work.signal.put_identity("15550001111.2", self.identity)
        work.signal.add_pre_keys([self.pre_key])
        work.signal.put_signed_pre_key(self.signed)
        work.sender_keys.put(GROUP, "15550001111.2", SENDER_RECORD)
        work.sync_keys.put(self.sync_key)
        work.sync_keys.put(self.older_sync_key)
        work.signal.put_session("15550003333.0", b"record that is set aside")
        work.signal.put_aside("15550003333.0")

    def check(self, work: UnitOfWork) -> None:
        assert work.devices.get() == self.credentials
        assert work.signal.session("15550001111.2") == RECORD
        many = work.signal.sessions([f"1555000222{n}.0" for n in range(9)])
        assert many == {f"1555000222{n}.0": RECORD + bytes([n]) for n in range(9)}
        assert work.signal.identity("15550001111.2") == self.identity
        assert work.signal.pre_key(7) == self.pre_key.pair
        assert work.signal.unuploaded_pre_keys(5) == [self.pre_key]
        assert work.signal.signed_pre_key(3) == self.signed
        assert work.sender_keys.get(GROUP, "15550001111.2") == SENDER_RECORD
        assert work.sender_keys.of_user(GROUP, "15550001111") == [("15550001111.2", SENDER_RECORD)]
        assert work.sync_keys.ring().ids == (b"\x00\x01",)
        assert [key.data for key in work.sync_keys.all()] == [self.sync_key.data]

    @property
    def in_the_clear(self) -> list[bytes]:
        c = self.credentials
        return [
            c.noise.private,
            c.identity.private,
            c.signed_pre_key.pair.private,
            c.adv_secret,
            self.pre_key.pair.private,
            self.signed.pair.private,
            self.identity,
            self.sync_key.data,
            self.older_sync_key.data,
            RECORD[:64],
            SENDER_RECORD[:64],
            b"record that is set aside",
        ]


@pytest.fixture
def told(credentials: Credentials) -> Told:
    return Told(credentials)


async def opened(url: str, now: bytes | None = None, before: bytes | None = None) -> Database:
    return await open_database(url, secrets=Secrets(now, before))


def rows(url: str, table: str) -> list[Any]:
    """All rows as they stand in the database."""
    url = url.replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            return list(connection.execute(select(metadata.tables[table])).all())
    finally:
        engine.dispose()


def stored(url: str) -> Iterator[bytes]:
    """Every value of a secret column, as it stands in the database."""
    for name, (_, columns) in SEALED.items():
        for row in rows(url, name):
            for column in columns:
                value = row._mapping[column] or b""
                yield value.encode() if isinstance(value, str) else bytes(value)


def files(url: str) -> bytes:
    """The database's files, one after another; nothing for other databases."""
    if not url.startswith("sqlite"):
        return b""
    path = Path(url.removeprefix("sqlite:///"))
    beside = [path, path.with_name(f"{path.name}-wal")]
    return b"".join(file.read_bytes() for file in beside if file.exists())


def is_plain(told: Told, url: str) -> list[bool]:
    """For each secret whether it can be seen in a column or anywhere in the files."""
    values, raw = list(stored(url)), files(url)
    return [
        secret in raw or any(secret in value for value in values) for secret in told.in_the_clear
    ]


async def test_nothing_secret_stands_there_in_the_clear(url: str, told: Told) -> None:
    database = await opened(url, FIRST)
    await database.write("s", told.fill)
    await database.read("s", told.check)
    assert not any(is_plain(told, url))
    await database.close()
    assert not any(is_plain(told, url))
    database = await opened(url, FIRST)
    await database.read("s", told.check)
    await database.close()


async def test_without_a_key_everything_is_as_it_was(url: str, told: Told) -> None:
    database = await opened(url)
    await database.write("s", told.fill)
    await database.read("s", told.check)
    await database.close()
    assert all(is_plain(told, url))
    assert rows(url, "vault") == []


async def test_a_database_in_the_clear_is_sealed_and_swept(url: str, told: Told) -> None:
    database = await opened(url)
    await database.write("s", told.fill)
    await database.write("t", Told(told.credentials).fill)
    await database.close()
    database = await opened(url, FIRST)
    await database.read("s", told.check)
    await database.close()
    # Neither in a column, nor in the log, nor in a page that is free now.
    assert not any(is_plain(told, url))
    assert [row.is_clean for row in rows(url, "vault")] == [True]


async def test_a_sealed_database_gets_another_key_and_none(url: str, told: Told) -> None:
    database = await opened(url, FIRST)
    await database.write("s", told.fill)
    await database.close()
    database = await opened(url, SECOND, FIRST)
    await database.read("s", told.check)
    await database.close()
    # The old key is of no use any more, and need not be given again.
    with pytest.raises(StoreError, match="is another one"):
        await opened(url, FIRST)
    database = await opened(url, SECOND)
    await database.read("s", told.check)
    await database.close()
    database = await opened(url, SECOND, FIRST)
    await database.close()
    database = await opened(url, None, SECOND)
    await database.read("s", told.check)
    await database.close()
    assert rows(url, "vault") == []
    database = await opened(url)
    await database.read("s", told.check)
    await database.close()


@pytest.mark.parametrize(
    ("now", "before", "text"),
    [
        (SECOND, None, "the secret key is another one; nothing was changed"),
        (None, SECOND, "the secret key is another one; nothing was changed"),
        (SECOND, SECOND, "the secret key is another one; nothing was changed"),
        (None, None, "can't be used without its secret key"),
    ],
)
async def test_a_wrong_key_changes_nothing(
    url: str, told: Told, now: bytes | None, before: bytes | None, text: str
) -> None:
    database = await opened(url, FIRST)
    await database.write("s", told.fill)
    await database.close()
    bytes_before, rows_before = files(url), [rows(url, name) for name in SEALED]
    with pytest.raises(StoreError, match=text):
        await opened(url, now, before)
    assert files(url) == bytes_before
    assert [rows(url, name) for name in SEALED] == rows_before
    database = await opened(url, FIRST)
    await database.read("s", told.check)
    await database.close()


async def test_a_wrong_key_stops_the_tables_from_being_brought_up_to_date(
    url: str, told: Told
) -> None:
    database = await opened(url, FIRST)
    await database.close()
    _run(url, "UPDATE alembic_version SET version_num = '0006'")
    with pytest.raises(StoreError, match="is another one"):
        await opened(url, SECOND)
    assert told is not None


async def test_a_conversion_that_fails_leaves_the_database_in_the_clear(
    url: str, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await opened(url)
    await database.write("s", told.fill)
    await database.close()
    from waport.store import locksmith

    convert, done = locksmith._convert_table, []

    def break_off(connection: Any, table: Any, *rest: Any) -> None:
        if len(done) == 3:
            raise StoreError("power cut")
        done.append(table.name)
        convert(connection, table, *rest)

    monkeypatch.setattr(locksmith, "_convert_table", break_off)
    with pytest.raises(StoreError, match="power cut"):
        await opened(url, FIRST)
    monkeypatch.undo()
    assert len(done) == 3
    database = await opened(url)
    await database.read("s", told.check)
    await database.close()


async def test_a_sealed_value_belongs_to_its_session_and_kind(url: str, told: Told) -> None:
    database = await opened(url, FIRST)
    await database.write("s", told.fill)
    await database.close()
    _run(url, "UPDATE signal_sessions SET session_id = 't' WHERE name = '15550001111'")
    _run(
        url,
        "UPDATE pre_keys SET private = (SELECT key FROM signal_identities WHERE device = 2)",
    )
    database = await opened(url, FIRST)
    with pytest.raises(CorruptRecord):
        await database.read("t", lambda work: work.signal.session("15550001111.2"))
    with pytest.raises(CorruptRecord):
        await database.read("s", lambda work: work.signal.pre_key(7))
    await database.close()


async def test_one_turned_bit_is_found(url: str, told: Told) -> None:
    database = await opened(url, FIRST)
    await database.write("s", told.fill)
    sealed = next(bytes(row.noise_private) for row in rows(url, "credentials"))
    await database.close()
    turned = sealed[:-1] + bytes([sealed[-1] ^ 1])
    literal = f"X'{turned.hex()}'" if url.startswith("sqlite") else f"'\\x{turned.hex()}'"
    _run(url, f"UPDATE credentials SET noise_private = {literal}")
    database = await opened(url, FIRST)
    with pytest.raises(CorruptRecord):
        await database.read("s", lambda work: work.devices.get())
    await database.close()


def _run(url: str, sql: str) -> None:
    engine = create_engine(
        url.replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool
    )
    try:
        with engine.begin() as connection:
            connection.execute(text(sql))
    finally:
        engine.dispose()


def test_every_column_with_a_secret_in_its_name_is_sealed() -> None:
    words = ("private", "secret", "key_data", "record", "other_data")
    secret = {
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.columns
        if any(word in column.name for word in words) and isinstance(column.type, LargeBinary)
    }
    sealed = {(table, column) for table, (_, columns) in SEALED.items() for column in columns}
    assert secret <= sealed
    assert {table for table, _ in sealed - secret} == {"signal_identities", "webhooks"}


HOOK = StoredWebhook(
    id="hook",
    session=None,
    url="https://hooks.example/services/T0KEN-in-the-path",
    headers=(("authorization", "Bearer hidden-in-a-header"),),
    secrets=(WebhookSecret("whsec_c2VjcmV0IG9mIGEgd2ViaG9vaw==", None),),
)
HOOK_WORDS = (b"T0KEN-in-the-path", b"hidden-in-a-header", b"c2VjcmV0IG9m")


async def test_receivers_of_events_are_sealed_converted_and_read(url: str) -> None:
    database = await opened(url)
    added = await database.add_webhook(HOOK)
    await database.close()
    assert all(any(word in value for value in stored(url)) for word in HOOK_WORDS)
    for now, before in ((FIRST, None), (SECOND, FIRST)):
        database = await opened(url, now, before)
        assert await database.webhooks() == [added]
        added = replace(added, url=f"{added.url}/more")
        await database.put_webhook(added)
        assert await database.webhooks() == [added]
        await database.close()
        seen = [*stored(url), files(url)]
        assert not any(word in value for word in HOOK_WORDS for value in seen)
    database = await opened(url, None, SECOND)
    assert await database.webhooks() == [added]
    await database.close()
