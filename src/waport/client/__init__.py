"""The asyncio shell: one client is one linked device."""

from .client import Client
from .config import WHATSAPP_URL, WHATSAPP_WEB, ClientConfig
from .policy import Cause, Close
from .version import VersionSource
from .work import EventSink

__all__ = [
    "WHATSAPP_URL",
    "WHATSAPP_WEB",
    "Cause",
    "Client",
    "ClientConfig",
    "Close",
    "EventSink",
    "VersionSource",
]
