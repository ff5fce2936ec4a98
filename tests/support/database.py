"""Empty databases, quickly: the tables are made once for all tests of a process."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from waport.store import Database

SQLITE = "sqlite:///"

_empty: list[bytes] = []
"""A database file with all tables and no rows, once it is made."""


async def open_database(url: str | Path, **options: Any) -> Database:
    """A database that is empty if it is a new SQLite file.

    Args:
        url: of the database, or the folder of a SQLite file.
        options: of `Database.open`.
    """
    if isinstance(url, Path):
        url = f"{SQLITE}{url}/waport.db"
    if url.startswith(SQLITE):
        if not _empty:
            with tempfile.TemporaryDirectory() as folder:
                made = f"{folder}/made.db"
                await (await Database.open(f"{SQLITE}{made}")).close()
                _keep(Path(made))
        _copy(Path(url.removeprefix(SQLITE)))
    return await Database.open(url, **options)


def _keep(path: Path) -> None:
    _empty.append(path.read_bytes())


def _copy(path: Path) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o600)
        path.write_bytes(_empty[0])
