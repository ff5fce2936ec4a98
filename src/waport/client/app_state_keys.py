"""Asking the own devices for keys of the app state that are missing.

Source: docs/protocol/app-state.md, "Sync keys".
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ..appstate import write_key_request
from ..errors import ConnectionClosed, WhatsAppError
from ..proto import pb
from ..store import UnitOfWork
from .clock import SYSTEM_CLOCK, Clock
from .peer import Peer

log = logging.getLogger(__name__)

ASK_AGAIN_S = 24 * 3600
"""A key is asked for once in this time."""


class KeyRequests:
    """Asks the phone, once a day for each key."""

    def __init__(self, peer: Peer, clock: Clock = SYSTEM_CLOCK) -> None:
        self._peer = peer
        self._clock = clock

    async def ask(self, key_ids: Sequence[bytes]) -> None:
        """Ask for keys; what can't be asked now is asked for at a later occasion.

        Raises:
            ConnectionClosed: there is no connection.
        """
        try:
            await self._peer.send_made(lambda store: self._request(store, key_ids))
        except ConnectionClosed:
            raise
        except WhatsAppError as exc:
            log.warning("the phone was not asked for app-state keys: %s", exc)

    def _request(self, store: UnitOfWork, key_ids: Sequence[bytes]) -> pb.Message | None:
        now = int(self._clock.unix())
        known = store.app_state.keys()
        wanted = [
            key_id
            for key_id in key_ids
            if key_id not in known and now - store.app_state.key_asked_at(key_id) >= ASK_AGAIN_S
        ]
        if not wanted:
            return None
        for key_id in wanted:
            store.app_state.note_key_asked(key_id, now)
        log.info("asking the phone for %d app-state keys", len(wanted))
        message = pb.Message()
        message.protocolMessage.type = pb.ProtocolMessage.APP_STATE_SYNC_KEY_REQUEST
        message.protocolMessage.appStateSyncKeyRequest.CopyFrom(write_key_request(wanted))
        return message
