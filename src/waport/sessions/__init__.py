"""The accounts that this server runs."""

from ..model import SessionState
from .folders import SESSION_ID, SessionFolders
from .manager import SessionManager
from .media_events import MediaEvents
from .session import Session

__all__ = [
    "SESSION_ID",
    "MediaEvents",
    "Session",
    "SessionFolders",
    "SessionManager",
    "SessionState",
]
