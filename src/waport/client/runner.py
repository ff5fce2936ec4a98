"""Connect, log in, stay; and connect again as the table in `policy` says."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import replace

from ..connection import Connection
from ..crypto import KeyPair
from ..errors import ConnectionClosed, QueryTimeout, WhatsAppError
from ..model import (
    TRANSITIONS,
    WA_WORDS,
    Authenticated,
    AuthFailure,
    Credentials,
    Disconnected,
    LinkState,
    Ready,
    SessionState,
    StateChanged,
    Step,
)
from ..pairing import ClientVersion, login_payload, registration_payload
from ..signal import SignedPreKey
from ..stanza.login import Ping, Success, parse_success
from ..store import Database, UnitOfWork
from ..wire import Node
from .background import Background
from .config import ClientConfig
from .dispatch import Dispatcher
from .link import Link
from .linking import Linking
from .login import Login
from .offline import OfflineQueue
from .policy import Backoff, Cause, Close, Retry
from .queries import Queries
from .reporter import Reporter
from .version import VersionSource
from .work import EventSink

log = logging.getLogger(__name__)

STABLE_S = 30.0
"""A login that lasts this long resets the count of failures."""

LONG_BACKOFF_STEPS = 5

_CAUSE_WORDS = {
    Cause.REPLACED: "CONFLICT",
    Cause.OUTDATED: "DEPRECATED_VERSION",
    Cause.BANNED: "TOS_BLOCK",
}


def new_credentials() -> Credentials:
    """Fresh keys for a device that is not linked yet."""
    identity = KeyPair.generate()
    return Credentials(
        noise=KeyPair.generate(),
        identity=identity,
        registration_id=int.from_bytes(os.urandom(2), "big") % 16383 + 1,
        signed_pre_key=SignedPreKey.create(identity, 1),
        adv_secret=os.urandom(32),
    )


class Runner:
    """One client's life: a loop of connections."""

    def __init__(
        self,
        database: Database,
        session_id: str,
        config: ClientConfig,
        sink: EventSink,
        versions: VersionSource,
        *,
        queries: Queries,
        dispatcher: Dispatcher,
        linking: Linking,
        login: Login,
        offline: OfflineQueue,
        background: Background,
        reporter: Reporter,
        on_state: Callable[[SessionState], None],
        on_link_down: Callable[[], None],
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._config = config
        self._sink = sink
        self._versions = versions
        self._queries = queries
        self._dispatcher = dispatcher
        self._linking = linking
        self._login = login
        self._offline = offline
        self._background = background
        self._reporter = reporter
        self._on_state = on_state
        self._on_link_down = on_link_down
        self._backoff = Backoff(config.backoff_base_s, config.backoff_cap_s)
        self._stop = asyncio.Event()
        self._link: Link | None = None
        self._credentials: Credentials | None = None
        self._logged_in = False
        self._told_lost = False
        self._told_outdated = False
        self._word = ""
        self.silent = False
        self.state = SessionState.DISCONNECTED

    # --- the loop ----------------------------------------------------------------------------

    async def run(self) -> Close:
        """Stay connected until something ends it for good, and say what did.

        Raises:
            StoreError: the stored credentials can't be read; they are left as they are.
        """
        while True:
            close = await self._connect_once()
            if self._stop.is_set() and not close.action.forget:
                return Close(Cause.STOPPED, "stopped")
            log.info("connection ended: %s", close.detail or close.cause.name)
            if close.action.retry is Retry.NEVER and not self._was_never_logged_in(close):
                await self._end(close)
                return close
            delay = await self._prepare_retry(close)
            if await self._sleep(delay):
                return Close(Cause.STOPPED, "stopped")

    def stop(self) -> None:
        """Close the connection and end the loop."""
        self._stop.set()
        self.close(Close(Cause.STOPPED, "stopped"))

    def close(self, close: Close) -> None:
        """End the present connection, if there is one, for this reason."""
        if self._link is not None:
            self._link.close(close)

    async def _sleep(self, delay_s: float) -> bool:
        """Wait; True when the client was stopped meanwhile."""
        try:
            async with asyncio.timeout(delay_s):
                await self._stop.wait()
        except TimeoutError:
            return False
        return True

    async def _connect_once(self) -> Close:
        credentials = await self._database.write(self._session_id, _load_or_create)
        self._credentials = credentials
        self._logged_in = False
        self._dispatcher.linked = credentials.state is LinkState.LINKED
        self._dispatcher.available = False
        self._reporter.own = credentials.pn.bare if credentials.pn is not None else None
        self._linking.begin(credentials)
        self.advance(Step.CONNECT)
        version = await self._versions.current()
        if self._stop.is_set():
            return Close(Cause.STOPPED, "stopped")
        connection = Connection(
            static=credentials.noise,
            payload=_payload(credentials, version, self._config),
            root_key=self._config.noise_root_key,
            routing_info=credentials.routing_info,
        )
        link = Link(
            self._config,
            connection,
            on_node=self._on_node,
            on_open=self._queries.attach,
            on_keep_alive=lambda: self._background.spawn(self._ping(), "keep-alive"),
        )
        self._link = link
        completing = asyncio.create_task(self._dispatcher.complete())
        try:
            close = await link.run()
            await self._dispatcher.drain()
        finally:
            self._link = None
            self._offline.stop()
            self._on_link_down()
            self._queries.detach("disconnected")
            await self._background.cancel()
            completing.cancel()
            await asyncio.gather(completing, return_exceptions=True)
        if not link.was_open and credentials.routing_info:
            await self._database.write(self._session_id, _forget_routing)
        if close.cause is Cause.LOST and self._linking.paired:
            # The server may close without its 515.
            return Close(Cause.RESTART, "paired")
        return close

    async def _on_node(self, link: Link, node: Node) -> None:
        self._offline.on_stanza(link, node)
        await self._dispatcher.on_node(link, node)

    async def _ping(self) -> None:
        await self._queries.run(Ping(), 20)

    # --- logging in --------------------------------------------------------------------------

    async def on_success(self, link: Link, node: Node) -> None:
        """`<success>`: the first one of a connection counts, and only for linked credentials."""
        if self._logged_in or self._credentials is None or self._credentials.pn is None:
            log.warning("ignored an unexpected <success>")
            return
        self._logged_in = True
        self._background.spawn(self._complete_login(link, parse_success(node)), "login")

    async def _complete_login(self, link: Link, success: Success) -> None:
        try:
            credentials = await self._login.complete(link, success)
        except (ConnectionClosed, QueryTimeout) as exc:
            link.close(Close(Cause.LOST, str(exc)))
            return
        except WhatsAppError as exc:
            link.close(Close(Cause.LOST, f"login: {exc}"))
            return
        if not link.is_open or credentials.pn is None:
            return
        self._told_lost = self._told_outdated = False
        is_first = credentials.login_counter == 1
        if is_first:
            self._reporter.report(Authenticated())
        self.advance(Step.LOG_IN)
        if not is_first:
            self._reporter.report(Authenticated())
        self._reporter.report(Ready(credentials.pn.bare, credentials.push_name))
        await asyncio.sleep(STABLE_S)
        self._backoff.reset()

    # --- states ------------------------------------------------------------------------------

    def advance(self, step: Step, word: str | None = None) -> None:
        """Move along the table of states; tells the state's word when it changed."""
        self.state = TRANSITIONS[self.state, step]
        new_word = word or WA_WORDS[self.state]
        if new_word != self._word:
            self._word = new_word
            self._reporter.report(StateChanged(new_word))
        self._on_state(self.state)

    def on_linking_changed(self) -> None:
        """A QR code or a pairing code is there, or is gone."""
        if self._linking.code is not None:
            self.advance(Step.SHOW_CODE)
        elif self.state is SessionState.PAIRING:
            self.advance(Step.CODE_EXPIRED)
        elif self._linking.qr is not None:
            self.advance(Step.SHOW_QR)

    # --- ends --------------------------------------------------------------------------------

    async def _prepare_retry(self, close: Close) -> float:
        """Tell what must be told and return the seconds to wait."""
        action = close.action
        if close.cause is Cause.RESTART:
            return 0
        self.advance(Step.LOSE, _CAUSE_WORDS.get(close.cause))
        if close.cause is Cause.LOGGED_OUT:
            # The server never got our signature: the link was not made.
            self._reporter.report(AuthFailure("pairing was not finished"))
            await self._database.write(
                self._session_id, lambda store: store.devices.delete_session(keep_events=True)
            )
            return self._backoff.next_delay()
        if close.cause is Cause.OUTDATED:
            return await self._outdated()
        if close.cause is Cause.BANNED:
            self._reporter.report(Disconnected("banned"))
            return min(float(close.wait_s or 0), self._config.ban_wait_cap_s)
        if close.cause is Cause.UNTRUSTED:
            log.error("the server did not prove to be WhatsApp: %s", close.detail)
        if action.retry is Retry.NOW and self._backoff.failures == 0:
            return 0
        steps = LONG_BACKOFF_STEPS if action.retry is Retry.LONG_BACKOFF else 1
        delay = self._backoff.next_delay(steps)
        limit = self._config.retries_before_lost
        if limit and self._backoff.failures >= limit:
            if not self._told_lost:
                self._told_lost = True
                self._reporter.report(Disconnected("connection_lost"))
            delay = self._backoff.longest()
        return delay

    async def _outdated(self) -> float:
        claimed = await self._versions.current()
        if await self._versions.refresh() != claimed:
            return 0
        if not self._told_outdated:
            self._told_outdated = True
            self._reporter.report(Disconnected("client_outdated"))
        return self._backoff.next_delay(LONG_BACKOFF_STEPS)

    def _was_never_logged_in(self, close: Close) -> bool:
        """A 401 at the very first login: pairing got lost half-way, and starts again."""
        credentials = self._credentials
        return (
            close.cause is Cause.LOGGED_OUT
            and close.code == 401
            and not self._logged_in
            and credentials is not None
            and credentials.state is LinkState.LINKED
            and credentials.login_counter == 0
        )

    async def _end(self, close: Close) -> None:
        """The connection is over for good: tell it, and forget what is worth nothing any more."""
        self.advance(Step.LOSE, _CAUSE_WORDS.get(close.cause))
        action = close.action
        refused = close.cause is Cause.REFUSED or (action.forget and not self._logged_in)
        if refused and not self.silent:
            self._reporter.report(AuthFailure(close.detail))
        own = self._reporter.own

        def job(store: UnitOfWork) -> list[object]:
            frames: list[object] = []
            if action.reason is not None and not self.silent:
                event = Disconnected(action.reason)
                frames = list(self._sink.record(store, event, own))
            if action.forget:
                store.devices.delete_session(keep_events=True)
            return frames

        frames = await self._database.write(self._session_id, job)
        self._sink.publish(self._session_id, frames)


def _load_or_create(store: UnitOfWork) -> Credentials:
    """The stored credentials; fresh ones only where there never were any.

    Raises:
        CorruptRecord: there are some, but they can't be read.
    """
    credentials = store.devices.get()
    if credentials is None:
        credentials = new_credentials()
        store.devices.create(credentials)
        store.signal.put_signed_pre_key(credentials.signed_pre_key)
    return credentials


def _forget_routing(store: UnitOfWork) -> None:
    credentials = store.devices.get()
    if credentials is not None:
        store.devices.save(replace(credentials, routing_info=b""))


def _payload(credentials: Credentials, version: ClientVersion, config: ClientConfig) -> bytes:
    if credentials.state is LinkState.LINKED and credentials.pn is not None:
        return login_payload(
            user=credentials.pn.user,
            device=credentials.pn.device,
            login_counter=credentials.login_counter,
            version=version,
        )
    key = credentials.signed_pre_key
    return registration_payload(
        registration_id=credentials.registration_id,
        identity_public=credentials.identity.public,
        signed_pre_key_id=key.id,
        signed_pre_key_public=key.pair.public,
        signed_pre_key_signature=key.signature,
        version=version,
        device_props=config.profile.device_props(),
    )
