"""What the phone does for its companions about app state: keys, and copies of whole collections.

Source: docs/protocol/app-state.md, "Sync keys" and "Recovery".
"""

from __future__ import annotations

from collections.abc import Callable

from ..proto import pb
from ..wire import Jid
from .appstate_store import AppState
from .history import key_share
from .phone_data import state_response
from .phone_devices import OwnAddress
from .phone_habits import Habits
from .phone_outbox import Outbox
from .phone_pairing import Linker
from .phone_settings import key_expiration


class PhoneState:
    """Answers companions that lack something, and makes new keys."""

    def __init__(
        self,
        app_state: AppState,
        outbox: Outbox,
        linker: Linker,
        own: OwnAddress,
        habits: Habits,
        now_ms: Callable[[], int],
    ) -> None:
        self._app_state = app_state
        self._outbox = outbox
        self._linker = linker
        self._own = own
        self._habits = habits
        self._now_ms = now_ms
        self.copied: list[str] = []

    async def answer_keys(self, companion: Jid, request: pb.AppStateSyncKeyRequest) -> None:
        """Share the keys that a companion asks for, and say which are not known.

        Raises:
            QueryError, CryptoError: the companion has no usable bundle.
        """
        if self._habits.keys == "ignore":
            return
        held = self._app_state.keys if self._habits.keys == "answer" else []
        wanted = [key.keyId for key in request.keyIds]
        known = [key for key in held if key.id in wanted]
        missing = [key_id for key_id in wanted if key_id not in {key.id for key in known}]
        share = key_share(known, self._linker.account, missing)
        await self._outbox.send_peer(companion, share)

    async def answer_copy(
        self, companion: Jid, name: str, request: pb.PeerDataOperationRequestMessage
    ) -> None:
        """Give a companion a whole collection.

        Raises:
            InvalidInput, CryptoError, ProtocolError: as `AppState.copy`.
            QueryError: the companion has no usable bundle.
        """
        self.copied.append(request.syncdCollectionFatalRecoveryRequest.collectionName)
        if self._habits.state == "answer":
            answer = state_response(name, request, self._app_state.copy)
            await self._outbox.send_peer(companion, answer)

    async def new_key(self, *, is_shared: bool = True, expires: bool = False) -> bytes:
        """Make a new app-state key, as phones do once a month or when a companion is gone.

        Args:
            is_shared: companions get it at once; else they have to ask.
            expires: the older keys encrypt nothing any more, which app state says.

        Returns:
            the key's id.
        Raises:
            QueryError, CryptoError: a companion has no usable bundle.
            ProtocolError: as `AppState.write`.
        """
        key = self._app_state.new_key(self._now_ms())
        if is_shared:
            share = key_share([key], self._linker.account)
            for device in sorted(self._linker.account.live):
                await self._outbox.send_peer(self._own.pn.with_device(device), share)
        if expires:
            epoch = int.from_bytes(key.id[2:], "big") - 1
            await self._app_state.write("regular_low", [key_expiration(epoch, self._now_ms())])
        return key.id
