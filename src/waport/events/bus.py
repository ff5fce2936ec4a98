"""Tells whoever delivers events that some were committed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .frames import Frame

Listener = Callable[[str, Sequence[Frame]], None]
"""Called with a session id and its new frames, in order. It must return at once and not raise."""


class EventBus:
    """Passes committed frames to its listeners, within this process.

    Lives on the event loop's thread. Nothing is kept: what must not be lost stands in the event
    log, and the listeners that deliver reliably are only woken by this.
    """

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> None:
        """Add a listener; they are called in the order in which they came."""
        self._listeners.append(listener)

    def publish(self, session_id: str, frames: Sequence[Frame]) -> None:
        """Pass on frames whose transaction is committed."""
        if not frames:
            return
        for listener in self._listeners:
            listener(session_id, frames)
