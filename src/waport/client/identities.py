"""People who registered anew: what we shared with their old installation is worth nothing.

Source: docs/protocol/signal.md, "Identities".
"""

from __future__ import annotations

import logging
from functools import partial

from ..model import IdentityChanged
from ..stanza.tokens import is_fresh
from ..store import UnitOfWork
from ..wire import Jid
from .fanout import canonical
from .tokens import Tokens, known_token
from .work import Work

log = logging.getLogger(__name__)

DEBOUNCE_S = 5
"""A second word of the same new registration must not end the session that followed the first."""

MAX_REMEMBERED = 1000


class Identities:
    """Acts on the server's word that a person registered anew."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        # Written on the event loop, read on the store's writer thread.
        self._changed_at: dict[Jid, int] = {}

    def changed(self, work: Work, source: Jid) -> None:
        """Drop the person's sessions and devices, have them told our sender keys again, tell it.

        A companion's new identity, our own, and that of people with whom we have no session mean
        nothing.

        Args:
            source: `from` of the notification.
        """
        user = canonical(work.store, source)
        if source.device or work.own.is_own(source) or self._is_repeated(user, work.now):
            return
        # After the commit: one that was undone comes again, and has to be acted on.
        work.later(partial(self._remember, user, work.now))
        store = work.store
        addresses = _session_addresses(store, user)
        numbers = {0, *_known_devices(store, user)}
        store.addresses.forget_devices(user)
        if not addresses:
            return
        log.info("a contact registered anew")
        for address in addresses:
            store.signal.delete_session(address)
            store.signal.delete_identity(address)
        addresses |= {f"{name}.{number}" for name in _names(store, user) for number in numbers}
        for address in sorted(addresses):
            # Told again, but still counted among those who may have the present key.
            for group in store.sender_keys.forget_device(address):
                store.sender_keys.mark_cold(group, address)
        given_at = known_token(store, user).given_at
        if given_at and is_fresh(given_at, work.now):
            work.later(partial(self._tokens.give, user, given_at))
        work.emit(IdentityChanged(user))

    def _is_repeated(self, user: Jid, now: int) -> bool:
        # One that is in the future was before the calendar was set back.
        return 0 <= now - self._changed_at.get(user, 0) < DEBOUNCE_S

    async def _remember(self, user: Jid, now: int) -> None:
        if len(self._changed_at) >= MAX_REMEMBERED:
            self._changed_at.clear()
        self._changed_at[user] = now


def _names(store: UnitOfWork, user: Jid) -> set[str]:
    """The names under which a person's records may stand."""
    return {user.signal_name, (store.addresses.lid_of(user) or user).signal_name}


def _session_addresses(store: UnitOfWork, user: Jid) -> set[str]:
    return {
        address for name in _names(store, user) for address in store.signal.session_addresses(name)
    }


def _known_devices(store: UnitOfWork, user: Jid) -> tuple[int, ...]:
    known = store.addresses.devices(user)
    return () if known is None else known.devices
