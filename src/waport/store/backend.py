"""The database itself: its address, its lock, its settings and its migrations."""

from __future__ import annotations

import fcntl
import os
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from ..errors import StoreError
from .locksmith import change_vault, find_vault
from .schema import REVISION
from .statements import Connection
from .vault import NO_SECRETS, OpenVault, Secrets, Vault

BUSY_TIMEOUT_S = 5
"""How long to wait for another program that holds the SQLite file, such as a backup."""

_MIGRATIONS = Path(__file__).with_name("migrations")

_SQLITE_SETTINGS = (
    "PRAGMA journal_mode=WAL",
    # A commit is on the disk when it returns: what we acknowledge survives a power cut.
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_S * 1000}",
    # The write-ahead log goes into the file at 16 MB, and is cut to that after a burst.
    "PRAGMA wal_autocheckpoint=4000",
    f"PRAGMA journal_size_limit={16 * 2**20}",
)

_POSTGRESQL_SETTINGS = (
    # The same promise; a stricter setting than "on" is left alone.
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') IN ('off', 'local')",
)


class Backend:
    """One database, SQLite or PostgreSQL. All methods block.

    Args:
        url: "sqlite:////folder/file.db", as `sqlite_url` makes it, or "postgresql://user:password@host/name".
        secrets: the keys for its secret columns.

    Raises:
        StoreError: the URL names no database that we know.
    """

    def __init__(self, url: str, secrets: Secrets = NO_SECRETS) -> None:
        self._secrets = secrets
        self._vault: Vault = OpenVault()
        self._url = _parse(url)
        self._engine = _engine(self._url)
        dbapi: Any = self._engine.dialect.loaded_dbapi
        self._driver_error: type[Exception] = dbapi.Error
        self._lock: int | None = None

    def prepare(self) -> None:
        """Take the database for this process and bring its tables up to date.

        Raises:
            StoreError: another process has it, it cannot be opened, it is damaged, a newer
                version of this program wrote it, or its secrets are sealed with another key.
        """
        if self._engine.dialect.name == "sqlite":
            self._claim(Path(str(self._url.database)).resolve())
        try:
            # Before anything is changed: a wrong key must cost nothing.
            found = find_vault(self._engine, self._secrets)
            _migrate(self._engine)
            self._vault = change_vault(self._engine, found, self._secrets)
        except (SQLAlchemyError, self._driver_error) as exc:
            raise StoreError(f"the database cannot be opened: {_first_line(exc)}") from exc

    def connect(self, *, read_only: bool) -> Connection:
        """A new connection.

        Raises:
            StoreError: there is no way to the database.
        """
        try:
            connection = Connection(
                self._engine.raw_connection(),
                self._engine.dialect,
                read_only=read_only,
                vault=self._vault.twin(),
            )
        except (SQLAlchemyError, self._driver_error) as exc:
            raise StoreError(f"the database cannot be reached: {_first_line(exc)}") from exc
        if read_only:
            is_postgresql = self._engine.dialect.name == "postgresql"
            connection.run(
                "SET default_transaction_read_only = on"
                if is_postgresql
                else "PRAGMA query_only=ON"
            )
        return connection

    def begin(self, connection: Connection | None, *, read_only: bool) -> Connection:
        """Open a transaction, on this connection if it still works, else on a new one.

        Raises:
            StoreError: there is no way to the database.
        """
        if connection is not None:
            try:
                connection.begin()
            except StoreError:
                # Nothing was done yet, so a connection that broke meanwhile costs nobody anything.
                connection.discard()
            else:
                return connection
        connection = self.connect(read_only=read_only)
        try:
            connection.begin()
        except StoreError:
            connection.discard()
            raise
        return connection

    def release(self) -> None:
        """Let go of the database; every connection is closed already."""
        self._engine.dispose()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _claim(self, path: Path) -> None:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                # Beside the database, since SQLite's own locks are on the file itself.
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                owner = os.read(self._lock, 20).decode(errors="replace").strip() or "unknown"
                raise StoreError(
                    f"{path} is in use by another process (pid {owner}): "
                    "only one may work with a database"
                ) from exc
            os.ftruncate(self._lock, 0)
            os.write(self._lock, f"{os.getpid()}\n".encode())
            # SQLite gives the files beside it the same mode.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as exc:
            raise StoreError(f"{path} cannot be opened: {exc.strerror or exc}") from exc


def sqlite_url(path: Path) -> str:
    """The URL of an SQLite file, whatever characters its path has."""
    return f"sqlite:///{quote(os.fsencode(path))}"


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (SQLAlchemyError, ValueError) as exc:
        raise StoreError("the database URL cannot be read") from exc
    match parsed.get_backend_name():
        case "sqlite":
            return URL.create("sqlite+pysqlite", database=sqlite_file(url))
        case "postgresql" | "postgres":
            return parsed.set(drivername="postgresql+psycopg")
        case other:
            raise StoreError(f"{other} databases are not supported: use sqlite or postgresql")


def sqlite_file(url: str) -> str:
    """The path in an SQLite URL. The library's versions differ in whether they decode it."""
    rest = url.partition("://")[2]
    path = os.fsdecode(unquote_to_bytes(rest[1:]))
    if not rest.startswith("/") or "?" in rest or path in ("", ":memory:") or "\0" in path:
        raise StoreError("an SQLite URL names a file: sqlite:////folder/file.db")
    return path


def _first_line(exc: Exception) -> str:
    cause = getattr(exc, "orig", None) or exc  # the library's own text would add a web address
    return str(cause).partition("\n")[0]


def _engine(url: URL) -> Engine:
    # No pool: every connection here has one owner, who keeps it until it is closed.
    if url.get_backend_name() == "sqlite":
        settings: tuple[str, ...] = _SQLITE_SETTINGS
        # The threads of this room pass connections on, but never share one.
        engine = create_engine(
            url,
            poolclass=NullPool,
            pool_reset_on_return=None,
            connect_args={"check_same_thread": False, "cached_statements": 256},
        )
    else:
        settings = _POSTGRESQL_SETTINGS
        try:
            engine = create_engine(
                url, poolclass=NullPool, pool_reset_on_return=None, paramstyle="format"
            )
        except ImportError as exc:
            raise StoreError("PostgreSQL needs the Python package psycopg") from exc

    @event.listens_for(engine, "connect")
    def set_up(driver: Any, _record: object) -> None:
        # Transactions begin where we say so, not where the driver guesses.
        if engine.dialect.name == "sqlite":
            driver.isolation_level = None
        else:
            driver.autocommit = True
            _accept_nul(driver)
        for statement in settings:
            driver.execute(statement)

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _accept_nul(driver: Any) -> None:
    """PostgreSQL's text cannot hold NUL, and people's names and ids are what others choose."""
    base: Any = import_module("psycopg.types.string").StrDumperUnknown

    class Dumper(base):  # type: ignore[misc]
        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", "\ufffd"))

    driver.adapters.register_dumper(str, Dumper)


def _migrate(engine: Engine) -> None:
    with engine.begin() as connection:
        if inspect(connection).has_table("alembic_version"):
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            if found == REVISION:
                return
        # Loaded only when there is something to do: it costs time and memory at every start.
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        try:
            command.upgrade(config, "head")
        except CommandError as exc:
            raise StoreError(
                "the database was written by a newer version of this program, or by another one"
            ) from exc
