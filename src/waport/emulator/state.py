"""The state folder: the server's keys and certificates, and a snapshot of all accounts.

With `:memory:` the folder is temporary and the snapshot is never written.
"""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ..crypto import KeyPair
from ..errors import CorruptRecord, CryptoError
from .accounts import Directory
from .certificates import NoiseKeys, TlsAuthority, write_private
from .saved import Saved
from .snapshot import dump_accounts, load_accounts

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

    def save(self, directory: Directory) -> None:
        """Write the snapshot; the old one is replaced at once or not at all."""
        if self.is_kept:
            data = json.dumps(dump_accounts(directory), separators=(",", ":")).encode()
            write_private(self._folder / "state.json", data)

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
        save: writes the snapshot.
    """

    def __init__(self, save: Callable[[], None]) -> None:
        self._save = save
        self._timer: asyncio.TimerHandle | None = None
        self._rest_s = _SAVE_AFTER_S

    def changed(self) -> None:
        """Something has changed that must survive."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._rest_s, self._run)

    def close(self) -> None:
        """Save for the last time."""
        if self._timer is not None:
            self._timer.cancel()
        self._save()

    def _run(self) -> None:
        self._timer = None
        start = time.monotonic()
        try:
            self._save()
        except OSError:
            # A full disk now may have room at the next change; the emulator goes on meanwhile.
            _log.exception("the state could not be saved")
        self._rest_s = max(_SAVE_AFTER_S, _MAX_SHARE * (time.monotonic() - start))


def _read_json(path: Path) -> object:
    try:
        value: object = json.loads(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise CorruptRecord(f"{path} cannot be read") from exc
    return value
