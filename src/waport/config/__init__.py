"""The settings of the server, read from the environment."""

from .settings import BROWSER_ONLY, Settings
from .values import is_loopback

__all__ = ["BROWSER_ONLY", "Settings", "is_loopback"]
