"""The state folder: the server's keys and certificates, and a snapshot of all accounts.

With `:memory:` the folder is temporary and the snapshot is never written.
"""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ..crypto import KeyPair
from ..errors import CorruptRecord, CryptoError
from .accounts import Directory
from .certificates import NoiseKeys, TlsAuthority, write_private
from .saved import Saved
from .snapshot import load_accounts

IN_MEMORY = ":memory:"

_log = logging.getLogger(__name__)

_SAVE_AFTER_S = 0.25
_MAX_SHARE = 20  # a save that took T seconds is not repeated before 20 T have passed


class StateFolder:
    """Where the emulator keeps what must survive it.

    Args:
        location: a folder, which is made if it is missing, or `:memory:`.

    Attributes:
        tls: the authority whose `ca_file` clients are to trust.
        noise: the keys of the Noise certificate chain.
    """

    def __init__(self, location: str) -> None:
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        if location == IN_MEMORY:
            self._temporary = tempfile.TemporaryDirectory(prefix="waport-emulator-")
            self._folder = Path(self._temporary.name)
        else:
            self._folder = Path(location).expanduser().absolute()
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.tls = TlsAuthority(self._folder)
        self.noise = self._load_noise()

    @property
    def media_folder(self) -> Path:
        """Where the files of the media host are."""
        return self._folder / "media"

    @property
    def is_kept(self) -> bool:
        """Whether anything outlives the emulator."""
        return self._temporary is None

    def load(self, directory: Directory) -> None:
        """Put the saved accounts into the directory.

        Raises:
            CorruptRecord: the snapshot cannot be read; it is left as it is.
        """
        path = self._folder / "state.json"
        if path.exists():
            load_accounts(_read_json(path), directory)

    def write(self, snapshot: object) -> None:
        """Write a snapshot (see `dump_accounts`); the old one is replaced at once or not at all.

        May run in any thread, but only once at a time.

        Raises:
            OSError: the folder takes no file.
        """
        write_private(self._folder / "state.json", b"".join(_json_pieces(snapshot)))

    def remove(self) -> None:
        """Remove the folder if it was temporary."""
        if self._temporary is not None:
            self._temporary.cleanup()

    def _load_noise(self) -> NoiseKeys:
        path = self._folder / "noise.json"
        if not path.exists():
            keys = NoiseKeys.generate()
            if self.is_kept:
                saved = {
                    "root": keys.root.private.hex(),
                    "intermediate": keys.intermediate.private.hex(),
                    "static": keys.static.private.hex(),
                }
                write_private(path, json.dumps(saved).encode())
            return keys
        saved_keys = Saved(_read_json(path), "noise keys")
        try:
            pairs = [
                KeyPair.from_private(saved_keys.data(name))
                for name in ("root", "intermediate", "static")
            ]
        except CryptoError as exc:
            raise CorruptRecord("a saved Noise key is unusable") from exc
        return NoiseKeys(*pairs)


class Autosave:
    """Saves soon after something has changed, and not all the time.

    Args:
        take: makes a snapshot; it is consistent because nothing else runs meanwhile.
        write: writes it, in a thread: a disk may take its time.
    """

    def __init__(self, take: Callable[[], object], write: Callable[[object], None]) -> None:
        self._take = take
        self._write = write
        self._timer: asyncio.TimerHandle | None = None
        self._saving: asyncio.Task[None] | None = None
        self._changed_since = False
        self._rest_s = _SAVE_AFTER_S

    def changed(self) -> None:
        """Something has changed that must survive."""
        if self._saving is not None:
            self._changed_since = True
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._rest_s, self._start)

    async def close(self) -> None:
        """Save for the last time.

        Raises:
            OSError: the state cannot be saved.
        """
        if self._saving is not None:
            await self._saving
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.to_thread(self._write, self._take())

    def _start(self) -> None:
        self._timer = None
        self._changed_since = False
        self._saving = asyncio.create_task(self._save())

    async def _save(self) -> None:
        start = time.monotonic()
        try:
            await asyncio.to_thread(self._write, self._take())
        except OSError:
            # A full disk now may have room at the next change; the emulator goes on meanwhile.
            _log.exception("the state could not be saved")
        finally:
            self._saving = None
            self._rest_s = max(_SAVE_AFTER_S, _MAX_SHARE * (time.monotonic() - start))
            if self._changed_since:
                self.changed()


def _json_pieces(value: object, depth: int = 2) -> Iterator[bytes]:
    """JSON, each account by itself: in one go it would keep the interpreter from everybody else."""
    if depth and isinstance(value, dict):
        for number, (name, item) in enumerate(value.items()):
            yield (b"," if number else b"{") + json.dumps(name).encode() + b":"
            yield from _json_pieces(item, depth - 1)
        yield b"}" if value else b"{}"
    elif depth and isinstance(value, list):
        for number, item in enumerate(value):
            yield b"," if number else b"["
            yield from _json_pieces(item, depth - 1)
        yield b"]" if value else b"[]"
    else:
        yield json.dumps(value, separators=(",", ":")).encode()


def _read_json(path: Path) -> object:
    try:
        value: object = json.loads(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise CorruptRecord(f"{path} cannot be read") from exc
    return value
