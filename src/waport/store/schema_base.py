"""What the definitions of the tables share."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    Integer,
    MetaData,
    Table,
    literal_column,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only in a column of exactly this type.
RowId = BigInteger().with_variant(Integer, "sqlite")


def row_id(name: str) -> Column[int]:
    """A rising number that is never given out twice, not even after the row is gone."""
    return Column(name, RowId, primary_key=True, autoincrement=True)


def is_lid(column: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a JID is a LID: the condition of the indexes that hold LIDs alone.

    A question that has this condition, too, is answered from such an index.
    """
    return column.like(literal_column("'%@lid'"))


def lid_index(table: Table, name: str) -> None:
    """Finds the rows of a LID, once its number is learnt; all other rows cost nothing."""
    where = is_lid(table.c[name])
    Index(None, table.c.session_id, table.c[name], sqlite_where=where, postgresql_where=where)
