"""Statements that are compiled once, and the connection that runs them.

Statements are written with SQLAlchemy Core and compiled once for each kind of database. A
connection then hands text and values straight to the driver: in a job of ten small statements the
library's own execution would cost more than the database does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from operator import itemgetter
from typing import Any, NamedTuple, Protocol, cast

from sqlalchemy import BindParameter, Table, bindparam, insert
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.dml import UpdateBase

from ..errors import CorruptRecord, StoreError
from .remembered import WATCHED, Remembered
from .vault import OpenVault, Vault

Row = tuple[Any, ...]
"""The values of one row, in the order of the columns asked for."""

InsertFactory = Callable[[Table], sqlite.Insert]
"""Makes an INSERT that knows ON CONFLICT. Both databases spell it alike; their types differ."""


# One writer at a time, whoever else has the database open: events are numbered in the order in
# which they become visible, so that nobody who reads on from a number misses one.
_WRITERS_LOCK = 0x7761706F7274
_BEGIN_WRITING = f"BEGIN; SELECT pg_advisory_xact_lock({_WRITERS_LOCK})"


class DriverCursor(Protocol):
    """What a driver's cursor offers us."""

    rowcount: int

    def fetchone(self) -> Any: ...
    def fetchall(self) -> Any: ...
    def executemany(self, sql: str, rows: Iterable[Any], /) -> Any: ...


class DriverConnection(Protocol):
    """What `sqlite3.Connection` and `psycopg.Connection` have in common."""

    def execute(self, sql: str, values: Any = ..., /) -> DriverCursor: ...
    def cursor(self) -> DriverCursor: ...


class Statement:
    """One statement. Its bound parameters are passed by name, every time all of them."""

    __slots__ = ("_build",)

    def __init__(self, build: ClauseElement | Callable[[InsertFactory], ClauseElement]) -> None:
        self._build = build

    def compile(self, dialect: Dialect) -> Compiled:
        """Text and parameter order for one kind of database."""
        build = self._build
        core = build if isinstance(build, ClauseElement) else build(_insert_factory(dialect))
        compiled = cast(Any, core).compile(dialect=dialect)
        required = {name for name, bind in compiled.binds.items() if bind.required}
        constants = {k: v for k, v in compiled.params.items() if k not in required}
        arrange = _arrangement(compiled.positiontup or (), constants)
        is_watched = isinstance(core, UpdateBase) and _is_watched(core)
        return Compiled(str(compiled), arrange, is_watched)


def _is_watched(change: UpdateBase) -> bool:
    return cast(Any, change).table.name in WATCHED


def add_row(table: Table) -> Statement:
    """Insert a row; a parameter for each column that does not number itself."""
    return Statement(insert(table).values(row_values(table)))


def put_row(table: Table) -> Statement:
    """Insert a row, or where its primary key is taken replace the other columns."""
    key = [column.name for column in table.primary_key.columns]
    names = [column.name for column in table.columns if column.name not in key]

    def build(insert_into: InsertFactory) -> ClauseElement:
        row = insert_into(table).values(row_values(table))
        return row.on_conflict_do_update(
            index_elements=key, set_={name: row.excluded[name] for name in names}
        )

    return Statement(build)


def row_values(table: Table) -> dict[str, BindParameter[Any]]:
    """A parameter for each column of a new row, under the column's name."""
    return {
        column.name: bindparam(column.name)
        for column in table.columns
        if column is not table.autoincrement_column
    }


class Compiled(NamedTuple):
    """A statement's text, and the function that lines up its parameters.

    Attributes:
        is_watched: it changes a table that results are kept from (`remembered`).
    """

    sql: str
    arrange: Callable[[dict[str, Any]], Row]
    is_watched: bool


def _insert_factory(dialect: Dialect) -> InsertFactory:
    if dialect.name == "postgresql":
        # Loaded only where it is used: it brings a module for each driver that exists.
        from sqlalchemy.dialects import postgresql

        return cast(InsertFactory, postgresql.insert)
    return sqlite.insert


def _arrangement(
    names: Sequence[str], constants: dict[str, Any]
) -> Callable[[dict[str, Any]], Row]:
    if any(name in constants for name in names):
        return lambda values: tuple([{**constants, **values}[name] for name in names])
    if not names:
        return lambda _values: ()
    if len(names) == 1:
        only = names[0]
        return lambda values: (values[only],)
    return itemgetter(*names)


