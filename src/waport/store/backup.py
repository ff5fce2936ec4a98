"""A copy of a SQLite database, made while others write to it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from ..errors import StoreError
from .backend import sqlite_file
from .schema import REVISION


def database_file(url: str) -> Path:
    """The file of a SQLite URL.

    Raises:
        StoreError: it is none; other databases have tools of their own for this.
    """
    if not url.startswith("sqlite"):
        raise StoreError("only SQLite files are copied: use the database's own tools, pg_dump say")
    return Path(sqlite_file(url))


def copy_database(source: Path, target: Path) -> None:
    """Copy a database as it is after some commit; writers need not stop. Blocks.

    Args:
        target: must not exist; it is for its owner alone.

    Raises:
        StoreError: the source is no database, is damaged, or the copy could not be made; what was
            made of it is removed.
    """
    if not source.is_file():
        raise StoreError(f"{source} does not exist")
    try:
        os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as exc:
        raise StoreError(f"{target} cannot be made: {exc.strerror}") from exc
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as old,
            closing(sqlite3.connect(target)) as new,
        ):
            # All pages in one step: one read transaction, which the log shows as one moment.
            old.backup(new, pages=-1)
            # One file again, without a log beside it.
            new.execute("PRAGMA journal_mode=DELETE")
        check_database(target)
        _flush(target)
    except (sqlite3.Error, OSError) as exc:
        target.unlink(missing_ok=True)
        raise StoreError(f"the copy was not made: {exc}") from exc
    except StoreError:
        target.unlink(missing_ok=True)
        raise


def check_database(path: Path) -> None:
    """Look through a whole database of ours that nobody has open.

    Raises:
        StoreError: it is damaged, none of ours, or of a newer version.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            (verdict,) = db.execute("PRAGMA integrity_check(1)").fetchone()
            (revision,) = db.execute("SELECT version_num FROM alembic_version").fetchone()
    except (sqlite3.Error, TypeError) as exc:
        raise StoreError(f"{path} is no database of this program, or damaged: {exc}") from exc
    if verdict != "ok":
        raise StoreError(f"{path} is damaged: {verdict}")
    if str(revision) > REVISION:
        raise StoreError(f"{path} was written by a newer version of this program")


def _flush(path: Path) -> None:
    for each in (path, path.parent):
        handle = os.open(each, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
