"""Which vault a database has, and how it gets another: sealed, sealed anew, or in the clear again.

Every change is one transaction, so that a database is always of one kind as a whole.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    RowMapping,
    Table,
    bindparam,
    delete,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from ..errors import StoreError
from .schema import metadata
from .schema import vault as vault_table
from .vault import (
    SEALED,
    OpenVault,
    SealedVault,
    Secrets,
    Vault,
    fresh_vault,
    matches,
    open_text,
    seal_text,
)

log = logging.getLogger(__name__)


def find_vault(engine: Engine, secrets: Secrets) -> Vault:
    """The vault that a database has now; nothing is changed.

    Raises:
        StoreError: it is sealed, and none of the keys is the right one.
    """
    with engine.connect() as connection:
        row = _row(connection)
    if row is None:
        return OpenVault()
    for secret in (secrets.now, secrets.before):
        if secret is not None:
            vault = SealedVault(secret, bytes(row["salt"]))
            if matches(vault, bytes(row["proof"])):
                return vault
    raise StoreError(
        "the secrets in this database are encrypted, and the secret key is another one; "
        "nothing was changed"
        if secrets.now or secrets.before
        else "the secrets in this database are encrypted: it can't be used without its secret key"
    )


def change_vault(engine: Engine, found: Vault, secrets: Secrets) -> Vault:
    """Bring a database, whose tables are up to date, to the vault that is wanted.

    Args:
        found: from `find_vault`, with the same keys.
    """
    with engine.begin() as connection:
        row = _row(connection)
        if _is_wanted(row, secrets):
            wanted = found
        else:
            log.warning("the secrets in the database are %s now", _deed(row, secrets))
            wanted = _convert(connection, found, secrets)
    _clean(engine)
    return wanted


def _is_wanted(row: RowMapping | None, secrets: Secrets) -> bool:
    if row is None or secrets.now is None:
        return row is None and secrets.now is None
    return matches(SealedVault(secrets.now, bytes(row["salt"])), bytes(row["proof"]))


def _deed(row: RowMapping | None, secrets: Secrets) -> str:
    if secrets.now is None:
        return "decrypted"
    return "encrypted" if row is None else "encrypted with another key"


def _row(connection: Connection) -> RowMapping | None:
    if not inspect(connection).has_table(vault_table.name):
        return None
    return connection.execute(select(vault_table)).mappings().first()


def _convert(connection: Connection, found: Vault, secrets: Secrets) -> Vault:
    wanted: Vault = OpenVault()
    rows: list[dict[str, object]] = []
    if secrets.now is not None:
        wanted, salt, proof = fresh_vault(secrets.now)
        rows = [{"id": 1, "salt": salt, "proof": proof, "is_clean": False}]
    for name, (kind, columns) in SEALED.items():
        _convert_table(connection, metadata.tables[name], kind, columns, found, wanted)
    connection.execute(delete(vault_table))
    for row in rows:
        connection.execute(insert(vault_table), row)
    return wanted


def _convert_table(
    connection: Connection,
    table: Table,
    kind: str,
    columns: Iterable[str],
    found: Vault,
    wanted: Vault,
) -> None:
    key = [column.name for column in table.primary_key.columns]
    names = list(columns)
    changes: list[dict[str, Any]]
    change = (
        update(table)
        .where(*(table.c[name] == bindparam(f"key_{name}") for name in key))
        .values({name: bindparam(f"new_{name}") for name in names})
    )
    if "session_id" not in table.c:
        rows = connection.execute(select(*(table.c[name] for name in (*key, *names)))).mappings()
        changes = [
            {f"key_{name}": row[name] for name in key}
            | {
                f"new_{name}": seal_text(wanted, kind, open_text(found, kind, row[name]))
                for name in names
            }
            for row in rows.all()
        ]
        if changes:
            connection.execute(change, changes)
        return
    needed = {*key, *names}
    owners = connection.execute(select(table.c.session_id).distinct()).scalars().all()
    for session_id in owners:  # one at a time, since all of them may be much
        question = select(*(table.c[name] for name in sorted(needed)))
        rows = connection.execute(question.where(table.c.session_id == session_id)).mappings()
        changes = [
            {f"key_{name}": row[name] for name in key}
            | {
                f"new_{name}": wanted.seal(
                    kind, session_id, found.open(kind, session_id, bytes(row[name] or b""))
                )
                for name in names
            }
            for row in rows.all()
        ]
        connection.execute(change, changes)


def _clean(engine: Engine) -> None:
    """Take away what stood in the clear and is still in free pages, if that is not done yet."""
    with engine.connect() as connection:
        row = _row(connection)
    if row is None or row["is_clean"]:
        return
    dbapi: Any = engine.dialect.loaded_dbapi
    sweep = ["VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"]
    if engine.dialect.name != "sqlite":
        sweep = [f"VACUUM FULL {name}" for name in SEALED]
    try:
        # Past the library, which would open a transaction, where none of these may run.
        pooled = engine.raw_connection()
        try:
            driver: Any = pooled.driver_connection
            for command in sweep:
                driver.execute(command)
        finally:
            pooled.close()
        with engine.begin() as connection:
            connection.execute(update(vault_table).values(is_clean=True))
    except (SQLAlchemyError, dbapi.Error) as exc:
        # A full disk, perhaps. The secrets are sealed; it is tried again at the next start.
        log.warning("old copies of secrets may be left in the file: %s", type(exc).__name__)
