"""A copy of everything on disk, and the way back."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ..config import Settings
from ..errors import InvalidInput, StoreError
from ..sessions.folders import is_session_folder
from ..store.backup import check_database, copy_database, database_file

DATABASE_NAME: Final = "waport.db"
_PARTIAL: Final = ".partial"


def make_backup(settings: Settings, target: Path) -> list[str]:
    """Copy the database, at one moment, and the sessions' folders; the server may run.

    Args:
        target: a folder that does not exist yet.

    Returns:
        what was copied, for people.

    Raises:
        InvalidInput: the target is there already.
        StoreError: the copy was not made; nothing is left of it.
    """
    source = database_file(settings.store_url)
    if target.exists() or target.is_symlink():
        raise InvalidInput(f"{target} exists already")
    partial = target.with_name(target.name + _PARTIAL)
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700, parents=True)
        copy_database(source, partial / DATABASE_NAME)
        folders = list(_session_folders(settings.sessions_path))
        for folder in folders:
            shutil.copytree(folder, partial / folder.name, symlinks=True)
        partial.rename(target)
    except OSError as exc:
        shutil.rmtree(partial, ignore_errors=True)
        raise StoreError(f"the backup was not made: {exc.strerror or exc}") from exc
    except StoreError:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return [DATABASE_NAME, *sorted(folder.name for folder in folders)]


def restore_backup(settings: Settings, source: Path) -> list[str]:
    """Put a backup where the server looks for its data, if there is none yet.

    Returns:
        what was restored, for people.

    Raises:
        InvalidInput: there is no backup, or the place is in use.
        StoreError: the backup is damaged, or it could not be copied.
    """
    database = database_file(settings.store_url)
    copy = source / DATABASE_NAME
    if not copy.is_file():
        raise InvalidInput(f"{source} holds no backup")
    check_database(copy)
    folders = list(_session_folders(source))
    with _claimed(database):
        _refuse_used(settings.sessions_path, database)
        try:
            for folder in folders:
                shutil.copytree(folder, settings.sessions_path / folder.name, symlinks=True)
            # The database comes last: without it nothing was restored.
            fresh = database.with_name(database.name + _PARTIAL)
            fresh.unlink(missing_ok=True)
            copy_database(copy, fresh)
            fresh.rename(database)
        except OSError as exc:
            raise StoreError(f"the backup was not restored: {exc.strerror or exc}") from exc
    return [DATABASE_NAME, *sorted(folder.name for folder in folders)]


def _session_folders(root: Path) -> Iterator[Path]:
    """The sessions' folders that are ours."""
    return (path for path in sorted(root.glob("session-*")) if is_session_folder(path))


def _refuse_used(sessions: Path, database: Path) -> None:
    beside = [database.with_name(database.name + end) for end in ("", "-wal", "-shm")]
    used = [path for path in (*beside, *sessions.glob("session-*")) if os.path.lexists(path)]
    if used:
        raise InvalidInput(f"{used[0]} exists already: a backup is restored to an empty place only")


@contextmanager
def _claimed(database: Path) -> Iterator[None]:
    """Keep servers away from the place of a database."""
    try:
        database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(f"{database}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise StoreError(f"{database} cannot be made: {exc.strerror or exc}") from exc
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as exc:
        raise StoreError(f"{database} is in use by another process") from exc
    finally:
        os.close(lock)
