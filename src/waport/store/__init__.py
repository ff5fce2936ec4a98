"""What an account must not forget, in SQL: SQLite by default, PostgreSQL by the same schema."""

from .backend import sqlite_url
from .database import Database
from .deliveries import Delivery, DueLanes
from .event_log import LoggedEvent
from .send_queue import QueuedSend
from .unit_of_work import UnitOfWork
from .vault import Secrets

__all__ = [
    "Database",
    "Delivery",
    "DueLanes",
    "LoggedEvent",
    "QueuedSend",
    "Secrets",
    "UnitOfWork",
    "sqlite_url",
]
