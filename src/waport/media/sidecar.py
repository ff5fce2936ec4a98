"""The streaming sidecar: MACs over windows of a file, so that a player can check what it seeks to.

Receivers never refuse a file because of it: implementations disagree about the first window.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from .cipher import MAC_SIZE

WINDOW = 64 * 1024
OVERLAP = 16
"""A window holds the first block of the next one too, which is the IV for it."""


class Sidecar:
    """Computes the sidecar of a file while it passes by.

    Args:
        mac_key: of the file's `MediaKeys`.

    Source: docs/protocol/messages.md, "Streaming sidecar".
    """

    def __init__(self, mac_key: bytes) -> None:
        self._key = mac_key
        self._held = bytearray()
        self._macs = bytearray()

    def update(self, encrypted: bytes) -> None:
        """Take the next piece of the encrypted file; its MAC belongs to it too."""
        self._held += encrypted
        start = 0
        with memoryview(self._held) as held:
            while len(held) - start >= WINDOW + OVERLAP:
                self._add(held[start : start + WINDOW + OVERLAP])
                start += WINDOW
        del self._held[:start]

    def finish(self) -> bytes:
        """The sidecar: 10 bytes for each begun 64 KiB of the file."""
        for start in range(0, len(self._held), WINDOW):
            self._add(memoryview(self._held)[start : start + WINDOW + OVERLAP])
        self._held = bytearray()
        return bytes(self._macs)

    def _add(self, window: memoryview) -> None:
        self._macs += hmac.digest(self._key, window, "sha256")[:MAC_SIZE]


def sidecar(encrypted: Iterable[bytes], mac_key: bytes) -> bytes:
    """The sidecar of an encrypted file that is given in pieces of any size."""
    builder = Sidecar(mac_key)
    for piece in encrypted:
        builder.update(piece)
    return builder.finish()
