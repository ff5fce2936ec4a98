"""The tables of API keys and of the vault; see schema.py. Their rows belong to no session."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, Table, Text

from .schema_base import metadata

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("sessions", Text),
    Column("created_ms", BigInteger, nullable=False),
)
"""Keys of callers: `digest` is SHA-256 of the secret, `scopes` and `sessions` are JSON lists; NULL
sessions are all of them."""

vault = Table(
    "vault",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("salt", LargeBinary, nullable=False),
    Column("proof", LargeBinary, nullable=False),
    Column("is_clean", Boolean, nullable=False),
)
"""One row in a database whose secrets are encrypted (vault.py), none in others. `is_clean` is false
until what stood there in the clear is gone from the file's free pages, too."""
