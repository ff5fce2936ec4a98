"""Linking to an account: QR codes, codes to type, and the check of what the phone signed."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from dataclasses import replace

from ..errors import (
    ConnectionClosed,
    CryptoError,
    PairingError,
    StanzaError,
    WhatsAppError,
)
from ..model import (
    AuthFailure,
    Credentials,
    CredentialsSaved,
    DomainEvent,
    LinkState,
    PairingCodeReady,
    QrReady,
)
from ..pairing import (
    CODE_LIFE_S,
    FINISH_TIMEOUT_S,
    FIRST_QR_LIFE_S,
    NEXT_QR_LIFE_S,
    PAIR_SUCCESS_TIMEOUT_S,
    PairedIdentity,
    PairSuccess,
    PendingCode,
    PrimaryHello,
    RefreshCode,
    accept_primary_hello,
    answer_primary_hello,
    companion_finish,
    companion_hello,
    create_code,
    pair_success_refusal,
    pair_success_reply,
    parse_companion_hello_reply,
    parse_link_code_notification,
    parse_pair_success,
    parse_refs,
    qr_text,
    verify_pair_success,
    wants_new_secret,
    wrap_ephemeral,
)
from ..stanza.query import Query, iq_result
from ..stanza.receipt import ack
from ..store import Database, UnitOfWork
from ..wire import Node
from .background import Background
from .config import ClientConfig
from .encryption import learn_mapping
from .link import Link
from .policy import Cause, Close
from .queries import Queries
from .work import EventSink

log = logging.getLogger(__name__)

READY_TIMEOUT_S = 20.0
"""How long a request for a code waits until the server is ready to register this device."""

RESTART_TIMEOUT_S = 10.0
"""How long the server may take to send 515 after it got our signature."""


class Linking:
    """One client's way from fresh credentials to a linked account.

    Args:
        report: records and publishes an event of its own.
        changed: called with no argument whenever `qr` or `code` changes.
    """

    def __init__(
        self,
        database: Database,
        session_id: str,
        config: ClientConfig,
        queries: Queries,
        background: Background,
        sink: EventSink,
        *,
        report: Callable[[DomainEvent], None],
        changed: Callable[[], None],
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._config = config
        self._queries = queries
        self._background = background
        self._sink = sink
        self._report = report
        self._changed = changed
        self._ready = asyncio.Event()
        self._pending: PendingCode | None = None
        self._finishing = False
        self._verifying = False
        self._ref = ""
        self._credentials: Credentials | None = None
        self.qr: str | None = None
        self.code: str | None = None
        self.paired = False

    def begin(self, credentials: Credentials) -> None:
        """A new connection: old QR codes and codes are dead."""
        self._credentials = credentials
        self._ready.clear()
        self._pending = None
        self._finishing = self._verifying = False
        self.qr = self.code = None
        self.paired = False

    @property
    def _known(self) -> Credentials:
        if self._credentials is None:
            raise ConnectionClosed("not connected")
        return self._credentials

    # --- what the server sends ---------------------------------------------------------------

    async def on_iq(self, link: Link, node: Node) -> bool:
        """Take in an IQ of the server; False when it is not about linking."""
        pair_device = node.find("pair-device")
        if pair_device is None and node.find("pair-success") is None:
            return False
        if self._known.state is LinkState.LINKED:
            log.warning("ignored an offer to link: this device is linked")
            return True
        if pair_device is not None:
            self._on_refs(link, node, parse_refs(pair_device))
        else:
            await self._on_pair_success(link, node)
        return True

    def _on_refs(self, link: Link, node: Node, refs: list[str]) -> None:
        link.send(iq_result(node))
        if not refs:
            link.close(Close(Cause.LOST, "the server sent no refs"))
            return
        self._ready.set()
        self._background.spawn(self._show_qr_codes(link, refs), "QR codes")

    async def _show_qr_codes(self, link: Link, refs: list[str]) -> None:
        for index, ref in enumerate(refs):
            self._ref = ref
            self._show_qr()
            await asyncio.sleep(NEXT_QR_LIFE_S if index else FIRST_QR_LIFE_S)
        self.qr = None
        link.close(Close(Cause.QR_EXPIRED, "nobody scanned the QR code"))

    def _show_qr(self) -> None:
        """Made when it is shown, since the secret may have changed."""
        known = self._known
        self.qr = qr_text(
            self._ref,
            known.noise.public,
            known.identity.public,
            known.adv_secret,
            self._config.profile.client_type,
        )
        self._changed()
        self._report(QrReady(self.qr))

    async def on_notification(self, link: Link, node: Node) -> bool:
        """Take in a notification; False when it is not about linking."""
        kind = node.get("type")
        if kind == "companion_reg_refresh":
            await self._on_refresh(node)
        elif kind == "link_code_companion_reg":
            await self._on_link_code(node)
        else:
            return False
        link.send(ack(node))
        return True

    async def _on_refresh(self, node: Node) -> None:
        if not wants_new_secret(node) or self._known.state is LinkState.LINKED or self._finishing:
            return
        await self._store_secret(os.urandom(32))
        if self.qr is not None:
            self._show_qr()

    async def _store_secret(self, secret: bytes) -> None:
        credentials = replace(self._known, adv_secret=secret)
        await self._database.write(self._session_id, lambda store: store.devices.save(credentials))
        self._credentials = credentials

    # --- pair-success ------------------------------------------------------------------------

    async def _on_pair_success(self, link: Link, node: Node) -> None:
        if self._verifying:
            log.warning("ignored a second pair-success")
            return
        self._verifying = True
        request_id = node.get("id") or ""
        try:
            success = parse_pair_success(node)
            paired = verify_pair_success(
                success.identity, self._known.adv_secret, self._known.identity
            )
            await self._store_link(success, paired)
        except PairingError as exc:
            self._fail(link, request_id, exc)
            return
        except StanzaError as exc:
            # Without an id it cannot even be refused.
            link.close(Close(Cause.LOST, str(exc)))
            return
        except WhatsAppError as exc:
            self._fail(link, request_id, PairingError(500, "internal-error", str(exc)))
            return
        self.qr = self.code = None
        self._pending = None
        self.paired = True
        link.send(pair_success_reply(success.request_id, paired))
        self._background.spawn(self._restart(link), "restart after pairing")

    def _fail(self, link: Link, request_id: str, error: PairingError) -> None:
        log.warning("%s", error)
        self._report(AuthFailure(error.detail))
        link.send(pair_success_refusal(request_id, error))
        link.close(Close(Cause.LOST, "pairing failed"))

    async def _store_link(self, success: PairSuccess, paired: PairedIdentity) -> None:
        linked = replace(
            self._known,
            state=LinkState.LINKED,
            pn=success.pn,
            lid=success.lid,
            account=paired.account,
            platform=success.platform,
            login_counter=0,
        )

        def job(store: UnitOfWork) -> list[object]:
            store.devices.save(linked)
            if success.lid is not None:
                learn_mapping(store, success.pn.bare, success.lid.bare)
            phone = (success.lid or success.pn).with_device(0)
            store.signal.put_identity(phone.signal_address, paired.account_key)
            return list(self._sink.record(store, CredentialsSaved(), success.pn.bare))

        frames = await self._database.write(self._session_id, job)
        self._credentials = linked
        self._sink.publish(self._session_id, frames)

    @staticmethod
    async def _restart(link: Link) -> None:
        """The server closes with 515; if it doesn't, we log in all the same."""
        await asyncio.sleep(RESTART_TIMEOUT_S)
        link.close(Close(Cause.RESTART, "paired"))

    # --- linking with a code -----------------------------------------------------------------

    async def request_code(self, phone: str, custom: str | None = None) -> str:
        """Ask for a code that the user types on the phone; it replaces the one before.

        Returns:
            8 characters, without the dash.

        Raises:
            InvalidInput: the number or the chosen code is unusable.
            QueryError: the server refuses.
            ConnectionClosed: not ready to register in time.
        """
        # Checked before anything waits.
        pending = create_code(phone, time.monotonic(), code=custom)
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                await self._ready.wait()
        except TimeoutError as exc:
            raise ConnectionClosed("not ready to link in time") from exc
        wrapped = await asyncio.to_thread(wrap_ephemeral, pending.ephemeral.public, pending.code)
        profile = self._config.profile
        hello = companion_hello(
            pending, wrapped, self._known.noise.public, profile.client_type, profile.display_name
        )
        ref = await self._queries.run(_LinkCodeQuery(hello))
        self._pending = pending.with_ref(ref)
        self.code = pending.code
        self._changed()
        self._report(PairingCodeReady(pending.code))
        self._background.spawn(self._expire(self._pending), "pairing code")
        return pending.code

    async def _expire(self, pending: PendingCode) -> None:
        await asyncio.sleep(CODE_LIFE_S)
        self._drop_code(pending)

    def _drop_code(self, pending: PendingCode) -> None:
        if self._pending is not None and self._pending.code == pending.code:
            self._pending = None
            self._finishing = False
            self.code = None
            self._changed()

    async def _on_link_code(self, node: Node) -> None:
        if self._known.state is LinkState.LINKED:
            return
        step = parse_link_code_notification(node)
        if isinstance(step, PrimaryHello):
            self._pending = accept_primary_hello(self._pending, step, time.monotonic())
            self._background.spawn(self._finish_code(self._pending, step), "pairing code")
        elif isinstance(step, RefreshCode):
            pending = self._pending
            if pending is not None and pending.ref == step.ref:
                self._drop_code(pending)
                if not step.by_hand:
                    self._background.spawn(self._renew_code(pending.phone), "new pairing code")
        else:
            log.info("ignored a pairing step: %s", step.stage)

    async def _renew_code(self, phone: str) -> None:
        await self.request_code(phone)

    async def _finish_code(self, pending: PendingCode, hello: PrimaryHello) -> None:
        try:
            answer = await asyncio.to_thread(
                answer_primary_hello, pending, hello, self._known.identity
            )
        except CryptoError as exc:
            log.warning("the phone's key is unusable: %s", exc)
            self._drop_code(pending)
            return
        self._finishing = True
        # Before the phone can use it: pair-success is checked with the stored secret.
        await self._store_secret(answer.adv_secret)
        finish = companion_finish(pending, answer, self._known.identity.public)
        try:
            await self._queries.run(_Plain(finish), FINISH_TIMEOUT_S)
            await asyncio.sleep(PAIR_SUCCESS_TIMEOUT_S)
        except WhatsAppError as exc:
            self._report(AuthFailure(str(exc)))
        # Nothing came of it: the code and its secret are dead.
        self._drop_code(pending)
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
