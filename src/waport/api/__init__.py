"""HTTP and event sockets over the sessions."""

from .app import create_app
from .ports import ClientPort, SessionManager

__all__ = ["ClientPort", "SessionManager", "create_app"]
