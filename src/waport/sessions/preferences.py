"""Choices of a session that are ours alone: a small file in its folder."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from .folders import SessionFolders

log = logging.getLogger(__name__)

FILE_NAME: Final = "preferences.json"
_MAX_SIZE: Final = 65_536

BACKGROUND_SYNC: Final = "backgroundSync"
AUTO_DOWNLOADS: Final = {
    "audio": "autoDownloadAudio",
    "document": "autoDownloadDocuments",
    "image": "autoDownloadPhotos",
    "video": "autoDownloadVideos",
}
"""Choices whether files of a kind are fetched by themselves."""


class Preferences:
    """The choices of all sessions; what was never chosen is on."""

    def __init__(self, folders: SessionFolders) -> None:
        self._folders = folders
        self._lock = asyncio.Lock()

    async def get(self, session_id: str) -> Mapping[str, bool]:
        """What was chosen for a session, by name."""
        return await asyncio.to_thread(_read, self._folders.path(session_id) / FILE_NAME)

    async def set(self, session_id: str, name: str, value: bool) -> None:
        """Choose.

        Raises:
            OSError: it can't be written.
        """
        path = self._folders.path(session_id) / FILE_NAME
        async with self._lock:
            chosen = {**await asyncio.to_thread(_read, path), name: value}
            await asyncio.to_thread(_write, path, chosen)


def _read(path: Path) -> dict[str, bool]:
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(_MAX_SIZE))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        log.warning("the preferences of a session can't be read, and count as not chosen")
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: value for name, value in found.items() if isinstance(value, bool)}


def _write(path: Path, chosen: Mapping[str, bool]) -> None:
    """Replace the file as a whole, so that a crash leaves the old one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".preferences-")
    with os.fdopen(handle, "w") as file:
        json.dump(chosen, file)
    Path(name).replace(path)
