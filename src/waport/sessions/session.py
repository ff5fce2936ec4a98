"""One account that this server runs: a client and the task that keeps it alive."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ..client import Cause, Client, Close
from ..client.features.business import Business
from ..client.features.chats import Chats
from ..client.features.contacts import Contacts
from ..client.features.groups import Groups
from ..client.features.history import History
from ..client.features.media import Media
from ..client.features.messages import Messages
from ..client.features.newsletters import Newsletters
from ..client.features.presence import Presence
from ..client.features.profile import Profile
from ..client.features.settings import Settings
from ..errors import PasskeyNotRequested, QrNotAvailable, SessionNotConnected, StoreError
from ..model import Evidence, PasskeyState, SessionState
from ..wire import Jid

log = logging.getLogger(__name__)

STOP_TIMEOUT_S = 10.0
"""How long a client may take to close its connection before its task is cancelled."""


class Session:
    """A started session.

    Args:
        session_id: the id in the API's paths.
        client: not running yet.
        on_end: called once when the client ended by itself, with how.

    Attributes:
        has_ended: the client runs no more, and won't by itself.
    """

    def __init__(
        self, session_id: str, client: Client, *, on_end: Callable[[Session, Close], None]
    ) -> None:
        self.id = session_id
        self.client = client
        self._on_end = on_end
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self.has_ended = False

    def start(self) -> None:
        """Begin to connect."""
        self._task = asyncio.create_task(self._run(), name=f"session {self.id}")

    async def _run(self) -> None:
        try:
            close = await self.client.run()
        except StoreError as exc:
            # The credentials are left as they are: an operator can mend or restore them.
            log.error("session %s cannot run: %s", self.id, exc)
            close = Close(Cause.REFUSED, "the stored credentials can't be used")
        except Exception:  # a fault of ours ends this session and no other
            log.exception("session %s failed", self.id)
            close = Close(Cause.REFUSED, "internal error")
        finally:
            self.has_ended = True
        if not self._stopping:
            self._on_end(self, close)

    async def stop(self) -> None:
        """Close the connection and wait until the client is gone."""
        self._stopping = True
        if self._task is None:
            return
        self.client.stop()
        await asyncio.wait([self._task], timeout=STOP_TIMEOUT_S)
        if not self._task.done():
            log.error("session %s did not stop in time", self.id)
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def state(self) -> SessionState:
        """Where the session stands."""
        return self.client.state

    @property
    def evidence(self) -> Evidence | None:
        """What shows that its connection lives; None when there is none."""
        return self.client.evidence

    @property
    def own_jid(self) -> Jid:
        """The account, bare, by phone number."""
        return self.client.own_jid

    @property
    def qr(self) -> str:
        """The QR code to show now.

        Raises:
            QrNotAvailable: there is none.
        """
        qr = self.client.linking.qr
        if qr is None or self.state is not SessionState.QR:
            raise QrNotAvailable(self.id)
        return qr

    @property
    def passkey(self) -> PasskeyState:
        """How far the passkey step of linking has come.

        Raises:
            PasskeyNotRequested: linking needs none now.
        """
        state = self.client.linking.passkeys.state
        if state is None:
            raise PasskeyNotRequested(self.id)
        return state

    def require_connected(self) -> Session:
        """This session.

        Raises:
            SessionNotConnected: it is not logged in.
        """
        if self.state is not SessionState.CONNECTED:
            raise SessionNotConnected(self.id)
        return self

    @property
    def messages(self) -> Messages:
        """Sending and reading messages."""
        return self.client.messages

    @property
    def media(self) -> Media:
        """Files of messages."""
        return self.client.media

    @property
    def groups(self) -> Groups:
        """Groups: their members and settings."""
        return self.client.groups

    @property
    def chats(self) -> Chats:
        """The list of chats."""
        return self.client.chats

    @property
    def contacts(self) -> Contacts:
        """People."""
        return self.client.contacts

    @property
    def profile(self) -> Profile:
        """What the account shows of itself."""
        return self.client.profile

    @property
    def presence(self) -> Presence:
        """Being online, and showing that one types."""
        return self.client.presence

    @property
    def newsletters(self) -> Newsletters:
        """Channels."""
        return self.client.newsletters

    @property
    def business(self) -> Business:
        """What businesses sell."""
        return self.client.business

    @property
    def history(self) -> History:
        """What the phone knows of old messages."""
        return self.client.history

    @property
    def settings(self) -> Settings:
        """What the devices of the account share."""
        return self.client.settings
