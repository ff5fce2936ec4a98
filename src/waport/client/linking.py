"""Linking to an account: QR codes, codes to type, and the check of what the phone signed."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import replace

from ..errors import ConnectionClosed, PairingError, StanzaError, StoreError, WhatsAppError
from ..model import (
    AuthFailure,
    Credentials,
    CredentialsSaved,
    DomainEvent,
    LinkState,
    QrReady,
)
from ..pairing import (
    FIRST_QR_LIFE_S,
    NEXT_QR_LIFE_S,
    PairedIdentity,
    PairSuccess,
    pair_success_refusal,
    pair_success_reply,
    parse_pair_success,
    parse_refs,
    qr_text,
    verify_pair_success,
    wants_new_secret,
)
from ..stanza.query import iq_result
from ..stanza.receipt import ack
from ..store import Database, UnitOfWork
from ..wire import SERVER, Node
from .background import Background
from .clock import SYSTEM_CLOCK, Clock
from .config import ClientConfig
from .encryption import learn_mapping
from .link import Link
from .pairing_codes import PairingCodes
from .passkeys import Passkeys
from .policy import Cause, Close
from .queries import Queries
from .work import EventSink

log = logging.getLogger(__name__)

RESTART_TIMEOUT_S = 10.0
"""How long the server may take to send 515 after it got our signature."""

_PROLOGUE = "passkey_prologue_request"
_PASSKEY = frozenset((_PROLOGUE, "crsc_continuation"))
_NOTIFICATIONS = _PASSKEY | {"companion_reg_refresh", "link_code_companion_reg"}


class Linking:
    """One client's way from fresh credentials to a linked account.

    Args:
        report: records and publishes an event of its own.
        changed: called with no argument whenever `qr` or `code` changes.

    Attributes:
        qr: the QR text to show now.
        passkeys: the passkey step, which some accounts demand.
        paired: the phone has linked us over the present connection.
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
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._config = config
        self._background = background
        self._sink = sink
        self._report = report
        self._changed = changed
        self._clock = clock
        self._codes = PairingCodes(
            session_id,
            config.profile,
            queries,
            background,
            known=lambda: self._known,
            store_secret=self._store_secret,
            report=report,
            changed=changed,
            clock=clock,
        )
        self.passkeys = Passkeys(
            session_id,
            config.profile,
            queries,
            background,
            known=lambda: self._known,
            store_secret=self._store_secret,
            report=report,
            changed=changed,
            give_up=lambda reason: queries.link.close(Close(Cause.LOST, reason)),
            clock=clock,
        )
        self._credentials: Credentials | None = None
        self._is_verifying = False
        self._ref = ""
        self._showing: asyncio.Task[None] | None = None
        self.qr: str | None = None
        self.paired = False

    @property
    def code(self) -> str | None:
        """The code to type on the phone now."""
        return self._codes.code

    @property
    def code_shown(self) -> str | None:
        """The code to type on the phone, or a word that the passkey step is under way."""
        state = self.passkeys.state
        return self.code if state is None else state.stage.value

    @property
    def _known(self) -> Credentials:
        if self._credentials is None:
            raise ConnectionClosed("not connected")
        return self._credentials

    # --- the connection ----------------------------------------------------------------------

    def begin(self, credentials: Credentials) -> None:
        """A new connection."""
        self._credentials = credentials
        self.pause()
        self._is_verifying = self.paired = False
        if credentials.state is LinkState.LINKED:
            self._codes.settle()

    def pause(self) -> None:
        """The connection is gone: its QR codes and codes are dead."""
        self._stop_showing()
        self._codes.begin()
        self.passkeys.stop()

    def end(self) -> None:
        """There won't be another connection."""
        self._stop_showing()
        self._codes.end()
        self.passkeys.stop()

    def _stop_showing(self) -> None:
        self.qr = None
        if self._showing is not None:
            self._showing.cancel()
            self._showing = None

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
        self._stop_showing()
        self._showing = self._background.spawn(
            self._show_qr_codes(link, refs), "QR codes", essential=True
        )
        self._codes.settle()

    async def _show_qr_codes(self, link: Link, refs: list[str]) -> None:
        for index, ref in enumerate(refs):
            self._ref = ref
            self._show_qr()
            await self._clock.sleep(NEXT_QR_LIFE_S if index else FIRST_QR_LIFE_S)
        self.qr = None
        # A code lives longer than the QR codes do.
        await self._codes.gone()
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
        """Take in a notification; False when it is not about linking.

        Raises:
            StanzaError: it is malformed; nothing has changed, and it is to be acked.
        """
        kind = node.get("type")
        if kind not in _NOTIFICATIONS:
            return False
        if node.get_jid("from") != SERVER:
            log.warning("ignored a step of linking that is not the server's")
        elif kind == "companion_reg_refresh":
            await self._on_refresh(node)
        elif kind in _PASSKEY:
            await self._on_passkey(node)
        else:
            self._codes.on_notification(node)
        link.send(ack(node))
        return True

    async def _on_passkey(self, node: Node) -> None:
        if self._known.state is LinkState.LINKED:
            log.warning("ignored a passkey step: this device is linked")
        elif node.get("type") == _PROLOGUE:
            # The phone has scanned or typed; from here on neither code leads anywhere.
            self._stop_showing()
            self._codes.stop()
            await self.passkeys.on_request(node)
        else:
            self.passkeys.on_continuation(node)

    async def _on_refresh(self, node: Node) -> None:
        # While companion_finish is on its way the phone has the secret already.
        if wants_new_secret(node) and not self._codes.is_finishing:
            await self._store_secret(os.urandom(32))

    async def _store_secret(self, secret: bytes) -> None:
        """Keep another shared secret, unless the account is linked meanwhile; renew the QR code."""

        def job(store: UnitOfWork) -> Credentials | None:
            credentials = store.devices.get()
            if credentials is None or credentials.state is LinkState.LINKED:
                return None
            credentials = replace(credentials, adv_secret=secret)
            store.devices.save(credentials)
            return credentials

        credentials = await self._database.write(self._session_id, job)
        if credentials is None:
            return
        self._credentials = credentials
        if self.qr is not None:
            self._show_qr()

    # --- pair-success ------------------------------------------------------------------------

    async def _on_pair_success(self, link: Link, node: Node) -> None:
        if self._is_verifying:
            log.warning("ignored a second pair-success")
            return
        self._is_verifying = True
        try:
            success = parse_pair_success(node)
        except StanzaError as exc:
            # Without an id it can't even be refused.
            self._report(AuthFailure(str(exc)))
            link.close(Close(Cause.LOST, str(exc)))
            return
        except PairingError as exc:
            self._fail(link, node.attr("id"), exc)
            return
        try:
            paired = verify_pair_success(
                success.identity, self._known.adv_secret, self._known.identity
            )
            await self._store_link(success, paired)
        except PairingError as exc:
            self._fail(link, success.request_id, exc)
            return
        except WhatsAppError as exc:
            self._fail(link, success.request_id, PairingError(500, "internal-error", str(exc)))
            return
        self._stop_showing()
        self._codes.stop()
        self.passkeys.stop()
        self.paired = True
        link.send(pair_success_reply(success.request_id, paired))
        self._background.spawn(self._restart(link), "restart after pairing", essential=True)

    def _fail(self, link: Link, request_id: str, error: PairingError) -> None:
        log.warning("%s", error)
        self._report(AuthFailure(error.detail))
        link.send(pair_success_refusal(request_id, error))
        link.close(Close(Cause.LOST, "pairing failed"))

    async def _store_link(self, success: PairSuccess, paired: PairedIdentity) -> None:
        if success.lid is None:
            log.warning("the server told no LID; it comes with the login")

        def job(store: UnitOfWork) -> tuple[Credentials, list[object]]:
            credentials = store.devices.get()
            if credentials is None:
                raise StoreError("the credentials are gone")
            linked = replace(
                credentials,
                state=LinkState.LINKED,
                pn=success.pn,
                lid=success.lid,
                account=paired.account,
                platform=success.platform,
                login_counter=0,
            )
            store.devices.save(linked)
            if success.lid is not None:
                learn_mapping(store, success.pn.bare, success.lid.bare)
            if success.business_name:
                store.contacts.set_business(success.pn.bare, success.business_name)
            phone = (success.lid or success.pn).with_device(0)
            store.signal.put_identity(phone.signal_address, paired.account_key)
            return linked, list(self._sink.record(store, CredentialsSaved(), success.pn.bare))

        linked, frames = await self._database.write(self._session_id, job)
        self._credentials = linked
        self._sink.publish(self._session_id, frames)

    async def _restart(self, link: Link) -> None:
        """The server closes with 515; if it doesn't, we log in all the same."""
        await self._clock.sleep(RESTART_TIMEOUT_S)
        link.close(Close(Cause.RESTART, "paired"))

    # --- linking with a code -----------------------------------------------------------------

    async def request_code(
        self, phone: str, custom: str | None = None, *, show_notification: bool = True
    ) -> str:
        """Ask for a code that the user types on the phone; see `PairingCodes.request`."""
        return await self._codes.request(phone, custom, show_notification=show_notification)
