"""One folder for each session, beside the database: a marker, and a place for its files."""

from __future__ import annotations

import logging
import re
import shutil
from pathlib import Path

from ..errors import InvalidInput

log = logging.getLogger(__name__)

SESSION_ID = re.compile(r"[A-Za-z0-9_-]{1,247}")
"""Matched whole; the folder's name must fit into 255 bytes."""

_MARKER = ".waport"


class SessionFolders:
    """Folders named `session-<id>`.

    A folder without our marker was made by somebody else: it is never changed and never deleted.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, session_id: str) -> Path:
        """Where a session's folder is.

        Raises:
            InvalidInput: the id could name another place.
        """
        if SESSION_ID.fullmatch(session_id) is None:
            raise InvalidInput("Session should be alphanumerical or -")
        path = self._root / f"session-{session_id}"
        if path.resolve().parent != self._root.resolve():
            raise InvalidInput("Session should be alphanumerical or -")
        return path

    def make(self, session_id: str) -> None:
        """Make the folder with its marker, unless somebody else's is there."""
        path = self.path(session_id)
        if path.exists() and not self._is_ours(path):
            log.warning("a folder named like the session exists already and is left alone")
            return
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        (path / _MARKER).touch()

    def remove(self, session_id: str) -> None:
        """Remove the folder with all that is in it, if it is ours."""
        path = self.path(session_id)
        if path.is_symlink() or not self._is_ours(path):
            return
        shutil.rmtree(path, ignore_errors=True)

    @staticmethod
    def _is_ours(path: Path) -> bool:
        return (path / _MARKER).is_file()
