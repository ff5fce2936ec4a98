"""One folder for each session, beside the database: a marker, and a place for its files."""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
from pathlib import Path

from ..errors import InvalidInput

log = logging.getLogger(__name__)

SESSION_ID = re.compile(r"[A-Za-z0-9_-]{1,247}")
"""Matched whole; the folder's name must fit into 255 bytes."""

_MARKER = ".waport"
_PASSING = ".passing-"


class SessionFolders:
    """Folders named `session-<id>`.

    A folder without our marker was made by somebody else: it is never changed and never deleted,
    nor is a link, wherever it leads. Folders come and go by renaming, so a crash half-way leaves
    neither a folder of ours without its marker nor half of one.
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
        return self._root / f"session-{session_id}"

    def clear(self) -> None:
        """Remove what a crash left half made or half removed."""
        for path in self._root.glob(f"{_PASSING}*"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)

    def make(self, session_id: str) -> None:
        """Make the folder with its marker, unless something of that name is there.

        Raises:
            InvalidInput: the id is unusable.
            OSError: the folder can't be made.
        """
        path = self.path(session_id)
        if self._is_ours(path):
            return
        if path.exists() or path.is_symlink():
            log.warning("a folder named like the session exists already and is left alone")
            return
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=_PASSING, dir=self._root))
        (fresh / _MARKER).touch()
        fresh.rename(path)

    def remove(self, session_id: str) -> None:
        """Remove the folder with all that is in it, if it is ours."""
        path = self.path(session_id)
        if not self._is_ours(path):
            return
        doomed = Path(tempfile.mkdtemp(prefix=_PASSING, dir=self._root))
        path.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)

    @staticmethod
    def _is_ours(path: Path) -> bool:
        return is_session_folder(path)


def is_session_folder(path: Path) -> bool:
    """Whether a folder was made by `SessionFolders`."""
    return not path.is_symlink() and (path / _MARKER).is_file()
