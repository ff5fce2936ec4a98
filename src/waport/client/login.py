"""From `<success>` to a usable account."""

from __future__ import annotations

import logging
from dataclasses import replace

from ..errors import QueryError, StanzaError, StoreError
from ..model import Credentials
from ..stanza.ids import unified_session_id
from ..stanza.login import SetActive, Success, unified_session
from ..store import Database, UnitOfWork
from .clock import SYSTEM_CLOCK, Clock
from .encryption import learn_mapping
from .features.presence import Presence
from .link import Link
from .prekeys import PreKeys
from .queries import Queries
from .sending import Sender

log = logging.getLogger(__name__)


class Login:
    """The steps of one login; the runner makes one for each client."""

    def __init__(
        self,
        database: Database,
        session_id: str,
        queries: Queries,
        presence: Presence,
        pre_keys: PreKeys,
        sender: Sender,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._presence = presence
        self._pre_keys = pre_keys
        self._sender = sender
        self._clock = clock
        self._offset_ms = 0

    async def complete(self, link: Link, success: Success) -> Credentials:
        """Store what the login told, supply keys, ask for the backlog, resume sending.

        Keys and own LID must be in place before the server is told that we are active, since the
        backlog follows at once (docs/protocol/transport.md, "Connect sequence").

        Raises:
            ConnectionClosed, QueryTimeout: the connection is of no use any more.
            StoreError: what the login told could not be kept.
        """
        if success.server_time is not None:
            self._offset_ms = int((success.server_time - self._clock.unix()) * 1000)
        credentials = await self._database.write(
            self._session_id, lambda store: _logged_in(store, success)
        )
        try:
            await self._pre_keys.ensure()
        except (QueryError, StanzaError) as exc:
            log.warning("pre-keys not checked: %s", exc)
        try:
            await self._queries.run(SetActive())
        except (QueryError, StanzaError) as exc:
            log.warning("the server did not make us active: %s", exc)
        self._send_session_id(link)
        self._queries.log_in()
        await self._presence.resume()
        await self._sender.resume(link)
        return credentials

    def _send_session_id(self, link: Link) -> None:
        now_ms = int(self._clock.unix() * 1000)
        link.send(unified_session(unified_session_id(now_ms, self._offset_ms)))


def _logged_in(store: UnitOfWork, success: Success) -> Credentials:
    credentials = store.devices.get()
    if credentials is None or credentials.pn is None:
        raise StoreError("the credentials are gone")
    changed = replace(credentials, login_counter=credentials.login_counter + 1)
    if success.lid is not None:
        if credentials.lid is not None and credentials.lid != success.lid:
            log.warning("the server told another LID for this account; taking it over")
        changed = replace(changed, lid=success.lid)
        learn_mapping(store, credentials.pn.bare, success.lid.bare)
    store.devices.save(changed)
    return changed