class Connection:
    """One connection to the database, used by one thread at a time.

    Every failure of the driver leaves as `StoreError`.

    Attributes:
        remembered: what was worked out from its rows.
        vault: opens its secret columns.
    """

    __slots__ = (
        "_compiled",
        "_dialect",
        "_driver",
        "_failures",
        "_pooled",
        "_read_only",
        "remembered",
        "vault",
    )

    def __init__(
        self,
        pooled: PoolProxiedConnection,
        dialect: Dialect,
        *,
        read_only: bool,
        vault: Vault | None = None,
    ) -> None:
        self.vault = vault or OpenVault()
        self._pooled = pooled
        self._driver = cast(DriverConnection, pooled.driver_connection)
        self._dialect = dialect
        self._read_only = read_only
        self._compiled: dict[Statement, Compiled] = {}
        # A process has a SQLite file for itself; a server's database others may write to.
        self.remembered = Remembered(is_sole=not read_only and dialect.name == "sqlite")
        # A number beyond 64 bits and half a surrogate pair are found by the driver's conversion.
        dbapi = cast(Any, dialect).loaded_dbapi
        self._failures: tuple[type[Exception], ...] = (dbapi.Error, OverflowError, UnicodeError)

    def begin(self) -> None:
        """Open a transaction; a reader sees the database as it is at its first question."""
        if self._dialect.name == "postgresql":
            self.run("BEGIN ISOLATION LEVEL REPEATABLE READ" if self._read_only else _BEGIN_WRITING)
        else:
            # A writer takes the lock at once: taking it half-way could fail.
            self.run("BEGIN" if self._read_only else "BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make the transaction last.

        Raises:
            StoreError: it does not.
        """
        try:
            cursor = self._driver.execute("COMMIT")
        except self._failures as exc:
            raise self._failed(exc) from exc
        # PostgreSQL answers the COMMIT of a transaction that had failed by rolling it back.
        if getattr(cursor, "statusmessage", "COMMIT") != "COMMIT":
            raise StoreError("the database refused a statement and with it the transaction")

    def discard(self) -> None:
        """Close the connection, whatever state it is in; what was not committed is undone."""
        with suppress(*self._failures):
            self._pooled.close()

    def run(self, sql: str) -> None:
        """Run a plain command without parameters, such as SAVEPOINT."""
        if sql.startswith("ROLLBACK"):
            self.remembered.undone()
        try:
            self._driver.execute(sql)
        except self._failures as exc:
            raise self._failed(exc) from exc

    def one(self, statement: Statement, **values: Any) -> Row | None:
        """The first row of the answer."""
        compiled = self._compiled.get(statement) or self._compile(statement)
        try:
            row: Row | None = self._driver.execute(
                compiled.sql, compiled.arrange(values)
            ).fetchone()
        except self._failures as exc:
            raise self._failed(exc) from exc
        return row

    def single(self, statement: Statement, **values: Any) -> Row:
        """The one row of an answer that always has one."""
        row = self.one(statement, **values)
        if row is None:
            raise StoreError("the database gave no answer")
        return row

    def all(self, statement: Statement, **values: Any) -> list[Row]:
        """Every row of the answer."""
        compiled = self._compiled.get(statement) or self._compile(statement)
        try:
            rows: list[Row] = self._driver.execute(
                compiled.sql, compiled.arrange(values)
            ).fetchall()
        except self._failures as exc:
            raise self._failed(exc) from exc
        return rows

    def change(self, statement: Statement, **values: Any) -> int:
        """Run an INSERT, UPDATE or DELETE; the number of rows that it touched."""
        compiled = self._compiled.get(statement) or self._compile(statement)
        if compiled.is_watched:
            self.remembered.changed(values.get("session_id"))
        try:
            return self._driver.execute(compiled.sql, compiled.arrange(values)).rowcount
        except self._failures as exc:
            raise self._failed(exc) from exc

    def many(self, statement: Statement, rows: Iterable[dict[str, Any]]) -> None:
        """Run an INSERT, UPDATE or DELETE once for each set of values."""
        compiled = self._compiled.get(statement) or self._compile(statement)
        listed = list(rows)
        if not listed:
            return
        arranged = [compiled.arrange(row) for row in listed]
        if compiled.is_watched:
            for session_id in {row.get("session_id") for row in listed}:
                self.remembered.changed(session_id)
        try:
            self._driver.cursor().executemany(compiled.sql, arranged)
        except self._failures as exc:
            raise self._failed(exc) from exc

    def ask_once(self, question: ClauseElement) -> list[Row]:
        """Every row of the answer to a question made for this one time, with its values in it.

        Unlike a `Statement` it may hold lists of values.
        """
        compiled = cast(Any, question).compile(
            dialect=self._dialect, compile_kwargs={"render_postcompile": True}
        )
        values = tuple(compiled.params[name] for name in compiled.positiontup or ())
        try:
            rows: list[Row] = self._driver.execute(str(compiled), values).fetchall()
        except self._failures as exc:
            raise self._failed(exc) from exc
        return rows

    def _failed(self, exc: Exception) -> StoreError:
        # On some errors, a full disk is one, SQLite rolls everything back by itself. What a job
        # did after that would be stored at once, one statement at a time: refuse it.
        try:
            is_lost = not getattr(self._driver, "in_transaction", True)
        except self._failures:
            is_lost = True
        if is_lost:
            self._driver = _Lost()
        return _failure(exc)

    def _compile(self, statement: Statement) -> Compiled:
        compiled = self._compiled[statement] = statement.compile(self._dialect)
        return compiled


_DAMAGED = ("could not decode to utf-8", "malformed", "not a database")


def _failure(exc: Exception) -> StoreError:
    # The first line says what; the lines after it may quote the values, which are private.
    text = str(exc).partition("\n")[0]
    if any(sign in text.lower() for sign in _DAMAGED):
        return CorruptRecord(f"the database holds damaged data: {text}")
    return StoreError(f"the database refused: {text} ({type(exc).__name__})")


class _Lost:
    """Stands for a driver's connection whose transaction is gone."""

    def execute(self, _sql: str, _values: Any = (), /) -> DriverCursor:
        raise StoreError("the database has given up the transaction")

    def cursor(self) -> DriverCursor:
        raise StoreError("the database has given up the transaction")
