"""Linking with a code that the user types on the phone: asking for one, and the phone's answers.

Source: docs/protocol/pairing.md, "Pairing with a phone number (code)".
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable

from ..errors import ConnectionClosed, SessionAlreadyConnected, WhatsAppError
from ..model import AuthFailure, Credentials, DomainEvent, LinkState, PairingCodeReady
from ..pairing import (
    CODE_LIFE_S,
    FINISH_TIMEOUT_S,
    PAIR_SUCCESS_TIMEOUT_S,
    DeviceProfile,
    PendingCode,
    PrimaryHello,
    RefreshCode,
    accept_primary_hello,
    answer_primary_hello,
    companion_finish,
    companion_hello,
    create_code,
    normalise_code,
    normalise_phone,
    parse_companion_hello_reply,
    parse_link_code_notification,
    wrap_ephemeral,
)
from ..stanza.query import Query
from ..wire import Node
from .background import Background
from .clock import SYSTEM_CLOCK, Clock
from .queries import Queries

log = logging.getLogger(__name__)

READY_TIMEOUT_S = 20.0
"""How long a request for a code waits until the server is ready to register this device."""


class PairingCodes:
    """The code of one client that waits for the phone; a new one takes the place of the old.

    Args:
        session_id: for errors.
        profile: how the device presents itself.
        known: the credentials as they are now; raises ConnectionClosed before there are any.
        store_secret: keeps another shared secret.
        report: records and publishes an event of its own.
        changed: called whenever `code` changes.
    """

    def __init__(
        self,
        session_id: str,
        profile: DeviceProfile,
        queries: Queries,
        background: Background,
        *,
        known: Callable[[], Credentials],
        store_secret: Callable[[bytes], Awaitable[None]],
        report: Callable[[DomainEvent], None],
        changed: Callable[[], None],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._session_id = session_id
        self._profile = profile
        self._queries = queries
        self._background = background
        self._known = known
        self._store_secret = store_secret
        self._report = report
        self._changed = changed
        self._clock = clock
        self._turn = asyncio.Lock()
        self._settled = asyncio.Event()
        self._gone = asyncio.Event()
        self._is_over = False
        self._pending: PendingCode | None = None
        self._expiry: asyncio.Task[None] | None = None
        self._finish: asyncio.Task[None] | None = None
        self.is_finishing = False

    @property
    def code(self) -> str | None:
        """The code to type now."""
        return None if self._pending is None else self._pending.code

    # --- the connection ----------------------------------------------------------------------

    def begin(self) -> None:
        """A new connection: an old code is dead, and the server is not ready for another."""
        self.stop()
        self._settled.clear()

    def settle(self) -> None:
        """The server is ready to register this device, or it is clear that it won't be."""
        self._settled.set()

    def end(self) -> None:
        """There won't be another connection: whoever waits for one is told."""
        self._is_over = True
        self.stop()
        self._settled.set()

    def stop(self) -> None:
        """Forget the code, without a word: the connection ended, or the account is linked."""
        for task in (self._expiry, self._finish):
            if task is not None:
                task.cancel()
        self._expiry = self._finish = self._pending = None
        self.is_finishing = False
        self._gone.set()

    async def gone(self) -> None:
        """Wait until no code is waiting for the phone."""
        while self._pending is not None:
            self._gone.clear()
            await self._gone.wait()

    # --- asking for a code -------------------------------------------------------------------

    async def request(
        self, phone: str, custom: str | None = None, *, show_notification: bool = True
    ) -> str:
        """Ask for a code that the user types on the phone; it replaces the one before.

        Args:
            phone: the account's number, in any spelling.
            custom: the caller's own choice of a code. There are fewer that people choose, so it is
                easier to guess.
            show_notification: the phone shows that a device wants to be linked.

        Returns:
            8 characters, without the dash.

        Raises:
            InvalidInput: the number or the chosen code is unusable.
            SessionAlreadyConnected: the account is linked.
            QueryError: the server refuses.
            QueryTimeout, StanzaError: no answer, or a useless one.
            ConnectionClosed: not ready to register in time.
        """
        # Checked before anything waits.
        phone = normalise_phone(phone)
        custom = None if custom is None else normalise_code(custom)
        async with self._turn:
            if not await self._clock.wait(self._settled, READY_TIMEOUT_S):
                raise ConnectionClosed("not ready to link in time")
            self._require_unlinked()
            pending = create_code(phone, self._clock.monotonic(), code=custom)
            hello = await self._hello(pending, show_notification)
            ref = await self._queries.run(_LinkCodeQuery(hello))
            self._require_unlinked()
            self._replace(pending.with_ref(ref))
            self._changed()
            self._report(PairingCodeReady(pending.code))
            return pending.code

    def _require_unlinked(self) -> None:
        if self._is_over:
            raise ConnectionClosed("stopped", will_retry=False)
        if self._known().state is LinkState.LINKED:
            raise SessionAlreadyConnected(self._session_id)

    async def _hello(self, pending: PendingCode, show_notification: bool) -> Node:
        wrapped = await asyncio.to_thread(wrap_ephemeral, pending.ephemeral.public, pending.code)
        return companion_hello(
            pending,
            wrapped,
            self._known().noise.public,
            self._profile.client_type,
            self._profile.display_name,
            show_notification=show_notification,
        )

    def _replace(self, pending: PendingCode) -> None:
        self.stop()
        self._pending = pending
        self._expiry = self._background.spawn(self._expire(pending), "pairing code", essential=True)

    async def _expire(self, pending: PendingCode) -> None:
        age = self._clock.monotonic() - pending.created_at
        await self._clock.sleep(max(CODE_LIFE_S - age, 0))
        self._expiry = None
        if self._finish is None:  # else the phone answered in time, and that has its own time-out
            self._drop()

    def _drop(self) -> None:
        """The code is dead."""
        self.stop()
        self._changed()

    # --- what the phone says -----------------------------------------------------------------

    def on_notification(self, node: Node) -> None:
        """Take in a step of the phone; the caller acks it.

        Raises:
            StanzaError: it is malformed, or for no code that waits; nothing has changed.
        """
        if self._known().state is LinkState.LINKED:
            return
        step = parse_link_code_notification(node)
        if isinstance(step, PrimaryHello):
            self._on_primary_hello(step)
        elif isinstance(step, RefreshCode):
            self._on_refresh(step)
        else:
            log.info("ignored a pairing step: %s", step.stage)

    def _on_primary_hello(self, hello: PrimaryHello) -> None:
        pending = accept_primary_hello(self._pending, hello, self._clock.monotonic())
        self._pending = pending
        if self._finish is not None:
            # The user has typed again; what the first answer led to is worth nothing now.
            self._finish.cancel()
        self._finish = self._background.spawn(
            self._finish_with(pending, hello), "pairing code", essential=True
        )

    def _on_refresh(self, step: RefreshCode) -> None:
        pending = self._pending
        if pending is None or pending.ref != step.ref:
            return
        self._drop()
        if step.by_hand:
            self._report(AuthFailure("the pairing code is no longer valid; ask for another"))
        else:
            self._background.spawn(self._renew(pending.phone), "new pairing code", essential=True)

    async def _renew(self, phone: str) -> None:
        try:
            await self.request(phone)
        except WhatsAppError as exc:
            self._report(AuthFailure(f"no new pairing code: {exc}"))

    async def _finish_with(self, pending: PendingCode, hello: PrimaryHello) -> None:
        failure = "the phone did not finish linking in time"
        try:
            # Low-order keys end here, with the secret as it was.
            answer = await asyncio.to_thread(
                answer_primary_hello, pending, hello, self._known().identity
            )
            self.is_finishing = True
            # Before the phone can use it: pair-success is checked with the stored secret.
            await self._store_secret(answer.adv_secret)
            finish = companion_finish(pending, answer, self._known().identity.public)
            await self._queries.run(_Plain(finish), FINISH_TIMEOUT_S)
            await self._clock.sleep(PAIR_SUCCESS_TIMEOUT_S)
        except WhatsAppError as exc:
            failure = str(exc)
        # Nothing came of it: the code is dead, and so is a secret that the phone may know.
        was_told = self.is_finishing
        self._finish = None
        self._report(AuthFailure(failure))
        self._drop()
        if was_told:
            await self._store_secret(os.urandom(32))


class _LinkCodeQuery(Query[bytes]):
    """companion_hello; the answer is the server's name for the code."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def request(self) -> Node:
        return self._node

    def parse(self, reply: Node) -> bytes:
        return parse_companion_hello_reply(reply)


class _Plain(Query[None]):
    """A ready request whose result is empty."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def request(self) -> Node:
        return self._node

    def parse(self, reply: Node) -> None:
        return None
