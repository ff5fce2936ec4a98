"""The table of answers that are kept for repeated requests; see schema.py.

Its rows belong to no session.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table

from .schema_base import metadata

kept_answers = Table(
    "kept_answers",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("status", Integer),
    Column("answer", LargeBinary),
    Index(None, "created_ms"),
)
"""Requests that may come again. `digest` stands for caller, path and key, `fingerprint` for the
body. Without a `status` there is no answer yet; without an `answer` it was too long to be kept."""
