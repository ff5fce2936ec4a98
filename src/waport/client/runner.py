"""Connect, log in, stay; and connect again as the table in `policy` says."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from ..connection import Connection, FrameDropped
from ..errors import CorruptRecord, StoreError, WhatsAppError
from ..model import (
    Authenticated,
    AuthFailure,
    Credentials,
    Disconnected,
    Evidence,
    LinkState,
    Ready,
    Step,
)
from ..pairing import ClientVersion
from ..stanza.login import Ping, Success, parse_success
from ..store import Database, UnitOfWork
from ..wire import Node
from .background import Background
from .clock import SYSTEM_CLOCK, Clock
from .config import ClientConfig
from .credentials import forget_routing, load_or_create
from .dispatch import Dispatcher
from .link import Link, OpenCarrier
from .linking import Linking
from .login import Login
from .offline import OfflineQueue
from .payload import client_payload
from .policy import Backoff, Cause, Close, Retry
from .queries import Queries
from .reporter import Reporter
from .states import States
from .transport import Transport
from .version import VersionSource
from .work import EventSink

log = logging.getLogger(__name__)

STABLE_S = 30.0
"""A login that lasts this long resets the count of failures."""

LONG_BACKOFF_STEPS = 5

PING_TIMEOUT_S = 20.0

LOGIN_TIMEOUT_S = 60.0
"""From the end of the handshake until a linked device is logged in. A server that answers pings and
says neither yes nor no would else be waited for without end."""

MAX_TOLD = 2000
"""Characters of the server's own words in an event."""

REPORT_DROPPED = 3
"""A frame that can't be read and comes back this often, with each connection, is reported."""

