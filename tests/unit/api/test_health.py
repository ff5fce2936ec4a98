"""What `/readyz` says of the database."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from support.database import open_database
from waport.api.health import StoreHealth
from waport.errors import StoreError
from waport.store import backend


async def test_a_change_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    answers: list[Exception | None] = [StoreError("locked"), StoreError("locked"), None, None]

    async def ping() -> None:
        answer = answers.pop(0)
        if answer is not None:
            raise answer

    health = StoreHealth(ping)
    seen = []
    for _ in range(4):
        await health.probe()
        seen.append(health.is_well)
    assert seen == [False, False, True, True]
    assert len(caplog.records) == 2


async def test_no_answer_is_a_bad_one() -> None:
    health = StoreHealth(asyncio.Event().wait, timeout_s=0.01)  # type: ignore[arg-type]
    await health.probe()
    assert not health.is_well


async def test_a_locked_database_is_not_ready_and_recovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tuple(
        "PRAGMA busy_timeout=50" if "busy_timeout" in setting else setting
        for setting in backend._SQLITE_SETTINGS
    )
    monkeypatch.setattr(backend, "_SQLITE_SETTINGS", settings)
    database = await open_database(tmp_path)
    health = StoreHealth(database.ping)
    other = sqlite3.connect(tmp_path / "waport.db", isolation_level=None)
    try:
        await health.probe()
        assert health.is_well
        other.execute("BEGIN IMMEDIATE")
        await health.probe()
        assert not health.is_well
        other.execute("ROLLBACK")
        await health.probe()
        assert health.is_well
    finally:
        other.close()
        await database.close()
