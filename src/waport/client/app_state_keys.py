"""Keys of the app state: asking the phone for those that are missing, and answering own devices.

Source: docs/protocol/app-state.md, "Sync keys".
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from ..appstate import write_key_request, write_key_share
from ..errors import ConnectionClosed, WhatsAppError
from ..proto import pb
from ..store import Database, UnitOfWork
from ..store.app_state_keys import KeyRequest
from .clock import SYSTEM_CLOCK, Clock
from .peer import Peer

log = logging.getLogger(__name__)

ASK_AGAIN_S = 24 * 3600
"""A key is asked for once in this time."""

GIVE_UP_S = 7 * 24 * 3600
"""After this time a key is not waited for any more."""


class KeyRequests:
    """Asks the phone, once a day for each key."""

    def __init__(
        self, database: Database, session_id: str, peer: Peer, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._peer = peer
        self._clock = clock

    async def ask(self, key_ids: Sequence[bytes]) -> bool:
        """Ask for keys; what can't be asked now is asked for at a later occasion.

        Returns:
            False if it is no use to wait: the phone lacks one too, or has not given it for a week.

        Raises:
            ConnectionClosed: there is no connection.
        """
        asked: list[bytes] = []
        try:
            await self._peer.send_made(lambda store: self._request(store, key_ids, asked))
        except WhatsAppError as exc:
            # Nothing left: it must not count for a day.
            await self._database.write(self._session_id, lambda store: _set_asked(store, asked, 0))
            if isinstance(exc, ConnectionClosed):
                raise
            log.warning("the phone was not asked for app-state keys: %s", exc)
        now = int(self._clock.unix())
        return await self._database.read(
            self._session_id, lambda store: not _is_hopeless(store, key_ids, now)
        )

    def _request(
        self, store: UnitOfWork, key_ids: Sequence[bytes], asked: list[bytes]
    ) -> pb.Message | None:
        now = int(self._clock.unix())
        asked.clear()  # the transaction may run again
        for key_id in store.sync_keys.missing(key_ids):
            request = store.sync_keys.request(key_id)
            # What was asked in the future was asked before the calendar was set back.
            is_due = not 0 <= now - request.asked_at < ASK_AGAIN_S and not request.is_unknown
            if is_due:
                asked.append(key_id)
            if is_due or not request.first_at:
                store.sync_keys.put_request(
                    key_id,
                    replace(
                        request,
                        asked_at=now if is_due else request.asked_at,
                        first_at=min(request.first_at or now, now),
                    ),
                )
        if not asked:
            return None
        log.info("asking the phone for %d app-state keys", len(asked))
        message = pb.Message()
        message.protocolMessage.type = pb.ProtocolMessage.APP_STATE_SYNC_KEY_REQUEST
        message.protocolMessage.appStateSyncKeyRequest.CopyFrom(write_key_request(asked))
        return message

    async def answer(self, device: int, key_ids: Sequence[bytes]) -> None:
        """Give another own device the keys that it asks for, and say which ones we lack.

        Args:
            device: its number.

        Raises:
            WhatsAppError: it can't be reached; it will ask again.
        """
        await self._peer.send_made(lambda store: _share(store, key_ids), device=device)


def _set_asked(store: UnitOfWork, key_ids: Sequence[bytes], at: int) -> None:
    for key_id in key_ids:
        request = store.sync_keys.request(key_id)
        store.sync_keys.put_request(key_id, replace(request, asked_at=at))


def _is_hopeless(store: UnitOfWork, key_ids: Sequence[bytes], now: int) -> bool:
    requests = [store.sync_keys.request(each) for each in store.sync_keys.missing(key_ids)]
    return any(_is_given_up(request, now) for request in requests)


def _is_given_up(request: KeyRequest, now: int) -> bool:
    return request.is_unknown or (bool(request.first_at) and now - request.first_at >= GIVE_UP_S)


def _share(store: UnitOfWork, key_ids: Sequence[bytes]) -> pb.Message | None:
    known = {key.id: key for key in store.sync_keys.all()}
    share = write_key_share(
        [known[each] for each in key_ids if each in known],
        [each for each in key_ids if each not in known],
    )
    if not share.keys:
        return None
    message = pb.Message()
    message.protocolMessage.type = pb.ProtocolMessage.APP_STATE_SYNC_KEY_SHARE
    message.protocolMessage.appStateSyncKeyShare.CopyFrom(share)
    return message