_CAUSE_WORDS = {
    Cause.REPLACED: "CONFLICT",
    Cause.OUTDATED: "DEPRECATED_VERSION",
    Cause.BANNED: "TOS_BLOCK",
}


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
        states: States,
        on_link_down: Callable[[], None],
        after_login: Callable[[], Iterable[Coroutine[Any, Any, None]]] = tuple,
        clock: Clock = SYSTEM_CLOCK,
        open_carrier: OpenCarrier = Transport.open,
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
        self._states = states
        self._on_link_down = on_link_down
        self._after_login = after_login
        self._clock = clock
        self._open_carrier = open_carrier
        self._backoff = Backoff(config.backoff_base_s, config.backoff_cap_s)
        self._stop = asyncio.Event()
        self._link: Link | None = None
        self._credentials: Credentials | None = None
        self._claimed: ClientVersion | None = None
        self._logged_in = False
        self._logged_in_at: float | None = None
        self._pong_at: float | None = None
        self._has_hurried = False
        self._dropped: Counter[tuple[str, int]] = Counter()
        self._told_lost = False
        self._told_outdated = False
        self.silent = False

    # --- the loop ----------------------------------------------------------------------------

    async def run(self) -> Close:
        """Stay connected until something ends it for good, and say what did.

        Raises:
            StoreError: the stored credentials can't be read; they are left as they are.
        """
        try:
            return await self._run()
        finally:
            self._linking.end()
            self._queries.detach("stopped", will_retry=False)
            self._states.rest()

    async def _run(self) -> Close:
        while True:
            close = await self._try_to_connect()
            if self._stop.is_set() and not close.action.forget:
                return Close(Cause.STOPPED, "stopped")
            log.info("connection ended: %s", close.detail or close.cause.name)
            if close.action.retry is Retry.NEVER and not self._was_never_logged_in(close):
                await self._end(close)
                return close
            delay = await self._prepare_retry(close)
            if await self._clock.wait(self._stop, delay):
                return Close(Cause.STOPPED, "stopped")

    async def _try_to_connect(self) -> Close:
        try:
            return await self._connect_once()
        except CorruptRecord:
            raise
        except StoreError as exc:
            return Close(Cause.LOST, f"store: {exc}")
        except Exception:  # a fault in one connection must not end the session
            log.exception("a connection failed")
            return Close(Cause.LOST, "internal error")

    def stop(self) -> None:
        """Close the connection and end the loop."""
        self._stop.set()
        self.close(Close(Cause.STOPPED, "stopped"))

    def close(self, close: Close) -> None:
        """End the present connection, if there is one, for this reason."""
        if self._link is not None:
            self._link.close(close)

    async def _connect_once(self) -> Close:
        credentials = await self._database.write(self._session_id, load_or_create)
        self._credentials = credentials
        self._logged_in = False
        self._logged_in_at = self._pong_at = None
        self._dispatcher.linked = credentials.state is LinkState.LINKED
        self._dispatcher.available = False
        self._reporter.own = credentials.pn.bare if credentials.pn is not None else None
        self._linking.begin(credentials)
        self._states.advance(Step.CONNECT)
        version = self._claimed = await self._versions.current()
        if self._stop.is_set():
            return Close(Cause.STOPPED, "stopped")
        link = self._new_link(credentials, version)
        self._link = link
        completing = asyncio.create_task(self._dispatcher.complete())
        will_retry = True
        try:
            close = await link.run()
            will_retry = close.action.retry is not Retry.NEVER
            await self._dispatcher.drain()
        finally:
            self._link = None
            self._offline.stop()
            self._linking.pause()
            self._on_link_down()
            self._queries.detach("disconnected", will_retry=will_retry)
            await self._background.cancel()
            completing.cancel()
            await asyncio.gather(completing, return_exceptions=True)
        if not link.was_open and credentials.routing_info and close.cause is not Cause.STOPPED:
            await self._database.write(self._session_id, forget_routing)
        if close.cause is Cause.LOST and self._linking.paired:
            # The server may close without its 515.
            return Close(Cause.RESTART, "paired")
        return close

    def _new_link(self, credentials: Credentials, version: ClientVersion) -> Link:
        connection = Connection(
            static=credentials.noise,
            payload=client_payload(credentials, version, self._config.profile),
            root_key=self._config.noise_root_key,
            routing_info=credentials.routing_info,
        )
        return Link(
            self._config,
            connection,
            on_node=self._on_node,
            on_open=self._on_open,
            on_keep_alive=self._keep_alive,
            on_dropped=self._on_dropped,
            open_carrier=self._open_carrier,
        )

    @property
    def evidence(self) -> Evidence | None:
        """What shows that the present connection lives; None when there is none."""
        if self._link is None or not self._link.is_open:
            return None
        return Evidence(self._link.received_at, self._logged_in_at, self._pong_at)

    def _on_open(self, link: Link) -> None:
        self._queries.attach(link)
        if self._credentials is not None and self._credentials.state is LinkState.LINKED:
            self._background.spawn(self._expect_login(link), "login watch", essential=True)

    async def _expect_login(self, link: Link) -> None:
        await self._clock.sleep(LOGIN_TIMEOUT_S)
        if not self._logged_in:
            link.close(Close(Cause.LOST, "the login was not answered"))

    async def _on_node(self, link: Link, node: Node) -> None:
        self._offline.on_stanza(link, node)
        await self._dispatcher.on_node(link, node)

    def _on_dropped(self, frame: FrameDropped) -> None:
        name = (frame.prefix, frame.size)
        if len(self._dropped) >= 1000:
            self._dropped.clear()
        self._dropped[name] += 1
        if self._dropped[name] == REPORT_DROPPED:
            log.error("the server keeps sending a frame of %d bytes that can't be read", frame.size)

    def _keep_alive(self) -> None:
        self._background.spawn(self._ping(), "keep-alive", essential=True)

    async def _ping(self) -> None:
        await self._queries.run(Ping(), PING_TIMEOUT_S)
        self._pong_at = self._clock.unix()

    # --- logging in --------------------------------------------------------------------------

    async def on_success(self, link: Link, node: Node) -> None:
        """`<success>`: the first one of a connection counts, and only for linked credentials."""
        if self._logged_in or self._credentials is None or self._credentials.pn is None:
            log.warning("ignored an unexpected <success>")
            return
        self._logged_in = True
        login = self._complete_login(link, parse_success(node))
        self._background.spawn(login, "login", essential=True)

    async def _complete_login(self, link: Link, success: Success) -> None:
        failure = "login failed"
        credentials = None
        try:
            credentials = await self._login.complete(link, success)
        except WhatsAppError as exc:
            failure = f"login: {exc}"
        finally:
            if credentials is None:
                # Half logged in, a connection is of no use, whatever went wrong.
                link.close(Close(Cause.LOST, failure))
        if credentials is None or credentials.pn is None or not link.is_open:
            return
        self._told_lost = self._told_outdated = False
        is_first = credentials.login_counter == 1
        if is_first:
            self._reporter.report(Authenticated())
        self._logged_in_at = self._clock.unix()
        self._states.advance(Step.LOG_IN)
        if not is_first:
            self._reporter.report(Authenticated())
        self._reporter.report(Ready(credentials.pn.bare, credentials.push_name))
        for work in self._after_login():
            self._background.spawn(work, "after the login", essential=True)
        await self._clock.sleep(STABLE_S)
        self._backoff.reset()
        self._has_hurried = False

    # --- ends --------------------------------------------------------------------------------

    async def _prepare_retry(self, close: Close) -> float:
        """Tell what must be told and return the seconds to wait."""
        at_once = self._may_hurry(close)
        if close.cause is Cause.RESTART and at_once:
            return 0
        self._states.advance(Step.LOSE, _CAUSE_WORDS.get(close.cause))
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
        return 0 if at_once else self._delay(close)

    def _may_hurry(self, close: Close) -> bool:
        """Whether to connect at once; only once in a row, so that nothing can spin.

        A round of QR codes lasts minutes, and an account is linked once: these do not count.

        Source: docs/protocol/transport.md, "Reconnect policy".
        """
        if close.cause is Cause.QR_EXPIRED or self._linking.paired:
            return True
        if close.action.retry is not Retry.NOW or self._has_hurried:
            return False
        self._has_hurried = True
        return True

    def _delay(self, close: Close) -> float:
        steps = LONG_BACKOFF_STEPS if close.action.retry is Retry.LONG_BACKOFF else 1
        delay = self._backoff.next_delay(steps)
        limit = self._config.retries_before_lost
        if limit and self._backoff.failures >= limit:
            if not self._told_lost:
                self._told_lost = True
                self._reporter.report(Disconnected("connection_lost"))
            delay = self._backoff.longest()
        return delay

    async def _outdated(self) -> float:
        """Read anew which version is wanted; at once with another one, but only once in a row."""
        is_new = await self._versions.refresh() != self._claimed
        if is_new and not self._has_hurried:
            self._has_hurried = True
            return 0
        if not is_new and not self._told_outdated:
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
        self._states.advance(Step.LOSE, _CAUSE_WORDS.get(close.cause))
        action = close.action
        refused = close.cause is Cause.REFUSED or (action.forget and not self._logged_in)
        if refused and not self.silent:
            self._reporter.report(AuthFailure(f"{close.detail} {close.raw[:MAX_TOLD]}".strip()))
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
