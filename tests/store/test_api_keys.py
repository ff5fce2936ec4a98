"""API keys, which belong to no session."""

from __future__ import annotations

import pytest

from waport.crypto import sha256
from waport.errors import StoreError
from waport.model import ApiKey, Scope
from waport.store import Database

ONE = ApiKey("a1", "Büro", frozenset({Scope.READ, Scope.SEND}), frozenset({"x", "y"}), 5)
ALL = ApiKey("a2", "all", frozenset(Scope), None, 7)


async def test_keys_are_kept_until_they_are_revoked(database: Database) -> None:
    assert await database.api_keys() == {}
    await database.add_api_key(ALL, sha256(b"2"))
    await database.add_api_key(ONE, sha256(b"1"))
    assert list((await database.api_keys()).items()) == [(sha256(b"1"), ONE), (sha256(b"2"), ALL)]
    assert await database.delete_api_key("a1")
    assert not await database.delete_api_key("a1")
    assert await database.api_keys() == {sha256(b"2"): ALL}


async def test_a_key_is_added_once(database: Database) -> None:
    await database.add_api_key(ONE, sha256(b"1"))
    with pytest.raises(StoreError):
        await database.add_api_key(ALL, sha256(b"1"))


async def test_the_end_of_a_session_leaves_the_keys(database: Database) -> None:
    await database.add_api_key(ONE, sha256(b"1"))
    await database.write("x", lambda work: work.devices.delete_session())
    assert await database.api_keys() == {sha256(b"1"): ONE}
