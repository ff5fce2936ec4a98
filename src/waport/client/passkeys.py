"""The passkey step of linking: the challenge goes out to the caller, the answer to WhatsApp.

Source: docs/protocol/pairing.md, "Passkey".
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace

from ..errors import PasskeyNotRequested, StanzaError, WhatsAppError
from ..model import (
    AuthFailure,
    Credentials,
    DomainEvent,
    PasskeyChanged,
    PasskeyStage,
    PasskeyState,
)
from ..pairing import DeviceProfile, passkey
from ..stanza.query import Query
from ..wire import Node
from .background import Background
from .clock import SYSTEM_CLOCK, Clock
from .queries import Queries

log = logging.getLogger(__name__)

ANSWER_TIMEOUT_S = 300.0
"""How long the owner may take, unless the server says something else."""

PAIR_SUCCESS_TIMEOUT_S = 60.0
"""How long the phone may take to finish."""


class Passkeys:
    """The passkey step of one client; a new request takes the place of the one before.

    Args:
        session_id: for errors.
        profile: how the device presents itself.
        known: the credentials as they are now.
        store_secret: keeps another shared secret.
        report: records and publishes an event of its own.
        changed: called whenever `state` changes.
        give_up: ends the connection, since nothing comes of this attempt.
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
        give_up: Callable[[str], None],
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
        self._give_up = give_up
        self._clock = clock
        self._turn = asyncio.Lock()
        self._request: passkey.PasskeyRequest | None = None
        self._prologue: passkey.Prologue | None = None
        self._key = b""
        self._handoff: tuple[bytes, float] = (b"", 0.0)
        self._timer: asyncio.Task[None] | None = None
        self.state: PasskeyState | None = None

    def stop(self) -> None:
        """Forget it, without a word: the connection ended, or the account is linked."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._request = self._prologue = self.state = None
        self._key = b""

    # --- what the server sends ---------------------------------------------------------------

    async def on_request(self, node: Node) -> None:
        """The server wants a passkey before it goes on.

        What a QR code or a pairing code has told the phone proves the former link; from now on
        another secret counts.
        """
        self.stop()
        key = passkey.handoff_key(self._known().adv_secret)
        self._handoff = (key, self._clock.monotonic() + passkey.HANDOFF_LIFE_S)
        await self._store_secret(os.urandom(32))
        options = node.find("passkey_request_options")
        try:
            request = passkey.parse_request(None if options is None else options.content)
        except StanzaError:
            self._background.spawn(self._fetch(), "passkey options", essential=True)
        else:
            self._ask(request)

    async def _fetch(self) -> None:
        try:
            self._ask(await self._queries.run(_Options()))
        except WhatsAppError as exc:
            self._fail(f"the account wants a passkey, and does not say how: {exc}")

    def _ask(self, request: passkey.PasskeyRequest) -> None:
        self._request = request
        limit_s = request.timeout_s or ANSWER_TIMEOUT_S
        self._wait(limit_s, "nobody answered with the passkey in time")
        self._show(PasskeyState(PasskeyStage.CHALLENGE, request.options))

    def on_continuation(self, node: Node) -> None:
        """The phone has answered.

        Raises:
            StanzaError: the answer is malformed, or for nothing that waits; nothing has changed.
        """
        prologue = self._prologue
        if prologue is None or self.state is None or self.state.stage is not PasskeyStage.WAITING:
            self._report(AuthFailure("the phone answered a passkey that nobody was asked for"))
            raise StanzaError("crsc_continuation", "nothing waits for it")
        try:
            public, nonce = passkey.parse_continuation(node)
        except StanzaError as exc:
            self._report(AuthFailure(str(exc)))
            raise
        self._prologue = None
        self._background.spawn(self._go_on(prologue, public, nonce), "passkey", essential=True)

    async def _go_on(self, prologue: passkey.Prologue, public: bytes, nonce: bytes) -> None:
        try:
            found = passkey.proceed(prologue, public, nonce)
            await self._queries.run(_Plain(passkey.nonce_iq(prologue)))
            self._key = found.key
            if prologue.is_handoff:
                await self._finish()
            elif self._request is not None:
                self._show(PasskeyState(PasskeyStage.CONFIRM, self._request.options, found.code))
        except WhatsAppError as exc:
            self._fail(f"the passkey step failed: {exc}")

    # --- what the owner does -----------------------------------------------------------------

    async def answer(self, assertion: object) -> None:
        """Hand in what the owner's authenticator answered.

        Args:
            assertion: its JSON value; see `waport.pairing.passkey.check_assertion`.

        Raises:
            PasskeyNotRequested: no challenge waits for an answer.
            InvalidInput: it is no answer to this challenge.
            QueryError: WhatsApp refused it; another one may be handed in.
            QueryTimeout, ConnectionClosed, StanzaError: no answer, or a useless one.
        """
        async with self._turn:
            request, state = self._request, self.state
            if request is None or state is None or state.stage is not PasskeyStage.CHALLENGE:
                raise PasskeyNotRequested(self._session_id)
            checked = passkey.check_assertion(assertion, request)
            ref = await self._queries.run(_Ref())
            key, until = self._handoff
            is_handoff = self._clock.monotonic() < until
            prologue = passkey.begin(ref, self._profile.platform_type, is_handoff=is_handoff)
            # The phone may answer before the server does.
            self._prologue = prologue
            self._show(replace(state, stage=PasskeyStage.WAITING))
            iq = passkey.prologue_iq(prologue, checked, key if is_handoff else None)
            try:
                await self._queries.run(_Plain(iq))
            except WhatsAppError:
                if self._request is request and self._prologue is prologue:
                    self._prologue = None
                    self._show(state)
                raise

    async def confirm(self) -> None:
        """The owner has seen the same code on the phone.

        Raises:
            PasskeyNotRequested: there is no code to compare.
            QueryError, QueryTimeout, ConnectionClosed, StanzaError: WhatsApp did not take it.
        """
        async with self._turn:
            if self.state is None or self.state.stage is not PasskeyStage.CONFIRM:
                raise PasskeyNotRequested(self._session_id)
            await self._finish()

    async def _finish(self) -> None:
        """Hand the phone the keys of this device; pair-success follows, at once perhaps."""
        known, before = self._known(), self.state
        if before is None:
            return
        self._wait(PAIR_SUCCESS_TIMEOUT_S, "the phone did not finish linking in time")
        self._show(replace(before, stage=PasskeyStage.LINKING, code=""))
        iq = passkey.pairing_request_iq(
            self._key, known.noise.public, known.identity.public, known.adv_secret
        )
        try:
            await self._queries.run(_Plain(iq))
        except WhatsAppError:
            if self.state is not None:
                self._show(before)
            raise

    # --- how ---------------------------------------------------------------------------------

    def _show(self, state: PasskeyState) -> None:
        self.state = state
        self._changed()
        self._report(PasskeyChanged(state))

    def _wait(self, seconds: float, failure: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._background.spawn(
            self._time_out(seconds, failure), "passkey", essential=True
        )

    async def _time_out(self, seconds: float, failure: str) -> None:
        await self._clock.sleep(seconds)
        self._timer = None
        self._fail(failure)

    def _fail(self, reason: str) -> None:
        """Nothing comes of this attempt; a new connection begins anew."""
        log.warning("%s", reason)
        self.stop()
        self._report(AuthFailure(reason))
        self._give_up(reason)


class _Options(Query[passkey.PasskeyRequest]):
    """The options that did not come along."""

    def request(self) -> Node:
        return passkey.request_options_iq()

    def parse(self, reply: Node) -> passkey.PasskeyRequest:
        return passkey.parse_request(reply.child("passkey_request_options").content)


class _Ref(Query[str]):
    """The server's name for this attempt."""

    def request(self) -> Node:
        return passkey.ref_iq()

    def parse(self, reply: Node) -> str:
        return passkey.parse_ref(reply)


class _Plain(Query[None]):
    """A ready request whose result is empty."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def request(self) -> Node:
        return self._node

    def parse(self, reply: Node) -> None:
        return None
