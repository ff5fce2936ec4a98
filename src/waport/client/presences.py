"""Who is online and who is typing, as far as the server has told: in memory, and bounded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace

from ..model import Presence, PresenceState
from ..wire import Jid
from .clock import SYSTEM_CLOCK, Clock

MAX_CHATS = 4096
"""Chats that are remembered; those of which nothing was heard for longest go first."""

MAX_IN_CHAT = 64
"""People of one group that are remembered."""

TYPING_S = 25.0
"""So long after its last word somebody counts as typing: the end need not be told."""

_TYPING = (PresenceState.COMPOSING, PresenceState.RECORDING)


class Presences:
    """What is known of one account's chats.

    Written on the store's writer thread and read on the event loop.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._chats: OrderedDict[Jid, OrderedDict[Jid, tuple[Presence, float]]] = OrderedDict()

    def put(self, presence: Presence) -> None:
        """Remember what somebody does, and forget what they did before in this chat."""
        with self._lock:
            people = self._chats.setdefault(presence.chat, OrderedDict())
            self._chats.move_to_end(presence.chat)
            people[presence.user] = (presence, self._clock.monotonic())
            people.move_to_end(presence.user)
            if len(people) > MAX_IN_CHAT:
                people.popitem(last=False)
            if len(self._chats) > MAX_CHATS:
                self._chats.popitem(last=False)

    def of(self, chat: Jid) -> tuple[Presence, ...]:
        """What those in a chat do, the latest word last."""
        now = self._clock.monotonic()
        with self._lock:
            known = list(self._chats.get(chat, {}).values())
        return tuple(
            replace(presence, state=PresenceState.PAUSED)
            if presence.state in _TYPING and now - at > TYPING_S
            else presence
            for presence, at in known
        )

    def clear(self) -> None:
        """Nothing holds any more: the connection that told it is gone."""
        with self._lock:
            self._chats.clear()
