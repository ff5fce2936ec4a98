"""Places at which a test may have the process killed, as a power cut would: nothing is flushed.

`WAPORT_CRASH_POINT=receive.committed` kills it where that point is passed for the first time,
`receive.committed:7` for the seventh. Without that variable a point costs one comparison.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping
from typing import Final

ENVIRONMENT_NAME: Final = "WAPORT_CRASH_POINT"

POINTS: Final[Mapping[str, str]] = {
    "receive.handled": "a stanza is decrypted and kept, and its transaction is still open",
    "receive.committed": "a stanza is committed and not acknowledged",
    "receive.answered": "its ack is queued for the socket, and nobody is told of its events",
    "store.committing": "a batch of jobs has run and is not committed",
    "store.committed": "a batch is committed and none of its callers knows",
    "link.sent": "a frame was handed to the socket",
    "send.prepared": "a message is encrypted and queued, and its transaction is still open",
    "send.committed": "a message is committed and none of its bytes has left",
    "send.transmitted": "a message is queued for the socket, and its sender does not know",
    "send.acked": "the server has a message, and that is not committed",
    "send.resuming": "a login is through, and what waits is not sent again",
    "send.resumed": "what waited is queued for the socket again",
    "webhook.posting": "an event is read and not posted",
    "webhook.answered": "a receiver has taken an event, and that is not noted",
    "webhook.struck": "events that were taken are struck out",
    "webhook.put_off": "a failed try is noted",
    "app_state.kept": "a change of ours is kept, and the server was not told",
    "app_state.answered": "the server has answered an exchange, and nothing of it is kept",
    "app_state.uploaded": "a change of ours is noted as taken by the server",
    "app_state.patched": "a patch of another device is committed, and nobody is told of its events",
}
"""Every point, and what is true there."""


def _read(text: str) -> tuple[str, int]:
    name, _, count = text.partition(":")
    return name, int(count) if count.isascii() and count.isdigit() else 1


_armed, _left = _read(os.environ.get(ENVIRONMENT_NAME, ""))
_lock = threading.Lock()  # points are passed on the event loop and on the store's thread


def crash_point(name: str) -> None:
    """Die here, if this point is the one that was asked for and its turn has come."""
    if name == _armed:
        _pass(name)


def _pass(name: str) -> None:
    global _left
    with _lock:
        _left -= 1
        if _left:
            return
        os.write(2, f"crash point {name}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)
