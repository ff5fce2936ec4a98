"""What an account must not forget, in SQL: SQLite by default, PostgreSQL by the same schema."""

from .backend import sqlite_url
from .database import Database
from .dead_letters import DeadLetter
from .delivery import Delivery, DueLanes
from .delivery_names import parts_of, queue_name
from .event_log import LoggedEvent
from .kept_answers import (
    KeptRequest,
    claim_request,
    forget_request,
    keep_answer,
    prune_requests,
)
from .send_queue import QueuedSend
from .unit_of_work import UnitOfWork
from .vault import Secrets
from .wanted_files import WANTED_BY, WantedFile
from .webhooks import StoredWebhook, WebhookSecret

__all__ = [
    "WANTED_BY",
    "Database",
    "DeadLetter",
    "Delivery",
    "DueLanes",
    "KeptRequest",
    "LoggedEvent",
    "QueuedSend",
    "Secrets",
    "StoredWebhook",
    "UnitOfWork",
    "WantedFile",
    "WebhookSecret",
    "claim_request",
    "forget_request",
    "keep_answer",
    "parts_of",
    "prune_requests",
    "queue_name",
    "sqlite_url",
]
